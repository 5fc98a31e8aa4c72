# SPDX-License-Identifier: GPL-3.0-or-later
"""Convert a strip's Rack Focus modifier, or a Rack Focus node, to Blender's own nodes, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import bpy

from ...blender import signals, versions
from ...delivery import node_twin, twin
from ...shot import modifier, node, ownership
from .on_strip import OnStrip
from .telling import Doing


class RACKFOCUS_OT_convert_to_nodes(OnStrip, bpy.types.Operator):
    """Exchange Rack Focus for an approximation from Blender's own nodes, with the same inputs and keys, for a file that
    is handed on without the extension. Says how near it comes, in dB"""

    bl_idname = "rackfocus.convert_to_nodes"
    bl_label = "Convert to Nodes"

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        rack_modifier = modifier.find(strip)
        if rack_modifier is None:
            raise ValueError(f'"{strip.name}" has no Rack Focus modifier')
        ignored = twin.left_out(rack_modifier)
        near_db, plain_db = twin.convert(strip, strip.id_data)
        signals.redraw()
        _report(self, near_db, plain_db, ignored)
        return {"FINISHED"}


class RACKFOCUS_OT_convert_back(OnStrip, bpy.types.Operator):
    """Exchange the approximation from Blender's own nodes for the Rack Focus modifier that it was made from"""

    bl_idname = "rackfocus.convert_back"
    bl_label = "Convert Back"

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        if twin.find(strip) is None:
            raise ValueError(f'"{strip.name}" was not converted to nodes')
        twin.back(strip)
        ownership.separate()
        signals.redraw()
        return {"FINISHED"}


def _report(operator: bpy.types.Operator, near_db: float, plain_db: float, ignored: list[str]) -> None:
    words = f"Converted to nodes: {near_db:.1f} dB from the real result here (untouched picture {plain_db:.1f} dB)"
    operator.report({"INFO"}, words)
    if ignored:
        operator.report({"WARNING"}, f"The nodes have nothing for: {', '.join(ignored)}")


class _OnNode(Doing):
    """Operators on one node of the compositor: the named one, or the active one."""

    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    node_name: bpy.props.StringProperty(name="Node", description="Name of the node; empty for the active one")

    def meant(self, context: bpy.types.Context, suits: Callable[[bpy.types.Node], bool], select: str) -> bpy.types.Node:
        """The one meant, in a tree that shows in a render. select: what is said where it is none that suits, or none.
        Raises ValueError."""
        node_meant = next(filter(suits, self._nodes(context)), None)
        if node_meant is None:
            raise ValueError(select)
        return node_meant

    def _nodes(self, context: bpy.types.Context) -> list[bpy.types.Node]:
        trees = versions.scene_trees(context.scene)
        if self.node_name:
            return [tree.nodes[self.node_name] for tree in trees if self.node_name in tree.nodes]
        tree = getattr(context.space_data, "edit_tree", None) or versions.scene_tree(context.scene)
        return [tree.nodes.active] if tree is not None and tree.nodes.active is not None else []


class RACKFOCUS_OT_node_convert_to_nodes(_OnNode, bpy.types.Operator):
    """Exchange the Rack Focus node's inside for an approximation from Blender's own nodes, with the same inputs, keys
    and links, for a file that is handed on without the extension. Renders the current frame and says how near it comes,
    in dB"""

    bl_idname = "rackfocus.node_convert_to_nodes"
    bl_label = "Convert to Nodes"

    def do(self, context: bpy.types.Context) -> set[str]:
        rack_node = self.meant(context, node.is_node, "Select a Rack Focus node in the compositor")
        _report(self, *node_twin.convert(context.scene, rack_node))
        return {"FINISHED"}


class RACKFOCUS_OT_node_convert_back(_OnNode, bpy.types.Operator):
    """Exchange the approximation from Blender's own nodes for the Rack Focus node that it was made from"""

    bl_idname = "rackfocus.node_convert_back"
    bl_label = "Convert Back"

    def do(self, context: bpy.types.Context) -> set[str]:
        twin_node = self.meant(context, node_twin.is_one, "Select a node that was converted to Blender's own nodes")
        node_twin.back(context.scene, twin_node)
        return {"FINISHED"}


CLASSES = (
    RACKFOCUS_OT_convert_to_nodes,
    RACKFOCUS_OT_convert_back,
    RACKFOCUS_OT_node_convert_to_nodes,
    RACKFOCUS_OT_node_convert_back,
)
