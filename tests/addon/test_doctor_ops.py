# SPDX-License-Identifier: GPL-3.0-or-later
"""The doctor's buttons: a depth made wrong is named, one click puts it right, and the strip then has its metres."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
import cv2
import numpy as np
import pytest
from live_shot import write_exr

from blender_rackfocus.addon.blender import strips
from blender_rackfocus.addon.blender.errors import FrameError
from blender_rackfocus.addon.desk import strip_doctor
from blender_rackfocus.addon.sequencer import frames
from blender_rackfocus.addon.shot import modifier
from blender_rackfocus.estimate import files
from blender_rackfocus.media import sequences

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "craft"))
import test_doctor as scenes

TRUTH = scenes.corridor()
SIZE = TRUTH.shape


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RACKFOCUS_CACHE", str(tmp_path / "cache"))


def strip_with(shot, depth, count=3, missing=()):
    """A strip of grey pictures with this raw depth (an array for all frames, or a list), set to be read as metres."""
    paths = []
    for number in range(1, count + 1):
        paths.append(str(shot.folder / f"p_{number:04d}.png"))
        cv2.imwrite(paths[-1], np.full((*SIZE, 3), 128, np.uint8))
        raw = depth[number - 1] if isinstance(depth, list) else depth
        if number not in missing:
            write_exr(shot.folder / f"d_{number:04d}.exr", {"Z": raw})
    strip = shot.strip(paths)
    modifier.add(strip)
    shot.set(strip, **{"Focal Length": 35.0, "Sensor Width": 36.0})
    strip.rackfocus_depth_source, strip.rackfocus_depth_path = "FILE", str(shot.folder / "d_####.exr")
    strip.rackfocus_depth_kind = "METRES"
    return strip


def metres_at(shot, strip, frame):
    shown = next(one for one in strips.walk(shot.scene, frame) if one.strip == strip)
    frames.forget()
    return frames.sources(frames.look_job(shown, modifier.find(strip)))[1]


def found(strip):
    return [one.code for one in strip.rackfocus_findings]


def examine(strip):
    assert bpy.ops.rackfocus.depth_examine(strip_name=strip.name) == {"FINISHED"}
    return found(strip)


def test_a_healthy_depth_raises_no_alarm(shot):
    strip = strip_with(shot, TRUTH)
    assert examine(strip) == []
    assert strip.rackfocus_examined
    assert "█" in strip.rackfocus_histogram


def test_one_over_z_is_a_setting(shot):
    strip = strip_with(shot, 1 / TRUTH)
    assert "INVERSE" in examine(strip)
    assert bpy.ops.rackfocus.depth_fix(strip_name="A", finding="INVERSE") == {"FINISHED"}
    assert strip.rackfocus_depth_kind == "INVERSE"
    assert strip.rackfocus_depth_path.endswith("d_####.exr")  # nothing was written
    assert scenes.off_by(metres_at(shot, strip, 2), TRUTH) < 0.01
    assert found(strip) == []


def test_normalised_is_a_setting_with_near_and_far(shot):
    raw, near, far = scenes.normalised(TRUTH)
    strip = strip_with(shot, raw)
    assert "NORMALISED" in examine(strip)
    assert strip.rackfocus_findings[0].asks_distances
    assert bpy.ops.rackfocus.depth_fix(strip_name="A", near_m=near, far_m=far) == {"FINISHED"}
    assert (strip.rackfocus_depth_kind, strip.rackfocus_depth_ramp) == ("NORMALISED", "LINEAR_Z")
    assert scenes.off_by(metres_at(shot, strip, 1), TRUTH) < 0.01


def test_ray_length_becomes_a_repaired_sequence(shot):
    u, v = scenes.rays()
    strip = strip_with(shot, (TRUTH * np.sqrt(u * u + v * v + 1)).astype(np.float32))
    assert examine(strip) == ["RAY_LENGTH"]
    original = strip.rackfocus_depth_path
    assert bpy.ops.rackfocus.depth_fix(strip_name="A", finding="RAY_LENGTH") == {"FINISHED"}
    assert strip.rackfocus_depth_path != original
    made = sequences.of_pattern(strip.rackfocus_depth_path).files
    assert sorted(made) == [1, 2, 3]
    told = files.provenance_of(made[1])
    assert (told.source, told.settings["fixes"]) == ("REPAIRED", ["RAY_LENGTH"])
    assert Path(original).parent == shot.folder
    assert len(list(shot.folder.glob("d_*.exr"))) == 3  # the source is untouched
    for frame in (1, 3):
        assert scenes.off_by(metres_at(shot, strip, frame), TRUTH) < 0.01
    assert found(strip) == []


def test_holes_and_missing_frames_are_filled(shot):
    raw = TRUTH.copy()
    raw[200:240, 40:100] = 0
    strip = strip_with(shot, raw, 6, missing=(3, 4))
    assert set(examine(strip)) == {"FRAMES_MISSING", "HOLES"}
    assert "2 of 6" in strip.rackfocus_findings[0].words
    assert bpy.ops.rackfocus.depth_fix(strip_name="A", finding="ALL") == {"FINISHED"}
    for frame in (1, 3, 4, 6):
        assert scenes.off_by(metres_at(shot, strip, frame), TRUTH) < 0.01
        hole = metres_at(shot, strip, frame)[200:240, 40:100] / TRUTH[200:240, 40:100]
        assert np.abs(hole - 1).max() < 0.01


def test_what_is_gone_by_now_is_not_fixed(shot):
    strip = strip_with(shot, TRUTH)
    assert bpy.ops.rackfocus.depth_fix(strip_name="A", finding="HOLES") == {"CANCELLED"}
    assert strip.rackfocus_depth_path.endswith("d_####.exr")


def test_out_of_step_is_an_offset(shot):
    """The doctor's own test tells the step; here its fix reads the right file, and says where there is none."""
    strip = strip_with(shot, [np.full(SIZE, 2.0 + n, np.float32) for n in range(5)], 5)
    look = strip_doctor.examine(strip, shot.scene)
    late = strip_doctor.Finding("OUT_OF_STEP", "", 1.0, "", numbers={"offset": 2})
    assert strip_doctor.is_setting(late, strip)
    strip_doctor.apply_settings(strip, [late], look.convention, 1.0, 10.0)
    assert strip.rackfocus_depth_offset == 2
    assert metres_at(shot, strip, 1).mean() == pytest.approx(4.0)
    with pytest.raises(FrameError, match="no depth for this frame"):
        metres_at(shot, strip, 5)


