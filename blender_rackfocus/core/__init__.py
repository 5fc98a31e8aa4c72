# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays in, arrays out: optics on numpy and OpenCV, without Blender and without files."""

from .aperture import Aperture
from .defocus import defocus_frame
from .highlights import Highlights
from .lens import Lens

__all__ = ["Aperture", "Highlights", "Lens", "defocus_frame"]
