# SPDX-License-Identifier: GPL-3.0-or-later
"""What the focus track shows of a strip: the curve in dioptres, decisions, marks, what is sharp, baked or wrong.

A `Track` is plain data, made from a strip once and kept until something of it changes. Whether it did is looked up only
after an edit (`signals.edits`), and never for longer than a redraw may take: what is not looked up yet is drawn as it
was, and its turn comes with the next redraw.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import bpy
import numpy as np

from ...craft import decisions, pull
from ...craft.focus_curve import FARTHEST_M, INTERPOLATIONS, NEAREST_M, Key, outline
from ...craft.follow import STRONG
from ...frame import Lens, depth_of_field_m, inputs
from ..blender import cache, curves, errors, signals
from ..blender.errors import FrameError
from ..blender.session import session
from ..sequencer import baked_strips, standing
from ..shot import clock, focus_keys, group, marks, modifier, proposals
from ..shot.focus import Focus
from . import follow
from .pull import width_px

BUDGET_S = 0.001
"""Longest time that one redraw spends on looking what has changed (seconds)."""
SAMPLES = 48
"""Frames at which what can only be asked for frame by frame is asked for: tracked marks, an animated lens."""
_Moving = dict[str, bpy.types.FCurve]
_LENS = (
    *("F-Stop", "Focal Length", "Sensor Width", "Near Strength", "Far Strength", "In-Focus Range", "Max Blur"),
    "Focus Distance",
)


@dataclass(frozen=True)
class Point:
    """A key. kind: its role (`focus_curve.Key.role`)."""

    frame: float
    dioptre: float
    kind: str
    selected: bool


@dataclass(frozen=True)
class Stretch:
    """A decision (`craft.decisions`): kind, and its first and last frame."""

    kind: str
    first: float
    last: float


@dataclass(frozen=True)
class Proposed:
    """A proposal of Follow the Shot. start, frame: the rack's frames; strong: whether much speaks for it; words: it, in
    words."""

    start: float
    frame: float
    dioptre: float
    strong: bool
    words: str


@dataclass(frozen=True)
class MarkLine:
    """A mark along the strip. frames, dioptres: (N,) float64, rising in time; two frames for a fixed distance."""

    name: str
    frames: np.ndarray
    dioptres: np.ndarray


@dataclass(frozen=True, eq=False)
class Track:
    """A strip's focus over its frames. Frames are those of its scene, distances dioptres (1/m, 0 = infinity).

    strip: its name. first, last: frames it shows on. frames, dioptres: the curve, (N,) float64, rising in time. near_d,
    far_d: what is sharp at each of them, near_d >= dioptres >= far_d. beyond: (N,) bool, nearer than the lens focuses.
    low_d, high_d: ends of the scale. baked: (first, last) frames that have a baked file; stale: those of them that are
    no longer right; kept: frames that are in the cache. problem: what is wrong now,
    empty when all is well. failed: frames that could not be rendered. proposed: what is no key yet, in the order in
    which the strip has it.
    """

    strip: str
    first: int
    last: int
    frames: np.ndarray
    dioptres: np.ndarray
    near_d: np.ndarray
    far_d: np.ndarray
    beyond: np.ndarray
    points: tuple[Point, ...]
    stretches: tuple[Stretch, ...]
    marks: tuple[MarkLine, ...]
    low_d: float
    high_d: float
    baked: tuple[tuple[int, int], ...]
    problem: str
    failed: tuple[float, ...]
    proposed: tuple[Proposed, ...] = ()
    stale: tuple[tuple[int, int], ...] = ()
    kept: tuple[tuple[int, int], ...] = ()

    def share(self, dioptre: Any) -> Any:
        """How far up distances lie, a number or an array: 0 at the bottom (near) to 1 at the top (far)."""
        return (self.high_d - dioptre) / (self.high_d - self.low_d)

    def dioptre(self, share: float) -> float:
        """Inverse of `share`, never past infinity."""
        return max(self.high_d - share * (self.high_d - self.low_d), 0.0)

    def dioptre_at(self, frame: float) -> float:
        """The focus at a frame, in dioptres."""
        return float(np.interp(frame, self.frames, self.dioptres))

    def focus_m(self, frame: float) -> float:
        """The focus at a frame, in metres."""
        return 1 / max(self.dioptre_at(frame), 1 / FARTHEST_M)


def of_strip(strip: bpy.types.Strip) -> Track:
    """A strip's track, made anew. Raises ValueError for a strip without a Rack Focus modifier."""
    focus, rack_modifier = Focus(strip), modifier.find(strip)
    first, last = marks.span(strip)
    keys = focus.keys(math.inf, -math.inf)
    frames, dioptres = _curve(focus, keys, first, last)
    near_d, far_d = _sharp(strip, rack_modifier, frames, dioptres)
    lines = tuple(_mark_lines(strip, first, last))
    proposed = tuple(
        Proposed(each.start, each.frame, 1 / each.distance_m, each.strength >= STRONG, follow.told(each))
        for each in proposals.read(strip)
    )
    low_d, high_d = _scale(dioptres, [*(line.dioptres for line in lines), [proposal.dioptre for proposal in proposed]])
    stands = standing.of(strip.id_data, strip)
    curve = focus.curve
    chosen = {p.co.x for p in curve.keyframe_points if p.select_control_point} if curve is not None else set()
    return Track(
        strip=strip.name,
        first=first,
        last=last,
        frames=frames,
        dioptres=dioptres,
        near_d=near_d,
        far_d=far_d,
        beyond=dioptres * focus.nearest_m() >= 1 - 1e-6,
        points=tuple(Point(key.frame, 1 / key.focus_m, key.role, key.frame in chosen) for key in keys),
        stretches=tuple(
            Stretch(decision.kind, keys[decision.first].frame, keys[decision.last].frame)
            for decision in decisions.decisions(keys)
        ),
        marks=lines,
        low_d=low_d,
        high_d=high_d,
        baked=tuple(_baked(strip, rack_modifier, first, last)),
        problem=errors.of(strip.id_data.session_uid, strip.name),
        failed=tuple(errors.failed_frames(strip.id_data.session_uid, strip.name)),
        proposed=proposed,
        stale=stands.stale,
        kept=stands.kept,
    )


