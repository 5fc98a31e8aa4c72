# SPDX-License-Identifier: GPL-3.0-or-later
"""The strip modifier: found by its node group, so that renaming it loses nothing; added once; its values at a
frame."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from ...frame.inputs import INPUTS, ZEROS
from ..blender import curves
from . import focus_keys, group

MODIFIER_NAME = "Rack Focus"

USUAL = ("Focus Distance", "F-Stop", "Focal Length", "Mix")
CHARACTER = tuple(entry.name for entry in INPUTS if entry.advanced)
RARE = tuple(entry.name for entry in INPUTS if entry.name not in {*USUAL, *CHARACTER})
"""Which inputs belong together in a panel."""
AT_ZERO = {entry.name: ZEROS.get(entry.name, "") for entry in INPUTS}
"""What an input's zero means, in words; empty where it is a number like others."""

KINDS = ("IMAGE", "MOVIE")
"""Strips that show media files, whose frames we can read."""
ADJUSTMENT = "ADJUSTMENT"
"""The strip that changes the picture of what lies below it."""


def suits(strip: bpy.types.Strip) -> bool:
    """Whether a strip can be refocused: it shows media files, or the 3D render of a scene, or what lies below it."""
    if strip.type == "SCENE":
        return strip.scene is not None and strip.scene_input == "CAMERA"
    return strip.type in KINDS or strip.type == ADJUSTMENT


def find(strip: bpy.types.Strip) -> bpy.types.StripModifier | None:
    """The strip's Rack Focus modifier, or None."""
    for modifier in getattr(strip, "modifiers", ()):
        if modifier.type == "COMPOSITOR" and group.is_ours(modifier.node_group):
            return modifier
    return None


def in_scene(scene: bpy.types.Scene) -> Iterator[tuple[bpy.types.Strip, bpy.types.StripModifier]]:
    """Every strip of a scene, also inside metas, that has a Rack Focus modifier, with it."""
    if scene.sequence_editor is None:
        return
    for strip in scene.sequence_editor.strips_all:
        modifier = find(strip)
        if modifier is not None:
            yield strip, modifier


def everywhere() -> Iterator[tuple[bpy.types.Strip, bpy.types.StripModifier]]:
    """`in_scene` of every scene in the file."""
    for scene in bpy.data.scenes:
        yield from in_scene(scene)


def add(strip: bpy.types.Strip) -> bpy.types.StripModifier:
    """The strip's modifier; made when it has none. New ones are to be moved to the top by the caller (needs a
    context)."""
    rack_modifier = find(strip)
    if rack_modifier is not None:
        return rack_modifier
    new_modifier = strip.modifiers.new(MODIFIER_NAME, "COMPOSITOR")
    new_modifier.node_group = group.new_group()
    new_modifier.input_mask_type = "ID"  # keeps the pointer in input_mask_strip without Blender drawing that strip
    return new_modifier


def copy_values(source: bpy.types.StripModifier, target: bpy.types.StripModifier) -> None:
    """Give a modifier another one's values."""
    for entry in INPUTS:
        socket(target, entry.name).value = socket(source, entry.name).value


def remove(strip: bpy.types.Strip) -> bool:
    """Take the modifier off a strip, and its group and image out of the file if nobody else uses them."""
    rack_modifier = find(strip)
    if rack_modifier is None:
        return False
    tree = rack_modifier.node_group
    strip.modifiers.remove(rack_modifier)
    discard(tree)
    return True


def discard(tree: bpy.types.NodeTree) -> None:
    """Delete a node group of ours and its image, unless something still uses them."""
    if tree.library is not None or is_used(tree):
        return
    image = group.image_of(tree)
    bpy.data.node_groups.remove(tree)
    if image is not None and image.library is None and not is_used(image):
        bpy.data.images.remove(image)


def is_used(block: bpy.types.ID) -> bool:
    """Whether anything in the file refers to a datablock. Its user count does not tell: Blender does not lower it when
    a strip or a modifier goes.
    """
    return block.use_fake_user or bool(bpy.data.user_map(subset=[block])[block])


def above(strip: bpy.types.Strip) -> list[str]:
    """Names of working modifiers above ours in the stack: our picture replaces their effect, so there must be
    none."""
    names: list[str] = []
    for modifier in strip.modifiers:
        if modifier.type == "COMPOSITOR" and group.is_ours(modifier.node_group):
            return names
        if is_on(modifier) and not modifier.type.startswith("SOUND"):
            names.append(modifier.name)
    return names


def is_on(modifier: bpy.types.StripModifier) -> bool:
    """Whether Blender runs the modifier at all."""
    return not modifier.mute and modifier.enable


def depth_strip(strip: bpy.types.Strip) -> bpy.types.Strip | None:
    """The strip paired as depth, or None. A pointer that Blender keeps through renames, duplicates and files."""
    rack_modifier = find(strip)
    return rack_modifier.input_mask_strip if rack_modifier is not None else None


def pair(strip: bpy.types.Strip, depth: bpy.types.Strip | None) -> None:
    """Pair a depth strip with a strip that has our modifier; None takes the pairing away."""
    rack_modifier = find(strip)
    rack_modifier.input_mask_strip = depth
    rack_modifier.input_mask_type = "ID"


def socket(modifier: bpy.types.StripModifier, name: str) -> bpy.types.bpy_struct:
    """The property behind a named input: read and set `.value`, `keyframe_insert("value", frame=...)`.

    Raises KeyError for a name that is not in `inputs.NAMES`.
    """
    return getattr(modifier.properties.inputs, group.socket_ids(modifier.node_group)[name])


def values(
    strip: bpy.types.Strip, modifier: bpy.types.StripModifier, scene: bpy.types.Scene, frame: float | None = None
) -> dict[str, float]:
    """The inputs' values by name. frame: None takes them as they are now (keyframes and drivers evaluated by
    Blender); a number evaluates the keyframes there, for scenes that Blender is not at that frame of. Focus Distance is
    the focus in metres, read from its keys as `focus_keys` says.
    """
    ids = group.socket_ids(modifier.node_group)
    inputs = modifier.properties.inputs
    there = {entry.name for entry in INPUTS if entry.name in ids}  # a group of an earlier version may have fewer
    by_name = {e.name: getattr(inputs, ids[e.name]).value if e.name in there else e.default for e in INPUTS}
    focus_value = by_name[focus_keys.INPUT]
    if frame is not None:
        frame = curves.time_of(scene, frame)
        prefix = modifier.path_from_id() + ".properties.inputs."
        names = {f"{prefix}{identifier}.value": name for name, identifier in ids.items()}
        for curve in curves.of_action(scene):
            name = names.get(curve.data_path)
            if name is not None and curves.is_at_work(curve):
                by_name[name] = curve.evaluate(frame)
    if focus_keys.INPUT in there:
        focus_path = focus_keys.path_of(modifier, ids[focus_keys.INPUT])
        by_name[focus_keys.INPUT] = focus_keys.focus_m(scene, focus_path, focus_value, frame)
    return by_name
