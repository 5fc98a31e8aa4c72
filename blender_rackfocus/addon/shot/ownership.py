# SPDX-License-Identifier: GPL-3.0-or-later
"""One node group for each modifier, one image for each node group.

Duplicating, splitting or pasting a strip shares the group, and with it the image: both strips would show the pixels of
whichever was filled last. Who owned the group first does not matter, because nothing is kept in it: settings are on the
modifier and on the strip, pixels are made for every frame. So whoever is met second gets copies. That makes any way of
sharing right: copy and paste, split, append, undo, scenes copied whole.
"""

from __future__ import annotations

import bpy

from . import group, modifier, pixels, upgrade


def separate() -> bool:
    """Give every Rack Focus modifier a group and an image of its own, with all that groups have in this version; delete
    what nobody uses any more.

    Returns whether anything was changed. Cheap when there is nothing to do.
    """
    changed = upgrade.everything()
    taken: set[bpy.types.ID] = set()
    for _strip, rack_modifier in modifier.everywhere():
        shared = rack_modifier.node_group, group.image_of(rack_modifier.node_group)
        own_tree = group.own(rack_modifier.node_group, taken)
        if own_tree != rack_modifier.node_group:
            rack_modifier.node_group = own_tree
        changed |= shared != (own_tree, group.image_of(own_tree))
    return _sweep(taken) or changed


def _sweep(taken: set[bpy.types.ID]) -> bool:
    """Delete our groups without a user (their modifier was removed) and our images without a group."""
    idle = [
        tree
        for tree in bpy.data.node_groups
        if group.is_ours(tree) and tree not in taken and tree.library is None and not modifier.is_used(tree)
    ]
    for tree in idle:
        bpy.data.node_groups.remove(tree)
    lonely = [image for image in pixels.ours() if image not in taken and not modifier.is_used(image)]
    for image in lonely:
        bpy.data.images.remove(image)
    return bool(idle or lonely)
