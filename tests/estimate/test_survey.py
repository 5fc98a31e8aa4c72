# SPDX-License-Identifier: GPL-3.0-or-later
"""Camera movement proves itself, or it is refused: rendered clips whose truth is known.

A few run by default; RACKFOCUS_ALL_MOVES=1 runs all, with the right focal length and with wrong ones.
"""

import functools
import os
import re
import time

import cv2
import numpy as np
import pytest
from small_world import Camera, box, render, room
from test_parallax import rank_correlation

from blender_rackfocus.estimate import EstimateError, ParallaxSettings, estimate_clip
from blender_rackfocus.estimate.parallax import Motion, grey_for_flow
from blender_rackfocus.estimate.sources import EstimateSettings, open_source
from blender_rackfocus.estimate.survey import hollow, standing, survey_motion

COUNT = 9


def person(i, size=1.0, z=2.4, walk=0.05, sway=0.03, at=-0.6):
    """Three boxes on top of each other that sway each in its own time."""
    x, parts = at + walk * i, []
    for n, (y, height, width, phase) in enumerate([(0.9, 0.9, 0.5, 0), (0.15, 0.8, 0.75, 1.2), (-0.5, 0.5, 0.4, 2.2)]):
        place = (x + sway * np.sin(1.3 * i + phase), y * size, z)
        parts += box(place, (width * size, height * size, 0.3 * size), 40 + n)
    return parts


def wall(i):
    """Something that fills half of the picture and moves through it."""
    return box((-1.2 + 0.15 * i, 0.2, 2.0), (2.6, 2.4, 0.4), 77)


def still(_i):
    return []


# name: who moves, the camera, words of the refusal ('' = depth is told)
CASES = {
    "lateral": (still, lambda i: Camera((0.06 * i, 0, 0)), ""),
    "forward": (still, lambda i: Camera((0, 0, 0.15 * i)), ""),
    "lateral with pan": (still, lambda i: Camera((0.06 * i, 0, 0), yaw_deg=-0.4 * i), ""),
    "up with tilt": (still, lambda i: Camera((0, -0.05 * i, 0), pitch_deg=0.3 * i), ""),
    "pan": (still, lambda i: Camera(yaw_deg=0.6 * i), "only turns"),
    "tripod": (still, lambda _i: Camera(), "stands still"),
    "tripod, walking": (person, lambda _i: Camera(), "stands still|not the camera alone"),
    "tripod, talking, large": (
        lambda i: person(i, 1.6, 1.8, 0.0, 0.08),
        lambda _i: Camera(),
        "stands still|not the camera alone",
    ),
    "tripod, half of it moves": (wall, lambda _i: Camera(), "only turns|not the camera alone|the next does not"),
    "pan, walking": (person, lambda i: Camera(yaw_deg=0.5 * i), "only turns|not the camera alone"),
    "pan, half of it moves": (
        wall,
        lambda i: Camera(yaw_deg=0.5 * i),
        "only turns|not the camera alone|the next does not",
    ),
    "somebody walks along": (
        lambda i: person(i, 1.2, 2.4, 0.06, 0),
        lambda i: Camera((0.06 * i, 0, 0)),
        "keeps up with the camera",
    ),
}
QUICK = ("pan", "tripod, talking, large", "pan, half of it moves", "somebody walks along")
ALL = bool(os.environ.get("RACKFOCUS_ALL_MOVES"))


@functools.cache
def clip(name):
    moved, camera, _ = CASES[name]
    return filmed(moved, camera, COUNT)


def filmed(moved, camera, count):
    """Pictures with a grain of their own each, and the depths."""
    pictures, depths = [], []
    for i in range(count):
        rgba, depth = render(room() + moved(i), camera(i))
        grain = np.random.default_rng(i).normal(0, 0.005, rgba.shape).astype(np.float32)
        pictures.append(np.maximum(rgba + grain, 0))
        depths.append(depth)
    return pictures, depths


