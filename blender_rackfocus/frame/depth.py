# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth as a file holds it to metres on the picture: the one place that says what its numbers mean.

Strip, node, twin, doctor and command line ask here. The formulas of a convention are the core's (`core.depth`); here
is what is known of the file: numbers as stored, the channel's name, where its window lies.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from .. import media
from ..core.depth import FAR_LIMIT_M, DepthConvention, fit_to_picture, to_metres
from ..core.fit import Fit, fitted
from ..craft.depth_repair import unstep
from ..craft.depth_shape import Lines, bend, best_offset, nearer_below, sloping_lines
from ..craft.touch import Touch, on_wider, touched
from ..media import RawDepth, Window
from .job import FileFrame, Job

NEAR_M, FAR_M = 1.7, 12.0
"""Where relative depth lies until the user says: white as near as an actor in a medium shot, black as far as the end
of a room or a street corner. The middle grey of 1/z is then at 3 m, which is where a new Rack Focus is focused, so near
and far blur alike; with a far end at 100 m even z would put all but the whitest tenth into the distance."""

_BLENDERS_DEPTH = re.compile(r"(?:^|\.)Depth(?:\.[ZV])?$")  # "ViewLayer.Depth.Z"; a node's output is called "Depth"
_MILLIMETRES_TO = 0.2
"""Share of 16 bits up to which whole numbers are taken for millimetres: 13 m, which depth cameras do not reach."""
_LEAST_TOP = 400
"""Millimetres under which a whole picture lies nowhere."""
_DIOPTRES_TO = 20.0
"""1/m from which disparity is in pixels or the like: 5 cm."""
_FEW_LINES, _MANY_LINES = 150, 1500
"""Sloping lines from which on planes are looked at, and from which on they are believed where there is no ground."""
_CLEARLY = 0.5
"""A reading that leaves planes bent less than so much as another one is preferred to it."""
_PLANE, _ROUGHLY = 0.05, 0.12
"""Bend that a plane may have left under the right reading; the latter in numbers of 8 bits."""
_CARDS = 8
"""Values that a mask, or a handful of cards, has at most."""
_GROUND = 0.6
"""Share of the sloping lines that have to agree on which end the ground comes nearer to."""
_NEAR_SHARE = 0.005, 3.0
"""Near distance as a share of the way from near to far, in depth even in metres; beyond, z looks as 1/z does."""
_LANDSCAPE_M = 50.0
"""Nearer than this is something in nearly every picture."""
_FROM_ZERO = 0.05
"""An offset of z that is this small a share of the nearest value is none; so is no value between it and zero a gap."""
_EITHER, _ELSE = "disparity would run the other way; set what is meant", "distances would run the other way"
_NO_UNIT = "Doubtful: their unit is not named, so the farthest is taken to be far"
_LEAN = 0.15
"""Difference in brightness of head and foot of a picture that tells which end is near."""


@dataclass(frozen=True)
class Meaning:
    """What a depth's numbers were taken for, and why, in words for the user."""

    convention: DepthConvention
    why: str


def in_metres(
    raw: RawDepth, convention: DepthConvention, size: tuple[int, int], window: Window | None = None, even: bool = False
) -> np.ndarray:
    """A file's depth on a picture, in metres.

    raw: as `media.read_raw_depth` gives it. size: (height, width) of the picture in pixels. window: where the picture
    lies in its own display window; None, it fills it. Depth is placed by its display window, then brought to the
    picture's size; even: see `fit_to_picture`. Returns (H, W) float32, +inf where nothing is. Raises ValueError
    where no pixel says anything, or the proportions differ.
    """
    metres = to_metres(numbers(raw, convention), convention)
    height, width = size
    if raw.window == window and (window is None or metres.shape == size):
        return fit_to_picture(metres, height, width, even)
    frame = window or Window(0, 0, width, height)
    placed = raw.window or Window(0, 0, metres.shape[1], metres.shape[0])
    if abs(placed.width * frame.height / (placed.height * frame.width) - 1) > 0.02:
        return fit_to_picture(metres, height, width, even)  # the window is not about this picture
    whole = fit_to_picture(_within(metres, placed), frame.height, frame.width, even)
    return _within(whole, Window(-frame.left, -frame.top, width, height)) if window else whole


