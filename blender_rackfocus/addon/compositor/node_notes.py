# SPDX-License-Identifier: GPL-3.0-or-later
"""What a baked frame of a Rack Focus node was made of, told without rendering anything, and what has changed since.

For the panel, and for a bake that goes on where another one stopped. A render does not rely on it: there the numbers
that reach the node are at hand, and their hash, which the notes carry too, decides (see `node_pixels`).
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Any

import bpy

from ...frame import inputs
from ...frame import notes as frame_notes
from ...frame.freshness import Freshness
from ...frame.notes import Difference
from ...frame.renderer import renderer
from ...media import MediaError, identity
from ..blender import colour_config, idnames, versions
from ..blender.session import session
from ..depth import scene_print, touches
from ..depth.passes import SIZE_PROPERTIES
from ..shot import focus_keys, node, node_settings
from . import node_clip

PIXELS = "pixels"
"""The note that `node_pixels.key_of_frame` tells."""


class Seen(dict[tuple[int, str, int, str], Freshness]):
    """What the panel was told since the last edit."""


def forget() -> None:
    """Something was edited."""
    session.drop(Seen)


def of(scene: bpy.types.Scene, rack_node: bpy.types.Node, frame: int) -> dict[str, Any]:
    """The notes of a node's frame: plain data, the same on every machine that has the same files."""
    feeding = _feeding(scene, rack_node)
    before = [each for part in feeding for each in part.nodes]
    scenes = {each.scene for each in before if each.bl_idname == idnames.RENDER_LAYERS and each.scene is not None}
    first = feeding[-1]
    if first.slot in versions.slots(scene)[:1] and any(each.bl_idname == idnames.GROUP_INPUT for each in first.nodes):
        scenes.add(scene)  # the render itself
    files: dict[str, str] = {}
    unsure: set[str] = set()
    for each in before:
        _note_files(each, frame, files, unsure)
    strokes = [(0, touches.on(rack_node, frame))]
    for each in node_clip.beside(rack_node, frame):
        strokes.append((each.offset, each.touches))
        for source in (each.picture, each.depth):
            _note_file(source.path, files, unsure)
    for each in scenes:
        for block in scene_print.blocks_of(each):
            if block.id_type == "IMAGE" and block.source in {"FILE", "MOVIE"} and block.packed_file is None:
                _note_file(bpy.path.abspath(block.filepath, library=block.library), files, unsure)
    return {
        "renderer": renderer(),
        "inputs": _values(scene, rack_node, feeding[0].slot, frame, unsure),
        "lens": rack_node.rackfocus_lens,
        "reading": {name: _plain(getattr(rack_node, name)) for name in (*node_settings.DEPTH, *node_settings.RENDERED)}
        | {
            "rackfocus_uncover": node_clip.looks(rack_node),
            "touches": [f"{offset} {frame_notes.stroke(stroke)}" for offset, here in strokes for stroke in here],
        },
        "before": _print(scene, rack_node, feeding, frame, unsure),
        "files": files,
        "scenes": {each.name_full: scene_print.of(each) + _lens_print(each) for each in scenes},
        "colour": colour_config.fingerprint(),
        "size": [_plain(getattr(scene.render, name)) for name in SIZE_PROPERTIES],
        "unsure": sorted(unsure),
    }


_BEFORE_IT_WAS_NOTED = {
    "rackfocus_fit_depth": False,
    "rackfocus_depth_low": 0.0,
    "rackfocus_depth_high": 1.0,
    "rackfocus_render_behind": False,
    "rackfocus_overscan": 0.0,
    "rackfocus_uncover": False,
    "touches": [],
}
"""What older versions did and did not note."""


def difference(notes: dict[str, Any] | None, now: dict[str, Any]) -> Difference:
    """What tells a baked frame with these notes from what `of` tells now, in words."""
    if notes is None or PIXELS not in notes:
        return frame_notes.NOT_BAKED
    stale = list(frame_notes.changed_inputs(notes, now["inputs"]))
    if notes.get("lens") != now["lens"]:
        stale.append("Lens changed")
    if {**_BEFORE_IT_WAS_NOTED, **(notes.get("reading") or {})} != now["reading"]:
        stale.append("depth settings changed")
    if notes.get("colour", now["colour"]) != now["colour"]:  # older versions did not note it
        stale.append("colour management changed")
    if notes.get("size") != now["size"]:
        stale.append("the render's size or region changed")
    if notes.get("before") != now["before"]:
        stale.append("nodes before it changed")
    was, files = notes.get("files") or {}, now["files"]
    stale += [f"file changed: {name}" for name in files if files[name] != was.get(name) and name in was]
    if was.keys() != files.keys() and not now["unsure"]:
        stale.append("other files are read")
    was = notes.get("scenes") or {}
    stale += [f'scene "{name}" changed' for name, told in now["scenes"].items() if was.get(name) != told]
    return Difference(tuple(stale), tuple(now["unsure"]), older=notes.get("renderer") != now["renderer"])


