# SPDX-License-Identifier: GPL-3.0-or-later
"""Which baked frames are still right, and what has changed for those that are not.

Told without moving the scene's current frame, so the panel can ask while the user works: in slices, between events.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import bpy

from ...frame import recipe
from ...media import baked
from ..blender import strips
from ..errors import FrameError
from ..session import session
from ..shot import modifier
from ..shot.baked_place import Place
from . import baked_strips, frames

_SLICE_S = 0.01
_REST_S = 0.05


@dataclass
class Summary:
    """fresh, stale, missing, older, unsure: how many frames. reasons: what changed -> at how many frames. first: the
    frame where each was met first."""

    fresh: int = 0
    stale: int = 0
    missing: int = 0
    older: int = 0
    unsure: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    first: dict[str, int] = field(default_factory=dict)
    complete: bool = False

    @property
    def all_fresh(self) -> bool:
        """Whether a Blender without the extension shows the right frame everywhere, as far as can be told."""
        return self.complete and not self.stale and not self.missing

    def lines(self) -> list[str]:
        """For the user: one line of numbers, then one for each reason."""
        counts = ((self.fresh, "fresh"), (self.stale, "stale"), (self.missing, "not baked"), (self.older, "older"))
        head = ", ".join(f"{count} {word}" for count, word in (*counts, (self.unsure, "unchecked")) if count)
        more = [f"{reason} ({count} from frame {self.first[reason]})" for reason, count in self.reasons.most_common(6)]
        return [head or "no frames", *more]


def look(scene: bpy.types.Scene, strip: bpy.types.Strip, which: Iterable[int], place: Place) -> Iterator[Summary]:
    """Look at the frames of a strip one by one; yields the same summary, growing. Does not move the scene's frame."""
    summary, name = Summary(), strip.name
    for frame in which:
        strip = scene.sequence_editor.strips_all.get(name)
        found = modifier.find(strip) if strip is not None else None
        if found is None:
            return
        _count(summary, scene, strip, found, frame, place)
        yield summary
    summary.complete = True
    yield summary


def check(scene: bpy.types.Scene, strip: bpy.types.Strip, which: Iterable[int], place: Place) -> Summary:
    """`look`, to the end."""
    last = Summary()
    for summary in look(scene, strip, which, place):
        last = summary
    return last


def _count(
    summary: Summary,
    scene: bpy.types.Scene,
    strip: bpy.types.Strip,
    found: bpy.types.StripModifier,
    frame: int,
    place: Place,
) -> None:
    notes: dict | None = {}
    try:
        shown = [one for one in strips.walk(scene, frame) if one.strip == strip]
        if not shown:
            return
        notes = baked.notes_of(place.file(baked_strips.number_of(strip, frame)))
        current = frame == scene.frame_current_final
        job = frames.job_of(shown[0], found, draft=False, at_current_frame=current)
        told = recipe.difference(notes, job)
    except FrameError as problem:
        told = recipe.Difference(unsure=(problem.cause,))
    if notes is None:
        summary.missing += 1
        return
    for reason in (*told.stale, *told.unsure, *(("made by another version of Rack Focus",) if told.older else ())):
        summary.reasons[reason] += 1
        summary.first.setdefault(reason, frame)
    summary.stale += bool(told.stale)
    summary.unsure += bool(told.unsure and not told.stale)
    summary.older += bool(told.older and not told.stale)
    summary.fresh += not told.stale and not told.unsure and not told.older


# --- For the panel -------------------------------------------------------------------------------------------------


class _Looking:
    """known: what is known of (`session_uid` of a scene, name of a strip). asked: what is to be looked at. looking:
    what is being looked at, and how far."""

    def __init__(self) -> None:
        self.known: dict[tuple[int, str], Summary] = {}
        self.asked: list[tuple[int, str]] = []
        self.looking: Iterator[Summary] | None = None
        self.looking_at: tuple[int, str] | None = None

    def close(self) -> None:
        """End the timer."""
        if bpy.app.timers.is_registered(_tick):
            bpy.app.timers.unregister(_tick)


def of(scene: bpy.types.Scene, strip: bpy.types.Strip) -> Summary | None:
    """What is known about a baked strip, perhaps from before the last edit; asks for it to be looked at again."""
    key, here = (scene.session_uid, strip.name), session.part(_Looking)
    if key not in here.asked and key != here.looking_at and not getattr(here.known.get(key), "complete", False):
        here.asked.append(key)
        if not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick, first_interval=_REST_S)
    return here.known.get(key)


def is_fresh(scene: bpy.types.Scene, strip: bpy.types.Strip, found: bpy.types.StripModifier) -> bool:
    """Whether a strip is known to be baked and right all over, so that Blender may draw any frame of it by itself."""
    if baked_strips.place_of(found) is None:
        return False
    summary = of(scene, strip)
    return summary is not None and summary.all_fresh


def changed() -> None:
    """Something was edited: what was known may not hold."""
    here = session.part(_Looking)
    for key, summary in here.known.items():
        here.known[key] = Summary(**{**vars(summary), "complete": False})
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
            _redraw()
    return _REST_S


def _begin(scene_uid: int, strip_name: str) -> Iterator[Summary]:
    scene = next((one for one in bpy.data.scenes if one.session_uid == scene_uid), None)
    editor = scene.sequence_editor if scene is not None else None
    strip = editor.strips_all.get(strip_name) if editor is not None else None
    found = modifier.find(strip) if strip is not None else None
    place = baked_strips.place_of(found) if found is not None else None
    return look(scene, strip, baked_strips.frames_of(scene, strip), place) if place is not None else iter(())


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "SEQUENCE_EDITOR":
                area.tag_redraw()
