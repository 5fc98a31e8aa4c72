# SPDX-License-Identifier: GPL-3.0-or-later
"""Files saved by earlier versions open, show what they showed, and have every input there is now.

files/version_0_1_0.blend: a keyed strip with a mark, and a scene with a keyed node, saved by version 0.1.0.
files/fewer_inputs.blend: the same, as a version would have saved it that did not have three of the inputs yet.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import bpy
import numpy as np
import pytest
from live_shot import FAR_M, NEAR_M, Shot

from blender_rackfocus.addon.blender import errors, versions
from blender_rackfocus.addon.shot import group, marks, modifier, node
from blender_rackfocus.frame import inputs

FILES = Path(__file__).parent / "files"
LATER = {"Breathing": 0.0, "Highlight Gain": 0.0, "Blades": 0}
"""Inputs that fewer_inputs.blend lacks, with what the others are at there."""


@pytest.fixture(params=["version_0_1_0", "fewer_inputs"])
def opened(request, shot):
    """An earlier file, open beside its pictures and depth."""
    shot.pictures()
    shot.depths()
    path = shot.folder / f"{request.param}.blend"
    shutil.copy(FILES / path.name, path)
    bpy.ops.wm.open_mainfile(filepath=str(path))
    shot.lacked = LATER if request.param == "fewer_inputs" else {}
    return shot


def test_every_input_is_there_at_its_default_or_as_it_was(opened):
    strip = opened.scene.sequence_editor.strips["A"]
    found = modifier.find(strip)
    held = {entry.name: entry.default for entry in inputs.INPUTS} | {"Blades": 6, "Squeeze": 2.0}
    held |= {"Focal Length": 200.0, "F-Stop": 1.4} | opened.lacked
    values = modifier.values(strip, found, opened.scene, 1.0)
    assert values == pytest.approx(held | {"Focus Distance": NEAR_M})
    assert modifier.values(strip, found, opened.scene, 4.0)["Focus Distance"] == pytest.approx(FAR_M)
    assert strip.rackfocus_far_m == 40.0
    assert [(mark.name, mark.distance_m) for mark in marks.of(strip)] == [("Anna", 3.0)]
    for name in inputs.NAMES:  # each can be set and keyed
        socket = modifier.socket(found, name)
        socket.value = socket.value
        socket.keyframe_insert("value", frame=1)


def test_no_input_is_drawn_greyed_out(opened):
    (one,) = node.in_tree(versions.scene_tree(bpy.data.scenes["Compositor"]))
    bpy.context.view_layer.update()
    assert {socket.name for socket in one.inputs if socket.is_inactive} <= {node.DEPTH}


def test_what_is_added_stands_where_a_new_group_has_it(opened):
    fresh = group.new_group()
    tree = modifier.find(opened.scene.sequence_editor.strips["A"]).node_group

    def rooms(of):
        sockets = (item for item in of.interface.items_tree if item.item_type == "SOCKET")
        return {(item.name, item.in_out, item.parent.name, item.bl_socket_idname, item.description) for item in sockets}

    assert rooms(tree) == rooms(fresh)
    kinds = [item.item_type for item in tree.interface.items_tree if item.parent.name == ""]
    assert kinds == sorted(kinds, reverse=True)  # sockets, then the panel


def test_it_renders_what_it_would_if_it_were_made_now(opened):
    older = opened.animation("older", 1, 4)[1]
    assert errors.failures() == []
    lacked, folder = opened.lacked, opened.folder
    bpy.ops.wm.read_factory_settings(use_empty=True)
    again = Shot(folder)
    strip = again.racked(again.pictures(), again.depths()[0])
    again.key(strip, "Focus Distance", {1: NEAR_M, 4: FAR_M})
    again.set(strip, Squeeze=2.0, Blades=0 if lacked else 6)
    newer = again.animation("newer", 1, 4)[1]
    assert sorted(older) == [1, 2, 3, 4]
    for frame, picture in newer.items():
        assert not np.any(older[frame] != picture), frame


def test_a_node_renders_too(opened):
    scene = bpy.data.scenes["Compositor"]
    one = node.in_tree(versions.scene_tree(scene))[0]
    assert set(inputs.NAMES) <= set(one.inputs.keys())
    assert {name: one.inputs[name].default_value for name in opened.lacked} == opened.lacked
    assert one.rackfocus_near_m == 0.5
    made = opened.still(2, scene)
    one.mute = True
    assert np.any(made != opened.still(2, scene))
    assert errors.failures() == []


def test_a_strip_that_is_appended_from_it_is_brought_up_to_date_as_well(opened):
    path = bpy.data.filepath
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(path) as (_there, here):
        here.scenes = ["Scene"]
    bpy.context.view_layer.update()
    strip, found = next(modifier.in_scene(bpy.data.scenes[-1]))
    assert modifier.values(strip, found, bpy.data.scenes[-1], 1.0)["Breathing"] == 0.0
    bpy.context.scene.frame_set(2)
    bpy.ops.ed.undo_push()
    assert set(inputs.NAMES) <= group.socket_ids(found.node_group).keys()
