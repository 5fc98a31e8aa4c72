# SPDX-License-Identifier: GPL-3.0-or-later
"""Which baked frames are still right, and what has changed for those that are not.

Told without moving the scene's current frame, so the panel can ask while the user works: in slices, between events.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import bpy

from ...frame import freshness
from ...frame import notes as frame_notes
from ...frame.freshness import Freshness
from ...frame.notes import NOT_BAKED, Difference
from ...media import sealed
from ..blender import pairs, signals, strips
from ..blender.context import redraw_sequencers, scene_of, strip_in
from ..blender.errors import FrameError
from ..blender.session import session
from ..shot import modifier
from ..shot.baked_place import BakedPlace
from . import baked_strips, frames, placed_strips

_SLICE_S = 0.01
_REST_S = 0.05


def difference(scene: bpy.types.Scene, name: str, frame: int, place: BakedPlace) -> Difference | None:
    """What tells a strip's baked frame from what would be made now; None where the strip is not shown, or gone. Does
    not move the scene's frame."""
    strip = scene.sequence_editor.strips_all.get(name)
    rack_modifier = modifier.find(strip) if strip is not None else None
    if rack_modifier is None:
        return None
    is_there = True
    try:
        shown = strips.appearances(strip, frame, scene)
        if not shown:
            return None
        notes = sealed.notes_of(place.file(baked_strips.number_of(strip, frame)), sealed.BAKED)
        is_there = notes is not None
        current = frame == strips.standing_at(scene)
        return frame_notes.difference(
            notes, frames.job_of(shown[0], rack_modifier, draft=False, at_current_frame=current)
        )
    except FrameError as problem:
        return Difference(unsure=(problem.cause,)) if is_there else NOT_BAKED


# --- For the panel -------------------------------------------------------------------------------------------------


class _Looking:
    """known: what is known of (`session_uid` of a scene, name of a strip). asked: what is to be looked at. looking:
    what is being looked at, and how far."""

    def __init__(self) -> None:
        self.known: dict[tuple[int, str], Freshness] = {}
        self.asked: list[tuple[int, str]] = []
        self.looking: Iterator[Freshness] | None = None
        self.looking_at: tuple[int, str] | None = None

    def close(self) -> None:
        """End the timer."""
        if bpy.app.timers.is_registered(_tick):
            bpy.app.timers.unregister(_tick)


def of(scene: bpy.types.Scene, strip: bpy.types.Strip) -> Freshness | None:
    """What is known about a baked strip, perhaps from before the last edit; asks for it to be looked at again."""
    key, here = (scene.session_uid, strip.name), session.part(_Looking)
    if key not in here.asked and key != here.looking_at and not getattr(here.known.get(key), "complete", False):
        here.asked.append(key)
        if not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick, first_interval=_REST_S)
    return here.known.get(key)


def may_be_drawn_ahead(scene: bpy.types.Scene) -> list[bool | None]:
    """Whether Blender may draw other frames than the current one by itself, of each strip of ours: where nothing of it
    is played, or placed strips lie above what is, and are right. None: as the user has it, where it is baked and right,
    or while it is not known of what is placed, since that is chosen at each frame."""
    first, last = scene.frame_start, scene.frame_end
    if scene.use_preview_range:
        first, last = scene.frame_preview_start, scene.frame_preview_end
    above: dict[int, list[bpy.types.Strip]] = {}
    for placed, original in pairs.in_scene(scene):
        if original is not None:
            above.setdefault(original.as_pointer(), []).append(placed)
    return [
        _may_be_drawn_ahead(scene, *both, above.get(both[0].as_pointer(), []), (first, last + 1))
        for both in modifier.in_scene(scene)
    ]


def _may_be_drawn_ahead(
    scene: bpy.types.Scene,
    strip: bpy.types.Strip,
    rack_modifier: bpy.types.StripModifier,
    above: list[bpy.types.Strip],
    played: tuple[int, int],
) -> bool | None:
    first, end = max(strip.left_handle, played[0]), min(strip.right_handle, played[1])
    if first >= end:
        return True
    if pairs.BENEATH in strip:
        above = sorted(above, key=lambda placed: placed.left_handle)
        if any(placed.mute for placed in above) or not placed_strips.are_over(above, first, end):
            return False
        summaries = [of(scene, placed) for placed in above]
        if not all(summary is not None and summary.complete for summary in summaries):
            return None
        return all(summary.all_fresh for summary in summaries)
    if baked_strips.place_of(rack_modifier) is None:
        return False
    return False if scene.sequence_editor.use_prefetch and not getattr(of(scene, strip), "all_fresh", False) else None


def changed() -> None:
    """Something was edited: what was known may not hold."""
    here = session.part(_Looking)
    for key, summary in here.known.items():
        here.known[key] = replace(summary, complete=False)
    here.looking = here.looking_at = None


def forget() -> None:
    """Another file, or the extension goes."""
    session.drop(_Looking)


def _tick() -> float | None:
    here = session.part(_Looking)
    until = time.perf_counter() + _SLICE_S
    while time.perf_counter() < until:
        if here.looking is None:
            if not here.asked:
                return None
            here.looking_at = here.asked.pop(0)
            here.looking = _begin(*here.looking_at)
        summary = next(here.looking, None)
        if summary is None or summary.complete:
            if summary is not None and here.looking_at is not None:
                here.known[here.looking_at] = summary
            here.looking = here.looking_at = None
            redraw_sequencers()
            signals.redraw()
    return _REST_S


def _begin(scene_uid: int, strip_name: str) -> Iterator[Freshness]:
    scene = scene_of(scene_uid)
    strip = strip_in(scene, strip_name)
    if strip is not None and pairs.is_placed(strip):
        which = range(int(strip.left_handle), int(strip.right_handle))
        return freshness.looking(which, lambda frame: placed_strips.difference(scene, strip_name, frame))
    rack_modifier = modifier.find(strip) if strip is not None else None
    place = baked_strips.place_of(rack_modifier) if rack_modifier is not None else None
    if place is None:
        return iter(())
    which = baked_strips.frames_of(scene, strip)
    return freshness.looking(which, lambda frame: difference(scene, strip_name, frame, place))
