# SPDX-License-Identifier: GPL-3.0-or-later
"""The letter: a woman reads at golden hour; rack to the figure coming up the street behind her."""

from __future__ import annotations

import math
from typing import Any

from . import stage
from .people import reader, standing
from .shapes import Point, box, sphere

SHOT = stage.Shot(
    title="Letter",
    frames=60,
    focal_mm=65.0,
    f_stop=2.0,
    rack_at=16,
    rack_over=24,
    blades=11,
)

# z = 0 is the street; the woman's chest stands 1.1 m above it.
WOMAN: Point = (-0.32, 2.42, 1.08)
STRANGER: Point = (0.62, 13.0, 0.0)


def build() -> tuple[Any, stage.Shot]:
    """Model the shot; the scene, and the shot with its measured distances."""
    scene = stage.new_scene(SHOT)
    stage.world(scene, (0.50, 0.46, 0.52), 0.42)
    _street()
    _woman()
    _stranger()
    _light()
    stage.camera(scene, SHOT, (0.0, 0.0, 1.45), (0.02, 10.0, 1.32))
    stage.apply_modifiers(scene)
    letter = (WOMAN[0] + 0.06, WOMAN[1] - 0.04, 1.6)
    return scene, stage.replace_distances(SHOT, scene, letter, (STRANGER[0], STRANGER[1] - 0.6, 1.2))


def _woman() -> None:
    flesh = stage.plain("Skin", (0.62, 0.36, 0.25), 0.5)
    dress = stage.plain("Linen", (0.33, 0.10, 0.07), 0.85)
    hair = stage.plain("Chestnut", (0.11, 0.042, 0.018), 0.45)
    woman = reader("Woman", WOMAN, math.radians(-22), dress, flesh, hair)
    paper = stage.plain("Letter", (0.86, 0.80, 0.68), 0.9)
    letter = box("Letter", (0.006, 0.17, 0.22), (0.325, 0, 0.19), paper)
    letter.rotation_euler = stage.degrees(0, 32, 0)
    letter.parent = woman
    ink = stage.plain("Ink", (0.05, 0.05, 0.12), 0.9)
    for line in range(9):
        row = box("Line", (0.001, 0.125 - 0.03 * (line * 7 % 4) / 3, 0.0035), (-0.0036, 0.0, 0.075 - 0.018 * line), ink)
        row.parent = letter
    for frame, lift in ((1, 0.0), (18, 0.0), (40, -7.0), (60, -7.0)):  # she looks up
        woman.rotation_euler = (0, math.radians(lift), math.radians(-22))
        woman.keyframe_insert("rotation_euler", frame=frame)


def _stranger() -> None:
    flesh = stage.plain("Skin", (0.55, 0.32, 0.22), 0.5)
    coat, trousers = stage.plain("Coat", (0.20, 0.13, 0.075), 0.9), stage.plain("Trousers", (0.06, 0.065, 0.09), 0.9)
    hair = stage.plain("Black", (0.018, 0.012, 0.010), 0.5)
    walker = standing("Stranger", STRANGER, math.radians(-94), coat, trousers, flesh, hair, step=0.20)
    x, y, z = STRANGER
    stage.move(walker, {1: (x + 0.05, y + 1.6, z), 60: (x, y - 0.7, z)})


