# SPDX-License-Identifier: GPL-3.0-or-later
"""A depth network the user chose: an ONNX file run by onnxruntime, or by OpenCV's DNN where there is none.

No weights are shipped. What the file wants and gives is found out: by its checksum where that is known, else from its
graph (`reading`), else by trying it on two pictures (`trying`). It runs in a process of its own (`process`).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from . import kept
from .models import NO_DEPTH, known
from .onnx_file import HALF, UINT8, OnnxHeader, read_header
from .process import CannotRun, Process
from .provenance import EstimateError
from .reading import (
    BYTE,
    ENDS_AS_NEARNESS,
    FORMS,
    IMAGENET,
    Direction,
    Form,
    Kind,
    Meaning,
    Picture,
    depth_outputs,
    form_of,
    meaning_of,
    multiple_of,
    picture_input,
    refuse_large,
    sizes,
)
from .trying import (
    CLEARLY,
    LEAST_OWN,
    Answers,
    compare,
    constancy,
    ground_vote,
    is_mask,
    other_way_up,
    seen_smaller,
    usable,
)

Engine = Literal["AUTO", "OPENCV", "ONNXRUNTIME"]

LONG_SIDE_PX = 392
"""The input's longer side where neither file nor person says: what a transformer does in half a second."""
FRAMES_AT_ONCE = 8
"""The window of a video network that leaves it free."""
# A pixel a network puts nearer than this is noise: inverse depths stay finite.
_NEAREST_M = 1e-3
_MOST_SQUEEZED, _SQUEEZED_TO = 2.0, 1.25
"""How many times narrower, or lower, than its input a picture may be to fill it, and to what it is squeezed where it
is more. 16:9 in a square is what networks are fed as a rule; 9:16 in 5:3 was answered with a gradient whatever it
showed. Eight clips, 9:16, beside the answer to the whole picture: filling it 0.25 to 0.99, at 1.25 0.95 to 1.00."""
_SQUARES = (518, 384, 256, 224)  # sizes to try where a file that says "free" means one
_GROUND = 0.25
_METRES = 0.2, 100.0
"""Nine tenths of a picture are not nearer than the former, nor beyond the latter."""
_NOT_DISTINCT = "assumed: trying tells 0 to 255 alone for sure; set mean and deviation if the depth looks wrong"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NetworkSettings:
    """How a model file is to be used. All but the path is found out where it is left as it is.

    path: the .onnx file. kind: RELATIVE (inverse depth of unknown scale and shift), DISTANCE (depth of unknown scale),
    METRIC (metres) or AUTO. direction: what a larger number means, NEARER, FARTHER or AUTO. invert: turn around what
    was found. long_side_px: input size where the file leaves it free; multiple: that size is rounded to it; 0 = found.
    mean, std: of RGB 0-1, both or neither. output: name of the output to use, '' = found. engine: which runtime.
    notes: folder where what was found about networks is kept, '' = nothing is.
    """

    path: str
    kind: Kind | Literal["AUTO"] = "AUTO"
    invert: bool = False
    direction: Direction | Literal["AUTO"] = "AUTO"
    long_side_px: int = 0
    multiple: int = 0
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    output: str = ""
    engine: Engine = "AUTO"
    notes: str = ""

    def told(self) -> dict[str, object]:
        """All that decides the depth, as plain values."""
        values = asdict(self)
        del values["notes"]
        return values


_SETTABLE = ("kind", "direction", "long_side_px", "multiple", "mean", "std", "output")


