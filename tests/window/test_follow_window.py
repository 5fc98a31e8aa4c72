# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow the Shot in Blender's real window: a proposal made, dragged and kept with the mouse, another one deleted."""

import subprocess

import pytest

MAKE_SHOT = """
import bpy, sys
import numpy as np
folder = sys.argv[sys.argv.index("--") + 1]
rng = np.random.default_rng(1)
wide, high, frames = 256, 144, 48
wall, near, far = (np.kron(rng.random(size), np.ones((8, 8))) for size in ((18, 32), (12, 6), (7, 4)))

def write(name, values, file_format):
    image = bpy.data.images.new(name, wide, high, float_buffer=file_format == "OPEN_EXR")
    image.colorspace_settings.name = "Non-Color"
    image.pixels.foreach_set(values.astype(np.float32).reshape(-1))
    image.file_format = file_format
    image.save(filepath=f"{folder}/{name}")
    bpy.data.images.remove(image)

for frame in range(1, frames + 1):
    picture, depth = wall.copy(), np.full((high, wide), 12.0)
    left = round(wide - 80 * min(max((frame - 16) / 14, 0), 1))
    seen = max(min(32, wide - left), 0)
    picture[50:106, left : left + seen], depth[50:106, left : left + seen] = far[:, :seen], 5.0
    picture[20:116, 60:108], depth[20:116, 60:108] = near, 2.0
    for name, values, kind in (("p", picture, "PNG"), ("d", depth, "OPEN_EXR")):
        four = np.ones((high, wide, 4))
        four[..., :3] = values[..., None]
        write(f"{name}_{frame:04d}.{'png' if kind == 'PNG' else 'exr'}", four, kind)
"""


@pytest.fixture(scope="module")
def shot(tmp_path_factory):
    """Somebody stands at 2 m; somebody comes in at 5 m between frames 16 and 30. The first picture."""
    folder = tmp_path_factory.mktemp("entrance")
    script = folder / "make_shot.py"
    script.write_text(MAKE_SHOT, encoding="utf-8")
    made = subprocess.run(["blender", "-b", "--factory-startup", "--python-exit-code", "9", "-P", str(script), "--",
                           str(folder)], capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    return folder / "p_0001.png"


def test_proposals_are_made_dragged_kept_and_deleted_in_the_window(window, shot):
    told = window("follow_window.py", shot, timeout=400)
    assert "traceback" not in told, told["traceback"]
    assert told["asked"] == ["RUNNING_MODAL"], "beside Blender"
    assert told["bar"] == ["Follow the Shot"]
    nothing = {"proposed": [], "keys": []}
    assert told["before"] == told["stopped"] == nothing

    opens, enters = told["proposed"]["proposed"]
    assert (opens[1], opens[2], opens[3]) == (1, pytest.approx(2.0, rel=0.03), "opens")
    assert (enters[2], enters[3]) == (pytest.approx(5.0, rel=0.03), "enters")
    assert enters[0] < 18 < enters[1] <= 32
    assert told["proposed"]["keys"] == [], "a proposal is no key"

    assert told["dragged"]["proposed"][1][1] > enters[1], "dragged in time"
    arrives = told["dragged"]["proposed"][1][1]
    assert told["kept"]["proposed"] == [opens]
    assert told["kept"]["keys"][-1] == [arrives, pytest.approx(5.0, rel=0.03)]
    assert told["deleted"] == {"proposed": [], "keys": told["kept"]["keys"]}
    assert told["undone"] == told["kept"], "one step each"
    assert told["undone twice"] == told["dragged"]
