# SPDX-License-Identifier: GPL-3.0-or-later
"""What every demo shot shares: an empty scene, materials, lights, a camera, and the ray-tracer's settings."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
from mathutils import Vector

from .shapes import Point, sphere

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Shot:
    """What the editor needs to know about a modelled shot: lens, and the rack from one distance to another.

    from_m, to_m: measured when the scene stands.
    """

    title: str
    frames: int
    focal_mm: float
    f_stop: float
    rack_at: int
    rack_over: int
    fps: int = 24
    sensor_mm: float = 36.0
    blades: int = 0
    feel: str = "SMOOTH"
    from_m: float = 0.0
    to_m: float = 0.0


def new_scene(shot: Shot, width: int = 640, height: int = 360) -> Any:
    """An empty scene of the shot's length that Cycles renders with its Z pass, through a pinhole."""
    import addon_utils

    addon_utils.enable("cycles")
    scene = bpy.data.scenes.new(shot.title)
    bpy.context.window.scene = scene
    scene.frame_start, scene.frame_end = 1, shot.frames
    scene.render.fps, scene.render.fps_base = shot.fps, 1.0
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = width, height, 100
    scene.view_layers[0].name = "ViewLayer"
    scene.view_layers[0].use_pass_z = True
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.seed = "CPU", 6, 7
    cycles.use_adaptive_sampling = False
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 3, 1, 2
    cycles.sample_clamp_indirect = 4.0
    cycles.caustics_reflective = cycles.caustics_refractive = False
    # Noise that changes would boil on a still camera; one seed for all frames and a denoiser keep it quiet.
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.denoising_prefilter = "FAST"
    scene.render.use_persistent_data = True
    scene.render.use_motion_blur = False
    settings = scene.render.image_settings
    settings.media_type = "MULTI_LAYER_IMAGE"
    settings.file_format, settings.color_depth = "OPEN_EXR_MULTILAYER", "16"
    settings.exr_codec = "ZIP"
    return scene


def camera(scene: Any, shot: Shot, at: Point, look_at: Point) -> Any:
    """The shot's camera; its own depth of field stays off, the blur is the editor's."""
    data = bpy.data.cameras.new("Camera")
    data.lens, data.sensor_width, data.dof.use_dof = shot.focal_mm, shot.sensor_mm, False
    data.clip_start = 0.01
    scene.camera = _aimed("Camera", data, at, look_at)
    return scene.camera


def world(scene: Any, colour: Colour, strength: float = 1.0) -> None:
    """A sky of one colour."""
    made = bpy.data.worlds.new("World")
    background = made.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (*colour, 1.0)
    background.inputs["Strength"].default_value = strength
    scene.world = made


def area_light(name: str, at: Point, look_at: Point, size: float, watts: float, colour: Colour) -> Any:
    """A square softbox aimed at a point."""
    data = bpy.data.lights.new(name, "AREA")
    data.size, data.energy, data.color = size, watts, colour
    made = _aimed(name, data, at, look_at)
    made.visible_camera = False
    return made


def _aimed(name: str, data: Any, at: Point, look_at: Point) -> Any:
    """A camera or a light, at a point and turned to another."""
    made = bpy.data.objects.new(name, data)
    made.location = at
    made.rotation_euler = (Vector(look_at) - Vector(at)).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(made)
    return made


def bulb(name: str, at: Point, radius: float, strength: float, colour: Colour) -> Any:
    """A small bright ball: out of focus it becomes a disc. It lights nothing, which keeps the ray-tracer quick."""
    material = glow(name, colour, strength)
    material.cycles.emission_sampling = "NONE"
    return sphere(name, radius, at, material)


def glow(name: str, colour: Colour, strength: float) -> Any:
    """A material that shines."""
    made, shader = _principled(name)
    shader.inputs["Base Color"].default_value = (0, 0, 0, 1)
    shader.inputs["Emission Color"].default_value = (*colour, 1)
    shader.inputs["Emission Strength"].default_value = strength
    return made


