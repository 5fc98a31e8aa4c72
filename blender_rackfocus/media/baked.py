# SPDX-License-Identifier: GPL-3.0-or-later
"""Baked frames: pictures any program reads, sealed with what they were made of (see `sealed`).

A baked frame is an OpenEXR (half float, ZIP) or PNG (16 bits) file. Files appear whole or not at all, replace nothing
but frames of ours, and the same frame gives the same bytes.

What a pixel's alpha says: see `CODES`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import sealed, unfinished
from .colour import linear_to_srgb
from .errors import MediaError
from .library import openimageio
from .rounding import ALPHA_OFFSET, quantised
from .sealed import BAKED


@dataclass(frozen=True)
class Code:
    """How a file's alpha carries both alpha (0..1) and whether the pixel counts: offset + scale x alpha where it does,
    0 where it does not. is_data: the colours are kept as the compositor's own numbers, else sRGB-encoded."""

    suffix: str
    offset: float
    scale: float
    is_data: bool


CODES = {
    "EXR": Code(".exr", ALPHA_OFFSET, 1.0, True),
    "PNG": Code(".png", 0.5, 0.5, False),
}
"""EXR: scene-linear, premultiplied, as computed. PNG: sRGB-encoded, premultiplied, light above white cut off."""


def write(path: str | os.PathLike[str], picture: np.ndarray, counts: np.ndarray, notes: dict[str, Any]) -> None:
    """Write a frame; the kind of file is told by the name.

    picture: (H, W, 4) float32, scene-linear, premultiplied, top row first. counts: (H, W) bool, where it replaces the
    strip's own. notes: plain data, told again by `notes_of`. Raises MediaError where the disk will not have it,
    or where something that is not ours has its name.
    """
    sealed.refuse_foreign(path, BAKED)
    folder, name = os.path.split(os.path.abspath(path))
    suffix = os.path.splitext(name)[1].lower()
    kind = next((kind for kind, code in CODES.items() if code.suffix == suffix), None)
    if kind is None:
        raise ValueError(f"path must end in .exr or .png, not {name!r}")
    try:
        os.makedirs(folder, exist_ok=True)
        with unfinished.beside(path) as (temporary, _file):
            _write_picture(temporary, kind, _coded(picture, counts, CODES[kind]))
            if not os.path.getsize(temporary):
                raise OSError(_why_not(folder, "nothing was written", 1 << 16))
            sealed.seal(temporary, BAKED, notes)
    except OSError as error:
        raise MediaError(
            path,
            f"the baked frame cannot be written ({error.strerror or error})",
            "Free some space, or choose a folder that can be written to.",
        ) from error


def read(path: str | os.PathLike[str]) -> tuple[np.ndarray, np.ndarray]:
    """A baked EXR: (picture, counts) as `write` was given them, rounded to half floats.

    Returns (H, W, 4) float32, scene-linear, premultiplied, and (H, W) bool. Raises MediaError.
    """
    oiio = openimageio(path)
    file = oiio.ImageInput.open(os.fspath(path))
    coded = file.read_image("float") if file is not None else None
    if coded is None or coded.ndim != 3 or coded.shape[2] != 4:
        raise MediaError(path, "the baked frame cannot be read", "Bake it again.")
    counts = coded[..., 3] > 1.5
    coded[..., 3] -= np.float32(CODES["EXR"].offset)
    coded[~counts] = 0
    return coded, counts


def _coded(picture: np.ndarray, counts: np.ndarray, code: Code) -> np.ndarray:
    coded = np.zeros_like(picture, np.float32)
    np.copyto(coded, picture, where=counts[..., None])
    alpha = np.clip(coded[..., 3], 0.0, 1.0) * np.float32(code.scale) + np.float32(code.offset)
    coded[..., 3] = np.where(counts, alpha, np.float32(0))
    if code.suffix == ".exr":
        return quantised(coded)
    coded[..., :3] = linear_to_srgb(np.clip(coded[..., :3], 0.0, 1.0))
    return np.rint(np.clip(coded, 0, 1) * np.float32(65535)).astype(np.uint16)


def _write_picture(path: str, kind: str, coded: np.ndarray) -> None:
    oiio = openimageio(path)
    height, width = coded.shape[:2]
    spec = oiio.ImageSpec(width, height, 4, "half" if kind == "EXR" else "uint16")
    spec.attribute("Software", BAKED.mark)
    if kind == "EXR":
        spec.attribute("compression", "zip")
        spec.attribute("DateTime", "1970:01:01 00:00:00")  # the same frame, the same bytes
    else:
        spec.attribute("oiio:UnassociatedAlpha", 1)
        spec.attribute("png:compressionLevel", 4)
    out = oiio.ImageOutput.create("openexr" if kind == "EXR" else "png")
    done = out is not None and out.open(path, spec) and out.write_image(coded)
    done = (out.close() if out is not None else False) and done
    if not done:
        cause = out.geterror() if out is not None else "no writer for it"
        raise OSError(_why_not(os.path.dirname(path), cause, coded.nbytes))


def _why_not(folder: str, told: str, size_bytes: int) -> str:
    """Image libraries say little about why a file so large at most cannot be written; the disk does."""
    try:
        probe = os.path.join(folder, f".probe{unfinished.SUFFIX}")
        try:
            with open(probe, "wb") as file:
                for _ in range(-(-size_bytes // (1 << 16))):
                    file.write(b"\0" * (1 << 16))
                file.flush()
                os.fsync(file.fileno())
        finally:
            unfinished.remove(probe)
    except OSError as error:
        return error.strerror or str(error)
    return told.strip() or "the image library gave no reason"
