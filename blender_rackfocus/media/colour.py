# SPDX-License-Identifier: GPL-3.0-or-later
"""Stored values to scene-linear Rec.709, by the colour space's name in Blender.

The common spaces are plain formulas (sRGB: IEC 61966-2-1). Every other one is converted by OpenColorIO
with the configuration the caller names, normally Blender's own
(`bpy.utils.system_resource('DATAFILES', path='colormanagement/config.ocio')`), through OpenImageIO.
"""

from __future__ import annotations

import os

import cv2
import numpy as np

from .errors import MediaError

SRGB = "sRGB"
LINEAR = "Linear Rec.709"
NON_COLOR = "Non-Color"
HALF_MAX = 65504.0
_CHUNK = 1 << 16

# Names Blender's configurations have used for the same thing; older .blend files still carry them.
_LINEAR_NAMES = {"Linear Rec.709", "Linear Rec.709 (sRGB)", "Linear", "Linear BT.709", "scene_linear"}
_RAW_NAMES = {"Non-Color", "Raw", "Non-Colour Data", "Generic Data"}
_SRGB_NAMES = {"sRGB", "sRGB OETF", "sRGB EOTF"}


def srgb_to_linear(values: np.ndarray) -> np.ndarray:
    """sRGB-encoded values to linear light, elementwise; any shape, float32 out. Below 0 the linear part goes on."""
    encoded = np.asarray(values, np.float32)
    linear = np.empty_like(encoded)
    # A few rows at a time stay in the processor's cache: twice as fast on a large picture.
    step = max(1, _CHUNK // max(encoded[:1].size, 1)) if encoded.ndim else 1
    for start in range(0, len(encoded), step) if encoded.ndim else ():
        part, out = encoded[start : start + step], linear[start : start + step]
        np.multiply(part, np.float32(1 / 1.055), out=out)
        out += np.float32(0.055 / 1.055)
        np.maximum(out, np.float32(0.0), out=out)
        np.power(out, np.float32(2.4), out=out)
        np.copyto(out, part * np.float32(1 / 12.92), where=part <= np.float32(0.04045))
    return linear if encoded.ndim else srgb_to_linear(encoded[None])[0]


def linear_to_srgb(values: np.ndarray) -> np.ndarray:
    """Linear light to sRGB-encoded values, elementwise; the inverse of `srgb_to_linear`."""
    linear = np.asarray(values, np.float32)
    curve = np.float32(1.055) * np.power(np.maximum(linear, 0.0), np.float32(1 / 2.4)) - np.float32(0.055)
    return np.where(linear <= 0.0031308, linear * np.float32(12.92), curve).astype(np.float32, copy=False)


def is_known(colorspace: str) -> bool:
    """Whether `to_linear` handles this name by itself, without an OpenColorIO configuration."""
    return colorspace in _LINEAR_NAMES | _RAW_NAMES | _SRGB_NAMES


def to_linear(
    rgb: np.ndarray, colorspace: str, *, path: str | os.PathLike[str], ocio_config: str | os.PathLike[str] | None = None
) -> np.ndarray:
    """Convert colours (not alpha) to scene-linear Rec.709.

    rgb: (H, W, 3) float, not premultiplied. colorspace: the name in Blender. path: the picture's file,
    for the error's text. ocio_config: an OpenColorIO configuration for names that are not built in.
    Returns (H, W, 3) float32. Raises MediaError for a space that cannot be converted.
    """
    if colorspace in _LINEAR_NAMES | _RAW_NAMES:
        return np.asarray(rgb, np.float32)
    if colorspace in _SRGB_NAMES:
        return srgb_to_linear(rgb)
    if ocio_config is None:
        raise MediaError(
            path,
            f"its colour space is {colorspace!r}, which needs an OpenColorIO configuration and none was given",
            "Set the strip's colour space to sRGB or Linear Rec.709, or name the configuration.",
        )
    return _by_ocio(rgb, colorspace, path, os.fspath(ocio_config))


def to_picture(
    rgba: np.ndarray,
    colorspace: str,
    *,
    straight: bool,
    opaque: bool,
    path: str | os.PathLike[str],
    ocio_config: str | os.PathLike[str] | None = None,
) -> np.ndarray:
    """Stored pixels to a Picture, as Blender does it: colours are made linear unmultiplied, alpha multiplies light.

    rgba: (H, W, 4) as stored, uint8 or float32; float32 may be overwritten. straight: colours are not multiplied
    by alpha; else they are, and are divided by it before a curve is applied: in 8 bits with rounding and clipping,
    in floats not where alpha is 0 (light without cover). opaque: alpha is 1 everywhere, skip it.
    Returns (H, W, 4) float32, scene-linear Rec.709, premultiplied; a pixel that is not a number becomes 0, an
    infinite one 65504 (the largest half). Raises MediaError.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        convert = _bytes_to_picture if rgba.dtype == np.uint8 else _floats_to_picture
        picture = convert(rgba, colorspace, straight, opaque, path, ocio_config)
        whole = np.isfinite(picture.sum())
    if not whole:
        np.nan_to_num(picture, copy=False, nan=0.0, posinf=HALF_MAX, neginf=-HALF_MAX)
    return picture


def _bytes_to_picture(
    rgba: np.ndarray,
    colorspace: str,
    straight: bool,
    opaque: bool,
    path: str | os.PathLike[str],
    ocio_config: str | os.PathLike[str] | None,
) -> np.ndarray:
    if not straight and not opaque:
        values = rgba.astype(np.float32)
        np.divide(values[..., :3], values[..., 3:] / np.float32(255.0), out=values[..., :3], where=rgba[..., 3:] > 0)
        rgba = np.rint(np.clip(values, 0.0, 255.0)).astype(np.uint8)
    steps = np.arange(256, dtype=np.float32) * np.float32(1 / 255)
    if is_known(colorspace):
        curve = to_linear(np.repeat(steps[None, :, None], 3, axis=2), colorspace, path=path)
        picture = cv2.LUT(rgba, np.concatenate([curve, steps[None, :, None]], axis=2))
    else:
        picture = rgba.astype(np.float32) * np.float32(1 / 255)
        picture[..., :3] = to_linear(picture[..., :3], colorspace, path=path, ocio_config=ocio_config)
    if not opaque:
        picture[..., :3] *= picture[..., 3:]
    return picture


def _floats_to_picture(
    rgba: np.ndarray,
    colorspace: str,
    straight: bool,
    opaque: bool,
    path: str | os.PathLike[str],
    ocio_config: str | os.PathLike[str] | None,
) -> np.ndarray:
    if colorspace in _RAW_NAMES:
        return rgba  # data is no light: Blender leaves its floats alone
    colours, alpha = rgba[..., :3], rgba[..., 3:]
    if is_linear(colorspace):
        if straight and not opaque:
            colours *= alpha
        return rgba
    covered = alpha > 0
    if not straight and not opaque:
        np.divide(colours, alpha, out=colours, where=covered)
    if colorspace in _SRGB_NAMES:  # all four channels in one go: three of four are slow to step through
        picture = srgb_to_linear(rgba)
        picture[..., 3:] = alpha
    else:
        picture = rgba
        picture[..., :3] = to_linear(colours, colorspace, path=path, ocio_config=ocio_config)
    if not opaque:
        np.multiply(picture[..., :3], alpha, out=picture[..., :3], where=True if straight else covered)
    return picture


def is_linear(colorspace: str) -> bool:
    """Whether stored numbers are taken as scene-linear Rec.709 light as they are."""
    return colorspace in _LINEAR_NAMES | _RAW_NAMES


def _by_ocio(rgb: np.ndarray, colorspace: str, path: str | os.PathLike[str], config: str) -> np.ndarray:
    from .library import openimageio

    oiio = openimageio(path)
    buffer = oiio.ImageBuf(np.ascontiguousarray(rgb, np.float32))
    result = oiio.ImageBufAlgo.colorconvert(buffer, colorspace, LINEAR, False, "", "", config)
    if result.has_error:
        raise MediaError(
            path,
            f"its colour space {colorspace!r} could not be converted with {config} ({result.geterror().strip()})",
            "Choose a colour space that this configuration has.",
        )
    return np.asarray(result.get_pixels(oiio.FLOAT), np.float32)