@dataclass(frozen=True)
class Found:
    """How a network is used, all settled. size: (height, width) where fixed, None where it follows the picture.
    why: for each thing found, by what it was told."""

    picture: Picture
    size: tuple[int | None, int | None]
    long_side_px: int
    multiple: int
    form: Form
    output: str
    kind: Kind
    direction: Direction
    why: dict[str, str]

    def lines(self) -> list[str]:
        """What the panel shows, a line for each."""
        height, width = self.size
        size = f"{width} x {height}" if height and width else f"{self.long_side_px} px on the long side"
        if not (height and width):
            size += f", multiples of {self.multiple}"
        mean, std = self.form
        name = next((name for name, form in FORMS.items() if np.allclose(form, self.form)), "")
        numbers = name or f"mean {_numbers(mean)}, deviation {_numbers(std)}"
        means = {"RELATIVE": "nearness without a scale", "DISTANCE": "distance without a scale", "METRIC": "metres"}
        window = f", {self.picture.frames or FRAMES_AT_ONCE} frames at once" if self.picture.frames is not None else ""
        return [
            f'Input: "{self.picture.name}" ({self.picture.layout}), {size}{window}',
            f"Picture as {numbers} ({self.why['form']})",
            f'Depth: "{self.output}" ({self.why["output"]})',
            f"Gives {means[self.kind]}, larger is {self.direction.lower()} ({self.why['kind']})",
        ]

    def doubts(self) -> list[str]:
        """What was not found out, a line for each."""
        things = {"form": "the form of its picture", "kind": "which end of its depth is near"}
        return [
            f"doubtful: {thing} is {self.why[name]}"
            for name, thing in things.items()
            if self.why[name].startswith("assumed")
        ]


