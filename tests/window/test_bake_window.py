# SPDX-License-Identifier: GPL-3.0-or-later
"""One rack, the same pixels everywhere: preview at final quality, window and background render, command line, bake."""

import subprocess

import pytest
from test_live_window import blender, frames, same_pixels, shot  # noqa: F401


@pytest.fixture
def told(window, shot):  # noqa: F811
    """What happened in the window; frames lie beside the shot."""
    result = window("bake_window.py", shot / "shot.blend", timeout=300)
    assert "traceback" not in result, result["traceback"]
    return result


def test_every_way_to_a_frame_gives_the_same_pixels_and_the_bake_can_be_watched(told, shot):  # noqa: F811
    # A bake can be paused, cancelled, and finished; it leaves the timeline where it was.
    assert told["begun"] == ["RUNNING_MODAL"]
    assert told["paused"][:2] == [True, True]
    assert told["paused later"] == told["paused"][2] < 6
    assert told["cancelled"] is True
    assert told["attached after cancel"] is False
    assert told["frame after bake"] == 5
    assert told["summary"] == ["6 fresh"]
    # Fresh frames need no handler, so Blender may look ahead; stale ones do.
    assert told["prefetch"] is True
    assert told["stale"][0] == "6 stale"
    assert "F-Stop was 1.4, is 4" in told["stale"][1]
    assert told["prefetch when stale"] is False
    assert told["problem"] == ""

    # The command line, on the file as it was, into a folder of its own; then without the extension.
    command = ["blender", "--addons", "bl_ext.user_default.blender_rackfocus", "--command", "rackfocus", "bake"]
    command.append(str(shot / "shot.blend"))
    for more in (["--folder", str(shot / "farm")], ["--folder", str(shot / "farm"), "--link", "--save"]):
        last = [str(shot / "linked.blend")] if "--save" in more else []
        ended = subprocess.run([*command, *more, *last], capture_output=True, text=True, timeout=180, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    for name, blend in (("farm_frames", "linked.blend"), ("baked_frames", "baked.blend")):
        bare = ["blender", "-b", "--factory-startup", str(shot / blend), "-o", f"//{name}/", "-a"]
        ended = subprocess.run(bare, capture_output=True, text=True, timeout=180, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr

    for way in ("window", "window_baked", "farm_frames", "baked_frames", "preview", "preview_baked"):
        assert sorted(frames(shot / way)) == sorted(frames(shot / "background")), way
        for name in frames(shot / "background"):
            one, other = shot / way / name, shot / "background" / name
            if way.startswith("preview"):  # drawn by the graphics card, which rounds to 8 bits in its own way
                assert farthest_apart(one, other) <= 1, f"{way} {name}"
            else:
                assert same_pixels(one, other), f"{way} {name}"


def farthest_apart(one, other):
    """The largest difference of two pictures, in 1/255."""
    command = ["compare", "-metric", "PAE", str(one), str(other), "null:"]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    return round(float(told.partition("(")[2].partition(")")[0]) * 255, 3)
