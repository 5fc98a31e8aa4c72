# SPDX-License-Identifier: GPL-3.0-or-later
"""Say it: a cinematographer's sentence -> lens, feel, direction, marks. What is not understood is named, never guessed.

The grammar, small on purpose (capitals and order do not matter, except where a word binds the next place to it):

    sentence  = { part }        parts in any order, commas anywhere
    lens      = 85mm | "85 mm lens" | macro | portrait lens | wide-angle lens | telephoto | normal lens
    stop      = f/1.4 | f1.4 | "f 1.4" | T2 | shallow depth of field (f/1.4) | deep focus (f/11) | wide open
    squeeze   = anamorphic (2x) | "1.5x anamorphic"
    sensor    = full frame | Super 35 | APS-C | Micro Four Thirds | Super 16 | IMAX | ...
    feel      = slow | smooth | quick, fast | snap, whip | hesitant | settle, overshoot | even, steady  (and their kin)
    length    = [over | in] 2 seconds | 12 frames | half a second | a 3-second rack
    start     = at frame 40
    route     = [from PLACE] to PLACE { then PLACE } | between PLACE and PLACE | ends on PLACE | ... and back
    PLACE     = a mark's name | foreground, front, near | background, behind, back, far | infinity | 2 m, 6 ft, 5'6"
    direction = pulls back, opens up (to the far) | pulls forward, closes in (to the near)
    recipe    = reveal | transition | emphasis, "and back" | spatial storytelling
    hold      = follow, hold on, track

Words for somebody or something ("figure", "piece", "person") say nothing about distance: they need a word that does, or
a mark of that name. Without one they are named as not understood, like any other unknown word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from .lenses import LENSES, SENSORS
from .pull import FEELS, INFINITY_M, Mark, find_mark, mark_distance_m

INCH_M, FOOT_M = 0.0254, 0.3048
SHALLOW_F, VERY_SHALLOW_F, DEEP_F = 1.4, 1.2, 11.0
VERY_SLOW_SECONDS = 5.0


@dataclass(frozen=True)
class Place:
    """Where focus is to be. kind: FOREGROUND, BACKGROUND, INFINITY, DISTANCE, MARK, or HERE (where it is now)."""

    kind: str
    name: str = ""
    distance_m: float | None = None


@dataclass(frozen=True)
class Span:
    """A stretch [start, end) of the sentence, its text, and what it was taken to mean ("" = not understood)."""

    start: int
    end: int
    text: str
    meaning: str


@dataclass
class Understanding:
    """What a sentence says; None = not said. stops: the places in turn, at least two when there is a rack.

    duration_seconds or duration_frames, whichever was said. direction: "FAR" or "NEAR". notes: what was filled in, and
    why. unknown: words that were not understood.
    """

    sentence: str
    focal_mm: float | None = None
    f_number: float | None = None
    squeeze: float | None = None
    sensor: str | None = None
    feel: str | None = None
    duration_seconds: float | None = None
    duration_frames: float | None = None
    start_frame: float | None = None
    direction: str | None = None
    recipe: str | None = None
    hold: bool = False
    stops: list[Place] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    unknown: list[Span] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def from_place(self) -> Place | None:
        """Where the rack begins."""
        return self.stops[0] if self.stops else None

    @property
    def to_place(self) -> Place | None:
        """Where the rack ends."""
        return self.stops[-1] if len(self.stops) > 1 else None

    def length_frames(self, fps: float) -> float | None:
        """The said duration in frames, or None."""
        return self.duration_frames if self.duration_seconds is None else self.duration_seconds * fps


_COUNTS = {
    "half a": 0.5,
    "a half": 0.5,
    "half": 0.5,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "twelve": 12,
    "twenty": 20,
    "one and a half": 1.5,
    "a": 1,
}
_NUM = r"(?P<n>\d+(?:[.,]\d+)?|\.\d+)"
_NUM_2 = _NUM.replace("<n>", "<k>")
_WORD = rf"(?P<w>{'|'.join(sorted(_COUNTS, key=len, reverse=True))})"
_OVER = r"(?:(?:over|in|within|for|lasting|takes|taking|during) )?(?:about |around )?"
_FEEL_WORDS = {
    "SLOW": r"slow(?:ly|er)?|gentl[ey]|gradual(?:ly)?|subtl[ey]|drift(?:s|ing)?|languid(?:ly)?|leisurely|"
    r"delicate(?:ly)?|dreamy",
    "SMOOTH": r"smooth(?:ly)?|fluid(?:ly)?|flowing|eased?|natural(?:ly)?",
    "QUICK": r"quick(?:ly|er)?|fast(?:er)?|rapid(?:ly)?|swift(?:ly)?|brisk(?:ly)?|speedy",
    "SNAP": r"snap(?:s|ped|ping|py)?|whip(?:s|ped)?|instant(?:ly)?|sudden(?:ly)?|abrupt(?:ly)?|jolt(?:s|ing)?",
    "HESITANT": r"hesita(?:nt|ntly|tes|ting|te|tion)|tentative(?:ly)?|uncertain(?:ly)?|searching(?:ly)?",
    "SETTLE": r"settl(?:es|ing|e)|overshoot(?:s|ing)?|human|organic(?:ally)?|hand[- ]pulled",
    "EVEN": r"even(?:ly)?|linear(?:ly)?|constant(?:ly)?|mechanical(?:ly)?|motori[sz]ed|stead(?:y|ily)",
}
_FEEL_SPEED = {"SNAP": 2, "QUICK": 1, "SMOOTH": 0, "EVEN": 0, "SETTLE": 0, "HESITANT": -1, "SLOW": -2}
_SENSOR_WORDS = {
    "FULL_FRAME": r"full[- ]frame",
    "SUPER_35": r"super[- ]?35(?: ?mm)?|s35",
    "APS_C": r"aps-?c",
    "MFT": r"micro (?:four|4) ?thirds|micro 4/3|mft|m43",
    "ONE_INCH": r"(?:1|one)[- ]inch sensor",
    "SUPER_16": r"super[- ]?16(?: ?mm)?|s16",
    "STANDARD_16": r"16 ?mm film",
    "SUPER_8": r"super[- ]?8(?: ?mm)?",
    "FILM_65": r"65 ?mm film|70 ?mm film",
    "IMAX": r"imax",
    "LARGE_FORMAT": r"large[- ]format",
    "MEDIUM_645": r"medium[- ]format",
}
_SOFT = r"(?:blurred|blurry|soft|softly lit|hazy|defocus(?:s?ed)|out[- ]of[- ]focus|bokeh)"
# "near the door" tells where somebody stands in the room, not how far from the lens
_NEAR = (
    r"foreground|front|nearest|near(?! (?:the|a|an|his|her|its|their|to (?:the|a|an))\b)|"
    r"closest|close(?! to\b)|in front"
)
_FAR = r"background|behind|farthest|furthest|far(?! from\b)|distance|distant|back|rear"
_SOMEBODY = (
    r"figure|piece|person|people|man|woman|girl|boy|child|subject|object|face|eyes?|character|actor|actress|"
    r"one|thing|someone|somebody|something|element|plane|side|end|area|part|"
    r"(?:two|three|four|both|several) (?:figures|pieces|people|men|women|persons|objects|faces|characters)"
)
_FILLER = (
    r"the|a|an|of|and|with|while|as|is|are|it|its|it's|his|her|their|this|that|we|let|lets|let's|me|give|make|"
    r"do|have|please|some|just|now|so|but|which|who|very|really|quite|close-?up|close up|focus distance|"
    r"rack(?:s|ed|ing)?|pull(?:s|ed|ing)?|focus(?:es|ed|ing|sing)?|focal point|shift(?:s|ed|ing)?|"
    r"change(?:s|d)?|mov(?:es|ing|e)|go(?:es)?|switch(?:es)?|start(?:s|ing)?|begin(?:s|ning)?|uses?|using|shot|shoot|lens|prime|"
    r"camera|stop|cinematic|film|movie|scene|picture|image|frame|video|in|on|at|by|over|for|within|takes?|"
    r"taking|about|around|sharp|crisp|clear|again|there|where|here|he|she|they"
)


@dataclass
class _State:
    """Where the reader is: the word that binds the next place, and the places so far."""

    said: Understanding
    role: str = ""
    origin: Place | None = None
    goals: list[Place] = field(default_factory=list)
    loose: list[tuple[Place, Span]] = field(default_factory=list)
    somebody: list[Span] = field(default_factory=list)
    feels: list[str] = field(default_factory=list)
    last_place: int = -2
    very: bool = False
    and_back: bool = False
    wide_open: Span | None = None


def understand(sentence: str, mark_names: Sequence[str] = ()) -> Understanding:
    """Read a sentence. mark_names: the strip's marks; their names are read before any other word."""
    said = Understanding(sentence)
    state = _State(said)
    rules = [*_mark_rules(mark_names), *_RULES]
    text = sentence.lower()
    position = 0
    while position < len(text):
        gap = re.compile(r"[\s,;:.!?()\u2013\u2014\"“”-]+").match(text, position)
        if gap:
            position = gap.end()
            continue
        for pattern, act in rules:
            found = pattern.match(text, position)
            if found and found.end() > position:
                span = Span(position, found.end(), sentence[position : found.end()], "")
                meaning = act(state, found, span)
                if meaning is None:
                    continue
                if meaning:
                    said.spans.append(Span(span.start, span.end, span.text, meaning))
                position = found.end()
                break
        else:
            word = re.compile(r"\S+?(?=[\s,;:!?()]|\.\s|\.$|$)").match(text, position)
            end = word.end() if word else len(text)
            said.unknown.append(Span(position, end, sentence[position:end], ""))
            position = end
    _conclude(state)
    return said


