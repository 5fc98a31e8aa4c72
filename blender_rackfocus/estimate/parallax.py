# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth from a moving camera: optical flow minus the camera's own rotation.

Longuet-Higgins and Prazdny, "The interpretation of a moving retinal image", Proc. R. Soc. B 208, 1980: flow is a
rotation's share, free of depth, plus a translation's share proportional to 1/z. With a direction t of translation, the
part of the flow across A(x) t holds no depth at all, so it must be explained by the rotation alone: t is searched on a
half-sphere and judged by how well a robust rotation explains that part (compare Heeger and Jepson, IJCV 7, 1992).
Works when the camera moves and the scene does not; refuses, with a reason, otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

from .provenance import EstimateError

FLOW_WIDTH_PX = 640
"""Pictures are compared at this width; every pixel figure below means pixels of such a picture."""
LEAST_PARALLAX_PX = 0.5
"""Measured: panning and static cameras leave up to 0.31 px after the rotation is removed, others 0.69 and more."""
LEAST_SHARE = 0.02
"""Flow is as good as this share of its length: less parallax than that is none."""
LEAST_FOLLOWED = 0.05
"""Measured: of a flat picture, whatever its grain, 0 is found again in the next one; of real clips 0.17 and more."""
_MOST_BRIGHTER = 1.05
"""How much brighter one picture may be than the other before it is brought to the other's exposure."""
_SAMPLES = 1000
_FINE_SAMPLES, _FINE_ROUNDS = 12_000, 10
_NUDGE = 1e-4
_CAUCHY = 2.385  # of the spread: Cauchy's weights, nearly as good as plain squares where nothing errs
_COARSE, _STARTS = 200, 6
"""Directions looked at first, and how many of the best of them are looked at closely: the best valley is a narrow one
where a turn and a shift look nearly alike (up with a tilt)."""
_PATCH_PX = 6
_BORDER_PX = 14
"""Flow as near as this to the picture's border, here or there, follows what comes into the picture or leaves it."""


@dataclass(frozen=True)
class ParallaxSettings:
    """focal_mm, sensor_mm: lens and sensor width of the shot; a wrong focal length bends, and can invert, the result.
    focal_known: False says that focal_mm is an assumption. invert: turn near and far around.
    """

    focal_mm: float = 35.0
    sensor_mm: float = 36.0
    focal_known: bool = False
    invert: bool = False

    def focal_px(self, width_px: int) -> float:
        if self.focal_mm <= 0 or self.sensor_mm <= 0:
            raise ValueError("focal_mm and sensor_mm must be above 0")
        return width_px * self.focal_mm / self.sensor_mm


@dataclass(frozen=True)
class Motion:
    """The camera between two pictures. direction: unit vector of its translation (x right, y down, z ahead).
    rotation_rad: (3,). parallax_px: median flow that no rotation explains. agreement: share of the points whose flow
    fits one rigid scene with positive depth. moving_px: median length of the flow. followed: share of the picture that
    shows something which is found again where the flow leads.
    """

    direction: np.ndarray
    rotation_rad: np.ndarray
    parallax_px: float
    agreement: float
    moving_px: float
    followed: float = 1.0

    @property
    def refusal(self) -> str:
        """Why no depth can be read from this motion; '' where it can."""
        if self.followed < LEAST_FOLLOWED:
            return (
                f"hardly anything can be followed: what {math.floor(100 * self.followed)} % of the picture shows is "
                f"found again in the next one, {100 * LEAST_FOLLOWED:g} % are needed; the rest is flat, dark, grain or "
                "changes"
            )
        if self.moving_px < 0.4:
            return "the camera stands still"
        needed_px = max(LEAST_PARALLAX_PX, LEAST_SHARE * self.moving_px)
        if self.parallax_px < needed_px:
            # Rounded away from each other, so that the figures say what is said.
            return (
                f"the camera only turns, or moves too little: {math.floor(100 * self.parallax_px) / 100:.2f} px of "
                f"parallax remain once its rotation is removed, {math.ceil(100 * needed_px) / 100:.2f} px are needed "
                f"where the picture moves by {self.moving_px:.0f} px"
            )
        if self.agreement < 0.6:
            return (
                "what moves is not the camera alone, or the light changes: only "
                f"{100 * self.agreement:.0f} % of the picture moves as one rigid scene"
            )
        return ""


