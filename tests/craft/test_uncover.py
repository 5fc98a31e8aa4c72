# SPDX-License-Identifier: GPL-3.0-or-later
"""What frames beside show of what a frame hides, against a world in which that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
from planes import FOCAL, FRONT, HEIGHT, MIDDLE, WALL, WIDTH, Card, sight

from blender_rackfocus.core import Behind
from blender_rackfocus.craft import uncover
from blender_rackfocus.craft.uncover import Neighbour, Sight

WORLD = (WALL, MIDDLE, FRONT)
STEPS_M = (-0.12, -0.06, 0.06, 0.12)


def found(here: Sight, beside: Sequence[Sight]) -> Behind | None:
    """What is found of what one sight hides in others, if they are of its shot."""
    glance = uncover.glance(here)
    links = [uncover.link(glance, uncover.glance(one), FOCAL) for one in beside]
    linked = [Neighbour(one, link) for one, link in zip(beside, links, strict=True) if link is not None]
    return uncover.uncovered(here, linked) if linked else None


def truth() -> Sight:
    """The world without what is in front."""
    return sight((WALL, MIDDLE))


def hidden() -> np.ndarray:
    """(H, W) bool: where what is in front stands."""
    return sight(WORLD).depth_m == FRONT.depth_m


def errors(behind: Behind) -> tuple[np.ndarray, np.ndarray]:
    """Display-encoded error of colours and relative one of distances, where something is known behind the front."""
    known, true = (behind.known > 0) & hidden(), truth()
    colour = np.abs(np.sqrt(behind.picture) - np.sqrt(true.picture)).max(-1)[known]
    return colour, np.abs(behind.depth_m / true.depth_m - 1)[known]


def seen_by(step_m: float) -> np.ndarray:
    """(H, W) bool: what is hidden here, and seen by a camera so far to the right, a pixel from all edges aside."""
    shift = abs(step_m) * FOCAL * WIDTH * (1 / FRONT.depth_m - 1 / WALL.depth_m)
    columns = np.flatnonzero(hidden().any(0))
    left, right = columns[0] + 2, columns[0] + round(shift) - 2
    if step_m > 0:
        left, right = columns[-1] - round(shift) + 3, columns[-1] - 1
    bare = np.zeros((HEIGHT, WIDTH), bool)
    bare[4:-4, left:right] = hidden()[4:-4, left:right]
    return bare


@pytest.mark.parametrize("alpha", [False, True])
def test_what_the_front_hides_is_found_at_its_place_and_distance(alpha):
    behind = found(sight(WORLD, alpha=alpha), [sight(WORLD, (step, 0, 0), alpha=alpha) for step in STEPS_M])
    assert behind is not None
    colour, distance = errors(behind)
    assert np.percentile(colour, 90) < 0.06
    assert np.percentile(distance, 98) < 0.01


def test_all_of_a_wall_that_the_others_see_is_found():
    world = (
        WALL,
        replace(MIDDLE, box=(0.6, -2.0, 2.0, 2.0)),
        FRONT,
    )  # aside: with one distance alone a turn looks alike
    behind = found(sight(world), [sight(world, (step, 0, 0)) for step in STEPS_M])
    assert behind is not None
    for step in STEPS_M:
        assert (behind.known > 0)[seen_by(step)].mean() > 0.97


@pytest.mark.parametrize(
    "moves",
    [
        [(0.0, 0.06, 0.0), (0.0, -0.06, 0.0), (0.0, 0.12, 0.0), (0.0, -0.12, 0.0)],
        [(0.08, 0.05, 0.02), (-0.08, -0.05, -0.02), (0.16, 0.1, 0.04), (-0.16, -0.1, -0.04)],
    ],
)
def test_whatever_way_the_camera_goes_and_turns(moves):
    behind = found(sight(WORLD), [sight(WORLD, move, pan_rad=0.25 * move[0]) for move in moves])
    assert behind is not None
    colour, distance = errors(behind)
    assert (behind.known > 0).mean() > 0.03
    assert np.percentile(colour, 90) < 0.08
    assert np.percentile(distance, 98) < 0.02


def test_only_what_is_clearly_farther_counts():
    here = sight(WORLD)
    behind = found(here, [sight(WORLD, (step, 0, 0)) for step in STEPS_M])
    assert behind is not None
    known = behind.known > 0
    assert (behind.depth_m[known] >= uncover.APART * 0.98 * here.depth_m[known]).all()


def test_a_camera_at_rest_finds_nothing_also_in_grain_and_in_depth_that_shimmers():
    rng = np.random.default_rng(5)

    def taken() -> Sight:
        still = sight(WORLD)
        grain = rng.normal(0, 0.01, still.picture.shape).astype(np.float32)
        shimmer = np.exp(rng.normal(0, 0.002, still.depth_m.shape)).astype(np.float32)
        return Sight(np.maximum(still.picture + grain, 0), still.depth_m * shimmer)

    here = taken()
    links = [uncover.link(uncover.glance(here), uncover.glance(taken()), FOCAL) for _ in range(2)]
    assert all(link is not None and not link.moves for link in links)
    behind = found(here, [taken() for _ in range(4)])
    assert behind is None or behind.known.mean() < 1e-3


def test_where_depth_is_noise_nothing_is_looked_for():
    """A noisy surface in focus has gaps: what is known behind it would shine through."""
    rng = np.random.default_rng(6)
    here = sight(WORLD)
    noisy = Sight(here.picture, here.depth_m * np.exp(rng.normal(0, 0.05, here.depth_m.shape)).astype(np.float32))
    beside = sight(WORLD, (0.06, 0, 0))
    assert uncover.link(uncover.glance(here), uncover.glance(beside), FOCAL) is not None
    assert uncover.link(uncover.glance(noisy), uncover.glance(beside), FOCAL) is None
    assert uncover.link(uncover.glance(beside), uncover.glance(noisy), FOCAL) is None


def test_a_subject_that_walks_by_uncovers_what_is_behind_for_a_camera_at_rest():
    def walked(step_m: float) -> Sight:
        left, top, right, bottom = FRONT.box
        return sight((WALL, MIDDLE, replace(FRONT, box=(left + step_m, top, right + step_m, bottom))))

    beside = [walked(step) for step in STEPS_M]
    link = uncover.link(uncover.glance(walked(0)), uncover.glance(beside[1]), FOCAL)
    assert link is not None
    assert link.moves
    behind = found(walked(0), beside)
    assert behind is not None
    assert (behind.known > 0)[hidden()].mean() > 0.3
    assert np.percentile(errors(behind)[0], 95) < 0.06


def test_another_shot_has_no_link():
    other = (Card(4.0, None, 11, 0.13), Card(2.0, (-0.4, -0.3, 0.2, 1.0), 12, 0.05))
    assert uncover.link(uncover.glance(sight(WORLD)), uncover.glance(sight(other)), FOCAL) is None
    assert found(sight(WORLD), [sight(other), sight(other, (0.06, 0, 0))]) is None


def test_a_fence_whose_next_slat_was_taken_for_the_same_is_not_looked_behind():
    """Its slats stand as far apart as the camera's way moves them: what is found is right, or nothing is."""
    slats = [Card(1.5, (x, -1.0, x + 0.012, 1.0), 200 + n, 0.03) for n, x in enumerate(np.arange(-0.6, 0.6, 0.05))]
    world = (WALL, MIDDLE, *slats)
    glance = uncover.glance(sight(world))
    true = 0.06 * FOCAL * WIDTH / MIDDLE.depth_m
    for step in (-0.06, 0.06):
        link = uncover.link(glance, uncover.glance(sight(world, (step, 0, 0))), FOCAL)
        if link is not None:
            at = np.full(1, (WIDTH - 1) / 2, np.float32)
            x, _, _ = link.step.places(at, at, np.float32([1 / MIDDLE.depth_m]), (HEIGHT, WIDTH))
            assert abs(abs(float(x[0] - at[0])) - true) < 1


