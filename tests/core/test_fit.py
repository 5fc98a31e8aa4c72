# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth fitted to its picture: what fits comes back as it is, what was spoilt comes back as it was."""

import cv2
import numpy as np
import pytest

from blender_rackfocus.core.fit import Fit, fitted

HEIGHT, WIDTH = 270, 360


def scene(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Discs of print, each flat at its distance and of its colour, in front of a floor that runs away: picture and
    exact depth."""
    rng = np.random.default_rng(seed)
    depth = np.broadcast_to(np.linspace(9, 5, HEIGHT, dtype=np.float32)[:, None], (HEIGHT, WIDTH)).copy()
    picture = np.full((HEIGHT, WIDTH, 3), (0.1, 0.2, 0.4), np.float32)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    places = [(70, 70), (80, 190), (75, 300), (190, 90), (200, 210), (190, 310)]
    for (row, column), distance_m in zip(places, rng.permutation(np.linspace(1.2, 3, len(places))), strict=True):
        disc = (x - column) ** 2 + (y - row) ** 2 < 38**2
        depth[disc] = distance_m
        picture[disc] = rng.uniform(0.5, 0.9, 3)
    picture *= rng.uniform(0.9, 1.1, (HEIGHT, WIDTH, 1)).astype(np.float32)
    return np.dstack([picture, np.ones((HEIGHT, WIDTH), np.float32)]), depth


def wrong(depth: np.ndarray, exact: np.ndarray) -> float:
    """Share of the pixels that are on another surface than they should be."""
    return float((np.abs(1 / depth - 1 / exact) > 0.05).mean())


def softened(depth: np.ndarray, sigma_px: float) -> np.ndarray:
    return (1 / cv2.GaussianBlur(1 / depth, (0, 0), sigma_px)).astype(np.float32)


def overshot(depth: np.ndarray) -> np.ndarray:
    small = cv2.resize(1 / depth, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return 1 / cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def coded(depth: np.ndarray) -> np.ndarray:
    """Through a JPEG of low quality."""
    grey = np.uint8(255 / depth + 0.5)
    _ok, file = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 40])
    return 255 / np.maximum(cv2.imdecode(file, cv2.IMREAD_GRAYSCALE), 1).astype(np.float32)


def moved(depth: np.ndarray, right_px: int, down_px: int) -> np.ndarray:
    y = np.clip(np.arange(HEIGHT) - down_px, 0, HEIGHT - 1)
    x = np.clip(np.arange(WIDTH) - right_px, 0, WIDTH - 1)
    return np.ascontiguousarray(depth[y[:, None], x])


DISC = {
    1: cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3)),
    2: cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)),
    3: cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7)),
}

SPOILT = {
    "anti-aliased, in metres": lambda z: cv2.GaussianBlur(z, (5, 5), 0.5),
    "blurred by a pixel": lambda z: softened(z, 1),
    "blurred by two pixels": lambda z: softened(z, 2),
    "half size": lambda z: cv2.resize(
        cv2.resize(z, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), (WIDTH, HEIGHT)
    ),
    "half size, enlarged with overshoot": lambda z: overshot(z),
    "coded in eight bits": lambda z: coded(z),
    "right by two": lambda z: moved(z, 2, 0),
    "left by one, down by two": lambda z: moved(z, -1, 2),
    "near too large": lambda z: cv2.erode(z, DISC[2]),
    "near too large by one": lambda z: cv2.erode(z, DISC[1]),
    "near too large by three": lambda z: cv2.erode(z, DISC[3]),
    "near too small by three": lambda z: cv2.dilate(z, DISC[3]),
    "near too small": lambda z: cv2.dilate(z, DISC[2]),
    "near too small by one": lambda z: cv2.dilate(z, DISC[1]),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_was_spoilt_comes_back_on_its_surfaces(name):
    picture, exact = scene()
    spoilt = SPOILT[name](exact)
    before, copy = wrong(spoilt, exact), spoilt.copy()

    depth, fit = fitted(picture, spoilt)

    assert before > 0.004, "or there is nothing to mend here"
    assert wrong(depth, exact) < 0.2 * before
    assert fit.changed == pytest.approx((depth != spoilt).mean())
    assert depth.dtype == np.float32
    assert np.array_equal(spoilt, copy)


@pytest.mark.parametrize("sigma_px", [0.5, 0.8])
def test_steps_mixed_in_metres_before_what_is_far_beyond(sigma_px):
    """Half way in metres is nearly all of the way in dioptres."""
    picture, exact = scene()
    exact[exact > 4] *= 8
    soft = cv2.GaussianBlur(exact, (5, 5), sigma_px)
    depth, fit = fitted(picture, soft)
    assert wrong(depth, exact) < 0.1 * wrong(soft, exact)
    assert fit.swollen_px == 0


def test_a_shift_is_told_with_its_way():
    picture, exact = scene()
    _depth, fit = fitted(picture, moved(exact, 2, -1))
    assert (fit.right_px, fit.down_px, fit.soft_px, fit.swollen_px) == (-2, 1, 0, 0)
    assert "moved 2 pixels left and 1 pixel down" in fit.sentence()


@pytest.mark.parametrize(("seed", "stripe_px"), [(0, 6), (5, 6), (0, 9), (2, 9), (0, 13), (1, 20)])
def test_print_has_no_say_in_the_other_direction(seed, stripe_px):
    """Stripes all over, near and far: edges across the rows that no surface ends at."""
    picture, exact = scene(seed)
    light = np.where(np.arange(HEIGHT) // stripe_px % 2, 1.0, 0.25).astype(np.float32)
    picture[..., :3] *= light[:, None, None]
    _depth, fit = fitted(picture, moved(exact, 2, 0))
    assert (fit.right_px, fit.down_px, fit.swollen_px) == (-2, 0, 0)


def test_swollen_and_shrunk_surfaces_are_told_apart():
    picture, exact = scene()
    assert fitted(picture, SPOILT["near too large"](exact))[1].swollen_px == 2
    assert fitted(picture, SPOILT["near too small"](exact))[1].swollen_px == -2


@pytest.mark.parametrize("seed", range(4))
def test_exact_depth_comes_back_itself(seed):
    picture, exact = scene(seed)
    depth, fit = fitted(picture, exact)
    assert depth is exact
    assert fit == Fit()


@pytest.mark.parametrize("size", [(1, 9), (9, 1), (7, 7)])
@pytest.mark.parametrize("seed", range(4))
def test_exact_depth_comes_back_itself_whatever_the_picture_lost(seed, size):
    """A picture that moved, or is out of focus: its edges are nowhere in particular, which is no misfit."""
    picture, exact = scene(seed)
    assert fitted(cv2.blur(picture, size), exact)[0] is exact


def test_far_is_as_good_as_any_distance():
    picture, exact = scene()
    exact[exact > 4] = np.inf
    assert fitted(picture, exact)[0] is exact
    depth, fit = fitted(picture, moved(exact, 0, 2))
    assert fit.down_px == -2
    assert np.array_equal(depth[:-2], exact[:-2])


def test_a_picture_without_colour_edges_moves_nothing():
    picture, exact = scene()
    flat = np.full_like(picture, 0.3)
    misplaced = moved(exact, 2, 0)
    assert fitted(flat, misplaced)[0] is misplaced


def test_a_picture_that_is_about_something_else_moves_nothing():
    _picture, exact = scene()
    rng = np.random.default_rng(2)
    squares = cv2.resize(rng.uniform(0, 1, (18, 24, 4)).astype(np.float32), (WIDTH, HEIGHT), interpolation=0)
    assert fitted(squares, exact)[0] is exact


def test_noise_in_depth_is_no_misfit():
    picture, exact = scene()
    noisy = exact * np.random.default_rng(3).normal(1, 0.01, exact.shape).astype(np.float32)
    assert fitted(picture, noisy)[0] is noisy
    nothing_but_noise = np.random.default_rng(3).uniform(1, 9, exact.shape).astype(np.float32)
    assert fitted(picture, nothing_but_noise)[0] is nothing_but_noise


def test_slopes_are_not_cut_into_steps():
    """Where depth runs away steeply, next to soft steps, it still does afterwards."""
    picture, exact = scene()
    exact[:, :60] = np.linspace(1.3, 8, 60, dtype=np.float32)
    soft = softened(exact, 1)
    depth, fit = fitted(picture, soft)
    assert fit.soft_px
    assert np.array_equal(depth[120:150, 5:35], soft[120:150, 5:35])


def test_a_slope_alone_stays():
    picture, _exact = scene()
    steep = np.broadcast_to(np.linspace(1, 20, WIDTH, dtype=np.float32), (HEIGHT, WIDTH)).copy()
    assert fitted(picture, steep)[0] is steep


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (9, 9), (17, 300)])
def test_small_pictures(shape):
    depth = np.ones(shape, np.float32)
    depth[:, shape[1] // 2 :] = 3
    assert fitted(np.ones((*shape, 4), np.float32), depth)[0] is depth


def test_it_stays_what_it_became():
    """Fitting again finds nothing more to do."""
    picture, exact = scene()
    for spoil in SPOILT.values():
        depth, _fit = fitted(picture, spoil(exact))
        assert fitted(picture, depth)[0] is depth
