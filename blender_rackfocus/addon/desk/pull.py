# SPDX-License-Identifier: GPL-3.0-or-later
"""A pull keyed on a strip: joined to what is keyed around it, and followed where its end is tracked."""

from __future__ import annotations

import math

import bpy

from ...craft import pull
from ...craft.decisions import by_hand
from ...craft.distances import distance_text
from ...craft.focus_curve import Key
from ...frame import coc_px, inputs
from ..shot import marks, modifier
from ..shot.focus import Focus

_SHARP_PX = 0.5
"""Radius of the circle of confusion up to which a point is as sharp as in the focus plane."""


def fps(scene: bpy.types.Scene) -> float:
    """Frames per second of a scene."""
    return scene.render.fps / scene.render.fps_base


def pull_focus(
    strip: bpy.types.Strip,
    frame: float,
    end: pull.Mark,
    start: pull.Mark | None = None,
    feel: str = "SMOOTH",
    duration: float | None = None,
    follow: bool = True,
    keep: bool = True,
) -> list[str]:
    """Key a pull on a strip's Focus Distance, within what the strip shows. Returns notes for the user.

    start: None = where the focus is. follow: a tracked end is followed up to the next pull, or the strip's end. keep:
    keys by hand stay where they are, and what would replace one is refused.
    Raises ValueError for what cannot be pulled, RuntimeError where Blender refuses to key.
    """
    focus = Focus(strip)
    rate = fps(strip.id_data)
    first, last = marks.span(strip)
    asked = float(pull.default_duration(feel, rate) if duration is None else duration)
    frame, length, shortened = pull.fit_in(frame, asked, first, last)
    notes = [shortened] if shortened else []
    from_m = None if start is None else pull.mark_distance_m(start, frame)
    to_m = pull.mark_distance_m(end, frame + length)
    nearest_m = focus.nearest_m()
    for metres in (from_m, to_m):
        if metres is not None and metres <= nearest_m:
            given, least = distance_text(metres), distance_text(nearest_m)
            raise ValueError(f"{given} is nearer than the lens can focus: its focal length is {least}")
    before = focus.keys(frame, max(frame + length + pull.LEAD_FRAMES, last if end.tracked and follow else frame))
    joined = pull.insert_rack(before, frame, to_m, from_m, feel, length, rate, focus.now_m(frame), nearest_m, keep)
    keys = joined.keys
    if keep:
        check_kept(before, keys)
    gone = replaced(before, keys)
    notes += [f"Replaces {keys_text(gone)} set by hand"] if gone else []
    notes += joined.notes
    if end.tracked and follow:
        keys = pull.follow(keys, frame + length, end, last)
        lost = [f for f in pull.lost_frames(end) if f >= frame]
        if lost:
            notes.append(f'"{end.name}" is lost on {len(lost)} frame(s) from {lost[0]:g} on: focus is bridged there')
    values = modifier.values(strip, focus.modifier, focus.scene, frame + length)
    lens = inputs.lens_of({**values, "Focus Distance": min(to_m, pull.INFINITY_M)})
    if abs(float(coc_px(focus.now_m(frame) if from_m is None else from_m, lens, width_px(strip)))) < _SHARP_PX:
        origin = "where focus is" if start is None else start.name
        notes.append(f"Nothing will be seen to move: {origin} and {end.name} are equally sharp")
    focus.write(keys)
    return notes


def width_px(strip: bpy.types.Strip) -> int:
    """Width of the strip's own picture in pixels."""
    return round(picture_size(strip)[0])


def picture_size(strip: bpy.types.Strip) -> tuple[float, float]:
    """Width and height of a strip's own picture in pixels; the canvas where Blender has not looked at the file yet."""
    elements = getattr(strip, "elements", None)
    render = (strip.scene if strip.type == "SCENE" and strip.scene is not None else strip.id_data).render
    if elements and elements[0].orig_width:
        return float(elements[0].orig_width), float(elements[0].orig_height)
    return float(render.resolution_x), float(render.resolution_y)


def check_kept(keys: list[Key], new_keys: list[Key]) -> None:
    """Raises ValueError where a key by hand would be replaced."""
    gone = replaced(keys, new_keys)
    if gone:
        raise ValueError(f"{keys_text(gone)} set by hand would be replaced: choose Replace Keys by Hand, or move them")


def replaced(keys: list[Key], new_keys: list[Key]) -> list[Key]:
    """The keys by hand that are not in a new curve any more, or elsewhere."""
    left = {(key.frame, round(key.focus_m, 5)) for key in new_keys}
    return [key for key in by_hand(keys, -math.inf, math.inf) if (key.frame, round(key.focus_m, 5)) not in left]


def keys_text(keys: list[Key]) -> str:
    """Which keys, in words: `2 keys (frames 10, 40)`."""
    numbers = ", ".join(f"{key.frame:g}" for key in keys[:6]) + (", ..." if len(keys) > 6 else "")
    return f"{len(keys)} key{'s' * (len(keys) > 1)} (frame{'s' * (len(keys) > 1)} {numbers})"
