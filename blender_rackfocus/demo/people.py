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
    carrier = bpy.data.objects.new(name, None)
    bpy.context.scene.collection.objects.link(carrier)
    carrier.location, carrier.rotation_euler = at, (0, 0, turn)
    for part, limbs, material in (("Body", torso, cloth), ("Skin", skin, flesh), ("Hair", crown, hair)):
        made = grown(f"{name} {part}", limbs, material, voxel=0.009)
        made.parent = carrier
    return carrier
