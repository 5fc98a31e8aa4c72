# SPDX-License-Identifier: GPL-3.0-or-later
"""Modelling by script: turned, boxed and grown shapes. Metres, z up."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import bpy

Point = tuple[float, float, float]


def lathe(
    name: str,
    profile: Sequence[tuple[float, float]],
    material: Any,
    *,
    segments: int = 64,
    rounds: int = 2,
    ripple: Callable[[float, float], float] | None = None,
) -> Any:
    """A turned object: `profile` is (radius, height) from bottom to top; corners are rounded `rounds` times.

    A point given twice keeps its corner. ripple(angle, height) multiplies the radius, for flutes and coronets.
    """
    line = list(profile)
    for _ in range(rounds):
        line = _cut_corners(line)
    vertices = []
    for radius, height in line:
        for step in range(segments):
            angle = 2 * math.pi * step / segments
            r = radius * (ripple(angle, height) if ripple else 1.0)
            vertices.append((r * math.cos(angle), r * math.sin(angle), height))
    faces: list[tuple[int, ...]] = []
    for ring in range(len(line) - 1):
        low, high = ring * segments, (ring + 1) * segments
        faces += [
            (low + s, low + (s + 1) % segments, high + (s + 1) % segments, high + s) for s in range(segments)
        ]
    faces.append(tuple(reversed(range(segments))))
    faces.append(tuple(range((len(line) - 1) * segments, len(line) * segments)))
    return mesh_object(name, vertices, faces, material, smooth=True)


def _cut_corners(line: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Chaikin's corner cutting; the ends stay."""
    out = [line[0]]
    for (r0, z0), (r1, z1) in pairwise(line):
        out += [(0.75 * r0 + 0.25 * r1, 0.75 * z0 + 0.25 * z1), (0.25 * r0 + 0.75 * r1, 0.25 * z0 + 0.75 * z1)]
    out.append(line[-1])
    return out


def mesh_object(name: str, vertices: Any, faces: Any, material: Any, *, smooth: bool = False) -> Any:
    """A mesh object of these vertices and faces, linked to the scene of the context."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces)
    if smooth:
        mesh.shade_smooth()
    mesh.materials.append(material)
    made = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(made)
    return made


def box(name: str, size: Point, at: Point, material: Any, *, bevel: float = 0.0, turn: float = 0.0) -> Any:
    """A box of full `size` centred `at`, its edges rounded by `bevel`, turned about z by `turn` radians."""
    x, y, z = (side / 2 for side in size)
    corners = [(sx * x, sy * y, sz * z) for sz in (-1, 1) for sy in (-1, 1) for sx in (-1, 1)]
    faces = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    made = mesh_object(name, corners, faces, material)
    made.location, made.rotation_euler = at, (0, 0, turn)
    if bevel:
        modifier = made.modifiers.new("Bevel", "BEVEL")
        modifier.width, modifier.segments = bevel, 3
    return made


def sphere(name: str, radius: float, at: Point, material: Any) -> Any:
    """A ball."""
    steps = 24
    profile = [
        (max(radius * math.sin(math.pi * k / steps), 1e-5), -radius * math.cos(math.pi * k / steps))
        for k in range(steps + 1)
    ]
    made = lathe(name, profile, material, segments=32, rounds=0)
    made.location = at
    return made


def grown(name: str, limbs: Iterable[Sequence[tuple[Point, float]]], material: Any, *, voxel: float) -> Any:
    """One smooth body around polylines: each limb is a row of (point, radius); they melt where they touch."""
    vertices: list[Point] = []
    faces: list[tuple[int, ...]] = []
    for limb in limbs:
        for centre, radius in _beads(limb):
            _add_ball(vertices, faces, centre, radius)
    made = mesh_object(name, vertices, faces, material, smooth=True)
    remesh = made.modifiers.new("Melt", "REMESH")
    remesh.mode, remesh.voxel_size, remesh.use_smooth_shade = "VOXEL", voxel, True
    smooth = made.modifiers.new("Smooth", "SMOOTH")
    smooth.factor, smooth.iterations = 0.5, 6
    return made


def _beads(limb: Sequence[tuple[Point, float]]) -> Iterable[tuple[Point, float]]:
    """Balls along a polyline, close enough to look like a tapered tube."""
    for (a, ra), (b, rb) in pairwise(limb):
        steps = max(2, math.ceil(math.dist(a, b) / (0.3 * min(ra, rb))))
        for step in range(steps + 1):
            t = step / steps
            yield (
                (a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), a[2] + t * (b[2] - a[2])),
                ra + t * (rb - ra),
            )


def _add_ball(vertices: list[Point], faces: list[tuple[int, ...]], centre: Point, radius: float) -> None:
    """A closed ball of quads with triangle-free poles, appended to the lists."""
    rings, segments, start = 9, 16, len(vertices)
    for ring in range(1, rings):
        polar = math.pi * ring / rings
        for step in range(segments):
            angle = 2 * math.pi * step / segments
            vertices.append(
                (
                    centre[0] + radius * math.sin(polar) * math.cos(angle),
                    centre[1] + radius * math.sin(polar) * math.sin(angle),
                    centre[2] + radius * math.cos(polar),
                )
            )
    for ring in range(rings - 2):
        low, high = start + ring * segments, start + (ring + 1) * segments
        faces.extend(
            (low + s, high + s, high + (s + 1) % segments, low + (s + 1) % segments) for s in range(segments)
        )
    faces.append(tuple(start + s for s in range(segments)))
    faces.append(tuple(start + (rings - 2) * segments + s for s in reversed(range(segments))))
