# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scene's print must not overlook: each change is one that Blender's own render shows, made to a scene of one
plane that moves, is coloured, or is drawn, by what changes."""

from __future__ import annotations

import os

import addon_utils
import bpy
import cv2
import numpy as np
import pytest
from comp_shot import read

from blender_rackfocus.addon.depth import scene_print


def _shot(folder):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable("cycles")
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    scene.cycles.use_adaptive_sampling, scene.render.film_transparent = False, True
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 64, 36, 100
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.filepath = str(folder / "still.exr")
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    plane = bpy.data.objects.new("Plane", bpy.data.meshes.new("Plane"))
    plane.data.from_pydata([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)], [], [(0, 1, 2, 3)])
    plane.data.materials.append(bpy.data.materials.new("Plane"))
    plane.location.z = -6
    scene.camera = camera
    for one in (camera, plane):
        scene.collection.objects.link(one)
    nodes = plane.data.materials[0].node_tree.nodes
    nodes.clear()
    light = nodes.new("ShaderNodeEmission")
    nodes.id_data.links.new(light.outputs[0], nodes.new("ShaderNodeOutputMaterial").inputs[0])
    return scene


def _plane():
    return bpy.data.objects["Plane"]


def _coloured_by(kind):
    """The node of this kind that gives the plane's colour."""
    nodes = bpy.data.materials["Plane"].node_tree.nodes
    made = nodes.new(kind)
    nodes.id_data.links.new(made.outputs[0], nodes["Emission"].inputs["Color"])
    return made


def _driven(expression, **variable):
    """The plane's x, driven by what a variable reads."""
    driver = _plane().driver_add("location", 0).driver
    driver.type = "SCRIPTED"
    if variable:
        made = driver.variables.new()
        made.name, made.type = "v", variable.get("type", "SINGLE_PROP")
        target = made.targets[0]
        if made.type == "CONTEXT_PROP":
            target.context_property = "ACTIVE_SCENE"
        else:
            target.id_type, target.id = variable["id"].id_type, variable["id"]
        target.data_path = variable["path"]
    driver.expression = expression


def _reads_the_range(scene):
    _driven("v * 0.01 - 2", id=scene, path="frame_end")
    return lambda: setattr(scene, "frame_end", 100)


def _reads_the_range_of_whatever_renders(scene):
    _driven("v * 0.01 - 2", type="CONTEXT_PROP", path="frame_end")
    return lambda: setattr(scene, "frame_end", 100)


def _reads_the_cameras_focus(scene):
    _driven("v * 0.1 - 1", id=scene.camera.data, path="dof.focus_distance")
    return lambda: setattr(scene.camera.data.dof, "focus_distance", 2.0)


def _reads_the_cameras_keyed_focus(scene):
    _driven("v * 0.1 - 1", id=scene.camera.data, path="dof.focus_distance")
    for frame in (1, 9):
        scene.camera.data.dof.keyframe_insert("focus_distance", frame=frame)
    action = scene.camera.data.animation_data.action
    points = action.layers[0].strips[0].channelbags[0].fcurves[0].keyframe_points
    return lambda: points.foreach_set("co", [1, 2, 9, 2])


def _reads_a_property_with_a_hidden_name(_scene):
    _plane()["_mine"] = 0.5
    _driven("v", id=_plane(), path='["_mine"]')
    return lambda: (_plane().__setitem__("_mine", -0.5), _plane().update_tag())


def _calls_a_function(_scene):
    names = bpy.app.driver_namespace
    names["rackfocus_test_wobble"] = lambda frame: frame * 0.2
    _driven("rackfocus_test_wobble(frame)")

    def change():
        names["rackfocus_test_wobble"] = lambda frame: frame * -0.2
        driver = _plane().animation_data.drivers[0].driver
        driver.expression = str(driver.expression)

    return change


def _shader_reads_the_scene(scene):
    shown = _coloured_by("ShaderNodeAttribute")
    shown.attribute_type, shown.attribute_name = "VIEW_LAYER", "frame_end"
    return lambda: setattr(scene, "frame_end", 3)


def _a_frame_of_a_sequence_of_the_same_size_and_time(scene):
    folder = os.path.dirname(scene.render.filepath)
    for number in (1, 2, 3):
        cv2.imwrite(f"{folder}/t_{number}.bmp", np.full((8, 8, 3), 60, np.uint8))
    shown = _coloured_by("ShaderNodeTexImage")
    shown.image = bpy.data.images.load(f"{folder}/t_1.bmp")
    shown.image.source = "SEQUENCE"
    shown.image_user.frame_duration, shown.image_user.use_auto_refresh = 3, True

    def change():
        path = f"{folder}/t_2.bmp"
        status = os.stat(path)
        cv2.imwrite(path, np.full((8, 8, 3), 200, np.uint8))
        assert os.stat(path).st_size == status.st_size
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        shown.image.reload()

    return change