class Network:
    """A loaded model. `run` turns a picture into the network's own output; `nearness` into values larger = nearer.
    `close` ends its process; so does the end of this object."""

    def __init__(self, settings: NetworkSettings, process: Process, found: Found, fingerprint: str):
        self.settings, self.found, self.fingerprint = settings, found, fingerprint
        self.runtime = process.runtime
        self._process = process
        self._name = Path(settings.path).name

    @property
    def metric(self) -> bool:
        return self.found.kind == "METRIC"

    @property
    def layout(self) -> str:
        return self.found.picture.layout

    @property
    def frames(self) -> int | None:
        """How many pictures it takes at once; None for one without a window."""
        frames = self.found.picture.frames
        return None if frames is None else frames or FRAMES_AT_ONCE

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) the network sees for a picture of this size."""
        return _input_size(self.found, width, height)

    def blob(self, picture: np.ndarray) -> np.ndarray:
        """A picture as the network is given it.

        picture: (H, W, 3 or 4) float32, scene-linear. Returns (h, w, 3) of any type and range, the network's own.
        """
        height, width = picture.shape[:2]
        refuse_large(self._name, *self.input_size(width, height), self.frames or 1)
        return _blob(_shown(self.found, picture), self.found.form, self.found.picture.elem_type)

    def run(self, picture: np.ndarray) -> np.ndarray:
        """The raw output for one picture.

        picture: (H, W, 3 or 4) float32, scene-linear Rec.709, premultiplied. Returns (h, w) float32 in the network's
        own size and unit. Raises EstimateError if it cannot run or gives nothing usable (not one plane, NaN). A
        video network sees the picture standing still.
        """
        return self.run_blobs([self.blob(picture)] * (self.frames or 1), picture)[0]

    def run_blobs(self, blobs: Sequence[np.ndarray], picture: np.ndarray) -> np.ndarray:
        """The raw output for `blob`s: one, or a video network's window.

        blobs: T pictures, (h, w, 3) of any type and range, the network's own. picture: (H, W, C) float32, scene-linear,
        one that they were made of. Returns (T, h, w) float32 in the network's own unit. Raises as `run`.
        """
        found = self.found
        try:
            outputs = self._process.run({found.picture.name: _laid_out(blobs, found.picture)}, [found.output])
        except CannotRun as error:
            raise EstimateError(f"{self._name} cannot be run: {error}.") from None
        planes = _planes(outputs[0], len(blobs))
        if planes is None:
            told = sizes(outputs[0].shape)
            raise EstimateError(f"{self._name} does not give one depth picture; its output is {told}.")
        if not usable(planes):
            raise EstimateError(f"{self._name} gave NaN or infinite values ({self.runtime}).")
        return _seen(found, planes, picture)

    def nearness(self, picture: np.ndarray) -> np.ndarray:
        """Nearness of a picture: 1/metres for a metric model, inverse depth of unknown scale otherwise.

        picture: (H, W, 3 or 4) float32, scene-linear. Returns (h, w) float32, larger = nearer, NaN = unknown.
        """
        return self.as_nearness(self.run(picture))

    def constancy(self, picture: np.ndarray) -> float:
        """Correlation of the nearness of a picture with that of the same picture seen smaller, in a frame of its own
        reflection: a network that knows what it sees says the same of it, -1 to 1. The worse of the picture and its
        mirror image, so that a mirrored clip is judged alike.

        picture: (H, W, 3 or 4) float32, scene-linear.
        """

        def near(seen: np.ndarray) -> np.ndarray:
            return np.nan_to_num(self.as_nearness(self.run(seen)))

        sides = (picture, np.ascontiguousarray(picture[:, ::-1]))
        return min(constancy(near(one), near(seen_smaller(one))) for one in sides)

    def as_nearness(self, out: np.ndarray) -> np.ndarray:
        """The raw output as nearness.

        out: (h, w) float32 in the network's own unit. Returns (h, w) float32, larger = nearer, NaN where a distance is
        none.
        """
        farther = (self.found.direction == "FARTHER") != self.settings.invert
        if self.found.kind == "RELATIVE":
            return -out if farther else out
        if farther:
            return np.where(out > 0, 1.0 / np.maximum(out, _NEAREST_M), np.nan).astype(np.float32)
        return np.maximum(out, 0.0)  # a "metric" file that gives 1/m

    def close(self) -> None:
        """End the process it runs in."""
        self._process.close()


def with_kept(settings: NetworkSettings) -> NetworkSettings:
    """The settings, and what a person has set for this very network where they say nothing themselves."""
    if not settings.notes or not settings.path:
        return settings
    values = kept.recall(settings.notes, _checksums(Path(settings.path), None)[0])["set"]
    plain = NetworkSettings("")
    changed: dict[str, Any] = {}
    for name in _SETTABLE:
        if name in values and getattr(settings, name) == getattr(plain, name):
            value = values[name]
            changed[name] = tuple(value) if isinstance(value, list) else value
    together = replace(settings, **changed)
    try:
        _check(together)
    except (ValueError, TypeError):  # not written by us
        return settings
    return together


def keep_settings(settings: NetworkSettings) -> None:
    """Keep what these settings say about their network for the next time. Raises EstimateError."""
    _check(settings)
    plain = NetworkSettings("")
    values = {name: getattr(settings, name) for name in _SETTABLE if getattr(settings, name) != getattr(plain, name)}
    try:
        kept.keep(settings.notes, _checksums(Path(settings.path), None)[0], "set", values)
    except OSError as error:
        raise EstimateError(f"What was set for the network cannot be kept ({error.strerror}).") from error


def load_network(settings: NetworkSettings, pictures: Sequence[np.ndarray] = ()) -> Network:
    """Open the model in a process of its own, find out how it is used, and run it, so that failures come now.

    pictures: two of the clip, (H, W, 3 or 4) float32, scene-linear, by which is told what the file does not tell,
    and whether its answer depends on what it is shown; none: what remains open is assumed. Raises EstimateError:
    file missing, not ONNX, cut short, no picture input, too large, no depth among its outputs, not runnable here, or
    no answer to the picture; the message says which and what to do.
    """
    _check(settings)
    path = Path(settings.path)
    header = read_header(path)
    sha256, fingerprint = _checksums(path, header)
    if sha256 in NO_DEPTH:
        raise EstimateError(f"{path.name} gives no depth: it is a network for {NO_DEPTH[sha256]}.")
    picture = picture_input(header, path.name)
    outputs = depth_outputs(header, picture, settings.output, path.name)
    try:
        process = Process(path, settings.engine)
    except CannotRun as error:
        raise EstimateError(_unrunnable(path, str(error))) from None
    try:
        found = _Finding(settings, header, picture, process, sha256, pictures).found(outputs)
    except CannotRun as error:
        process.close()
        raise EstimateError(_unrunnable(path, str(error))) from None
    except BaseException:
        process.close()
        raise
    return Network(settings, process, found, fingerprint)


def _unrunnable(path: Path, why: str) -> str:
    return f"{path.name} cannot be run here: {why}. Another export of the model may help."


class _Finding:
    """Finds out how a network is used."""

    def __init__(
        self,
        settings: NetworkSettings,
        header: OnnxHeader,
        picture: Picture,
        process: Process,
        sha256: str,
        pictures: Sequence[np.ndarray],
    ) -> None:
        self.settings, self.header, self.picture, self.process = settings, header, picture, process
        self.sha256, self.known = sha256, known(sha256, settings.notes)
        self.recalled = kept.recall(settings.notes, sha256)["found"]
        self.name = Path(settings.path).name
        self.pictures = [pictures[0], pictures[-1]] if len(pictures) else []
        self.size: tuple[int | None, int | None] = picture.size

    def found(self, outputs: list[str]) -> Found:
        """Everything, settled."""
        given = self.settings
        first = Found(
            picture=self.picture,
            size=self.size,
            long_side_px=given.long_side_px or LONG_SIDE_PX,
            multiple=given.multiple or multiple_of(self.header, self.picture),
            form=IMAGENET,
            output=outputs[0],
            kind="RELATIVE",
            direction="NEARER",
            why={"form": "assumed, as most networks take it", "output": "its only one", "kind": "assumed"},
        )
        form = self._told_form()
        if form is not None:
            first = replace(first, form=form[0], why={**first.why, "form": form[1]})
        first = self._sized(first, outputs)
        upright: np.ndarray | None = None
        if self.pictures:
            first, upright = self._tried(first, may_choose=form is None)
        meaning = self._meaning(first, upright)
        kind = given.kind if given.kind != "AUTO" else meaning.kind
        direction = given.direction
        if direction == "AUTO":
            usual: Direction = "NEARER" if kind == "RELATIVE" else "FARTHER"
            direction = meaning.direction if meaning.direction and kind == meaning.kind else usual
        why = meaning.why if given.kind == given.direction == "AUTO" else "set by hand"
        made = replace(first, kind=kind, direction=direction, why={**first.why, "kind": why})
        if self.pictures or "lines" not in self.recalled:
            self._keep({"lines": made.lines(), "outputs": outputs})
        return made

    def _told_form(self) -> tuple[Form, str] | None:
        """The picture's form where it is known without trying."""
        if self.settings.mean is not None and self.settings.std is not None:
            return (self.settings.mean, self.settings.std), "set by hand"
        if self.known is not None and self.known.form is not None:
            return self.known.form, "a known network"
        told = form_of(self.header, self.picture)
        if told is None and self.recalled.get("form") in FORMS:
            return FORMS[self.recalled["form"]], f"{_by_trying(FORMS[self.recalled['form']])}, as before"
        return told

    def _sized(self, first: Found, outputs: list[str]) -> Found:
        """Run it once; the input's size that it takes, and which output is the depth: the largest plane."""
        looked = self.pictures[0] if self.pictures else _nothing_special()
        height, width = looked.shape[:2]
        squares = [] if self.settings.long_side_px else _SQUARES
        candidates = [self.size] if all(self.size) else [self.size, *((side, side) for side in squares)]
        refusal: CannotRun | None = None
        for size in candidates:
            size = (self.size[0] or size[0], self.size[1] or size[1])
            tried = replace(first, size=size)
            refuse_large(self.name, *_input_size(tried, width, height), self.picture.frames or 1)
            try:
                results = self._run(tried, looked, outputs)
            except CannotRun as error:
                refusal = refusal or error
                if "crash" in str(error) or "memory" in str(error) or "done after" in str(error):
                    raise
                continue
            return self._largest(tried, outputs, results)
        raise refusal or CannotRun("it gave no answer")

    def _largest(self, tried: Found, outputs: list[str], results: list[np.ndarray]) -> Found:
        frames = self._frames()
        planes = [(name, _planes(out, frames)) for name, out in zip(outputs, results, strict=True)]
        fit = [(name, plane) for name, plane in planes if plane is not None]
        if not fit:
            words = ", ".join(f'"{n}" ({sizes(np.shape(r))})' for n, r in zip(outputs, results, strict=True))
            raise EstimateError(f"{self.name} does not give one depth picture; its output is {words}.")
        name = max(fit, key=lambda one: one[1].shape[1] * one[1].shape[2])[0]
        if self.settings.output:
            why = "set by hand"
        elif len(self.header.outputs) == 1:
            why = "its only one"
        else:
            why = f"the largest of its {len(fit)} depths" if len(fit) > 1 else "told by name and shape"
        return replace(tried, output=name, why={**tried.why, "output": why})

    def _tried(self, first: Found, may_choose: bool) -> tuple[Found, np.ndarray]:
        """Answers to two pictures of the clip, in the common forms where the form is open; the best. Raises
        EstimateError where the answer hardly depends on the picture."""
        a, b = self.pictures
        shown = a, other_way_up(b), seen_smaller(a)
        looks = [_look(one, (one.shape[1], one.shape[0]), most=640) for one in shown[:2]]
        best: tuple[Answers, Found, str, np.ndarray] | None = None
        unusable = False
        for name, form in FORMS.items() if may_choose else (("", first.form),):
            tried = replace(first, form=form)
            try:
                outputs = [self._run(tried, one, [first.output])[0] for one in shown]
            except CannotRun:
                if not may_choose:
                    raise
                continue
            answered = [_planes(out, self._frames()) for out in outputs]
            planes = [_seen(tried, out, one)[0] for out, one in zip(answered, shown, strict=True) if out is not None]
            if len(planes) < len(shown):
                continue
            if not all(usable(plane) for plane in planes):
                unusable = True
                continue
            answers = compare(*planes, *looks)
            if best is None or answers.score > CLEARLY * best[0].score:
                best = answers, tried, name, planes[0]
        if unusable and best is None:
            raise EstimateError(f"{self.name} gave NaN or infinite values ({self.process.runtime}).")
        if best is None or best[0].own < LEAST_OWN:
            forms = "in any form" if may_choose else f"given {first.lines()[1][11:]}"
            raise EstimateError(
                f"{self.name} gives nearly the same answer whatever it is shown, {forms}: it is no depth network, or "
                "it wants its picture otherwise (set mean and deviation)."
            )
        answers, tried, name, plane = best
        if is_mask(plane):
            raise EstimateError(f"{self.name} gives no depth but a mask: its answer is nearly all of two values.")
        if may_choose:
            tried = replace(tried, why={**tried.why, "form": _by_trying(tried.form)})
            self._keep({"form": name})
        return tried, plane

    def _keep(self, values: dict[str, object]) -> None:
        self.recalled = {**self.recalled, **values}
        try:
            kept.keep(self.settings.notes, self.sha256, "found", self.recalled)
        except OSError as error:
            _log.warning("what was found about %s cannot be kept (%s)", self.name, error)

    def _meaning(self, first: Found, upright: np.ndarray | None) -> Meaning:
        if self.known is not None:
            return Meaning(self.known.kind, self.known.direction, "a known network")
        told = meaning_of(self.header, self.picture, first.output)
        if upright is not None:
            told = _by_numbers(told, upright)
        if told.direction is None:
            return Meaning(told.kind, "NEARER", "assumed: neither its graph nor a trial tells; set it if it is wrong")
        return told

    def _frames(self) -> int:
        return 1 if self.picture.frames is None else self.picture.frames or FRAMES_AT_ONCE

    def _run(self, tried: Found, picture: np.ndarray, outputs: list[str]) -> list[np.ndarray]:
        blob = _blob(_shown(tried, picture), tried.form, self.picture.elem_type)
        blobs = _laid_out([blob] * self._frames(), self.picture)
        return self.process.run({self.picture.name: blobs}, outputs)


