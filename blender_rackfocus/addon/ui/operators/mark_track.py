# SPDX-License-Identifier: GPL-3.0-or-later
"""Track a mark through the shot: in a thread, with progress in the status bar; Esc leaves everything as it was."""

from __future__ import annotations

import threading
from typing import ClassVar

import bpy

from ....media import MediaError
from ... import errors
from ...blender import dna, strips
from ...desk import tracking
from ...shot import marks
from .rack import OnRackedStrip, racked_strip

_EXPECTED = (MediaError, ValueError, errors.FrameError, strips.StripError, dna.LayoutError)


class RACKFOCUS_OT_mark_track(OnRackedStrip, bpy.types.Operator):
    """Follow a mark's point through the shot and read the depth under it on every frame; says where it is lost. Esc
    stops, and changes nothing"""

    bl_idname = "rackfocus.mark_track"
    bl_label = "Track Mark"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    mark: bpy.props.StringProperty(name="Mark", description="The mark to track; empty for the active or a new one")
    name: bpy.props.StringProperty(name="Name", description="Name of a new mark", default="Mark")
    x: bpy.props.FloatProperty(
        name="X", description="Share of the picture's width; below 0: where the mark was picked", default=-1.0, max=1.0
    )
    y: bpy.props.FloatProperty(
        name="Y", description="Share of the picture's height, from the top", default=-1.0, max=1.0
    )
    nearest: bpy.props.BoolProperty(
        name="Nearest Surface", description="Read the nearest surface under the point, not the one that fills most"
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if not self._prepare(context):
            return {"CANCELLED"}
        self._stop, self._share = threading.Event(), 0.0
        self._result: dict[int, marks.Sample] | None = None
        self._error = ""
        self._thread = threading.Thread(target=self._work, name="rackfocus-track", daemon=True)
        self._thread.start()
        self._timer = context.window_manager.event_timer_add(0.1, window=context.window)
        context.window_manager.progress_begin(0, 100)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type == "ESC" and event.value == "PRESS":
            self._stop.set()
            self._thread.join()
            self._end(context)
            self.report({"INFO"}, "Tracking stopped: nothing was changed")
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        if self._thread.is_alive():
            context.window_manager.progress_update(100 * self._share)
            context.workspace.status_text_set(f'Tracking "{self._label}": {100 * self._share:.0f} %   Esc: stop')
            return {"RUNNING_MODAL"}
        self._end(context)
        return self._finish(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not self._prepare(context):
            return {"CANCELLED"}
        self._stop, self._share, self._result, self._error = threading.Event(), 0.0, None, ""
        self._work()
        return self._finish(context)

    def cancel(self, context: bpy.types.Context) -> None:
        self._stop.set()
        self._end(context)

    def _prepare(self, context: bpy.types.Context) -> bool:
        strip = racked_strip(self, context, self.strip_name)
        if strip is None:
            return False
        mark = marks.find(strip, self.mark) if self.mark else None
        if self.mark and mark is None:
            self.report({"ERROR"}, f'There is no mark named "{self.mark}"')
            return False
        if mark is None and self.x < 0:
            mark = marks.active(strip)
        try:
            here = strips.media_frame(strip, tracking.shown(strip, strip.id_data.frame_current).frame, strip.id_data)
            steps = tracking.plan(strip)
        except _EXPECTED as error:
            self.report({"ERROR"}, str(error))
            return False
        x, y, start = self.x, self.y, here.index
        if x < 0 and mark is not None:
            x, y, start = mark.x, mark.y, mark.media_frame
        if x < 0 or y < 0:
            self.report({"ERROR"}, "Pick a point first: this mark is a distance and was not taken from the picture")
            return False
        self._strip, self._scene = strip.name, strip.id_data.name
        self._mark = mark.name if mark is not None else ""
        self._label = self._mark or self.name
        self._steps, self._start, self._point = steps, start, (x, y)
        self._nearest = self.nearest or (mark is not None and mark.nearest)
        return True

    def _work(self) -> None:
        def progress(share: float) -> None:
            self._share = share

        try:
            self._result = tracking.run(self._steps, self._start, *self._point, self._nearest, self._stop, progress)
        except tracking.Cancelled:
            pass
        except _EXPECTED as error:
            self._error = str(error)

    def _finish(self, _context: bpy.types.Context) -> set[str]:
        if self._result is None:
            self.report({"ERROR"}, self._error or "Tracking ended without a result")
            return {"CANCELLED"}
        scene = bpy.data.scenes.get(self._scene)
        strip = scene.sequence_editor.strips_all.get(self._strip) if scene and scene.sequence_editor else None
        if strip is None:
            self.report({"ERROR"}, f'"{self._strip}" is not there any more')
            return {"CANCELLED"}
        known = [sample.metres for sample in self._result.values() if sample.metres == sample.metres]
        if not known:
            self.report({"ERROR"}, "There is no depth under this point on any frame")
            return {"CANCELLED"}
        mark = marks.find(strip, self._mark) if self._mark else None
        picked = self._result[self._start].metres
        if mark is None:
            mark = marks.add(strip, self._label, picked if picked == picked else known[0])
        mark.x, mark.y, mark.media_frame, mark.nearest = *self._point, self._start, self._nearest
        marks.set_samples(mark, self._result)
        lost = len(known) < len(self._result)
        self.report({"WARNING"} if lost else {"INFO"}, f"{mark.name}: {tracking.describe(self._result)}")
        return {"FINISHED"}

    def _end(self, context: bpy.types.Context) -> None:
        context.window_manager.event_timer_remove(self._timer)
        context.window_manager.progress_end()
        context.workspace.status_text_set(None)


CLASSES = (RACKFOCUS_OT_mark_track,)
