# SPDX-License-Identifier: GPL-3.0-or-later
"""Say it: a cinematographer's sentence -> lens, feel, direction, marks. What is not understood is named, never guessed.

A sentence is read in three steps. Values (lens, stop, length, start) count wherever they stand. The rest falls into
clauses; those with an order (rack, pull, focus shifts, follow, from ... to ...) say what focus does, all others
describe the scene: they tell where focus starts ("in sharp focus", "blurred behind her") and what a noun stands for,
and nothing in them becomes a stop. Capitals do not matter.

    lens      = 85mm | "85 mm lens" | "lens 85" | macro | portrait lens | wide-angle lens | telephoto | normal lens
    stop      = f/1.4 | f1.4 | "f 1.4" | T2 | shallow depth of field (f/1.4) | deep focus (f/11) | wide open
    squeeze   = anamorphic (2x) | "1.5x anamorphic"
    sensor    = full frame | Super 35 | APS-C | Micro Four Thirds | Super 16 | IMAX | ...
    length    = [over | in] 2 seconds | 12 frames | half a second | a minute | a 3-second rack
    start     = at frame 40 | at 2 seconds | after 2 seconds | [at] 00:00:02:12
    order     = [FROM PLACE] TO PLACE { then PLACE } | between PLACE and PLACE | ends on PLACE | ... and back
    PLACE     = a mark's name | foreground, front, near | mid-ground | background, behind, back, far | infinity
              | 2 m, 6 ft, 5'6" | everything out of focus | what the scene said of a noun, or of "her", "his", "its"
    feel      = slow | smooth | quick, fast | snap, whip | hesitant | settle, overshoot | even, steady  (and their kin)
    direction = pulls back, opens up (to the far) | pulls forward, closes in (to the near)
    recipe    = reveal | transition | emphasis, "and back" | spatial storytelling
    hold      = follow, hold on, track, stay on, keep ... sharp

In an order, a noun says nothing about distance: it needs a word that does, a mark of that name, or a scene that places
it. Without one it is named as not understood. The patterns stand in `words`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

from . import words
from .distances import FOOT_M, distance_text
from .lenses import LENSES, SENSORS, t_stop_f_number
from .pull import FEELS, INFINITY_M

INCH_M = 0.0254
SHALLOW_F, VERY_SHALLOW_F, DEEP_F = 1.4, 1.2, 11.0
VERY_SLOW_SECONDS = 5.0
OUT_OF_FOCUS = 0.5
"""Where everything is to be out of focus, focus is so many times as far away as the foreground."""


@dataclass(frozen=True)
class FocusPlace:
    """Where focus is to be. kind: FOREGROUND, MIDGROUND, BACKGROUND, INFINITY, DISTANCE, MARK, OUT (everything out of
    focus), or HERE (where it is now)."""

    kind: str
    name: str = ""
    distance_m: float | None = None


@dataclass(frozen=True)
class Span:
    """A stretch [start, end) of the sentence, and its text."""

    start: int
    end: int
    text: str


@dataclass
class Understanding:
    """What a sentence says; None = not said. stops: the places in turn, at least two when there is a rack.

    f_number or t_stop, whichever was said. duration_seconds and duration_frames add up. start_frame, start_seconds or
    timecode (hours, minutes, seconds, frames): when it begins. direction: "FAR" or "NEAR". notes: what was filled in,
    and why. unknown: words that were not understood.
    """

    sentence: str
    focal_mm: float | None = None
    f_number: float | None = None
    t_stop: float | None = None
    squeeze: float | None = None
    sensor: str | None = None
    feel: str | None = None
    duration_seconds: float | None = None
    duration_frames: float | None = None
    start_frame: float | None = None
    start_seconds: float | None = None
    timecode: tuple[int, int, int, int] | None = None
    direction: str | None = None
    recipe: str | None = None
    hold: bool = False
    stops: list[FocusPlace] = field(default_factory=list)
    unknown: list[Span] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def length_frames(self, fps: float) -> float | None:
        """The said duration in frames, or None."""
        if self.duration_seconds is None:
            return self.duration_frames
        return self.duration_seconds * fps + (self.duration_frames or 0.0)

    def first_frame(self, fps: float) -> float | None:
        """The said start as a frame, or None. Seconds and time codes count from frame 0, as Blender shows them."""
        if self.timecode is not None:
            hours, minutes, seconds, frames = self.timecode
            return round((hours * 3600 + minutes * 60 + seconds) * fps) + frames
        return self.start_frame if self.start_seconds is None else self.start_seconds * fps


def understand(sentence: str, mark_names: Sequence[str] = ()) -> Understanding:
    """Read a sentence. mark_names: the strip's marks; their names are read before any other word."""
    reading = _Reading(sentence, mark_names)
    for pattern, act in _VALUES.items():
        reading.each(_rule(pattern), act)
    clauses = _clauses(reading)
    for clause in clauses:
        if not clause.is_order:
            reading.scenes += _scenes(reading, clause)
    for clause in clauses:
        if clause.is_order:
            _obey(reading, clause)
    _conclude(reading)
    return reading.said


