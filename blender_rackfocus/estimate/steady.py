# SPDX-License-Identifier: GPL-3.0-or-later
"""Steady depth: cuts, one scale per shot, smoothing along the picture's motion.

A depth network answers each frame afresh: its scale breathes and its values shimmer. Here the breathing is taken out
by relating each frame to the one before (an affine map per frame, of which only the slow part is kept), then values
are averaged along optical flow, forward and backward in time, so that nothing lags. Where the flow does not come back,
the picture changed, or the depth itself jumped, the average starts anew: edges are not dragged.
Compare Lang et al., "Practical temporal consistency for image-based graphics applications", SIGGRAPH 2012.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..craft.depth_repair import pull_push
from .parallax import consistent, flow, grey_for_flow, places, squares

GREY_WIDTH_PX = 256
KEEP = 0.92
"""How much of the running average survives a frame: an effective window of (1 + k) / (1 - k) = 24 frames."""
_HIDDEN = 0.05
"""Of the width: a gap in what is known that is no wider was hidden by what stands beside it."""
_DRIFT_FRAMES = 8.0
_SURE_FRAMES = 8.0
"""Frames besides its own that a mean has to be of to count wholly."""


@dataclass(frozen=True)
class Link:
    """How a frame is reached from the one before it, at grey size (h, w).

    back: (h, w, 2) float32 px, from the frame to the one before. forth: the other way. same_here, same_there: bool,
    where the two frames show the same thing, in the frame's and in the former's raster. cut: nothing joins them.
    """

    back: np.ndarray
    forth: np.ndarray
    same_here: np.ndarray
    same_there: np.ndarray
    cut: bool

    def pack(self) -> np.ndarray:
        """All of it as one array, to be kept. Returns (h, w, 5) float16, flows in pixels and flags."""
        flags = self.same_here.astype(np.float16) + 2 * self.same_there + 4 * float(self.cut)
        return np.dstack([self.back, self.forth, flags]).astype(np.float16)

    @staticmethod
    def unpack(packed: np.ndarray) -> Link:
        """`pack` undone.

        packed: (h, w, 5) float16, flows in pixels and flags.
        """
        flags = packed[..., 4].astype(np.int32)
        flows = packed[..., :4].astype(np.float32)
        return Link(flows[..., :2], flows[..., 2:], flags % 2 > 0, flags // 2 % 2 > 0, bool(flags.flat[0] >= 4))


def small_grey(picture: np.ndarray) -> np.ndarray:
    """A picture for motion and cuts.

    picture: (H, W, 3 or 4) float32, scene-linear. Returns (h, 256) uint8, grey.
    """
    return grey_for_flow(picture, GREY_WIDTH_PX)


def link(before: np.ndarray, here: np.ndarray) -> Link:
    """Relate two neighbouring frames.

    before, here: (h, w) uint8, grey, as `small_grey` gives.
    """
    soft = [cv2.GaussianBlur(g, (0, 0), 0.8) for g in (before, here)]
    forth, back = flow(*soft), flow(soft[1], soft[0])
    noise = max(1.4826 * float(np.median(np.abs(soft[1].astype(np.float32) - warp(soft[0], back)))), 0.7)
    difference = cv2.absdiff(*soft)
    for field in (forth, back):  # at rest is at rest: flow that only follows the grain would smear
        rest = (cv2.blur(difference, (5, 5)) <= 3 * noise) & (squares(field) < 1)
        field[rest] = 0
    error_here = cv2.blur(np.abs(here.astype(np.float32) - warp(before, back)), (3, 3))
    error_there = cv2.blur(np.abs(before.astype(np.float32) - warp(here, forth)), (3, 3))
    limit = 5 * noise + 8
    return Link(
        back,
        forth,
        consistent(back, forth) & (error_here < limit),
        consistent(forth, back) & (error_there < limit),
        is_cut(before, here, back),
    )


def is_cut(before: np.ndarray, here: np.ndarray, back: np.ndarray) -> bool:
    """Whether two neighbouring frames belong to different shots.

    before, here: (h, w) uint8, grey. back: (h, w, 2) float32, px, the flow from here to before. After the motion is
    taken out, two frames of one shot still look alike: correlation of their (exposure-free) pictures stays high, and
    so do their details. Dissolves are not found.
    """
    a, b = _plain(warp(before, back)), _plain(here)
    alike = float((a * b).mean())
    if min(before.std(), here.std()) < 2:  # black or white frames: a cut if only one of them is
        return abs(float(before.mean()) - float(here.mean())) > 12 or abs(float(before.std()) - float(here.std())) > 6
    stays = float(consistent_share(before, here, back))
    return alike < 0.6 and stays < 0.65  # measured: other shots 0.06 to 0.5, the same shot 0.72 and more


def consistent_share(before: np.ndarray, here: np.ndarray, back: np.ndarray) -> float:
    """Share of the picture whose details (brightness taken off) are found again after the motion.

    before, here: (h, w) uint8, grey. back: (h, w, 2) float32, px, the flow from here to before.
    """
    a, b = (g.astype(np.float32) for g in (warp(before, back), here))
    a, b = (g - cv2.blur(g, (15, 15)) for g in (a, b))
    common = cv2.blur(a * b, (15, 15))
    scale = np.sqrt(np.maximum(cv2.blur(a * a, (15, 15)) * cv2.blur(b * b, (15, 15)), 0))
    told = scale > 4.0
    return float((common[told] > 0.5 * scale[told]).mean()) if told.mean() > 0.02 else 1.0


def _plain(grey: np.ndarray) -> np.ndarray:
    g = grey.astype(np.float32)
    return (g - g.mean()) / max(float(g.std()), 1e-3)


def warp(image: np.ndarray, field: np.ndarray) -> np.ndarray:
    """image sampled at each pixel's place plus the flow.

    image: (h, w) of any type and meaning. field: (h, w, 2) float32, px. Returns (h, w) float32 of image's meaning.
    """
    at = field + places(*field.shape[:2])
    return cv2.remap(image.astype(np.float32), at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _at_size(field: np.ndarray, same: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    h, w = same.shape
    if (h, w) == shape:
        return field, same
    scale = np.array([shape[1] / w, shape[0] / h], np.float32)
    big = cv2.resize(field * scale, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return big, cv2.resize(same.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST) > 0


def breathing(before: np.ndarray, here: np.ndarray, joint: Link) -> tuple[float, float]:
    """(scale, offset) of here ~ scale * before + offset where both show the same; (1, 0) where nothing is known.

    before, here: (h, w) float32, nearness of neighbouring frames.
    """
    field, same = _at_size(joint.back, joint.same_here, here.shape)
    moved = warp(before, field)
    known = same & np.isfinite(moved) & np.isfinite(here)
    at = np.flatnonzero(known)
    if at.size < 200:
        return 1.0, 0.0
    at = at[:: max(1, at.size // 3000)]
    x, y = moved.ravel()[at].astype(np.float64), here.ravel()[at].astype(np.float64)
    weight = np.ones_like(x)
    scale, offset = 1.0, 0.0
    for _ in range(6):
        total = weight.sum()
        mx, my = (weight * x).sum() / total, (weight * y).sum() / total
        sxx, syy = (weight * (x - mx) ** 2).sum(), (weight * (y - my) ** 2).sum()
        if sxx <= 1e-12 * max(mx * mx, 1e-12) * total or syy <= 0:
            return 1.0, float(np.median(y - x))
        # Ratio of spreads: noise on both sides does not pull it towards 0 as a regression's slope would.
        scale = float(np.sqrt(syy / sxx))
        offset = float(my - scale * mx)
        rest = np.abs(y - scale * x - offset)
        weight = 1 / np.maximum(rest, np.median(rest) + 1e-9)
    if not 0.5 < scale < 2.0:
        return 1.0, 0.0
    return scale, offset


def without_breathing(steps: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Per frame (gain, offset) that takes the fast part of the breathing out and keeps the slow: v' = gain v + offset.

    steps: for each frame of a shot its `breathing` relative to the frame before, (1, 0) for the first.
    """
    scale, offset = np.ones(len(steps)), np.zeros(len(steps))
    for i, (s, o) in enumerate(steps):
        if i:
            scale[i], offset[i] = s * scale[i - 1], s * offset[i - 1] + o
    slow_scale, slow_offset = np.exp(_slow(np.log(scale))), _slow(offset)
    gain = slow_scale / scale
    return [(float(g), float(so - g * o)) for g, o, so in zip(gain, offset, slow_offset, strict=True)]


