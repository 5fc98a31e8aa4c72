# SPDX-License-Identifier: GPL-3.0-or-later
"""Estimate Depth on a strip: which frames of its clip are read, with which settings, where the depth goes, and the
strip made to use it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import bpy
import numpy as np

from ...estimate import (
    EstimateReport,
    EstimateSettings,
    NetworkSettings,
    ParallaxSettings,
    Progress,
    Provenance,
    files,
    with_kept,
)
from ...estimate.files import Task
from ...estimate.network import Kind
from ...estimate.provenance import EstimateError
from ...frame.pairing import INDEXED
from ..blender import cache, colour_config, strips
from ..shot import modifier

SOURCES = (
    ("AUTO", "Automatic", "A stereo pair where the clip holds one, else the network, else the camera's own movement"),
    ("STEREO", "Stereo Pair", "Side-by-side or over-under clips"),
    ("NETWORK", "Network", "The model file (.onnx) that you chose"),
    ("PARALLAX", "Camera Movement", "A camera that moves through a scene at rest"),
)
BESIDE = "//rackfocus_depth"
"""The folder beside the .blend, where that is wanted."""


def task_of(
    strip: bpy.types.Strip,
    scene: bpy.types.Scene,
    *,
    source: str = "AUTO",
    handles: int = 0,
    model_path: str = "",
    model_kind: str = "AUTO",
    focal_known: bool = False,
    invert: bool = False,
    beside: bool = False,
) -> Task:
    """The estimate of the frames that a strip shows.

    handles: frames more on either side, as far as the clip goes. model_path: '' takes the strip's, else the
    preferences' model. model_kind: AUTO, RELATIVE, DISTANCE or METRIC. focal_known: the modifier's focal length
    is the shot's. beside: keep the depth beside the .blend, else in the cache. Raises EstimateError, FrameError,
    MediaError.
    """
    if beside and not bpy.data.filepath:
        raise EstimateError("Save the .blend first: its depth is to be kept beside it.")
    shown, frames, paths = clip_of(strip, scene)
    numbers = _numbers(strip)
    first = max(min(picture.index for picture in shown) - handles, 0)
    last = min(max(picture.index for picture in shown) + handles, max(len(frames) - 1, 0))
    if first > last:
        raise EstimateError(f'"{strip.name}" shows frame {first} of its clip, which has {len(frames)} frames.')
    settings = EstimateSettings(
        network=_network(strip, model_path, model_kind, invert),
        parallax=_parallax(strip, focal_known, invert),
    )
    files.refuse_if_missing(settings, source)
    names = {index: _name(index, numbers) for index in range(first, last + 1)}
    task = Task(frames, names, settings, source, files.clip_key(paths) + _reading(shown[0]))
    folder = cache.depth_folder(Path(paths[0]).stem, task.key[:10], bpy.path.abspath(BESIDE) if beside else "")
    return replace(task, files={index: folder / name for index, name in names.items()})


def names_of(strip: bpy.types.Strip, scene: bpy.types.Scene) -> dict[int, str]:
    """The name of the depth file of each frame that a strip shows, by the frame's number in the clip."""
    shown = [strips.media_frame(strip, f, scene) for f in range(int(strip.left_handle), int(strip.right_handle))]
    return {picture.index: _name(picture.index, _numbers(strip)).name for picture in shown}


def own_folder(strip: bpy.types.Strip, what: str, told: str) -> Path:
    """The folder for a sequence that is made for a strip. told: everything it is made of."""
    name = hashlib.blake2b(told.encode(), digest_size=5).hexdigest()
    return cache.depth_folder(strip.name, f"{what}-{name}")


class Outcome(NamedTuple):
    """What came of a task. report: None where all of it was there already."""

    provenance: Provenance
    report: EstimateReport | None

    def summary(self) -> str:
        """It in words, for the user."""
        provenance, report = self
        text = f"{provenance.sentence()}. {provenance.why[:1].upper()}{provenance.why[1:]}"
        if report is None:
            return f"Already estimated. {text}"
        steadied = f"flicker {report.flicker_before:.2f} % before, {report.flicker_after:.2f} % after steadying"
        return f"{text}; {report.written} frames, {len(report.shots)} shot(s), {steadied}"


def run(
    task: Task,
    tell: Callable[[float, str, float | None], None],
    show: Callable[[np.ndarray], None],
    cancelled: Callable[[], bool],
) -> Outcome:
    """Do a task, off the main thread. tell: called with (share done, phase, seconds left). show: called with the frame
    made last, (H, W) float32 nearness. Raises CancelledError, EstimateError, MediaError."""

    def note(progress: Progress) -> None:
        tell(progress.done / max(progress.total, 1), progress.doing, progress.seconds_left)
        if progress.near is not None:
            show(progress.near)

    try:
        return Outcome(*files.run(task, progress=note, cancelled=cancelled))
    finally:
        task.frames.close()


def use(strip: bpy.types.Strip, task: Task, provenance: Provenance, *, beside: bool = False) -> None:
    """Make a strip use the depth of a finished task: adds the modifier where there is none, sets file, convention and
    the note that the panel shows."""
    use_files(strip, task.first(), provenance, beside=beside)


