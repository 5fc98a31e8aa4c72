# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a focus puller would rack in a shot, read from its depth and its pictures.

`Watch` looks at a shot frame by frame: what stands out of the depth (`subjects`) is followed from one look to the next,
and the pictures tell what moves otherwise than a still world would under this camera. For a small motion of the camera
the picture's flow is linear in its six numbers, given 1/z (Longuet-Higgins and Prazdny, "The interpretation of a moving
retinal image", Proc. R. Soc. Lond. B 208, 1980); what a robust fit of them leaves is the subjects' own.

Focus opens on the nearest clear subject near the middle, and stays there until something changes: another subject
enters, comes nearer, or moves; or the one in focus leaves. A puller has seen the rehearsal: focus arrives with the
subject, so each rack begins before.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from . import pull, subjects

OPENS, ENTERS, NEARER, MOVES, LEAVES = "opens", "enters", "comes nearer", "moves", "leaves"
"""Why focus goes somewhere. `LEAVES` is said of the subject that focus was on."""
STRONG = 0.5
"""Strength from which on a proposal is a strong one."""
_WIDTH = 320
"""Pixels across at which a shot is watched."""
_STEP = 0.06
"""Share of its distance by which another thing is farther or nearer."""
_SAME = 0.04
"""Distances whose logarithms differ less are one focus."""
_ALIKE = 0.16
"""A subject's distance changes less from one look to the next (its logarithm)."""
_LOST_S, _LEAST_S = 0.7, 0.35
"""A subject not seen for so long is gone; one that was seen no longer never was one (seconds)."""
_BEFORE_S = 0.4
"""How long before a subject came the place where it stands is looked at (seconds)."""
_NEW = 0.5
"""Share of its place that was farther before, from which on a subject has come, and was not merely parted or joined."""
_NEARER, _NEARER_RATE = 0.08, 0.025
"""A subject comes nearer that loses this much of its distance (of the logarithm), and as much in a second."""
_SPEED, _WAY = 0.004, 0.005
"""A subject moves that goes as fast (widths of the picture in a second), over as long a way (widths)."""
_THERE = {ENTERS: 0.85, NEARER: 0.7, MOVES: 0.85}
"""Share of a change that is done when focus has to be there."""
_WITHIN_S = 1.0
"""Focus is there no later than this after a subject began to move (seconds)."""
_HOLD_S = 0.5
"""Focus rests as long at least between two racks (seconds)."""
_LEAD_S = 0.2
"""A rack leaves before its change begins (seconds): a puller has seen the rehearsal."""
_SHORTEST, _LONGEST = pull.FEELS["QUICK"].seconds, 1.25 * pull.FEELS["SMOOTH"].seconds
"""Of a rack (seconds): as long as the change itself and its lead, within these."""
_LEAST = 0.12
"""Changes weaker than this are none."""


@dataclass(frozen=True)
class Proposal:
    """A decision that a focus puller might take. frame: when focus is there. distance_m: of its subject then. strength:
    0 to 1. reason: why, in a word or two. length: of the rack in frames, 0 = focus is there from the start. name: the
    mark that it is, or empty. frames, depths_m: how the subject goes on from there, in the clock of `Watch.look`."""

    frame: float
    distance_m: float
    strength: float
    reason: str
    length: float
    name: str = ""
    frames: tuple[float, ...] = ()
    depths_m: tuple[float, ...] = ()

    @property
    def start(self) -> float:
        """The frame on which the rack leaves."""
        return self.frame - self.length

    def mark(self) -> pull.Mark:
        """Where focus goes, and how it stays with what moves on from there."""
        name = self.name or self.reason
        still = not self.frames or max(self.depths_m) / min(self.depths_m) < math.exp(_SAME)
        return pull.Mark(name, self.distance_m) if still else pull.Mark(name, None, self.frames, self.depths_m)


@dataclass
class _Seen:
    """A subject at one look. at: which look. speed: its own motion, widths of the picture a second. person: how much of
    it is a person, 0 to 1. edge: whether the picture's edge cuts it."""

    at: int
    subject: subjects.Subject
    speed: float
    person: float
    edge: bool


@dataclass
class _Track:
    """One subject through the shot. new: share of its place that was farther before it came."""

    seen: list[_Seen]
    mask: np.ndarray
    new: float = 0.0
    name: str = ""
    marked: int = 0
    depths: dict[int, float] = field(default_factory=dict)

    @property
    def first(self) -> int:
        return self.seen[0].at

    @property
    def last(self) -> int:
        return self.seen[-1].at


