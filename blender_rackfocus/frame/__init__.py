# SPDX-License-Identifier: GPL-3.0-or-later
"""One frame, from what decides its pixels to the pixels. No Blender: made anywhere.

Also the door to the core, for those who are not about pixels but about the lens and the depth: what knows Blender, and
the command line, ask no other.
"""

from ..core import Behind, Cut, Lens, circles_cut
from ..core.depth import KINDS, DepthConvention
from ..core.lens import coc_px, depth_of_field_m, hyperfocal_m

__all__ = [
    "KINDS",
    "Behind",
    "Cut",
    "DepthConvention",
    "Lens",
    "circles_cut",
    "coc_px",
    "depth_of_field_m",
    "hyperfocal_m",
]
