# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences in a panel, broken into lines that the sidebar holds; and columns of fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import bpy

from .. import gpu_draw

_USUAL = 42
"""Letters in a line, outside of sidebars."""
_BESIDE_UNITS = 96
"""What a sidebar has beside the letters of a line: tabs, edges of panel and box, scroll bar, icon."""


def words(
    layout: bpy.types.UILayout, text: str, icon: str = "NONE", *, scale: float = 1.0, active: bool = True
) -> None:
    """A sentence in as many lines as it takes, the icon before the first. scale: the lines' height."""
    for number, line in enumerate(broken(text, *_room())):
        row = layout.row()
        row.scale_y, row.active = scale, active
        row.label(text=line, icon=icon if number == 0 or icon == "NONE" else "BLANK1")


def broken(text: str, room: float, width_of: Callable[[str], float]) -> list[str]:
    """A text in lines that are no wider than the room, if one letter is not: broken between words, and in words that
    are wider than it."""
    lines: list[str] = []
    for word in text.split():
        last = f"{lines[-1]} {word}" if lines else word
        if lines and width_of(last) <= room:
            lines[-1] = last
            continue
        lines.append("")
        for letter in word:
            if lines[-1] and width_of(lines[-1] + letter) > room:
                lines.append("")
            lines[-1] += letter
    return lines


def _room() -> tuple[float, Callable[[str], float]]:
    """How wide a line may be where is drawn now, and how wide a text is."""
    region = bpy.context.region
    if bpy.app.background or region is None or region.type != "UI":
        return _USUAL, len
    scale = bpy.context.preferences.system.ui_scale
    height_px = bpy.context.preferences.ui_styles[0].widget.points * scale
    left, right = (region.view2d.region_to_view(x, 0)[0] for x in (0, region.width))
    return right - left - _BESIDE_UNITS * scale, lambda line: gpu_draw.size_of(line, height_px)


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
