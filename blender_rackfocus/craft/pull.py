# SPDX-License-Identifier: GPL-3.0-or-later
"""A focus puller's hand: feels, marks, and racks that join what is already keyed.

Every rack is a handful of ordinary keys in metres (`focus_curve.Key`); the curve between them is read in dioptres, as a
lens barrel turns (see focus_curve for why). A feel only says how the way is spread over time: with handles that lie
flat and reach a share h of the duration into it from either side, the eased share of the dioptres is a cubic Bezier
whose middle runs at 1 / (1 - h) of the average speed; h = 1/3 is the smoothstep 3t^2 - 2t^3.

Durations are those of hands, not of machines: Elkins, "The Camera Assistant's Manual", and every set, call a quarter of
a second a snap and anything above two seconds slow. They are seconds here, so that a snap is 6 frames at 24 fps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from .distances import distance_text
from .focus_curve import (
    FOLLOWED,
    HAND,
    NEAREST_M,
    RACK,
    WITHIN,
    Key,
    fit,
    focus_at,
    neighbours,
    sort_keys,
    split,
    value_at,
)

INFINITY_M = 1000.0
"""Key value for "infinity", metres: beyond any lens's hyperfocal distance, small enough for a graph and float32."""
LEAD_FRAMES = 6
"""Frames a hand needs at least from one focus to another: what is left of older pulls nearer than this to a new one is
dropped, because leading there would be a jolt."""
SAME_FOCUS = 1e-4
"""Two distances whose ratio is this close to 1 are one focus."""


@dataclass(frozen=True)
class Feel:
    """How a pull spends its time. seconds: usual length. ease: flat handles' reach, as a share of the length.

    stops: (share of time, share of dioptres) of every key; shares of dioptres above 1 overshoot.
    """

    seconds: float
    explanation: str
    ease: float = 1 / 3
    stops: tuple[tuple[float, float], ...] = ((0.0, 0.0), (1.0, 1.0))


FEELS: dict[str, Feel] = {
    "SNAP": Feel(0.25, "A jolt: about 6 frames, hardly eased", ease=0.2),
    "QUICK": Feel(0.5, "Decided, half a second"),
    "SMOOTH": Feel(1.0, "Even, eased in and out, one second"),
    "SLOW": Feel(3.0, "Drifts over, three seconds, barely noticed", ease=0.3),
    "HESITANT": Feel(2.0, "Starts, waits, then goes", stops=((0.0, 0.0), (0.25, 0.22), (0.55, 0.22), (1.0, 1.0))),
    "SETTLE": Feel(
        1.25,
        "A human hand: slips a little past the mark, then rests on it",
        stops=((0.0, 0.0), (0.68, 1.05), (1.0, 1.0)),
    ),
    "EVEN": Feel(1.0, "A motor: the same dioptres on every frame, not eased at all", ease=0.0),
}


def default_duration(feel: str, fps: float = 24.0) -> int:
    """Usual length of a feel in whole frames, at least 2."""
    return max(2, round(_feel(feel).seconds * _positive(fps, "fps")))


def rack_keys(
    frame: float,
    from_m: float,
    to_m: float,
    feel: str = "SMOOTH",
    duration: float | None = None,
    fps: float = 24.0,
    nearest_m: float = NEAREST_M,
) -> list[Key]:
    """Keys of one pull: leaves from_m at `frame`, rests on to_m at `frame + duration`.

    from_m, to_m: metres, > 0; inf (and anything beyond `INFINITY_M`) is keyed as `INFINITY_M`. duration: frames, > 0;
    None takes the feel's own. nearest_m: where the barrel stops; no overshoot passes it, nor infinity: near a stop a
    hand cannot slip past the mark, so there the overshoot shrinks to half of what is left.
    """
    shape = _feel(feel)
    length = float(default_duration(feel, fps)) if duration is None else _positive(duration, "duration")
    start, end = 1 / _distance(from_m, "from_m"), 1 / _distance(to_m, "to_m")
    times = [frame + share * length for share, _ in shape.stops]
    whole = [float(round(t)) for t in times[1:-1]]
    inner = [times[0], *whole, times[-1]]
    if all(b > a for a, b in pairwise(inner)):
        times = inner  # whole frames are easier to edit, where they fit
    dioptres = [start + (end - start) * share for _, share in shape.stops]
    dioptres = [_within_stops(d, end, nearest_m) for d in dioptres]
    values = [1 / d for d in dioptres]
    values[0], values[-1] = _distance(from_m, "from_m"), _distance(to_m, "to_m")
    keys = flat_keys(times, values, shape.ease)
    return [replace(key, role=RACK if i in (0, len(keys) - 1) else WITHIN) for i, key in enumerate(keys)]


