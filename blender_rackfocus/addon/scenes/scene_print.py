# SPDX-License-Identifier: GPL-3.0-or-later
"""A hash of what a 3D scene's render is made of, so that passes kept from it are known by what they show.

Looked at: the objects of the scene, what they are made of (meshes, curves, lights, cameras, materials, node trees,
collections they instance), the world, keyframes and drivers, render and engine settings. Values that animation
changes count by their animation. Not looked at: the camera's own depth of field (passes are rendered through a
pinhole), the contents of files that textures and libraries name, simulation caches. For those there is a counter.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator

import bpy
import numpy as np

COUNTER = "rackfocus_passes"
"""Custom property of a scene, raised when its passes are to be rendered anew."""

_PLAIN = {"BOOLEAN", "INT", "FLOAT", "STRING", "ENUM"}
_NEVER = {
    "name_full",
    "is_evaluated",
    "session_uid",
    "select",
    "tag",
    "filepath",
    "frame_current",
    "frame_float",
    "frame_subframe",
    "frame_start",
    "frame_end",
    "show_expanded",
    "location_absolute",
    "use_nodes",
}
_SETTINGS_NEVER = {"filepath", "resolution_percentage", "use_compositing", "use_sequencer", "use_lock_interface"}


def of(scene: bpy.types.Scene) -> str:
    """The scene's hash."""
    digest = hashlib.blake2b(digest_size=16)

    def add(*words: object) -> None:
        digest.update("\0".join(map(str, words)).encode())

    add(int(scene.get(COUNTER, 0)), bpy.app.version_string)
    for settings in (scene.render, scene.display_settings, scene.view_settings, getattr(scene, "cycles", None)):
        if settings is not None:
            add(*_plain(settings, set(), _SETTINGS_NEVER))
    eevee = getattr(scene, "eevee", None)
    if eevee is not None:
        add(*_plain(eevee, set(), set()))
    for layer in scene.view_layers:
        add(layer.name, layer.use, *_collections(layer.layer_collection))
    for block in _blocks(scene):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of properties that Blender is about to drop
            add(block.id_type, block.name_full, *_block(block))
        for numbers in _numbers(block):
            digest.update(numbers.tobytes())
    return digest.hexdigest()


def of_tree(tree: bpy.types.NodeTree) -> str:
    """The hash of a node tree with its groups."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update("\0".join(map(str, _block(tree))).encode())
    for one in tree.nodes:
        inner = getattr(one, "node_tree", None)
        if inner is not None:
            digest.update(of_tree(inner).encode())
    return digest.hexdigest()


def blocks_of(scene: bpy.types.Scene) -> list[bpy.types.ID]:
    """Every datablock that a scene's render is made of."""
    return _blocks(scene)


def plain_of(part: bpy.types.bpy_struct, prefix: str) -> list[object]:
    """Names and values of a datablock's part that no animation sets. prefix: of its data path, with the dot."""
    animated = {path.removeprefix(prefix) for path in _animated(part.id_data) if path.startswith(prefix)}
    return list(_plain(part, animated, set()))


def curves_of(block: bpy.types.ID, path: str) -> list[bpy.types.FCurve]:
    """The F-curves at work that set a property."""
    animation = block.animation_data
    if animation is None or animation.action is None or animation.action_slot is None:
        return []
    found = []
    for layer in animation.action.layers:
        for strip in layer.strips:
            bag = strip.channelbag(animation.action_slot)
            found += [one for one in bag.fcurves if one.data_path == path and not one.mute] if bag is not None else []
    return found


def _collections(one: bpy.types.LayerCollection) -> Iterator[object]:
    yield one.name
    yield from (one.exclude, one.holdout, one.indirect_only, one.collection.hide_render)
    for child in one.children:
        yield from _collections(child)


def _blocks(scene: bpy.types.Scene) -> list[bpy.types.ID]:
    """Everything the render is made of, each once, in a settled order."""
    found: dict[tuple[str, str], bpy.types.ID] = {}

    def visit(block: bpy.types.ID | None) -> None:
        if block is None or (block.id_type, block.name_full) in found:
            return
        found[block.id_type, block.name_full] = block
        animation = getattr(block, "animation_data", None)
        if animation is not None:
            visit(animation.action)
        if block.id_type == "OBJECT":
            visit(block.data)
            visit(getattr(block.data, "shape_keys", None))
            visit(block.parent)
            for slot in block.material_slots:
                visit(slot.material)
            if block.instance_collection is not None:
                for each in block.instance_collection.all_objects:
                    visit(each)
            for modifier in block.modifiers:
                visit(getattr(modifier, "node_group", None))
                visit(getattr(modifier, "object", None))
        tree = getattr(block, "node_tree", None)
        if tree is not None:
            visit_tree(tree)
        if block.id_type == "NODETREE":
            visit_tree(block)

    def visit_tree(tree: bpy.types.NodeTree) -> None:
        found[tree.id_type, tree.name_full + str(tree.as_pointer() if tree.is_embedded_data else "")] = tree
        for node in tree.nodes:
            for part in (getattr(node, "image", None), getattr(node, "node_tree", None)):
                visit(part)

    for block in scene.objects:
        visit(block)
    visit(scene.world)
    visit(scene.animation_data.action if scene.animation_data is not None else None)
    order = sorted(found.items(), key=lambda item: (item[1].id_type, item[1].name_full))
    return [block for _, block in order]


