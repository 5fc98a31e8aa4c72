# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth as files store it, to metres along the camera's axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FAR_LIMIT_M = 1e9
"""From here on there is nothing: becomes +inf (Blender's Depth pass says 1e10 for empty)."""

KINDS = ("METRES", "INVERSE", "NORMALISED")
RAMPS = ("INVERSE_Z", "LINEAR_Z")


@dataclass(frozen=True)
class DepthConvention:
    """How raw depth numbers are to be read.

    kind: 'METRES' (raw * scale = metres); 'INVERSE' (1 / (raw * scale) = metres, raw 0 is infinitely far);
    'NORMALISED' (0..1 between near_m and far_m). near_m, far_m: metres; far_m may be inf with ramp
    'INVERSE_Z'. white_near: NORMALISED only, 1 is near_m (else 1 is far_m). ramp: NORMALISED only, what
    runs evenly between the two: 'INVERSE_Z' (1/z; the default, what depth networks and disparity give) or 'LINEAR_Z' (z
    itself: Blender's Normalize/Map Range, a mist pass). scale: metres per raw unit (METRES) or per metre
    (INVERSE), 1.0 as a rule, 0.01 for centimetres.
    """

    kind: str = "METRES"
    near_m: float = 1.0
    far_m: float = 100.0
    white_near: bool = True
    ramp: str = "INVERSE_Z"
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.ramp not in RAMPS:
            raise ValueError(f"ramp must be one of {', '.join(RAMPS)}, not {self.ramp!r}")
        if not self.scale > 0 or not np.isfinite(self.scale):
            raise ValueError(f"scale must be a positive number, not {self.scale!r}")
        if not (0 < self.near_m < self.far_m):
            raise ValueError(f"near_m and far_m must be 0 < near_m < far_m, not {self.near_m!r} and {self.far_m!r}")
        if self.kind == "NORMALISED" and self.ramp == "LINEAR_Z" and not np.isfinite(self.far_m):
            raise ValueError("far_m must be finite where z runs evenly (ramp 'LINEAR_Z')")


def to_metres(raw: np.ndarray, convention: DepthConvention) -> np.ndarray:
    """Raw depth to metres. raw: (H, W) float. Returns a new (H, W) float32; >= 1e9 m is +inf; holes are filled."""
    values = np.asarray(raw, np.float32)
    if values.ndim != 2:
        raise ValueError(f"raw must be (H, W), not {values.shape}")
    with np.errstate(divide="ignore", invalid="ignore"):
        if convention.kind == "METRES":
            metres = values * np.float32(convention.scale)
        elif convention.kind == "INVERSE":
            metres = 1.0 / (values * np.float32(convention.scale))
        else:
            nearness = values if convention.white_near else 1.0 - values
            if convention.ramp == "LINEAR_Z":
                metres = convention.far_m + (convention.near_m - convention.far_m) * nearness
            else:
                metres = 1.0 / (1 / convention.far_m + (1 / convention.near_m - 1 / convention.far_m) * nearness)
    metres = np.where(np.isnan(metres) | (metres <= 0) | (metres >= FAR_LIMIT_M), np.inf, metres)
    return metres.astype(np.float32)


def guess_convention(
    raw: np.ndarray, *, integer: bool, near_m: float = 1.0, far_m: float = 100.0
) -> tuple[DepthConvention, str]:
    """A sensible reading of raw depth, and the reason in words."""
    if integer:
        return (
            DepthConvention("NORMALISED", near_m, far_m),
            "whole-number picture: 0 to 1 between near and far, white near",
        )
    return DepthConvention("METRES"), "floating-point values: metres"


def fit_to_picture(depth: np.ndarray, height: int, width: int) -> np.ndarray:
    """Depth of another size but the same shape, without averaging across edges."""
    if depth.shape == (height, width):
        return depth
    rows = ((np.arange(height) + 0.5) * depth.shape[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * depth.shape[1] / width).astype(int)
    return depth[rows[:, None], columns]
