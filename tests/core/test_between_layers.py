# SPDX-License-Identifier: GPL-3.0-or-later
"""A circle between two layers: a point spreads as far as the disc of its own radius does."""

from itertools import pairwise

import cv2
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
    and what of a pixel's sharpness is left below a quarter pixel takes a grain off. Between two layers it is a little
    more and on them a little less, by a tenth of what the layers are apart, and on the mean neither."""
    radii_px = np.arange(0.9, 6.5, 0.15)
    over = np.array([spread_px2(float(radius)) for radius in radii_px]) - radii_px**2 / 2
    assert over.min() > -0.03125
    assert over.max() < 1 / 6 + 0.075
    assert 0.1 < over.mean() < 0.15, "neither too wide nor too narrow, all in all"


def test_a_wall_out_of_focus_changes_as_evenly_as_its_circle():
    """What one sees of a wall that goes out of focus in even steps: no step is much larger or smaller than the one
    before, wherever layers stand. Its picture is alike at all sizes, as pictures are."""
    rng = np.random.default_rng(3)
    wall = np.zeros((160, 160, 3), np.float32)
    for cell in (1, 2, 4, 8, 16, 32):
        grain = rng.random((-(-160 // cell), -(-160 // cell), 3), np.float32)
        wall += cv2.resize(grain, (160, 160), interpolation=cv2.INTER_LINEAR) / 6
    lens = Lens(focal_mm=200.0, f_number=2.0, focus_m=2.0, sensor_mm=36.0)

    def seen(radius_px: float) -> np.ndarray:
        nearness_per_mm = 1 / 2000.0 - radius_px * 2 / 160 * 2.0 * 36.0 / 200.0**2
        depth_m = np.full(wall.shape[:2], 1 / nearness_per_mm / 1000, np.float32)
        return np.sqrt(defocus_frame(wall, depth_m, lens))

    pictures = [seen(float(radius)) for radius in np.arange(2.4, 6.5, 0.1)]
    energies = np.array([np.square(after - before).mean() for before, after in pairwise(pictures)])
    assert np.exp(np.abs(np.diff(np.log(energies)))).max() < 1.3


def test_blur_sets_in_without_a_jump():
    below, *spread = (spread_px2(radius) for radius in (0.24, 0.26, 0.28, 0.3, 0.32))
    assert below == 0
    assert 0 < spread[0] < 0.02
    assert (np.diff(spread) > 0).all()
