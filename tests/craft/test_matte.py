# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes from strokes, on figures whose true mask is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from blender_rackfocus.craft import guided, matte
from blender_rackfocus.craft.matte import Stroke

HEIGHT, WIDTH = 180, 320


def shot(frames=6, figures=(((60, 90), (4, 1), (200, 90, 60)),)):
    """A grained bluish wall, and round-headed figures that walk before it: {frame: picture}, {frame: [true masks]}."""
    rng = np.random.default_rng(3)
    wall = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT, WIDTH, 3)), (0, 0), 2) * 60 + (60, 90, 140)
    cloth = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT, 2 * WIDTH, 3)), (0, 0), 2) * 40
    pictures, masks = {}, {}
    for frame in range(frames):
        picture, masks[frame] = wall.copy(), []
        for (x, y), (dx, dy), colour in figures:
            at = x + dx * frame, y + dy * frame
            mask = np.zeros((HEIGHT, WIDTH), np.uint8)
            cv2.ellipse(mask, at, (24, 50), 0, 0, 360, 1, -1)
            cv2.circle(mask, (at[0], at[1] - 55), 16, 1, -1)
            moved = np.roll(cloth, dx * frame, 1)[:, :WIDTH] + colour
            picture[mask > 0] = moved[mask > 0]
            masks[frame].append(mask > 0)
        picture += rng.normal(0, 3, picture.shape)
        pictures[frame] = picture.clip(0, 255).astype(np.uint8)
    return pictures, masks


def over(x, y, dy=30, **options):
    """A short stroke downwards from a pixel."""
    return Stroke(points=((x / WIDTH, y / HEIGHT), (x / WIDTH, (y + dy) / HEIGHT)), **options)


def likeness(made, true):
    """Intersection over union."""
    return (made & true).sum() / (made | true).sum()


def test_one_stroke_is_followed_through_the_shot():
    pictures, masks = shot()
    made = dict(matte.follow(pictures, [over(60, 80, frame=0)]))
    assert sorted(made) == list(range(6))
    for frame, found in made.items():
        assert found.dtype == np.float32
        assert likeness(found > 0.5, masks[frame][0]) > 0.95, frame
        assert found[masks[frame][0]].mean() > 0.95
        assert found[~cv2.dilate(masks[frame][0].astype(np.uint8), np.ones((9, 9))).astype(bool)].max() < 0.05


def test_a_head_in_colours_of_its_own_is_not_lost():
    """It is smaller than the body, and nearly of the wall's colours."""
    pictures, masks = shot(10)
    (wall, *_), heads = shot(1, figures=())[0].values(), {}
    grain = np.random.default_rng(5).integers(-25, 25, (HEIGHT, 2 * WIDTH, 3))
    for frame, picture in pictures.items():
        at = 60 + 4 * frame, 90 + frame
        body, head = np.zeros((2, HEIGHT, WIDTH), np.uint8)
        cv2.ellipse(body, at, (24, 50), 0, 0, 360, 1, -1)
        cv2.circle(head, (at[0], at[1] - 56), 10, 1, -1)
        bare = masks[frame][0] & (body == 0)
        picture[bare] = wall[bare]
        heads[frame] = (head > 0) & (body == 0)
        there = np.roll(grain, (frame, 4 * frame), (0, 1))[:, :WIDTH] + (85, 75, 120)
        picture[heads[frame]] = there[heads[frame]].clip(0, 255)
    made = dict(matte.follow(pictures, [over(60, 80, frame=0), over(60, 32, dy=48, frame=0)]))
    assert min(made[frame][heads[frame]].mean() for frame in pictures) > 0.75


def test_a_stroke_in_the_middle_goes_both_ways_and_the_same_strokes_give_the_same():
    pictures, masks = shot()
    made, again = (dict(matte.follow(pictures, [over(72, 83, frame=3)])) for _ in range(2))
    assert min(likeness(made[frame] > 0.5, masks[frame][0]) for frame in range(6)) > 0.95
    assert all(np.array_equal(made[frame], again[frame]) for frame in range(6))


def test_two_of_one_colour_are_two_subjects():
    both = (((60, 90), (2, 0), (200, 90, 60)), ((230, 90), (-2, 0), (200, 90, 60)))
    pictures, masks = shot(4, both)
    for number, x in ((0, 60), (1, 230)):
        made = dict(matte.follow(pictures, [over(x, 80, frame=0)]))
        assert min(likeness(made[frame] > 0.5, masks[frame][number]) for frame in range(4)) > 0.95


