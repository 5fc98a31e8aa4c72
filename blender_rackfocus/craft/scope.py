# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures that explain: depth, circle of confusion, what is in focus, before beside after.

Every view is (H, W, 4) float32, scene-linear Rec.709, alpha 1, top row first, meant for a display under the Standard
view transform. Colours are told apart by people with any common colour blindness: lightness carries the order in the
depth colours (matplotlib's "inferno", van der Walt and Smith, SciPy 2015), and the signed view goes from orange over
grey to blue (Okabe and Ito, "Color Universal Design", 2008). Views fit a running preview: lookup tables, no per-pixel
Python.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from ..core import Behind
from ..core.lens import Lens, coc_from_dioptres, protected_dioptres, radius_per_dioptre, require
from .depth_shape import srgb_decode

NEAR_SRGB, FOCUS_SRGB, FAR_SRGB = (230, 130, 0), (235, 235, 235), (20, 110, 215)
PEAK_SRGB = (255, 190, 0)
SHARP_PX = 0.5
"""Largest radius, in pixels, that counts as sharp."""
DIMMED = 0.35
"""Light left of what is not known in the view of what lies behind."""
SKY_SRGB = (16, 18, 22)
PANEL_SRGB = (17, 19, 24)
NICE_STEPS = (1, 1.5, 2, 3, 5, 7)


def depth_view(depth_m: np.ndarray, legend: bool = True) -> np.ndarray:
    """Depth in false colour, bright near and dark far, with a scale in metres and contours at its numbers.

    depth_m: (H, W) float32, metres, > 0, inf = nothing there (nearly black). The scale ends where the picture does
    (`depth_range_m`). Colours are even in the square root of dioptres: between the lens's own scale (too coarse far
    away) and metres (too coarse nearby). Returns (H, W, 4) float32, scene-linear.
    """
    depth = _depth(depth_m)
    near_m, far_m = depth_range_m(depth)
    index = _depth_index(depth, near_m, far_m)
    view = cv2.LUT(cv2.merge([index] * 4), _table(_depth_colours()))
    ticks = nice_distances(near_m, far_m, 7)
    _contours(view, index, [_depth_place(tick, near_m, far_m) for tick in ticks])
    if legend:
        labels = [(_depth_place(tick, near_m, far_m), f"{tick:g}") for tick in ticks]
        _legend(view, _depth_colours()[1:], labels, "metres")
    return view


def coc_view(rgba: np.ndarray, depth_m: np.ndarray, lens: Lens, legend: bool = True) -> np.ndarray:
    """The signed circle of confusion over the grey picture: orange in front of the focus, blue behind, grey in focus.

    rgba: (H, W, 3 or 4) float32, scene-linear. depth_m: (H, W) float32, metres. Full colour is at a round number of
    pixels that 99 % of the picture stays below. Colour grows with the root of the radius, so that the first pixels of
    blur show. Returns (H, W, 4) float32, scene-linear.
    """
    picture, depth = _both(rgba, depth_m)
    radius = _radius(depth, lens)
    max_px = nice_above(float(np.percentile(np.abs(radius[::8, ::8]), 99)))
    index = cv2.convertScaleAbs(cv2.max(radius, -max_px), alpha=127 / max_px, beta=127)
    light = _light(picture)
    light *= np.float32(0.85)
    light += np.float32(0.15)
    planes = [cv2.multiply(cv2.LUT(index, np.ascontiguousarray(_signed_table()[..., c])), light) for c in range(3)]
    view = cv2.merge([*planes, np.ones_like(light)])
    if legend:
        labels = [
            (0.5 + 0.5 * math.copysign(math.sqrt(abs(v) / max_px), v), f"{v:+g}" if v else "0")
            for v in (-max_px, -max_px / 4, 0, max_px / 4, max_px)
        ]
        _legend(view, _signed_ramp(np.linspace(-1, 1, 255)), labels, "radius, px", ("near", "far"))
    return view


def focus_view(rgba: np.ndarray, depth_m: np.ndarray, lens: Lens) -> np.ndarray:
    """What is in focus: the picture in grey, dark where it is out of focus, with its sharp edges in amber (peaking).

    rgba: (H, W, 3 or 4) float32, scene-linear. depth_m: (H, W) float32, metres. A radius up to `SHARP_PX` counts as
    sharp. Returns (H, W, 4) float32, scene-linear.
    """
    picture, depth = _both(rgba, depth_m)
    radius = _radius(depth, lens)
    # 1 inside the limit, falling to 0 at twice the limit: a hard border would crawl
    inside = np.abs(radius, out=radius)
    np.multiply(inside, np.float32(-1 / SHARP_PX), out=inside)
    inside += np.float32(2)
    np.clip(inside, 0, 1, out=inside)
    light = _light(picture)
    edges = cv2.multiply(_edges(light), inside)
    light *= light
    light *= inside * np.float32(0.86) + np.float32(0.14)
    light *= 1 - edges
    red, green, blue = to_linear(np.array(PEAK_SRGB, np.uint8))
    light += inside * np.float32(0.012)  # so that a dark subject in focus still stands out
    planes = [cv2.scaleAdd(edges, float(colour), light) for colour in (red, green, blue)]
    return cv2.merge([*planes, np.ones_like(light)])


def behind_view(rgba: np.ndarray, behind: Behind | None) -> np.ndarray:
    """What is known behind the picture's surfaces, as bright as it is; the picture itself, in grey, where nothing is
    known.

    rgba: (H, W, 3 or 4) float32, scene-linear. behind: None where nothing is at all. Returns (H, W, 4) float32,
    scene-linear, alpha 1.
    """
    picture = _picture(rgba)
    light = _light(picture)
    light *= light * np.float32(DIMMED)
    view = cv2.merge([light, light, light, np.ones_like(light)])
    if behind is not None:
        np.copyto(view[..., :3], behind.picture[..., :3], where=behind.known[..., None] > 0)
    return view


def split_view(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """One picture left of the middle, another right of it.

    before, after: (H, W, 4) float32, scene-linear, of one size. Returns (H, W, 4) float32, scene-linear.
    """
    before, after = _picture(before), _picture(after)
    require(before.shape == after.shape, "after", f"must have the shape of before {before.shape}, got {after.shape}")
    view = after.copy()
    height, width = view.shape[:2]
    at = round(width / 2)
    view[:, :at] = before[:, :at]
    line = max(1, round(height / 540))
    view[:, max(at - line, 0) : at + line] = 1.0
    size = _text_size(height)
    _tag(view, "Original", size, at, left=True)
    _tag(view, "Result", size, at, left=False)
    return view


def depth_range_m(depth_m: np.ndarray) -> tuple[float, float]:
    """Near and far end (metres) of what a picture shows, half a percent cut off either side; (1, 10) if empty.

    depth_m: (H, W) float32, metres; what is not above 0 and finite is left out.
    """
    sample = depth_m[:: max(1, depth_m.shape[0] // 135), :: max(1, depth_m.shape[1] // 240)]
    sample = sample[np.isfinite(sample) & (sample > 0)]
    if sample.size == 0:
        return 1.0, 10.0
    near, far = np.percentile(sample, [0.5, 99.5])
    return float(near) / 1.02, float(far) * 1.02


def nice_distances(near_m: float, far_m: float, count: int) -> list[float]:
    """Round distances between two, at most `count`, spread evenly in the colours of `depth_view`."""
    first, last = math.floor(math.log10(near_m)), math.ceil(math.log10(far_m))
    every = [step * 10.0**power for power in range(first, last + 1) for step in NICE_STEPS]
    inside = [value for value in every if near_m * 1.001 <= value <= far_m * 0.999]
    chosen: list[float] = []
    gap, last_place = 0.9 / count, -1.0
    for value in reversed(sorted(inside)):
        place = _depth_place(value, near_m, far_m)
        if place - last_place >= gap or not chosen:
            chosen.append(round(value, 6))
            last_place = place
    return chosen[::-1]


def nice_above(value: float) -> float:
    """The first of 1, 2, 5, 10, 20, 50, ... that is not below value."""
    power = 10.0 ** math.floor(math.log10(max(value, 1.0)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value or step == 10)


# Drawing


@lru_cache(maxsize=1)
def font() -> cv2.FontFace:
    """OpenCV's own sans-serif typeface (loading it takes a moment, once)."""
    return cv2.FontFace("sans")


def depth_colours(metres: np.ndarray, near_m: float, far_m: float) -> np.ndarray:
    """The colours that `depth_view` gives these distances; beyond the ends, those of the ends.

    metres: (N,) float64, > 0. Returns (N, 3) uint8, sRGB.
    """
    places = np.clip([_depth_place(float(m), near_m, far_m) for m in metres], 0, 1)
    return _depth_colours()[np.round(1 + 254 * places).astype(int)]


def draw_text(
    canvas: np.ndarray,
    text: str,
    x: float,
    y: float,
    size: int,
    colour: Sequence[int] = (235, 235, 235),
    weight: int = 400,
    anchor: float = 0.0,
) -> None:
    """Write into a picture.

    canvas: (H, W, 3) uint8 of any colours, written. x, y: on the baseline; anchor 0 = x is the left end, 0.5 the
    middle, 1 the right.
    """
    width = text_width(text, size, weight)
    start = round(x - anchor * width), round(y)
    cv2.putText(canvas, text, start, tuple(int(c) for c in colour), font(), size, weight)


def text_width(text: str, size: int, weight: int = 400) -> int:
    """Width of a line of text in pixels."""
    box = cv2.getTextSize((4096, 4096), text, (0, 0), font(), size, weight)
    return int(box[2])


def to_linear(canvas: np.ndarray) -> np.ndarray:
    """Scene-linear light of an sRGB-encoded picture (IEC 61966-2-1).

    canvas: (...) uint8, sRGB. Returns (...) float32, scene-linear, 0 to 1.
    """
    return _linear_table()[canvas]


def _legend(
    view: np.ndarray,
    colours: np.ndarray,
    labels: Sequence[tuple[float, str]],
    title: str,
    ends: tuple[str, str] | None = None,
) -> None:
    """A vertical scale in a dark panel at the right: colours bottom to top, labels at their places 0..1."""
    height, width = view.shape[:2]
    size = _text_size(height)
    bar_height, bar = round(0.42 * height), round(1.1 * size)
    words = [text for _, text in labels] + list(ends or ())
    panel_width = max(bar + round(1.6 * size) + max(text_width(w, size) for w in words), text_width(title, size) + size)
    panel_height = bar_height + round((5.2 if ends else 3.4) * size)
    if panel_width > 0.4 * width or panel_height > 0.9 * height or height < 160:
        return
    top, left = height - panel_height - size, width - panel_width - size
    place = (slice(top, top + panel_height), slice(left, left + panel_width))
    canvas = np.full((panel_height, panel_width, 3), PANEL_SRGB, np.uint8)
    y0 = round(2.1 * size) + (round(1.0 * size) if ends else 0)
    ramp = colours[::-1].reshape(-1, 1, 3)
    x0 = round(0.6 * size)
    canvas[y0 : y0 + bar_height, x0 : x0 + bar] = cv2.resize(ramp, (bar, bar_height), interpolation=cv2.INTER_LINEAR)
    draw_text(canvas, title, panel_width / 2, 1.3 * size, size, (170, 175, 185), anchor=0.5)
    for where, text in labels:
        y = y0 + (1 - where) * (bar_height - 1)
        cv2.line(canvas, (x0 + bar, round(y)), (x0 + bar + round(0.3 * size), round(y)), (200, 200, 200), 1)
        draw_text(canvas, text, x0 + bar + 0.6 * size, y + 0.36 * size, size)
    if ends:
        draw_text(canvas, ends[1], x0, y0 - 0.45 * size, size, (170, 175, 185))
        draw_text(canvas, ends[0], x0, y0 + bar_height + 1.05 * size, size, (170, 175, 185))
    cover = _rounded(canvas.shape[:2], round(0.5 * size)) * np.float32(0.85)
    cover[y0 : y0 + bar_height, x0 : x0 + bar] = 1.0
    _lay_over(view[place], canvas, cover)


def _tag(view: np.ndarray, text: str, size: int, at: int, left: bool) -> None:
    width, height = text_width(text, size) + size, round(1.7 * size)
    x = at - width - size if left else at + size
    if x < 0 or x + width > view.shape[1] or view.shape[0] < 160:
        return
    canvas = np.full((height, width, 3), PANEL_SRGB, np.uint8)
    draw_text(canvas, text, width / 2, 1.2 * size, size, anchor=0.5)
    cover = _rounded((height, width), height // 3) * np.float32(0.75)
    _lay_over(view[size : size + height, x : x + width], canvas, cover)


def _lay_over(part: np.ndarray, canvas: np.ndarray, cover: np.ndarray) -> None:
    part[..., :3] += (to_linear(canvas) - part[..., :3]) * cover[..., None]


def _rounded(shape: tuple[int, int], radius: int) -> np.ndarray:
    """Cover (0..1) of a rectangle with round corners."""
    mask = np.zeros(shape, np.uint8)
    height, width = shape
    r = max(0, min(radius, height // 2 - 1, width // 2 - 1))
    cv2.rectangle(mask, (r, 0), (width - 1 - r, height - 1), 255, -1)
    cv2.rectangle(mask, (0, r), (width - 1, height - 1 - r), 255, -1)
    for x in (r, width - 1 - r):
        for y in (r, height - 1 - r):
            cv2.circle(mask, (x, y), r, 255, -1, cv2.LINE_AA)
    return mask.astype(np.float32) / 255


def _text_size(height: int) -> int:
    return max(11, round(height / 48))


def _contours(view: np.ndarray, index: np.ndarray, places: Sequence[float]) -> None:
    """Thin dark lines where the scale passes a labelled number; none where noise would draw them everywhere."""
    band = np.zeros(256, np.uint8)
    for place in places:
        band[round(1 + place * 254) :] += 1
    bands = cv2.LUT(index, band)
    edge = cv2.morphologyEx(bands, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8))
    if cv2.countNonZero(edge) < 0.04 * edge.size:
        view.reshape(-1, 4)[np.flatnonzero(edge), :3] *= np.float32(0.35)


def _edges(light: np.ndarray) -> np.ndarray:
    """Strength of detail, 0..1, against the picture's own: peaking as a camera's viewfinder draws it.

    light: (H, W) 0..1. The largest difference within 3 x 3 pixels, so that lines are wide enough to be seen.
    """
    steps = cv2.morphologyEx(cv2.convertScaleAbs(light, alpha=255), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    strong = max(float(np.percentile(steps[::6, ::6], 93)), 6.0)
    return cv2.LUT(steps, np.clip(1.5 / strong * np.arange(256, dtype=np.float32) - 0.5, 0, 1))


# Colours


def _depth_place(metres: float, near_m: float, far_m: float) -> float:
    """Where a distance lies on the depth scale: 0 = far end, 1 = near end."""
    low, high = far_m**-0.5, near_m**-0.5
    return (metres**-0.5 - low) / (high - low)


def _depth_index(depth: np.ndarray, near_m: float, far_m: float) -> np.ndarray:
    """(H, W) uint8: 0 = sky, 1 = far end ... 255 = near end."""
    low, high = far_m**-0.5, near_m**-0.5
    root = cv2.sqrt(_dioptres(depth))
    slope = 254 / (high - low)
    index = cv2.convertScaleAbs(cv2.max(root, low), alpha=slope, beta=1 - low * slope)
    return np.where(root > 0, index, np.uint8(0))


@lru_cache(maxsize=1)
def _depth_colours() -> np.ndarray:
    """(256, 3) uint8 sRGB for `_depth_index`."""
    ramp = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_INFERNO)[:, 0, ::-1].copy()
    # the darkest steps of the map are kept for the sky, so that what is far still shows its shape
    lifted = cv2.resize(ramp[28:].reshape(-1, 1, 3), (1, 256), interpolation=cv2.INTER_LINEAR)[:, 0]
    lifted[0] = SKY_SRGB
    return lifted


@lru_cache(maxsize=1)
def _signed_table() -> np.ndarray:
    """Index 0..254 = -max..max, evenly in the radius; 255 is past the end."""
    radius = np.clip(np.arange(256) / 127 - 1, -1, 1)
    return _table(_signed_ramp(np.copysign(np.sqrt(np.abs(radius)), radius)))


def _signed_ramp(root: np.ndarray) -> np.ndarray:
    """sRGB uint8 colours (N, 3) for signed roots of the radius, -1..1."""
    share = np.abs(root)[:, None] ** 0.8
    side = np.where(root[:, None] < 0, NEAR_SRGB, FAR_SRGB)
    return np.round(np.array(FOCUS_SRGB) * (1 - share) + side * share).astype(np.uint8)


def _table(srgb: np.ndarray) -> np.ndarray:
    """(1, 256, 4) float32 scene-linear lookup table of 256 sRGB colours."""
    return np.dstack([to_linear(srgb)[None], np.ones((1, 256), np.float32)])


@lru_cache(maxsize=1)
def _linear_table() -> np.ndarray:
    return srgb_decode(np.arange(256) / 255).astype(np.float32)


def _light(picture: np.ndarray) -> np.ndarray:
    """(H, W) root of the light, 0..1: about as light as it looks (Rec.601 weights, OpenCV's own: grey is enough)."""
    code = cv2.COLOR_RGBA2GRAY if picture.shape[2] == 4 else cv2.COLOR_RGB2GRAY
    light = cv2.cvtColor(picture, code)
    np.clip(light, 0, 1, out=light)
    return np.sqrt(light, out=light)


def _radius(depth: np.ndarray, lens: Lens) -> np.ndarray:
    """Signed radius in pixels, as `lens.coc_px`; a plain lens takes two steps less."""
    inverse = _dioptres(depth)
    near_d, far_d = protected_dioptres(lens)
    plain = near_d == far_d and lens.near_strength == lens.far_strength and not lens.max_blur_pct
    if not plain:
        return coc_from_dioptres(inverse, lens, depth.shape[1])
    scale = np.float32(radius_per_dioptre(lens, depth.shape[1]) * lens.near_strength)
    np.subtract(np.float32(far_d), inverse, out=inverse)
    return np.multiply(inverse, scale, out=inverse)


def _dioptres(depth: np.ndarray) -> np.ndarray:
    return cv2.divide(1.0, depth)  # 1 / inf = 0


# At the door


def _depth(depth_m: np.ndarray) -> np.ndarray:
    depth = np.ascontiguousarray(depth_m, np.float32)
    require(depth.ndim == 2, "depth_m", f"must be (H, W), got {depth.shape}")
    require(depth.size > 0 and bool(depth.min() > 0), "depth_m", "must be above 0 everywhere and hold no NaN")
    return depth


def _picture(rgba: np.ndarray) -> np.ndarray:
    picture = np.ascontiguousarray(rgba, np.float32)
    require(picture.ndim == 3 and picture.shape[2] in (3, 4), "rgba", f"must be (H, W, 3 or 4), got {picture.shape}")
    return picture


def _both(rgba: np.ndarray, depth_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    picture, depth = _picture(rgba), _depth(depth_m)
    require(picture.shape[:2] == depth.shape, "depth_m", f"must have the picture's size {picture.shape[:2]}")
    return picture, depth
