# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a node group of ours still does what it was made for: a node or a link that is gone inside changes every
frame without a word.

What a group does is read from its output backwards, as Blender evaluates it, and must hold what a new group does. So
places, names, reroutes and nodes that somebody added after ours do not count.
"""

from __future__ import annotations

import functools
from typing import Any

import bpy

from ...media.baked import CODES
from ..blender import idnames
from ..blender.runtime import runtime
from . import group

DAMAGED = (
    "nodes or links inside its node group were deleted or changed, so it shows something else: undo that, or remove "
    "Rack Focus and add it again"
)
_SETTINGS = ("operation", "data_type", "blend_type", "use_clamp", "clamp_factor", "clamp_result")


def damage(tree: bpy.types.NodeTree) -> str:
    """What is wrong inside a node group of ours, for the user; empty when nothing is."""
    does = _what_it_does(tree)
    return "" if any(_holds(does, whole) for whole in _whole(group.LAYOUT_VERSION)) else DAMAGED


@functools.cache
def _whole(_layout: int) -> tuple[tuple, ...]:
    """What new groups do: without baked frames, and with those of each kind. Made for a while, since a render may be
    under way."""
    found = []
    for code in (None, *CODES.values()):
        tree = group.new_group()
        image = group.image_of(tree)
        for block, mark in ((tree, group.GROUP_MARK), (image, group.IMAGE_MARK)):
            runtime(block)
            del block[mark]  # nobody may take it for a strip's own
        if code is not None:
            group.add_baked(tree, image, code)
        found.append(_what_it_does(tree))
    return tuple(found)


def _what_it_does(tree: bpy.types.NodeTree) -> tuple:
    """The group's picture as nested tuples: a node, its settings, and what arrives at each of its inputs."""
    outputs = [one for one in tree.nodes if one.bl_idname == idnames.GROUP_OUTPUT and one.is_active_output]
    known: dict[str, tuple] = {}
    return _arriving(outputs[0].inputs[0], known) if outputs and len(outputs[0].inputs) else ()


def _arriving(socket: bpy.types.NodeSocket, known: dict[str, tuple]) -> tuple:
    links = [link for link in socket.links if link.is_valid and not link.is_muted]
    if not links:
        return ("value", _plain(getattr(socket, "default_value", None)))
    source = links[0].from_socket
    source_node = source.node
    if source_node.bl_idname == idnames.REROUTE:
        return _arriving(source_node.inputs[0], known)
    if source_node.bl_idname == idnames.GROUP_INPUT:
        return ("input", source.name)
    if source_node.bl_idname == idnames.SWITCH and source_node.label == group.IN_USE:
        no, yes = (_arriving(source_node.inputs[side], known) for side in ("False", "True"))
        return yes if no == yes and not source_node.mute else ()
    if source_node.name not in known:
        known[source_node.name] = ()  # a circle, which Blender does not evaluate either
        settings = tuple(str(getattr(source_node, name)) for name in _SETTINGS if hasattr(source_node, name))
        image = source_node.name if source_node.bl_idname == idnames.IMAGE and source_node.image is not None else ""
        arriving = tuple(_arriving(each, known) for each in source_node.inputs if each.enabled)
        known[source_node.name] = (source_node.bl_idname, source_node.mute, image, settings, arriving)
    return ("node", source.identifier, known[source_node.name])


def _holds(does: tuple, part: tuple) -> bool:
    """Whether what a group does is, or is made from, a part. The parts of one node may be met often: each is looked at
    once."""
    seen: set[int] = set()
    waiting = [does]
    while waiting:
        here = waiting.pop()
        if here == part:
            return True
        if id(here) not in seen:
            seen.add(id(here))
            waiting += [each for each in here if isinstance(each, tuple)]
    return False


def _plain(value: Any) -> object:
    """A socket's value, comparable: single precision does not count."""
    if isinstance(value, float):
        return round(value, 5)
    if isinstance(value, (bool, int, str)) or value is None:
        return value
    return tuple(round(float(each), 5) for each in value)
