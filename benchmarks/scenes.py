# SPDX-License-Identifier: GPL-3.0-or-later
"""Model the benchmark's scenes with Blender.

Every surface only emits, with its shading painted in from a fixed light direction: it looks the same from every
point of the lens, so a picture through a wide aperture and one through a pinhole differ by the lens alone. Each
scene is there for one difficulty that depth-based defocus is known for.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import bpy
import cv2
import numpy as np

LIGHT_DIRECTION = (-0.45, -0.65, 0.6)
WORDS = ("RACK", "FOCUS", "PULLS", "THE", "EYE", "FROM", "NEAR", "TO", "FAR", "AND", "BACK", "AGAIN", "WITHOUT", "CUT")


@dataclass(frozen=True)
class Shot:
    """A modelled scene's lens and the planar distances it is focused at (metres)."""

    focal_mm: float
    f_number: float
    focus_m: tuple[float, float, float]
    blades: int = 0
    rotation_deg: float = 0.0
    sensor_mm: float = 36.0


def fence() -> Shot:
    """A picket fence close to the lens in front of small print: soft near things over sharp far ones."""
    _camera(50.0)
    _wall(4.0, _text_picture(11), 4.6)
    rng = random.Random(3)
    for i in range(13):
        x = -0.55 + i * 0.095
        _box((x, 1.2, 0.0), (0.012, 0.008, 0.36), (0, rng.uniform(-0.04, 0.04), 0), _plain((0.55, 0.38, 0.22)))
    for z in (-0.14, 0.12):
        _box((0, 1.21, z), (0.7, 0.006, 0.016), (0, 0.02, 0), _plain((0.4, 0.27, 0.16)))
    return Shot(50.0, 1.8, (1.2, 2.0, 4.0))


def books() -> Shot:
    """Tilted books on a table that runs from near to far, seen through six blades: slopes beside steps."""
    camera = _camera(50.0)
    camera.location.z, camera.rotation_euler.x = 0.28, math.radians(80)
    _box((0, 2.0, -0.01), (3.0, 2.0, 0.01), (0, 0, 0), _checks((0.5, 0.34, 0.2), (0.3, 0.19, 0.1), 24.0))
    _wall(3.6, _text_picture(5), 4.4)
    rng = random.Random(8)
    for i in range(16):
        y, x = 0.62 + 0.11 * i, rng.uniform(-0.30, 0.30) * (1 + 0.09 * i)
        colour = [rng.uniform(0.05, 0.8) for _ in range(3)]
        tilt = (rng.uniform(-0.2, 0.2), rng.uniform(-0.35, 0.35), rng.uniform(-1.2, 1.2))
        _box((x, y, 0.09), (0.02 + 0.02 * rng.random(), 0.07, 0.10), tilt, _plain(colour, _text_picture(i, small=True)))
    for i in range(7):
        _ball((-0.9 + 0.3 * i, 3.2, 0.55 + 0.1 * (i % 3)), 0.013, 30.0, (1.0, 0.8, 0.5))
    return Shot(50.0, 1.8, (0.72, 1.2, 3.4), blades=6, rotation_deg=15.0)


def meadow() -> Shot:
    """Thin stalks over a field that runs to the horizon, under an empty sky: wires, slopes and infinity."""
    camera = _camera(85.0)
    camera.location.z, camera.rotation_euler.x = 0.5, math.radians(87)
    _box((0, 60, -0.01), (60, 60, 0.01), (0, 0, 0), _checks((0.15, 0.32, 0.08), (0.30, 0.42, 0.12), 9.0))
    rng = random.Random(5)
    for _i in range(90):
        y = 1.3 + 7.0 * rng.random() ** 2
        _stalk((rng.uniform(-0.24, 0.24) * y, y, 0.0), rng.uniform(0.3, 0.75), rng, (0.35, 0.3, 0.1))
    for _i in range(40):
        y = 1.4 + 8.0 * rng.random()
        colour = rng.choice([(0.9, 0.9, 0.85), (0.9, 0.25, 0.1), (0.95, 0.75, 0.1)])
        _ball((rng.uniform(-0.2, 0.2) * y, y, rng.uniform(0.3, 0.62)), 0.012, 0.0, colour)
    return Shot(85.0, 2.0, (1.5, 2.6, 8.0))


