# SPDX-License-Identifier: GPL-3.0-or-later
"""A strip in any of Blender's colour spaces keeps its colours when it is refocused."""

import cv2
import numpy as np
import pytest
from live_shot import difference, near

from blender_rackfocus.addon.shot import modifier

SPACES = ("sRGB", "Linear Rec.709", "Rec.1886", "AgX Base sRGB", "ACEScg")


@pytest.mark.parametrize("space", SPACES)
def test_a_blurred_flat_picture_keeps_its_colour(shot, space):
    colour = np.array([60, 130, 90], np.uint8)  # inside every one of these gamuts
    path = str(shot.folder / "flat_0001.png")
    cv2.imwrite(path, np.full((48, 64, 3), colour))
    strip = shot.racked([path], shot.depths(frames=1)[0], focus_m=10.0)
    strip.colorspace_settings.name = space
    refocused = shot.still(1)
    modifier.find(strip).mute = True
    plain = shot.still(1)
    assert difference(near(refocused), near(plain)) <= 1


def test_the_near_half_was_blurred(shot):
    """So that the test above cannot pass by the strip's own picture coming through."""
    strip = shot.racked(shot.pictures(frames=1), shot.depths(frames=1)[0], focus_m=10.0)
    strip.colorspace_settings.name = "AgX Base sRGB"
    refocused = shot.still(1)
    modifier.find(strip).mute = True
    assert difference(near(refocused), near(shot.still(1))) > 30
