# SPDX-License-Identifier: GPL-3.0-or-later
"""Triangles, lines and words over a region, a few calls for a whole picture. Pixels are the region's, y up."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import blf
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

Colour = tuple[float, float, float, float]
_FONT = 0


def triangles(corners: np.ndarray, colours: np.ndarray) -> None:
    """Filled triangles.

    corners: (N, 2) float32, pixels, three to each; colours: (N, 4) float32, 0 to 1.
    """
    if len(corners):
        gpu.state.blend_set("ALPHA")  # words and lines leave it as they like
        shader = gpu.shader.from_builtin("SMOOTH_COLOR")
        batch_for_shader(shader, "TRIS", {"pos": _flat(corners), "color": colours}).draw(shader)


def lines(ends: np.ndarray, colours: np.ndarray, width_px: float) -> None:
    """Lines.

    ends: (N, 2) float32, pixels, two to each; colours: (N, 4) float32, 0 to 1.
    """
    if len(ends):
        gpu.state.blend_set("ALPHA")
        shader = gpu.shader.from_builtin("POLYLINE_SMOOTH_COLOR")
        shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
        shader.uniform_float("lineWidth", width_px)
        batch_for_shader(shader, "LINES", {"pos": _flat(ends), "color": colours}).draw(shader)


def box(x: float, y: float, width: float, height: float, colour: Colour) -> None:
    """A filled rectangle."""
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y), (x + width, y + height), (x, y + height)]
    triangles(np.array(corners, np.float32), np.tile(np.array(colour, np.float32), (6, 1)))


def path(points: Sequence[tuple[float, float]], colour: Colour, width_px: float) -> None:
    """A line through points."""
    ends = [end for pair in pairwise(points) for end in pair]
    lines(np.array(ends, np.float32), np.tile(np.array(colour, np.float32), (len(ends), 1)), width_px)


def texture(pixels: np.ndarray) -> gpu.types.GPUTexture:
    """A picture for `picture`.

    pixels: (H, W, 4) float32, RGB and alpha as the region shows them, 0 to 1, the top row first.
    """
    flat = np.ascontiguousarray(pixels[::-1], np.float32).reshape(-1)
    return gpu.types.GPUTexture(pixels.shape[1::-1], format="RGBA16F", data=gpu.types.Buffer("FLOAT", flat.size, flat))


def tint(share: np.ndarray, colour: tuple[float, float, float], strength: float) -> gpu.types.GPUTexture:
    """One colour to lay over a picture.

    share: (H, W) float32, 0 to 1, how much of `strength` (alpha, 0 to 1) it has at each pixel, the top row first.
    """
    return texture(np.dstack([np.broadcast_to(np.array(colour, np.float32), (*share.shape, 3)), strength * share]))


def picture(shown: gpu.types.GPUTexture, corners: Sequence[tuple[float, float]]) -> None:
    """A texture between four corners: bottom left, bottom right, top right, top left."""
    shader = gpu.shader.from_builtin("IMAGE")
    batch = batch_for_shader(shader, "TRI_FAN", {"pos": corners, "texCoord": ((0, 0), (1, 0), (1, 1), (0, 1))})
    gpu.state.blend_set("ALPHA")
    shader.uniform_sampler("image", shown)
    batch.draw(shader)


def size_of(words: str, height_px: float) -> float:
    """How wide words are, in pixels."""
    blf.size(_FONT, height_px)
    return blf.dimensions(_FONT, words)[0]


def text(words: str, x: float, y: float, height_px: float, colour: Colour, *, shadow: bool = True) -> None:
    """Words, from their lower left corner."""
    blf.size(_FONT, height_px)
    if shadow:
        blf.enable(_FONT, blf.SHADOW)
        blf.shadow(_FONT, 3, 0.0, 0.0, 0.0, 0.9)
        blf.shadow_offset(_FONT, 0, 0)
    blf.color(_FONT, *colour)
    blf.position(_FONT, x, y, 0)
    blf.draw(_FONT, words)
    if shadow:
        blf.disable(_FONT, blf.SHADOW)


def label(words: str, x: float, y: float, scale: float, right: float, colour: Colour = (1, 1, 1, 1)) -> None:
    """Words in a dark box from its lower left corner, kept left of `right`."""
    wide = size_of(words, 12 * scale) + 12 * scale
    x = max(min(x, right - wide), 0)
    box(x, y, wide, 20 * scale, (0.05, 0.05, 0.06, 0.9))
    text(words, x + 6 * scale, y + 6 * scale, 12 * scale, colour, shadow=False)


def _flat(points: np.ndarray) -> np.ndarray:
    """Points as the shaders take them: x, y, 0."""
    out = np.zeros((len(points), 3), np.float32)
    out[:, :2] = points
    return out
