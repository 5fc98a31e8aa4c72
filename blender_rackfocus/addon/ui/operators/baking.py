# SPDX-License-Identifier: GPL-3.0-or-later
"""What baking strips and baking nodes have in common: a frame at a time in the window, pause, cancel, what is said."""

from __future__ import annotations

from collections.abc import Generator

import bpy

from ...blender import signals
from ...blender.errors import EXPECTED
from ...delivery import bake
from .telling import Doing, refuse

_TICK_S = 0.01


class Progress:
    """The bake that is under way in the window; one at a time. The panels read it, the operators write it."""

    running = False
    paused = False
    cancelled = False
    done = 0
    total = 0
    what = ""

    @classmethod
    def start(cls, total: int) -> None:
        """Nothing is done yet of so many frames."""
        cls.total, cls.done, cls.paused, cls.cancelled = total, 0, False, False


class OnOwners(Doing):
    """Operators for strips or for nodes."""

    def owners(self, context: bpy.types.Context) -> bake.Owners:
        """All that there are."""
        raise NotImplementedError

    def names(self, context: bpy.types.Context) -> list[str]:
        """Names of those that are meant. Raises ValueError where there are none."""
        raise NotImplementedError


class Baking(OnOwners):
    """An operator that bakes: at once when it is called, a frame at a time when it is invoked in the window."""

    first: bpy.props.IntProperty(name="First", description="First frame; 0 with Last 0 for all of them")
    last: bpy.props.IntProperty(name="Last", description="Last frame")
    afresh: bpy.props.BoolProperty(name="Afresh", description="Also frames that are there and right")

    expected = (OSError, *EXPECTED)
    _owners: bake.Owners
    _job: Generator[bake.Outcome]

    def do(self, context: bpy.types.Context) -> set[str]:
        self._begin(context)
        with signals.paused():
            while (outcome := self._step()) == "MORE":
                pass
        return self._end(outcome)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return self.told(self._begin_modal, context)

    def _begin_modal(self, context: bpy.types.Context) -> set[str]:
        self._begin(context)
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
        if Progress.paused or bpy.app.is_job_running("RENDER"):
            return {"PASS_THROUGH"}
        try:
            with signals.paused():
                outcome = self._step()
        except BaseException:
            self._leave(context)  # whatever it was, no bake is under way any more
            raise
        context.window_manager.progress_update(Progress.done)
        words = f"Rack Focus: baking {Progress.what}, {Progress.done} of {Progress.total} frames (Esc cancels)"
        context.workspace.status_text_set(words)
        for area in context.screen.areas:
            if area.type in {"SEQUENCE_EDITOR", "NODE_EDITOR"}:
                area.tag_redraw()
        return {"PASS_THROUGH"} if outcome == "MORE" else self._end_modal(context, outcome)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender closes the window or loads another file."""
        self._end_modal(context, "CANCELLED")

    def _begin(self, context: bpy.types.Context) -> None:
        """Prepare. Raises what is in the way."""
        self._problem, self._clipped, self._baked = "", 0, 0
        self._owners = owners = self.owners(context)
        names = [name for name in self.names(context) if name in owners.names()]
        problem = owners.not_now() if names else "It is not at work: muted, or no render of the scene shows it"
        frames = {name: self._frames(owners, name) for name in names}
        needs = [owners.disk_need(name, frames[name], owners.place(name)) for name in names]
        refuse(problem or bake.too_large(needs))
        Progress.start(sum(map(len, frames.values())))
        groups = [names] if owners.together else [[name] for name in names]
        self._job = self._outcomes(owners, groups)

    def _frames(self, owners: bake.Owners, name: str) -> range:
        return range(self.first, self.last + 1) if self.first or self.last else owners.frames(name)

    def _outcomes(self, owners: bake.Owners, groups: list[list[str]]) -> Generator[bake.Outcome]:
        for names in groups:
            Progress.what = ", ".join(names)
            places = {name: owners.place(name) for name in names}
            which = self._frames(owners, names[0])
            with bake.Bake(owners, places, which, afresh=self.afresh, wait=False) as under_way:
                yield from under_way
            for name, place in places.items():
                owners.attach(name, place)

    def _step(self) -> str:
        """One frame. 'MORE', 'FINISHED' or 'CANCELLED' (with `_problem` said)."""
        try:
            outcome = next(self._job, None)
        except EXPECTED as error:
            self._problem = str(error)
            return "CANCELLED"
        if outcome is None:
            return "FINISHED"
        Progress.done += 1
        self._baked += outcome.state == "baked"
        self._clipped += outcome.clipped
        return "MORE"

    def _end_modal(self, context: bpy.types.Context, outcome: str) -> set[str]:
        self._leave(context)
        return self._end(outcome)

    def _leave(self, context: bpy.types.Context) -> None:
        manager = context.window_manager
        manager.event_timer_remove(self._timer)
        manager.progress_end()
        context.workspace.status_text_set(None)
        Progress.running = False

    def _end(self, outcome: str) -> set[str]:
        with signals.paused():
            self._job.close()  # leaves the folder tidy and the scene at its frame
        if self._problem:
            self.report({"ERROR"}, self._problem)
        elif outcome == "CANCELLED":
            self.report({"WARNING"}, f"Bake cancelled after {Progress.done} of {Progress.total} frames; they are kept")
        else:
            self.report({"INFO"}, f"{Progress.done} frames are baked, {self._baked} of them now")
            if self._clipped:
                self.report({"WARNING"}, f"PNG cut off light above white in {self._clipped} frames; EXR keeps it")
        signals.redraw()
        remark = self._owners.remark() if outcome == "FINISHED" else ""
        if remark:
            self.report({"WARNING"}, remark)
        return {outcome}


class _UnderWay(Doing):
    """For operators on the bake that is under way."""

    @classmethod
    def missing(cls, _context: bpy.types.Context) -> str:
        return "" if Progress.running else "No bake is under way"


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


CLASSES = (RACKFOCUS_OT_bake_pause, RACKFOCUS_OT_bake_cancel)