def _pixels_painted_into_a_generated_picture(_scene):
    shown = _coloured_by("ShaderNodeTexImage")
    shown.image = bpy.data.images.new("Painted", 4, 4, float_buffer=True)
    shown.image.pixels[:] = [0.3] * 64
    return lambda: (shown.image.pixels.foreach_set([0.9] * 64), shown.image.update(), shown.image.update_tag())


def _the_clip_that_is_tracked(scene):
    folder = os.path.dirname(scene.render.filepath)
    cv2.imwrite(f"{folder}/c_1.bmp", np.zeros((36, 64, 3), np.uint8))
    clips = []
    for x in (0.3, 0.7):
        clips.append(bpy.data.movieclips.load(f"{folder}/c_1.bmp"))
        clips[-1].tracking.tracks.new(name="T", frame=1).markers.insert_frame(2, co=(x, 0.5))
    scene.active_clip = clips[0]
    held = _plane().constraints.new("FOLLOW_TRACK")
    held.use_active_clip, held.track, held.camera = True, "T", scene.camera
    return lambda: setattr(scene, "active_clip", clips[1])


def _particles_that_show_their_dead(scene):
    emitter = _plane()
    emitter.modifiers.new("Particles", "PARTICLE_SYSTEM")
    settings = emitter.particle_systems[0].settings
    settings.count, settings.frame_start, settings.frame_end, settings.lifetime = 4, -9, -8, 2
    settings.physics_type, emitter.show_instancer_for_render = "NO", False
    bit = bpy.data.objects.new("Bit", emitter.data.copy())
    scene.collection.objects.link(bit)
    held = bit.modifiers.new("On particles", "PARTICLE_INSTANCE")
    held.object, held.particle_system_index, held.show_dead = emitter, 1, True
    return lambda: setattr(held, "show_dead", False)


def _lines_of_freestyle(scene):
    layer = scene.view_layers[0]
    scene.render.use_freestyle = layer.use_freestyle = True
    if not layer.freestyle_settings.linesets:
        layer.freestyle_settings.linesets.new("Lines")
    lines = layer.freestyle_settings.linesets[0]
    lines.linestyle = lines.linestyle or bpy.data.linestyles.new("Lines")
    lines.linestyle.thickness = 4

    def change():
        lines.select_border = lines.select_silhouette = False

    return change


def _sculpted_finely(scene):
    plane = _plane()
    plane.modifiers.new("Finer", "MULTIRES")
    bpy.context.view_layer.objects.active = plane
    for _ in range(2):
        bpy.ops.object.multires_subdivide(modifier="Finer", mode="SIMPLE")

    def change():
        finer = plane.modifiers["Finer"]
        levels, finer.levels = finer.levels, 2
        evaluated = plane.evaluated_get(bpy.context.evaluated_depsgraph_get())
        moved = bpy.data.objects.new("Moved", bpy.data.meshes.new_from_object(evaluated))
        for vertex in moved.data.vertices:
            vertex.co.x += 0.5
        scene.collection.objects.link(moved)
        bpy.context.view_layer.update()
        moved.select_set(True)
        plane.select_set(True)
        bpy.ops.object.multires_reshape(modifier="Finer")
        bpy.data.meshes.remove(moved.data)
        finer.levels = levels

    return change


KINDS = [
    _sculpted_finely,
    _reads_the_range,
    _reads_the_range_of_whatever_renders,
    _reads_the_cameras_focus,
    _reads_the_cameras_keyed_focus,
    _reads_a_property_with_a_hidden_name,
    _calls_a_function,
    _shader_reads_the_scene,
    _a_frame_of_a_sequence_of_the_same_size_and_time,
    _pixels_painted_into_a_generated_picture,
    _the_clip_that_is_tracked,
    _particles_that_show_their_dead,
    _lines_of_freestyle,
]


def _still(scene):
    scene.frame_set(2)
    bpy.ops.render.render(write_still=True)
    return read(scene.render.filepath)


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_that_blender_shows_is_in_the_print(registered, tmp_path, kind):
    scene = _shot(tmp_path)
    change = kind(scene)
    picture, told = _still(scene), scene_print.of(scene)
    assert scene_print.of(scene) == told
    scene.frame_set(7)
    assert scene_print.of(scene) == told
    scene.frame_set(2)
    change()
    bpy.context.view_layer.update()
    assert scene_print.of(scene) != told
    assert np.abs(_still(scene) - picture).max() > 0.05


def test_what_only_editors_and_names_tell_is_not_in_the_print(registered, tmp_path):
    scene = _shot(tmp_path)
    told = scene_print.of(scene)
    scene.name = "Another"
    assert scene_print.of(scene) == told
    bpy.context.view_layer.objects.active = _plane()
    for mode in ("EDIT", "OBJECT"):
        bpy.ops.object.mode_set(mode=mode)
    assert scene_print.of(scene) == told