def flat_keys(frames: Sequence[float], focus_m: Sequence[float], ease: float = 1 / 3) -> list[Key]:
    """Keys that come to rest on every value: flat handles reaching `ease` of each gap; ease 0 = straight lines."""
    keys = []
    for i, (frame, value) in enumerate(zip(frames, focus_m, strict=True)):
        before = frame - frames[i - 1] if i else 0.0
        after = frames[i + 1] - frame if i + 1 < len(frames) else 0.0
        before, after = before or after, after or before
        if ease == 0:
            last = i + 1 == len(frames)
            keys.append(Key(frame, value, "BEZIER" if last else "LINEAR"))
        else:
            keys.append(
                Key(
                    frame,
                    value,
                    left=(frame - ease * before, value),
                    right=(frame + ease * after, value),
                    handle_type="ALIGNED",
                )
            )
    return keys


@dataclass(frozen=True)
class Joined:
    """A curve with a rack put in. keys: the whole new curve. removed: frames whose keys went. notes: for the user."""

    keys: list[Key]
    removed: list[float]
    notes: list[str]


def insert_rack(
    existing: Sequence[Key],
    frame: float,
    to_m: float,
    from_m: float | None = None,
    feel: str = "SMOOTH",
    duration: float | None = None,
    fps: float = 24.0,
    current_m: float | None = None,
    nearest_m: float = NEAREST_M,
    keep: bool = False,
) -> Joined:
    """Put a rack into a curve so that nothing jumps.

    existing: the curve so far, may be empty. from_m None: start where the focus is (`current_m` on an empty curve), and
    if the focus is moving there, go on from that movement.

    - Keys that only followed a mark behind the rack go: focus is elsewhere now, and rests there.
    - Keys within the rack's time are replaced. A pull that is cut off at the rack's start keeps its shape up to there.
    - What was *held* after the rack's end is now held at to_m: following keys of the same focus take the new one, so a
      later rack leaves from where this one came to rest.
    - Where a given from_m is not where the focus was, or the next key is elsewhere, the curve leads there, eased, and a
      note says between which frames. Keys elsewhere that lie nearer than `LEAD_FRAMES` to the rack go.
    - keep: a key by hand behind the rack stays where it is, and focus goes back to it.
    """
    length = float(default_duration(feel, fps)) if duration is None else _positive(duration, "duration")
    if not existing:
        first = from_m if from_m is not None else current_m
        if first is None:
            raise ValueError("from_m or current_m must be given for a curve without keys")
        return Joined(rack_keys(frame, first, to_m, feel, length, fps, nearest_m), [], [])

    existing = list(existing)
    here_m = focus_at(existing, frame)
    rack = rack_keys(frame, here_m if from_m is None else from_m, to_m, feel, length, fps, nearest_m)
    notes: list[str] = []
    if same_focus(rack[0].focus_m, here_m):
        rack[0] = replace(rack[0], focus_m=here_m)
        head, rack = _join_start(existing, rack)
    else:
        head, rack[0] = _lead_in(existing, rack[0], notes)
    tail, rack = _join_end(existing, rack, notes, keep)
    keys = sort_keys([*head, *rack, *tail])
    kept = {key.frame for key in keys}
    return Joined(keys, [key.frame for key in existing if key.frame not in kept], notes)


