# SPDX-License-Identifier: GPL-3.0-or-later
"""A frame that PyAV decoded, to arrays: by swscale with the flags, matrix and range Blender uses."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

# SWS_POINT | SWS_FULL_CHR_H_INT | SWS_ACCURATE_RND.
_SWSCALE_FLAGS = 0x10 | 0x2000 | 0x40000
_BT601 = 5
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 6, 7: 7, 9: 9, 10: 9}
"""Tags (ITU-T H.273) that Blender decodes by a matrix of their own: BT.709, FCC, BT.601 twice, SMPTE 240M, BT.2020
twice. All others (untagged, RGB, YCgCo, ICtCp and so on) are BT.601 to it."""
_MPEG_RANGE, _JPEG_RANGE = 1, 2
_GREY_TOLERANCE = 0.03
"""Mean distance from grey, of 1, that compression of a grey movie may leave."""


def rgba(frame: Any, reformatter: Any, *, matrix: int, full_range: bool) -> np.ndarray:
    """The stored colours and alpha, (H, W, 4) uint8, 0 to 255, or float32 0..1 where there are more than 8 bits.

    Not linear and not turned. frame: av.VideoFrame. reformatter: av's VideoReformatter, for one thread at a time.
    matrix: the tag of the stream as it was opened (ITU-T H.273); the frame's own tags count for nothing, as in
    Blender.
    """
    byte = max(component.bits for component in frame.format.components) <= 8
    # Blender's swscale is not told where chroma samples sit, nor of fields; PyAV's would be, by the frame.
    if frame.interlaced_frame:
        frame = _without_fields(frame)
    frame.chroma_location = 0
    converted = reformatter.reformat(
        frame,
        format="rgba" if byte else "gbrapf32le",
        src_colorspace=_MATRICES.get(matrix, _BT601),
        src_color_range=_JPEG_RANGE if full_range else _MPEG_RANGE,
        interpolation=_SWSCALE_FLAGS,
    )
    if byte:
        return _plane(converted.planes[0], np.uint8, 4)
    green, blue, red, alpha = (_plane(plane, np.float32, 1)[..., 0] for plane in converted.planes)
    return cv2.merge((red, green, blue, alpha))


def brightness(frame: Any, reformatter: Any, *, matrix: int, full_range: bool) -> np.ndarray:
    """The stored brightness, (H, W) float32 0..1, all NaN where the frame has colours. Arguments as for `rgba`.

    Straight from the luma plane where there is one: swscale keeps a 10-bit ramp only to 4 steps.
    """
    form = frame.format
    planar = form.name.startswith(("yuv4", "yuvj4", "yuva4", "gray")) and len(frame.planes) != 2
    if planar and not form.is_big_endian:
        bits = form.components[0].bits
        kind = np.uint8 if bits <= 8 else np.uint16
        luma, *chroma = (_plane(plane, kind, 1)[..., 0] for plane in frame.planes[:3])
        distance = max((_distance_from_grey(plane, bits) for plane in chroma), default=0.0)
        full = full_range or form.name.startswith("gray")
        black, span = (0, 2**bits - 1) if full else (16 << (bits - 8), 219 << (bits - 8))
        values = (luma.astype(np.float32) - np.float32(black)) / np.float32(span)
        np.clip(values, 0.0, 1.0, out=values)
    else:
        colours = rgba(frame, reformatter, matrix=matrix, full_range=full_range)
        top = np.float32(255 if colours.dtype == np.uint8 else 1)
        distance = float(np.mean(np.ptp(colours[::7, ::5, :3].astype(np.float32) / top, axis=2)))
        values = colours[..., 1].astype(np.float32) / top
    return values if distance <= _GREY_TOLERANCE else np.full_like(values, np.nan)


def rotation(frame: Any) -> int:
    """The turn the file asks for, clockwise degrees: 0, 90, 180 or 270 (Blender ignores others)."""
    degrees = int(-frame.rotation) % 360
    return degrees if degrees in (90, 180, 270) else 0


def turned(pixels: np.ndarray, clockwise: int) -> np.ndarray:
    """Pixels turned by a `rotation`.

    pixels: (H, W, ...) of any type and meaning. Returns (h, w, ...) of any type, pixels' own.
    """
    return np.rot90(pixels, -clockwise // 90) if clockwise else pixels


def _without_fields(frame: Any) -> Any:
    """The same pixels in a frame that says nothing of fields: PyAV cannot take the mark off."""
    copied = type(frame)(frame.width, frame.height, frame.format.name)
    for source, target in zip(frame.planes, copied.planes, strict=True):
        wide = min(source.line_size, target.line_size)
        rows = (np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, :wide] for plane in (source, target))
        given, taken = rows
        taken[:] = given
    return copied


def _plane(plane: Any, dtype: type[np.generic], components: int) -> np.ndarray:
    """A plane's pixels without the padding at the end of its lines: (H, W, components)."""
    row = plane.line_size // np.dtype(dtype).itemsize
    data = np.frombuffer(plane, dtype)[: row * plane.height].reshape(plane.height, row)
    return data[:, : plane.width * components].reshape(plane.height, plane.width, components)


def _distance_from_grey(chroma: np.ndarray, bits: int) -> float:
    """On average, 0..0.5."""
    return float(np.mean(np.abs(chroma[::3, ::3].astype(np.float32) / np.float32(2**bits) - np.float32(0.5))))
