# SPDX-License-Identifier: GPL-3.0-or-later
"""What a depth was taken for, in words: for panels, reports and the command line. Nothing here makes a pixel."""

from __future__ import annotations

import functools

import numpy as np

from .. import media
from ..core.depth import FAR_LIMIT_M
from ..craft.distances import distance_text
from ..media import RawDepth
from .depth import Meaning, meaning_for, numbers
from .job import Job
from .make import reading_of


def sentence(raw: RawDepth, taken: Meaning) -> str:
    """What was found in a depth file, for the panel: which pass, its range on this frame, what it was taken for.

    `ViewLayer.Depth.Z, 0.2 to 5 on this frame: metres (called as Blender calls its depth, so metres)`
    """
    convention = taken.convention
    stored = numbers(raw, convention)
    known = stored[np.isfinite(stored) & (stored < FAR_LIMIT_M)]
    reach = f"{known.min():.4g} to {known.max():.4g}" if known.size else "no number"
    if convention.kind == "METRES":
        unit = _metres_words(convention.scale)
    elif convention.kind == "INVERSE":
        top = float(known.max(initial=0.0)) * convention.scale
        unit = "1 / distance in metres" + (f", the nearest at {distance_text(1 / top)}" if top > 0 else "")
    else:
        evenly = "z" if convention.ramp == "LINEAR_Z" else "1/z"
        unit = f"{distance_text(convention.near_m)} to {distance_text(convention.far_m)}, even in {evenly}"
    name = raw.layer or "brightness"
    return f"{name}, {reach} on this frame: read as {unit}" + (f" ({taken.why})" if taken.why else "")


def told(job: Job) -> str:
    """The `sentence` about a job's depth. Reads the file where it was not asked before. Raises MediaError, or
    ValueError for impossible near and far."""
    return _told(reading_of(job))


@functools.lru_cache(maxsize=64)
def _told(job: Job) -> str:
    raw = media.read_raw_depth(job.depth.path, job.depth.index, job.layer or None, job.depth.stream)
    return sentence(raw, meaning_for(job, raw))


def _metres_words(scale: float) -> str:
    named = {1.0: "metres", 0.01: "centimetres", 0.001: "millimetres", -1.0: "metres, the sign turned"}
    return named.get(scale, f"metres times {scale:g}")


def forget() -> None:
    """Drop what was said of files."""
    _told.cache_clear()
