# SPDX-License-Identifier: GPL-3.0-or-later
"""A mark tracked through a strip: which media frames, read where, followed off Blender's main thread.

`plan` asks Blender and needs the main thread; `run` is plain work on files and arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from itertools import chain

import bpy
import cv2
import numpy as np

from ...craft.track import TrackPoint, track_depths, track_point
from ...frame.job import Job
from ..blender import strips
from ..sequencer import frames, standing
from ..shot import marks, modifier

WORK_WIDTH = 960
"""Pixels across up to which pictures are tracked; depth is read at full size."""


@dataclass(frozen=True)
class Step:
    """One media frame to track through. index: its number in the media. job: how picture and depth are read."""

    index: int
    job: Job


def shown(strip: bpy.types.Strip, frame: float) -> strips.Shown:
    """A strip as it is shown at a frame of its scene; one that is not drawn then, as if it were."""
    scene = strip.id_data
    drawn = [appearance for appearance in strips.appearances(strip, frame, scene) if appearance.scene == scene]
    return drawn[0] if drawn else strips.Shown(strip, float(frame), scene, float(frame), (), ((0, float(frame)),))


def plan(strip: bpy.types.Strip) -> list[Step]:
    """Every media frame that the strip shows, in the media's order. Raises errors.FrameError, ValueError."""
    rack_modifier = modifier.find(strip)
    if rack_modifier is None:
        raise ValueError(f'"{strip.name}" has no Rack Focus modifier')
    first, last = marks.span(strip)
    steps: dict[int, Step] = {}
    for frame in range(first, last + 1):
        here = shown(strip, frame)
        index = strips.media_frame(strip, here.frame, strip.id_data).index
        if index not in steps:
            steps[index] = Step(index, frames.look_job(here, rack_modifier))
    return [steps[index] for index in sorted(steps)]


def run(
    steps: list[Step],
    start: int,
    x: float,
    y: float,
    nearest: bool = False,
    cancelled: Callable[[], bool] | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> dict[int, marks.Sample]:
    """Follow a point from one media frame to both ends of a strip.

    start: media frame it was picked on. x, y: share of the picture's width and height from its top left. Returns a
    sample for every step. Raises CancelledError; MediaError; ValueError for a start that is none of the steps.
    """
    at = next((i for i, step in enumerate(steps) if step.index == start), None)
    if at is None:
        raise ValueError("the point was picked on a frame that the strip does not show any more")
    done = 0

    def advanced() -> None:
        nonlocal done
        done += 1
        progress(done / (len(steps) + 1))
        if cancelled is not None and cancelled():
            raise CancelledError("stopped by the user")

    there = _one_way(steps[at:], x, y, nearest, advanced)
    back = _one_way(steps[at::-1], x, y, nearest, advanced)
    return {**back, **there}


def _one_way(
    steps: list[Step], x: float, y: float, nearest: bool, advanced: Callable[[], None]
) -> dict[int, marks.Sample]:
    depth: dict[float, np.ndarray] = {}
    small_depth: dict[float, np.ndarray] = {}
    points: list[TrackPoint] = []
    width, height = 0, 0

    def pictures() -> Iterator[tuple[float, np.ndarray]]:
        nonlocal width, height
        for step in steps:
            advanced()
            picture, depth_m = frames.read(step.job)
            height, width = depth_m.shape
            scale = min(1.0, WORK_WIDTH / width)
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1 else picture
            depth.clear()  # of the frame that is looked at alone: a shot's would fill the memory
            small_depth.clear()
            depth[step.index] = depth_m
            small_depth[step.index] = cv2.resize(depth_m, size, interpolation=cv2.INTER_NEAREST)
            yield step.index, small

    def followed() -> Iterator[TrackPoint]:
        source = pictures()
        first = next(source)
        high, wide = first[1].shape[:2]
        # the very edge is still in the picture
        where = min(x * wide, wide - 0.001), min(y * high, high - 0.001)
        for point in track_point(chain([first], source), *where, depth_at=small_depth.__getitem__):
            full = replace(point, x=point.x * width / wide, y=point.y * height / high)
            points.append(full)
            yield full

    _, metres = track_depths(followed(), depth.__getitem__, nearest)
    return {
        int(point.frame): marks.Sample(
            point.x / width, point.y / height, value, 0.0 if point.lost else point.confidence
        )
        for point, value in zip(points, metres, strict=True)
    }


def describe(track: dict[int, marks.Sample]) -> str:
    """One sentence on a track for the user: how much was followed, and where it was lost."""
    lost = [index for index, sample in sorted(track.items()) if not math.isfinite(sample.metres)]
    if not lost:
        return f"Tracked on all {len(track)} frames"
    runs = standing.runs(lost)
    named = ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs[:4])
    named += ", ..." if len(runs) > 4 else ""
    return f"Tracked on {len(track) - len(lost)} of {len(track)} frames; lost on media frames {named}"