def on_picture(
    raw: RawDepth,
    convention: DepthConvention,
    picture: np.ndarray,
    fit: bool,
    window: Window | None = None,
    touches: Sequence[Touch] = (),
    margin: tuple[int, int] = (0, 0),
) -> tuple[np.ndarray, Fit]:
    """`in_metres` for a picture, made to fit it where that is wanted, and touched up by hand; and what was done for the
    fit.

    picture: (H, W, 3 or 4) float32, scene-linear. margin: (rows, columns) of it lie around the frame that the touches
    were drawn on. Returns (H, W) float32, metres, and what was done. Raises as `in_metres`.
    """
    size = picture.shape[:2]
    depth_m, done = in_metres(raw, convention, size, window), Fit()
    if fit:
        depth_m, done = fitted(picture, depth_m)
        if done.soft_px and raw.values.shape[0] < size[0]:
            # What a smaller depth mixed in its edges says where between its pixels they are.
            depth_m, done = fitted(picture, in_metres(raw, convention, size, window, even=True))
    return touched(depth_m, picture, [on_wider(one, size, margin) for one in touches]), done


def numbers(raw: RawDepth, convention: DepthConvention) -> np.ndarray:
    """A depth's numbers: whole ones as they are stored, where the convention counts in them; 0..1 where it is about
    their range. Returns (H, W) float32, without a unit."""
    if not raw.integer or convention.kind == "NORMALISED":
        return raw.values
    return raw.values * np.float32(raw.full)


def _within(metres: np.ndarray, window: Window) -> np.ndarray:
    """Depth whose data lies at (left, top) of a window, on that window. Beyond its edge goes on what is at the edge.
    Raises ValueError where all of it lies outside."""
    rows_in, columns_in = metres.shape
    if not (-rows_in < window.top < window.height and -columns_in < window.left < window.width):
        raise ValueError(
            "the depth's pixels lie outside of its picture: its data window and its display window are apart"
        )
    rows = np.clip(np.arange(window.height) - window.top, 0, metres.shape[0] - 1)
    columns = np.clip(np.arange(window.width) - window.left, 0, metres.shape[1] - 1)
    return metres[rows[:, None], columns]


@functools.lru_cache(maxsize=1024)
def meaning_of(file: FileFrame, layer: str, near_m: float, far_m: float) -> Meaning:
    """What the numbers of a strip's depth mean, guessed from the frame that stands for all of them. Raises
    MediaError."""
    return guess(media.read_raw_depth(file.path, file.index, layer or None, file.stream), near_m, far_m)


def meaning_for(job: Job, raw: RawDepth) -> Meaning:
    """What a job's depth is taken for: as the user set it, else as guessed from it, or from the frame that stands for
    all of the strip's. raw: the job's own. Raises MediaError, ValueError."""
    if job.convention is not None:
        return Meaning(job.convention, "as set")
    if job.reference in (None, job.depth):
        return guess(raw, job.near_m, job.far_m)
    return meaning_of(job.reference, job.layer, job.near_m, job.far_m)


def for_unit_range(raw: RawDepth, convention: DepthConvention) -> DepthConvention:
    """The convention for whoever sees whole numbers as 0 to 1, as Blender's nodes do."""
    if not raw.integer or convention.kind == "NORMALISED":
        return convention
    return replace(convention, scale=convention.scale * raw.full)


def forget() -> None:
    """Drop what was learned about files."""
    meaning_of.cache_clear()


def by_name(layer: str, near_m: float, far_m: float) -> Meaning | None:
    """What the name of a channel, a pass or a node's output says; None where it says nothing."""
    name = layer.lower()
    if "mist" in name:
        convention = DepthConvention("NORMALISED", near_m, far_m, white_near=False, ramp="LINEAR_Z")
        return Meaning(convention, f"called {layer}, so 0 to 1 from near to far, evenly in metres")
    if _BLENDERS_DEPTH.search(layer):
        return Meaning(DepthConvention("METRES"), "called as Blender calls its depth, so metres")
    return None


