# SPDX-License-Identifier: GPL-3.0-or-later
"""What would be sharp: a tint over the picture while focus is picked, before the click."""

from __future__ import annotations

from functools import lru_cache

import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from ..desk import shots
from ..sequencer import eyedropper

COLOUR, STRENGTH = (1.0, 0.62, 0.12), 0.5
WIDTH_PX = 480
"""Largest width of the tint's own picture."""


def draw(region: bpy.types.Region, scene: bpy.types.Scene, pick: eyedropper.Pick) -> None:
    """Tint all that a click on a pick would make sharp."""
    step = max(1, -(-pick.width // WIDTH_PX))
    try:
        share = shots.sharpness(pick.strip, pick.metres, pick.depth_m[::step, ::step], pick.width)
    except ValueError:
        return  # nearer than this lens can focus, or no depth there: the click says so
    size = float(pick.width), float(pick.height)
    crop = eyedropper.placements_of(pick.strip, size)[-1].crop
    left, right, bottom, top = (round(pixels / step) for pixels in crop)
    inside = np.zeros_like(share)
    rows, columns = slice(top, share.shape[0] - bottom), slice(left, share.shape[1] - right)
    inside[rows, columns] = share[rows, columns]
    _over(region, scene, pick, inside)


def _over(region: bpy.types.Region, scene: bpy.types.Scene, pick: eyedropper.Pick, share: np.ndarray) -> None:
    height, width = share.shape
    shown = np.empty((height, width, 4), np.float32)
    shown[..., :3], shown[..., 3] = COLOUR, STRENGTH * share[::-1]
    flat = shown.reshape(-1)
    texture = gpu.types.GPUTexture((width, height), format="RGBA16F", data=gpu.types.Buffer("FLOAT", flat.size, flat))
    placements = eyedropper.placements_of(pick.strip, (float(pick.width), float(pick.height)))
    corners = [(0, pick.height), (pick.width, pick.height), (pick.width, 0), (0, 0)]
    at = [eyedropper.region_point(region, scene, *eyedropper.onto(x, y, placements)) for x, y in corners]
    shader = _shader()
    batch = batch_for_shader(shader, "TRI_FAN", {"pos": at, "texCoord": [(0, 0), (1, 0), (1, 1), (0, 1)]})
    gpu.state.blend_set("ALPHA")
    shader.uniform_sampler("image", texture)
    batch.draw(shader)


@lru_cache(maxsize=1)
def _shader() -> gpu.types.GPUShader:
    return gpu.shader.from_builtin("IMAGE")
