# SPDX-License-Identifier: GPL-3.0-or-later
"""What a focus pull must do, whatever its keys: even in dioptres, exact at keys, no jumps."""

import itertools
import math

import numpy as np
import pytest

from blender_rackfocus.craft import focus_curve, pull
from blender_rackfocus.craft.focus_curve import (
    FARTHEST_M,
    Key,
    dioptre_remap,
    fit,
    focus_at,
    focus_from_value,
    neighbours,
    retime,
    split,
    value_at,
)
from blender_rackfocus.craft.pull import (
    FEELS,
    INFINITY_M,
    Mark,
    default_duration,
    flat_keys,
    follow,
    hold_keys,
    insert_rack,
    lost_frames,
    mark_distance_m,
    rack_keys,
    unique_name,
)


def curve(keys, frames):
    return np.array([focus_at(keys, f) for f in frames])


# Reading the curve in dioptres


def test_remap_is_linear_in_dioptres_by_hand():
    # half way from 1 m (1 D) to 50 m (0.02 D) is 0.51 D
    assert dioptre_remap(25.5, 1.0, 50.0) == pytest.approx(1 / 0.51)
    assert dioptre_remap([1.0, 50.0], 1.0, 50.0) == pytest.approx([1.0, 50.0], abs=0)


def test_remap_stops_at_infinity_and_never_turns_negative():
    assert dioptre_remap(51.0, 1.0, 50.0) == FARTHEST_M
    assert dioptre_remap(500.0, 1.0, 50.0) == FARTHEST_M
    assert dioptre_remap(-1e9, 1.0, 50.0) == pytest.approx(0.01)
    with pytest.raises(ValueError, match="before_m"):
        dioptre_remap(1.0, 0.0, 2.0)


def test_remap_of_equal_keys_needs_no_special_case():
    assert dioptre_remap(3.0, 3.0, 3.0) == 3.0
    nearly = dioptre_remap(3.1, 3.0, 3.0 + 1e-9)
    assert dioptre_remap(3.1, 3.0, 3.0) == pytest.approx(nearly, rel=1e-7)


NEIGHBOURS = [(-5, (0, 1)), (0, (0, 1)), (5, (0, 1)), (10, (1, 2)), (20, (1, 2)), (99, (1, 2))]


@pytest.mark.parametrize(("frame", "pair"), NEIGHBOURS)
def test_neighbours(frame, pair):
    assert neighbours([0, 10, 20], frame) == pair


def test_focus_from_value_takes_keys_below_zero_for_the_nearest_focus():
    assert focus_from_value(-1.0, 0, [0, 10], [-1.0, 4.0]) == pytest.approx(0.01)


# The pull


def test_a_pull_from_1_to_50_m_spends_equal_frames_on_every_dioptre():
    keys = rack_keys(0, 1.0, 50.0, "EVEN", duration=96)
    per_frame = -np.diff(1 / curve(keys, np.arange(97)))
    assert per_frame == pytest.approx(np.full(96, 0.98 / 96), rel=0.02)
    assert len(keys) == 2


@pytest.mark.parametrize("feel", ["SNAP", "QUICK", "SMOOTH", "SLOW"])
@pytest.mark.parametrize(("near", "far"), [(1.0, 50.0), (0.3, 1000.0), (2.0, 2.5)])
def test_an_eased_pull_eases_dioptres_alike_over_any_distance(feel, near, far):
    frames = np.linspace(0, 48, 97)
    share = (1 / near - 1 / curve(rack_keys(0, near, far, feel, 48), frames)) / (1 / near - 1 / far)
    back = (1 / far - 1 / curve(rack_keys(0, far, near, feel, 48), frames)) / (1 / far - 1 / near)
    assert share == pytest.approx(back, abs=1e-6), "both directions alike"
    assert share + share[::-1] == pytest.approx(np.ones(97), abs=1e-6), "half the time, half the way"
    assert np.all(np.diff(share) > 0)
    assert np.max(np.diff(share)) * 96 == pytest.approx(1 / (1 - FEELS[feel].ease), rel=0.02)


@pytest.mark.parametrize("feel", FEELS)
def test_every_feel_leaves_and_arrives_exactly(feel):
    keys = rack_keys(10, 2.0, 8.0, feel)
    assert (keys[0].frame, keys[0].focus_m) == (10, 2.0)
    assert (keys[-1].frame, keys[-1].focus_m) == (10 + default_duration(feel), 8.0)
    assert focus_at(keys, 0) == 2.0
    assert focus_at(keys, 500) == 8.0
    assert len(keys) <= 4
    for key in keys:
        assert key.handle_left[0] <= key.frame <= key.handle_right[0]


