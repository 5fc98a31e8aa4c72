# SPDX-License-Identifier: GPL-3.0-or-later
"""Placed strips: whole pictures of a strip as its modifier makes them, as a strip of their own that Blender plays.

Each picture is sealed with what it was made of. At every frame that is due, in the window and in renders, the placed
strip is seen where its picture is what its original would show now; else the original is, and it is told why. So what
is stale is never seen, whatever was moved, cut, retimed or edited.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import bpy

from ...frame import notes as frame_notes
from ...frame.notes import NOT_BAKED, Difference
from ...media import sealed
from ..blender import pairs, strips
from ..blender.errors import FrameError
from ..blender.log import once
from ..blender.session import session
from ..shot import modifier
from . import frames, views

_log = logging.getLogger(__name__)

OF, WORKS, SHARE = "of", "works", "share"
"""In a picture's notes: what its frame is made of, whether the modifier does something there, its size as a share of
the full one."""
FRESH_TAG, STALE_TAG = "COLOR_04", "COLOR_01"
_APART = Difference(stale=("it stands elsewhere than its original: move both, or remove it",))


class _Remarks:
    """What is said once of placed strips is said again of another file's."""


@dataclass(frozen=True)
class _Time:
    """Where a list of strips is evaluated: its frame, that of its scene, and the lists around it (see `Shown`)."""

    frame: float
    animation_frame: float
    levels: tuple[tuple[int, float], ...]


def choose(scene: bpy.types.Scene, *, final: bool) -> tuple[bool, list[FrameError]]:
    """Let at a scene's current frame be seen what is right: placed strips, or their originals.

    final: for a render, where pictures have to be of full size. Returns whether anything was exchanged, and where
    neither is right. Raises FrameError where it cannot be told what a scene shows.
    """
    if not any(pairs.is_placed(strip) for here in bpy.data.scenes for strip in _all(here)):
        return False, []
    walked = strips.walk(scene, strips.standing_at(scene))
    changed, problems = False, []
    for here in {scene, *(strip.scene for strip in walked)}:
        if here.library is not None:
            continue
        times = _times(here, scene, walked)
        known, lists = list(pairs.in_scene(here)), pairs.lists_around(_all(here))
        for placed, original in known:
            time = _time_of(placed, times, lists)
            if original is None or not pairs.covers(placed, time.frame):
                continue
            if placed.mute and pairs.LIVE not in placed:
                continue  # the user hides it
            changes = _difference(placed, original, here, time, final, here == scene)
            if changes == _APART and final:
                problems.append(FrameError(changes.stale[0], placed.name, time.frame))
                continue
            changed |= _exchange(placed, original, bool(changes.stale))
            if changes.stale and final:
                words = "frame %g is rendered from the original, not from the placed strip (%s)"
                _log.warning(f'strip "%s": {words}', placed.name, time.frame, changes.stale[0], extra=once(_remarks()))
            elif changes.unsure:
                words = ", ".join(changes.unsure)
                _log.warning('strip "%s": shown unchecked: %s', placed.name, words, extra=once(_remarks()))
        changed |= _uncover(known, times, lists)
    return changed, problems


def _remarks() -> _Remarks:
    return session.part(_Remarks)


def difference(scene: bpy.types.Scene, name: str, frame: int) -> Difference | None:
    """What tells a placed strip's picture from what its original would show; None where there is none. frame: of the
    list that it lies in. Does not move the scene's frame."""
    placed = scene.sequence_editor.strips_all.get(name)
    original = pairs.original_of(placed) if placed is not None and pairs.is_placed(placed) else None
    if original is None:
        return None
    current = frame == strips.standing_at(scene)
    return _difference(placed, original, scene, _Time(frame, frame, ((0, float(frame)),)), False, current)


def at_rest(*_rest: object) -> None:
    """Before the file is written: where placed strips do not cover their original, it has to be seen without us."""
    for scene in bpy.data.scenes:
        for placed, original in pairs.in_scene(scene):
            if original is None:
                continue
            if not are_over(pairs.placed_of(original), original.left_handle, original.right_handle):
                _unmute(original)
            if pairs.LIVE in placed:
                _tag(placed, STALE_TAG)


def are_over(above: Iterable[bpy.types.Strip], first: float, end: float) -> bool:
    """Whether strips, from left to right, cover the frames from `first` to before `end`."""
    for placed in above:
        if placed.left_handle <= first:
            first = max(first, placed.right_handle)
    return bool(first >= end)


def _all(scene: bpy.types.Scene) -> Iterable[Any]:
    return scene.sequence_editor.strips_all if scene.sequence_editor is not None else ()