def test_near_and_far_from_two_points(shot):
    raw, _near, _far = scenes.normalised_inverse(TRUTH)
    strip = strip_with(shot, raw)
    strip.rackfocus_depth_kind = "NORMALISED"
    points = {"point_1": (320.5, 350.5), "point_2": (330.5, 178.5)}
    metres = {f"metres_{n}": float(TRUTH[int(y), int(x)]) for n, (x, y) in zip("12", points.values(), strict=True)}
    for white_near in (True, False):
        strip.rackfocus_white_near = white_near  # a wrong direction is told by the points
        assert bpy.ops.rackfocus.depth_from_points(strip_name="A", **points, **metres) == {"FINISHED"}
        assert strip.rackfocus_white_near
        assert scenes.off_by(metres_at(shot, strip, 1), TRUTH) < 0.01


def test_two_points_give_metres_their_scale(shot):
    strip = strip_with(shot, TRUTH * 100)
    points = {"point_1": (320, 350), "point_2": (330, 178)}
    metres = {f"metres_{n}": float(TRUTH[y, x]) for n, (x, y) in zip("12", points.values(), strict=True)}
    assert bpy.ops.rackfocus.depth_from_points(strip_name="A", **points, **metres) == {"FINISHED"}
    assert strip.rackfocus_depth_scale == pytest.approx(0.01, rel=0.01)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"point_2": (5000.0, 10.0)}, "outside the picture"),
        ({"point_2": (320.0, 350.0)}, "differ"),
        ({"metres_1": 1.0, "metres_2": 900.0}, "behind the camera"),
    ],
)
def test_points_that_cannot_be_used_are_refused(shot, change, words):
    raw, _near, _far = scenes.normalised(TRUTH)
    strip = strip_with(shot, raw)
    strip.rackfocus_depth_kind = "NORMALISED"
    strip.rackfocus_white_near, strip.rackfocus_depth_ramp = False, "LINEAR_Z"
    asked = {"point_1": (320.0, 350.0), "metres_1": 300.0, "point_2": (330.0, 178.0), "metres_2": 5.0} | change
    with pytest.raises(RuntimeError, match=words):
        bpy.ops.rackfocus.depth_from_points(strip_name="A", **asked)
    assert strip.rackfocus_near_m == 1.0


def test_a_strip_without_depth_or_with_cards_is_refused(shot):
    strip = shot.strip(shot.pictures())
    with pytest.raises(RuntimeError, match="no Rack Focus modifier"):
        bpy.ops.rackfocus.depth_examine(strip_name="A")
    modifier.add(strip)
    with pytest.raises(RuntimeError, match="it has no depth"):
        bpy.ops.rackfocus.depth_examine(strip_name="A")
    strip.rackfocus_depth_source = "CARDS"
    with pytest.raises(RuntimeError, match=r"\(Cards\) is set by hand"):
        bpy.ops.rackfocus.depth_examine(strip_name="A")


def test_linear_depth_with_black_near_is_read_as_that_by_itself(shot):
    raw, near, far = scenes.normalised(TRUTH)
    strip = strip_with(shot, raw)
    strip.rackfocus_depth_kind, strip.rackfocus_near_m, strip.rackfocus_far_m = "AUTO", near, far
    assert examine(strip) == []
    assert scenes.off_by(metres_at(shot, strip, 2), TRUTH) < 0.01


def test_linear_depth_taken_for_1_over_z_is_put_right_by_one_click(shot):
    raw, near, far = scenes.normalised(TRUTH)
    strip = strip_with(shot, raw)
    strip.rackfocus_depth_kind, strip.rackfocus_white_near, strip.rackfocus_depth_ramp = "NORMALISED", True, "INVERSE_Z"
    assert examine(strip) == ["RAMP", "INVERTED"]
    assert bpy.ops.rackfocus.depth_fix(strip_name="A", near_m=near, far_m=far) == {"FINISHED"}
    assert scenes.off_by(metres_at(shot, strip, 2), TRUTH) < 0.01
    assert found(strip) == []
