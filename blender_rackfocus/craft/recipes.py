# SPDX-License-Identifier: GPL-3.0-or-later
"""Shot recipes: racks planned from a strip's length and its marks.

Timing follows what editors do: the first subject is held long enough to be read, the pull takes at most a third of what
is left, and the last subject is held longer than any before it (Katz, "Film Directing: Shot by Shot"; Mascelli, "The
Five C's of Cinematography": a change of attention needs its rest on either side). Frames are whole, so that keys sit on
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..core.lens import MM_PER_M, Lens
from .distances import distance_text
from .focus_curve import Key, sort_keys
from .pull import INFINITY_M, Mark, default_duration, hold_keys, mark_distance_m, rack_keys, same_focus

SHORTEST = 8
"""Frames a strip needs for a recipe."""
OUT_DIOPTRES = 1.3
"""How far a transition leaves its subject if no lens is given: a circle 5 % of the width, 50 mm f/1.8, full frame."""


@dataclass(frozen=True)
class Rack:
    """One planned pull between two marks, `duration` frames from `frame` on. strip: 0, or 1 for a second one."""

    frame: float
    duration: float
    from_mark: Mark
    to_mark: Mark
    feel: str
    strip: int = 0


@dataclass(frozen=True)
class Recipe:
    """A recipe's name, one line on what it does, and how many marks it needs (least, most)."""

    label: str
    explanation: str
    marks: tuple[int, int]
    strips: int = 1


RECIPES: dict[str, Recipe] = {
    "REVEAL": Recipe("Reveal", "Rests on one plane, then lets the other come in: what was there all along", (2, 2)),
    "TRANSITION": Recipe(
        "Transition", "Melts out of one shot and into the next: out at the cut, in after it", (2, 2), 2
    ),
    "EMPHASIS": Recipe("Emphasis", "From the speaker to the listener, long enough to see it land, and back", (2, 2)),
    "SPATIAL": Recipe("Spatial storytelling", "The scene is handed on, from mark to mark in turn", (2, 99)),
}
DIRECTIONS = {
    "FAR": "Foreground to background: opens the world",
    "NEAR": "Background to foreground: closes it",
    "GIVEN": "In the order of the marks",
}


def plan(
    recipe: str,
    first: float,
    last: float,
    marks: Sequence[Mark],
    direction: str = "GIVEN",
    fps: float = 24.0,
    feel: str | None = None,
) -> list[Rack]:
    """Racks of a recipe for one strip that shows frames first..last.

    recipe: REVEAL, EMPHASIS or SPATIAL. direction: FAR starts on the nearest mark, NEAR on the farthest, GIVEN on the
    first. feel: None takes the recipe's own. Raises ValueError for a strip too short or marks too few, saying what is
    needed.
    """
    marks = _checked(recipe, first, last, marks, direction)
    if recipe == "REVEAL":
        return _in_turn(first, last, marks, feel or "SLOW", fps, rests=(0.4, 0.6))
    if recipe == "EMPHASIS":
        return _in_turn(first, last, [marks[0], marks[1], marks[0]], feel or "QUICK", fps, rests=(0.3, 0.35, 0.35))
    if recipe == "SPATIAL":
        rests = [1.0] * (len(marks) - 1) + [1.4]
        return _in_turn(first, last, marks, feel or "SMOOTH", fps, rests=[rest / sum(rests) for rest in rests])
    raise ValueError("recipe TRANSITION needs two strips: use plan_transition")


def plan_transition(
    first: tuple[float, float],
    second: tuple[float, float],
    marks: Sequence[Mark],
    direction: str = "FAR",
    fps: float = 24.0,
    out_dioptres: float = OUT_DIOPTRES,
    feel: str = "SMOOTH",
) -> list[Rack]:
    """Out of focus at the end of one strip, into focus at the start of the next.

    first, second: (first frame, last frame) of both strips. marks: the subject of each. direction: FAR turns the ring
    outwards through the cut: out past the first subject, in from before the second; NEAR the other way. The second rack
    starts where its strip starts. Where infinity is too near for the blur that is wanted (see `dioptres_for_blur`), the
    other side is taken: a transition that does not blur is none.
    """
    for name, (start, end) in (("first", first), ("second", second)):
        if end - start + 1 < SHORTEST:
            raise ValueError(f"{name} strip is too short: {end - start + 1:g} frames, {SHORTEST} are needed")
    if len(marks) != 2:
        raise ValueError(f"Transition needs 2 marks, one in each strip; there are {len(marks)}")
    if direction not in ("FAR", "NEAR"):
        raise ValueError(f"direction must be FAR or NEAR, got {direction!r}")
    if not out_dioptres > 0:
        raise ValueError(f"out_dioptres must be above 0, got {out_dioptres}")
    usual = default_duration(feel, fps)
    leave = float(round(min(usual, 0.4 * (first[1] - first[0]))))
    come = float(round(min(usual, 0.4 * (second[1] - second[0]))))
    side = 1 if direction == "FAR" else -1
    out = _beside(mark_distance_m(marks[0], first[1]), side, out_dioptres)
    into = _beside(mark_distance_m(marks[1], second[0] + come), -side, out_dioptres)
    return [
        Rack(first[1] + 1 - leave, leave, marks[0], Mark("Out of focus", out), feel, 0),
        Rack(second[0], come, Mark("Out of focus", into), marks[1], feel, 1),
    ]


