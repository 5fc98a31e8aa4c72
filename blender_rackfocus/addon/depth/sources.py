# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a strip's depth comes from: one table, which panels, doctor, twin and the frame's Job ask.

A new source is one more entry of TABLE.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import bpy

from ...frame import pairing
from ...frame.job import FileFrame, stamped
from ...media import RawDepth, identity, is_movie, read_raw_depth
from ..blender import strips
from ..blender.errors import FrameError
from ..blender.properties import of_pixels
from ..shot import modifier
from . import strip_cards


class Depth(NamedTuple):
    """A frame's depth. here: its file and frame. reference: the frame that its meaning is guessed from. layer: the one
    to read, empty for the one that is found."""

    here: FileFrame
    reference: FileFrame
    layer: str

    def raw(self) -> RawDepth:
        """Its values as they are in the file. Raises MediaError."""
        return read_raw_depth(self.here.path, self.here.index, self.layer or None, self.here.stream)


Find = Callable[[strips.Shown, strips.MediaFrame, bool], Depth]


@dataclass(frozen=True)
class Source:
    """One entry. label, description: in menus. has: whether a strip's settings give it something. depth: of (how the
    strip is shown, its picture, whether a draft is wanted); raises FrameError, MediaError, ValueError.

    fields: what the panel shows: the depth "strip", the file's "path", the "cards", and the "numbers", what the values
    mean. by_hand: made by the user, in metres: nothing in it is guessed, and no file can be repaired or read by
    Blender's own nodes. asks: what to say to somebody who chooses it and gives nothing.
    """

    label: str
    description: str
    has: Callable[[bpy.types.Strip], bool]
    depth: Find
    fields: frozenset[str]
    by_hand: bool = False
    asks: str = ""


def of(strip: bpy.types.Strip) -> Source:
    """The source that is chosen for a strip."""
    return TABLE[strip.rackfocus_depth_source]


def is_own(strip: bpy.types.Strip) -> bool:
    """Whether a strip's depth is in the files of its picture."""
    chosen = of(strip)
    if chosen is TABLE["AUTO"]:
        return not (TABLE["STRIP"].has(strip) or TABLE["FILE"].has(strip))
    return chosen is TABLE["LAYER"]


def noted(strip: bpy.types.Strip) -> list[str]:
    """What is known of the depth file a strip uses; empty where nothing is, or another file was chosen since."""
    if "path" not in of(strip).fields or not strip.rackfocus_depth_made:
        return []
    if strip.rackfocus_depth_path != strip.rackfocus_depth_made_path:
        return []
    return strip.rackfocus_depth_made.split("\n")


def pairing_of(strip: Any, scene: Any) -> pairing.Pairing:
    """How a strip's frames are paired with the depth file that is chosen for it. Raises MediaError."""
    return pairing.pair(
        clip_of(strip, scene),
        strips.absolute_path(strip.rackfocus_depth_path, scene),
        offset=strip.rackfocus_depth_offset,
        stream=strip.rackfocus_depth_stream,
        layer=strip.rackfocus_depth_layer,
    )


def may_have_streams(strip: bpy.types.Strip) -> bool:
    """Whether the depth file that is chosen for a strip is a movie, of which one video stream is the depth."""
    return is_movie(strip.rackfocus_depth_path)


def clip_of(strip: Any, scene: Any) -> pairing.Clip:
    """A strip's files, as depth is paired with them."""
    fps = scene.render.fps / scene.render.fps_base
    if strip.type == "IMAGE":
        folder = strips.absolute_path(strip.directory, scene)
        files = tuple(os.path.join(folder, element.filename) for element in strip.elements)
        return pairing.Clip(files, fps=fps)
    if strip.type == "MOVIE":
        return pairing.Clip((strips.absolute_path(strip.filepath, scene),), strip.stream_index)
    return pairing.Clip((), fps=fps)


def further_stream(strip: Any, scene: Any) -> int | None:
    """Another video stream of a strip's movie, which may be its depth; None where there is none. Raises MediaError."""
    return pairing.further_stream(clip_of(strip, scene))


def rendered(path: str) -> FileFrame:
    """A file that `scene_passes` wrote: its name is the key of what is in it."""
    return replace(stamped(path, 0), content=os.path.splitext(os.path.basename(path))[0])


def _first_of(strip: Any, scene: Any) -> FileFrame:
    still = strip.type == "IMAGE"
    path = os.path.join(strip.directory, strip.elements[0].filename) if still else strip.filepath
    return stamped(strips.absolute_path(path, scene), 0, 0 if still else strip.stream_index)


