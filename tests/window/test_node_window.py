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
