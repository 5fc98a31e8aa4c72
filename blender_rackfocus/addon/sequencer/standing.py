# SPDX-License-Identifier: GPL-3.0-or-later
"""How each frame of a strip stands: baked and right, baked and no longer right, or kept in the cache.

Looked at in slices between events, for the focus track: what is asked for is answered with what is known, at once, and
looked at again where something of the strip, or of the cache, has changed since.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

import bpy

from ...frame.job import Job
from ...frame.notes import NOT_BAKED
from ...media import MediaError
from ..blender import cache, curves, signals, strips
from ..blender.context import redraw_sequencers, scene_of, strip_in
from ..blender.errors import FrameError
from ..blender.session import session
from ..shot import marks, modifier
from . import baked_strips, frames, staleness

_SLICE_S, _REST_S = 0.01, 0.06
Runs = tuple[tuple[int, int], ...]
_Key = tuple[int, str]


@dataclass(frozen=True)
class Standing:
    """First and last frames of stretches that are baked and right (or cannot be told wrong), baked and stale, and kept
    in the cache."""

    baked: Runs = ()
    stale: Runs = ()
    kept: Runs = ()


@dataclass
class _Looking:
    """known: by scene and strip, with the stamp of what it was told of. asked: what is to be looked at, with the count
    of edits then. changes: how often anything became known."""

    known: dict[_Key, tuple[object, Standing]] = field(default_factory=dict)
    asked: dict[_Key, int] = field(default_factory=dict)
    queue: list[_Key] = field(default_factory=list)
    looking: Iterator[None] | None = None
    changes: int = 0

    def close(self) -> None:
        """End the timer."""
        if bpy.app.timers.is_registered(_tick):
            bpy.app.timers.unregister(_tick)


def of(scene: bpy.types.Scene, strip: bpy.types.Strip) -> Standing:
    """What is known of a strip's frames; asks for it to be looked at after an edit. Costs next to nothing."""
    key, here, edits = (scene.session_uid, strip.name), session.part(_Looking), signals.edits()
    if here.asked.get(key) != (now := edits + cache.writes()):
        here.asked[key] = now
        if key not in here.queue:
            here.queue.append(key)
        if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick, first_interval=_REST_S)
    return here.known[key][1] if key in here.known else Standing()


def changes() -> int:
    """How often something became known so far."""
    return session.part(_Looking).changes


def settle() -> None:
    """Look at all that was asked for, here and now."""
    here = session.part(_Looking)
    while here.queue or here.looking is not None:
        _step(here)


def _tick() -> float | None:
    here = session.part(_Looking)
    if signals.is_paused() or any(window.screen.is_animation_playing for window in bpy.context.window_manager.windows):
        return _REST_S
    until = time.perf_counter() + _SLICE_S
    while time.perf_counter() < until:
        if here.looking is None and not here.queue:
            return None
        _step(here)
    return _REST_S


def _step(here: _Looking) -> None:
    if here.looking is None:
        here.looking = _look(here, here.queue.pop(0))
    if next(here.looking, StopIteration) is StopIteration:
        here.looking = None


def _look(here: _Looking, key: _Key) -> Iterator[None]:
    """Look at a strip frame by frame, unless nothing of it has changed."""
    scene = scene_of(key[0])
    strip = _strip(scene, key[1])
    if scene is None or strip is None:
        here.known.pop(key, None)
        return
    stamp = _stamp(scene, strip)
    if key in here.known and here.known[key][0] == stamp:
        return
    first, last = marks.span(strip)
    by_state: dict[str, list[int]] = {"baked": [], "stale": [], "kept": []}
    for frame in range(first, last + 1):
        scene = scene_of(key[0])  # an undo may have come between
        strip = _strip(scene, key[1])
        if scene is None or strip is None:
            return
        state = _state(scene, strip, frame)
        if state:
            by_state[state].append(frame)
        yield
    now = Standing(**{name: runs(at) for name, at in by_state.items()})
    before = here.known[key][1] if key in here.known else Standing()
    here.known[key] = stamp, now
    if now != before:
        here.changes += 1
        redraw_sequencers()


def _strip(scene: bpy.types.Scene | None, name: str) -> bpy.types.Strip | None:
    strip = strip_in(scene, name)
    return strip if strip is not None and modifier.find(strip) is not None else None


def _stamp(scene: bpy.types.Scene, strip: bpy.types.Strip) -> object:
    """What decides how frames stand: what is animated, and all else as a few frames tell it."""
    first, last = marks.span(strip)
    rack_modifier = modifier.find(strip)
    path = f"{rack_modifier.path_from_id()}."
    moving = [curve for curve in curves.of_action(scene) if curve.data_path.startswith(path)]
    keyed = tuple(
        (curve.data_path, *(tuple(v) for p in curve.keyframe_points for v in (p.co, p.handle_left, p.handle_right)))
        for curve in moving
    )
    jobs = tuple(_job(scene, strip, frame) for frame in sorted({first, (first + last) // 2, last}))
    return first, last, strip.content_start, baked_strips.place_of(rack_modifier), jobs, keyed, cache.writes()


def _job(scene: bpy.types.Scene, strip: bpy.types.Strip, frame: int) -> object:
    shown = strips.appearances(strip, frame, scene)
    try:
        return frames.job_of(shown[0], modifier.find(strip), draft=True, at_current_frame=False) if shown else None
    except (FrameError, MediaError, ValueError) as error:
        return str(error)


def _state(scene: bpy.types.Scene, strip: bpy.types.Strip, frame: int) -> str:
    place = baked_strips.place_of(modifier.find(strip))
    if place is not None:
        difference = staleness.difference(scene, strip.name, frame, place)
        if difference is not None and difference != NOT_BAKED:
            return "stale" if difference.stale else "baked"
    job = _job(scene, strip, frame)
    return "kept" if isinstance(job, Job) and cache.has(cache.key_of(job)) else ""


def runs(at: Iterable[int]) -> Runs:
    """Numbers that rise as stretches without a gap, first and last of each."""
    stretches = []
    for _, run in groupby(enumerate(at), lambda pair: pair[1] - pair[0]):
        numbers = [number for _, number in run]
        stretches.append((numbers[0], numbers[-1]))
    return tuple(stretches)
