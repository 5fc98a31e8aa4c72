# SPDX-License-Identifier: GPL-3.0-or-later
"""Sheets: samples laid out for the blur, which takes two planes at a time.

A sheet holds one sample for each pixel. A pair is two planes in one array, their numbers in turn along x, because the
blur handles them as the real and the imaginary part of one complex number (`blur`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

NOWHERE = 1e6
"""Place among the layers of a sample without coverage."""


@dataclass(frozen=True)
class Sheet:
    """One sample for each pixel (or cell, at a reduced size) of a picture: its light, and which layer it belongs to.

    pairs  (P, H, 2 W) float32: two planes each, interleaved along x; premultiplied by coverage, the very last plane
    place  (H, W) float32: where it lies among the layers (`Stand.at`), NOWHERE if it is empty
    """

    pairs: np.ndarray
    place: np.ndarray

    @staticmethod
    def blank(
        pairs: int, height: int, width: int, margin: tuple[int, int] = (0, 0), empty: Callable = np.empty
    ) -> "Sheet":
        """One to be written, with a margin of so many (rows, columns) on every side; `empty` makes its arrays."""
        height, width = height + 2 * margin[0], width + 2 * margin[1]
        return Sheet(empty((pairs, height, 2 * width), np.float32), empty((height, width), np.float32))

    def part(self, rows: slice, columns: slice = slice(None)) -> "Sheet":
        """A window of it, sharing memory."""
        both = slice(columns.start and 2 * columns.start, columns.stop and 2 * columns.stop)
        return Sheet(self.pairs[:, rows, both], self.place[rows, columns])

    def within(self, margin: tuple[int, int]) -> "Sheet":
        """What lies within its margin, sharing memory."""
        height, width = self.place.shape
        return self.part(slice(margin[0], height - margin[0]), slice(margin[1], width - margin[1]))

    def clear(self) -> None:
        """Make it hold no sample."""
        self.pairs.fill(0)
        self.place.fill(NOWHERE)


def pairs_of(colour: np.ndarray, coverage: np.ndarray | None, out: np.ndarray) -> None:
    """Write channels and coverage as interleaved pairs of planes, premultiplied, into `out`.

    colour: (h, w, C) float32, scene-linear. coverage: (h, w) float32, 0 to 1; None is 1. out: (P, h, 2 w) float32,
    pairs. Where it has room for the channels only, the last of them is the coverage, or 1.
    """
    height, width, channels = colour.shape
    if coverage is not None:
        colour = cv2.multiply(colour, cv2.merge([coverage] * channels).reshape(colour.shape)).reshape(colour.shape)
    if channels == 4 == 2 * len(out):  # two numbers are moved as if they were one
        cv2.mixChannels([colour.view(np.float64)], [pair.view(np.float64) for pair in out], [0, 0, 1, 1])
        return
    if coverage is None:
        coverage = np.ones((height, width), np.float32)
    if channels % 2 == 0:
        out[-1][:, 0::2] = 0
    into = [pair.reshape(height, width, 2) for pair in out]
    plane_of = [n for channel in range(channels) for n in (channel, channel)]
    cv2.mixChannels([colour, coverage], into, [*plane_of, channels, 2 * len(into) - 1])
