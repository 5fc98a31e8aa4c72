# SPDX-License-Identifier: GPL-3.0-or-later
"""The node-only twin of a strip's Rack Focus modifier: an approximation from Blender's own nodes, for a file that is
handed on without the extension.

The modifier stays; its node group is exchanged for one with the same inputs, so values, keyframes and drivers stay in
place. The exchanged group waits in a property of the new one, and `back` puts it back.

Depth comes from the paired depth strip, as the modifier's mask, where Blender reads the same numbers from it as we do
(float files with one layer); else from an Image node. Blender counts that node's frames by the scene's, so a strip
that is retimed cannot have one, and one that is moved afterwards has to be converted anew.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace

import bpy
import cv2

from ... import media
from ...frame import DepthConvention, inputs
from ...frame import depth as frame_depth
from ...frame.job import Job
from ...frame.make import refocus
from ...media import MediaError, stills
from ..blender import strips
from ..blender.errors import EXPECTED, FrameError
from ..depth import sources
from ..sequencer import frames
from ..shot import focus_keys, group, modifier
from . import likeness, twin_group, twin_nodes

_NUMBERED = re.compile(r"^.*?(\d+)\D*\.[^.]+$")
"""A file of a numbered sequence: Blender counts the last number in the name."""


@dataclass(frozen=True)
class Depth:
    """Where a twin's depth comes from. image: None takes the depth strip. offset: number in the file's name minus the
    scene's frame. layer: the Image node's output; empty for the first."""

    convention: DepthConvention
    path: str
    kind: str
    offset: int = 0
    layer: str = ""


def find(strip: bpy.types.Strip) -> bpy.types.StripModifier | None:
    """The strip's modifier with a node-only twin, or None."""
    for stacked in getattr(strip, "modifiers", ()):
        if stacked.type == "COMPOSITOR" and stacked.node_group is not None and twin_group.MARK in stacked.node_group:
            return stacked
    return None


def left_out(rack_modifier: bpy.types.StripModifier) -> list[str]:
    """Inputs of a modifier away from their defaults that a twin does not have."""
    return twin_group.left_out({name: modifier.socket(rack_modifier, name).value for name in inputs.NAMES})


def convert(strip: bpy.types.Strip, scene: bpy.types.Scene) -> tuple[float, float]:
    """Exchange a strip's Rack Focus modifier for its twin. Raises FrameError, and leaves all as it was.

    Returns (dB between twin and real result at the current frame, dB between the plain picture and it).
    """
    rack_modifier = modifier.find(strip)
    frame = _inside(strip, scene.frame_current)
    depth = _depth(strip, rack_modifier, scene)
    tree = _tree(rack_modifier.node_group, depth)
    try:
        decibels = _measure(strip, rack_modifier, scene, frame, tree, depth)
    except EXPECTED as error:
        twin_group.discard(tree)
        raise FrameError.of(error, strip.name, frame) from error
    tree[twin_group.MEASURED] = decibels[0]
    twin_group.spell_out_focus(strip.id_data, _focus_path(rack_modifier, tree), tree)
    rack_modifier.node_group = tree
    rack_modifier.input_mask_type = "STRIP" if depth.kind == "STRIP" else "ID"
    strip.invalidate_cache("COMPOSITE")
    return decibels


def back(strip: bpy.types.Strip) -> None:
    """The Rack Focus modifier again, with the focus keys it had."""
    twin_modifier = find(strip)
    tree = twin_modifier.node_group
    original = twin_group.original_of(tree)
    twin_group.put_keys_back(strip.id_data, _focus_path(twin_modifier, tree), tree)
    twin_modifier.node_group = original if original is not None else group.new_group()
    twin_modifier.input_mask_type = "ID"
    if not modifier.is_used(tree):
        twin_group.discard(tree)
    strip.invalidate_cache("COMPOSITE")


def _focus_path(rack_modifier: bpy.types.StripModifier, tree: bpy.types.NodeTree) -> str:
    return focus_keys.path_of(rack_modifier, group.socket_ids(tree)[focus_keys.INPUT])


def _inside(strip: bpy.types.Strip, frame: int) -> int:
    return min(max(frame, strip.left_handle), strip.right_handle - 1)


def _job(strip: bpy.types.Strip, rack_modifier: bpy.types.StripModifier, scene: bpy.types.Scene, frame: int) -> Job:
    return frames.look_job(strips.Shown(strip, frame, scene, frame, levels=((0, frame),)), rack_modifier)


# --- Depth -----------------------------------------------------------------------------------------------------------


def _depth(strip: bpy.types.Strip, rack_modifier: bpy.types.StripModifier, scene: bpy.types.Scene) -> Depth:
    """Raises FrameError where Blender's nodes cannot read this strip's depth."""
    at = _inside(strip, scene.frame_current)
    if strip.type in {"SCENE", modifier.ADJUSTMENT} or sources.of(strip).by_hand:
        raise FrameError("its depth is no file that a node could read; bake the strip instead", strip.name, at)
    if len(strip.rackfocus_touches):
        raise FrameError(
            "its depth is touched up, which Blender's nodes cannot; bake the strip instead", strip.name, at
        )
    if strip not in set(strip.id_data.sequence_editor.strips):
        raise FrameError("it lies inside a meta strip; take it out first", strip.name, at)
    job = _job(strip, rack_modifier, scene, at)
    if job.depth.stream or (media.has_frames(job.depth.path) and not media.is_movie(job.depth.path)):
        cause = "Blender's nodes cannot read its depth (arrays, or a movie's second stream); bake the strip instead"
        raise FrameError(cause, strip.name, at, path=job.depth.path)
    try:
        raw = media.read_raw_depth(job.depth.path, job.depth.index, job.layer or None)
        meant = frame_depth.for_unit_range(raw, frame_depth.meaning_for(job, raw).convention)
        single = media.is_movie(job.depth.path) or _is_plain(job.depth.path)
    except (MediaError, ValueError) as error:
        raise FrameError.of(error, strip.name, at, job.depth.path) from error
    paired = "strip" in sources.of(strip).fields and rack_modifier.input_mask_strip is not None
    if paired and not raw.integer and single and not job.layer:
        return Depth(meant, job.depth.path, "STRIP")
    layer = "" if single else raw.layer
    kind, offset = _counted(strip, rack_modifier, scene)
    return Depth(meant, job.depth.path, kind, offset, layer)