def _block(block: bpy.types.ID) -> Iterator[object]:
    animated = _animated(block)
    if block.id_type == "ACTION":
        for layer in block.layers:
            for strip in layer.strips:
                for bag in strip.channelbags:
                    for curve in bag.fcurves:
                        yield from (curve.data_path, curve.array_index, curve.mute, curve.extrapolation)
                        yield from ((*key.co, key.interpolation) for key in curve.keyframe_points)
        return
    yield from _plain(block, animated, set())
    if block.id_type == "OBJECT":
        if not animated:
            yield tuple(value for row in block.matrix_basis for value in row)
        yield tuple(value for row in block.matrix_parent_inverse for value in row)
        yield block.parent.name_full if block.parent is not None else ""
        yield from (slot.material.name_full if slot.material is not None else "" for slot in block.material_slots)
        for part in (*block.modifiers, *block.constraints):
            yield from _plain(part, animated, set())
            yield from _properties(part)
    if block.id_type == "NODETREE":
        for node in block.nodes:
            yield from _plain(node, animated, {"select", "location", "width", "height"})
            yield getattr(getattr(node, "image", None), "name_full", "")
            for socket in node.inputs:
                path = f'nodes["{node.name}"].inputs'
                if hasattr(socket, "default_value") and not any(each.startswith(path) for each in animated):
                    yield _value(socket.default_value)
            if hasattr(node, "color_ramp"):
                yield from ((each.position, *each.color) for each in node.color_ramp.elements)
        for link in block.links:
            yield (link.from_node.name, link.from_socket.identifier, link.to_node.name, link.to_socket.identifier)
    animation = getattr(block, "animation_data", None)
    if animation is not None:
        for driver in animation.drivers:
            yield from (driver.data_path, driver.array_index, driver.driver.expression)


def _properties(part: bpy.types.bpy_struct) -> Iterator[object]:
    """Inputs of geometry nodes modifiers and other custom values."""
    if hasattr(part, "keys"):
        yield from ((key, _value(part[key])) for key in part.keys() if not key.startswith("_"))  # noqa: SIM118


def _plain(owner: bpy.types.bpy_struct, animated: set[str], never: set[str]) -> Iterator[object]:
    for definition in owner.bl_rna.properties:
        name = definition.identifier
        if definition.is_readonly or definition.type not in _PLAIN or name in _NEVER or name in never:
            continue
        if name in animated or name.startswith(("show_", "use_fake", "hide_select", "hide_viewport", "preview_")):
            continue
        yield name
        yield _value(getattr(owner, name))


def _value(value: object) -> object:
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    if isinstance(value, bpy.types.ID):
        return value.name_full
    try:
        return tuple(_value(each) for each in value)
    except TypeError:
        return type(value).__name__


def _animated(block: bpy.types.ID) -> set[str]:
    """Data paths of a datablock that animation sets."""
    animation = getattr(block, "animation_data", None)
    if animation is None:
        return set()
    paths = {driver.data_path for driver in animation.drivers}
    if animation.action is not None and animation.action_slot is not None:
        for layer in animation.action.layers:
            for strip in layer.strips:
                bag = strip.channelbag(animation.action_slot)
                paths |= {curve.data_path for curve in bag.fcurves} if bag is not None else set()
    return paths


def _numbers(block: bpy.types.ID) -> Iterator[np.ndarray]:
    """What is too much for text: vertices, corners and their attributes, control points."""
    if block.id_type == "MESH":
        corners = np.empty(len(block.loops), np.int32)
        block.loops.foreach_get("vertex_index", corners)
        yield corners
        for attribute in block.attributes:
            field, width = _FIELDS.get(attribute.data_type, ("", 0))
            if field and not attribute.name.startswith("."):
                values = np.empty(len(attribute.data) * width, np.float32)
                attribute.data.foreach_get(field, values)
                yield values
    elif block.id_type == "CURVE":
        for spline in block.splines:
            for points, width in ((spline.points, 4), (spline.bezier_points, 3)):
                values = np.empty(len(points) * width, np.float32)
                points.foreach_get("co", values)
                yield values


_FIELDS = {
    "FLOAT": ("value", 1),
    "FLOAT_VECTOR": ("vector", 3),
    "FLOAT2": ("vector", 2),
    "FLOAT_COLOR": ("color", 4),
    "BYTE_COLOR": ("color", 4),
    "INT": ("value", 1),
    "BOOLEAN": ("value", 1),
}
