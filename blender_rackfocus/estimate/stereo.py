# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth from a stereo clip: side by side or over-under, by semi-global matching.

Hirschmueller, "Stereo Processing by Semiglobal Matching and Mutual Information", TPAMI 2008, as cv2.StereoSGBM.
Z = f B / (d + doffs) (Scharstein et al., GCPR 2014). Disparity d is x_left - x_right in pixels of one eye.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from .network import srgb_encode
from .provenance import EstimateError

Layout = Literal["AUTO", "SIDE_BY_SIDE", "OVER_UNDER"]
Swap = Literal["AUTO", "NO", "YES"]

_MATCH_WIDTH_PX = 960
"""Eyes wider than this are matched at half, third, ... size: SGBM's cost grows with area times range."""
_BLOCK = 5


@dataclass(frozen=True)
class StereoSettings:
    """layout: how the two eyes share the frame. swapped: right eye first.

    focal_px: focal length in pixels of one eye as stored, baseline_m: distance of the lenses, doffs_px: difference of
    the principal points (Middlebury's doffs). With focal_px and baseline_m the depth is metric, else relative.
    """

    layout: Layout = "AUTO"
    swapped: Swap = "AUTO"
    focal_px: float = 0.0
    baseline_m: float = 0.0
    doffs_px: float = 0.0

    @property
    def metric(self) -> bool:
        return self.focal_px > 0 and self.baseline_m > 0


@dataclass(frozen=True)
class StereoEvidence:
    """What says that a frame is a stereo pair. score: correlation of the eyes after matching, 0-1."""

    layout: Layout
    score: float
    swapped: bool
    low_px: float
    high_px: float
    words: str


