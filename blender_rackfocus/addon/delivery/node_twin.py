# SPDX-License-Identifier: GPL-3.0-or-later
"""The node-only twin of a Rack Focus node or effect: an approximation from Blender's own nodes, for a file that is
handed on without the extension.

The node stays, with its links; its group is exchanged for one with the same inputs. Its depth arrives by the link that
it has; depth that Rack Focus takes from the render without one gets a Render Layers node, which `back` takes out.
"""

from __future__ import annotations

import bpy
import cv2

from ...frame import depth as frame_depth
from ...frame.make import refocused
from ..blender import idnames, versions
from ..blender.errors import FrameError
from ..compositor import node_values
from ..compositor import session as compositor
from ..shot import focus_keys, node
from . import likeness, twin_group, twin_nodes

ADDED = "rackfocus_twin_layers"
"""Custom property of a Render Layers node that brings a twin its depth: the twin's name."""


def is_one(rack_node: bpy.types.Node | None) -> bool:
    """Whether a node is a twin."""
    return rack_node is not None and twin_group.MARK in (getattr(rack_node, "node_tree", None) or ())


def convert(scene: bpy.types.Scene, rack_node: bpy.types.Node) -> tuple[float, float, list[str]]:
    """Exchange a Rack Focus node's group for its twin's. The scene's current frame is rendered for it. Raises
    FrameError, and leaves all as it was.

    Returns (dB between twin and real result at the current frame, dB between the plain picture and it, inputs away from
    their defaults that the twin has nothing for).
    """
    try:
        return _convert(scene, rack_node)
    except (FrameError, ValueError) as error:
        raise FrameError.of(error, rack_node.name, scene.frame_current, compositor=scene.name) from error


def back(scene: bpy.types.Scene, rack_node: bpy.types.Node) -> None:
    """The Rack Focus node again, with the focus keys it had."""
    tree = rack_node.node_tree
    original = twin_group.original_of(tree)
    for owner, path in _focus_places(scene, rack_node):
        twin_group.put_keys_back(owner, path, tree)
    rack_node.node_tree = original if original is not None else node.new_group()
    for added in [added for added in rack_node.id_data.nodes if added.get(ADDED) == rack_node.name]:
        rack_node.id_data.nodes.remove(added)
    if not bpy.data.user_map(subset=[tree])[tree]:
        twin_group.discard(tree)


def _convert(scene: bpy.types.Scene, rack_node: bpy.types.Node) -> tuple[float, float, list[str]]:
    problem = compositor.problem_before(scene) or _problem(scene, rack_node)
    if problem:
        raise FrameError(problem)
    came = compositor.collect(scene)[rack_node.name].came
    if came is None or came.depth is None:
        raise FrameError("it does nothing at this frame: go to one where it does, to see how near the twin comes")
    if float(came.picture[..., 3].min()) < 1.0:
        raise FrameError("pictures with transparency cannot be converted to nodes; bake the node instead")
    convention = node_values.convention_of(rack_node, came.depth)
    picture = likeness.small(came.picture, cv2.INTER_AREA)
    depth_m, _fit = frame_depth.on_picture(came.depth, convention, came.picture, rack_node.rackfocus_fit_depth)
    real = refocused(picture, likeness.small(depth_m), came.values)
    tree = twin_group.empty_copy(rack_node.node_tree)
    try:
        twin_nodes.build(tree, frame_depth.for_unit_range(came.depth, convention), None)
        decibels = likeness.measured(
            tree, came.values, picture, likeness.small(came.depth.values), real, scene.frame_current
        )
    except (FrameError, ValueError):
        twin_group.discard(tree)
        raise
    tree[twin_group.MEASURED] = decibels[0]
    _link_depth(scene, rack_node)
    for owner, path in _focus_places(scene, rack_node):
        twin_group.spell_out_focus(owner, path, tree)
    rack_node.node_tree = tree
    return *decibels, twin_group.left_out(came.values)


def _problem(scene: bpy.types.Scene, rack_node: bpy.types.Node) -> str:
    """Why a node cannot be converted; empty when it can, as far as can be told before it is rendered."""
    trees = versions.scene_trees(scene)
    at_work = [other for tree in trees for other in node.active_in(tree)]
    if rack_node not in at_work:
        return "it is muted, or not in a compositor that renders show"
    if sum(other.name == rack_node.name for other in at_work) > 1:
        return f'two effects have a node "{rack_node.name}": rename one, or make its tree a single user'
    if rack_node.rackfocus_lens == "CAMERA":
        return "its Lens is the scene's camera, which Blender's nodes cannot ask: set Lens to Inputs"
    if len(rack_node.rackfocus_touches):
        return "its depth is touched up, which Blender's nodes cannot; bake the node instead"
    if scene.render.use_border:
        return "the scene renders a border only, which the nodes do not know of: switch Render Region off"
    return ""


def _focus_places(scene: bpy.types.Scene, rack_node: bpy.types.Node) -> list[tuple[bpy.types.ID, str]]:
    """Where the focus may be animated: (owner, data path) of the node's own input or its effects'."""
    socket = rack_node.inputs[focus_keys.INPUT]
    source = node.origin(socket)
    if source is None:
        return [(rack_node.id_data, socket.path_from_id("default_value"))]
    slots = [slot for slot in versions.slots(scene) if slot.tree == rack_node.id_data]
    given = [own_input for slot in slots if (own_input := slot.given(source)) is not None]
    return [(scene, own_input.path_from_id("value")) for own_input in given]


def _link_depth(scene: bpy.types.Scene, rack_node: bpy.types.Node) -> None:
    """Have depth that is taken from the render without a link come by one. Raises FrameError."""
    if node.origin(rack_node.inputs[node.DEPTH]) is not None:
        return
    tree, source = rack_node.id_data, node.origin(rack_node.inputs[node.IMAGE])
    if source is not None and source.node.bl_idname == idnames.RENDER_LAYERS:
        of, name = source.node.scene, source.node.layer
    else:
        of, name = scene, scene.view_layers[0].name
    of.view_layers[name].use_pass_z = True
    layers = tree.nodes.new(idnames.RENDER_LAYERS)
    layers.scene, layers.layer, layers[ADDED] = of, name, rack_node.name
    layers.location = rack_node.location.x - 400, rack_node.location.y - 300
    tree.links.new(layers.outputs[node.DEPTH], rack_node.inputs[node.DEPTH])
