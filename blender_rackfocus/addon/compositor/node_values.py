# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of a Rack Focus node's inputs at the frame that its scene stands at, and what its depth means."""

from __future__ import annotations

from collections.abc import Callable

import bpy

from ...frame import DepthConvention, depth_words, inputs
from ...frame import depth as frame_depth
from ...media import RawDepth
from ..blender import versions
from ..shot import focus_keys, node, settings


def of(
    scene: bpy.types.Scene,
    slot: versions.Slot | None,
    animated: bpy.types.NodeTree,
    rack_node: bpy.types.Node,
    seen: bpy.types.Node,
    frame: float,
    linked: Callable[[str], float],
) -> dict[str, float]:
    """Inputs by name: the node's own, those of its effect, and what else is linked.

    animated: the tree that has the node's animation. seen: the node with its inputs as they are at the frame. linked:
    tells what arrives at an input from other nodes. The focus is read in dioptres between its keys.
    """
    values = {}
    for entry in inputs.INPUTS:
        socket = rack_node.inputs[entry.name]
        source = node.origin(socket)
        given = slot.given(source) if slot is not None and source is not None else None
        if source is None:
            value, owner, path = seen.inputs[entry.name].default_value, animated, socket.path_from_id("default_value")
        elif given is not None:
            value, owner, path = given.value, scene, given.path_from_id("value")
        else:
            value, owner, path = linked(entry.name), None, ""
        if owner is not None and entry.name == focus_keys.INPUT:
            value = focus_keys.focus_m(owner, path, value, now=frame)
        values[entry.name] = value if source is None else min(max(value, entry.minimum), entry.maximum)
    return values


def convention_of(rack_node: bpy.types.Node, raw: RawDepth) -> DepthConvention:
    """What a depth's numbers mean: as set; left to us, what its pass is called, and whole numbers run from 0 to 1."""
    chosen = settings.convention_of(rack_node)
    if chosen is not None:
        return chosen
    near_m, far_m = rack_node.rackfocus_near_m, rack_node.rackfocus_far_m
    if raw.integer:
        return DepthConvention(
            "NORMALISED", near_m, far_m, white_near=rack_node.rackfocus_white_near, ramp=rack_node.rackfocus_depth_ramp
        )
    named = frame_depth.by_name(raw.layer, near_m, far_m)
    return named.convention if named is not None else DepthConvention("METRES")


def meaning_told(rack_node: bpy.types.Node, raw: RawDepth, convention: DepthConvention) -> str:
    """What a depth's numbers are taken for, in words; and what they look like, where that is something else. A node
    does not go by the look of one frame: the next may look otherwise."""
    if rack_node.rackfocus_depth_kind != "AUTO":
        return depth_words.sentence(raw, frame_depth.Meaning(convention, "as set"))
    sentence = depth_words.sentence(raw, frame_depth.Meaning(convention, "a node does not guess from the numbers"))
    if frame_depth.by_name(raw.layer, rack_node.rackfocus_near_m, rack_node.rackfocus_far_m) is not None:
        return depth_words.sentence(raw, frame_depth.Meaning(convention, f"its pass is called {raw.layer}"))
    looks = frame_depth.guess(raw, rack_node.rackfocus_near_m, rack_node.rackfocus_far_m)
    if looks.convention.kind != convention.kind or looks.convention.scale != convention.scale:
        sentence += f". Doubtful: {looks.why}. Set what its numbers mean if that is so"
    return sentence
