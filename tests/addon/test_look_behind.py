# SPDX-License-Identifier: GPL-3.0-or-later
"""What near surfaces hide, from the switch on a strip to the pixels that are rendered, baked and shown."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
import numpy as np
import pytest
from live_shot import write_exr

from blender_rackfocus.addon.blender import strips
from blender_rackfocus.addon.sequencer import frames, views
from blender_rackfocus.addon.shot import modifier
from blender_rackfocus.frame import notes as frame_notes

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "craft"))
import planes

WORLD = (planes.WALL, planes.MIDDLE, planes.FRONT)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RACKFOCUS_CACHE", str(tmp_path / "cache"))


def racked(shot, step_m):
    """A clip of five frames of a camera that goes to the right, focused on the wall."""
    shot.scene.render.resolution_x, shot.scene.render.resolution_y = planes.WIDTH, planes.HEIGHT
    paths = []
    for number in range(5):
        sight = planes.sight(WORLD, (step_m * (number - 2), 0, 0))
        channels = {name: sight.picture[..., place] for place, name in enumerate("RGB")}
        paths.append(write_exr(shot.folder / f"p_{number + 1:04d}.exr", {**channels, "Z": sight.depth_m}))
    strip = shot.strip(paths)
    assert bpy.ops.rackfocus.modifier_add(strip_name=strip.name, start=False) == {"FINISHED"}
    focal_mm = 36.0 * planes.FOCAL
    shot.set(strip, **{"Focal Length": focal_mm, "F-Stop": 1.0, "Focus Distance": planes.WALL.depth_m})
    return strip


def job(shot, strip, frame=3):
    shown = next(one for one in strips.walk(shot.scene, frame) if one.strip == strip)
    return frames.job_of(shown, modifier.find(strip), draft=False, at_current_frame=False)


def through_a_larger_lens(shot, strip, frame=3):
    """What the frame should be: many pinholes over the lens, each with its own view, put together at the wall."""
    values = job(shot, strip, frame)
    radius_m = values.value("Focal Length") / values.value("F-Stop") / 2 / 1000
    total, count = 0.0, 0
    for along in np.linspace(-1, 1, 7):
        for down in np.linspace(-1, 1, 7):
            if along * along + down * down > 1:
                continue
            camera = planes.sight(WORLD, (along * radius_m, down * radius_m, 0)).picture
            shift = np.float64([along, down]) * radius_m * planes.FOCAL * planes.WIDTH / planes.WALL.depth_m
            total, count = total + planes.moved(camera, shift), count + 1
    return total / count


def test_a_blurred_front_shows_what_is_behind_it(shot):
    strip = racked(shot, 0.06)
    assert strip.rackfocus_uncover
    truth = through_a_larger_lens(shot, strip)

    def error():
        made = frames.make(job(shot, strip))
        picture = made.flat.reshape(made.height, made.width, 4)[::-1, :, :3]
        near = np.s_[20:140, 30:220]
        return float(np.square(np.sqrt(picture.clip(0)) - np.sqrt(truth))[near].mean())

    with_it = error()
    strip.rackfocus_uncover = False
    assert with_it < 0.6 * error()


def test_where_nothing_moves_not_a_bit_changes(shot):
    strip = racked(shot, 0.0)
    with_it = frames.make(job(shot, strip)).flat.copy()
    assert frames.behind(job(shot, strip)) is None
    strip.rackfocus_uncover = False
    frames.forget()
    assert np.array_equal(frames.make(job(shot, strip)).flat, with_it)


def test_the_switch_is_in_the_key_and_makes_a_bake_stale(shot):
    strip = racked(shot, 0.06)
    key, notes = frame_notes.store_key(job(shot, strip)), frame_notes.of(job(shot, strip))
    strip.rackfocus_uncover = False
    assert frame_notes.store_key(job(shot, strip)) != key
    assert frame_notes.difference(notes, job(shot, strip)).stale
    strip.rackfocus_uncover = True
    assert frame_notes.store_key(job(shot, strip)) == key


def test_a_neighbour_written_anew_makes_another_frame(shot):
    strip = racked(shot, 0.06)
    key = frame_notes.store_key(job(shot, strip))
    write_exr(shot.folder / "p_0004.exr", {name: np.ones((planes.HEIGHT, planes.WIDTH), np.float32) for name in "RGBZ"})
    assert frame_notes.store_key(job(shot, strip)) != key


def test_only_frames_that_the_strip_shows_are_looked_into(shot):
    strip = racked(shot, 0.06)
    assert [one.offset for one in job(shot, strip, 3).beside] == [-1, 1, -2, 2]
    assert [one.offset for one in job(shot, strip, 1).beside] == [1, 2, 4]
    strip.right_handle = 5
    assert [one.offset for one in job(shot, strip, 3).beside] == [-1, 1, -2]


def test_strips_of_files_that_know_nothing_of_it_stay(shot):
    strip = racked(shot, 0.06)
    strip.property_unset("rackfocus_uncover")
    assert job(shot, strip).beside == ()


def test_what_was_found_is_told_and_shown(shot):
    strip = racked(shot, 0.06)
    shot.scene.frame_set(3)
    assert frames.behind_told(strip, shot.scene) == ""
    known = frames.behind(job(shot, strip)).known > 0
    assert f"{100 * known.mean():.1f} %" in frames.behind_told(strip, shot.scene)
    made = views.compute(job(shot, strip), "BEHIND", 960)
    shown = made.flat.reshape(made.height, made.width, 4)[::-1, :, :3]
    colour = np.ptp(shown, axis=-1)
    assert np.percentile(colour[known], 50) > 0.05
    assert colour[~known].max() < 1e-3
    strip.rackfocus_uncover = False
    assert frames.behind_told(strip, shot.scene) == ""


def test_graded_strips_have_what_is_behind_graded_too(shot):
    strip = racked(shot, 0.06)
    strip.color_multiply = 0.25
    dark = frames.make(job(shot, strip)).flat.reshape(-1, 4)[:, :3].mean()
    strip.color_multiply = 1.0
    assert dark < 0.3 * frames.make(job(shot, strip)).flat.reshape(-1, 4)[:, :3].mean()
