# SPDX-License-Identifier: GPL-3.0-or-later
"""The thin lens: distance to circle of confusion, depth of field, breathing.

Sources: S. F. Ray, "Applied Photographic Optics", 3rd ed. (2002), chapters 4 and 22; M. Potmesil and I. Chakravarty,
"Synthetic image generation with an aperture and focusing lens system" (ACM TOG 1982, doi:10.1145/357299.357300).

A picture whose field of view is that of its focal length f (every Blender camera) sees the circle of confusion as the
aperture f / N projected from distance d through the focus plane s, against the width of the focus plane s * sensor / f:

    diameter / picture width = f^2 / (N sensor) * |1 / s - 1 / d|

The image distance cancels. The textbook's f^2 / (N (s - f)) is the circle on the sensor of a lens whose field of view
narrows as it focuses closer; that change of view is `breathing_scale`, apart from the blur.
"""

from dataclasses import dataclass

import numpy as np

MM_PER_M = 1000.0

NEAREST_M = 1e-6
"""What is nearer counts as that near: its circle is larger than any picture, and stays a number."""


@dataclass(frozen=True)
class Lens:
    """A thin lens in front of a sensor, focused.

    focal_mm          focal length, > 0
    f_number          aperture number N, > 0
    sensor_mm         width of the sensor that spans the picture's width, > 0
    focus_m           distance of the focus plane along the optical axis, > focal length; may be infinite
    near_strength     factor on the blur in front of the focus plane, >= 0 (1 = physical)
    far_strength      factor on the blur behind it, >= 0 (1 = physical)
    max_blur_pct      largest circle's diameter in percent of the picture's width, 0 = no limit
    in_focus_range_m  total depth around the focus distance that is kept sharp, >= 0; blur grows from its borders
    axial_chromatic   spread of the focal length between red and blue, in percent of it: red focuses half of it farther,
                      blue half of it nearer than green. A plain lens has about 1.5, an achromat 0.05; 0 = off
    breathing         0 = field of view stays; 1 = as a thin lens that is racked; between and beyond: that share of it
    """

    focal_mm: float
    f_number: float
    sensor_mm: float
    focus_m: float
    near_strength: float = 1.0
    far_strength: float = 1.0
    max_blur_pct: float = 0.0
    in_focus_range_m: float = 0.0
    axial_chromatic: float = 0.0
    breathing: float = 0.0

    def __post_init__(self) -> None:
        for name in ("focal_mm", "f_number", "sensor_mm"):
            require(np.isfinite(getattr(self, name)) and getattr(self, name) > 0, name, "must be finite and above 0")
        require(self.focus_m > self.focal_mm / MM_PER_M, "focus_m", "must be farther than the focal length")
        for name in ("near_strength", "far_strength", "max_blur_pct", "in_focus_range_m"):
            require(np.isfinite(getattr(self, name)) and getattr(self, name) >= 0, name, "must be 0 or above")
        for name in ("axial_chromatic", "breathing"):
            require(np.isfinite(getattr(self, name)), name, "must be a finite number")


def coc_px(depth_m: np.ndarray | float, lens: Lens, width_px: int) -> np.ndarray:
    """Signed radius of the circle of confusion, in pixels of a picture width_px wide.

    depth_m: (...) float32, metres along the optical axis, > 0, +inf allowed; or a number.
    Returns (...) float32, pixels: negative in front of the focus plane, 0 on it, positive behind.
    Raises ValueError for NaN or non-positive depth, or a width below 1.

    radius = width / 2 * f^2 / (N sensor) * (1 / s - 1 / d), then strengths, protected range and limit.
    """
    require(width_px >= 1, "width_px", "must be at least 1")
    depth = np.asarray(depth_m, np.float32)
    least = np.min(depth) if depth.size else np.inf
    require(bool(least > 0), "depth_m", "must be above 0 everywhere and hold no NaN")
    if least < NEAREST_M:
        depth = np.maximum(depth, np.float32(NEAREST_M))
    return coc_from_dioptres(np.float32(1) / depth, lens, width_px)