@dataclass(frozen=True)
class _Feeding:
    """Nodes of one tree that feed a Rack Focus node. slot: the effect; None for a tree that no render shows."""

    slot: versions.Slot | None
    tree: bpy.types.NodeTree
    nodes: list[bpy.types.Node]


def _feeding(scene: bpy.types.Scene, rack_node: bpy.types.Node) -> list[_Feeding]:
    """What feeds a node: in its own tree, and whole effects before it where their picture comes in; the nearest
    first."""
    slots = versions.slots(scene)
    slot = next((each for each in slots if each.tree == rack_node.id_data), None)
    feeding = [
        _Feeding(slot, rack_node.id_data, [rack_node.id_data.nodes[name] for name in sorted(node.upstream(rack_node))])
    ]
    if slot is not None and slot.effect:
        for each in reversed(slots[: slots.index(slot)]):
            if any(part.bl_idname == idnames.GROUP_INPUT for part in feeding[-1].nodes):
                feeding.append(
                    _Feeding(each, each.tree, [each.tree.nodes[name] for name in sorted(each.tree.nodes.keys())])
                )
    return feeding


def _values(
    scene: bpy.types.Scene, rack_node: bpy.types.Node, slot: versions.Slot | None, frame: int, unsure: set[str]
) -> dict[str, float]:
    """The inputs at a frame, be they the node's own or those of its effect; others are told by what they are linked
    to."""
    values = {}
    for entry in inputs.INPUTS:
        source = node.origin(rack_node.inputs[entry.name])
        given = slot.given(source) if slot is not None and source is not None else None
        if source is not None and given is None:
            continue
        holder, name = (rack_node.inputs[entry.name], "default_value") if given is None else (given, "value")
        value = _at(scene, holder, name, frame, unsure)
        if entry.name == focus_keys.INPUT:
            held, path = getattr(holder, name), holder.path_from_id(name)
            now = scene.frame_current_final
            value = focus_keys.focus_m(holder.id_data, path, held, None if frame == now else float(frame), now=now)
        values[entry.name] = _plain(float(value))
    return values


def _at(scene: bpy.types.Scene, owner: bpy.types.bpy_struct, name: str, frame: int, unsure: set[str]) -> Any:
    """A property of a node or socket at a frame, which need not be the current one."""
    value = getattr(owner, name)
    if frame == scene.frame_current_final:
        return value
    block, path = owner.id_data, owner.path_from_id(name)
    if block.animation_data is not None and any(one.data_path == path for one in block.animation_data.drivers):
        unsure.add("a driven value is only known at the current frame")
    curves = scene_print.curves_of(block, path)
    if not curves:
        return value
    if not isinstance(value, (bool, int, float)):
        parts = list(value)
        for curve in curves:
            parts[curve.array_index] = curve.evaluate(frame)
        return parts
    return curves[0].evaluate(frame)


def _print(
    scene: bpy.types.Scene, rack_node: bpy.types.Node, feeding: list[_Feeding], frame: int, unsure: set[str]
) -> str:
    """A hash of what feeds a node, with its values at the frame and how it is linked."""
    digest = hashlib.blake2b(digest_size=16)
    for part in feeding:
        if part.slot is not None and part.slot.is_switched:
            effect = scene.compositor_effects[part.slot.effect]
            digest.update(f"{part.slot.effect} {_at(scene, effect, 'enable_for_render', frame, unsure)}\0".encode())
        for each in part.nodes:
            _print_node(digest, scene, each, frame, unsure)
            if part.slot is not None and each.bl_idname == idnames.GROUP_INPUT:
                _print_given(digest, scene, part.slot, each, rack_node, frame, unsure)
        names = {each.name for each in part.nodes} | ({rack_node.name} if part.tree == rack_node.id_data else set())
        links = [
            f"{link.from_node.name} {link.from_socket.identifier} {link.to_node.name} {link.to_socket.identifier}"
            for link in part.tree.links
            if link.to_node.name in names and not link.is_muted
        ]
        digest.update("\0".join(sorted(links)).encode())
    return digest.hexdigest()