def night() -> Shot:
    """Small lamps far above white at every distance, partly hidden by figures in front: highlights and edges."""
    _camera(85.0)
    _wall(14.0, None, 14.0, (0.010, 0.013, 0.03))
    _box((0, 8.0, -0.75), (8.0, 8.0, 0.01), (0, 0, 0), _checks((0.03, 0.03, 0.035), (0.05, 0.05, 0.055), 2.0))
    rng = random.Random(12)
    for _i in range(90):
        y = 3.0 + 10.5 * rng.random()
        colour = rng.choice([(1.0, 0.55, 0.2), (1.0, 0.85, 0.6), (0.4, 0.65, 1.0), (1.0, 0.2, 0.15)])
        place = (rng.uniform(-0.2, 0.2) * y, y, rng.uniform(-0.03, 0.11) * y)
        _ball(place, 0.004 * y * rng.uniform(0.15, 0.9), rng.uniform(4, 40), colour)
    for x, y in ((-0.16, 1.9), (0.22, 2.6), (0.42, 5.0)):
        _ball((x, y, 0.06), 0.085, 0.0, (0.5, 0.32, 0.24))
        _box((x, y, -0.32), (0.15, 0.09, 0.28), (0, 0, 0.2), _plain((0.10, 0.12, 0.22), _text_picture(2, small=True)))
    return Shot(85.0, 1.4, (1.85, 3.4, 9.0), blades=7, rotation_deg=10.0)


SCENES: dict[str, Callable[[], Shot]] = {"fence": fence, "books": books, "meadow": meadow, "night": night}


def _camera(focal_mm: float) -> bpy.types.Object:
    data = bpy.data.cameras.new("Camera")
    data.lens, data.sensor_width, data.sensor_fit = focal_mm, 36.0, "HORIZONTAL"
    data.clip_start, data.clip_end = 0.05, 1000.0
    camera = bpy.data.objects.new("Camera", data)
    camera.rotation_euler = (math.radians(90), 0, 0)
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera
    return camera


def _wall(distance_m: float, picture: np.ndarray | None, width_m: float, colour=(1.0, 1.0, 1.0)) -> None:
    _box((0, distance_m + 0.01, 0), (width_m / 2, 0.01, width_m / 2), (0, 0, 0), _plain(colour, picture))


def _box(location, half_size, rotation, material: bpy.types.Material) -> None:
    bpy.ops.mesh.primitive_cube_add(size=2.0, location=location, rotation=rotation)
    box = bpy.context.object
    box.scale = half_size
    box.data.materials.append(material)


def _ball(location, radius_m: float, glow: float, colour) -> None:
    bpy.ops.mesh.primitive_uv_sphere_add(segments=24, ring_count=12, radius=radius_m, location=location)
    bpy.ops.object.shade_smooth()
    bpy.context.object.data.materials.append(_glowing(colour, glow) if glow else _plain(colour))


def _stalk(foot, height_m: float, rng: random.Random, colour) -> None:
    curve = bpy.data.curves.new("Stalk", "CURVE")
    curve.dimensions, curve.bevel_depth = "3D", 0.0016
    line = curve.splines.new("POLY")
    lean = (rng.uniform(-0.25, 0.25), rng.uniform(-0.1, 0.1))
    line.points.add(7)
    for k, point in enumerate(line.points):
        t = k / 7
        point.co = (foot[0] + lean[0] * t * t * height_m, foot[1] + lean[1] * t * t, t * height_m, 1)
    curve.materials.append(_plain(colour))
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("Stalk", curve))