def guess(raw: RawDepth, near_m: float = NEAR_M, far_m: float = FAR_M) -> Meaning:
    """How a depth's numbers are most likely meant, and why. A guess: the user can set it.

    near_m, far_m: metres, used where the numbers are relative. Guess from one frame of a shot and keep it for all of
    them. Raises ValueError for impossible near and far.
    """
    if raw.integer:
        return _wholenumbers(raw, near_m, far_m)
    named = by_name(raw.layer, near_m, far_m)
    if named is not None:
        return named
    values = raw.values
    finite = values[np.isfinite(values) & (values < FAR_LIMIT_M)]
    top, low = float(finite.max(initial=0.0)), float(finite.min(initial=np.inf))
    inverse = "disp" in raw.layer.lower() or "inverse" in raw.layer.lower()
    if finite.size and top <= 0 and low < 0:
        if inverse or _is_disparity(-values, ""):
            turned = DepthConvention(
                "NORMALISED",
                near_m,
                far_m,
                white_near=False,
                low=low,
                high=float(finite.max()) if finite.max() > low else 0.0,
            )
            return Meaning(turned, "disparity below zero, of unknown scale: from near to far evenly in 1/z")
        # z along a camera that looks down its negative axis
        return Meaning(DepthConvention("METRES", scale=-1.0), "all negative, so metres along the camera's back axis")
    if inverse:
        return _disparity(finite, near_m, far_m, f"called {raw.layer}")
    empty = finite.size < values.size and bool((np.isposinf(values) | (values >= FAR_LIMIT_M)).any())
    if empty and not (top > 1.001 and _is_disparity(values, "z")):  # matchers write so where they found nothing
        return Meaning(DepthConvention("METRES"), "empty pixels are infinitely far, so metres")
    if top > 1.001:
        if _is_disparity(values, raw.layer):
            return _disparity(finite, near_m, far_m, "its planes or its foot say that it grows towards the camera")
        nearest = float(np.percentile(finite, 1))
        doubt = f". Doubtful: nothing is nearer than {nearest:.4g}; another unit?" if nearest > _LANDSCAPE_M else ""
        return Meaning(DepthConvention("METRES"), f"values reach {top:.4g}, so metres{doubt}")
    if top >= 0.95:
        return _relative(values, near_m, far_m, "values fill 0 to 1")
    if top <= 0:
        return Meaning(DepthConvention("METRES"), "no value says anything: taken as metres")
    if _says_z(raw.layer):
        return Meaning(DepthConvention("METRES"), f"called {raw.layer}, so metres")
    straight = _straight_in(sloping_lines(_measured(values)))
    if straight == "z":
        words = f"values stay below 1 and planes run as in z, so distances. {_NO_UNIT}"
        return Meaning(DepthConvention("METRES", scale=far_m / top), words)
    doubt = _far_at_zero(finite) or ("" if straight else f". Doubtful: nothing in the picture says so; {_ELSE}")
    return Meaning(DepthConvention("INVERSE"), f"values stay below 1, so 1/z{doubt}")


def _says_z(layer: str) -> bool:
    """Whether a channel, pass or array is called z, depth or distance, by whatever tool."""
    name = layer.lower()
    return "z" in name.split(".")[-1] or "depth" in name or "dist" in name


def _wholenumbers(raw: RawDepth, near_m: float, far_m: float) -> Meaning:
    known = raw.values[np.isfinite(raw.values)]
    below = known[known < 1.0]
    if raw.bits >= 16 and below.size and below.max() <= _MILLIMETRES_TO:
        known = below  # white is where nothing was measured
    distances = _millimetres(raw, float(known.max(initial=0.0)) * raw.full) if raw.bits >= 16 else None
    named = by_name(raw.layer, near_m, far_m) if "mist" in raw.layer.lower() else None
    if named is not None and distances is None:
        return named
    if raw.bits >= 16:
        distances = distances or _from_zero(raw, known, far_m)
    if distances is not None and _is_disparity(raw.values, "z"):
        convention = DepthConvention("NORMALISED", near_m, far_m, low=float(known.min()), high=float(known.max()))
        words = "planes are straight in them and the ground grows towards the camera, so disparity: even in 1/z"
        return Meaning(convention, f"whole numbers of {raw.bits} bits, {words}{_far_at_zero(known)}")
    if distances is not None:
        return distances
    levels = raw.bits <= 8 and np.unique(known).size > _CARDS  # of a mask or of cards, steps are no slopes
    values = unstep(raw.values) if levels else raw.values
    return _relative(values, near_m, far_m, f"whole numbers of {raw.bits} bits", rough=raw.bits <= 8)


