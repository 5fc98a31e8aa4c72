# SPDX-License-Identifier: GPL-3.0-or-later
"""Light that an 8-bit picture clipped, given back before it is blurred.

A lamp that clipped at white blurs to a grey smudge; the real lamp was many times brighter and blurs to a bright disc.
Which light was lost cannot be known: the user says from where (threshold) and how much (gain), and is told the energy.
"""

from dataclasses import dataclass

import numpy as np

from .lens import require


@dataclass(frozen=True)
class Highlights:
    """How clipped highlights are given back their light.

    gain        by how much light at or above clip is multiplied beyond 1: a white pixel becomes 1 + gain. 0 = off
    threshold   brightness (largest channel, scene-linear) from which pixels begin to gain, 0 <= threshold < clip
    clip        brightness at which the footage clipped; from there the gain is complete
    """

    gain: float = 0.0
    threshold: float = 0.9
    clip: float = 1.0

    def __post_init__(self) -> None:
        require(bool(np.isfinite(self.gain)) and self.gain >= 0, "gain", "must be 0 or above")
        require(bool(np.isfinite(self.clip)) and self.clip > 0, "clip", "must be above 0")
        require(0 <= self.threshold < self.clip, "threshold", "must be 0 or above and below clip")


def highlight_factor(rgb: np.ndarray, highlights: Highlights) -> np.ndarray:
    """Factor by which each pixel's light is multiplied: (H, W) float32, 1 below the threshold, 1 + gain from clip on.

    rgb: (H, W, C) float32, scene-linear. Between the two it follows smoothstep t^2 (3 - 2 t), so no edge appears in
    a gradient that runs into white.
    """
    brightness = rgb[..., :3].max(axis=-1)
    span = highlights.clip - highlights.threshold
    t = np.clip((brightness - highlights.threshold) / np.float32(span), 0, 1).astype(np.float32)
    return np.float32(1) + np.float32(highlights.gain) * (t * t * (3 - 2 * t))
