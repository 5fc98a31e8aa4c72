# SPDX-License-Identifier: GPL-3.0-or-later
"""The Rack Focus node: a node group in a scene's compositing tree, with the inputs of the strip modifier and, before
them, the picture and its depth.

Inside it is the modifier's group: the incoming picture, and over it our pixels wherever they change something. Depth
goes nowhere inside; it is read by whoever makes the pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import bpy

from ..blender import idnames
from . import group

NODE_NAME = "Rack Focus"
NODE_MARK = "rackfocus_node"
"""Custom property of the node groups of Rack Focus nodes: the version of their layout."""
LAYOUT_VERSION = 1
IMAGE, DEPTH = "Image", "Depth"


def is_ours(tree: bpy.types.NodeTree | None) -> bool:
    """Whether a node group belongs to a Rack Focus node."""
    return tree is not None and NODE_MARK in tree


def is_node(node: bpy.types.Node) -> bool:
    """Whether a node is a Rack Focus node."""
    return node.bl_idname == idnames.GROUP and is_ours(node.node_tree)


def new_group() -> bpy.types.NodeTree:
    """A node group with its own empty image."""
    tree = group.new_group()
    del tree[group.GROUP_MARK]  # no strip may take it for its own
    tree[NODE_MARK] = LAYOUT_VERSION
    depth = tree.interface.new_socket(DEPTH, in_out="INPUT", socket_type="NodeSocketFloat")
    depth.description = (
        "Distance from the camera: a render's Depth pass, or a depth picture (its colour space Non-Color)"
    )
    depth.hide_value = True
    tree.interface.move(depth, 2)  # after the two Images
    return tree


def add(tree: bpy.types.NodeTree) -> bpy.types.Node:
    """A new Rack Focus node in a compositing tree, not yet linked."""
    node = tree.nodes.new(idnames.GROUP)
    node.node_tree = new_group()
    node.name = node.label = NODE_NAME
    node.width = 220
    return node


def in_tree(tree: bpy.types.NodeTree | None) -> list[bpy.types.Node]:
    """The Rack Focus nodes on a tree's top level."""
    return [node for node in tree.nodes if is_node(node)] if tree is not None else []


def named(trees: Iterable[bpy.types.NodeTree], name: str) -> bpy.types.Node:
    """The Rack Focus node of this name in the first of the trees that has it. Raises KeyError."""
    for tree in trees:
        for node in in_tree(tree):
            if node.name == name:
                return node
    raise KeyError(name)


def active_in(tree: bpy.types.NodeTree | None) -> list[bpy.types.Node]:
    """The Rack Focus nodes of a tree that are not muted, each after those that feed it."""
    nodes = [node for node in in_tree(tree) if not node.mute]
    return sorted(nodes, key=lambda node: (_depth_of_chain(node), node.name))


def hidden_in_groups(tree: bpy.types.NodeTree | None, seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """Names of node groups below a tree's top level that hold an unmuted Rack Focus node."""
    if tree is None:
        return
    for tree_node in tree.nodes:
        inner = getattr(tree_node, "node_tree", None)
        if inner is None or tree_node.mute or is_ours(inner) or inner.name in seen:
            continue
        if any(is_node(node) and not node.mute for node in inner.nodes):
            yield inner.name
        yield from hidden_in_groups(inner, seen | {inner.name})


def separate(trees: list[bpy.types.NodeTree]) -> None:
    """Give every Rack Focus node of these trees a group and an image of its own: duplicated nodes share them."""
    taken: set[bpy.types.ID] = set()
    for node in [node for tree in trees for node in in_tree(tree)]:
        own_tree = group.own(node.node_tree, taken)
        if own_tree != node.node_tree:
            node.node_tree = own_tree


def origin(socket: bpy.types.NodeSocket) -> bpy.types.NodeSocket | None:
    """The output that feeds an input: reroutes are followed, and muted nodes as Blender passes through them. None
    where nothing arrives."""
    while True:
        links = [link for link in socket.links if link.is_valid and not link.is_muted]
        if not links:
            return None
        source = links[0].from_socket
        source_node = source.node
        if source_node.bl_idname == idnames.REROUTE:
            socket = source_node.inputs[0]
        elif source_node.mute:
            through = [link.from_socket for link in source_node.internal_links if link.to_socket == source]
            if not through:
                return None
            socket = through[0]
        else:
            return source


def upstream(node: bpy.types.Node, seen: set[str] | None = None) -> set[str]:
    """Names of every node that feeds a node, directly or not."""
    seen = set() if seen is None else seen
    for socket in node.inputs:
        for link in socket.links:
            name = link.from_node.name
            if name not in seen:
                seen.add(name)
                upstream(link.from_node, seen)
    return seen


def _depth_of_chain(node: bpy.types.Node) -> int:
    """How many Rack Focus nodes feed this one."""
    tree = node.id_data
    return sum(1 for name in upstream(node) if is_node(tree.nodes[name]))
