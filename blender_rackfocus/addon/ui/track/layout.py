# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything of the focus tracks lies in the timeline's region, and what lies under a point. No Blender.

All strips' tracks are drawn together: what they are made of is joined into a few long arrays (`Joined`), and each
redraw only places those by the view. Pixels are the region's, x to the right and y up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...desk.track import Point, Proposed, Stretch, Track

BOTTOM, TOP = 0.05, 0.95
"""Where a strip begins and ends in its channel."""
TITLE_PX, LANE_PX, EDGE_PX = 16.0, 7.0, 2.0
"""Height of the strip's own title, which stays free, of the bars that stand for decisions, and what is left around."""
REACH_PX = 7.0
"""How near a point has to be to be meant."""
LEAST_WIDTH_PX, LEAST_CURVE_PX, LEAST_LABEL_PX = 24.0, 12.0, 26.0
"""A track narrower than the first is told by its bars alone; one lower than the second has no curve; one lower than the
third no names."""

Colour = tuple[float, float, float, float]
CURVE: Colour = (1.0, 0.90, 0.62, 1.0)
BEYOND: Colour = (1.0, 0.25, 0.2, 1.0)
BAND: Colour = (1.0, 0.78, 0.35, 0.22)
BACK: Colour = (0.03, 0.03, 0.05, 0.42)
MARK: Colour = (0.70, 0.88, 1.0, 0.45)
BAKED: Colour = (0.36, 0.82, 0.42, 1.0)
STALE: Colour = (1.0, 0.72, 0.12, 1.0)
KEPT: Colour = (0.36, 0.82, 0.42, 0.5)
WRONG: Colour = (1.0, 0.22, 0.18, 1.0)
CHOSEN: Colour = (1.0, 1.0, 1.0, 1.0)
OUTLINE: Colour = (0.0, 0.0, 0.0, 0.8)
STRETCHES: dict[str, Colour] = {
    "RACK": (1.0, 0.60, 0.14, 0.95),
    "MOVE": (0.40, 0.68, 1.0, 0.95),
    "FOLLOW": (0.42, 0.85, 0.50, 0.95),
    "HOLD": (1.0, 1.0, 1.0, 0.16),
}
POINTS: dict[str, tuple[Colour, float]] = {
    "RACK": ((1.0, 0.64, 0.18, 1.0), 5.0),
    "HAND": ((0.50, 0.76, 1.0, 1.0), 4.5),
    "WITHIN": ((1.0, 0.78, 0.45, 1.0), 2.5),
    "FOLLOWED": ((0.55, 0.95, 0.62, 1.0), 2.5),
}
"""Colour and half size in pixels of a key, by its role."""
PROPOSED: Colour = (0.93, 0.55, 1.0, 0.95)
STRONG_PX, WEAK_PX, RIM_PX = 6.0, 4.0, 1.4
"""Half sizes of a proposal's hollow point, a strong one's and a weak one's, and how thick its rim is."""
SMALL = 3.0
"""Points of this half size and less are left out where frames lie close together."""


@dataclass(frozen=True)
class View:
    """What the region shows. frame0, channel0: at its lower left corner. width, height: pixels; nothing is shown above
    `height` (the ruler). scale: of the user interface."""

    frame0: float
    px_per_frame: float
    channel0: float
    px_per_channel: float
    width: float
    height: float
    scale: float = 1.0

    def x(self, frame: float) -> float:
        """Pixel of a frame."""
        return (frame - self.frame0) * self.px_per_frame

    def frame(self, x: float) -> float:
        """Inverse of `x`."""
        return x / self.px_per_frame + self.frame0


@dataclass(frozen=True)
class Row:
    """A track and the strip it is drawn on. strip: the name of the track's own strip; it may lie in a meta strip, which
    is drawn in `channel` then."""

    track: Track
    channel: int
    selected: bool = False
    active: bool = False
    locked: bool = False


