# SPDX-License-Identifier: GPL-3.0-or-later
"""A frame's pixels: read, grade, refocus, mix. For the strip, the node and the command line alike.

Nothing here remembers a frame, asks Blender, or looks into the store: whoever calls does.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import cv2
import numpy as np

from .. import media
from ..core import Behind, defocus, defocus_frame
from ..core.defocus import within
from ..core.depth import DepthConvention
from ..core.fit import Fit
from ..media import MediaError
from ..media.colour import Space
from ..media.movies import close_movies
from ..media.rounding import quantised, rounded
from . import adjust, depth, inputs
from .coding import encode
from .job import Job, Made
from .rendered import NOTHING, Rendered

DRAFT_WIDTH = 960
"""Pixels across up to which drafts are computed."""


@dataclass(frozen=True)
class Region:
    """The part of the frame that was rendered. rows, columns: where it lies in the picture. share: its width as a
    share of the whole frame's, which the sensor spans."""

    rows: slice
    columns: slice
    share: float


def make(
    job: Job, picture: np.ndarray, depth_m: np.ndarray, draft_width: int = DRAFT_WIDTH, behind: Behind | None = None
) -> Made:
    """A job's pixels from its `read` picture and depth. Raises ValueError naming a bad input.

    picture: (H, W, 4) float32, scene-linear, premultiplied. depth_m: (H, W) float32, metres. Final pixels are half
    floats in value, whoever asks and however they come: what is computed now, what the store kept and what was baked
    are the same pixels. draft_width: drafts are computed at most so many pixels across. behind: what the picture
    hides, where it is known, not graded yet; drafts leave it. Final pictures have the job's margin around them.
    """
    picture = _graded(job, picture)
    margin = (0, 0) if job.draft else job.margin
    inner = within(picture, margin)
    height, width = inner.shape[:2]
    if job.draft and width > draft_width:
        return Made(width, height, _draft(job, picture, depth_m, draft_width))
    behind = None if behind is None or job.draft else _graded_behind(job, behind)
    made = Made(width, height, encode(_refocus(job, picture, depth_m, behind, margin), inner))
    return made if job.draft else _as_kept(made)


def _as_kept(result: Made) -> Made:
    """A frame in the half floats that the store keeps."""
    return result if result.flat is None else replace(result, flat=quantised(result.flat).astype(np.float32))


def refocus(job: Job, picture: np.ndarray, depth_m: np.ndarray) -> np.ndarray:
    """A picture through the core with a job's values, at a draft's or at final quality; graded as Blender does first.

    picture: (H, W, 4) float32, scene-linear, premultiplied. depth_m: (H, W) float32, metres. As `read` gives them,
    or both made smaller. Returns (H, W, 4) float32, scene-linear, premultiplied.
    """
    return _refocus(job, _graded(job, picture), depth_m)


def make_of_picture(
    picture: np.ndarray,
    depth_m: np.ndarray,
    values: Mapping[str, float],
    region: Region | None = None,
    rendered: Rendered = NOTHING,
) -> Made:
    """`refocused`, as `make` makes a job's frame.

    picture: (H, W, 4) float32, scene-linear, premultiplied. depth_m: (H, W) float32, metres. Raises ValueError.
    """
    height, width = picture.shape[:2]
    return _as_kept(Made(width, height, encode(refocused(picture, depth_m, values, region, rendered), picture)))


def refocused(
    picture: np.ndarray,
    depth_m: np.ndarray,
    values: Mapping[str, float],
    region: Region | None = None,
    rendered: Rendered = NOTHING,
) -> np.ndarray:
    """The picture of a node through the lens of these inputs, at final quality; outside the region it stays.

    picture: (H, W, 4) float32, scene-linear, premultiplied. depth_m: (H, W) float32, metres. rendered: what was
    rendered besides; with a region, nothing around it. Returns (H, W, 4) float32, scene-linear, premultiplied. Raises
    ValueError.
    """
    if region is not None:
        part = {**values, "Sensor Width": values["Sensor Width"] * region.share}
        cut = region.rows, region.columns
        result = picture.copy()
        pixels = np.ascontiguousarray(picture[cut]), np.ascontiguousarray(depth_m[cut])
        result[cut] = refocused(*pixels, part, rendered=rendered.cut(region.rows, region.columns))
        return result
    whole = (picture, depth_m) if rendered.wide is None else rendered.wide
    result = _through_lens(*whole, values, "final", rendered.behind, rendered.margin)
    changed = np.any(result != picture, axis=2, keepdims=True)
    return np.where(changed, rounded(result), picture)  # as strips have it: the same pixels everywhere


