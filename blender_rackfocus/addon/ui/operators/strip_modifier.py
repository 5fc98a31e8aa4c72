# SPDX-License-Identifier: GPL-3.0-or-later
"""Add, remove, refresh the strip modifier, and copy its settings to other strips."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ....craft import lenses
from ...blender import cache, signals
from ...blender.context import active_strip, sequencer_scene, strip_named
from ...delivery import twin
from ...depth import sources
from ...desk import shots
from ...sequencer import frames, live
from ...shot import modifier, ownership, pixels, settings
from .on_strip import OnStrip, to_the_top
from .rack import EXPECTED
from .telling import Doing, refuse


class RACKFOCUS_OT_modifier_add(OnStrip, bpy.types.Operator):
    """Give the strip a Rack Focus modifier: an out-of-focus blur from depth, with a focus distance to keyframe"""

    bl_idname = "rackfocus.modifier_add"
    bl_label = "Add Rack Focus"

    depth_source: bpy.props.EnumProperty(name="Depth", description="Where the depth comes from", items=sources.ITEMS)
    depth_path: bpy.props.StringProperty(
        name="Depth File", description="Still, image sequence or movie with the depth", subtype="FILE_PATH"
    )
    depth_strip: bpy.props.StringProperty(name="Depth Strip", description="Name of the strip that shows the depth")

    start: bpy.props.BoolProperty(
        name="Sensible Start",
        description="Focus on the nearest clear subject near the middle, with an f-stop that makes what is far soft",
        default=True,
    )

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        if not modifier.suits(strip):
            kinds = "image, movie and adjustment strips, and on scene strips that show their camera"
            raise ValueError(f'"{strip.name}" cannot be refocused; Rack Focus works on {kinds}')
        if twin.find(strip) is not None:
            raise ValueError(f'"{strip.name}" was converted to nodes; convert it back first')
        depth = strip_named(context, self.depth_strip) if self.depth_strip else None
        if self.depth_strip:
            refuse(_pairing_problem(strip, depth, self.depth_strip))
        source, given = sources.TABLE[self.depth_source], {"strip": depth, "path": self.depth_path}
        if source.asks and not source.has(strip) and not any(given.get(field) for field in source.fields):
            raise ValueError(source.asks)
        fresh = modifier.find(strip) is None
        modifier.add(strip)
        if fresh:
            _put_default_lens_on(strip)
            settings.put_first_settings_on(strip)
        if fresh or self.properties.is_property_set("depth_source"):
            strip.rackfocus_depth_source = self.depth_source
        if self.depth_path:
            strip.rackfocus_depth_path = self.depth_path
        if depth is not None:
            modifier.pair(strip, depth)
        if fresh:
            to_the_top(self, context, strip)
        ownership.separate()
        if fresh and self.start:
            self.report({"INFO"}, _started(strip))
        signals.redraw()
        return {"FINISHED"}


class RACKFOCUS_OT_modifier_remove(OnStrip, bpy.types.Operator):
    """Take the Rack Focus modifier off the strip, with its keyframes"""

    bl_idname = "rackfocus.modifier_remove"
    bl_label = "Remove Rack Focus"

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        if not modifier.remove(strip):
            self.report({"WARNING"}, f'"{strip.name}" has no Rack Focus modifier')
            return {"CANCELLED"}
        strip.invalidate_cache("COMPOSITE")
        return {"FINISHED"}


class RACKFOCUS_OT_refresh(bpy.types.Operator):
    """Read the files again and make the frame anew"""

    bl_idname = "rackfocus.refresh"
    bl_label = "Refresh Rack Focus"

    def execute(self, context: bpy.types.Context) -> set[str]:
        frames.forget()
        live.forget()
        pixels.forget()
        ownership.separate()
        signals.redraw()
        return {"FINISHED"}


class RACKFOCUS_OT_settings_copy(Doing, bpy.types.Operator):
    """Give the selected strips the active strip's Rack Focus values, not its keyframes nor its depth files"""

    bl_idname = "rackfocus.settings_copy"
    bl_label = "Copy Settings to Selected"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def missing(cls, context: bpy.types.Context) -> str:
        strip = active_strip(context)
        if strip is None or modifier.find(strip) is None:
            return "The active strip has no Rack Focus modifier to copy from"
        return "" if _others(context, strip) else "Select other image or movie strips to copy to"

    def do(self, context: bpy.types.Context) -> set[str]:
        strip = active_strip(context)
        source = modifier.find(strip)
        targets = _others(context, strip)
        for target in targets:
            fresh = modifier.find(target) is None
            made = modifier.add(target)
            if fresh:
                to_the_top(self, context, target)
            modifier.copy_values(source, made)
            kept = target.rackfocus_depth_path
            settings.copy(strip, target)
            target.rackfocus_depth_path = kept
        ownership.separate()
        signals.redraw()
        self.report({"INFO"}, f"Settings copied to {len(targets)} strip(s)")
        return {"FINISHED"}


def _started(strip: bpy.types.Strip) -> str:
    """Give a new modifier a picture with a subject; what was done, or why not."""
    try:
        return shots.sensible_start(strip)
    except EXPECTED as error:
        cause = getattr(error, "cause", "") or str(error)
        return f"No depth to start from yet ({cause}): choose it, estimate it, or set cards, under Depth"


def _put_default_lens_on(strip: bpy.types.Strip) -> None:
    chosen = getattr(cache.preferences(), "default_lens", "NONE")
    if chosen in lenses.LENSES:
        shots.put_on(strip, lenses.LENSES[chosen])


def _others(context: bpy.types.Context, strip: bpy.types.Strip) -> list[bpy.types.Strip]:
    editor = sequencer_scene(context).sequence_editor
    return [s for s in editor.strips_all if s.select and s != strip and s.type in modifier.KINDS]


def _pairing_problem(strip: bpy.types.Strip, depth: bpy.types.Strip | None, name: str) -> str:
    if depth is None:
        return f'There is no strip named "{name}" in this scene'
    if depth == strip:
        return "A strip cannot be its own depth strip"
    if depth.type not in modifier.KINDS:
        return f'"{depth.name}" is no image or movie strip'
    return ""


CLASSES = (
    RACKFOCUS_OT_modifier_add,
    RACKFOCUS_OT_modifier_remove,
    RACKFOCUS_OT_refresh,
    RACKFOCUS_OT_settings_copy,
)