def describe(said: Understanding, fps: float = 24.0) -> list[str]:
    """What was understood, one line for each thing, and last what was not: for the panel, before anything is keyed."""
    lines = []
    lens = [f"{said.focal_mm:g} mm"] if said.focal_mm else []
    lens += [f"f/{said.f_number:g}"] if said.f_number else []
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


def place_distance_m(
    place: Place,
    near_far_m: tuple[float, float] | None = None,
    marks: Sequence[Mark] = (),
    frame: float = 0,
    current_m: float | None = None,
) -> float:
    """Metres of a place at a frame. near_far_m: what `depth_modes` gave. Raises ValueError saying what is missing."""
    if place.kind in ("FOREGROUND", "BACKGROUND"):
        if near_far_m is None:
            raise ValueError(f"The {place.kind.lower()} needs the picture's depth")
        return near_far_m[0 if place.kind == "FOREGROUND" else 1]
    if place.kind == "INFINITY":
        return INFINITY_M
    if place.kind == "DISTANCE":
        return float(place.distance_m or 0)
    if place.kind == "MARK":
        return mark_distance_m(find_mark(marks, place.name), frame)
    if current_m is None:
        raise ValueError("current_m is needed to rack from where the focus is now")
    return current_m


def depth_modes(depth_m: np.ndarray, bins: int = 160) -> tuple[float, float]:
    """Distances of the foreground and of the background: nearest and farthest mode of the depth histogram, metres.

    depth_m: (H, W) metres, > 0; inf = nothing there. The histogram is over dioptres: there a floor or wall that runs
    away from the camera is a plain (1/z is linear over the picture for every plane), and what stands on it is a hill. A
    hill counts if it rises above the saddle beside it by a tenth of the highest. Without two hills the ends of the
    histogram (2 % of the pixels cut off) stand in; with a single finite depth and sky, the sky is the background (inf).
    Raises ValueError if nothing is at a finite distance.
    """
    depth = np.asarray(depth_m)
    valid = np.isfinite(depth) & (depth > 0)
    if not valid.any():
        raise ValueError("depth_m holds nothing at a finite distance")
    dioptre = 1 / depth[valid].astype(np.float64)
    sky = 1 - dioptre.size / depth.size
    low, high = np.percentile(dioptre, [0.2, 99.8])
    if high - low < 1e-3 * high:  # one plane
        plane = float(1 / np.median(dioptre))
        return plane, (np.inf if sky > 0.02 else plane)
    counts, edges = np.histogram(dioptre, bins=bins, range=(low, high))
    smooth = cv2.GaussianBlur(np.pad(counts.astype(np.float64), 8)[None], (0, 0), 2.0)[0][8:-8]
    hills = _hills(smooth, 0.1 * smooth.max())
    if len(hills) < 2:
        far_d, near_d = np.percentile(dioptre, [2, 98])
        if len(hills) == 1 and sky > 0.02 and (near_d - far_d) < 0.3 * near_d:
            return float(1 / np.median(dioptre)), np.inf
        return float(1 / near_d), float(1 / far_d)
    width = edges[1] - edges[0]
    centres = (edges[:-1] + edges[1:]) / 2

    def settle(hill: int) -> float:
        around = dioptre[np.abs(dioptre - centres[hill]) <= 2.5 * width]
        return float(1 / np.median(around))

    return settle(hills[-1]), settle(hills[0])