@dataclass(frozen=True)
class _Change:
    track: _Track
    reason: str
    onset: float
    there: float
    strength: float
    span: float


class Watch:
    """Looks at a shot, and says where focus should go.

    fps: frames a second, of the clock that `look` is told.
    """

    def __init__(self, fps: float) -> None:
        if not (math.isfinite(fps) and fps > 0):
            raise ValueError(f"fps must be above 0, got {fps}")
        self._fps = fps
        self._frames: list[float] = []
        self._tracks: list[_Track] = []
        self._before: deque[tuple[float, np.ndarray]] = deque()
        self._grey: np.ndarray | None = None
        self._camera_m: list[float] = []
        self._opening_m = math.nan
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def look(
        self,
        frame: float,
        picture: np.ndarray,
        depth_m: np.ndarray,
        marked: Sequence[tuple[str, float]] = (),
        people: np.ndarray | None = None,
    ) -> None:
        """Look at one frame. They come in order of time, evenly, a few a second at least.

        picture: (H, W, 3 or 4) float32, scene-linear. depth_m: (H, W) float32, metres, > 0; inf = nothing there.
        marked: name and distance (metres) of the marks on this frame. people: (h, w) float32, 0 to 1, of any size:
        how much each pixel is a person, where something can tell. Raises ValueError for frames out of order.
        """
        if self._frames and frame <= self._frames[-1]:
            raise ValueError(f"frame {frame:g} comes after {self._frames[-1]:g}: frames must rise")
        depth = _small_depth(depth_m)
        if not self._frames and np.isfinite(depth).any():
            self._opening_m = subjects.middle_subject(depth)
        grey = _grey(picture, depth.shape)
        speed, camera_m = self._own_motion(frame, grey, depth)
        person = None if people is None else cv2.resize(people, depth.shape[::-1], interpolation=cv2.INTER_AREA)
        at = len(self._frames)
        self._frames.append(frame)
        self._camera_m.append(camera_m)
        seen_now = [(_seen(at, subject, mask, speed, person), mask) for subject, mask in subjects.outlined(depth)]
        self._join(seen_now)
        for track in self._tracks:
            if track.last == at:
                _name(track, marked)
        self._before.append((frame, depth))
        while self._before[0][0] < frame - 2.5 * _BEFORE_S * self._fps:
            self._before.popleft()
        self._grey = grey

    def proposals(self) -> list[Proposal]:
        """What to do, in order of time: first where focus opens. Empty where no depth was seen."""
        if not self._frames or math.isnan(self._opening_m):
            return []
        tracks = [track for track in self._tracks if self._seconds(track.first, track.last) >= _LEAST_S]
        for track in tracks:
            track.depths = self._steady(track)
        opening = self._opening(tracks)
        changes = sorted(
            (change for track in tracks for change in self._changes(track)), key=lambda change: change.there
        )
        return self._decide(opening, changes, tracks)

    # --- From look to look ---

    def _own_motion(self, frame: float, grey: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, float]:
        """How fast each pixel moves but for the camera, widths a second, and how far the camera went ahead (metres)."""
        if self._grey is None:
            return np.zeros(depth.shape, np.float32), 0.0
        flow = self._flow.calc(self._grey, grey, None)
        seconds = (frame - self._frames[-1]) / self._fps
        rest, still = _but_for_camera(flow, depth)
        before = self._before[-1][1]
        ys, xs = np.nonzero(still & np.isfinite(depth) & (depth < np.nanmedian(depth)))
        old_x = np.clip(np.rint(xs - flow[ys, xs, 0]).astype(int), 0, depth.shape[1] - 1)
        old_y = np.clip(np.rint(ys - flow[ys, xs, 1]).astype(int), 0, depth.shape[0] - 1)
        ahead = before[old_y, old_x] - depth[ys, xs]
        ahead = ahead[np.isfinite(ahead)]
        quiet = np.maximum(rest - 2 * np.median(rest), 0)  # what flow is unsure of is no motion
        return quiet / (depth.shape[1] * seconds), float(np.median(ahead)) if ahead.size else 0.0

    def _join(self, seen_now: list[tuple[_Seen, np.ndarray]]) -> None:
        """Hang what is seen now on what was seen before; what hangs on nothing is new."""
        now = len(self._frames) - 1
        alive = [track for track in self._tracks if self._seconds(track.last, now) <= _LOST_S]
        pairs = [(_likeness(track, seen, mask), t, f)
                 for t, track in enumerate(alive) for f, (seen, mask) in enumerate(seen_now)]  # fmt: skip
        pairs = sorted((pair for pair in pairs if pair[0] > 0), reverse=True)
        followed: set[int] = set()
        taken: set[int] = set()
        for shared in (False, True):  # at last what has joined another, and what has parted from one
            for _, t, f in pairs:
                if t not in followed and (shared or f not in taken):
                    self._go_on(alive[t], *seen_now[f])
                    followed.add(t)
                    taken.add(f)
        taken.update(f for _, _, f in pairs)
        for f, (seen, mask) in enumerate(seen_now):
            if f not in taken:
                self._tracks.append(_Track([seen], mask, self._newness(seen, mask)))

    def _go_on(self, track: _Track, seen: _Seen, mask: np.ndarray) -> None:
        track.seen.append(seen)
        track.mask = mask
        if self._seconds(track.first, seen.at) <= _BEFORE_S:
            track.new = max(track.new, self._newness(seen, mask, track.first))

    def _newness(self, seen: _Seen, mask: np.ndarray, first: int | None = None) -> float:
        """Share of a subject's place that was farther some time before it was seen first."""
        until = self._frames[seen.at if first is None else first] - _BEFORE_S * self._fps
        older = [depth for frame, depth in self._before if frame <= until]
        if not older:
            older = [self._before[0][1]] if self._before and self._before[0][0] < self._frames[seen.at] else []
        if not older:
            return 0.0
        was = older[-1][mask]
        return float((~np.isfinite(was) | (was > seen.subject.distance_m * math.exp(_STEP))).mean())

    def _seconds(self, first: int, last: int) -> float:
        return (self._frames[last] - self._frames[first]) / self._fps

    # --- From looks to changes ---

    def _steady(self, track: _Track) -> dict[int, float]:
        """A subject's distance at each look, metres, without what jumps for a moment."""
        looks = np.array([seen.at for seen in track.seen])
        logs = np.log([seen.subject.distance_m for seen in track.seen])
        reach = max(1, round(0.25 * self._fps / self._tick()))
        quiet = [float(np.median(logs[max(i - reach, 0) : i + reach + 1])) for i in range(len(logs))]
        smooth = [float(np.mean(quiet[max(i - reach, 0) : i + reach + 1])) for i in range(len(quiet))]
        return {int(look): math.exp(value) for look, value in zip(looks, smooth, strict=True)}

    def _tick(self) -> float:
        return float(np.median(np.diff(self._frames))) if len(self._frames) > 1 else 1.0

    def _opening(self, tracks: list[_Track]) -> _Track | None:
        """The subject that focus opens on: the nearest one near the middle, a marked one first."""
        early = [track for track in tracks if track.first == 0]
        named = [track for track in early if track.name]
        if named:
            return min(named, key=lambda track: track.seen[0].subject.distance_m)
        return min(early, key=lambda track: abs(math.log(track.seen[0].subject.distance_m / self._opening_m)),
                   default=None)  # fmt: skip

    def _changes(self, track: _Track) -> list[_Change]:
        """What happens to a subject; of what happens at once the strongest, the others make it stronger."""
        changes = [change for change in (self._entrance(track), self._approach(track), *self._moves(track)) if change]
        kept: list[_Change] = []
        for change in sorted(changes, key=lambda change: (change.reason != ENTERS, -change.strength)):
            same = next((k for k, other in enumerate(kept) if self._at_once(change, other)), None)
            if same is None:
                kept.append(change)
            else:
                other = kept[same]
                kept[same] = replace(other, strength=1 - (1 - other.strength) * (1 - change.strength))
        return [change for change in kept if change.strength >= _LEAST]

    def _at_once(self, one: _Change, other: _Change) -> bool:
        near = _HOLD_S * self._fps
        return one.onset <= other.there + near and other.onset <= one.there + near

    def _weight(self, track: _Track) -> float:
        """How much a subject counts: its size, how near the middle it comes, a person, a mark. 0 to 1."""
        area = float(np.percentile([seen.subject.area for seen in track.seen], 80))
        off_middle = min(seen.subject.off_middle for seen in track.seen)
        clear = float(np.median([seen.subject.clear for seen in track.seen]))
        size = (1 - math.exp(-area / 0.015)) * min(1.0, (clear - 0.3) / 0.25)
        central = 1.0 if off_middle < 0.3 else math.exp(-(((off_middle - 0.3) / 0.25) ** 2))
        person = max(seen.person for seen in track.seen)
        weight = size * (0.35 + 0.65 * central)
        weight = 1 - (1 - weight) * (1 - 0.6 * person)
        return 1 - (1 - weight) * (0.4 if track.name else 1.0)

    def _entrance(self, track: _Track) -> _Change | None:
        if track.new < _NEW or self._seconds(0, track.first) < 0.5 * _LEAST_S:
            return None
        early = [seen for seen in track.seen if self._seconds(track.first, seen.at) <= 2.0]
        full = float(np.percentile([seen.subject.area for seen in early], 80))
        there_at = next(seen.at for seen in early if seen.subject.area >= _THERE[ENTERS] * full)
        onset = self._frames[track.first]
        moved = min(max(seen.speed for seen in early) / (5 * _SPEED), 1.0)
        came_in = track.seen[0].edge and track.seen[0].subject.area < 0.6 * full
        if not came_in and moved < 0.5:
            return None  # the depth has changed its mind
        of_its_own = 0.5 + 0.5 * moved  # else it is the camera that turned to it
        strength = of_its_own * (0.45 + 0.55 * self._weight(track))
        return _Change(track, ENTERS, onset, self._frames[there_at], strength, self._frames[there_at] - onset)

    def _approach(self, track: _Track) -> _Change | None:
        """The longest way that a subject comes nearer, but for the camera's own."""
        looks = sorted(track.depths)
        metres = [track.depths[look] for look in looks]
        ahead = np.cumsum(self._camera_m)
        logs = np.log(np.maximum(np.array(metres) + ahead[looks] - ahead[looks[0]], 1e-3))
        best, start = (0.0, 0, 0), 0
        for i, value in enumerate(logs):
            if value > logs[start]:
                start = i
            best = max(best, (float(logs[start] - value), start, i))
        drop, start_at, end_at = best
        seconds = self._seconds(looks[start_at], looks[end_at])
        if drop < _NEARER or seconds <= 0 or drop / seconds < _NEARER_RATE:
            return None
        way = track.seen[start_at : end_at + 1]
        if not _grows(way, logs[start_at : end_at + 1]) and np.mean([seen.speed >= _SPEED for seen in way]) < 0.3:
            return None  # only its depth has changed
        share = (logs[start_at] - logs[start_at : end_at + 1]) / drop
        onset, there = (self._frames[looks[start_at + int(np.argmax(share >= part))]] for part in (0.1, _THERE[NEARER]))
        strength = (1 - math.exp(-drop / 0.12)) * (0.35 + 0.65 * self._weight(track))
        return _Change(track, NEARER, onset, there, strength, there - onset)

    def _moves(self, track: _Track) -> list[_Change]:
        """Each time that a subject begins to move."""
        speeds = np.array([seen.speed for seen in track.seen])
        speeds = np.array([np.median(speeds[max(i - 1, 0) : i + 2]) for i in range(speeds.size)])
        times = np.array([self._frames[seen.at] for seen in track.seen])
        changes = []
        for start, end in _runs(speeds >= _SPEED, times, 0.4 * self._fps):
            way = np.cumsum(speeds[start : end + 1]) * self._tick() / self._fps
            if way[-1] < _WAY or (times[end] - times[start]) / self._fps < 0.25:
                continue
            there = min(float(times[start + int(np.argmax(way >= _THERE[MOVES] * way[-1]))]),
                        float(times[start]) + _WITHIN_S * self._fps)  # fmt: skip
            strength = (1 - math.exp(-way[-1] / 0.015)) * (0.25 + 0.75 * self._weight(track))
            already = start == 0 and track.first == 0
            strength *= 0.6 if already else 1.0  # it does not begin to: it did before the shot
            changes.append(_Change(track, MOVES, float(times[start]), there, strength, there - float(times[start])))
        return changes

    # --- From changes to decisions ---

    def _decide(self, opening: _Track | None, changes: list[_Change], tracks: list[_Track]) -> list[Proposal]:
        first, last = self._frames[0], self._frames[-1]
        focus_m = self._opening_m if opening is None else self._metres(opening, first)
        decided = [(Proposal(first, focus_m, 1.0, OPENS, 0.0, opening.name if opening else ""), opening)]
        waiting = list(changes)
        while True:
            latest, held = decided[-1]
            gone = self._departure(held)
            change = next((each for each in waiting if each.there > latest.frame), None)
            if gone is not None and gone > latest.frame and (change is None or gone < self._start(change)):
                left = self._who_is_left(tracks, held, gone)
                if left is None or self._is_same(left, held, gone):
                    decided[-1] = latest, left
                    continue
                length = float(round(_SHORTEST * self._fps))
                there = min(gone + length, last)
                decided.append((Proposal(there, self._metres(left, there), 0.4 + 0.4 * self._weight(left), LEAVES,
                                      length, left.name), left))  # fmt: skip
                continue
            if change is None:
                break
            waiting = waiting[waiting.index(change) + 1 :]
            if change.track is held or self._is_same(change.track, held, change.there):
                continue
            proposal = self._proposal(change)
            if proposal.start - latest.frame < _HOLD_S * self._fps:
                if not latest.length:
                    proposal = replace(
                        proposal,
                        length=min(proposal.length, max(proposal.frame - latest.frame - 0.25 * self._fps, 2.0)),
                    )
                elif proposal.strength <= latest.strength:
                    continue
                else:
                    decided.pop()
                    if decided[-1][1] is change.track:
                        continue
            decided.append((proposal, change.track))
        following = [*(proposal.start for proposal, _ in decided[1:]), last]
        return [
            self._followed(proposal, track, until) for (proposal, track), until in zip(decided, following, strict=True)
        ]

    def _start(self, change: _Change) -> float:
        return change.there - self._length(change)

    def _length(self, change: _Change) -> float:
        length = min(max(change.span + _LEAD_S * self._fps, _SHORTEST * self._fps), _LONGEST * self._fps)
        return float(round(min(length, max(change.there - self._frames[0], 1.0))))

    def _proposal(self, change: _Change) -> Proposal:
        metres = self._metres(change.track, change.there)
        return Proposal(change.there, metres, change.strength, change.reason, self._length(change), change.track.name)

    def _is_same(self, track: _Track, held: _Track | None, frame: float) -> bool:
        here = self._opening_m if held is None else self._metres(held, frame)
        return abs(math.log(self._metres(track, frame) / here)) < _SAME

    def _metres(self, track: _Track, frame: float) -> float:
        looks = sorted(track.depths)
        times = [self._frames[look] for look in looks]
        return float(1 / np.interp(frame, times, [1 / track.depths[look] for look in looks]))

    def _departure(self, track: _Track | None) -> float | None:
        """The frame on which a subject was seen last, where that is before the end."""
        if track is None or self._seconds(track.last, len(self._frames) - 1) <= _LOST_S:
            return None
        return self._frames[track.last]

    def _who_is_left(self, tracks: list[_Track], gone: _Track | None, frame: float) -> _Track | None:
        shown = [
            track
            for track in tracks
            if track is not gone and self._frames[track.first] <= frame < self._frames[track.last]
        ]
        return max(shown, key=lambda track: self._weight(track) / self._metres(track, frame) ** 0.25, default=None)

    def _followed(self, proposal: Proposal, track: _Track | None, until: float) -> Proposal:
        """A proposal with what its subject does until focus leaves it."""
        if track is None:
            return proposal
        rows = [(self._frames[at], metres) for at, metres in sorted(track.depths.items())
                if proposal.frame <= self._frames[at] <= until]  # fmt: skip
        return replace(proposal, frames=tuple(row[0] for row in rows), depths_m=tuple(row[1] for row in rows))


