# SPDX-License-Identifier: GPL-3.0-or-later
"""What reaches a node's input in a compositing tree: Blender's own compositor is asked.

A copy of the tree, in a copy of the scene that renders no 3D, gets its output linked to the socket, and is rendered to
a file. So every kind of source (stills, sequences, layers of files, clips) and every node in between counts as it does
in Blender.

Also its rounding: Blender makes light of whole-number files (PNG, movies) with an approximate power that is up to
2.5e-4 off (white becomes 1.000024), our own reader, which strips use, with the exact one. After both are written as
eight bits again that is 0.003 of a step, so about one pixel in a thousand comes out one step apart. Floating-point
files are the same bit for bit.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import bpy
import numpy as np

from ..blender import idnames, versions
from ..blender.errors import FrameError
from ..blender.runtime import runtime
from ..blender.written import write_as
from ..shot import node
from . import pass_files, passes

NAME = "Rack Focus Upstream"
_EPSILON = 1e-4


@dataclass
class Upstream:
    """The scene and tree copies of `prepare`, and the file they are rendered to. result: the node and the number of
    its output that the tree shows."""

    scene: bpy.types.Scene
    tree: bpy.types.NodeTree
    target: bpy.types.Scene
    path: str
    result: tuple[str, int] | None = None


def working_copy(
    tree: bpy.types.NodeTree, replace: Callable[[bpy.types.NodeTree, bpy.types.Node], bool], done: dict | None = None
) -> bpy.types.NodeTree:
    """A copy of a tree, never written to a file, with nodes replaced or removed by `replace(copy, node)`, which says
    whether it did. Node groups in it are copied too where something in them was."""
    done = {} if done is None else done
    copied = tree.copy()
    runtime(copied)
    for tree_node in list(copied.nodes):
        inner = getattr(tree_node, "node_tree", None)
        if inner is None:
            replace(copied, tree_node)
        elif not node.is_ours(inner):
            if inner.session_uid not in done:
                done[inner.session_uid] = working_copy(inner, replace, done)
            tree_node.node_tree = done[inner.session_uid]
    return copied


def rendered_scenes(tree: bpy.types.NodeTree) -> set[bpy.types.Scene]:
    """The scenes that Blender renders for the Render Layers nodes of a tree."""
    scenes = {layer_node.scene for layer_node in _render_layers(tree, versions.RENDERS_FOR_GROUPS)} - {None}
    return {scene for scene in scenes if any(layer.use for layer in scene.view_layers)}


def render_layers(tree: bpy.types.NodeTree) -> list[bpy.types.Node]:
    """Every Render Layers node at work in a tree and its groups that has something to show."""
    scenes = rendered_scenes(tree)
    return [layer_node for layer_node in _render_layers(tree) if is_rendered(layer_node, scenes)]


def _render_layers(
    tree: bpy.types.NodeTree, in_groups: bool = True, seen: frozenset[int] = frozenset()
) -> list[bpy.types.Node]:
    layer_nodes = []
    for tree_node in tree.nodes:
        inner = getattr(tree_node, "node_tree", None)
        if tree_node.mute:
            continue
        if tree_node.bl_idname == idnames.RENDER_LAYERS:
            layer_nodes.append(tree_node)
        elif inner is not None and in_groups and inner.session_uid not in seen:
            layer_nodes += _render_layers(inner, True, seen | {inner.session_uid})
    return layer_nodes


def bound_to_frame(tree: bpy.types.NodeTree, seen: frozenset[int] = frozenset()) -> str:
    """The name of a node that does more than change each pixel of a render by itself (or together with pixels close to
    it), so that a wider picture would come out otherwise within the frame; empty where there is none."""
    for tree_node in tree.nodes:
        inner = getattr(tree_node, "node_tree", None)
        if tree_node.mute or tree_node.bl_idname in _OF_THE_TREE:
            continue
        if inner is not None and inner.session_uid not in seen:
            bound = bound_to_frame(inner, seen | {inner.session_uid})
            if bound:
                return bound
        elif inner is None and tree_node.bl_idname not in idnames.PIXEL_BY_PIXEL:
            return tree_node.name
    return ""


_OF_THE_TREE = {idnames.RENDER_LAYERS, idnames.GROUP_INPUT, idnames.GROUP_OUTPUT, idnames.REROUTE, idnames.VIEWER}


def is_rendered(tree_node: bpy.types.Node, scenes: set[bpy.types.Scene]) -> bool:
    """Whether a Render Layers node has anything to show: one of the rendered scenes, and in it a view layer that is
    switched on."""
    layer = tree_node.scene.view_layers.get(tree_node.layer) if tree_node.scene in scenes else None
    return layer is not None and layer.use


def holds_render(tree_node: bpy.types.Node) -> bool:
    """Whether a node stands in for Render Layers, or is a group with such a node in it."""
    if STAND_IN_SCENE in tree_node:
        return True
    inner = getattr(tree_node, "node_tree", None)
    return inner is not None and not tree_node.mute and any(holds_render(inner_node) for inner_node in inner.nodes)


def passes_of(tree_node: bpy.types.Node) -> dict[str, str]:
    """Passes by name, with their socket types, that a Render Layers node offers."""
    passes_ = {socket.name: socket.type for socket in tree_node.outputs if socket.enabled and socket.name != "Alpha"}
    passes_.pop(node.IMAGE, None)
    return {passes.COMBINED: "RGBA", **passes_}


STAND_IN_SCENE, STAND_IN_LAYER = "rackfocus_scene", "rackfocus_layer"
"""Custom properties of the Image node that stands in for a Render Layers node: its scene's `session_uid`, its layer."""
NOT_RENDERED = "rackfocus_not_rendered"
"""Custom property of what stands in for a Render Layers node that shows nothing: why."""


