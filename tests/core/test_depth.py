# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth conventions against hand-worked values; holes, guesses, sizes."""

import numpy as np
import pytest

from blender_rackfocus.core.depth import DepthConvention, fit_to_picture, to_metres


def row(*values):
    return np.array([values], np.float32)


def test_metres_keep_their_numbers_and_nothing_is_infinitely_far():
    got = to_metres(row(0.5, 3.0, 1e9, 1e10, np.inf), DepthConvention("METRES"))
    np.testing.assert_array_equal(got, row(0.5, 3.0, np.inf, np.inf, np.inf))
    assert got.dtype == np.float32


def test_scale_turns_centimetres_into_metres():
    np.testing.assert_allclose(to_metres(row(250.0), DepthConvention("METRES", scale=0.01)), row(2.5))


def test_inverse_of_zero_is_infinitely_far():
    got = to_metres(row(0.0, -0.0, 0.25, 2.0), DepthConvention("INVERSE"))
    np.testing.assert_array_equal(got, row(np.inf, np.inf, 4.0, 0.5))


@pytest.mark.parametrize("white_near", [True, False])
@pytest.mark.parametrize(
    ("ramp", "middle_m"),
    # Half way in 1/z between 2 m and 10 m: 1 / ((1/2 + 1/10) / 2); half way in z: 6 m.
    [("INVERSE_Z", 1 / 0.3), ("LINEAR_Z", 6.0)],
)
def test_normalised_runs_from_near_to_far(white_near, ramp, middle_m):
    near, far = (1.0, 0.0) if white_near else (0.0, 1.0)
    convention = DepthConvention("NORMALISED", 2.0, 10.0, white_near=white_near, ramp=ramp)
    np.testing.assert_allclose(to_metres(row(near, 0.5, far), convention), row(2.0, middle_m, 10.0), rtol=1e-6)


def test_normalised_may_end_at_infinity():
    got = to_metres(row(1.0, 0.5, 0.0, -0.01), DepthConvention("NORMALISED", 2.0, np.inf))
    np.testing.assert_allclose(got, row(2.0, 4.0, np.inf, np.inf))


def test_normalised_beyond_the_near_end_is_nearer_but_never_behind_the_camera():
    inverse_z = to_metres(row(1.5), DepthConvention("NORMALISED", 2.0, np.inf))
    linear_z = to_metres(row(1.5), DepthConvention("NORMALISED", 2.0, 10.0, ramp="LINEAR_Z"))
    np.testing.assert_allclose(inverse_z, row(2.0 / 1.5), rtol=1e-6)
    np.testing.assert_allclose(linear_z, row(2.0))


@pytest.mark.parametrize("hole", [np.nan, -1.0, 0.0, -np.inf])
def test_holes_take_the_farther_neighbour(hole):
    raw = row(2.0, hole, hole, 8.0, hole)
    np.testing.assert_array_equal(to_metres(raw, DepthConvention("METRES")), row(2.0, 8.0, 8.0, 8.0, 8.0))


def test_a_hole_at_the_left_border_and_beside_nothing():
    raw = row(np.nan, 3.0, np.nan, 1e10)
    np.testing.assert_array_equal(to_metres(raw, DepthConvention("METRES")), row(3.0, 3.0, np.inf, np.inf))


def test_an_empty_row_takes_the_farther_of_above_and_below():
    raw = np.array([[1.0, 9.0], [np.nan, np.nan], [4.0, 2.0], [0.0, 0.0]], np.float32)
    want = [[1.0, 9.0], [4.0, 9.0], [4.0, 2.0], [4.0, 2.0]]
    np.testing.assert_array_equal(to_metres(raw, DepthConvention("METRES")), want)


@pytest.mark.parametrize("kind", ["METRES", "INVERSE", "NORMALISED"])
def test_every_result_is_positive_whatever_came_in(kind):
    rng = np.random.default_rng(3)
    raw = rng.normal(0.5, 1.0, (40, 50)).astype(np.float32)
    raw.ravel()[rng.choice(2000, 300, replace=False)] = rng.choice([np.nan, np.inf, -np.inf, 0.0, 1e10, 1e-38], 300)
    got = to_metres(raw, DepthConvention(kind))
    assert (got > 0).all()
    assert not (got[np.isfinite(got)] >= 1e9).any()


def test_the_input_is_not_written():
    raw = row(np.nan, 1.0, 1e10)
    before = raw.copy()
    to_metres(raw, DepthConvention("METRES"))
    np.testing.assert_array_equal(raw, before)


def test_a_depth_that_says_nothing_is_refused():
    with pytest.raises(ValueError, match="no depth"):
        to_metres(np.full((3, 3), np.nan), DepthConvention("METRES"))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"kind": "FEET"}, "kind"),
        ({"near_m": 0.0}, "near_m"),
        ({"near_m": 5.0, "far_m": 5.0}, "far_m"),
        ({"near_m": np.nan}, "near_m"),
        ({"ramp": "LOG"}, "ramp"),
        ({"scale": 0.0}, "scale"),
        ({"kind": "NORMALISED", "ramp": "LINEAR_Z", "far_m": np.inf}, "far_m"),
    ],
)
def test_impossible_conventions_name_the_argument(arguments, named):
    with pytest.raises(ValueError, match=named):
        DepthConvention(**arguments)


def test_colours_are_no_depth():
    with pytest.raises(ValueError, match="raw"):
        to_metres(np.zeros((4, 4, 3)), DepthConvention())


def _floor(near_m, far_m):
    """A floor seen from a standing camera, near at the foot of the picture, with a wall at far_m above it."""
    inverse = np.linspace(1 / near_m, 1 / far_m, 60)[::-1, None]
    return np.repeat(np.concatenate([np.full((30, 1), far_m), 1 / inverse]), 80).reshape(90, 80).astype(np.float32)


def test_fit_leaves_the_right_size_alone():
    depth = _floor(2, 40)
    assert fit_to_picture(depth, 90, 80) is depth


@pytest.mark.parametrize("size", [(270, 240), (45, 40), (131, 117)])
def test_fit_never_makes_a_depth_that_was_not_there_at_an_edge(size):
    depth = np.full((90, 80), 10.0, np.float32)
    depth[30:60, 20:50] = 2.0
    depth[:5] = np.inf
    fitted = fit_to_picture(depth, *size)
    assert fitted.shape == size
    assert fitted.dtype == np.float32
    assert set(np.unique(fitted)) == {2.0, 10.0, np.inf}
    share = np.mean(fitted == 2.0)
    assert share == pytest.approx(np.mean(depth == 2.0), rel=0.06)


def test_fit_keeps_a_floor_smooth():
    small = _floor(2, 20)[30:]
    fitted = fit_to_picture(small, 240, 320)
    inverse = 1 / fitted[8:-8, 160]
    # Steps of nearest neighbours would make three differences of zero out of four.
    assert np.mean(np.abs(np.diff(inverse)) < 1e-7) < 0.05
    np.testing.assert_allclose(np.diff(inverse), np.diff(inverse).mean(), rtol=0.15)


def test_fit_accepts_a_networks_rounding_and_refuses_other_proportions():
    assert fit_to_picture(np.ones((294, 518), np.float32), 1080, 1920).shape == (1080, 1920)
    with pytest.raises(ValueError, match=r"640x480.*1920x1080"):
        fit_to_picture(np.ones((480, 640), np.float32), 1080, 1920)
