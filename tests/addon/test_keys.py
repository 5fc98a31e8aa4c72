# SPDX-License-Identifier: GPL-3.0-or-later
"""What a frame is kept and baked under, as Blender's settings change it: strips and nodes, over whole tables."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from comp_shot import CompShot
from live_shot import two_depths, write_exr
from test_bake import bake_strip, look, the_strip

from blender_rackfocus.addon.blender import colour_config, errors, strips
from blender_rackfocus.addon.compositor import node_notes, node_pixels
from blender_rackfocus.addon.sequencer import frames
from blender_rackfocus.addon.shot import modifier, node_settings, settings
from blender_rackfocus.frame import inputs
from blender_rackfocus.frame import notes as frame_notes
from blender_rackfocus.frame.make import Region

OTHER_SETTING = {
    "rackfocus_depth_kind": "INVERSE",
    "rackfocus_depth_ramp": "LINEAR_Z",
    "rackfocus_near_m": 0.5,
    "rackfocus_far_m": 80.0,
    "rackfocus_white_near": False,
    "rackfocus_depth_scale": 0.5,
    "rackfocus_depth_low": 0.1,
    "rackfocus_depth_high": 0.9,
    "rackfocus_fit_depth": True,
}
MEANINGLESS = {
    "rackfocus_depth_made",
    "rackfocus_depth_made_path",
    "rackfocus_model_path",
    "rackfocus_depth_stream",
    "rackfocus_render_behind",
    "rackfocus_overscan",
}
"""Settings of a strip that do not decide how its depth is read; a stream does, of a movie: see `test_streams`. What is
rendered besides is of a scene strip: see `test_rendered`."""


def other(entry: inputs.Input) -> float:
    """Another value of an input, a little off."""
    step = 1 if entry.integer else 0.01
    return entry.default + step if entry.default + step <= entry.maximum else entry.default - step


@pytest.fixture
def racked(shot):
    """A strip of four frames with depth, and a second sequence of depth beside it; no two of all these are alike."""
    files = [
        write_exr(shot.folder / f"{name}_{frame:04d}.exr", {"Z": two_depths() / 20 + np.float32(frame / 10 + shift)})
        for name, shift in (("d", 0.0), ("e", 0.05))
        for frame in range(1, 5)
    ]
    shot.racked(shot.pictures(), files[0])
    bpy.ops.wm.save_as_mainfile(filepath=str(shot.folder / "shot.blend"))
    return shot


@pytest.fixture
def comp(registered, tmp_path):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    yield CompShot(tmp_path)
    errors.forget()


def key(shot):
    strip = the_strip(shot)
    shown = next(one for one in strips.walk(shot.scene, 2) if one.strip == strip)
    return frame_notes.store_key(frames.job_of(shown, modifier.find(strip), draft=False, at_current_frame=True))


def test_every_input_of_a_strip_changes_the_key_and_brings_it_back(racked):
    racked.scene.frame_set(2)
    before, found = key(racked), modifier.find(the_strip(racked))
    for entry in inputs.INPUTS:
        socket = modifier.socket(found, entry.name)
        was, socket.value = socket.value, int(other(entry)) if entry.integer else other(entry)
        assert key(racked) != before, entry.name
        socket.value = was
        assert key(racked) == before, entry.name


def test_every_depth_setting_of_a_strip_makes_its_bake_stale_and_brings_it_back(racked):
    strip = the_strip(racked)
    strip.rackfocus_depth_kind = "NORMALISED"
    bake_strip(racked)
    strip = the_strip(racked)
    changes = OTHER_SETTING | {
        "rackfocus_depth_source": "LAYER",
        "rackfocus_depth_path": str(racked.folder / "e_0001.exr"),
        "rackfocus_depth_layer": "Z",
        "rackfocus_depth_offset": 1,
        "rackfocus_uncover": True,
    }
    assert changes.keys() == {"rackfocus_depth_source", *settings.PROPERTIES} - MEANINGLESS
    for name, value in changes.items():
        was = getattr(strip, name)
        setattr(strip, name, value)
        told = look(racked)
        assert told.fresh < 4, name
        assert told.stale + told.unsure == 4 - told.fresh
        setattr(strip, name, was)
        assert look(racked).fresh == 4, name


def test_near_and_far_that_automatic_depth_is_read_by_make_a_bake_stale(racked):
    bake_strip(racked)
    for name, value in (("rackfocus_near_m", 0.5), ("rackfocus_far_m", 80.0)):
        was = getattr(the_strip(racked), name)
        setattr(the_strip(racked), name, value)
        assert look(racked).stale == 4, name
        setattr(the_strip(racked), name, was)
        assert look(racked).fresh == 4, name


@pytest.mark.parametrize("how", ["config", "working space"])
def test_other_colour_management_is_another_key_and_makes_a_bake_stale(racked, monkeypatch, tmp_path, how):
    bake_strip(racked)
    before = key(racked)
    if how == "config":
        path = tmp_path / "studio.ocio"
        with open(colour_config.path(), "rb") as file:
            path.write_bytes(file.read() + b"# another\n")
        monkeypatch.setenv("OCIO", str(path))
        colour_config.path.cache_clear()  # as in a Blender that is started with it
    else:
        bpy.ops.wm.set_working_color_space(working_space="Linear Rec.2020")
    assert key(racked) != before
    assert look(racked).stale == 4
    if how == "config":
        monkeypatch.delenv("OCIO")
        colour_config.path.cache_clear()
    else:
        bpy.ops.wm.set_working_color_space(working_space="Linear Rec.709")
    assert key(racked) == before
    assert look(racked).fresh == 4


def test_every_input_of_a_node_changes_the_key_and_brings_it_back():
    rng = np.random.default_rng(1)
    picture, depth_m = rng.random((6, 8, 4)).astype(np.float32), rng.random((6, 8)).astype(np.float32) + 1
    values = {entry.name: float(entry.default) for entry in inputs.INPUTS}
    before = node_pixels.key_of_frame(picture, depth_m, values)
    for entry in inputs.INPUTS:
        assert node_pixels.key_of_frame(picture, depth_m, values | {entry.name: other(entry)}) != before, entry.name
        assert node_pixels.key_of_frame(picture, depth_m, values | {entry.name: entry.default}) == before
    for array in (picture, depth_m):
        array[2, 3] += 1e-6
        assert node_pixels.key_of_frame(picture, depth_m, values) != before
        before = node_pixels.key_of_frame(picture, depth_m, values)
    part = Region(slice(1, 4), slice(2, 6), 0.5)
    assert node_pixels.key_of_frame(picture, depth_m, values, part) != before


def test_the_code_that_makes_pixels_is_in_the_key_of_a_node(monkeypatch):
    given = np.ones((2, 2, 4), np.float32), np.ones((2, 2), np.float32), {e.name: e.default for e in inputs.INPUTS}
    before = node_pixels.key_of_frame(*given)
    monkeypatch.setattr(node_pixels, "renderer", lambda: "another version")
    assert node_pixels.key_of_frame(*given) != before


def test_every_input_and_depth_setting_of_a_node_makes_its_bake_stale_and_brings_it_back(comp):
    image, depth = comp.files()
    one = comp.racked(image.outputs["Image"], depth.outputs["Image"])
    notes = node_notes.of(comp.scene, one, 2) | {node_notes.PIXELS: "told by the render"}

    def stale():
        return node_notes.difference(notes, node_notes.of(comp.scene, one, 2)).stale

    assert not stale()
    for entry in inputs.INPUTS:
        socket = one.inputs[entry.name]
        was, socket.default_value = socket.default_value, int(other(entry)) if entry.integer else other(entry)
        assert [words for words in stale() if words.startswith(entry.name)], entry.name
        socket.default_value = was
        assert not stale(), entry.name
    assert OTHER_SETTING.keys() == set(node_settings.DEPTH)
    for name, value in (OTHER_SETTING | {"rackfocus_lens": "CAMERA"}).items():
        was = getattr(one, name)
        setattr(one, name, value)
        assert stale(), name
        setattr(one, name, was)
        assert not stale(), name
    bpy.ops.wm.set_working_color_space(working_space="Linear Rec.2020")
    assert stale()
    bpy.ops.wm.set_working_color_space(working_space="Linear Rec.709")
    assert not stale()
