# SPDX-License-Identifier: GPL-3.0-or-later
"""Strokes on a strip's depth: whatever its source, on every way to a frame, kept with the strip, part of the key."""

from __future__ import annotations

import json
from dataclasses import replace

import bpy
import comp_shot
import cv2
import numpy as np
import pytest
from live_shot import HEIGHT, WIDTH, two_depths, write_exr
from test_cards_strip import mask
from test_scene_strips import Edit

from blender_rackfocus.addon.blender import errors, strips
from blender_rackfocus.addon.depth import touches
from blender_rackfocus.addon.sequencer import frames
from blender_rackfocus.addon.shot import modifier
from blender_rackfocus.craft.touch import Touch, on_wider, touched
from blender_rackfocus.frame import notes as frame_notes

ACROSS = [[0.3, 0.5], [0.7, 0.5]]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RACKFOCUS_CACHE", str(tmp_path / "cache"))


def pictures(shot, count=4):
    """A patch of cloth that walks 2 pixels a frame before a wall, and its depth: 5 m before 20 m, or 0.2 of 1/z."""
    paths = []
    rng = np.random.default_rng(1)
    wall = cv2.GaussianBlur(rng.normal(120, 60, (HEIGHT, WIDTH, 3)), (0, 0), 1)
    cloth = np.add(cv2.GaussianBlur(rng.normal(0, 60, (28, 24, 3)), (0, 0), 1), (40, 50, 200))
    for number in range(count):
        picture = wall.copy()
        picture[10:38, 10 + 2 * number : 34 + 2 * number] = cloth
        paths.append(str(shot.folder / f"p_{number + 1:04d}.png"))
        cv2.imwrite(paths[-1], picture.clip(0, 255).astype(np.uint8))
        depth = np.full((HEIGHT, WIDTH), 20.0, np.float32)
        depth[10:38, 10 + 2 * number : 34 + 2 * number] = 5.0
        write_exr(shot.folder / f"d_{number + 1:04d}.exr", {"Z": depth})
    return paths


@pytest.fixture
def strip(shot):
    made = shot.strip(pictures(shot))
    modifier.add(made)
    made.rackfocus_depth_path = str(shot.folder / "d_0001.exr")
    made.rackfocus_depth_source = "FILE"
    made.rackfocus_depth_kind = "METRES"
    made.rackfocus_fit_depth = False
    return made


def touch(**options):
    told = {"strip_name": "A", "kind": "NEARER", "points": json.dumps(ACROSS), "frame": 0, "factor": 2.0, **options}
    return bpy.ops.rackfocus.touch(**told)


def job_at(shot, strip, frame):
    shown = next(one for one in strips.walk(shot.scene, frame) if one.strip == strip)
    return frames.job_of(shown, modifier.find(strip), draft=False, at_current_frame=False)


def depth_at(shot, strip, frame):
    return frames.sources(job_at(shot, strip, frame))[1]


def test_a_stroke_is_on_its_frame_alone_and_undone_it_is_not_there(shot, strip):
    before = [depth_at(shot, strip, frame) for frame in (1, 2)]
    assert touch(edges=False) == {"FINISHED"}
    after = [depth_at(shot, strip, frame) for frame in (1, 2)]
    picture = frames.sources(job_at(shot, strip, 1))[0]
    tuple_of = tuple(map(tuple, ACROSS))
    wanted = touched(before[0], picture, [Touch("NEARER", tuple_of, np.float32(0.03), 2.0, edges=False)])
    np.testing.assert_allclose(after[0], wanted, rtol=1e-5)
    assert (after[0] != before[0]).any()
    np.testing.assert_array_equal(after[1], before[1])
    bpy.ops.rackfocus.touch_remove(strip_name="A")
    np.testing.assert_array_equal(depth_at(shot, strip, 1), before[0])


@pytest.mark.parametrize("source", ["LAYER", "STRIP", "CARDS"])
def test_on_a_depth_of_any_source(shot, source):
    if source == "LAYER":
        grey = np.full((HEIGHT, WIDTH), 0.2, np.float32)
        layers = {**dict.fromkeys(("Combined.R", "Combined.G", "Combined.B"), grey), "Depth.Z": two_depths()}
        made = shot.strip([write_exr(shot.folder / "m_0001.exr", layers)])
        modifier.add(made)
    else:
        made = shot.strip(pictures(shot))
        modifier.add(made)
        if source == "STRIP":
            paired = shot.strip([str(shot.folder / f"d_{n:04d}.exr") for n in range(1, 5)], name="Z", channel=3)
            paired.mute = True
            modifier.find(made).input_mask_strip = paired
    made.rackfocus_depth_source = source
    made.rackfocus_fit_depth = False
    if source == "CARDS":
        bpy.ops.rackfocus.card_add(strip_name="A", mask=mask().name, distance_m=1.5)
    before = depth_at(shot, made, 1)
    assert touch(edges=False) == {"FINISHED"}
    after = depth_at(shot, made, 1)
    middle = HEIGHT // 2, WIDTH // 2
    assert after[middle] == pytest.approx(before[middle] / 2, rel=1e-4)
    np.testing.assert_array_equal(after[:4], before[:4])


