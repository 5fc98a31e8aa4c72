# SPDX-License-Identifier: GPL-3.0-or-later
"""A small scene for Cycles: a wall of many colours, far away and in focus, behind bars that are near and blurred; and
the same through Cycles' own lens."""

from __future__ import annotations

from pathlib import Path

import addon_utils
import bpy
import numpy as np

from blender_rackfocus.addon.depth import pass_files

WIDTH, HEIGHT = 160, 90
WALL_M, BAR_M = 6.0, 1.0
FOCAL_MM, F_NUMBER = 50.0, 0.7
BARS = ("Bar Left", "Bar Right")


def build(scene: bpy.types.Scene, samples: int = 16) -> None:
    """Fill an empty scene; the camera looks down from the origin."""
    addon_utils.enable("cycles", default_set=True)
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y, render.resolution_percentage = WIDTH, HEIGHT, 100
    scene.cycles.samples, scene.cycles.seed = samples, 1
    scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = False
    scene.view_settings.view_transform = "Raw"
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    camera.data.lens, camera.data.dof.aperture_fstop = FOCAL_MM, F_NUMBER
    camera.data.dof.focus_distance = WALL_M
    card(scene, "Wall", (0, 0, -WALL_M), (14, 9), _tiles())
    card(scene, BARS[0], (-0.15, 0.02, -BAR_M), (0.1, 1.2), _plain("Red", (0.7, 0.1, 0.05)))
    card(scene, BARS[1], (0.2, 0.0, -BAR_M), (0.08, 0.5), _plain("Blue", (0.05, 0.15, 0.6)))


def card(scene: bpy.types.Scene, name: str, place, size, material: bpy.types.Material) -> bpy.types.Object:
    """A rectangle that faces the camera."""
    x, y = size[0] / 2, size[1] / 2
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(-x, -y, 0), (x, -y, 0), (x, y, 0), (-x, y, 0)], [], [(0, 1, 2, 3)])
    mesh.materials.append(material)
    made = bpy.data.objects.new(name, mesh)
    made.location = place
    scene.collection.objects.link(made)
    return made


def _glowing(name: str) -> tuple[bpy.types.Material, bpy.types.Node]:
    """Shows its colour whatever the light."""
    material = bpy.data.materials.new(name)
    tree = material.node_tree
    tree.nodes.clear()
    light, output = tree.nodes.new("ShaderNodeEmission"), tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(light.outputs[0], output.inputs[0])
    return material, light


def _plain(name: str, colour) -> bpy.types.Material:
    material, light = _glowing(name)
    light.inputs["Color"].default_value = (*colour, 1)
    return material


def _tiles() -> bpy.types.Material:
    """Squares of a third of a metre, each of another colour."""
    material, light = _glowing("Tiles")
    tree = material.node_tree
    place, scaled = tree.nodes.new("ShaderNodeNewGeometry"), tree.nodes.new("ShaderNodeVectorMath")
    scaled.operation = "SNAP"
    scaled.inputs[1].default_value = (0.33, 0.33, 10.0)
    noise = tree.nodes.new("ShaderNodeTexWhiteNoise")
    tree.links.new(place.outputs["Position"], scaled.inputs[0])
    tree.links.new(scaled.outputs[0], noise.inputs["Vector"])
    tree.links.new(noise.outputs["Color"], light.inputs["Color"])
    return material


def through_cycles_lens(scene: bpy.types.Scene, folder: Path, samples: int = 128) -> np.ndarray:
    """The scene with the camera's own depth of field: (H, W, 4) float32."""
    copied = scene.copy()
    camera = scene.camera.copy()
    camera.data = camera.data.copy()
    camera.data.dof.use_dof = True
    copied.camera = camera
    copied.cycles.samples = samples
    render = copied.render
    render.use_compositing = render.use_sequencer = False
    into = render.image_settings
    into.file_format, into.color_depth, into.color_mode = "OPEN_EXR", "32", "RGBA"
    path = folder / "truth.exr"
    render.filepath = str(path)
    with bpy.context.temp_override(scene=copied):
        bpy.ops.render.render(scene=copied.name, write_still=True)
    bpy.data.scenes.remove(copied)
    bpy.data.objects.remove(camera)
    return pass_files.read_picture(str(path))


def decibels(made: np.ndarray, truth: np.ndarray) -> float:
    """How near one picture is to another, as they are seen (the root of light)."""
    seen = np.sqrt(np.clip(made[..., :3], 0, 1)) - np.sqrt(np.clip(truth[..., :3], 0, 1))
    return float(-10 * np.log10(np.square(seen).mean()))
