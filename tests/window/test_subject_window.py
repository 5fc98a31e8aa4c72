# SPDX-License-Identifier: GPL-3.0-or-later
"""Start to racked picture with the mouse: a subject drawn over, followed, racked from and to, corrected elsewhere."""

import json
import subprocess

import pytest
from screenshots import pixels

MAKE_CLIP = """
import bpy, sys
import numpy as np
folder = sys.argv[sys.argv.index("--") + 1]
rng = np.random.default_rng(1)
wide, high = 480, 270
wall = np.kron(rng.random((27, 48, 3)), np.ones((10, 10, 1))) * 0.25 + (0.1, 0.2, 0.45)
cloth = np.kron(rng.random((54, 32, 3)), np.ones((5, 5, 1))) * 0.3 + (0.6, 0.25, 0.1)
for number in range(8):
    picture = np.ones((high, wide, 4))
    picture[..., :3] = wall
    left = 80 + 4 * number
    picture[:220, left : left + 120, :3] = cloth[:220, :120]
    image = bpy.data.images.new(f"p{number}", wide, high)
    image.pixels.foreach_set(picture.astype(np.float32).reshape(-1))
    image.file_format = "PNG"
    image.save(filepath=f"{folder}/p_{number + 1:04d}.png")
"""
DRAWN = {
    "strokes": [[True, [[0.28, 0.4], [0.28, 0.8]]], [False, [[0.7, 0.2], [0.7, 0.8]]]],
    "frame": 6,
    "more": [[True, [[0.32, 0.4], [0.32, 0.8]]]],
    "subject": [0.3, 0.6],
    "room": [0.8, 0.5],
    "frames": 8,
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A box of warm cloth that walks to the right before a cold wall: its bottom 220 of 270 rows."""
    folder = tmp_path_factory.mktemp("clip")
    script = folder / "make_clip.py"
    script.write_text(MAKE_CLIP, encoding="utf-8")
    made = subprocess.run(["blender", "-b", "--factory-startup", "--python-exit-code", "9", "-P", str(script), "--",
                           str(folder)], capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    return folder / "p_0001.png"


def test_a_subject_before_a_room_from_start_to_racked_picture(window, clip, pictures):
    told = window("subject_window.py", clip, json.dumps(DRAWN), timeout=400)
    assert "traceback" not in told, told["traceback"]
    assert told["started"] == ["RUNNING_MODAL"]
    (card,) = told["followed"]
    assert card[0]
    assert told["focus subject"] == pytest.approx(2.0, rel=0.02)
    assert told["focus room"] == pytest.approx(8.0, rel=0.02)
    assert all("Follow Subject" in words for words in told.get("words", ()))
    assert told.get("estimate while following", False) is False, "two jobs on the same pictures"
    (again,) = told["corrected"]
    assert again[0] != card[0]
    assert again[2] > card[2]
    assert told["escaped"] == told["corrected"]
    near, far = (pixels(str(pictures / f"racked_{frame:04d}.png")).astype(float) for frame in (1, 7))
    wall = [one[30:240, 330:460].std(axis=(0, 1)).mean() for one in (near, far)]
    cloth = [one[80:240, at : at + 60].std(axis=(0, 1)).mean() for one, at in ((near, 110), (far, 134))]
    assert wall[1] > 1.5 * wall[0], "the wall is sharp at the end only"
    assert cloth[0] > 1.5 * cloth[1], "the subject is sharp at the start only"