def test_a_slipped_and_moved_strip_has_it_on_its_own_picture(shot, strip):
    touch(frame=2)
    there = depth_at(shot, strip, 3)
    strip.content_start += 10
    np.testing.assert_array_equal(depth_at(shot, strip, 13), there)
    assert not job_at(shot, strip, 12).touches


def test_held_it_goes_with_the_subject_and_says_where_it_ends(shot, strip):
    on_cloth = json.dumps([[18 / WIDTH, 0.4], [26 / WIDTH, 0.6]])
    touch(points=on_cloth, hold=True, radius=0.1)
    assert touches.waiting(strip) == [0]
    assert len(job_at(shot, strip, 3).touches) == 0
    assert bpy.ops.rackfocus.touch_follow(strip_name="A") == {"FINISHED"}
    assert not touches.waiting(strip)
    assert strip.rackfocus_touches[0].lost == ""
    for number in range(4):
        (one,) = job_at(shot, strip, number + 1).touches
        assert one.points[0][0] * WIDTH == pytest.approx(18 + 2 * number, abs=1.0)
        depth_m = depth_at(shot, strip, number + 1)
        assert depth_m[24, 22 + 2 * number] == pytest.approx(2.5, rel=1e-3), number
        assert (depth_m[:, 48:] == 20).all()
    strip.rackfocus_touches[0].hold = False
    assert not job_at(shot, strip, 3).touches


def test_stopped_it_keeps_what_was_followed(shot, strip):
    touch(points=json.dumps([[18 / WIDTH, 0.4], [26 / WIDTH, 0.6]]), hold=True, radius=0.1)
    task = touches.task_of(strip, shot.scene, [0])
    told = []
    (made,) = touches.run(task, lambda share, _phase: told.append(share), lambda: len(told) >= 2)
    assert "stopped" in made.lost
    assert len(json.loads(made.motion)) == 2


def test_it_is_part_of_the_key_and_a_bake_gets_stale(shot, strip):
    plain = job_at(shot, strip, 1)
    notes = json.loads(json.dumps(frame_notes.of(plain)))
    touch()
    drawn = job_at(shot, strip, 1)
    assert frame_notes.store_key(drawn) != frame_notes.store_key(plain)
    assert frame_notes.difference(notes, drawn).stale
    old = {**notes, "reading": {k: v for k, v in notes["reading"].items() if k != "touches"}}
    assert frame_notes.difference(old, plain).fresh, "what was baked before there were strokes"
    again = json.loads(json.dumps(frame_notes.of(drawn)))
    assert frame_notes.difference(again, drawn).fresh
    (one,) = drawn.touches
    for change in ({"radius": 0.05}, {"factor": 3.0}, {"dioptres": 0.5}, {"edges": False}, {"kind": "SMOOTH"},
                   {"points": ((0.3, 0.5),)}):  # fmt: skip
        other = replace(drawn, touches=(replace(one, **change),))
        assert frame_notes.difference(again, other).stale, change
        assert frame_notes.store_key(other) != frame_notes.store_key(drawn), change


