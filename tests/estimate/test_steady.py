# SPDX-License-Identifier: GPL-3.0-or-later
"""Means in time: where one began anew the depth has no patch, and what is known wholly stays what it is."""

import numpy as np

from blender_rackfocus.estimate.steady import Average, fill_unknown, merge


def averages(values, fresh):
    """A forward average over frames at rest, which `fresh` (h, w) bool begins anew at the last one."""
    forward = Average(1.0)
    for value in values[:-1]:
        forward.add(value)
    forward.carry(np.zeros((48, 64, 2), np.float32), ~fresh, values[-1], spread=100.0)
    forward.add(values[-1])
    return forward


def shot(step):
    """Ground that comes nearer by a step on every frame, at rest in the picture."""
    ground = np.broadcast_to(np.linspace(0.2, 1, 48, dtype=np.float32)[:, None], (48, 64))
    return [(ground + np.float32(step * n)).astype(np.float32) for n in range(9)]


def test_a_mean_that_began_anew_is_no_patch():
    fresh = np.zeros((48, 64), bool)
    fresh[15:30, 20:40] = True
    values = shot(0.05)
    nothing = np.where(np.isfinite(values[-1]), values[-1], 0), np.ones((48, 64), np.float32)
    made = merge(averages(values, fresh), *nothing, values[-1])
    everywhere = merge(averages(values, np.zeros_like(fresh)), *nothing, values[-1])
    assert np.abs(values[-1] - everywhere).min() > 0.1, "the mean lags, so a patch of this frame alone would be seen"
    assert np.abs(made - everywhere).max() < 0.01
    away = np.ones_like(fresh)
    away[13:32, 18:42] = False
    np.testing.assert_allclose(made[away], everywhere[away], atol=1e-6)


def test_where_nothing_else_is_known_this_frame_speaks():
    values = shot(0.05)
    fresh = np.ones((48, 64), bool)
    nothing = values[-1], np.ones((48, 64), np.float32)
    np.testing.assert_allclose(merge(averages(values, fresh), *nothing, values[-1]), values[-1], atol=1e-6)


def test_what_this_frame_does_not_know_is_told_by_the_others():
    values = shot(0.0)
    values[-1] = values[-1].copy()
    values[-1][10:20] = np.nan
    nothing = np.zeros((48, 64), np.float32), np.zeros((48, 64), np.float32)
    made = merge(averages(values, np.zeros((48, 64), bool)), *nothing, values[-1])
    np.testing.assert_allclose(made[10:20], values[0][10:20], atol=1e-5)


def test_a_narrow_gap_belongs_to_what_is_farther_and_the_border_to_what_is_beside_it():
    near = np.full((60, 200), 0.2, np.float32)
    near[10:50, 60:140] = 1.0
    known = near.copy()
    known[10:50, 54:60] = known[4:10, 60:140] = np.nan  # hidden beside the near thing, left of it and above it
    known[:, 194:] = np.nan
    assert np.allclose(fill_unknown(known), near, atol=0.02)
