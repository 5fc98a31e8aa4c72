# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures and raw depth from image files, read by OpenImageIO: PNG, JPEG, TIFF, EXR and the like."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import cv2
import numpy as np

from . import channels as naming
from . import colour
from .errors import MediaError, check_file
from .library import complaint, openimageio
from .wholeness import check_jpeg

STILL_EXTENSIONS = frozenset(
    {
        *(".png", ".jpg", ".jpeg", ".jpe", ".jp2", ".j2c", ".tif", ".tiff", ".exr", ".webp", ".bmp", ".tga"),
        *(".dpx", ".cin", ".hdr", ".psd", ".pnm", ".ppm", ".pgm", ".pbm", ".pfm", ".sgi", ".rgb", ".rgba"),
        *(".bw", ".iff", ".avif", ".heic", ".jxl"),
    }
)
_LINEAR_FORMATS = frozenset({"openexr", "hdr", "dpx", "cineon"})
_GREY_TOLERANCE = 3.0 / 255.0


@dataclass(frozen=True)
class Window:
    """A display window of width x height pixels, and where in it the file's first pixel lies."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class RawDepth:
    """Depth as stored.

    values: (H, W) float32, the file's own numbers (whole-number pictures: 0..1). integer: stored as whole
    numbers. layer: the channel's name, 'grey' for a picture's brightness. bits: per value, as stored. window: where
    the values lie in the file's display window; None, they fill it. white: the whole number that reads as 1, where it
    is not the largest of these bits; 0, it is.
    """

    values: np.ndarray
    integer: bool
    layer: str
    bits: int
    window: Window | None = None
    white: float = 0.0

    @property
    def full(self) -> float:
        """The whole number that reads as 1."""
        return self.white or 2.0**self.bits - 1


@dataclass(frozen=True)
class _Part:
    """One subimage: size, storage, alpha's kind, place in its display window, `RawDepth.white`."""

    width: int
    height: int
    integer: bool
    bits: int
    straight_alpha: bool
    window: Window | None
    white: float


def is_still(path: str | os.PathLike[str]) -> bool:
    """Whether the file's extension is an image's."""
    return os.path.splitext(os.fspath(path))[1].lower() in STILL_EXTENSIONS


def read_picture(
    path: str | os.PathLike[str],
    colorspace: str | None = None,
    *,
    alpha_mode: str | None = None,
    ocio_config: colour.OcioConfig | None = None,
) -> np.ndarray:
    """The picture in a file, as an image strip of Blender shows it; see `media.read_frame`.

    colorspace None: linear for EXR and the other linear formats, sRGB for the rest. alpha_mode None: as the file
    says. The size is the file's data window, as in Blender. Returns (H, W, 4) float32, scene-linear, premultiplied;
    raises MediaError.
    """
    with _File(path) as file:
        chosen = naming.picture_channels(file.channels)
        if not chosen:
            raise MediaError(path, "it holds no picture")
        part = file.parts[chosen[0].part]
        byte = part.integer and part.bits <= 8
        stored = file.read(chosen, whole_bytes=byte)
        linear_format = file.format_name in _LINEAR_FORMATS
    has_alpha = len(chosen) in (2, 4)
    rgba = _four_channels(np.ascontiguousarray(stored), has_alpha)
    space = colour.Space(colorspace or (colour.LINEAR if linear_format else colour.SRGB), path, ocio_config)
    straight = part.straight_alpha and not linear_format if alpha_mode is None else alpha_mode == "STRAIGHT"
    picture = colour.to_picture(rgba, space, straight=straight, opaque=not has_alpha)
    if not byte and space.white_scale != 1.0:
        picture[..., :3] *= np.float32(space.white_scale)
    return picture


def window_of(path: str | os.PathLike[str]) -> Window | None:
    """Where the picture lies in the file's display window; None where it fills it. Raises MediaError."""
    with _File(path) as file:
        chosen = naming.picture_channels(file.channels)
        return file.parts[chosen[0].part].window if chosen else None


