# SPDX-License-Identifier: GPL-3.0-or-later
"""Racks as things: found in a curve, dragged, lengthened, set to another distance, taken away."""

from itertools import pairwise

import numpy as np
import pytest

from blender_rackfocus.craft.decisions import (
    by_hand,
    decisions,
    dragged,
    refocused,
    removed,
    with_feel,
    with_key,
    without,
)
from blender_rackfocus.craft.focus_curve import Key, focus_at, outline
from blender_rackfocus.craft.pull import FEELS, insert_rack, rack_keys


def two_racks(feel="SMOOTH"):
    first = rack_keys(10, 1.0, 5.0, feel, 20)
    return insert_rack(first, 60, 2.0, None, feel, 20).keys


def told(keys):
    return [(one.kind, keys[one.first].frame, keys[one.last].frame) for one in decisions(keys)]


def racks(keys):
    return [one for one in decisions(keys) if one.kind == "RACK"]


@pytest.mark.parametrize("feel", FEELS)
def test_racks_and_the_hold_between_them_are_found_whatever_the_feel(feel):
    assert told(two_racks(feel)) == [("RACK", 10, 30), ("HOLD", 30, 60), ("RACK", 60, 80)]


def test_racks_that_follow_each_other_are_two():
    keys = insert_rack(rack_keys(10, 1.0, 5.0, "SMOOTH", 20), 30, 2.0, None, "SMOOTH", 20).keys
    assert [kind for kind, *_ in told(keys)] == ["RACK", "RACK"]


def test_keys_by_hand_are_told_apart():
    keys = [Key(0, 1.0), Key(20, 4.0), Key(40, 4.0)]
    assert told(keys) == [("MOVE", 0, 20), ("HOLD", 20, 40)]
    assert [key.frame for key in by_hand([*keys, *two_racks()[2:]], 10, 100)] == [20, 40]
    assert by_hand(two_racks(), 0, 100) == []


def shifted(keys, rack, frames):
    """The keys, with all of a rack dragged by so many frames."""
    found = racks(keys)[rack]
    return dragged(keys, range(found.first, found.last + 1), frames)


@pytest.mark.parametrize("feel", FEELS)
@pytest.mark.parametrize("by", [-6, 4])
def test_a_rack_dragged_is_the_same_rack_later(feel, by):
    keys = two_racks(feel)
    moved = shifted(keys, 0, by)
    for frame in range(10, 31):
        assert focus_at(moved, frame + by) == pytest.approx(focus_at(keys, frame), rel=1e-6)
    for frame in (31 + max(by, 0), 45, 60, 70, 80, 99):
        assert focus_at(moved, frame) == pytest.approx(focus_at(keys, frame), rel=1e-6)


def test_a_rack_stops_at_its_neighbour():
    keys = two_racks()
    moved = shifted(keys, 0, 500)
    assert told(moved) == [("RACK", 39, 59), ("HOLD", 59, 60), ("RACK", 60, 80)]
    assert [key.frame for key in shifted(keys, 1, -500)] == [10, 30, 31, 51]


@pytest.mark.parametrize("feel", FEELS)
def test_a_rack_lengthened_takes_its_time_evenly(feel):
    keys = rack_keys(10, 1.0, 5.0, feel, 20)
    for frame, end, at in ((50, True, lambda f: 10 + (f - 10) * 2), (20, False, lambda f: 30 + (f - 30) / 2)):
        index = len(keys) - 1 if end else 0
        longer = dragged(keys, {index}, frame - keys[index].frame)
        for f in range(10, 31):
            assert focus_at(longer, at(f)) == pytest.approx(focus_at(keys, f), rel=1e-6)


def test_a_rack_never_turns_inside_out():
    keys = two_racks("HESITANT")
    first, last = racks(keys)
    short = dragged(keys, {last.last}, -100)
    assert all(b.frame - a.frame >= 0.99 for a, b in pairwise(short))
    assert dragged(keys, {first.last}, 500)[first.last].frame == keys[last.first].frame - 1