def plain(name: str, colour: Colour, roughness: float = 0.5, *, coat: float = 0.0, metallic: float = 0.0) -> Any:
    """A material of one colour."""
    made, shader = _principled(name)
    shader.inputs["Base Color"].default_value = (*colour, 1)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Coat Weight"].default_value = coat
    shader.inputs["Coat Roughness"].default_value = 0.12
    shader.inputs["Metallic"].default_value = metallic
    return made


def skin(name: str, colour: Colour) -> Any:
    """Skin: a little light travels beneath it."""
    made = plain(name, colour, 0.48)
    shader = made.node_tree.nodes["Principled BSDF"]
    shader.inputs["Subsurface Weight"].default_value = 0.25
    shader.inputs["Subsurface Radius"].default_value = (0.012, 0.005, 0.003)
    shader.inputs["Subsurface Scale"].default_value = 0.6
    return made


def grained(
    name: str, dark: Colour, light: Colour, scale: Point, roughness: float = 0.35, *, coat: float = 0.0
) -> Any:
    """Wood, plaster, cloth: noise stretched by `scale` (cycles per metre along x, y, z) between two colours."""
    made, shader = _principled(name)
    nodes, links = made.node_tree.nodes, made.node_tree.links
    place, mapping = nodes.new("ShaderNodeTexCoord"), nodes.new("ShaderNodeMapping")
    mapping.inputs["Scale"].default_value = scale
    noise, ramp = nodes.new("ShaderNodeTexNoise"), nodes.new("ShaderNodeValToRGB")
    noise.inputs["Scale"].default_value, noise.inputs["Detail"].default_value = 1.0, 6.0
    noise.inputs["Roughness"].default_value = 0.62
    ramp.color_ramp.elements[0].position, ramp.color_ramp.elements[1].position = 0.36, 0.66
    ramp.color_ramp.elements[0].color, ramp.color_ramp.elements[1].color = (*dark, 1), (*light, 1)
    links.new(place.outputs["Object"], mapping.inputs["Vector"])
    links.new(mapping.outputs["Vector"], noise.inputs["Vector"])
    links.new(noise.outputs["Fac"] if "Fac" in noise.outputs else noise.outputs[0], ramp.inputs["Fac"])
    links.new(ramp.outputs["Color"], shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Coat Weight"].default_value, shader.inputs["Coat Roughness"].default_value = coat, 0.15
    return made


def _principled(name: str) -> tuple[Any, Any]:
    made = bpy.data.materials.new(name)
    return made, made.node_tree.nodes["Principled BSDF"]


def planar_distance(scene: Any, point: Point) -> float:
    """How far `point` lies along the camera's axis, in metres: the Z pass's own measure."""
    bpy.context.view_layer.update()
    return -(scene.camera.matrix_world.inverted() @ Vector(point)).z


def replace_distances(shot: Shot, scene: Any, near: Point, far: Point) -> Shot:
    """The shot with its rack measured between two points of the modelled scene."""
    return replace(shot, from_m=planar_distance(scene, near), to_m=planar_distance(scene, far))


def apply_modifiers(scene: Any) -> None:
    """Turn every modelled shape into its final mesh, once instead of for each frame, and drop the cutters."""
    graph = bpy.context.evaluated_depsgraph_get()
    for made in scene.objects:
        if made.modifiers:
            final = bpy.data.meshes.new_from_object(made.evaluated_get(graph))
            made.modifiers.clear()
            made.data = final
    for made in [cutter for cutter in scene.objects if cutter.hide_render]:
        bpy.data.objects.remove(made)


def move(made: Any, frames: dict[int, Point]) -> None:
    """Key an object's place; Blender's own smooth curves between."""
    for frame, at in frames.items():
        made.location = at
        made.keyframe_insert("location", frame=frame)


def degrees(*angles: float) -> tuple[float, ...]:
    """Euler angles from degrees."""
    return tuple(math.radians(angle) for angle in angles)
