# SPDX-License-Identifier: GPL-3.0-or-later
"""Rack Focus as an effect of its own in a scene's stack of compositor effects (Blender 5.3).

The effect's tree is a Rack Focus node whose inputs are the tree's: so Blender shows them where it shows the effect's,
and keys them there. The picture is what the effects before it made, the depth that of the render of whichever scene has
the effect, so copies of the scene have their own; another depth is linked in the tree.
"""

from __future__ import annotations

import bpy

from ...frame import inputs
from ..blender import idnames, versions
from ..shot import group, node

NAME = "Rack Focus"


def add(scene: bpy.types.Scene) -> bpy.types.Node:
    """A new effect after all others, the active one. Returns its Rack Focus node, which has the effect's name."""
    tree = bpy.data.node_groups.new(NAME, idnames.TREE)
    tree.interface.new_socket(node.IMAGE, in_out="OUTPUT", socket_type="NodeSocketColor")
    tree.interface.new_socket(node.IMAGE, in_out="INPUT", socket_type="NodeSocketColor")
    for entry in inputs.INPUTS:
        group.add_input(tree, entry)
    comes_in, rack_node = tree.nodes.new(idnames.GROUP_INPUT), node.add(tree)
    output = tree.nodes.new(idnames.GROUP_OUTPUT)
    comes_in.location, output.location = (-400, 0), (300, 0)
    for name in (node.IMAGE, *inputs.NAMES):
        tree.links.new(comes_in.outputs[name], rack_node.inputs[name])
    tree.links.new(rack_node.outputs[node.IMAGE], output.inputs[node.IMAGE])
    rack_node.name = rack_node.label = versions.add_effect(scene, NAME, tree).effect
    tree.nodes.active = rack_node
    return rack_node
