# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of networks that can be had, as the preferences and the strip's panel show it. Draws only."""

from __future__ import annotations

import os

import bpy

from ...depth import networks
from .text import words


def draw_chosen(layout: bpy.types.UILayout, path: str) -> None:
    """The network that is chosen: what was found about it, and the buttons that find it out and set it."""
    box = layout.box()
    words(box, os.path.basename(path), "NETWORK_DRIVE")
    told = networks.found(path)
    for line in told:
        words(box, line, "DOT")
    if not told:
        words(box, "What it takes and gives is found out when it is used first")
    row = box.row(align=True)
    row.operator_context = "EXEC_DEFAULT"
    row.operator("rackfocus.network_look", text="Look at It", icon="VIEWZOOM")
    row.operator_context = "INVOKE_DEFAULT"
    row.operator("rackfocus.network_settings", text="Set", icon="PREFERENCES").filepath = path


def draw_table(layout: bpy.types.UILayout, strip: bpy.types.Strip | None) -> None:
    """Each network with what it gives, its licence and size, and the button that gets or uses it."""
    for model in networks.offered():
        box = layout.box()
        words(box, f"{model.name}: {model.gives}", "NONE")
        row = box.row()
        row.label(text=f"{model.licence}, {networks.size_words(model)}")
        path = networks.kept(model)
        if path is None:
            row.operator_context = "INVOKE_DEFAULT"
            row.operator("rackfocus.network_get", text="Get", icon="IMPORT").name = model.name
        elif networks.in_use(path, strip):
            row.label(text="In use", icon="CHECKMARK")
        else:
            row.operator_context = "EXEC_DEFAULT"
            row.operator("rackfocus.network_use", text="Use").filepath = str(path)
    if not bpy.app.online_access:
        words(layout, networks.OFFLINE, "INFO")
    row = layout.row()
    row.operator_context = "INVOKE_DEFAULT"
    row.operator("rackfocus.network_use", text="Choose a Network's File", icon="FILEBROWSER")