def describe(said: Understanding, fps: float = 24.0) -> list[str]:
    """What was understood, one line for each thing, and last what was not: for the panel, before anything is keyed."""
    lines = []
    lens = [f"{said.focal_mm:g} mm"] if said.focal_mm else []
    lens += [f"f/{said.f_number:g}"] if said.f_number else []
    lens += [f"T{said.t_stop:g}"] if said.t_stop else []
    lens += [f"anamorphic {said.squeeze:g}x"] if said.squeeze else []
    lens += [SENSORS[said.sensor].label] if said.sensor else []
    if lens:
        lines.append("Lens: " + ", ".join(lens))
    if said.stops:
        lines.append("Focus: " + " \u2192 ".join(_name(place) for place in said.stops))
    if said.recipe:
        lines.append(f"Recipe: {said.recipe.replace('_', ' ').capitalize()}")
    if said.direction:
        far = said.direction == "FAR"
        lines.append("Direction: " + ("near to far, opens the world" if far else "far to near, closes it"))
    first = said.first_frame(fps)
    if first is not None:
        lines.append(f"Starts at frame {first:g}")
    length = said.length_frames(fps)
    if said.feel or length:
        feel = [f"{said.feel.capitalize()}: {FEELS[said.feel].explanation.lower()}"] if said.feel else []
        lines.append("Feel: " + ", ".join(feel + ([f"{length:g} frames"] if length else [])))
    if said.hold:
        lines.append("Then follows the mark")
    lines += said.notes
    if said.unknown:
        lines.append("Not understood: " + ", ".join(span.text for span in said.unknown))
    return lines


def place_distance_m(place: FocusPlace, near_far_m: tuple[float, float] | None = None) -> float:
    """Metres of a place that no mark stands for. near_far_m: what `subjects.depth_modes` gave. Raises ValueError saying
    what is missing."""
    if place.kind == "INFINITY":
        return INFINITY_M
    if place.kind == "DISTANCE":
        return float(place.distance_m or 0)
    if place.kind not in IN_DEPTH:
        raise ValueError(f"{_name(place).capitalize()}: there is no mark of that name")
    if near_far_m is None:
        raise ValueError(f"{_name(place).capitalize()} needs the picture's depth")
    near_m, far_m = near_far_m
    return {
        "FOREGROUND": near_m,
        "MIDGROUND": 2 / (1 / near_m + 1 / far_m),  # half way in dioptres, as the barrel turns
        "BACKGROUND": far_m,
        "OUT": near_m * OUT_OF_FOCUS,
    }[place.kind]


IN_DEPTH = ("FOREGROUND", "MIDGROUND", "BACKGROUND", "OUT")
"""Kinds of places that only a depth can tell the distance of."""


# --- Reading ----------------------------------------------------------------------------------------------------------

_FRONT, _BACK = FocusPlace("FOREGROUND"), FocusPlace("BACKGROUND")
_OTHER_END = {_FRONT: _BACK, _BACK: _FRONT}
_READ = "\x00"
"""Stands in the text for what has been read."""

_Act = Callable[["_Reading", re.Match], bool]
"""Takes what matched. Returns whether it is read with that."""


@cache
def _rule(pattern: str | re.Pattern) -> re.Pattern:
    """Whole words only, but for what is compiled: that says itself where it ends."""
    return re.compile(rf"(?<![\w])(?:{pattern})(?![\w])") if isinstance(pattern, str) else pattern


@dataclass(frozen=True)
class _Clause:
    start: int
    end: int
    is_order: bool


@dataclass(frozen=True)
class _Scene:
    """What a clause that describes says: whether something is sharp or soft, where it stands, which words name it, and
    whether it is what the shot is of."""

    sharp: bool
    soft: bool
    place: FocusPlace | None
    mark: FocusPlace | None
    nouns: frozenset[str]
    is_framed: bool = False

    @property
    def subject(self) -> FocusPlace | None:
        return self.mark or self.place


