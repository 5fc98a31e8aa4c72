# SPDX-License-Identifier: GPL-3.0-or-later
"""The compositor's preview between renders: from the passes that are kept, and never another frame's.

The window is told to be there; what it would draw are the pixels of the node's image.
"""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from comp_shot import FAR_M, HEIGHT, NEAR_M, WIDTH, CompShot, CountingEngine, difference, picture, wanted

from blender_rackfocus.addon.blender import errors, signals, versions
from blender_rackfocus.addon.blender.session import session
from blender_rackfocus.addon.compositor import effect, preview
from blender_rackfocus.addon.depth import touches
from blender_rackfocus.addon.shot import group, node
from blender_rackfocus.craft.touch import Touch
from blender_rackfocus.frame import coding, memory

EXACT = 1e-6
HALF = 5e-4
"""A step of the half floats that changed pixels are kept in, below 1."""


@pytest.fixture
def comp(registered, tmp_path, monkeypatch):
    """A scene that a counting engine renders, as if in a window."""
    monkeypatch.setattr(preview, "is_wanted", lambda: True)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.utils.register_class(CountingEngine)
    CountingEngine.rendered.clear()
    shot = CompShot(tmp_path)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    shot.scene.collection.objects.link(camera)
    shot.scene.camera = camera
    shot.scene.render.engine = CountingEngine.bl_idname
    shot.layers = shot.tree.nodes.new("CompositorNodeRLayers")
    shot.layers.scene = shot.scene
    yield shot
    bpy.utils.unregister_class(CountingEngine)
    session.another_file()
    errors.forget()


def shown(one: bpy.types.Node) -> np.ndarray | None:
    """The whole picture that a node's image shows; None where it shows nothing."""
    preview.settle()
    image = group.image_of(one.node_tree)
    if tuple(image.size) != (WIDTH, HEIGHT):
        return None
    flat = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(flat)
    made, counts = coding.decode(flat, WIDTH, HEIGHT)
    assert counts.all()
    return made


def turn(socket, value) -> None:
    socket.default_value = value
    bpy.context.view_layer.update()
    preview.refresh()


def test_before_a_render_the_node_says_so_and_after_it_follows_the_focus(comp):
    one = comp.racked(comp.layers.outputs["Image"], None)
    preview.refresh()
    assert preview.word_of(comp.scene, one) == "No passes yet: render (F12)"
    assert difference(comp.still(2), shown(one)) < EXACT
    assert preview.word_of(comp.scene, one) == ""
    turn(one.inputs["Focus Distance"], FAR_M)
    far = shown(one)
    assert difference(far, wanted(one, 2)) < EXACT
    turn(one.inputs["F-Stop"], 4.0)
    assert difference(shown(one), wanted(one, 2)) < EXACT
    assert difference(shown(one), far) > 0.05
    assert len(CountingEngine.rendered) == 1


def test_a_frame_shows_its_own_passes_or_nothing(comp):
    one = comp.racked(comp.layers.outputs["Image"], None)
    for frame, metres in ((1, NEAR_M), (3, FAR_M)):
        one.inputs["Focus Distance"].default_value = metres
        one.inputs["Focus Distance"].keyframe_insert("default_value", frame=frame)
    made = comp.animation(1, 3)
    for frame in (2, 1, 3):
        comp.scene.frame_set(frame)
        preview.refresh()
        assert difference(shown(one), made[frame]) < EXACT
    comp.scene.frame_set(4)
    preview.refresh()
    assert shown(one) is None
    assert preview.word_of(comp.scene, one) == "No passes of frame 4 yet: render it (F12)"
    comp.scene.frame_set(1)
    preview.refresh()
    assert difference(shown(one), made[1]) < EXACT


def test_a_second_node_follows_the_first(comp):
    first = comp.racked(comp.layers.outputs["Image"], None)
    comp.scene.view_layers[0].use_pass_z = True
    second = comp.racked(first.outputs["Image"], comp.layers.outputs["Depth"], focus_m=FAR_M)
    comp.still(2)
    turn(first.inputs["Focus Distance"], 4.0)
    assert difference(shown(second), wanted(second, 2, wanted(first, 2))) < HALF


def test_a_node_that_did_nothing_can_be_turned_up(comp):
    one = comp.racked(comp.layers.outputs["Image"], None)
    one.inputs["Mix"].default_value = 0.0
    comp.still(2)
    assert difference(shown(one), picture(2)) == 0
    turn(one.inputs["Mix"], 0.5)
    assert difference(shown(one), wanted(one, 2)) < EXACT
    turn(one.inputs["Mix"], 0.0)
    assert difference(shown(one), picture(2)) == 0


