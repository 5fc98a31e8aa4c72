# SPDX-License-Identifier: GPL-3.0-or-later
"""The node-only twin's nodes: a thin lens in Blender's own compositor nodes, for a file that is handed on without the
extension.

Signed circle of confusion by maths nodes, as in `core.lens`. Behind the focus: one Bokeh Blur whose size varies from
pixel to pixel; there a pixel takes only from pixels blurred as far as itself, so what is sharp does not leak. In front
of it: the picture is shared out by weight over a few layers of even blur, which spread over what lies behind them.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from ...frame import DepthConvention
from ..blender import idnames

DEPTH = "Depth"
"""Name of the second input where the depth strip arrives as the modifier's mask."""
NEAR_STEPS = (0.25, 0.5, 1.0)
"""Radii of the layers in front of the focus, as shares of the largest one in the frame."""
HALF_PIXEL = 0.5
"""Blender's discs of size n have the spread of a disc of radius n + 0.5: the pixel's own width is in them."""
ROUNDING = 0.5 - HALF_PIXEL + 1e-3
"""Added before rounding down: the nearest whole size for a radius; the last digits of maths nodes must not decide."""
SMALLEST_PX = 1.0
"""Size of the smallest disc that blurs at all."""
NO_LIMIT_PX = 1e6
NEAREST_M = 1e-4
HIDDEN = 1e-3
"""Weight of a pixel's own colour in what it hides: it counts only where no neighbour's blur reaches."""

Source = bpy.types.NodeSocket | float


