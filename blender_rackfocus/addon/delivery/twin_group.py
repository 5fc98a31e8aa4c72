# SPDX-License-Identifier: GPL-3.0-or-later
"""The node group that stands in for a Rack Focus group: it has the same inputs, so values, keyframes and drivers stay
in place, and keeps what the way back needs: the group that it replaces, and the focus keys as they were."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import bpy

from ...frame import inputs
from ..blender import curves
from ..shot import focus_keys, group, modifier, node
from . import twin_nodes

MARK = "rackfocus_twin"
"""Custom property of a twin's node group."""
ORIGINAL = "rackfocus_twin_original"
KEYS = "rackfocus_twin_keys"
MEASURED = "rackfocus_twin_db"
_SHOWN = {
    *("Focus Distance", "F-Stop", "Focal Length", "Sensor Width", "In-Focus Range", "Max Blur", "Mix"),
    *("Near Strength", "Far Strength", "Blades", "Blade Rotation", "Roundness", "Obstruction"),
    "Highlight Threshold",  # says nothing without a gain
}
LEFT_OUT = tuple(name for name in inputs.NAMES if name not in _SHOWN)
"""Inputs that Blender's nodes have nothing for."""
NAME = "Rack Focus Nodes"
_KEY = (
    "interpolation",
    "easing",
    "type",
    "handle_left_type",
    "handle_right_type",
    "amplitude",
    "period",
    "back",
)


def left_out(values: Mapping[str, float]) -> list[str]:
    """Inputs away from their defaults that a twin does not have."""
    defaults = {entry.name: entry.default for entry in inputs.INPUTS}
    return [name for name in LEFT_OUT if not math.isclose(values[name], defaults[name])]


def empty_copy(original: bpy.types.NodeTree) -> bpy.types.NodeTree:
    """A group without nodes: a copy of another, so that its inputs are the same to Blender too."""
    tree = original.copy()
    tree.name = NAME
    for mark in (group.GROUP_MARK, node.NODE_MARK):
        if mark in tree:
            del tree[mark]
    tree[MARK] = 1
    tree[ORIGINAL] = original
    tree.nodes.clear()
    return tree


def original_of(tree: bpy.types.NodeTree) -> bpy.types.NodeTree | None:
    """The group that a twin's replaces; None where it is gone."""
    return tree.get(ORIGINAL)


def discard(tree: bpy.types.NodeTree) -> None:
    """Delete a twin's group, and the image that it reads where nobody else uses it."""
    reader = tree.nodes.get(twin_nodes.DEPTH)
    image = reader.image if reader is not None else None
    bpy.data.node_groups.remove(tree)
    if image is not None and not modifier.is_used(image):
        bpy.data.images.remove(image)


def spell_out_focus(owner: bpy.types.ID, path: str, tree: bpy.types.NodeTree) -> None:
    """Between its keys our focus runs in dioptres, Blender's in metres: where that differs there is a key on every
    frame, and the keys as they were wait in the group. owner, path: where the focus is animated."""
    curve = curves.at_work(owner, path)
    if curve is None or len(curve.keyframe_points) < 2 or any(not one.mute for one in curve.modifiers):
        return
    first, last = (curve.keyframe_points[end].co.x for end in (0, -1))
    wanted = [(frame, focus_keys.read(curve, frame)) for frame in range(math.floor(first), math.ceil(last) + 1)]
    if all(math.isclose(metres, curve.evaluate(frame), rel_tol=1e-3) for frame, metres in wanted):
        return
    tree[KEYS] = json.dumps([_key(point) for point in curve.keyframe_points])
    plain = {"interpolation": "LINEAR", "easing": "AUTO", "type": "GENERATED"}
    _write_keys(curve, [{"co": pair, **plain} for pair in wanted])


def put_keys_back(owner: bpy.types.ID, path: str, tree: bpy.types.NodeTree) -> None:
    """Undo `spell_out_focus`."""
    curve = curves.at_work(owner, path) if KEYS in tree else None
    if curve is not None:
        _write_keys(curve, json.loads(tree[KEYS]))


def _key(point: bpy.types.Keyframe) -> dict:
    places = {name: tuple(getattr(point, name)) for name in ("co", "handle_left", "handle_right")}
    return {**places, **{name: getattr(point, name) for name in _KEY}}


def _write_keys(curve: bpy.types.FCurve, keys: list[dict]) -> None:
    curve.keyframe_points.clear()
    curve.keyframe_points.add(len(keys))
    for point, key in zip(curve.keyframe_points, keys, strict=True):
        point.co = key["co"]
        for name in _KEY:
            if name in key:
                setattr(point, name, key[name])
        for name in ("handle_left", "handle_right"):
            if name in key:
                setattr(point, name, key[name])
    curve.update()
