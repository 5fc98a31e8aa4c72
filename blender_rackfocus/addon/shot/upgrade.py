# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of every earlier version, and what is appended from them: what they lack is added, at its default, so that they
show what they showed."""

from __future__ import annotations

import bpy

from . import group, node


def everything() -> bool:
    """Bring every node group of ours in this file up to date; linked ones stay as they are. Returns whether one was
    not. Cheap when there is nothing to do."""
    old = [
        group.upgrade(tree)
        for tree in bpy.data.node_groups
        if (group.is_ours(tree) or node.is_ours(tree)) and tree.library is None
    ]
    return any(old)
