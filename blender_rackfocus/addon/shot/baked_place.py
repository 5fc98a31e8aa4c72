# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the baked frames of a strip or a node lie, and the node in its group that reads them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

import bpy

from ...frame import notes as frame_notes
from ...media import baked, colour
from ..blender import cache, colour_config
from ..blender.errors import FrameError
from . import group, modifier

FIRST = 10001
"""Number of the baked file at a strip's `content_start`, or a scene's frame 0; smaller ones are frames before it."""
DURATION = 1_000_000
FOLDER = "//rackfocus_bake/"
SUFFIXES = {**{kind: code.suffix for kind, code in baked.CODES.items()}, "TIFF": ".tif"}
"""Of files by their kind. TIFF is of whole pictures only, 8 bits as they are: what Blender reads quickest."""


@dataclass(frozen=True)
class BakedPlace:
    """Where the baked frames of a strip or a node lie. folder: absolute. kind: a key of `SUFFIXES`."""

    folder: str
    kind: str

    @property
    def is_there(self) -> bool:
        """Whether there is such a folder."""
        return os.path.isdir(self.folder)

    def file(self, number: int) -> str:
        """The file of a number."""
        return os.path.join(self.folder, f"{number:06d}{SUFFIXES[self.kind]}")


def check_colours(place: BakedPlace) -> None:
    """Whole-number files are sRGB with Rec.709 primaries: where the .blend's light has others, or its configuration no
    sRGB, they would come back as other colours. Raises FrameError."""
    if not baked.CODES[place.kind].is_data and not colour_config.has_srgb():
        cause = "PNG keeps sRGB, which does not hold the colours of this file's working space: bake OpenEXR instead"
        raise FrameError(cause)


def named_place(scene: bpy.types.Scene, what: str, told_apart: tuple[str, ...], folder: str, kind: str) -> BakedPlace:
    """Where something is to be baked: the same on every machine that opens the same file.

    what: its name. told_apart: of names that look alike as file names, or are alike in two scenes that are linked.
    folder, kind: instead of the scene's own settings where they are not empty. A .blend that was never saved bakes into
    a folder of the user's.
    """
    library = (_relative(bpy.path.abspath(scene.library.filepath)),) if scene.library is not None else ()
    apart = frame_notes.short_hash(scene.name, *told_apart, *library)
    chosen = folder or scene.rackfocus_bake_folder or FOLDER
    name = os.path.splitext(os.path.basename(bpy.data.filepath))[0] or "unsaved"
    if chosen.startswith("//") and not bpy.data.filepath:
        chosen = os.path.join(cache.user_folder(), "bake")
    base = os.path.normpath(bpy.path.abspath(chosen))
    words = "-".join(_plain(word) for word in (scene.name, what))
    path = os.path.join(base, _plain(name), f"{words}-{apart}")
    return BakedPlace(path, kind or scene.rackfocus_bake_format)


def place_in(tree: bpy.types.NodeTree) -> BakedPlace | None:
    """Where the frames lie that a node group reads; None where it reads none."""
    node = group.baked_node(tree)
    if node is None:
        return None
    path = bpy.path.abspath(node.image.filepath, library=node.image.library)
    suffix = os.path.splitext(path)[1].lower()
    kind = next((kind for kind, code in baked.CODES.items() if code.suffix == suffix), "EXR")
    return BakedPlace(os.path.normpath(os.path.dirname(path)), kind)


def read_by(tree: bpy.types.NodeTree, name: str, place: BakedPlace) -> bpy.types.Node:
    """Make a node group read the frames of a place; the node that does. name: for the FrameError that is raised where
    the group was rebuilt."""
    code = baked.CODES[place.kind]
    image = bpy.data.images.new(f"{group.IMAGE_NAME} Baked", 8, 8, alpha=True)
    image[group.BAKED_MARK] = True
    image.source = "SEQUENCE"
    image.filepath = _relative(place.file(FIRST))
    image.colorspace_settings.is_data = code.is_data
    if not code.is_data:
        image.colorspace_settings.name = colour.SRGB
    image.alpha_mode = "CHANNEL_PACKED"
    try:
        return group.add_baked(tree, image, code)
    except (KeyError, StopIteration) as error:
        bpy.data.images.remove(image)
        raise FrameError("its node group was changed by hand: remove it and add it again", name) from error


def detach(tree: bpy.types.NodeTree) -> BakedPlace | None:
    """Back to live. Returns where the baked frames lie; they stay."""
    place = place_in(tree)
    if place is not None:
        image = group.baked_node(tree).image
        group.remove_baked(tree)
        if not modifier.is_used(image) and image.library is None:
            bpy.data.images.remove(image)
    return place


def _relative(path: str) -> str:
    """Relative to the .blend where that is possible (not on another Windows drive, not unsaved)."""
    if not bpy.data.filepath:
        return path
    try:
        return bpy.path.relpath(path)
    except ValueError:
        return path


def _plain(words: str) -> str:
    """A name as a part of a path on any system."""
    return re.sub(r"[^\w.+-]+", "_", words, flags=re.ASCII).strip("._") or "x"


PROPERTIES = {
    "rackfocus_bake_folder": bpy.props.StringProperty(
        name="Folder",
        description="Where baked frames are written: a folder for each strip is made in it",
        subtype="DIR_PATH",
        default=FOLDER,
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    ),
    "rackfocus_bake_format": bpy.props.EnumProperty(
        name="Format",
        description="How baked frames are written",
        items=(
            ("EXR", "OpenEXR Half", "Scene-linear half floats: exactly what the live modifier shows"),
            ("PNG", "PNG 16", "Whole numbers of 16 bits, often smaller; light brighter than white is cut off"),
        ),
        default="EXR",
    ),
}


OWNERS = (bpy.types.Scene,)