def _by_numbers(told: Meaning, answer: np.ndarray) -> Meaning:
    """What an output means, by what it answered as well."""
    vote = ground_vote(answer)
    if told.direction is None and abs(vote) > _GROUND:
        return Meaning(
            told.kind, "NEARER" if vote > 0 else "FARTHER", "by trying: the ground below is taken to be near"
        )
    if told.direction is not None and answer.max() <= 0:
        turned: Direction = "FARTHER" if told.direction == "NEARER" else "NEARER"
        return Meaning("RELATIVE", turned, f"{told.why}, and its numbers are below zero")
    if told.why == ENDS_AS_NEARNESS and vote < _GROUND:
        return replace(told, why=f"assumed: {told.why}, but the ground below does not come out near")
    few, most = np.percentile(answer, (10, 90))
    if told.kind == "METRIC" and (most < _METRES[0] or few > _METRES[1]):
        return Meaning("DISTANCE", told.direction, f"{told.why}, but numbers of {few:.3g} to {most:.3g} are no metres")
    return told


def _by_trying(form: Form) -> str:
    return "found by trying on two pictures" if form == BYTE else _NOT_DISTINCT


def _nothing_special() -> np.ndarray:
    """A picture with something in every frequency, for a first run where there is none of the clip."""
    rng = np.random.default_rng(0)
    return cv2.resize(rng.random((9, 16, 3), np.float32), (320, 180), interpolation=cv2.INTER_CUBIC).clip(0, 1)


