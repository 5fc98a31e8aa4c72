# SPDX-License-Identifier: GPL-3.0-or-later
"""`follow` says where focus opens and where it goes, and leaves an edit with its proposals."""

import json

import cv2
import numpy as np
import pytest

NEAR_M, FAR_M, WALL_M = 2.0, 5.0, 12.0
WIDE, HIGH, FRAMES = 128, 72, 48


@pytest.fixture(scope="module")
def entrance(tmp_path_factory):
    """Somebody at 2 m; from frame 16 on somebody comes in from the right at 5 m, and is there on frame 30."""
    import OpenImageIO as oiio

    folder = tmp_path_factory.mktemp("entrance")
    rng = np.random.default_rng(1)
    wall, near, far = (cv2.resize(rng.integers(0, 255, size, np.uint8), to, interpolation=cv2.INTER_CUBIC)
                       for size, to in (((18, 32), (WIDE, HIGH)), ((12, 6), (24, 48)), ((8, 4), (14, 28))))  # fmt: skip
    for frame in range(1, FRAMES + 1):
        picture, depth = wall.copy(), np.full((HIGH, WIDE), WALL_M, np.float32)
        left = round(WIDE - 40 * min(max((frame - 16) / 14, 0), 1))
        seen = max(min(14, WIDE - left), 0)
        picture[20:48, left : left + seen], depth[20:48, left : left + seen] = far[:, :seen], FAR_M
        picture[14:62, 30:54], depth[14:62, 30:54] = near, NEAR_M
        spec = oiio.ImageSpec(WIDE, HIGH, 4, oiio.FLOAT)
        spec.channelnames = ("R", "G", "B", "Z")
        out = oiio.ImageOutput.create("exr")
        assert out.open(str(folder / f"shot_{frame:04d}.exr"), spec)
        out.write_image(np.dstack([*[picture / np.float32(255)] * 3, depth]))
        out.close()
    return folder


def test_who_enters_is_told_with_name_and_frame_and_an_edit_has_it(run, entrance, tmp_path):
    edit = tmp_path / "followed.blend"
    done = run("follow", entrance, "--mark", f"Ben={FAR_M}", "--json", "--blend", edit)
    assert done.returncode == 0, done.stderr
    opens, enters = (json.loads(line) for line in done.stdout.splitlines())
    assert (opens["frame"], opens["length"], opens["reason"]) == (1, 0, "opens")
    assert opens["distance_m"] == pytest.approx(NEAR_M, rel=0.03)
    assert (enters["subject"], enters["reason"]) == ("Ben", "enters")
    assert enters["distance_m"] == pytest.approx(FAR_M, rel=0.03)
    assert enters["frame"] - enters["length"] < 18 < enters["frame"] <= 32
    assert enters["strength"] >= 0.5
    bpy = pytest.importorskip("bpy")
    with bpy.data.libraries.load(str(edit)) as (there, _):
        assert "Rack Focus" in there.scenes


def test_in_words(run, entrance):
    done = run("follow", entrance / "shot_####.exr")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "frame 1: 2.00 m, opens (strong, 1.00)"


def test_what_cannot_be_followed_is_one_line(run, entrance):
    done = run("follow", entrance, "--mark", "Ben")
    assert done.returncode == 2
    assert "Ben is not NAME=METRES" in done.stderr
