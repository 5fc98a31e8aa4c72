# SPDX-License-Identifier: GPL-3.0-or-later
"""Bake strips, check and un-bake them; look into the store, verify and clear it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import ClassVar

import bpy

from ... import cache, signals
from ...bake import bake
from ...blender.context import active_strip, sequencer_scene, strip_named
from ...errors import FrameError
from ...sequencer import baked_strips, staleness
from ...shot import modifier
from . import jobs
from .baking import Baking, Progress, delete_frames


class _Strips:
    """Which strips an operator is for."""

    strip_name: bpy.props.StringProperty(name="Strip", description="Name of the strip; empty for the active one")
    all_strips: bpy.props.BoolProperty(name="All Strips", description="Every strip with a Rack Focus modifier")

    def names(self, context: bpy.types.Context) -> list[str]:
        """Names of the strips meant; empty after reporting why there are none."""
        scene = sequencer_scene(context)
        if self.all_strips:
            names = [strip.name for strip in bake.strips_of(scene)]
            if not names:
                self.report({"ERROR"}, "No strip in this scene has a Rack Focus modifier")
            return names
        strip = strip_named(context, self.strip_name)
        if strip is None or modifier.find(strip) is None:
            self.report({"ERROR"}, "Select a strip that has a Rack Focus modifier")
            return []
        return [strip.name]


class RACKFOCUS_OT_bake(_Strips, Baking, bpy.types.Operator):
    """Write final-quality frames to disk, and let the strip read them: they show on any machine, also without this
    extension"""

    bl_idname = "rackfocus.bake"
    bl_label = "Bake"

    redrawn = frozenset({"SEQUENCE_EDITOR", "NODE_EDITOR"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        problem = jobs.in_the_way("PICTURES")
        if problem:
            cls.poll_message_set(problem)
            return False
        return sequencer_scene(context) is not None

    def begin(self, context: bpy.types.Context) -> bool:
        scene = sequencer_scene(context)
        self._scene_name, self._names = scene.name, self.names(context)
        estimates, total = [], 0
        try:
            for name in self._names:
                strip = scene.sequence_editor.strips_all[name]
                which = self._frames(scene, strip)
                total += len(which)
                estimates.append(bake.estimate(scene, strip, which, baked_strips.default_place(scene, strip)))
        except (FrameError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return False
        problem = bake.too_large(estimates)
        if problem:
            self.report({"ERROR"}, problem)
        Progress.start(total)
        self._job = self._outcomes(scene)
        return bool(self._names) and not problem

    def _frames(self, scene: bpy.types.Scene, strip: bpy.types.Strip) -> range:
        if self.first or self.last:
            return range(self.first, self.last + 1)
        return baked_strips.frames_of(scene, strip)

    def _outcomes(self, scene: bpy.types.Scene) -> Iterator[bake.Outcome]:
        for name in self._names:
            strip = scene.sequence_editor.strips_all[name]
            place = baked_strips.default_place(scene, strip)
            Progress.what = name
            which = self._frames(scene, strip)
            with bake.Bake(scene, strip, which, place, afresh=self.afresh, wait=False) as under_way:
                yield from under_way
            baked_strips.attach(scene.sequence_editor.strips_all[name], place)

    def ended(self, context: bpy.types.Context, outcome: str) -> None:
        staleness.changed()
        signals.redraw()
        scene = bpy.data.scenes.get(self._scene_name)
        inside = baked_strips.shown_inside(scene) if outcome == "FINISHED" and scene is not None else []
        if inside:
            words = "; without the extension Blender shows one frame of a bake in those"
            self.report({"WARNING"}, f"This scene is shown by {', '.join(inside)}{words}")


class RACKFOCUS_OT_bake_use(_Strips, bpy.types.Operator):
    """Read frames that were baked elsewhere (a render farm, the command line) from the strip's bake folder"""

    bl_idname = "rackfocus.bake_use"
    bl_label = "Use Baked Frames"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = sequencer_scene(context)
        names = self.names(context)
        used = 0
        for name in names:
            strip = scene.sequence_editor.strips_all[name]
            place = baked_strips.default_place(scene, strip)
            if not os.path.isdir(place.folder):
                self.report({"ERROR"}, f'"{name}" has no baked frames in {place.folder}')
                continue
            try:
                baked_strips.attach(strip, place)
            except FrameError as error:
                self.report({"ERROR"}, str(error))
                continue
            used += 1
        staleness.changed()
        signals.redraw()
        return {"FINISHED"} if used else {"CANCELLED"}


