# SPDX-License-Identifier: GPL-3.0-or-later
"""Recipes: sensible timing for any strip, both directions, and nothing that jumps."""

import numpy as np
import pytest

from blender_rackfocus.core.lens import Lens, coc_px
from blender_rackfocus.craft.focus_curve import focus_at
from blender_rackfocus.craft.pull import Mark
from blender_rackfocus.craft.recipes import DIRECTIONS, RECIPES, dioptres_for_blur, plan, plan_transition, recipe_keys

NEAR, MIDDLE, FAR = Mark("Cup", 0.9), Mark("Waiter", 2.5), Mark("Couple", 6.0)
ONE_STRIP = [name for name, recipe in RECIPES.items() if recipe.strips == 1]


@pytest.mark.parametrize("recipe", ONE_STRIP)
@pytest.mark.parametrize("length", [24, 72, 240, 3000])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_racks_fit_the_strip_and_rest_between(recipe, length, direction):
    racks = plan(recipe, 101, 100 + length, [FAR, NEAR, MIDDLE], direction)
    assert racks[0].frame > 101 + 0.1 * length, "the first subject can be read"
    for rack, following in zip(racks, [*racks[1:], None], strict=True):
        end = rack.frame + rack.duration
        until = following.frame if following else 101 + length
        assert rack.duration >= 2
        assert until - end >= 0.1 * length, "every subject is held"
        assert rack.frame == round(rack.frame)
        assert following is None or following.from_mark is rack.to_mark
    keys = recipe_keys(racks, 101, 100 + length)
    frames = np.arange(101, 101 + length)
    d = np.array([1 / focus_at(keys, f) for f in frames])
    fastest = 2.5 * max(abs(1 / r.to_mark.distance_m - 1 / r.from_mark.distance_m) / r.duration for r in racks)
    assert np.max(np.abs(np.diff(d))) <= fastest
    assert focus_at(keys, frames[-1]) == racks[-1].to_mark.distance_m


def test_directions_open_and_close_the_world():
    opens = plan("REVEAL", 1, 120, [FAR, NEAR], "FAR")[0]
    closes = plan("REVEAL", 1, 120, [FAR, NEAR], "NEAR")[0]
    assert (opens.from_mark, opens.to_mark) == (NEAR, FAR)
    assert (closes.from_mark, closes.to_mark) == (FAR, NEAR)
    turn = plan("SPATIAL", 1, 400, [MIDDLE, FAR, NEAR], "NEAR")
    assert [r.from_mark.name for r in turn] + [turn[-1].to_mark.name] == ["Couple", "Waiter", "Cup"]
    given = plan("SPATIAL", 1, 400, [MIDDLE, FAR, NEAR])
    assert [r.from_mark.name for r in given] == ["Waiter", "Couple"]


def test_emphasis_comes_back():
    racks = plan("EMPHASIS", 1, 200, [NEAR, FAR])
    assert [(r.from_mark, r.to_mark) for r in racks] == [(NEAR, FAR), (FAR, NEAR)]
    assert racks[1].frame - racks[0].frame - racks[0].duration > 24, "long enough to see it land"


@pytest.mark.parametrize("direction", ["FAR", "NEAR"])
def test_transition_is_soft_on_both_sides_of_the_cut(direction):
    first, second = (1, 96), (97, 200)
    lens = Lens(50, 1.8, 36, 2.0)
    out = dioptres_for_blur(lens, 5.0)
    racks = plan_transition(first, second, [Mark("A", 0.6), Mark("B", 2.0)], direction, out_dioptres=out)
    before = recipe_keys([rack for rack in racks if rack.strip == 0], *first)
    after = recipe_keys([rack for rack in racks if rack.strip == 1], *second)

    def blur_pct(focus_m, subject_m):
        return abs(float(coc_px(subject_m, Lens(50, 1.8, 36, focus_m), 1000))) * 2 / 10

    assert focus_at(before, 1) == 0.6
    assert focus_at(after, 200) == 2.0
    assert blur_pct(focus_at(before, 97), 0.6) == pytest.approx(5.0, rel=0.01)
    assert blur_pct(focus_at(after, 97), 2.0) == pytest.approx(5.0, rel=0.01)
    assert blur_pct(focus_at(before, 96), 0.6) > 4.5, "the last frame is soft"
    assert (focus_at(before, 97) > 0.6) == (direction == "FAR")


def test_transition_takes_the_other_side_where_infinity_is_too_near():
    racks = plan_transition((1, 50), (51, 100), [Mark("Hill", 400.0), NEAR], "FAR")
    assert racks[0].to_mark.distance_m < 1.0


def test_tracked_marks_are_followed_through_a_recipe():
    frames = tuple(range(1, 201))
    walker = Mark("Walker", frames=frames, depths_m=tuple(6 - 3 * f / 200 for f in frames))
    racks = plan("EMPHASIS", 1, 200, [NEAR, walker])
    keys = recipe_keys(racks, 1, 200)
    for f in range(int(racks[0].frame + racks[0].duration), int(racks[1].frame)):
        assert focus_at(keys, f) == pytest.approx(6 - 3 * f / 200, rel=0.011)
    back = recipe_keys(plan("REVEAL", 1, 200, [walker, NEAR]), 1, 200)
    assert focus_at(back, 30) == pytest.approx(6 - 3 * 30 / 200, rel=0.011)


def test_what_is_missing_is_said():
    with pytest.raises(ValueError, match="Reveal needs 2 marks; there are 1"):
        plan("REVEAL", 1, 100, [NEAR])
    with pytest.raises(ValueError, match="too short"):
        plan("SPATIAL", 1, 10, [NEAR, MIDDLE, FAR])
    with pytest.raises(ValueError, match="different distances"):
        plan("REVEAL", 1, 100, [NEAR, Mark("Saucer", 0.9)])
    with pytest.raises(ValueError, match="recipe"):
        plan("SURPRISE", 1, 100, [NEAR, FAR])
    with pytest.raises(ValueError, match="second strip"):
        plan_transition((1, 50), (51, 52), [NEAR, FAR])
    assert all(recipe.explanation and len(recipe.explanation) < 90 for recipe in RECIPES.values())
