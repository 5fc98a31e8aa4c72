# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender's caches make it show instead of the frame that is due.

**Source pictures.** Blender 5.2 keeps a strip's pictures under the whole part of their frame index, but decodes the
nearest frame (`source_image_cache.cc` against `render.cc`). Where a strip runs slower than the timeline, or at
another rate, several timeline frames share one entry, and all of them show whatever the first one drawn put there: a
strip at half speed shows 0 0 1 1 2 2 when it is rendered from its start, and 0 1 1 2 2 3 when its cache is off, or
each frame is rendered alone.

**The picture just drawn.** Strips drawn at the frame Blender stood at last are not drawn again
(`intra_frame_cache.cc`). A meta strip or a speed effect leaves the frame of its inside there: when the timeline comes
to that very frame next, as once in a reversed meta strip, Blender shows the previous picture again.

Whoever adds pixels to a strip must know which frame Blender hands on, or two frames mix. A `SourceCache` knows, by
keeping the same books: start it when Blender's cache of the strips is known to be empty (call
`strip.invalidate_cache('RAW')` for them and the meta and scene strips around them), and show it every frame that is
drawn, in the order of drawing, by passing it to `strips.walk`. Whether a strip was drawn that may lie hidden behind an
opaque picture cannot be told: where that would decide what it shows it is among `unsure`, and whoever walks has Blender
forget its pictures. Not followed: entries that Blender throws away when its cache is full (far from the frame being
drawn first).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import retiming


class SourceCache:
    """The books of one render. keeps_sources=False: as if the scene's cache setting "Raw" were off."""

    def __init__(self, keeps_sources: bool = True) -> None:
        self._keeps_sources = keeps_sources
        self._sources: dict[tuple[int, float | None], tuple[float, tuple[Any, ...], bool]] = {}
        self._unsure: list[Any] = []
        self._current: dict[int, float] = {}
        self._just_drawn: dict[int, dict[int, tuple[Any, ...]]] = {}

    def enter(self, scene: Any, frame: float) -> None:
        """Blender turns to a frame of a scene (`intra_frame_cache_set_cur_frame`): what was drawn at another is
        forgotten."""
        if self._current.get(scene.as_pointer()) != frame:
            self._current[scene.as_pointer()] = frame
            self._just_drawn[scene.as_pointer()] = {}

    def just_drawn(self, scene: Any) -> dict[int, tuple[Any, ...]]:
        """What was drawn of a scene at the frame it stands at: {strip.as_pointer(): whatever the caller noted}."""
        return self._just_drawn[scene.as_pointer()]

    def source(self, strip: Any, frame: float, scene: Any) -> tuple[float, tuple[Any, ...]] | None:
        """What Blender shows for a strip without drawing it: (frame it was drawn at, what it was made of), or None.

        The frame is the one asked for when both show the same picture.
        """
        kept = self._sources.get((strip.as_pointer(), _key(strip, frame, scene)))
        if kept is None:
            return None
        drawn_at, made_of, is_sure = kept
        if _same_picture(strip, drawn_at, frame, scene):
            return frame, made_of
        if is_sure:
            return drawn_at, made_of
        self._unsure.append(strip)
        return None

    def keep_source(self, strip: Any, frame: float, scene: Any, made_of: tuple[Any, ...], is_sure: bool) -> None:
        """Blender has drawn a strip at a frame (`source_image_cache_put`); or may have, where that is not sure."""
        if self._keeps_sources and scene.sequence_editor.use_cache_raw:
            self._sources[(strip.as_pointer(), _key(strip, frame, scene))] = (frame, made_of, is_sure)

    def unsure(self) -> list[Any]:
        """Strips of the frame that was walked last that Blender is told to have forgotten: call
        `strip.invalidate_cache('RAW')` for each before it is drawn. Told once."""
        told, self._unsure = self._unsure, []
        return told


def _key(strip: Any, frame: float, scene: Any) -> float | None:
    """`give_cache_frame_index`: the frame index at the nearest timeline frame (of two, the one away from 0), cut to a
    whole number but for scene strips."""
    nearest = float(np.copysign(np.floor(abs(frame) + 0.5), frame))
    index = retiming.content_index(strip, nearest, scene)
    if index is None or strip.type == "SCENE":
        return index
    return float(int(index))


def _same_picture(strip: Any, drawn_at: float, asked_at: float, scene: Any) -> bool:
    """True when a strip shows the same at two frames that share a key."""
    if strip.type == "IMAGE":
        drawn_at, asked_at = int(drawn_at), int(asked_at)
    first, second = (retiming.content_index(strip, frame, scene) for frame in (drawn_at, asked_at))
    if first is None or second is None or first == second:
        return True
    if strip.type in {"META", "SCENE"}:
        return False
    return retiming.round_half_up(first) == retiming.round_half_up(second)
