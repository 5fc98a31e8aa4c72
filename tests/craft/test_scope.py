# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures that explain must not lie: colours in order, sides told apart, nothing marked sharp that is not."""

import numpy as np
import pytest

from blender_rackfocus.core.lens import Lens, coc_px, depth_of_field_m
from blender_rackfocus.craft.distances import distance_text
from blender_rackfocus.craft.focus_chart import focus_chart
from blender_rackfocus.craft.scope import (
    coc_view,
    depth_colours,
    depth_range_m,
    depth_view,
    focus_view,
    nice_above,
    nice_distances,
    split_view,
    to_linear,
)

LENS = Lens(85, 1.4, 36, 2.0)
H, W = 90, 160


def ramp(near=0.5, far=20.0, height=H, width=W):
    """Depth from near (left) to far (right), evenly in its logarithm."""
    return np.broadcast_to(np.geomspace(near, far, width, dtype=np.float32), (height, width)).copy()


def checks(height=H, width=W, value=0.6):
    board = ((np.indices((height, width)).sum(0) // 3) % 2).astype(np.float32) * value + 0.05
    return np.dstack([board, board, board, np.ones_like(board)])


def luminance(view):
    return view[..., :3] @ [0.2126, 0.7152, 0.0722]


VIEWS = {
    "depth": lambda rgba, depth: depth_view(depth),
    "coc": lambda rgba, depth: coc_view(rgba, depth, LENS),
    "focus": lambda rgba, depth: focus_view(rgba, depth, LENS),
    "split": lambda rgba, depth: split_view(rgba, rgba**2),
}


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("shape", [(H, W), (1080, 608), (7, 9), (400, 900)])
def test_every_view_is_an_opaque_picture_of_the_same_size(name, shape):
    rgba, depth = checks(*shape), ramp(height=shape[0], width=shape[1])
    depth[0, :2] = np.inf
    before = rgba.copy(), depth.copy()
    view = VIEWS[name](rgba, depth)
    assert view.shape == (*shape, 4)
    assert view.dtype == np.float32
    assert np.all(np.isfinite(view))
    assert np.all(view[..., 3] == 1)
    assert view.min() >= 0
    assert np.array_equal(rgba, before[0])
    assert np.array_equal(depth, before[1])


def test_depth_colours_grow_darker_with_distance_and_sky_is_darkest():
    depth = ramp()
    depth[:10] = np.inf
    view = luminance(depth_view(depth, legend=False))
    row = np.sort(view[50])[::-1]
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(np.pad(view[50], 2, "edge"), 5), axis=1)
    assert np.all(np.diff(smooth) < 2e-3)
    assert row[0] > 0.7
    assert view[:8].max() < smooth.min()


def test_depth_colours_are_those_of_the_picture_s_own_range():
    one, other = ramp(0.5, 20), ramp(1, 5)
    one[40:50, 70:90] = other[40:50, 70:90] = 2.3
    for depth in (one, other):
        expected = to_linear(depth_colours(np.array([2.3]), *depth_range_m(depth)))[0]
        assert depth_view(depth, legend=False)[45, 80, :3] == pytest.approx(expected, abs=0.02)
    assert not np.allclose(depth_view(one, legend=False)[45, 80], depth_view(other, legend=False)[45, 80])


def test_contours_stay_away_from_noise():
    rng = np.random.default_rng(0)
    noisy = rng.uniform(0.5, 20, (H, W)).astype(np.float32)
    with_contours = depth_view(ramp(), legend=False)
    without = depth_view(noisy, legend=False)
    index = np.argmin(np.abs(noisy - 2.0))
    expected = to_linear(depth_colours(noisy.reshape(-1)[[index]], *depth_range_m(noisy)))[0]
    assert without.reshape(-1, 4)[index, :3] == pytest.approx(expected, abs=0.02)
    assert np.median(np.abs(np.diff(luminance(with_contours)[50]))) < 0.02


def test_signed_circle_is_orange_in_front_blue_behind_and_grey_in_focus():
    depth = ramp()
    grey = np.full((H, W, 4), 0.4, np.float32)
    view = coc_view(grey, depth, LENS, legend=False)
    warm = view[45, :, 0] - view[45, :, 2]
    radius = coc_px(depth, LENS, W)[45]
    assert np.all(warm[radius < -0.5] > 0.02)
    assert np.all(warm[radius > 0.5] < -0.02)
    focus = np.argmin(np.abs(radius))
    assert abs(warm[focus]) < 0.1
    assert np.all(np.diff(warm) < 6e-3), "colour tells how much, too"


LIMITED = Lens(85, 1.4, 36, 2.0, near_strength=0.5, max_blur_pct=2, in_focus_range_m=0.3)


@pytest.mark.parametrize("lens", [LENS, LIMITED])
def test_signed_circle_follows_the_lens_formula(lens):
    depth = ramp()
    view = coc_view(np.ones((H, W, 4), np.float32), depth, lens, legend=False)
    radius = coc_px(depth, lens, W)[45]
    same = np.abs(np.diff(radius)) < 1e-6
    assert np.all(np.abs(np.diff(view[45], axis=0)[same]) < 1e-6)
    for i, j in ((0, 40), (40, 80), (90, 150)):
        assert np.allclose(view[45, i], view[45, j], atol=1e-3) == (abs(radius[i] - radius[j]) < 0.04)


def test_only_what_is_within_depth_of_field_is_peaked_and_bright():
    depth, rgba = ramp(width=960, height=540), checks(540, 960)
    view = focus_view(rgba, depth, LENS)
    near_m, far_m = depth_of_field_m(LENS, 960, 1.0)  # the mask ends at twice the limit
    amber = (view[..., 0] - view[..., 2]).max(axis=0)
    sharp = (depth[0] > near_m) & (depth[0] < far_m)
    strictly = (depth[0] > depth_of_field_m(LENS, 960)[0]) & (depth[0] < depth_of_field_m(LENS, 960)[1])
    assert strictly.sum() >= 3
    assert amber[strictly].min() > 0.3
    assert amber[~sharp].max() < 1e-6
    assert luminance(view)[:, ~sharp].max() < 0.15 * 0.66
    colourful = np.dstack([rgba[..., 0], rgba[..., 1] * 0.2, rgba[..., 2] * 0.5, rgba[..., 3]])
    outside = focus_view(colourful, depth, LENS)[:, ~sharp]
    assert np.ptp(outside[..., :3], axis=-1).max() < 1e-6, "desaturated"


def test_split_shows_one_left_and_the_other_right():
    a, b = checks(), checks() * 0.5
    view = split_view(a, b)
    assert np.array_equal(view[:, : W // 2 - 1], a[:, : W // 2 - 1])
    assert np.array_equal(view[:, W // 2 + 1 :], b[:, W // 2 + 1 :])


def test_scale_numbers_are_round_and_in_reach():
    ticks = nice_distances(0.47, 33, 7)
    assert 3 <= len(ticks) <= 8
    assert all(0.47 < t < 33 for t in ticks)
    assert ticks == sorted(ticks)
    assert [nice_above(v) for v in (0.2, 1.5, 4, 20, 21, 99)] == [1, 2, 5, 20, 50, 100]
    assert depth_range_m(np.full((4, 4), np.inf)) == (1.0, 10.0)


@pytest.mark.parametrize("name", ["depth", "coc", "focus"])
def test_bad_depth_is_named(name):
    for wrong in (np.zeros((H, W), np.float32), np.full((H, W), np.nan, np.float32), np.ones((H, W, 2), np.float32)):
        with pytest.raises(ValueError, match="depth_m"):
            VIEWS[name](checks(), wrong)
    spoiled = ramp()
    spoiled[40, 40] = np.nan
    with pytest.raises(ValueError, match="depth_m"):
        VIEWS[name](checks(), spoiled)


# The chart


@pytest.mark.parametrize("size", [(900, 240), (300, 110), (64, 40), (2000, 600)])
def test_chart_of_any_size(size):
    depth = ramp()
    depth[:20] = np.inf
    chart = focus_chart(depth, LENS, *size, marks=[("Anna", 2.1), ("Bob", 2.2), ("The far door", 9), ("Sky", np.inf)])
    assert chart.shape == (size[1], size[0], 4)
    assert chart.dtype == np.float32
    assert np.all(chart[..., :3] <= chart[..., 3:] + 1e-6), "premultiplied"
    assert chart.max() <= 1


def test_chart_shows_hills_where_the_picture_is():
    depth = np.full((H, W), 1.0, np.float32)
    depth[:, 100:] = 8.0
    lens = Lens(35, 16, 36, 3.0)
    chart = luminance(focus_chart(depth, lens, 600, 200))
    low = chart[150]

    near_m, far_m = np.array(depth_range_m(depth)) * (1 / 1.12, 1.12)

    def column(metres):
        return round(13 + np.log(metres / near_m) / np.log(far_m / near_m) * (600 - 26))

    assert low[column(1.0)] > 0.3
    assert low[column(1.0)] > 5 * low[column(0.9)]
    assert np.ptp(chart[70:160, column(8.0)]) > 5 * np.ptp(chart[70:160, column(9.0)])


def test_chart_moves_its_line_with_the_focus():
    depth = ramp()
    lines = []
    for focus in (1.0, 2.0, 4.0):
        lens = Lens(85, 1.4, 36, focus)
        chart = luminance(focus_chart(depth, lens, 600, 200))
        lines.append(int(np.argmax(chart[70:150].min(axis=0))))
    steps = np.diff(lines)
    assert np.all(steps > 50)
    assert abs(steps[0] - steps[1]) <= 2, "a doubling is always as wide"


def test_distances_read_like_a_puller_s():
    assert [distance_text(m) for m in (0.85, 2.346, 12.34, 250, 1000, np.inf)] == [
        "85 cm",
        "2.35 m",
        "12.3 m",
        "250 m",
        "\u221e",
        "\u221e",
    ]


def test_chart_names_bad_input():
    with pytest.raises(ValueError, match="depth_m"):
        focus_chart(np.ones(4), LENS, 300, 200)
    with pytest.raises(ValueError, match="width"):
        focus_chart(ramp(), LENS, 3, 200)
