# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip to see focus on: red stripes near on the left, green stripes far on the right, as multilayer EXR with depth.

Only OpenImageIO and numpy: it is also made by the plain Python beside an installed Blender.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

WIDTH, HEIGHT, STRIPE = 320, 180, 4
NEAR_M, FAR_M = 1.0, 4.0


def picture() -> np.ndarray:
    """(H, W, 4) float32 scene-linear: stripes of full and a tenth of the light."""
    light = np.where(np.arange(WIDTH) // STRIPE % 2, 1.0, 0.1).astype(np.float32)
    rgba = np.zeros((HEIGHT, WIDTH, 4), np.float32)
    rgba[:, : WIDTH // 2, 0] = light[: WIDTH // 2]
    rgba[:, WIDTH // 2 :, 1] = light[WIDTH // 2 :]
    rgba[..., 3] = 1
    return rgba


def depth() -> np.ndarray:
    """(H, W) float32 metres."""
    metres = np.full((HEIGHT, WIDTH), FAR_M, np.float32)
    metres[:, : WIDTH // 2] = NEAR_M
    return metres


def write(folder: Path, frames: int) -> list[Path]:
    """Write frames 1.. as folder/stripes_####.exr; a white bar at the bottom grows with the frame number."""
    import OpenImageIO as oiio

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for frame in range(1, frames + 1):
        rgba = picture()
        rgba[-8:, : 8 * frame, :3] = 1.0
        spec = oiio.ImageSpec(WIDTH, HEIGHT, 5, oiio.FLOAT)
        spec.channelnames = (*(f"ViewLayer.Combined.{c}" for c in "RGBA"), "ViewLayer.Depth.Z")
        spec.attribute("openexr:compression", "zip")
        path = folder / f"stripes_{frame:04d}.exr"
        out = oiio.ImageOutput.create(str(path))
        if not out.open(str(path), spec):
            raise OSError(out.geterror())
        out.write_image(np.dstack([rgba, depth()]).astype(np.float32))
        out.close()
        paths.append(path)
    return paths


def contrasts(rgba: np.ndarray) -> tuple[float, float]:
    """Contrast of the near and of the far stripes in a picture of the clip, away from borders and the depths' edge."""
    middle = rgba[40:-40]
    return contrast(middle[:, 20:120, 0]), contrast(middle[:, 200:300, 1])


def contrast(channel: np.ndarray) -> float:
    """How strongly stripes show: spread over mean of the middle of a region, 0 when they are blurred away."""
    return float(channel.std() / max(channel.mean(), 1e-6))
