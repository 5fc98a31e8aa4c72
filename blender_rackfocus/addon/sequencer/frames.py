# SPDX-License-Identifier: GPL-3.0-or-later
"""One frame's job: what a strip shows at a frame, its depth and its settings, through the core, to pixels.

`job_of` asks Blender and needs the main thread; a Job is plain data and `make` needs no Blender. A Job names its
files with their size and time, so equal jobs make equal pixels, and what was made once is kept for a while.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from threading import Lock
from typing import Any

import cv2
import numpy as np

from ... import media
from ...core import defocus_frame
from ...core.depth import DepthConvention, fit_to_picture, guess_convention, to_metres
from ...frame import adjust, depthfiles, inputs
from ...frame.job import FileFrame, Job, Made
from ...media import MediaError
from ...media.baked import quantised
from .. import cache
from ..blender import colour_config, strips
from ..depth import cards
from ..errors import FrameError
from ..scenes import scene_passes
from ..shot import modifier, pixels, settings

_FLOAT_FILES = {".exr", ".hdr", ".tif", ".tiff", ".dpx", ".cin"}

DRAFT_WIDTH = 960
"""Pixels across up to which drafts are computed."""


def job_of(shown: strips.Shown, found: Any, draft: bool, at_current_frame: bool) -> Job | None:
    """The job of a strip with a Rack Focus modifier, as it is shown. None when there is nothing to do.

    at_current_frame: the strip's scene is evaluated at `shown.animation_frame`, so inputs hold their values.
    Raises FrameError.
    """
    values = modifier.values(shown.strip, found, shown.scene, None if at_current_frame else shown.animation_frame)
    if not modifier.is_on(found) or values["Mix"] <= 0 or values["Near Strength"] + values["Far Strength"] <= 0:
        return None
    return _job(shown, values, draft)


def look_job(shown: strips.Shown, found: Any) -> Job:
    """What `sources` needs of a strip at a frame, also where its modifier does nothing: for tools that look at picture
    and depth. Raises FrameError."""
    return _job(shown, modifier.values(shown.strip, found, shown.scene, shown.animation_frame), draft=True)


def sources(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """A job's picture, (H, W, 4) float32 scene-linear premultiplied, and its depth, (H, W) float32 metres; not to be
    written to. Raises MediaError, or ValueError."""
    return _source(job)


def read(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """`sources` without keeping them: for whoever reads a whole clip once."""
    return _sources.alone(lambda: _read(job))


def _job(shown: strips.Shown, values: dict[str, float], draft: bool) -> Job:
    strip = shown.strip
    path = ""
    try:
        if not modifier.suits(strip):
            raise strips.StripError(
                strip.name, "only image and movie strips, and scene strips that show their camera, can be refocused"
            )
        ahead = modifier.above(strip)
        if ahead:
            raise strips.StripError(
                strip.name, f"move Rack Focus above {', '.join(ahead)}: it replaces the picture that they change"
            )
        if strip.type == "SCENE":
            picture = scene_passes.media_frame(strip, shown.frame, shown.scene, may_render=not draft)
        else:
            picture = strips.media_frame(strip, shown.frame, shown.scene)
        path = picture.path
        if picture.deinterlace:
            raise strips.StripError(strip.name, "deinterlaced strips cannot be refocused; deinterlace the file first")
        if picture.multiview:
            raise strips.StripError(
                strip.name, "stereo strips cannot be refocused while the scene renders several views"
            )
        depth, reference, layer = _depth_of(shown, picture, draft)
        path = depth.path
        by_hand = strip.rackfocus_depth_source == "CARDS"
        convention = DepthConvention() if by_hand else settings.convention_of(strip)
    except (strips.StripError, MediaError, ValueError) as error:
        raise _frame_error(shown, error, path) from error
    return Job(
        picture=_passes(picture.path) if strip.type == "SCENE" else _stamped(picture.path, picture.index),
        colorspace=picture.colorspace,
        alpha_mode=picture.alpha_mode,
        depth=depth,
        layer=layer,
        convention=convention,
        reference=None if convention else reference,
        near_m=strip.rackfocus_near_m,
        far_m=strip.rackfocus_far_m,
        values=tuple(float(np.float32(values[name])) for name in inputs.NAMES),
        grade=_grade_of(strip, picture.path),
        draft=draft,
    )


def make(job: Job) -> Made:
    """The job's pixels, from memory or the store when they were made before. Raises MediaError, or ValueError naming a
    bad input.

    Final ones are half floats in value, whoever asks and however they come: what is computed now, what the store kept
    and what was baked are the same pixels.
    """
    return _results.get(job, lambda: _kept_or_made(job))


def frame_error(shown: strips.Shown, error: Exception, path: str = "") -> FrameError:
    """Any error of `make`, with strip, frame and file named."""
    return _frame_error(shown, error, path)


def forget() -> None:
    """Empty the memory of made and read frames."""
    _results.clear()
    _sources.clear()


def _frame_error(shown: strips.Shown, error: Exception, path: str) -> FrameError:
    if isinstance(error, MediaError):
        return FrameError(shown.strip.name, shown.frame, error.path, f"{error.cause}. {error.advice}".strip())
    cause = error.cause if isinstance(error, strips.StripError) else str(error)
    return FrameError(shown.strip.name, shown.frame, path, cause)


def _depth_of(shown: strips.Shown, picture: strips.MediaFrame, draft: bool) -> tuple[FileFrame, FileFrame, str]:
    """The depth frame, the frame its meaning is guessed from, and the layer to read."""
    strip, scene = shown.strip, shown.scene
    source = strip.rackfocus_depth_source
    paired = modifier.depth_strip(strip)
    if source == "AUTO":
        source = "STRIP" if paired is not None else "FILE" if strip.rackfocus_depth_path else "LAYER"
    layer = strip.rackfocus_depth_layer
    if source == "CARDS":
        made = _stamped(cards.depth_file(shown, picture, draft), 0)
        return made, made, ""
    if source == "STRIP":
        if paired is None:
            raise strips.StripError(strip.name, "no depth strip is paired with it")
        if paired.type not in modifier.KINDS:
            raise strips.StripError(
                strip.name, f'its depth strip "{paired.name}" is neither an image nor a movie strip'
            )
        frame = strips.depth_media_frame(shown, paired)
        return _stamped(frame.path, frame.index), _first_of(paired, scene), layer
    if source == "FILE":
        if not strip.rackfocus_depth_path:
            raise strips.StripError(strip.name, "no depth file is chosen")
        path = strips.absolute_path(strip.rackfocus_depth_path, scene)
        numbers = [depthfiles.number_of(e.filename) for e in strip.elements] if strip.type == "IMAGE" else []
        here = depthfiles.resolve(path, picture.path, picture.index, numbers, strip.rackfocus_depth_offset)
        files = depthfiles.sequence(path) if not media.is_movie(here[0]) else None
        first = (files[min(files)], 0) if files else (here[0], 0)
        return _stamped(*here), _stamped(*first), layer
    if picture.kind == "MOVIE" or not picture.path.lower().endswith(".exr"):
        raise strips.StripError(
            strip.name, "it has no depth: pair a depth strip, choose a depth file, or use EXR files with a depth pass"
        )
    if strip.type == "SCENE":
        return _passes(picture.path), _passes(picture.path), ""
    return _stamped(picture.path, picture.index), _first_of(strip, scene), layer


def _grade_of(strip: Any, path: str) -> tuple[float, float, bool, bool]:
    is_float = os.path.splitext(path)[1].lower() in _FLOAT_FILES
    return strip.color_saturation, strip.color_multiply, strip.multiply_alpha, is_float


def _first_of(strip: Any, scene: Any) -> FileFrame:
    still = strip.type == "IMAGE"
    path = os.path.join(strip.directory, strip.elements[0].filename) if still else strip.filepath
    return _stamped(strips.absolute_path(path, scene), 0)


def _passes(path: str) -> FileFrame:
    """A file that `scene_passes` wrote: its name is the key of what is in it."""
    return replace(_stamped(path, 0), content=os.path.splitext(os.path.basename(path))[0])


def _stamped(path: str, index: int) -> FileFrame:
    try:
        found = os.stat(path)
    except OSError:
        return FileFrame(path, index, None)
    return FileFrame(path, index, (found.st_mtime_ns, found.st_size))


def compute(job: Job, draft_width: int) -> Made:
    """`make` without this module's memory, drafts at most draft_width pixels across: for whoever keeps them himself and
    does not want to wait for others."""
    return _kept_or_made(job, draft_width)


def refocus(job: Job, picture: np.ndarray, depth_m: np.ndarray) -> np.ndarray:
    """A picture through the core with a job's values, at a draft's or at final quality; graded as Blender does first.

    picture: (H, W, 4) float32, depth_m: (H, W), as `sources` gives them, or both made smaller.
    """
    return _refocus(job, adjust.adjust(picture, *job.grade), depth_m, "draft" if job.draft else "final")


def _kept_or_made(job: Job, draft_width: int = DRAFT_WIDTH) -> Made:
    kept = cache.get(replace(job, draft=False))  # also for a draft: nothing is quicker, or better
    if kept is not None:
        return kept
    made = _make(job, draft_width)
    if job.draft:
        return made
    half = None
    if made.flat is not None:
        half = quantised(made.flat)
        made = replace(made, flat=half.astype(np.float32))
    cache.put(job, made, half)
    return made


def make_ahead(job: Job) -> None:
    """Begin to make a job beside whatever Blender does now: its own part of a frame leaves a core idle. Errors come
    when the job is asked for; one that is never asked for, because something changed, cost a frame's time at most."""
    _ahead.submit(make, job)