def test_lengths_in_frames():
    assert default_duration("SNAP") == 6
    assert default_duration("SNAP", 60) == 15
    assert [default_duration(f) for f in ("QUICK", "SMOOTH", "SLOW")] == [12, 24, 72]


def test_hesitant_waits_and_settle_slips_past_and_rests():
    frames = np.arange(0, 49)
    share = (0.5 - 1 / curve(rack_keys(0, 2.0, 8.0, "HESITANT", 48), frames)) / 0.375
    assert share[13:26] == pytest.approx(np.full(13, share[13]), abs=1e-6)
    assert 0.1 < share[13] < 0.4
    share = (0.5 - 1 / curve(rack_keys(0, 2.0, 8.0, "SETTLE", 48), frames)) / 0.375
    assert share.max() == pytest.approx(1.05, abs=1e-3)
    assert share[-1] == pytest.approx(1.0)
    assert np.all(np.diff(share[share.argmax() :]) <= 0)


@pytest.mark.parametrize("to_m", [50.0, 900.0, math.inf])
def test_settle_never_slips_past_infinity(to_m):
    keys = rack_keys(0, 1.0, to_m, "SETTLE", 30)
    focus = curve(keys, np.linspace(0, 30, 121))
    assert focus.max() <= INFINITY_M + 1e-6
    assert focus[-1] == min(to_m, INFINITY_M)
    near = curve(rack_keys(0, 5.0, 0.31, "SETTLE", 30, nearest_m=0.3), np.linspace(0, 30, 121))
    assert 0.3 <= near.min() < 0.31


WRONG = [{"duration": 0}, {"duration": -4}, {"feel": "GENTLE"}, {"from_m": 0}, {"to_m": math.nan}]


@pytest.mark.parametrize("wrong", WRONG)
def test_bad_numbers_are_named(wrong):
    given = {"frame": 0, "from_m": 1.0, "to_m": 2.0, "feel": "SMOOTH", "duration": 10} | wrong
    with pytest.raises(ValueError, match=next(iter(wrong))):
        rack_keys(**given)


def test_a_dragged_key_is_obeyed_and_the_rest_stays_even():
    keys = rack_keys(0, 1.0, 50.0, "EVEN", 40)
    dragged = [keys[0], Key(30, 7.0)]
    assert focus_at(dragged, 30) == 7.0
    assert np.diff(1 / curve(dragged, np.arange(31))) == pytest.approx(np.full(30, -(1 - 1 / 7) / 30))


# Editing without changing what is seen


@pytest.mark.parametrize("feel", FEELS)
def test_split_keeps_the_focus_on_every_frame(feel):
    keys = rack_keys(0, 1.0, 50.0, feel, 48)
    more = split(keys, 17)
    assert len(more) == len(keys) + (17 not in [k.frame for k in keys])
    frames = np.linspace(-3, 51, 109)
    assert curve(more, frames) == pytest.approx(curve(keys, frames), rel=1e-7)


def test_retime_moves_scales_breaks_and_reverses():
    keys = rack_keys(10, 1.0, 20.0, "SETTLE", 40)
    frames = np.linspace(0, 60, 121)
    moved = retime(keys, lambda f: f + 100)
    assert curve(moved, frames + 100) == pytest.approx(curve(keys, frames))

    def slower_after_30(f):
        return f if f < 30 else 30 + (f - 30) * 2.5

    bent = retime(split(keys, 30), slower_after_30)
    assert curve(bent, [slower_after_30(f) for f in frames]) == pytest.approx(curve(keys, frames))
    back = retime(keys, lambda f: 60 - f)
    assert curve(back, 60 - frames) == pytest.approx(curve(keys, frames))
    lines = [Key(0, 1.0, "LINEAR"), Key(10, 2.0, "CONSTANT"), Key(20, 5.0)]
    turned = retime(lines, lambda f: -f)
    assert [k.frame for k in turned] == [-20, -10, 0]
    assert focus_at(turned, -5) == pytest.approx(focus_at(lines, 5))


def test_fit_follows_a_wandering_subject_with_few_keys():
    frames = np.arange(120)
    walk = 4 + 2.5 * np.sin(frames / 25) + 0.4 * np.sin(frames / 7)
    keys = fit(frames, walk, 0.01)
    assert np.max(np.abs(curve(keys, frames) / walk - 1)) <= 0.0101
    assert len(keys) <= 20
    assert len(fit(frames, np.full(120, 3.0))) == 2
    with pytest.raises(ValueError, match="focus_m"):
        fit([1, 2], [1.0, -1.0])


# Joining


