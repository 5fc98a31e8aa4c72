# SPDX-License-Identifier: GPL-3.0-or-later
"""How the camera moved between two frames whose depth is known, from the picture's own motion.

A point seen in direction r (z = 1) at depth z is seen by a camera that turned by R and went by t in direction
R r + t / z: Longuet-Higgins and Prazdny, Proc. R. Soc. B 208, 1980. With depth at hand R and t follow from optical flow
by reweighted least squares; what moves by itself, and where flow errs, does not vote for long.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

FLOW_WIDTH_PX = 640
"""Pictures are compared at this width at most."""
_SAMPLES = 2000
_GUESSES, _POINTS, _JUDGES = 200, 5, 500
_INLIER_PX = 1.0
_ROUNDS = 8
_SETTLED_PX = 1e-3
"""A round that moves nothing by more is the last, in pixels."""
_LEAST_SAMPLES = 200
_TEXTURE = 1.5
"""Local contrast in grey levels below which flow is its neighbours' guess."""
_PATCH_PX = 9
_STEP = np.float32(1.15)
"""Within a patch of what is nearer by so much, flow is that of the nearer: beside a textured front a plain wall seemed
to go with it (a third of the camera's way lost)."""


@dataclass(frozen=True)
class CameraStep:
    """The way of points from one frame into another. turn: (3, 3) rotation. shift: (3,) metres, or in whatever unit the
    depth is. focal: focal length as a share of the picture's width."""

    turn: np.ndarray
    shift: np.ndarray
    focal: float

    def places(
        self, x: np.ndarray, y: np.ndarray, nearness: np.ndarray, size: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where points are in the other frame.

        x, y: (...) float32, pixels, as many as or broadcast with nearness. nearness: (...) float32, 1 / depth. size:
        (height, width) of both pictures, pixels. Returns (...) float32, x, y in pixels and nearness there, which is -1
        for what comes to lie behind the camera.
        """
        height, width = size
        focal_px = np.float32(self.focal * width)
        centre_x, centre_y = np.float32((width - 1) / 2), np.float32((height - 1) / 2)
        turn, shift = self.turn.astype(np.float32), self.shift.astype(np.float32)
        right, down = (x - centre_x) / focal_px, (y - centre_y) / focal_px
        ahead = turn[2, 0] * right + turn[2, 1] * down + turn[2, 2] + shift[2] * nearness
        scale = focal_px / np.maximum(ahead, np.float32(1e-3))
        there_x = (turn[0, 0] * right + turn[0, 1] * down + turn[0, 2] + shift[0] * nearness) * scale + centre_x
        there_y = (turn[1, 0] * right + turn[1, 1] * down + turn[1, 2] + shift[1] * nearness) * scale + centre_y
        there = np.where(ahead > np.float32(1e-3), nearness * scale / focal_px, np.float32(-1))
        return there_x, there_y, there

    def times(self, share: float) -> CameraStep:
        """So many times the way, as a camera goes that neither speeds up nor turns off; negative: the other way."""
        turn, _ = cv2.Rodrigues(cv2.Rodrigues(self.turn)[0] * share)
        return CameraStep(turn, self.shift * share, self.focal)

    def inverse(self) -> CameraStep:
        """The way back."""
        return CameraStep(self.turn.T, -self.turn.T @ self.shift, self.focal)


def grey(picture: np.ndarray) -> np.ndarray:
    """The brightness of a picture as a display has it.

    picture: (h, w, 3 or 4) float32, scene-linear. Returns (h, w) uint8, square roots of luma.
    """
    luma = picture[..., :3] @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    return (255 * np.sqrt(np.clip(luma, 0, 1))).astype(np.uint8)


def flow(here: np.ndarray, there: np.ndarray, finest: int, first: np.ndarray | None = None) -> np.ndarray:
    """DIS optical flow (Kroeger et al., ECCV 2016) between two `grey`.

    here, there: (h, w) uint8, display-encoded. finest: how many times the size is halved for the last look; finer than
    once follows the noise. first: (h, w, 2) float32, pixels, a guess of it. Returns (h, w, 2) float32, pixels right
    and down.
    """
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    dis.setFinestScale(finest)
    dis.setVariationalRefinementIterations(0)  # half of the time, and the step fitted is the same
    return dis.calc(here, there, None if first is None else first.copy())


def fitted_step(
    here: np.ndarray, there: np.ndarray, nearness: np.ndarray, focal: float, guess: CameraStep | None = None
) -> CameraStep | None:
    """The camera's step between two `grey`; None where they have too little to follow.

    here, there: (h, w) uint8, display-encoded. nearness: (h, w) float32, 1 / depth of the first. focal: focal length as
    a share of the picture's width. guess: about the step, where that is known.
    """
    soft = cv2.GaussianBlur(here, (0, 0), 0.7), cv2.GaussianBlur(there, (0, 0), 0.7)
    at = _told(here, nearness)
    if at.size < _LEAST_SAMPLES:
        return None
    step = _fit(flow(*soft, 2), at, nearness, focal) if guess is None else guess
    height, width = here.shape
    x, y = grid(height, width)
    there_x, there_y, _ = step.places(x, y, nearness, (height, width))
    return _fit(flow(*soft, 1, cv2.merge([there_x - x, there_y - y])), at, nearness, focal, step)


@lru_cache(maxsize=4)
def grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Where pixels are. Returns (h, w) float32, pixels, of x and of y; not to be written to."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return x, y


def _told(here: np.ndarray, nearness: np.ndarray) -> np.ndarray:
    """Flat indices of pixels whose flow is their own; where there are few, also of those beside what is nearer."""
    pixels = here.astype(np.float32)
    patch = _PATCH_PX, _PATCH_PX
    mean = cv2.blur(pixels, patch)
    contrast = cv2.blur(pixels * pixels, patch) - mean * mean
    told = (contrast > _TEXTURE**2) & np.isfinite(nearness)
    clear = told & (cv2.dilate(nearness, np.ones(patch, np.uint8)) < nearness * _STEP)
    at = np.flatnonzero(clear if np.count_nonzero(clear) >= _SAMPLES else told)
    return np.random.default_rng(0).permutation(at)[:_SAMPLES]


def _fit(
    field: np.ndarray, at: np.ndarray, nearness: np.ndarray, focal: float, first: CameraStep | None = None
) -> CameraStep:
    """The step that flow says at some pixels; from a first one, else from what most of them agree with."""
    height, width = nearness.shape
    y, x = np.divmod(at, width)
    x, y, near = x.astype(np.float64), y.astype(np.float64), nearness.ravel()[at].astype(np.float64)
    unit = max(float(near.max()), 1e-12)  # so that turn and shift weigh alike
    near /= unit
    focal_px = focal * width
    ways = np.stack([(x - (width - 1) / 2) / focal_px, (y - (height - 1) / 2) / focal_px, np.ones_like(x)], -1)
    wanted = ways[:, :2] + field.reshape(-1, 2)[at].astype(np.float64) / focal_px
    if first is None:
        turn, shift = _guess(ways, near, wanted, _INLIER_PX / focal_px)
    else:
        turn, shift = first.turn, first.shift * unit
    for _ in range(_ROUNDS):
        seen = ways @ turn.T + near[:, None] * shift
        left = wanted - seen[:, :2] / np.maximum(seen[:, 2:], 1e-3)
        weight = 1 / (np.square(left).sum(-1) + np.square(0.3 * _INLIER_PX / focal_px))  # Cauchy's
        change = _solved(_basis(seen, near), left, weight)
        small, _ = cv2.Rodrigues(change[:3])
        turn, shift = small @ turn, small @ shift + change[3:]
        if np.abs(change).max() * focal_px < _SETTLED_PX:
            break
    return CameraStep(turn, shift / unit, focal)


def _guess(ways: np.ndarray, near: np.ndarray, wanted: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Turn and shift that most points agree with, of many that a few points each say, and of standing still."""
    count = ways.shape[0]
    picks = np.random.default_rng(1).integers(0, count, (_GUESSES, _POINTS))
    basis, left = _basis(ways, near), wanted - ways[:, :2]
    chosen = basis[picks].reshape(_GUESSES, 2 * _POINTS, 6)
    normal = np.swapaxes(chosen, 1, 2) @ chosen
    normal += np.eye(6) * (1e-6 * np.trace(normal, axis1=1, axis2=2)[:, None, None] + 1e-12)
    said = np.linalg.solve(normal, np.swapaxes(chosen, 1, 2) @ left[picks].reshape(_GUESSES, 2 * _POINTS, 1))[..., 0]
    said = np.concatenate([np.zeros((1, 6)), said])
    judges = np.random.default_rng(2).permutation(count)[:_JUDGES]
    off = np.hypot(*np.moveaxis(left[judges] - np.einsum("nij,gj->gni", basis[judges], said), -1, 0))
    best = said[int(np.minimum(off, limit).mean(-1).argmin())]
    return cv2.Rodrigues(best[:3])[0], best[3:]


def _solved(basis: np.ndarray, left: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The change of (turn, shift) that explains most of what is left, by weighted least squares."""
    weighted = basis * weight[:, None, None]
    normal = np.tensordot(weighted, basis, ((0, 1), (0, 1)))
    normal += np.eye(6) * 1e-7 * np.trace(normal)  # one depth alone does not tell a turn from a shift
    return np.linalg.solve(normal, np.tensordot(weighted, left, ((0, 1), (0, 1))))


def _basis(seen: np.ndarray, near: np.ndarray) -> np.ndarray:
    """(n, 2, 6): how the places of what is seen, (n, 3) directions, move with a small turn and a shift."""
    ahead = np.maximum(seen[:, 2], 1e-3)
    x, y = seen[:, 0] / ahead, seen[:, 1] / ahead
    by, none = near / ahead, np.zeros_like(x)
    return np.stack(
        [
            np.stack([-x * y, 1 + x * x, -y, by, none, -x * by], -1),
            np.stack([-1 - y * y, x * y, x, none, by, -y * by], -1),
        ],
        -2,
    )
