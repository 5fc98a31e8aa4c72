# SPDX-License-Identifier: GPL-3.0-or-later
"""Bake strips, pause, check and un-bake them; look into the store, verify and clear it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import ClassVar

import bpy

from ...media import baked
from .. import bake, baked_strips, cache, handlers, modifier, staleness
from ..errors import FrameError
from .strip_modifier import active_strip, sequencer_scene, strip_named

_TICK_S = 0.01
_SIZES = ("bytes", "KB", "MB", "GB", "TB")


class Progress:
    """The bake that is under way in the window; one at a time. The panel reads it, the operators write it."""

    running = False
    paused = False
    cancelled = False
    done = 0
    total = 0
    strip = ""


def size_text(count: float) -> str:
    """A number of bytes as people say it."""
    for unit in _SIZES:
        if count < 1000 or unit == _SIZES[-1]:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return ""


def too_large(estimates: list[bake.Estimate]) -> str:
    """Why the disk cannot hold a bake, empty when it can."""
    needed, free = sum(one.bytes_needed for one in estimates), min((one.bytes_free for one in estimates), default=0)
    if needed <= free:
        return ""
    frames = sum(one.frames for one in estimates)
    return (
        f"The disk cannot hold the bake: {frames} frames need up to {size_text(needed)}, {size_text(free)} are free. "
        "Choose another folder, fewer frames, or free some space"
    )


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


class RACKFOCUS_OT_bake(_Strips, bpy.types.Operator):
    """Write final-quality frames to disk, and let the strip read them: they show on any machine, also without this
    extension"""

    bl_idname = "rackfocus.bake"
    bl_label = "Bake"

    first: bpy.props.IntProperty(name="First", description="First frame; 0 with Last 0 for all of the strip")
    last: bpy.props.IntProperty(name="Last", description="Last frame")
    afresh: bpy.props.BoolProperty(name="Afresh", description="Also frames that are there and right")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if Progress.running:
            cls.poll_message_set("A bake is under way")
            return False
        return sequencer_scene(context) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not self._begin(context):
            return {"CANCELLED"}
        with handlers.paused():
            while (outcome := self._step()) == "MORE":
                pass
        return self._end(context, outcome)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if not self._begin(context):
            return {"CANCELLED"}
        manager = context.window_manager
        manager.progress_begin(0, max(Progress.total, 1))
        self._timer = manager.event_timer_add(_TICK_S, window=context.window)
        manager.modal_handler_add(self)
        Progress.running = True
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type == "ESC" and event.value == "PRESS":
            Progress.cancelled = True
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        if Progress.cancelled:
            return self._end_modal(context, "CANCELLED")
        if Progress.paused:
            return {"PASS_THROUGH"}
        with handlers.paused():
            outcome = self._step()
        context.window_manager.progress_update(Progress.done)
        words = f"Rack Focus: baking {Progress.strip}, {Progress.done} of {Progress.total} frames (Esc cancels)"
        context.workspace.status_text_set(words)
        for area in context.screen.areas:
            if area.type in {"SEQUENCE_EDITOR", "NODE_EDITOR"}:
                area.tag_redraw()
        return {"PASS_THROUGH"} if outcome == "MORE" else self._end_modal(context, outcome)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender closes the window or loads another file."""
        self._end_modal(context, "CANCELLED")

    def _begin(self, context: bpy.types.Context) -> bool:
        self._scene_name = sequencer_scene(context).name
        scene = bpy.data.scenes[self._scene_name]
        self._names = self.names(context)
        self._problem, self._clipped, self._baked = "", 0, 0
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
        problem = too_large(estimates)
        if problem:
            self.report({"ERROR"}, problem)
        Progress.total, Progress.done, Progress.paused, Progress.cancelled = total, 0, False, False
        self._job = self._outcomes(scene)
        return bool(self._names) and not problem

    def _frames(self, scene: bpy.types.Scene, strip: bpy.types.Strip) -> range:
        if self.first or self.last:
            return range(self.first, self.last + 1)
        return bake.frames_of(scene, strip)

    def _outcomes(self, scene: bpy.types.Scene) -> Iterator[bake.Outcome]:
        for name in self._names:
            strip = scene.sequence_editor.strips_all[name]
            place = baked_strips.default_place(scene, strip)
            Progress.strip = name
            which = self._frames(scene, strip)
            with bake.Bake(scene, strip, which, place, afresh=self.afresh, wait=False) as under_way:
                yield from under_way
            baked_strips.attach(scene.sequence_editor.strips_all[name], place)

    def _step(self) -> str:
        """One frame. 'MORE', 'FINISHED' or 'CANCELLED' (with `_problem` said)."""
        if bpy.data.scenes.get(self._scene_name) is None:
            self._problem = "The scene is gone"
            return "CANCELLED"
        try:
            outcome = next(self._job, None)
        except FrameError as error:
            self._problem = str(error)
            return "CANCELLED"
        if outcome is None:
            return "FINISHED"
        Progress.done += 1
        self._baked += outcome.state == "baked"
        self._clipped += outcome.clipped
        return "MORE"

    def _end_modal(self, context: bpy.types.Context, outcome: str) -> set[str]:
        manager = context.window_manager
        manager.event_timer_remove(self._timer)
        manager.progress_end()
        context.workspace.status_text_set(None)
        Progress.running = False
        return self._end(context, outcome)

    def _end(self, context: bpy.types.Context, outcome: str) -> set[str]:
        with handlers.paused():
            self._job.close()  # leaves the folder tidy and the scene at its frame
        staleness.changed()
        handlers.refresh(context)
        if self._problem:
            self.report({"ERROR"}, self._problem)
        elif outcome == "CANCELLED":
            self.report({"WARNING"}, f"Bake cancelled after {Progress.done} of {Progress.total} frames; they are kept")
        else:
            self.report({"INFO"}, f"{Progress.done} frames are baked, {self._baked} of them now")
            if self._clipped:
                self.report({"WARNING"}, f"PNG cut off light above white in {self._clipped} frames; EXR keeps it")
            inside = baked_strips.shown_inside(bpy.data.scenes[self._scene_name])
            if inside:
                words = "; without the extension Blender shows one frame of a bake in those"
                self.report({"WARNING"}, f"This scene is shown by {', '.join(inside)}{words}")
        return {outcome}


