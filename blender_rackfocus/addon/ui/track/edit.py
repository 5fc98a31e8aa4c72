# SPDX-License-Identifier: GPL-3.0-or-later
"""What hands do on the track, as edits of ordinary keys. No mouse, no events.

Chosen keys are Blender's own selection of them, so the Graph Editor shows the same; what is dragged or taken away on
one strip is so on every selected strip whose keys are chosen too.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import bpy

from ....craft import decisions, pull
from ....craft.distances import distance_text
from ....craft.focus_curve import Key
from ...blender import signals
from ...desk.pull import fps, pull_focus
from ...shot import focus_keys, marks, modifier, proposals
from ...shot.focus import Focus


@dataclass
class Grip:
    """Keys of one strip in a hand. keys: the whole curve when they were taken; chosen: indices; kept: to put back."""

    focus: Focus
    keys: list[Key]
    chosen: list[int]
    kept: list[dict[str, object]]
    first: int
    last: int

    @classmethod
    def on(cls, strip: bpy.types.Strip, frames: Collection[float]) -> Grip:
        """The keys of a strip that lie on these frames."""
        focus = Focus(strip)
        keys = focus.keys(min(frames), max(frames))
        chosen = [i for i, key in enumerate(keys) if key.frame in frames]
        return cls(focus, keys, chosen, focus_keys.snapshot(focus.curve), *marks.span(strip))

    def room(self, frames: float) -> float:
        """How much of a way these keys can go: to keys that rest, and to the strip's ends."""
        frames = decisions.room(self.keys, self.chosen, frames)
        at = [self.keys[i].frame for i in self.chosen]
        inside = [frame for frame in at if self.first <= frame <= self.last]
        if inside:
            frames = max(min(frames, self.last - max(inside)), self.first - min(inside))
        return frames

    def move(self, frames: float, dioptres: float) -> None:
        """Write the keys moved in time (frames, within `room`) and in distance (dioptres)."""
        keys = decisions.dragged(self.keys, self.chosen, frames)
        if dioptres:
            for i in self.chosen:
                keys = decisions.refocused(keys, i, within_reach(self.focus, 1 / self.keys[i].focus_m + dioptres))
        self.focus.write(keys)
        focus_keys.select(self.focus.curve, [keys[i].frame for i in self.chosen])

    def put_back(self) -> None:
        """Make everything what it was."""
        focus_keys.restore(self.focus.curve, self.kept)
        self.focus.socket.value = self.focus.curve.evaluate(self.focus.scene.frame_current_final)


class ProposalGrip:
    """A proposal in a hand: what `Grip` is for keys."""

    def __init__(self, strip: bpy.types.Strip, index: int) -> None:
        self.focus = Focus(strip)
        self.keys: list[Key] = []
        self.chosen: list[int] = []
        self._index, self._one, self._span = index, proposals.read(strip)[index], marks.span(strip)

    def room(self, frames: float) -> float:
        """How much of a way it can go within the strip."""
        return max(min(frames, self._span[1] - self._one.frame), self._span[0] - self._one.frame)

    def move(self, frames: float, dioptres: float) -> None:
        """Move it in time (frames) and in distance (dioptres)."""
        metres = self._one.distance_m
        if dioptres:
            metres = within_reach(self.focus, 1 / metres + dioptres)
        proposals.move(self.focus.strip, self._index, self._one.frame + frames, metres)
        signals.edited()

    def put_back(self) -> None:
        """Make everything what it was."""
        kept = proposals.read(self.focus.strip)
        kept[self._index] = self._one
        proposals.put(self.focus.strip, kept)
        signals.edited()


def within_reach(focus: Focus, dioptre: float) -> float:
    """A distance in dioptres as the metres that a lens can be set to."""
    nearest_m = 1.001 * focus.nearest_m()
    return min(max(1 / max(dioptre, 1 / pull.INFINITY_M), nearest_m), pull.INFINITY_M)


def choose(strip: bpy.types.Strip, frames: Collection[float], others: Iterable[bpy.types.Strip], *, add: bool) -> None:
    """Select keys of a strip. others: strips whose keys are no longer selected. add: keep what is selected, and take
    these out where all of them were."""
    curve = Focus(strip).curve
    now = chosen_frames(strip)
    if add:
        focus_keys.select(curve, now - set(frames) if set(frames) <= now else now | set(frames))
        return
    for other in others:
        other_curve = Focus(other).curve if modifier.find(other) is not None else None
        if other_curve is not None:
            focus_keys.select(other_curve, ())
    focus_keys.select(curve, frames)


def chosen_frames(strip: bpy.types.Strip) -> set[float]:
    """Frames of a strip's selected keys."""
    curve = Focus(strip).curve if modifier.find(strip) is not None else None
    return {p.co.x for p in curve.keyframe_points if p.select_control_point} if curve is not None else set()


def are_several(strip: bpy.types.Strip, frames: Collection[float], others: Iterable[bpy.types.Strip]) -> bool:
    """Whether keys of a strip are part of a selection of several things: keys of other strips too, or more than one
    rack of this one."""
    chosen = chosen_frames(strip)
    if not set(frames) <= chosen:
        return False
    if any(chosen_frames(other) for other in others if other != strip):
        return True
    keys = Focus(strip).keys(math.inf, -math.inf)
    racks = [{key.frame for key in keys[decision.first : decision.last + 1]} for decision in decisions.decisions(keys)]
    return not any(chosen <= rack for rack in racks)


