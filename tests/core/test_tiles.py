# SPDX-License-Identifier: GPL-3.0-or-later
"""How a frame is cut up must not show."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest

from blender_rackfocus.core import Aperture, Lens, defocus, defocus_frame
from blender_rackfocus.core.lens import coc_px

HEIGHT, WIDTH = 200, 320
LENS = Lens(focal_mm=50.0, f_number=2.0, sensor_mm=36.0, focus_m=2.0)


def shot():
    """Discs at many distances before a wall, with bright lamps."""
    rng = np.random.default_rng(4)
    depth = np.full((HEIGHT, WIDTH), 20.0, np.float32)
    rgba = np.dstack([cv2.GaussianBlur(rng.random((HEIGHT, WIDTH, 3), np.float32), (0, 0), 1.2), np.ones_like(depth)])
    for z in np.linspace(8, 0.7, 40):
        where = int(rng.uniform(0, WIDTH)), int(rng.uniform(0, HEIGHT))
        cv2.circle(depth, where, int(16 / z), float(z), -1)
        cv2.circle(rgba, where, int(16 / z), (*rng.random(3), 1.0), -1)
        cv2.circle(rgba, where, 1, (20.0, 15.0, 9.0, 1.0), -1)
    return rgba, depth


def lens_with_largest(radius_px, depth):
    now = float(np.abs(coc_px(depth, LENS, WIDTH)).max())
    return replace(LENS, f_number=LENS.f_number * now / radius_px)


@pytest.mark.parametrize("quality", ["draft", "final"])
@pytest.mark.parametrize("radius", [10.0, 30.0, 60.0])
def test_tiles_do_not_show(monkeypatch, quality, radius):
    rgba, depth = shot()
    lens = lens_with_largest(radius, depth)
    pictures = []
    for edge in (1024, 64, 8):  # of the smallest, a single pixel may be all that is still open
        monkeypatch.setitem(defocus.TILES_PX, quality, edge)
        pictures.append(np.clip(defocus_frame(rgba, depth, lens, quality=quality), 0, 1))
    np.testing.assert_allclose(pictures[1], pictures[0], atol=1e-3)
    np.testing.assert_allclose(pictures[2], pictures[0], atol=5e-3)


@pytest.mark.parametrize("quality", ["draft", "final"])
def test_frames_at_once_are_the_frames_one_by_one(quality):
    rgba, depth = shot()
    lenses = [lens_with_largest(radius, depth) for radius in (5.0, 20.0, 40.0)]
    alone = [defocus_frame(rgba, depth, lens, quality=quality) for lens in lenses]
    threads = cv2.getNumThreads()
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda lens: defocus_frame(rgba, depth, lens, quality=quality), lenses))
    assert cv2.getNumThreads() == threads
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_cats_eye_changes_without_a_step():
    """A row of equal lamps: the centre of each disc moves on little by little from the centre to the side."""
    rgba = np.zeros((120, 960, 4), np.float32)
    rgba[..., 3] = 1
    places = range(500, 940, 40)
    for x in places:
        rgba[60, x, :3] = 100.0
    depth = np.full((120, 960), 20.0, np.float32)
    lens = replace(LENS, f_number=LENS.f_number * abs(float(coc_px(depth[:1, :1], LENS, 960)[0, 0])) / 12)
    out = defocus_frame(rgba, depth, lens, aperture=Aperture(cats_eye=1.0))[..., 0]
    across = np.arange(-20, 20)
    shift = [float((out[:, x - 20 : x + 20].sum(0) * across).sum() / out[:, x - 20 : x + 20].sum()) for x in places]
    steps = np.diff(shift)
    assert abs(shift[-1]) > 1.5
    assert np.abs(steps - steps.mean()).max() < 0.25


@pytest.mark.parametrize("quality", ["draft", "final"])
@pytest.mark.parametrize("height", range(1, 7))
@pytest.mark.parametrize("width", range(1, 7))
def test_the_smallest_pictures(height, width, quality):
    """OpenCV takes four values for one in places; an even grey shows whatever is lost or counted twice."""
    depth = (1 / np.random.default_rng(height).uniform(0.05, 1.5, (height, width))).astype(np.float32)
    rgba = np.full((height, width, 4), (0.5, 0.25, 2.0, 1.0), np.float32)
    for sensor_mm in (1.0, 36.0):  # circles far larger than the picture, and within it
        lens = replace(LENS, f_number=0.5, sensor_mm=sensor_mm)
        np.testing.assert_allclose(defocus_frame(rgba, depth, lens, quality=quality), rgba, rtol=1e-4)


@pytest.mark.parametrize("height", [800, 801])
@pytest.mark.parametrize("width", [64, 65])
def test_drafts_of_odd_pictures_are_where_they_belong(height, width):
    """A line near the far corner of a picture that is taken in bands and at half the size."""
    depth = np.full((height, width), 4.0, np.float32)
    for axis, at in ((0, 770), (1, 34)):
        rgba = np.zeros((height, width, 4), np.float32)
        np.moveaxis(rgba, axis, 0)[at : at + 2] = 1
        rgba[..., 3] = 1
        made = defocus_frame(rgba, depth, replace(LENS, sensor_mm=2.5), quality="draft")
        line = made[..., 0].sum(axis=1 - axis)
        assert line.max() < 0.9 * made.shape[1 - axis]  # it is blurred
        off = (line * np.arange(line.size)).sum() / line.sum() - (at + 0.5)
        assert abs(off) < 0.02