def test_it_goes_with_a_copy_and_with_the_file(shot, strip, tmp_path):
    touch()
    touch(kind="SMOOTH", frame=1)
    path = str(tmp_path / "shot.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    again = bpy.context.scene.sequence_editor.strips_all["A"]
    assert [(one.kind, one.frame) for one in again.rackfocus_touches] == [("NEARER", 0), ("SMOOTH", 1)]
    assert touches.on(again, 0)[0].factor == 2.0


def test_what_cannot_be_is_said(shot, strip):
    with pytest.raises(RuntimeError, match="cannot be used"):
        touch(points="[[0.1")
    with pytest.raises(RuntimeError, match="cannot be used"):
        touch(points="[]")
    with pytest.raises(RuntimeError, match="no stroke number 1"):
        bpy.ops.rackfocus.touch_remove(strip_name="A")
    with pytest.raises(RuntimeError, match="no stroke that waits"):
        bpy.ops.rackfocus.touch_follow(strip_name="A")
    touch()
    with pytest.raises(RuntimeError, match="touched up"):
        bpy.ops.rackfocus.convert_to_nodes(strip_name="A")
    strip.rackfocus_touches[0].points = "nonsense"
    with pytest.raises(Exception, match=r"stroke 1 .*delete it"):
        depth_at(shot, strip, 1)
    strip.rackfocus_touches.clear()
    modifier.remove(strip)
    with pytest.raises(RuntimeError, match="no depth yet"):
        touch()
    shot.scene.sequence_editor.strips.new_effect("B", "COLOR", 5, 1, length=4)
    with pytest.raises(RuntimeError, match="no image, movie or scene strip"):
        touch(strip_name="B")


def test_what_a_hand_chose_is_where_the_next_stroke_begins_and_nothing_else_is(registered):
    told = bpy.ops.rackfocus.touch_up.get_rna_type().properties
    kept = {name for name in ("kind", "radius", "factor", "dioptres", "edges", "hold") if not told[name].is_skip_save}
    assert kept == {"radius", "factor", "dioptres", "edges", "hold"}


@pytest.fixture
def scene_strip(registered, tmp_path, monkeypatch):
    """A scene strip of frames that the counting engine renders; it stands at the frame of its scene that it shows."""
    monkeypatch.setenv("RACKFOCUS_CACHE", str(tmp_path / "store"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.utils.register_class(comp_shot.CountingEngine)
    edit = Edit(tmp_path)
    edit.strip.rackfocus_fit_depth = False
    yield edit
    bpy.utils.unregister_class(comp_shot.CountingEngine)
    errors.forget()


def scene_depth(edit, frame):
    shown = next(one for one in strips.walk(edit.outer, frame) if one.strip == edit.strip)
    frames.render_scene(shown, modifier.find(edit.strip))
    return frames.sources(frames.job_of(shown, modifier.find(edit.strip), draft=False, at_current_frame=False))[1]


def on_scene(**options):
    told = {"kind": "FARTHER", "points": "[[0.1, 0.5], [0.4, 0.5]]", "factor": 2.0, "edges": False, **options}
    return bpy.ops.rackfocus.touch(strip_name="Shot", **told)


def test_a_scene_strip_has_it_on_the_frame_of_its_scene(scene_strip):
    scene_strip.outer.frame_set(12)
    assert on_scene() == {"FINISHED"}
    assert scene_strip.strip.rackfocus_touches[0].frame == 2
    middle = comp_shot.HEIGHT // 2, comp_shot.WIDTH // 4
    assert scene_depth(scene_strip, 12)[middle] == pytest.approx(2 * comp_shot.NEAR_M, rel=1e-3)
    assert scene_depth(scene_strip, 13)[middle] == comp_shot.NEAR_M
    scene_strip.strip.content_start += 5
    assert scene_depth(scene_strip, 17)[middle] == pytest.approx(2 * comp_shot.NEAR_M, rel=1e-3)
    bpy.ops.rackfocus.touch_remove(strip_name="Shot")
    assert scene_depth(scene_strip, 17)[middle] == comp_shot.NEAR_M


def test_on_a_scene_strip_it_is_held_over_rendered_frames_and_else_says_so(scene_strip, monkeypatch):
    cloth = cv2.resize(np.random.default_rng(3).random((14, 24, 4)).astype(np.float32), (200, 56))
    cloth[..., 3] = 1  # goes to the left by 2 pixels a frame
    walking = lambda frame: np.ascontiguousarray(cloth[:, 2 * frame : 2 * frame + comp_shot.WIDTH])  # noqa: E731
    monkeypatch.setattr(comp_shot, "picture", walking)
    scene_strip.outer.frame_set(12)
    on_scene(hold=True, radius=0.1, points="[[0.5, 0.4], [0.6, 0.6]]")
    with pytest.raises(RuntimeError, match=r"use Render Scene Passes.*for the one frame"):
        bpy.ops.rackfocus.touch_follow(strip_name="Shot")
    for frame in range(11, 16):
        scene_depth(scene_strip, frame)
    assert bpy.ops.rackfocus.touch_follow(strip_name="Shot") == {"FINISHED"}
    for frame in range(11, 16):
        (one,) = touches.on(scene_strip.strip, frame - 10)
        assert (one.points[0][0] - 0.5) * comp_shot.WIDTH == pytest.approx(-2 * (frame - 12), abs=0.5)


def test_with_a_margin_around_the_frame_it_lies_where_it_was_drawn():
    drawn = Touch("NEARER", ((0.25, 0.5), (0.75, 0.5)), 0.1, 2.0, edges=False)
    depth_m, picture = np.full((40, 60), 4.0, np.float32), np.zeros((40, 60, 4), np.float32)
    wanted = touched(depth_m, picture, [drawn])
    there = on_wider(drawn, (56, 76), (8, 8))
    wide = touched(np.full((56, 76), 4.0, np.float32), np.zeros((56, 76, 4), np.float32), [there])
    np.testing.assert_allclose(wide[8:-8, 8:-8], wanted, rtol=1e-5)