def _slow(series: np.ndarray) -> np.ndarray:
    """Gaussian mean in time; ends are continued by point reflection so that a steady drift stays one."""
    reach = min(int(3 * _DRIFT_FRAMES), len(series) - 1)
    if reach < 1:
        return series.copy()
    # The end values themselves breathe: reflect about the mean of the last few.
    few = min(len(series), 5)
    first, last = series[:few].mean(), series[-few:].mean()
    padded = np.concatenate([2 * first - series[reach:0:-1], series, 2 * last - series[-2 : -reach - 2 : -1]])
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1) / _DRIFT_FRAMES) ** 2)
    return np.convolve(padded, weight / weight.sum(), mode="valid")


class Average:
    """A running mean of values along the motion, in one direction of time. Unknown values (NaN) weigh nothing."""

    def __init__(self, keep: float = KEEP):
        self.keep = keep
        self._sums: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Weighted total and weight at each pixel, (h, w) float32 each; RuntimeError before the first `add`."""
        if self._sums is None:
            raise RuntimeError("nothing was added to this average")
        return self._sums

    def carry(self, field: np.ndarray, same: np.ndarray, value: np.ndarray, spread: float) -> None:
        """Move what is known to the next frame's raster; forget it where it is not the same thing any more.

        field: (h, w, 2) float32, px, and same: (h, w) bool, at grey size, from the next frame to the one left.
        value: (H, W) float32, the next frame's nearness. spread: the shot's range, by which a jump of depth is told
        from noise.
        """
        field, same = _at_size(field, same, value.shape)
        total, weight = self.sums
        if field.any():
            total, weight = warp(total, field), warp(weight, field)
        mean = np.divide(total, weight, out=np.full_like(value, np.nan), where=weight > 1e-6)
        jump = np.abs(cv2.medianBlur(np.nan_to_num(value - mean).astype(np.float32), 5))
        told = jump[same & (weight > 1e-6)]
        told = told[:: max(1, told.size // 10_000)]
        noise = 1.4826 * float(np.median(told)) if told.size else 0.0
        stays = same & (jump <= max(6 * noise, 0.04 * spread))
        stays = cv2.erode(stays.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        fade = np.where(stays, np.float32(self.keep), np.float32(0))
        self._sums = total * fade, weight * fade

    def add(self, value: np.ndarray) -> None:
        """Count a frame's own values; what is NaN says nothing.

        value: (h, w) float32, nearness.
        """
        known = np.isfinite(value)
        total, weight = self._sums or (np.zeros_like(value), np.zeros_like(value))
        self._sums = total + np.where(known, value, 0), weight + known.astype(np.float32)


def merge(forward: Average, backward_total: np.ndarray, backward_weight: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Both directions' mean of one frame, its own value counted once; NaN where nobody knows.

    Where a mean began anew it says what this frame alone says, and would stand as a patch in what others say too: there
    this frame's value is changed as it is around.

    backward_total, backward_weight: (h, w) float32, as `Average.sums` gives. value: (h, w) float32, nearness.
    Returns (h, w) float32, nearness.
    """
    known = np.isfinite(value)
    total, weight = forward.sums
    total = total + backward_total - np.where(known, value, 0)
    weight = weight + backward_weight - known
    mean = np.divide(total, weight, out=np.full_like(value, np.nan), where=weight > 1e-4)
    share = np.where(known, np.clip((weight - 1) / _SURE_FRAMES, 0, 1), np.float32(0)).astype(np.float32)
    sure = share >= 0.5
    if not sure.any() or (share[known] >= 1).all():
        return mean
    change = np.where(known, mean - value, np.float32(0)).astype(np.float32)
    around = pull_push(np.where(sure, change, np.float32(0)), sure.astype(np.float32))
    return np.where(known, value + share * change + (1 - share) * around, mean).astype(np.float32)


