# SPDX-License-Identifier: GPL-3.0-or-later
"""A coarse depth made to follow the picture's edges.

Where the coarse depth steps, the colours of its near side and of its far side are gathered around the step; each
full-size pixel is then given to the side whose colour it has. Where the two sides look alike the coarse depth stays.
In the spirit of joint bilateral upsampling (Kopf et al., SIGGRAPH 2007), with two modes and linear cost.
"""

from __future__ import annotations

import cv2
import numpy as np

_REACH_PX = 3  # of the coarse depth: how far its edge may be from the picture's
_FULL_WIDTH_PX = 1280  # wider pictures have their edges told at half size: a quarter of the time
_STEP = 0.05  # of the depth's range: a smaller step inside the reach is a slope


def halved(picture: np.ndarray) -> np.ndarray:
    """A picture wider than _FULL_WIDTH_PX at half size; any other as it is."""
    height, width = picture.shape[:2]
    if width <= _FULL_WIDTH_PX:
        return picture
    return cv2.resize(picture, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)


def look_of(picture: np.ndarray) -> np.ndarray:
    """What the edges of a picture are told from, small enough to be kept until its depth is ready.

    picture : (H, W, 3 or 4) float32 scene-linear. Returns (h, w, 3) uint8, the square root of light: full size, or half
    of it where the picture is wider than _FULL_WIDTH_PX.
    """
    picture = halved(picture)
    return np.rint(255 * np.minimum(_encode(picture), 1)).astype(np.uint8)


def upsample(nearness: np.ndarray, picture: np.ndarray, spread: float) -> np.ndarray:
    """Bring nearness to the picture's size with the picture's edges.

    nearness : (h, w) float32 without NaN. picture : (H, W, 3 or 4) float32 scene-linear. spread : range of the values,
    to tell a step from a slope. Returns (H, W) float32.
    """
    return upsample_by(nearness, look_of(picture), picture.shape[:2], spread)


def upsample_by(nearness: np.ndarray, look: np.ndarray, shape: tuple[int, int], spread: float) -> np.ndarray:
    """`upsample` by what `look_of` kept of a picture of shape (H, W)."""
    near = _follow(nearness, look, spread)
    if near.shape == shape:
        return near
    # Sides were told at half size; a step is then doubled as it is, so that no mixture appears on it.
    height, width = shape
    out = cv2.resize(near, (width, height), interpolation=cv2.INTER_LINEAR)
    kernel = np.ones((3, 3), np.uint8)
    step = (cv2.dilate(near, kernel) - cv2.erode(near, kernel) > 0.5 * _STEP * spread).astype(np.uint8)
    if step.any():
        big = cv2.resize(step, (width, height), interpolation=cv2.INTER_NEAREST)
        cv2.copyTo(cv2.resize(near, (width, height), interpolation=cv2.INTER_NEAREST), big, out)
    return out


def _follow(nearness: np.ndarray, look: np.ndarray, spread: float) -> np.ndarray:
    """Nearness at the look's size, each pixel given to the side whose colour it has."""
    height, width = look.shape[:2]
    smooth = cv2.resize(nearness, (width, height), interpolation=cv2.INTER_LINEAR)
    model, band = _two_sides(nearness, look, spread)
    if model is None:
        return smooth
    _apply(smooth, look, model, band)
    return smooth


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Sum over the first three channels; numpy's sum over a short last axis is several times slower."""
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]


def _encode(linear: np.ndarray) -> np.ndarray:
    return cv2.sqrt(np.maximum(linear[..., :3], 0).astype(np.float32))


