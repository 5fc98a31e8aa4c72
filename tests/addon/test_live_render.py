# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders with the live modifier: what is in focus stays, what is not is blurred, every frame its own."""

from __future__ import annotations

import bpy
import cv2
import numpy as np
import pytest
from live_shot import FAR_M, NEAR_M, difference, far, near, noise, two_depths, write_exr

from blender_rackfocus import media
from blender_rackfocus.addon.shot import group, modifier, pixels


def test_a_rack_runs_from_near_to_far(shot):
    paths = shot.pictures()
    strip = shot.strip(paths)
    _, plain = shot.animation("plain", 1, 4)
    shot.scene.sequence_editor.strips.remove(strip)
    strip = shot.racked(paths, shot.depths()[0])
    shot.key(strip, "Focus Distance", {1: NEAR_M, 4: FAR_M})
    outcome, racked = shot.animation("rack", 1, 4)
    assert outcome == {"FINISHED"}
    assert difference(near(racked[1]), near(plain[1])) <= 1
    assert np.abs(far(racked[1]) - far(plain[1])).mean() > 20
    assert difference(far(racked[4]), far(plain[4])) <= 1
    assert np.abs(near(racked[4]) - near(plain[4])).mean() > 20


def test_a_still_equals_the_same_frame_of_an_animation(shot):
    strip = shot.racked(shot.pictures(), shot.depths()[0])
    shot.key(strip, "Focus Distance", {1: NEAR_M, 4: FAR_M})
    _, frames = shot.animation("rack", 1, 4)
    for frame in (3, 1, 4):
        assert np.array_equal(shot.still(frame), frames[frame])


def test_time_stretching_moves_the_keys_and_not_the_pictures(shot):
    """Blender's sequencer shows frame 4 at frame 4, and its keys as they are at frame 8."""
    strip = shot.racked(shot.pictures(frames=8), shot.depths(frames=8)[0], focus_m=FAR_M)
    wanted = shot.still(4)
    shot.key(strip, "Focus Distance", {1: NEAR_M, 8: FAR_M})
    shot.scene.render.frame_map_new = 50
    _, frames = shot.animation("stretched", 2, 4)
    assert np.array_equal(frames[4], wanted)
    assert np.array_equal(shot.still(4), wanted)


def test_an_animation_reads_every_file_once(shot, monkeypatch):
    """Two frames ahead, and the first depth also to tell what the numbers of all of them mean."""
    pictures, depths = shot.pictures(frames=6), shot.depths(frames=6)
    strip = shot.racked(pictures, depths[0])
    shot.key(strip, "Focus Distance", {1: NEAR_M, 6: FAR_M})
    monkeypatch.setenv("RACKFOCUS_CACHE", "off")
    read = []
    for name in ("read_frame", "read_raw_depth"):
        one = getattr(media, name)

        def counted(path, *how, one=one, **more):
            read.append(path)
            return one(path, *how, **more)

        monkeypatch.setattr(media, name, counted)
    outcome, made = shot.animation("rack", 1, 6)
    assert outcome == {"FINISHED"}
    assert len(made) == 6
    assert sorted(read) == sorted([*pictures, *depths, depths[0]])


def test_an_edit_between_two_renders_of_one_frame_shows(shot):
    strip = shot.racked(shot.pictures(), shot.depths()[0], focus_m=NEAR_M)
    first = shot.still(2)
    shot.set(strip, **{"Focus Distance": FAR_M})
    second = shot.still(2)
    assert difference(near(first), near(second)) > 20
    shot.set(strip, **{"Focus Distance": NEAR_M})
    assert np.array_equal(shot.still(2), first)


@pytest.mark.parametrize("nothing", ["mix", "f-stop", "mute", "strength"])
def test_nothing_to_do_leaves_the_picture_alone(shot, nothing):
    paths = shot.pictures(alpha=True)
    shot.strip(paths, "plain")
    plain = shot.still(2)
    shot.scene.sequence_editor.strips.remove(shot.scene.sequence_editor.strips["plain"])
    strip = shot.racked(paths, shot.depths()[0])
    if nothing == "mix":
        shot.set(strip, Mix=0.0)
    elif nothing == "f-stop":
        shot.set(strip, **{"F-Stop": 1e5})
    elif nothing == "strength":
        shot.set(strip, **{"Near Strength": 0.0, "Far Strength": 0.0})
    else:
        modifier.find(strip).mute = True
    assert difference(shot.still(2), plain) <= 1


