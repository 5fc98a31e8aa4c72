# SPDX-License-Identifier: GPL-3.0-or-later
"""The depth doctor: says in plain words what is wrong with a depth source, and puts it right.

Looks at sample frames of raw depth as read from the file, beside the pictures they belong to. What the numbers are is
read from the planes in the scene (`depth_shape`); steps, mixed edges, holes and alpha from the pixels; order in time
from where picture and depth change together.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from ..core.depth import FAR_LIMIT_M, DepthConvention, fit_to_picture, to_metres
from .depth_repair import fill_holes, mixed_edges, part_edges, unstep
from .depth_shape import Lines, bend, best_offset, nearer_below, ray_length, sloping_lines, srgb_decode

_SAID = {
    "SIZE": ("Depth is {}.", "Fit to the picture without mixing depths"),
    "FRAMES_MISSING": ("{}.", "Make them from the frames around"),
    "OUT_OF_STEP": ("Depth runs {} the picture.", "Read depth {offset:+d} frames"),
    "PREMULTIPLIED": (
        "Depth was multiplied by the picture's alpha: it sinks to 0 at soft edges.",
        "Divide by alpha; nothing where alpha is 0",
    ),
    "SRGB": (
        "The values went through the sRGB curve of pictures, which bends distances.",
        "Undo the sRGB curve (set the file to Non-Color)",
    ),
    "STEPS_8BIT": (
        "Only {} different values: an 8-bit file, so slopes come in steps.",
        "Smooth the slopes between the steps, edges kept",
    ),
    "ANTIALIASED": (
        "Edges are smoothed: {} % of the steps pass through a depth where nothing is.",
        "Give each edge pixel to one side",
    ),
    "INVERSE": ("The values are 1/distance (as networks and disparity give), not distance.", "Read as 1/z"),
    "NORMALISED": (
        "The values are not metres but a 0 to 1 range between a near and a far distance.",
        "Read as normalised, with near and far in metres",
    ),
    "RAMP": (
        "Between near and far the values run evenly in metres where they are read as even in 1/z, or the other way "
        "round: flat things come out bent.",
        "Read them along the other ramp",
    ),
    "INVERTED": (
        "Near and far are read the wrong way round: the values run the other way than they are taken.",
        "Turn the depth around",
    ),
    "RAY_LENGTH": (
        "The values are distances along each ray to the lens, not depth along the camera's axis: flat walls "
        "seem to bulge.",
        "Divide by the ray's length",
    ),
    "HOLES": ("{} % of the pixels have no depth (0, negative or not a number).", "Fill from around"),
}
"""What each finding says, {} being what was measured, and what its fix does; in the order that fixes apply."""
FINDINGS = tuple(_SAID)
_PLANE = 2e-4  # bend of exact planes in single precision, with room
_STRAIGHT = 0.012  # bend below which the planes speak clearly
_GROUND = 0.6  # share of sloping lines that have to agree on which end the ground comes nearer to
_FLAT, _ROUGHLY_FLAT = 0.05, 0.06  # bend that planes may have left; the latter in coarse steps
_MANY_LINES = 1500  # sloping lines that are believed where there is no ground
_CLEARLY = 0.25  # another reading must be this much straighter than the claimed one


@dataclass(frozen=True)
class Finding:
    """One thing wrong. name: one of FINDINGS. words: for the user. confidence: 0-1. fix: what the button does.
    needs: what the fix must be told first ('near_m', 'far_m'). numbers: what the fix uses (offset, frames, ...)."""

    name: str
    words: str
    confidence: float
    fix: str
    needs: tuple[str, ...] = ()
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Lens:
    """Field of view of the shot, to tell ray length from depth: focal_mm on a sensor_mm wide sensor."""

    focal_mm: float
    sensor_mm: float = 36.0


def diagnose(
    depths: Sequence[np.ndarray | None],
    pictures: Sequence[np.ndarray] | None = None,
    *,
    convention: DepthConvention | None = None,
    lens: Lens | None = None,
) -> list[Finding]:
    """What is wrong with a depth source.

    depths: raw frames, (H, W) float32 as read (whole-number files as 0-1), in order; None where a frame is missing.
    pictures: those they belong to, (H, W, 3 or 4) float32, scene-linear premultiplied; needed for size, alpha and
    step. convention: how the numbers are taken to be meant (default metres). lens: needed for RAY_LENGTH. Returns
    findings in the order their fixes apply; an empty list is a clean bill.
    """
    convention = convention or DepthConvention()
    there = [number for number, depth in enumerate(depths) if depth is not None]
    present = [np.asarray(depths[number], np.float32) for number in there]
    if not present:
        raise ValueError("depths must hold at least one frame")
    for depth in present:
        if depth.ndim != 2:
            raise ValueError(f"depths must be (H, W) each, not {depth.shape}")
    if pictures is not None and len(pictures) != len(depths):
        raise ValueError("pictures must be as many as depths")
    findings: list[Finding] = []
    if pictures is not None:
        findings += _size(present[0], pictures[0])
    findings += _missing(depths, pictures)
    if pictures is not None and len(present) == len(depths):
        findings += _out_of_step(present, pictures)
    middle = len(present) // 2
    sample, picture = present[middle], None if pictures is None else pictures[there[middle]]
    if picture is not None and picture.shape == (*sample.shape, 4):
        premultiplied = _premultiplied(sample, picture[..., 3])
        findings += premultiplied
        sample = _unpremultiply(sample, picture[..., 3]) if premultiplied else sample
    steps = _steps(sample)
    smooth = unstep(sample) if steps else sample
    mixed = [] if steps and np.unique(sample).size < 16 else _mixed(sample)
    if mixed:
        smooth = part_edges(smooth, _spread(smooth))
    shape = _shape(smooth, convention, lens, bool(steps))
    holes = _holes(sample, convention, {finding.name for finding in shape})
    return sorted([*findings, *shape, *steps, *mixed, *holes], key=lambda finding: FINDINGS.index(finding.name))


def treat(
    raw: np.ndarray,
    findings: Sequence[Finding],
    *,
    convention: DepthConvention | None = None,
    near_m: float | None = None,
    far_m: float | None = None,
    picture: np.ndarray | None = None,
    lens: Lens | None = None,
) -> np.ndarray:
    """Apply the fixes of the findings to one raw frame and return metres.

    raw: (H, W) float32 as read. near_m, far_m: the distances a finding with `needs` asks for (those of the smallest
    and largest value there are; `near_far_from_points` makes them from two picked points). picture: (H, W, 3 or 4)
    float32, scene-linear; needed by SIZE and PREMULTIPLIED. lens: needed by RAY_LENGTH. FRAMES_MISSING and
    OUT_OF_STEP concern which frame is read: see `between`. Returns (H, W) float32, metres, +inf where there is
    nothing. Raises ValueError naming what is missing.
    """
    convention = convention or DepthConvention()
    names = {finding.name: finding for finding in findings}
    depth = np.asarray(raw, np.float32)
    if names.keys() & {"SIZE", "PREMULTIPLIED"}:
        if picture is None:
            raise ValueError("picture must be given for a finding about size or alpha")
        if "SIZE" in names:
            depth = fit_to_picture(depth, *picture.shape[:2])
        if "PREMULTIPLIED" in names:
            depth = _unpremultiply(depth, picture[..., 3])
    if "STEPS_8BIT" in names:
        depth = unstep(depth)
    if "ANTIALIASED" in names:
        depth = part_edges(depth, _spread(depth))
    hole = _hole_mask(depth) if "HOLES" in names else None
    if "SRGB" in names:
        depth = srgb_decode(depth).astype(np.float32)
    metres = _read(depth, names, convention, near_m, far_m)
    if "RAY_LENGTH" in names:
        if lens is None:
            raise ValueError("lens must be given to turn ray length into depth")
        height, width = metres.shape
        y, x = np.mgrid[:height, :width]
        metres = metres / ray_length(x, y, width, height, lens.focal_mm, lens.sensor_mm)
    if hole is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = fill_holes(np.nan_to_num(1 / metres, nan=0, posinf=0, neginf=0), hole)
            metres = np.where(hole, 1 / np.maximum(inverse, 1e-12), metres)
    return np.where(metres >= FAR_LIMIT_M, np.inf, metres).astype(np.float32)


def _read(
    depth: np.ndarray, names: dict[str, Finding], convention: DepthConvention, near_m: float | None, far_m: float | None
) -> np.ndarray:
    """Raw numbers to metres, as the findings say they are meant."""
    said = next((names[name] for name in ("NORMALISED", "RAMP", "INVERTED", "INVERSE") if name in names), None)
    if said is None:
        with np.errstate(divide="ignore", invalid="ignore"):
            return to_metres(depth, convention)
    if "offset" in said.numbers and "NORMALISED" not in names:
        # z = offset - v: turned around, but its scale is still metres
        return to_metres(np.float32(said.numbers["offset"]) - depth, DepthConvention())
    findings = list(names.values())
    if not said.needs:
        return to_metres(depth, reading(findings=findings, convention=convention))
    if near_m is None or far_m is None:
        raise ValueError(f"near_m and far_m must be given for {said.name}")
    low, high = said.numbers.get("low", 0.0), said.numbers.get("high", 1.0)
    share = np.clip((depth - np.float32(low)) / np.float32(max(high - low, 1e-12)), 0, 1)
    return to_metres(share, reading(findings=findings, convention=convention, near_m=near_m, far_m=far_m))


def reading(
    *, findings: Sequence[Finding], convention: DepthConvention, near_m: float | None = None, far_m: float | None = None
) -> DepthConvention:
    """The convention the findings call for: the change of settings behind the button."""
    names = {finding.name for finding in findings}
    inverse = "INVERSE" in names
    if not names & {"INVERSE", "NORMALISED", "RAMP", "INVERTED"}:
        return convention
    if near_m is None or far_m is None:
        if inverse and "NORMALISED" not in names and "INVERTED" not in names:
            return DepthConvention("INVERSE")
        near_m, far_m = convention.near_m, convention.far_m
    if convention.kind == "NORMALISED" and "NORMALISED" not in names:
        other = "INVERSE_Z" if convention.ramp == "LINEAR_Z" else "LINEAR_Z"
        return replace(
            convention,
            near_m=near_m,
            far_m=far_m,
            white_near=convention.white_near != ("INVERTED" in names),
            ramp=other if "RAMP" in names else convention.ramp,
        )
    return DepthConvention(
        "NORMALISED",
        near_m,
        far_m,
        white_near=inverse != ("INVERTED" in names),
        ramp="INVERSE_Z" if inverse else "LINEAR_Z",
    )


def near_far_from_points(
    value_a: float,
    metres_a: float,
    value_b: float,
    metres_b: float,
    *,
    white_near: bool = True,
    ramp: str = "INVERSE_Z",
) -> DepthConvention:
    """Near and far of a normalised depth from two picked points of known distance.

    value_a, value_b: raw values read at the points, 0-1. metres_a, metres_b: their distances.
    Raises ValueError where the two values are too close to tell, contradict the direction (then the depth is inverted),
    or put near or far behind the camera.
    """
    for name, metres in (("metres_a", metres_a), ("metres_b", metres_b)):
        if not (np.isfinite(metres) and metres > 0):
            raise ValueError(f"{name} must be above 0 and finite, not {metres}")
    if abs(value_a - value_b) < 1e-3:
        raise ValueError("value_a and value_b must differ by at least 0.001: pick two points farther apart in depth")
    a, b = (1 - value_a, 1 - value_b) if white_near else (value_a, value_b)  # now 0 = near, 1 = far
    if (a - b) * (metres_a - metres_b) < 0:
        raise ValueError("the farther point has the nearer value: this depth is inverted, turn white_near around first")
    if metres_a == metres_b:
        raise ValueError("metres_a and metres_b must differ")
    even = ramp == "INVERSE_Z"
    za, zb = (1 / metres_a, 1 / metres_b) if even else (metres_a, metres_b)
    slope = (zb - za) / (b - a)
    near, far = za - slope * a, za + slope * (1 - a)
    if even:
        near, far = 1 / near if near > 0 else -1, 1 / far if far > 0 else np.inf
    if near <= 0:
        raise ValueError("these two points put white behind the camera: check their distances, or the ramp")
    return DepthConvention("NORMALISED", float(near), float(far), white_near=white_near, ramp=ramp)


@dataclass(frozen=True)
class Histogram:
    """counts: (bins,) int; edges: (bins + 1,) raw values; unknown: pixels without a number; far: with inf or 1e9."""

    counts: np.ndarray
    edges: np.ndarray
    unknown: int
    far: int


def histogram(raw: np.ndarray, bins: int = 64) -> Histogram:
    """How raw values spread, between their 0.5th and 99.5th percentile (what lies beyond falls into the end bins).

    raw: (H, W) float32 of any unit; NaN and what is farther than all are counted apart.
    """
    if bins < 1:
        raise ValueError("bins must be at least 1")
    raw = np.asarray(raw, np.float32)
    unknown = np.isnan(raw)
    far = ~unknown & (raw >= FAR_LIMIT_M)
    values = raw[~unknown & ~far & np.isfinite(raw)].astype(np.float64)
    if values.size == 0:
        return Histogram(np.zeros(bins, int), np.linspace(0, 1, bins + 1), int(unknown.sum()), int(far.sum()))
    low, high = np.percentile(values, (0.5, 99.5))
    if high <= low:
        high = low + max(abs(low), 1) * 1e-3
    counts, edges = np.histogram(np.clip(values, low, high), bins, (low, high))
    return Histogram(counts, edges, int(unknown.sum()), int(far.sum()))


def _spread(values: np.ndarray) -> float:
    known = values[np.isfinite(values) & (values < FAR_LIMIT_M)]
    return float(np.subtract(*np.percentile(known, (98, 2)))) if known.size else 0.0


# --- what the numbers are -------------------------------------------------------------------------------------------


def _shape(raw: np.ndarray, convention: DepthConvention, lens: Lens | None, stepped: bool) -> list[Finding]:
    lines = sloping_lines(np.where(raw == 0, np.nan, raw) if _hole_mask(raw).any() else raw, stepped)
    known = raw[np.isfinite(raw) & (raw < FAR_LIMIT_M)]
    if known.size == 0:
        return []
    low, high = float(known.min()), float(known.max())
    unit = low >= -1e-3 and high <= 1 + 1e-3
    fills = unit and low < 0.02 and high > 0.98
    half = known[:: max(1, known.size // 5000)]
    rough = stepped or bool((half.astype(np.float16) == half).mean() > 0.98)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        fits = _fits(lines, raw.shape, (low, high), lens, unit, rough)
        claimed = _claimed_bend(convention, fits)
    # Values that run from 0 to 1 cry for a reading; others must be as straight as only planes are (a ball is not).
    limit = _STRAIGHT if fills or rough or convention.kind != "METRES" else _PLANE
    name, offset, straight = _best(fits, claimed, rough, limit)
    sure = float(np.clip(1 - straight / max(claimed, 1e-9), 0.5, 0.99)) if np.isfinite(claimed) else 0.9
    if convention.kind != "METRES" and fits:
        straightest = claimed if name == "CLAIMED" else straight
        flat = straightest <= (_ROUGHLY_FLAT if rough else _FLAT)
        if not flat or (len(lines.values) < _MANY_LINES and abs(nearer_below(lines)) <= _GROUND):
            return []  # slopes of round things are no planes
    if convention.kind == "METRES":
        return _against_metres(name, offset, sure, fills, (low, high), lines, fits)
    if rough and name == "SRGB_OFFSET":
        return []  # curve, ramp and end at once: coarse steps do not say so much
    return _against_relative(name, offset, sure, convention, lines, (low, high))


def _fits(
    lines: Lines, shape: tuple[int, int], ends: tuple[float, float], lens: Lens | None, unit: bool, rough: bool
) -> dict[str, tuple[float, float]]:
    """Bend of each reading, with its offset: nothing in the picture lies there, between the lowest and highest value
    (ends)."""
    values = lines.values
    if len(values) == 0:
        return {}
    fits = {"Z": (0.0, _bend_of_inverse(values, rough)), "INVERSE": (0.0, bend(values, rough))}
    fits["OFFSET"] = best_offset(values, rough, ends)
    if lens is not None:
        length = ray_length(lines.x, lines.y, shape[1], shape[0], lens.focal_mm, lens.sensor_mm)
        fits["RAY"] = (0.0, _bend_of_inverse(values / length, rough))
    if unit or values.min() >= 0:
        decoded = srgb_decode(values)
        fits["SRGB_Z"] = (0.0, _bend_of_inverse(decoded, rough))
        fits["SRGB_INVERSE"] = (0.0, bend(decoded, rough))
        fits["SRGB_OFFSET"] = best_offset(decoded, rough, _decoded(ends))
    return fits


def _decoded(ends: tuple[float, float]) -> tuple[float, float]:
    low, high = srgb_decode(np.array(ends, np.float64))
    return float(low), float(high)


def _bend_of_inverse(values: np.ndarray, rough: bool) -> float:
    if values.size == 0 or values.min() <= 1e-9:
        return np.inf
    return bend(1 / values, rough)


def _claimed_bend(convention: DepthConvention, fits: dict[str, tuple[float, float]]) -> float:
    if not fits:
        return np.inf
    if convention.kind == "METRES":
        return fits["Z"][1]
    if convention.kind == "NORMALISED" and convention.ramp == "LINEAR_Z":
        return fits["OFFSET"][1]
    return fits["INVERSE"][1]


def _best(fits: dict[str, tuple[float, float]], claimed: float, rough: bool, limit: float) -> tuple[str, float, float]:
    """The reading that the planes speak for, or 'CLAIMED' where they do not speak clearly against the claim."""
    # Readings with more freedom must be that much straighter; below the floor lies rounding.
    price = {
        "Z": 1.0,
        "INVERSE": 1.0,
        "RAY": 1.5,
        "OFFSET": 2.0,
        "SRGB_Z": 2.5,
        "SRGB_INVERSE": 2.5,
        "SRGB_OFFSET": 2.5,
    }
    floor = 1.5e-3 if rough else 5e-6
    if rough:  # rounding hides small bends: only a plainly bent reading is doubted, and sRGB needs the most proof
        price.update(SRGB_Z=5.0, SRGB_INVERSE=5.0, SRGB_OFFSET=6.0)
        if claimed < 0.02:
            return "CLAIMED", 0.0, claimed
    best, score = "CLAIMED", np.inf
    for name, (_, straight) in fits.items():
        if straight < limit and (straight + floor) * price[name] < score:
            best, score = name, (straight + floor) * price[name]
    if best == "CLAIMED" or score > (0.5 if rough else _CLEARLY) * claimed:
        return "CLAIMED", 0.0, claimed
    return best, fits[best][0], fits[best][1]


def _say(name: str, sure: float, needs: tuple[str, ...] = (), measured: object = "", **numbers: float) -> Finding:
    words, fix = _SAID[name]
    return Finding(name, words.format(measured), sure, fix.format(**numbers), needs, numbers)


_ENDS = ("near_m", "far_m")


def _against_metres(
    name: str,
    offset: float,
    sure: float,
    fills: bool,
    ends: tuple[float, float],
    lines: Lines,
    fits: dict[str, tuple[float, float]],
) -> list[Finding]:
    low, high = ends
    findings = []
    if name.startswith("SRGB"):
        findings.append(_say("SRGB", sure))
        low, high = _decoded(ends)
    base = name.removeprefix("SRGB_")
    at = {"low": low, "high": high}
    if base == "RAY":
        return [*findings, _say("RAY_LENGTH", sure)]
    if base == "INVERSE":
        away = nearer_below(lines) < -0.3  # 1/z must grow towards the near parts: down a floor
        if fills:
            findings.append(_say("NORMALISED", sure, _ENDS, low=0.0, high=1.0))
        findings.append(_say("INVERSE", sure, _ENDS if away and not fills else (), **at if away else {}))
        if away:
            findings.append(_say("INVERTED", 0.7, _ENDS, **at))
        return findings
    if base == "OFFSET":
        turned = offset > (low + high) / 2
        lean = nearer_below(lines)
        if abs(lean) > _GROUND and turned != (lean > 0):  # planes and ground contradict each other
            doubtful = [_say("NORMALISED", 0.5, _ENDS, low=0.0, high=1.0), _say("INVERSE", 0.5)]
            return [*findings, *doubtful, *([_say("INVERTED", 0.5, _ENDS, **at)] if lean < 0 else [])] if fills else []
        if fills:
            findings.append(_say("NORMALISED", sure, _ENDS, low=0.0, high=1.0))
        if turned:
            findings.append(_say("INVERTED", sure, (), offset=offset, **at))
        elif not fills:
            findings.append(_say("NORMALISED", sure, _ENDS, **at))
        return findings
    if base == "Z" and not findings:
        return []
    if name == "CLAIMED" and fills and not (fits and fits["Z"][1] < 1e-3):
        # No plane speaks, but metres do not run from exactly 0 to exactly 1.
        findings.append(_say("NORMALISED", 0.7, _ENDS, low=0.0, high=1.0))
        if lines.values.shape[0] and nearer_below(lines) > 0.5:
            findings.append(_say("INVERTED", 0.55, _ENDS, **at))
    return findings


def _against_relative(
    name: str, offset: float, sure: float, convention: DepthConvention, lines: Lines, ends: tuple[float, float]
) -> list[Finding]:
    """For depth that is meant as 1/z or normalised: direction, ramp and the sRGB curve. What planes say of the ramp and
    the ground says the other way round of the direction is not to be told, and not claimed."""
    lean = nearer_below(lines) if len(lines.values) else 0.0
    ground = abs(lean) > _GROUND
    findings = [_say("SRGB", sure)] if name.startswith("SRGB") else []
    base = name.removeprefix("SRGB_")
    white_near = convention.kind == "INVERSE" or convention.white_near
    linear = convention.kind == "NORMALISED" and convention.ramp == "LINEAR_Z"
    if convention.kind == "NORMALISED" and base == ("INVERSE" if linear else "OFFSET"):
        findings.append(_say("RAMP", sure, _ENDS))
        linear = not linear
    if linear and len(lines.values):
        coded = name.startswith("SRGB")
        inside = srgb_decode(lines.values) if coded else lines.values
        place = offset if base == "OFFSET" else best_offset(inside, beyond=_decoded(ends) if coded else ends)[0]
        white = place > float(np.median(inside))
        if ground and white != (lean > 0):
            return []
        if bend(1 / (inside - place)) < 0.01 and white != white_near:
            findings.append(_say("INVERTED", 0.9, _ENDS))
    elif ground and (lean > 0) != white_near:
        findings.append(_say("INVERTED", 0.6, _ENDS))
    return findings


# --- what the pixels say --------------------------------------------------------------------------------------------


def _steps(raw: np.ndarray) -> list[Finding]:
    """Coarse levels on smooth slopes: at most 256 values, and neighbours mostly one level apart."""
    known = np.isfinite(raw) & (raw < FAR_LIMIT_M)
    levels, rank = np.unique(np.where(known, raw, -1), return_inverse=True)
    if not 16 <= levels.size <= 257 or raw.size < 40 * levels.size:
        return []
    if not (_even(levels[levels >= 0]) or _even(np.sqrt(np.maximum(levels, 0))) or _even(_srgb_like(levels))):
        return []
    rank = rank.reshape(raw.shape)
    changes = np.concatenate([np.abs(np.diff(rank, axis=a))[_pairs(known, a)] for a in (0, 1)])
    changes = changes[changes > 0]
    if changes.size < 50 or (changes == 1).mean() < 0.5:
        return []
    return [_say("STEPS_8BIT", float((changes == 1).mean()), measured=levels.size)]


def _even(levels: np.ndarray) -> bool:
    """Whether levels sit on a grid of at most 300 steps (half floats do not: their steps double with each octave)."""
    gaps = np.diff(levels)
    return gaps.size > 0 and float((levels[-1] - levels[0]) / max(float(np.percentile(gaps, 2)), 1e-12)) < 300


def _srgb_like(levels: np.ndarray) -> np.ndarray:
    """Undo a reader's decoding: the grid may lie in the encoded values."""
    v = np.maximum(levels, 0)
    return np.where(v <= 0.0031308, 12.92 * v, 1.055 * np.maximum(v, 1e-9) ** (1 / 2.4) - 0.055)