class _UnderWay:
    """For operators on the bake that is under way."""

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if not Progress.running:
            cls.poll_message_set("No bake is under way")
        return Progress.running


class RACKFOCUS_OT_bake_pause(_UnderWay, bpy.types.Operator):
    """Pause the bake that is under way, or go on with it"""

    bl_idname = "rackfocus.bake_pause"
    bl_label = "Pause Bake"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        Progress.paused = not Progress.paused
        return {"FINISHED"}


class RACKFOCUS_OT_bake_cancel(_UnderWay, bpy.types.Operator):
    """Stop the bake that is under way; the frames that are done stay"""

    bl_idname = "rackfocus.bake_cancel"
    bl_label = "Cancel Bake"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        Progress.cancelled = True
        return {"FINISHED"}


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
        handlers.refresh(context)
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
            summary = staleness.check(scene, strip, bake.frames_of(scene, strip), place)
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
        handlers.refresh(context)
        if not gone:
            self.report({"WARNING"}, "It is not baked")
        return {"FINISHED"} if gone else {"CANCELLED"}


def delete_frames(folder: str) -> None:
    """Delete baked frames. Only what we wrote: whole frames with our trailer."""
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        path = os.path.join(folder, name)
        if baked.notes_of(path) is not None:
            baked.remove(path)
    baked.sweep(folder)
    if not os.listdir(folder):
        os.rmdir(folder)


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
            self.report({"INFO"}, f"{len(kept)} frames, {size_text(filled)} of {size_text(limit)} in {where.folder}")
        return {"FINISHED"}


def running_text() -> str:
    """How far the bake in the window is, for the panel; empty when there is none."""
    if not Progress.running:
        return ""
    state = "Paused" if Progress.paused else "Baking"
    return f"{state}: {Progress.done} of {Progress.total}"


def active(context: bpy.types.Context) -> bpy.types.Strip | None:
    """The active strip, if it has our modifier."""
    strip = active_strip(context)
    return strip if strip is not None and modifier.find(strip) is not None else None


CLASSES = (
    RACKFOCUS_OT_bake,
    RACKFOCUS_OT_bake_pause,
    RACKFOCUS_OT_bake_cancel,
    RACKFOCUS_OT_bake_use,
    RACKFOCUS_OT_bake_check,
    RACKFOCUS_OT_unbake,
    RACKFOCUS_OT_store,
)
