# SPDX-License-Identifier: GPL-3.0-or-later
"""Strokes on depth: what each does, how far it reaches, and that one held through a shot stays on its subject."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from test_matte import HEIGHT, WIDTH, shot

from blender_rackfocus.craft.carried import STILL, carry, moved
from blender_rackfocus.craft.touch import KINDS, Touch, area_of, touched

GREY = np.full((120, 200, 4), 0.2, np.float32)
LINE = ((0.3, 0.5), (0.7, 0.5))


def slope(shape=(120, 200)):
    """Ground from 10 m at the top to 2 m at the bottom, empty above it."""
    rows = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None]
    depth_m = np.broadcast_to(10 - 8 * rows, shape).copy()
    depth_m[:10] = np.inf
    return depth_m


def from_line_px(shape=(120, 200), points=LINE):
    """How far each pixel's centre lies from a straight line, by hand."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    (ax, ay), (bx, by) = (np.array(point) * shape[::-1] for point in points)
    t = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2), 0, 1)
    return np.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay))


@pytest.mark.parametrize("edges", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_changes_beyond_the_brush_and_something_does_within(kind, edges):
    depth_m = slope() + np.random.default_rng(1).normal(0, 0.05, (120, 200)).astype(np.float32)
    given = depth_m.copy()
    made = touched(depth_m, GREY, [Touch(kind, LINE, 0.08, edges=edges)])
    np.testing.assert_array_equal(depth_m, given)
    assert made.dtype == np.float32
    away = from_line_px() >= 0.08 * 200
    np.testing.assert_array_equal(made[away], depth_m[away])
    under = from_line_px() < 0.03 * 200
    assert (made[under] != depth_m[under]).mean() > 0.9
    assert (made > 0).all()


def test_without_strokes_it_is_the_depth_itself():
    depth_m = slope()
    assert touched(depth_m, GREY, []) is depth_m
    assert touched(depth_m, GREY, [Touch("NEARER", ((3.0, 3.0),), 0.05)]) is depth_m


def test_nearer_and_farther_by_what_is_said():
    depth_m = slope()
    under = from_line_px() < 0.4 * 0.08 * 200
    for factor, dioptres in ((1.5, 0.0), (1.0, 0.05), (1.2, 0.03)):
        nearer = touched(depth_m, GREY, [Touch("NEARER", LINE, 0.08, factor, dioptres)])
        np.testing.assert_allclose(1 / nearer[under], factor / depth_m[under] + dioptres, rtol=1e-5)
        farther = touched(depth_m, GREY, [Touch("FARTHER", LINE, 0.08, factor, dioptres)])
        np.testing.assert_allclose(1 / farther[under], 1 / depth_m[under] / factor - dioptres, rtol=1e-5)
    beyond = touched(depth_m, GREY, [Touch("FARTHER", LINE, 0.08, 1.0, 9.0)])
    assert np.isinf(beyond[under]).all()


def test_more_is_more_and_never_the_other_way():
    depth_m = slope()
    before = touched(depth_m, GREY, [Touch("FARTHER", LINE, 0.1, 4.0)])
    for kind, factor in (("FARTHER", 2.0), ("FARTHER", 1.25), ("NEARER", 1.0), ("NEARER", 1.25), ("NEARER", 3.0)):
        now = touched(depth_m, GREY, [Touch(kind, LINE, 0.1, factor)])
        assert (now <= before).all()
        before = now


def test_as_here_is_the_depth_under_the_first_point_and_after_the_strokes_before_it():
    depth_m = slope()
    down = ((0.5, 0.5), (0.5, 0.8))
    made = touched(depth_m, GREY, [Touch("AS_HERE", down, 0.08)])
    under = from_line_px(points=down) < 0.4 * 0.08 * 200
    np.testing.assert_allclose(made[under], depth_m[60, 100], rtol=0.01)
    assert np.ptp(made[under]) < 1e-5
    both = touched(depth_m, GREY, [Touch("NEARER", LINE, 0.08, 2.0), Touch("AS_HERE", down, 0.08)])
    np.testing.assert_allclose(both[under], depth_m[60, 100] / 2, rtol=0.01)
    up = ((0.5, 0.03), (0.5, 0.3))
    emptied = touched(depth_m, GREY, [Touch("AS_HERE", up, 0.08)])
    assert np.isinf(emptied[from_line_px(points=up) < 3]).all()


def test_smooth_leaves_a_plane_of_dioptres_and_takes_noise():
    x = np.linspace(0.2, 0.6, 200, dtype=np.float32)
    plane_m = np.broadcast_to(1 / x, (120, 200)).copy()
    noise = np.random.default_rng(2).normal(0, 0.03, (120, 200)).astype(np.float32)
    made = touched(1 / (1 / plane_m + noise), GREY, [Touch("SMOOTH", LINE, 0.1)])
    inside = from_line_px(points=((0.4, 0.5), (0.6, 0.5))) < 6
    left = (1 / made - 1 / plane_m)[inside]
    assert left.std() < 0.2 * noise[inside].std()


def test_it_ends_at_the_pictures_edge_and_without_edges_it_does_not():
    picture = GREY.copy()
    picture[:, 100:, :3] = 0.7
    beside = ((0.46, 0.2), (0.46, 0.8))  # 8 pixels left of the edge, with a brush of 20
    for edges, crosses in ((True, False), (False, True)):
        area = area_of(picture, Touch("AS_HERE", beside, 0.1, edges=edges))
        weight = np.zeros((120, 200), np.float32)
        weight[area.rows, area.columns] = area.weight
        assert weight[60, 94] == pytest.approx(1, abs=0.01)
        assert bool(weight[60, 103:].max() > 0.05) == crosses
    drawn = touched(slope(), picture, [Touch("NEARER", beside, 0.1)])
    np.testing.assert_array_equal(drawn[:, 103:], slope()[:, 103:])


def test_a_pattern_that_was_drawn_over_does_not_stop_it():
    rng = np.random.default_rng(4)
    cloth = np.kron(rng.random((24, 40, 1)), np.ones((5, 5, 3))) * (0.3, 0.12, 0.05) + (0.4, 0.1, 0.05)
    picture = cloth.astype(np.float32)
    picture[:, 130:] = (0.05, 0.1, 0.4)
    touch = Touch("NEARER", ((0.55, 0.3), (0.55, 0.7)), 0.1)
    area = area_of(picture, touch)
    weight = np.zeros((120, 200), np.float32)
    weight[area.rows, area.columns] = area.weight
    under = from_line_px(points=touch.points) < 8
    assert weight[under].mean() > 0.8
    assert weight[:, 131:].max() < 0.05


def test_what_is_pushed_ends_at_the_depths_own_edge_and_what_is_healed_does_not():
    depth_m = np.full((120, 200), 2.0, np.float32)
    depth_m[:, 100:] = 6.0
    beside = ((0.46, 0.2), (0.46, 0.8))
    pushed = touched(depth_m, GREY, [Touch("NEARER", beside, 0.1)])
    np.testing.assert_array_equal(pushed[:, 100:], depth_m[:, 100:])
    healed = touched(depth_m, GREY, [Touch("AS_HERE", beside, 0.1)])
    assert (healed[60, 100:103] < 3).all()


def test_a_large_picture_is_touched_as_a_small_one_is():
    """What is decided small lies at the same place of a picture four times as large, and at its finer edge."""
    small, large = (np.full((270 * n, 480 * n, 3), 0.2, np.float32) for n in (1, 4))
    for one, n in ((small, 1), (large, 4)):
        one[:, 240 * n + 2 :] = 0.7
    touch = Touch("AS_HERE", ((0.48, 0.2), (0.48, 0.8)), 0.06)
    weights = []
    for one in (small, large):
        area = area_of(one, touch)
        whole = np.zeros(one.shape[:2], np.float32)
        whole[area.rows, area.columns] = area.weight
        weights.append(whole)
    assert weights[1][:, 962 + 4 :].max() < 0.02
    assert weights[1][540, 955] > 0.9
    assert np.abs(cv2.resize(weights[1], (480, 270), interpolation=cv2.INTER_AREA) - weights[0]).mean() < 0.01


@pytest.mark.parametrize("bad", [{"kind": "UP"}, {"points": ()}, {"radius": 0.0}, {"factor": 0.5}, {"dioptres": -1.0}])
def test_bad_strokes_are_named(bad):
    (name,) = bad
    with pytest.raises(ValueError, match=name):
        Touch(**{"kind": "NEARER", "points": LINE, **bad})
    with pytest.raises(ValueError, match="one size"):
        touched(slope(), GREY[1:], [Touch("NEARER", LINE)])


# --- Held through a shot ---------------------------------------------------------------------------------------------

OVER = Touch("NEARER", ((84 / WIDTH, 70 / HEIGHT), (84 / WIDTH, 110 / HEIGHT)), 0.04)
"""On the walker of `shot` as it is on frame 6."""


def test_it_goes_with_the_subject_both_ways():
    pictures, masks = shot(13, (((60, 90), (4, 0), (200, 90, 60)),))
    found = {one.frame: one for one in carry(pictures.__getitem__, range(13), 6, OVER)}
    assert sorted(found) == list(range(13))
    assert found[6].matrix == STILL
    for frame, one in found.items():
        (x, y), *_ = moved(OVER, one.matrix).points
        assert abs(x * WIDTH - 84 - 4 * (frame - 6)) < 1.0, frame
        assert abs(y * HEIGHT - 70) < 1.0, frame
        picture = (pictures[frame].astype(np.float32) / 255) ** 2
        depth_m = np.full((HEIGHT, WIDTH), 4.0, np.float32)
        changed = touched(depth_m, picture, [moved(OVER, one.matrix)]) != depth_m
        assert (changed & ~masks[frame][0]).sum() < 0.05 * changed.sum(), frame


def test_growing_and_turning_are_followed():
    rng = np.random.default_rng(5)
    flat = cv2.GaussianBlur(rng.normal(0, 1, (270, 480, 3)), (0, 0), 2) * 150 + 128
    frames, true = {}, {}
    for frame in range(10):
        true[frame] = cv2.getRotationMatrix2D((240, 135), 1.5 * frame, 1 + 0.02 * frame)
        frames[frame] = (
            cv2.warpAffine(flat, true[frame], (480, 270), borderMode=cv2.BORDER_REFLECT).clip(0, 255).astype(np.uint8)
        )
    touch = Touch("NEARER", ((0.4, 0.4), (0.6, 0.6)), 0.05)
    for one in carry(frames.__getitem__, range(10), 0, touch):
        there = moved(touch, one.matrix)
        for (x, y), (u, v) in zip(touch.points, there.points, strict=True):
            wanted = true[one.frame] @ (x * 480 - 0.5, y * 270 - 0.5, 1)
            assert np.hypot(u * 480 - 0.5 - wanted[0], v * 270 - 0.5 - wanted[1]) < 1.0, one.frame
        assert there.radius == pytest.approx(0.05 * (1 + 0.02 * one.frame), rel=0.02)


def test_it_ends_where_the_shot_is_cut_or_the_subject_leaves():
    pictures, _ = shot(6)
    other = np.random.default_rng(9).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    cut = {**pictures, 4: other, 5: other}
    on_first = Touch("NEARER", ((60 / WIDTH, 64 / HEIGHT), (60 / WIDTH, 104 / HEIGHT)), 0.04)
    found = list(carry(cut.__getitem__, range(6), 0, on_first))
    assert [one.frame for one in found] == [0, 1, 2, 3, 4]
    assert found[-1].matrix is None
    assert "cut" in found[-1].why
    wide = np.tile(pictures[0], (1, 4, 1))
    panned = {frame: np.ascontiguousarray(wide[:, 14 * frame : 14 * frame + WIDTH]) for frame in range(10)}
    *seen, last = carry(panned.__getitem__, range(10), 0, on_first)
    assert last.matrix is None
    assert "leaves the picture" in last.why
    assert 4 <= len(seen) < 9  # its right rim is at 73 pixels


def test_where_it_was_drawn_must_be_there():
    pictures, _ = shot(2)
    with pytest.raises(ValueError, match="none of those"):
        next(carry(pictures.__getitem__, range(2), 5, OVER))
    with pytest.raises(ValueError, match="outside the picture"):
        next(carry(pictures.__getitem__, range(2), 0, Touch("NEARER", ((2.0, 2.0),), 0.01)))
