# SPDX-License-Identifier: GPL-3.0-or-later
"""Work beside Blender: a job on a thread of its own, with progress, a stop and an outcome; and operators that wait for
one while the window lives.

A job's work touches nothing of Blender's. What it made is used on the main thread, when its operator sees it is over.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any, ClassVar

import bpy
import gpu
import numpy as np
from gpu_extras.presets import draw_texture_2d

from ...blender.session import session
from ...depth.strip_estimate import time_left
from .. import gpu_draw
from . import baking
from .telling import Doing

_log = logging.getLogger(__name__)
_TICK_S = 0.1
_INSET, _INSET_PX = 0.35, 240
"""Of a job's picture in the preview: at most this share of its width, and about so many pixels of its own."""
_END_S = 5.0
"""How long the add-on's end waits for a thread: a host that sends nothing cannot be hurried."""
_TELLING_S = 1.0
"""After so long, the speed so far says how long the rest takes."""

Work = Callable[["Job"], Any]


class Job:
    """Work on a thread of its own.

    work(job) runs there; its return value, or what it raised, is the outcome. It calls `tell` as it goes on, and ends
    soon, by CancelledError, once `is_stopping`.
    """

    def __init__(self, title: str, work: Work) -> None:
        self.title, self.share, self.phase = title, 0.0, ""
        self.picture: np.ndarray | None = None
        self.outcome: Any = None
        self.error: BaseException | None = None
        self._work, self._stop, self._began = work, threading.Event(), time.monotonic()
        self._seconds_left: float | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, beside whoever calls."""
        self._thread = threading.Thread(target=self.run, name="rackfocus-job", daemon=True)
        self._thread.start()

    def run(self) -> None:
        """Do the work here and now."""
        try:
            self.outcome = self._work(self)
        except BaseException as error:  # handed to whoever asks
            self.error = error

    def tell(self, share: float, phase: str = "", seconds_left: float | None = None) -> None:
        """Say how far it is. share: 0 to 1. seconds_left: where the work knows better than the speed so far."""
        self.share, self.phase, self._seconds_left = min(max(share, 0.0), 1.0), phase, seconds_left

    def show(self, picture: np.ndarray) -> None:
        """Let whoever wants look at what was made last.

        picture: (H, W) float32, of any unit; NaN is unknown.
        """
        self.picture = picture

    def is_stopping(self) -> bool:
        """Whether somebody wants it to end."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Ask it to end; it does after the step it is at."""
        self._stop.set()

    @property
    def is_over(self) -> bool:
        """Whether there is an outcome, or an error."""
        return self._thread is None or not self._thread.is_alive()

    def wait(self, seconds: float | None = None) -> None:
        """Return when it is over, or after so long."""
        if self._thread is not None:
            self._thread.join(seconds)

    def words(self) -> str:
        """How far it is, in words."""
        if self.is_stopping():
            return f"{self.title}: stopping"
        told = (self.phase or "beginning", f"{100 * self.share:.0f} %", time_left(self._left()))
        return f"{self.title}: {', '.join(word for word in told if word)}"

    def _left(self) -> float | None:
        spent = time.monotonic() - self._began
        if self._seconds_left is not None or self.share <= 0 or spent < _TELLING_S:
            return self._seconds_left
        return spent * (1 - self.share) / self.share


class _Running:
    """The jobs that operators wait for, each with the operator's kind of work. They end with the file."""

    def __init__(self) -> None:
        self.jobs: list[tuple[str, Job]] = []

    def close(self) -> None:
        """End them all."""
        for _, job in self.jobs:
            job.stop()
        for _, job in self.jobs:
            job.wait(_END_S)


def running() -> list[Job]:
    """The jobs that are under way, the oldest first."""
    return [job for _, job in session.part(_Running).jobs]


def go(kind: str, job: Job) -> None:
    """Start a job that others of its kind have to wait for."""
    session.part(_Running).jobs.append((kind, job))
    job.start()


def gone(job: Job) -> None:
    """Nobody has to wait for a job any more."""
    there = session.part(_Running)
    there.jobs = [entry for entry in there.jobs if entry[1] is not job]


def in_the_way(kind: str) -> str:
    """Why no job of a kind can begin now; empty when it can."""
    if kind == "PICTURES" and baking.Progress.running:
        return "A bake is under way: wait for it, or cancel it"
    for other, job in session.part(_Running).jobs:
        if other == kind:
            return f"{job.title} is under way: wait for it, or stop it (the cross beside its bar, or Esc)"
    return ""


def end() -> None:
    """The add-on goes: nothing may run on."""
    session.drop(_Running)


