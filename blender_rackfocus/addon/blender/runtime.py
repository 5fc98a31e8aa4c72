# SPDX-License-Identifier: GPL-3.0-or-later
"""Datablocks that are there for a while: never written to a file, and removed when no render runs."""

from __future__ import annotations

import bpy

RUNTIME_MARK = "rackfocus_runtime"
"""Custom property of datablocks that are there for a while only."""


def runtime(block: bpy.types.ID) -> None:
    """Keep a datablock out of every .blend that is written, and let `sweep` remove it."""
    block.is_runtime_data = True
    block[RUNTIME_MARK] = True


def sweep() -> None:
    """Remove them all. Only while no render runs: removing a scene or a node group then crashes Blender 5.2."""
    for blocks in (
        bpy.data.scenes,
        bpy.data.collections,
        bpy.data.node_groups,
        bpy.data.images,
        bpy.data.objects,
        bpy.data.cameras,
        bpy.data.actions,
    ):
        for block in [other for other in blocks if RUNTIME_MARK in other and other.is_runtime_data]:
            blocks.remove(block)
