# SPDX-License-Identifier: GPL-3.0-or-later
"""Rack Focus as an effect of its own (Blender 5.3) in all that a scene goes through: depth from files, copies of the
scene, trees and scenes from other files, undo, strips that show the scene."""

from __future__ import annotations

import bpy
import cv2
import numpy as np
import pytest
from comp_shot import (
    FAR_M,
    HEIGHT,
    NEAR_M,
    WIDTH,
    CountingEngine,
    depth_m,
    difference,
    left_behind,
    picture,
    read,
    set_up,
    wanted,
)
from test_compositor_effects import EXACT, Stack, times

from blender_rackfocus.addon.blender import errors, versions
from blender_rackfocus.addon.compositor import effect, preview
from blender_rackfocus.addon.delivery.nodes import Nodes
from blender_rackfocus.addon.depth import scene_passes
from blender_rackfocus.addon.shot import modifier, node
from blender_rackfocus.core import Aperture, Lens, defocus_frame

pytestmark = pytest.mark.skipif(not versions.HAS_EFFECTS, reason="scenes have one tree in this Blender")
TOLD = {"Focal Length": 200.0, "F-Stop": 1.4, "Focus Distance": NEAR_M}
SEQUENCER = 2e-3
"""The sequencer's own rounding of a linear picture through its colour space, of 1."""