def test_a_rack_between_two_others_joins_without_a_jump():
    keys = rack_keys(10, 1.0, 5.0, duration=20) + rack_keys(80, 5.0, 2.0, duration=20)
    joined = insert_rack(keys, 40, 3.0, duration=20)
    frames = np.linspace(0, 120, 1201)
    focus = curve(joined.keys, frames)
    assert np.max(np.abs(np.diff(1 / focus))) < 0.01
    assert focus_at(joined.keys, 35) == pytest.approx(5.0)
    assert [focus_at(joined.keys, f) for f in (60, 70, 80)] == pytest.approx([3.0] * 3)
    assert focus_at(joined.keys, 100) == 2.0
    assert joined.notes == []
    assert joined.removed == []


def test_a_rack_that_cuts_another_off_goes_on_from_its_movement():
    keys = rack_keys(0, 1.0, 20.0, duration=40)
    joined = insert_rack(keys, 18, 2.0, duration=24)
    before = np.linspace(0, 18, 73)
    assert curve(joined.keys, before) == pytest.approx(curve(keys, before), rel=1e-6)
    assert joined.removed == [40]
    assert focus_at(joined.keys, 42) == 2.0
    d = 1 / curve(joined.keys, [17.999, 18.0, 18.001])
    assert (d[1] - d[0]) == pytest.approx(d[2] - d[1], rel=0.05), "no kink: the hand does not stop dead"
    assert np.max(np.abs(np.diff(1 / curve(joined.keys, np.linspace(0, 60, 601))))) < 0.01


def test_a_given_start_elsewhere_is_led_into_and_told():
    keys = rack_keys(0, 1.0, 5.0, duration=20)
    joined = insert_rack(keys, 40, 10.0, from_m=2.0, duration=20)
    assert focus_at(joined.keys, 20) == 5.0
    assert focus_at(joined.keys, 40) == 2.0
    assert "frame 20" in joined.notes[0]
    assert np.max(np.abs(np.diff(1 / curve(joined.keys, np.linspace(0, 70, 701))))) < 0.02


def test_a_rack_over_the_start_of_the_next_one_leads_into_its_end():
    keys = rack_keys(50, 4.0, 8.0, duration=20)
    joined = insert_rack(keys, 40, 2.0, duration=20)
    assert joined.removed == [50]
    assert focus_at(joined.keys, 40) == 4.0
    assert focus_at(joined.keys, 60) == 2.0
    assert focus_at(joined.keys, 70) == 8.0
    assert "frame 60" in joined.notes[0]


def test_first_rack_of_a_curve_and_one_before_all_others():
    assert insert_rack([], 5, 4.0, current_m=2.0).keys[0].focus_m == 2.0
    with pytest.raises(ValueError, match="current_m"):
        insert_rack([], 5, 4.0)
    joined = insert_rack(rack_keys(80, 5.0, 2.0, duration=20), 10, 3.0, from_m=1.0, duration=20)
    assert [focus_at(joined.keys, f) for f in (0, 30, 80, 100)] == pytest.approx([1.0, 3.0, 3.0, 2.0])


# Marks


def test_marks_held_and_racked_to():
    frames = tuple(range(0, 100))
    depths = tuple(3 + f / 25 for f in frames)
    walker = Mark("Anna", frames=frames, depths_m=depths)
    door = Mark("Door", 9.0)
    keys = follow(rack_keys(20, 9.0, mark_distance_m(walker, 40), "SMOOTH", 20.0, 24.0), 40, walker, 90)
    assert focus_at(keys, 20) == 9.0
    for f in (40, 55, 70, 90):
        assert focus_at(keys, f) == pytest.approx(3 + f / 25, rel=0.0101)
    assert len(keys) <= 8
    assert len(hold_keys(door, 0, 50)) == 2


def test_a_lost_track_is_bridged_in_dioptres_and_told():
    mark = Mark("Cup", frames=(0, 1, 2, 3, 4), depths_m=(2.0, math.nan, math.nan, math.nan, 4.0))
    assert mark_distance_m(mark, 2) == pytest.approx(1 / 0.375)
    assert lost_frames(mark) == [1, 2, 3]
    with pytest.raises(ValueError, match="Gone"):
        mark_distance_m(Mark("Gone", frames=(0,), depths_m=(math.nan,)), 0)


def test_mark_names():
    assert unique_name("anna", ["Anna", "Anna 2"]) == "anna 3"
    assert unique_name("  ", []) == "Mark"
    assert mark_distance_m(Mark("The Door", math.inf), 0) == INFINITY_M


def test_value_at_is_the_raw_curve():
    keys = flat_keys([0, 10], [1.0, 3.0])
    assert value_at(keys, 5) == pytest.approx(2.0)
    assert focus_at(keys, 5) == pytest.approx(1.5)
    with pytest.raises(ValueError, match="ELASTIC"):
        value_at([Key(0, 1.0, "ELASTIC"), Key(9, 2.0)], 3)