def flicker(before: np.ndarray, here: np.ndarray, joint: Link, spread: float) -> float:
    """How much depth changes where the picture does not: mean |change| along the motion, in % of the depth's range.

    before, here: (h, w) float32, nearness of neighbouring frames; spread: range of the shot's values (2nd to 98th
    percentile).
    """
    field, same = _at_size(joint.back, joint.same_here, here.shape)
    change = np.abs(here - warp(before, field))
    known = same & np.isfinite(change)
    return 100 * float(change[known].mean()) / max(spread, 1e-12) if known.any() else 0.0


def fill_unknown(value: np.ndarray) -> np.ndarray:
    """NaN filled from around; all-NaN becomes 0.

    A narrow gap between two surfaces is what the nearer one hid in the other picture, so it belongs to the farther one.
    What lies at the picture's border, and wide gaps, are filled coarse to fine (pull-push).

    value: (h, w) float32 of any unit, larger = nearer. Returns (h, w) float32 of the same.
    """
    if np.isfinite(value).all():
        return value
    (across, beside), (down, above) = _gaps(value), (part.T for part in _gaps(value.T))
    farther = np.where(across <= down, beside, above)
    narrow = np.minimum(across, down) <= _HIDDEN * value.shape[1]
    value = np.where(np.isnan(value) & narrow, farther, value).astype(np.float32)
    known = np.isfinite(value)
    return pull_push(np.where(known, value, 0).astype(np.float32), known.astype(np.float32))


def _gaps(value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How wide the gap of NaN is that a pixel lies in, along its row, (h, w) pixels, endless where it has one side
    only; and the farther of its two sides, (h, w) float32."""
    width = value.shape[1]
    known, at = np.isfinite(value), np.arange(width)
    left = np.maximum.accumulate(np.where(known, at, -1), axis=1)
    right = np.minimum.accumulate(np.where(known, at, width)[:, ::-1], axis=1)[:, ::-1]
    sides = [np.take_along_axis(value, np.clip(one, 0, width - 1), axis=1) for one in (left, right)]
    return np.where((left >= 0) & (right < width), right - left, np.inf), np.minimum(*sides)