def _hills(heights: np.ndarray, prominence: float) -> list[int]:
    """Indices of the maxima that stand above both saddles (or the ends) by `prominence`, in order."""
    hills, best, base = [], -1, 0.0
    for i, height in enumerate([*heights, 0.0]):
        if best >= 0 and height > heights[best]:
            best = i
        elif best >= 0 and heights[best] - height >= prominence:
            hills.append(best)
            best, base = -1, height
        elif best < 0:
            base = min(base, height)
            if height - base >= prominence:
                best = i
    return hills


# What each kind of part does. An act returns what the words mean, "" for words without weight, None if not so.

_Act = Callable[[_State, re.Match, Span], "str | None"]


def _number(found: re.Match, key: str = "n") -> float:
    group = found.groupdict()
    return float(group[key].replace(",", ".")) if group.get(key) else float(_COUNTS[group["w"]])


def _put(state: _State, place: Place, span: Span) -> str:
    said, role = state.said, state.role
    if role == "FROM" or (role == "BETWEEN" and state.origin is None):
        if state.origin is None or state.origin.kind in ("FOREGROUND", "BACKGROUND"):
            state.origin = place if state.origin is None or place.kind == "MARK" else state.origin
    elif role in ("TO", "BETWEEN"):
        # "to the figure behind, far in the background" is one place said twice
        if not (state.goals and state.goals[-1] == place):
            state.goals.append(place)
    else:
        state.loose.append((place, span))
    said.spans += [Span(who.start, who.end, who.text, "somebody or something") for who in state.somebody]
    state.somebody.clear()
    state.last_place = len(said.spans)
    return f"place: {_name(place)}"


