# SPDX-License-Identifier: GPL-3.0-or-later
"""A focus curve as a puller reads it, rack by rack, and what dragging one does to its keys.

Between two keys focus either rests or moves. What a rack made is known by its keys' roles (`focus_curve.Key.role`);
everything else that moves was keyed by hand, or follows a mark. Every edit gives the whole new curve, ascending in
time; whatever does not lie in the edited stretch or beside it stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from .focus_curve import FOLLOWED, NEAREST_M, RACK, WITHIN, Key, split
from .pull import flat_between, rack_keys, same_focus, stands_still

LEAST_GAP = 1.0
"""Keys are never dragged nearer to each other than this (frames)."""


@dataclass(frozen=True)
class Decision:
    """A stretch of the curve, from key `first` to key `last` (indices). kind: RACK, MOVE (keyed by hand), FOLLOW (a
    tracked mark), or HOLD (focus rests)."""

    kind: str
    first: int
    last: int


def decisions(keys: Sequence[Key]) -> list[Decision]:
    """The curve in stretches, without a gap, each as long as it can be. keys: ascending in time."""
    stretches: list[Decision] = []
    for i, (key, following) in enumerate(pairwise(keys)):
        kind = _kind(key, following)
        latest = stretches[-1] if stretches else None
        goes_on = latest is not None and latest.kind == kind and (kind != "RACK" or keys[latest.last].role == WITHIN)
        if latest is not None and goes_on:
            stretches[-1] = replace(latest, last=i + 1)
        else:
            stretches.append(Decision(kind, i, i + 1))
    return stretches


def dragged(keys: Sequence[Key], chosen: Collection[int], frames: float) -> list[Key]:
    """Some keys dragged in time, as far as those that rest let them: the ends of a rack move it as a whole, one of its
    ends makes it longer or shorter. What lies on a rack's way keeps its share of it.

    chosen: indices. frames: how far, whole or fractional.
    """
    anchors = [i for i, key in enumerate(keys) if key.role != WITHIN or i in (0, len(keys) - 1)]
    by = room(keys, chosen, frames)
    at = {i: keys[i].frame + (by if i in chosen else 0.0) for i in anchors}
    for start, end in pairwise(anchors):
        scale = (at[end] - at[start]) / (keys[end].frame - keys[start].frame)
        for i in range(start + 1, end):
            at[i] = at[start] + (keys[i].frame - keys[start].frame) * scale
    return _moved(keys, at)


def room(keys: Sequence[Key], chosen: Collection[int], frames: float) -> float:
    """How much of a way (frames) chosen keys can go before they meet keys that rest."""
    anchors = [i for i, key in enumerate(keys) if key.role != WITHIN or i in (0, len(keys) - 1)]
    for start, end in pairwise(anchors):
        if (start in chosen) == (end in chosen):
            continue
        length = keys[end].frame - keys[start].frame
        closest = min(keys[i + 1].frame - keys[i].frame for i in range(start, end))
        free = length - length * min(LEAST_GAP / closest, 1.0)
        frames = min(frames, free) if start in chosen else max(frames, -free)
    return frames


def with_feel(keys: Sequence[Key], decision: Decision, feel: str, nearest_m: float = NEAREST_M) -> list[Key]:
    """A rack or move made anew with another feel, between its two ends, in the same time. A hold stays as it is.

    Raises ValueError for a feel that there is none of.
    """
    if decision.kind == "HOLD":
        return list(keys)
    first, last = keys[decision.first], keys[decision.last]
    rack = rack_keys(first.frame, first.focus_m, last.focus_m, feel, last.frame - first.frame, nearest_m=nearest_m)
    rack[0] = replace(rack[0], left=first.left, handle_type="FREE")
    rack[-1] = replace(rack[-1], right=last.right, interpolation=last.interpolation, handle_type="FREE")
    return [*keys[: decision.first], *rack, *keys[decision.last + 1 :]]


def refocused(keys: Sequence[Key], index: int, focus_m: float) -> list[Key]:
    """One key dragged to another distance (metres, > 0). What is held at it goes along, so that a hold stays one."""
    first = last = index
    while first and _rests(keys[first - 1], keys[first]):
        first -= 1
    while last + 1 < len(keys) and _rests(keys[last], keys[last + 1]):
        last += 1
    out = list(keys)
    for i in range(first, last + 1):
        key = keys[i]
        out[i] = replace(key, focus_m=focus_m, left=_at(key, key.left, focus_m), right=_at(key, key.right, focus_m))
    return out


def removed(keys: Sequence[Key], decision: Decision) -> list[Key]:
    """The curve without a rack or move: focus rests where it was before, also through what was held after it.

    A hold has nothing to remove; the curve comes back as it is. Of a curve that is nothing but the stretch, one key
    stays: focus rests on its start.
    """
    if decision.kind == "HOLD":
        return list(keys)
    before_m, after_m = keys[decision.first].focus_m, keys[decision.last].focus_m
    head = list(keys[: decision.first + 1])
    tail = list(keys[decision.last + 1 :])
    held = 0
    for before, key in pairwise(keys[decision.last :]):
        if not (same_focus(key.focus_m, after_m) and _rests(before, key)):
            break
        held += 1
    out = [*head, *(key.flat_at(before_m) for key in tail[:held]), *tail[held:]]
    if len(out) > len(head):
        i = len(head)
        out[i - 1 : i + 1] = flat_between(out[i - 1], out[i])
    return out


def without(keys: Sequence[Key], index: int) -> list[Key]:
    """The curve without one key: between its neighbours it goes straight from one to the other, eased. The last key of
    all stays."""
    if len(keys) == 1:
        return list(keys)
    out = [*keys[:index], *keys[index + 1 :]]
    if 0 < index < len(out):
        out[index - 1 : index + 1] = flat_between(out[index - 1], out[index])
    return out


def with_key(keys: Sequence[Key], frame: float) -> list[Key]:
    """One key more, by hand, where the curve passes at a frame: the shape stays. Outside the keys focus is held."""
    if not keys:
        raise ValueError("keys is empty: there is no curve to put a key on")
    if any(key.frame == frame for key in keys):
        return list(keys)
    if frame < keys[0].frame:
        return [Key(frame, keys[0].focus_m), *keys]
    if frame > keys[-1].frame:
        return [*keys, Key(frame, keys[-1].focus_m)]
    return split(keys, frame)


def by_hand(keys: Sequence[Key], first: float, last: float) -> list[Key]:
    """Keys within first..last (frames) that neither a rack nor a follower made: what nobody replaces unasked."""
    return [key for key in keys if first <= key.frame <= last and key.role not in (RACK, WITHIN, FOLLOWED)]


def _kind(key: Key, following: Key) -> str:
    if following.role == FOLLOWED:
        return "FOLLOW"
    if _rests(key, following):
        return "HOLD"
    return "RACK" if {key.role, following.role} <= {RACK, WITHIN} else "MOVE"


def _rests(key: Key, following: Key) -> bool:
    """Whether focus rests between two neighbours: a hand that hesitates is still on its way."""
    return WITHIN not in (key.role, following.role) and stands_still(key, following)


def _moved(keys: Sequence[Key], frames: dict[int, float]) -> list[Key]:
    """Keys at new frames; handles keep their share of the gap they reach into."""
    times = [frames.get(i, key.frame) for i, key in enumerate(keys)]
    out = []
    for i, key in enumerate(keys):
        left = _carried(keys, times, i, i - 1, key.left)
        right = _carried(keys, times, i, i + 1, key.right)
        out.append(replace(key, frame=times[i], left=left, right=right))
    return out


def _carried(
    keys: Sequence[Key], times: Sequence[float], i: int, other: int, handle: tuple[float, float] | None
) -> tuple[float, float] | None:
    if handle is None:
        return None
    inside = 0 <= other < len(keys)
    scale = (times[other] - times[i]) / (keys[other].frame - keys[i].frame) if inside else 1.0
    return times[i] + (handle[0] - keys[i].frame) * scale, handle[1]


def _at(key: Key, handle: tuple[float, float] | None, focus_m: float) -> tuple[float, float] | None:
    """A handle of a key that goes to another distance: flat stays flat, a slope keeps its dioptres."""
    if handle is None:
        return None
    flat = same_focus(max(handle[1], 1e-6), key.focus_m)
    return handle[0], focus_m + (0.0 if flat else (handle[1] - key.focus_m) * (focus_m / key.focus_m) ** 2)
