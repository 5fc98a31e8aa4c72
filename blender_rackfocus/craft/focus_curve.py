# SPDX-License-Identifier: GPL-3.0-or-later
"""The focus curve: keys in metres, read in dioptres.

Why
---
The distance scale of a lens barrel is laid out nearly evenly in 1/distance (dioptres): a helicoid moves the lens by
f^2 / (s - f), proportional to 1/s for all but macro distances (Kingslake, "Optics in Photography", SPIE 1992, ch. 6;
Ray, "Applied Photographic Optics", 3rd ed., ch. 14). A hand that turns the barrel steadily therefore moves focus evenly
in dioptres; a curve that is even in metres rushes through everything near and then crawls through the far.

1/(a + bt) is no polynomial, so a Bezier curve in metres cannot be that pull: over 1 m -> 50 m it would take a row of
helper keys, all of them wrong as soon as somebody drags an end. So this project keeps **ordinary keys in metres on
Focus Distance, few of them, and reads the curve between two neighbouring keys in dioptres**. With m0 and m1 the two
keys' values and v what the F-curve gives, the share of the way is u = (v - m0) / (m1 - m0), and the focus is

    1 / focus = 1/m0 + (1/m1 - 1/m0) u      which is      focus = m0 m1 / (m0 + m1 - v)

What follows from that:

- At every key the focus is exactly the key's number. Dragging, copying, scaling or deleting keys simply works.
- Handles, easing types and constant interpolation keep their meaning: they shape *when* the way is made.
- The second form has no division by m1 - m0: equal neighbours, and bumps of handles between them, need no
  special case.
- Handles that overshoot go past the mark, in dioptres; past infinity the lens stops at infinity (`FARTHEST_M`).
- Between keys the number in the property field is the F-curve's own and not the focus; show `focus_at` beside it.
  A value that was typed and not keyed is metres, as a key is: read the curve in dioptres only where the property
  follows the curve.
- To key the focus *as it is* in the middle of a pull, use `split` (the shape stays), not the curve's raw value.

Inside a segment the pair (frame, dioptre) is a plain cubic Bezier, as dioptres are linear in v. That is what makes
exact splitting, retiming and fitting possible here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

NEAREST_M = 0.01
"""Focus never comes nearer than this (metres)."""
FARTHEST_M = 1.0e6
"""Focus past infinity is held here (metres): the barrel's stop."""
INTERPOLATIONS = ("BEZIER", "LINEAR", "CONSTANT")
HAND, RACK, WITHIN, FOLLOWED = "HAND", "RACK", "WITHIN", "FOLLOWED"
"""What a key is for: set by hand; the start or end of a rack; on a rack's way; made to follow a tracked mark, so that
it has no meaning of its own once focus is pulled elsewhere."""


@dataclass(frozen=True)
class Key:
    """One keyframe of Focus Distance, as Blender's keyframe_points hold it.

    frame: timeline frame, may be fractional. focus_m: metres, > 0. interpolation: towards the next key, one of
    `INTERPOLATIONS`. left, right: the handles' (frame, metres); None = a handle on the key itself (no easing).
    handle_type: Blender's name for both handles, "ALIGNED" or "FREE". role: `HAND`, `RACK`, `WITHIN` or `FOLLOWED`.
    """

    frame: float
    focus_m: float
    interpolation: str = "BEZIER"
    left: tuple[float, float] | None = None
    right: tuple[float, float] | None = None
    handle_type: str = "FREE"
    role: str = HAND

    @property
    def handle_left(self) -> tuple[float, float]:
        """Left handle, (frame, metres), always given."""
        return self.left if self.left is not None else (self.frame, self.focus_m)

    @property
    def handle_right(self) -> tuple[float, float]:
        """Right handle, (frame, metres), always given."""
        return self.right if self.right is not None else (self.frame, self.focus_m)

    def flat_at(self, focus_m: float) -> Key:
        """The key at another focus (metres), its handles level with it."""
        left, right = (None if one is None else (one[0], focus_m) for one in (self.left, self.right))
        return replace(self, focus_m=focus_m, left=left, right=right)


