# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures and raw depth from image files: PNG, JPEG, TIFF, EXR and what else OpenImageIO reads."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from . import colour
from .errors import MediaError
from .library import openimageio

STILL_EXTENSIONS = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".jp2", ".j2c", ".tif", ".tiff", ".exr", ".webp", ".bmp", ".tga")
    + (".dpx", ".cin", ".hdr", ".psd", ".pnm", ".ppm", ".pgm", ".pbm", ".pfm", ".sgi", ".rgb", ".rgba")
    + (".bw", ".iff")
)


@dataclass(frozen=True)
class RawDepth:
    """Depth as stored. values: (H, W) float32. integer: stored as whole numbers (then 0..1). layer: its name."""

    values: np.ndarray
    integer: bool
    layer: str


def is_still(path: str | os.PathLike[str]) -> bool:
    """Whether the file's extension is an image's."""
    return os.path.splitext(os.fspath(path))[1].lower() in STILL_EXTENSIONS


def read_picture(
    path: str | os.PathLike[str],
    colorspace: str | None = None,
    *,
    alpha_mode: str | None = None,
    ocio_config: str | os.PathLike[str] | None = None,
) -> np.ndarray:
    """See `media.read_frame`."""
    values, names, integer = _read_all(path)
    index = {name.rsplit(".", 1)[-1].upper(): i for i, name in reversed(list(enumerate(names)))}
    if {"R", "G", "B"} <= set(index):
        rgb = values[..., [index["R"], index["G"], index["B"]]]
    else:
        rgb = np.repeat(values[..., :1], 3, axis=2)
    alpha = values[..., index["A"]] if "A" in index else np.ones(values.shape[:2], np.float32)
    straight = alpha_mode == "STRAIGHT" or (alpha_mode is None and integer)
    rgb = colour.to_linear(
        rgb, colorspace or (colour.SRGB if integer else colour.LINEAR), path=path, ocio_config=ocio_config
    )
    if straight:
        rgb = rgb * alpha[..., None]
    return np.ascontiguousarray(np.dstack([rgb, alpha]), np.float32)


def layers(path: str | os.PathLike[str]) -> list[str]:
    """Names of all channels in the file, parts included, in the file's order."""
    return _read_all(path)[1]


def read_depth(path: str | os.PathLike[str], layer: str | None = None) -> RawDepth:
    """The depth channel of a file, as stored."""
    values, names, integer = _read_all(path)
    wanted = [i for i, n in enumerate(names) if n == layer or n.startswith(f"{layer}.")]
    if layer is None:
        wanted = [i for i, n in enumerate(names) if n.upper() == "Z" or n.upper().endswith((".Z", "DEPTH.V"))]
        wanted = wanted or ([0] if len(names) <= 4 else [])
    if not wanted:
        raise MediaError(path, f"it has no depth channel; it holds {', '.join(names)}")
    return RawDepth(np.ascontiguousarray(values[..., wanted[0]]), integer, names[wanted[0]])


def _read_all(path: str | os.PathLike[str]) -> tuple[np.ndarray, list[str], bool]:
    oiio = openimageio(path)
    if not os.path.exists(path):
        raise MediaError(path, "there is no such file")
    source = oiio.ImageInput.open(os.fspath(path))
    if source is None:
        raise MediaError(path, f"it cannot be read as a picture ({oiio.geterror().strip()})")
    values, names, integer, subimage = [], [], True, 0
    while source.seek_subimage(subimage, 0):
        spec = source.spec()
        pixels = source.read_image(subimage, 0, 0, spec.nchannels, oiio.FLOAT)
        if pixels is None:
            raise MediaError(path, f"its pixels cannot be read ({source.geterror().strip()})")
        integer = integer and spec.format.basetype not in (oiio.HALF, oiio.FLOAT, oiio.DOUBLE)
        part = spec.get_string_attribute("name", "")
        values.append(pixels.reshape(spec.height, spec.width, spec.nchannels))
        names += [n if not part or n.startswith(part) else f"{part}.{n}" for n in spec.channelnames]
        subimage += 1
    source.geterror()
    source.close()
    return np.concatenate(values, axis=2), names, integer
