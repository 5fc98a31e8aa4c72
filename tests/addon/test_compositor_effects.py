# SPDX-License-Identifier: GPL-3.0-or-later
"""Rack Focus in a scene's stack of compositor effects (Blender 5.3): in any effect, in several, whichever is active.

What is right is told by trees made by hand: the same picture and the same depth from files, refocused in one tree, or
Blender's own stack where the node does nothing.
"""

from __future__ import annotations

import sys

import addon_utils
import bpy
import numpy as np
import pytest
from comp_shot import FAR_M, NEAR_M, CompShot, CountingEngine, difference, left_behind, picture, wanted

from blender_rackfocus.addon.blender import cache, errors, versions
from blender_rackfocus.addon.compositor import effect, node_baked, node_pixels
from blender_rackfocus.addon.delivery.bake import Bake
from blender_rackfocus.addon.delivery.nodes import Nodes
from blender_rackfocus.addon.depth import pass_files
from blender_rackfocus.addon.shot import node
from blender_rackfocus.core import Aperture, Lens, defocus_frame

pytestmark = pytest.mark.skipif(not versions.HAS_EFFECTS, reason="scenes have one tree in this Blender")
EXACT = 1e-6


class Stack(CompShot):
    """A scene that a counting engine renders, with effects."""

    def __init__(self, folder) -> None:
        super().__init__(folder)
        self.scene.compositor_effects.clear()
        camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
        self.scene.collection.objects.link(camera)
        self.scene.camera = camera
        self.scene.render.engine = CountingEngine.bl_idname
        self.scene.view_layers[0].use_pass_z = True

    def effect(self, name: str, *, numbers: tuple[str, ...] = (), takes: bool = True):
        """A new effect, the active one, with a tree to be built: its Image comes in where it takes one."""
        self.tree = bpy.data.node_groups.new(name, "CompositorNodeTree")
        self.tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        if takes:
            self.tree.interface.new_socket("Image", in_out="INPUT", socket_type="NodeSocketColor")
        for each in numbers:
            self.tree.interface.new_socket(each, in_out="INPUT", socket_type="NodeSocketFloat")
        self.output = self.tree.nodes.new("NodeGroupOutput")
        self.input = self.tree.nodes.new("NodeGroupInput") if takes else None
        made = self.scene.compositor_effects.new(name)
        made.node_group = self.tree
        return made

    def brighter(self, name: str, stops: float):
        made = self.effect(name)
        exposure = self.tree.nodes.new("CompositorNodeExposure")
        exposure.inputs["Exposure"].default_value = stops
        self.link(self.input.outputs[0], exposure.inputs["Image"])
        self.show(exposure.outputs["Image"])
        return made

    def layers(self):
        made = self.tree.nodes.new("CompositorNodeRLayers")
        made.scene = self.scene
        return made


@pytest.fixture
def stack(registered, tmp_path):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.utils.register_class(CountingEngine)
    CountingEngine.rendered.clear()
    shot = Stack(tmp_path)
    yield shot
    assert not left_behind()
    bpy.utils.unregister_class(CountingEngine)
    errors.forget()


def times(source: np.ndarray, factor: float) -> np.ndarray:
    return source * np.float32([factor, factor, factor, 1])


@pytest.mark.parametrize("active", ["Before", "Rack", "After"])
def test_the_second_of_three_whichever_is_active(stack, active):
    """The frames of an animation: the effects before and after it count, and each frame is rendered once."""
    stack.brighter("Before", 1.0)
    stack.effect("Rack")
    one = stack.racked(stack.input.outputs[0], stack.layers().outputs["Depth"])
    stack.brighter("After", -2.0)
    effects = stack.scene.compositor_effects
    effects.active = effects[active]
    made = stack.animation(1, 6)
    assert sorted(made) == [1, 2, 3, 4, 5, 6]
    assert [frame for _, frame in CountingEngine.rendered] == [1, 2, 3, 4, 5, 6]
    for frame, shown in made.items():
        assert difference(shown, times(wanted(one, frame, times(picture(frame), 2.0)), 0.25)) < EXACT
    assert [each.name for each in effects] == ["Before", "Rack", "After"]
    assert [each.node_group.name for each in effects] == ["Before", "Rack", "After"]
    assert effects.active.name == active


def test_the_first_effect_takes_the_render_and_its_depth(stack):
    stack.scene.view_layers[0].use_pass_z = False
    stack.effect("Rack")
    one = stack.racked(stack.input.outputs[0], None)
    stack.brighter("After", 1.0)
    assert difference(stack.still(2), times(wanted(one, 2), 2.0)) < EXACT
    assert len(CountingEngine.rendered) == 1


