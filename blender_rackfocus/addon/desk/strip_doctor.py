# SPDX-License-Identifier: GPL-3.0-or-later
"""The depth doctor on a strip: what it looks at, which of its fixes are settings, and the repaired sequence for those
that are not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import numpy as np

from ...craft import doctor
from ...craft.distances import distance_text
from ...craft.doctor import Finding
from ...frame import DepthConvention
from ...frame import depth as frame_depth
from ..blender import colour_config, strips
from ..blender.errors import EXPECTED, FrameError
from ..depth import sources, strip_estimate
from ..shot import findings, modifier, settings

LOOKED_AT = 16
"""Neighbouring frames that are read: enough to see whether picture and depth are in step."""
_FULL_WIDTH = 640
"""Frames other than the first and the middle one are thinned out to about this."""

READINGS = {"INVERSE", "NORMALISED", "RAMP", "INVERTED"}
"""Findings about what the numbers mean: settings of the strip."""
_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Look:
    """What the doctor saw. frame: the timeline frame of the middle one; histogram: of its raw depth."""

    findings: tuple[Finding, ...]
    convention: DepthConvention
    histogram: doctor.Histogram
    frame: int
    missing: int
    total: int


class _Reader:
    """A strip's pictures and raw depth at timeline frames."""

    def __init__(self, strip: bpy.types.Strip, scene: bpy.types.Scene) -> None:
        if strip.type == modifier.ADJUSTMENT:
            raise FrameError("its depth is that of other strips: examine those", strip.name)
        if strip.type not in modifier.KINDS or modifier.find(strip) is None:
            raise FrameError("it has no Rack Focus modifier; add one and choose its depth first", strip.name)
        source = sources.of(strip)
        if source.by_hand:
            cause = f"its depth ({source.label}) is set by hand: there is nothing to examine"
            raise FrameError(cause, strip.name)
        self.strip, self.scene = strip, scene
        self.config = colour_config.of(scene)

    def picture_frame(self, frame: int) -> strips.MediaFrame:
        return strips.media_frame(self.strip, frame, self.scene)

    def picture(self, frame: int) -> np.ndarray:
        return strips.read(self.picture_frame(frame), self.config)

    def depth(self, frame: int) -> sources.Depth:
        """Raises MediaError or FrameError."""
        return sources.of(self.strip).depth(self._shown(frame), self.picture_frame(frame), False)

    def raw(self, frame: int) -> np.ndarray:
        """(H, W) float32 as in the file. Raises MediaError or FrameError where this frame has no depth."""
        return self.depth(frame).raw().values

    def has_depth(self, frame: int) -> bool:
        """Whether there is a file for this frame; it is not read."""
        try:
            return self.depth(frame).here.stamp is not None
        except EXPECTED:
            return False

    def convention(self) -> DepthConvention:
        """How the strip's depth is read now: as set, else as guessed from the reference frame."""
        chosen = settings.convention_of(self.strip)
        if chosen is not None:
            return chosen
        first = int(self.strip.left_handle)
        _, reference, layer = self.depth(first)
        near_m, far_m = self.strip.rackfocus_near_m, self.strip.rackfocus_far_m
        return frame_depth.meaning_of(reference, layer, near_m, far_m).convention

    def lens(self) -> doctor.Lens:
        rack_modifier = modifier.find(self.strip)
        return doctor.Lens(*(modifier.socket(rack_modifier, name).value for name in ("Focal Length", "Sensor Width")))

    def timeline(self) -> range:
        return range(int(self.strip.left_handle), int(self.strip.right_handle))

    def _shown(self, frame: int) -> strips.Shown:
        return strips.Shown(self.strip, float(frame), self.scene, frame, (self.scene.name,), ((0, float(frame)),))