def _millimetres(raw: RawDepth, top: float) -> Meaning | None:
    """Whole numbers that reach as far as a depth camera's millimetres do; nothing says that they are."""
    if not _LEAST_TOP <= top <= _MILLIMETRES_TO * 65535:
        return None
    other = f"at {top / 256:.3g} m in KITTI's 1/256 m, at {top / 100:.3g} m in centimetres"
    words = f"so millimetres. Doubtful: no unit is named (the farthest would lie {other}), and {_EITHER}"
    return Meaning(DepthConvention("METRES", scale=0.001), f"whole numbers up to {top:.0f} of {raw.bits} bits, {words}")


def _from_zero(raw: RawDepth, known: np.ndarray, far_m: float) -> Meaning | None:
    """Whole numbers that are distances in any unit, zero where none was measured: such gaps are scattered, or planes
    tell that they count from the camera. The farthest is taken to be far."""
    seen = known[known > 0]
    low, high = float(seen.min(initial=1.0)), float(seen.max(initial=0.0))
    if low >= high:
        return None
    gaps = (raw.values == 0).astype(np.uint8)
    wide = cv2.erode(gaps, np.ones((5, 5), np.uint8), borderType=cv2.BORDER_REPLICATE)
    if low > _FROM_ZERO * high and gaps.mean() > 0.01 and wide.mean() < 0.5 * gaps.mean():
        told = "zero where nothing was measured"
    else:
        lines = sloping_lines(np.where(raw.values > 0, raw.values, np.nan)).values
        if len(lines) < _MANY_LINES:
            return None
        place, straight = best_offset(lines, False, (low, high))
        if abs(place) > _FROM_ZERO * low or not straight < min(_CLEARLY * bend(lines), _PLANE):
            return None
        told = "as planes say counted from the camera"
    words = f"{told}, so distances. {_NO_UNIT}; {_EITHER}"
    return Meaning(
        DepthConvention("METRES", scale=far_m / (high * raw.full)), f"whole numbers of {raw.bits} bits, {words}"
    )


