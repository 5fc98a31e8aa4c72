# SPDX-License-Identifier: GPL-3.0-or-later
"""The focus track: a strip's focus on the strip itself, in the timeline, to be seen and dragged.

`desk.track` says what there is to show, `layout` where it lies and what is under the mouse, `draw` draws it, `edit`
does what hands want, `operators` are the mouse and the keys. What can be dragged is told to Blender by a gizmo that
draws nothing: a gizmo has its press before any tool.
"""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...blender import hooks
from . import draw, layout, operators
from .timelines import is_on, redraw, shown

_KEYS = (
    ("rackfocus.track_click", "LEFTMOUSE", "RELEASE"),
    ("rackfocus.track_remove", "X", "PRESS"),
    ("rackfocus.track_remove", "DEL", "PRESS"),
    ("rackfocus.track_menu", "RIGHTMOUSE", "PRESS"),
)
"""Where there is nothing of ours a press is Blender's own, so clicks there are counted when they end."""


class RACKFOCUS_GT_track(bpy.types.Gizmo):
    """All that can be dragged on the focus tracks"""

    bl_idname = "RACKFOCUS_GT_track"

    def setup(self) -> None:
        self.use_tooltip = False

    def draw(self, _context: bpy.types.Context) -> None:
        """Drawn with the tracks."""

    def test_select(self, context: bpy.types.Context, location: tuple[int, int]) -> int:
        timeline = shown().timeline(context.region)
        x, y = location
        inside = y < timeline.view.height
        found = layout.hit(timeline.rows, timeline.view, x, y) if inside else None
        if found != timeline.hover:
            timeline.hover = found
            context.region.tag_redraw()
        return -1 if found is None else 0


class RACKFOCUS_GGT_track(bpy.types.GizmoGroup):
    """The focus tracks in a timeline"""

    bl_idname = "RACKFOCUS_GGT_track"
    bl_label = "Focus Track"
    bl_space_type = "SEQUENCE_EDITOR"
    bl_region_type = "WINDOW"
    bl_options: ClassVar[set[str]] = {"PERSISTENT", "SHOW_MODAL_ALL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return is_on(context)

    def setup(self, _context: bpy.types.Context) -> None:
        self.gizmos.new(RACKFOCUS_GT_track.bl_idname).target_set_operator("rackfocus.track_drag")


def _draw_overlay(self: bpy.types.Panel, context: bpy.types.Context) -> None:
    if context.space_data.view_type != "PREVIEW":
        self.layout.prop(context.window_manager, "rackfocus_show_track")


def _switched(_self: bpy.types.WindowManager, context: bpy.types.Context) -> None:
    redraw(context)


_PLACE = "SEQUENCER_PT_sequencer_overlay_strips"
CLASSES = (*operators.CLASSES, RACKFOCUS_GT_track, RACKFOCUS_GGT_track)


def register() -> None:
    bpy.types.WindowManager.rackfocus_show_track = bpy.props.BoolProperty(
        name="Focus Track",
        description="Show focus on the strips: the curve in dioptres, racks and keys to drag, marks, and what is sharp",
        default=True,
        update=_switched,
        options={"SKIP_SAVE"},
    )
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    getattr(bpy.types, _PLACE).append(_draw_overlay)
    hooks.draw_over(bpy.types.SpaceSequenceEditor, "WINDOW", draw.draw)
    for operator, key, value in _KEYS:
        hooks.add_key("Sequencer", "SEQUENCE_EDITOR", operator, key, value)


def unregister() -> None:
    draw.forget()
    getattr(bpy.types, _PLACE).remove(_draw_overlay)
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
    del bpy.types.WindowManager.rackfocus_show_track