def _place(kind: str) -> _Act:
    return lambda state, found, span: _put(state, Place(kind), span)


def _distance(factor: float) -> _Act:
    def act(state: _State, found: re.Match, span: Span) -> str | None:
        metres = _number(found) * factor
        return _put(state, Place("DISTANCE", distance_m=round(metres, 4)), span) if metres > 0 else None

    return act


def _feet_inches(state: _State, found: re.Match, span: Span) -> str:
    metres = _number(found) * FOOT_M + float(found["i"] or 0) * INCH_M
    return _put(state, Place("DISTANCE", distance_m=round(metres, 4)), span)


def _role(role: str) -> _Act:
    def act(state: _State, found: re.Match, span: Span) -> str:
        if role == "TO" and state.role == "" and state.loose and state.origin is None and not state.goals:
            state.origin = state.loose.pop()[0]  # "foreground to background"
        state.role = role
        return ""

    return act


def _set(name: str, value: object | Callable[[re.Match], object], meaning: str) -> _Act:
    def act(state: _State, found: re.Match, span: Span) -> str | None:
        new = value(found) if callable(value) else value
        if isinstance(new, float) and not new > 0:
            return None
        old = getattr(state.said, name)
        if old is not None and old is not False and old != new:
            state.said.notes.append(f"{span.text!r} contradicts what was said before; the first one counts")
            return f"{meaning}, ignored"
        setattr(state.said, name, new)
        return f"{meaning}: {new:g}" if isinstance(new, float) else f"{meaning}: {new}" if new is not True else meaning

    return act


def _feel(name: str) -> _Act:
    def act(state: _State, found: re.Match, span: Span) -> str:
        if found.groupdict().get("very") and name == "SLOW":
            state.very = True
        state.feels.append("SNAP" if found.groupdict().get("very") and name == "QUICK" else name)
        return f"feel: {state.feels[-1].lower()}"

    return act


