# SPDX-License-Identifier: GPL-3.0-or-later
"""Rack Focus behind Render Layers: each frame's 3D scene is rendered once, and its camera's lens obeyed."""

from __future__ import annotations

import math

import addon_utils
import bpy
import numpy as np
import pytest
from comp_shot import (
    FAR_M,
    HEIGHT,
    NEAR_M,
    WIDTH,
    CompShot,
    CountingEngine,
    depth_m,
    difference,
    left_behind,
    picture,
    set_up,
    wanted,
)

from blender_rackfocus.addon.blender import errors, versions
from blender_rackfocus.addon.compositor import session as compositor
from blender_rackfocus.addon.shot import camera_lens, node

EXACT = 1e-6


@pytest.fixture
def comp(registered, tmp_path):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.utils.register_class(CountingEngine)
    CountingEngine.rendered.clear()
    shot = CompShot(tmp_path)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    shot.scene.collection.objects.link(camera)
    shot.scene.camera = camera
    shot.scene.render.engine = CountingEngine.bl_idname
    shot.scene.view_layers[0].use_pass_z = True
    yield shot
    assert not left_behind()
    bpy.utils.unregister_class(CountingEngine)
    errors.forget()


def behind_render(comp, scene=None, depth=True, **how) -> bpy.types.Node:
    layers = comp.tree.nodes.new("CompositorNodeRLayers")
    layers.scene = scene or comp.scene
    return comp.racked(layers.outputs["Image"], layers.outputs["Depth"] if depth else None, **how)


def keyed_focus(scene: bpy.types.Scene) -> None:
    """A focus object that goes from NEAR_M to FAR_M in front of the camera (which looks down), frames 1 to 4."""
    target = bpy.data.objects.new("Focus", None)
    scene.collection.objects.link(target)
    for frame, metres in ((1, NEAR_M), (4, FAR_M)):
        target.location = (0.5, 0.0, -metres)
        target.keyframe_insert("location", frame=frame)
    scene.camera.data.dof.focus_object = target


def test_every_frame_is_rendered_once(comp):
    one = behind_render(comp)
    made = comp.animation(1, 4)
    assert sorted(made) == [1, 2, 3, 4]
    assert [frame for _, frame in CountingEngine.rendered] == [1, 2, 3, 4]
    for frame in made:
        assert difference(made[frame], wanted(one, frame)) < EXACT


def test_a_still_is_rendered_once_and_equal(comp):
    one = behind_render(comp)
    assert difference(comp.still(3), wanted(one, 3)) < EXACT
    assert len(CountingEngine.rendered) == 1


def test_nothing_is_rendered_by_us_without_a_node_at_work(comp):
    one = behind_render(comp)
    one.mute = True
    assert difference(comp.still(2), picture(2)) == 0
    assert [name for name, _ in CountingEngine.rendered] == [comp.scene.name]


def test_depth_is_taken_from_the_same_layer_when_nothing_is_linked(comp):
    comp.scene.view_layers[0].use_pass_z = False
    one = behind_render(comp, depth=False)
    assert difference(comp.still(2), wanted(one, 2)) < EXACT


def test_several_nodes_share_one_render(comp):
    first = behind_render(comp)
    second = comp.racked(first.outputs["Image"], first.inputs["Depth"].links[0].from_socket, focus_m=FAR_M)
    assert difference(comp.still(2), wanted(second, 2, wanted(first, 2))) < EXACT
    assert len(CountingEngine.rendered) == 1


def test_a_render_layers_node_elsewhere_and_in_a_group_gets_the_same_render(comp):
    one = behind_render(comp)
    inner = bpy.data.node_groups.new("Inner", "CompositorNodeTree")
    inner.interface.new_socket("Depth", in_out="OUTPUT", socket_type="NodeSocketFloat")
    layers, output = inner.nodes.new("CompositorNodeRLayers"), inner.nodes.new("NodeGroupOutput")
    layers.scene = comp.scene
    inner.links.new(layers.outputs["Depth"], output.inputs[0])
    holder = comp.tree.nodes.new("CompositorNodeGroup")
    holder.node_tree = inner
    mask = comp.tree.nodes.new("CompositorNodeSetAlpha")
    comp.link(one.outputs["Image"], mask.inputs["Image"])
    comp.link(holder.outputs[0], mask.inputs["Alpha"])
    mask.inputs["Type"].default_value = "Replace Alpha"
    comp.show(mask.outputs["Image"])
    made = comp.still(2)
    assert difference(made[..., :3], wanted(one, 2)[..., :3]) < EXACT
    assert difference(made[..., 3], depth_m(2)) < EXACT
    assert len(CountingEngine.rendered) == 1
    assert layers.id_data == inner
    assert [each.bl_idname for each in inner.nodes].count("CompositorNodeRLayers") == 1