def split(picture: np.ndarray, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """First and second eye (views, not copies): left and right half, or top and bottom half.

    picture: (H, W) or (H, W, C) of any type and meaning. An odd middle column or row belongs to neither. Returns
    two, (h, w) or (h, w, C) of any type, picture's own.
    """
    height, width = picture.shape[:2]
    if layout == "SIDE_BY_SIDE":
        return picture[:, : width // 2], picture[:, width - width // 2 :]
    if layout == "OVER_UNDER":
        return picture[: height // 2], picture[height - height // 2 :]
    raise ValueError(f"layout must be SIDE_BY_SIDE or OVER_UNDER, not {layout!r}")


def disparity(left: np.ndarray, right: np.ndarray, low_px: float, high_px: float) -> np.ndarray:
    """Disparity of the left eye, x_left - x_right.

    left, right: (H, W) or (H, W, 3) uint8, or float32, display-encoded 0-1. low_px, high_px: range to search, low
    may be negative (pictures shifted for a screen). Returns (H, W) float32 pixels, NaN where nothing matched.
    """
    left, right = _as_bytes(left), _as_bytes(right)
    if left.shape != right.shape:
        raise ValueError(f"left and right must have one shape, not {left.shape} and {right.shape}")
    if not high_px > low_px:
        raise ValueError("high_px must be above low_px")
    lowest = int(np.floor(low_px))
    count = int(np.ceil((high_px - lowest + 1) / 16)) * 16
    pad_left, pad_right = max(lowest + count, 0), max(-lowest, 0)  # else the margin that leaves the other eye is blind
    a, b = (cv2.copyMakeBorder(eye, 0, 0, pad_left, pad_right, cv2.BORDER_REPLICATE) for eye in (left, right))
    channels = 1 if left.ndim == 2 else left.shape[2]
    matcher = cv2.StereoSGBM.create(
        minDisparity=lowest,
        numDisparities=count,
        blockSize=_BLOCK,
        P1=8 * channels * _BLOCK**2,
        P2=32 * channels * _BLOCK**2,
        disp12MaxDiff=1,
        preFilterCap=63,
        uniquenessRatio=5,
        speckleWindowSize=100,
        speckleRange=2,
        mode=cv2.StereoSGBM_MODE_SGBM_3WAY,
    )
    fixed = matcher.compute(a, b)[:, pad_left : pad_left + left.shape[1]]
    return np.where(fixed <= (lowest - 1) * 16, np.nan, fixed / np.float32(16)).astype(np.float32)


def find_stereo(picture: np.ndarray, layout: Layout = "AUTO") -> StereoEvidence | None:
    """Look whether a frame is a stereo pair, how it is laid out, its disparity range and which eye comes first.

    picture: (H, W, 3 or 4) float32, scene-linear. Returns None where the halves are not two views of one scene. Two
    identical halves (a mirrored or doubled flat picture) are no stereo either.
    """
    best = None
    for name in ("SIDE_BY_SIDE", "OVER_UNDER") if layout == "AUTO" else (layout,):
        first, second = (_small_grey(eye) for eye in split(picture, name))
        found = _evidence(name, first, second, picture.shape[1] // (2 if name == "SIDE_BY_SIDE" else 1))
        if found is not None and (best is None or found.score > best.score):
            best = found
    return best


_SEARCH_WIDTH_PX = 320


def _small_grey(eye: np.ndarray) -> np.ndarray:
    """(h, 320) uint8; a squeezed eye keeps its squeeze."""
    height, width = eye.shape[:2]
    size = (_SEARCH_WIDTH_PX, max(32, round(height * _SEARCH_WIDTH_PX / width)))
    small = cv2.resize(eye[..., :3], size, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(_as_bytes(srgb_encode(small)), cv2.COLOR_RGB2GRAY)


def _evidence(layout: Layout, first: np.ndarray, second: np.ndarray, eye_width: int) -> StereoEvidence | None:
    reach = _SEARCH_WIDTH_PX // 5
    if first.std() < 4 or second.std() < 4:
        return None
    found = disparity(first, second, -reach, reach)
    known = np.isfinite(found)
    share = float(known.mean())
    if share < 0.5:
        return None
    low, high = np.percentile(found[known], (1, 99))
    middle = np.percentile(found[known], (5, 95))
    matched = _correlation(first, _shifted(second, found), known)
    score = share * max(matched, 0.0)
    if score < 0.6 or middle[1] - middle[0] < 0.75 or np.abs(found[known]).max() < 1.0:
        return None  # unlike, or two copies of one picture
    swapped, reason = _eyes_swapped(first, second, found)
    scale = eye_width / _SEARCH_WIDTH_PX
    margin = 0.1 * (high - low) + 1.0
    side = "side by side" if layout == "SIDE_BY_SIDE" else "over-under"
    words = (
        f"the halves match {side} ({100 * share:.0f} % of points, correlation {matched:.2f}); "
        f"{'right' if swapped else 'left'} eye first ({reason})"
    )
    return StereoEvidence(layout, score, swapped, float(low - margin) * scale, float(high + margin) * scale, words)


def _shifted(grey: np.ndarray, shift: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]].astype(np.float32)
    return cv2.remap(grey, x - np.nan_to_num(shift), y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _correlation(a: np.ndarray, b: np.ndarray, where: np.ndarray) -> float:
    x, y = a[where].astype(np.float64), b[where].astype(np.float64)
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).sum() / np.sqrt(max((x * x).sum() * (y * y).sum(), 1e-9)))


def _eyes_swapped(first: np.ndarray, second: np.ndarray, found: np.ndarray) -> tuple[bool, str]:
    """Whether the right eye comes first, and why.

    Where disparity jumps up along a row, a strip of the first eye has no match: it belongs to whatever lies behind.
    With the eyes in order the jump is from far to near, so the strip continues what is left of it and the picture's
    edge stands at its right end. Swapped, near and far change places and the edge stands at its left end.
    """
    reach = float(np.nanmax(np.abs(found))) + 4
    mirrored = disparity(second[:, ::-1], first[:, ::-1], -reach, reach)
    votes = np.concatenate([_edge_votes(first, found), _edge_votes(second[:, ::-1], mirrored)])
    lean = float(votes.mean()) if votes.size >= 40 else 0.0
    if abs(lean) >= 3 / np.sqrt(max(votes.size, 1)) and abs(lean) > 0.08:
        return lean < 0, "edges belong to what is nearer"
    known = found[np.isfinite(found)]
    positive = float((known > 0.5).sum() - (known < -0.5).sum()) / max(known.size, 1)
    return positive < 0, "by the sign of most shifts"


def _edge_votes(grey: np.ndarray, found: np.ndarray) -> np.ndarray:
    """For each unmatched strip with a rise across it: (edge at right end - edge at left end) / sum, in -1..1."""
    slope = np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3))
    slope = cv2.dilate(slope, np.ones((1, 5), np.uint8))
    known = np.isfinite(found)
    edges = np.diff(known.astype(np.int8), axis=1)
    votes = []
    for y in range(2, grey.shape[0] - 2):
        starts, ends = np.flatnonzero(edges[y] == -1), np.flatnonzero(edges[y] == 1) + 1
        for a in starts:  # last known pixel before the strip; b: first one after it
            after = ends[ends > a]
            if after.size == 0:
                break
            b = after[0]
            rise = found[y, b] - found[y, a]
            if rise > 2.0 and b - a - 1 < 2.5 * rise + 4 and max(slope[y, a], slope[y, b]) > 40:
                votes.append((slope[y, b] - slope[y, a]) / (slope[y, b] + slope[y, a]))
    return np.array(votes, np.float64)


def resolve(settings: StereoSettings, evidence: StereoEvidence | None) -> StereoSettings:
    """Settings without AUTO. Raises EstimateError where the clip shows no stereo pair and the layout was not given."""
    layout = settings.layout
    if layout == "AUTO":
        if evidence is None:
            raise EstimateError("The two halves of the frame are not two views of one scene: this is no stereo clip.")
        layout = evidence.layout
    swapped = settings.swapped
    if swapped == "AUTO":
        swapped = "YES" if evidence is not None and evidence.swapped else "NO"
    return replace(settings, layout=layout, swapped=swapped)


def search_range(found: list[StereoEvidence], settings: StereoSettings, eye_width: int) -> tuple[float, float]:
    """Disparity range that covers every looked-at frame, eyes put in order; a wide one where nothing was found."""
    if not found:
        return -0.04 * eye_width, 0.16 * eye_width
    low, high = min(e.low_px for e in found), max(e.high_px for e in found)
    return (-high, -low) if settings.swapped == "YES" else (low, high)


def stereo_nearness(picture: np.ndarray, settings: StereoSettings, low_px: float, high_px: float) -> np.ndarray:
    """Nearness of a whole stereo frame, both eyes each in their own half, so that it fits the strip's picture.

    picture: (H, W, 3 or 4) float32, scene-linear. settings: without AUTO (`resolve`). low_px, high_px: disparity
    range of one eye's pixels, in order (left minus right, after un-swapping). Returns (h, w) float32 in the
    matcher's size: 1/metres if settings.metric, else disparity in pixels of a full eye; NaN where only one eye saw
    the point.
    """
    first, second = split(picture, settings.layout)
    left, right = (second, first) if settings.swapped == "YES" else (first, second)
    eye_width = left.shape[1]
    shrink = max(1, int(np.ceil(eye_width / _MATCH_WIDTH_PX)))
    size = (eye_width // shrink, max(1, left.shape[0] // shrink))
    left, right = (
        _as_bytes(srgb_encode(cv2.resize(eye, size, interpolation=cv2.INTER_AREA)[..., :3])) for eye in (left, right)
    )
    scale = eye_width / size[0]
    low, high = low_px / scale, high_px / scale
    of_left = disparity(left, right, low, high) * scale
    of_right = disparity(right[:, ::-1], left[:, ::-1], low, high)[:, ::-1] * scale
    halves = (of_right, of_left) if settings.swapped == "YES" else (of_left, of_right)
    both = np.concatenate(halves, axis=1 if settings.layout == "SIDE_BY_SIDE" else 0)
    if settings.metric:
        return (both + settings.doffs_px) / np.float32(settings.focal_px * settings.baseline_m)
    return both


def _as_bytes(eye: np.ndarray) -> np.ndarray:
    if eye.dtype == np.uint8:
        return np.ascontiguousarray(eye)
    return np.ascontiguousarray(np.clip(eye, 0, 1) * 255 + 0.5, np.float32).astype(np.uint8)
