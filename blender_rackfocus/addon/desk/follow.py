# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow the Shot on a strip: which frames are looked at, off Blender's main thread, and what keeping a proposal keys.

`plan` and `keep` ask Blender and need the main thread; `run` is plain work on files and arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace

import bpy
import cv2
import numpy as np

from ...craft import follow, pull
from ...craft.distances import distance_text
from ...frame.job import Job
from ..blender.errors import FrameError
from ..depth import mattes
from ..sequencer import frames
from ..shot import marks, modifier, proposals
from ..shot.focus import Focus
from . import tracking
from .pull import fps, pull_focus

LOOKS_A_SECOND = 12
"""How often a shot is looked at, at most."""
_MASK_PX = 320
"""Pixels across at which a network looks for people."""
_QUICK_S = 0.4
"""A rack shorter than this is keyed as a quick one."""


@dataclass(frozen=True)
class Look:
    """A frame to look at. frame: of the scene. job: how picture and depth are read. marked: the marks there."""

    frame: int
    job: Job
    marked: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Task:
    """A shot to look at. rate: frames a second. network: the mask network's file, '' = none."""

    looks: tuple[Look, ...]
    rate: float
    network: str


def plan(strip: bpy.types.Strip, network: str = "") -> Task:
    """What has to be looked at of what a strip shows. network: instead of the preferences' mask network.

    Raises ValueError, FrameError.
    """
    rack_modifier = modifier.find(strip)
    if rack_modifier is None:
        raise ValueError(f'"{strip.name}" has no Rack Focus modifier')
    first, last = marks.span(strip)
    rate = fps(strip.id_data)
    step = max(1, round(rate / LOOKS_A_SECOND))
    if last - first < 2 * step:
        raise ValueError(f'"{strip.name}" shows {last - first + 1} frames: there is nothing to follow')
    looks = tuple(
        Look(
            frame,
            replace(frames.look_job(tracking.shown(strip, frame), rack_modifier), fit_depth=False),  # it is seen small
            _marked(strip, frame),
        )
        for frame in range(first, last + 1, step)
    )
    return Task(looks, rate, network or mattes.network())


def _marked(strip: bpy.types.Strip, frame: int) -> tuple[tuple[str, float], ...]:
    marked = []
    for mark in marks.of(strip):
        try:
            marked.append((mark.name, marks.distance_m(strip, mark, frame)))
        except (ValueError, FrameError):
            continue  # not tracked yet: said in the panel
    return tuple(marked)


def run(task: Task, progress: Callable[[float, str], None], cancelled: Callable[[], bool]) -> list[follow.Proposal]:
    """Look at the shot. Raises CancelledError, MediaError, ValueError."""
    watch = follow.Watch(task.rate)
    with mattes.masking(task.network) as mask:
        for number, look in enumerate(task.looks):
            if cancelled():
                raise CancelledError("stopped by the user")
            progress(number / len(task.looks), f"frame {look.frame}")
            picture, depth_m = frames.read(look.job)
            watch.look(look.frame, picture, depth_m, look.marked, mask(_screen(picture)) if mask else None)
    return watch.proposals()


def _screen(picture: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 as a screen shows it, small."""
    height, width = picture.shape[:2]
    size = (_MASK_PX, max(8, round(height * _MASK_PX / width)))
    return mattes.coded(cv2.resize(picture[..., :3], size, interpolation=cv2.INTER_AREA))


def told(proposal: follow.Proposal) -> str:
    """A proposal in words: `frame 31: Ben, 98 cm, enters`."""
    subject = f"{proposal.name}, " if proposal.name else ""
    return f"frame {proposal.frame:g}: {subject}{distance_text(proposal.distance_m)}, {proposal.reason}"


def keep(strip: bpy.types.Strip, index: int) -> list[str]:
    """Make a proposal keys, and take it off the list. Returns notes for the user. Keys by hand stay.

    Raises ValueError where one would be replaced, or focus cannot go there; RuntimeError where Blender refuses to key.
    """
    proposal = proposals.read(strip)[index]
    first, last = marks.span(strip)
    notes = _open_on(strip, proposal, first, last) if not proposal.length else _rack_to(strip, proposal)
    proposals.remove(strip, index)
    return notes


def _open_on(strip: bpy.types.Strip, proposal: follow.Proposal, first: int, last: int) -> list[str]:
    focus = Focus(strip)
    nearest_m = focus.nearest_m()
    if proposal.distance_m <= nearest_m:
        raise ValueError(f"{distance_text(proposal.distance_m)} is nearer than the lens can focus")
    keys, _ = pull.hold(focus.keys(), min(max(proposal.frame, first), last), proposal.mark(), first, last)
    focus.write(keys)
    return []


def _rack_to(strip: bpy.types.Strip, proposal: follow.Proposal) -> list[str]:
    feel = "QUICK" if proposal.length < _QUICK_S * fps(strip.id_data) else "SMOOTH"
    return pull_focus(strip, proposal.start, proposal.mark(), None, feel, proposal.length)


def keep_all(strip: bpy.types.Strip) -> tuple[int, list[str]]:
    """`keep` all, in order of time. Returns how many were kept, and why others were not: those stay proposals."""
    kept, problems, index = 0, [], 0
    while index < len(proposals.of(strip)):
        proposal = proposals.read(strip)[index]
        try:
            keep(strip, index)
            kept += 1
        except ValueError as error:
            problems.append(f"{told(proposal)}: {error}")
            index += 1
    return kept, problems
