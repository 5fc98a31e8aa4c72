# SPDX-License-Identifier: GPL-3.0-or-later
"""A Rack Focus node in Blender's own window: renders and edits in quick turn, and what the Viewer shows after them."""

ROUNDS = 40


def test_edits_and_renders_in_quick_turn_and_the_viewer_shows_what_is_written(window):
    """Blender dies of data that changes under its main thread's hands within a dozen such rounds."""
    told = window("node_window.py", "-", ROUNDS, timeout=600)
    assert "traceback" not in told, told["traceback"]
    assert told["rounds"] == ROUNDS
    assert told["same_size"]
    assert told["varied"] > 0.01
    assert told["apart"] < 1e-6


def test_the_preview_follows_focus_camera_and_frame_without_rendering(window):
    """What it shows is, to the bit, what a render with the same values writes."""
    told = window("preview_window.py", "-", timeout=300)
    assert "traceback" not in told, told["traceback"]
    assert told["before"]["word"] == "No passes yet: render (F12)"
    assert told["before"]["spread"] == told["frame_2"]["spread"] == 0
    assert "frame 2" in told["frame_2"]["word"]
    renders = told["rendered"]["renders"]
    for name in ("rendered", "far", "near", "camera"):
        assert told[name]["word"] == ""
        assert told[name]["renders"] == renders
        assert told[name]["apart"] == 0, name
    assert told["near_from_far"] > 0.1
    assert told["far_from_camera"] > 0.1
    assert told["near_from_frame_1_again"] == 0
