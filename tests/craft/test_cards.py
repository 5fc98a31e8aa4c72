# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from blender_rackfocus.craft.cards import Background, Card, compose

WALL = Background(10.0, 10.0)


def square(height=20, width=30, value=1.0):
    mask = np.zeros((height, width), np.float32)
    mask[5:15, 10:20] = value
    return mask


def test_a_person_and_a_wall():
    depth = compose([Card(square(), 2.0)], WALL, 20, 30)
    assert depth.dtype == np.float32
    assert depth.shape == (20, 30)
    np.testing.assert_allclose(depth[square() == 1], 2.0)
    np.testing.assert_allclose(depth[square() == 0], 10.0)


def test_a_soft_edge_is_soft_in_nearness():
    depth = compose([Card(square(value=0.5), 2.0)], WALL, 20, 30)
    # half of 1/2 and half of 1/10 make 0.3
    np.testing.assert_allclose(depth[10, 15], 1 / 0.3, rtol=1e-6)


def test_the_nearer_card_covers_whatever_the_order():
    wide = np.ones((20, 30), np.float32)
    one = compose([Card(square(), 2.0), Card(wide, 5.0)], WALL, 20, 30)
    other = compose([Card(wide, 5.0), Card(square(), 2.0)], WALL, 20, 30)
    np.testing.assert_array_equal(one, other)
    assert one[10, 15] == 2.0
    assert one[0, 0] == 5.0


def test_two_soft_cards_of_one_distance_do_not_add_up():
    card = Card(square(value=0.5), 2.0)
    np.testing.assert_array_equal(compose([card, card], WALL, 20, 30), compose([card], WALL, 20, 30))


def test_a_floor_is_even_in_nearness():
    depth = compose([], Background(1.0, 4.0, (0.5, 1.0), (0.5, 0.0)), 100, 8)
    nearness = 1 / depth[:, 3].astype(float)
    np.testing.assert_allclose(np.diff(nearness), (1 - 0.25) / 100, rtol=1e-3)
    np.testing.assert_allclose(depth[:, 0], depth[:, 7])
    assert depth[-1, 0] == pytest.approx(1.0, rel=0.02)
    assert depth[0, 0] == pytest.approx(4.0, rel=0.02)


def test_held_beyond_the_ends_and_infinitely_far():
    depth = compose([], Background(2.0, np.inf, (0.5, 1.0), (0.5, 0.5)), 100, 8)
    assert np.isinf(depth[:40]).all()
    assert np.isfinite(depth[60:]).all()
    assert np.isinf(compose([Card(np.ones((4, 4)), np.inf)], WALL, 4, 4)).all()


@pytest.mark.parametrize(
    ("cards", "background", "words"),
    [
        ([Card(np.ones((3, 3)), 2.0)], WALL, "mask of card 0"),
        ([Card(np.full((20, 30), 2.0), 2.0)], WALL, "between 0 and 1"),
        ([Card(square(), 0.0)], WALL, "distance_m of card 0"),
        ([], Background(-1.0, 2.0), "from_m"),
        ([], Background(1.0, 2.0, (0.5, 0.5), (0.5, 0.5)), "two points"),
    ],
)
def test_bad_input_is_named(cards, background, words):
    with pytest.raises(ValueError, match=words):
        compose(cards, background, 20, 30)


def test_the_ground_passes_under_the_feet_and_meets_the_wall():
    """A floor in perspective: even in 1/z down the picture, at the card's distance where it stands."""
    mask = np.zeros((100, 60), np.float32)
    mask[20:71, 20:40] = 1  # the foot is row 70
    wall = Background(10.0, 10.0)
    depth_m = compose([Card(mask, 2.0, ground=2.0)], wall, 100, 60)
    assert depth_m[40, 30] == pytest.approx(2.0)
    assert depth_m[70, 5] == pytest.approx(2.0)
    assert 1 / depth_m[95, 5] == pytest.approx((1 + 2.0 * 0.25) / 2.0)
    assert 1 / depth_m[50, 5] == pytest.approx((1 - 2.0 * 0.20) / 2.0)
    assert depth_m[5, 5] == pytest.approx(10.0)  # above where the floor meets the wall
    beside = compose([Card(mask, 2.0)], wall, 100, 60)
    assert np.allclose(beside[:, 5], 10.0)


def test_a_soft_edge_spreads_by_a_share_of_the_width():
    mask = np.zeros((40, 200), np.float32)
    mask[:, 100:] = 1
    hard, soft = (compose([Card(mask, 2.0, soft=s)], Background(10.0, 10.0), 40, 200) for s in (0.0, 0.02))
    assert set(np.unique(hard.round(3))) == {2.0, 10.0}
    share = (1 / soft[20] - 0.1) / 0.4
    assert share[99:101].mean() == pytest.approx(0.5, abs=0.01)
    assert share[104] == pytest.approx(0.8413, abs=0.03)  # one standard deviation of 4 px
    with pytest.raises(ValueError, match="ground"):
        compose([Card(mask, 2.0, ground=-1.0)], Background(), 40, 200)
