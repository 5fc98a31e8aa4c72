# SPDX-License-Identifier: GPL-3.0-or-later
"""What a frame is to be made of, and what comes of it: plain data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.depth import DepthConvention
from ..craft.touch import Touch
from ..media import identity
from ..media.colour import OcioConfig
from . import inputs


@dataclass(frozen=True)
class FileFrame:
    """A frame of a file as it is now: path, frame in it, and the file's `identity.state_of` (None: no such file).

    stream: which of a movie's video streams, the first is 0.
    content: says what is in a file that lies elsewhere in every session; empty for files of the user's.
    """

    path: str
    index: int
    stamp: tuple[int, ...] | None
    content: str = ""
    stream: int = 0


def stamped(path: str, index: int, stream: int = 0) -> FileFrame:
    """A frame of a file as the file is now."""
    try:
        return FileFrame(path, index, identity.state_of(path), stream=stream)
    except OSError:
        return FileFrame(path, index, None, stream=stream)


@dataclass(frozen=True)
class Beside:
    """A frame of the same clip near a job's, so many frames later: its picture and depth, read as the job's are,
    and the strokes that correct it."""

    offset: int
    picture: FileFrame
    depth: FileFrame
    touches: tuple[Touch, ...] = ()


@dataclass(frozen=True)
class Job:
    """Everything that decides a frame's pixels. Plain data: hashable, comparable, free of Blender.

    reference: where the meaning of the depth's numbers is guessed from, the same for all frames of a strip; None when
    convention is set. values: the inputs in the order of inputs.NAMES, in single precision as everywhere in Blender.
    grade: saturation, multiply, and whether alpha is multiplied too. colour: the colour configuration; None knows
    sRGB and linear Rec.709 alone. draft: made for speed, up to DRAFT_WIDTH across. fit_depth: depth that does not fit
    the picture is made to (`core.fit`). fills: width and height of a canvas that the picture has to fill, opaque, or
    the frame cannot be made; None where it need not. touches: strokes that correct this frame's depth, in their order.
    beside: frames in which what the picture hides is looked for (`behind`); none, it is filled in from around.
    hidden: what the picture hides, rendered; a picture with its depth, as wide as the one that is made from. wide: the
    picture with its depth and so much around it, `margin` (rows, columns) on every side, whose light reaches into the
    frame. Both are None where they were not rendered, and for drafts, which leave them, may not be there yet.
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
    grade: tuple[float, float, bool]
    draft: bool
    colour: OcioConfig | None = None
    fit_depth: bool = False
    fills: tuple[int, int] | None = None
    touches: tuple[Touch, ...] = ()
    beside: tuple[Beside, ...] = ()
    hidden: FileFrame | None = None
    wide: FileFrame | None = None
    margin: tuple[int, int] = (0, 0)

    def value(self, name: str) -> float:
        """One input by name."""
        return self.values[inputs.NAMES.index(name)]


@dataclass(frozen=True)
class Made:
    """A frame ready for its image: flat as `coding.encode` gives it, None when the strip's own picture is the
    result."""

    width: int
    height: int
    flat: np.ndarray | None

    @property
    def size_bytes(self) -> int:
        """What its pixels take in memory."""
        return self.flat.nbytes if self.flat is not None else 0