def test_another_exposure_is_made_up_for():
    gains = np.float32([[0.7, 0.75, 0.8], [0.8, 0.85, 0.9], [1.2, 1.15, 1.1], [1.3, 1.3, 1.3]])
    beside = [sight(WORLD, (step, 0, 0)) for step in STEPS_M]
    plain = found(sight(WORLD), beside)
    exposed = found(
        sight(WORLD), [Sight(one.picture * gain, one.depth_m) for one, gain in zip(beside, gains, strict=True)]
    )
    assert plain is not None
    assert exposed is not None
    assert (exposed.known > 0).sum() > 0.9 * (plain.known > 0).sum()
    assert np.percentile(errors(exposed)[0], 90) < 0.07


def test_what_moves_behind_the_front_is_not_kept():
    """A card that is elsewhere in each frame, while the camera goes by: frames contradict each other."""

    def busy(step_m: float, seed: int) -> Sight:
        walker = Card(4.0, (-1.1 + 3 * step_m, -1.2, 0.5 + 3 * step_m, 1.5), seed, 0.08)
        return sight((WALL, walker, FRONT), (step_m, 0, 0))

    behind = found(busy(0, 20), [busy(step, 21 + n) for n, step in enumerate(STEPS_M)])
    if behind is None:
        return
    known = behind.known > 0
    wrong = np.abs(np.sqrt(behind.picture) - np.sqrt(sight((WALL,)).picture)).max(-1) > 0.1
    assert (known & wrong & hidden()).sum() < 0.08 * hidden().sum()