def _somebody(state: _State, found: re.Match, span: Span) -> str:
    # right behind a word of distance ("background piece") it belongs to it; before one ("figure behind") it waits
    between = state.said.sentence[state.said.spans[-1].end : span.start] if state.said.spans else "-"
    if state.last_place == len(state.said.spans) - 1 and not between.strip(" -"):
        state.last_place = -2
        return "somebody or something"
    if state.role:
        state.somebody.append(span)
        return ""
    return "somebody or something"  # no place is asked for here


def _described(state: _State, found: re.Match, span: Span) -> str | None:
    if state.role:
        return None  # "to the blurred background" is a place
    return "as it looks before; nothing to key"


def _soft(state: _State, found: re.Match, span: Span) -> str:
    return "as it looks; nothing to key"


def _and_back(state: _State, found: re.Match, span: Span) -> str | None:
    if not state.goals:
        return None
    state.and_back = True
    return "and back to the start"


def _wide_open(state: _State, found: re.Match, span: Span) -> str:
    state.wide_open = span
    return ""


def _unknown(state: _State, found: re.Match, span: Span) -> str:
    state.said.unknown.append(span)
    return ""


def _filler(state: _State, found: re.Match, span: Span) -> str:
    return ""


def _direction(value: str) -> _Act:
    return _set("direction", value, "direction")


def _rule(pattern: str, act: _Act) -> tuple[re.Pattern, _Act]:
    return re.compile(rf"(?:{pattern})(?![\w])"), act


def _mark_rules(names: Sequence[str]) -> list[tuple[re.Pattern, _Act]]:
    def act(name: str) -> _Act:
        return lambda state, found, span: _put(state, Place("MARK", name=name), span)

    longest_first = sorted((name for name in names if name.strip()), key=len, reverse=True)
    return [_rule(rf"(?:the )?{re.escape(name.strip().lower())}(?:'s)?", act(name)) for name in longest_first]


def _table(words: dict[str, str], make: Callable[[str], _Act]) -> list[tuple[re.Pattern, _Act]]:
    return [_rule(pattern, make(key)) for key, pattern in words.items()]


def _preset(key: str) -> _Act:
    return _set("focal_mm", float(LENSES[key].focal_mm), "lens, mm")


