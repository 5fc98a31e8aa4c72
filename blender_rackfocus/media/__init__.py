# SPDX-License-Identifier: GPL-3.0-or-later
"""Files in, arrays out. No Blender.

Pictures are (H, W, 4) float32, scene-linear in the working space (Rec.709 as a rule), premultiplied alpha, top row
first. Raw depth is (H, W) float32 with the file's own numbers; `frame.depth` turns them into metres. Whatever cannot be
read raises MediaError, whose text is for the user.
"""

from __future__ import annotations

import os

import numpy as np

from . import arrays, colour, movies, sealed, stills
from .errors import MediaError, check_file

__all__ = [
    "MediaError",
    "RawDepth",
    "Window",
    "check_file",
    "has_frames",
    "is_movie",
    "read_frame",
    "read_raw_depth",
    "stores_floats",
    "window_of",
]

RawDepth = stills.RawDepth
Window = stills.Window


def is_movie(path: str | os.PathLike[str]) -> bool:
    """Whether a file is read by the movie room: by its extension. An unknown extension is tried as a movie."""
    return not stills.is_still(path) and not arrays.is_array(path)


def has_frames(path: str | os.PathLike[str]) -> bool:
    """Whether one file holds all of a clip's frames: a movie, or NumPy's arrays."""
    return not stills.is_still(path)


def read_frame(
    path: str | os.PathLike[str],
    index: int = 0,
    colorspace: str | None = None,
    alpha_mode: str | None = None,
    *,
    stream: int = 0,
    ocio_config: colour.OcioConfig | None = None,
) -> np.ndarray:
    """The picture that file `path` shows at frame `index` (0 is its first). A still shows the same at every index.

    colorspace: its name in Blender (`strip.colorspace_settings.name`); None takes what Blender would assume.
    alpha_mode: 'STRAIGHT' or 'PREMUL' as in Blender's strips; None takes what the file's kind says. Movies do
    without, as in Blender: 8-bit ones are straight, those of more bits are taken as premultiplied.
    stream: which of a movie's video streams, the first is 0.
    ocio_config: the colour configuration; None knows sRGB, Linear Rec.709 and Non-Color alone.
    Returns (H, W, 4) float32, scene-linear in the working space (Rec.709 without a configuration), premultiplied.
    Raises MediaError.
    """
    if is_movie(path):
        return movies.open_movie(path, stream).read(index, colorspace=colorspace, ocio_config=ocio_config)
    return stills.read_picture(path, colorspace, alpha_mode=alpha_mode, ocio_config=ocio_config)


def stores_floats(path: str | os.PathLike[str], stream: int = 0) -> bool:
    """Whether Blender holds the file's pictures as floating-point numbers: more than 8 bits. Raises MediaError."""
    return movies.open_movie(path, stream).bits > 8 if is_movie(path) else stills.stores_floats(path)


def window_of(path: str | os.PathLike[str]) -> Window | None:
    """Where a file's picture lies in its display window; None where it fills it. Raises MediaError."""
    return stills.window_of(path) if stills.is_still(path) else None


def read_raw_depth(path: str | os.PathLike[str], index: int = 0, layer: str | None = None, stream: int = 0) -> RawDepth:
    """The raw depth that file `path` holds at frame `index`, with what `frame.depth.guess` asks for.

    layer: the EXR layer or channel, or the .npz array, to take; None chooses (see `stills.read_depth`). Integer
    pictures and movies give 0..1. stream: which of a movie's video streams, the first is 0. Raises MediaError, also
    for a file of ours that is not as it was written.
    """
    if is_movie(path):
        return movies.open_movie(path, stream).read_depth(index)
    if arrays.is_array(path):
        return arrays.read_depth(path, index, layer)
    check_file(path)
    sealed.check(path)
    return stills.read_depth(path, layer)
