# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreground and background are what stands out of a depth, not the floor nor the wall behind everything."""

import numpy as np
import pytest

from blender_rackfocus.craft.subjects import depth_modes, middle_subject, subjects

HEIGHT, WIDTH = 180, 320


def board_and_wall(wall_m=4.5):
    """A table top that runs away below the horizon, and a wall behind it."""
    rows = (np.arange(HEIGHT) + 0.5 - 60)[:, None] / HEIGHT
    top = np.where(rows > 0, 0.45 / np.maximum(rows, 1e-6), np.inf)
    return np.broadcast_to(np.minimum(top, wall_m), (HEIGHT, WIDTH)).copy()


def stand(depth_m, metres, left, right, top):
    """Something upright on the table: down to where the table is as far."""
    part = depth_m[top:, left:right]
    part[part > metres] = metres
    return depth_m


def chess(wall_m=4.5):
    depth_m = board_and_wall(wall_m)
    stand(depth_m, 1.0, 205, 240, 40)  # queen
    stand(depth_m, 1.15, 170, 178, 60)  # a pawn behind
    return stand(depth_m, 0.68, 70, 125, 45)  # king


@pytest.mark.parametrize("wall_m", [3.0, 4.5, 40.0, np.inf])
def test_king_and_queen_stand_out_whatever_is_behind_them(wall_m):
    near_m, far_m = depth_modes(chess(wall_m))
    assert near_m == pytest.approx(0.68, rel=0.02)
    assert far_m == pytest.approx(1.0, rel=0.02)


def test_floor_and_wall_are_no_subjects():
    assert subjects(board_and_wall()) == []
    assert [round(one.distance_m, 2) for one in subjects(chess())] == [0.68, 1.0, 1.15]


def test_large_and_central_counts_more_than_small_or_at_the_rim():
    depth_m = board_and_wall(60.0)
    for left in (2, 290):
        stand(depth_m, 9.0, left, left + 26, 30)
    stand(depth_m, 14.0, 170, 200, 25)  # the figure on the street
    stand(depth_m, 2.0, 40, 120, 20)
    near_m, far_m = depth_modes(depth_m)
    assert (near_m, far_m) == (pytest.approx(2.0, rel=0.02), pytest.approx(14.0, rel=0.02))


def test_a_subject_before_a_wall_has_the_wall_behind_it():
    depth_m = stand(board_and_wall(), 0.68, 70, 125, 45)
    near_m, far_m = depth_modes(depth_m)
    assert (near_m, far_m) == (pytest.approx(0.68, rel=0.02), pytest.approx(4.5, rel=0.02))


def test_near_the_middle_the_nearest_is_taken():
    depth_m = stand(chess(), 0.5, 0, 25, 40)  # nearer, but at the rim
    assert middle_subject(depth_m) == pytest.approx(0.68, rel=0.02)
    assert middle_subject(board_and_wall()) > 0  # nothing stands out: a mode


def test_what_reaches_to_the_middle_is_near_it_unless_the_edge_cuts_through_it():
    """A cup low in the picture in front of two people is the subject; a shoulder that one looks over is not."""

    def two_at_a_table():
        return stand(stand(np.full((HEIGHT, WIDTH), 9.0), 2.8, 110, 160, 20), 2.8, 200, 250, 20)

    cup = two_at_a_table()
    cup[138:178, 50:122] = 0.7
    assert middle_subject(cup) == pytest.approx(0.7, rel=0.02)
    shoulder = two_at_a_table()
    shoulder[60:, :90] = 0.7
    assert middle_subject(shoulder) == pytest.approx(2.8, rel=0.02)


def test_nothing_at_a_finite_distance_is_refused():
    with pytest.raises(ValueError, match="finite"):
        depth_modes(np.full((8, 8), np.inf))