def test_what_is_chosen_together_keeps_its_distances():
    keys = two_racks()
    assert [key.frame for key in dragged(keys, {1, 2}, 7)] == [10, 37, 67, 80]
    assert [key.frame for key in dragged(keys, {1, 2}, 500)] == [10, 49, 79, 80]
    assert [key.frame for key in dragged(keys, {0, 1, 2, 3}, -500)] == [-490, -470, -440, -420]


def test_a_held_distance_goes_along():
    keys = two_racks()
    lifted = refocused(keys, 1, 8.0)
    assert [key.focus_m for key in lifted] == [1.0, 8.0, 8.0, 2.0]
    for frame in (30, 45, 60):
        assert focus_at(lifted, frame) == pytest.approx(8.0)
    assert focus_at(lifted, 5) == 1.0


def test_a_key_goes_between_its_neighbours():
    keys = [Key(0, 1.0), Key(20, 4.0), Key(40, 2.0)]
    assert [key.frame for key in dragged(keys, {1}, 13)] == [0, 33, 40]
    assert [key.frame for key in dragged(keys, {1}, 79)] == [0, 39, 40]


@pytest.mark.parametrize("feel", FEELS)
def test_a_feel_is_that_of_a_rack_made_with_it(feel):
    keys = two_racks("SMOOTH")
    felt = with_feel(keys, racks(keys)[0], feel)
    alone = rack_keys(10, 1.0, 5.0, feel, 20)
    for frame in range(10, 31):
        assert focus_at(felt, frame) == pytest.approx(focus_at(alone, frame), rel=1e-6)
    for frame in (0, 31, 45, 60, 65, 70, 80, 99):
        assert focus_at(felt, frame) == pytest.approx(focus_at(keys, frame), rel=1e-6)
    assert with_feel(keys, decisions(keys)[1], feel) == keys


def test_a_key_less_leaves_its_neighbours_where_they_are():
    keys = [Key(0, 1.0), Key(20, 4.0), Key(40, 2.0)]
    assert [(key.frame, key.focus_m) for key in without(keys, 1)] == [(0, 1.0), (40, 2.0)]
    assert focus_at(without(keys, 1), 20) == pytest.approx(1 / 0.75)
    assert without(without(without(keys, 2), 1), 0) == keys[:1]


@pytest.mark.parametrize("feel", FEELS)
def test_the_line_that_is_drawn_is_the_focus(feel):
    keys = [*two_racks(feel), Key(90, 2.0, "CONSTANT"), Key(95, 7.0)]
    frames, dioptres = outline(keys, 24)
    assert (frames[1:] >= frames[:-1]).all()
    for frame in range(10, 90):
        drawn = 1 / float(np.interp(frame, frames, dioptres))
        assert drawn == pytest.approx(focus_at(keys, frame), rel=0.02)
    assert [tuple(pair) for pair in zip(frames, dioptres, strict=True)][-2:] == [(95, 0.5), (95, 1 / 7)]


def test_without_a_rack_focus_rests_where_it_was():
    keys = two_racks()
    rest = removed(keys, racks(keys)[0])
    for frame in (0, 10, 20, 45, 60):
        assert focus_at(rest, frame) == pytest.approx(1.0)
    assert focus_at(rest, 80) == 2.0
    assert told(rest)[-1] == ("RACK", 60, 80)
    last = removed(keys, racks(keys)[1])
    assert focus_at(last, 99) == 5.0
    assert {key.focus_m for key in removed(last, racks(last)[0])} == {1.0}
    assert removed(keys, decisions(keys)[1]) == keys


def test_one_key_more_changes_no_focus():
    keys = two_racks()
    more = with_key(keys, 17)
    for frame in range(0, 100):
        assert focus_at(more, frame) == pytest.approx(focus_at(keys, frame), rel=1e-5)
    assert len(more) == len(keys) + 1
    assert with_key(keys, 200)[-1] == Key(200, 2.0)
    assert with_key(keys, 10) == keys
    with pytest.raises(ValueError, match="empty"):
        with_key([], 3)
