# SPDX-License-Identifier: GPL-3.0-or-later
"""The window's frames, made off Blender's main thread: a draft at once, the final frame when nothing moves any more.

The main thread says what it wants to see (`ask`) and waits for it a moment (`PATIENCE_S`), which a draft seldom needs
in full. What comes later is fetched by a timer; playback holds the last picture for a moment, and then waits. For every
image only the newest wish counts: older ones that have not been begun are dropped. Drafts and final frames have a
thread each, so that a slow final frame never keeps a draft waiting. During playback drafts shrink until they keep up.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace

import bpy

from ...frame.job import Job, Made
from ...frame.memory import Memory
from ...media import MediaError
from ..blender import cache, signals
from ..blender.session import session
from . import frames, views

_log = logging.getLogger(__name__)

PATIENCE_S = 0.02
"""How long the main thread waits for a draft before it goes on without."""
PLAYBACK_SHARE = 0.6
"""During playback it waits for this share of a frame's time: of the timeline's, or of what a frame takes on screen."""
LONGEST_FRAME_S = 0.4
"""A frame that takes longer on screen than this is not waited for any longer."""
HOLD_S = 0.5
"""During playback a picture whose frame was due this long ago at most stands for one that is not computed."""
LONGEST_WAIT_S = 10.0
"""With nothing left to hold, playback waits this long for a draft, as it does for a slow strip of Blender's own."""
IDLE_S = 0.35
"""Rest after the last change before final frames are made."""
POLL_S = 0.03
SMALLEST_DRAFT = 320
"""Pixels across below which playback does not shrink drafts."""


@dataclass(frozen=True)
class Wish:
    """What an image is to show: a job, and the view of it (see `views`). whole: held at another frame than its own, so
    nothing of that frame may show through."""

    job: Job
    view: str
    whole: bool = False


@dataclass(frozen=True)
class _Granted:
    """The last wish granted for an image, and until when its frame was the timeline's own (seconds, as
    `time.monotonic` counts)."""

    wish: Wish
    due_s: float


class _Worker:
    """One thread that grants the newest wish of every image."""

    def __init__(self, name: str, home: _Live) -> None:
        self._name, self._home = name, home
        self._waiting: OrderedDict[int, tuple[Wish, int, float]] = OrderedDict()
        self._busy: Wish | None = None
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._ends = False

    def ask(self, image: int, wish: Wish, draft_width: int) -> None:
        with self._changed:
            if self._busy == wish:
                self._waiting.pop(image, None)
                return
            self._waiting[image] = wish, draft_width, time.monotonic()
            if self._thread is None:
                self._ends = False
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def wait_for(self, wish: Wish, seconds: float) -> None:
        """Return when the wish is granted, or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: wish in self._home.granted, seconds)

    def is_idle(self) -> bool:
        return self._busy is None and not self._waiting

    def drop(self) -> None:
        """Forget what has not been begun."""
        with self._changed:
            self._waiting.clear()

    def stop(self) -> None:
        with self._changed:
            self._waiting.clear()
            self._ends = True
            thread, self._thread = self._thread, None
            self._changed.notify_all()
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ends)
                if self._ends:
                    return
                image, (wish, width, due_s) = self._waiting.popitem(last=False)
                self._busy = wish
            granted = self._home.granted
            outcome = _grant(wish, width)
            with self._changed:
                self._home.keep(granted, image, _Granted(wish, due_s), outcome)
                self._busy = None
                self._changed.notify_all()


class _Grants(Memory[Wish, "Made | Exception"]):
    """What was made of each wish, or why it could not be; never fewer than a draft and its final frame."""

    def __init__(self) -> None:
        super().__init__(lambda outcome: outcome.size_bytes if isinstance(outcome, Made) else 0, least=2)


class _Live:
    """What the window wants and has. granted: by wish. wanted: the wish of every image. newest: the last one granted
    for it."""

    def __init__(self) -> None:
        self.drafts, self.finals = _Worker("rackfocus-draft", self), _Worker("rackfocus-final", self)
        self.granted = _Grants()
        self.lock = threading.Lock()
        self.wanted: dict[int, Wish] = {}
        self.newest: dict[int, _Granted] = {}
        self.asked_s: dict[int, float] = {}
        self.hold_ends_s = self.last_change = 0.0
        self.draft_width = frames.DRAFT_WIDTH
        self.news = False

    def frame_s(self, image: int, nominal_s: float) -> float:
        """How long a frame of an image is on screen in playback: a busy window shows fewer than the timeline has."""
        now = time.monotonic()
        before, self.asked_s[image] = self.asked_s.get(image, now), now
        return max(nominal_s, min(now - before, LONGEST_FRAME_S))

    def keep(self, grants: _Grants, image: int, granted: _Granted, outcome: Made | Exception) -> None:
        """A wish of an image is granted. grants: those there were when it was begun; others, when the file has changed
        meanwhile."""
        with self.lock:
            if grants is self.granted:
                self.granted.keep(granted.wish, outcome)
                self.newest[image] = granted
                self.news = True

    def forget(self) -> None:
        """Files or the file changed: nothing made before counts, nor what is being made."""
        self.drafts.drop()
        self.finals.drop()
        with self.lock:
            self.granted, self.newest, self.wanted = _Grants(), {}, {}

    def close(self) -> None:
        """End the threads and the timer."""
        self.drafts.stop()
        self.finals.stop()
        if bpy.app.timers.is_registered(_poll):
            bpy.app.timers.unregister(_poll)


def _live() -> _Live:
    return session.part(_Live)


def ask(image: int, job: Job, view: str, playing: bool, frame_s: float = 0.0) -> tuple[Wish, Made | None]:
    """What an image is to show now: the wish it is for, and its pixels, None where they are not ready.

    image: any number that stands for it. job: a draft. frame_s: how long a frame is shown in playback. The wish may be
    an earlier one of the same media frame; in playback also one of an earlier frame, held for a moment and `whole`.
    Raises MediaError or ValueError where it cannot be made.
    """
    wish = Wish(job, view)
    final = Wish(replace(job, draft=False), view)
    before, newest = _live().wanted.get(image), _live().newest.get(image)
    if before != wish:
        if before is not None and newest is not None and is_same_picture(newest.wish, before):
            _live().newest[image] = replace(newest, due_s=time.monotonic())  # right until now
        _live().wanted[image] = wish
        _live().last_change = time.monotonic()
        _live().finals.drop()
    for ready in (final, wish):
        outcome = _live().granted.get(ready)
        if outcome is not None:
            _live().newest[image] = _Granted(ready, time.monotonic())
            _poll_later()
            return ready, _made_or_raised(outcome)
    started = time.monotonic()
    _live().drafts.ask(image, wish, _width(playing))
    patience_s = max(PATIENCE_S, PLAYBACK_SHARE * _live().frame_s(image, frame_s)) if playing else PATIENCE_S
    _live().drafts.wait_for(wish, patience_s)
    _adapt(playing, (time.monotonic() - started) / patience_s)
    _poll_later()
    outcome = _live().granted.get(wish)
    if outcome is not None:
        return wish, _made_or_raised(outcome)
    # In the middle of a drag: the same frame with the values of a moment ago is better than one that stands still.
    newest = _live().newest.get(image)
    held = _live().granted.get(newest.wish) if newest is not None else None
    if newest is not None and isinstance(held, Made):
        if is_same_picture(newest.wish, wish):
            return newest.wish, held
        if playing and _may_hold(newest, held, view):
            return replace(newest.wish, whole=True), held
    if playing:
        _live().drafts.wait_for(wish, LONGEST_WAIT_S)
        outcome = _live().granted.get(wish)
    return wish, _made_or_raised(outcome) if outcome is not None else None


def _may_hold(newest: _Granted, made: Made, view: str) -> bool:
    """Whether the last picture of a strip stands for the one that playback has come to."""
    ends_s = newest.due_s + HOLD_S
    if made.flat is None or newest.wish.view != view or time.monotonic() > ends_s:
        return False
    _live().hold_ends_s = ends_s
    return True


def is_same_picture(held: object, wish: Wish) -> bool:
    """Whether pixels kept under a key are of the wish's own media frame and view: they may stay for a moment."""
    return isinstance(held, Wish) and (held.job.picture, held.view) == (wish.job.picture, wish.view)