def _check(settings: NetworkSettings) -> None:
    if not settings.path:
        raise EstimateError("No depth network is chosen: set a model file (.onnx) in the preferences or on the strip.")
    if settings.kind not in ("AUTO", "RELATIVE", "DISTANCE", "METRIC"):
        raise ValueError(f"kind must be AUTO, RELATIVE, DISTANCE or METRIC, not {settings.kind!r}")
    if settings.direction not in ("AUTO", "NEARER", "FARTHER"):
        raise ValueError(f"direction must be AUTO, NEARER or FARTHER, not {settings.direction!r}")
    if settings.engine not in ("AUTO", "OPENCV", "ONNXRUNTIME"):
        raise ValueError(f"engine must be AUTO, OPENCV or ONNXRUNTIME, not {settings.engine!r}")
    if settings.long_side_px and settings.long_side_px < 16:
        raise ValueError("long_side_px must be at least 16, or 0")
    if settings.multiple < 0:
        raise ValueError("multiple must be at least 1, or 0")
    if (settings.mean is None) != (settings.std is None):
        raise ValueError("mean and std go together")
    mean, std = settings.mean or IMAGENET[0], settings.std or IMAGENET[1]
    if len(mean) != 3 or len(std) != 3 or not np.isfinite([*mean, *std]).all() or min(std) <= 0:
        raise ValueError("mean and std need three numbers each, std above 0")


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.4g}" for value in values)