def _lead_in(existing: list[Key], start: Key, notes: list[str]) -> tuple[list[Key], Key]:
    """Existing keys up to where a hand has to leave them to be at `start` in time, and `start` with its left handle."""
    leave = start.frame - LEAD_FRAMES
    head = [key for key in existing if key.frame <= leave]
    late = [key for key in existing if leave < key.frame < start.frame]
    if not head:
        if late:  # there is no time to come from there: the shot starts on the rack's first focus
            notes.append(f"Focus starts at {distance_text(start.focus_m)}")
        return [], start
    if late:
        head = [key for key in split(existing, leave) if key.frame <= leave]
    if not same_focus(head[-1].focus_m, start.focus_m):
        notes.append(_leads(head[-1], start))
    speed = _speed_into(head[-2], head[-1]) if late and len(head) > 1 else 0.0
    left, start = _flat_gap(head[-1], start)
    head[-1] = _going_on(left, start, speed) if left.interpolation == "BEZIER" else left
    return head, start


def _going_on(key: Key, following: Key, speed: float) -> Key:
    """A key whose right handle goes on at `speed` (dioptres per frame), at most for a quarter of the way to come."""
    way = abs(1 / following.focus_m - 1 / key.focus_m)
    reach = key.handle_right[0] - key.frame
    if not way or abs(speed) < 1e-9:
        return key
    reach = min(reach, way / 4 / abs(speed))
    onward = 1 / key.focus_m + speed * reach
    handle_m = key.focus_m + following.focus_m - onward * key.focus_m * following.focus_m
    return replace(key, right=(key.frame + reach, handle_m), handle_type="FREE")


def _join_start(existing: list[Key], rack: list[Key]) -> tuple[list[Key], list[Key]]:
    """Existing keys before the rack, cut at its start, and the rack that goes on from their movement."""
    frame = rack[0].frame
    cut = split(existing, frame)
    head = [key for key in cut if key.frame < frame]
    joint = next((key for key in cut if key.frame == frame), None)
    if not head:
        return head, rack
    if joint is None:  # behind the last key: held
        head[-1], rack[0] = _flat_gap(head[-1], rack[0])
        return head, rack
    before = head[-1]
    rack[0] = replace(rack[0], left=joint.handle_left)
    speed = _speed_into(before, joint)
    if abs(speed) < 1e-9 or rack[0].interpolation != "BEZIER":
        return head, rack
    rack[0] = _going_on(rack[0], rack[1], speed)  # a steep arrival must not throw the new pull past its own way
    return head, rack


def _join_end(existing: list[Key], rack: list[Key], notes: list[str], keep: bool) -> tuple[list[Key], list[Key]]:
    """Existing keys behind the rack, the held ones moved to its last focus, and the rack with its last handle set."""
    last = rack[-1]
    held_m = value_at(existing, last.frame)
    tail = [key for key in existing if key.frame > last.frame]
    holding = _holds(existing, last.frame)
    if tail and tail[0].role == FOLLOWED:
        while tail and tail[0].role == FOLLOWED:
            del tail[0]
        holding, held_m = bool(tail), tail[0].focus_m if tail else held_m
    if not tail:
        return tail, rack
    for i, key in enumerate(tail):
        if not (holding and same_focus(key.focus_m, held_m)) or (keep and key.role == HAND):
            break
        tail[i] = key.flat_at(last.focus_m)
    while not same_focus(tail[0].focus_m, last.focus_m) and tail[0].frame < last.frame + LEAD_FRAMES:
        del tail[0]
        if not tail:
            return tail, rack
    if not same_focus(tail[0].focus_m, last.focus_m):
        notes.append(_leads(last, tail[0]))
    rack[-1], tail[0] = _flat_gap(last, tail[0])
    return tail, rack