def _text_picture(seed: int, small: bool = False) -> np.ndarray:
    """A page of print, (H, W, 4) float32 in 0-1."""
    rng = random.Random(seed)
    h, w = (128, 128) if small else (1024, 1024)
    page = np.full((h, w, 3), 210, np.uint8)
    size = 0.5 if small else 1.1
    for y in range(int(30 * size) + 8, h, int(38 * size)):
        line = " ".join(rng.choice(WORDS) for _ in range(14))
        ink = (13, 13, 13) if rng.random() < 0.7 else (128, 13, 13)
        cv2.putText(page, line, (4, y), cv2.FONT_HERSHEY_DUPLEX, size, ink, 1 if small else 2, cv2.LINE_AA)
    return np.dstack([np.float32(page) / 255, np.ones((h, w), np.float32)])


def _plain(colour, picture: np.ndarray | None = None) -> bpy.types.Material:
    """Emission of `colour` (times a picture laid over each face), shaded by the fixed light."""
    material, nodes, links, emit = _emission()
    shade = _shade(nodes, links)
    if picture is None:
        shade_colour = nodes.new("ShaderNodeRGB")
        shade_colour.outputs[0].default_value = (*colour, 1)
        source = shade_colour.outputs[0]
    else:
        texture = nodes.new("ShaderNodeTexImage")
        texture.image = _image(picture * np.float32([*colour, 1.0]))
        uv = nodes.new("ShaderNodeTexCoord")
        turn = nodes.new("ShaderNodeMapping")
        links.new(uv.outputs["Generated"], turn.inputs["Vector"])
        turn.inputs["Rotation"].default_value = (math.radians(-90), 0, 0)
        links.new(turn.outputs[0], texture.inputs["Vector"])
        source = texture.outputs["Color"]
    links.new(_times(nodes, links, source, shade), emit.inputs["Color"])
    return material


def _checks(first, second, scale: float) -> bpy.types.Material:
    material, nodes, links, emit = _emission()
    checks, where = nodes.new("ShaderNodeTexChecker"), nodes.new("ShaderNodeNewGeometry")
    checks.inputs["Scale"].default_value = scale
    checks.inputs["Color1"].default_value = (*first, 1)
    checks.inputs["Color2"].default_value = (*second, 1)
    links.new(where.outputs["Position"], checks.inputs["Vector"])
    links.new(checks.outputs["Color"], emit.inputs["Color"])
    return material


def _glowing(colour, strength: float) -> bpy.types.Material:
    material, _, _, emit = _emission()
    emit.inputs["Color"].default_value = (*colour, 1)
    emit.inputs["Strength"].default_value = strength
    return material


def _emission():
    material = bpy.data.materials.new("Painted")
    tree = material.node_tree
    tree.nodes.clear()
    emit, out = tree.nodes.new("ShaderNodeEmission"), tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(emit.outputs[0], out.inputs["Surface"])
    return material, tree.nodes, tree.links, emit


def _shade(nodes, links):
    """0.25 to 1 from the angle between the surface and the fixed light."""
    normal, dot = nodes.new("ShaderNodeNewGeometry"), nodes.new("ShaderNodeVectorMath")
    dot.operation = "DOT_PRODUCT"
    dot.inputs[1].default_value = LIGHT_DIRECTION
    links.new(normal.outputs["Normal"], dot.inputs[0])
    ramp = nodes.new("ShaderNodeMapRange")
    ramp.inputs["From Min"].default_value, ramp.inputs["From Max"].default_value = -0.6, 1.0
    ramp.inputs["To Min"].default_value, ramp.inputs["To Max"].default_value = 0.2, 1.0
    links.new(dot.outputs["Value"], ramp.inputs["Value"])
    return ramp.outputs["Result"]


def _times(nodes, links, colour, factor):
    scale = nodes.new("ShaderNodeVectorMath")
    scale.operation = "SCALE"
    links.new(colour, scale.inputs[0])
    links.new(factor, scale.inputs["Scale"])
    return scale.outputs[0]


def _image(picture: np.ndarray) -> bpy.types.Image:
    image = bpy.data.images.new("Print", picture.shape[1], picture.shape[0], float_buffer=True)
    image.colorspace_settings.name = "Non-Color"
    image.pixels.foreach_set(np.ascontiguousarray(picture[::-1], np.float32).ravel())
    image.pack()
    return image