def _is_plain(path: str) -> bool:
    """Whether Blender shows a still's depth as its one picture: no layers, and no colours beside the depth."""
    names = stills.layers(path)
    return not any("." in name for name in names) and not {"R", "Z"} <= set(names)


def _counted(strip: bpy.types.Strip, rack_modifier: bpy.types.StripModifier, scene: bpy.types.Scene) -> tuple[str, int]:
    """('FILE', 0), ('SEQUENCE', number - frame) or ('MOVIE', index - frame): the same for every frame of the strip."""
    offsets: set[int] = set()
    names: set[tuple[str, str]] = set()
    counts = True
    for frame in range(strip.left_handle, strip.right_handle):
        file = _job(strip, rack_modifier, scene, frame).depth
        if media.is_movie(file.path):
            offsets.add(file.index - frame)
            names.add(("MOVIE", file.path))
            continue
        numbered = _NUMBERED.match(os.path.basename(file.path))
        names.add(("FILE", file.path))
        if numbered:
            offsets.add(int(numbered.group(1)) - frame)
        counts = counts and numbered is not None
    if len(names) == 1 and next(iter(names))[0] == "FILE":
        return "FILE", 0
    offset = next(iter(offsets), None)
    if len(offsets) != 1 or offset is None:
        raise FrameError(
            "its depth does not follow the scene frame by frame (retimed or held): an Image node cannot count that; "
            "pair a depth strip of float EXR files, or bake",
            owner=strip.name,
            frame=strip.left_handle,
        )
    return ("MOVIE" if next(iter(names))[0] == "MOVIE" else "SEQUENCE"), offset


def _tree(original: bpy.types.NodeTree, depth: Depth) -> bpy.types.NodeTree:
    """The twin's node group: a copy, so that its inputs are the same to Blender too, with other nodes."""
    tree = twin_group.empty_copy(original)
    image = None
    if depth.kind == "STRIP":
        socket = tree.interface.new_socket(twin_nodes.DEPTH, in_out="INPUT", socket_type="NodeSocketColor")
        order = [item for item in tree.interface.items_tree if item.item_type == "SOCKET" and item.in_out == "INPUT"]
        tree.interface.move(socket, order[0].position + 1)
    else:
        image = bpy.data.images.load(depth.path)
        image.name = f"{twin_group.NAME} Depth"
        image.size[:]  # Blender looks into a file when asked, and only a single file: then it knows of layers
        if depth.kind != "FILE":
            image.source = depth.kind
        image.colorspace_settings.is_data = True
        image[twin_group.MARK] = True
    try:
        layer = _output(image, depth.layer) if depth.layer else ""
        twin_nodes.build(tree, depth.convention, image, layer)
    except (KeyError, ValueError) as error:
        twin_group.discard(tree)
        raise FrameError(f"Blender's Image node does not show this depth ({error})", path=depth.path) from error
    reader = tree.nodes.get(twin_nodes.DEPTH)
    if reader is not None and depth.kind != "FILE":
        _count(reader, depth)
    return tree


def _output(image: bpy.types.Image, layer: str) -> str:
    """The Image node's layer and output, "Layer.Pass", for a channel "Layer.Pass.Z"."""
    if image.type != "MULTILAYER":
        raise ValueError("its layers are not named as Blender names them")
    return layer.rpartition(".")[0] or layer


def _count(reader: bpy.types.Node, depth: Depth) -> None:
    """Blender shows file frame - frame_start + 1 + frame_offset (a movie's first frame is 1)."""
    reader.frame_duration = 1_000_000
    number = depth.offset + (1 if depth.kind == "MOVIE" else 0)  # file number at scene frame 0
    reader.frame_start, reader.frame_offset = 1 - number, 0
    reader.use_auto_refresh = True


# --- How near it comes -----------------------------------------------------------------------------------------------


def _measure(
    strip: bpy.types.Strip,
    rack_modifier: bpy.types.StripModifier,
    scene: bpy.types.Scene,
    frame: int,
    tree: bpy.types.NodeTree,
    depth: Depth,
) -> tuple[float, float]:
    """dB of the twin, and of the picture untouched, against the real result of a frame. Raises MediaError, FrameError,
    ValueError."""
    job = replace(_job(strip, rack_modifier, scene, frame), draft=False)
    picture, depth_m = frames.sources(job)
    if float(picture[..., 3].min()) < 1.0:
        raise ValueError("pictures with transparency cannot be converted to nodes; bake the strip instead")
    raw = None
    if depth.kind == "STRIP":
        raw = media.read_raw_depth(job.depth.path, job.depth.index, job.layer or None).values
    picture, depth_m = likeness.small(picture, cv2.INTER_AREA), likeness.small(depth_m)
    real = refocus(job, picture, depth_m)
    values = dict(zip(inputs.NAMES, job.values, strict=True))
    return likeness.measured(tree, values, picture, likeness.small(raw) if raw is not None else None, real, frame)