def is_settled() -> bool:
    """Whether every image shows the final frame it wants, or what it shows cannot be made."""
    return all(Wish(replace(wish.job, draft=False), wish.view) in _live().granted for wish in _live().wanted.values())


def forget() -> None:
    """Files changed: nothing made before counts."""
    _live().forget()


def _made_or_raised(outcome: Made | Exception) -> Made:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _grant(wish: Wish, draft_width: int) -> Made | Exception:
    """In a thread: no Blender here."""
    try:
        if wish.view == views.RESULT:
            return frames.compute(wish.job, draft_width)
        return views.compute(wish.job, wish.view, draft_width)
    except (MediaError, ValueError) as error:
        return error
    except Exception as error:  # a thread that dies would leave its frame unmade without a word
        _log.exception("a draft could not be made")
        return ValueError(f"the frame could not be made ({type(error).__name__}: {error})")


def _width(playing: bool) -> int:
    return _live().draft_width if playing else draft_width()


def draft_width() -> int:
    """Pixels across of drafts, by the preferences."""
    chosen = cache.preferences()
    scale = getattr(chosen, "draft_scale", 0.5)
    return max(SMALLEST_DRAFT, round(1920 * scale))


def _adapt(playing: bool, share: float) -> None:
    """Playback drops quality before it drops frames. share: of its patience that the last draft took."""
    if not playing:
        _live().draft_width = draft_width()
    elif share >= 0.9:
        _live().draft_width = max(SMALLEST_DRAFT, round(_live().draft_width * 0.7))


def _poll_later() -> None:
    if not bpy.app.timers.is_registered(_poll):
        bpy.app.timers.register(_poll, first_interval=POLL_S)


def _poll() -> float | None:
    """On the main thread: show what has come, begin final frames when nothing moves."""
    if _live().news or 0 < _live().hold_ends_s < time.monotonic():
        _live().news, _live().hold_ends_s = False, 0.0
        signals.redraw()
    playing = any(window.screen.is_animation_playing for window in bpy.context.window_manager.windows)
    if not playing and time.monotonic() - _live().last_change > IDLE_S:
        for image, wish in list(_live().wanted.items()):
            final = Wish(replace(wish.job, draft=False), wish.view)
            if final not in _live().granted:
                _live().finals.ask(image, final, 0)
    here = _live()
    idle = here.drafts.is_idle() and here.finals.is_idle() and not here.news and not here.hold_ends_s
    done = is_settled() and idle
    return None if done else POLL_S


def only(images: set[int]) -> None:
    """Wishes of other images are not wanted any more: their strips are not on screen."""
    for image in set(_live().wanted) - images:
        del _live().wanted[image]
        _live().newest.pop(image, None)
