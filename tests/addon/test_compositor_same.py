# SPDX-License-Identifier: GPL-3.0-or-later
"""A Rack Focus node that blurs nothing shows what Blender itself renders, whatever the tree and the scenes are.

Each test builds a tree twice, with the node muted and at work with a pinhole, and compares the files.
"""

from __future__ import annotations

import itertools

import addon_utils
import bpy
import numpy as np
import OpenImageIO as oiio
import pytest
from comp_shot import left_behind, read

from blender_rackfocus.addon.blender import errors, versions
from blender_rackfocus.addon.shot import node

WIDTH, HEIGHT = 64, 36


class Stage:
    """Cycles scenes of two checked planes, at 2 m on the left and at 8 m all over, taken with one sample: equal scenes
    give equal pictures."""

    def __init__(self, folder) -> None:
        self.folder = folder
        addon_utils.enable("cycles")
        self.scene = bpy.context.scene
        self.dress(self.scene)
        self.tree = bpy.data.node_groups.new("Tree", "CompositorNodeTree")
        self.tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        self.output = self.tree.nodes.new("NodeGroupOutput")
        versions.set_scene_tree(self.scene, self.tree)

    def dress(self, scene: bpy.types.Scene, colour=(0.8, 0.2, 0.1)) -> None:
        scene.render.engine = "CYCLES"
        scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.use_adaptive_sampling = 1, False, False
        scene.cycles.pixel_filter_type = "BOX"
        scene.render.filter_size = 0.01
        scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = WIDTH, HEIGHT, 100
        scene.view_settings.view_transform = "Raw"
        image = scene.render.image_settings
        image.file_format, image.color_depth, image.color_mode = "OPEN_EXR", "32", "RGBA"
        scene.view_layers[0].name = "ViewLayer"
        scene.view_layers[0].use_pass_z = True
        self.plane(scene, "Near", (-0.5, 0, -2), 0.9, colour)
        self.plane(scene, "Far", (0, 0, -8), 14, colour[::-1])
        camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
        scene.collection.objects.link(camera)
        scene.camera = camera

    @staticmethod
    def plane(scene, name, place, size, colour) -> bpy.types.Object:
        """In a collection of its own, so that view layers can leave it out."""
        mesh = bpy.data.meshes.new(name)
        half = size / 2
        corners = [(-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0)]
        mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
        material = bpy.data.materials.new(name)
        nodes, link = material.node_tree.nodes, material.node_tree.links.new
        nodes.clear()
        light, checks = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeTexChecker")
        link(nodes.new("ShaderNodeTexCoord").outputs["Generated"], checks.inputs["Vector"])
        checks.inputs["Scale"].default_value = 9
        checks.inputs["Color1"].default_value = (*colour, 1)
        checks.inputs["Color2"].default_value = (0.02, 0.02, 0.02, 1)
        link(checks.outputs["Color"], light.inputs["Color"])
        link(light.outputs[0], nodes.new("ShaderNodeOutputMaterial").inputs[0])
        mesh.materials.append(material)
        made = bpy.data.objects.new(name, mesh)
        made.location = place
        collection = bpy.data.collections.new(name)
        collection.objects.link(made)
        scene.collection.children.link(collection)
        return made

    def layer(self, name: str, without: str = "") -> bpy.types.ViewLayer:
        """A view layer, with one of the planes left out."""
        made = self.scene.view_layers.get(name) or self.scene.view_layers.new(name)
        made.use_pass_z = True
        if without:
            made.layer_collection.children[without].exclude = True
        return made

    def render_layers(self, layer: str = "ViewLayer", scene=None, tree=None) -> bpy.types.Node:
        made = (tree or self.tree).nodes.new("CompositorNodeRLayers")
        made.scene = scene or self.scene
        made.layer = layer
        return made

    def node(self, kind: str, *sources, tree=None) -> bpy.types.Node:
        """A node whose pictures are these sockets."""
        made = (tree or self.tree).nodes.new(kind)
        pictures = [each for each in made.inputs if each.type == "RGBA"] or list(made.inputs)
        for source, target in zip(sources, pictures, strict=False):
            (tree or self.tree).links.new(source, target)
        return made

    def over(self, background, foreground) -> bpy.types.NodeSocket:
        return self.node("CompositorNodeAlphaOver", background, foreground).outputs[0]

    def racked(self, image, depth) -> bpy.types.NodeSocket:
        """A Rack Focus node with a lens that blurs nothing."""
        self.rack = node.add(self.tree)
        self.rack.inputs["Focus Distance"].default_value = 2.0
        self.rack.inputs["F-Stop"].default_value = 1000.0
        self.tree.links.new(image, self.rack.inputs["Image"])
        if depth is not None:
            self.tree.links.new(depth, self.rack.inputs["Depth"])
        return self.rack.outputs[0]

    def show(self, source) -> None:
        self.tree.links.new(source, self.output.inputs[0])

    def still(self, frame: int = 1) -> np.ndarray | None:
        self.scene.frame_set(frame)
        return self.render()

    def render(self) -> np.ndarray | None:
        """The frame at which the scene stands; None when it was not written."""
        path = self.folder / "still.exr"
        path.unlink(missing_ok=True)
        self.scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True)
        return read(path) if path.exists() else None

    def animation(self, first: int, last: int, step: int = 1) -> dict[str, np.ndarray]:
        scene, folder = self.scene, self.folder / "frames"
        scene.frame_start, scene.frame_end, scene.frame_step = first, last, step
        scene.render.filepath = f"{folder}/"
        bpy.ops.render.render(animation=True)
        made = {path.name: read(path) for path in sorted(folder.glob("*.exr"))}
        for path in folder.glob("*.exr"):
            path.unlink()
        return made

    def blender_and_ours(self, render) -> tuple:
        """What Blender renders without the node, and with it."""
        self.rack.mute = True
        plain = render()
        self.rack.mute = False
        ours = render()
        assert not errors.failures()
        return plain, ours

    def same(self, render=None) -> np.ndarray:
        """The still, the same with the node and without."""
        plain, ours = self.blender_and_ours(render or self.still)
        assert plain.shape == ours.shape
        np.testing.assert_array_equal(ours, plain)
        assert np.ptp(plain) > 0.1
        return plain

    def same_frames(self, first: int, last: int, step: int = 1) -> dict[str, np.ndarray]:
        plain, ours = self.blender_and_ours(lambda: self.animation(first, last, step))
        assert plain.keys() == ours.keys()
        for name in plain:
            np.testing.assert_array_equal(ours[name], plain[name], err_msg=name)
        return plain