def grips(
    strip: bpy.types.Strip, frames: Collection[float], part: str, others: Iterable[bpy.types.Strip]
) -> list[Grip]:
    """What a hand holds that takes keys of a strip: those; or where several things are selected and they are among
    them, all that is selected on it and on the others. part: as `layout.Hit`; by an edge, that edge of every rack."""
    if not are_several(strip, frames, others):
        return [Grip.on(strip, frames)]
    held = [(each, chosen_frames(each)) for each in (strip, *(other for other in others if other != strip))]
    if part in {"START", "END"}:
        held = [(each, edges(each, chosen, end=part == "END")) for each, chosen in held]
    return [Grip.on(each, chosen) for each, chosen in held if chosen]


def edges(strip: bpy.types.Strip, frames: Collection[float], *, end: bool) -> set[float]:
    """First or last frames of the racks and moves whose ends lie on these frames."""
    keys = Focus(strip).keys(math.inf, -math.inf)
    moves = [decision for decision in decisions.decisions(keys) if decision.kind != "HOLD"]
    spans = [(keys[move.first].frame, keys[move.last].frame) for move in moves]
    return {span[end] for span in spans if set(span) <= set(frames)}


def remove(strip: bpy.types.Strip, frames: Collection[float]) -> int:
    """Take away the racks and moves whose ends lie on these frames, and single keys. Returns how many."""
    focus = Focus(strip)
    keys = focus.keys()
    count, left = 0, set(frames)
    for decision in reversed(decisions.decisions(keys)):
        ends = {keys[decision.first].frame, keys[decision.last].frame}
        if decision.kind != "HOLD" and ends <= left:
            left -= {key.frame for key in keys[decision.first : decision.last + 1]}
            keys = decisions.removed(keys, decision)
            count += 1
    for frame in sorted(left, reverse=True):
        index = next((i for i, key in enumerate(keys) if key.frame == frame), None)
        if index is not None and len(keys) > 1:
            keys = decisions.without(keys, index)
            count += 1
    focus.write(keys)
    return count


def ends_at(strip: bpy.types.Strip, frame: float) -> tuple[float, ...]:
    """What goes when a single key is taken away: the rack that ends there, else the one that starts there; a key that
    is no end of a rack goes alone."""
    keys = Focus(strip).keys()
    racks = [rack for rack in decisions.decisions(keys) if rack.kind == "RACK"]
    spans = [(keys[rack.first].frame, keys[rack.last].frame) for rack in racks]
    ending = next((span for span in spans if span[1] == frame), None)
    return ending or next((span for span in spans if span[0] == frame), (frame,))


def key_here(strip: bpy.types.Strip, frame: float) -> str:
    """One key more, by hand, where the focus is at a frame. Returns what was done, in words."""
    focus = Focus(strip)
    keys = focus.keys(frame, frame)
    if keys:
        focus.write(decisions.with_key(keys, frame))
        metres = focus.at_m(frame)
    else:
        metres = focus.now_m(frame)
        focus.set(metres, frame, key=True)
    focus_keys.select(focus.curve, [frame])
    return f"Focus {distance_text(metres)} keyed at frame {frame:g}"


def rack_to(
    strip: bpy.types.Strip, frame: float, end: pull.Mark, feel: str, duration: int = 0, keep: bool = True
) -> str:
    """A rack that arrives at a frame, within the strip. duration: frames, 0 = the feel's own. keep: keys by hand stay.
    Returns what was done.

    Raises ValueError, RuntimeError as `pull_focus`.
    """
    first, last = marks.span(strip)
    length = duration or pull.default_duration(feel, fps(strip.id_data))
    start = max(frame - length, float(first))
    if frame - start < 2:
        frame = min(start + length, float(last))
    notes = pull_focus(strip, start, end, None, feel, max(frame - start, 1.0), keep=keep)
    curve = Focus(strip).curve
    focus_keys.select(curve, [p.co.x for p in curve.keyframe_points if start <= p.co.x <= frame])
    return "; ".join([f"Rack to {end.name}, frames {start:g} to {frame:g}", *notes])


def give_feel(strip: bpy.types.Strip, frame: float, feel: str) -> bool:
    """Make the rack or move around a frame anew with a feel. Returns whether there is one."""
    focus = Focus(strip)
    keys = focus.keys(frame, frame)
    moves = [decision for decision in decisions.decisions(keys) if decision.kind != "HOLD"]
    here = [move for move in moves if keys[move.first].frame <= frame <= keys[move.last].frame]
    if not here:
        return False
    focus.write(decisions.with_feel(keys, here[0], feel, focus.nearest_m()))
    return True


def set_distance(strip: bpy.types.Strip, frame: float, focus_m: float) -> bool:
    """Put the key on a frame to a distance (metres), with what is held at it. Returns whether there is one."""
    focus = Focus(strip)
    keys = focus.keys(frame, frame)
    index = next((i for i, key in enumerate(keys) if key.frame == frame), None)
    if index is None:
        return False
    focus.write(decisions.refocused(keys, index, max(focus_m, 1.001 * focus.nearest_m())))
    return True


def snapped(frames: Sequence[float], targets: Iterable[float], within: float) -> tuple[float, float | None]:
    """How far to move so that the nearest of some frames lies on a target, and that target; 0 and None where none is
    within reach."""
    pairs = [(abs(target - frame), target - frame, target) for target in targets for frame in frames]
    near = [pair for pair in pairs if pair[0] <= within]
    return min(near)[1:] if near else (0.0, None)
