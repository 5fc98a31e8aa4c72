# SPDX-License-Identifier: GPL-3.0-or-later
"""A coarse depth made to follow the picture's edges.

Where the coarse depth steps, the colours of its near side and of its far side are gathered around the step; each
full-size pixel is then given to the side whose colour it has. Where the two sides look alike the coarse depth stays.
In the spirit of joint bilateral upsampling (Kopf et al., SIGGRAPH 2007), with two modes and linear cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

_REACH_PX = 3  # of the coarse depth: how far its edge may be from the picture's
_FULL_WIDTH_PX = 1280  # wider pictures have their edges told at half size: a quarter of the time
_STEP = 0.05  # of the depth's range: a smaller step inside the reach is a slope


def halved(picture: np.ndarray) -> np.ndarray:
    """A picture wider than _FULL_WIDTH_PX at half size; any other as it is.

    picture: (H, W, C) float32, scene-linear. Returns (h, w, C) float32, scene-linear.
    """
    height, width = picture.shape[:2]
    if width <= _FULL_WIDTH_PX:
        return picture
    return cv2.resize(picture, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)


def look_of(picture: np.ndarray) -> np.ndarray:
    """What the edges of a picture are told from, small enough to be kept until its depth is ready.

    picture: (H, W, 3 or 4) float32, scene-linear. Returns (h, w, 3) uint8, the square root of light: full size, or
    half of it where the picture is wider than _FULL_WIDTH_PX.
    """
    picture = halved(picture)
    rgb = picture if picture.shape[2] == 3 else cv2.cvtColor(picture, cv2.COLOR_BGRA2BGR)  # drops alpha, no more
    rgb = cv2.threshold(rgb, 0, 0, cv2.THRESH_TOZERO)[1]
    return cv2.convertScaleAbs(cv2.sqrt(rgb), alpha=255)


def upsample_by(nearness: np.ndarray, look: np.ndarray, shape: tuple[int, int], spread: float) -> np.ndarray:
    """Bring nearness to the size of a picture, with the picture's edges.

    nearness: (h, w) float32 of any scale, without NaN. look: (h, w, 3) uint8, what `look_of` kept of a picture of
    that shape, (H, W). spread: range of the values, to tell a step from a slope. Returns (H, W) float32 of
    nearness's scale.
    """
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
    sides = _two_sides(nearness, look, spread)
    if sides is not None:
        _apply(smooth, look, sides)
    return smooth


def _dot(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> np.ndarray:
    """Sum of products of planes."""
    total = a[0] * b[0]
    for one, other in zip(a[1:], b[1:], strict=True):
        cv2.accumulateProduct(one, other, total)
    return total


@dataclass(frozen=True)
class _Sides:
    """What parts the near side of a step from its far side; planes (h, w) float32 of the coarse depth's size.

    test: a linear test of colour, three weights and an offset: 0 far side, 1 near side. near, far: the sides' nearness.
    trust: how well colour tells them apart. band: where that is wanted, 0-1.
    """

    test: list[np.ndarray]
    near: np.ndarray
    far: np.ndarray
    trust: np.ndarray
    band: np.ndarray


def _two_sides(nearness: np.ndarray, look: np.ndarray, spread: float) -> _Sides | None:
    """The two sides of a coarse depth's steps; None where it has none."""
    h, w = nearness.shape
    kernel = np.ones((2 * _REACH_PX + 1,) * 2, np.uint8)
    low, high = cv2.erode(nearness, kernel), cv2.dilate(nearness, kernel)
    step = high - low
    band = np.clip((step / max(spread, 1e-12) - _STEP) / _STEP, 0, 1).astype(np.float32)
    if not band.any():
        return None
    colour = cv2.split(cv2.resize(look, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32) / 255)
    squares = _dot(colour, colour)
    place = (nearness - low) / np.maximum(step, 1e-12)

    def means(inside: np.ndarray) -> tuple[np.ndarray, list[np.ndarray], np.ndarray, np.ndarray]:
        """Count, and mean colour, scatter of colour and nearness of the pixels inside, around each pixel."""
        weight = inside.astype(np.float32)
        planes = [weight, *(cv2.multiply(plane, weight) for plane in (*colour, squares, nearness))]
        size = (2 * _REACH_PX + 3,) * 2
        sums = cv2.boxFilter(cv2.merge(planes), -1, size, normalize=False, borderType=cv2.BORDER_REFLECT_101)
        count, *rest = cv2.split(sums)
        some = np.maximum(count, 1)
        *mean, square, value = (cv2.divide(total, some) for total in rest)
        return count, mean, square - _dot(mean, mean), value

    near_count, colour_near, near_scatter, near = means(place > 0.75)
    far_count, colour_far, far_scatter, far = means(place < 0.25)
    both = (near_count > 2.5) & (far_count > 2.5)
    apart = [a - b for a, b in zip(colour_near, colour_far, strict=True)]
    distance = _dot(apart, apart)
    scatter = np.maximum(near_scatter + far_scatter, 0)
    trust = np.where(both, distance / (distance + 1.5 * scatter + 4e-4), 0).astype(np.float32)
    weights = [plane / np.maximum(distance, 1e-4) for plane in apart]
    planes = [*weights, -_dot(weights, colour_far), near, far]
    # Neighbouring tests are averaged by their trust, else the picture shows the coarse raster.
    heavy = trust + np.float32(1e-6)
    sums = cv2.split(cv2.blur(cv2.merge([*(cv2.multiply(plane, heavy) for plane in planes), heavy]), (3, 3)))
    *test, near, far = (cv2.divide(plane, sums[-1]) for plane in sums[:-1])
    return _Sides(test, near, far, trust, band)