def test_mix_lies_between_the_two(shot):
    strip = shot.racked(shot.pictures(), shot.depths()[0])
    full = shot.still(1)
    shot.set(strip, Mix=0.5)
    half = shot.still(1)
    shot.set(strip, Mix=0.0)
    none = shot.still(1)
    clear = np.abs(full - none).max(axis=2) > 40
    assert clear.any()
    between = (half >= np.minimum(full, none) - 1) & (half <= np.maximum(full, none) + 1)
    assert between[clear].all()
    assert difference(half, full) > 10
    assert difference(half, none) > 10


def test_transparency_is_blurred_with_the_picture(shot):
    """A hard-edged transparent hole behind the focus becomes a soft one, and stays as it was in focus."""
    path = shot.folder / "hole.png"
    picture = np.full((48, 64, 4), 200, np.uint8)
    picture[10:38, 8:16, 3] = picture[10:38, 48:56, 3] = 0
    cv2.imwrite(str(path), picture)
    shot.racked([str(path)], shot.depths(frames=1)[0])
    made = shot.still(1)[..., 3]
    assert np.array_equal(made[:, :20], picture[:, :20, 3])
    assert 0 < made[24, 52] < 255 or 0 < made[24, 47] < 255


def test_depth_from_the_picture_files_own_pass(shot):
    linear = (noise(5)[..., ::-1].astype(np.float32) / 255) ** 2
    channels = {name: linear[..., number] for number, name in enumerate("RGB")}
    path = write_exr(shot.folder / "layers.exr", channels | {"Z": two_depths()})
    shot.strip([path], "plain")
    plain = shot.still(1)
    shot.scene.sequence_editor.strips.remove(shot.scene.sequence_editor.strips["plain"])
    shot.racked([path], "")
    made = shot.still(1)
    assert difference(near(made), near(plain)) <= 1
    assert np.abs(far(made) - far(plain)).mean() > 20


def test_depth_from_a_muted_strip_that_was_renamed(shot):
    strip = shot.racked(shot.pictures(), "")
    depth = shot.strip(shot.depths(), "Depth", channel=2)
    depth.mute = True
    modifier.pair(strip, depth)
    first = shot.still(2)
    depth.name = "Something else"
    shot.set(strip, **{"Focus Distance": FAR_M})
    second = shot.still(2)
    assert difference(near(first), near(second)) > 20
    assert difference(far(first), far(second)) > 20


@pytest.mark.parametrize(
    "adjustment",
    [
        {"use_flip_x": True},
        {"use_flip_y": True},
        {"color_saturation": 0.3},
        {"color_multiply": 0.5},
        {"use_float": True},
    ],
)
def test_the_strips_own_adjustments_are_kept(shot, adjustment):
    """A blur of a fraction of a pixel everywhere: every pixel is ours, and looks as the adjusted strip does."""
    flat = np.zeros((48, 64, 3), np.uint8)
    flat[:] = (40, 90, 200)
    flat[:, 32:] = (180, 30, 60)
    path = shot.folder / "flat.png"
    cv2.imwrite(str(path), flat)
    strip = shot.racked([str(path)], shot.depths(frames=1)[0], focus_m=100.0)
    for name, value in adjustment.items():
        setattr(strip, name, value)
    made = shot.still(1)
    assert not pixels.holds(group.image_of(modifier.find(strip).node_group), None)
    modifier.find(strip).mute = True
    plain = shot.still(1)
    for half in (np.s_[:, :16], np.s_[:, 48:]):
        assert difference(made[half], plain[half]) <= 1


def test_what_was_made_is_not_made_again(shot, monkeypatch):
    from blender_rackfocus.addon.sequencer import frames
    from blender_rackfocus.frame import make

    strip = shot.racked(shot.pictures(), shot.depths()[0])
    calls = []
    core = make.defocus_frame
    monkeypatch.setattr(make, "defocus_frame", lambda *a, **k: calls.append(1) or core(*a, **k))
    frames.forget()
    shot.animation("one", 1, 3)
    assert len(calls) == 3
    shot.animation("two", 1, 3)
    assert len(calls) == 3
    shot.set(strip, **{"F-Stop": 2.0})
    shot.animation("three", 1, 3)
    assert len(calls) == 6


def test_scene_strip_shows_the_refocused_inside_at_its_own_frame(shot):
    inner = bpy.data.scenes.new("Inner")
    shot.set_up(inner)
    strip = shot.racked(shot.pictures(), shot.depths()[0], scene=inner)
    shot.key(strip, "Focus Distance", {1: NEAR_M, 4: FAR_M})
    wanted = {frame: shot.still(frame, inner) for frame in (1, 2, 3, 4)}
    editor = shot.scene.sequence_editor
    outer = editor.strips.new_scene("S", inner, channel=1, frame_start=11)
    outer.scene_input = "SEQUENCER"
    outer.right_handle = 15
    for frame in (12, 14, 11):
        assert difference(shot.still(frame), wanted[frame - 10]) <= 1
