# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth touched up with the mouse in the real window: strokes, keys, hold, taking back, undo."""

import json
import subprocess

import pytest

MAKE_CLIP = """
import bpy, sys
import numpy as np
folder = sys.argv[sys.argv.index("--") + 1]
rng = np.random.default_rng(1)
wide, high = 480, 270
wall = np.kron(rng.random((27, 48, 3)), np.ones((10, 10, 1))) * 0.25 + (0.1, 0.2, 0.45)
cloth = np.kron(rng.random((54, 32, 3)), np.ones((5, 5, 1))) * 0.3 + (0.6, 0.25, 0.1)
def keep(name, values, floats):
    picture = np.ones((high, wide, 4))
    picture[..., :3] = values
    image = bpy.data.images.new(name, wide, high, float_buffer=floats, is_data=floats)
    image.pixels.foreach_set(picture.astype(np.float32).reshape(-1))
    image.file_format = "OPEN_EXR" if floats else "PNG"
    image.save(filepath=f"{folder}/{name}.{'exr' if floats else 'png'}")
for number in range(8):
    picture = wall.copy()
    left = 80 + 6 * number
    picture[:220, left : left + 120] = cloth[:220, :120]
    keep(f"p_{number + 1:04d}", picture, False)
keep("wall", np.full((high, wide, 3), 8.0), True)
"""
STROKES = [
    ([], False, [[0.7, 0.3], [0.9, 0.3]]),  # nearer, on the wall
    ([], True, [[0.7, 0.7], [0.9, 0.7]]),  # Ctrl: farther
    (["EQUAL", "EQUAL", "EQUAL", "H"], False, [[0.28, 0.45], [0.3, 0.55]]),  # much nearer, held, on the cloth
    (["FOUR"], False, [[0.5, 0.1], [0.6, 0.1]]),  # smooth, and taken back
]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A box of warm cloth that walks 6 pixels a frame before a cold wall, all of it at 8 m."""
    folder = tmp_path_factory.mktemp("clip")
    script = folder / "make_clip.py"
    script.write_text(MAKE_CLIP, encoding="utf-8")
    made = subprocess.run(["blender", "-b", "--factory-startup", "--python-exit-code", "9", "-P", str(script), "--",
                           str(folder)], capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


def test_depth_is_touched_up_with_the_mouse(window, clip):
    drawn = {"depth": str(clip / "wall.exr"), "frames": 8, "strokes": STROKES, "look": 0.5}
    told = window("touch_window.py", clip / "p_0001.png", json.dumps(drawn), timeout=400)
    assert "traceback" not in told, told["traceback"]
    assert told["started"] == ["RUNNING_MODAL"]
    assert [one[0] for one in told["after 4"]] == ["NEARER", "FARTHER", "NEARER", "SMOOTH"]
    assert [len(told[f"after {n}"]) for n in range(1, 5)] == [1, 2, 3, 4]
    assert [one[2] for one in told["taken back"]] == [False, False, True]
    assert all("Follow Strokes" in words for words in told.get("words", ()))
    followed = told["followed"]
    assert [one[4] for one in followed] == [False, False, True]
    assert followed[2][5] == ""
    assert max(told["depth without"]) == min(told["depth without"]) == 8.0
    middles = []
    for name in ("depth first", "depth last"):
        near = [place for place, metres in enumerate(told[name]) if metres < 6.0]
        assert near, name
        assert max(told[name][36:]) == 8.0, "the wall's own row is as it was"
        middles.append(10 * sum(near) / len(near))
    assert middles[1] - middles[0] == pytest.approx(42, abs=11), "it went along with the cloth"
    assert [one[4] for one in told["undone 1"]] == [False] * 3, "as it was before it was followed"
    assert [len(told[f"undone {n}"]) for n in range(1, 5)] == [3, 4, 3, 2], "each stroke, and what took one back"
    assert told["escaped"] == told["undone 4"]


def test_a_stroke_is_drawn_on_a_node_over_the_viewers_picture(window):
    told = window("node_touch_window.py", "-", timeout=200)
    assert "traceback" not in told, told["traceback"]
    assert told["started"] == ["RUNNING_MODAL"]
    ((kind, frame, points),) = told["strokes"]
    assert (kind, frame) == ("NEARER", 1)
    assert points[0] == pytest.approx([0.4, 0.4], abs=0.01)
    assert points[-1] == pytest.approx([0.6, 0.6], abs=0.03)
    assert told["taken back"] == 0
