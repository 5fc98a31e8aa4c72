# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frames beside a frame are looked into: as far as the camera's way asks, and never over a cut."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from blender_rackfocus.core import Behind
from blender_rackfocus.craft import uncover
from blender_rackfocus.craft.uncover import Glance, Sight
from blender_rackfocus.frame import behind, inputs
from blender_rackfocus.frame.job import Beside, FileFrame, Job
from blender_rackfocus.media import MediaError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "craft"))
import planes

WORLD = (planes.WALL, planes.MIDDLE, planes.FRONT)
OTHER = (planes.Card(4.0, None, 11, 0.13), planes.Card(2.0, (-0.4, -0.3, 0.2, 1.0), 12, 0.05))


class Clip:
    """A clip of sights, and which of its frames were read whole."""

    def __init__(self, sights: dict[int, Sight]) -> None:
        self.sights, self.read = sights, set()

    def job(self, frame: int) -> Job:
        values = {entry.name: float(entry.default) for entry in inputs.INPUTS}
        values |= {"Focal Length": 36.0 * planes.FOCAL, "Sensor Width": 36.0}
        offsets = [side * step for step in behind.OFFSETS for side in (-1, 1) if frame + side * step in self.sights]
        beside = tuple(Beside(offset, self.file(frame + offset), self.file(frame + offset)) for offset in offsets)
        file = self.file(frame)
        ordered = tuple(values[name] for name in inputs.NAMES)
        near_far = 1.0, 100.0
        return Job(file, "", "", file, "", None, None, *near_far, ordered, (1.0, 1.0, False), False, beside=beside)

    @staticmethod
    def file(frame: int) -> FileFrame:
        return FileFrame("clip", frame, (0,))

    def whole(self, job: Job) -> Sight:
        self.read.add(job.picture.index)
        return self.sights[job.picture.index]

    def small(self, job: Job) -> Glance:
        return uncover.glance(self.sights[job.picture.index])

    def behind(self, frame: int) -> Behind | None:
        return behind.behind(self.job(frame), self.whole, self.small)


def dolly(step_m: float, frames: range = range(-4, 5)) -> dict[int, Sight]:
    return {frame: planes.sight(WORLD, (step_m * frame, 0, 0)) for frame in frames}


def test_a_fast_camera_is_seen_by_the_next_frames_a_slow_one_by_later_ones():
    fast, slow = Clip(dolly(0.06)), Clip(dolly(0.02))
    assert fast.behind(0) is not None
    assert fast.read == {-2, -1, 0, 1, 2}
    assert slow.behind(0) is not None
    assert slow.read == {-4, -2, 0, 2, 4}


def test_a_camera_at_rest_reads_nothing_whole_and_finds_nothing():
    clip = Clip(dolly(0.0))
    assert clip.behind(0) is None
    assert clip.read == set()


def test_nothing_is_taken_from_beyond_a_cut():
    before = dolly(0.06, range(-4, 1))
    after = {frame: planes.sight(OTHER, (0.06 * frame, 0, 0)) for frame in range(1, 5)}
    clip = Clip(before | after)
    here = clip.behind(0)
    assert here is not None
    assert clip.read == {-2, -1, 0}
    alone = Clip(before).behind(0)
    assert np.array_equal(here.picture, alone.picture)


def test_a_frame_beside_that_cannot_be_read_is_left_out():
    clip = Clip(dolly(0.06))
    small = clip.small

    def broken(job: Job) -> Glance:
        if job.picture.index == 1:
            raise MediaError("clip", "it is damaged")
        return small(job)

    clip.small = broken
    assert clip.behind(0) is not None
    assert clip.read == {-2, -1, 0}


def test_a_clip_of_one_frame_has_nothing_to_look_into():
    assert Clip(dolly(0.0, range(1))).behind(0) is None
