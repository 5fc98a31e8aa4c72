# SPDX-License-Identifier: GPL-3.0-or-later
"""A circle between two layers: a point spreads as far as the disc of its own radius does."""

import numpy as np

from blender_rackfocus.core import Lens, defocus_frame

SIZE = 96


def spread_px2(radius_px: float) -> float:
    """Mean squared distance from the middle of the light of one bright point on a plane that is so far out of focus."""
    lens = Lens(focal_mm=200.0, f_number=2.0, focus_m=2.0, sensor_mm=36.0)
    # radius = width / 2 * f^2 / (N sensor) * (1 / s - 1 / z), solved for z beyond the focus plane.
    nearness_per_mm = 1 / 2000.0 - radius_px * 2 / SIZE * 2.0 * 36.0 / 200.0**2
    depth_m = np.full((SIZE, SIZE), 1 / nearness_per_mm / 1000, np.float32)
    picture = np.zeros((SIZE, SIZE, 3), np.float32)
    picture[SIZE // 2, SIZE // 2] = 1
    light = defocus_frame(picture, depth_m, lens)[..., 0].astype(np.float64)
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE // 2
    return float((light * (x**2 + y**2)).sum() / light.sum())


def test_a_point_spreads_as_its_own_disc_does_wherever_layers_stand():
    """The mean squared distance within a disc is half its radius squared; that pixels have a size adds up to 1/6 to it,
    and what of a pixel's sharpness is left below a quarter pixel takes a grain off."""
    radii_px = np.arange(0.9, 6.5, 0.15)
    over = np.array([spread_px2(float(radius)) for radius in radii_px]) - radii_px**2 / 2
    assert over.min() > -0.03125
    assert over.max() < 1 / 6 + 0.05
    assert np.abs(np.diff(over)).max() < 0.05, "no layer is seen in how blur grows"


def test_blur_sets_in_without_a_jump():
    below, *spread = (spread_px2(radius) for radius in (0.24, 0.26, 0.28, 0.3, 0.32))
    assert below == 0
    assert 0 < spread[0] < 0.02
    assert (np.diff(spread) > 0).all()
