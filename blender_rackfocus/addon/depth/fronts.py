# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects of a scene stand how far away, and a copy of the scene that its camera sees without some of them.

An object counts with all that it instances, by the boxes around the pieces that the camera has in view. Left out, it is
still there for shadows, reflections and light that bounces: view layers of our own copy of the scene have it in a
collection that contributes indirectly only, so nothing of the object, or of the user's scene, is touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import bpy
import numpy as np

from ..blender.errors import FrameError
from ..blender.runtime import runtime

ENGINE = "CYCLES"
"""The engine that can leave objects out for the camera alone."""
NAME = "Rack Focus Left Out"
_SOLID = {"MESH", "CURVE", "SURFACE", "META", "FONT", "CURVES", "POINTCLOUD"}


def problem_of(scene: bpy.types.Scene) -> str:
    """Why a scene cannot be rendered without what stands in front; empty when it can."""
    if scene.render.engine == ENGINE:
        return ""
    return (
        f'scene "{scene.name}" is not rendered with Cycles, the only engine that can leave objects out for the camera '
        "and keep their shadows: switch Render Behind off"
    )


def ends_m(depsgraph: bpy.types.Depsgraph) -> dict[str, float]:
    """How far away the farthest point of each object is that the camera has in view, along the camera's axis in metres,
    by `name_full`. depsgraph: evaluated for a render."""
    owners, matrices, boxes = [], [], []
    for instance in depsgraph.object_instances:
        shown = instance.object
        if shown.type not in _SOLID or not shown.visible_camera or not (instance.is_instance or instance.show_self):
            continue
        owners.append((instance.parent if instance.is_instance else shown).original.name_full)
        matrices.append(np.array(instance.matrix_world))
        boxes.append(np.array(shown.bound_box))
    if not owners:
        return {}
    scene = depsgraph.scene_eval
    camera, render = scene.camera, scene.render
    to_camera = np.linalg.inv(np.array(camera.matrix_world.normalized()))
    to_frame = np.array(
        camera.calc_matrix_camera(
            depsgraph,
            x=render.resolution_x,
            y=render.resolution_y,
            scale_x=render.pixel_aspect_x,
            scale_y=render.pixel_aspect_y,
        )
    )
    corners = np.concatenate([np.array(boxes), np.ones((len(boxes), 8, 1))], axis=2)
    corners = corners @ (to_camera @ np.array(matrices)).transpose(0, 2, 1)
    in_frame = corners @ to_frame.T
    across, along = in_frame[..., :2], in_frame[..., 3:]
    beside = ((across > along).all(axis=1) | (across < -along).all(axis=1)).any(axis=1)
    depth_m = -corners[..., 2]
    ends: dict[str, float] = {}
    for owner, far_m, out in zip(owners, depth_m.max(axis=1).tolist(), beside.tolist(), strict=True):
        if not out and far_m > 0:
            ends[owner] = max(ends.get(owner, 0.0), far_m)
    return ends


@contextmanager
def without(scene: bpy.types.Scene, names: Iterable[str]) -> Iterator[None]:
    """While this lasts the camera of a scene, which is a copy of ours, does not see these objects (`name_full`).

    Raises FrameError where one of them is not in the scene itself.
    """
    objects = {item.name_full: item for item in scene.objects}
    missing = next((name for name in names if name not in objects), "")
    if missing:
        raise FrameError(f'object "{missing}" cannot be left out: it is not in scene "{scene.name}" itself')
    added = []
    try:
        for layer in scene.view_layers:
            seen = {item.name_full for item in layer.objects}
            hidden = [objects[name] for name in names if name in seen]
            if layer.use and hidden:
                added.append(_add(scene, layer, hidden))
        yield
    finally:
        for collection in added:
            scene.collection.children.unlink(collection)


def _add(
    scene: bpy.types.Scene, layer: bpy.types.ViewLayer, objects: Iterable[bpy.types.Object]
) -> bpy.types.Collection:
    """A collection of objects that the camera does not see in one view layer, and that the others do not have."""
    hidden = bpy.data.collections.new(NAME)
    runtime(hidden)
    for item in objects:
        hidden.objects.link(item)
    scene.collection.children.link(hidden)
    for view_layer in scene.view_layers:
        in_layer = next(child for child in view_layer.layer_collection.children if child.collection == hidden)
        in_layer.exclude = view_layer != layer
        in_layer.indirect_only = True
    return hidden