def _replace(tree: bpy.types.NodeTree, tree_node: bpy.types.Node, image: bpy.types.Image) -> None:
    new_node = tree.nodes.new(idnames.IMAGE)
    new_node.image = image
    new_node.layer = tree_node.layer
    new_node[STAND_IN_SCENE], new_node[STAND_IN_LAYER] = tree_node.scene.session_uid, tree_node.layer
    new_node.location = tree_node.location
    for socket in tree_node.outputs:
        twin = new_node.outputs.get(passes.COMBINED if socket.name == node.IMAGE else socket.name)
        for link in list(socket.links):
            if twin is None:
                raise FrameError(f'the pass "{socket.name}" of the node "{tree_node.name}" is not rendered')
            tree.links.new(twin, link.to_socket)
    name = tree_node.name
    tree.nodes.remove(tree_node)
    new_node.name = name


_NOTHING = {"RGBA": idnames.COLOUR, "VALUE": idnames.VALUE, "VECTOR": idnames.COMBINE_XYZ}


def _replace_by_nothing(tree: bpy.types.NodeTree, tree_node: bpy.types.Node) -> None:
    """The zeros that Blender shows for what is not rendered. They have no size, as with Blender."""
    why = "a Render Layers node has no scene"
    if tree_node.scene is not None:
        layer = tree_node.scene.view_layers.get(tree_node.layer)
        off = layer is None or not layer.use
        why = (
            f'view layer "{tree_node.layer}" of scene "{tree_node.scene.name}" is switched off for rendering'
            if off
            else f'Blender does not render scene "{tree_node.scene.name}" for a Render Layers node inside a node '
            "group: give the scene one on the tree's top level too"
        )
    for socket in tree_node.outputs:
        if not socket.is_linked:
            continue
        is_vector = socket.type == "VECTOR" and not versions.MISSING_VECTOR_IS_COLOUR
        kind = socket.type if is_vector or socket.name == "Alpha" else "RGBA"
        new_node = tree.nodes.new(_NOTHING.get(kind, _NOTHING["VALUE"]))
        new_node[NOT_RENDERED] = why
        if kind == "RGBA":
            new_node.outputs[0].default_value = (0.0, 0.0, 0.0, 0.0)
        for link in list(socket.links):
            tree.links.new(new_node.outputs[0], link.to_socket)
    tree.nodes.remove(tree_node)


def with_stand_ins(tree: bpy.types.NodeTree, images: dict[int, bpy.types.Image]) -> bpy.types.NodeTree:
    """A working copy of a tree in which Image nodes show what its Render Layers nodes would. images: the multilayer
    image of each scene, by its `session_uid`. Raises FrameError."""
    scenes = rendered_scenes(tree)

    def replace(copied: bpy.types.NodeTree, tree_node: bpy.types.Node) -> bool:
        if tree_node.mute:
            return False
        if tree_node.bl_idname == idnames.CRYPTOMATTE and tree_node.source == "RENDER":
            raise FrameError(f'the node "{tree_node.name}" reads the render itself, which Rack Focus replaces')
        if tree_node.bl_idname != idnames.RENDER_LAYERS:
            return False
        if is_rendered(tree_node, scenes):
            _replace(copied, tree_node, images[tree_node.scene.session_uid])
        else:
            _replace_by_nothing(copied, tree_node)
        return True

    return working_copy(tree, replace)