class Box(NamedTuple):
    """A row's track in pixels: curve between bottom and top, bars between lane and bottom."""

    left: float
    right: float
    lane: float
    bottom: float
    top: float

    @property
    def has_curve(self) -> bool:
        """Whether there is room for more than the bars."""
        return self.top > self.bottom

    def y(self, share: float) -> float:
        """Pixel of a distance, by its share of the scale."""
        return self.bottom + share * (self.top - self.bottom)

    def share(self, y: float) -> float:
        """Inverse of `y`, may leave 0..1."""
        return (y - self.bottom) / (self.top - self.bottom)


@dataclass(frozen=True)
class Hit:
    """What lies under a point. part: POINT, START, END, BODY (of a rack or move), HOLD, PROPOSAL. frames: the keys that
    are dragged with it; of a proposal, when it arrives. proposal: which one."""

    row: int
    part: str
    frames: tuple[float, ...]
    proposal: int = -1


def box_of(row: Row, view: View) -> Box:
    """Where a row's track lies."""
    left, right = view.x(row.track.first), view.x(row.track.last + 1)
    low = (row.channel + BOTTOM - view.channel0) * view.px_per_channel
    high = (row.channel + TOP - view.channel0) * view.px_per_channel
    edge, lane, title = EDGE_PX * view.scale, LANE_PX * view.scale, TITLE_PX * view.scale
    bottom = low + edge + lane
    top = high - edge - title
    if top - bottom < LEAST_CURVE_PX * view.scale or right - left < LEAST_WIDTH_PX * view.scale:
        return Box(left, right, low, min(high, low + lane), low)
    return Box(left, right, low + edge, bottom, top)


def is_seen(row: Row, view: View) -> bool:
    """Whether anything of a row is in the region."""
    left, right = view.x(row.track.first), view.x(row.track.last + 1)
    low = (row.channel - view.channel0) * view.px_per_channel
    return right > 0 and left < view.width and low < view.height and low + view.px_per_channel > 0


# --- What is under the mouse ------------------------------------------------------------------------------------------


def hit(rows: Sequence[Row], view: View, x: float, y: float) -> Hit | None:
    """What can be dragged at a point of the region; None where there is only the strip."""
    for index, row in enumerate(rows):
        box = box_of(row, view)
        reach = REACH_PX * view.scale
        if row.locked or not (box.left - reach <= x <= box.right + reach and box.lane <= y <= max(box.top, box.bottom)):
            continue
        if not box.has_curve:
            continue
        proposal = _nearest(row.track.proposed, row, box, view, x, y)
        if proposal is not None:
            return Hit(index, "PROPOSAL", (row.track.proposed[proposal].frame,), proposal)
        found = _point(row, box, view, x, y) or _bar(row, box, view, x, y) or _on_curve(row, view, x, y)
        if found is not None:
            return Hit(index, *found)
    return None


def place(rows: Sequence[Row], view: View, x: float, y: float) -> tuple[int, float, float] | None:
    """Row, frame and distance (dioptres) of a point within a track's curve; None elsewhere."""
    for index, row in enumerate(rows):
        box = box_of(row, view)
        if box.has_curve and not row.locked and box.left <= x < box.right and box.bottom <= y <= box.top:
            return index, view.frame(x), row.track.dioptre(box.share(y))
    return None


def near_curve(row: Row, view: View, x: float, y: float) -> bool:
    """Whether a point lies on a row's curve."""
    box, track = box_of(row, view), row.track
    if not box.left <= x <= box.right:
        return False
    at = box.y(float(track.share(track.dioptre_at(view.frame(x)))))
    return abs(y - at) <= REACH_PX * view.scale


def _point(row: Row, box: Box, view: View, x: float, y: float) -> tuple[str, tuple[float, ...]] | None:
    points = [point for point in row.track.points if point.kind != "WITHIN"]
    nearest = _nearest(points, row, box, view, x, y)
    return ("POINT", (points[nearest].frame,)) if nearest is not None else None