def grey_for_flow(picture: np.ndarray, width_px: int = FLOW_WIDTH_PX) -> np.ndarray:
    """Display-encoded luma of a picture, `width` across.

    picture: (H, W, 3 or 4) float32, scene-linear. Returns (h, width) uint8, 0 to 255.
    """
    height, width = picture.shape[:2]
    size = (width_px, max(16, round(height * width_px / width)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if width > width_px else cv2.INTER_LINEAR)
    luma = small[..., :3] @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    return (255 * np.sqrt(np.clip(luma, 0, 1))).astype(np.uint8)


def flow(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """DIS optical flow (Kroeger et al., ECCV 2016) from a to b.

    a, b: (h, w) uint8, grey. Returns (h, w, 2) float32, px.
    """
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    dis.setFinestScale(1)  # finer scales follow the noise: a resting camera then seems to move
    return dis.calc(a, b, None)


def _fine_flow(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`flow` in smaller patches, closer together: what stands beside an edge moves less with it."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    dis.setFinestScale(1)
    dis.setPatchSize(_PATCH_PX)
    return dis.calc(a, b, None)


def _rays(shape: tuple[int, int], focal_px: float) -> tuple[np.ndarray, np.ndarray]:
    """Normalised picture coordinates x (right), y (down) of the pixel centres."""
    h, w = shape
    y, x = np.mgrid[:h, :w].astype(np.float32)
    return (x + 0.5 - w / 2) / focal_px, (y + 0.5 - h / 2) / focal_px


def _rotation_basis(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(N, 2, 3): normalised flow per radian of camera rotation about x, y, z."""
    u = np.stack([x * y, -(1 + x * x), y], -1)
    v = np.stack([1 + y * y, -x * y, -x], -1)
    return np.stack([u, v], -2)


def _translation_basis(x: np.ndarray, y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """(N, 2): A(x) t, normalised flow per unit of translation over depth."""
    return np.stack([-t[0] + x * t[2], -t[1] + y * t[2]], -1)


def _robust_rotation(basis: np.ndarray, values: np.ndarray, rounds: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Least absolute deviations by reweighting; basis (..., N, 3), values (..., N). Returns (omega, residual)."""
    weight = np.ones_like(values)
    for _ in range(rounds):
        weighted = basis * weight[..., None]
        normal = np.swapaxes(weighted, -1, -2) @ basis + 1e-12 * np.eye(3)
        omega = np.linalg.solve(normal, np.swapaxes(weighted, -1, -2) @ values[..., None])[..., 0]
        residual = values - (basis @ omega[..., None])[..., 0]
        spread = np.median(np.abs(residual), axis=-1, keepdims=True) + 1e-9
        weight = 1 / np.maximum(np.abs(residual), 0.3 * spread)
        weight = weight / weight.max(axis=-1, keepdims=True)
    return omega, residual


def _half_sphere(count: int) -> np.ndarray:
    """Evenly spread unit vectors with z >= 0 (Fibonacci)."""
    i = np.arange(count) + 0.5
    z = 1 - i / count
    angle = i * np.pi * (1 + 5**0.5)
    return np.stack([np.sqrt(1 - z * z) * np.cos(angle), np.sqrt(1 - z * z) * np.sin(angle), z], -1)


def camera_motion(field: np.ndarray, focal_px: float, trust: np.ndarray | None = None, fine: bool = False) -> Motion:
    """How the camera moved, told from flow.

    field: (h, w, 2) float32, px. trust: (h, w) bool, where the flow may be believed. fine: as true as many points can
    tell, which takes longer; what a survey judges by was measured without.
    """
    x, y = _rays(field.shape[:2], focal_px)
    ok = np.isfinite(field).all(-1) if trust is None else trust
    at = np.flatnonzero(ok)
    if at.size < 200:
        raise EstimateError("The picture has too little texture to follow.")
    order = np.random.default_rng(0).permutation(at)
    pick = order[:_SAMPLES]
    px, py, u = x.ravel()[pick].astype(np.float64), y.ravel()[pick].astype(np.float64), field.reshape(-1, 2)[pick]
    u = u.astype(np.float64) / focal_px
    basis = _rotation_basis(px, py)
    parallax = _parallax_px(px * focal_px, py * focal_px, u * focal_px, focal_px)
    moving = float(np.median(np.linalg.norm(u, axis=-1)) * focal_px)
    starts = _best_directions(_half_sphere(_COARSE), px, py, u, basis, _STARTS if fine else 1)[0]
    rings = np.concatenate([_around(start, 0.12) for start in starts])
    direction, omega = _best_direction(rings, px, py, u, basis)
    for radius in (0.04, 0.013):
        direction, omega = _best_direction(_around(direction, radius), px, py, u, basis)
    if fine:
        pick = order[:_FINE_SAMPLES]
        fine_u = field.reshape(-1, 2)[pick].astype(np.float64) / focal_px
        fine_x, fine_y = (plane.ravel()[pick].astype(np.float64) for plane in (x, y))
        direction, omega = _refined(direction, omega, fine_x, fine_y, fine_u)
    a = _translation_basis(px, py, direction)
    rest = u - basis @ omega
    along = (rest * a).sum(-1) / np.maximum((a * a).sum(-1), 1e-9)
    if np.median(along) < 0:
        direction, along, a = -direction, -along, -a
    off = np.linalg.norm(rest - along[:, None] * a, axis=-1) * focal_px
    scale = max(0.5, 0.25 * parallax)
    length = np.linalg.norm(rest, axis=-1) * focal_px
    rigid = (off < scale) & ((along > 0) | (length < scale))
    return Motion(direction, omega, parallax, float(rigid.mean()), moving)


def _parallax_px(x_px: np.ndarray, y_px: np.ndarray, flow_px: np.ndarray, focal_px: float) -> float:
    """Median flow that no rotation explains, at whatever focal length: a pan seen with a wrong one is still a pan."""
    least = np.inf
    for factor in (0.5, 0.7, 1.0, 1.4, 2.0, 4.0):
        f = focal_px * factor
        basis = _rotation_basis(x_px / f, y_px / f).reshape(-1, 3)
        _, rest = _robust_rotation(basis, (flow_px / f).reshape(-1))
        least = min(least, float(np.median(np.linalg.norm(rest.reshape(-1, 2), axis=-1))) * f)
    return least


def _around(direction: np.ndarray, radius: float) -> np.ndarray:
    side = np.cross(direction, [0.0, 0.0, 1.0] if abs(direction[2]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    up = np.cross(direction, side)
    ring = [direction]
    for r in (radius * 0.5, radius):
        for k in range(8):
            angle = k * np.pi / 4
            ring.append(direction + r * (np.cos(angle) * side + np.sin(angle) * up))
    near = np.array(ring)
    return near / np.linalg.norm(near, axis=1, keepdims=True)


def _refined(
    direction: np.ndarray, omega: np.ndarray, x: np.ndarray, y: np.ndarray, u: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Direction and rotation that many points agree on, from ones that are nearly right: reweighted least squares of
    the flow across."""
    basis = _rotation_basis(x, y)

    def across(t: np.ndarray) -> np.ndarray:
        a = _translation_basis(x, y, t)
        return np.stack([-a[:, 1], a[:, 0]], -1) / np.maximum(np.linalg.norm(a, axis=-1, keepdims=True), 1e-6)

    for _ in range(_FINE_ROUNDS):
        normal, rest = across(direction), u - basis @ omega
        residual = (normal * rest).sum(-1)
        _, _, sides = np.linalg.svd(direction[None])  # two steps at right angles to the direction
        turned = [((across(direction + _NUDGE * side) - normal) * rest).sum(-1) / _NUDGE for side in sides[1:]]
        slope = np.stack([*turned, *-(normal[:, None] @ basis)[:, 0].T], -1)
        spread = 1.4826 * np.median(np.abs(residual)) + 1e-9
        weight = 1 / (1 + np.square(residual / (_CAUCHY * spread)))
        weighted = slope * weight[:, None]
        change = -np.linalg.solve(weighted.T @ slope + 1e-9 * len(x) * np.eye(5), weighted.T @ residual)
        direction = direction + change[0] * sides[1] + change[1] * sides[2]
        direction /= np.linalg.norm(direction)
        omega = omega + change[2:]
    return direction, omega


def _best_direction(
    candidates: np.ndarray, x: np.ndarray, y: np.ndarray, u: np.ndarray, basis: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The direction whose rotation leaves the least flow across it, and the rotation."""
    directions, rotations = _best_directions(candidates, x, y, u, basis, 1)
    return directions[0], rotations[0]


def _best_directions(
    candidates: np.ndarray, x: np.ndarray, y: np.ndarray, u: np.ndarray, basis: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The directions whose rotations leave the least flow across them, the best first, and the rotations."""
    a = np.stack([-candidates[:, 0:1] + x * candidates[:, 2:3], -candidates[:, 1:2] + y * candidates[:, 2:3]], -1)
    across = np.stack([-a[..., 1], a[..., 0]], -1)
    across /= np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-6)
    rows = across[..., 0:1] * basis[None, :, 0] + across[..., 1:2] * basis[None, :, 1]
    values = (across * u[None]).sum(-1)
    omega, residual = _robust_rotation(rows, values, rounds=4)
    # Truncated, so that someone who walks through the shot does not vote.
    limit = 3 * np.median(np.abs(residual), axis=-1).min() + 1e-7
    score = np.minimum(np.abs(residual), limit).mean(-1)
    best = np.argsort(score)[:count]
    return candidates[best], omega[best]


def nearness_from_flow(field: np.ndarray, focal_px: float, motion: Motion) -> np.ndarray:
    """Inverse depth up to one factor; NaN near the point the camera moves towards, where nothing moves whatever its
    depth.

    field: (h, w, 2) float32, px. Returns (h, w) float32, larger = nearer.
    """
    x, y = _rays(field.shape[:2], focal_px)
    rest = field / np.float32(focal_px) - (_rotation_basis(x, y) @ motion.rotation_rad).astype(np.float32)
    a = _translation_basis(x, y, motion.direction).astype(np.float32)
    power = (a * a).sum(-1)
    near = (rest * a).sum(-1) / np.maximum(power, 1e-9)
    near[power < 2e-3 * np.median(power)] = np.nan
    return near.astype(np.float32)


@dataclass(frozen=True)
class View:
    """What a pair of pictures tells: nearness (h, w) of the first, NaN where it is not known, None where it must be
    refused; the motion; and the flow (h, w, 2) px from the first to the second."""

    nearness: np.ndarray | None
    motion: Motion
    flow: np.ndarray


def pair_nearness(a: np.ndarray, b: np.ndarray, settings: ParallaxSettings) -> tuple[np.ndarray | None, Motion]:
    """`pair_views` without the flow, as fine as it can be had.

    a, b: (h, w) uint8, grey. Returns (h, w) float32, larger = nearer, None where it cannot be told; and the motion.
    """
    view = pair_views(a, b, settings, fine=True)
    return view.nearness, view.motion


def pair_views(a: np.ndarray, b: np.ndarray, settings: ParallaxSettings, fine: bool = False) -> View:
    """Nearness of picture a from its flow to b (both `grey_for_flow`), and the motion.

    a, b: (h, w) uint8, grey. Points whose flow does not come back from b to a (hidden in one of them) are NaN. The
    result is scaled so that its median is 1: the length of the camera's step is unknown. fine: slower and truer, and
    nothing is told near the picture's border, where flow is not; what a survey judges by was measured without.
    """
    followed = _fine_flow if fine else flow
    a, b = (cv2.GaussianBlur(g, (0, 0), 0.7) for g in (a, b))
    focal_px = settings.focal_px(a.shape[1])
    forth, back = followed(a, b), followed(b, a)
    brighter = _brighter(a, b, forth)
    if not 1 / _MOST_BRIGHTER < brighter < _MOST_BRIGHTER:
        b = cv2.convertScaleAbs(b, alpha=1 / brighter)
        forth, back = followed(a, b), followed(b, a)
    first = forth
    share = _found_again(a, b, forth)
    if share < LEAST_FOLLOWED:
        return View(None, Motion(np.array([0.0, 0.0, 1.0]), np.zeros(3), 0.0, 0.0, 0.0, share), first)
    motion = camera_motion(forth, focal_px, _trusted(a, forth, back), fine)
    if motion.refusal:
        return View(None, motion, first)
    turned = np.linalg.norm(motion.rotation_rad) * focal_px
    if turned > 4.0:  # flow is found best, and the formulas hold best, with the turn taken out of the picture first
        b, seen = _turned_back(b, motion.rotation_rad, focal_px)
        forth, back = followed(a, b), followed(b, a)
        trusted = _trusted(a, forth, back) & seen
        if trusted.mean() < 0.1:
            return View(None, motion, first)
        rest = camera_motion(forth, focal_px, trusted, fine)
        # Once more with the turn gone, when flow is surest: a pan leaves nothing.
        motion = replace(rest, parallax_px=min(motion.parallax_px, rest.parallax_px), moving_px=motion.moving_px)
        if motion.refusal:
            return View(None, motion, first)
        known = consistent(forth, back) & seen
    else:
        known = consistent(forth, back)
    near = nearness_from_flow(forth, focal_px, motion)
    if fine:
        known &= _clear_of_border(forth)
    near[~known] = np.nan
    middle = float(np.nanmedian(near)) if np.isfinite(near).any() else 0.0
    if not middle > 0:
        return View(None, motion, first)
    near /= middle
    return View(-near if settings.invert else near, motion, first)


def _led(b: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Picture b at the first picture's pixels, by the flow from there."""
    return cv2.remap(b, field + places(*b.shape), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _brighter(a: np.ndarray, b: np.ndarray, forth: np.ndarray) -> float:
    """How many times brighter picture b shows what picture a does, as under a camera that sets its exposure itself."""
    led = _led(b, forth)
    seen = (a > 8) & (a < 250) & (led > 8) & (led < 250)
    return float(np.median(led[seen] / a[seen].astype(np.float32))) if seen.mean() > LEAST_FOLLOWED else 1.0


def _found_again(a: np.ndarray, b: np.ndarray, forth: np.ndarray) -> float:
    """Share of the picture that has texture which is still there where the flow leads: grain is not."""
    shown = texture(a)
    rest = texture(cv2.subtract(a, _led(b, forth), dtype=cv2.CV_32F))
    return float(((shown > 1.0) & (rest < 0.5 * shown)).mean())


def _trusted(a: np.ndarray, forth: np.ndarray, back: np.ndarray) -> np.ndarray:
    returns = consistent(forth, back)
    trusted = returns & (texture(a) > 1.0)
    return trusted if trusted.mean() > 0.05 else returns


def _clear_of_border(field: np.ndarray) -> np.ndarray:
    """(h, w) bool: where neither a pixel nor what it moves to is near the picture's border."""
    h, w = field.shape[:2]
    here = places(h, w)
    low, high = (_BORDER_PX, _BORDER_PX, 0, 0), (w - 1 - _BORDER_PX, h - 1 - _BORDER_PX, 0, 0)
    return (cv2.inRange(here, low, high) > 0) & (cv2.inRange(here + field, low, high) > 0)


def _turned_back(b: np.ndarray, rotation_rad: np.ndarray, focal_px: float) -> tuple[np.ndarray, np.ndarray]:
    """Picture b as the camera would have seen it without its turn, and where that is known."""
    h, w = b.shape
    camera = np.array([[focal_px, 0, w / 2 - 0.5], [0, focal_px, h / 2 - 0.5], [0, 0, 1]])
    # Flow of the basis is that of points seen by a camera turning by +omega: they turn by -omega.
    turn, _ = cv2.Rodrigues(-rotation_rad.astype(np.float64))
    place = camera @ turn @ np.linalg.inv(camera)  # from a's raster to b's
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    back = cv2.warpPerspective(b, place, (w, h), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    seen = cv2.warpPerspective(np.full((h, w), 255, np.uint8), place, (w, h), flags=flags)
    return back, seen > 250


def texture(grey: np.ndarray) -> np.ndarray:
    """Local contrast: where it is 0, flow is guessed by its neighbours.

    grey: (h, w) uint8 or float32, 0 to 255. Returns (h, w) float32, grey levels.
    """
    g = grey.astype(np.float32)
    mean = cv2.blur(g, (9, 9))
    return np.sqrt(np.maximum(cv2.blur(g * g, (9, 9)) - mean * mean, 0))


def consistent(forth: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Where following the flow forth and then back ends within a pixel of the start (Sundaram et al. 2010).

    forth, back: (h, w, 2) float32, px. Returns (h, w) bool.
    """
    h, w = forth.shape[:2]
    at = forth + places(h, w)
    home = cv2.remap(back, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    length = squares(forth) + squares(home)
    inside = cv2.inRange(at, (0, 0, 0, 0), (w - 1, h - 1, 0, 0)) > 0
    return inside & (squares(forth + home) < 0.01 * length + 0.5)


def squares(field: np.ndarray) -> np.ndarray:
    """The squared length of each of a field's vectors.

    field: (h, w, 2) float32, px. Returns (h, w) float32, px^2.
    """
    x, y = cv2.split(field)
    return x * x + y * y


@lru_cache(maxsize=4)
def places(height: int, width: int) -> np.ndarray:
    """x and y of each pixel. Returns (h, w, 2) float32, px."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return cv2.merge((x, y))