def test_render_layers_of_another_scene(comp):
    other = bpy.data.scenes.new("Other")
    set_up(other)
    other.camera = comp.scene.camera
    other.render.engine = CountingEngine.bl_idname
    other.view_layers[0].use_pass_z = True
    one = behind_render(comp, other)
    assert difference(comp.still(2), wanted(one, 2)) < EXACT
    assert len(CountingEngine.rendered) == 1


def test_a_node_between_render_and_rack_focus(comp):
    layers = comp.tree.nodes.new("CompositorNodeRLayers")
    layers.scene = comp.scene
    brighter = comp.tree.nodes.new("CompositorNodeExposure")
    brighter.inputs["Exposure"].default_value = 1.0
    comp.link(layers.outputs["Image"], brighter.inputs["Image"])
    one = comp.racked(brighter.outputs["Image"], layers.outputs["Depth"])
    assert difference(comp.still(2), wanted(one, 2, picture(2) * np.float32([2, 2, 2, 1]))) < EXACT
    assert len(CountingEngine.rendered) == 1


def test_lens_and_focus_of_the_camera_frame_by_frame(comp):
    keyed_focus(comp.scene)
    data = comp.scene.camera.data
    data.lens, data.sensor_width = 180.0, 30.0
    data.dof.aperture_blades, data.dof.aperture_rotation, data.dof.aperture_ratio = 5, 0.3, 1.5
    for frame, stop in ((1, 1.0), (4, 4.0)):
        data.dof.aperture_fstop = stop
        data.dof.keyframe_insert("aperture_fstop", frame=frame)
    one = behind_render(comp)
    one.rackfocus_lens = "CAMERA"
    made = comp.animation(1, 4)
    lens = {"Focal Length": 180.0, "Sensor Width": 30.0, "Blades": 5, "Blade Rotation": 0.3, "Squeeze": 1.5}
    for frame, focus_m, stop in ((1, NEAR_M, 1.0), (4, FAR_M, 4.0)):
        told = lens | {"Focus Distance": focus_m, "F-Stop": stop}
        assert difference(made[frame], wanted(one, frame, **told)) < 1e-3


def test_a_camera_bound_to_a_marker(comp):
    plain = comp.scene.camera
    second = bpy.data.objects.new("Second", bpy.data.cameras.new("Second"))
    comp.scene.collection.objects.link(second)
    second.data.lens, second.data.dof.aperture_fstop, second.data.dof.focus_distance = 150.0, 1.0, FAR_M
    comp.scene.timeline_markers.new("cut", frame=3).camera = second
    comp.scene.timeline_markers.new("start", frame=1).camera = plain
    plain.data.dof.focus_distance, plain.data.dof.aperture_fstop = NEAR_M, 1.0
    one = behind_render(comp)
    one.rackfocus_lens = "CAMERA"
    made = comp.animation(2, 3)
    first = {"Focal Length": 50.0, "F-Stop": 1.0, "Focus Distance": NEAR_M}
    assert difference(made[2], wanted(one, 2, **first)) < 1e-4
    assert difference(made[3], wanted(one, 3, **{**first, "Focal Length": 150.0, "Focus Distance": FAR_M})) < 1e-4


@pytest.mark.parametrize(
    ("fit", "size", "sensor_mm"),
    [
        ("AUTO", (160, 90), 36.0),
        ("AUTO", (90, 160), 36.0 * 90 / 160),
        ("HORIZONTAL", (90, 160), 36.0),
        ("VERTICAL", (160, 90), 24.0 * 160 / 90),
    ],
)
def test_sensor_width_by_the_cameras_fit(comp, fit, size, sensor_mm):
    data = comp.scene.camera.data
    data.sensor_width, data.sensor_height, data.sensor_fit = 36.0, 24.0, fit
    assert camera_lens.sensor_width_mm(data, *size) == pytest.approx(sensor_mm)