def dioptres_for_blur(lens: Lens, blur_pct: float = 5.0) -> float:
    """Dioptres off focus at which the circle's diameter is blur_pct percent of the picture's width (see lens.py)."""
    if not blur_pct > 0:
        raise ValueError(f"blur_pct must be above 0, got {blur_pct}")
    return blur_pct / 100 * lens.f_number * lens.sensor_mm * MM_PER_M / lens.focal_mm**2


def f_number_for_blur(lens: Lens, far_m: float, blur_pct: float) -> float:
    """The f-number at which what lies at far_m (metres, may be inf) has a circle whose diameter is blur_pct percent of
    the picture's width; 0 where it is in focus whatever the stop."""
    off = abs(1 / lens.focus_m - 1 / far_m)
    return off * lens.focal_mm**2 / (blur_pct / 100 * lens.sensor_mm * MM_PER_M)


def recipe_keys(racks: Sequence[Rack], first: float, last: float) -> list[Key]:
    """All keys of one strip's planned racks, rising in time, tracked marks held and followed in between; a whole curve,
    first..last."""
    keys: list[Key] = []
    if racks[0].from_mark.tracked and racks[0].frame > first:
        keys += hold_keys(racks[0].from_mark, first, racks[0].frame)
    for rack, following in zip(racks, [*racks[1:], None], strict=True):
        end = rack.frame + rack.duration
        until = following.frame if following else last
        start_m, end_m = mark_distance_m(rack.from_mark, rack.frame), mark_distance_m(rack.to_mark, end)
        pull = rack_keys(rack.frame, start_m, end_m, rack.feel, rack.duration)
        rests = until > end and (following or rack.to_mark.tracked)
        keys = _chain(_chain(keys, pull), hold_keys(rack.to_mark, end, until) if rests else pull[-1:])
    return sort_keys(keys)


def _chain(keys: list[Key], more: list[Key]) -> list[Key]:
    """Two runs of keys that meet on one frame: the joint has the left handle of one and the right of the other."""
    if not keys or keys[-1].frame < more[0].frame:
        return [*keys, *more]
    joint = replace(more[0], left=keys[-1].left, handle_type="FREE")
    return [*keys[:-1], joint, *more[1:]]


def _checked(recipe: str, first: float, last: float, marks: Sequence[Mark], direction: str) -> list[Mark]:
    if recipe not in RECIPES:
        raise ValueError(f"recipe must be one of {', '.join(RECIPES)}, got {recipe!r}")
    if direction not in DIRECTIONS:
        raise ValueError(f"direction must be one of {', '.join(DIRECTIONS)}, got {direction!r}")
    least, most = RECIPES[recipe].marks
    if len(marks) < least:
        raise ValueError(f"{RECIPES[recipe].label} needs {least} marks; there are {len(marks)}")
    marks = list(marks)[:most]
    pulls = 2 if recipe == "EMPHASIS" else len(marks) - 1
    if last - first + 1 < SHORTEST * pulls:
        raise ValueError(
            f"The strip is too short for {RECIPES[recipe].label}: {last - first + 1:g} frames, "
            f"{SHORTEST * pulls} are needed"
        )
    distances = [mark_distance_m(mark, first) for mark in marks]
    if all(same_focus(distances[0], other) for other in distances[1:]) and not any(mark.tracked for mark in marks):
        where = distance_text(distances[0])
        raise ValueError(f"{RECIPES[recipe].label} needs marks at different distances; all are at {where}")
    if direction != "GIVEN":
        order = sorted(range(len(marks)), key=distances.__getitem__, reverse=direction == "NEAR")
        marks = [marks[i] for i in order]
    return marks


def _in_turn(
    first: float, last: float, marks: Sequence[Mark], feel: str, fps: float, rests: Sequence[float]
) -> list[Rack]:
    """A rack between each mark and the next; rests: shares of the time that is not spent pulling, one for each mark."""
    length = last - first + 1
    pulls = len(marks) - 1
    duration = max(2.0, float(round(min(default_duration(feel, fps), length / (2.5 * pulls + 0.5)))))
    resting = length - pulls * duration
    racks, at = [], float(first)
    for i in range(pulls):
        at += rests[i] * resting
        racks.append(Rack(float(round(at)), duration, marks[i], marks[i + 1], feel))
        at += duration
    return racks


def _beside(subject_m: float, side: int, dioptres: float) -> float:
    """Metres, `dioptres` off the subject: behind it for side 1; in front for -1, or where infinity is too near."""
    behind = 1 / subject_m - dioptres
    if side > 0 and behind >= 1 / INFINITY_M:
        return 1 / behind
    return 1 / (1 / subject_m + dioptres)