def test_a_stroke_on_another_frame_corrects_the_frames_around_it():
    """Two who stand so close that they are one: a stroke that says what is not the subject parts them."""
    both = (((100, 90), (0, 0), (200, 90, 60)), ((146, 90), (0, 0), (200, 90, 60)))
    pictures, masks = shot(5, both)
    drawn = [over(100, 80, frame=0)]
    before = dict(matte.follow(pictures, drawn))
    assert before[2][masks[2][1]].mean() > 0.6  # the other one came along
    away = [over(150, 20, 110, frame=2, inside=False, radius=0.03)]
    after = dict(matte.follow(pictures, drawn + away))
    for frame in (2, 3, 4):
        assert after[frame][masks[frame][1]].mean() < 0.35, frame
        assert after[frame][masks[frame][0]].mean() > 0.8, frame
    assert after[1][masks[1][1]].mean() < before[1][masks[1][1]].mean() + 1e-6


def test_a_matte_that_hangs_on_the_click_is_told_from_one_that_does_not():
    """On one cloth a click finds the figure wherever it falls; where head, shirt and wall are patched alike it does
    not."""
    pictures, masks = shot(1)
    click = Stroke(0, ((60 / WIDTH, 95 / HEIGHT),))
    assert matte.steadiness(pictures[0], [click]) > matte.STEADY
    assert likeness(matte.decide(pictures[0], [click]) > 0.5, masks[0][0]) > 0.9
    patches = np.random.default_rng(2).integers(0, 4, (HEIGHT // 6, WIDTH // 8))
    colours = np.uint8([(200, 90, 60), (60, 90, 140), (30, 40, 30), (220, 220, 200)])
    motley = cv2.resize(colours[patches], (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    assert matte.steadiness(motley, [click]) < 0.5
    proposed = masks[0][0].astype(np.float32)  # a network that sees the figure steadies it
    assert matte.steadiness(motley, [click], proposed) > matte.STEADY


def test_nothing_is_carried_over_a_cut():
    """What is drawn beyond it has a matte of its own, and neither speaks for the other side."""
    (first, mine), (second, others) = shot(4), shot(4, figures=(((200, 90), (-4, 1), (90, 160, 60)),))
    pictures = first | {frame + 4: picture for frame, picture in second.items()}
    drawn = [over(60, 80, frame=0)]

    def is_cut(before, after):
        return any(before is pictures[a] and after is pictures[b] for a, b in ((3, 4), (4, 3)))

    made = dict(matte.follow(pictures, drawn, is_cut=is_cut))
    assert all(likeness(made[frame] > 0.5, mine[frame][0]) > 0.95 for frame in range(4))
    assert all(made[frame].max() == 0 for frame in range(4, 8))
    made = dict(matte.follow(pictures, [*drawn, over(192, 82, frame=6)], is_cut=is_cut))
    assert all(likeness(made[frame] > 0.5, mine[frame][0]) > 0.95 for frame in range(4))
    assert all(likeness(made[frame + 4] > 0.5, others[frame][0]) > 0.95 for frame in range(4))
    alone = dict(matte.follow(pictures, [over(192, 82, frame=6, inside=False), *drawn], is_cut=is_cut))
    assert all(alone[frame].max() == 0 for frame in range(4, 8))


def test_a_network_is_believed_only_where_it_sees_the_subject():
    pictures, masks = shot(3)
    drawn = [Stroke(0, ((60 / WIDTH, 90 / HEIGHT),), radius=0.01)]

    def sees(look):
        frame = next(frame for frame, one in pictures.items() if one is look)
        return masks[frame][0].astype(np.float32)

    made = dict(matte.follow(pictures, drawn, sees))
    assert min(likeness(made[frame] > 0.5, masks[frame][0]) for frame in range(3)) > 0.95
    blind = dict(matte.follow(pictures, [over(60, 80, frame=0)], lambda look: np.zeros(look.shape[:2], np.float32)))
    assert min(likeness(blind[frame] > 0.5, masks[frame][0]) for frame in range(3)) > 0.95


def test_at_full_size_the_matte_has_the_pictures_edge():
    pictures, masks = shot(1)
    large = cv2.resize(pictures[0], (4 * WIDTH, 4 * HEIGHT), interpolation=cv2.INTER_CUBIC)
    true = cv2.resize(masks[0][0].astype(np.float32), (4 * WIDTH, 4 * HEIGHT), interpolation=cv2.INTER_CUBIC) > 0.5
    look = guided.small(large)
    assert look.shape == (270, 480, 3)
    made = guided.full(large, look, matte.decide(look, [over(60, 80, frame=0)]))
    assert made.shape == true.shape
    assert likeness(made > 0.5, true) > 0.97
    outer = cv2.distanceTransform((~true).astype(np.uint8), cv2.DIST_L2, 5)
    assert made[outer > 16].max() < 0.05  # no veil over the room


def test_what_cannot_be_told_is_refused():
    pictures, _ = shot(2)
    with pytest.raises(ValueError, match="draw over the subject"):
        list(matte.follow(pictures, []))
    with pytest.raises(ValueError, match="draw over the subject"):
        list(matte.follow(pictures, [over(60, 80, frame=7)]))
    with pytest.raises(ValueError, match="uint8"):
        matte.decide(pictures[0].astype(np.float32), [over(60, 80, frame=0)])