def _holds(keys: list[Key], frame: float) -> bool:
    """True if the curve stands still from this frame to the next key."""
    i, j = neighbours([key.frame for key in keys], frame)
    return frame < keys[0].frame or stands_still(keys[i], keys[j])


def stands_still(first: Key, second: Key) -> bool:
    """Whether focus stays where it is from one key to the next."""
    if first.interpolation == "CONSTANT":
        return True
    bends = first.interpolation == "BEZIER"
    points = [second.focus_m, *((first.handle_right[1], second.handle_left[1]) if bends else ())]
    return all(value > 0 and same_focus(value, first.focus_m) for value in points)


def _leads(first: Key, second: Key) -> str:
    return (
        f"Focus leads from {distance_text(first.focus_m)} at frame {first.frame:g} "
        f"to {distance_text(second.focus_m)} at frame {second.frame:g}"
    )


def flat_between(first: Key, second: Key) -> tuple[Key, Key]:
    """Both keys with flat handles into the gap between them; what is even stays even."""
    third = (second.frame - first.frame) / 3
    return (
        replace(first, right=(first.frame + third, first.focus_m), handle_type="FREE"),
        replace(second, left=(second.frame - third, second.focus_m), handle_type="FREE"),
    )


def _flat_gap(first: Key, second: Key) -> tuple[Key, Key]:
    """The gap between two keys eased at both ends, but for one that jumps."""
    mode = first.interpolation if first.interpolation == "CONSTANT" else "BEZIER"
    return flat_between(replace(first, interpolation=mode), second)


def _speed_into(before: Key, joint: Key) -> float:
    """Dioptres per frame with which the curve arrives at `joint`."""
    span = joint.frame - before.frame
    if before.interpolation == "CONSTANT" or span <= 0:
        return 0.0
    if before.interpolation == "LINEAR":
        return (1 / joint.focus_m - 1 / before.focus_m) / span
    reach = joint.frame - joint.handle_left[0]
    if reach <= 1e-6:
        return 0.0
    return (joint.handle_left[1] - joint.focus_m) / reach / (before.focus_m * joint.focus_m)


# Marks


@dataclass(frozen=True)
class Mark:
    """A named focus mark, as an assistant tapes it on the barrel.

    Either a distance (metres, inf for infinity) or a tracked point: its depth (metres, NaN where the track is lost) on
    each of `frames` (ascending, in the clock of the keys).
    """

    name: str
    distance_m: float | None = None
    frames: tuple[float, ...] = ()
    depths_m: tuple[float, ...] = ()

    @property
    def tracked(self) -> bool:
        """True for a point that was tracked, False for a plain distance."""
        return self.distance_m is None


def mark_distance_m(mark: Mark, frame: float) -> float:
    """Distance of a mark at a frame, metres: between known frames evenly in dioptres, outside them the nearest known.

    Raises ValueError naming the mark if it has no distance at all.
    """
    if mark.distance_m is not None:
        return _distance(mark.distance_m, f"mark {mark.name!r}")
    frames, depths = _known(mark)
    return float(1 / np.interp(frame, frames, 1 / depths))


def lost_frames(mark: Mark) -> list[float]:
    """Frames on which a tracked mark is lost: its distance there is bridged or the nearest known; tell the user."""
    pairs = zip(mark.frames, mark.depths_m, strict=True)
    return [frame for frame, depth in pairs if not (math.isfinite(depth) and depth > 0)]


def hold_keys(mark: Mark, first: float, last: float) -> list[Key]:
    """Keys that hold a mark from frame `first` to `last`, following it if it is tracked. Where the track is lost, or
    the mark is a plain distance, the focus rests."""
    if not last >= first:
        raise ValueError(f"last must not be before first, got {first} and {last}")
    if not mark.tracked:
        value = mark_distance_m(mark, first)
        return flat_keys([first, last] if last > first else [first], [value, value] if last > first else [value])
    frames, _ = _known(mark)
    inside = [f for f in frames if first < f < last]
    times = sorted({first, *inside, last})
    return fit(times, [mark_distance_m(mark, frame) for frame in times])