def _small_depth(depth_m: np.ndarray) -> np.ndarray:
    """(h, w) float32 metres, about 320 across and quieter; inf = nothing there."""
    depth = np.asarray(depth_m)
    if depth.ndim != 2:
        raise ValueError(f"depth_m must be (H, W), got {depth.shape}")
    nearness = np.where(np.isfinite(depth) & (depth > 0), 1 / np.maximum(depth, 1e-6), 0).astype(np.float32)
    if depth.shape[1] > _WIDTH:
        size = (_WIDTH, max(8, round(depth.shape[0] * _WIDTH / depth.shape[1])))
        nearness = cv2.resize(nearness, size, interpolation=cv2.INTER_AREA)
    nearness = cv2.medianBlur(nearness, 5)
    return np.where(nearness > 1e-6, 1 / np.maximum(nearness, 1e-6), np.inf).astype(np.float32)


def _grey(picture: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(h, w) uint8 of a scene-linear picture, its light through a gamma of 2."""
    light = np.asarray(picture)[..., :3] @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    small = cv2.resize(np.nan_to_num(light).astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA)
    return np.rint(np.sqrt(np.clip(small, 0, 1)) * 255).astype(np.uint8)


def _but_for_camera(flow: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is left of a flow, in pixels, (h, w) float32, and where the world stands still, once the camera's motion is
    taken away."""
    height, width = depth.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = (x - width / 2) / width, (y - height / 2) / width
    near = np.where(np.isfinite(depth), 1 / np.maximum(depth, 1e-6), 0).astype(np.float32)
    near = near / max(float(np.median(near)), 1e-6)
    zeros, ones = np.zeros_like(x), np.ones_like(x)
    columns_u = np.stack([near, zeros, x * near, x * y, 1.5 * ones + x * x, y], -1)
    columns_v = np.stack([zeros, near, y * near, 1.5 * ones + y * y, x * y, -x], -1)
    step = (slice(None, None, 3), slice(None, None, 3))
    rows = np.concatenate([columns_u[step].reshape(-1, 6), columns_v[step].reshape(-1, 6)]).astype(np.float64)
    wanted = np.concatenate([flow[step][..., 0].ravel(), flow[step][..., 1].ravel()]).astype(np.float64)
    motion = np.zeros(6)
    for _ in range(8):  # the still world is what most of the picture agrees on; a camera at rest is the first guess
        rest = np.abs(wanted - rows @ motion)
        scaled = rows / (1 + (rest / max(1.5 * float(np.median(rest)), 0.05)) ** 2)[:, None]
        motion = np.linalg.lstsq(scaled.T @ rows + 1e-6 * np.eye(6), scaled.T @ wanted, rcond=None)[0]
    left = np.hypot(flow[..., 0] - columns_u @ motion, flow[..., 1] - columns_v @ motion).astype(np.float32)
    return left, left < max(3 * float(np.median(left)), 0.15)


def _seen(at: int, subject: subjects.Subject, mask: np.ndarray, speed: np.ndarray, people: np.ndarray | None) -> _Seen:
    edge = bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())
    person = float(people[mask].mean()) if people is not None else 0.0
    return _Seen(at, subject, float(np.percentile(speed[mask], 70)), person, edge)