def _automatic(shown: strips.Shown, picture: strips.MediaFrame, draft: bool) -> Depth:
    name = next(name for name in ("STRIP", "FILE", "LAYER") if TABLE[name].has(shown.strip))
    return TABLE[name].depth(shown, picture, draft)


def _of_layer(shown: strips.Shown, picture: strips.MediaFrame, _draft: bool) -> Depth:
    strip = shown.strip
    if picture.kind == "MOVIE" or not picture.path.lower().endswith(".exr"):
        raise FrameError(
            "it has no depth: estimate it (Estimate Depth), pair a depth strip, choose a depth file, or use EXR files "
            "with a depth pass",
            owner=strip.name,
        )
    if strip.type == "SCENE":
        return Depth(rendered(picture.path), rendered(picture.path), "")
    here = stamped(picture.path, picture.index, picture.stream)
    return Depth(here, _first_of(strip, shown.scene), strip.rackfocus_depth_layer)


def _of_file(shown: strips.Shown, picture: strips.MediaFrame, _draft: bool) -> Depth:
    strip = shown.strip
    if not strip.rackfocus_depth_path:
        raise FrameError("no depth file is chosen", strip.name)
    paired = identity.once(("pairing", strip.as_pointer()), lambda: pairing_of(strip, shown.scene))
    here, first = (stamped(*file, paired.stream) for file in (paired.of(picture.index), paired.first))
    return Depth(here, first, strip.rackfocus_depth_layer)


def _of_strip(shown: strips.Shown, _picture: strips.MediaFrame, _draft: bool) -> Depth:
    strip, paired = shown.strip, modifier.depth_strip(shown.strip)
    if paired is None:
        raise FrameError("no depth strip is paired with it", strip.name)
    if paired.type not in modifier.KINDS:
        raise FrameError(f'its depth strip "{paired.name}" is neither an image nor a movie strip', strip.name)
    frame = strips.depth_media_frame(shown, paired)
    here = stamped(frame.path, frame.index, frame.stream)
    return Depth(here, _first_of(paired, shown.scene), strip.rackfocus_depth_layer)


def _of_cards(shown: strips.Shown, picture: strips.MediaFrame, draft: bool) -> Depth:
    depth = stamped(strip_cards.depth_file(shown, picture, draft), 0)
    return Depth(depth, depth, "")


def _gives_any(strip: bpy.types.Strip) -> bool:
    stills = strip.type == "IMAGE" and strip.elements[0].filename.lower().endswith(".exr")
    return TABLE["STRIP"].has(strip) or TABLE["FILE"].has(strip) or stills or strip.type == "SCENE"


TABLE = {
    "AUTO": Source(
        "Automatic",
        "The depth strip if one is paired, else the file if one is named, else the picture's own depth pass",
        has=_gives_any,
        depth=_automatic,
        fields=frozenset({"strip", "path", "numbers"}),
    ),
    "LAYER": Source(
        "Picture's Own Pass",
        "The depth pass in the strip's own multilayer EXR files",
        has=lambda strip: True,  # only the file can tell
        depth=_of_layer,
        fields=frozenset({"numbers"}),
    ),
    "FILE": Source(
        "File",
        "A still, an image sequence or a movie on disk; a still serves every frame",
        has=lambda strip: bool(strip.rackfocus_depth_path),
        depth=_of_file,
        fields=frozenset({"path", "numbers"}),
        asks="Name the depth file as well",
    ),
    "STRIP": Source(
        "Depth Strip",
        "Another strip, usually muted, that shows the depth beside the picture",
        has=lambda strip: modifier.depth_strip(strip) is not None,
        depth=_of_strip,
        fields=frozenset({"strip", "numbers"}),
        asks="Name the depth strip as well",
    ),
    "CARDS": Source(
        "Cards",
        "Masks with a distance each, in front of a background: set by hand, not estimated",
        has=lambda strip: len(strip.rackfocus_cards) > 0,
        depth=_of_cards,
        fields=frozenset({"cards"}),
        by_hand=True,
    ),
}
"""The sources by the names that files keep; their order is that of `ITEMS`, whose places files keep too."""

ITEMS = tuple((name, source.label, source.description) for name, source in TABLE.items())


PROPERTIES = {
    "rackfocus_depth_source": of_pixels(
        bpy.props.EnumProperty, "Depth", "Where this strip's depth comes from", items=ITEMS, default="AUTO"
    )
}


OWNERS = (bpy.types.Strip,)
