# SPDX-License-Identifier: GPL-3.0-or-later
"""The focus chart: how much of the picture lies at which distance, and where focus, depth of field and marks are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from ..core.lens import Lens, coc_px, depth_of_field_m, hyperfocal_m
from .distances import distance_text
from .scope import PANEL_SRGB, SHARP_PX, depth_colours, depth_range_m, draw_text, nice_distances, text_width, to_linear

GRID_SRGB, TEXT_SRGB, DIM_SRGB = (52, 56, 66), (225, 228, 235), (140, 146, 158)
FOCUS_SRGB, FIELD_SRGB, MARK_SRGB, SKY_SRGB = (255, 255, 255), (0, 200, 165), (255, 210, 115), (92, 104, 128)

OPACITY = 0.92


def focus_chart(
    depth_m: np.ndarray, lens: Lens, width: int, height: int, marks: Sequence[tuple[str, float]] = ()
) -> np.ndarray:
    """A chart of any size over or beside the picture.

    depth_m: (H, W) float32, metres, of the frame, inf = sky. marks: (name, metres) pairs. Returns (height, width, 4)
    float32, scene-linear, premultiplied alpha, top row first.

    Along the bottom runs the logarithm of the distance, as far as the picture, the marks and the focus need; hills show
    the share of the picture at each, in the colours of `scope.depth_view`. What has no distance (sky) stands as a bar
    at the right end.
    """
    depth = np.asarray(depth_m, np.float32)
    if depth.ndim != 2 or depth.size == 0:
        raise ValueError(f"depth_m must be (H, W), got {depth.shape}")
    if width < 64 or height < 40:
        raise ValueError(f"width and height must be at least 64 x 40, got {width} x {height}")
    sample = depth[:: max(1, depth.shape[0] // 270), :: max(1, depth.shape[1] // 480)]
    scale = _Scale(sample, lens.focus_m, [m for _, m in marks], width, height)
    canvas = np.full((height, width, 3), PANEL_SRGB, np.uint8)
    limits = depth_of_field_m(lens, depth.shape[1], SHARP_PX)
    _grid(canvas, scale)
    _histogram(canvas, scale, sample)
    _field(canvas, scale, limits)
    _focus(canvas, scale, lens)
    _marks(canvas, scale, marks)
    if height >= 110 and width >= 300:
        _read_out(canvas, scale, lens, depth.shape[1], limits)
    alpha = np.full((height, width), OPACITY, np.float32)
    return np.dstack([to_linear(canvas) * alpha[..., None], alpha])


class _Scale:
    """Where a distance lies on the chart, in pixels, and how large things are drawn."""

    def __init__(self, sample: np.ndarray, focus_m: float, marks_m: list[float], width: int, height: int):
        low, high = depth_range_m(sample)
        wanted = [low, high, *(m for m in [focus_m, *marks_m] if 0 < m < 1000)]
        self.near_m, self.far_m = min(wanted) / 1.12, max(wanted) * 1.12
        self.sky = bool(np.isinf(sample).any())
        self.size = int(np.clip(height / 14, 9, 20))
        pad = round(0.9 * self.size)
        self.left, self.right = pad, width - pad - (round(2.2 * self.size) if self.sky else 0)
        self.sky_x = (self.right + round(0.7 * self.size), width - pad)
        text = height >= 110 and width >= 300
        self.top = round((3.9 if text else 2.0) * self.size)
        self.base = height - round(1.7 * self.size)
        self.depth_ends = (low, high)

    def x(self, metres: float) -> float:
        if not metres > 0:
            return self.left
        place = math.log(min(max(metres, 1e-6), 1e9) / self.near_m) / math.log(self.far_m / self.near_m)
        return self.left + min(max(place, 0.0), 1.0) * (self.right - self.left)


def _grid(canvas: np.ndarray, scale: _Scale) -> None:
    size = scale.size
    taken = -1e9
    for metres in nice_distances(scale.near_m, scale.far_m, 40):
        x, text = scale.x(metres), f"{metres:g}"
        half = text_width(text, size) / 2
        cv2.line(canvas, (round(x), scale.top), (round(x), scale.base), GRID_SRGB, 1)
        if x - half > taken + 0.7 * size and scale.left <= x - half and x + half < scale.right - 0.9 * size:
            draw_text(canvas, text, x, scale.base + 1.2 * size, size, DIM_SRGB, anchor=0.5)
            taken = x + half
    draw_text(canvas, "m", scale.right, scale.base + 1.2 * size, size, DIM_SRGB, anchor=1.0)
    if scale.sky:
        draw_text(canvas, "\u221e", sum(scale.sky_x) / 2, scale.base + 1.2 * size, size, DIM_SRGB, anchor=0.5)


def _histogram(canvas: np.ndarray, scale: _Scale, sample: np.ndarray) -> None:
    finite = sample[np.isfinite(sample) & (sample > 0)].astype(np.float64)
    columns = scale.right - scale.left
    places = np.log(finite / scale.near_m) / math.log(scale.far_m / scale.near_m) * columns
    counts, _ = np.histogram(places, bins=columns, range=(0, columns))
    smooth = cv2.GaussianBlur(counts.astype(np.float32)[None], (0, 0), max(1.0, columns / 260))[0]
    # the root keeps a small subject visible beside a wall that fills the picture
    heights = np.sqrt(smooth / max(float(smooth.max()), 1e-9)) * (scale.base - scale.top)
    metres = scale.near_m * (scale.far_m / scale.near_m) ** ((np.arange(columns) + 0.5) / columns)
    colours = depth_colours(metres, *scale.depth_ends)
    rows = np.arange(canvas.shape[0])[:, None]
    cover = np.clip(rows - (scale.base - heights[None]) + 0.5, 0, 1) * (rows < scale.base)
    part = canvas[:, scale.left : scale.right]
    part[:] = np.round(part + (colours[None] - part.astype(np.float32)) * (cover * 0.92)[..., None])
    outline = np.column_stack([np.arange(columns) + scale.left, scale.base - heights])
    for run in np.split(outline, np.flatnonzero(np.diff((heights > 0.5).astype(int))) + 1):
        if run.shape[0] > 1 and scale.base - run[:, 1].min() > 0.5:  # far is dark: an outline tells it from the panel
            cv2.polylines(canvas, [np.round(run).astype(np.int32)], False, (150, 150, 165), 1, cv2.LINE_AA)
    if scale.sky:
        share = float(np.isinf(sample).mean())
        top = round(scale.base - math.sqrt(share) * (scale.base - scale.top))
        cv2.rectangle(canvas, (scale.sky_x[0], top), (scale.sky_x[1] - 1, scale.base - 1), SKY_SRGB, -1)
    cv2.line(canvas, (scale.left, scale.base), (scale.right, scale.base), DIM_SRGB, 1)


def _field(canvas: np.ndarray, scale: _Scale, limits: tuple[float, float]) -> None:
    x0, x1 = round(scale.x(limits[0])), round(scale.x(limits[1]))
    part = canvas[scale.top : scale.base, x0 : max(x1, x0 + 1)]
    part[:] = np.round(part * 0.72 + np.array(FIELD_SRGB) * 0.28)
    for x in (x0, x1):
        cv2.line(canvas, (x, scale.top), (x, scale.base), FIELD_SRGB, 1)


def _marks(canvas: np.ndarray, scale: _Scale, marks: Sequence[tuple[str, float]]) -> None:
    size, taken = scale.size, [-1e9, -1e9]
    for name, metres in sorted(marks, key=lambda mark: mark[1]):
        x, half = scale.x(metres), text_width(name, size, 600) / 2
        cv2.line(canvas, (round(x), scale.top), (round(x), scale.base), MARK_SRGB, 1)
        cv2.circle(canvas, (round(x), scale.base), max(2, round(0.25 * size)), MARK_SRGB, -1, cv2.LINE_AA)
        middle = min(max(x, scale.left + half), canvas.shape[1] - half - 2)
        row = next((i for i in (0, 1) if middle - half > taken[i] + 0.4 * size), None)
        if row is not None:
            y = scale.top + (1.2 + 1.25 * row) * size
            columns = slice(max(round(middle - half - 3), 0), round(middle + half + 3))
            box = (slice(round(y - size), round(y + 0.4 * size)), columns)
            canvas[box] = np.round(canvas[box] * 0.35 + np.array(PANEL_SRGB) * 0.65)
            draw_text(canvas, name, middle, y, size, MARK_SRGB, 600, anchor=0.5)
            taken[row] = middle + half


def _focus(canvas: np.ndarray, scale: _Scale, lens: Lens) -> None:
    x, size = scale.x(lens.focus_m), scale.size
    start, end = (round(x), scale.top - round(0.3 * size)), (round(x), scale.base)
    cv2.line(canvas, start, end, FOCUS_SRGB, max(1, size // 7), cv2.LINE_AA)
    text = distance_text(lens.focus_m)
    half = text_width(text, size, 700) / 2 + 0.5 * size
    middle = min(max(x, half + 2), canvas.shape[1] - half - 2)
    top = scale.top - round(1.75 * size)
    cv2.rectangle(canvas, (round(middle - half), top), (round(middle + half), top + round(1.5 * size)), FOCUS_SRGB, -1)
    draw_text(canvas, text, middle, top + 1.12 * size, size, (15, 16, 20), 700, anchor=0.5)


def _read_out(canvas: np.ndarray, scale: _Scale, lens: Lens, width_px: int, limits: tuple[float, float]) -> None:
    size, x = scale.size, float(scale.left)
    parts = [
        ("Sharp", f"{distance_text(limits[0])} \u2013 {distance_text(limits[1])}"),
        ("Hyperfocal", distance_text(hyperfocal_m(lens, width_px, SHARP_PX))),
        ("Background", f"{abs(float(coc_px(scale.depth_ends[1], lens, width_px))):.1f} px"),
        ("Lens", f"{lens.focal_mm:g} mm f/{lens.f_number:g}"),
    ]
    for name, value in parts:
        need = text_width(f"{name} ", size) + text_width(value, size, 600)
        if x + need > canvas.shape[1] - scale.left:
            break
        draw_text(canvas, name, x, 1.45 * size, size, DIM_SRGB)
        draw_text(canvas, value, x + text_width(f"{name} ", size) + 0.35 * size, 1.45 * size, size, TEXT_SRGB, 600)
        x += need + 1.6 * size