@pytest.mark.parametrize("crop", [False, True])
def test_a_border_is_refocused_as_part_of_the_whole_frame(comp, crop):
    """Cycles, whose border is its own affair; what lies well inside it is what the whole frame shows there."""
    addon_utils.enable("cycles")
    scene = comp.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 4, False
    for place in ((-0.6, 0.2, -4.0), (0.5, -0.2, -9.0)):
        bpy.ops.mesh.primitive_monkey_add(size=2.0, location=place)
    world = bpy.data.worlds.new("World")
    scene.world = world
    one = behind_render(comp)
    one.inputs["Focal Length"].default_value, one.inputs["Focus Distance"].default_value = 50.0, 4.0
    one.inputs["F-Stop"].default_value = 0.8
    whole = comp.still(1)
    render = scene.render
    render.use_border, render.use_crop_to_border = True, crop
    render.border_min_x, render.border_max_x, render.border_min_y, render.border_max_y = 0.25, 0.75, 0.25, 0.75
    made = comp.still(1)
    top, left = HEIGHT - int(0.75 * HEIGHT), WIDTH // 4
    inside = np.s_[top + 8 : HEIGHT - int(0.25 * HEIGHT) - 8, left + 8 : 3 * WIDTH // 4 - 8]
    shown = made if not crop else np.pad(made, ((top, HEIGHT - top - made.shape[0]), (left, left), (0, 0)))
    np.testing.assert_allclose(shown[inside], whole[inside], atol=2e-6)
    if not crop:
        assert not made[: top - 1].any()


@pytest.mark.parametrize("keyed", [False, True])
def test_the_renders_own_depth_of_field_is_named_and_left_out(comp, capfd, keyed):
    comp.scene.camera.data.dof.use_dof = True
    if keyed:
        comp.scene.camera.data.dof.keyframe_insert("use_dof", frame=1)
    seen = []

    def look(scene, depsgraph=None):
        if depsgraph is not None and depsgraph.mode == "RENDER":
            seen.append(depsgraph.scene_eval.camera.data.dof.use_dof)

    bpy.app.handlers.frame_change_post.append(look)
    behind_render(comp)
    comp.still(2)
    bpy.app.handlers.frame_change_post.remove(look)
    assert seen == [False]
    said = capfd.readouterr().err
    assert said.count("has its own Depth of Field on") == 1
    assert '"Camera"' in said
    assert comp.scene.camera.data.dof.use_dof


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("no camera", "no camera"),
        ("orthographic", "perspective"),
        ("layer off", 'view layer "ViewLayer" of scene "Scene" is switched off'),
        ("engine without depth", "no Depth pass"),
    ],
)
def test_what_cannot_be_rendered_is_said(comp, wrong, says):
    one = behind_render(comp)
    one.rackfocus_lens = "CAMERA"
    if wrong == "no camera":
        comp.scene.camera = None
    elif wrong == "orthographic":
        comp.scene.camera.data.type = "ORTHO"
    elif wrong == "layer off":
        comp.scene.view_layers.new("Another")
        comp.scene.view_layers[0].use = False
    elif wrong == "engine without depth":
        CountingEngine.update_render_passes, kept = (
            lambda self, scene=None, renderlayer=None: self.register_pass(
                scene, renderlayer, "Combined", 4, "RGBA", "COLOR"
            ),
            CountingEngine.update_render_passes,
        )
    try:
        assert comp.still(2) is None
    finally:
        if wrong == "engine without depth":
            CountingEngine.update_render_passes = kept
    assert says in errors.failures()[0]


def test_a_cancelled_render_leaves_the_scene_its_tree(comp):
    one = behind_render(comp)
    one.inputs["Focus Distance"].default_value = 0.1
    assert not comp.animation(1, 2)
    assert versions.scene_tree(comp.scene) == comp.tree
    one.inputs["Focus Distance"].default_value = NEAR_M
    assert sorted(comp.animation(1, 2)) == [1, 2]