def test_the_cameras_lens_and_the_depths_meaning_are_followed(comp):
    one = comp.racked(comp.layers.outputs["Image"], None)
    comp.still(2)
    camera = comp.scene.camera.data
    camera.lens, camera.dof.focus_distance, camera.dof.aperture_fstop = 150.0, 5.0, 1.2
    one.rackfocus_lens = "CAMERA"
    bpy.context.view_layer.update()
    preview.refresh()
    told = {"Focal Length": 150.0, "Focus Distance": 5.0, "F-Stop": camera.dof.aperture_fstop}
    assert difference(shown(one), wanted(one, 2, **told)) < EXACT
    one.rackfocus_depth_kind, one.rackfocus_depth_scale = "METRES", 0.5
    preview.refresh()
    by_preview = shown(one)
    assert difference(by_preview, wanted(one, 2, **told)) > 0.01
    assert difference(by_preview, comp.still(2)) < EXACT


def test_what_depth_is_taken_for_is_told_by_the_settings_and_the_frame_that_show(comp):
    one = comp.racked(comp.layers.outputs["Image"], None)
    comp.still(2)
    assert "read as metres (" in preview.meaning_told(comp.scene, one)
    one.rackfocus_depth_kind, one.rackfocus_depth_scale = "METRES", 0.5
    assert "metres times 0.5 (as set)" in preview.meaning_told(comp.scene, one)
    comp.scene.frame_set(3)
    assert preview.meaning_told(comp.scene, one) == ""


@pytest.mark.parametrize("wrong", ["settings", "stroke"])
def test_what_cannot_be_is_told_and_the_other_nodes_go_on(comp, wrong):
    bad, good = (comp.racked(comp.layers.outputs["Image"], None) for _ in range(2))
    comp.still(2)
    if wrong == "settings":
        bad.rackfocus_depth_kind, bad.rackfocus_near_m, bad.rackfocus_far_m = "INVERSE", 5.0, 4.0
    else:
        touches.add(bad, 2, Touch("NEARER", ((0.5, 0.5),))).points = "no points"
    good.inputs["F-Stop"].default_value = 7.0
    preview.refresh()
    assert difference(shown(good), wanted(good, 2)) < EXACT
    assert preview.word_of(comp.scene, good) == ""
    said = {"settings": "near_m", "stroke": "delete it"}[wrong]
    assert said in preview.word_of(comp.scene, bad)
    bad.rackfocus_depth_kind = "AUTO"
    bad.rackfocus_touches.clear()
    preview.refresh()
    assert difference(shown(bad), wanted(bad, 2)) < EXACT
    assert preview.word_of(comp.scene, bad) == ""


def test_a_stroke_is_never_drawn_before_it_has_its_points(comp):
    one = comp.racked(comp.layers.outputs["Image"], None)
    comp.still(2)
    told = []
    look = lambda: told.append([each.points for each in one.rackfocus_touches])  # noqa: E731
    signals.on_redraw(look)
    try:
        touches.add(one, 2, Touch("FARTHER", ((0.5, 0.5),), factor=2.0), hold=True)
    finally:
        signals.off_redraw(look)
    assert told
    assert all(each for (each,) in told)


def test_memory_has_an_end_and_the_last_frame_stays(comp, monkeypatch):
    one = comp.racked(comp.layers.outputs["Image"], None)
    monkeypatch.setattr(memory.BUDGET, "limit_bytes", 1)
    comp.animation(1, 3)
    comp.scene.frame_set(2)
    assert "frame 2" in preview.word_of(comp.scene, one)
    comp.scene.frame_set(3)
    assert preview.word_of(comp.scene, one) == ""


def test_nothing_is_kept_of_the_file_that_was_open(comp):
    one = comp.racked(comp.layers.outputs["Image"], None)
    comp.still(2)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    preview.refresh()
    other = CompShot(comp.folder)
    one = other.racked(other.tree.nodes.new("CompositorNodeRLayers").outputs["Image"], None)
    other.scene.frame_set(2)
    assert preview.word_of(other.scene, one) == "No passes yet: render (F12)"


@pytest.mark.skipif(not versions.HAS_EFFECTS, reason="scenes have one tree in this Blender")
def test_an_effects_own_focus_is_followed(comp):
    comp.scene.compositor_effects.clear()
    one = effect.add(comp.scene)
    (slot,) = versions.slots(comp.scene)
    slot.given(node.origin(one.inputs["Focal Length"])).value = 200.0
    focus = slot.given(node.origin(one.inputs["Focus Distance"]))
    comp.still(2)
    for metres in (NEAR_M, FAR_M):
        focus.value = metres
        preview.refresh()
        by_preview, told = shown(one), {"Focal Length": 200.0, "Focus Distance": metres}
        assert difference(by_preview, wanted(one, 2, **told)) < HALF
        assert len(CountingEngine.rendered) == 1
    assert difference(by_preview, comp.still(2)) < EXACT
