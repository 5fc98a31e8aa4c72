# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays in, arrays out: optics on numpy and OpenCV, without Blender and without files.

The words of the renderer, each where it is defined:

plane   one number for each pixel (`planes`): a colour channel, coverage, depth
pair    two planes side by side in one array, which the blur takes at once (`sheet`)
sheet   one sample for each pixel: its colour and coverage as pairs, and its place among the layers (`sheet`)
layer   the samples whose circles of confusion are about equally large; they are blurred by one kernel (`layers`)
stand   which circle of confusion each layer has (`levels.Stand`); a sample's place is counted in layers
slot    a sample's place as a whole number, by which a layer finds its samples quickly (`levels.slots_of`)
cell    a square of pixels that a smaller picture keeps as one (`cells`)
level   the layers that are worked at one size, and their sheets (`levels.Level`)
"""

from .aperture import Aperture
from .bound import Cut, circles_cut
from .defocus import Behind, defocus_frame
from .highlights import Highlights
from .lens import Lens

__all__ = ["Aperture", "Behind", "Cut", "Highlights", "Lens", "circles_cut", "defocus_frame"]