_RULES: list[tuple[re.Pattern, _Act]] = [
    *_table(_SENSOR_WORDS, lambda key: _set("sensor", key, "sensor")),
    _rule(rf"(?:at|on|starting at|start at|from) frame {_NUM}", _set("start_frame", _number, "starts at frame")),
    _rule(
        rf"{_OVER}(?:{_NUM}[- ]?(?:s|secs?|seconds?)|{_WORD}[- ]seconds?)(?: long)?",
        _set("duration_seconds", _number, "seconds"),
    ),
    _rule(
        rf"{_OVER}(?:{_NUM}(?:[- ]?frames?|f)|{_WORD}[- ]frames)(?: long)?", _set("duration_frames", _number, "frames")
    ),
    _rule(rf"{_NUM}x anamorphic|anamorphic {_NUM_2}x", _set("squeeze", lambda m: float(m["n"] or m["k"]), "squeeze")),
    _rule(r"anamorphic(?: lens)?|scope lens", _set("squeeze", 2.0, "squeeze")),
    _rule(rf"{_NUM} ?[- ]?(?:mm|millimet(?:er|re)s?)(?: lens| prime)*", _set("focal_mm", _number, "lens, mm")),
    _rule(
        rf"f ?[/:-]? ?(?:stop )?(?:of )?{_NUM}|f-?stop(?: of)? {_NUM_2}",
        _set("f_number", lambda m: float((m["n"] or m["k"]).replace(",", ".")), "f-number"),
    ),
    _rule(rf"t ?/? ?{_NUM}", _set("f_number", _number, "T-stop, read as f-number")),
    _rule(
        r"(?:very|extremely|razor[- ]thin|ultra|super)[- ](?:shallow )?(?:depth of field|dof)|razor[- ]thin focus",
        _set("f_number", VERY_SHALLOW_F, "very shallow depth of field, f-number"),
    ),
    _rule(
        r"shallow (?:depth of field|dof|focus)|shallow", _set("f_number", SHALLOW_F, "shallow depth of field, f-number")
    ),
    _rule(r"(?:deep|large) (?:depth of field|dof|focus)", _set("f_number", DEEP_F, "deep focus, f-number")),
    _rule(r"wide open", _wide_open),
    _rule(r"macro(?: lens)?", _preset("M100_28")),
    _rule(r"portrait(?: lens)?", _preset("P85_14")),
    _rule(r"wide[- ]angle(?: lens)?|wide lens", _preset("W24_14")),
    _rule(r"telephoto(?: lens)?|tele lens|long lens", _preset("T135_20")),
    _rule(r"(?:normal|standard) lens|nifty fifty", _preset("N50_18")),
    _rule(rf"{_NUM} ?(?:m|met(?:er|re)s?)", _distance(1.0)),
    _rule(rf"{_WORD} (?:met(?:er|re)s?)", _distance(1.0)),
    _rule(rf"{_WORD} (?:feet|foot)", _distance(FOOT_M)),
    _rule(rf"{_NUM} ?(?:cm|centimet(?:er|re)s?)", _distance(0.01)),
    (
        re.compile(rf"{_NUM} ?(?:'|ft\b|feet\b|foot\b) ?(?:(?P<i>\d+(?:\.\d+)?) ?(?:\"|''|in\b|inch(?:es)?\b))?"),
        _feet_inches,
    ),
    _rule(rf"{_NUM} ?(?:in|inch(?:es)?)", _distance(INCH_M)),
    _rule(r"back and forth", _unknown),
    _rule(
        r"opens?(?: up)?(?: the world)?|opening(?: up)?|"
        r"pull(?:s|ing|ed)? (?:the )?(?:focus )?(?:back|out|deeper)(?:wards?)?",
        _direction("FAR"),
    ),
    _rule(
        r"clos(?:es|ing) (?:in|the world)|pull(?:s|ing|ed)? (?:the )?(?:focus )?(?:forwards?|in|closer|nearer)",
        _direction("NEAR"),
    ),
    _rule(r"and (?:then )?(?:back|returns?)(?: again)?(?! to (?:the )?(?:front|near|foreground))", _and_back),
    _rule(r"reveal(?:s|ing|ed)?", _set("recipe", "REVEAL", "recipe")),
    _rule(r"transition(?:s|ing)?|bridg(?:es|ing|e)", _set("recipe", "TRANSITION", "recipe")),
    _rule(r"emphasi(?:s|[sz]es|[sz]ing|[sz]e)", _set("recipe", "EMPHASIS", "recipe")),
    _rule(r"spatial (?:storytelling|story)", _set("recipe", "SPATIAL", "recipe")),
    _rule(
        r"follow(?:s|ing)?|hold(?:s|ing)?(?: on)?|track(?:s|ing)?|stay(?:s|ing)? (?:on|with)",
        _set("hold", True, "follows the mark"),
    ),
    _rule(r"infinity|\u221e", _place("INFINITY")),
    _rule(rf"{_SOFT} (?:{_NEAR}|{_FAR})", _described),
    _rule(_SOFT, _soft),
    _rule(r"between", _role("BETWEEN")),
    _rule(r"from|off|(?:start|begin)(?:s|ing|ning)? (?:on|with|at|in)|leav(?:es|ing)", _role("FROM")),
    _rule(
        r"to|towards?|onto|into|until|then(?: on)?(?: to)?|finally|"
        r"(?:end|land|finish|stop|arriv)(?:s|es|ing)? (?:on|at|with|in)|focus(?:es|ing)? on",
        _role("TO"),
    ),
    _rule(_NEAR, _place("FOREGROUND")),
    _rule(_FAR, _place("BACKGROUND")),
    *[
        _rule(rf"(?:(?P<very>very|really|extremely|ultra|super)[- ])?(?:{words})", _feel(key))
        for key, words in _FEEL_WORDS.items()
    ],
    _rule(_SOMEBODY, _somebody),
    _rule(_FILLER, _filler),
]


