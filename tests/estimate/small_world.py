# SPDX-License-Identifier: GPL-3.0-or-later
"""A small ray caster for tests: textured boxes and planes, a camera that moves, exact planar depth.

Every surface is an axis-aligned rectangle; the nearest hit wins; texture is a fixed sum of random waves in world
coordinates, so that a moving camera sees one world. 2x2 samples for colour, the centre ray for depth.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Camera:
    """position_m (x right, y down, z ahead); yaw_deg turns right, pitch_deg turns down, roll_deg turns it about
    where it looks; focal_mm on a 36 mm sensor."""

    position_m: tuple = (0.0, 0.0, 0.0)
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    focal_mm: float = 35.0
    roll_deg: float = 0.0


@dataclass(frozen=True)
class Rect:
    """axis: 0, 1, 2 = the plane's normal; at: its place on that axis; low, high: extent on the two other axes."""

    axis: int
    at: float
    low: tuple
    high: tuple
    seed: int


def box(centre, size, seed):
    c, s = np.array(centre, float), np.array(size, float) / 2
    faces = []
    for axis in range(3):
        others = [i for i in range(3) if i != axis]
        for side in (-1, 1):
            faces.append(
                Rect(axis, c[axis] + side * s[axis], tuple(c[others] - s[others]), tuple(c[others] + s[others]), seed)
            )
    return faces


def room(shift=0.0):
    """Floor, back wall, side walls and five boxes between 2.5 and 9 m. shift: moves the second box sideways."""
    world = [
        Rect(1, 1.4, (-30, -5), (30, 30), 1),
        Rect(2, 12.0, (-30, -9), (30, 1.4), 2),
        Rect(0, -6.0, (-9, -5), (1.4, 12), 3),
        Rect(0, 6.0, (-9, -5), (1.4, 12), 4),
    ]
    for n, (x, z, w, h) in enumerate(
        [
            (-1.2, 3.0, 0.8, 1.2),
            (0.9 + shift, 4.2, 0.9, 1.7),
            (-2.6, 6.0, 1.2, 2.4),
            (2.8, 7.0, 1.4, 2.0),
            (0.1, 9.0, 1.6, 1.4),
        ]
    ):
        world += box((x, 1.4 - h / 2, z), (w, h, w), 10 + n)
    return world


def _waves(seed):
    rng = np.random.default_rng(seed)
    count = 28
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    frequency = 2 ** rng.uniform(0.5, 4.6, count)
    return (
        (direction * frequency[:, None]).astype(np.float32),
        rng.uniform(0, 6.28, count).astype(np.float32),
        rng.random((count, 3)).astype(np.float32),
        rng.uniform(0.25, 0.7, 3).astype(np.float32),
    )


def _texture(points, seed):
    k, phase, colour, base = _waves(seed)
    wave = np.sin(points @ k.T + phase)
    return np.clip(base + 0.35 * (wave @ (colour - 0.5)) / np.sqrt(len(k) / 8), 0.02, 1.0)


def _cast(world, camera, u, v):
    """u, v: normalised picture coordinates. Returns (depth along the axis, surface index, hit points)."""
    yaw, pitch, roll = np.radians([camera.yaw_deg, camera.pitch_deg, camera.roll_deg])
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]) @ np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    cr, sr = np.cos(roll), np.sin(roll)
    turn = turn @ np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    rays = np.stack([u, v, np.ones_like(u)], -1) @ turn.T
    origin = np.array(camera.position_m, float)
    depth = np.full(u.shape, np.inf)
    hit = np.full(u.shape, -1)
    for n, r in enumerate(world):
        others = [i for i in range(3) if i != r.axis]
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (r.at - origin[r.axis]) / rays[..., r.axis]
            p = [origin[o] + t * rays[..., o] for o in others]
        inside = (t > 0.05) & (t < depth)
        for q, lo, hi in zip(p, r.low, r.high, strict=True):
            inside &= (q >= lo) & (q <= hi)
        depth[inside], hit[inside] = t[inside], n
    points = origin + np.where(np.isfinite(depth), depth, 0)[..., None] * rays
    return depth, hit, points


def render(world, camera, width=320, height=180, noise=0.0, seed=0):
    """Picture (h, w, 4) float32 scene-linear and depth (h, w) float32 metres, +inf where nothing is hit."""
    focal_px = width * camera.focal_mm / 36.0
    y, x = np.mgrid[:height, :width].astype(np.float64)
    rgb = np.zeros((height, width, 3))
    for dx, dy in ((-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25)):
        u, v = (x + 0.5 + dx - width / 2) / focal_px, (y + 0.5 + dy - height / 2) / focal_px
        _, hit, points = _cast(world, camera, u, v)
        colour = np.full((height, width, 3), 0.5)
        for n in np.unique(hit[hit >= 0]):
            where = hit == n
            colour[where] = _texture(points[where].astype(np.float32), world[n].seed)
        rgb += colour / 4
    depth = _cast(world, camera, (x + 0.5 - width / 2) / focal_px, (y + 0.5 - height / 2) / focal_px)[0]
    if noise:
        rgb = np.clip(rgb + np.random.default_rng(seed).normal(0, noise, rgb.shape), 0, None)
    return np.dstack([rgb, np.ones((height, width))]).astype(np.float32), depth.astype(np.float32)
