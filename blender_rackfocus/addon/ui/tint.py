# SPDX-License-Identifier: GPL-3.0-or-later
"""What would be sharp: a tint over the picture while focus is picked, before the click."""

from __future__ import annotations

import bpy
import numpy as np

from ..desk import shots
from ..sequencer import eyedropper
from . import gpu_draw

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
    placements = eyedropper.placements_of(pick.strip, size)
    left, right, bottom, top = (round(pixels / step) for pixels in placements[-1].crop)
    inside = np.zeros_like(share)
    rows, columns = slice(top, share.shape[0] - bottom), slice(left, share.shape[1] - right)
    inside[rows, columns] = share[rows, columns]
    corners = [(0, pick.height), (pick.width, pick.height), (pick.width, 0), (0, 0)]
    at = [eyedropper.region_point(region, scene, *eyedropper.onto(x, y, placements)) for x, y in corners]
    gpu_draw.picture(gpu_draw.tint(inside, COLOUR, STRENGTH), at)