def examine(strip: bpy.types.Strip, scene: bpy.types.Scene) -> Look:
    """Look at a strip's depth beside its pictures. Raises FrameError, MediaError."""
    reader = _Reader(strip, scene)
    timeline = reader.timeline()
    gone = [frame for frame in timeline if not reader.has_depth(frame)]
    if len(gone) == len(timeline):
        reader.raw(timeline[0])  # says what is wrong
    start = timeline[max((len(timeline) - LOOKED_AT) // 2, 0)]
    looked = [frame for frame in range(start, start + LOOKED_AT) if frame in timeline]
    if all(frame in gone for frame in looked):
        looked = [next(frame for frame in timeline if frame not in gone)]
    whole = {looked[0], looked[len(looked) // 2]}
    depths, pictures = [], []
    for frame in looked:
        picture = reader.picture(frame)
        raw = None if frame in gone else reader.raw(frame)
        step = 1 if frame in whole else max(1, picture.shape[1] // _FULL_WIDTH)
        pictures.append(np.ascontiguousarray(picture[::step, ::step]))
        depths.append(None if raw is None else np.ascontiguousarray(raw[::step, ::step]))
    convention = reader.convention()
    diagnosed = doctor.diagnose(depths, pictures, convention=convention, lens=reader.lens())
    if gone and not any(finding.name == "FRAMES_MISSING" for finding in diagnosed):
        words = f"{len(gone)} of {len(timeline)} frames have no depth (first: frame {gone[0]})."
        diagnosed.insert(0, Finding("FRAMES_MISSING", words, 1.0, "Make them from the frames around"))
    centre = looked[len(looked) // 2]
    middle = min((frame for frame in looked if frame not in gone), key=lambda frame: abs(frame - centre))
    seen = doctor.histogram(reader.raw(middle), 24)
    return Look(tuple(diagnosed), convention, seen, middle, len(gone), len(timeline))


def is_setting(finding: Finding, strip: bpy.types.Strip) -> bool:
    """Whether a fix changes settings alone; else it writes a repaired sequence."""
    if finding.name == "OUT_OF_STEP":
        return "path" in sources.of(strip).fields and bool(strip.rackfocus_depth_path)
    return finding.name in READINGS and "offset" not in finding.numbers and "low" not in _odd_range(finding)


def _odd_range(finding: Finding) -> dict[str, float]:
    """A normalised range other than 0 to 1 cannot be told by the settings."""
    low, high = finding.numbers.get("low", 0.0), finding.numbers.get("high", 1.0)
    return finding.numbers if (abs(low) > 0.02 or abs(high - 1) > 0.02) and finding.needs else {}


def apply_settings(
    strip: bpy.types.Strip, fixes: Sequence[Finding], convention: DepthConvention, near_m: float, far_m: float
) -> None:
    """The fixes that are settings."""
    for finding in fixes:
        if finding.name == "OUT_OF_STEP":
            strip.rackfocus_depth_offset += int(finding.numbers["offset"])
    if any(finding.name in READINGS for finding in fixes):
        needs = any(finding.needs for finding in fixes)
        ends = {"near_m": near_m, "far_m": far_m} if needs else {}
        set_convention(strip, doctor.reading(findings=list(fixes), convention=convention, **ends))


def set_convention(strip: bpy.types.Strip, convention: DepthConvention) -> None:
    """Put a convention into a strip's settings."""
    strip.rackfocus_depth_kind = convention.kind
    strip.rackfocus_white_near = convention.white_near
    strip.rackfocus_depth_ramp = convention.ramp
    strip.rackfocus_depth_scale = convention.scale
    if convention.kind == "NORMALISED":
        strip.rackfocus_near_m, strip.rackfocus_far_m = convention.near_m, min(convention.far_m, 1e6)
        strip.rackfocus_depth_low, strip.rackfocus_depth_high = convention.low, convention.high


def repair(
    strip: bpy.types.Strip,
    scene: bpy.types.Scene,
    chosen: Sequence[Finding],
    convention: DepthConvention,
    near_m: float | None = None,
    far_m: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Write the repaired depth of every frame a strip shows, in metres, and make the strip use it. Returns the folder.

    Raises FrameError, MediaError, ValueError.
    """
    reader = _Reader(strip, scene)
    timeline = {reader.picture_frame(frame).index: frame for frame in reader.timeline()}
    offset = sum(int(finding.numbers["offset"]) for finding in chosen if finding.name == "OUT_OF_STEP")
    with_picture = any(finding.name in {"SIZE", "PREMULTIPLIED"} for finding in chosen)

    def metres(index: int) -> np.ndarray | None:
        frame = timeline[index] + offset
        if not reader.has_depth(frame):
            return None
        picture = reader.picture(timeline[index]) if with_picture else None
        return doctor.treat(
            reader.raw(frame),
            [finding for finding in chosen if finding.name not in {"FRAMES_MISSING", "OUT_OF_STEP"}],
            convention=convention,
            near_m=near_m,
            far_m=far_m,
            picture=picture,
            lens=reader.lens(),
        )

    def repaired() -> Iterator[tuple[int, np.ndarray]]:
        order = sorted(timeline)
        for number, index in enumerate(order):
            depth_m = metres(index)
            yield index, _between(order, number, metres, strip) if depth_m is None else depth_m
            if progress is not None:
                progress((number + 1) / len(order))

    fixes = {"fixes": [finding.name for finding in chosen], "near_m": near_m, "far_m": far_m, "was": repr(convention)}
    why = "; ".join(finding.fix for finding in chosen)
    return strip_estimate.use_repaired(strip, scene, repaired(), _source_name(reader), fixes, why)


def _between(
    order: list[int], number: int, metres: Callable[[int], np.ndarray | None], strip: bpy.types.Strip
) -> np.ndarray:
    """A missing frame from the nearest ones that are there."""

    def first(indices: Iterable[int]) -> tuple[int, np.ndarray] | None:
        return next(((i, depth_m) for i in indices if (depth_m := metres(i)) is not None), None)

    before, after = first(reversed(order[:number])), first(order[number + 1 :])
    if before is None or after is None:
        single = before or after
        if single is None:
            raise FrameError("none of its frames has depth", strip.name)
        return single[1]
    share = (order[number] - before[0]) / (after[0] - before[0])
    return doctor.between(before[1], after[1], share)


def _source_name(reader: _Reader) -> str:
    first = next(filter(reader.has_depth, reader.timeline()), None)
    return "unknown" if first is None else Path(reader.depth(first).here.path).name


def value_at(strip: bpy.types.Strip, scene: bpy.types.Scene, frame: int, x_px: float, y_px: float) -> float:
    """The raw depth under a pixel of the picture, the median of 3 x 3: x from the left, y from the top. Raises
    FrameError, MediaError, ValueError for a place outside the picture or without depth."""
    reader = _Reader(strip, scene)
    height, width = reader.picture(frame).shape[:2]
    if not (0 <= x_px < width and 0 <= y_px < height):
        raise ValueError(f"the point {x_px:g}, {y_px:g} lies outside the picture of {width} x {height}")
    raw = reader.raw(frame)
    column, row = int(x_px * raw.shape[1] / width), int(y_px * raw.shape[0] / height)
    patch = raw[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
    known = patch[np.isfinite(patch)]
    if not known.size:
        raise ValueError(f"there is no depth at the point {x_px:g}, {y_px:g}")
    return float(np.median(known))


def from_two_points(
    strip: bpy.types.Strip, scene: bpy.types.Scene, values: tuple[float, float], metres: tuple[float, float]
) -> tuple[DepthConvention, str]:
    """The convention under which two raw values have two distances, and a sentence about it. Raises ValueError."""
    now = _Reader(strip, scene).convention()
    if now.kind in {"METRES", "INVERSE"}:
        wanted = [m / v if now.kind == "METRES" else 1 / (m * v) for m, v in zip(metres, values, strict=True) if v > 0]
        if len(wanted) < 2 or max(wanted) > 1.1 * min(wanted):
            raise ValueError(
                "these two distances do not fit numbers that are "
                f"{'metres' if now.kind == 'METRES' else '1 / distance'}: set Values Are to 0 to 1, or ask the doctor"
            )
        scale = float(np.sqrt(wanted[0] * wanted[1]))
        return DepthConvention(now.kind, scale=scale), f"scale {scale:.4g}"
    words = ""
    values = (values[0] - now.low) / (now.high - now.low), (values[1] - now.low) / (now.high - now.low)
    for white_near in (now.white_near, not now.white_near):
        try:
            convention = doctor.near_far_from_points(
                values[0], metres[0], values[1], metres[1], white_near=white_near, ramp=now.ramp
            )
        except ValueError as error:
            if "inverted" not in str(error):
                raise
            words = f", turned around: {'black' if white_near else 'white'} is near"
            continue
        convention = replace(convention, low=now.low, high=now.high)
        return convention, f"near {distance_text(convention.near_m)}, far {distance_text(convention.far_m)}{words}"
    raise ValueError("the two points contradict each other")


def bars(seen: doctor.Histogram) -> str:
    """A histogram as one line of text."""
    top = max(int(seen.counts.max()), 1)
    return "".join(_BARS[min(int(np.ceil(7 * (count / top) ** 0.5)), 7)] for count in seen.counts)


def remember(strip: bpy.types.Strip, look: Look) -> None:
    """Keep what was found on the strip, for the panel."""
    examined = f"Frame {look.frame} and its neighbours, {look.total} frames in all"
    low, high = look.histogram.edges[0], look.histogram.edges[-1]
    findings.put(strip, look.findings, examined, f"{low:.4g} {bars(look.histogram)} {high:.4g}")
