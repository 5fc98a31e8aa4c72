# SPDX-License-Identifier: GPL-3.0-or-later
"""The modifier's inputs in panels, with what their zero means, and what depth's numbers mean. Draws, and only draws."""

from __future__ import annotations

from collections.abc import Iterable

import bpy

from ...shot import modifier, settings


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


def numbers_of(
    layout: bpy.types.UILayout, owner: bpy.types.Strip | bpy.types.Node, for_auto: Iterable[str] = ()
) -> None:
    """What the numbers of a strip's or node's depth mean. for_auto: what else can be set where that is guessed."""
    kind = owner.rackfocus_depth_kind
    for name in ("rackfocus_depth_kind", *settings.FIELDS[kind], *(for_auto if kind == "AUTO" else ())):
        layout.prop(owner, name)
