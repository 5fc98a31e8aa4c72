# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks as they stand in the picture that the preview shows, and the focus plane among them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import bpy

from ...frame import depth_of_field_m
from ..blender import strips
from ..blender.errors import FrameError
from ..sequencer import eyedropper
from ..shot import marks
from . import shots
from .pull import picture_size, width_px


@dataclass(frozen=True)
class Bracket:
    """A mark at a frame. point: pixels of the canvas from its middle, y up; None where it has no place in the picture.
    sharp: within the depth of field. exact: read at this very frame, not carried over from another."""

    mark: str
    metres: float
    point: tuple[float, float] | None
    sharp: bool
    exact: bool


@dataclass(frozen=True)
class Plane:
    """Where a strip is focused, what is sharp (metres, far_m may be inf), and its marks."""

    strip: str
    focus_m: float
    near_m: float
    far_m: float
    brackets: tuple[Bracket, ...]


def planes(scene: bpy.types.Scene) -> list[Plane]:
    """What the current frame shows, the active strip first, else the topmost."""
    by_strip: dict[str, Plane] = {}
    try:
        shown = eyedropper.candidates(scene, strips.standing_at(scene))
    except FrameError:
        return []  # said in the panel
    for appearance in shown:
        if appearance.strip.name not in by_strip:
            try:
                by_strip[appearance.strip.name] = _plane(appearance)
            except ValueError:
                continue  # no lens can be that: said in the panel
    return list(by_strip.values())


def _plane(shown: strips.Shown) -> Plane:
    strip = shown.strip
    lens = shots.lens_at(strip)
    near_m, far_m = depth_of_field_m(lens, width_px(strip))
    size = picture_size(strip)
    placements = eyedropper.placements_of(strip, size)
    brackets = []
    for mark in marks.of(strip):
        try:
            metres = marks.distance_m(strip, mark, strip.id_data.frame_current)
        except (ValueError, FrameError):
            continue  # not tracked yet, or its file is gone: said in the panel
        place, exact = _place(shown, mark)
        point = eyedropper.out_of(place[0] * size[0], place[1] * size[1], placements) if place is not None else None
        brackets.append(Bracket(mark.name, metres, point, near_m <= metres <= far_m, exact))
    return Plane(strip.name, lens.focus_m, near_m, far_m, tuple(brackets))


def _place(shown: strips.Shown, mark: marks.RackFocusMark) -> tuple[tuple[float, float] | None, bool]:
    """Where in the picture a mark stands (shares from the top left), and whether it was seen there on this frame."""
    try:
        index = strips.media_frame(shown.strip, shown.frame, shown.scene).index
    except FrameError:
        index = -1  # a scene strip has no file
    if mark.kind == "TRACKED":
        sample = marks.samples(mark).get(index)
        if sample is None or not 0 <= sample.x <= 1 or not 0 <= sample.y <= 1:
            return None, False
        return (sample.x, sample.y), sample.confidence > 0 and math.isfinite(sample.metres)
    if mark.x < 0 or mark.y < 0:
        return None, False
    return (mark.x, mark.y), index == mark.media_frame
