# SPDX-License-Identifier: GPL-3.0-or-later
"""The café: a coffee cup sharp in front of a softly lit room; a slow rack to the couple at the table behind."""

from __future__ import annotations

import math
from typing import Any

from . import stage
from .people import seated
from .shapes import Point, box, grown, lathe

SHOT = stage.Shot(
    title="Cafe",
    frames=60,
    focal_mm=50.0,
    f_stop=1.8,
    rack_at=14,
    rack_over=32,
)

CUP: Point = (-0.125, 0.72, 0.0)
COUPLE: Point = (0.22, 2.85, 0.0)


def build() -> tuple[Any, stage.Shot]:
    """Model the shot; the scene, and the shot with its measured distances."""
    scene = stage.new_scene(SHOT)
    stage.world(scene, (0.030, 0.024, 0.022))
    _table()
    _cup(CUP)
    woman = _couple()
    _room()
    _lights()
    stage.camera(scene, SHOT, (0.0, 0.0, 0.165), (0.0, 2.5, 0.140))
    stage.apply_modifiers(scene)
    rim = (CUP[0], CUP[1] - 0.045, 0.06)
    face = (woman.location.x + 0.1, woman.location.y, 0.5)
    return scene, stage.replace_distances(SHOT, scene, rim, face)


def _table() -> None:
    oak = stage.grained("Oak", (0.10, 0.048, 0.022), (0.22, 0.115, 0.055), (70, 5, 5), 0.35, coat=0.3)
    box("Table", (1.3, 0.86, 0.03), (0.1, 0.62, -0.015), oak, bevel=0.006)


def _cup(at: Point) -> None:
    """A cappuccino cup on its saucer, a spoon beside it, a folded paper behind."""
    china = stage.plain("China", (0.80, 0.78, 0.74), 0.18, coat=0.6)
    coffee = stage.plain("Coffee", (0.20, 0.085, 0.030), 0.25)
    steel = stage.plain("Steel", (0.7, 0.7, 0.7), 0.22, metallic=1.0)
    saucer = lathe("Saucer", [(0, 0), (0.035, 0), (0.04, 0.003), (0.062, 0.008), (0.078, 0.016), (0.079, 0.0175),
                              (0.060, 0.011), (0.038, 0.006), (0, 0.006)], china)  # fmt: skip
    cup = lathe("Cup", [(0, 0.006), (0.024, 0.006), (0.026, 0.010), (0.040, 0.024), (0.048, 0.050), (0.050, 0.071),
                        (0.0485, 0.072), (0.046, 0.050), (0.037, 0.026), (0.02, 0.014), (0, 0.014)], china)  # fmt: skip
    foam = lathe("Foam", [(0, 0.0625), (0.03, 0.063), (0.0468, 0.0628)], coffee)
    cream = stage.plain("Cream", (0.75, 0.62, 0.45), 0.4)
    heart = lathe("Cream", [(0, 0.0634), (0.022, 0.0634)], cream, ripple=lambda a, z: 0.8 + 0.3 * math.cos(3 * a))
    ring = [(0.050 + 0.020 * math.sin(math.pi * k / 8), 0.062 - 0.036 * k / 8) for k in range(9)]
    grip = grown("Grip", [[((r, 0.0, z), 0.0042) for r, z in ring]], china, voxel=0.0012)
    for part in (saucer, cup, foam, heart, grip):
        part.location = at
    grip.rotation_euler = stage.degrees(0, 0, -28)
    spoon = grown("Spoon", [[((-0.058, -0.034, 0.020), 0.0022), ((0.0, -0.056, 0.0175), 0.0018),
                             ((0.045, -0.062, 0.0165), 0.002)],
                            [((0.050, -0.063, 0.017), 0.0065), ((0.064, -0.064, 0.018), 0.0065)]],
                  steel, voxel=0.0009)  # fmt: skip
    spoon.location = at
    paper = stage.plain("Paper", (0.55, 0.52, 0.46), 0.9)
    box("Paper", (0.24, 0.17, 0.006), (0.34, 0.80, 0.004), paper, turn=0.35)
    sugar = stage.plain("Sugar", (0.75, 0.55, 0.36), 0.8)
    for number, (x, y) in enumerate(((0.085, 0.66), (0.112, 0.675))):
        box("Sugar", (0.016, 0.016, 0.013), (x, y, 0.0065), sugar, bevel=0.001, turn=0.4 + number)