def _street() -> None:
    stones = stage.grained("Stones", (0.115, 0.085, 0.070), (0.21, 0.165, 0.135), (7, 2.2, 5), 0.55)
    walk = stage.grained("Walk", (0.20, 0.155, 0.125), (0.27, 0.215, 0.175), (3, 3, 3), 0.7)
    box("Street", (60, 130, 0.1), (0, 55, -0.05), stones)
    for side in (-1, 1):
        box("Pavement", (1.6, 120, 0.16), (side * 3.6, 55, 0.06), walk)
    tints = ((0.42, 0.22, 0.12), (0.50, 0.35, 0.20), (0.36, 0.17, 0.11), (0.55, 0.43, 0.30), (0.40, 0.28, 0.20))
    plasters = [stage.grained(f"House {k}", (0.8 * tint[0], 0.8 * tint[1], 0.8 * tint[2]), tint, (1.5, 1.5, 0.6), 0.9)
                for k, tint in enumerate(tints)]  # fmt: skip
    dark = stage.plain("Window", (0.03, 0.035, 0.045), 0.15, coat=0.5)
    lit = stage.glow("Lit window", (1.0, 0.55, 0.20), 3.0)
    shutters = stage.plain("Shutter", (0.05, 0.11, 0.10), 0.7)
    for side in (-1, 1):
        for number in range(9):
            y, wide = 5.0 + 7.4 * number + (2.2 if side > 0 else 0.0), 7.3
            tall = 6.2 + 1.7 * ((number * 5 + (2 if side > 0 else 0)) % 4) / 3
            box("House", (5, wide, tall), (side * 7.0, y, tall / 2), plasters[(number * 2 + (side > 0)) % 5])
            for floor in range(2):
                for column in range(3):
                    at = (side * 4.5, y - 2.3 + 2.3 * column, 1.75 + 2.35 * floor)
                    glowing = (number * 3 + floor * 5 + column * 7 + (side > 0)) % 6 == 0
                    box("Window", (0.06, 0.85, 1.25), at, lit if glowing else dark)
                    for edge in (-1, 1):
                        box("Shutter", (0.12, 0.34, 1.3), (side * 4.47, at[1] + edge * 0.62, at[2]), shutters)
    iron = stage.plain("Iron", (0.02, 0.02, 0.022), 0.5)
    for number in range(7):
        for side in (-1, 1):
            y = 7.0 + 7.0 * number + 3.0 * (side > 0)
            box("Post", (0.07, 0.07, 3.0), (side * 2.95, y, 1.5), iron)
            stage.bulb("Lamp", (side * 2.95, y, 3.05), 0.12, 16, (1.0, 0.62, 0.28))
    leaves = stage.plain("Leaves", (0.20, 0.13, 0.03), 0.8)
    for number, (x, y) in enumerate(((-3.4, 9.5), (3.5, 20.0), (-3.4, 27.0), (3.5, 38.0))):
        box("Trunk", (0.16, 0.16, 2.6), (x, y, 1.3), iron)
        for k in range(7):
            angle = 2.4 * k + number
            at = (x + 0.55 * math.cos(angle), y + 0.55 * math.sin(angle), 3.0 + 0.28 * (k % 4))
            sphere("Crown", 0.62, at, leaves)
    for number in range(11):  # lights strung across the street, which become discs
        for row, y in enumerate((16.0, 27.0)):
            x = -4.2 + 0.84 * number
            z = 3.2 + 0.5 * (x / 4.2) ** 2 + 0.5 * row
            stage.bulb("String", (x, y, z), 0.045, 38, (1.0, 0.62, 0.28))


def _light() -> None:
    """The sun low at the street's end: rims of gold towards the camera, and a soft fill from the sky behind it."""
    import bpy

    sky = stage.glow("Evening", (1.0, 0.36, 0.09), 0.62)
    box("Evening", (60, 0.1, 26), (0, 95, 9), sky)
    disc = stage.glow("Sun", (1.0, 0.60, 0.24), 5.0)
    sphere("Sun", 1.9, (-2.2, 94, 4.4), disc)
    data = bpy.data.lights.new("Sun light", "SUN")
    data.energy, data.color, data.angle = 5.5, (1.0, 0.58, 0.26), math.radians(2)
    sun = bpy.data.objects.new("Sun light", data)
    sun.rotation_euler = stage.degrees(-76, 0, 6)
    bpy.context.scene.collection.objects.link(sun)
    stage.area_light("Bounce", (0.9, 0.6, 1.9), WOMAN, 1.4, 24.0, (1.0, 0.80, 0.62))
    stage.area_light("Gold", (-1.7, 3.9, 2.3), (WOMAN[0], WOMAN[1], 1.5), 0.6, 190.0, (1.0, 0.58, 0.24))
    stage.area_light("Window glow", (-2.6, 10.6, 2.2), (STRANGER[0], STRANGER[1], 1.2), 1.2, 240.0, (1.0, 0.66, 0.38))