@pytest.mark.parametrize("seed", range(60))
def test_racks_piled_on_racks_never_jolt(seed):
    rng = np.random.default_rng(seed)
    keys, held = [], 2.0
    for _ in range(6):
        frame = int(rng.integers(0, 150))
        duration = int(rng.integers(6, 60))
        to_m, from_m = float(rng.uniform(0.5, 20)), float(rng.uniform(0.5, 20))
        given = from_m if rng.random() < 0.3 else None
        feel = list(FEELS)[rng.integers(len(FEELS))]
        keys = insert_rack(keys, frame, to_m, given, feel, duration, current_m=held).keys
        assert focus_at(keys, frame + duration) == pytest.approx(to_m)
    frames = np.arange(-10, 230)
    speed = np.abs(np.diff(1 / curve(keys, frames)))
    # a snap over the whole range of the marks, 2 to 0.05 dioptres in LEAD_FRAMES, is as fast as a hand goes
    assert speed.max() < 1.95 / 6 * 1.25
    assert np.all(np.diff([key.frame for key in keys]) > 0)


def test_what_is_left_right_beside_a_rack_goes():
    keys = rack_keys(0, 1.0, 5.0, duration=20) + rack_keys(60, 5.0, 2.0, duration=20)
    late = insert_rack(keys, 50, 9.0, duration=28)
    assert focus_at(late.keys, 120) == 9.0, "two frames are no time to be at 2 m: that end goes"
    assert 80 in late.removed
    early = insert_rack(keys, 22, 2.0, from_m=1.0, duration=10)
    assert curve(early.keys, [0, 8, 16]) == pytest.approx(curve(keys, [0, 8, 16]))
    assert focus_at(early.keys, 22) == 1.0
    assert "frame 16" in early.notes[0]


# Within the strip, and held


@pytest.mark.parametrize(
    ("frame", "length", "placed"),
    [
        (10, 20, (10, 20)),
        (90, 20, (90, 10)),  # half of it fits: shortened
        (95, 20, (80, 20)),  # less would be left: moved
        (140, 20, (80, 20)),
        (-8, 20, (1, 11)),
        (50, 400, (1, 99)),
    ],
)
def test_a_pull_lies_within_the_strip_and_what_was_done_is_said(frame, length, placed):
    start, duration, told = pull.fit_in(frame, length, 1, 100)
    assert (start, duration) == placed
    assert bool(told) == ((start, duration) != (frame, length))
    assert 1 <= start < start + duration <= 100


def test_a_hold_holds_until_the_next_pull_which_starts_from_there():
    keys = pull.rack_keys(30, 3.0, 0.99, duration=12)
    held, until = pull.hold(keys, 10, pull.Mark("King", 0.67), 1, 100)
    assert until == 30
    for frame in range(1, 31):
        assert focus_at(held, frame) == pytest.approx(0.67)
    assert focus_at(held, 42) == pytest.approx(0.99)
    way = [1 / focus_at(held, frame) for frame in range(30, 43)]
    assert all(b < a for a, b in itertools.pairwise(way)), "no detour"


def test_a_hold_leaves_keys_by_hand_where_they_are():
    keys = [focus_curve.Key(50, 2.0), *pull.rack_keys(70, 2.0, 5.0, duration=12)]
    held, until = pull.hold(keys, 10, pull.Mark("King", 0.67), 1, 100)
    assert until == 50 - pull.LEAD_FRAMES
    assert [focus_at(held, frame) for frame in (10, 25, until)] == pytest.approx([0.67] * 3)
    assert [focus_at(held, frame) for frame in (50, 70, 82)] == pytest.approx([2.0, 2.0, 5.0])


def test_a_hold_in_the_middle_of_a_pull_ends_that_pull():
    keys = [*pull.rack_keys(10, 1.0, 4.0, duration=20), *pull.rack_keys(60, 4.0, 2.0, duration=20)]
    held, until = pull.hold(keys, 20, pull.Mark("Door", 8.0), 1, 100)
    assert until == 60
    assert [focus_at(held, frame) for frame in (20, 30, 45, 60)] == pytest.approx([8.0] * 4)
    assert focus_at(held, 80) == pytest.approx(2.0)
    assert focus_at(held, 10) == pytest.approx(1.0)


def test_a_hold_follows_a_tracked_mark_into_the_next_pull():
    frames = tuple(float(f) for f in range(1, 101))
    walker = pull.Mark("Walker", None, frames, tuple(1.0 + f / 20 for f in frames))
    held, until = pull.hold(pull.rack_keys(60, 3.0, 0.9, duration=12), 10, walker, 1, 100)
    assert until == 60
    for frame in range(10, 61):
        assert focus_at(held, frame) == pytest.approx(1.0 + frame / 20, rel=0.011)
    assert focus_at(held, 72) == pytest.approx(0.9)
