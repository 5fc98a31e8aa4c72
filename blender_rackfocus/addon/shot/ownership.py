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
    groups_taken: set[bpy.types.NodeTree] = set()
    images_taken: set[bpy.types.Image] = set()
    for _strip, found in modifier.everywhere():
        tree = found.node_group
        if tree in groups_taken or tree.library is not None:
            tree = found.node_group = _own_copy(tree)
            changed = True
        groups_taken.add(tree)
        image = group.image_of(tree)
        if image is None or image in images_taken or image.library is not None:
            image = _give_image(tree)
            changed = True
        images_taken.add(image)
    return _sweep(groups_taken, images_taken) or changed


def _own_copy(tree: bpy.types.NodeTree) -> bpy.types.NodeTree:
    copied = tree.copy()
    if copied.library is not None:
        copied.make_local()
    copied.asset_clear()
    group.upgrade(copied)
    return copied


def _give_image(tree: bpy.types.NodeTree) -> bpy.types.Image:
    image = group.new_image()
    node = tree.nodes.get(group.IMAGE_NODE)
    if node is not None:
        node.image = image
    return image


def _sweep(groups_taken: set[bpy.types.NodeTree], images_taken: set[bpy.types.Image]) -> bool:
    """Delete our groups without a user (their modifier was removed) and our images without a group."""
    idle = [
        tree
        for tree in bpy.data.node_groups
        if group.is_ours(tree) and tree not in groups_taken and tree.library is None and not modifier.is_used(tree)
    ]
    for tree in idle:
        bpy.data.node_groups.remove(tree)
    lonely = [image for image in pixels.ours() if image not in images_taken and not modifier.is_used(image)]
    for image in lonely:
        bpy.data.images.remove(image)
    return bool(idle or lonely)
