# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a scene's simulations show the same to a copy of it: what was not played or baked is made anew there."""

from __future__ import annotations

import ctypes
import math
import os

import bpy

from ..blender import dna


def unplayed(scene: bpy.types.Scene, moment: float) -> str:
    """Why a scene's simulations cannot be rendered by a copy of it: what was not played before depends on who looks at
    it first. Rigid bodies belong to the scene itself, so their copy needs them baked. moment: of its animation. Empty
    when nothing is wrong."""
    world = scene.rigidbody_world
    moving = world is not None and world.enabled and world.collection is not None and len(world.collection.objects)
    if moving and not world.point_cache.is_baked:
        return f'the rigid bodies of scene "{scene.name}" are not baked: bake them (Scene, Rigid Body World, Cache)'
    for shown in _objects(scene):
        for modifier in shown.modifiers:
            what = _unplayed_in(modifier, moment) if modifier.show_render else ""
            if what:
                return f'the simulation "{modifier.name}" of object "{shown.name}" in scene "{scene.name}" {what}'
    return ""


def _objects(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """A scene's objects, and those of the collections that they stand for."""
    objects = dict.fromkeys(scene.objects)
    waiting = list(objects)
    while waiting:
        thing = waiting.pop()
        held = thing.instance_collection if thing.instance_type == "COLLECTION" else None
        new = [each for each in held.all_objects if each not in objects] if held is not None else []
        objects.update(dict.fromkeys(new))
        waiting += new
    return list(objects)


def _unplayed_in(modifier: bpy.types.Modifier, moment: float) -> str:
    """What is wrong with a modifier's simulation; empty for a baked or played one, and where there is none."""
    if any(not (cache.is_baked or _is_played(cache, moment)) for cache in _caches(modifier)):
        return f"was not played up to frame {math.ceil(moment)}: bake it, or play the scene from its first frame"
    is_fluid = modifier.type == "FLUID" and modifier.fluid_type == "DOMAIN"
    if is_fluid and not modifier.domain_settings.has_cache_baked_data:
        return "is not baked: bake it (Physics, Fluid, Cache, of the types Modular or All)"
    if modifier.type == "NODES" and any(_is_zone(bake) and not _is_baked(modifier, bake) for bake in modifier.bakes):
        return "is not baked: bake it (the zone's node, or Object, Animation, Bake Simulation)"
    return ""


def _caches(modifier: bpy.types.Modifier) -> list[bpy.types.PointCache]:
    """Where a modifier keeps what it simulates frame by frame."""
    if modifier.type in {"CLOTH", "SOFT_BODY"}:
        return [modifier.point_cache]
    if modifier.type == "PARTICLE_SYSTEM":
        system = modifier.particle_system
        hair = system.settings.type == "HAIR"
        simulated = system.use_hair_dynamics if hair else system.settings.physics_type not in {"NO", "KEYED"}
        return [system.point_cache] if simulated else []
    if modifier.type == "DYNAMIC_PAINT" and modifier.canvas_settings is not None:
        return [surface.point_cache for surface in modifier.canvas_settings.canvas_surfaces if surface.is_active]
    return []


def _is_zone(bake: bpy.types.NodesModifierBake) -> bool:
    return bake.node is not None and bake.node.bl_idname == "GeometryNodeSimulationOutput"


def _is_baked(modifier: bpy.types.NodesModifier, bake: bpy.types.NodesModifierBake) -> bool:
    """Whether a zone's frames are in the file or on disk: whether they are in memory cannot be asked."""
    if dna.read(bake.as_pointer(), "NodesModifierBake", "*packed"):
        return True
    folder = bake.directory if bake.use_custom_path else os.path.join(modifier.bake_directory, str(bake.bake_id))
    return os.path.isdir(os.path.join(bpy.path.abspath(folder, library=modifier.id_data.library), "meta"))


def _is_played(cache: bpy.types.PointCache, moment: float) -> bool:
    """Whether a cache, of the simulation as it is, holds the frames that show a moment: Blender then reads them there,
    whoever looks. Particles have none at the first frame."""
    if cache.is_outdated:
        return False
    address = cache.as_pointer()
    first = dna.read(address, "PointCache", "*cached_frames")
    held = ctypes.string_at(first, dna.read(address, "PointCache", "cached_frames_len")) if first else b""
    wanted = {min(frame, cache.frame_end) for frame in (math.floor(moment), math.ceil(moment))}
    if max(wanted) <= cache.frame_start:
        wanted = {cache.frame_start + 1}
    return all(0 <= at < len(held) and held[at] for at in (frame - cache.frame_start for frame in wanted))
