# SPDX-License-Identifier: GPL-3.0-or-later
"""What a 3D scene is rendered for besides its picture, in Blender's own window."""


def test_the_panels_say_what_was_rendered_and_what_is_not(window):
    told = window("rendered_window.py", "-", timeout=300)
    assert "traceback" not in told, told["traceback"]
    words, preview, cost = told["rendered"]
    assert words.startswith("Rendered: what lies behind")
    assert preview == ""
    assert cost.startswith("Costs about")
    assert told["near"][1] == told["same_objects"][1] == ""
    assert "not rendered yet" in told["other_objects"][1]
    assert told["added"] == told["passes"] == ["FINISHED"]
    assert told["strip"] == [True, True, True]
    assert told["strip_words"].startswith("Rendered: what lies behind")


def test_a_scene_strip_without_a_camera_does_not_hang_the_window(window):
    told = window("no_camera_window.py", "-", timeout=200)
    assert "traceback" not in told, told["traceback"]
    assert ['scene "Inner" has no camera' in problem for problem in told["failed"]] == [True]