@pytest.fixture
def stack(registered, tmp_path, monkeypatch):
    monkeypatch.setenv("RACKFOCUS_CACHE", str(tmp_path / "store"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.utils.register_class(CountingEngine)
    CountingEngine.rendered.clear()
    yield Stack(tmp_path)
    assert not left_behind()
    bpy.utils.unregister_class(CountingEngine)
    errors.forget()


def give(scene, one, **values):
    """Set inputs of the effect that has a node."""
    slot = next(each for each in versions.slots(scene) if each.tree == one.id_data)
    for name, value in values.items():
        slot.given(node.origin(one.inputs[name])).value = value


@pytest.fixture
def one(stack):
    """The node of a Rack Focus effect, the scene's only effect."""
    made = effect.add(stack.scene)
    give(stack.scene, made, **TOLD)
    stack.tree = made.id_data
    return made


def test_its_depth_is_of_the_render_also_after_other_effects(stack):
    """Without any link, and the scene is rendered once."""
    stack.brighter("Before", 1.0)
    made = effect.add(stack.scene)
    give(stack.scene, made, **TOLD)
    assert difference(stack.still(2), wanted(made, 2, times(picture(2), 2.0), **TOLD)) < EXACT
    assert len(CountingEngine.rendered) == 1


def test_depth_from_a_sequence(stack, one):
    stack.link(stack.sequence("depth", lambda frame: depth_m(frame + 3)).outputs["Image"], one.inputs["Depth"])
    lens = Lens(focal_mm=200.0, f_number=1.4, sensor_mm=36.0, focus_m=NEAR_M)
    for frame, made in stack.animation(1, 3).items():
        through = defocus_frame(picture(frame), depth_m(frame + 3), lens, aperture=Aperture(), quality="final")
        assert difference(made, through) < 1e-3  # half floats


def test_depth_from_a_movie(stack, one):
    """A picture of nearness: white is near. What is near stays sharp, to the border of that very frame."""
    path = str(stack.folder / "depth.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"FFV1"), 24, (WIDTH, HEIGHT))
    near_m, far_m, borders = one.rackfocus_near_m, one.rackfocus_far_m, {1: 20, 2: 40, 3: 60}
    for border in borders.values():
        plane = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        plane[:, :border] = 255
        writer.write(plane)
    writer.release()
    movie = stack.image_node(path)
    movie.frame_duration, movie.frame_start, movie.use_auto_refresh = 3, 1, True
    movie.image.colorspace_settings.name = "Non-Color"
    stack.link(movie.outputs["Image"], one.inputs["Depth"])
    give(stack.scene, one, **{"Focus Distance": near_m})
    made = stack.animation(1, 3)
    lens = Lens(focal_mm=200.0, f_number=1.4, sensor_mm=36.0, focus_m=near_m)
    for frame, border in borders.items():
        depth = np.full((HEIGHT, WIDTH), far_m, np.float32)
        depth[:, :border] = near_m
        through = defocus_frame(picture(frame), depth, lens, aperture=Aperture(), quality="final")
        assert difference(made[frame], through) < 1e-3


@pytest.mark.parametrize("kind", ["copy", "LINK_COPY", "FULL_COPY"])
def test_a_copy_of_the_scene_has_its_own_focus_and_renders_only_itself(stack, one, kind):
    first = stack.scene
    if kind == "copy":
        other = first.copy()
    else:
        bpy.ops.scene.new(type=kind)
        other = bpy.context.window.scene
    assert other != first
    give(first, one, **{"Focus Distance": FAR_M})
    assert difference(stack.still(2, first), wanted(one, 2, **TOLD | {"Focus Distance": FAR_M})) < EXACT
    assert difference(stack.still(2, other), wanted(one, 2, **TOLD)) < EXACT
    assert len(CountingEngine.rendered) == 2


def test_a_tree_that_is_linked_in_works_on_the_scene_it_is_linked_to(stack, one):
    library, name = stack.folder / "library.blend", one.id_data.name
    bpy.ops.wm.save_as_mainfile(filepath=str(library), copy=True)
    stack.scene.compositor_effects.clear()
    bpy.data.node_groups.remove(one.id_data)
    with bpy.data.libraries.load(str(library), link=True) as (_, wished):
        wished.node_groups = [name]
    (tree,) = wished.node_groups
    versions.add_effect(stack.scene, "Linked", tree)
    (linked,) = node.in_tree(tree)
    give(stack.scene, linked, **TOLD)
    assert difference(stack.still(2), wanted(linked, 2, **TOLD)) < EXACT
    assert len(CountingEngine.rendered) == 1
    assert stack.scene.compositor_effects["Linked"].node_group == tree


@pytest.mark.parametrize("link", [False, True])
def test_a_scene_from_another_file(stack, one, link):
    library = stack.folder / "library.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(library), copy=True)
    stack.scene.compositor_effects.clear()
    with bpy.data.libraries.load(str(library), link=link) as (_, wished):
        wished.scenes = ["Scene"]
    (other,) = wished.scenes
    assert difference(stack.still(2, other), wanted(one, 2, **TOLD)) < EXACT
    assert difference(stack.still(2), picture(2)) < EXACT


def test_undo_after_renders(stack, one):
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="before")
    stack.still(2)
    assert bpy.ops.rackfocus.effect_add("EXEC_DEFAULT", True) == {"FINISHED"}
    bpy.ops.ed.undo()
    stack.scene = bpy.context.scene
    (left,) = stack.scene.compositor_effects
    (one,) = node.in_tree(left.node_group)
    assert difference(stack.still(2), wanted(one, 2, **TOLD)) < EXACT


def test_switched_off_for_renders_or_for_the_preview(stack, one):
    (mine,) = stack.scene.compositor_effects
    mine.enable_for_render = False
    assert difference(stack.still(2), picture(2)) < EXACT
    assert preview.word_of(stack.scene, one) == "Not in a tree that renders show: no passes"
    mine.enable_for_render, mine.enable_for_preview = True, False
    assert difference(stack.still(2), wanted(one, 2, **TOLD)) < EXACT


def key_switch(mine, frames):
    for frame, is_on in frames.items():
        mine.enable_for_render = is_on
        mine.keyframe_insert("enable_for_render", frame=frame)


@pytest.mark.parametrize("start", [1, 2])
def test_effects_that_keys_switch_on_and_off(stack, start):
    """Whatever is on where the render begins: one before it, and Rack Focus itself, frame by frame."""
    key_switch(stack.brighter("Before", 1.0), {1: True, 2: False, 3: True, 4: False})
    made = effect.add(stack.scene)
    give(stack.scene, made, **TOLD)
    key_switch(stack.scene.compositor_effects["Rack Focus"], {1: True, 2: True, 3: False, 4: False})
    stack.brighter("After", -1.0)
    stack.scene.frame_set(start)
    shown = stack.animation(1, 4)
    for frame, stops, racked in ((1, 1, True), (2, 0, True), (3, 1, False), (4, 0, False)):
        came = times(picture(frame), 2.0**stops)
        wished = wanted(made, frame, came, **TOLD) if racked else came
        assert difference(shown[frame], times(wished, 0.5)) < EXACT, frame
    assert [frame for _, frame in CountingEngine.rendered] == [1, 2, 3, 4]


def test_a_strip_cannot_follow_effects_that_keys_switch(stack):
    key_switch(stack.brighter("Keyed", 1.0), {1: True, 3: False})
    edit = Edit(stack)
    edit.rack()
    assert not edit.animation(12, 12)
    (message,) = errors.failures()
    assert 'the effect "Keyed" of scene "Scene" is switched on and off by keys' in message


def test_a_duplicate_shares_the_tree_and_has_its_own_focus(stack, one):
    with bpy.context.temp_override(scene=stack.scene):
        assert bpy.ops.scene.duplicate_compositor_effect() == {"FINISHED"}
    first, second = versions.slots(stack.scene)
    assert first.tree == second.tree
    second.given(node.origin(one.inputs["Focus Distance"])).value = FAR_M
    wished = wanted(one, 2, wanted(one, 2, **TOLD), **TOLD | {"Focus Distance": FAR_M})
    assert difference(stack.still(2), wished) < EXACT
    assert preview.word_of(stack.scene, one).startswith("Two effects share this tree")
    with pytest.raises(ValueError, match=f'its own copy of the tree "{one.id_data.name}"'):
        Nodes(stack.scene).names()


def test_an_effect_after_it_that_shows_the_render_again(stack, one):
    stack.effect("After")
    mixed = stack.tree.nodes.new("ShaderNodeMix")
    mixed.data_type, mixed.inputs[0].default_value = "RGBA", 0.5
    stack.link(stack.input.outputs[0], mixed.inputs[6])
    stack.link(stack.layers().outputs["Image"], mixed.inputs[7])
    stack.show(mixed.outputs[2])
    half = 0.5 * wanted(one, 2, **TOLD) + 0.5 * picture(2)
    assert difference(stack.still(2), half) < EXACT
    assert len(CountingEngine.rendered) == 1


def test_inside_a_group_it_is_refused_by_name(stack, one):
    outer = bpy.data.node_groups.new("Outer", "CompositorNodeTree")
    for way in ("OUTPUT", "INPUT"):
        outer.interface.new_socket("Image", in_out=way, socket_type="NodeSocketColor")
    inside = outer.nodes.new("CompositorNodeGroup")
    inside.node_tree = one.id_data
    outer.links.new(outer.nodes.new("NodeGroupInput").outputs[0], inside.inputs[0])
    outer.links.new(inside.outputs[0], outer.nodes.new("NodeGroupOutput").inputs[0])
    stack.scene.compositor_effects[0].node_group = outer
    assert stack.still(2) is None
    (message,) = errors.failures()
    assert f'take it out of the node group "{one.id_data.name}"' in message


class Edit:
    """A timeline that shows the scene from frame 11 on."""

    def __init__(self, stack) -> None:
        self.folder, self.scene = stack.folder, bpy.data.scenes.new("Edit")
        set_up(self.scene)
        bpy.context.window.scene = self.scene
        strips = self.scene.sequence_editor_create().strips
        self.strip = strips.new_scene("Shot", stack.scene, channel=1, frame_start=11)
        self.strip.right_handle = 16

    def rack(self) -> None:
        assert bpy.ops.rackfocus.modifier_add(strip_name="Shot") == {"FINISHED"}
        for name, value in TOLD.items():
            modifier.socket(modifier.find(self.strip), name).value = value

    def animation(self, first: int, last: int, name: str = "edit") -> dict[int, np.ndarray]:
        self.scene.frame_start, self.scene.frame_end = first, last
        self.scene.render.filepath = f"{self.folder}/{name}/"
        bpy.ops.render.render(animation=True)
        return {int(path.stem): read(path) for path in sorted((self.folder / name).glob("*.exr"))}


def test_a_strip_shows_the_scene_with_its_effects(stack, one):
    stack.brighter("After", -1.0)
    made = Edit(stack).animation(12, 14)
    assert sorted(made) == [12, 13, 14]
    for frame, shown in made.items():
        assert difference(shown, times(wanted(one, frame - 10, **TOLD), 0.5)) < SEQUENCER
    assert [frame for _, frame in CountingEngine.rendered] == [2, 3, 4]


def with_keyed_stops(stack):
    """An effect whose own input is keyed: 0 stops at frame 1, -2 at 5."""
    keyed = stack.effect("Keyed", numbers=("Stops",))
    exposure = stack.tree.nodes.new("CompositorNodeExposure")
    stack.link(stack.input.outputs[0], exposure.inputs["Image"])
    stack.link(stack.input.outputs["Stops"], exposure.inputs["Exposure"])
    stack.show(exposure.outputs["Image"])
    for frame, stops in ((1, 0.0), (5, -2.0)):
        keyed.properties.inputs.Socket_2.value = stops
        keyed.properties.inputs.Socket_2.keyframe_insert("value", frame=frame)
    for point in stack.scene.animation_data.action.layers[0].strips[0].channelbags[0].fcurves[0].keyframe_points:
        point.interpolation = "LINEAR"
    return keyed.properties.inputs.Socket_2


def test_a_strip_with_the_modifier_of_a_scene_with_a_stack_of_effects(stack):
    """Each effect counts, off ones do not; their inputs as they are keyed; the scene is rendered once a frame, again
    only where one of those inputs is another."""
    stops = with_keyed_stops(stack)
    stack.brighter("Off", 5.0).enable_for_render = False
    stack.brighter("Half", -1.0)
    edit = Edit(stack)
    edit.rack()
    shot = modifier.find(edit.strip)
    lens = Lens(focal_mm=200.0, f_number=1.4, sensor_mm=36.0, focus_m=NEAR_M)
    assert modifier.socket(shot, "Focus Distance").value == NEAR_M

    def right(made, factor):
        for frame, shown in made.items():
            own = frame - 10
            source = times(picture(own), factor(own))
            through = defocus_frame(source, depth_m(own), lens, aperture=Aperture(), quality="final")
            assert np.abs(through - source).max() > 0.05
            assert difference(shown, through) < SEQUENCER, frame

    right(edit.animation(12, 14), lambda own: 0.5 * 2.0 ** (-(own - 1) / 2))
    assert [frame for _, frame in CountingEngine.rendered] == [2, 3, 4]
    assert [each.name for each in stack.scene.compositor_effects if each.enable_for_render] == ["Keyed", "Half"]
    right(edit.animation(12, 14, "again"), lambda own: 0.5 * 2.0 ** (-(own - 1) / 2))
    assert len(CountingEngine.rendered) == 3
    stops.id_data.animation_data_clear()
    stops.value = -1.0
    scene_passes.forget()
    right(edit.animation(12, 12, "steady"), lambda own: 0.25)
    stops.value = 0.0
    scene_passes.forget()
    right(edit.animation(12, 12, "steadier"), lambda own: 0.5)
    assert len(CountingEngine.rendered) == 5
