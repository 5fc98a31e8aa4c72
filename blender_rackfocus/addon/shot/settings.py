# SPDX-License-Identifier: GPL-3.0-or-later
"""What a strip knows about its depth: plain strip properties, which duplicate, copy, append, undo and save with the
strip.

They do not keyframe; what does is in `inputs`. The paired depth strip is a pointer (the mask strip of our modifier,
see `modifier`), so it survives renames.
"""

from __future__ import annotations

import bpy

from ...frame import DepthConvention
from ...frame.depth import FAR_M, NEAR_M
from ..blender import signals
from ..blender.properties import of_pixels

KINDS = (
    ("AUTO", "Automatic", "Floating-point depth is metres, whole-number pictures are 0 to 1 between near and far"),
    ("METRES", "Metres", "Every value is a distance, times the scale"),
    ("INVERSE", "1 / Distance", "Every value is one over the distance, as disparity is"),
    ("NORMALISED", "0 to 1", "Values run from 0 to 1 between the near and the far distance"),
)

_SCALED = ("rackfocus_depth_scale",)
_BETWEEN = ("rackfocus_near_m", "rackfocus_far_m")
FIELDS = {
    "AUTO": _BETWEEN,
    "METRES": _SCALED,
    "INVERSE": _SCALED,
    "NORMALISED": (
        *_BETWEEN,
        *("rackfocus_white_near", "rackfocus_depth_ramp", "rackfocus_depth_low", "rackfocus_depth_high"),
    ),
}
"""What else is to be said of each kind."""

RAMPS = (
    ("INVERSE_Z", "Even in 1 / z", "As depth networks and disparity maps store it"),
    ("LINEAR_Z", "Even in z", "As a mist pass or a mapped Z pass stores it"),
)

PROPERTIES = {
    "rackfocus_depth_path": bpy.props.StringProperty(
        name="Depth File",
        description="Depth on disk: a still, any file of an image sequence, its folder, or a movie",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
        update=signals.redraw,
    ),
    "rackfocus_depth_layer": of_pixels(
        bpy.props.StringProperty, "Layer", "Layer or channel of an EXR file that holds the depth; empty finds it"
    ),
    "rackfocus_depth_stream": of_pixels(
        bpy.props.IntProperty,
        "Video Stream",
        "Which video stream of a depth movie holds the depth, counted from 0",
        min=0,
        max=99,
    ),
    "rackfocus_depth_offset": of_pixels(
        bpy.props.IntProperty,
        "Depth Offset",
        "Frames that the depth file is read later than the picture, for depth that is out of step with it",
        default=0,
        soft_min=-100,
        soft_max=100,
    ),
    "rackfocus_depth_kind": of_pixels(
        bpy.props.EnumProperty, "Values Are", "What the numbers in the depth mean", items=KINDS, default="AUTO"
    ),
    "rackfocus_depth_ramp": of_pixels(
        bpy.props.EnumProperty, "Ramp", "What runs evenly from 0 to 1", items=RAMPS, default="INVERSE_Z"
    ),
    "rackfocus_near_m": of_pixels(
        bpy.props.FloatProperty,
        "Near",
        "Distance of the nearest value, in metres",
        subtype="DISTANCE",
        default=1.0,
        min=0.001,
        soft_max=1000.0,
    ),
    "rackfocus_far_m": of_pixels(
        bpy.props.FloatProperty,
        "Far",
        "Distance of the farthest value, in metres",
        subtype="DISTANCE",
        default=100.0,
        min=0.001,
        soft_max=10000.0,
    ),
    "rackfocus_white_near": of_pixels(
        bpy.props.BoolProperty, "White Is Near", "White (1) is the near distance; off, black (0) is", default=True
    ),
    "rackfocus_depth_low": of_pixels(
        bpy.props.FloatProperty,
        "Lowest",
        "The number in the depth that stands for 0: what is farthest where white is near",
        default=0.0,
        precision=4,
    ),
    "rackfocus_depth_high": of_pixels(
        bpy.props.FloatProperty,
        "Highest",
        "The number in the depth that stands for 1: what is nearest where white is near",
        default=1.0,
        precision=4,
    ),
    "rackfocus_fit_depth": of_pixels(
        bpy.props.BoolProperty,
        "Fit to Picture",
        "Part soft edges of the depth, and put its edges where the picture has them. Depth that fits is used as it is",
        default=False,
    ),
    "rackfocus_uncover": of_pixels(
        bpy.props.BoolProperty,
        "Look Behind",
        "What blurred surfaces hide is looked for in the frames beside, where the camera or what stands in "
        "front has moved. Where they show nothing, the picture stays as it is without. Final pictures only",
        default=False,
    ),
    "rackfocus_render_behind": of_pixels(
        bpy.props.BoolProperty,
        "Render Behind",
        "What blurred objects in front of the focus hide is rendered: the 3D scene once more for each frame that has "
        "such objects, without them; their shadows stay. Kept with the passes: another focus renders nothing as long "
        "as the same objects are blurred. Objects that reach into the focus are not left out. Cycles only; final "
        "pictures only",
        default=False,
    ),
    "rackfocus_overscan": of_pixels(
        bpy.props.FloatProperty,
        "Overscan",
        "The 3D scene is rendered wider by so much of its width on every side, so that light from outside the frame "
        "reaches into it as it does through a lens. Costs the render of these pixels, and is kept with the passes. "
        "0 is off. Final pictures only",
        subtype="PERCENTAGE",
        default=0.0,
        min=0.0,
        max=25.0,
        soft_max=10.0,
        precision=1,
    ),
    "rackfocus_model_path": bpy.props.StringProperty(
        name="Depth Network",
        description="Model file (.onnx) that Estimate Depth runs on this strip; empty takes the preferences' own",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    ),
    "rackfocus_depth_made": bpy.props.StringProperty(
        name="Made By", description="Which source made the depth file, with which settings", options=set()
    ),
    "rackfocus_depth_made_path": bpy.props.StringProperty(
        name="Made As", description="The depth file that the note is about", options=set()
    ),
    "rackfocus_depth_scale": of_pixels(
        bpy.props.FloatProperty,
        "Scale",
        "Metres per unit of the depth's numbers: 0.01 for centimetres",
        default=1.0,
        min=1e-6,
        soft_max=1000.0,
        precision=4,
    ),
}