def coc_from_dioptres(inverse_depth: np.ndarray, lens: Lens, width_px: int) -> np.ndarray:
    """`coc_px` of 1 / depth, unchecked.

    inverse_depth: (...) float32, 1/metres, 0 = infinity. Returns (...) float32, pixels.
    """
    scale = np.float32(radius_per_dioptre(lens, width_px))
    near_d, far_d = protected_dioptres(lens)
    if near_d == far_d and lens.far_strength == lens.near_strength:  # one line through all of it, much the quickest
        radius = scale * np.float32(lens.far_strength) * (np.float32(far_d) - inverse_depth)
    else:
        behind = scale * np.float32(lens.far_strength) * np.maximum(np.float32(far_d) - inverse_depth, np.float32(0))
        before = scale * np.float32(lens.near_strength) * np.maximum(inverse_depth - np.float32(near_d), np.float32(0))
        radius = behind - before
    if lens.max_blur_pct > 0:
        limit = np.float32(lens.max_blur_pct / 100.0 * width_px / 2.0)
        radius = np.clip(radius, -limit, limit)
    return radius


def radius_per_dioptre(lens: Lens, width_px: int) -> float:
    """Radius in pixels by which the circle of confusion grows per dioptre (1/m) of distance from the focus plane."""
    return width_px / 2.0 * lens.focal_mm**2 / (lens.f_number * lens.sensor_mm * MM_PER_M)


def protected_dioptres(lens: Lens) -> tuple[float, float]:
    """1 / distance (1/m) of the near and far border of the protected range; both are 1 / focus_m when there is none."""
    half_m = lens.in_focus_range_m / 2.0
    near_m = max(lens.focus_m - half_m, lens.focal_mm / MM_PER_M)
    return 1.0 / near_m, 1.0 / (lens.focus_m + half_m)


def chromatic_offset_px(lens: Lens, width_px: int) -> tuple[float, float, float]:
    """What axial colour adds to the signed radius of red, green and blue, in pixels.

    A focal length f (1 + e) under the same image distance focuses where 1 / s' = 1 / s - e / f, so the offset is
    -width / 2 * f e / (N sensor), the same at every depth. Ray (2002), section 4.8 (longitudinal chromatic aberration).
    """
    half_spread = lens.axial_chromatic / 100.0 / 2.0
    step = radius_per_dioptre(lens, width_px) * half_spread / (lens.focal_mm / MM_PER_M)
    return -step, 0.0, step


def hyperfocal_m(lens: Lens, width_px: int, coc_limit_px: float = 0.5) -> float:
    """Focus distance in metres from which everything out to infinity stays within a circle of radius coc_limit_px.

    From radius(infinity) = coc_limit_px: H = width / 2 * f^2 / (N sensor coc_limit). The lens's focus plays no part.
    """
    require(coc_limit_px > 0, "coc_limit_px", "must be above 0")
    return radius_per_dioptre(lens, width_px) / coc_limit_px


def depth_of_field_m(lens: Lens, width_px: int, coc_limit_px: float = 0.5) -> tuple[float, float]:
    """Nearest and farthest distance in metres whose circle's radius stays within coc_limit_px; far may be inf.

    With H the hyperfocal distance the limits are 1 / (1 / s + 1 / H) and 1 / (1 / s - 1 / H), widened by the strengths
    and the protected range.
    """
    require(coc_limit_px > 0, "coc_limit_px", "must be above 0")
    require(width_px >= 1, "width_px", "must be at least 1")
    if 0 < lens.max_blur_pct / 100.0 * width_px / 2.0 <= coc_limit_px:
        return 0.0, np.inf
    per_dioptre = radius_per_dioptre(lens, width_px)
    near_d, far_d = protected_dioptres(lens)
    near_m = 0.0 if lens.near_strength == 0 else 1.0 / (near_d + coc_limit_px / (per_dioptre * lens.near_strength))
    if lens.far_strength == 0:
        return near_m, np.inf
    far_limit_d = far_d - coc_limit_px / (per_dioptre * lens.far_strength)
    return near_m, 1.0 / far_limit_d if far_limit_d > 0 else np.inf


def breathing_scale(lens: Lens) -> float:
    """Magnification of the picture against the same lens focused at infinity; above 1 the view is narrower.

    A thin lens focused at s has its image at v = f s / (s - f), and a subject's size on the sensor goes with v: the
    scale is v(focus) / v(infinity). `lens.breathing` sets the share of it: 1 + breathing * (ratio - 1). With breathing
    0 it is exactly 1. Ray (2002), section 22.3 (image magnification and bellows extension).
    """
    if lens.breathing == 0:
        return 1.0
    ratio = 1.0 / (1.0 - lens.focal_mm / MM_PER_M / lens.focus_m)
    scale = 1.0 + lens.breathing * (ratio - 1.0)
    require(scale > 0, "breathing", "turns the picture inside out at this focus distance")
    return scale


def require(holds: bool, name: str, what: str) -> None:
    """Raises ValueError where what is asked of a named value does not hold."""
    if not holds:
        raise ValueError(f"{name}: {what}")