class _Reading:
    """A sentence as far as it has been read. text: in lower case, `_READ` where it has been read."""

    def __init__(self, sentence: str, mark_names: Sequence[str]) -> None:
        self.said = Understanding(sentence)
        self.text = "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in sentence)
        self.places: list[tuple[int, int, FocusPlace]] = []
        self.marks = [
            (name, re.compile(rf"(?<!\w){re.escape(name.strip().lower())}(?!\w)"))
            for name in sorted((name for name in mark_names if name.strip()), key=len, reverse=True)
        ]
        self.scenes: list[_Scene] = []
        self.feels: list[str] = []
        self.very = False
        self.origin: FocusPlace | None = None
        self.goals: list[FocusPlace] = []
        self.loose: list[FocusPlace] = []
        self.held: FocusPlace | None = None
        self.and_back = False
        self.wide_open: Span | None = None
        self.unplaced: list[Span] = []
        self.unplaced_starts: list[Span] = []

    def each(self, pattern: re.Pattern, act: _Act, start: int = 0, end: int | None = None) -> None:
        """Read all that a pattern matches within [start, end)."""
        for match in pattern.finditer(self.text, start, len(self.text) if end is None else end):
            if match.end() > match.start() and act(self, match):
                self.take(*match.span())

    def take(self, start: int, end: int) -> None:
        """Note a stretch as read."""
        self.text = self.text[:start] + _READ * (end - start) + self.text[end:]

    def span(self, start: int, end: int) -> Span:
        return Span(start, end, self.said.sentence[start:end])

    def note_distance(self, match: re.Match, metres: float) -> bool:
        """Note a distance where it stands; False where it is none."""
        if metres > 0:
            self.places.append((*match.span(), FocusPlace("DISTANCE", distance_m=round(metres, 4))))
        return metres > 0

    def mark_in(self, start: int, end: int) -> tuple[int, int, FocusPlace] | None:
        """The first mark named within a stretch: where, and which; of two at one place the longer."""
        candidates: list[tuple[int, int, int, FocusPlace]] = []
        for name, pattern in self.marks:
            for match in pattern.finditer(self.text, start, end):
                if self._is_meant(name, match):
                    candidates.append((match.start(), -len(name), match.end(), FocusPlace("MARK", name=name)))
        if not candidates:
            return None
        begin, _length, stop, place = min(candidates, key=lambda one: one[:2])
        return begin, stop, place

    def _is_meant(self, name: str, match: re.Match) -> bool:
        if name.strip().lower() not in words.EXACT:
            return True
        same = self.said.sentence[match.start() : match.end()] == name.strip()
        return same and re.compile(words.EXACT_ENDS).match(self.text, match.end()) is not None

    def words_in(self, start: int, end: int) -> Iterator[tuple[int, int, str]]:
        """Words that have not been read and have a weight."""
        for match in re.finditer(rf"[^\s{_READ},;:!?()\"\u201c\u201d\u2013\u2014]+", self.text[start:end]):
            word = match[0].rstrip(".").removesuffix("'s")
            if word.strip("-.'") and not _FILLER.fullmatch(word):
                yield start + match.start(), start + match.start() + len(match[0].rstrip(".")), word

    def not_understood(self, start: int, end: int, *, among: re.Pattern | None = None) -> None:
        """Name what is left of a stretch."""
        for begin, stop, word in list(self.words_in(start, end)):
            if among is None or not among.fullmatch(word):
                self.said.unknown.append(self.span(begin, stop))
                self.take(begin, stop)


# --- Values: read wherever they stand ---------------------------------------------------------------------------------


def _number(match: re.Match) -> float:
    group = match.groupdict()
    digits = group.get("n") or group.get("k")
    return float(digits.replace(",", ".")) if digits else float(words.COUNTS[group["w"]])


def _set(name: str, value: object | Callable[[re.Match], object]) -> _Act:
    def act(reading: _Reading, match: re.Match) -> bool:
        new = value(match) if callable(value) else value
        if isinstance(new, float) and not new > 0:
            return False
        said = reading.said
        if getattr(said, name) in (None, new):
            setattr(said, name, new)
        else:
            text = said.sentence[match.start() : match.end()]
            said.notes.append(f"{text!r} contradicts what was said before; the first one counts")
        return True

    return act


def _distance(metres_each: float) -> _Act:
    def act(reading: _Reading, match: re.Match) -> bool:
        return reading.note_distance(match, _number(match) * metres_each)

    return act


def _feet_inches(reading: _Reading, match: re.Match) -> bool:
    return reading.note_distance(match, _number(match) * FOOT_M + float(match["i"] or 0) * INCH_M)


def _timecode(match: re.Match) -> tuple[int, int, int, int]:
    parts = [int(part) for part in re.split("[:;]", match["t"])]
    hours, minutes, seconds, frames = parts if len(parts) == 4 else (0, *parts, 0) if len(parts) == 2 else (*parts, 0)
    return hours, minutes, seconds, frames


def _wide_open(reading: _Reading, match: re.Match) -> bool:
    reading.wide_open = reading.span(*match.span())
    return True


def _all_out(reading: _Reading, match: re.Match) -> bool:
    reading.places.append((match.start(), match.end(), FocusPlace("OUT")))
    return True


def _cue(reading: _Reading, match: re.Match) -> bool:
    if reading.mark_in(*match.span()) is not None:
        return False
    reading.said.notes.append(f"{match[0]!r} is not known: it starts where the playhead stands, unless a time is said")
    return True


def _rests(name: str) -> _Act:
    """Of "holds on her for 2 seconds, then ...", only the time is read."""

    def act(reading: _Reading, match: re.Match) -> bool:
        if _set(name, _number)(reading, match):
            reading.take(*match.span("rest"))
        return False

    return act


_RESTS = r"(?:hold|stay|rest|wait|pause|linger|keep)(?:s|ing)?\b[^,.;]{0,40}?"
_N, _K, _W, _OVER = words.NUMBER, words.OTHER_NUMBER, words.COUNT, words.OVER

