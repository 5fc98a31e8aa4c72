# SPDX-License-Identifier: GPL-3.0-or-later
"""The only place where our arrays become Blender's image datablocks, and where those are kept from leaving traces."""

from __future__ import annotations

import os
import tempfile

import bpy
import numpy as np

from ...frame.coding import UNTOUCHED
from ..blender import stillness
from ..blender.session import session
from . import group


class _Filled(dict[int, object]):
    """What each image holds now: image.session_uid -> the key it was filled under."""


def _filled() -> _Filled:
    return session.part(_Filled)


def holds(image: bpy.types.Image, key: object) -> bool:
    """Whether the image still holds what was filled in under this key."""
    return _filled().get(image.session_uid) == key


def held(image: bpy.types.Image) -> object:
    """The key of what the image holds now; None where that is not known."""
    return _filled().get(image.session_uid)


@stillness.still()
def fill(image: bpy.types.Image, width: int, height: int, flat: np.ndarray, key: object) -> None:
    """Put encoded pixels into an image and make Blender notice.

    flat: (height * width * 4,) float32, bottom row first, as `coding.encode` gives it.
    """
    if tuple(image.size) != (width, height) or not image.is_float:
        image.source = "GENERATED"
        image.use_generated_float = True
        image.generated_width, image.generated_height = width, height
    image.pixels.foreach_set(flat)
    image.update()
    image.update_tag()
    _filled()[image.session_uid] = key


def show_own(image: bpy.types.Image, key: object) -> None:
    """The strip's own picture comes through, also where a baked frame would say otherwise."""
    flat = np.zeros((8 * 8, 4), np.float32)
    flat[:, 3] = UNTOUCHED
    fill(image, 8, 8, flat.reshape(-1), key)


@stillness.still()
def empty(image: bpy.types.Image, key: object = None) -> None:
    """Drop an image's pixels: the baked frame, or else the strip's own picture comes through."""
    _drop(image)
    image.update_tag()
    _filled()[image.session_uid] = key


def _drop(image: bpy.types.Image) -> None:
    image.source = "GENERATED"
    image.filepath_raw = ""
    image.generated_width = image.generated_height = 8  # a change of size is what frees the old pixels
    if image.is_dirty:
        image.buffers_free()
    _filled().pop(image.session_uid, None)


def forget() -> None:
    """Blender may have dropped pixels behind our back (undo, another file): trust nothing."""
    _filled().clear()


def ours() -> list[bpy.types.Image]:
    """Every image of ours that this file owns."""
    return [image for image in bpy.data.images if group.IMAGE_MARK in image and image.library is None]


def drop_all() -> None:
    """Before the file is written: no pixels, no path, nothing that makes it grow."""
    for image in ours():
        _drop(image)


def is_any_unsaved() -> bool:
    """Whether Blender would ask about an image of ours if it were quit now."""
    return any(image.is_dirty for image in ours())


def settle() -> None:
    """Make Blender see our images as saved, so that it does not ask about them when it is quit.

    Only writing clears the mark. What is written is never wanted back: a plain 8-bit file beside the session's other
    temporary files, in which no alpha can reach coding.TOUCHED_ABOVE; should Blender ever read it, the strip's own
    picture shows.
    """
    for image in ours():
        if image.is_dirty:
            image.file_format = "TARGA_RAW"
            image.save(filepath=os.path.join(_folder(), f"rackfocus_{image.session_uid}.tga"))


def _folder() -> str:
    return bpy.app.tempdir or tempfile.gettempdir()