def whole_bits(path: str | os.PathLike[str]) -> int:
    """Bits of a value where the file's picture is stored in whole numbers, 0 where it is not. Raises MediaError."""
    with _File(path) as file:
        chosen = naming.picture_channels(file.channels)
        part = file.parts[chosen[0].part if chosen else 0]
        return part.bits if part.integer and file.format_name not in _LINEAR_FORMATS else 0


def stores_floats(path: str | os.PathLike[str]) -> bool:
    """Whether Blender holds the file's picture as floating-point numbers: more than 8 bits. Raises MediaError."""
    return not 0 < whole_bits(path) <= 8


def _four_channels(stored: np.ndarray, has_alpha: bool) -> np.ndarray:
    """Grey, grey and alpha, RGB or RGBA to RGBA; no alpha is full alpha."""
    if stored.shape[2] == 4:
        return stored if stored.flags.writeable else stored.copy()
    if stored.shape[2] == 3:
        return cv2.cvtColor(stored, cv2.COLOR_RGB2RGBA)
    rgba = cv2.cvtColor(np.ascontiguousarray(stored[..., 0]), cv2.COLOR_GRAY2RGBA)
    if has_alpha:
        rgba[..., 3] = stored[..., 1]
    return rgba


def layers(path: str | os.PathLike[str]) -> list[str]:
    """Full names of all channels in the file (`ViewLayer.Depth.Z`), in the file's order. Raises MediaError."""
    with _File(path) as file:
        return [entry.name for entry in file.channels]


def depth_layers(path: str | os.PathLike[str]) -> list[str]:
    """Names of the channels that say depth, the one that `read_depth` would take first; empty for a plain picture."""
    with _File(path) as file:
        return [entry.name for entry in naming.depth_channels(file.channels)]


def read_depth(path: str | os.PathLike[str], layer: str | None = None) -> RawDepth:
    """The depth in a file, as stored.

    layer: the name of a channel, pass or layer, in any case; None takes a channel whose name says depth, else
    the only channel, else the brightness of a grey picture. A picture with colours is refused: it is no depth.
    Raises MediaError, naming what the file does hold.
    """
    with _File(path) as file:
        entry = _depth_channel(file, layer)
        if entry is not None:
            part = file.parts[entry.part]
            values = np.ascontiguousarray(file.read([entry])[..., 0])
            return RawDepth(values, part.integer, entry.name, part.bits, part.window, part.white)
        grey = naming.picture_channels(file.channels)
        part = file.parts[grey[0].part]
        values = file.read(grey[:3])
    spread = np.ptp(values, axis=2)
    if not np.nanmax(spread, initial=0.0) <= _GREY_TOLERANCE * max(1.0, float(np.nanmax(np.abs(values)))):
        raise MediaError(
            path,
            f"it is a colour picture and holds no depth channel; it holds {naming.summary(file.channels)}",
            "Choose a file with a depth (Z) pass, or a grey depth picture.",
        )
    return RawDepth(np.ascontiguousarray(values[..., 0]), part.integer, "grey", part.bits, part.window, part.white)


def _depth_channel(file: _File, layer: str | None) -> naming.Channel | None:
    """The channel to read, None for a plain RGB picture to be checked for greyness. Raises MediaError."""
    held = naming.summary(file.channels)
    if layer:
        entry = naming.named(file.channels, layer)
        if entry is None:
            raise MediaError(
                file.path, f"it has no layer named {layer!r}; it holds {held}", "Choose one of these layers."
            )
        return entry
    by_name = naming.depth_channels(file.channels)
    if by_name:
        return by_name[0]
    colours = [c for c in file.channels if c.component != "A"] or file.channels
    if len(colours) == 1:
        return colours[0]
    if {c.name.upper() for c in colours} != {"R", "G", "B"}:
        raise MediaError(
            file.path,
            f"it has no depth channel; it holds {held}",
            "Render with the Z pass on, name the layer that is the depth, or choose another depth source.",
        )
    return None