def follow(keys: Sequence[Key], frame: float, mark: Mark, last: float) -> list[Key]:
    """A curve that rests on a mark from the key at `frame` on, made to follow it: up to the next pull, or to `last`.

    keys: as `insert_rack` gives them; what is held after `frame` is what moves. A later pull leaves from where the mark
    is by then. Raises ValueError without a key at `frame`.
    """
    keys = list(keys)
    at = next((i for i, key in enumerate(keys) if key.frame == frame), None)
    if at is None:
        raise ValueError(f"keys hold none at frame {frame:g}")
    end = at
    while end + 1 < len(keys) and same_focus(keys[end + 1].focus_m, keys[at].focus_m):
        end += 1
    until = keys[end].frame if end > at or end + 1 < len(keys) else last
    if until <= frame:
        return keys
    head = [*keys[:at], replace(keys[at], focus_m=mark_distance_m(mark, frame))]
    tail = [keys[end].flat_at(mark_distance_m(mark, until)), *keys[end + 1 :]] if end > at else []
    return _followed(head, tail, frame, until, mark)


def fit_in(frame: float, length: float, first: float, last: float) -> tuple[float, float, str]:
    """A pull's start and length so that it lies within first..last (frames), and what was done to it, or nothing.

    What sticks out is cut off; a pull of which less than half would be left is moved instead, whole if it fits.
    """
    start, end = max(frame, first), min(frame + length, last)
    if (start, end) == (frame, frame + length):
        return frame, length, ""
    if end - start >= length / 2:
        words = f"The pull is shortened to {end - start:g} frames: the strip shows {first:g} to {last:g}"
        return start, end - start, words
    length = min(length, last - first)
    if length <= 0:
        raise ValueError("The strip shows a single frame: there is no time for a pull")
    start = min(max(frame, first), last - length)
    return start, length, f"The pull is moved to frame {start:g}: the strip shows {first:g} to {last:g}"


def hold(keys: Sequence[Key], frame: float, mark: Mark, first: float, last: float) -> tuple[list[Key], float]:
    """A curve that holds a mark from a frame on, up to the next decision; and the frame up to which it does.

    keys: the curve so far, may be empty. first, last: what the strip shows. Focus comes to the mark within
    `LEAD_FRAMES` before that frame, or rests there from the start. The next decision is a pull, which then starts from
    where focus is held, or a key by hand, which stays: focus leaves in time to be there.
    """
    held_m = mark_distance_m(mark, frame)
    keys = list(keys)
    if keys and keys[0].frame < frame and first < frame:
        start = max(frame - LEAD_FRAMES, keys[0].frame, first)
        head = insert_rack(keys, start, held_m, None, "SMOOTH", frame - start).keys
        head = [key for key in head if key.frame <= frame]
    else:
        head = [replace(flat_keys([float(frame)], [held_m])[0], role=RACK)]
    tail = _from_next_decision(keys, frame)
    until = last
    if tail:
        until = tail[0].frame
        end_m = mark_distance_m(mark, until)
        if tail[0].role == RACK:
            tail[0] = replace(tail[0].flat_at(end_m), left=None)
        elif not same_focus(tail[0].focus_m, end_m):
            until = max(until - LEAD_FRAMES, frame)
            if until > frame:
                leaving, tail[0] = _flat_gap(Key(until, mark_distance_m(mark, until), role=RACK), tail[0])
                tail.insert(0, leaving)
    if mark.tracked and until > frame:
        return _followed(head, tail, frame, until, mark), until
    if tail:
        head[-1], tail[0] = _flat_gap(head[-1], tail[0])
    return [*head, *tail], until


