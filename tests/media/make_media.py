# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures in closed form, written to real files by the libraries that everyone's files come from."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import OpenImageIO as oiio

NUMBER_SIZE = (64, 128)
"""Height and width of `number_picture`."""


def card(width: int = 96, height: int = 54, *, alpha: bool = False) -> np.ndarray:
    """(H, W, 4) float32 0..1, not linear: ramps in every channel, saturated bars below; alpha a wave, touching 0."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x / (width - 1), y / (height - 1)
    colours = np.stack([x, y, 1 - x * y], axis=-1)
    corners = np.array([[(n >> 2) & 1, (n >> 1) & 1, n & 1] for n in range(8)], np.float32)
    colours = np.where((y > 2 / 3)[..., None], corners[(x * 7.999).astype(int)], colours)
    cover = np.clip(0.5 + 0.6 * np.cos(6 * x + 3 * y), 0, 1) if alpha else np.ones_like(x)
    return np.concatenate([colours, cover[..., None]], axis=-1).astype(np.float32)


def write_still(path: Path, pixels: np.ndarray, kind: str, names: list[str] | None = None, **attributes) -> Path:
    """An image file. kind: OpenImageIO's word for the stored type. Alpha goes in as it is (straight)."""
    height, width, count = pixels.shape
    spec = oiio.ImageSpec(width, height, count, kind)
    if names:
        spec.channelnames = names
    if path.suffix != ".exr":
        spec.attribute("oiio:UnassociatedAlpha", 1)
    for name, value in attributes.items():
        spec.attribute(name, value)
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), spec), out.geterror()
    assert out.write_image(np.ascontiguousarray(pixels, np.float32)), out.geterror()
    out.close()
    return path


def write_parts(path: Path, parts: list[tuple[str, list[str], np.ndarray]]) -> Path:
    """A multi-part EXR: (part's name, channel names, (H, W, C) pixels) each, as Blender writes its passes."""
    specs = []
    for title, names, pixels in parts:
        spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], "float")
        spec.channelnames = names
        spec.attribute("name", title)
        spec.attribute("oiio:subimagename", title)
        specs.append(spec)
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), specs), out.geterror()
    for number, (_, _, pixels) in enumerate(parts):
        assert number == 0 or out.open(str(path), specs[number], "AppendSubimage"), out.geterror()
        assert out.write_image(np.ascontiguousarray(pixels, np.float32)), out.geterror()
    out.close()
    return path


def number_picture(number: int) -> np.ndarray:
    """(64, 128, 4) float32: eight black or white bars, the bits of `number`, the lowest at the left."""
    height, width = NUMBER_SIZE
    picture = np.zeros((height, width, 4), np.float32)
    picture[..., 3] = 1
    for bit in range(8):
        if number >> bit & 1:
            picture[8:-8, bit * 16 : bit * 16 + 16, :3] = 1
    return picture


def number_shown(picture: np.ndarray) -> int:
    """The number in a decoded `number_picture`. Raises AssertionError where a bar is neither black nor white."""
    bars = picture[8:-8, :, :3].reshape(NUMBER_SIZE[0] - 16, 8, 16, 3)[:, :, 4:12].mean(axis=(0, 2, 3))
    assert ((bars < 0.25) | (bars > 0.75)).all(), bars
    return int(sum(1 << bit for bit in range(8) if bars[bit] > 0.5))


def write_movie(
    path: Path,
    frames: list[np.ndarray] | list[av.VideoFrame],
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    *,
    rate: int | Fraction = 24,
    matrix: int = 0,
    full_range: bool | None = None,
    alpha: bool = False,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    time_stamps: list[int] | None = None,
    time_base: Fraction | None = None,
    keyframe_every: int | None = None,
    rotation: int = 0,
    sound_s: float = 0.0,
) -> Path:
    """A movie of (H, W, 4) frames 0..1. matrix: 1 BT.709, 5 BT.601, 0 untagged. time_stamps in time_base units."""
    base = time_base or 1 / Fraction(rate)
    convert = av.video.reformatter.VideoReformatter()
    silent = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options={**silent, **(options or {})})
        first = frames[0]
        ready = isinstance(first, av.VideoFrame)
        stream.height, stream.width = (first.height, first.width) if ready else first.shape[:2]
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = base
        if rotation:
            stream.set_display_rotation(rotation)
        if keyframe_every:
            stream.codec_context.gop_size = keyframe_every
        if matrix:
            stream.codec_context.colorspace = matrix
        if full_range is not None:
            stream.codec_context.color_range = 2 if full_range else 1
        if sound_s:
            _silence(container, sound_s)
        for number, pixels in enumerate(frames):
            if isinstance(pixels, av.VideoFrame):
                frame = pixels
            else:
                frame = convert.reformat(
                    _rgb_frame(pixels[..., : 3 + alpha], max(c.bits for c in av.VideoFormat(pixel_format).components)),
                    format=pixel_format,
                    dst_colorspace=matrix or None,
                    dst_color_range=None if full_range is None else 2 if full_range else 1,
                )
            frame.pts = number if time_stamps is None else time_stamps[number]
            frame.time_base = base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _rgb_frame(pixels: np.ndarray, bits: int) -> av.VideoFrame:
    """Bytes where bytes are wanted: swscale rounds them unevenly on the way down from 16 bits."""
    kind, top, name = (np.uint8, 255, "rgb24") if bits <= 8 else (np.uint16, 65535, "rgb48le")
    stored = np.ascontiguousarray((np.clip(pixels, 0, 1) * top + 0.5).astype(kind))
    if pixels.shape[-1] == 4:
        name = "rgba" if bits <= 8 else "rgba64le"
    return av.VideoFrame.from_ndarray(stored, format=name)


def grey_frame(values: np.ndarray, pixel_format: str, *, full_range: bool) -> av.VideoFrame:
    """(H, W) 0..1 as the first plane of a planar frame, exact to half a step; chroma is neutral."""
    height, width = values.shape
    frame = av.VideoFrame(width, height, pixel_format)
    bits = frame.format.components[0].bits
    kind = np.uint8 if bits <= 8 else np.dtype("<u2")
    black, span = (0, 2**bits - 1) if full_range else (16 << (bits - 8), 219 << (bits - 8))
    for number, plane in enumerate(frame.planes):
        rows = np.full((plane.height, plane.line_size // np.dtype(kind).itemsize), 1 << (bits - 1), kind)
        if number == 0 or pixel_format.startswith("gbr"):
            rows[:, :width] = np.rint(values * span + black)
        plane.update(rows.tobytes())
    return frame


def _silence(container, seconds: float) -> None:
    stream = container.add_stream("aac", rate=48000)
    stream.codec_context.layout = "mono"
    for number in range(int(seconds * 48000) // 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, number * 1024, Fraction(1, 48000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())
