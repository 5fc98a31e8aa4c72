# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences in a panel: broken into lines that a sidebar of usual width holds."""

from __future__ import annotations

import textwrap

import bpy

WIDTH = 42
"""Letters in a line."""


def words(
    layout: bpy.types.UILayout, text: str, icon: str = "NONE", *, scale: float = 1.0, active: bool = True
) -> None:
    """A sentence in as many lines as it takes, the icon before the first. scale: the lines' height."""
    for number, line in enumerate(textwrap.wrap(text, WIDTH)):
        row = layout.row()
        row.scale_y, row.active = scale, active
        row.label(text=line, icon=icon if number == 0 or icon == "NONE" else "BLANK1")


def problem(layout: bpy.types.UILayout, text: str) -> None:
    """What is wrong, in a red box."""
    box = layout.box()
    box.alert = True
    words(box, text, "ERROR")
