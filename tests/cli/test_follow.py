# SPDX-License-Identifier: GPL-3.0-or-later
"""`follow` says where focus opens and where it goes, and leaves an edit with its proposals."""

import json

import numpy as np
import pytest
from entrance import FAR_M, NEAR_M, frames


@pytest.fixture(scope="module")
def entrance(tmp_path_factory):
    """The folder of the shot's pictures, with their depth in them."""
    import OpenImageIO as oiio

    folder = tmp_path_factory.mktemp("entrance")
    for frame, picture, depth_m in frames():
        spec = oiio.ImageSpec(*picture.shape[::-1], 4, oiio.FLOAT)
        spec.channelnames = ("R", "G", "B", "Z")
        out = oiio.ImageOutput.create("exr")
        assert out.open(str(folder / f"shot_{frame:04d}.exr"), spec)
        out.write_image(np.dstack([*[picture / np.float32(255)] * 3, depth_m]))
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
