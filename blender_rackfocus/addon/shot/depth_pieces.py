# SPDX-License-Identifier: GPL-3.0-or-later
"""Which depth strip belongs to which picture strip, after both were cut.

Blender gives each piece of a picture strip a modifier of its own, but all of them point at the depth strip as it was:
its first piece. A piece that its depth strip does not reach any more goes by the piece of the depth strip that was cut
with it: of the same files, and beside the picture as the first pieces are to each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import bpy

from ..blender import strips
from . import modifier


def follow_all() -> None:
    """Pair the pieces of cut strips again, in every scene. Cheap when there is nothing to do."""
    for scene in bpy.data.scenes:
        paired = [(strip, depth) for strip, _ in modifier.in_scene(scene) if (depth := modifier.depth_strip(strip))]
        for strip, depth in paired:
            if scene.library is None and depth.id_data == scene and not strips.overlap(strip, depth):
                piece = _piece(strip, depth, [other for other, of in paired if of == depth and other != strip])
                if piece is not None:
                    modifier.pair(strip, piece)


def _piece(strip: bpy.types.Strip, depth: bpy.types.Strip, others: Iterable[bpy.types.Strip]) -> bpy.types.Strip | None:
    """The piece of a depth strip that was cut with a strip; None where none, or no single one, can be told. others:
    those that are paired with the depth strip too."""
    offsets = [other.content_start - depth.content_start for other in others if _files(other) == _files(strip)]
    pieces = [
        piece
        for piece in _list_of(depth)
        if piece != depth
        and _files(piece) == _files(depth)
        and strips.overlap(strip, piece)
        and any(math.isclose(strip.content_start - piece.content_start, offset, abs_tol=1e-3) for offset in offsets)
    ]
    return pieces[0] if len(pieces) == 1 else None


def _list_of(strip: bpy.types.Strip) -> bpy.types.bpy_prop_collection:
    """The strips of the list that a strip lies in."""
    return (strip.parent_meta() or strip.id_data.sequence_editor).strips


def _files(strip: bpy.types.Strip) -> tuple[str, ...]:
    """What a strip shows files of; empty for those that show none."""
    if strip.type == "IMAGE":
        return strip.directory, strip.elements[0].filename
    return (strip.filepath, str(strip.stream_index)) if strip.type == "MOVIE" else ()
