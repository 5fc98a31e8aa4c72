# SPDX-License-Identifier: GPL-3.0-or-later
"""A Rack Focus node's baked frames: where they lie, and which are what the node would make now.

Files are numbered by the scene's frames (`number_of`). The node's group reads them as a plain image sequence, so the
same pixels show where the extension is not. Pixels that the node leaves alone are not in the files: they are the
picture that comes in, as Blender makes it.
"""

from __future__ import annotations

import bpy
import numpy as np

from ...frame.rendered import NOTHING, Rendered
from ...media import sealed
from ..blender.errors import FrameError
from ..shot import baked_place, node
from ..shot.baked_place import DURATION, FIRST, BakedPlace
from . import node_notes, node_pixels


def number_of(frame: int) -> int:
    """The number of the file for a frame. Raises FrameError."""
    number = frame + FIRST
    if not 0 < number < DURATION:
        raise FrameError("frames this far from 0 cannot be baked", frame=frame)
    return number


def default_place(scene: bpy.types.Scene, rack_node: bpy.types.Node, folder: str = "", kind: str = "") -> BakedPlace:
    """Where a node is to be baked: the same on every machine that opens the same file. folder, kind: instead of the
    scene's own settings."""
    return baked_place.named_place(scene, f"node-{rack_node.name}", ("node", rack_node.name), folder, kind)


def place_of(rack_node: bpy.types.Node) -> BakedPlace | None:
    """Where the frames lie that a node's group reads; None where it reads none."""
    return baked_place.place_in(rack_node.node_tree)


def file_at(rack_node: bpy.types.Node, frame: int) -> str:
    """The baked file of a frame, whether it is there or not; empty where the node reads none."""
    place = place_of(rack_node)
    if place is None or not 0 < frame + FIRST < DURATION:
        return ""
    return place.file(frame + FIRST)


def is_of(
    path: str,
    picture: np.ndarray,
    depth_m: np.ndarray,
    values: dict[str, float],
    region: node_pixels.Region | None,
    rendered: Rendered = NOTHING,
) -> bool:
    """Whether a baked file is whole and shows just what these would make.

    picture: (H, W, 4) float32, scene-linear, premultiplied. depth_m: (H, W) float32, metres.
    """
    notes = sealed.notes_of(path, sealed.BAKED)
    told = notes.get(node_notes.PIXELS) if notes is not None else None
    return bool(told) and told == node_pixels.key_of_frame(picture, depth_m, values, region, rendered)


def attach(rack_node: bpy.types.Node, place: BakedPlace) -> None:
    """Make a node's group read its baked frames by itself. Raises FrameError where the group was rebuilt."""
    node.separate([rack_node.id_data])
    baked_place.detach(rack_node.node_tree)
    reader = baked_place.read_by(rack_node.node_tree, rack_node.name, place)
    reader.frame_duration, reader.frame_start, reader.frame_offset = DURATION, 1 - FIRST, 0
    reader.use_auto_refresh = True


def detach(rack_node: bpy.types.Node) -> BakedPlace | None:
    """Back to live. Returns where the baked frames lie; they stay."""
    return baked_place.detach(rack_node.node_tree)
