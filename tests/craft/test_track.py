# SPDX-License-Identifier: GPL-3.0-or-later
"""A point followed over a drawn shot whose truth is known: a textured subject moves before a textured wall."""

import math

import cv2
import numpy as np
import pytest

from blender_rackfocus.craft.focus_curve import focus_at
from blender_rackfocus.craft.pull import Mark, hold_keys
from blender_rackfocus.craft.track import TrackPoint, depth_at_point, track_depths, track_point

WIDTH, HEIGHT, FRAMES = 480, 270, 48
FOCAL_PX = 600.0


def texture(seed, size=256):
    """Blotches of several sizes, 0..1: detail at every distance."""
    rng = np.random.default_rng(seed)
    layers = [
        cv2.resize(rng.random((n, n)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
        for n in (8, 16, 32, 64, 128)
    ]
    mixed = sum(layers)
    return np.clip((mixed - mixed.min()) / np.ptp(mixed), 0, 1).astype(np.float32)


SUBJECT, WALL = texture(1), texture(2)


def plane(picture, depth, art, x_m, y_m, z_m, width_m, turn_deg=0.0, silhouette=True):
    """Draw a textured card (an ellipse, or filling its square) of width_m at x, y, z into picture and depth."""
    scale = FOCAL_PX * width_m / z_m / art.shape[1]
    matrix = cv2.getRotationMatrix2D((art.shape[1] / 2, art.shape[0] / 2), turn_deg, scale)
    middle = np.array([WIDTH / 2, HEIGHT / 2]) + FOCAL_PX * np.array([x_m, y_m]) / z_m
    matrix[:, 2] += middle - np.array(art.shape[::-1]) / 2
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    shape = np.zeros_like(art)
    half = art.shape[0] // 2
    cv2.ellipse(shape, (half, half), (2 * half // 3, half - 2), 0, 0, 360, 1, -1)
    colour = cv2.warpAffine(art, matrix, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    cover = cv2.warpAffine(shape if silhouette else np.ones_like(art), matrix, (WIDTH, HEIGHT)) > 0.5
    picture[cover], depth[cover] = colour[cover], z_m


def subject_at(f):
    """Where the subject is on frame f: walks to the camera, to the side, swaying."""
    t = f / (FRAMES - 1)
    return -0.9 + 1.3 * t, 0.04 * math.sin(12 * t), 6.0 - 3.2 * t, 6 * math.sin(9 * t)


def shot(frame, occluder=False):
    """Picture (H, W) and depth (H, W) of a frame."""
    picture, depth = np.zeros((HEIGHT, WIDTH), np.float32), np.full((HEIGHT, WIDTH), np.inf, np.float32)
    plane(picture, depth, WALL, 0.25 * math.sin(frame / 15), 0, 9.0, 12.0, silhouette=False)
    x, y, z, turn = subject_at(frame)
    plane(picture, depth, SUBJECT, x, y, z, 1.2, turn)
    if occluder:
        plane(picture, depth, texture(3), -2.5 + 0.14 * frame, 0, 1.8, 0.5, silhouette=False)
    noise = np.random.default_rng(frame).normal(0, 0.01, picture.shape).astype(np.float32)
    return np.clip(picture + noise, 0, 1), depth


def start():
    x, y, z, _ = subject_at(0)
    return WIDTH / 2 + FOCAL_PX * x / z, HEIGHT / 2 + FOCAL_PX * y / z


def truth_px(frame):
    x, y, z, _ = subject_at(frame)
    return np.array([WIDTH / 2 + FOCAL_PX * x / z, HEIGHT / 2 + FOCAL_PX * y / z])


@pytest.mark.parametrize("with_depth", [True, False])
def test_a_moving_subject_stays_within_5_percent_of_its_depth(with_depth):
    shots = [shot(f) for f in range(FRAMES)]

    def depth_at(frame):
        return shots[int(frame)][1]

    pictures = [(f, s[0]) for f, s in enumerate(shots)]
    points = list(track_point(pictures, *start(), depth_at=depth_at if with_depth else None))
    assert not any(point.lost for point in points)
    drift = [np.linalg.norm(truth_px(f) - [p.x, p.y]) for f, p in enumerate(points)]
    assert max(drift) < 4.0
    assert max(drift[-5:]) < 3.0, "small errors do not add up"
    frames, metres = track_depths(points, depth_at)
    true_m = np.array([subject_at(f)[2] for f in range(FRAMES)])
    assert np.max(np.abs(np.array(metres) / true_m - 1)) < 0.05

    keys = hold_keys(Mark("Walker", frames=tuple(frames), depths_m=tuple(metres)), 0, FRAMES - 1)
    held = np.array([focus_at(keys, f) for f in range(FRAMES)])
    assert np.max(np.abs(held / true_m - 1)) < 0.05
    assert len(keys) <= 8


def test_backwards_in_time_as_well():
    pictures = [(f, shot(f)[0]) for f in reversed(range(FRAMES))]
    points = list(track_point(pictures, *truth_px(FRAMES - 1)))
    good = [np.linalg.norm(truth_px(p.frame) - [p.x, p.y]) < 4 for p in points if not p.lost]
    assert len(good) > 40
    assert all(good)


def test_hidden_means_lost_and_never_the_occluder_s_depth():
    shots = [shot(f, occluder=True) for f in range(FRAMES)]
    points = list(track_point([(f, s[0]) for f, s in enumerate(shots)], *start(), depth_at=lambda f: shots[int(f)][1]))
    hidden = [f for f, s in enumerate(shots) if s[1][tuple(truth_px(f).astype(int)[::-1])] < 2]
    assert len(hidden) >= 3
    lost = {p.frame for p in points if p.lost}
    assert lost
    assert all(p.why for p in points if p.lost)
    _, metres = track_depths(points, lambda f: shots[int(f)][1])
    for f, depth in enumerate(metres):
        assert math.isnan(depth) or depth == pytest.approx(subject_at(f)[2], rel=0.05)
    assert not points[-1].lost, "found again once it is free"
    assert np.linalg.norm(truth_px(FRAMES - 1) - [points[-1].x, points[-1].y]) < 5


def test_a_cut_loses_the_point():
    pictures = [(f, shot(f)[0]) for f in range(6)] + [(6 + i, texture(50 + i, 480)[:HEIGHT]) for i in range(3)]
    points = list(track_point(pictures, *start()))
    assert [p.lost for p in points] == [False] * 6 + [True] * 3


def test_leaving_the_picture_loses_the_point():
    def sliding(f):
        return np.roll(cv2.resize(WALL, (WIDTH, HEIGHT)), 12 * f, axis=1)

    points = list(track_point([(f, sliding(f)) for f in range(12)], WIDTH - 60, 100))
    assert points[-1].lost
    assert points[3].x == pytest.approx(WIDTH - 60 + 36, abs=0.5)


def test_bad_input_is_named():
    picture = shot(0)[0]
    with pytest.raises(ValueError, match="x, y"):
        list(track_point([(0, picture)], 1000, 10))
    with pytest.raises(ValueError, match="one size"):
        list(track_point([(0, picture), (1, picture[:100])], 10, 10))
    with pytest.raises(ValueError, match="floats"):
        list(track_point([(0, (picture * 255).astype(np.uint8))], 10, 10))


# Depth under a point


def test_depth_under_a_point_is_one_surface_never_between_two():
    depth = np.full((40, 60), 8.0, np.float32)
    depth[:, 30:] = 2.0
    assert depth_at_point(depth, 28.5, 20.5) == 8.0
    assert depth_at_point(depth, 31.5, 20.5) == 2.0
    assert depth_at_point(depth, 28.5, 20.5, nearest=True) == 2.0
    assert depth_at_point(depth, 20.5, 20.5, nearest=True) == 8.0


def test_depth_under_a_point_ignores_specks_and_knows_sky_and_nothing():
    depth = np.full((40, 60), 5.0, np.float32)
    depth[20, 30] = 0.4
    depth[21, 31] = np.nan
    assert depth_at_point(depth, 30.5, 20.5, nearest=True) == 5.0
    assert depth_at_point(np.full((9, 9), np.inf), 4.5, 4.5) == np.inf
    assert math.isnan(depth_at_point(np.full((9, 9), np.nan), 4.5, 4.5))
    assert math.isnan(depth_at_point(depth, -1, 5))
    slope = np.linspace(4, 5, 60, dtype=np.float32)[None].repeat(40, 0)
    assert depth_at_point(slope, 30.5, 20.5) == pytest.approx(slope[20, 30], rel=0.005)


def test_a_passing_hand_is_taken_out_of_the_depths_but_no_walk_is():
    walk = [5.0 * 0.93**i for i in range(30)]
    seen = list(walk)
    seen[4], seen[12:14], seen[29] = 0.6, [0.5, 0.52], seen[29]
    points = [TrackPoint(i, 20.0, 20.0, 1.0, lost=i == 20, why="" if i != 20 else "hidden") for i in range(30)]
    frames, metres = track_depths(points, lambda f: np.full((40, 40), seen[int(f)], np.float32))
    assert frames == list(range(30))
    gone = [i for i, m in enumerate(metres) if math.isnan(m)]
    assert gone == [4, 12, 13, 20]
    kept = [i for i in range(30) if i not in gone]
    assert [metres[i] for i in kept] == pytest.approx([walk[i] for i in kept])
