# SPDX-License-Identifier: GPL-3.0-or-later
"""Stored values to scene-linear light, by the colour space's name in Blender.

What a name means is the OpenColorIO configuration's affair, and so are the primaries of linear light (the working
space of the .blend). Conversions that turn out to be none, or the sRGB curve (IEC 61966-2-1), are plain formulas; every
other one is OpenColorIO's, through OpenImageIO.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np

from .errors import MediaError
from .library import openimageio
from .rounding import HALF_MAX

SRGB = "sRGB"
LINEAR = "Linear Rec.709"
SCENE_LINEAR = "scene_linear"
_CHUNK = 1 << 16

# Names Blender's configurations have used for the same thing; older .blend files still carry them.
_LINEAR_NAMES = {"Linear Rec.709", "Linear Rec.709 (sRGB)", "Linear", "Linear BT.709", "scene_linear"}
_RAW_NAMES = {"Non-Color", "Raw", "Non-Colour Data", "Generic Data"}
_SRGB_NAMES = {"sRGB", "sRGB OETF", "sRGB EOTF"}

_PROBES = np.array(
    [[0, 0, 0], [1, 1, 1], [0.03, 0.03, 0.03], [0.5, 0.5, 0.5], [0.9, 0.2, 0.1], [0.1, 0.3, 0.8]], np.float32
)
_HDR_TRANSFERS = (16, 18)
"""PQ and HLG (ITU-T H.273)."""
_SAME = 2e-5
"""Differences of two curves that count as rounding."""


@dataclass(frozen=True)
class OcioConfig:
    """The colour configuration that decides pixels, as plain data: part of what a frame is made of.

    path: an OpenColorIO configuration as $OCIO names it (a file, an archive, or ocio://...). working: the colour space
    of linear light, the .blend's working space. sequencer: the one that strips are mixed and graded in. digest: of the
    configuration's content, so that a changed file is another configuration.
    """

    path: str
    working: str = LINEAR
    sequencer: str = SRGB
    digest: str = ""

    def fingerprint(self) -> tuple[str, str, str]:
        """What decides pixels, wherever the configuration lies."""
        return self.digest, self.working, self.sequencer


def srgb_to_linear(values: np.ndarray) -> np.ndarray:
    """sRGB-encoded values to linear light, elementwise. Below 0 the linear part goes on.

    values: (...) float32, sRGB-encoded. Returns (...) float32, linear light.
    """
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
    """Linear light to sRGB-encoded values, elementwise; the inverse of `srgb_to_linear`.

    values: (...) float32, linear light. Returns (...) float32, sRGB-encoded.
    """
    linear = np.asarray(values, np.float32)
    curve = np.float32(1.055) * np.power(np.maximum(linear, 0.0), np.float32(1 / 2.4)) - np.float32(0.055)
    return np.where(linear <= 0.0031308, linear * np.float32(12.92), curve).astype(np.float32, copy=False)


@dataclass(frozen=True)
class Space:
    """A colour space by its name in Blender.

    path: the picture's file, for an error's text. config: None knows sRGB, Linear Rec.709 and Non-Color alone, and
    Rec.709 is the working space. All raise MediaError for a space that is not known.
    """

    name: str
    path: str | os.PathLike[str]
    config: OcioConfig | None = None

    @cached_property
    def kind(self) -> str:
        """'DATA', 'LINEAR' (the working space itself), 'SRGB' (its curve, and the working space's primaries) or
        'OCIO'."""
        if self.config is not None:
            return _kind_by_ocio(self.name, os.fspath(self.path), self.config)
        for kind, names in (("DATA", _RAW_NAMES), ("LINEAR", _LINEAR_NAMES), ("SRGB", _SRGB_NAMES)):
            if self.name in names:
                return kind
        raise MediaError(
            self.path,
            f"its colour space is {self.name!r}, which needs an OpenColorIO configuration and none was given",
            "Set the strip's colour space to sRGB or Linear Rec.709, or name the configuration.",
        )

    @property
    def is_data(self) -> bool:
        """Whether it means numbers, not light: they are never converted."""
        return self.kind == "DATA"

    def to_linear(self, rgb: np.ndarray) -> np.ndarray:
        """Convert colours (not alpha) to scene-linear light of the working space.

        rgb: (H, W, 3) float, not premultiplied. Returns (H, W, 3) float32, scene-linear.
        """
        return self._converted(rgb, srgb_to_linear, self.name, SCENE_LINEAR)

    def from_linear(self, rgb: np.ndarray) -> np.ndarray:
        """The way back from `to_linear`: scene-linear light to values of this space.

        rgb: (H, W, 3) float32, scene-linear. Returns (H, W, 3) float32 of this space.
        """
        return self._converted(rgb, linear_to_srgb, SCENE_LINEAR, self.name)

    def _converted(
        self, rgb: np.ndarray, curve: Callable[[np.ndarray], np.ndarray], source: str, target: str
    ) -> np.ndarray:
        if self.kind == "SRGB":
            return curve(rgb)
        if self.kind != "OCIO":
            return np.asarray(rgb, np.float32)
        assert self.config is not None  # the others are known by it alone
        return _by_ocio(rgb, source, target, self.path, self.config)

    @cached_property
    def white_scale(self) -> float:
        """What Blender multiplies floating-point stills by as it reads them: the reference white of PQ and HLG pictures
        (203 cd/m2, ITU-R BT.2408) becomes that of its colour spaces (100 cd/m2). Movies and 8-bit stills are left
        alone."""
        if self.config is None:
            return 1.0
        codes = openimageio(self.path).ColorConfig(self.config.path).get_cicp(self.name)
        return 100.0 / 203.0 if codes and codes[1] in _HDR_TRANSFERS else 1.0


def to_picture(rgba: np.ndarray, space: Space, *, straight: bool, opaque: bool) -> np.ndarray:
    """Stored pixels to a Picture, as Blender does it: colours are made linear unmultiplied, alpha multiplies light.

    rgba: (H, W, 4) of any type that is stored, uint8 or float32; float32 may be overwritten. straight: colours are
    not multiplied by alpha; else they are, and are divided by it before a curve is applied: in 8 bits with rounding
    and clipping, in floats not where alpha is 0 (light without cover). opaque: alpha is 1 everywhere, skip it.
    Returns (H, W, 4) float32, scene-linear, premultiplied; a pixel that is not a number becomes 0, an infinite one
    65504 (the largest half). Raises MediaError.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        convert = _bytes_to_picture if rgba.dtype == np.uint8 else _floats_to_picture
        picture = convert(rgba, space, straight, opaque)
        whole = np.isfinite(picture.sum())
    if not whole:
        np.nan_to_num(picture, copy=False, nan=0.0, posinf=HALF_MAX, neginf=-HALF_MAX)
    return picture


def _bytes_to_picture(rgba: np.ndarray, space: Space, straight: bool, opaque: bool) -> np.ndarray:
    if not straight and not opaque:
        values = rgba.astype(np.float32)
        np.divide(values[..., :3], values[..., 3:] / np.float32(255.0), out=values[..., :3], where=rgba[..., 3:] > 0)
        rgba = np.rint(np.clip(values, 0.0, 255.0)).astype(np.uint8)
    steps = np.arange(256, dtype=np.float32) * np.float32(1 / 255)
    if space.kind != "OCIO":
        grey = np.repeat(steps[None, :, None], 3, axis=2)
        curve = space.to_linear(grey)
        picture = cv2.LUT(rgba, np.concatenate([curve, steps[None, :, None]], axis=2))
    else:
        picture = rgba.astype(np.float32) * np.float32(1 / 255)
        picture[..., :3] = space.to_linear(picture[..., :3])
    if not opaque:
        picture[..., :3] *= picture[..., 3:]
    return picture


def _floats_to_picture(rgba: np.ndarray, space: Space, straight: bool, opaque: bool) -> np.ndarray:
    if space.is_data:
        return rgba  # data is no light: Blender leaves its floats alone
    colours, alpha = rgba[..., :3], rgba[..., 3:]
    if space.kind == "LINEAR":
        if straight and not opaque:
            colours *= alpha
        return rgba
    covered = alpha > 0
    if not straight and not opaque:
        np.divide(colours, alpha, out=colours, where=covered)
    if space.kind == "SRGB":  # all four channels in one go: three of four are slow to step through
        picture = srgb_to_linear(rgba)
        picture[..., 3:] = alpha
    else:
        picture = rgba
        picture[..., :3] = space.to_linear(colours)
    if not opaque:
        np.multiply(picture[..., :3], alpha, out=picture[..., :3], where=True if straight else covered)
    return picture


@lru_cache(maxsize=256)
def _kind_by_ocio(colorspace: str, path: str, config: OcioConfig) -> str:
    """Tried out on a few colours, as a configuration may give any name to anything."""
    if openimageio(path).ColorConfig(config.path).isData(colorspace):
        return "DATA"
    found = _by_ocio(_PROBES[None], colorspace, config.working, path, config)[0]
    for kind, formula in (("LINEAR", np.asarray), ("SRGB", srgb_to_linear)):
        if np.abs(found - formula(_PROBES)).max() < _SAME:
            return kind
    return "OCIO"


def _by_ocio(rgb: np.ndarray, source: str, target: str, path: str | os.PathLike[str], config: OcioConfig) -> np.ndarray:
    oiio = openimageio(path)
    # The role follows the .blend's working space in Blender, which OpenImageIO does not know of.
    source, target = (config.working if name == SCENE_LINEAR else name for name in (source, target))
    buffer = oiio.ImageBuf(np.ascontiguousarray(rgb, np.float32))
    result = oiio.ImageBufAlgo.colorconvert(buffer, source, target, False, "", "", config.path)
    if result.has_error:
        raise MediaError(
            path,
            f"its colours could not be converted from {source!r} to {target!r} with the colour configuration"
            f" {config.path} ({result.geterror().strip()})",
            "Choose a colour space, and a working space, that this configuration has.",
        )
    return np.asarray(result.get_pixels(oiio.FLOAT), np.float32).reshape(np.shape(rgb))