_SECONDS, _FRAMES = rf"(?:{_N} ?(?:s|secs?|seconds?)|{_W} seconds?)", rf"(?:{_N}|{_W}) ?frames"
_FEET_INCHES = rf"{_N} ?(?:'|ft\b|feet\b|foot\b) ?(?:(?P<i>\d+(?:\.\d+)?) ?(?:\"|''|in\b|inch(?:es)?\b))?"

_VALUES: dict[str | re.Pattern, _Act] = {
    words.CUE: _cue,
    rf"{_RESTS} (?P<rest>for {_SECONDS})(?=.*(?:then|before)\b)": _rests("start_seconds"),
    rf"{_RESTS} (?P<rest>for {_FRAMES})(?=.*(?:then|before)\b)": _rests("start_frame"),
    **{pattern: _set("sensor", key) for key, pattern in words.SENSORS.items()},
    rf"(?:at|on|starting at|start at|from|until|till) frame {_N}": _set("start_frame", _number),
    rf"(?:(?:at|from|starting at|start at|until|till) )?{words.TIMECODE}": _set("timecode", _timecode),
    rf"(?:at|after|starting at|from second|until|till) {_SECONDS}": _set("start_seconds", _number),
    rf"{_OVER}(?:{_N}[- ]?min(?:ute)?s?|{_W}[- ]minutes?)(?: long)?": _set(
        "duration_seconds", lambda found: 60 * _number(found)
    ),
    rf"{_OVER}(?:{_N}[- ]?(?:s|secs?|seconds?)|{_W}[- ]seconds?)(?: long)?": _set("duration_seconds", _number),
    rf"(?:and )?{_OVER}(?:{_N}(?:[- ]?frames?|f)|{_W}[- ]frames)(?: long)?": _set("duration_frames", _number),
    rf"{_N}x anamorphic|anamorphic {_K}x": _set("squeeze", _number),
    r"anamorphic(?: lens)?|scope lens": _set("squeeze", 2.0),
    rf"{_N} ?[- ]?(?:mm|millimet(?:er|re)s?)(?: lens| prime)*": _set("focal_mm", _number),
    rf"f ?[/:-]? ?(?:stop )?(?:of )?{_N}|f-?stop(?: of)? {_K}": _set("f_number", _number),
    rf"t ?/? ?{_N}": _set("t_stop", _number),
    words.VERY_SHALLOW: _set("f_number", VERY_SHALLOW_F),
    words.SHALLOW: _set("f_number", SHALLOW_F),
    words.DEEP: _set("f_number", DEEP_F),
    "wide open": _wide_open,
    **{pattern: _set("focal_mm", float(LENSES[key].focal_mm)) for key, pattern in words.LENSES.items()},
    rf"{_N} ?(?:m|met(?:er|re)s?)": _distance(1.0),
    rf"{_W} (?:met(?:er|re)s?)": _distance(1.0),
    rf"{_W} (?:feet|foot)": _distance(FOOT_M),
    rf"{_N} ?(?:cm|centimet(?:er|re)s?)": _distance(0.01),
    re.compile(_FEET_INCHES): _feet_inches,
    rf"{_N} ?(?:in|inch(?:es)?)": _distance(INCH_M),
    words.ALL_OUT: _all_out,
    rf"{_N} ?(?:lens|prime)|(?:lens|prime)(?: of)? {_K}": _set("focal_mm", _number),
}
"""What is read wherever it stands, in this order."""
_BARE_NUMBER = _rule(r"(?<![.,:/'-])\d{1,3}(?:\.\d+)?(?![.,:/'-]?\w)(?!\s+(?!(?:at|with|over|in|on|for|and|then)\b)\w)")
"""A lens, a length or a distance without its unit. A number before another word counts something."""


# --- Clauses ----------------------------------------------------------------------------------------------------------

_BREAK = re.compile(rf"[;!?()\u201c\u201d\u2013\u2014]|[,.:](?=[\s{_READ}]|$)|(?<!\w)(?=(?:{words.SUBORDINATE})\s)")
_SUBORDINATE = _rule(words.SUBORDINATE)
_TRIGGER = _rule(f"{words.TRIGGER}|{words.HOLD}")
_ROLE = re.compile(
    rf"(?<!\w)(?:(?P<described>{words.GOES})|(?P<reveal>(?:to )?reveal(?:s|ing|ed)?)|(?P<hold>{words.HOLD})|"
    rf"(?P<between>between)|(?P<from>{words.FROM})|"
    rf"(?P<to>(?<!next )(?<!(?<!from )close )(?<!emphasis )(?:{words.TO})))(?!\w)|"
    rf"(?P<arrow>->|>|\u2192)|(?P<emphasis>(?<=emphasis )on\b)"
)
_GOES_ON = re.compile(
    rf"\W*(?:and )?(?:then )?(?:back |(?:the )?(?:camera|shot|scene|focus|frame) )?"
    rf"(?:{words.FROM}|{words.TO})(?!\w)|\W*and (?:then )?back\b"
)


