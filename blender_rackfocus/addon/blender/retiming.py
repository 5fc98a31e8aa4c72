# SPDX-License-Identifier: GPL-3.0-or-later
"""Timeline frame -> frame of a strip's content, as Blender's sequencer computes it.

Each function is one of Blender's own (`source/blender/sequencer/intern/strip_time.cc` and `strip_retiming.cc`,
Blender 5.2), in the same order and in the same single precision: a frame number that falls on a half is rounded there
and here alike. What Blender's Python API does not show (see `dna`) comes from the strip itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import dna

_F32 = np.float32

# DNA_sequence_types.h: Strip::flag
_AUTO_PLAYBACK_RATE = 1 << 17
_SINGLE_FRAME_CONTENT = 1 << 18
# DNA_sequence_types.h: SeqRetimingKey::flag
_TRANSITION_IN = 1 << 0


@dataclass(frozen=True)
class Key:
    """A retiming key.

    index: its place, in frames of the strip counted from `content_start` at the strip's playback rate (not in
    timeline frames). factor: the part of the content that has passed there, 0..1, single precision.
    starts_transition: the segment after it is a gradual change of speed.
    """

    index: float
    factor: np.float32
    starts_transition: bool


def keys(strip: Any) -> tuple[Key, ...]:
    """The retiming keys of a strip, left to right; empty when it is not retimed.

    Raises FrameError when this Blender keeps them in an unknown way.
    """
    shown = getattr(strip, "retiming_keys", None)
    if shown is not None and len(shown) == 0:
        return ()
    address = strip.as_pointer()
    count = dna.read(address, "Sequence", "retiming_handle_num")
    # retiming_is_active() in strip_retiming.cc: one key alone does nothing.
    if count < 2:
        return ()
    first = dna.read(address, "Sequence", "*retiming_handles")
    step = dna.size_of("SeqRetimingHandle")
    return tuple(_key_at(first + i * step) for i in range(count))


def _key_at(address: int) -> Key:
    return Key(
        index=dna.read(address, "SeqRetimingHandle", "strip_frame_index"),
        factor=_F32(dna.read(address, "SeqRetimingHandle", "retiming_factor")),
        starts_transition=bool(dna.read(address, "SeqRetimingHandle", "flag") & _TRANSITION_IN),
    )


def evaluate(retiming: tuple[Key, ...], index: np.float32, content_frames: int) -> np.float32:
    """The part of the content, 0..1, that a retimed strip has reached at its frame `index`
    (`strip_retiming_evaluate`)."""
    at = _segment_start(retiming, index)
    start = retiming[at]
    if not start.starts_transition:
        return _on_line(start, _step(retiming, at), index)
    if _is_straight(retiming, at, content_frames):
        return _on_line(start, _step(retiming, at - 1), index)
    return min(_F32(1), _on_arc(retiming, at, index))


def _segment_start(retiming: tuple[Key, ...], index: np.float32) -> int:
    """`retiming_find_segment_start_key`: the last key at or before `index` that has a segment behind it."""
    found = 0
    for i, key in enumerate(retiming[:-1]):
        if key.index > index:
            break
        found = i
    return found


def _step(retiming: tuple[Key, ...], at: int) -> np.float32:
    """`strip_retiming_segment_step_get`: content parts per frame in the segment after a key."""
    start, end = retiming[at], retiming[at + 1]
    return _F32(float(end.factor - start.factor) / (end.index - start.index))


def _on_line(start: Key, step: np.float32, index: np.float32) -> np.float32:
    along = _F32(float(index) - start.index)
    return min(_F32(1), start.factor + step * along)


def _speed(retiming: tuple[Key, ...], at: int, content_frames: int) -> np.float32:
    """`retiming_key_speed_get`: media frames per frame in the segment that ends at a key."""
    if retiming[at].index == 0:
        return _F32(1)
    first = round_half_up(retiming[at - 1].factor * _F32(content_frames))
    last = round_half_up(retiming[at].factor * _F32(content_frames))
    return _F32(last - first) / _F32(retiming[at].index - retiming[at - 1].index)


def _is_straight(retiming: tuple[Key, ...], at: int, content_frames: int) -> bool:
    """`strip_retiming_transition_is_linear`: both sides of the transition run at (almost) the same speed."""
    apart = abs(_speed(retiming, at, content_frames) - _speed(retiming, at + 2, content_frames))
    return bool(apart < _F32(0.01))


def _on_arc(retiming: tuple[Key, ...], at: int, index: np.float32) -> np.float32:
    """`strip_retiming_evaluate_arc_segment`: a circle that touches the line before and the line after the
    transition."""
    before, start, end, after = (np.array([key.index, float(key.factor)]) for key in retiming[at - 1 : at + 3])
    # Each line's direction turned by 90 degrees points to the circle's middle.
    across_first, across_second = _turned(before - start), _turned(end - after)
    reach = _cross(end - start, across_second) / _cross(across_first, across_second)
    centre = start + reach * across_first
    radius = math.hypot(*(start - centre))
    side = -1 if centre[1] > start[1] else 1
    return _F32(centre[1] + side * math.sqrt(radius**2 - (float(index) - centre[0]) ** 2))


def _turned(v: np.ndarray) -> np.ndarray:
    return np.array([-v[1], v[0]])


def _cross(a: np.ndarray, b: np.ndarray) -> float:
    return float(a[0] * b[1] - a[1] * b[0])


def round_half_up(value: np.float32 | float) -> int:
    """`round_fl_to_int` of `math_base_inline.cc`: in single precision, halves upwards."""
    return math.floor(_F32(value) + _F32(0.5))


def scene_fps(scene: Any) -> np.float32:
    """Timeline frames per second."""
    return _F32(scene.render.fps) / _F32(scene.render.fps_base)


def playback_factor(strip: Any, scene: Any) -> np.float32:
    """Frames of the strip's media per timeline frame (`Strip::media_playback_rate_factor`).

    1 when the strip was added without "Use Movie Framerate" / "Match Framerate": then one media frame is shown per
    timeline frame.
    """
    address = strip.as_pointer()
    rate = _F32(dna.read(address, "Sequence", "media_playback_rate"))
    if not dna.read(address, "Sequence", "flag") & _AUTO_PLAYBACK_RATE or rate == 0:
        return _F32(1)
    return rate / scene_fps(scene)


def content_length(strip: Any) -> int:
    """Timeline frames that the strip's content, retimed, fills (`Strip::length`); handles change nothing."""
    return int(strip.content_end - strip.content_start)


