# SPDX-License-Identifier: GPL-3.0-or-later
"""Repairs of a depth picture: steps smoothed, mixed edges parted, holes filled, alpha taken out."""

from __future__ import annotations

import cv2
import numpy as np


def unstep(raw: np.ndarray) -> np.ndarray:
    """Smooth out coarse steps (8 bits) without leaving any value's own step or crossing an edge.

    raw: (H, W) float32 of any unit. Each value may move half a step to either side; among all pictures within these
    bounds the smoothest (harmonic) is approached coarse to fine. Returns (H, W) float32 of the same. Not finite
    values stay.
    """
    finite = np.isfinite(raw)
    levels, rank = np.unique(np.where(finite, raw, raw[finite].min() if finite.any() else 0), return_inverse=True)
    if levels.size < 2:
        return raw.astype(np.float32)
    rank = rank.reshape(raw.shape).astype(np.float32)
    between = (levels[1:] + levels[:-1]) / 2
    low = np.concatenate([[levels[0]], between])[rank.astype(int)].astype(np.float32)
    high = np.concatenate([between, [levels[-1]]])[rank.astype(int)].astype(np.float32)
    value = raw.astype(np.float32).copy()
    value[~finite] = 0
    for factor in (32, 16, 8, 4, 2, 1):
        if min(raw.shape) < 4 * factor:
            continue
        pick = (slice(factor // 2, None, factor),) * 2
        coarse = _relax(value[pick].copy(), rank[pick], low[pick], high[pick], finite[pick], 60 if factor > 1 else 16)
        if factor > 1:
            change = cv2.resize(coarse - value[pick], raw.shape[::-1], interpolation=cv2.INTER_LINEAR)
            value = np.clip(value + change, low, high)
        else:
            value = coarse
    return np.where(finite, value, raw).astype(np.float32)


def _relax(
    value: np.ndarray, rank: np.ndarray, low: np.ndarray, high: np.ndarray, finite: np.ndarray, rounds: int
) -> np.ndarray:
    joined = []
    for axis in (0, 1):
        near = np.abs(np.diff(rank, axis=axis)) <= 1.5
        joined.append((near & (np.delete(finite, 0, axis) & np.delete(finite, -1, axis))).astype(np.float32))
    vertical, across = joined
    count = np.full(value.shape, 1e-3, np.float32)
    count[1:] += vertical
    count[:-1] += vertical
    count[:, 1:] += across
    count[:, :-1] += across
    for _ in range(rounds):
        total = 1e-3 * value
        total[1:] += vertical * value[:-1]
        total[:-1] += vertical * value[1:]
        total[:, 1:] += across * value[:, :-1]
        total[:, :-1] += across * value[:, 1:]
        value = np.clip(total / count, low, high)
    return value


def mixed_edges(raw: np.ndarray, spread: float) -> tuple[np.ndarray, int, int]:
    """Pixels that lie between the two sides of a step: (mask, steps with such a pixel, clean steps).

    raw: (H, W) float32 of any unit. spread: range of the values; a step is a change of more than 4 % of it between
    two smooth sides. Returns (H, W) bool, and the two counts.
    """
    mask = np.zeros(raw.shape, bool)
    mixed = clean = 0
    for axis in (0, 1):
        v = np.where(np.isfinite(raw), raw, np.nan).astype(np.float64)
        v, m = (v.T, mask.T) if axis == 0 else (v, mask)
        if v.shape[1] < 8:
            continue
        for inner in (0, 1, 2):
            # a0 a1 | inner pixels | b0 b1: both sides level, compared with the step
            n = v.shape[1] - 3 - inner
            a0, a1, b0, b1 = v[:, :n], v[:, 1 : n + 1], v[:, 2 + inner : n + 2 + inner], v[:, 3 + inner : n + 3 + inner]
            step = b0 - a1
            size = np.abs(step)
            sides = (size > 0.04 * spread) & (np.abs(a1 - a0) < 0.06 * size) & (np.abs(b1 - b0) < 0.06 * size)
            if inner == 0:
                clean += int(sides.sum())
                continue
            with np.errstate(divide="ignore", invalid="ignore"):
                places = [(v[:, 2 + k : n + 2 + k] - a1) / step for k in range(inner)]
            found = sides & np.all([(p > 0.06) & (p < 0.94) for p in places], axis=0)
            if inner == 2:
                found &= places[1] > places[0]
            mixed += int(found.sum())
            for k in range(inner):
                m[:, 2 + k : n + 2 + k] |= found
    return mask, mixed, clean


def part_edges(raw: np.ndarray, spread: float) -> np.ndarray:
    """Give each pixel between two sides of a step to the side it is nearer to.

    raw: (H, W) float32 of any unit. Returns (H, W) float32 of the same.
    """
    out = raw.astype(np.float32)
    for _ in range(2):  # corners mix three sides and show once their neighbours are parted
        mask, mixed, _ = mixed_edges(out, spread)
        if not mixed:
            break
        kept = ~mask & np.isfinite(out)
        kernel = np.ones((5, 5), np.uint8)
        low = cv2.erode(np.where(kept, out, np.float32(3e38)), kernel, borderValue=3e38)
        high = cv2.dilate(np.where(kept, out, np.float32(-3e38)), kernel, borderValue=-3e38)
        usable = mask & (low < 3e38) & (high > -3e38)
        nearer_low = np.abs(out - low) <= np.abs(high - out)
        out = np.where(usable, np.where(nearer_low, low, high), out)
    return out


def fill_holes(values: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Fill holes from their rims so that the surface runs on: the harmonic continuation, exact for planes in 1/z.

    values: (H, W) float32, in 1/z for depth. hole: (H, W) bool. Returns (H, W) float32 of the same unit.
    """
    if not hole.any():
        return values.astype(np.float32)
    out = pull_push(np.where(hole, 0, values).astype(np.float32), (~hole).astype(np.float32))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(hole.astype(np.uint8), connectivity=4)
    for n in range(1, count):
        x, y, w, h, _ = boxes[n]
        area = (slice(max(y - 1, 0), y + h + 1), slice(max(x - 1, 0), x + w + 1))
        inside = labels[area] == n
        out[area] = _harmonic(out[area], inside, rounds=min(40 + 3 * max(int(w), int(h)), 600))
    return out


def _harmonic(patch: np.ndarray, inside: np.ndarray, rounds: int) -> np.ndarray:
    """Successive over-relaxation (Young 1954) on a chess board."""
    patch = np.pad(patch.astype(np.float64), 1, mode="edge")
    place = np.pad(inside, 1)
    y, x = np.indices(place.shape)
    size = max(4, min(max(inside.shape), 200))
    pace = 2 / (1 + np.sin(np.pi / size))
    boards = [np.nonzero(place & ((x + y) % 2 == k)) for k in (0, 1)]
    for _ in range(rounds):
        for r, c in boards:
            mean = (patch[r - 1, c] + patch[r + 1, c] + patch[r, c - 1] + patch[r, c + 1]) / 4
            patch[r, c] += pace * (mean - patch[r, c])
        patch[0], patch[-1], patch[:, 0], patch[:, -1] = patch[1], patch[-2], patch[:, 1], patch[:, -2]
    return patch[1:-1, 1:-1].astype(np.float32)


def pull_push(value: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Values where weight is above 0, elsewhere filled from around, coarse to fine (Gortler et al., "The Lumigraph",
    SIGGRAPH 1996).

    value: (H, W) float32 of any unit, 0 where weight is. weight: (H, W) float32, >= 0. Returns (H, W) float32 of
    value's unit.
    """
    if min(value.shape) <= 2 or weight.min() > 0:
        mean = float((value * weight).sum() / max(float(weight.sum()), 1e-9))
        return np.where(weight > 0, value, mean).astype(np.float32)
    size = ((value.shape[1] + 1) // 2, (value.shape[0] + 1) // 2)
    w = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    v = cv2.resize(value * weight, size, interpolation=cv2.INTER_AREA)
    coarse = pull_push(np.divide(v, w, out=np.zeros_like(v), where=w > 0), (w > 0).astype(np.float32))
    return np.where(weight > 0, value, cv2.resize(coarse, value.shape[::-1], interpolation=cv2.INTER_LINEAR))
