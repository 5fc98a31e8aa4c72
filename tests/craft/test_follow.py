# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow the shot: what a focus puller would do in shots whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import pytest

from blender_rackfocus.craft import focus_curve, follow, pull

WIDTH, HEIGHT, FPS, STEP = 160, 90, 24.0, 3
FOCAL_PX, EYE_M = 1.1 * WIDTH, 1.2
Way = Callable[[float], float]


def between(first: float, last: float, start: float, end: float) -> Way:
    """From start to end, at rest before and after."""

    def value(frame: float) -> float:
        t = min(max((frame - first) / (last - first), 0.0), 1.0)
        return start + (end - start) * t * t * (3 - 2 * t)

    return value


def always(value: float) -> Way:
    return lambda _frame: value


STILL = always(0.0)


@dataclass
class Person:
    """Somebody upright on the floor. metres, x_m: distance and place across, metres."""

    metres: Way
    x_m: Way
    tall_m: float = 1.7
    wide_m: float = 0.6
    there: Callable[[float], bool] = lambda _frame: True


@dataclass
class Shot:
    """A street that ends in a wall, with people in it, seen through a camera that may turn and travel."""

    people: Sequence[Person]
    frames: int = 96
    turn_px: Way = STILL
    travel_m: Way = STILL
    wall_m: float = 14.0
    noise: float = 0.0
    flicker: float = 0.0

    def look(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(7)
        wall = cv2.resize(
            rng.random((40, 160)).astype(np.float32), (4 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_CUBIC
        )
        ahead, turned = self.travel_m(frame), self.turn_px(frame)
        y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
        down = (y - HEIGHT / 2) / FOCAL_PX
        across = (x - WIDTH / 2 + turned) / FOCAL_PX
        wall_m = self.wall_m - ahead
        floor_m = np.where(down > 1e-3, EYE_M / np.maximum(down, 1e-3), np.inf)
        depth = np.minimum(floor_m, wall_m).astype(np.float32)
        on_floor = floor_m < wall_m
        u = np.where(on_floor, 40 * across * depth + 300, 20 * across * depth + 300)
        v = np.where(on_floor, 20 * (depth + ahead), 20 * (down * depth) + 80)
        picture = cv2.remap(wall, np.mod(u, 4 * WIDTH - 1).astype(np.float32),
                            np.mod(np.abs(v), 2 * HEIGHT - 1).astype(np.float32), cv2.INTER_LINEAR)  # fmt: skip
        for number, one in sorted(enumerate(self.people), key=lambda pair: -pair[1].metres(frame)):
            if not one.there(frame):
                continue
            metres = one.metres(frame) - ahead
            cloth = np.random.default_rng(number).random((24, 9)).astype(np.float32)
            left, right = (FOCAL_PX * (one.x_m(frame) + side * one.wide_m / 2) / metres + WIDTH / 2 - turned
                           for side in (-1, 1))  # fmt: skip
            foot = FOCAL_PX * EYE_M / metres + HEIGHT / 2
            head = FOCAL_PX * (EYE_M - one.tall_m) / metres + HEIGHT / 2
            inside = (x >= left) & (x < right) & (y >= head) & (y < foot)
            s, t = 8 * (x - left) / (right - left), 23 * (y - head) / (foot - head)
            drawn = cv2.remap(cloth, s.astype(np.float32), t.astype(np.float32), cv2.INTER_CUBIC)
            picture = np.where(inside, drawn, picture)
            depth = np.where(inside, np.float32(metres), depth)
        wild = np.random.default_rng(1000 + frame)
        depth = (
            depth * (1 + self.noise * wild.standard_normal(depth.shape)) * (1 + self.flicker * wild.standard_normal())
        )
        return np.repeat(np.clip(picture, 0, 1)[..., None], 3, axis=2).astype(np.float32), depth.astype(np.float32)

    def proposals(self, **told) -> list[follow.Proposal]:
        watch = follow.Watch(FPS)
        for frame in range(1, self.frames + 1, STEP):
            watch.look(frame, *self.look(frame), **told)
        return watch.proposals()


def said(found: list[follow.Proposal]) -> list[tuple[str, float]]:
    return [(one.reason, round(one.distance_m, 1)) for one in found]


ANNA = Person(always(3.0), always(-0.3))
"""Stands in front, a little left."""


def test_where_nothing_changes_focus_rests():
    found = Shot([ANNA, Person(always(6.0), always(0.9))]).proposals()
    assert said(found) == [("opens", 3.0)]
    assert (found[0].frame, found[0].length) == (1, 0)


def test_focus_arrives_with_who_enters():
    walker = Person(always(5.0), between(30, 60, 4.0, 0.8))
    found = Shot([ANNA, walker]).proposals()
    assert said(found) == [("opens", 3.0), ("enters", 5.0)]
    enters = found[1]
    seen = next(f for f in range(1, 97) if walker.x_m(f) - 0.3 < 0.5 * WIDTH / FOCAL_PX * 5)
    whole = next(f for f in range(1, 97) if walker.x_m(f) + 0.3 < 0.5 * WIDTH / FOCAL_PX * 5)
    assert enters.start < seen < enters.frame <= whole + 6
    assert enters.strength >= follow.STRONG


def test_focus_goes_to_who_comes_nearer_and_stays_with_them():
    walker = Person(between(20, 80, 9.0, 4.5), always(0.8))
    found = Shot([ANNA, walker]).proposals()
    assert [one.reason for one in found] == ["opens", "comes nearer"]
    nearer = found[1]
    assert 20 < nearer.frame < 80
    assert nearer.start < nearer.frame - 6
    assert nearer.distance_m == pytest.approx(walker.metres(nearer.frame), rel=0.05)
    mark = nearer.mark()
    for frame in (70, 80, 95):
        assert pull.mark_distance_m(mark, frame) == pytest.approx(walker.metres(frame), rel=0.05)


def test_focus_goes_to_who_moves():
    other = Person(always(6.0), between(40, 60, 0.7, 1.3))
    found = Shot([ANNA, other]).proposals()
    assert said(found) == [("opens", 3.0), ("moves", 6.0)]
    assert 30 < found[1].start < 45 < found[1].frame <= 62


def test_focus_does_not_stay_where_nobody_is_left():
    leaver = Person(always(3.0), between(30, 55, -0.3, -4.0))
    found = Shot([leaver, Person(always(6.0), always(0.6))]).proposals()
    assert (said(found)[0], said(found)[-1]) == (("opens", 3.0), ("leaves", 6.0))
    gone = next(f for f in range(1, 97) if leaver.x_m(f) + 0.3 < -0.5 * WIDTH / FOCAL_PX * 3)
    assert abs(found[-1].start - gone) <= 8


def test_focus_goes_to_and_fro_between_two_who_take_turns():
    anna = Person(always(3.0), lambda f: -0.5 + between(70, 90, 0, 0.3)(f))
    ben = Person(always(6.0), lambda f: 0.7 + between(25, 45, 0, 0.6)(f) - between(115, 135, 0, 0.6)(f))
    found = Shot([anna, ben], frames=150).proposals()
    assert said(found) == [("opens", 3.0), ("moves", 6.0), ("moves", 3.0), ("moves", 6.0)]
    assert all(b.start >= a.frame for a, b in pairwise(found))


@pytest.mark.parametrize("moved", [{"turn_px": between(10, 90, 0, 60)}, {"travel_m": between(10, 90, 0, 1.0)}],
                         ids=["turns", "travels"])  # fmt: skip
def test_what_only_the_camera_does_is_no_reason(moved):
    """A still world moves in the picture when the camera does."""
    found = Shot([Person(always(3.0), always(0.2)), Person(always(6.0), always(0.9))], **moved).proposals()
    assert [one.reason for one in found] == ["opens"]
    travelled = moved.get("travel_m", always(0.0))(95)
    assert pull.mark_distance_m(found[0].mark(), 95) == pytest.approx(3.0 - travelled, rel=0.05)


@pytest.mark.parametrize("wild", [{"noise": 0.02}, {"flicker": 0.02}, {"noise": 0.02, "flicker": 0.02}], ids=str)
def test_noise_of_the_depth_changes_nothing(wild):
    people = [ANNA, Person(always(5.0), between(30, 60, 4.0, 0.8))]
    quiet, noisy = Shot(people).proposals(), Shot(people, **wild).proposals()
    assert [one.reason for one in noisy] == [one.reason for one in quiet]
    for a, b in zip(quiet, noisy, strict=True):
        assert abs(a.frame - b.frame) <= 4
        assert b.distance_m == pytest.approx(a.distance_m, rel=0.05)
    still = Shot([ANNA, Person(always(6.0), always(0.9))], **wild).proposals()
    assert [one.reason for one in still] == ["opens"]


def test_somebody_seen_for_a_moment_is_nobody():
    ghost = Person(always(4.0), always(0.8), there=lambda frame: 50 <= frame < 54)
    assert [one.reason for one in Shot([ANNA, ghost]).proposals()] == ["opens"]


def test_a_marked_subject_is_opened_on_and_called_by_its_name():
    found = Shot([ANNA, Person(always(6.0), always(0.9))]).proposals(marked=[("Ben", 6.0)])
    assert [(one.name, round(one.distance_m)) for one in found] == [("Ben", 6)]


def test_a_person_counts_more():
    """The same entrance, told to be a person's, is a stronger reason."""
    walker = Person(always(7.0), between(30, 60, 5.5, 2.6), wide_m=0.5)
    plain = Shot([ANNA, walker]).proposals()[1]
    person = Shot([ANNA, walker]).proposals(people=np.ones((9, 16), np.float32))[1]
    assert person.reason == plain.reason == "enters"
    assert person.strength > plain.strength


def test_frames_must_rise():
    watch = follow.Watch(FPS)
    picture, depth = Shot([ANNA]).look(1)
    watch.look(5, picture, depth)
    with pytest.raises(ValueError, match="frames must rise"):
        watch.look(5, picture, depth)


def test_without_depth_nothing_is_proposed():
    watch = follow.Watch(FPS)
    watch.look(1, Shot([ANNA]).look(1)[0], np.full((HEIGHT, WIDTH), np.inf, np.float32))
    assert watch.proposals() == []


def test_kept_proposals_are_a_curve_that_is_where_they_say():
    """What a proposal says is what its keys do."""
    walker = Person(between(20, 80, 9.0, 4.5), always(0.8))
    found = Shot([ANNA, walker]).proposals()
    keys = pull.flat_keys([found[0].frame], [found[0].distance_m])
    for one in found[1:]:
        keys = pull.insert_rack(keys, one.start, one.distance_m, None, "SMOOTH", one.length).keys
        keys = pull.follow(keys, one.frame, one.mark(), 96)
        assert focus_curve.focus_at(keys, one.frame) == pytest.approx(one.distance_m, rel=0.02)
    assert focus_curve.focus_at(keys, 90) == pytest.approx(4.5, rel=0.05)
    assert math.isclose(focus_curve.focus_at(keys, 1), 3.0, rel_tol=0.05)
