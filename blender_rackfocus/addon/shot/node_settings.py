# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Rack Focus node knows beside its inputs: what its depth's numbers mean, and whose lens it uses. Plain node
properties, which duplicate, copy, undo and save with the node."""

from __future__ import annotations

import bpy

from ..blender import signals
from . import settings

LENSES = (
    ("INPUTS", "Inputs", "Focus, f-stop and the rest are the node's own inputs"),
    (
        "CAMERA",
        "Scene Camera",
        "Focus object or distance, f-stop, blades, focal length and sensor come from the camera of the scene that is "
        "rendered, as they are at each frame",
    ),
)


def _redraw(_self: bpy.types.Node, _context: bpy.types.Context) -> None:
    signals.redraw()


DEPTH = (
    "rackfocus_depth_kind",
    "rackfocus_depth_ramp",
    "rackfocus_near_m",
    "rackfocus_far_m",
    "rackfocus_white_near",
    "rackfocus_depth_scale",
    "rackfocus_depth_low",
    "rackfocus_depth_high",
    "rackfocus_fit_depth",
)
RENDERED = ("rackfocus_render_behind", "rackfocus_overscan")
"""What the 3D scene is rendered for besides its picture."""

PROPERTIES = {name: settings.PROPERTIES[name] for name in (*DEPTH, *RENDERED, "rackfocus_uncover")} | {
    "rackfocus_lens": bpy.props.EnumProperty(
        name="Lens",
        description="Where focus and lens come from",
        items=LENSES,
        default="INPUTS",
        options=set(),
        update=_redraw,
    ),
}


OWNERS = (bpy.types.CompositorNodeGroup,)