def _nearest(points: Sequence[Point | Proposed], row: Row, box: Box, view: View, x: float, y: float) -> int | None:
    """Which of a row's keys or proposals is meant by a point of the region; None where none is near enough."""
    nearest, least_px = None, REACH_PX * view.scale
    for index, point in enumerate(points):
        if row.track.first <= point.frame <= row.track.last + 1:
            share = min(max(float(row.track.share(point.dioptre)), 0.0), 1.0)  # where it is drawn
            away_px = math.hypot(view.x(point.frame) - x, box.y(share) - y)
            if away_px <= least_px:
                nearest, least_px = index, away_px
    return nearest


def _bar(row: Row, box: Box, view: View, x: float, y: float) -> tuple[str, tuple[float, ...]] | None:
    if not box.lane <= y <= box.bottom:
        return None
    return _of_stretch(row, view, x, edges=True)


def _on_curve(row: Row, view: View, x: float, y: float) -> tuple[str, tuple[float, ...]] | None:
    if not near_curve(row, view, x, y):
        return None
    frame = view.frame(x)
    held = next((s for s in row.track.stretches if s.kind == "HOLD" and s.first <= frame <= s.last), None)
    if held is not None:
        return "HOLD", (held.first, held.last)
    return _of_stretch(row, view, x, edges=False)


def _of_stretch(row: Row, view: View, x: float, *, edges: bool) -> tuple[str, tuple[float, ...]] | None:
    for stretch in row.track.stretches:
        left, right = view.x(stretch.first), view.x(stretch.last)
        reach = min(REACH_PX * view.scale, (right - left) / 3)
        if stretch.kind == "HOLD" or not left - reach <= x <= right + reach:
            continue
        if edges and abs(x - left) <= reach:
            return "START", (stretch.first,)
        if edges and abs(x - right) <= reach:
            return "END", (stretch.last,)
        if left <= x <= right:
            return "BODY", keys_of(row.track, stretch)
    return None


def keys_of(track: Track, stretch: Stretch) -> tuple[float, ...]:
    """Frames of a stretch's keys."""
    return tuple(point.frame for point in track.points if stretch.first <= point.frame <= stretch.last)


# --- What is drawn ----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=2048)
def _columns(track: Track) -> dict[str, np.ndarray]:
    """What one track is made of, as columns: curve, marks, points, bars, and thin lines of what is kept, baked, stale
    or wrong: the later over the earlier."""
    lines = track.marks
    points = [p for p in track.points if track.first <= p.frame <= track.last + 1]
    bars = [(s.kind, max(s.first, track.first), min(s.last, track.last + 1)) for s in track.stretches]
    bars = [bar for bar in bars if bar[2] > bar[1]]
    runs: list[tuple[float, float, Colour]] = [
        (first, last + 1, colour)
        for colour, stretches in ((KEPT, track.kept), (BAKED, track.baked), (STALE, track.stale))
        for first, last in stretches
    ]
    runs += [(f, f + 1, WRONG) for f in track.failed if track.first <= f <= track.last]
    runs += [(track.first, track.last + 1, WRONG)] if track.problem else []
    proposed = [p for p in track.proposed if track.first <= p.frame <= track.last + 1]
    goes_on = np.ones(track.frames.size, bool)
    goes_on[-1] = False
    return {
        "curve_frame": track.frames, "curve_share": track.share(track.dioptres), "near": track.share(track.near_d),
        "far": track.share(track.far_d), "beyond": track.beyond, "curve_goes_on": goes_on,
        "mark_frame": _end_to_end([line.frames for line in lines]),
        "mark_share": track.share(_end_to_end([line.dioptres for line in lines])),
        "mark_goes_on": _end_to_end([np.arange(1, line.frames.size + 1) < line.frames.size for line in lines]) > 0,
        "point_frame": np.array([p.frame for p in points]),
        "point_share": np.array([track.share(p.dioptre) for p in points]),
        "point_size": np.array([POINTS[p.kind][1] for p in points]),
        "point_colour": _colours([CHOSEN if p.selected else POINTS[p.kind][0] for p in points]),
        "proposed_start": np.array([max(p.start, track.first) for p in proposed]),
        "proposed_frame": np.array([p.frame for p in proposed]),
        "proposed_share": np.array([track.share(p.dioptre) for p in proposed]),
        "proposed_from": np.array([track.share(track.dioptre_at(max(p.start, track.first))) for p in proposed]),
        "proposed_size": np.array([STRONG_PX if p.strong else WEAK_PX for p in proposed]),
        "bar_first": np.array([bar[1] for bar in bars]), "bar_last": np.array([bar[2] for bar in bars]),
        "bar_colour": _colours([STRETCHES[bar[0]] for bar in bars]),
        "run_first": np.array([run[0] for run in runs]), "run_last": np.array([run[1] for run in runs]),
        "run_colour": _colours([run[2] for run in runs]),
    }  # fmt: skip