def _likeness(track: _Track, seen: _Seen, mask: np.ndarray) -> float:
    """How well what is seen is a subject that was seen before; 0 = it is not."""
    before = track.seen[-1].subject
    apart = abs(math.log(seen.subject.distance_m / before.distance_m))
    if apart > _ALIKE:
        return 0.0
    common = np.count_nonzero(track.mask & mask) / min(np.count_nonzero(track.mask), np.count_nonzero(mask))
    way = math.hypot(seen.subject.x - before.x, seen.subject.y - before.y)
    near = 0.3 if way < 0.6 * math.sqrt(before.area) else 0.0
    likeness = max(common, near)
    return likeness * (1 - apart / _ALIKE) if likeness >= 0.2 else 0.0


def _grows(way: Sequence[_Seen], logs: np.ndarray) -> bool:
    """Whether a subject grows in the picture as it comes nearer: as the square, where the picture's edge cuts nothing
    off. logs: of its distances."""
    areas = np.log([seen.subject.area for seen in way])
    if len(way) < 3 or areas[-1] - areas[0] < 0.8 * (logs[0] - logs[-1]) or areas.std() == 0:
        return False
    return float(np.corrcoef(areas, -logs)[0, 1]) >= 0.7


def _name(track: _Track, marked: Sequence[tuple[str, float]]) -> None:
    """Remember which mark a subject is: the one at whose distance it was seen, mostly."""
    metres = track.seen[-1].subject.distance_m
    near = [(abs(math.log(metres / distance)), name) for name, distance in marked if 0 < distance < math.inf]
    if not near or min(near)[0] > _STEP:
        return
    track.marked += 1
    if 2 * track.marked >= len(track.seen):
        track.name = min(near)[1]


def _runs(is_on: np.ndarray, times: np.ndarray, gap: float) -> list[tuple[int, int]]:
    """First and last indices of the stretches that are on; those with less than a gap between are one."""
    runs: list[tuple[int, int]] = []
    for i in np.flatnonzero(is_on):
        if runs and times[i] - times[runs[-1][1]] <= gap:
            runs[-1] = runs[-1][0], int(i)
        else:
            runs.append((int(i), int(i)))
    return runs