def _clauses(reading: _Reading) -> list[_Clause]:
    """The sentence in clauses, each an order or a description of the scene."""
    text, edges = reading.text, [0]
    for match in _BREAK.finditer(text):
        edges += [match.start(), match.end()]
    edges.append(len(text))
    stretches = [(a, b) for a, b in pairwise(edges) if text[a:b].strip(f" {_READ},;.!?")]
    free = [span for span in stretches if not _SUBORDINATE.match(text, *span)]
    strong = {span for span in free if _TRIGGER.search(text, *span)}
    strong = strong or {span for span in stretches if _TRIGGER.search(text, *span)}  # "as focus shifts to her"
    weak = {span for span in free if _role_in(text, *span)}
    after_colon = {span for span in weak if text[: span[0]].endswith(":")}  # "rack: Anna to Bob"
    orders = strong | after_colon | {span for span in weak if _GOES_ON.match(text, *span)} if strong else weak
    if not orders:  # no word asks for anything: then it is shorthand, unless it paints a picture
        orders = {span for span in free if not _is_description(text, *span)}
    return [_Clause(*span, span in orders) for span in stretches]


def _role_in(text: str, start: int, end: int) -> bool:
    return any(match["described"] is None for match in _ROLE.finditer(text, start, end))


def _is_description(text: str, start: int, end: int) -> bool:
    return any(pattern.search(text, start, end) for pattern in (_SHOT_SIZE, _SOFT, _SHARP))


# --- The scene --------------------------------------------------------------------------------------------------------

_SHOT_SIZE, _SOFT, _SHARP = _rule(words.SHOT_SIZE), _rule(words.SOFT), _rule(words.SHARP)
_FILLER = re.compile(words.FILLER)
_CAMERA_MOVE = _rule(words.CAMERA_MOVE)
_PRONOUN = _rule(words.PRONOUN)
_GOES_SOFT = _rule(words.GOES_SOFT)
_BESIDE = _rule("with|and|but")
_HEAD_END = _rule(words.HEAD_ENDS)
_PLACES = [
    (_rule(words.INFINITY), FocusPlace("INFINITY")),
    (_rule(words.MIDDLE), FocusPlace("MIDGROUND")),
    (_rule(words.NEAR), _FRONT),
    (_rule(words.FAR), _BACK),
]
_ANY_FEEL = _rule(words.VERY + "(?:" + "|".join(f"(?P<{key}>{pattern})" for key, pattern in words.FEELS.items()) + ")")


def _scenes(reading: _Reading, clause: _Clause) -> list[_Scene]:
    """What a clause says about the scene, each subject apart. A feel counts only where the clause says nothing else."""
    start, end = clause.start, clause.end
    reading.each(_CAMERA_MOVE, _unknown, start, end)
    left = [word for _begin, _end, word in reading.words_in(start, end)]
    if left and all(_ANY_FEEL.fullmatch(word) or word in ("very", "really") for word in left):
        reading.each(_ANY_FEEL, _feel, start, end)
    edges = [start, *(match.start() for match in _BESIDE.finditer(reading.text, start, end)), end]
    return [_scene(reading, *span) for span in pairwise(edges)]


def _scene(reading: _Reading, start: int, end: int) -> _Scene:
    text = reading.text
    soft, sharp = _SOFT.search(text, start, end), _SHARP.search(text, start, end)
    if soft and sharp and sharp.start() >= soft.start() and sharp.end() <= soft.end():
        sharp = None  # "out of focus" is not "in focus"
    place = _place_in(text, start, end)
    lead = max((match.end() for match in _SHOT_SIZE.finditer(text, start, end)), default=start)
    mark = reading.mark_in(lead, _head_end(text, lead, end))
    nouns = frozenset(word for _begin, _end, word in reading.words_in(start, end))
    distance = _distance_in(reading, start, end)
    if place is None and distance is not None and distance[2].kind == "OUT":
        return _Scene(True, False, distance[2], None, nouns)
    goes_soft = _GOES_SOFT.search(text, start, end) is not None  # and was sharp until then
    where, who = place[2] if place else None, mark[2] if mark else None
    return _Scene(bool(sharp) or goes_soft, bool(soft) and not goes_soft, where, who, nouns, lead > start)


def _place_in(text: str, start: int, end: int) -> tuple[int, int, FocusPlace] | None:
    """The first word of distance in a stretch: where, and which."""
    candidates = [
        (match.start(), match.end(), place) for pattern, place in _PLACES if (match := pattern.search(text, start, end))
    ]
    return min(candidates, key=lambda one: one[:2], default=None)


def _head_end(text: str, start: int, end: int) -> int:
    """Where the words end that name somebody or something, and those begin that say what it does and where."""
    first = re.compile(rf"[\s{_READ}]*(?:(?:the|a|an|two|one)\s+)*\S+").match(text, start, end)
    match = _HEAD_END.search(text, first.end() if first else start, end)
    return match.start() if match else end


def _start_of_scene(reading: _Reading) -> FocusPlace | None:
    """Where focus is at first, as the scene tells."""
    scenes = reading.scenes
    soft = {scene.place for scene in scenes if scene.soft}
    implied = _FRONT if _BACK in soft else _BACK if _FRONT in soft else None
    for scene in scenes:
        if scene.sharp and not scene.soft:
            return scene.subject or implied
    if implied is None:
        placed = (scene.subject for scene in scenes if scene.place is not None and not scene.soft)
        return next(placed, next((scene.mark for scene in scenes if scene.is_framed and not scene.soft), None))
    there = [scene.subject for scene in scenes if scene.place == implied and not scene.soft]
    return there[0] if there else implied


