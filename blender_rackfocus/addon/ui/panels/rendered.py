# SPDX-License-Identifier: GPL-3.0-or-later
"""What a 3D scene is rendered for besides its picture, and what that costs: for the strip's panel and the node's."""

from __future__ import annotations

import bpy

from ...depth import passes, wider
from .text import words


def draw(layout: bpy.types.UILayout, owner: bpy.types.Strip | bpy.types.Node, scene: bpy.types.Scene) -> None:
    """The switches of a strip or node, and what they cost in a scene."""
    layout.prop(owner, "rackfocus_render_behind")
    layout.prop(owner, "rackfocus_overscan")
    words(layout, cost(scene, owner.rackfocus_render_behind, owner.rackfocus_overscan), "TIME")


def cost(scene: bpy.types.Scene, behind: bool, overscan: float) -> str:
    """What these cost, in words: by how long the scene's last render took; empty for nothing."""
    width, height = passes.frame_size(scene.render)
    margin = 2 * wider.margin_px(overscan, width)
    share = (width + margin) * (height + margin) / (width * height)
    more = (2 * share if behind else share) - 1
    if more <= 0:
        return ""
    took_s = passes.took_s(scene)
    how = f"{100 * more:.0f} % of a render" if took_s is None else f"about {_seconds(more * took_s)}"
    where = " that has blurred objects in front" if behind else ""
    return f"Costs {how} more for each frame{where}; kept with the passes"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