def prepare(target: bpy.types.Scene, trees: dict[str, bpy.types.NodeTree], folder: str) -> Upstream:
    """Copies of a scene and of the trees it is composited with, by their effects; the last one can be asked.

    trees: their Render Layers are already replaced.
    """
    scene = target.copy()
    scene.name = NAME
    runtime(scene)
    versions.show_only(scene, trees)
    slots = versions.slots(scene)
    for slot in slots:
        slot.put(working_copy(slot.tree, _without_side_effects))
    copied = slots[-1].tree
    render = scene.render
    render.use_compositing, render.use_sequencer, render.use_border = True, False, False
    path = os.path.join(folder, f"upstream_{scene.session_uid}.exr")
    render.filepath = path
    write_as(render, "OPEN_EXR")
    if not any(item.item_type == "SOCKET" and item.in_out == "OUTPUT" for item in copied.interface.items_tree):
        copied.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    _add_taps(copied)
    return Upstream(scene, copied, target, path, _shown_by(copied))


def _shown_by(tree: bpy.types.NodeTree) -> tuple[str, int] | None:
    for tree_node in tree.nodes:
        if tree_node.bl_idname == idnames.GROUP_OUTPUT and tree_node.is_active_output and tree_node.inputs[0].is_linked:
            source = tree_node.inputs[0].links[0].from_socket
            return source.node.name, list(source.node.outputs).index(source)
    return None


def result(up: Upstream, frame: int, subframe: float, shape: tuple[int, int] | None = None) -> np.ndarray:
    """What the tree itself shows: (H, W, 4) float32, top row first. shape: height and width of the canvas, where it is
    not the render's. Raises FrameError."""
    if up.result is None:
        raise FrameError("its compositor shows nothing")
    canvas = (shape[1], shape[0]) if shape is not None else _render_size(up.target)
    return _run(up, up.tree.nodes[up.result[0]].outputs[up.result[1]], canvas, frame, subframe)


def picture(up: Upstream, name: str, socket: str, frame: int, subframe: float) -> np.ndarray:
    """The picture at an input of a node: (H, W, 4) float32, top row first, at its own size. Raises FrameError."""
    source = _source(up, name, socket)
    size = _size(up, source, socket, frame, subframe)
    return _run(up, source, size, frame, subframe)


def plane(up: Upstream, name: str, socket: str, frame: int, subframe: float) -> np.ndarray:
    """The numbers at a float input of a node: (H, W) float32, top row first. Raises FrameError."""
    source = _source(up, name, socket)
    size = _size(up, source, socket, frame, subframe)
    up.tree.links.new(source, up.tree.nodes[_NUMBER].inputs[0])
    return np.ascontiguousarray(_run(up, up.tree.nodes[_NUMBER].outputs[0], size, frame, subframe)[..., 0])


def value(up: Upstream, name: str, socket: str, frame: int, subframe: float) -> float:
    """The one number at a linked input of a node. Raises FrameError where it is a picture."""
    source = _source(up, name, socket)
    up.tree.links.new(source, up.tree.nodes[_NUMBER].inputs[0])
    numbers = _run(up, up.tree.nodes[_NUMBER].outputs[0], _render_size(up.target), frame, subframe)[..., 0]
    if np.ptp(numbers) > _EPSILON * max(1.0, float(np.abs(numbers).max())):
        raise FrameError(f'"{socket}" must be one number; what is linked to it varies over the picture')
    return float(numbers[0, 0])


_INFO, _NUMBER = "Rack Focus Info", "Rack Focus Number"


def _add_taps(tree: bpy.types.NodeTree) -> None:
    """Nodes that measure whatever is linked to them: size (red, green) and misplacement (blue); and its number."""
    number = tree.nodes.new(idnames.MATHS)
    number.name, number.operation = _NUMBER, "ADD"
    number.inputs[1].default_value = 0.0
    info = tree.nodes.new(idnames.IMAGE_INFO)
    info.name = _INFO
    parts = tree.nodes.new(idnames.SEPARATE_XYZ)
    tree.links.new(info.outputs["Dimensions"], parts.inputs[0])
    moved = tree.nodes.new(idnames.VECTOR_MATHS)
    moved.operation = "LENGTH"
    tree.links.new(info.outputs["Location"], moved.inputs[0])
    scaled = tree.nodes.new(idnames.VECTOR_MATHS)
    scaled.operation = "DISTANCE"
    flat = tree.nodes.new(idnames.VECTOR_MATHS)
    flat.operation = "MULTIPLY"
    tree.links.new(info.outputs["Scale"], flat.inputs[0])
    flat.inputs[1].default_value = scaled.inputs[1].default_value = (1.0, 1.0, 0.0)
    tree.links.new(flat.outputs[0], scaled.inputs[0])
    turned = tree.nodes.new(idnames.MATHS)
    turned.operation = "ABSOLUTE"
    tree.links.new(info.outputs["Rotation"], turned.inputs[0])
    total = turned.outputs[0]
    for measure in (moved, scaled):
        adding = tree.nodes.new(idnames.MATHS)
        adding.operation = "ADD"
        tree.links.new(total, adding.inputs[0])
        tree.links.new(measure.outputs["Value"], adding.inputs[1])
        total = adding.outputs[0]
    colour = tree.nodes.new(idnames.COMBINE_COLOUR)
    colour.name = _INFO + " Colour"
    tree.links.new(parts.outputs["X"], colour.inputs["Red"])
    tree.links.new(parts.outputs["Y"], colour.inputs["Green"])
    tree.links.new(total, colour.inputs["Blue"])