@pytest.mark.parametrize("focal_mm", [35.0, 50.0] if ALL else [35.0])
@pytest.mark.parametrize("name", CASES if ALL else QUICK)
def test_what_a_camera_tells_and_what_it_does_not(name, focal_mm):
    pictures, depths = clip(name)
    words, settings = CASES[name][2], ParallaxSettings(focal_mm)
    begun = time.monotonic()
    if words:
        with pytest.raises(EstimateError, match=words):
            survey_motion(pictures.__getitem__, settings, range(COUNT))
    else:
        survey_motion(pictures.__getitem__, settings, range(COUNT))
    assert time.monotonic() - begun < 30
    if not words and ALL:
        got = {}
        estimate_clip(pictures, lambda i, depth, _: got.__setitem__(i, depth), EstimateSettings(parallax=settings))
        assert min(rank_correlation(got[i], 1 / depths[i]) for i in got) >= 0.9


def test_what_goes_along_with_the_camera_does_not_for_long():
    """Somebody large who walks at the camera's own pace, and sways: over four frames all of it is one scene."""
    pictures, _ = filmed(lambda i: person(i, 1.3, 2.2, 0.03, 0.012, -0.8), lambda i: Camera((0.03 * i, 0, 0)), 18)
    with pytest.raises(EstimateError, match="over 8 frames"):
        survey_motion(pictures.__getitem__, ParallaxSettings(), range(18))


def doubts(pictures):
    source = open_source(pictures, EstimateSettings(), range(len(pictures)), "PARALLAX")
    return [note for note in source.provenance.notes if note.startswith("doubtful")]


def test_what_may_go_along_with_the_camera_is_told_as_doubtful():
    """Over a few frames it cannot be told from what rests; over more it is told, or the pairs of frames agree less."""
    pictures, _ = filmed(still, lambda i: Camera((0.03 * i, 0, 0)), 5)
    there_and_back = pictures + pictures[-2::-1]
    assert [re.findall(r"\d+", one) for one in doubts(there_and_back)] == [["9", "17"]]
    assert doubts(there_and_back + there_and_back[1:]) == []
    walks = functools.partial(box, size=(1.6, 2.4, 0.4), seed=77)
    pictures, _ = filmed(lambda i: walks((-0.6 + 0.05 * i, 0.2, 2.0)), lambda i: Camera((0.05 * i, 0, 0)), COUNT)
    assert "goes along with the camera" in " ".join(doubts(pictures))
    assert doubts(clip("lateral")[0]) == []


def test_too_few_pictures_prove_nothing():
    pictures, _ = clip("lateral")
    for count, words in ((1, "one picture alone"), (2, "2 pictures cannot prove"), (8, "8 pictures .* 9 at least")):
        with pytest.raises(EstimateError, match=words):
            survey_motion(pictures.__getitem__, ParallaxSettings(), range(count))


def under(pictures, gains):
    """The same under a camera that sets its exposure anew for each picture."""
    return [one * np.float32([gain, gain, gain, 1]) for one, gain in zip(pictures, gains, strict=True)]


PUMPING = 1 + 0.4 * np.sin(1.1 * np.arange(COUNT))


@pytest.mark.parametrize("name", ["tripod", "pan", "lateral"])
def test_exposure_that_pumps_is_no_motion(name):
    """The reason, or the order of depth, is what it is in even light."""
    pictures, depths = clip(name)
    pumping, words = under(pictures, PUMPING), CASES[name][2]
    if words:
        with pytest.raises(EstimateError, match=words):
            survey_motion(pumping.__getitem__, ParallaxSettings(), range(COUNT))
        return
    source = open_source(pumping, EstimateSettings(), range(COUNT), "PARALLAX")
    near = source.nearness(4, pumping[4])
    small = cv2.resize(near, depths[4].shape[::-1], interpolation=cv2.INTER_NEAREST)
    assert rank_correlation(small, 1 / depths[4]) >= 0.9


def test_a_lamp_that_flickers_is_named_beside_what_may_move():
    """It changes a part of the picture as something that moves there does: which of the two is not known."""
    pictures, _ = clip("lateral")
    rows, columns = np.mgrid[:180, :320]
    beam = np.exp(-((columns - 80) ** 2 + (rows - 60) ** 2) / (2 * 90**2))
    lit = [
        one * np.dstack([1 + 0.9 * np.sin(2.1 * i) * beam] * 3 + [np.ones_like(beam)]).astype(np.float32)
        for i, one in enumerate(pictures)
    ]
    with pytest.raises(EstimateError, match="not the camera alone, or the light changes"):
        survey_motion(lit.__getitem__, ParallaxSettings(), range(COUNT))