def _input_size(found: Found, width: int, height: int) -> tuple[int, int]:
    fixed_h, fixed_w = found.size
    scale = found.long_side_px / max(width, height)

    def rounded(side: int) -> int:
        return max(1, round(side * scale / found.multiple)) * found.multiple

    return fixed_w or rounded(width), fixed_h or rounded(height)


def _filled(found: Found, width: int, height: int) -> tuple[int, int]:
    """(width, height) of a network's input that a picture of this size fills: all of it, but where it would be squeezed
    too much. What tells metres is left to that: how large a thing is seen says how far it is."""
    across, down = _input_size(found, width, height)
    squeezed = across * height / (down * width)
    if found.kind == "METRIC" or 1 / _MOST_SQUEEZED <= squeezed <= _MOST_SQUEEZED:
        return across, down
    narrow, low = _SQUEEZED_TO * down * width / height, _SQUEEZED_TO * across * height / width
    return max(1, min(across, round(narrow))), max(1, min(down, round(low)))


def _shown(found: Found, picture: np.ndarray) -> np.ndarray:
    """A picture (H, W, C) as a network sees it, (h, w, 3) display-encoded; where it does not fill the input, in a frame
    of its own reflection."""
    height, width = picture.shape[:2]
    (across, down), filled = _input_size(found, width, height), _filled(found, width, height)
    look, left, top = _look(picture, filled), (across - filled[0]) // 2, (down - filled[1]) // 2
    sides = top, down - filled[1] - top, left, across - filled[0] - left
    return cv2.copyMakeBorder(look, *sides, cv2.BORDER_REFLECT) if any(sides) else look


