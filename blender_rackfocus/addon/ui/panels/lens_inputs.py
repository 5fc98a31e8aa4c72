# SPDX-License-Identifier: GPL-3.0-or-later
"""The modifier's inputs in panels: which belong together, and what their zero means. Draws, and only draws."""

from __future__ import annotations

from collections.abc import Iterable

import bpy

from ...shot import modifier


def inputs_of(layout: bpy.types.UILayout, rack_modifier: bpy.types.StripModifier, names: Iterable[str]) -> None:
    """These inputs of a modifier, and of each that is at zero what that means."""
    column = layout.column()
    column.use_property_split = True
    for name in names:
        socket = modifier.socket(rack_modifier, name)
        column.prop(socket, "value", text=name)
        if socket.value == 0 and modifier.AT_ZERO[name]:
            row = column.row()
            row.scale_y, row.active, row.alignment = 0.6, False, "RIGHT"
            row.label(text=f"0 = {modifier.AT_ZERO[name]}")