def test_several_effects_and_nodes_of_one_name(stack):
    stack.effect("First")
    first = stack.racked(stack.input.outputs[0], stack.layers().outputs["Depth"])
    stack.effect("Second")
    depth = stack.layers().outputs["Depth"]
    second = stack.racked(stack.input.outputs[0], depth, focus_m=FAR_M)
    third = stack.racked(second.outputs["Image"], depth, focus_m=3.0)
    assert first.name == second.name
    made = wanted(third, 2, wanted(second, 2, wanted(first, 2)))
    assert difference(stack.still(2), made) < EXACT
    assert len(CountingEngine.rendered) == 1


def test_one_tree_in_two_effects(stack):
    stack.effect("Rack")
    one = stack.racked(stack.input.outputs[0], stack.layers().outputs["Depth"])
    stack.scene.compositor_effects.new("Again").node_group = stack.tree
    groups = len(bpy.data.node_groups)
    assert difference(stack.still(2), wanted(one, 2, wanted(one, 2))) < EXACT
    assert len(bpy.data.node_groups) == groups


def test_an_effect_that_is_off_does_not_count(stack):
    stack.brighter("Off", 3.0).enable_for_render = False
    stack.effect("Rack")
    one = stack.racked(stack.input.outputs[0], stack.layers().outputs["Depth"])
    off = stack.brighter("Off too", 3.0)
    off.enable_for_render = False
    assert difference(stack.still(2), wanted(one, 2)) < EXACT
    assert len(CountingEngine.rendered) == 1
    stack.scene.compositor_effects["Rack"].enable_for_render = False
    off.enable_for_render = True
    assert difference(stack.still(2), times(picture(2), 8.0)) < EXACT


def test_keyed_inputs_of_effects(stack):
    """Those of the effect before it, and those that its own inputs are linked to."""
    before = stack.effect("Before", numbers=("Stops",))
    exposure = stack.tree.nodes.new("CompositorNodeExposure")
    stack.link(stack.input.outputs[0], exposure.inputs["Image"])
    stack.link(stack.input.outputs["Stops"], exposure.inputs["Exposure"])
    stack.show(exposure.outputs["Image"])
    rack = stack.effect("Rack", numbers=("Focus",))
    one = stack.racked(stack.input.outputs[0], stack.layers().outputs["Depth"])
    stack.link(stack.input.outputs["Focus"], one.inputs["Focus Distance"])
    for each, keys in ((before, {1: 0.0, 3: 2.0}), (rack, {1: NEAR_M, 3: FAR_M})):
        for frame, value in keys.items():
            each.properties.inputs.Socket_2.value = value
            each.properties.inputs.Socket_2.keyframe_insert("value", frame=frame)
    made = stack.animation(1, 3)
    for frame, factor, focus_m in ((1, 1.0, NEAR_M), (3, 4.0, FAR_M)):
        shown = wanted(one, frame, times(picture(frame), factor), **{"Focus Distance": focus_m})
        assert difference(made[frame], shown) < EXACT


def test_files_in_one_effect_need_no_render(stack):
    stack.effect("Rack", takes=False)
    image, depth = stack.files()
    one = stack.racked(image.outputs["Image"], depth.outputs["Image"])
    stack.brighter("After", 1.0)
    assert difference(stack.still(3), times(wanted(one, 3), 2.0)) < EXACT
    assert not CountingEngine.rendered


def test_what_is_wrong_names_scene_and_effect(stack):
    """Depth without a link is that of the render: where nothing of the scene is rendered there is none."""
    stack.effect("Files", takes=False)
    stack.show(stack.files()[0].outputs["Image"])
    stack.effect("Rack")
    stack.racked(stack.input.outputs[0], None)
    assert stack.still(2) is None
    (message,) = errors.failures()
    assert "no depth is linked" in message
    assert '"Rack: Rack Focus"' in message
    assert 'scene "Scene"' in message
    assert [each.name for each in stack.scene.compositor_effects] == ["Files", "Rack"]
    assert not CountingEngine.rendered


def test_a_file_saved_in_the_middle_of_a_render_has_its_own_stack(stack):
    stack.effect("Rack")
    stack.racked(stack.input.outputs[0], None)
    stack.brighter("After", 1.0)
    kept = stack.folder / "middle.blend"

    def save(scene, *_):
        if scene == stack.scene and not kept.exists():
            bpy.ops.wm.save_as_mainfile(filepath=str(kept), copy=True)

    bpy.app.handlers.render_post.append(save)
    stack.still(1)
    bpy.app.handlers.render_post.remove(save)
    bpy.ops.wm.open_mainfile(filepath=str(kept))
    effects = bpy.context.scene.compositor_effects
    assert [each.node_group.name for each in effects] == ["Rack", "After"]
    assert len(node.in_tree(effects["Rack"].node_group)) == 1


