# SPDX-License-Identifier: GPL-3.0-or-later
"""Focus keys that stay on their subject when a strip's time changes.

Blender takes a strip's keys along when the strip is moved. It does not when the content is slipped, retimed or
reversed: then other frames of the media lie under the same keys. So the strip remembers which media frame each key lay
on (a hidden property, so undo and files keep it), and keys that Blender left where they were follow their media frame.
Between two keys a pull is stretched evenly. Trims change neither.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import bpy
import numpy as np

from ...craft.focus_curve import retime
from ..blender import retiming
from ..blender.errors import FrameError
from . import modifier
from .focus import Focus

RECORD = "rackfocus_clock"
PROPERTIES = {
    RECORD: bpy.props.StringProperty(
        name="Focus Clock", description="Media frames of the focus keys", options={"HIDDEN"}
    )
}


@dataclass(frozen=True)
class Clock:
    """A strip's time: positions in the media (frames, counted in the file) of the timeline frames its content fills."""

    frames: np.ndarray
    positions: np.ndarray

    def position(self, frame: float) -> float:
        """Media position at a timeline frame; outside the content it goes on at the speed of the end."""
        return _along(self.frames, self.positions, frame)

    def frame(self, position: float) -> float:
        """Timeline frame of a media position."""
        order = 1 if self.positions[-1] >= self.positions[0] else -1
        return _along(self.positions[::order], self.frames[::order], position)


def follow_all() -> bool:
    """Bring the focus keys of every strip whose time has changed back to their media frames. Returns whether keys were
    moved."""
    moved = [follow(strip) for strip, _ in modifier.everywhere() if strip.id_data.library is None]
    return any(moved)


def follow(strip: bpy.types.Strip) -> bool:
    """`follow_all` for one strip."""
    focus = Focus(strip)
    curve = focus.curve
    if curve is None:
        if getattr(strip, RECORD):
            setattr(strip, RECORD, "")
        return False
    here = [round(point.co.x, 4) for point in curve.keyframe_points]
    try:
        sign = signature(strip)
    except FrameError:
        return False
    known = json.loads(getattr(strip, RECORD)) if getattr(strip, RECORD) else None
    if known is not None and known["time"] == sign and known["keys"] == here:
        return False
    clock = of(strip)
    if clock is None:
        return False
    moved = False
    if known is not None and known["time"] != sign and known["keys"] == here:
        moved = _carry(focus, clock, dict(zip(known["keys"], known["media"], strict=True)))
        here = [round(point.co.x, 4) for point in focus.curve.keyframe_points]
        media = sorted(known["media"], key=clock.frame) if len(here) == len(known["media"]) else None
    else:
        media = None
    media = media or [round(clock.position(frame), 4) for frame in here]
    setattr(strip, RECORD, json.dumps({"time": sign, "keys": here, "media": media}))
    return moved


def _carry(focus: Focus, clock: Clock, media: dict[float, float]) -> bool:
    wanted = {frame: round(clock.frame(position), 2) for frame, position in media.items()}
    if all(abs(frame - new) < 0.02 for frame, new in wanted.items()):
        return False
    keys = focus.keys(-1e9, 1e9)
    new = [wanted.get(round(key.frame, 4), clock.frame(clock.position(key.frame))) for key in keys]
    old = [key.frame for key in keys]
    if len(set(new)) > 1 and not (np.all(np.diff(new) >= 0) or np.all(np.diff(new) <= 0)):
        return False  # played to and fro: no one curve can follow
    mapped = dict(zip(old, new, strict=True))
    focus.write(retime(keys, mapped.__getitem__))
    return True


def _along(known: np.ndarray, values: np.ndarray, at: float) -> float:
    if len(known) > 1 and at < known[0] and known[1] != known[0]:
        return float(values[0] + (at - known[0]) * (values[1] - values[0]) / (known[1] - known[0]))
    if len(known) > 1 and at > known[-1] and known[-1] != known[-2]:
        return float(values[-1] + (at - known[-1]) * (values[-1] - values[-2]) / (known[-1] - known[-2]))
    return float(np.interp(at, known, values))


def of(strip: bpy.types.Strip) -> Clock | None:
    """A strip's time now; None for one without content. Raises FrameError where Blender's data is not understood."""
    scene = strip.id_data
    first, last = int(strip.content_start), int(strip.content_end) - 1
    frames = np.arange(first, max(last, first) + 1, dtype=np.float64)
    indices = [retiming.content_index(strip, frame, scene) for frame in frames]
    if any(index is None for index in indices):
        return None
    return Clock(frames, np.array(indices, np.float64) + getattr(strip, "content_trim_start", 0))


def signature(strip: bpy.types.Strip) -> list:
    """What tells a strip's time from another: plain data. Raises FrameError."""
    keys = [[round(float(key.index), 3), round(float(key.factor), 6)] for key in retiming.keys(strip)]
    return [
        round(float(strip.content_start), 3),
        round(float(strip.content_end), 3),
        int(getattr(strip, "content_trim_start", 0)),
        bool(getattr(strip, "use_reverse_frames", False)),
        round(float(retiming.playback_factor(strip, strip.id_data)), 6),
        keys,
    ]


OWNERS = (bpy.types.Strip,)
