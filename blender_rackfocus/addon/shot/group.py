# SPDX-License-Identifier: GPL-3.0-or-later
"""The modifier's node group: the strip's own picture, and over it our pixels wherever they change something.

One image carries both our picture and where it counts. A pixel of ours has its alpha raised by TOUCHED; an image
that was never filled (a file opened without the extension, a frame that could not be made) is transparent black, and
there the strip's own picture comes through bit for bit. When Blender works on a proxy the image is brought to the
proxy's size by nearest pixels, because a mean of touched and untouched alphas would mean nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import bpy

from ...frame.coding import TOUCHED, TOUCHED_ABOVE
from ...frame.inputs import INPUTS, Input
from ...media.baked import Code
from ..blender import idnames

GROUP_NAME = "Rack Focus"
IMAGE_NAME = "Rack Focus"
IMAGE_NODE = "Rack Focus Picture"
BAKED_NODE = "Rack Focus Baked"
LIVE_HAS_NO_SAY = 0.5
"""Between the absolute alpha of a live pixel without a say (0) and that of one with (1 or more)."""
GROUP_MARK = "rackfocus_group"
"""Custom property of our node groups: the version of their layout."""
IMAGE_MARK = "rackfocus_image"
"""Custom property of our images."""
BAKED_MARK = "rackfocus_baked"
"""Custom property of image sequences that were baked."""
LAYOUT_VERSION = 1
_PANEL = "Lens Character"


def is_ours(group: bpy.types.NodeTree | None) -> bool:
    """Whether a node group was made by `new_group` (or copied, appended or linked from one)."""
    return group is not None and GROUP_MARK in group


def new_group() -> bpy.types.NodeTree:
    """A complete node group with its own empty image."""
    group = bpy.data.node_groups.new(GROUP_NAME, idnames.TREE)
    group[GROUP_MARK] = LAYOUT_VERSION
    _add_interface(group)
    _add_nodes(group)
    _use_inputs(group)
    return group


def image_of(group: bpy.types.NodeTree) -> bpy.types.Image | None:
    """The image our pixels go into, or None if the user took it out."""
    node = group.nodes.get(IMAGE_NODE)
    return node.image if node is not None else None


def own(tree: bpy.types.NodeTree, taken: set[bpy.types.ID]) -> bpy.types.NodeTree:
    """The node group, and in it an image, for one owner alone: a copy where another has it, or another file. taken:
    what others have; both join it."""
    if tree in taken or tree.library is not None:
        tree = tree.copy()
        if tree.library is not None:
            tree.make_local()
        tree.asset_clear()
        upgrade(tree)
    taken.add(tree)
    node = tree.nodes.get(IMAGE_NODE)
    if node is not None:
        if node.image is None or node.image in taken or node.image.library is not None:
            node.image = new_image()
        taken.add(node.image)
    return tree


def baked_node(group: bpy.types.NodeTree) -> bpy.types.Node | None:
    """The node that reads the baked frames; None where there are none."""
    node = group.nodes.get(BAKED_NODE)
    return node if node is not None and node.image is not None else None


def add_baked(group: bpy.types.NodeTree, image: bpy.types.Image, code: Code) -> bpy.types.Node:
    """Make a group read baked frames wherever its live image has no say. Returns the node that reads them."""
    remove_baked(group)
    node, link = _builders(group, baked=True)
    reader = node(idnames.IMAGE, -1300, -700, BAKED_NODE)
    reader.name, reader.image = BAKED_NODE, image
    picture = next(inner for inner in group.nodes if inner.type == "GROUP_INPUT").outputs["Image"]
    baked = _fit(node, link, picture, reader.outputs["Image"], -700)
    fitted = group.nodes[_FIT_LIVE].outputs[0]
    readers = [(out.to_socket, out.to_node) for out in group.links if out.from_socket == fitted]

    def alpha_of(source: bpy.types.NodeSocket, y: float) -> bpy.types.NodeSocket:
        parts = node(idnames.SEPARATE_COLOUR, -300, y)
        link(source, parts.inputs[0])
        return parts.outputs["Alpha"]

    def maths(operation: str, source: bpy.types.NodeSocket, *numbers: float) -> bpy.types.NodeSocket:
        added = node(idnames.MATHS, -200, -500)
        added.operation = operation
        link(source, added.inputs[0])
        for place, number in enumerate(numbers, 1):
            added.inputs[place].default_value = number
        return added.outputs[0]

    live_alpha = alpha_of(fitted, -400)
    says = maths("GREATER_THAN", maths("ABSOLUTE", live_alpha), LIVE_HAS_NO_SAY)
    # offset + scale * alpha in the file; TOUCHED + alpha here
    baked_alpha = alpha_of(baked, -600)
    if (code.offset, code.scale) != (TOUCHED, 1.0):
        baked_alpha = maths("MULTIPLY_ADD", baked_alpha, 1 / code.scale, TOUCHED - code.offset / code.scale)
    colour = node(idnames.MIX, 0, -400, "Live or baked")
    colour.data_type, colour.clamp_factor, colour.clamp_result = "RGBA", True, False
    for source, place in ((says, 0), (baked, 6), (fitted, 7)):
        link(source, colour.inputs[place])
    alpha = node(idnames.MIX, 0, -600, "Live or baked alpha")
    alpha.data_type = "FLOAT"
    for source, place in ((says, 0), (baked_alpha, 2), (live_alpha, 3)):
        link(source, alpha.inputs[place])
    both = node(idnames.SET_ALPHA, 200, -500, "Live or baked")
    both.inputs["Type"].default_value = "Replace Alpha"
    link(colour.outputs[2], both.inputs["Image"])
    link(alpha.outputs[0], both.inputs["Alpha"])
    for socket, _node in readers:
        link(both.outputs[0], socket)
    return reader


def remove_baked(group: bpy.types.NodeTree) -> None:
    """Take out what `add_baked` put in; the live image decides again."""
    added = [inner for inner in group.nodes if inner.get(BAKED_MARK)]
    if not added:
        return
    last = next(inner for inner in added if inner.type == "SETALPHA")
    for target in [out.to_socket for out in group.links if out.from_node == last]:
        group.links.new(group.nodes[_FIT_LIVE].outputs[0], target)
    for inner in added:
        group.nodes.remove(inner)


def new_image() -> bpy.types.Image:
    """An empty float image. Data, whatever the configuration calls that, because the numbers in it are the
    compositor's own and its alpha is no alpha."""
    image = bpy.data.images.new(IMAGE_NAME, 8, 8, alpha=True, float_buffer=True)
    image.colorspace_settings.is_data = True
    image.generated_color = (0.0, 0.0, 0.0, 0.0)
    image[IMAGE_MARK] = True
    return image