def by_cycles(stack):
    """A cube in front of a plane, at two samples."""
    addon_utils.enable("cycles", default_set=True)
    scene = stack.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 2, False
    scene.render.resolution_x, scene.render.resolution_y = 48, 28
    scene.camera.location = (0, 0, 8)
    bpy.ops.mesh.primitive_cube_add(size=1, location=(0.4, 0, 5))
    bpy.context.object.keyframe_insert("location", frame=1)
    bpy.context.object.location.x = -0.6
    bpy.context.object.keyframe_insert("location", frame=6)
    bpy.ops.mesh.primitive_plane_add(size=9)
    bpy.ops.object.light_add(type="POINT", location=(1, 1, 7))
    bpy.context.object.data.energy = 400
    return scene


def passes_by_blender(stack, scene, frames):
    """Picture and depth of frames as Cycles itself renders them, with no compositor."""
    scene.render.use_compositing = False
    scene.render.image_settings.media_type = "MULTI_LAYER_IMAGE"
    scene.render.image_settings.file_format = "OPEN_EXR_MULTILAYER"
    scene.render.image_settings.color_depth = "32"
    found = {}
    for frame in frames:
        scene.frame_set(frame)
        path = stack.folder / f"passes_{frame}.exr"
        scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True)
        layer = scene.view_layers[0].name
        both = [pass_files.read_pass(str(path), layer, name) for name in ("Combined", "Depth")]
        found[frame] = both[0], both[1][..., 0]
    scene.render.use_compositing = True
    scene.render.image_settings.media_type = "IMAGE"
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_depth = "32"
    return found


def test_an_effect_of_its_own_between_two_others_by_cycles(stack, monkeypatch):
    """One click, its focus keyed where the effect's inputs are; read in dioptres between the keys; each frame of the 3D
    scene rendered once; the depth is the render's own."""
    scene = by_cycles(stack)
    cycles = sys.modules["cycles"]
    given = passes_by_blender(stack, scene, range(1, 7))
    stack.brighter("Before", 1.0)
    assert bpy.ops.rackfocus.effect_add() == {"FINISHED"}
    stack.brighter("After", -2.0)
    mine = scene.compositor_effects[1]
    ids = {item.name: item.identifier for item in mine.node_group.interface.items_tree if item.item_type == "SOCKET"}
    for name, value in (("Focal Length", 200.0), ("F-Stop", 2.0)):
        getattr(mine.properties.inputs, ids[name]).value = value
    focus = getattr(mine.properties.inputs, ids["Focus Distance"])
    for frame, focus_m in ((1, 2.5), (6, 8.0)):
        focus.value = focus_m
        focus.keyframe_insert("value", frame=frame)
    for point in scene.animation_data.action.layers[0].strips[0].channelbags[0].fcurves[0].keyframe_points:
        point.interpolation = "LINEAR"
    began, render = [], cycles.CyclesRender.render

    def counted(self, depsgraph):
        began.append(depsgraph.scene.frame_current)
        render(self, depsgraph)

    monkeypatch.setattr(cycles.CyclesRender, "render", counted)
    made = stack.animation(1, 6)
    assert began == [1, 2, 3, 4, 5, 6]
    assert sorted(made) == [1, 2, 3, 4, 5, 6]
    for frame, (colour, depth) in given.items():
        part = (frame - 1) / 5
        focus_m = 1 / ((1 - part) / 2.5 + part / 8.0)
        lens = Lens(focal_mm=200.0, f_number=2.0, sensor_mm=36.0, focus_m=focus_m)
        through = defocus_frame(times(colour, 2.0), depth, lens, aperture=Aperture(), quality="final")
        assert np.abs(through - times(colour, 2.0)).max() > 0.05
        assert difference(made[frame], times(through, 0.25)) < 1e-3, frame


