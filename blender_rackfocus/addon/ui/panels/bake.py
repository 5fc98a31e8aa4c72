# SPDX-License-Identifier: GPL-3.0-or-later
"""The "Bake" panel in the Rack Focus tab. Draws, and only draws."""

from __future__ import annotations

import os
from typing import ClassVar

import bpy

from ...blender import cache
from ...blender.context import active_strip, sequencer_scene
from ...delivery import bake
from ...delivery.strips import Strips
from ...sequencer import baked_strips, staleness
from ...shot import modifier
from ...shot.baked_place import BakedPlace
from ..operators import baking
from .tab import OfStrip
from .text import words

_TYPICAL = 0.6
"""Share of the largest possible size that ZIP leaves of ordinary pictures."""


class RACKFOCUS_PT_bake(OfStrip, bpy.types.Panel):
    bl_label = "Bake"
    bl_order = 21  # last
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        strip, scene = active_strip(context), sequencer_scene(context)
        if baking.Progress.running:
            draw_running(layout)
            return
        place = baked_strips.place_of(modifier.find(strip))
        if place is not None:
            _draw_baked(layout, scene, strip, place)
        else:
            _draw_live(layout, scene, strip)
        draw_target(layout, scene)
        if cache.problem():
            words(layout.box(), cache.problem(), "INFO")


def draw_target(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """Where bakes of a scene go, and as what."""
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(scene, "rackfocus_bake_folder")
    column.prop(scene, "rackfocus_bake_format")


def draw_running(layout: bpy.types.UILayout) -> None:
    """How far the bake in the window is, and its buttons."""
    progress = baking.Progress
    share = progress.done / progress.total if progress.total else 0.0
    state = "Paused" if progress.paused else "Baking"
    layout.progress(text=f"{state}: {progress.done} of {progress.total}", factor=share)
    row = layout.row(align=True)
    row.operator("rackfocus.bake_pause", text="Go On" if progress.paused else "Pause", icon="PAUSE")
    row.operator("rackfocus.bake_cancel", text="Cancel", icon="CANCEL")


def draw_summary(box: bpy.types.UILayout, summary: staleness.Freshness) -> None:
    """What is right and what is not among frames that were looked at."""
    box.alert = not summary.all_fresh and summary.complete
    for number, line in enumerate(summary.lines()):
        words(box, line, "NONE" if number else "CHECKMARK" if summary.all_fresh else "ERROR")


def _draw_baked(layout: bpy.types.UILayout, scene: bpy.types.Scene, strip: bpy.types.Strip, place: BakedPlace) -> None:
    summary = staleness.of(scene, strip)
    box = layout.box()
    if summary is None:
        box.label(text="Looking at the baked frames...", icon="SORTTIME")
    else:
        draw_summary(box, summary)
    words(layout, os.path.basename(place.folder), "FILE_FOLDER")
    row = layout.row(align=True)
    row.operator("rackfocus.bake", text="Bake What Is Missing or Stale")
    row.operator("rackfocus.unbake", text="", icon="X")


def _draw_live(layout: bpy.types.UILayout, scene: bpy.types.Scene, strip: bpy.types.Strip) -> None:
    which = baked_strips.frames_of(scene, strip)
    width, height = Strips(scene).size(strip.name)
    most = len(which) * width * height * 8
    kind = scene.rackfocus_bake_format
    words(layout, f"{len(which)} frames, about {bake.size_text(most * _TYPICAL)} as {kind}", "DISK_DRIVE")
    row = layout.row(align=True)
    row.operator("rackfocus.bake", text="Bake")
    row.operator("rackfocus.bake", text="Bake All Strips").all_strips = True
    if baked_strips.default_place(scene, strip).is_there:
        layout.operator("rackfocus.bake_use", icon="IMPORT")


CLASSES = (RACKFOCUS_PT_bake,)


def unregister() -> None:
    staleness.forget()