def _pairs(known: np.ndarray, axis: int) -> np.ndarray:
    return np.delete(known, 0, axis) & np.delete(known, -1, axis)


def _mixed(raw: np.ndarray) -> list[Finding]:
    values = np.where(raw < FAR_LIMIT_M, raw, np.nan)
    _, mixed, clean = mixed_edges(values, _spread(raw))
    share = mixed / max(mixed + clean, 1)
    if mixed < 60 or share < 0.3:
        return []
    return [_say("ANTIALIASED", min(0.99, share + 0.2), measured=f"{100 * share:.0f}", share=share)]


def _hole_mask(raw: np.ndarray) -> np.ndarray:
    """Pixels without a depth: NaN, negative, or 0 in islands that the values around do not lead up to."""
    with np.errstate(invalid="ignore"):
        bad = np.isnan(raw) | (raw < 0) & (raw > -np.inf)
        zero = raw == 0
    if (raw[np.isfinite(raw)] < -1e-6).mean() > 0.3:  # negative as a rule: another convention, no holes
        bad = np.isnan(raw)
    if not zero.any():
        return bad
    ring = cv2.dilate(zero.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & ~zero & np.isfinite(raw)
    around = raw[ring & (raw > 0) & (raw < FAR_LIMIT_M)]
    if around.size == 0 or zero.mean() > 0.9:
        return bad
    usual = np.median(raw[np.isfinite(raw) & (raw > 0) & (raw < FAR_LIMIT_M)])
    return bad | zero if np.percentile(around, 25) > 0.1 * usual else bad


def _holes(raw: np.ndarray, convention: DepthConvention, shape: set[str]) -> list[Finding]:
    hole = _hole_mask(raw)
    if convention.kind != "METRES" or shape & {"INVERSE", "NORMALISED", "RAMP", "INVERTED"}:
        hole = np.isnan(raw)  # 0 is a value there
    count = int(hole.sum())
    if count < max(4, 2e-5 * raw.size):
        return []
    return [_say("HOLES", 0.95, measured=f"{100 * count / raw.size:.2g}", share=count / raw.size)]


def _premultiplied(raw: np.ndarray, alpha: np.ndarray) -> list[Finding]:
    """At soft edges, depth over alpha continues the solid part, while depth itself does not."""
    partial = (alpha > 0.05) & (alpha < 0.9) & np.isfinite(raw) & (raw < FAR_LIMIT_M)
    solid = (alpha > 0.99) & np.isfinite(raw) & (raw < FAR_LIMIT_M)
    kernel = np.ones((9, 9), np.uint8)
    low = cv2.erode(np.where(solid, raw, np.float32(3e38)), kernel, borderValue=3e38)
    high = cv2.dilate(np.where(solid, raw, np.float32(-3e38)), kernel, borderValue=-3e38)
    told = partial & (low < 3e38)
    if told.sum() < 30:
        return []
    whole = raw[told] / alpha[told]
    divided = float(((whole > 0.97 * low[told]) & (whole < 1.03 * high[told])).mean())
    plain = float(((raw[told] > 0.97 * low[told]) & (raw[told] < 1.03 * high[told])).mean())
    if divided < 0.6 or plain > 0.5 * divided:
        return []
    return [_say("PREMULTIPLIED", divided)]


def _unpremultiply(raw: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.where(alpha > 0.004, raw / np.maximum(alpha, 0.004), np.inf).astype(np.float32)


# --- size and time --------------------------------------------------------------------------------------------------


def _size(depth: np.ndarray, picture: np.ndarray) -> list[Finding]:
    rows, columns = depth.shape
    height, width = picture.shape[:2]
    if (rows, columns) == (height, width):
        return []
    sizes = f"{columns} x {rows}, the picture {width} x {height}"
    same = abs(columns * height / (rows * width) - 1) < 0.01
    differ = "" if same else "; their shapes differ too, so one of them is cropped or squeezed"
    return [_say("SIZE", 1.0, measured=sizes + differ)]


def _missing(depths: Sequence[np.ndarray | None], pictures: Sequence[np.ndarray] | None) -> list[Finding]:
    missing = [number for number, depth in enumerate(depths) if depth is None]
    frozen = []
    if pictures is not None:
        pairs = enumerate(zip(itertools.pairwise(depths), itertools.pairwise(pictures), strict=True), 1)
        frozen = [number for number, (two, shown) in pairs if _is_repeated(*two) and _moves(*shown)]
        if len(frozen) == len(depths) - 1:  # one still for all frames: meant so
            frozen = []
    if not missing and not frozen:
        return []
    words = []
    if missing:
        words.append(f"{len(missing)} of {len(depths)} frames have no depth (first: number {missing[0] + 1})")
    if frozen:
        words.append(
            f"{len(frozen)} frames repeat the depth before them although the picture moves (first: number "
            f"{frozen[0] + 1})"
        )
    sure = 1.0 if missing else 0.85
    return [_say("FRAMES_MISSING", sure, measured="; ".join(words), missing=len(missing), frozen=len(frozen))]


def _is_repeated(before: np.ndarray | None, depth: np.ndarray | None) -> bool:
    return before is not None and depth is not None and np.array_equal(before, depth, equal_nan=True)


def _moves(before: np.ndarray, picture: np.ndarray) -> bool:
    change = np.abs(_thumb(before) - _thumb(picture))
    return float(np.percentile(change, 98)) > 0.03 and float((change > 0.02).mean()) > 0.01


def _thumb(image: np.ndarray) -> np.ndarray:
    """(h, 160) float32, display-like luma of a picture."""
    grey = image[..., :3] @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    size = (160, max(8, round(160 * grey.shape[0] / grey.shape[1])))
    return np.sqrt(np.clip(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), 0, 1))


def _depth_thumb(depth: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    known = np.isfinite(depth) & (depth < FAR_LIMIT_M)
    low, high = np.percentile(depth[known], (2, 98)) if known.any() else (0, 1)
    filled = np.where(known, np.clip(depth, low, high), high).astype(np.float32)
    small = cv2.resize(filled, shape[::-1], interpolation=cv2.INTER_AREA)
    # Both 1/z and z spread their steps unevenly; ranks make every convention alike.
    order = np.argsort(np.argsort(small.ravel(), kind="stable"), kind="stable")
    return (order.reshape(shape) / order.size).astype(np.float32)


def _out_of_step(depths: Sequence[np.ndarray], pictures: Sequence[np.ndarray]) -> list[Finding]:
    """Where picture and depth change together, in which frame of the one and of the other."""
    count = len(depths)
    if count < 8:
        return []
    shown = [_thumb(picture) for picture in pictures]
    near = [_depth_thumb(depth, shown[0].shape) for depth in depths]
    alike = ((_changes(shown), _changes(near)), ([_edges(one) for one in shown], [_edges(one) for one in near]))
    reach = min(12, count // 2 - 1)
    scores = {lag: float(np.mean([_likeness(*two, lag) for two in alike])) for lag in range(-reach, reach + 1)}
    best = max(scores, key=lambda lag: scores[lag])
    if best == 0 or all(abs(lag - best) <= 1 for lag in scores):
        return []
    gain = scores[best] - scores[0]
    if gain < 0.04 or gain < 0.15 * abs(scores[best]):
        return []
    late = f"{abs(best)} frame{'s' * (abs(best) > 1)} {'behind' if best > 0 else 'ahead of'}"
    return [_say("OUT_OF_STEP", float(np.clip(0.5 + 3 * gain, 0.5, 0.99)), measured=late, offset=best)]


def _changes(images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Where each image differs from the one before it."""
    return [_unit(cv2.blur(np.abs(after - before), (5, 5))) for before, after in itertools.pairwise(images)]


def _likeness(shown: Sequence[np.ndarray], near: Sequence[np.ndarray], lag: int) -> float:
    """How well one row of images goes with another that runs so many frames behind it."""
    both = [(image, near[at + lag]) for at, image in enumerate(shown) if 0 <= at + lag < len(near)]
    return float(np.mean([float((image * other).mean()) for image, other in both]))


def _edges(image: np.ndarray) -> np.ndarray:
    right, down = (cv2.Sobel(image, cv2.CV_32F, *way, ksize=3) for way in ((1, 0), (0, 1)))
    return _unit(cv2.blur(np.minimum(np.sqrt(right * right + down * down), 0.8), (3, 3)))


def _unit(image: np.ndarray) -> np.ndarray:
    centred = image - image.mean()
    return centred / max(float(centred.std()), 1e-6)


def between(before_m: np.ndarray, after_m: np.ndarray, share: float) -> np.ndarray:
    """A missing frame from its neighbours: even in 1/z where they agree, else the nearer in time.

    before_m, after_m: (H, W) float32, metres; share: 0 at before, 1 at after. Returns (H, W) float32, metres.
    """
    if before_m.shape != after_m.shape:
        raise ValueError("before_m and after_m must have one shape")
    if not 0 <= share <= 1:
        raise ValueError(f"share must be 0 to 1, not {share}")
    a, b = 1 / np.maximum(before_m, 1e-6), 1 / np.maximum(after_m, 1e-6)
    mixed = (1 - share) * a + share * b
    alike = np.abs(a - b) < 0.1 * np.maximum(a, b)
    with np.errstate(divide="ignore"):
        return (1 / np.where(alike, mixed, a if share <= 0.5 else b)).astype(np.float32)