# --- Orders -----------------------------------------------------------------------------------------------------------


def _unknown(reading: _Reading, match: re.Match) -> bool:
    reading.said.unknown.append(reading.span(*match.span()))
    return True


def _weightless(_reading: _Reading, _match: re.Match) -> bool:
    return True


def _feel(reading: _Reading, match: re.Match) -> bool:
    key = next(name for name in words.FEELS if match[name] is not None)
    if match["very"]:
        reading.very = reading.very or key == "SLOW"
        key = "SNAP" if key == "QUICK" else key
    reading.feels.append(key)
    return True


_ORDERS: dict[str | re.Pattern, _Act] = {
    "back and forth": _unknown,
    words.OPENS: _set("direction", "FAR"),
    words.CLOSES: _set("direction", "NEAR"),
    "transition(?:s|ing)?|bridg(?:es|ing|e)": _set("recipe", "TRANSITION"),
    "spatial (?:storytelling|story)": _set("recipe", "SPATIAL"),
    f"focus distance|{words.INTO_FOCUS}": _weightless,
}
_FINDS = _rule("(?:bring|find|get)(?:s|ing)?")
_SOMEBODY = re.compile(words.SOMEBODY)
_WEIGHTLESS = re.compile(rf"(?:{words.SOMEBODY}|{words.SOFT})")
_FOCUS_ON = re.compile("focus(?:es|ing)? on")
_THIRD = _rule(rf"him|her(?!\s+\w)|them|{words.OTHER}")
_EMPHASIS = _rule(r"emphasi(?:s|[sz]es|[sz]ing|[sz]e)")
_AND_BACK = _rule(r"and (?:then )?(?:back|returns?)(?: again)?(?! to (?:the )?(?:front|near|foreground))")


def _obey(reading: _Reading, clause: _Clause) -> None:
    """Read a clause that says what focus does: before its first role, and behind each of them."""
    for pattern, act in _ORDERS.items():
        reading.each(_rule(pattern), act, clause.start, clause.end)
    softens = _GOES_SOFT.search(reading.text, clause.start, clause.end)
    if softens:  # "the cup goes soft": focus leaves it
        edges = [match.end() for match in _BESIDE.finditer(reading.text, clause.start, softens.start())]
        reading.origin = _resolved(reading, max([clause.start, *edges]), softens.start()) or reading.origin
        reading.take(*softens.span())
    back = _AND_BACK.search(reading.text, clause.start, clause.end)
    if back:
        reading.take(*back.span())
        reading.and_back = True
    roles = [role for role in _ROLE.finditer(reading.text, clause.start, clause.end) if role["described"] is None]
    reading.each(_EMPHASIS, _set("recipe", "EMPHASIS"), clause.start, clause.end)
    edges = [*(role.start() for role in roles), clause.end]
    _before(reading, clause.start, edges[0], bool(roles) and roles[0].lastgroup in ("to", "arrow", "reveal"))
    for role, end in zip(roles, edges[1:], strict=True):
        _behind(reading, role, role.end(), end)


def _before(reading: _Reading, start: int, end: int, goes_to: bool) -> None:
    """What stands before any role: "slow rack", "foreground", "Anna"."""
    place = _resolved(reading, start, end)
    if place is not None and goes_to and reading.origin is None and not reading.goals:
        reading.origin = place
    elif place is not None:
        reading.loose.append(place)
    reading.each(_ANY_FEEL, _feel, start, end)
    reading.each(_CAMERA_MOVE, _unknown, start, end)
    finds = _FINDS.search(reading.text, start, end)
    reading.each(_TRIGGER, _weightless, start, end)
    if place is None or not finds:  # else what is left names what has that place
        reading.not_understood(start, end, among=_WEIGHTLESS)


def _behind(reading: _Reading, role: re.Match, start: int, end: int) -> None:
    """What stands behind a role, up to the next."""
    said, kind = reading.said, role.lastgroup
    if _TRIGGER.search(reading.text, start, end):  # "then a slow rack": the order itself
        if not _ROLE.match(reading.text, end):  # "then find Anna"
            _put(reading, "to", _resolved(reading, start, end))
        _before(reading, start, end, True)
        return
    if kind == "hold":
        said.hold = True
    if kind == "reveal" and said.recipe is None:
        said.recipe = "REVEAL"
    if kind == "between":
        middle = _rule("and").search(reading.text, start, end)
        if middle:
            _put(reading, "from", _named(reading, start, middle.start(), False))
            start = middle.end()
        kind = "to"
    place = _named(reading, start, end, kind in ("to", "reveal", "arrow"))
    if (kind == "hold" or _FOCUS_ON.fullmatch(role[0])) and not reading.goals:
        reading.held = place
    _put(reading, "from" if kind == "from" else "to", place)


