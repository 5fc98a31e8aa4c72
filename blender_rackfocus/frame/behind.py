# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job's picture hides, from the frames beside it: which of them are read, and what comes of it.

The frames next to it say how fast near and far move apart; from that follow the frames that see far enough around its
near surfaces. A cut ends the looking on its side.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np

from ..core import Behind
from ..craft import uncover
from ..craft.camera_step import CameraStep
from ..craft.uncover import Glance, Link, Neighbour, Sight
from ..media import MediaError
from .job import Beside, FileFrame, Job
from .make import read, reading_of
from .memory import Memory

OFFSETS = (1, 2, 4)
"""Frames before and after that are looked at, at most: so many are kept in memory while a clip is made."""
WANTED = 0.05
"""Parallax that sees around most of what is blurred, as a share of the picture's width."""

Read = Callable[[Job], Sight]
Look = Callable[[Job], Glance]


def behind(job: Job, read: Read, look: Look) -> Behind | None:
    """What a job's picture hides, before its grade; None where the frames beside it show nothing of it.

    read, look: give the frame of a job that is `at` a frame beside, whole and made small. Raises as they do.
    """
    links = _links(job, look)
    if not links:
        return None
    seen = [Neighbour(read(at(job, one)), link) for one, link in links.items()]
    return uncover.uncovered(read(job), seen)


def around(shown: Callable[[int], Beside | None]) -> tuple[Beside, ...]:
    """The frames of a clip in which what one of them hides is looked for: each once, and whose files are there.

    shown: the frame so many frames later, 0 for the one in hand; None where none is to be looked into.
    """
    found: dict[tuple[FileFrame, FileFrame], Beside] = {}
    for offset in (0, *(side * distance for distance in OFFSETS for side in (-1, 1))):
        one = shown(offset)
        if one is not None and one.picture.stamp is not None and one.depth.stamp is not None:
            found.setdefault((one.picture, one.depth), one)
    return tuple(one for one in found.values() if one.offset)


def at(job: Job, beside: Beside) -> Job:
    """The job of a frame beside a job's, alike in all but its files."""
    return replace(job, picture=beside.picture, depth=beside.depth, touches=beside.touches, beside=())


def _links(job: Job, look: Look) -> dict[Beside, Link]:
    """The frames to look into, and how each shows what the job's does."""
    focal = job.value("Focal Length") / job.value("Sensor Width")
    here = look(replace(job, beside=()))
    found: dict[Beside, Link] = {}
    sides = [sorted((one for one in job.beside if one.offset * side > 0), key=_distance) for side in (-1, 1)]
    ahead = [side for side in sides if side and _linked(job, side[0], here, focal, look, found)]
    if not found or not any(link.moves for link in found.values()):
        return {}
    each = max(link.parallax / _distance(one) for one, link in found.items())
    wanted = {side[0]: _chosen([_distance(one) for one in side], each) for side in ahead}

    def further(side: list[Beside]) -> dict[Beside, Link]:
        more = {side[0]: found[side[0]]}
        for one in side[1:]:
            if _distance(one) in wanted[side[0]] and not _linked(job, one, here, focal, look, more):
                break
        return {one: link for one, link in more.items() if _distance(one) in wanted[side[0]]}

    with ThreadPoolExecutor(2, "rackfocus-links") as both:
        return {one: link for own in both.map(further, ahead) for one, link in own.items()}


def _linked(job: Job, beside: Beside, here: Glance, focal: float, look: Look, found: dict[Beside, Link]) -> bool:
    """Whether a frame beside is of the same shot, and can be read; then it is noted."""
    try:
        there = look(at(job, beside))
    except (MediaError, ValueError):
        return False  # a frame does not fail for another one's file: that is told where it is due itself
    link = uncover.link(here, there, focal, _guess(beside, found))
    if link is not None:
        found[beside] = link
    return link is not None


def _guess(beside: Beside, found: dict[Beside, Link]) -> CameraStep | None:
    """The camera's step to a frame beside, if it goes on as it does to the nearest one that is known."""
    if not found:
        return None
    known = min(found, key=lambda one: abs(one.offset - beside.offset))
    return found[known].step.times(beside.offset / known.offset)


def _chosen(distances: list[int], each: float) -> list[int]:
    """Two of some frames' distances, ascending: the first pair that sees far enough around. each: parallax of one."""
    return list(next((pair for pair in pairwise(distances) if pair[1] * each >= WANTED), distances[-2:]))


def _distance(beside: Beside) -> int:
    return abs(beside.offset)


class Clips:
    """What was read of clips, in memory."""

    def __init__(self) -> None:
        self._sights: Memory[Job, Sight] = Memory(lambda one: one.picture.nbytes + one.depth_m.nbytes)
        self._glances: Memory[Job, Glance] = Memory(lambda one: one.size_bytes)

    def read(self, job: Job) -> tuple[np.ndarray, np.ndarray]:
        """A job's picture, (H, W, 4) float32 scene-linear premultiplied, and its depth, (H, W) float32 metres; not to
        be written to. Raises MediaError, or ValueError."""
        sight = self._sight(job)
        return sight.picture, sight.depth_m

    def behind(self, job: Job) -> Behind | None:
        """`behind` of a job. Raises MediaError, or ValueError."""
        return behind(job, self._sight, self._glance)

    def _sight(self, job: Job) -> Sight:
        return self._sights.made(reading_of(job), lambda: Sight(*read(job)[:2]))

    def _glance(self, job: Job) -> Glance:
        return self._glances.made(reading_of(job), lambda: uncover.glance(self._sight(job)))