def read(job: Job) -> tuple[np.ndarray, np.ndarray, Fit]:
    """A job's picture, (H, W, 4) float32 scene-linear premultiplied, its depth, (H, W) float32 metres, and what was
    done to the depth so that it fits. Raises MediaError, or ValueError."""
    with ThreadPoolExecutor(1, "rackfocus-read-depth") as beside:  # left when it is done: never two readers in a movie
        reading = beside.submit(_read_depth, job)
        picture = media.read_frame(
            job.picture.path,
            job.picture.index,
            job.colorspace,
            job.alpha_mode,
            stream=job.picture.stream,
            ocio_config=job.colour,
        )
    raw, convention = reading.result()
    if job.fills is not None:
        _check_fills(job.picture.path, picture, job.fills)
    try:
        window = media.window_of(job.picture.path)
        margin = job.margin if job.wide is None else (0, 0)
        return picture, *depth.on_picture(raw, convention, picture, job.fit_depth, window, job.touches, margin)
    except ValueError as error:
        raise MediaError(job.depth.path, str(error)) from error


def _check_fills(path: str, picture: np.ndarray, canvas: tuple[int, int]) -> None:
    height, width = picture.shape[:2]
    if (width, height) != canvas:
        size = f"its picture is {width} x {height} pixels, the render {canvas[0]} x {canvas[1]}"
        raise MediaError(path, size, "Refocus the strip itself instead.")
    if float(picture[..., 3].min()) < 1.0:
        raise MediaError(path, "its picture is transparent in places", "Refocus the strip itself instead.")


def reading_of(job: Job) -> Job:
    """The job without what only matters after its files are read: equal ones read the same."""
    alone = replace(job, values=(), grade=(1.0, 1.0, False), draft=False, beside=())
    return replace(alone, hidden=None, wide=None, margin=(0, 0))


def whole_of(job: Job) -> Job:
    """The job whose picture is what a final frame is made from: with what was rendered around it."""
    if job.draft or job.wide is None:
        return job
    return replace(job, picture=job.wide, depth=job.wide, wide=None)


def hidden_of(job: Job) -> Job:
    """The job whose picture is what a job's picture hides, as it was rendered."""
    assert job.hidden is not None
    return replace(job, picture=job.hidden, depth=job.hidden, fit_depth=False, touches=(), hidden=None, wide=None)


def _read_depth(job: Job) -> tuple[media.RawDepth, DepthConvention]:
    raw = media.read_raw_depth(job.depth.path, job.depth.index, job.layer or None, job.depth.stream)
    return raw, depth.meaning_for(job, raw).convention


def forget() -> None:
    """Drop what was learned about files."""
    depth.forget()


def close() -> None:
    """The end: no movie stays open, no helper process runs on."""
    close_movies()
    defocus.close()


def without_helpers() -> str:
    """Why no helper processes share the work; empty when they do, or were not needed yet."""
    return defocus.without_helpers()


def _graded(job: Job, picture: np.ndarray) -> np.ndarray:
    return adjust.adjust(picture, *job.grade, Space(job.colorspace, job.picture.path, job.colour), job.picture.stream)


def _graded_behind(job: Job, behind: Behind) -> Behind:
    if behind.picture.shape[2] == 4:
        return replace(behind, picture=_graded(job, behind.picture))
    opaque = cv2.cvtColor(behind.picture, cv2.COLOR_BGR2BGRA)  # alpha is 1; the order stays
    return replace(behind, picture=np.ascontiguousarray(_graded(job, opaque)[..., :3]))


def _refocus(
    job: Job,
    picture: np.ndarray,
    depth_m: np.ndarray,
    behind: Behind | None = None,
    margin: tuple[int, int] = (0, 0),
) -> np.ndarray:
    values = dict(zip(inputs.NAMES, job.values, strict=True))
    return _through_lens(picture, depth_m, values, "draft" if job.draft else "final", behind, margin)


def _through_lens(
    picture: np.ndarray,
    depth_m: np.ndarray,
    values: Mapping[str, float],
    quality: str,
    behind: Behind | None = None,
    margin: tuple[int, int] = (0, 0),
) -> np.ndarray:
    made = defocus_frame(
        picture,
        depth_m,
        inputs.lens_of(values),
        aperture=inputs.aperture_of(values),
        highlights=inputs.highlights_of(values),
        quality=quality,
        behind=behind,
        margin=margin,
    )
    picture = within(picture, margin)
    mix = np.float32(min(values["Mix"], 1.0))
    return made if mix == 1 else picture + mix * (made - picture)


def _draft(job: Job, picture: np.ndarray, depth_m: np.ndarray, draft_width: int) -> np.ndarray | None:
    """Computed small, shown large. What is in focus keeps its full size, as the strip's own picture shows there."""
    height, width = picture.shape[:2]
    size = (draft_width, max(1, round(height * draft_width / width)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    small_depth_m = cv2.resize(depth_m, size, interpolation=cv2.INTER_NEAREST)
    result = _refocus(job, small, small_depth_m)
    changed = cv2.resize(
        np.any(result != small, axis=2).astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST
    )
    large = cv2.resize(result, (width, height), interpolation=cv2.INTER_LINEAR)
    np.copyto(large, picture, where=changed[..., None] == 0)
    return encode(large, picture)
