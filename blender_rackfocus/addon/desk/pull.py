# SPDX-License-Identifier: GPL-3.0-or-later
"""A pull keyed on a strip: joined to what is keyed around it, and followed where its end is tracked."""

from __future__ import annotations

import bpy

from ...craft import pull
from ..shot import marks
from ..shot.focus import Focus


def pull_focus(
    strip: bpy.types.Strip,
    frame: float,
    end: pull.Mark,
    start: pull.Mark | None = None,
    feel: str = "SMOOTH",
    duration: float | None = None,
    follow: bool = True,
) -> list[str]:
    """Key a pull on a strip's Focus Distance. Returns notes for the user.

    start: None = where the focus is. follow: a tracked end is followed up to the next pull, or the strip's end.
    Raises ValueError for what cannot be pulled, RuntimeError where Blender refuses to key.
    """
    focus = Focus(strip)
    length = float(pull.default_duration(feel, _fps(strip.id_data)) if duration is None else duration)
    from_m = None if start is None else pull.mark_distance_m(start, frame)
    to_m = pull.mark_distance_m(end, frame + length)
    nearest_m = focus.nearest_m()
    for metres in (from_m, to_m):
        if metres is not None and metres <= nearest_m:
            raise ValueError(f"{metres:.3g} m is nearer than the lens can focus: its focal length is {nearest_m:.3g} m")
    _first, last = marks.span(strip)
    before = focus.keys(frame, max(frame + length + pull.LEAD_FRAMES, last if end.tracked and follow else frame))
    joined = pull.insert_rack(
        before, frame, to_m, from_m, feel, length, _fps(strip.id_data), focus.now_m(frame), nearest_m
    )
    keys, notes = joined.keys, list(joined.notes)
    if end.tracked and follow:
        keys = pull.follow(keys, frame + length, end, last)
        lost = [f for f in pull.lost_frames(end) if f >= frame]
        if lost:
            notes.append(f'"{end.name}" is lost on {len(lost)} frame(s) from {lost[0]:g} on: focus is bridged there')
    focus.write(keys)
    return notes


def _fps(scene: bpy.types.Scene) -> float:
    return scene.render.fps / scene.render.fps_base