def content_index(strip: Any, frame: float, scene: Any) -> float | None:
    """The frame of a strip's content at a timeline frame, 0 = the first after `content_trim_start`
    (`give_frame_index`).

    strip: any strip that is not sound. frame: in the timeline of the list the strip lies in, whole or between frames.
    scene: the scene that owns the strip. Returns single precision as Blender has it before rounding (movies and
    images round with `round_half_up`); held at the first and last frame outside the content. None when the strip has
    no content at all.
    """
    is_effect = is_effect_strip(strip)
    start = _F32(strip.content_start)
    end = _F32(strip.right_handle) if is_effect else start + _F32(content_length(strip)) - _F32(1)
    if end < start:
        return None
    address = strip.as_pointer()
    if strip.type == "IMAGE" and dna.read(address, "Sequence", "flag") & _SINGLE_FRAME_CONTENT:
        return 0.0
    at = end - _F32(frame) if getattr(strip, "use_reverse_frames", False) else _F32(frame) - start
    at = max(at, _F32(0)) * playback_factor(strip, scene)
    frames = dna.read(address, "Sequence", "len")
    retiming = keys(strip)
    if retiming:
        # Keys map to 0..len, not len - 1: the last one stands at the end of the last frame.
        at = evaluate(retiming, at, frames) * _F32(frames)
    last = end - start if is_effect else _F32(frames - 1)
    at = min(max(at, _F32(0)), last)
    strobe = _F32(getattr(strip, "strobe", 1.0))
    if strobe > 1:
        at = at - np.fmod(at, strobe)
    return float(at)


def is_effect_strip(strip: Any) -> bool:
    """True for strips that Blender computes from others or from nothing (cross, speed, colour, text, ...)."""
    return strip.bl_rna.base is not None and strip.bl_rna.base.identifier == "EffectStrip"