def _two_sides(nearness: np.ndarray, look: np.ndarray, spread: float) -> tuple[np.ndarray | None, np.ndarray]:
    """Per coarse pixel: a linear test of colour (3 weights and an offset: 0 far side, 1 near side), the two sides'
    nearness, how well colour tells them apart; and where that is wanted (0-1)."""
    h, w = nearness.shape
    kernel = np.ones((2 * _REACH_PX + 1,) * 2, np.uint8)
    low, high = cv2.erode(nearness, kernel), cv2.dilate(nearness, kernel)
    step = high - low
    band = np.clip((step / max(spread, 1e-12) - _STEP) / _STEP, 0, 1).astype(np.float32)
    if not band.any():
        return None, band
    small = cv2.resize(look, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    place = (nearness - low) / np.maximum(step, 1e-12)
    near, far = (place > 0.75).astype(np.float32), (place < 0.25).astype(np.float32)
    size = (2 * _REACH_PX + 3,) * 2

    def total(of: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(of, -1, size, normalize=False, borderType=cv2.BORDER_REFLECT_101)

    def mean(of: np.ndarray, weight: np.ndarray, count: np.ndarray) -> np.ndarray:
        if of.ndim == 2:
            return total(of * weight) / count
        return total(of * weight[..., None]) / count[..., None]

    near_count, far_count = total(near), total(far)
    both = (near_count > 2.5) & (far_count > 2.5)
    near_count, far_count = np.maximum(near_count, 1), np.maximum(far_count, 1)
    colour_near, colour_far = mean(small, near, near_count), mean(small, far, far_count)
    apart = colour_near - colour_far
    distance = _dot(apart, apart)
    squares = _dot(small, small)
    scatter = (
        mean(squares, near, near_count)
        - _dot(colour_near, colour_near)
        + mean(squares, far, far_count)
        - _dot(colour_far, colour_far)
    )
    trust = np.where(both, distance / (distance + 1.5 * np.maximum(scatter, 0) + 4e-4), 0).astype(np.float32)
    weights = apart / np.maximum(distance, 1e-4)[..., None]
    offset = -_dot(weights, colour_far)
    model = np.dstack([weights, offset, mean(nearness, near, near_count), mean(nearness, far, far_count)])
    # Neighbouring tests are averaged by their trust, else the picture shows the coarse raster.
    heavy = trust + np.float32(1e-6)
    blurred = cv2.blur(model[..., :4] * heavy[..., None], (3, 3)), cv2.blur(model[..., 4:] * heavy[..., None], (3, 3))
    model = np.dstack(blurred) / cv2.blur(heavy, (3, 3))[..., None]
    return np.dstack([model, trust]).astype(np.float32), band


_LEAST_TRUST = 0.35
_ROW = 1024  # cv2.remap takes no list longer than 32767, but a picture of many rows


def _apply(out: np.ndarray, look: np.ndarray, model: np.ndarray, band: np.ndarray) -> None:
    """Give the pixels near a step to the side whose colour they have. out: (H, W), changed in place."""
    h, w = band.shape
    height, width = out.shape
    size = (width, height)
    wanted = cv2.resize(band, size, interpolation=cv2.INTER_LINEAR)
    trust = cv2.resize(np.ascontiguousarray(model[..., 6]), size, interpolation=cv2.INTER_LINEAR)
    # Steps fill a small part of a picture: only their pixels are computed.
    places = np.flatnonzero((wanted > 0) & (trust > _LEAST_TRUST))
    if not places.size:
        return
    padded = np.concatenate([places, np.repeat(places[-1:], -places.size % _ROW)])
    x = ((padded % width + 0.5) * (w / width) - 0.5).astype(np.float32).reshape(-1, _ROW)
    y = ((padded // width + 0.5) * (h / height) - 0.5).astype(np.float32).reshape(-1, _ROW)
    test, sides = (
        cv2.remap(np.ascontiguousarray(part), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        .reshape(padded.size, -1)[: places.size]
        for part in (model[..., :4], model[..., 4:6])
    )
    colour = look.reshape(-1, 3)[places].astype(np.float32) / 255
    told = np.clip(_dot(colour, test) + test[:, 3], -0.5, 1.5)
    near, far = sides[:, 0], sides[:, 1]
    before, trust = out.ravel()[places], trust.ravel()[places]
    coarse = np.clip((before - far) / np.where(np.abs(near - far) < 1e-12, 1e-12, near - far), 0, 1)
    vote = trust * told + (1 - trust) * coarse
    sided = far + np.clip((vote - 0.45) / 0.1, 0, 1) * (near - far)
    blend = wanted.ravel()[places] * np.clip((trust - _LEAST_TRUST) / 0.3, 0, 1)
    out.ravel()[places] = before + blend * (sided - before)
