# SPDX-License-Identifier: GPL-3.0-or-later
"""Hair and grass thinner than a pixel: colour covers part of a pixel, depth is one ray through its middle."""

import numpy as np
import pytest

from blender_rackfocus.core import Lens, defocus_frame
from blender_rackfocus.core.crew.workers import workers
from blender_rackfocus.core.edges import unmixed

HEIGHT, WIDTH, FINER = 96, 160, 16
HAIR, WALL = np.float32(0.05), np.float32(0.8)


def hair_before_a_wall(slope: float, width_px: float) -> tuple[np.ndarray, np.ndarray]:
    """A dark straight hair at 2 m before an even wall at 8 m: coverage is exact, depth is the pixel's centre."""
    y, x = (np.mgrid[: HEIGHT * FINER, : WIDTH * FINER] + 0.5) / FINER
    away = np.abs(y - HEIGHT / 2 - 0.3 - slope * (x - WIDTH / 2)) / np.hypot(1, slope)
    covered = (away < width_px / 2).reshape(HEIGHT, FINER, WIDTH, FINER).mean((1, 3)).astype(np.float32)
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    met = np.abs(y - HEIGHT / 2 - 0.3 - slope * (x - WIDTH / 2)) / np.hypot(1, slope) < width_px / 2
    picture = np.repeat((covered * HAIR + (1 - covered) * WALL)[..., None], 3, axis=2)
    return picture, np.where(met, 2.0, 8.0).astype(np.float32)


@pytest.mark.parametrize("slope", [0.11, 0.37, 0.71])
@pytest.mark.parametrize("width_px", [0.5, 0.8, 1.3])
def test_hair_in_focus_is_whole(slope, width_px):
    """An even wall is as even out of focus: what is seen through the lens is what the pinhole saw."""
    picture, depth_m = hair_before_a_wall(slope, width_px)
    lens = Lens(focal_mm=200.0, f_number=8.0, focus_m=2.0, sensor_mm=36.0)
    through = defocus_frame(picture, depth_m, lens)
    inner = np.s_[16:-16, 16:-16]
    lost = ((WALL - picture) - (WALL - through))[inner].sum() / (WALL - picture)[inner].sum()
    assert abs(lost) < 0.03


@pytest.mark.parametrize("angle", [0.0, 0.3, 0.8])
def test_the_edge_of_something_solid_is_no_strand(angle):
    """Its near side's pixels hold as much too much as the far side's lose."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] - np.array([HEIGHT / 2, WIDTH / 2])[:, None, None]
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    coc = np.where(np.maximum(np.abs(along), np.abs(across)) < 20, 0.0, 9.0).astype(np.float32)
    picture = np.random.default_rng(1).random((HEIGHT, WIDTH, 3), np.float32)
    with workers(coc.size) as work:
        strands = unmixed(picture, coc, work)[1]
    assert strands is None or strands.share.sum() < 4  # at most its corners
