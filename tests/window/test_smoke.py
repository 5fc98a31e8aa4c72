# SPDX-License-Identifier: GPL-3.0-or-later
"""The preview of a real window shows refocused pixels for every frame one scrubs to."""

import stripes
from screenshots import pixels


def _contrasts(path):
    """Contrast of the near (red) and far (green) stripes wherever they are on the screen."""
    red, green, blue = (pixels(path)[..., k].astype(float) for k in range(3))
    found = []
    for ours, other in ((red, green), (green, red)):
        region = (ours > 60) & (other < 0.3 * ours) & (blue < 0.3 * ours)
        assert region.sum() > 4000, f"the preview does not show the clip: {path}"
        found.append(stripes.contrast(ours[region]))
    return found


def test_scrubbing_shows_the_focus_of_each_frame(window, tmp_path):
    paths = stripes.write(tmp_path / "clip", 12)
    shown = window("smoke.py", paths[0])
    plain, near_sharp, far_sharp, again = (
        _contrasts(shown[name]) for name in ("plain", "near_sharp", "far_sharp", "near_again")
    )
    assert near_sharp[0] > 0.8 * plain[0]
    assert near_sharp[1] < 0.4 * plain[1]
    assert far_sharp[0] < 0.4 * plain[0]
    assert far_sharp[1] > 0.8 * plain[1]
    assert abs(again[0] - near_sharp[0]) < 0.02
    assert abs(again[1] - near_sharp[1]) < 0.02
