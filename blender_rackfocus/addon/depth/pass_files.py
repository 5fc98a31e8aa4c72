# SPDX-License-Identifier: GPL-3.0-or-later
"""The EXR files that renders of ours write, and those that stand for them: read, cut to the frame, made empty."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...media import MediaError
from ...media.library import openimageio
from ..blender.errors import FrameError


def read_pass(path: str, layer: str, name: str) -> np.ndarray:
    """A pass of a multilayer file of ours: (H, W, channels) float32, top row first. Raises FrameError, MediaError."""
    oiio = openimageio(path)
    file = oiio.ImageInput.open(path)
    if file is None:
        raise MediaError(path, f"the passes cannot be read ({oiio.geterror()})", "Is the temporary folder full?")
    prefix, part = f"{layer}.{name}.", 0
    try:
        while file.seek_subimage(part, 0):
            spec = file.spec()
            channels = [index for index, channel in enumerate(spec.channelnames) if channel.startswith(prefix)]
            if channels:
                first, last = channels[0], channels[-1] + 1
                pixels = file.read_image(part, 0, first, last, oiio.FLOAT)
                if pixels is None:
                    raise MediaError(path, f"the passes cannot be read ({file.geterror()})", "Is the disk full?")
                return _uncropped(np.asarray(pixels, np.float32), spec, last - first)
            part += 1
    finally:
        file.close()
    raise FrameError(f'the render engine gave no {name} pass for view layer "{layer}"')


def cut(wide: str, path: str, margin: tuple[int, int]) -> None:
    """Write the part of a multilayer file that lies within its margin to another. Raises FrameError, MediaError."""
    oiio = openimageio(wide)
    file = oiio.ImageInput.open(wide)
    if file is None:
        raise MediaError(wide, f"the passes cannot be read ({oiio.geterror()})", "Is the temporary folder full?")
    specs: list[Any] = []
    planes: list[np.ndarray] = []
    while file.seek_subimage(len(specs), 0):
        spec = oiio.ImageSpec(file.spec())
        pixels = _uncropped(
            np.asarray(file.read_image(len(specs), 0, 0, spec.nchannels, oiio.FLOAT)), spec, spec.nchannels
        )
        planes.append(pixels[margin[0] : pixels.shape[0] - margin[0], margin[1] : pixels.shape[1] - margin[1]])
        height, width = planes[-1].shape[:2]
        spec.x = spec.y = spec.full_x = spec.full_y = 0
        spec.width = spec.full_width = width
        spec.height = spec.full_height = height
        specs.append(spec)
    file.close()
    _write_parts(path, specs, planes)


def read_picture(path: str) -> np.ndarray:
    """The picture in a plain EXR of ours: (H, W, 4) float32, top row first. Raises MediaError."""
    oiio = openimageio(path)
    file = oiio.ImageInput.open(path)
    pixels = file.read_image(0, 0, 0, 4, oiio.FLOAT) if file is not None else None
    if pixels is None:
        raise MediaError(path, "the picture cannot be read", "Is the temporary folder full?")
    names = [name.rpartition(".")[2] for name in file.spec().channelnames][:4]
    file.close()
    return np.ascontiguousarray(np.asarray(pixels, np.float32)[..., [names.index(channel) for channel in "RGBA"]])


_COMPONENTS = {"RGBA": "RGBA", "VECTOR": "XYZ", "VALUE": "Z"}


def write_placeholder(path: str, layers: dict[str, dict[str, str]]) -> None:
    """A tiny file with the same layers and passes, so that Image nodes know their sockets before the first frame.

    Built as Blender builds its own, a part for every pass, because an Image node keeps the number of its layer, not
    the name: in a file of one part layers come in the order of the alphabet.
    """
    oiio = openimageio(path)
    specs = []
    for layer, passes in layers.items():
        for name, kind in passes.items():
            spec = oiio.ImageSpec(4, 4, len(_COMPONENTS[kind]), "float")
            spec.channelnames = tuple(f"{layer}.{name}.{component}" for component in _COMPONENTS[kind])
            spec.attribute("name", f"{layer}.{name}")
            specs.append(spec)
    _write_parts(path, specs, (np.zeros((4, 4, spec.nchannels), np.float32) for spec in specs))


def _write_parts(path: str, specs: list[Any], planes: Iterable[np.ndarray]) -> None:
    """Write a file of a part for every spec, each with its pixels. Raises FrameError."""
    out = openimageio(path).ImageOutput.create(path)
    good = out is not None and out.open(path, tuple(specs))
    for number, (spec, pixels) in enumerate(zip(specs, planes, strict=True)):
        good = good and (not number or out.open(path, spec, "AppendSubimage"))
        good = good and out.write_image(np.ascontiguousarray(pixels))
    if not good or not out.close():
        raise FrameError(f"the temporary file {path} cannot be written")


def _uncropped(pixels: np.ndarray, spec: Any, channels: int) -> np.ndarray:
    """A window of the picture as the whole picture, empty around it."""
    pixels = pixels.reshape(spec.height, spec.width, channels)
    size = spec.full_height or spec.height, spec.full_width or spec.width
    if size == pixels.shape[:2]:
        return np.ascontiguousarray(pixels)
    whole = np.zeros((*size, channels), np.float32)
    top, left = spec.y - spec.full_y, spec.x - spec.full_x
    whole[top : top + spec.height, left : left + spec.width] = pixels
    return whole
