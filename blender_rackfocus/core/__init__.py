# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays in, arrays out: optics on numpy and OpenCV, without Blender and without files."""

from .aperture import Aperture
from .bound import Cut, circles_cut
from .defocus import Behind, defocus_frame
from .highlights import Highlights
from .lens import Lens

__all__ = ["Aperture", "Behind", "Cut", "Highlights", "Lens", "circles_cut", "defocus_frame"]
