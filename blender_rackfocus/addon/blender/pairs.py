# SPDX-License-Identifier: GPL-3.0-or-later
"""Placed strips: strips that stand for another one, their original, which lies muted beneath.

What belongs together carries the same mark, in custom properties, so that renaming, moving, cutting and saving lose
nothing. Copies of a pair carry it too: a placed strip's original is the one in its own list of strips that shares most
of its frames.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from typing import Any

PLACED = "rackfocus_placed"
"""On a placed strip: the mark of its original."""
ORIGINAL = "rackfocus_original"
"""On an original: its mark."""
LIVE = "rackfocus_live"
"""On a placed strip that we muted, because its original has to be seen."""
BENEATH = "rackfocus_beneath"
"""On an original that we muted, because its placed strip is seen."""


def is_placed(strip: Any) -> bool:
    """Whether a strip stands for another one."""
    return PLACED in strip


def mark(placed: Any, original: Any) -> None:
    """Say that a strip stands for another one."""
    if ORIGINAL not in original:
        original[ORIGINAL] = uuid.uuid4().hex
    placed[PLACED] = original[ORIGINAL]


def original_of(placed: Any) -> Any | None:
    """The strip that a placed one stands for; None where it is gone."""
    return next((original for other, original in in_scene(placed.id_data) if other == placed), None)


def placed_of(original: Any) -> list[Any]:
    """The strips that stand for one, from left to right."""
    if ORIGINAL not in original:
        return []
    found = [placed for placed, other in in_scene(original.id_data) if other == original]
    return sorted(found, key=lambda one: one.left_handle)


def in_scene(scene: Any) -> Iterator[tuple[Any, Any | None]]:
    """Every placed strip of a scene, with its original."""
    every = list(scene.sequence_editor.strips_all) if scene.sequence_editor is not None else []
    placed = [strip for strip in every if PLACED in strip]
    if not placed:
        return
    lists = lists_around(every)
    marked: dict[str, list[Any]] = {}
    for strip in every:
        if ORIGINAL in strip:
            marked.setdefault(strip[ORIGINAL], []).append(strip)
    for strip in placed:
        alike = marked.get(strip[PLACED], ())
        yield strip, max(alike, key=lambda other, of=strip: _nearness(other, of, lists), default=None)


def meant(strip: Any | None) -> Any | None:
    """The strip that somebody means who chose one: of a placed strip its original, whose focus it shows."""
    return (original_of(strip) or strip) if strip is not None and PLACED in strip else strip


def list_of(strip: Any) -> Any | None:
    """The meta strip in whose list a strip lies; None for the scene's own list."""
    return lists_around(strip.id_data.sequence_editor.strips_all).get(strip.as_pointer())


def lists_around(every: Iterable[Any]) -> dict[int, Any]:
    """The meta strip around each strip that lies in one, by the strip's `as_pointer()`."""
    return {inside.as_pointer(): one for one in every if one.type == "META" for inside in one.strips}


def covers(strip: Any, frame: float) -> bool:
    """Whether a frame of its list lies between a strip's handles."""
    return bool(strip.left_handle <= int(frame) < strip.right_handle)


def _nearness(one: Any, placed: Any, lists: dict[int, Any]) -> tuple[bool, float]:
    shared = min(one.right_handle, placed.right_handle) - max(one.left_handle, placed.left_handle)
    return lists.get(one.as_pointer()) == lists.get(placed.as_pointer()), shared
