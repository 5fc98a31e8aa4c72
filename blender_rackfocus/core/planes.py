# SPDX-License-Identifier: GPL-3.0-or-later
"""Arithmetic on planes, where OpenCV or the numbers' bits are quicker than numpy's own.

A plane is one number for each pixel of a picture, (h, w) float32: a colour channel, coverage, depth or a place.
"""

from collections.abc import Callable

import cv2
import numpy as np


def at_least_zero(plane: np.ndarray) -> np.ndarray:
    """The plane, written: what was below 0 is 0.

    plane: (h, w) float32 of any meaning. Returns (h, w) float32, >= 0.
    """
    return cv2.threshold(plane, 0, 0, cv2.THRESH_TOZERO, dst=plane)[1]


def at_most(limit: float, plane: np.ndarray) -> np.ndarray:
    """The plane, written: what was above the limit is the limit.

    plane: (h, w) float32 of any meaning. Returns (h, w) float32, <= limit.
    """
    return cv2.threshold(plane, limit, 0, cv2.THRESH_TRUNC, dst=plane)[1]


def between_0_and_1(plane: np.ndarray) -> np.ndarray:
    """The plane, written, cut off at 0 and 1.

    plane: (h, w) float32 of any meaning. Returns (h, w) float32, 0 to 1.
    """
    return at_most(1.0, at_least_zero(plane))


def with_sign_of(signed: np.ndarray, size: np.ndarray) -> np.ndarray:
    """`size`, written, with the signs of another plane: np.copysign in a third of its time.

    signed, size: (h, w) float32 of any meaning. Returns (h, w) float32, size itself.
    """
    bits = size.view(np.uint32)
    np.bitwise_or(bits, np.bitwise_and(signed.view(np.uint32), np.uint32(1 << 31)), out=bits)
    return size


def double(plane: np.ndarray) -> np.ndarray:
    """A plane's values twice side by side, to go with an interleaved pair of planes.

    plane: (h, w) float32 of any meaning. Returns (h, 2 w) float32 of the same.
    """
    return cv2.merge((plane, plane)).reshape(plane.shape[0], -1)


def halved(picture: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels; height and width are even.

    picture: (h, w) or (h, w, C) float32 of any meaning. Returns (h / 2, w / 2) or (h / 2, w / 2, C) float32 of the
    same.
    """
    size = picture.shape[1] // 2, picture.shape[0] // 2
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], *picture.shape[2:])


def extreme_of_cells(pick: Callable, plane: np.ndarray, edge: int) -> np.ndarray:
    """Smallest or largest value (`pick`: cv2.min or cv2.max) in each cell of edge x edge pixels.

    plane: (h, w) float32 of any meaning; h and w are multiples of `edge`. Returns (h / edge, w / edge) float32 of
    the same.
    """
    rows = plane[::edge]
    for down in range(1, edge):
        rows = pick(rows, plane[down::edge])
    columns = rows[:, ::edge]
    for right in range(1, edge):
        columns = pick(columns, rows[:, right::edge])
    return columns