def socket_ids(group: bpy.types.NodeTree) -> dict[str, str]:
    """Interface identifiers ("Socket_3") of the group's inputs, by name."""
    items = group.interface.items_tree
    return {i.name: i.identifier for i in items if i.item_type == "SOCKET" and i.in_out == "INPUT"}


def _add_interface(group: bpy.types.NodeTree) -> None:
    interface = group.interface
    interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    interface.new_socket("Image", in_out="INPUT", socket_type="NodeSocketColor")
    for entry in INPUTS:
        add_input(group, entry)


def add_input(group: bpy.types.NodeTree, entry: Input) -> None:
    """Give a tree's interface one of our inputs, with its limits and its default."""
    interface, panel = group.interface, None
    panels = [item for item in interface.items_tree if item.item_type == "PANEL"]
    if entry.advanced:
        panel = next((item for item in panels if item.name == _PANEL), None)
        panel = panel or interface.new_panel(_PANEL, default_closed=True)
    kind = "NodeSocketInt" if entry.integer else "NodeSocketFloat"
    socket = interface.new_socket(entry.name, in_out="INPUT", socket_type=kind, parent=panel)
    if panel is None and panels:
        interface.move(socket, panels[0].position)  # Blender wants sockets before panels
    if entry.subtype != "NONE":
        socket.subtype = entry.subtype
    number = int if entry.integer else float
    socket.min_value, socket.max_value = number(entry.minimum), number(entry.maximum)
    socket.default_value = number(entry.default)
    socket.description = entry.description


def upgrade(group: bpy.types.NodeTree) -> bool:
    """Give a group of another version the inputs that it lacks, at their defaults. Returns whether it lacked any, or
    their being in use."""
    there = socket_ids(group)
    missing = [entry for entry in INPUTS if entry.name not in there]
    for entry in missing:
        add_input(group, entry)
    lacking = bool(missing) or not any(inner.label == IN_USE for inner in group.nodes)
    if lacking:
        _use_inputs(group)
    return lacking


IN_USE = "Inputs in use"


