# SPDX-License-Identifier: GPL-3.0-or-later
"""The "Playback" panel in the Rack Focus tab: what is placed of a strip, and whether it is still right. Draws, and only
draws."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...blender import pairs
from ...blender.context import active_strip, sequencer_scene
from ...delivery import placed
from ...sequencer import prefetch, staleness
from ..operators import jobs
from .bake import draw_summary
from .tab import OfStrip
from .text import words


class RACKFOCUS_PT_placed(OfStrip, bpy.types.Panel):
    bl_label = "Playback"
    bl_order = 20  # before the bake
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        strip, scene = active_strip(context), sequencer_scene(context)
        there = pairs.placed_of(strip)
        fresh = [_draw_one(layout, scene, one) for one in there]
        row = layout.row(align=True)
        row.operator("rackfocus.cache_range", icon="PLAY")
        row.operator("rackfocus.place", text="Refresh" if there and not all(fresh) else "Place as Strip")
        if there:
            layout.operator("rackfocus.placed_remove", icon="X")
        reason = placed.not_now(strip) or jobs.in_the_way("PICTURES")
        hint = "" if there else "Placed, finished frames play many times quicker"
        if there and all(fresh) and not prefetch.is_alone(scene):
            hint = "Plays at full speed once every racked strip in the range that plays is placed"
        words(layout, reason or hint, "INFO")


def _draw_one(layout: bpy.types.UILayout, scene: bpy.types.Scene, strip: bpy.types.Strip) -> bool:
    """A placed strip's state. Returns whether all of it is right, as far as is known."""
    told = staleness.of(scene, strip)
    box = layout.box()
    words(box, f"{strip.name}: {int(strip.left_handle)} to {int(strip.right_handle) - 1}", "IMAGE_DATA")
    if told is None:
        box.label(text="Looking at its pictures...", icon="SORTTIME")
        return True
    draw_summary(box, told)
    if not told.all_fresh:
        words(box, "Where it is not fresh, the original is shown and rendered")
    return bool(told.all_fresh)


CLASSES = (RACKFOCUS_PT_placed,)