def test_nothing_known_is_none_and_frames_of_another_size_are_left():
    here = sight(WORLD)
    small = Sight(here.picture[::2, ::2].copy(), here.depth_m[::2, ::2].copy())
    assert uncover.link(uncover.glance(here), uncover.glance(small), FOCAL) is None
    assert uncover.uncovered(here, []) is None


def test_a_black_frame_tells_nothing():
    here = sight(WORLD)
    black = Sight(np.zeros_like(here.picture), here.depth_m)
    assert uncover.link(uncover.glance(here), uncover.glance(black), FOCAL) is None
    assert uncover.link(uncover.glance(black), uncover.glance(here), FOCAL) is None


def test_the_sky_is_something_behind():
    """Infinitely far is a distance: it has no parallax, and is found as well."""
    here, beside = ([replace_far(sight(WORLD, (step, 0, 0))) for step in steps] for steps in ((0.0,), STEPS_M))
    behind = found(here[0], beside)
    assert behind is not None
    known = (behind.known > 0) & hidden()
    assert np.isfinite(behind.picture).all()
    assert (behind.depth_m[known] > 0.9e6).any()


def replace_far(one: Sight) -> Sight:
    """The same with the wall infinitely far, and everything of it at rest."""
    sky = sight((WALL,))
    far = one.depth_m == WALL.depth_m
    return Sight(np.where(far[..., None], sky.picture, one.picture), np.where(far, np.float32(np.inf), one.depth_m))


def test_a_picture_larger_than_the_search_is_as_sharp():
    """Places are looked for in a small picture, colours come from the whole one."""
    scale = 4

    def large(step_m: float) -> Sight:
        one = sight(WORLD, (step_m, 0, 0))
        size = WIDTH * scale, HEIGHT * scale
        return Sight(
            cv2.resize(one.picture, size, interpolation=cv2.INTER_CUBIC).clip(0),
            cv2.resize(one.depth_m, size, interpolation=cv2.INTER_NEAREST),
        )

    behind, small = (
        found(large(0), [large(step) for step in STEPS_M]),
        found(sight(WORLD), [sight(WORLD, (step, 0, 0)) for step in STEPS_M]),
    )
    assert behind is not None
    assert small is not None
    assert behind.known.mean() > 0.85 * small.known.mean()


def test_a_guess_of_the_way_is_no_more_than_a_guess():
    """Right, double or the wrong way: the same step is found."""
    here, beside = uncover.glance(sight(WORLD)), uncover.glance(sight(WORLD, (0.06, 0, 0)))
    plain = uncover.link(here, beside, FOCAL)
    assert plain is not None
    for share in (1.0, 2.0, -1.0, 0.0):
        guessed = uncover.link(here, beside, FOCAL, plain.step.times(share))
        assert guessed is not None
        assert np.abs(guessed.step.shift - plain.step.shift).max() < 0.002


def test_so_many_times_a_step_is_the_way_of_a_camera_that_goes_on():
    step = uncover.link(uncover.glance(sight(WORLD)), uncover.glance(sight(WORLD, (0.03, 0.02, 0), 0.01)), FOCAL).step
    once, twice = ((step.times(share).turn, step.times(share).shift) for share in (1.0, 2.0))
    np.testing.assert_allclose(once[0], step.turn, atol=1e-9)
    np.testing.assert_allclose(twice[0], step.turn @ step.turn, atol=1e-9)
    np.testing.assert_allclose(twice[1], 2 * step.shift, atol=1e-9)


def test_a_camera_that_only_goes_ahead_sees_behind_too():
    """In the middle of its picture near and far do not move apart."""
    beside = [sight(WORLD, (0, 0, step)) for step in STEPS_M]
    link = uncover.link(uncover.glance(sight(WORLD)), uncover.glance(beside[0]), FOCAL)
    assert link is not None
    assert link.moves
    behind = found(sight(WORLD), beside)
    assert behind is not None
    colour, distance = errors(behind)
    assert (behind.known > 0)[hidden()].mean() > 0.05
    assert np.percentile(colour, 80) < 0.06
    assert np.percentile(distance, 95) < 0.02


def test_a_plain_wall_beside_a_textured_front_is_not_taken_to_go_with_it():
    """Flow beside the front's edges is the front's: of what is plain, only what lies away from them tells its way."""
    plain = replace(WALL, cell_m=8.0), replace(MIDDLE, cell_m=3.0), FRONT
    glance, at = uncover.glance(sight(plain)), np.full(1, (WIDTH - 1) / 2, np.float32)
    off = []
    for step in (-0.06, -0.03, 0.03, 0.06):
        link = uncover.link(glance, uncover.glance(sight(plain, (step, 0, 0))), FOCAL)
        assert link is not None
        x, _, _ = link.step.places(at, at, np.float32([1 / WALL.depth_m]), (HEIGHT, WIDTH))
        off.append(float(x[0] - at[0]) + step * FOCAL * WIDTH / WALL.depth_m)
    assert np.abs(off).mean() < 0.6
