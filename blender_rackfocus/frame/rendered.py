# SPDX-License-Identifier: GPL-3.0-or-later
"""What a 3D scene was rendered for besides its picture: what near surfaces hide, and what lies around the frame.

The hidden layer is the same camera's picture without the objects that are blurred all over in front of the focus: what
reaches into the focus, or beyond it, stays, so that nothing that is cut in half shows what no lens would see. The layer
counts where it is farther than what stands before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..core import Behind
from ..core.defocus import within
from ..core.lens import depth_of_field_m
from . import inputs

LEAST_BLUR_PX = 1.0
"""An object is left out where all of it is blurred by a circle of at least this radius, in front of the focus."""

_FARTHER = np.float32(1.0 + 1e-4)
"""What lies behind is farther than the picture's surface by more than rounding."""


@dataclass(frozen=True)
class Rendered:
    """What was rendered besides a picture.

    behind: what its surfaces hide; None where nothing is known of it. wide: the picture, (H, W, 4) float32 scene-linear
    premultiplied, and its depth, (H, W) float32 metres, with `margin` (rows, columns) around it on every side; `behind`
    is as large then.
    """

    behind: Behind | None = None
    wide: tuple[np.ndarray, np.ndarray] | None = None
    margin: tuple[int, int] = (0, 0)

    def cut(self, rows: slice, columns: slice) -> Rendered:
        """A part of it, of which nothing lies around."""
        if self.behind is None:
            return NOTHING
        one = within_frame(self.behind, self.margin)
        parts = (np.ascontiguousarray(plane[rows, columns]) for plane in (one.picture, one.depth_m, one.known))
        return Rendered(Behind(*parts))

    @property
    def size_bytes(self) -> int:
        """What it takes in memory."""
        one = self.behind
        planes = [*(self.wide or ()), *((one.picture, one.depth_m, one.known) if one is not None else ())]
        return sum(plane.nbytes for plane in planes)


NOTHING = Rendered()


def hides(depth_m: np.ndarray, hidden: np.ndarray, hidden_depth_m: np.ndarray) -> Behind:
    """What a picture hides, from a render without what stands in front.

    depth_m: (H, W) float32, metres. hidden: (H, W, 4) float32, scene-linear, premultiplied; hidden_depth_m: (H, W)
    float32, metres: the same view without it. Raises ValueError where the two are of other sizes.
    """
    if hidden.shape[:2] != depth_m.shape or hidden_depth_m.shape != depth_m.shape:
        raise ValueError(f"what is hidden must be as large as the picture {depth_m.shape}, is {hidden.shape[:2]}")
    known = (hidden_depth_m > depth_m * _FARTHER).astype(np.float32)
    return Behind(hidden, hidden_depth_m, known)


def within_frame(behind: Behind, margin: tuple[int, int]) -> Behind:
    """A second layer without a margin of so many (rows, columns)."""
    return Behind(*(within(plane, margin) for plane in (behind.picture, behind.depth_m, behind.known)))


def blurred_before_m(values: Mapping[str, float], width_px: int) -> float:
    """The distance in metres before which everything is blurred, through the lens of these inputs, in a picture of this
    width; 0 where nothing is. Raises ValueError."""
    return depth_of_field_m(inputs.lens_of(values), width_px, LEAST_BLUR_PX)[0]


def left_out(ends_m: Mapping[str, float], values: Mapping[str, float], width_px: int) -> tuple[str, ...]:
    """Which objects are left out for what is hidden, in order. ends_m: the distance of each one's farthest point, in
    metres. Raises ValueError."""
    before_m = blurred_before_m(values, width_px)
    return tuple(sorted(name for name, end_m in ends_m.items() if end_m < before_m))