def use_repaired(
    strip: bpy.types.Strip,
    scene: bpy.types.Scene,
    frames: Iterable[tuple[int, np.ndarray]],
    source: str,
    fixes: dict[str, Any],
    why: str,
) -> Path:
    """Write the repaired depth of what a strip shows, and make the strip use it. Returns the folder.

    frames: (number in the clip, (H, W) float32, metres) of each, rising. source: the name of the file that was
    repaired; fixes, why: what was put right, as values and in words. Raises MediaError.
    """
    provenance = Provenance("REPAIRED", source, True, fixes, why)
    key = repr((provenance, strip.rackfocus_depth_path, bpy.data.filepath, scene.name))
    folder, named = own_folder(strip, "repaired", key), names_of(strip, scene)
    folder.mkdir(parents=True, exist_ok=True)
    for index, depth_m in frames:
        files.write_depth(folder / named[index], depth_m, provenance)
    use_files(strip, folder / named[min(named)], provenance)
    return folder


def use_files(strip: bpy.types.Strip, first: Path, provenance: Provenance, *, beside: bool = False) -> None:
    """Make a strip use a sequence of ours, named by its first file."""
    modifier.add(strip)
    path = str(first.with_name(re.sub(r"\d+(?=\.exr$)", lambda digits: "#" * len(digits[0]), first.name)))
    path = bpy.path.relpath(path) if beside else path
    strip.rackfocus_depth_path = path
    strip.rackfocus_depth_layer = ""
    strip.rackfocus_depth_offset = strip.rackfocus_depth_stream = 0
    strip.rackfocus_depth_kind = provenance.kind
    strip.rackfocus_depth_scale = 1.0
    strip.rackfocus_depth_low, strip.rackfocus_depth_high = 0.0, 1.0
    strip.rackfocus_white_near = True
    strip.rackfocus_depth_ramp = "INVERSE_Z"
    strip.rackfocus_depth_source = "FILE"
    note(strip, provenance)


def note(strip: bpy.types.Strip, provenance: Provenance) -> None:
    """Say on the strip where the depth file it uses now came from."""
    words = [provenance.sentence()]
    words += [f"Why this source: {provenance.why}"] if provenance.why else []
    words += [line[:1].upper() + line[1:] for line in provenance.notes]
    strip.rackfocus_depth_made = "\n".join(words)
    strip.rackfocus_depth_made_path = strip.rackfocus_depth_path


def model_of(strip: bpy.types.Strip | None) -> str:
    """The network a strip would use: its own, else the preferences'; '' where none is chosen."""
    if strip is not None and strip.rackfocus_model_path:
        return bpy.path.abspath(strip.rackfocus_model_path)
    chosen = getattr(cache.preferences(), "depth_model", "")
    return bpy.path.abspath(chosen) if chosen else ""


def clip_of(
    strip: bpy.types.Strip, scene: bpy.types.Scene
) -> tuple[list[strips.MediaFrame], files.MovieFrames | files.StillFrames, list[str]]:
    """What a strip shows, frame by frame; its clip's frames, to be read off the main thread; and the clip's files.
    Raises EstimateError, FrameError, MediaError."""
    if strip.type not in modifier.KINDS:
        raise EstimateError(f'"{strip.name}" is no image or movie strip: depth is made for those.')
    shown = [strips.media_frame(strip, f, scene) for f in range(int(strip.left_handle), int(strip.right_handle))]
    first, config = shown[0], colour_config.of(scene)
    if first.deinterlace:
        raise EstimateError(f'"{strip.name}" is deinterlaced by Blender; deinterlace the file itself first.')
    if first.kind == "MOVIE":
        movie = files.MovieFrames(first.path, stream=first.stream, colorspace=first.colorspace, ocio_config=config)
        return shown, movie, [first.path]
    names = [os.path.join(strip.directory, element.filename) for element in strip.elements]
    paths = [strips.absolute_path(name, scene) for name in names]
    still = files.StillFrames(paths, colorspace=first.colorspace, alpha_mode=first.alpha_mode, ocio_config=config)
    return shown, still, paths


def _numbers(strip: bpy.types.Strip) -> list[int] | None:
    """The numbers in the names of a strip's pictures, where they can serve to match depth with them."""
    numbers = strips.numbers_of(strip)
    return numbers if numbers and numbers[0] >= 0 and numbers == sorted(set(numbers)) else None


def _name(index: int, numbers: list[int] | None) -> Path:
    """Numbered as the picture is, else by the clip's frames."""
    return Path(f"{INDEXED}{index:06d}.exr" if numbers is None else f"depth_{numbers[index]:06d}.exr")


def _reading(media_frame: strips.MediaFrame) -> str:
    return f"|{media_frame.colorspace}|{media_frame.alpha_mode}|{media_frame.stream}"


def _network(strip: bpy.types.Strip, model_path: str, kind: str, invert: bool) -> NetworkSettings | None:
    path = bpy.path.abspath(model_path) if model_path else model_of(strip)
    if not path:
        return None
    asked = NetworkSettings(path, cast(Kind, kind), invert, notes=os.path.join(cache.user_folder(), "models"))
    return with_kept(asked) if os.path.isfile(path) else asked


def _parallax(strip: bpy.types.Strip, focal_known: bool, invert: bool) -> ParallaxSettings:
    rack_modifier = modifier.find(strip)
    if rack_modifier is None or not focal_known:
        return ParallaxSettings(invert=invert)
    focal, sensor = (modifier.socket(rack_modifier, name).value for name in ("Focal Length", "Sensor Width"))
    return ParallaxSettings(focal, sensor, True, invert)


def time_left(seconds: float | None) -> str:
    """'about 40 s left', 'about 3 min left'; empty where it cannot be told yet, or it is over."""
    if seconds is None or seconds < 0.5:
        return ""
    if seconds < 90:
        return f"about {max(round(seconds), 1)} s left"
    return f"about {round(seconds / 60)} min left"