def _times(scene: bpy.types.Scene, drawn: bpy.types.Scene, walked: list[strips.Shown]) -> dict[int, _Time]:
    """Where each list of a scene's strips is evaluated, by the `as_pointer()` of its meta strip, 0 for its own."""
    shown_here = [shown for shown in walked if shown.scene == scene]
    at = shown_here[0].animation_frame if shown_here else float(strips.standing_at(drawn))
    times = {0: _Time(at, at, ((0, float(at)),))}
    for shown in shown_here:
        for depth, (pointer, frame) in enumerate(shown.levels):
            times[pointer] = _Time(frame, shown.animation_frame, shown.levels[: depth + 1])
    return times


def _time_of(strip: bpy.types.Strip, times: dict[int, _Time], lists: dict[int, Any]) -> _Time:
    lies_in = lists.get(strip.as_pointer())
    return times.get(0 if lies_in is None else lies_in.as_pointer(), times[0])


def _difference(
    placed: bpy.types.Strip,
    original: bpy.types.Strip,
    scene: bpy.types.Scene,
    time: _Time,
    final: bool,
    current: bool,
) -> Difference:
    if not pairs.covers(original, time.frame) or pairs.list_of(original) != pairs.list_of(placed):
        return _APART
    if not final and views.current() != views.RESULT:
        return Difference(stale=("another view than the result is chosen",))
    rack_modifier = modifier.find(original)
    if rack_modifier is None:
        return Difference(stale=("its original has no Rack Focus modifier",))
    try:
        notes = sealed.notes_of(strips.media_frame(placed, time.frame, scene).path, sealed.PLACED)
    except FrameError:
        notes = None
    if notes is None:
        return NOT_BAKED
    if final and notes.get(SHARE, 0) < 1:
        return Difference(stale=("its pictures have the preview's size",))
    at_current = current and time.animation_frame == strips.standing_at(scene)
    shown = strips.Shown(original, time.frame, scene, time.animation_frame, levels=time.levels)
    return _told(shown, rack_modifier, notes, final, at_current)


def _told(
    shown: strips.Shown, rack_modifier: bpy.types.StripModifier, notes: dict[str, Any], final: bool, at_current: bool
) -> Difference:
    try:
        job = frames.job_of(shown, rack_modifier, draft=not final, at_current_frame=at_current)
        if (job is not None) != notes.get(WORKS):
            return Difference(stale=("the modifier was switched on or off",))
        return frame_notes.difference(notes.get(OF), job or frames.look_job(shown, rack_modifier))
    except FrameError as problem:
        return _told_without_depth(shown, rack_modifier, notes, at_current, problem)


def _told_without_depth(
    shown: strips.Shown,
    rack_modifier: bpy.types.StripModifier,
    notes: dict[str, Any],
    at_current: bool,
    problem: FrameError,
) -> Difference:
    """As on a machine that has the pictures but not the depth."""
    values = modifier.values(shown.strip, rack_modifier, shown.scene, None if at_current else shown.animation_frame)
    try:
        picture = strips.media_frame(shown.strip, shown.frame, shown.scene)
    except FrameError:
        return Difference(unsure=(problem.cause,))
    changes = frame_notes.outline_differs(notes.get(OF) or {}, values, picture.path, picture.index)
    return Difference(stale=changes) if changes else Difference(unsure=(problem.cause,))


def _exchange(placed: bpy.types.Strip, original: bpy.types.Strip, live: bool) -> bool:
    """Show the original, or the placed strip. Returns whether anything changed."""
    _tag(placed, STALE_TAG if live else FRESH_TAG)
    before = placed.mute, original.mute
    if live:
        if not placed.mute:
            placed.mute = True
        placed[pairs.LIVE] = True
        _unmute(original)
    else:
        if placed.mute:
            placed.mute = False
        if pairs.LIVE in placed:
            del placed[pairs.LIVE]
        if not original.mute:
            original.mute = True
        if pairs.BENEATH not in original:
            original[pairs.BENEATH] = True
    return before != (placed.mute, original.mute)


def _unmute(original: bpy.types.Strip) -> bool:
    """Show an original that lay beneath."""
    if pairs.BENEATH not in original:
        return False
    del original[pairs.BENEATH]
    original.mute = False
    return True


def _uncover(known: list[tuple[Any, Any]], times: dict[int, _Time], lists: dict[int, Any]) -> bool:
    """Show the originals that lie beneath nothing here."""
    changed = False
    for original in {strip for _, strip in known if strip is not None and pairs.BENEATH in strip}:
        time = _time_of(original, times, lists)
        if pairs.covers(original, time.frame):
            above = [placed for placed, of in known if of == original and pairs.covers(placed, time.frame)]
            changed |= not above and _unmute(original)
    return changed


def _tag(placed: bpy.types.Strip, colour: str) -> None:
    if placed.color_tag != colour:
        placed.color_tag = colour