class OnThread(Doing):
    """Operators whose work is a job. A subclass calls `begin` and says in `finish` what becomes of the outcome.

    kind: jobs of one kind do not run beside each other. kept: what is said when it was stopped.
    """

    kind: ClassVar[str] = "PICTURES"
    kept: ClassVar[str] = "Stopped: nothing was changed"

    _job: Job | None = None
    _timer: bpy.types.Timer | None = None
    _said, _stays, _waits = "", False, False

    @classmethod
    def missing(cls, context: bpy.types.Context) -> str:
        return in_the_way(cls.kind) or super().missing(context)

    def finish(self, context: bpy.types.Context, outcome: Any) -> set[str]:
        """Use what the job made. On the main thread."""
        raise NotImplementedError

    def begin(self, context: bpy.types.Context, title: str, work: Work) -> set[str]:
        """Start the work; what the operator returns. Where there is no window, it is done here and now."""
        job = Job(title, work)
        if self._waits or bpy.app.background:
            if bpy.app.background:
                job.tell = _printing(job)  # type: ignore[method-assign]
            job.run()
            return self._ended(context, job)
        self._job = job
        go(self.kind, job)
        self._handle = bpy.types.SpaceSequenceEditor.draw_handler_add(_draw_picture, (job,), "PREVIEW", "POST_PIXEL")
        self._timer = context.window_manager.event_timer_add(_TICK_S, window=context.window)
        self.stay(context)
        self._say(context)
        return {"RUNNING_MODAL"}

    def stay(self, context: bpy.types.Context) -> None:
        """Get the window's events from now on. Once only: Blender crashes over an operator that was added twice."""
        if not self._stays:
            context.window_manager.modal_handler_add(self)
            self._stays = True

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        job = self._job
        assert job is not None
        if event.type == "ESC" and event.value == "PRESS":
            job.stop()
            self._say(context)
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        if not job.is_over:
            self._say(context)
            return {"PASS_THROUGH"}
        self._leave(context)
        return self._ended(context, job)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator: another file is opened, or it quits."""
        if self._job is not None:
            self._job.stop()
            self._leave(context)

    def _ended(self, context: bpy.types.Context, job: Job) -> set[str]:
        if isinstance(job.error, CancelledError):
            self.report({"INFO"}, self.kept)
            return {"CANCELLED"}
        return self.told(self._use, context, job)

    def _use(self, context: bpy.types.Context, job: Job) -> set[str]:
        if job.error is not None:
            raise job.error
        return self.finish(context, job.outcome)

    def _say(self, context: bpy.types.Context) -> None:
        words = self._job.words()
        if words != self._said:
            self._said = words
            context.workspace.status_text_set(f"{words}   |   Esc: stop")
            redraw_panels(context)

    def _leave(self, context: bpy.types.Context) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
            bpy.types.SpaceSequenceEditor.draw_handler_remove(self._handle, "PREVIEW")
        if self._job is not None:
            gone(self._job)
        context.workspace.status_text_set(None)
        redraw_panels(context)


class Awaited(OnThread):
    """Operators whose work is a job where they are invoked, and which a script that calls them waits for."""

    _waits = True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        self._waits = False
        return self.execute(context)


class RACKFOCUS_OT_job_stop(Doing, bpy.types.Operator):
    """Stop what is under way; what is done is kept where it can be"""

    bl_idname = "rackfocus.job_stop"
    bl_label = "Stop"

    title: bpy.props.StringProperty(name="Job", description="Which one; empty stops all")

    @classmethod
    def missing(cls, _context: bpy.types.Context) -> str:
        return "" if running() else "Nothing is under way"

    def do(self, _context: bpy.types.Context) -> set[str]:
        for job in running():
            if self.title in ("", job.title):
                job.stop()
        return {"FINISHED"}


def draw_running(layout: bpy.types.UILayout) -> None:
    """A bar for every job under way, with the time left, and a cross that stops it."""
    for job in running():
        row = layout.row(align=True)
        row.progress(text=job.words(), factor=job.share)
        row.operator("rackfocus.job_stop", text="", icon="X").title = job.title


def _draw_picture(job: Job) -> None:
    """What a job made last, small, in a corner of the preview."""
    picture = job.picture
    if picture is None:
        return
    region, scale = bpy.context.region, bpy.context.preferences.system.ui_scale
    width = min(_INSET * region.width, picture.shape[1] * scale)
    height = width * picture.shape[0] / picture.shape[1]
    draw_texture_2d(_texture(picture), (region.width - width - 12 * scale, 12 * scale), width, height)


def _texture(picture: np.ndarray) -> gpu.types.GPUTexture:
    """Grey, from the least value to the largest but for a few; what is unknown stays black."""
    step = -(-max(picture.shape) // _INSET_PX)
    small = picture[::step, ::step]
    known = small[np.isfinite(small)]
    low, high = np.percentile(known, (2, 98)) if known.size else (0.0, 1.0)
    grey = np.nan_to_num((small - low) / max(high - low, 1e-9)).clip(0, 1)
    return gpu_draw.texture(np.dstack([grey, grey, grey, np.ones_like(grey)]))


def redraw_panels(context: bpy.types.Context) -> None:
    """Let the sidebars and the preferences show how far things are, and the preview what came."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {"SEQUENCE_EDITOR", "PREFERENCES"}:
                for region in area.regions:
                    if region.type in {"UI", "PREVIEW"} or area.type == "PREFERENCES":
                        region.tag_redraw()


def _printing(job: Job) -> Callable[..., None]:
    """`tell` that also says every tenth part on the terminal, where there is no window."""
    told, tell = -1, job.tell

    def say(share: float, phase: str = "", seconds_left: float | None = None) -> None:
        nonlocal told
        tell(share, phase, seconds_left)
        if int(10 * share) != told:
            told = int(10 * share)
            _log.info("%s", job.words())

    return say


CLASSES = (RACKFOCUS_OT_job_stop,)