def _couple() -> Any:
    """Two people at a small table, turned to each other; she leans in while the focus comes to them."""
    x, y, z = COUPLE
    flesh = stage.plain("Skin", (0.60, 0.33, 0.23), 0.5)
    red = stage.plain("Red wool", (0.36, 0.045, 0.035), 0.9)
    blue = stage.plain("Blue wool", (0.045, 0.075, 0.13), 0.9)
    auburn, dark = stage.plain("Auburn", (0.13, 0.040, 0.016), 0.5), stage.plain("Dark", (0.022, 0.014, 0.010), 0.5)
    woman = seated("Woman", (x - 0.40, y, z), math.radians(-18), red, flesh, auburn, long_hair=True)
    man = seated("Man", (x + 0.42, y + 0.06, z + 0.03), math.radians(196), blue, flesh, dark, long_hair=False)
    for who, start, end in ((woman, 0.0, 5.0), (man, 0.0, 3.0)):
        turn = who.rotation_euler.z
        for frame, lean in ((1, start), (20, start), (44, end), (60, end)):
            who.rotation_euler = (0, math.radians(lean), turn)
            who.keyframe_insert("rotation_euler", frame=frame)
    marble = stage.grained("Marble", (0.45, 0.42, 0.39), (0.66, 0.63, 0.58), (6, 6, 6), 0.25)
    top = lathe("Round table", [(0, -0.03), (0.36, -0.03), (0.365, -0.02), (0.365, -0.005), (0.36, 0), (0, 0)], marble)
    top.location = (x, y, z)
    china = stage.plain("White", (0.8, 0.78, 0.74), 0.25)
    for dx, dy in ((-0.10, -0.14), (0.13, -0.11)):
        cup = lathe("Small cup", [(0.02, 0), (0.034, 0.02), (0.038, 0.055), (0.033, 0.055), (0.028, 0.02)], china)
        cup.location = (x + dx, y + dy, z)
    glass = stage.glow("Candle glass", (1.0, 0.36, 0.08), 1.1)
    candle = lathe("Candle", [(0.022, 0), (0.028, 0.06), (0.026, 0.06)], glass)
    candle.location = (x + 0.02, y - 0.03, z)
    return woman


def _room() -> None:
    wall = stage.grained("Plaster", (0.085, 0.048, 0.030), (0.13, 0.078, 0.050), (2, 2, 1.2), 0.85)
    box("Wall", (9, 0.1, 4), (0, 5.2, 0.6), wall)
    wood = stage.grained("Panel", (0.035, 0.016, 0.009), (0.075, 0.036, 0.020), (9, 9, 0.8), 0.5)
    box("Panelling", (9, 0.06, 1.0), (0, 5.12, -0.42), wood)
    dusk = stage.glow("Dusk", (0.16, 0.30, 0.62), 0.55)
    frame = stage.plain("Window frame", (0.02, 0.014, 0.011), 0.5)
    for column in range(2):
        for row in range(2):
            box("Pane", (0.42, 0.02, 0.40), (-1.45 + 0.46 * column, 5.12, 0.38 + 0.44 * row), dusk)
    box("Frame", (1.0, 0.015, 0.96), (-1.22, 5.14, 0.60), frame)
    shelf_wood = stage.plain("Shelf", (0.04, 0.020, 0.012), 0.5)
    tints = [stage.plain(f"Bottle {k}", colour, 0.12, coat=0.6) for k, colour in enumerate(
        ((0.05, 0.12, 0.05), (0.18, 0.08, 0.02), (0.10, 0.02, 0.02), (0.25, 0.20, 0.12)))]
    for level, z in enumerate((0.34, 0.74)):
        box("Shelf", (1.7, 0.2, 0.03), (1.15, 5.0, z), shelf_wood)
        for number in range(11):
            tall = 0.20 + 0.05 * ((number * 5 + level) % 4) / 3
            bottle = lathe("Bottle", [(0.038, 0), (0.038, 0.6 * tall), (0.014, 0.75 * tall), (0.014, tall)],
                           tints[(number * 3 + level) % 4], segments=20)  # fmt: skip
            bottle.location = (0.40 + 0.15 * number, 5.0, z + 0.015)
    warm, amber = (1.0, 0.60, 0.28), (1.0, 0.44, 0.14)
    for number, (x, y, z) in enumerate(((-0.62, 4.2, 0.78), (0.10, 3.9, 0.84), (0.86, 4.3, 0.80), (1.35, 3.9, 0.70))):
        stage.bulb(f"Pendant {number}", (x, y, z), 0.034, 14, warm)
    for number in range(13):
        x = -1.7 + 0.27 * number
        sag = 0.10 * math.cos(2.2 * x)
        stage.bulb(f"String {number}", (x, 5.0, 0.63 + sag), 0.011, 34, amber if number % 2 else warm)


def _lights() -> None:
    """Daylight is going: warm lamps over both tables, the window's blue from the left behind."""
    stage.area_light("Table lamp", (-0.55, 1.15, 0.75), CUP, 0.35, 13.0, (1.0, 0.74, 0.48))
    stage.area_light("Window", (-1.5, 0.4, 0.7), (0, 0.8, 0.05), 0.9, 13.0, (0.55, 0.70, 1.0))
    stage.area_light("Pendant", (0.15, 2.45, 1.30), (0.22, 2.85, 0.2), 0.45, 62.0, (1.0, 0.68, 0.38))
    stage.area_light("Rim", (1.3, 3.9, 1.1), (0.2, 2.85, 0.35), 0.5, 34.0, (1.0, 0.60, 0.30))
    stage.area_light("Bar", (1.1, 4.4, 1.5), (1.1, 5.0, 0.5), 0.6, 36.0, (1.0, 0.66, 0.36))
