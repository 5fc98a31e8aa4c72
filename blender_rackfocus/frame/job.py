# SPDX-License-Identifier: GPL-3.0-or-later
"""What decides a frame's pixels, as plain data, and what a made frame is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.depth import DepthConvention
from . import inputs


@dataclass(frozen=True)
class FileFrame:
    """A frame of a file as it is now: path, frame in it, and the file's time and size (None: no such file).

    content: says what is in a file that lies elsewhere in every session; empty for files of the user's.
    """

    path: str
    index: int
    stamp: tuple[int, int] | None
    content: str = ""


@dataclass(frozen=True)
class Job:
    """Everything that decides a frame's pixels. Plain data: hashable, comparable, free of Blender.

    reference: where the meaning of the depth's numbers is guessed from, the same for all frames of a strip; None when
    convention is set. values: the inputs in the order of inputs.NAMES, in single precision as everywhere in Blender.
    grade: what `adjust` does before any modifier. draft: made for speed, up to DRAFT_WIDTH across.
    """

    picture: FileFrame
    colorspace: str
    alpha_mode: str
    depth: FileFrame
    layer: str
    convention: DepthConvention | None
    reference: FileFrame | None
    near_m: float
    far_m: float
    values: tuple[float, ...]
    grade: tuple[float, float, bool, bool]
    draft: bool

    def value(self, name: str) -> float:
        """One input by name."""
        return self.values[inputs.NAMES.index(name)]


@dataclass(frozen=True)
class Made:
    """A frame ready for its image: flat as `pixels.encode` gives it, None when the strip's own picture is the
    result."""

    width: int
    height: int
    flat: np.ndarray | None
