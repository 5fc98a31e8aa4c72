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
from .. import signals

KINDS = (
    ("AUTO", "Automatic", "Floating-point depth is metres, whole-number pictures are 0 to 1 between near and far"),
    ("METRES", "Metres", "Every value is a distance, times the scale"),
    ("INVERSE", "1 / Distance", "Every value is one over the distance, as disparity is"),
    ("NORMALISED", "0 to 1", "Values run from 0 to 1 between the near and the far distance"),
)

RAMPS = (
    ("INVERSE_Z", "Even in 1 / z", "As depth networks and disparity maps store it"),
    ("LINEAR_Z", "Even in z", "As a mist pass or a mapped Z pass stores it"),
)

_STILL: set[str] = set()

PROPERTIES = {
    "rackfocus_depth_path": bpy.props.StringProperty(
        name="Depth File",
        description="Depth on disk: a still, any file of an image sequence, its folder, or a movie",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
        update=signals.redraw,
    ),
    "rackfocus_depth_layer": bpy.props.StringProperty(
        name="Layer",
        description="Layer or channel of an EXR file that holds the depth; empty finds it",
        options=_STILL,
        update=signals.redraw,
    ),
    "rackfocus_depth_stream": bpy.props.IntProperty(
        name="Video Stream",
        description="Which video stream of a depth movie holds the depth, counted from 0",
        min=0,
        max=99,
        options=_STILL,
        update=signals.redraw,
    ),
    "rackfocus_depth_offset": bpy.props.IntProperty(
        name="Depth Offset",
        description="Frames that the depth file is read later than the picture, for depth that is out of step with it",
        default=0,
        soft_min=-100,
        soft_max=100,
        options=_STILL,
        update=signals.redraw,
    ),
    "rackfocus_depth_kind": bpy.props.EnumProperty(
        name="Values Are",
        description="What the numbers in the depth mean",
        items=KINDS,
        default="AUTO",
        options=_STILL,
        update=signals.redraw,
    ),
    "rackfocus_depth_ramp": bpy.props.EnumProperty(
        name="Ramp",
        description="What runs evenly from 0 to 1",
        items=RAMPS,
        default="INVERSE_Z",
        options=_STILL,
        update=signals.redraw,
    ),
    "rackfocus_near_m": bpy.props.FloatProperty(
        name="Near",
        description="Distance of the nearest value, in metres",
        subtype="DISTANCE",
        default=1.0,
        min=0.001,
        soft_max=1000.0,
        options=_STILL,
        update=signals.redraw,
    ),
    "rackfocus_far_m": bpy.props.FloatProperty(
        name="Far",
        description="Distance of the farthest value, in metres",
        subtype="DISTANCE",
        default=100.0,
        min=0.001,
        soft_max=10000.0,
        options=_STILL,
        update=signals.redraw,
    ),
    "rackfocus_white_near": bpy.props.BoolProperty(
        name="White Is Near",
        description="White (1) is the near distance; off, black (0) is",
        default=True,
        options=_STILL,
        update=signals.redraw,
    ),
    "rackfocus_depth_low": bpy.props.FloatProperty(
        name="Lowest",
        description="The number in the depth that stands for 0: what is farthest where white is near",
        default=0.0,
        precision=4,
        options=_STILL,
        update=signals.redraw,
    ),
    "rackfocus_depth_high": bpy.props.FloatProperty(
        name="Highest",
        description="The number in the depth that stands for 1: what is nearest where white is near",
        default=1.0,
        precision=4,
        options=_STILL,
        update=signals.redraw,
    ),
    "rackfocus_fit_depth": bpy.props.BoolProperty(
        name="Fit to Picture",
        description="Part soft edges of the depth, and put its edges where the picture has them. Depth that fits is "
        "used as it is",
        default=False,  # what files saved before this was chosen show; see put_first_settings_on
        options=_STILL,
        update=signals.redraw,
    ),
    "rackfocus_uncover": bpy.props.BoolProperty(
        name="Look Behind",
        description="What blurred surfaces hide is looked for in the frames beside, where the camera or what stands in "
        "front has moved. Where they show nothing, the picture stays as it is without. Final pictures only",
        default=False,  # what files saved before this was chosen show; see put_first_settings_on
        options=_STILL,
        update=signals.redraw,
    ),
    "rackfocus_model_path": bpy.props.StringProperty(
        name="Depth Network",
        description="Model file (.onnx) that Estimate Depth runs on this strip; empty takes the preferences' own",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    ),
    "rackfocus_depth_made": bpy.props.StringProperty(
        name="Made By", description="Which source made the depth file, with which settings", options=_STILL
    ),
    "rackfocus_depth_made_path": bpy.props.StringProperty(
        name="Made As", description="The depth file that the note is about", options=_STILL
    ),
    "rackfocus_depth_scale": bpy.props.FloatProperty(
        name="Scale",
        description="Metres per unit of the depth's numbers: 0.01 for centimetres",
        default=1.0,
        min=1e-6,
        soft_max=1000.0,
        precision=4,
        options=_STILL,
        update=signals.redraw,
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


def register() -> None:
    for name, definition in PROPERTIES.items():
        setattr(bpy.types.Strip, name, definition)


def unregister() -> None:
    for name in reversed(PROPERTIES):
        delattr(bpy.types.Strip, name)
