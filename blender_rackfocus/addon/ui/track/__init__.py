# SPDX-License-Identifier: GPL-3.0-or-later
"""The focus track: a strip's focus on the strip itself, in the timeline, to be seen and dragged.

`desk.track` says what there is to show, `layout` where it lies and what is under the mouse, `draw` draws it, `edit`
does what hands want, `operators` are the mouse and the keys.
"""

from __future__ import annotations

import bpy

from ...blender import hooks
from .. import overlay
from . import draw, layout, operators
from .timelines import SWITCH, Timeline, shown

_KEYS = (
    ("rackfocus.track_click", "LEFTMOUSE", "RELEASE"),
    ("rackfocus.track_remove", "X", "PRESS"),
    ("rackfocus.track_remove", "DEL", "PRESS"),
    ("rackfocus.track_menu", "RIGHTMOUSE", "PRESS"),
)
"""Where there is nothing of ours a press is Blender's own, so clicks there are counted when they end."""


class RACKFOCUS_GT_track(overlay.Hand, bpy.types.Gizmo):
    """All that can be dragged on the focus tracks"""

    bl_idname = "RACKFOCUS_GT_track"

    def overlay(self, region: bpy.types.Region) -> Timeline:
        return shown().timeline(region)

    def under(self, region: bpy.types.Region, x: float, y: float) -> layout.Hit | None:
        timeline = shown().timeline(region)
        return layout.hit(timeline.rows, timeline.view, x, y) if y < timeline.view.height else None


class RACKFOCUS_GGT_track(overlay.Hands, bpy.types.GizmoGroup):
    """The focus tracks in a timeline"""

    bl_idname = "RACKFOCUS_GGT_track"
    bl_label = "Focus Track"
    bl_region_type = "WINDOW"
    hand, takes, switch = "RACKFOCUS_GT_track", "rackfocus.track_drag", SWITCH


def _draw_overlay(self: bpy.types.Panel, context: bpy.types.Context) -> None:
    if context.space_data.view_type != "PREVIEW":
        self.layout.prop(context.window_manager, SWITCH)


_PLACE = "SEQUENCER_PT_sequencer_overlay_strips"
CLASSES = (*operators.CLASSES, RACKFOCUS_GT_track, RACKFOCUS_GGT_track)


def register() -> None:
    words = "Show focus on the strips: the curve in dioptres, racks and keys to drag, marks, and what is sharp"
    setattr(bpy.types.WindowManager, SWITCH, overlay.switch("Focus Track", words))
    getattr(bpy.types, _PLACE).append(_draw_overlay)
    hooks.draw_over(bpy.types.SpaceSequenceEditor, "WINDOW", draw.draw)
    for operator, key, value in _KEYS:
        hooks.add_key("Sequencer", "SEQUENCE_EDITOR", operator, key, value)


def unregister() -> None:
    draw.forget()
    getattr(bpy.types, _PLACE).remove(_draw_overlay)
    delattr(bpy.types.WindowManager, SWITCH)