def _conclude(state: _State) -> None:
    """Put together what the parts left open; whatever is filled in here is told in the notes."""
    said = state.said
    said.feel = _one_feel(state)
    if state.very and said.feel == "SLOW" and said.length_frames(24) is None:
        said.duration_seconds = VERY_SLOW_SECONDS
        said.notes.append(f"Very slow: over {VERY_SLOW_SECONDS:g} seconds")
    if state.wide_open is not None:
        _open_wide(state, state.wide_open)
    said.unknown += state.somebody  # waited for a word of distance that never came
    _route(state)
    if state.and_back and said.recipe is None:
        said.recipe = "EMPHASIS"
    if said.recipe is None and len(said.stops) > 2:
        said.recipe = "SPATIAL"
    if len(said.stops) == 2 and said.stops[1].kind != "HERE":
        # the places decide: "pulls back to the foreground" returns to what is near
        said.direction = _direction_of(*said.stops)
    said.unknown.sort(key=lambda span: span.start)


def _route(state: _State) -> None:
    said = state.said
    if state.loose and not state.goals and state.origin is None:
        places = [place for place, _ in state.loose]
        if len(places) >= 2:
            state.origin, state.goals = places[0], places[1:]
            said.notes.append("Places in the order they were named")
        else:
            state.goals = places
    elif state.loose and state.origin is None:
        state.origin = state.loose[0][0]
    if not state.goals and state.origin is not None and state.origin.kind in ("FOREGROUND", "BACKGROUND"):
        other = "BACKGROUND" if state.origin.kind == "FOREGROUND" else "FOREGROUND"
        state.goals = [Place(other)]
        said.notes.append(f"No end was named: to the {other.lower()}")
    if not state.goals and state.origin is None and (said.direction or said.recipe == "REVEAL"):
        said.direction = said.direction or "NEAR"
        pair = [Place("FOREGROUND"), Place("BACKGROUND")]
        said.stops = pair if said.direction == "FAR" else pair[::-1]
        said.notes.append(f"No marks were named: from the {_name(said.stops[0])} to the {_name(said.stops[1])}")
        return
    if state.goals and state.origin is None:
        said.notes.append("No start was named: from where the focus is now")
    if state.goals:
        origin = state.origin or Place("HERE")
        said.stops = [origin, *state.goals, *([origin] if state.and_back else [])]
    elif state.origin is not None:
        said.stops = [state.origin]
        said.notes.append("No end was named")


def _one_feel(state: _State) -> str | None:
    feels = list(dict.fromkeys(state.feels))
    if len(feels) < 2:
        return feels[0] if feels else None
    speeds = [_FEEL_SPEED[feel] for feel in feels]
    if min(speeds) < 0 < max(speeds):
        state.said.notes.append(f"{' and '.join(feel.lower() for feel in feels)} contradict each other: no feel is set")
        return None
    return max(feels, key=lambda feel: (feel in ("SETTLE", "HESITANT"), abs(_FEEL_SPEED[feel])))


def _open_wide(state: _State, span: Span) -> None:
    said = state.said
    fastest = [
        lens.f_number
        for lens in LENSES.values()
        if lens.focal_mm == said.focal_mm and lens.squeeze == (said.squeeze or 1)
    ]
    if said.f_number is None and fastest:
        said.f_number = min(fastest)
        said.spans.append(Span(span.start, span.end, span.text, f"f-number: {said.f_number:g}, the preset's widest"))
    elif said.f_number is None:
        said.unknown.append(span)
        said.notes.append('How far "wide open" is depends on the lens: name one of the presets, or an f-number')


def _direction_of(first: Place, last: Place) -> str | None:
    order = {"FOREGROUND": 0.0, "BACKGROUND": 1.0, "INFINITY": 2.0}
    if first.distance_m is not None and last.distance_m is not None:
        return "FAR" if last.distance_m > first.distance_m else "NEAR"
    if last.kind == "INFINITY" or (first.kind, last.kind) == ("HERE", "BACKGROUND"):
        return "FAR"
    if (first.kind, last.kind) == ("HERE", "FOREGROUND"):
        return "NEAR"
    if first.kind in order and last.kind in order:
        return "FAR" if order[last.kind] > order[first.kind] else "NEAR"
    return None


def _name(place: Place) -> str:
    if place.kind == "DISTANCE":
        return f"{place.distance_m:g} m"
    return place.name if place.kind == "MARK" else {"HERE": "where it is now"}.get(place.kind, place.kind.lower())
