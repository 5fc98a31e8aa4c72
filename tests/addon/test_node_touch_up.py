# SPDX-License-Identifier: GPL-3.0-or-later
"""Strokes on the depth of a Rack Focus node: of files and of a render, on one frame or held over a clip."""

from __future__ import annotations

import bpy
import comp_shot
import cv2
import numpy as np
import pytest
from comp_shot import HEIGHT, WIDTH, CompShot, CountingEngine, depth_m, left_behind, picture

from blender_rackfocus.addon.blender import cache, errors
from blender_rackfocus.addon.compositor import node_notes, preview
from blender_rackfocus.addon.depth import touches
from blender_rackfocus.craft.touch import Touch, touched
from blender_rackfocus.frame import inputs
from blender_rackfocus.frame.make import refocused
from blender_rackfocus.media import RawDepth

FAR_STROKE = ((0.8, 0.3), (0.8, 0.7))


@pytest.fixture
def comp(registered, tmp_path, monkeypatch):
    monkeypatch.setenv(cache.ENVIRONMENT, "off")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.utils.register_class(CountingEngine)
    yield CompShot(tmp_path)
    bpy.utils.unregister_class(CountingEngine)
    assert not left_behind()
    errors.forget()


def of_files(comp):
    image, depth = comp.files()
    return comp.racked(image.outputs["Image"], depth.outputs["Image"])


def of_render(comp):
    comp.scene.render.engine = CountingEngine.bl_idname
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    comp.scene.collection.objects.link(camera)
    comp.scene.camera = camera
    comp.scene.view_layers[0].use_pass_z = True
    layers = comp.tree.nodes.new("CompositorNodeRLayers")
    return comp.racked(layers.outputs["Image"], layers.outputs["Depth"])


def touch(one, **options):
    told = {"kind": "NEARER", "points": touches.text_of(FAR_STROKE), "factor": 4.0, "radius": 0.1, "edges": False}
    return bpy.ops.rackfocus.touch(node_name=one.name, **{**told, **options})


def wanted(one, frame, strokes):
    values = {name: one.inputs[name].default_value for name in inputs.NAMES}
    return refocused(picture(frame), touched(depth_m(frame), picture(frame), strokes), values)


@pytest.mark.parametrize("made", [of_files, of_render])
def test_a_stroke_is_on_its_frame_alone_and_undone_it_is_not_there(comp, made):
    one = made(comp)
    plain = {frame: comp.still(frame) for frame in (2, 3)}
    comp.scene.frame_set(2)
    assert touch(one) == {"FINISHED"}
    stroke = Touch("NEARER", FAR_STROKE, np.float32(0.1), 4.0, edges=False)
    drawn = comp.still(2)
    assert np.abs(drawn - wanted(one, 2, [stroke])).max() < 1e-3
    assert np.abs(drawn - plain[2]).max() > 0.1
    assert (comp.still(3) == plain[3]).all()
    assert bpy.ops.rackfocus.touch_remove(node_name=one.name) == {"FINISHED"}
    assert (comp.still(2) == plain[2]).all()


def test_held_over_a_clip_it_goes_with_what_it_was_drawn_on(comp):
    cloth = cv2.resize(np.random.default_rng(3).random((14, 30, 4)).astype(np.float32), (240, HEIGHT))
    cloth[..., 3] = 1  # goes to the left by 2 pixels a frame
    image = comp.sequence("w", lambda frame: np.ascontiguousarray(cloth[:, 2 * frame : 2 * frame + WIDTH]), 5)
    depth = comp.sequence("d", depth_m, 5)
    one = comp.racked(image.outputs["Image"], depth.outputs["Image"])
    image.frame_start = depth.frame_start = 11
    comp.scene.frame_start, comp.scene.frame_end = 5, 15  # before 11 there are no files
    comp.scene.frame_set(12)
    touch(one, hold=True, points="[[0.5, 0.4], [0.6, 0.6]]")
    assert touches.waiting(one) == [0]
    assert bpy.ops.rackfocus.touch_follow(node_name=one.name) == {"FINISHED"}
    for frame in range(11, 16):
        (there,) = touches.on(one, frame)
        assert (there.points[0][0] - 0.5) * WIDTH == pytest.approx(-2 * (frame - 12), abs=0.5)
    assert touches.on(one, 10) == ()


def test_over_a_render_it_says_that_it_is_for_one_frame(comp):
    one = of_render(comp)
    touch(one, hold=True)
    with pytest.raises(RuntimeError, match="one frame each: The picture is rendered"):
        bpy.ops.rackfocus.touch_follow(node_name=one.name)
    with pytest.raises(RuntimeError, match='no Rack Focus node "Other"'):
        bpy.ops.rackfocus.touch_follow(node_name="Other")


def test_it_makes_a_bake_stale_and_is_kept_in_the_file(comp):
    one = of_files(comp)
    comp.scene.frame_set(2)
    notes = {**node_notes.of(comp.scene, one, 2), node_notes.PIXELS: "so"}
    touch(one)
    assert node_notes.difference(notes, node_notes.of(comp.scene, one, 2)).stale == ("depth settings changed",)
    older = {**notes, "reading": {name: told for name, told in notes["reading"].items() if name != "touches"}}
    one.rackfocus_touches.clear()
    assert not node_notes.difference(older, node_notes.of(comp.scene, one, 2)).stale
    touch(one)
    comp.tree.nodes.active = one
    with pytest.raises(RuntimeError, match="touched up"):
        bpy.ops.rackfocus.node_convert_to_nodes()
    bpy.ops.wm.save_as_mainfile(filepath=str(comp.folder / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(comp.folder / "shot.blend"))
    tree = comp_shot.versions.scene_tree(bpy.context.scene)
    (stroke,) = touches.on(tree.nodes["Rack Focus"], 2)
    assert stroke.factor == 4.0


def test_the_preview_has_it_without_a_render(comp):
    one = of_files(comp)
    comp.scene.frame_set(2)
    values = {name: one.inputs[name].default_value for name in inputs.NAMES}
    kept = preview.Kept(picture(2), RawDepth(depth_m(2), False, "", 32), values, None, False)
    plain = preview.as_rendered(one, kept, 2)
    touch(one)
    drawn = preview.as_rendered(one, kept, 2)
    assert drawn != plain
    stroke = touches.on(one, 2)
    assert np.abs(drawn.picture() - wanted(one, 2, stroke)).max() < 1e-3
    assert np.abs(drawn.picture() - plain.picture()).max() > 0.1
