# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences in a panel, broken into lines that a sidebar of usual width holds; and columns of fields."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

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


def fields(layout: bpy.types.UILayout, owner: bpy.types.bpy_struct, names: Iterable[str]) -> bpy.types.UILayout:
    """Some properties of an owner in a column, each with its name to the left; the column, for what comes below."""
    column = layout.column()
    column.use_property_split = True
    for name in names:
        column.prop(owner, name)
    return column


def problem(layout: bpy.types.UILayout, text: str) -> None:
    """What is wrong, in a red box."""
    box = layout.box()
    box.alert = True
    words(box, text, "ERROR")