@pytest.mark.parametrize("grain", [0.0, 0.004, 0.05])
@pytest.mark.parametrize("light", [0.0, 0.3])
def test_what_shows_nothing_is_not_said_to_move_or_to_rest(grain, light):
    rng = np.random.default_rng(3)
    flat = [np.maximum(light + grain * rng.standard_normal((180, 320, 4)), 0).astype(np.float32) for _ in range(COUNT)]
    with pytest.raises(EstimateError, match="hardly anything can be followed: what 0 %"):
        survey_motion(flat.__getitem__, ParallaxSettings(), range(COUNT))


def test_a_refusal_says_figures_that_say_it():
    """Whatever the figures, the one that is there is below the one that is needed."""
    rng = np.random.default_rng(1)
    for _ in range(300):
        moving, parallax = 10 ** rng.uniform(0, 2), 10 ** rng.uniform(-1.5, 0.7)
        words = Motion(np.array([1.0, 0, 0]), np.zeros(3), parallax, 1.0, moving).refusal
        if words:
            there, needed = re.search(r"([\d.]+) px of parallax remain .* ([\d.]+) px are needed", words).groups()
            assert float(there) < float(needed)
        assert bool(words) == (parallax < max(0.5, 0.02 * moving))


def scene():
    """Ground that comes nearer towards the bottom, a far wall above it."""
    rows = np.linspace(-1, 1, 180)[:, None]
    return np.broadcast_to(np.maximum(rows, 0.0) + 0.2, (180, 320)).copy().astype(np.float32)


def test_a_hollow_in_the_ground_is_somebody_who_keeps_up():
    near = scene()
    near[60:150, 120:180] = 1.3
    assert hollow(near) == 0  # stands before the ground: right
    near[60:150, 120:180] = 0.05
    assert hollow(near) > 0.008
    gap = scene()
    gap[40:120, 60:120] = gap[40:120, 180:240] = 0.9  # a gap between two: the wall ends at the ground
    assert hollow(gap) < 0.008
    assert hollow(cv2.GaussianBlur(scene(), (0, 0), 3)) == 0


def drawn_over(pictures, area):
    """The same still pattern, but for its grain, over an area (180, 320) of each."""
    pattern = 0.2 + 0.5 * (np.indices(area.shape).sum(0) // 5 % 2)[..., None]
    out = [picture.copy() for picture in pictures]
    for n, picture in enumerate(out):
        grain = np.random.default_rng(100 + n).normal(0, 0.005, (*area.shape, 3))
        picture[area, :3] = (pattern + grain)[area]
    return out


def test_what_stands_on_a_moving_picture_is_no_depth():
    """The frame of a window would come out as the farthest of all; a letterbox is nothing to see, and a small title is
    left to what is around it."""
    pictures, _ = clip("lateral")
    assert standing([grey_for_flow(one) for one in pictures]).mean() < 0.005
    frame, title = np.ones((180, 320), bool), np.zeros((180, 320), bool)
    frame[7:169, 13:307], title[150:160, 60:140] = False, True
    with pytest.raises(EstimateError, match=r"\d+ % of the picture stands still while the rest moves"):
        survey_motion(drawn_over(pictures, frame).__getitem__, ParallaxSettings(), range(COUNT))
    titled = drawn_over(pictures, title)
    found = survey_motion(titled.__getitem__, ParallaxSettings(), range(COUNT))
    assert found.standing[300:320, 120:280].mean() > 0.9
    assert found.standing.mean() < 0.1  # and a little around it
    source = open_source(titled, EstimateSettings(), range(COUNT), "PARALLAX")
    assert np.isnan(source.nearness(4, titled[4])[300:320, 120:280]).mean() > 0.9
    barred = [one.copy() for one in pictures]
    for one in barred:
        one[:24, :, :3] = one[-24:, :, :3] = 0
    survey_motion(barred.__getitem__, ParallaxSettings(), range(COUNT))