@pytest.fixture
def stage(registered, tmp_path, monkeypatch):
    monkeypatch.setenv("RACKFOCUS_CACHE", str(tmp_path / "store"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    yield Stage(tmp_path)
    assert not left_behind()
    errors.forget()


def keyed(thing, path: str, keys: dict[float, object], index: int = -1) -> None:
    for frame, value in keys.items():
        if index < 0:
            setattr(thing, path, value)
        else:
            getattr(thing, path)[index] = value
        thing.keyframe_insert(path, index=index, frame=frame)


# --- View layers and scenes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("ViewLayer", "Background"), ("ViewLayer", "a.Depth"), ("b", "a"), ("a", "b")])
@pytest.mark.parametrize("order", [1, -1])
def test_two_view_layers_are_not_exchanged(stage, names, order):
    stage.scene.render.film_transparent = True
    stage.scene.view_layers[0].name = names[0]
    stage.layer(names[0], without="Far")
    stage.layer(names[1], without="Near")
    shown = {name: stage.render_layers(name) for name in names[::order]}
    front, back = shown[names[0]], shown[names[1]]
    stage.show(stage.over(back.outputs["Image"], stage.racked(front.outputs["Image"], front.outputs["Depth"])))
    stage.same()


def test_three_view_layers_with_other_passes_each(stage):
    stage.scene.render.film_transparent = True
    stage.layer("ViewLayer", without="Far")
    stage.layer("Middle").use_pass_normal = True
    stage.layer("A long name of a view layer, that says all of it", without="Near").use_pass_emit = True
    first, second, third = (stage.render_layers(each.name) for each in stage.scene.view_layers)
    normal = stage.node("CompositorNodeAlphaOver", third.outputs["Emission"], second.outputs["Normal"])
    under = stage.over(normal.outputs[0], second.outputs["Image"])
    stage.show(stage.over(under, stage.racked(first.outputs["Image"], first.outputs["Depth"])))
    stage.same()


@pytest.mark.parametrize("where", ["ViewLayer", "Other"])
def test_a_view_layer_switched_off_elsewhere_shows_nothing(stage, where):
    stage.layer("Other").use = False
    if where == "ViewLayer":
        first, second = stage.render_layers(), stage.render_layers("Other")
    else:
        second, first = stage.render_layers("Other"), stage.render_layers()
    stage.show(stage.over(stage.racked(first.outputs["Image"], first.outputs["Depth"]), second.outputs["Image"]))
    stage.same()


def test_numbers_and_vectors_of_a_layer_that_is_off_and_a_node_without_scene(stage):
    layer = stage.layer("Other")
    layer.use_pass_normal, layer.use = True, False
    first, off, none = stage.render_layers(), stage.render_layers("Other"), stage.render_layers()
    racked = stage.racked(first.outputs["Image"], first.outputs["Depth"])
    bright = stage.node("CompositorNodeExposure", racked)
    stage.tree.links.new(off.outputs["Depth"], bright.inputs["Exposure"])
    none.scene = None
    shown = stage.over(stage.over(bright.outputs[0], off.outputs["Normal"]), none.outputs["Image"])
    stage.show(shown)
    stage.same()
    for name in ("Image", "Alpha", "Depth"):
        stage.show(stage.node("CompositorNodeSeparateColor", off.outputs[name]).outputs["Alpha"])
        plain, ours = stage.blender_and_ours(stage.still)
        np.testing.assert_array_equal(ours, plain, err_msg=name)


@pytest.mark.parametrize("at_top", [False, True])
def test_layers_of_two_scenes_one_of_them_in_nested_groups(stage, at_top):
    """Blender 5.2 renders a scene only for nodes on the top level."""
    other = bpy.data.scenes.new("Other")
    stage.dress(other, (0.1, 0.7, 0.3))
    other.render.film_transparent = True
    inner, outer = (bpy.data.node_groups.new(name, "CompositorNodeTree") for name in ("Inner", "Outer"))
    for tree in (inner, outer):
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    stage.node("NodeGroupOutput", stage.render_layers(scene=other, tree=inner).outputs["Image"], tree=inner)
    nested = outer.nodes.new("CompositorNodeGroup")
    nested.node_tree = inner
    stage.node("NodeGroupOutput", nested.outputs[0], tree=outer)
    group = stage.tree.nodes.new("CompositorNodeGroup")
    group.node_tree = outer
    first = stage.render_layers()
    if at_top:
        stage.render_layers(scene=other)
    mixed = stage.node("CompositorNodeAlphaOver", group.outputs[0], first.outputs["Image"])
    mixed.inputs["Factor"].default_value = 0.5
    dot = stage.node("NodeReroute", mixed.outputs[0])
    stage.show(stage.racked(dot.outputs[0], first.outputs["Depth"]))
    stage.same()


def test_a_switch_and_a_muted_node_before(stage):
    stage.layer("Other", without="Near")
    first, second = stage.render_layers(), stage.render_layers("Other")
    muted = stage.node("CompositorNodeExposure", second.outputs["Image"])
    muted.inputs["Exposure"].default_value, muted.mute = 3.0, True
    switch = stage.node("CompositorNodeSwitch", first.outputs["Image"], muted.outputs[0])
    stage.show(stage.racked(switch.outputs[0], first.outputs["Depth"]))
    off = stage.same()
    switch.inputs["Switch"].default_value = True
    assert np.abs(stage.same() - off).max() > 0.1


# --- The file that is written ----------------------------------------------------------------------------------------


def channels(path) -> dict[str, np.ndarray]:
    file, found, part = oiio.ImageInput.open(str(path)), {}, 0
    while file.seek_subimage(part, 0):
        pixels = file.read_image(part, 0, 0, file.spec().nchannels, oiio.FLOAT)
        found |= {name: pixels[..., index] for index, name in enumerate(file.spec().channelnames)}
        part += 1
    file.close()
    return found


@pytest.mark.parametrize("between", [False, True])
def test_a_multilayer_file_has_every_pass(stage, between):
    stage.scene.view_layers[0].use_pass_normal = True
    stage.layer("Other", without="Near").use_pass_emit = True
    layers = stage.render_layers()
    picture = layers.outputs["Image"]
    if between:
        picture = stage.node("CompositorNodeExposure", picture).outputs[0]
    stage.show(stage.racked(picture, layers.outputs["Depth"]))
    image = stage.scene.render.image_settings
    image.media_type, image.file_format = "MULTI_LAYER_IMAGE", "OPEN_EXR_MULTILAYER"
    stage.scene.render.filepath = str(stage.folder / "layers.exr")

    def render():
        bpy.ops.render.render(write_still=True)
        return channels(stage.folder / "layers.exr")

    plain, ours = stage.blender_and_ours(render)
    assert "ViewLayer.Normal.X" in plain
    assert "Other.Emission.R" in plain
    assert plain.keys() == ours.keys()
    for name in plain:
        np.testing.assert_array_equal(ours[name], plain[name], err_msg=name)


# --- Borders and sizes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [100, 67, 33, 29])
@pytest.mark.parametrize("border", ["none", "crop", "whole"])
def test_every_percentage_and_border_rounds_as_blenders(stage, share, border):
    render = stage.scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = 97, 55, share
    render.pixel_aspect_x = 1.5
    render.use_border, render.use_crop_to_border = border != "none", border == "crop"
    render.border_min_x, render.border_max_x, render.border_min_y, render.border_max_y = 0.1, 0.7, 0.35, 0.9
    layers = stage.render_layers()
    bright = stage.node("CompositorNodeExposure", layers.outputs["Image"])
    stage.show(stage.racked(bright.outputs[0], layers.outputs["Depth"]))
    stage.same()


@pytest.mark.parametrize("between", [False, True])
@pytest.mark.parametrize("crop", [False, True])
def test_a_border_shows_a_part_of_the_whole_frame(stage, between, crop):
    layers = stage.render_layers()
    picture = layers.outputs["Image"]
    if between:
        picture = stage.node("CompositorNodeExposure", picture).outputs[0]
    stage.show(stage.racked(picture, layers.outputs["Depth"]))
    stage.rack.inputs["F-Stop"].default_value = 1.0
    whole = stage.still()
    render = stage.scene.render
    render.use_border, render.use_crop_to_border = True, crop
    render.border_min_x, render.border_max_x, render.border_min_y, render.border_max_y = 0.25, 0.75, 0.25, 0.75
    made = stage.still()
    rows, columns = slice(HEIGHT // 4, 3 * HEIGHT // 4), slice(WIDTH // 4, 3 * WIDTH // 4)
    if not crop:
        outside = made.copy()
        outside[rows, columns] = 0
        assert not outside.any()
        made = made[rows, columns]
    inside = np.s_[6:-6, 6:-6]
    stage.rack.inputs["F-Stop"].default_value = 1000.0
    sharp = stage.still()
    sharp = sharp if crop else sharp[rows, columns]
    assert np.abs(sharp[inside] - whole[rows, columns][inside]).max() > 0.05  # else nothing is shown
    np.testing.assert_allclose(made[inside], whole[rows, columns][inside], atol=2e-6)


# --- Time ------------------------------------------------------------------------------------------------------------


def moving(stage, frames=(-4, 6)) -> None:
    keyed(bpy.data.objects["Near"], "location", {frames[0]: -1.0, frames[1]: 1.5}, index=0)


def behind_render(stage, scene=None) -> None:
    layers = stage.render_layers(scene=scene)
    stage.show(stage.racked(layers.outputs["Image"], layers.outputs["Depth"]))


@pytest.mark.parametrize("at", [2.5, -1.5, -3.0, 0.0, 4.75])
def test_a_scene_that_stands_anywhere(stage, at):
    moving(stage)
    behind_render(stage)

    def frames():
        stage.scene.frame_set(int(np.floor(at)), subframe=at % 1)
        return stage.render()

    stage.same(frames)

    def animated():
        stage.scene.frame_set(int(np.floor(at)), subframe=at % 1)
        return stage.animation(1, 2)

    plain, ours = stage.blender_and_ours(animated)
    for name in plain:
        np.testing.assert_array_equal(ours[name], plain[name], err_msg=name)


def test_frames_in_steps_and_remapped_time(stage):
    moving(stage)
    behind_render(stage)
    frames = stage.same_frames(0, 4, step=2)
    assert len(frames) == 3
    stage.scene.render.frame_map_old, stage.scene.render.frame_map_new = 100, 50
    remapped = stage.same_frames(1, 2)
    assert len(remapped) == 2


@pytest.mark.parametrize("between", [False, True])
def test_another_working_space(stage, between):
    """What Blender makes of a colour temperature depends on it; passes go through files, which say nothing of it."""
    bpy.ops.wm.set_working_color_space(working_space="Linear Rec.2020", convert_colors=False)
    nodes = bpy.data.objects["Near"].data.materials[0].node_tree.nodes
    nodes.id_data.links.new(nodes.new("ShaderNodeBlackbody").outputs[0], nodes["Emission"].inputs["Color"])
    layers = stage.render_layers()
    image = layers.outputs["Image"]
    if between:
        image = stage.node("CompositorNodeExposure", image).outputs[0]
    stage.show(stage.racked(image, layers.outputs["Depth"]))
    stage.same()
    stage.rack.inputs["F-Stop"].default_value = 0.5
    blurred = stage.still()
    if between:  # it changes nothing: exposure 0
        stage.tree.links.new(layers.outputs["Image"], stage.rack.inputs["Image"])
        np.testing.assert_allclose(blurred, stage.still(), atol=1e-5)


@pytest.mark.parametrize("stands", [0.0, 7.0, 7.5])
def test_another_scene_and_what_its_own_frame_drives(stage, stands):
    other = bpy.data.scenes.new("Other")
    stage.dress(other, (0.1, 0.7, 0.3))
    for owner, at in ((other, other), (stage.scene, other)):
        near = next(each for each in owner.objects if each.name.startswith("Near"))
        driver = near.driver_add("location", 0).driver
        driver.type, driver.expression = "SCRIPTED", "frame_ * 0.2"
        variable = driver.variables.new()
        variable.name, variable.type = "frame_", "SINGLE_PROP"
        variable.targets[0].id_type, variable.targets[0].id = "SCENE", at
        variable.targets[0].data_path = "frame_current"
    keyed(next(each for each in other.objects if each.name.startswith("Far")), "location", {1: -8.0, 6: -3.0}, index=2)
    first, second = stage.render_layers(), stage.render_layers(scene=other)
    racked = stage.racked(second.outputs["Image"], second.outputs["Depth"])
    mixed = stage.node("CompositorNodeAlphaOver", first.outputs["Image"], racked)
    mixed.inputs["Factor"].default_value = 0.5
    stage.show(mixed.outputs[0])

    def frames():
        other.frame_set(int(stands), subframe=stands % 1)
        return stage.animation(1, 3)

    plain, ours = stage.blender_and_ours(frames)
    assert len(plain) == 3
    for name in plain:
        np.testing.assert_array_equal(ours[name], plain[name], err_msg=name)


def test_actions_in_the_nla(stage):
    near = bpy.data.objects["Near"]
    moving(stage)
    action, slot = near.animation_data.action, near.animation_data.action_slot
    near.animation_data.action = None
    strip = near.animation_data.nla_tracks.new().strips.new("slow", -4, action)
    strip.action_slot = slot
    strip.scale = 1.7
    behind_render(stage)
    frames = list(stage.same_frames(1, 3).values())
    assert np.abs(frames[0] - frames[2]).max() > 0.1


@pytest.mark.parametrize("kind", ["CLOTH", "SOFT_BODY"])
def test_a_simulation_that_was_not_played_is_named_and_a_played_one_is_blenders(stage, kind):
    near = bpy.data.objects["Near"]
    near.modifiers.new("Fall", kind)
    if kind == "SOFT_BODY":
        near.soft_body.use_goal = False
    stage.scene.gravity = (9.8, 0, 0)
    behind_render(stage)
    assert not stage.animation(1, 3)
    assert 'simulation "Fall" of object "Near" in scene "Scene" was not played' in errors.failures()[0]
    errors.forget()
    for frame in range(1, 7):
        stage.scene.frame_set(frame)
    frames = list(stage.same_frames(1, 6).values())
    assert np.abs(frames[0] - frames[-1]).max() > 0.1
    stage.same(lambda: stage.still(4))
    assert stage.still(8) is None
    assert 'simulation "Fall" of object "Near" in scene "Scene" was not played up to frame 8' in errors.failures()[0]


def test_particles_are_baked_or_named(stage):
    """Played ones are forgotten by Blender when it renders their first frame."""
    near = bpy.data.objects["Near"]
    near.modifiers.new("Dust", "PARTICLE_SYSTEM")
    system, bit = near.particle_systems[0], stage.plane(stage.scene, "Bit", (0, 0, -30), 0.3, (0.1, 0.8, 0.2))
    system.settings.count, system.settings.frame_end, system.settings.lifetime = 50, 4, 20
    system.settings.render_type, system.settings.instance_object = "OBJECT", bit
    system.settings.particle_size, stage.scene.gravity = 1.0, (9.8, 0, 9.8)
    behind_render(stage)
    assert not stage.animation(1, 3)
    assert 'simulation "Dust" of object "Near" in scene "Scene" was not played up to frame' in errors.failures()[0]
    errors.forget()
    system.point_cache.frame_end = 6
    with bpy.context.temp_override(point_cache=system.point_cache):
        bpy.ops.ptcache.bake(bake=True)
    frames = list(stage.same_frames(1, 6).values())
    assert np.abs(frames[0] - frames[-1]).max() > 0.1
    stage.same(lambda: stage.still(5))
    system.settings.physics_type = "NO"
    stage.same(lambda: stage.still(9))


def _drifting(thing):
    """A simulation zone in geometry nodes that moves a thing a little further with every frame."""
    tree = bpy.data.node_groups.new("Drift", "GeometryNodeTree")
    for way in ("INPUT", "OUTPUT"):
        tree.interface.new_socket("Geometry", in_out=way, socket_type="NodeSocketGeometry")
    kinds = ("NodeGroupInput", "GeometryNodeSimulationInput", "GeometryNodeSetPosition",
             "GeometryNodeSimulationOutput", "NodeGroupOutput")  # fmt: skip
    nodes = [tree.nodes.new(kind) for kind in kinds]
    nodes[1].pair_with_output(nodes[3])
    nodes[2].inputs["Offset"].default_value = (0.15, 0, 0)
    for one, other in itertools.pairwise(nodes):
        ends = [next(each for each in sockets if each.type == "GEOMETRY") for sockets in (one.outputs, other.inputs)]
        tree.links.new(*ends)
    found = thing.modifiers.new("Drift", "NODES")
    found.node_group = tree
    return found


@pytest.mark.parametrize("target", ["PACKED", "DISK"])
def test_a_simulation_zone_that_is_not_baked_is_named_and_a_baked_one_is_blenders(stage, target):
    near = bpy.data.objects["Near"]
    found = _drifting(near)
    behind_render(stage)
    assert not stage.animation(1, 3)
    assert 'simulation "Drift" of object "Near" in scene "Scene" is not baked' in errors.failures()[0]
    errors.forget()
    found.bake_target = target
    found.bake_directory = str(stage.folder / "zone")
    for each in bpy.data.objects:
        each.select_set(each == near)
    bpy.context.view_layer.objects.active = near
    stage.scene.frame_start, stage.scene.frame_end = 1, 5
    assert bpy.ops.object.simulation_nodes_cache_bake(selected=True) == {"FINISHED"}
    frames = list(stage.same_frames(1, 5).values())
    assert np.abs(frames[0] - frames[-1]).max() > 0.1


def test_a_fluid_that_is_not_baked_is_named(stage):
    domain = bpy.data.objects["Near"].modifiers.new("Smoke", "FLUID")
    domain.fluid_type = "DOMAIN"
    behind_render(stage)
    assert not stage.animation(1, 2)
    assert 'simulation "Smoke" of object "Near" in scene "Scene" is not baked' in errors.failures()[0]


def test_a_simulation_in_a_collection_that_is_instanced_is_named(stage):
    group = bpy.data.collections.new("Group")
    bpy.ops.mesh.primitive_plane_add(location=(0, 0, -4))
    member = bpy.context.object
    member.users_collection[0].objects.unlink(member)
    group.objects.link(member)
    member.modifiers.new("Fall", "CLOTH")
    instance = bpy.data.objects.new("Instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", group
    stage.scene.collection.objects.link(instance)
    behind_render(stage)
    assert not stage.animation(1, 2)
    assert f'simulation "Fall" of object "{member.name}" in scene "Scene" was not played' in errors.failures()[0]


def test_rigid_bodies_are_baked_or_named(stage):
    near = bpy.data.objects["Near"]
    bpy.ops.rigidbody.world_add()
    world = stage.scene.rigidbody_world
    world.collection = bpy.data.collections.new("Bodies")
    world.collection.objects.link(near)
    stage.scene.gravity = (9.8, 0, 0)
    behind_render(stage)
    assert not stage.animation(1, 3)
    assert 'the rigid bodies of scene "Scene" are not baked' in errors.failures()[0]
    errors.forget()
    world.point_cache.frame_end = 6
    with bpy.context.temp_override(point_cache=world.point_cache):
        bpy.ops.ptcache.bake(bake=True)
    frames = list(stage.same_frames(1, 6).values())
    assert np.abs(frames[0] - frames[-1]).max() > 0.1
    stage.same(lambda: stage.still(4))


def test_a_panoramic_cameras_depth_is_explained(stage, capfd):
    stage.scene.camera.data.type = "PANO"
    behind_render(stage)
    assert stage.still() is not None
    said = capfd.readouterr().err
    assert said.count('camera "Camera" of scene "Scene" is panoramic: its Depth is the distance along each ray') == 1