def _curve(focus: Focus, keys: Sequence[Key], first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """The curve from a strip's first frame to the end of its last one."""
    ends = np.array([first, last + 1.0])
    curve = focus.curve
    if curve is None:
        return ends, np.full(2, 1 / max(focus.at_m(), NEAREST_M))
    ours = keys and not curve.modifiers and all(p.interpolation in INTERPOLATIONS for p in curve.keyframe_points)
    if ours:
        frames, dioptres = outline(keys)
    else:  # what only Blender can evaluate
        frames = np.unique(np.concatenate([np.linspace(first, last + 1, 4 * SAMPLES), [k.frame for k in keys]]))
        dioptres = np.array([1 / focus.at_m(frame) for frame in frames])
    at_ends = np.interp(ends, frames, dioptres)
    inside = (frames > first) & (frames < last + 1)
    return (
        np.concatenate([ends[:1], frames[inside], ends[1:]]),
        np.concatenate([at_ends[:1], dioptres[inside], at_ends[1:]]),
    )


def _sharp(
    strip: bpy.types.Strip, rack_modifier: bpy.types.StripModifier, frames: np.ndarray, dioptres: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Near and far limit of what is sharp, in dioptres; the focus alone where its lens is none."""
    wide = width_px(strip)
    steady = modifier.values(strip, rack_modifier, strip.id_data)
    moving = _is_lens_animated(strip, rack_modifier)
    near_d, far_d = dioptres.copy(), dioptres.copy()
    known: dict[tuple[float, int], tuple[float, float]] = {}
    for i, (frame, dioptre) in enumerate(zip(frames, dioptres, strict=True)):
        key = round(float(dioptre), 4), round(frame) if moving else 0
        if key not in known:
            values = modifier.values(strip, rack_modifier, strip.id_data, frame) if moving else steady
            known[key] = _limits(values, 1 / float(dioptre), wide) or (float(dioptre), float(dioptre))
        near_d[i], far_d[i] = known[key]
    return near_d, far_d


def _limits(values: dict[str, float], focus_m: float, wide: int) -> tuple[float, float] | None:
    try:
        lens: Lens = replace(inputs.lens_of({**values, "Focus Distance": FARTHEST_M}), focus_m=focus_m)
    except ValueError:
        return None  # said in the panel
    near_m, far_m = depth_of_field_m(lens, wide)
    return 1 / max(near_m, NEAREST_M), 1 / far_m


def _is_lens_animated(strip: bpy.types.Strip, rack_modifier: bpy.types.StripModifier) -> bool:
    moving, ids = _curves_of(strip.id_data), group.socket_ids(rack_modifier.node_group)
    return any(focus_keys.path_of(rack_modifier, ids[name]) in moving for name in _LENS[:-1] if name in ids)


def _mark_lines(strip: bpy.types.Strip, first: int, last: int) -> Iterable[MarkLine]:
    ends = np.array([first, last + 1.0])
    at = np.unique(np.linspace(first, last, min(SAMPLES, last - first + 1)).round()).astype(int)
    for mark in marks.of(strip):
        if mark.kind == "DISTANCE":
            yield MarkLine(mark.name, ends, np.full(2, 1 / mark.distance_m))
            continue
        try:
            tracked = marks.for_pull(strip, mark, at.tolist())
            metres = np.array([pull.mark_distance_m(tracked, frame) for frame in at])
        except (ValueError, FrameError):
            continue  # not tracked yet, or its file is gone: said in the panel
        yield MarkLine(mark.name, at.astype(float), 1 / np.maximum(metres, NEAREST_M))


def _scale(dioptres: np.ndarray, others: Sequence[Sequence[float] | np.ndarray]) -> tuple[float, float]:
    """Ends of the scale: focus, marks and proposals, and some air."""
    everything = np.concatenate([dioptres, *others])
    low, high = float(everything.min()), float(everything.max())
    air = max(0.15 * (high - low), 0.1 * high, 0.01)
    return max(low - air, 0.0), high + air


def _baked(
    strip: bpy.types.Strip, rack_modifier: bpy.types.StripModifier, first: int, last: int
) -> Iterable[tuple[int, int]]:
    """Runs of frames that have a baked file."""
    place = baked_strips.place_of(rack_modifier)
    if place is None or not os.path.isdir(place.folder):
        return
    offset = math.floor(strip.content_start) - baked_strips.FIRST
    names = (os.path.splitext(name)[0] for name in os.listdir(place.folder))
    there = sorted({int(name) + offset for name in names if name.isdigit()})
    yield from standing.runs(frame for frame in there if first <= frame <= last)


# --- Kept until something changes -------------------------------------------------------------------------------------


def _curves_of(scene: bpy.types.Scene) -> dict[str, bpy.types.FCurve]:
    """A scene's F-curves by data path: looked up once for all its strips."""
    return {curve.data_path: curve for curve in curves.of_action(scene)}


@dataclass
class _Entry:
    """track: None where the strip has no modifier. looked: the count of edits at which it was looked at last."""

    print: tuple
    track: Track | None
    looked: int


class Tracks:
    """All tracks that were asked for, by scene and strip."""

    def __init__(self) -> None:
        self._entries: dict[tuple[int, str], _Entry] = {}
        self._ids: dict[int, dict[str, str]] = {}
        self.is_behind = False

    def of(self, scene: bpy.types.Scene, strips: Iterable[bpy.types.Strip], budget_s: float = BUDGET_S) -> list[Track]:
        """The tracks of those strips that have one. `is_behind` tells whether some are still to be looked at."""
        until, moving = time.perf_counter() + budget_s, None
        edits = signals.edits() + standing.changes() + cache.writes()
        self.is_behind = False
        uid, tracks = scene.session_uid, []
        for strip in strips:
            key = uid, strip.name
            entry = self._entries.get(key)
            if entry is None or entry.looked != edits:
                if time.perf_counter() < until:
                    moving = _curves_of(scene) if moving is None else moving
                    entry = self._look(key, strip, moving, edits)
                else:
                    self.is_behind = True
            if entry is not None and entry.track is not None:
                tracks.append(entry.track)
        return tracks

    def _look(self, key: tuple[int, str], strip: bpy.types.Strip, moving: _Moving, edits: int) -> _Entry:
        entry, now = self._entries.get(key), self._print(strip, moving)
        if entry is None or entry.print != now:
            entry = self._entries[key] = _Entry(now, of_strip(strip) if now else None, edits)
        entry.looked = edits
        return entry

    def _print(self, strip: bpy.types.Strip, moving: _Moving) -> tuple:
        """What a track is made of, cheap to look at; empty for a strip that has none."""
        rack_modifier = modifier.find(strip)
        if rack_modifier is None:
            return ()
        ids = self._ids_of(rack_modifier.node_group)
        base, given = f"{rack_modifier.path_from_id()}.properties.inputs.", rack_modifier.properties.inputs
        sockets = [ids[name] for name in _LENS if name in ids]  # a group of an earlier version may have fewer
        curve_of = {socket: moving.get(f"{base}{socket}.value") for socket in sockets}
        place = baked_strips.place_of(rack_modifier)
        uid = strip.id_data.session_uid
        return (
            marks.span(strip),
            strip.content_start,
            tuple(getattr(given, socket).value if curve is None else _raw(curve) for socket, curve in curve_of.items()),
            tuple((m.name, m.kind, m.distance_m, hash(m.track)) for m in marks.of(strip)),
            tuple((p.at, p.length, p.distance_m, p.strength, p.reason, p.name) for p in proposals.of(strip)),
            repr(clock.signature(strip)) if len(proposals.of(strip)) else "",
            _changed_at(place.folder) if place is not None else 0,
            errors.of(uid, strip.name),
            tuple(errors.failed_frames(uid, strip.name)),
            width_px(strip),
            standing.of(strip.id_data, strip),
        )

    def _ids_of(self, tree: bpy.types.NodeTree) -> dict[str, str]:
        ids = self._ids.get(tree.session_uid)
        if ids is None:
            ids = self._ids[tree.session_uid] = group.socket_ids(tree)
        return ids


def tracks() -> Tracks:
    """The tracks of this session."""
    return session.part(Tracks)


def _raw(curve: bpy.types.FCurve) -> tuple:
    points = curve.keyframe_points
    numbers, kinds = np.empty(2 * len(points), np.float32), np.empty(len(points), np.int32)
    chosen = np.empty(len(points), bool)
    out: list[object] = [curve.mute, len(curve.modifiers)]
    for name in ("co", "handle_left", "handle_right"):
        points.foreach_get(name, numbers)
        out.append(numbers.tobytes())
    for name in ("interpolation", "type"):
        points.foreach_get(name, kinds)
        out.append(kinds.tobytes())
    points.foreach_get("select_control_point", chosen)
    out.append(chosen.tobytes())
    out += [value for changing in curve.modifiers for value in (changing.type, changing.mute, changing.influence)]
    return tuple(out)


def _changed_at(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0
