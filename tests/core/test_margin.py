# SPDX-License-Identifier: GPL-3.0-or-later
"""A margin around the frame: its light reaches in, and lens and aperture speak of the frame alone."""

from dataclasses import replace

import numpy as np
import pytest

from blender_rackfocus.core import Aperture, Behind, Lens, defocus_frame
from blender_rackfocus.core.aperture import vignetting_gain

HEIGHT, WIDTH, MARGIN = 96, 160, (24, 24)
LENS = Lens(focal_mm=50.0, f_number=2.0, sensor_mm=36.0, focus_m=1.5)
WIDE = HEIGHT + 2 * MARGIN[0], WIDTH + 2 * MARGIN[1]


def scene(depth=6.0):
    """Large soft noise at one distance."""
    noise = np.random.default_rng(1).random((WIDE[0] // 8, WIDE[1] // 8, 4)).astype(np.float32)
    picture = noise.repeat(8, axis=0).repeat(8, axis=1)
    picture[..., 3] = 1
    return picture, np.full(WIDE, depth, np.float32)


def frame(picture):
    return np.ascontiguousarray(picture[MARGIN[0] : -MARGIN[0], MARGIN[1] : -MARGIN[1]])


@pytest.mark.parametrize("quality", ["final", "draft"])
def test_a_frame_with_its_margin_is_cut_from_the_wider_lens(quality):
    """A sensor as much wider as the picture makes circles of the same pixels."""
    picture, depth_m = scene()
    whole = defocus_frame(picture, depth_m, replace(LENS, sensor_mm=36.0 * WIDE[1] / WIDTH), quality=quality)
    within = defocus_frame(picture, depth_m, LENS, quality=quality, margin=MARGIN)
    assert within.shape == (HEIGHT, WIDTH, 4)
    assert np.abs(within - frame(whole)).max() < 0.02


def test_at_the_rim_the_margin_is_seen_and_within_nothing_changes():
    picture, depth_m = scene()
    alone = defocus_frame(frame(picture), frame(depth_m), LENS)
    within = defocus_frame(picture, depth_m, LENS, margin=MARGIN)
    inner = np.s_[20:-20, 20:-20]
    assert np.abs(within - alone)[inner].max() < 0.02
    assert np.abs(within - alone)[:, :2].max() > 0.1


def test_largest_blur_is_a_share_of_the_frames_width():
    picture, depth_m = scene()
    limited = replace(LENS, max_blur_pct=3.0)
    alone = defocus_frame(frame(picture), frame(depth_m), limited)
    within = defocus_frame(picture, depth_m, limited, margin=MARGIN)
    inner = np.s_[20:-20, 20:-20]
    assert np.abs(within - alone)[inner].max() < 0.02


def test_the_barrel_is_the_frames():
    grey, depth_m = np.full((*WIDE, 4), 0.5, np.float32), np.full(WIDE, 6.0, np.float32)
    aperture = Aperture(vignetting=0.8)
    made = defocus_frame(grey, depth_m, LENS, aperture=aperture, margin=MARGIN)
    assert np.abs(made[..., 0] - 0.5 * vignetting_gain(HEIGHT, WIDTH, aperture)).max() < 5e-3


def test_cats_eyes_are_as_narrow_as_without_the_margin():
    lamp, depth_m = np.zeros((*WIDE, 4), np.float32), np.full(WIDE, 6.0, np.float32)
    lamp[..., 3] = 1
    lamp[MARGIN[0] + 12, MARGIN[1] + 14, :3] = 500
    aperture = Aperture(cats_eye=1.0)
    alone = defocus_frame(frame(lamp), frame(depth_m), LENS, aperture=aperture)[..., 0]
    within = defocus_frame(lamp, depth_m, LENS, aperture=aperture, margin=MARGIN)[..., 0]
    assert (within > 0.3).sum() == pytest.approx((alone > 0.3).sum(), rel=0.08)


def test_a_layer_that_one_can_see_through_leaves_a_hole():
    """A card before nothing at all: through its blurred edge the picture is as transparent as beside it."""
    rgba, depth_m = np.zeros((HEIGHT, WIDTH, 4), np.float32), np.full((HEIGHT, WIDTH), np.inf, np.float32)
    rgba[:, :, :] = (1, 0, 0, 1)
    depth_m[:, :] = 1.5
    depth_m[:, :80] = 0.5
    known = np.ones((HEIGHT, WIDTH), np.float32)
    nothing = Behind(np.zeros((HEIGHT, WIDTH, 4), np.float32), np.full((HEIGHT, WIDTH), 1.5, np.float32), known)
    alpha = defocus_frame(rgba, depth_m, LENS, behind=nothing)[HEIGHT // 2, :, 3]
    assert alpha[78] < 0.8
    assert alpha[10] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("margin", [(-1, 0), (WIDE[0] // 2, 0), (0, WIDE[1])])
def test_bad_margins_name_themselves(margin):
    with pytest.raises(ValueError, match="margin"):
        defocus_frame(*scene(), LENS, margin=margin)