def _put(reading: _Reading, side: str, place: FocusPlace | None) -> None:
    if place is None:
        return
    if side == "from":
        reading.origin = reading.origin or place
    elif not (reading.goals and reading.goals[-1] == place):  # a place may be said twice: "behind, far in the back"
        reading.goals.append(place)


def _named(reading: _Reading, start: int, end: int, is_goal: bool) -> FocusPlace | None:
    """The place that somebody or something behind a role has; named as not understood if it has none."""
    place = _resolved(reading, start, end) or _as_the_scene_says(reading, start, end, is_goal)
    extra = _rule("with").search(reading.text, start, end)
    if place is None:
        head = _head_end(reading.text, start, end)
        said = [word for _begin, _stop, word in reading.words_in(start, end)]
        if all(_ANY_FEEL.fullmatch(word) for word in said):  # "then snap to Bob"
            head = start
        reading.each(_ANY_FEEL, _feel, head, end)
        unplaced = [reading.span(begin, stop) for begin, stop, _word in reading.words_in(start, head)]
        reading.unplaced += unplaced
        reading.unplaced_starts += [] if is_goal else unplaced
    elif extra:
        reading.each(_ANY_FEEL, _feel, extra.end(), end)
        reading.not_understood(extra.end(), end)
    return place


def _resolved(reading: _Reading, start: int, end: int) -> FocusPlace | None:
    """The place that a stretch names by itself: a mark, a distance, a word of distance. Feels behind it are read."""
    text = reading.text
    mark = reading.mark_in(start, _head_end(text, start, end))
    place = mark or _distance_in(reading, start, end) or _place_in(text, start, end)
    if place is None:
        return None
    begin, stop, found = place
    if found.kind not in ("DISTANCE", "OUT"):
        reading.take(begin, stop)
    reading.each(_ANY_FEEL, _feel, stop, end)
    return found


def _distance_in(reading: _Reading, start: int, end: int) -> tuple[int, int, FocusPlace] | None:
    return next((place for place in reading.places if start <= place[0] < end), None)


def _as_the_scene_says(reading: _Reading, start: int, end: int, is_goal: bool) -> FocusPlace | None:
    """Where the scene puts what a stretch names: by the same noun, or "her" for whoever the scene begins with; where
    focus is to go, "him" and "the other" are who is soft at first."""
    head = _head_end(reading.text, start, end)
    nouns = {word for _begin, _end, word in reading.words_in(start, head)}
    named = [scene for scene in reading.scenes if scene.nouns & nouns]
    place = next((scene.subject for scene in named if scene.subject is not None), None)
    if place is None and is_goal and (any(scene.soft for scene in named) or _THIRD.search(reading.text, start, head)):
        place = _soft_at_first(reading)
    if place is None and _PRONOUN.search(reading.text, start, head):
        place = _start_of_scene(reading)
    if place is not None:
        text = reading.said.sentence[start:head].strip(" ,")
        reading.said.notes.append(f"{text!r}: {_name(place)}, where the scene puts it")
    return place


def _soft_at_first(reading: _Reading) -> FocusPlace | None:
    """Who is soft while focus is where it starts: as the scene says, else the other end of the depth."""
    first = _start_of_scene(reading)
    told = [scene.subject for scene in reading.scenes if scene.soft and scene.subject not in (None, first)]
    if told or first is None:
        return told[0] if told else None
    sharp = [scene.place for scene in reading.scenes if scene.sharp and scene.place is not None] or [first]
    return _OTHER_END.get(sharp[0])


# --- Together ---------------------------------------------------------------------------------------------------------


def _conclude(reading: _Reading) -> None:
    """Put together what the parts left open; whatever is filled in here is told in the notes."""
    said = reading.said
    said.feel = _one_feel(reading)
    if reading.very and said.feel == "SLOW" and said.length_frames(24) is None:
        said.duration_seconds = VERY_SLOW_SECONDS
        said.notes.append(f"Very slow: over {VERY_SLOW_SECONDS:g} seconds")
    if reading.wide_open is not None:
        _open_wide(reading, reading.wide_open)
    if said.t_stop is not None and said.f_number is None:
        number = t_stop_f_number(said.t_stop)
        said.notes.append(f"T{said.t_stop:g} tells the light that passes, blur follows the opening: f/{number:.2g}")
    _route(reading)
    if reading.and_back and said.recipe is None and len(said.stops) > 2:
        said.recipe = "EMPHASIS"
    if said.recipe is None and len(said.stops) > 2:
        said.recipe = "SPATIAL"
    if len(said.stops) == 2 and said.stops[1].kind != "HERE":
        # the places decide: "pulls back to the foreground" returns to what is near
        said.direction = _direction_of(*said.stops) or said.direction
    if said.hold and said.unknown:
        said.notes.append("Only a mark can be followed: set one on it and track it")
    reading.each(_BARE_NUMBER, _unknown)
    said.unknown = sorted(set(said.unknown), key=lambda span: span.start)