def _seen(found: Found, planes: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Of answers (T, h, w), what is about the picture (H, W, C) and not about the frame around it."""
    height, width = picture.shape[:2]
    for axis, of, part in zip((2, 1), _input_size(found, width, height), _filled(found, width, height), strict=True):
        start = (of - part) // 2
        first, last = (round(place * planes.shape[axis] / of) for place in (start, start + part))
        planes = planes.take(range(first, max(last, first + 1)), axis) if part < of else planes
    return planes


def _look(picture: np.ndarray, size: tuple[int, int], most: int = 0) -> np.ndarray:
    """(h, w, 3) float32: shrunk in linear light (area average, as a lens would), then display-encoded 0-1. most: no
    larger than this on the longer side."""
    if most and max(size) > most:
        width, height = (max(1, round(side * most / max(size))) for side in size)
        size = width, height
    shrinks = size[0] <= picture.shape[1] and size[1] <= picture.shape[0]
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)[..., :3]
    return srgb_encode(small)


def _blob(look: np.ndarray, form: Form, elem_type: int) -> np.ndarray:
    """A display-encoded picture (h, w, 3) in a network's form and type."""
    if elem_type == UINT8:
        return np.round(255 * look).astype(np.uint8)
    mean, std = (np.array(one, np.float32) for one in form)
    return ((look - mean) / std).astype(np.float16 if elem_type == HALF else np.float32)


def _laid_out(blobs: Sequence[np.ndarray], picture: Picture) -> np.ndarray:
    """Pictures (h, w, 3) along the axes that the network's input has."""
    stack = np.stack(blobs)[None]  # N T H W C
    axes = [("NTHWC").index(letter) for letter in picture.layout]
    dropped = tuple(at for at in range(5) if at not in axes)
    return np.ascontiguousarray(stack.transpose(*dropped, *axes)[(0,) * len(dropped)], picture.dtype)


def srgb_encode(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1 encoding of linear light, clipped to 0-1.

    linear: (...) float32, linear light. Returns (...) float32, 0 to 1.
    """
    x = np.clip(linear, 0.0, 1.0).astype(np.float32)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.power(np.maximum(x, 1e-9), 1 / 2.4) - 0.055)


def _planes(out: np.ndarray, count: int) -> np.ndarray | None:
    """(count, h, w) float32 of an output, whatever its axes of length 1; None where it is something else."""
    squeezed = np.squeeze(np.asarray(out))
    if count == 1 and squeezed.ndim == 2:
        squeezed = squeezed[None]
    if squeezed.ndim != 3 or squeezed.shape[0] != count or min(squeezed.shape[1:]) < 2:
        return None
    return np.ascontiguousarray(squeezed, np.float32)


def _checksums(path: Path, header: OnnxHeader | None) -> tuple[str, str]:
    """(sha256 of the file, 16 digits that stand for the file and the weights beside it)."""
    beside = [path.parent / name for name in (header.external_data if header else ())]
    for each in (path, *beside):
        if each.exists() and not each.is_file():  # a pipe would keep us waiting
            raise EstimateError(f"{each.name} is no file: choose a model whose parts are files.")
    try:
        with path.open("rb") as file:
            whole = hashlib.file_digest(file, "sha256")
        sha256 = whole.hexdigest()
        for each in beside:
            with each.open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
    except OSError as error:
        raise EstimateError(f"Cannot read the model file {path.name}: {error.strerror or error}.") from error
    return sha256, whole.hexdigest()[:16]