def test_an_undo_step_from_within_a_render_comes_back_right(comp):
    """What an emergency save in the middle of a render holds: the copy is not in it, the scene's own tree is."""
    behind_render(comp)
    kept = comp.folder / "middle.blend"

    def save(scene, *_):
        if scene == comp.scene and not kept.exists():
            bpy.ops.wm.save_as_mainfile(filepath=str(kept), copy=True)

    bpy.app.handlers.render_post.append(save)
    comp.still(1)
    bpy.app.handlers.render_post.remove(save)
    bpy.ops.wm.open_mainfile(filepath=str(kept))
    assert [scene.name for scene in bpy.data.scenes] == ["Scene"]
    assert node.in_tree(versions.scene_tree(bpy.context.scene))
    assert not compositor.ASIDE.is_on(bpy.context.scene)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """Decibels between two linear pictures as the eye gets them (sRGB-encoded, 1 is white)."""

    def shown(rgb):
        curved = 1.055 * np.maximum(rgb, 1e-9) ** (1 / 2.4) - 0.055
        return np.clip(np.where(rgb < 0.0031308, rgb * 12.92, curved), 0, 1)

    return float(-10 * np.log10(((shown(one[..., :3]) - shown(other[..., :3])) ** 2).mean()))


def test_a_rack_looks_as_cycles_own_lens_takes_it(comp):
    """Twelve frames of a Cycles scene with an animated focus object against its own thin lens."""
    addon_utils.enable("cycles")
    scene = comp.scene
    cubes(scene)
    scene.render.engine = "CYCLES"
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
    camera = scene.camera
    camera.location, camera.rotation_euler = (0.0, -3.0, 0.4), (math.pi / 2, 0.0, 0.0)
    target = bpy.data.objects.new("Focus", None)
    scene.collection.objects.link(target)
    for frame, y in ((1, 1.0), (12, 9.0)):
        target.location = (0.0, y, 0.0)
        target.keyframe_insert("location", frame=frame)
    dof = camera.data.dof
    dof.focus_object, dof.aperture_fstop, dof.use_dof = target, 0.9, True
    camera.data.lens = 85.0
    scene.cycles.samples = 64
    layers = comp.tree.nodes.new("CompositorNodeRLayers")
    layers.scene = scene
    comp.show(layers.outputs["Image"])
    truth = comp.animation(1, 12, "truth")
    dof.use_dof = False
    sharp = comp.animation(1, 1, "sharp")[1]
    scene.cycles.samples = 16
    assert bpy.ops.rackfocus.node_add(lens="CAMERA") == {"FINISHED"}
    rendered = []
    count = lambda shown, *_: rendered.append(shown.frame_current) if "Passes" in shown.name else None  # noqa: E731
    bpy.app.handlers.render_pre.append(count)
    made = comp.animation(1, 12, "made")
    bpy.app.handlers.render_pre.remove(count)
    assert rendered == list(range(1, 13))
    scores = {frame: psnr(made[frame], truth[frame]) for frame in made}
    assert len(scores) == 12
    assert min(scores.values()) >= 33.0, scores
    assert psnr(sharp, truth[1]) < min(scores.values()) - 4


def cubes(scene: bpy.types.Scene) -> None:
    """Seven checked cubes going away over a checked floor, under a sun."""
    random = np.random.default_rng(1)
    for number in range(7):
        bpy.ops.mesh.primitive_cube_add(
            size=0.8,
            location=(-1.6 + 0.65 * number, 1.5 + 1.6 * number, 0.1),
            rotation=(0.3 * number, 0.2, 0.5 * number),
        )
        bpy.context.object.data.materials.append(checked(random.random(3)))
    bpy.ops.mesh.primitive_plane_add(size=60, location=(0, 20, -0.6))
    bpy.context.object.data.materials.append(checked(np.float32([0.5, 0.5, 0.45])))
    bpy.ops.object.light_add(type="SUN", rotation=(0.6, 0.3, 0.0))
    bpy.context.object.data.energy = 3.0
    scene.world = bpy.data.worlds.new("World")
    sky = next(each for each in scene.world.node_tree.nodes if each.bl_idname == "ShaderNodeBackground")
    sky.inputs["Color"].default_value = (0.4, 0.45, 0.6, 1.0)


def checked(colour: np.ndarray) -> bpy.types.Material:
    made = bpy.data.materials.new("Checked")
    tree = made.node_tree
    checker, place = tree.nodes.new("ShaderNodeTexChecker"), tree.nodes.new("ShaderNodeTexCoord")
    checker.inputs["Scale"].default_value = 6.0
    checker.inputs["Color1"].default_value = (*colour, 1.0)
    checker.inputs["Color2"].default_value = (*(colour * 0.4), 1.0)
    tree.links.new(place.outputs["Object"], checker.inputs["Vector"])
    shader = next(each for each in tree.nodes if each.bl_idname == "ShaderNodeBsdfPrincipled")
    tree.links.new(checker.outputs["Color"], shader.inputs["Base Color"])
    return made