def _print_node(digest: Any, scene: bpy.types.Scene, tree_node: bpy.types.Node, frame: int, unsure: set[str]) -> None:
    digest.update(f"{tree_node.bl_idname} {tree_node.name} {tree_node.mute}\0".encode())
    skipped = _OF_NO_ACCOUNT | {name for name in ("layer", "view") if not getattr(tree_node, f"has_{name}s", True)}
    for definition in tree_node.bl_rna.properties:
        if definition.type in {"BOOLEAN", "INT", "FLOAT", "ENUM"} and definition.identifier not in skipped:
            told = _told(_at(scene, tree_node, definition.identifier, frame, unsure))
            digest.update(f"{definition.identifier} {told}\0".encode())
    for socket in tree_node.inputs:
        if hasattr(socket, "default_value") and not socket.is_linked:
            told = _told(_at(scene, socket, "default_value", frame, unsure))
            digest.update(f"{socket.identifier} {told}\0".encode())
    for part in ("color_ramp", "mapping", "mask", "texture"):
        if getattr(tree_node, part, None) is not None:
            unsure.add(f'what "{tree_node.name}" does is not looked at')
    inner = getattr(tree_node, "node_tree", None)
    if inner is not None and not node.is_ours(inner):
        digest.update(scene_print.of_tree(inner).encode())


def _print_given(
    digest: Any,
    scene: bpy.types.Scene,
    slot: versions.Slot,
    comes_in: bpy.types.Node,
    rack_node: bpy.types.Node,
    frame: int,
    unsure: set[str],
) -> None:
    """An effect's own inputs, but for those that only a node's inputs are: they are told with these."""
    for socket in comes_in.outputs:
        given = slot.given(socket) if any(link.to_node != rack_node for link in socket.links) else None
        if given is not None:
            digest.update(f"{socket.identifier} {_told(_at(scene, given, 'value', frame, unsure))}\0".encode())


_OF_NO_ACCOUNT = {
    "select",
    "hide",
    "width",
    "height",
    "location",
    "location_absolute",
    "color",
    "use_custom_color",
    "color_tag",
    "warning_propagation",
    "show_options",
    "show_preview",
    "show_texture",
    "bl_width_default",
    "bl_width_min",
    "bl_width_max",
    "bl_height_default",
    "bl_height_min",
    "bl_height_max",
    "bl_icon",
    "bl_static_type",
    "dimensions",
    "type",
    "has_layers",
    "has_views",
}
"""Properties of a node that are about its looks."""


def _lens_print(scene: bpy.types.Scene) -> str:
    """What the scene's own hash leaves out, because passes do not show it: the cameras' focus."""
    words = []
    cameras = [camera for camera in scene.objects if camera.type == "CAMERA"]
    for block in sorted(cameras, key=lambda camera: camera.name):
        words += [block.name, *scene_print.plain_of(block.data.dof, "dof.")]
        words.append(block.data.dof.focus_object.name_full if block.data.dof.focus_object is not None else "")
    return "-" + hashlib.blake2b("\0".join(map(str, words)).encode(), digest_size=8).hexdigest()


def _note_files(tree_node: bpy.types.Node, frame: int, files: dict[str, str], unsure: set[str]) -> None:
    image = getattr(tree_node, "image", None) if tree_node.bl_idname == idnames.IMAGE else None
    if image is not None and (image.source == "GENERATED" or image.packed_file is not None or image.is_dirty):
        unsure.add(f'the picture "{image.name}" is in the file, not on disk')
    elif image is not None or getattr(tree_node, "clip", None) is not None:
        path = node_clip.shown(tree_node, frame)[0]
        if path:
            _note_file(path, files, unsure)


def _note_file(path: str, files: dict[str, str], unsure: set[str]) -> None:
    try:
        files[os.path.basename(path)] = identity.content_of(path)
    except MediaError:
        unsure.add(f"{os.path.basename(path)} is not here")


def _told(value: Any) -> Any:
    if isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return _plain(value)
    if isinstance(value, bpy.types.ID) or value is None:
        return getattr(value, "name_full", "")
    try:
        return [_told(each) for each in value]
    except TypeError:
        return type(value).__name__


def _plain(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value