class RACKFOCUS_OT_bake_check(_Strips, bpy.types.Operator):
    """Tell which baked frames are still right, and what has changed for those that are not"""

    bl_idname = "rackfocus.bake_check"
    bl_label = "Check Baked Frames"

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = sequencer_scene(context)
        looked = 0
        for name in self.names(context):
            strip = scene.sequence_editor.strips_all[name]
            place = baked_strips.place_of(modifier.find(strip))
            if place is None:
                self.report({"WARNING"}, f'"{name}" is not baked')
                continue
            looked += 1
            summary = staleness.check(scene, strip, baked_strips.frames_of(scene, strip), place)
            kind = "INFO" if summary.all_fresh else "WARNING"
            self.report({kind}, f"{name}: " + "; ".join(summary.lines()))
        return {"FINISHED"} if looked else {"CANCELLED"}


class RACKFOCUS_OT_unbake(_Strips, bpy.types.Operator):
    """Back to live frames"""

    bl_idname = "rackfocus.unbake"
    bl_label = "Un-bake"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    delete_files: bpy.props.BoolProperty(
        name="Delete Files", description="Delete the baked frames from the disk as well"
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = sequencer_scene(context)
        gone = 0
        for name in self.names(context):
            place = baked_strips.detach(scene.sequence_editor.strips_all[name])
            gone += place is not None
            if place is not None and self.delete_files:
                delete_frames(place.folder)
        staleness.changed()
        signals.redraw()
        if not gone:
            self.report({"WARNING"}, "It is not baked")
        return {"FINISHED"} if gone else {"CANCELLED"}


class RACKFOCUS_OT_store(bpy.types.Operator):
    """Look into the store of computed frames, verify or clear it. Baked frames are not in it"""

    bl_idname = "rackfocus.store"
    bl_label = "Computed Frames"

    action: bpy.props.EnumProperty(
        name="Action",
        items=(
            ("LOOK", "Look", "How many frames are kept, and how much they fill"),
            ("VERIFY", "Verify", "Read every frame, and remove those that are damaged"),
            ("CLEAR", "Clear", "Remove all of them"),
        ),
    )

    def execute(self, _context: bpy.types.Context) -> set[str]:
        where = cache.store()
        if where is None:
            self.report({"INFO"}, "Computed frames are not kept (see the preferences)")
            return {"CANCELLED"}
        if self.action == "CLEAR":
            self.report({"INFO"}, f"{where.clear()} frames removed from {where.folder}")
        elif self.action == "VERIFY":
            bad = where.verify()
            self.report({"WARNING" if bad else "INFO"}, f"{len(bad)} damaged frames removed from {where.folder}")
        else:
            kept, limit = where.contents(), where.limit_bytes
            filled = sum(one.size_bytes for one in kept)
            sizes = f"{bake.size_text(filled)} of {bake.size_text(limit)}"
            self.report({"INFO"}, f"{len(kept)} frames, {sizes} in {where.folder}")
        return {"FINISHED"}


def active(context: bpy.types.Context) -> bpy.types.Strip | None:
    """The active strip, if it has our modifier."""
    strip = active_strip(context)
    return strip if strip is not None and modifier.find(strip) is not None else None


CLASSES = (
    RACKFOCUS_OT_bake,
    RACKFOCUS_OT_bake_use,
    RACKFOCUS_OT_bake_check,
    RACKFOCUS_OT_unbake,
    RACKFOCUS_OT_store,
)
