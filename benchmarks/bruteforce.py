# SPDX-License-Identifier: GPL-3.0-or-later
"""The plain layered method, nothing spared: what the core has to beat in both figures.

The picture is cut into slices of equal circle size, each slice and its coverage are convolved with the exact disc at
full size, and the slices are laid over one another from far to near. Nothing is filled in behind or unmixed.
"""

import cv2
import numpy as np

from blender_rackfocus.core import Aperture, Lens
from blender_rackfocus.core.aperture import kernel
from blender_rackfocus.core.lens import coc_px

STEP_PX = 0.5  # neighbouring slices differ by this much in radius


def defocus(rgb: np.ndarray, depth_m: np.ndarray, lens: Lens, aperture: Aperture) -> np.ndarray:
    """(H, W, 3) float32 scene-linear, as `defocus_frame` takes it."""
    radius = coc_px(depth_m, lens, depth_m.shape[1])
    slices = np.rint(radius / STEP_PX).astype(int)
    out, cover = np.zeros_like(rgb), np.zeros_like(depth_m)
    for index in np.unique(slices)[::-1]:  # the circle grows with distance: largest first is far to near
        inside = (slices == index).astype(np.float32)
        disc = kernel(float(index) * STEP_PX, aperture)
        colour = cv2.filter2D(rgb * inside[..., None], -1, disc, borderType=cv2.BORDER_REPLICATE)
        alpha = cv2.filter2D(inside, -1, disc, borderType=cv2.BORDER_REPLICATE)
        out = colour + out * (1 - alpha)[..., None]
        cover = alpha + cover * (1 - alpha)
    return out / np.maximum(cover, 1e-6)[..., None]
