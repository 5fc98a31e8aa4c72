# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks in the picture of Blender's real window: seen on their subjects however the strip lies, and clicked."""

import pytest
from test_desk_window import clip  # noqa: F401  (a fixture)


def test_marks_are_seen_on_their_subjects_and_a_click_racks_there(window, clip):  # noqa: F811
    told = window("brackets_window.py", clip)
    assert "traceback" not in told, told["traceback"]
    near, far = pytest.approx([0.25, 0.5], abs=0.005), pytest.approx([0.75, 0.5], abs=0.005)
    assert (told["shown"]["at"]["Cup"], told["shown"]["at"]["Couple"]) == (near, far)
    assert told["shown"]["count"] == 5, "two brackets, and three names at the edge"
    assert told["racked"]["keys"] == [[10.0, 2.0, "EXTREME"], [34.0, 10.0, "EXTREME"]], "now, with the panel's feel"
    assert told["undone"]["keys"] == told["shown"]["keys"] == [], "one step"
    assert [metres for _, metres, _ in told["wall"]["keys"]] == [2.0, 4.0]
    assert (told["placed"]["at"]["Cup"], told["placed"]["at"]["Couple"]) == (near, far), "turned, flipped"
    assert told["hidden"] == [False, False]
    assert told["back"] == [True, True]
