# SPDX-License-Identifier: GPL-3.0-or-later
import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from blender_rackfocus.estimate import EstimateError
from blender_rackfocus.estimate.stereo import (
    StereoSettings,
    disparity,
    find_stereo,
    resolve,
    search_range,
    split,
    stereo_nearness,
)

MIDDLEBURY_FOCAL_PX, MIDDLEBURY_BASELINE_M, MIDDLEBURY_DOFFS_PX = 994.978, 0.193001, 31.086


def linear(encoded_bytes):
    x = encoded_bytes.astype(np.float32) / 255
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


@pytest.fixture(scope="module")
def motorcycle():
    """Middlebury 2014 'Motorcycle' at quarter size, as scikit-image's wheel carries it: left, right, disparity."""
    spec = importlib.util.find_spec("skimage")
    if spec is None:
        pytest.skip("scikit-image, whose wheel carries the Middlebury pair, is not installed")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    left, right = (cv2.imread(str(folder / f"motorcycle_{side}.png"))[..., ::-1] for side in ("left", "right"))
    return linear(left), linear(right), np.load(folder / "motorcycle_disp.npz")["arr_0"]


def frame(left, right, layout="SIDE_BY_SIDE"):
    both = np.concatenate([left, right], axis=1 if layout == "SIDE_BY_SIDE" else 0)
    return np.dstack([both, np.ones(both.shape[:2], np.float32)])


@pytest.mark.parametrize("layout", ["SIDE_BY_SIDE", "OVER_UNDER"])
@pytest.mark.parametrize("swap", [False, True])
def test_middlebury_from_one_frame(motorcycle, layout, swap):
    left, right, truth = motorcycle
    picture = frame(right, left, layout) if swap else frame(left, right, layout)
    evidence = find_stereo(picture)
    assert (evidence.layout, evidence.swapped) == (layout, swap)
    settings = resolve(StereoSettings(), evidence)
    out = stereo_nearness(picture, settings, *search_range([evidence], settings, left.shape[1]))
    found = split(out, layout)[1 if swap else 0]
    known = np.isfinite(truth) & (truth > 0)
    both = known & np.isfinite(found)
    error = np.abs(found - truth)[both]
    assert error.mean() < 1.5
    assert (error > 1).mean() < 0.12
    assert both.sum() / known.sum() > 0.85


def test_metres_of_the_middlebury_pair(motorcycle):
    left, right, truth = motorcycle
    settings = StereoSettings("SIDE_BY_SIDE", "NO", MIDDLEBURY_FOCAL_PX, MIDDLEBURY_BASELINE_M, MIDDLEBURY_DOFFS_PX)
    assert settings.metric
    metres = 1 / stereo_nearness(frame(left, right), settings, 0, 70)[:, : left.shape[1]]
    true_metres = MIDDLEBURY_FOCAL_PX * MIDDLEBURY_BASELINE_M / (truth + MIDDLEBURY_DOFFS_PX)
    both = np.isfinite(metres) & np.isfinite(truth) & (truth > 0)
    assert np.median(np.abs(metres[both] / true_metres[both] - 1)) < 0.01


@pytest.mark.parametrize("shift", [30, 60])
@pytest.mark.parametrize("swap", [False, True])
def test_eyes_in_order_although_the_pair_is_shifted_for_the_screen(motorcycle, shift, swap):
    left, right, _ = motorcycle
    left, right = left[:, shift:], right[:, : right.shape[1] - shift]  # shifts of both signs, as in cinema releases
    evidence = find_stereo(frame(right, left) if swap else frame(left, right))
    assert evidence.swapped is swap


def texture(height, width, seed):
    rng = np.random.default_rng(seed)
    noise = sum(cv2.resize(rng.random((height // s, width // s, 3), np.float32), (width, height)) for s in (2, 5, 16))
    return noise / 3


def planes(width=400, height=240, near_px=24, far_px=8):
    """A near rectangle before a far wall, both fronto-parallel: left, right and the left eye's disparity."""
    far, near = texture(height, width + 80, 1), texture(height, width + 80, 2)
    left, right = far[:, 40 : 40 + width].copy(), far[:, 40 + far_px : 40 + far_px + width].copy()
    truth = np.full((height, width), far_px, np.float32)
    patch = near[60:180, :140]
    left[60:180, 150:290] = patch
    right[60:180, 150 - near_px : 290 - near_px] = patch
    truth[60:180, 150:290] = near_px
    return left, right, truth


def test_two_planes_are_where_they_were_put():
    left, right, truth = planes()
    found = disparity(left, right, 0, 40)
    core = cv2.erode((truth > 20).astype(np.uint8), np.ones((15, 15))) > 0
    assert np.nanmedian(found[core]) == pytest.approx(24, abs=0.1)
    assert np.nanmedian(found[:50]) == pytest.approx(8, abs=0.1)


def test_flat_pictures_are_no_stereo():
    flat = texture(240, 400, 7)
    assert find_stereo(frame(flat, flat)) is None, "two copies have no depth"
    assert find_stereo(frame(flat, texture(240, 400, 8))) is None
    assert find_stereo(frame(flat, flat[:, ::-1])) is None
    assert find_stereo(np.full((240, 800, 4), 0.5, np.float32)) is None
    with pytest.raises(EstimateError, match="no stereo clip"):
        resolve(StereoSettings(), None)