class _File:
    """An image file open for reading, all its parts' headers read. Every failure is a MediaError."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        check_file(self.path)
        self._oiio = openimageio(self.path)
        # Alpha comes as stored: multiplying happens here, in linear light, as Blender does it.
        hints = self._oiio.ImageSpec()
        hints.attribute("oiio:UnassociatedAlpha", 1)
        self._input = self._oiio.ImageInput.open(self.path, hints)
        if self._input is None:
            raise MediaError(
                self.path,
                f"it is not a picture that can be read ({_words(complaint(self._oiio))})",
                "The file may be broken or still being written; render or export it again.",
            )
        self.format_name = self._input.format_name()
        self.parts: list[_Part] = []
        self.channels: list[naming.Channel] = []
        try:
            self._headers()
        except UnicodeDecodeError as error:
            raise MediaError(self.path, "a name in its header is no text", "Render or export it again.") from error
        if self.format_name == "jpeg":
            check_jpeg(self.path)

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._input.close()

    def _headers(self) -> None:
        number = 0
        while self._input.seek_subimage(number, 0):
            spec = self._input.spec()
            if spec.deep:
                raise MediaError(self.path, "it is a deep EXR, which is not supported", "Flatten it first.")
            self.parts.append(_part(self._oiio, spec, self._white(spec)))
            title = spec.get_string_attribute("name", "") if self.format_name == "openexr" else ""
            for index, name in enumerate(spec.channelnames):
                full = name if not title or name.startswith(title + ".") else f"{title}.{name}"
                self.channels.append(naming.channel(full, number, index))
            number += 1
            if self.format_name != "openexr":
                break  # pages of a TIFF, thumbnails, animation frames: Blender shows the first
        problem = complaint(self._input)
        if not self.parts:
            raise MediaError(self.path, f"its header cannot be read ({_words(problem)})", "Export it again.")

    def _white(self, spec: Any) -> float:
        """Signed numbers reach half as far as their bits, and a PNM file says itself what white is."""
        if spec.format.basetype in (self._oiio.INT8, self._oiio.INT16, self._oiio.INT32):
            return 2.0 ** (8 * spec.format.basesize() - 1) - 1
        return _pnm_white(self.path) if self.format_name == "pnm" else 0.0

    def read(self, wanted: list[naming.Channel], *, whole_bytes: bool = False) -> np.ndarray:
        """The channels, all from one part: (H, W, len(wanted)) float32, or uint8 as stored with whole_bytes."""
        part = self.parts[wanted[0].part]
        first = min(c.index for c in wanted)
        last = max(c.index for c in wanted) + 1
        kind = self._oiio.UINT8 if whole_bytes else self._oiio.FLOAT
        pixels = self._input.read_image(wanted[0].part, 0, first, last, kind)
        problem = complaint(self._input)
        if pixels is None or problem:
            raise MediaError(
                self.path,
                f"its pixels cannot be read: the file is broken or cut short ({_words(problem)})",
                "Render or export this file again.",
            )
        pixels = np.asarray(pixels).reshape(part.height, part.width, last - first)
        order = [c.index - first for c in wanted]
        return pixels if order == list(range(last - first)) else pixels[..., order]


def _pnm_white(path: str) -> float:
    """The number that a PGM or PPM file calls white, 0 where it is of another kind. The head: magic, width, height,
    white, with comments between."""
    with open(path, "rb") as file:
        head = re.sub(rb"#[^\n]*", b"", file.read(4096)).split(maxsplit=4)
    return float(head[3]) if head[0] in (b"P2", b"P3", b"P5", b"P6") and head[3].isdigit() else 0.0


def _part(oiio: ModuleType, spec: Any, white: float) -> _Part:
    integer = spec.format.basetype not in (oiio.HALF, oiio.FLOAT, oiio.DOUBLE)
    straight = bool(spec.get_int_attribute("oiio:UnassociatedAlpha", 0))
    bits = spec.get_int_attribute("oiio:BitsPerSample", 0) or 8 * spec.format.basesize()
    window = Window(spec.x - spec.full_x, spec.y - spec.full_y, spec.full_width, spec.full_height)
    fills = window == Window(0, 0, spec.width, spec.height)
    return _Part(spec.width, spec.height, integer, bits, straight, None if fills else window, white)


def _words(problem: str) -> str:
    """A library's message in one short line."""
    text = " ".join(problem.split()).rstrip(".") or "no reason given"
    return text if len(text) <= 160 else text[:160] + " ..."
