# SPDX-License-Identifier: GPL-3.0-or-later
import functools

import numpy as np
import pytest
from small_world import Camera, render, room

from blender_rackfocus.estimate import EstimateError, EstimateSettings, ParallaxSettings, choose_source, estimate_clip
from blender_rackfocus.estimate.parallax import camera_motion, grey_for_flow, pair_nearness

FRAMES, FEW = 9, 5
MOVES = {
    "lateral": lambda i: Camera((0.06 * i, 0, 0)),
    "forward": lambda i: Camera((0, 0, 0.15 * i)),
    "lateral with pan": lambda i: Camera((0.06 * i, 0, 0), yaw_deg=-0.4 * i),
}


def rank_correlation(a, b):
    """Spearman, ties given their mean rank."""
    known = np.isfinite(a) & np.isfinite(b)

    def ranks(v):
        _, inverse, counts = np.unique(v[known], return_inverse=True, return_counts=True)
        return (np.cumsum(counts) - (counts - 1) / 2)[inverse.ravel()]

    return np.corrcoef(ranks(a), ranks(b))[0, 1]


@functools.cache
def _view(camera, shift):
    return render(room(shift), camera)


def shot(move, shift=lambda _i: 0.0, count=FRAMES):
    """Pictures with grain of their own each, and the depths. shift: how far a box has walked in each frame."""
    pictures, depths = [], []
    for i in range(count):
        rgba, depth = _view(move(i), shift(i))
        grain = np.random.default_rng(i).normal(0, 0.005, rgba.shape).astype(np.float32)
        pictures.append(np.maximum(rgba + grain, 0))
        depths.append(depth)
    return pictures, depths


@pytest.mark.parametrize("name", MOVES)
def test_order_of_depth_from_a_moving_camera(name):
    pictures, truth = shot(MOVES[name])
    out = {}
    report = estimate_clip(pictures, lambda i, depth, _p: out.__setitem__(i, depth))
    assert report.provenance.source == "PARALLAX"
    assert not report.provenance.metric
    assert any("assumption" in note for note in report.provenance.notes)
    for i, depth in out.items():
        assert rank_correlation(depth, 1 / truth[i]) >= 0.9


@pytest.mark.parametrize(
    ("name", "move", "walked", "words"),
    [
        ("pan", lambda i: Camera(yaw_deg=0.9 * i), lambda _i: 0.0, "only turns"),
        ("tripod", lambda _i: Camera(), lambda _i: 0.0, "stands still"),
        ("tripod, someone walks", lambda _i: Camera(), lambda i: 0.15 * i, "stands still"),
    ],
)
@pytest.mark.parametrize("focal_mm", [24.0, 60.0])
def test_what_cannot_be_told_is_refused_with_the_reason(name, move, walked, words, focal_mm):
    pictures, _ = shot(move, walked, FEW)
    settings = EstimateSettings(parallax=ParallaxSettings(focal_mm=focal_mm))
    choice = choose_source(pictures, settings, range(FEW))
    assert choice.source is None
    assert words in choice.refused["PARALLAX"]
    calls = []
    with pytest.raises(EstimateError, match="cards"):
        estimate_clip(pictures, lambda *a: calls.append(a), settings)
    assert calls == []


def test_direction_of_travel_from_exact_flow():
    """Flow made from known depth, translation and rotation: both come back."""
    h, w, focal = 90, 160, 150.0
    y, x = np.mgrid[:h, :w].astype(float)
    x, y = (x + 0.5 - w / 2) / focal, (y + 0.5 - h / 2) / focal
    z = 3 + 2 * np.sin(3 * x) + y
    t, omega = np.array([0.6, -0.2, 0.77]), np.array([0.002, -0.004, 0.003])
    t = 0.08 * t / np.linalg.norm(t)
    u = (-t[0] + x * t[2]) / z + omega[0] * x * y - omega[1] * (1 + x * x) + omega[2] * y
    v = (-t[1] + y * t[2]) / z + omega[0] * (1 + y * y) - omega[1] * x * y - omega[2] * x
    motion = camera_motion(np.dstack([u, v]) * focal, focal)
    assert motion.direction @ t / np.linalg.norm(t) > 0.999
    np.testing.assert_allclose(motion.rotation_rad, omega, atol=3e-4)


@pytest.mark.parametrize("seed", range(3))
def test_many_points_tell_a_rise_with_a_tilt_finely(seed):
    """Up and tilting down look nearly alike: from flow that is off by half a pixel, and one in ten far off."""
    rng = np.random.default_rng(seed)
    h, w, focal = 180, 320, 300.0
    y, x = np.indices((h, w)) / focal - np.array([h / 2, w / 2])[:, None, None] / focal
    travel, tilt = np.array([0.1, -0.98, 0.15]), -0.01
    travel /= np.linalg.norm(travel)
    step = 0.05 * rng.uniform(0.1, 0.6, (h, w))
    u = (x * travel[2] - travel[0]) * step + x * y * tilt
    v = (y * travel[2] - travel[1]) * step + (1 + y * y) * tilt
    field = np.dstack([u, v]) * focal + rng.normal(0, 0.5, (h, w, 2))
    far_off = rng.random((h, w)) < 0.1
    field[far_off] += rng.normal(0, 5, (far_off.sum(), 2))
    direction = camera_motion(field.astype(np.float32), focal, fine=True).direction
    assert np.degrees(np.arccos(min(direction @ travel, 1))) < 0.6


def test_invert_and_focal_length_are_settings():
    pictures, _ = shot(MOVES["lateral"], count=3)
    a, b = grey_for_flow(pictures[0]), grey_for_flow(pictures[2])
    plain, _ = pair_nearness(a, b, ParallaxSettings())
    turned, _ = pair_nearness(a, b, ParallaxSettings(invert=True))
    np.testing.assert_array_equal(turned, -plain)
    with pytest.raises(ValueError, match="focal_mm"):
        pair_nearness(a, b, ParallaxSettings(focal_mm=0))