def read_ahead(job: Job) -> None:
    """Begin to read a job's files, if it will have to be made: while the frame before it is being made."""
    _reading_ahead.submit(lambda: None if cache.has(replace(job, draft=False)) else _source(job))


def _source(job: Job) -> tuple[np.ndarray, np.ndarray]:
    key = (
        job.picture,
        job.colorspace,
        job.alpha_mode,
        job.depth,
        job.layer,
        job.convention,
        job.reference,
        job.near_m,
        job.far_m,
    )
    return _sources.get(key, lambda: _read(job))


def _make(job: Job, draft_width: int) -> Made:
    picture, depth_m = _source(job)
    picture = adjust.adjust(picture, *job.grade)
    height, width = picture.shape[:2]
    if job.draft and width > draft_width:
        flat = _draft(job, picture, depth_m, draft_width)
    else:
        flat = pixels.encode(_refocus(job, picture, depth_m, "draft" if job.draft else "final"), picture)
    return Made(width, height, flat)


def _read(job: Job) -> tuple[np.ndarray, np.ndarray]:
    reading = _reading_depth.submit(_read_depth, job)
    try:
        picture = media.read_frame(
            job.picture.path, job.picture.index, job.colorspace, job.alpha_mode, ocio_config=colour_config.path()
        )
    finally:
        wait((reading,))  # two readers must never be left in one movie
    depth_m = reading.result()
    height, width = picture.shape[:2]
    try:
        depth_m = fit_to_picture(depth_m, height, width)
    except ValueError as error:
        raise MediaError(job.depth.path, str(error)) from error
    return picture, depth_m