def dioptre_remap(value_m, before_m: float, after_m: float):
    """Focus in metres for what the F-curve gives between two keys.

    value_m: F-curve value(s), float or array, metres. before_m, after_m: values of the neighbouring keys, metres, > 0
    (equal before the first and after the last key if there is only one). Returns float or float64 array of the same
    shape, within NEAREST_M..FARTHEST_M. Exact at both keys. Raises ValueError for keys at or below zero.
    """
    if not (before_m > 0 and after_m > 0):
        raise ValueError(f"before_m and after_m must be above 0 m, got {before_m} and {after_m}")
    value = np.asarray(value_m, np.float64)
    rest = before_m + after_m - value  # reaches 0 at infinity focus
    with np.errstate(divide="ignore", over="ignore"):
        focus = np.where(rest > 0, before_m * after_m / np.where(rest > 0, rest, 1.0), FARTHEST_M)
    focus = np.clip(focus, NEAREST_M, FARTHEST_M)
    # the round trip through the product may lose the last bit; a key is its number, exactly
    focus = np.where(value == before_m, before_m, np.where(value == after_m, after_m, focus))
    return float(focus) if focus.ndim == 0 else focus


def neighbours(frames: Sequence[float], frame: float) -> tuple[int, int]:
    """Indices of the keys whose pair reads the curve at this frame.

    frames: key times, ascending. Inside: the keys before (or at) and after it. Before the first or after the last key:
    the first or last pair, so that a linearly extrapolated curve goes on smoothly; (0, 0) for a single key.
    Raises ValueError for no keys.
    """
    count = len(frames)
    if count == 0:
        raise ValueError("frames is empty: a curve without keys has no neighbours")
    if count == 1:
        return 0, 0
    after = int(np.searchsorted(np.asarray(frames, np.float64), frame, side="right"))
    after = min(max(after, 1), count - 1)
    return after - 1, after


def focus_from_value(value_m: float, frame: float, frames: Sequence[float], focus_m: Sequence[float]) -> float:
    """Focus in metres at a frame from what Blender's `fcurve.evaluate(frame)` gave and the curve's keys.

    frames, focus_m: the keys' times and values (metres), ascending in time. Keys at or below zero count as `NEAREST_M`.
    """
    i, j = neighbours(frames, frame)
    return dioptre_remap(value_m, max(focus_m[i], NEAREST_M), max(focus_m[j], NEAREST_M))


def sort_keys(keys: Iterable[Key]) -> list[Key]:
    """Keys in order of time; of several on one frame the last given stays."""
    return [key for _, key in sorted({key.frame: key for key in keys}.items())]


def value_at(keys: Sequence[Key], frame: float) -> float:
    """What Blender's F-curve gives at a frame, in metres (constant extrapolation).

    keys: ascending in time, at least one. Raises ValueError for interpolations other than `INTERPOLATIONS`.
    """
    _check(keys)
    if frame <= keys[0].frame:
        return keys[0].focus_m
    if frame >= keys[-1].frame:
        return keys[-1].focus_m
    i, j = neighbours([key.frame for key in keys], frame)
    first, second = keys[i], keys[j]
    if first.interpolation == "CONSTANT" or frame == first.frame:
        return first.focus_m
    if first.interpolation == "LINEAR":
        share = (frame - first.frame) / (second.frame - first.frame)
        return first.focus_m + (second.focus_m - first.focus_m) * share
    points = _bezier(first, second)
    return float(_cubic(points[:, 1], _parameter(points[:, 0], frame)))


def focus_at(keys: Sequence[Key], frame: float) -> float:
    """Focus in metres at a frame: the curve of these keys, read in dioptres between them."""
    value = value_at(keys, frame)
    return focus_from_value(value, frame, [key.frame for key in keys], [key.focus_m for key in keys])