def _use_inputs(group: bpy.types.NodeTree) -> None:
    """Blender draws greyed out what no node inside reads, and ours are read from outside. So they choose between the
    result and the same result."""
    output = next(inner for inner in group.nodes if inner.bl_idname == idnames.GROUP_OUTPUT)
    if not output.inputs[0].is_linked:
        return
    node, link = _builders(group)
    result = output.inputs[0].links[0].from_socket
    if result.node.label == IN_USE:
        result = result.node.inputs["False"].links[0].from_socket
    for inner in [inner for inner in group.nodes if inner.label == IN_USE]:
        group.nodes.remove(inner)
    given = node(idnames.GROUP_INPUT, -300, 600, IN_USE)
    either = node(idnames.SWITCH, 420, 150, IN_USE)
    either.input_type = "RGBA"
    read = either.inputs["Switch"]
    for number, pair in enumerate(itertools.batched(INPUTS, 2, strict=False)):
        both = node(idnames.MATHS, 200 - 40 * number, 600, IN_USE)
        both.operation = "MULTIPLY_ADD"
        link(both.outputs[0], read)
        for entry, socket in zip(pair, both.inputs, strict=False):
            link(given.outputs[entry.name], socket)
        read = both.inputs[2]
    for side in ("False", "True"):
        link(result, either.inputs[side])
    link(either.outputs[0], output.inputs[0])


def _builders(group: bpy.types.NodeTree, *, baked: bool = False) -> tuple[Callable, Callable]:
    """Functions that add a node (kind, x, y, label) and a link (from, to). baked: nodes that `remove_baked` takes
    out."""

    def node(kind: str, x: float, y: float, label: str = "") -> bpy.types.Node:
        added = group.nodes.new(kind)
        added.location, added.label = (x, y), label
        if baked:
            added[BAKED_MARK] = True
        return added

    def link(source: bpy.types.NodeSocket, target: bpy.types.NodeSocket) -> None:
        group.links.new(source, target)

    return node, link


def _add_nodes(group: bpy.types.NodeTree) -> None:
    node, link = _builders(group)

    def separate(source: bpy.types.NodeSocket, x: float, y: float) -> bpy.types.Node:
        made = node(idnames.SEPARATE_COLOUR, x, y)
        link(source, made.inputs[0])
        return made

    own = node(idnames.GROUP_INPUT, -900, 200).outputs["Image"]
    picture = node(idnames.IMAGE, -1300, -100, IMAGE_NODE)
    picture.name = IMAGE_NODE
    picture.image = new_image()
    fitted = _fit(node, link, own, picture.outputs["Image"])

    ours = separate(fitted, -300, -100)
    touched = node(idnames.MATHS, -100, 100, "Ours where touched")
    touched.operation = "GREATER_THAN"
    link(ours.outputs["Alpha"], touched.inputs[0])
    touched.inputs[1].default_value = TOUCHED_ABOVE

    alpha = node(idnames.MATHS, -100, -100, "Our alpha")
    alpha.operation = "SUBTRACT"
    link(ours.outputs["Alpha"], alpha.inputs[0])
    alpha.inputs[1].default_value = TOUCHED

    colour = node(idnames.MIX, 100, 200, "Colour")
    colour.data_type = "RGBA"
    colour.clamp_factor, colour.clamp_result = True, False
    link(touched.outputs[0], colour.inputs[0])
    link(own, colour.inputs[6])
    link(fitted, colour.inputs[7])

    mixed_alpha = node(idnames.MIX, 100, -50, "Alpha")
    mixed_alpha.data_type = "FLOAT"
    link(touched.outputs[0], mixed_alpha.inputs[0])
    link(separate(own, -300, 300).outputs["Alpha"], mixed_alpha.inputs[2])
    link(alpha.outputs[0], mixed_alpha.inputs[3])

    result = node(idnames.SET_ALPHA, 320, 150)
    result.inputs["Type"].default_value = "Replace Alpha"
    link(colour.outputs[2], result.inputs["Image"])
    link(mixed_alpha.outputs[0], result.inputs["Alpha"])
    link(result.outputs[0], node(idnames.GROUP_OUTPUT, 520, 150).inputs["Image"])


_FIT_LIVE = "Fit to proxy"


def _fit(node, link, own, ours, below=0):
    """Scale our picture to the size of the strip's own (a proxy is smaller); a scale of 1 costs nothing."""

    def size(source: bpy.types.NodeSocket, y: float) -> bpy.types.Node:
        info = node(idnames.IMAGE_INFO, -1100, y)
        link(source, info.inputs[0])
        parts = node(idnames.SEPARATE_XYZ, -900, y)
        link(info.outputs["Dimensions"], parts.inputs[0])
        return parts

    wanted, given = size(own, 400 + below), size(ours, -300 + below)
    scale = node(idnames.SCALE, -500, -100 + below, _FIT_LIVE)
    if not below:
        scale.name = _FIT_LIVE
    link(ours, scale.inputs["Image"])
    scale.inputs["Interpolation"].default_value = "Nearest"
    for axis in ("X", "Y"):
        ratio = node(idnames.MATHS, -700, -200 if axis == "X" else -380)
        ratio.operation = "DIVIDE"
        link(wanted.outputs[axis], ratio.inputs[0])
        link(given.outputs[axis], ratio.inputs[1])
        link(ratio.outputs[0], scale.inputs[axis])
    return scale.outputs[0]
