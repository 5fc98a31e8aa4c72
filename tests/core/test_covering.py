# SPDX-License-Identifier: GPL-3.0-or-later
"""What covers what: separate surfaces cover each other independently, and behind an edge lies what is farther."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from blender_rackfocus.core import Lens, defocus_frame
from blender_rackfocus.core.crew.workers import Workers
from blender_rackfocus.core.hidden import hidden_samples
from blender_rackfocus.core.lens import radius_per_dioptre

HEIGHT, WIDTH = 160, 200
RED, GREEN, BLUE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
LENS = Lens(focal_mm=50.0, f_number=2.0, sensor_mm=36.0, focus_m=4.0)


def shot(*surfaces):
    """Picture and depth of surfaces, (where, colour, signed circle in pixels), each before those told earlier."""
    rgba, depth_m = np.ones((HEIGHT, WIDTH, 4), np.float32), np.empty((HEIGHT, WIDTH), np.float32)
    for where, colour, coc_px in surfaces:
        rgba[where] = (*colour, 1.0)
        depth_m[where] = 1 / (1 / LENS.focus_m - coc_px / radius_per_dioptre(LENS, WIDTH))
    return rgba, depth_m


def beyond_chord(distance):
    """Share of a disc of radius 1 that lies beyond a straight line so far from its centre."""
    return (math.acos(distance) - distance * math.sqrt(1 - distance * distance)) / math.pi


@pytest.mark.parametrize(("near_px", "next_px"), [(30, 15), (44, 15), (60, 24)])
def test_two_fences_cover_a_point_independently(near_px, next_px):
    """One to the left, half of the lens; a farther one above, half: a quarter comes through, not nothing."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    left, above = x < WIDTH // 2, y < HEIGHT // 2
    everywhere = np.ones_like(left)
    rgba, depth_m = shot((everywhere, BLUE, 0), (above, GREEN, -next_px), (left, RED, -near_px))
    out = defocus_frame(rgba, depth_m, LENS)[HEIGHT // 2, WIDTH // 2]
    np.testing.assert_allclose(out[:3], (0.5, 0.25, 0.25), atol=0.05)
    assert out[3] == 1


def test_slices_of_one_surface_add_up():
    """The same two, at nearly the same depth: what one leaves of the lens, the other takes of it."""
    x = np.mgrid[0:HEIGHT, 0:WIDTH][1]
    left, right = x < WIDTH // 2, x >= WIDTH // 2
    rgba, depth_m = shot((right, GREEN, -20), (left, RED, -21))
    out = defocus_frame(rgba, depth_m, LENS)[HEIGHT // 2, WIDTH // 2]
    np.testing.assert_allclose(out[:3], (0.5, 0.5, 0.0), atol=0.04)


@pytest.mark.parametrize("step_px", [3.0, 6.0, 12.0])
def test_behind_a_blurred_edge_lies_the_far_colour(step_px):
    """Within the near surface, at a distance from its edge, the lens sees so much of the wall past it."""
    left = np.zeros((HEIGHT, WIDTH), bool)
    left[:, : WIDTH // 2] = True
    rgba, depth_m = shot((~left, BLUE, 0), (left, RED, -step_px))
    row = defocus_frame(rgba, depth_m, LENS)[HEIGHT // 2]
    for column in range(WIDTH // 2 - 1, WIDTH // 2 - int(step_px) - 1, -1):
        inside = WIDTH / 2 - (column + 0.5)  # from the edge, in pixels
        assert row[column, 2] == pytest.approx(beyond_chord(inside / step_px), abs=0.08), inside
    assert row[WIDTH // 2 - 2 * int(step_px) - 4, 2] < 1e-3


@pytest.mark.parametrize("step_px", [3.0, 6.0, 11.0])
def test_an_edge_hides_a_strip_as_wide_as_its_step(step_px):
    coc = np.full((40, 60), 2.0, np.float32)
    coc[:, :30] -= np.float32(step_px)
    rgb = np.where(coc[..., None] == 2, np.float32(BLUE), np.float32(RED))
    with ThreadPoolExecutor(1) as pool:
        (hidden,) = hidden_samples(rgb, coc, 1, Workers(pool))
    covered = hidden.coverage(slice(0, 40), coc)
    np.testing.assert_allclose(covered.sum(1), step_px, atol=1.0)
    assert (covered[:, 30:] == 0).all()  # nothing lies behind the far surface
    there = hidden.reach > -np.inf
    assert (hidden.coc[there] == 2).all()
    planes = np.stack([hidden.pairs[0][:, 0::2], hidden.pairs[0][:, 1::2], hidden.pairs[1][:, 0::2]], axis=2)
    np.testing.assert_allclose(planes[there], np.broadcast_to(BLUE, planes[there].shape), atol=2e-3)


@pytest.mark.parametrize("cell", [1, 2, 4])
def test_a_strip_grows_as_evenly_as_its_step(cell):
    """Circles that go apart by a grain, as they do with the focus, uncover no pixel at once."""
    grain_px, last = np.float32(0.1), None
    rgb = np.zeros((24, 64, 3), np.float32)
    for step_px in np.arange(0.5, 14, grain_px, np.float32):
        coc = np.full((24, 64), 2.0, np.float32)
        coc[6:18, 10:34] -= step_px
        with ThreadPoolExecutor(1) as pool:
            found = hidden_samples(rgb, coc, cell, Workers(pool))
        covered = found[0].coverage(slice(0, 24), coc) if found else np.zeros_like(coc)
        assert last is None or np.abs(covered - last).max() < 1.3 * grain_px, step_px
        last = covered
    assert last.sum() > 0.9 * 12 * 24, "all of it is seen past in the end"


def test_a_slope_hides_nothing():
    coc = np.tile(np.linspace(-20, 20, 60, dtype=np.float32), (40, 1))  # 0.68 a pixel
    rgb = np.random.default_rng(0).random((40, 60, 3), np.float32)
    with ThreadPoolExecutor(1) as pool:
        assert hidden_samples(rgb, coc, 1, Workers(pool)) == []


@pytest.mark.parametrize("radius_px", [0.3, 0.45])
def test_a_draft_gives_what_is_in_focus_its_detail_back(radius_px):
    """Noise that half the size cannot hold: without it a draft would be off by more than a tenth."""
    noise = np.ones((HEIGHT, WIDTH, 4), np.float32)
    noise[..., :3] = np.random.default_rng(3).random((HEIGHT, WIDTH, 3), np.float32)
    _, depth_m = shot((np.ones((HEIGHT, WIDTH), bool), (0, 0, 0), radius_px))
    draft, final = (defocus_frame(noise, depth_m, LENS, quality=quality) for quality in ("draft", "final"))
    assert np.sqrt(np.mean((draft - final) ** 2)) < 0.08