def copy(source: bpy.types.Strip, target: bpy.types.Strip) -> None:
    """Give `target` every depth setting of `source`."""
    for name in PROPERTIES:
        if getattr(target, name) != getattr(source, name):
            setattr(target, name, getattr(source, name))


def put_first_settings_on(strip: bpy.types.Strip | bpy.types.Node) -> None:
    """Near, far, fit and look behind of a strip or node that is refocused for the first time. (The properties' own
    defaults are those of files saved before these were chosen.)"""
    if not strip.is_property_set("rackfocus_fit_depth"):
        strip.rackfocus_fit_depth = True
    if "rackfocus_uncover" in strip.bl_rna.properties and not strip.is_property_set("rackfocus_uncover"):
        strip.rackfocus_uncover = True
    if not strip.is_property_set("rackfocus_near_m") and not strip.is_property_set("rackfocus_far_m"):
        strip.rackfocus_near_m, strip.rackfocus_far_m = NEAR_M, FAR_M


def convention_of(strip: bpy.types.Strip) -> DepthConvention | None:
    """The depth convention set on a strip, or None where it is to be guessed. Raises ValueError as the core does."""
    kind, low, high = strip.rackfocus_depth_kind, strip.rackfocus_depth_low, strip.rackfocus_depth_high
    if kind == "AUTO":
        return None
    if kind != "NORMALISED":
        low, high = 0.0, 1.0
    elif low >= high:
        raise ValueError(f"the depth's Lowest number ({low:g}) must be below its Highest ({high:g})")
    return DepthConvention(
        kind=kind,
        near_m=strip.rackfocus_near_m,
        far_m=strip.rackfocus_far_m,
        white_near=strip.rackfocus_white_near,
        ramp=strip.rackfocus_depth_ramp,
        scale=strip.rackfocus_depth_scale,
        low=low,
        high=high,
    )


OWNERS = (bpy.types.Strip,)