def _read_depth(job: Job) -> np.ndarray:
    raw = media.read_raw_depth(job.depth.path, job.depth.index, job.layer or None)
    convention = job.convention
    if convention is None and job.reference in (None, job.depth):
        convention = _guessed(raw, job)
    elif convention is None:
        key = job.reference, job.layer, job.near_m, job.far_m
        if key not in _conventions:
            reference = media.read_raw_depth(job.reference.path, job.reference.index, job.layer or None)
            if len(_conventions) > 1000:
                _conventions.clear()
            _conventions[key] = _guessed(reference, job)
        convention = _conventions[key]
    try:
        return to_metres(raw.values, convention)
    except ValueError as error:
        raise MediaError(job.depth.path, str(error)) from error


def _guessed(raw: media.RawDepth, job: Job) -> DepthConvention:
    return guess_convention(raw.values, integer=raw.integer, near_m=job.near_m, far_m=job.far_m, layer=raw.layer)[0]


def _refocus(job: Job, picture: np.ndarray, depth_m: np.ndarray, quality: str) -> np.ndarray:
    values = dict(zip(inputs.NAMES, job.values, strict=True))
    made = defocus_frame(
        picture,
        depth_m,
        inputs.lens_of(values),
        aperture=inputs.aperture_of(values),
        highlights=inputs.highlights_of(values),
        quality=quality,
    )
    mix = np.float32(min(values["Mix"], 1.0))
    return made if mix == 1 else picture + mix * (made - picture)


def _draft(job: Job, picture: np.ndarray, depth_m: np.ndarray, draft_width: int) -> np.ndarray | None:
    """Computed small, shown large. What is in focus keeps its full size, as the strip's own picture shows there."""
    height, width = picture.shape[:2]
    size = (draft_width, max(1, round(height * draft_width / width)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    small_depth_m = cv2.resize(depth_m, size, interpolation=cv2.INTER_NEAREST)
    made = _refocus(job, small, small_depth_m, "draft")
    changed = cv2.resize(
        np.any(made != small, axis=2).astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST
    )
    large = cv2.resize(made, (width, height), interpolation=cv2.INTER_LINEAR)
    np.copyto(large, picture, where=changed[..., None] == 0)
    return pixels.encode(large, picture)


def _bytes_of(item: Any) -> int:
    if isinstance(item, Made):
        return item.flat.nbytes if item.flat is not None else 0
    return sum(array.nbytes for array in item)


class _Memory:
    """The most recently used results, up to a number of bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._items: OrderedDict[Any, Any] = OrderedDict()
        self._lock = Lock()
        self._making = Lock()  # whoever comes while an item is being made waits for it instead of making it again

    def get(self, key: Any, make_it: Callable[[], Any]) -> Any:
        item = self._found(key)
        if item is not None:
            return item
        with self._making:
            item = self._found(key)
            if item is None:
                item = make_it()
                self._keep(key, item)
            return item

    def alone(self, make_it: Callable[[], Any]) -> Any:
        """Make something while nobody makes an item, and keep nothing."""
        with self._making:
            return make_it()

    def clear(self) -> None:
        with self._lock:
            self._items.clear()

    def _found(self, key: Any) -> Any | None:
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
            return self._items.get(key)

    def _keep(self, key: Any, item: Any) -> None:
        with self._lock:
            self._items[key] = item
            while len(self._items) > 1 and sum(map(_bytes_of, self._items.values())) > self._limit_bytes:
                self._items.popitem(last=False)


_results = _Memory(400 * 2**20)
_sources = _Memory(400 * 2**20)

_conventions: dict[tuple[FileFrame | None, str, float, float], DepthConvention] = {}
"""What the numbers of a depth mean, guessed once from its first frame."""

_ahead = ThreadPoolExecutor(1, "rackfocus-make-ahead")
_reading_ahead = ThreadPoolExecutor(1, "rackfocus-read-ahead")
_reading_depth = ThreadPoolExecutor(1, "rackfocus-read-depth")