class Joined:
    """The tracks of several rows as one: each column of theirs end to end, and the rows they belong to."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self.tracks = tuple(tracks)
        sets = [_columns(track) for track in tracks]
        columns = {name: np.concatenate([one[name] for one in sets]) for name in sets[0]} if sets else {}
        self.columns = {name: column if column.dtype == bool else column.astype(np.float32)
                        for name, column in columns.items()}  # fmt: skip
        kinds = ("curve_frame", "mark_frame", "point_frame", "proposed_frame", "bar_first", "run_first")
        rows = np.arange(len(sets))
        self.rows = {name[:-6]: np.repeat(rows, [one[name].size for one in sets]) for name in kinds}


@dataclass(frozen=True)
class Geometry:
    """What is drawn, in order: triangles, lines and points (triangles again), each (N, 2) float32 pixels, three or two
    corners to each, with a colour for each corner, (N, 4) float32."""

    triangles: np.ndarray
    triangle_colours: np.ndarray
    lines: np.ndarray
    line_colours: np.ndarray
    points: np.ndarray
    point_colours: np.ndarray


def geometry(joined: Joined, rows: Sequence[Row], view: View) -> Geometry:
    """The tracks of `rows` (those that were joined, in their order) in a view."""
    if not rows:
        return Geometry(*(np.empty((0, size), np.float32) for size in (2, 4) * 3))
    columns, at = joined.columns, joined.rows
    left, right, lane, bottom, top = np.array([box_of(row, view) for row in rows], np.float32).T
    curved = top > bottom
    height = np.maximum(top - bottom, 0)
    strength = np.array([1.0 if row.selected or row.active else 0.72 for row in rows], np.float32)

    def x(frame: np.ndarray) -> np.ndarray:
        return (frame - np.float32(view.frame0)) * np.float32(view.px_per_frame)

    def y(row: np.ndarray, share: np.ndarray) -> np.ndarray:
        return bottom[row] + np.clip(share, 0, 1) * height[row]

    def coloured(colours: np.ndarray | Colour, row: np.ndarray, corners: int) -> np.ndarray:
        out = np.empty((row.size, 4), np.float32)
        out[:] = colours
        out[:, 3] *= strength[row]
        return np.repeat(out, corners, axis=0)

    every = np.flatnonzero(curved)
    solid = [(_rectangles(left[every], right[every], lane[every], top[every]), coloured(BACK, every, 6))]

    row = at["curve"]
    start = np.flatnonzero(columns["curve_goes_on"] & curved[row])
    end, row_of = start + 1, row[start]
    px = x(columns["curve_frame"])
    near, far, middle = (y(row, columns[name]) for name in ("near", "far", "curve_share"))
    band = _quads((px[start], near[start]), (px[end], near[end]), (px[end], far[end]), (px[start], far[start]))
    solid.append((band, coloured(BAND, row_of, 6)))
    curve = _corners(px[start], middle[start], px[end], middle[end])
    curve_colour = coloured(np.where(columns["beyond"][start, None], *_colours([BEYOND, CURVE])), row_of, 2)

    least, row = np.float32(1.5 * view.scale), at["bar"]
    first, last = x(columns["bar_first"]), x(columns["bar_last"])
    gap = np.where(last - first > 6 * least, np.float32(0.5 * view.scale), np.float32(0))
    bars = _rectangles(first + gap, np.maximum(last - gap, first + least), lane[row], bottom[row] - 1)
    solid.append((bars, coloured(columns["bar_colour"], row, 6)))

    row = at["run"]
    first, last, over = x(columns["run_first"]), x(columns["run_last"]), np.maximum(top, bottom)[row]
    runs = _rectangles(first, np.maximum(last, first + least), over - np.float32(2.5 * view.scale), over)
    solid.append((runs, np.repeat(columns["run_colour"], 6, axis=0)))

    row = at["mark"]
    start = np.flatnonzero(columns["mark_goes_on"] & curved[row])
    end = start + 1
    px, py = x(columns["mark_frame"]), y(row, columns["mark_share"])
    lines = [(_corners(px[start], py[start], px[end], py[end]), coloured(MARK, row[start], 2)), (curve, curve_colour)]

    row = at["proposed"]
    which = np.flatnonzero(curved[row])
    row = row[which]
    cx, cy = x(columns["proposed_frame"][which]), y(row, columns["proposed_share"][which])
    leads = _corners(x(columns["proposed_start"][which]), y(row, columns["proposed_from"][which]), cx, cy)
    lines.append((leads, np.repeat(_colours([(*PROPOSED[:3], 0.45)]), 2 * which.size, axis=0)))
    hollow = _hollow(cx, cy, columns["proposed_size"][which] * np.float32(view.scale), np.float32(RIM_PX * view.scale))
    ghosts = hollow, np.repeat(_colours([PROPOSED]), len(hollow), axis=0)

    row, size = at["point"], columns["point_size"]
    which = np.flatnonzero(curved[row] & ((size > SMALL) | (view.px_per_frame > 1.5)))
    row, size = row[which], size[which] * np.float32(view.scale)
    cx, cy = x(columns["point_frame"][which]), y(row, columns["point_share"][which])
    under = _quads(*_around(cx, cy, size + np.float32(1.5 * view.scale))), coloured(OUTLINE, row, 6)
    points = _quads(*_around(cx, cy, size)), coloured(columns["point_colour"][which], row, 6)
    return Geometry(*_joined(solid), *_joined(lines), *_joined((under, points, ghosts)))


def _joined(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    where, colours = zip(*parts, strict=True)
    return np.concatenate(where), np.concatenate(colours)


def _corners(*coordinates: np.ndarray) -> np.ndarray:
    """Corners one after the other, (K N, 2), from columns x, y, x, y, ... of (N,) each."""
    return np.stack(coordinates, 1).reshape(-1, 2)


_Corner = tuple[np.ndarray, np.ndarray]


def _quads(a: _Corner, b: _Corner, c: _Corner, d: _Corner) -> np.ndarray:
    """Two triangles for each four-sided surface, its corners in order around it."""
    return _corners(*a, *b, *c, *a, *c, *d)


def _rectangles(left: np.ndarray, right: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return _quads((left, low), (right, low), (right, high), (left, high))


def _around(x: np.ndarray, y: np.ndarray, size: np.ndarray) -> list[_Corner]:
    """The corners of diamonds."""
    return [(x - size, y), (x, y - size), (x + size, y), (x, y + size)]


def _hollow(x: np.ndarray, y: np.ndarray, size: np.ndarray, rim: np.floating) -> np.ndarray:
    """Diamonds of which only the rim is drawn."""
    outer, inner = _around(x, y, size), _around(x, y, size - 1.4 * rim)
    return np.concatenate([_quads(outer[k - 1], outer[k], inner[k], inner[k - 1]) for k in range(4)])


def _end_to_end(columns: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(columns) if columns else np.empty(0)


def _colours(colours: Sequence[Colour]) -> np.ndarray:
    return np.array(colours, np.float32).reshape(-1, 4)