def by_hand(stack, values, keys):
    """The same as one tree of Blender's former kind: exposure, Rack Focus and exposure behind Render Layers."""
    stack.scene.compositor_effects.clear()
    stack.effect("By Hand", takes=False)
    layers = stack.layers()
    before, after = (stack.tree.nodes.new("CompositorNodeExposure") for _ in range(2))
    before.inputs["Exposure"].default_value, after.inputs["Exposure"].default_value = 1.0, -2.0
    stack.link(layers.outputs["Image"], before.inputs["Image"])
    one = stack.racked(before.outputs["Image"], layers.outputs["Depth"])
    for name, value in values.items():
        one.inputs[name].default_value = value
    for frame, focus_m in keys.items():
        one.inputs["Focus Distance"].default_value = focus_m
        one.inputs["Focus Distance"].keyframe_insert("default_value", frame=frame)
    stack.link(one.outputs["Image"], after.inputs["Image"])
    stack.show(after.outputs["Image"])


@pytest.mark.parametrize(
    ("share", "border", "last"), [(100, "", 6), (75, "", 1), (50, "border", 1), (100, "cropped border", 1)]
)
def test_three_effects_are_the_same_tree_by_hand(stack, share, border, last):
    """By Cycles, to the last bit; also parts of the frame, and other sizes."""
    scene = by_cycles(stack)
    scene.render.resolution_percentage = share
    scene.render.use_border, scene.render.use_crop_to_border = bool(border), border == "cropped border"
    scene.render.border_min_x, scene.render.border_max_x = 0.21, 0.83
    scene.render.border_min_y, scene.render.border_max_y = 0.17, 0.9
    values, keys = {"Focal Length": 200.0, "F-Stop": 2.0}, {1: 2.5, 6: 8.0}
    stack.brighter("Before", 1.0)
    one = effect.add(scene)
    stack.brighter("After", -2.0)
    slot = next(each for each in versions.slots(scene) if each.tree == one.id_data)
    for name, value in values.items():
        slot.given(node.origin(one.inputs[name])).value = value
    focus = slot.given(node.origin(one.inputs["Focus Distance"]))
    for frame, focus_m in keys.items():
        focus.value = focus_m
        focus.keyframe_insert("value", frame=frame)
    made = stack.animation(1, last, "effects")
    by_hand(stack, values, keys)
    wished = stack.animation(1, last, "by hand")
    assert sorted(made) == sorted(wished) == list(range(1, last + 1))
    for frame in made:
        assert np.array_equal(made[frame], wished[frame]), frame


def test_an_effects_bake_goes_by_its_inputs_and_the_effects_before_it(stack, monkeypatch):
    monkeypatch.setenv(cache.ENVIRONMENT, "off")
    scene = stack.scene
    stack.brighter("Before", 1.0)
    exposure = next(each for each in stack.tree.nodes if each.bl_idname == "CompositorNodeExposure")
    one = effect.add(scene)
    (slot,) = (each for each in versions.slots(scene) if each.tree == one.id_data)
    focus = slot.given(node.origin(one.inputs["Focus Distance"]))
    slot.given(node.origin(one.inputs["Focal Length"])).value = 200.0
    for frame, focus_m in ((1, NEAR_M), (3, FAR_M)):
        focus.value = focus_m
        focus.keyframe_insert("value", frame=frame)
    stack.scene.frame_start, stack.scene.frame_end = 1, 3
    bpy.ops.wm.save_as_mainfile(filepath=str(stack.folder / "shot.blend"))
    live = stack.animation(1, 3, "live")
    place = node_baked.default_place(scene, one)
    with Bake(Nodes(scene), {one.name: place}, range(1, 4)) as under_way:
        assert [made.state for made in under_way] == ["baked"] * 3
    node_baked.attach(one, place)
    asked = []
    monkeypatch.setattr(node_pixels, "make_of_picture", lambda *given: asked.append(given))
    baked = stack.animation(1, 3, "baked")
    assert not asked
    assert all(difference(baked[frame], live[frame]) < EXACT for frame in (1, 2, 3))
    assert difference(live[1], live[3]) > 0.05

    def look():
        return Nodes(scene).look(one.name, range(1, 4), place)

    assert look().fresh == 3
    exposure.inputs["Exposure"].default_value = 2.0
    assert look().reasons == {"nodes before it changed": 3}
    exposure.inputs["Exposure"].default_value = 1.0
    assert look().fresh == 3
    scene.frame_set(2)
    focus.value = 5.0
    focus.keyframe_insert("value", frame=2)
    assert "nodes before it changed" not in look().reasons
    assert look().fresh == 2


def test_effects_of_one_name_can_be_baked_side_by_side(stack):
    first, second = effect.add(stack.scene), effect.add(stack.scene)
    assert first.name != second.name
    assert Nodes(stack.scene).names() == [first.name, second.name]
    assert [each.name for each in stack.scene.compositor_effects] == [first.name, second.name]