def _from_next_decision(keys: list[Key], frame: float) -> list[Key]:
    """The curve's keys from its next pull, or key by hand, behind a frame on."""
    for i, key in enumerate(keys):
        if key.frame <= frame:
            continue
        starts = key.role == RACK and i + 1 < len(keys) and _moves(key, keys[i + 1])
        if key.role == HAND or starts:
            return keys[i:]
    return []


def _moves(key: Key, following: Key) -> bool:
    return following.role in (RACK, WITHIN) and (
        following.role == WITHIN or not same_focus(key.focus_m, following.focus_m)
    )


def _followed(head: list[Key], tail: list[Key], frame: float, until: float, mark: Mark) -> list[Key]:
    """Both ends of a curve with keys between them that follow a mark."""
    row = [replace(key, role=FOLLOWED) for key in hold_keys(mark, frame, until)]
    head[-1] = replace(head[-1], right=row[0].right, interpolation="BEZIER", handle_type="FREE")
    if tail and tail[0].frame == until:
        tail[0] = replace(tail[0], left=row[-1].left, handle_type="FREE")
        row.pop()
    return [*head, *row[1:], *tail]


def put_between(keys: Sequence[Key], placed: Sequence[Key], first: float, last: float) -> list[Key]:
    """A curve in which the keys within first..last (frames) give way to others, which start and end at rest there.

    Outside, all stays; focus is where the new keys want it from `first` on, and rests until `last`.
    """
    head = [key for key in keys if key.frame < first]
    tail = [key for key in keys if key.frame > last]
    middle = list(placed)
    if head and middle[0].frame > first:
        middle[:1] = _flat_gap(replace(middle[0], frame=first, left=None, role=RACK), middle[0])
    if tail and middle[-1].frame < last:
        middle[-1:] = _flat_gap(middle[-1], replace(middle[-1], frame=last, right=None, role=RACK))
    if head:
        head[-1], middle[0] = _flat_gap(head[-1], middle[0])
    if tail:
        middle[-1], tail[0] = _flat_gap(middle[-1], tail[0])
    return [*head, *middle, *tail]


def unique_name(name: str, taken: Sequence[str]) -> str:
    """The name, or with the first free number behind it ("Anna", "Anna 2", ...); an empty one becomes "Mark"."""
    base = name.strip() or "Mark"
    used = {other.casefold() for other in taken}
    number, unique = 1, base
    while unique.casefold() in used:
        number += 1
        unique = f"{base} {number}"
    return unique


def _known(mark: Mark) -> tuple[np.ndarray, np.ndarray]:
    frames, depths = np.asarray(mark.frames, np.float64), np.asarray(mark.depths_m, np.float64)
    if frames.shape != depths.shape:
        raise ValueError(f"mark {mark.name!r}: frames and depths_m differ in length")
    known = np.isfinite(depths) & (depths > 0)
    if not known.any():
        raise ValueError(f"mark {mark.name!r} has no distance on any frame")
    return frames[known], depths[known]


def same_focus(a_m: float, b_m: float) -> bool:
    """True if two distances (metres, > 0) are one focus, within `SAME_FOCUS`."""
    return abs(a_m / b_m - 1) <= SAME_FOCUS


def _within_stops(dioptre: float, end: float, nearest_m: float) -> float:
    """A dioptre on the way, kept between the barrel's stops; a slip near a stop is half of what is left to it."""
    if dioptre < 1 / INFINITY_M:
        return (end + 1 / INFINITY_M) / 2
    if dioptre > 1 / nearest_m:
        return (end + 1 / nearest_m) / 2
    return dioptre


def _distance(value_m: float, name: str) -> float:
    if math.isnan(value_m) or value_m <= 0:
        raise ValueError(f"{name} must be above 0 m, got {value_m}")
    return min(float(value_m), INFINITY_M)


def _positive(value: float, name: str) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be above 0, got {value}")
    return float(value)


def _feel(name: str) -> Feel:
    if name not in FEELS:
        raise ValueError(f"feel must be one of {', '.join(FEELS)}, got {name!r}")
    return FEELS[name]