_LEAST_TRUST = 0.35
_ROW = 1024  # cv2.remap takes no list longer than 32767, but a picture of many rows


def _apply(out: np.ndarray, look: np.ndarray, sides: _Sides) -> None:
    """Give the pixels near a step to the side whose colour they have. out: (H, W), changed in place."""
    h, w = sides.band.shape
    height, width = out.shape
    size = (width, height)
    wanted = cv2.resize(sides.band, size, interpolation=cv2.INTER_LINEAR)
    trust = cv2.resize(sides.trust, size, interpolation=cv2.INTER_LINEAR)
    # Steps fill a small part of a picture: only their pixels are computed.
    places = np.flatnonzero((wanted > 0) & (trust > _LEAST_TRUST))
    if not places.size:
        return
    padded = np.concatenate([places, np.repeat(places[-1:], -places.size % _ROW)])
    x = ((padded % width + 0.5) * (w / width) - 0.5).astype(np.float32).reshape(-1, _ROW)
    y = ((padded // width + 0.5) * (h / height) - 0.5).astype(np.float32).reshape(-1, _ROW)

    def there(*planes: np.ndarray) -> list[np.ndarray]:
        found = cv2.remap(cv2.merge(planes), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return [plane.ravel()[: places.size] for plane in cv2.split(found)]

    *weights, offset = there(*sides.test)
    near, far = there(sides.near, sides.far)
    colour = look.reshape(-1, 3).take(places, axis=0).astype(np.float32)
    colour *= np.float32(1 / 255)
    told = np.clip(_dot(weights, [plane.copy() for plane in colour.T]) + offset, -0.5, 1.5)
    before, trust = out.ravel()[places], trust.ravel()[places]
    coarse = np.clip((before - far) / np.where(np.abs(near - far) < 1e-12, 1e-12, near - far), 0, 1)
    vote = trust * told + (1 - trust) * coarse
    sided = far + np.clip((vote - 0.45) / 0.1, 0, 1) * (near - far)
    blend = wanted.ravel()[places] * np.clip((trust - _LEAST_TRUST) / 0.3, 0, 1)
    out.ravel()[places] = before + blend * (sided - before)
