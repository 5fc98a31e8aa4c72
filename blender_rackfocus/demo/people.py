# SPDX-License-Identifier: GPL-3.0-or-later
"""Simple, stylised figures: a body in clothes, a head with hair; metres, facing +x before they are turned."""

from __future__ import annotations

from typing import Any

import bpy

from .shapes import Point, grown

Limb = list[tuple[Point, float]]


def seated(name: str, at: Point, turn: float, cloth: Any, flesh: Any, hair: Any, *, long_hair: bool) -> Any:
    """A figure from the hips up, leaning on a table that is `at`'s height; the empty that carries all of it.

    at: where the chest stands, z the table's top. turn: radians about z. long_hair: to the shoulders.
    """
    torso: list[Limb] = [
        [((-0.10, 0, -0.25), 0.15), ((-0.07, 0, 0.02), 0.135), ((0.0, 0, 0.24), 0.115)],
        [((0.0, -0.15, 0.27), 0.062), ((0.0, 0, 0.29), 0.075), ((0.0, 0.15, 0.27), 0.062)],
        [((0.0, -0.165, 0.26), 0.056), ((0.07, -0.205, 0.06), 0.047), ((0.24, -0.12, 0.035), 0.038)],
        [((0.0, 0.165, 0.26), 0.056), ((0.06, 0.205, 0.06), 0.047), ((0.20, 0.14, 0.035), 0.038)],
    ]
    skin: list[Limb] = [
        [((0.015, 0, 0.34), 0.048), ((0.04, 0, 0.42), 0.046)],
        [((0.055, 0, 0.475), 0.083), ((0.045, 0, 0.545), 0.088)],
        [((0.125, 0, 0.490), 0.018), ((0.143, 0, 0.478), 0.013)],
        [((0.24, -0.12, 0.035), 0.032), ((0.31, -0.07, 0.035), 0.030)],
        [((0.20, 0.14, 0.035), 0.032), ((0.28, 0.10, 0.035), 0.030)],
    ]
    crown: list[Limb] = [[((0.015, 0, 0.55), 0.096), ((0.035, 0, 0.58), 0.086)]]
    if long_hair:
        crown += [[((-0.02, y, 0.55), 0.075), ((-0.045, 1.15 * y, 0.40), 0.062), ((-0.05, y, 0.30), 0.045)]
                  for y in (-0.045, 0.045)]  # fmt: skip
    parts = (("Body", torso, cloth), ("Skin", skin, flesh), ("Hair", crown, hair))
    return _dressed(name, at, turn, parts, voxel=0.009)


def standing(
    name: str, at: Point, turn: float, cloth: Any, trousers: Any, flesh: Any, hair: Any, *, step: float
) -> Any:
    """A walking figure, 1.75 m, feet at `at`; step: half the stride, metres, along its own +x."""
    coat: list[Limb] = [
        [((0, 0, 0.72), 0.155), ((0, 0, 1.05), 0.135), ((0.01, 0, 1.34), 0.125)],
        [((0, -0.16, 1.40), 0.065), ((0, 0, 1.42), 0.075), ((0, 0.16, 1.40), 0.065)],
        [((0, -0.19, 1.39), 0.058), ((0.6 * step, -0.24, 1.12), 0.05), ((step, -0.23, 0.88), 0.043)],
        [((0, 0.19, 1.39), 0.058), ((-0.6 * step, 0.24, 1.12), 0.05), ((-step, 0.23, 0.88), 0.043)],
    ]
    legs: list[Limb] = [
        [((0, -0.08, 0.78), 0.095), ((0.55 * -step, -0.09, 0.45), 0.072), ((-step, -0.09, 0.07), 0.052),
         ((-step + 0.12, -0.09, 0.045), 0.042)],
        [((0, 0.08, 0.78), 0.095), ((0.75 * step, 0.09, 0.45), 0.072), ((step, 0.09, 0.07), 0.052),
         ((step + 0.12, 0.09, 0.045), 0.042)],
    ]  # fmt: skip
    skin: list[Limb] = [
        [((0.01, 0, 1.44), 0.052), ((0.02, 0, 1.52), 0.048)],
        [((0.035, 0, 1.575), 0.083), ((0.025, 0, 1.645), 0.088)],
        [((step, -0.23, 0.86), 0.036), ((step + 0.02, -0.225, 0.80), 0.034)],
        [((-step, 0.23, 0.86), 0.036), ((-step + 0.02, 0.225, 0.80), 0.034)],
    ]
    crown: list[Limb] = [[((0.0, 0, 1.65), 0.096), ((0.015, 0, 1.68), 0.086)]]
    return _dressed(name, at, turn, (("Coat", coat, cloth), ("Legs", legs, trousers), ("Skin", skin, flesh),
                                     ("Hair", crown, hair)), voxel=0.013)  # fmt: skip


def reader(name: str, at: Point, turn: float, cloth: Any, flesh: Any, hair: Any) -> Any:
    """A woman from the waist up, head bent over what she holds in both hands 0.3 m before her chest."""
    torso: list[Limb] = [
        [((0, 0, -0.45), 0.15), ((0, 0, -0.10), 0.118), ((0.0, 0, 0.24), 0.112)],
        [((0.0, -0.15, 0.27), 0.060), ((0.0, 0, 0.29), 0.072), ((0.0, 0.15, 0.27), 0.060)],
        [((0.0, -0.165, 0.26), 0.055), ((0.02, -0.215, 0.02), 0.046), ((0.22, -0.105, 0.095), 0.036)],
        [((0.0, 0.165, 0.26), 0.055), ((0.02, 0.215, 0.02), 0.046), ((0.22, 0.105, 0.095), 0.036)],
    ]
    skin: list[Limb] = [
        [((0.01, 0, 0.33), 0.046), ((0.05, 0, 0.41), 0.045)],
        [((0.085, 0, 0.452), 0.076), ((0.065, 0, 0.525), 0.086)],
        [((0.150, 0, 0.458), 0.017), ((0.164, 0, 0.444), 0.012)],
        [((0.22, -0.105, 0.095), 0.030), ((0.275, -0.085, 0.125), 0.027), ((0.300, -0.070, 0.150), 0.014)],
        [((0.22, 0.105, 0.095), 0.030), ((0.275, 0.085, 0.125), 0.027), ((0.300, 0.070, 0.150), 0.014)],
    ]
    crown: list[Limb] = [
        [((0.030, 0, 0.545), 0.094), ((0.055, 0, 0.570), 0.084)],
        [((-0.02, 0, 0.53), 0.080), ((-0.07, 0, 0.46), 0.050)],
        [((-0.075, 0, 0.545), 0.060), ((-0.105, 0, 0.555), 0.052)],
    ]
    parts = (("Dress", torso, cloth), ("Skin", skin, flesh), ("Hair", crown, hair))
    return _dressed(name, at, turn, parts, voxel=0.007)


def _dressed(name: str, at: Point, turn: float, parts: Any, voxel: float) -> Any:
    """The parts of a figure under one empty."""
    carrier = bpy.data.objects.new(name, None)
    bpy.context.scene.collection.objects.link(carrier)
    carrier.location, carrier.rotation_euler = at, (0, 0, turn)
    for part, limbs, material in parts:
        made = grown(f"{name} {part}", limbs, material, voxel=voxel)
        made.parent = carrier
    return carrier