def _source(up: Upstream, name: str, socket: str) -> bpy.types.NodeSocket:
    links = [link for link in up.tree.nodes[name].inputs[socket].links if not link.is_muted]
    if not links:
        raise FrameError(f'nothing is linked to "{socket}"')
    return links[0].from_socket


def _size(up: Upstream, source: bpy.types.NodeSocket, socket: str, frame: int, subframe: float) -> tuple[int, int]:
    tree, size = up.tree, _render_size(up.target)
    tree.links.new(source, tree.nodes[_INFO].inputs[0])
    measured = _run(up, tree.nodes[_INFO + " Colour"].outputs[0], size, frame, subframe)[0, 0]
    arriving = round(float(measured[0])), round(float(measured[1]))
    if arriving[0] < 2 or arriving[1] < 2:
        raise FrameError(f'no picture arrives at "{socket}": a file may be missing, or a view layer switched off')
    origin = node.origin(up.tree.nodes[_INFO].inputs[0])
    direct = origin is not None and origin.node.bl_idname in {idnames.IMAGE, idnames.MOVIE_CLIP}
    if measured[2] > _EPSILON:
        raise FrameError(
            f'what arrives at "{socket}" was moved, turned or scaled before it: put that node after Rack Focus'
        )
    if arriving != size and not direct:
        raise FrameError(
            f'what arrives at "{socket}" is {arriving[0]} x {arriving[1]} pixels, the render {size[0]} x {size[1]}: '
            "nodes before Rack Focus can only be followed at the render's size"
        )
    return arriving


def _render_size(scene: bpy.types.Scene) -> tuple[int, int]:
    """Size of the compositor's canvas in pixels."""
    render = scene.render
    if not (render.use_border and render.use_crop_to_border):
        return passes.frame_size(render)
    left, right, bottom, top = border(render)
    return max(right - left, 1), max(top - bottom, 1)


def border(render: bpy.types.RenderSettings) -> tuple[int, int, int, int]:
    """The border in pixels of the whole frame, from the bottom left: left, right, bottom, top. In single precision, as
    Blender has it."""
    width, height = (np.float32(pixels) for pixels in passes.frame_size(render))
    left, right = int(np.float32(render.border_min_x) * width), int(np.float32(render.border_max_x) * width)
    bottom, top = int(np.float32(render.border_min_y) * height), int(np.float32(render.border_max_y) * height)
    return left, right, bottom, top


def _run(up: Upstream, source: bpy.types.NodeSocket, size: tuple[int, int], frame: int, subframe: float) -> np.ndarray:
    outputs = (each for each in up.tree.nodes if each.bl_idname == idnames.GROUP_OUTPUT and each.is_active_output)
    output = next(outputs, None) or up.tree.nodes.new(idnames.GROUP_OUTPUT)
    up.tree.links.new(source, output.inputs[0])
    render = up.scene.render
    render.resolution_x, render.resolution_y = size
    render.resolution_percentage = 100
    passes.stand_at(up.scene, frame, subframe)
    if os.path.exists(up.path):
        os.remove(up.path)
    passes.nested_render(up.scene)
    if not os.path.isfile(up.path):
        raise FrameError("the nodes before Rack Focus could not be evaluated")
    return pass_files.read_picture(up.path)


def _without_side_effects(tree: bpy.types.NodeTree, tree_node: bpy.types.Node) -> bool:
    """File outputs would write their files once more; viewers are of no use."""
    if tree_node.bl_idname not in {idnames.OUTPUT_FILE, idnames.VIEWER}:
        return False
    tree.nodes.remove(tree_node)
    return True


def render_alone(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    """A tree that shows what Blender hands to the first of a scene's effects: the picture of its first view layer."""
    tree = bpy.data.node_groups.new(NAME, idnames.TREE)
    runtime(tree)
    tree.interface.new_socket(node.IMAGE, in_out="OUTPUT", socket_type="NodeSocketColor")
    layers = tree.nodes.new(idnames.RENDER_LAYERS)
    layers.scene, layers.layer = scene, scene.view_layers[0].name
    tree.links.new(layers.outputs[node.IMAGE], tree.nodes.new(idnames.GROUP_OUTPUT).inputs[0])
    return tree