def _route(reading: _Reading) -> None:
    said = reading.said
    if not reading.goals and reading.origin is None and reading.loose:
        reading.origin, reading.goals = (
            (reading.loose[0], reading.loose[1:]) if len(reading.loose) > 1 else (None, reading.loose)
        )
        if len(reading.loose) > 1:
            said.notes.append("Places in the order they were named")
    reading.origin = reading.origin or next(iter(reading.loose if reading.goals != reading.loose else []), None)
    if len(reading.goals) > 1 and reading.goals[0] == reading.held:  # held on until it racks away
        reading.origin, said.hold = reading.goals.pop(0), False
    if reading.goals and reading.origin is None:
        _start_on_the_other(reading)
    if not reading.goals and said.direction:
        _go_on(reading)
    else:
        said.unknown += reading.unplaced
    if reading.goals and reading.origin is None and not said.hold:
        reading.origin = _start_of_scene(reading)
        if reading.origin == reading.goals[0]:
            reading.origin = None
        elif reading.origin is not None:
            said.notes.append(f"Focus starts on {_name(reading.origin)}, as the scene says")
    if reading.goals and reading.origin is None:
        said.notes.append("No start was named: from where the focus is now")
    if reading.goals:
        origin = reading.origin or FocusPlace("HERE")
        said.stops = [origin, *reading.goals, *([origin] if reading.and_back else [])]
    elif reading.origin is not None:
        _end_of(reading, reading.origin)


def _start_on_the_other(reading: _Reading) -> None:
    """ "From the figure to the one behind": who is not behind is in front."""
    other = _OTHER_END.get(reading.goals[0])
    somebody = [one for one in reading.unplaced if _SOMEBODY.fullmatch(one.text.lower())]
    if other and len(somebody) == 1 and reading.unplaced == reading.unplaced_starts == somebody:
        reading.origin, reading.unplaced = other, []
        reading.said.notes.append(f"{somebody[0].text!r}: {_name(reading.origin)}, the other end of the depth")


def _go_on(reading: _Reading) -> None:
    """A direction, and no place to go to that is known: the foreground or the background."""
    said = reading.said
    goal = _FRONT if said.direction == "NEAR" else _BACK
    other = _OTHER_END[goal]
    reading.goals = [goal]
    what = ", ".join(span.text for span in reading.unplaced)
    said.notes.append(f"{what or 'No end was named'}: to the {_name(goal)}")
    reading.origin = reading.origin or _start_of_scene(reading)
    if reading.origin is None and not reading.unplaced:
        reading.origin = other
        said.notes.append(f"No marks were named: from the {_name(other)} to the {_name(goal)}")


def _end_of(reading: _Reading, origin: FocusPlace) -> None:
    """A start alone: from one end of the depth it goes to the other."""
    said = reading.said
    goal = None if reading.unplaced else _OTHER_END.get(origin)
    said.stops = [origin, *([goal] if goal else [])]
    said.notes.append("No end was named" + (f": to the {_name(goal)}" if goal else ""))


def _one_feel(reading: _Reading) -> str | None:
    feels = list(dict.fromkeys(reading.feels))
    if len(feels) < 2:
        return feels[0] if feels else None
    speeds = [words.FEEL_SPEED[feel] for feel in feels]
    if min(speeds) < 0 < max(speeds):
        named = " and ".join(feel.lower() for feel in feels)
        reading.said.notes.append(f"{named} contradict each other: no feel is set")
        return None
    return max(feels, key=lambda feel: (feel in ("SETTLE", "HESITANT"), abs(words.FEEL_SPEED[feel])))


def _open_wide(reading: _Reading, span: Span) -> None:
    said = reading.said
    fastest = [
        lens.f_number
        for lens in LENSES.values()
        if lens.focal_mm == said.focal_mm and lens.squeeze == (said.squeeze or 1)
    ]
    if said.f_number is None and fastest:
        said.f_number = min(fastest)
    elif said.f_number is None:
        said.unknown.append(span)
        said.notes.append('How far "wide open" is depends on the lens: name one of the presets, or an f-number')


def _direction_of(first: FocusPlace, last: FocusPlace) -> str | None:
    order = {"OUT": -1.0, "FOREGROUND": 0.0, "MIDGROUND": 0.5, "BACKGROUND": 1.0, "INFINITY": 2.0}
    if first.distance_m is not None and last.distance_m is not None:
        return "FAR" if last.distance_m > first.distance_m else "NEAR"
    if last.kind == "INFINITY" or (first.kind, last.kind) == ("HERE", "BACKGROUND"):
        return "FAR"
    if (first.kind, last.kind) == ("HERE", "FOREGROUND"):
        return "NEAR"
    if first.kind in order and last.kind in order:
        return "FAR" if order[last.kind] > order[first.kind] else "NEAR"
    return None


def _name(place: FocusPlace) -> str:
    if place.kind == "DISTANCE" and place.distance_m is not None:
        return distance_text(place.distance_m)
    if place.kind == "MARK":
        return place.name
    return {"HERE": "where it is now", "MIDGROUND": "mid-ground", "OUT": "everything out of focus"}.get(
        place.kind, place.kind.lower()
    )
