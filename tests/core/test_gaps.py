# SPDX-License-Identifier: GPL-3.0-or-later
"""A rack in even steps changes the picture in even steps, wherever among the layers surfaces come to lie."""

import cv2
import numpy as np
import pytest

from blender_rackfocus.core import Lens, defocus_frame
from blender_rackfocus.core.lens import radius_per_dioptre

HEIGHT, WIDTH = 96, 960
STEPS = 44


def display(light):
    return np.sqrt(np.clip(light, 0, 1))


def trunks():
    """Dark trunks before a bright sky, with a bough between them: surfaces that leave layers while others stay."""
    rng = np.random.default_rng(3)
    rgba, depth_m = np.ones((HEIGHT, WIDTH, 4), np.float32), np.full((HEIGHT, WIDTH), 1e9, np.float32)
    clouds = cv2.resize(rng.random((6, 60, 3), np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    rgba[..., :3] = (0.4, 0.55, 0.7) + 0.3 * clouds
    depth_m[40:52], rgba[40:52, :, :3] = 6.0, (0.2, 0.3, 0.1)
    for left in range(60, WIDTH - 60, 150):
        own = slice(left, left + 50)
        depth_m[:, own] = 4.2
        rgba[:, own, :3] = rng.uniform(0.0, 0.3, (HEIGHT, 50, 1))
    return rgba, depth_m


@pytest.mark.parametrize("quality", ["draft", "final"])
def test_a_surface_that_leaves_a_layer_changes_nothing_at_once(quality):
    """No step of a focus that goes evenly in dioptres stands out: surfaces cross some twenty layers on the way."""
    rgba, depth_m = trunks()
    open_lens = Lens(focal_mm=85.0, f_number=1.0, sensor_mm=36.0, focus_m=2.0)
    f_number = radius_per_dioptre(open_lens, WIDTH) * (1 / 1.4 - 1 / 4.2) / 17.0  # trunks go from 17 px of radius on
    last, energies = None, []
    for dioptres in np.linspace(1 / 1.4, 1 / 1.7, STEPS):
        lens = Lens(focal_mm=85.0, f_number=f_number, sensor_mm=36.0, focus_m=1 / dioptres)
        now = display(defocus_frame(rgba, depth_m, lens, quality=quality)[..., :3])
        if last is not None:
            energies.append(np.square(now - last).mean())
        last = now
    assert max(energies) < 3 * np.median(energies)