def _is_disparity(values: np.ndarray, layer: str) -> bool:
    """Whether values far above 1 are straight on planes, as only 1/z is, or else are larger at the picture's foot. What
    is called z is believed to be z unless the ground says otherwise as well."""
    values = _measured(values)
    lines = sloping_lines(values)
    called_z, straight = _says_z(layer), _straight_in(lines)
    if straight:
        return straight == "1/z" and (not called_z or nearer_below(lines) > _GROUND)
    if called_z:
        return False
    known = np.isfinite(values)
    third = max(1, values.shape[0] // 3)
    parts = [part[there] for part, there in ((values[:third], known[:third]), (values[-third:], known[-third:]))]
    if not all(part.size for part in parts):
        return False
    head, foot = (float(part.mean()) for part in parts)
    return foot - head > 2 * _LEAN * float(values[known].max())


def _measured(values: np.ndarray) -> np.ndarray:
    """Values, NaN at zero and below: most tools write that where nothing was measured."""
    return np.where(values > 0, values, np.float32(np.nan))


def _straight_in(lines: Lines) -> str:
    """What planes say that values are: "z", "1/z" or, where they say neither, ""."""
    if len(lines.values) < _FEW_LINES:
        return ""
    with np.errstate(divide="ignore", invalid="ignore"):
        as_inverse, as_metres = bend(lines.values), bend(1.0 / lines.values)
    return "1/z" if as_inverse < _CLEARLY * as_metres else "z" if as_metres < _CLEARLY * as_inverse else ""


def _disparity(finite: np.ndarray, near_m: float, far_m: float, reason: str) -> Meaning:
    top, low = float(finite.max(initial=0.0)), float(finite.min(initial=np.inf))
    if top <= 0:
        return Meaning(DepthConvention("INVERSE"), f"{reason}, so 1/z")
    if top <= _DIOPTRES_TO and not (0.95 <= top <= 1.001 and low < 0.02):
        return Meaning(DepthConvention("INVERSE"), f"{reason}, so 1/z{_far_at_zero(finite)}")
    convention = DepthConvention("NORMALISED", near_m, far_m, low=max(low, 0.0) if top > low else 0.0, high=top)
    words = f"{reason}, so disparity of unknown scale: from near to far evenly in 1/z"
    return Meaning(convention, f"{words}{_far_at_zero(finite)}")


def _far_at_zero(finite: np.ndarray) -> str:
    """What is to be said of zeros that lie apart from the rest of a disparity."""
    seen = finite[finite > 0]
    if seen.size == finite.size or not seen.size or seen.min() < _FROM_ZERO * seen.max():
        return ""
    share = 100 * (1 - seen.size / finite.size)
    return f". Doubtful: {max(share, 0.1):.1f} % is 0, read as farthest; some tools write it where nothing was measured"


def _relative(values: np.ndarray, near_m: float, far_m: float, reason: str, rough: bool = False) -> Meaning:
    """0 to 1 between near and far. The ground tells which end is near, and planes whether z or 1/z runs evenly; where
    there are none, networks' and disparity's way is taken, and the picture's foot as near: that is doubtful, and said.
    """
    lines = sloping_lines(values, stepped=rough)
    head, foot = _head_and_foot(values)
    white_near, tone = head - foot < _LEAN, "for the foot of the picture is nearer than its head"
    doubtful = abs(head - foot) < _LEAN
    ramp, evenly = "INVERSE_Z", "so relative, even in 1/z"
    if len(lines.values) >= _FEW_LINES:
        lean, is_straight = nearer_below(lines), bend(lines.values, rough) <= (_ROUGHLY if rough else _PLANE)
        ground = abs(lean) > _GROUND and (is_straight or _is_even_in_metres(values, lines.values, lean > 0, rough))
        if ground:
            white_near, tone, doubtful = lean > 0, "as the ground is", False
        speaks = ground or len(lines.values) >= _MANY_LINES
        if speaks and _is_even_in_metres(values, lines.values, white_near, rough):
            ramp, evenly = "LINEAR_Z", "even in metres, as its planes say"
        else:
            doubtful |= not is_straight
    else:
        doubtful = True
    convention = DepthConvention("NORMALISED", near_m, far_m, white_near=white_near, ramp=ramp)
    near = f"{'white' if white_near else 'black'} is near, {tone}"
    doubt = ". Doubtful: nothing in the picture says for sure" if doubtful else ""
    return Meaning(convention, f"{reason}, {evenly}; {near}{doubt}")


def _is_even_in_metres(values: np.ndarray, lines: np.ndarray, white_near: bool, rough: bool) -> bool:
    """Whether planes are straight where values are metres from an offset: that of a camera in front of what is near,
    for nothing lies at it or behind it."""
    known = values[np.isfinite(values)]
    low, high = float(known.min()), float(known.max())
    place, straight = best_offset(lines, rough, (low, high))
    if not straight < min(_CLEARLY * bend(lines, rough), _ROUGHLY if rough else _PLANE):
        return False
    near = (place - high if white_near else low - place) / max(high - low, 1e-9)  # near / (far - near)
    return _NEAR_SHARE[0] < near < _NEAR_SHARE[1]


def _head_and_foot(values: np.ndarray) -> tuple[float, float]:
    """Mean of the picture's upper and lower third."""
    third = max(1, values.shape[0] // 3)
    known = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    return float(known[:third].mean()), float(known[-third:].mean())