@dataclass(frozen=True)
class _Builder:
    """Adds nodes to a tree; every function gives the socket with the result."""

    tree: bpy.types.NodeTree

    def node(self, kind: str, label: str = "") -> bpy.types.Node:
        made = self.tree.nodes.new(kind)
        made.label = label
        made.hide = kind in {idnames.MATHS, idnames.VECTOR_MATHS}
        number = len(self.tree.nodes)
        made.location = (180 * (number % 12), -140 * (number // 12))
        return made

    def put(self, source: Source, target: bpy.types.NodeSocket) -> None:
        if isinstance(source, bpy.types.NodeSocket):
            self.tree.links.new(source, target)
        else:
            target.default_value = source

    def maths(self, operation: str, *sources: Source, label: str = "", clamp: bool = False) -> bpy.types.NodeSocket:
        node = self.node(idnames.MATHS, label)
        node.operation, node.use_clamp = operation, clamp
        for source, target in zip(sources, node.inputs, strict=False):
            self.put(source, target)
        return node.outputs[0]

    def vector(self, operation: str, socket: bpy.types.NodeSocket, other: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
        """Colours by colours, or by numbers."""
        node = self.node(idnames.VECTOR_MATHS)
        node.operation = operation
        self.put(socket, node.inputs[0])
        self.put(other, node.inputs[1])
        return node.outputs[0]

    def with_alpha(self, picture: bpy.types.NodeSocket, alpha: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
        node = self.node(idnames.SET_ALPHA)
        node.inputs["Type"].default_value = "Replace Alpha"
        self.put(picture, node.inputs["Image"])
        self.put(alpha, node.inputs["Alpha"])
        return node.outputs[0]

    def alpha(self, picture: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
        node = self.node(idnames.SEPARATE_COLOUR)
        self.put(picture, node.inputs[0])
        return node.outputs["Alpha"]

    def largest(self, values: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
        """The largest number in a picture, as one number."""
        node = self.node(idnames.LEVELS)
        node.inputs["Channel"].default_value = "Red"
        self.put(values, node.inputs["Image"])
        return node.outputs["Maximum"]

    def size(self, picture: bpy.types.NodeSocket) -> tuple[bpy.types.NodeSocket, bpy.types.NodeSocket]:
        info = self.node(idnames.IMAGE_INFO)
        self.put(picture, info.inputs[0])
        parts = self.node(idnames.SEPARATE_XYZ)
        self.put(info.outputs["Dimensions"], parts.inputs[0])
        return parts.outputs["X"], parts.outputs["Y"]

    def blur(
        self, picture: bpy.types.NodeSocket, size: bpy.types.NodeSocket, bokeh: bpy.types.NodeSocket
    ) -> bpy.types.NodeSocket:
        node = self.node(idnames.BOKEH_BLUR)
        self.put(picture, node.inputs["Image"])
        self.put(bokeh, node.inputs["Bokeh"])
        self.put(size, node.inputs["Size"])
        return node.outputs[0]


def build(
    tree: bpy.types.NodeTree, convention: DepthConvention, depth: bpy.types.Image | None, layer: str = ""
) -> None:
    """Fill an empty tree that has a Rack Focus group's interface.

    depth: the image (still, sequence, movie) that an Image node reads, with the layer and output that `layer` names,
    "Layer.Pass" (empty: the first); None takes the input `DEPTH`. convention: what the depth's numbers mean. The tree's
    Image node, if any, is left at its default frames.
    """
    make = _Builder(tree)
    given = make.node(idnames.GROUP_INPUT).outputs
    own = given["Image"]
    if depth is None:
        raw = given[DEPTH]
    else:
        reader = make.node(idnames.IMAGE, "Depth")
        reader.name, reader.image = DEPTH, depth
        of_layer, _, output = layer.rpartition(".")
        if of_layer and reader.has_layers:
            reader.layer = of_layer
        raw = reader.outputs[output] if output else reader.outputs[0]
    width, _height = make.size(own)
    near_px, far_px = _circles(make, given, _dioptres(make, _fitted(make, raw, own), convention), width)
    result = _composited(make, own, near_px, far_px, _bokehs(make, given))
    mixed = make.node(idnames.MIX, "Mix")
    mixed.data_type, mixed.clamp_factor, mixed.clamp_result = "RGBA", True, False
    for source, place in ((given["Mix"], 0), (own, 6), (result, 7)):
        make.put(source, mixed.inputs[place])
    make.put(make.with_alpha(mixed.outputs[2], make.alpha(own)), make.node(idnames.GROUP_OUTPUT).inputs["Image"])


def _fitted(make: _Builder, raw: bpy.types.NodeSocket, own: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    """Depth of another size, or beside a proxy, at the picture's size; nearest, as a mean of two depths is neither."""
    parts = make.node(idnames.SEPARATE_COLOUR)
    scale = make.node(idnames.SCALE, "Fit depth")
    scale.inputs["Interpolation"].default_value = "Nearest"
    make.put(raw, scale.inputs["Image"])
    for axis, wanted, found in zip("XY", make.size(own), make.size(raw), strict=True):
        make.put(make.maths("DIVIDE", wanted, found), scale.inputs[axis])
    make.put(scale.outputs[0], parts.inputs[0])
    return parts.outputs["Red"]


def _dioptres(make: _Builder, raw: bpy.types.NodeSocket, meant: DepthConvention) -> bpy.types.NodeSocket:
    """1 / distance in 1/m; depth that says nothing is infinitely far."""
    if meant.kind == "METRES":
        metres = make.maths("MULTIPLY", raw, meant.scale, label="Metres")
        inverse = make.maths("DIVIDE", 1.0, make.maths("MAXIMUM", metres, NEAREST_M))
        return make.maths("MULTIPLY", inverse, make.maths("GREATER_THAN", metres, 0.0), label="1 / distance")
    if meant.kind == "INVERSE":
        return make.maths("MAXIMUM", make.maths("MULTIPLY", raw, meant.scale), 0.0, label="1 / distance")
    if (meant.low, meant.high) != (0.0, 1.0):
        span = meant.high - meant.low
        raw = make.maths("MULTIPLY_ADD", raw, 1.0 / span, -meant.low / span, label="0 to 1")
    nearness = raw if meant.white_near else make.maths("SUBTRACT", 1.0, raw)
    if meant.ramp == "LINEAR_Z":
        clipped = make.maths("MINIMUM", nearness, 1.0)
        metres = make.maths("MULTIPLY_ADD", clipped, meant.near_m - meant.far_m, meant.far_m, label="Metres")
        return make.maths("DIVIDE", 1.0, make.maths("MAXIMUM", metres, NEAREST_M), label="1 / distance")
    far_d = 1.0 / meant.far_m
    inverse = make.maths("MULTIPLY_ADD", nearness, 1.0 / meant.near_m - far_d, far_d)
    return make.maths("MAXIMUM", inverse, 0.0, label="1 / distance")


def _circles(make: _Builder, given, inverse: bpy.types.NodeSocket, width: bpy.types.NodeSocket):
    """Radii of the circle of confusion in pixels, (in front of the focus, behind it): `core.lens.coc_px`."""
    maths = make.maths
    focal_mm, focus_m = given["Focal Length"], given["Focus Distance"]
    half_m = maths("MULTIPLY", given["In-Focus Range"], 0.5)
    nearest_m = maths("MAXIMUM", maths("SUBTRACT", focus_m, half_m), maths("MULTIPLY", focal_mm, 0.001))
    near_d = maths("DIVIDE", 1.0, nearest_m)
    far_d = maths("DIVIDE", 1.0, maths("ADD", focus_m, half_m))
    opening = maths("MULTIPLY", maths("MULTIPLY", given["F-Stop"], given["Sensor Width"]), 2000.0)
    squared = maths("MULTIPLY", maths("MULTIPLY", focal_mm, focal_mm), width)
    per_dioptre = maths("DIVIDE", squared, opening, label="Radius per dioptre")
    off = maths("LESS_THAN", given["Max Blur"], 1e-9)
    limit_px = maths("MULTIPLY_ADD", maths("MULTIPLY", given["Max Blur"], width), 1 / 200, 0.0)
    limit_px = maths("MULTIPLY_ADD", off, NO_LIMIT_PX, limit_px, label="Largest radius")

    def radius(difference: bpy.types.NodeSocket, strength: str, label: str) -> bpy.types.NodeSocket:
        scale = maths("MULTIPLY", per_dioptre, given[strength])
        return maths("MINIMUM", maths("MULTIPLY", maths("MAXIMUM", difference, 0.0), scale), limit_px, label=label)

    return (
        radius(maths("SUBTRACT", inverse, near_d), "Near Strength", "Near radius"),
        radius(maths("SUBTRACT", far_d, inverse), "Far Strength", "Far radius"),
    )


def _bokehs(make: _Builder, given) -> tuple[bpy.types.NodeSocket, bpy.types.NodeSocket]:
    """The aperture's picture for what is in front of the focus, and behind it: turned by half a turn."""
    blades = given["Blades"]
    circle = make.maths("LESS_THAN", blades, 2.5)
    roundness = make.maths("MAXIMUM", given["Roundness"], circle)
    flaps = make.maths("MAXIMUM", blades, 3.0)
    # Obstruction is a share of the area, the node's is one of the diameter.
    hole = make.maths("SQRT", given["Obstruction"])

    def bokeh(turn: float) -> bpy.types.NodeSocket:
        aperture = make.node(idnames.BOKEH_IMAGE)
        angle = make.maths("ADD", given["Blade Rotation"], turn)
        for name, source in (
            ("Flaps", flaps),
            ("Angle", angle),
            ("Roundness", roundness),
            ("Catadioptric Size", hole),
        ):
            make.put(source, aperture.inputs[name])
        return aperture.outputs[0]

    return bokeh(3.14159265), bokeh(0.0)


def _composited(make: _Builder, own, near_px, far_px, bokehs) -> bpy.types.NodeSocket:
    maths = make.maths
    largest_px = make.largest(near_px)
    # Nothing narrower than 3 x 3 pixels exists: less is a share of that, and sharp. Shares go by the square of the
    # radius, so that the mixture is as wide as the disc it stands for.
    wanted = maths("MULTIPLY", near_px, near_px)
    sizes, reached, below = [], [], 0.0
    for share in NEAR_STEPS:
        size = maths("FLOOR", maths("MULTIPLY_ADD", largest_px, share, ROUNDING))
        sizes.append(maths("MAXIMUM", size, SMALLEST_PX))
        radius = maths("ADD", sizes[-1], HALF_PIXEL)
        square = maths("MULTIPLY", radius, radius)
        span = maths("SUBTRACT", square, below)  # 0 where two layers are the same: the upper one stays empty
        reached.append(maths("DIVIDE", maths("SUBTRACT", wanted, below), span, clamp=True))
        below = square
    # reached[k]: from 0 at the radius of the layer below to 1 at this one's; what is in a layer is in all below it.
    for number in (1, 0):
        reached[number] = maths("MAXIMUM", reached[number], reached[number + 1])
    near_sum = near_alpha = None
    for number, size in enumerate(sizes):
        last = number + 1 == len(sizes)
        weight = reached[number] if last else maths("SUBTRACT", reached[number], reached[number + 1], clamp=True)
        layer = make.blur(make.with_alpha(make.vector("MULTIPLY", own, weight), weight), size, bokehs[0])
        alpha = make.alpha(layer)
        near_sum = layer if near_sum is None else make.vector("ADD", near_sum, layer)
        near_alpha = alpha if near_alpha is None else maths("ADD", near_alpha, alpha)
    near_sum = make.vector("DIVIDE", near_sum, maths("MAXIMUM", near_alpha, 1.0))

    behind = maths("SUBTRACT", 1.0, reached[0], label="Behind")
    wide = maths("MULTIPLY", reached[0], make.largest(far_px))  # what is hidden is searched for all around
    radius = maths("MAXIMUM", far_px, wide)
    # As soon as there is any blur it is the smallest disc's, of which little is taken.
    least = maths("MULTIPLY", maths("GREATER_THAN", radius, 0.0), SMALLEST_PX)
    size = maths("MAXIMUM", maths("FLOOR", maths("ADD", radius, ROUNDING)), least)  # between, Blender cuts off
    ground = make.with_alpha(make.vector("MULTIPLY", own, behind), behind)
    gathered = make.blur(ground, size, bokehs[1])
    hidden = maths("MULTIPLY", reached[0], HIDDEN)
    guessed = make.node(idnames.INPAINT, "What the foreground hides")
    # The node fills from what is wholly opaque.
    known = maths("GREATER_THAN", behind, 0.5)
    make.put(make.with_alpha(make.vector("MULTIPLY", own, known), known), guessed.inputs["Image"])
    make.put(maths("CEIL", largest_px), guessed.inputs["Size"])
    guess = make.vector("DIVIDE", guessed.outputs[0], maths("MAXIMUM", make.alpha(guessed.outputs[0]), HIDDEN))
    colour = make.vector("ADD", gathered, make.vector("MULTIPLY", guess, hidden))
    ground = make.vector("DIVIDE", colour, maths("MAXIMUM", maths("ADD", make.alpha(gathered), hidden), 1e-6))
    share = maths("DIVIDE", far_px, SMALLEST_PX + HALF_PIXEL)
    taken = make.node(idnames.MIX, "Little blur is a share of the smallest")
    taken.data_type, taken.clamp_factor, taken.clamp_result = "RGBA", True, False
    # What lies behind the foreground is not the picture's own; a circle of next to nothing is no foreground.
    share = maths("MAXIMUM", maths("MULTIPLY", share, share, clamp=True), reached[0])
    for source, place in ((share, 0), (own, 6), (ground, 7)):
        make.put(source, taken.inputs[place])
    ground = taken.outputs[2]
    uncovered = maths("SUBTRACT", 1.0, near_alpha, clamp=True)
    return make.vector("ADD", near_sum, make.vector("MULTIPLY", ground, uncovered))