def outline(keys: Sequence[Key], steps: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """The curve as a line to draw: frames, rising, and the focus there in dioptres (1/m, 0 = infinity), two (N,)
    float64 arrays.

    keys: ascending in time, at least one. steps: straight pieces for each stretch between two keys that bends; what is
    straight in dioptres gets its two ends. A constant stretch jumps: two points on one frame.
    """
    _check(keys)
    frames, dioptres = [np.array([keys[0].frame])], [np.array([1 / keys[0].focus_m])]
    share = np.linspace(0, 1, steps + 1)[1:, None]
    for first, second in pairwise(keys):
        start, end = 1 / first.focus_m, 1 / second.focus_m
        if first.interpolation == "CONSTANT":
            frames.append(np.array([second.frame, second.frame]))
            dioptres.append(np.array([start, end]))
        elif first.interpolation == "LINEAR" or (
            first.focus_m == first.handle_right[1] == second.handle_left[1] == second.focus_m
        ):
            frames.append(np.array([second.frame]))
            dioptres.append(np.array([end]))
        else:
            points = _bezier(first, second)
            points[:, 1] = (first.focus_m + second.focus_m - points[:, 1]) / (first.focus_m * second.focus_m)
            rest = 1 - share
            path = rest**3 * points[0] + 3 * rest**2 * share * points[1] + 3 * rest * share**2 * points[2]
            path += share**3 * points[3]
            frames.append(path[:, 0])
            dioptres.append(path[:, 1])
    within = np.clip(np.concatenate(dioptres), 1 / FARTHEST_M, 1 / NEAREST_M)
    return np.concatenate(frames), within


def split(keys: Sequence[Key], frame: float) -> list[Key]:
    """The same focus at every frame, with one key more, at `frame` (none more where one is, or outside the keys)."""
    _check(keys)
    keys = list(keys)
    if not keys[0].frame < frame < keys[-1].frame or any(key.frame == frame for key in keys):
        return keys
    i, j = neighbours([key.frame for key in keys], frame)
    first, second = keys[i], keys[j]
    here_m = focus_at(keys, frame)
    if first.interpolation != "BEZIER":
        middle = Key(frame, here_m, first.interpolation)
        return [*keys[: i + 1], middle, *keys[j:]]
    points = _bezier(first, second)
    s = _parameter(points[:, 0], frame)
    points[:, 1] = (first.focus_m + second.focus_m - points[:, 1]) / (first.focus_m * second.focus_m)  # dioptres
    a, b, c = points[:-1] + (points[1:] - points[:-1]) * s  # de Casteljau
    ab, bc = a + (b - a) * s, b + (c - b) * s

    def handle(point: np.ndarray, before_m: float, after_m: float) -> tuple[float, float]:
        return float(point[0]), float(before_m + after_m - point[1] * before_m * after_m)

    first = replace(first, right=handle(a, first.focus_m, here_m), handle_type="FREE")
    middle = Key(frame, here_m, left=handle(ab, first.focus_m, here_m), right=handle(bc, here_m, second.focus_m))
    second = replace(second, left=handle(c, here_m, second.focus_m), handle_type="FREE")
    return [*keys[:i], first, middle, second, *keys[j + 1 :]]


def retime(keys: Sequence[Key], frame_map: Callable[[float], float]) -> list[Key]:
    """Keys carried to new times: focus stays on the subject when a strip is moved, slipped, retimed or reversed.

    frame_map: old frame -> new frame, rising or falling throughout; the shape stays exact where it is straight between
    keys. Where the map stands still (content that no longer plays) the last key on a frame stays.
    """
    _check(keys)
    old = [key.frame for key in keys]
    new = [float(frame_map(frame)) for frame in old]

    def carry(i: int, j: int, handle: tuple[float, float]) -> tuple[float, float]:
        span = old[j] - old[i]
        slope = (new[j] - new[i]) / span if span else 1.0
        return new[i] + (handle[0] - old[i]) * slope, handle[1]

    last = len(keys) - 1
    moved = []
    for i, key in enumerate(keys):
        left = carry(i, i - 1, key.handle_left) if i else None
        right = carry(i, i + 1, key.handle_right) if i < last else None
        moved.append(replace(key, frame=new[i], left=left, right=right, handle_type="FREE"))
    if new[-1] < new[0]:  # played backwards: sides swap, and a key's interpolation belongs to the key before it
        modes = [key.interpolation for key in moved]
        moved = [
            replace(key, left=key.right, right=key.left, interpolation=modes[max(i - 1, 0)])
            for i, key in enumerate(moved)
        ][::-1]
    return sort_keys(moved)


def fit(frames: Sequence[float], focus_m: Sequence[float], tolerance: float = 0.01) -> list[Key]:
    """Few Bezier keys that follow measured distances: a thinned curve for a tracked subject.

    frames: ascending. focus_m: metres, > 0, one for each frame. tolerance: largest error as a share of the distance
    (which is also the share of its dioptres). Segments are smooth cubics in dioptres (Hermite form, slopes by central
    differences over a few frames), split where they err most (Ramer-Douglas-Peucker with curves for chords).
    """
    frames_a, focus = np.asarray(frames, np.float64), np.asarray(focus_m, np.float64)
    if frames_a.ndim != 1 or frames_a.shape != focus.shape or frames_a.size == 0:
        raise ValueError("frames and focus_m must be rows of the same length, at least 1")
    if not np.all(np.diff(frames_a) > 0):
        raise ValueError("frames must rise")
    if not np.all(np.isfinite(focus) & (focus > 0)):
        raise ValueError("focus_m must be finite and above 0")
    if not tolerance > 0:
        raise ValueError(f"tolerance must be above 0, got {tolerance}")
    if frames_a.size == 1:
        return [Key(float(frames_a[0]), float(focus[0]))]
    dioptre = 1 / focus
    slope = _slopes(frames_a, dioptre)
    chosen = _sampled(frames_a, dioptre, slope, tolerance)
    keys = [Key(float(frames_a[i]), float(focus[i])) for i in chosen]
    for k in range(len(keys) - 1):
        first, second, i, j = keys[k], keys[k + 1], chosen[k], chosen[k + 1]
        third = (second.frame - first.frame) / 3
        product = first.focus_m * second.focus_m  # metres of the curve for one dioptre of focus, and its sign below
        keys[k] = replace(first, right=(first.frame + third, first.focus_m - slope[i] * third * product))
        keys[k + 1] = replace(second, left=(second.frame - third, second.focus_m + slope[j] * third * product))
    return keys


def _sampled(frames: np.ndarray, dioptre: np.ndarray, slope: np.ndarray, tolerance: float) -> list[int]:
    """Indices of the samples that become keys, the first and the last among them."""
    ends = (0, frames.size - 1)
    stack, chosen = [ends], {*ends}
    while stack:
        i, j = stack.pop()
        if j - i < 2:
            continue
        span = frames[j] - frames[i]
        t = (frames[i : j + 1] - frames[i]) / span
        curve = (
            dioptre[i] * (1 + 2 * t) * (1 - t) ** 2
            + slope[i] * span * t * (1 - t) ** 2
            + dioptre[j] * t**2 * (3 - 2 * t)
            - slope[j] * span * t**2 * (1 - t)
        )
        error = np.abs(curve / dioptre[i : j + 1] - 1)
        worst = int(np.argmax(error))
        if error[worst] > tolerance:
            # a split right beside an end would only buy one frame; the middle keeps the keys apart
            worst = min(max(worst, 1), j - i - 1)
            chosen.add(i + worst)
            stack += [(i, i + worst), (i + worst, j)]
    return sorted(chosen)


def _slopes(frames, dioptre, reach: int = 2) -> np.ndarray:
    """Dioptres per frame at each sample: least-squares line through the samples up to `reach` away."""
    slopes = np.empty_like(dioptre)
    for i in range(frames.size):
        near = slice(max(i - reach, 0), i + reach + 1)
        t = frames[near] - frames[near].mean()
        slopes[i] = np.dot(t, dioptre[near]) / np.dot(t, t)
    return slopes


def _check(keys: Sequence[Key]) -> None:
    if not keys:
        raise ValueError("keys is empty")
    for key in keys:
        if key.interpolation not in INTERPOLATIONS:
            where = f"at frame {key.frame:g}"
            raise ValueError(f"keys: interpolation {key.interpolation!r} {where} is none of {INTERPOLATIONS}")
        if not (math.isfinite(key.focus_m) and key.focus_m > 0):
            raise ValueError(f"keys: focus must be above 0 m, got {key.focus_m} at frame {key.frame:g}")
    if any(b.frame <= a.frame for a, b in pairwise(keys)):
        raise ValueError("keys must rise in time")


def _bezier(first: Key, second: Key) -> np.ndarray:
    """The four points (frame, metres) of a segment, handles no longer than it, as Blender shortens them."""
    p0, p3 = np.array([first.frame, first.focus_m]), np.array([second.frame, second.focus_m])
    out, back = np.subtract(first.handle_right, p0), np.subtract(p3, second.handle_left)
    span = p3[0] - p0[0]
    out, back = (arm * min(1.0, span / abs(arm[0])) if arm[0] else arm for arm in (out, back))
    return np.stack([p0, p0 + out, p3 - back, p3])


def _cubic(p: np.ndarray, s: float) -> float:
    r = 1 - s
    return p[0] * r**3 + 3 * p[1] * r * r * s + 3 * p[2] * r * s * s + p[3] * s**3


def _parameter(x: np.ndarray, frame: float) -> float:
    """Where the cubic with rising control points x reaches `frame`, by bisection to double precision."""
    low, high = 0.0, 1.0
    for _ in range(60):
        s = 0.5 * (low + high)
        if _cubic(x, s) < frame:
            low = s
        else:
            high = s
    return 0.5 * (low + high)
