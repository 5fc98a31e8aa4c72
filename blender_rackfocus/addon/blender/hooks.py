# SPDX-License-Identifier: GPL-3.0-or-later
"""What is drawn over Blender's editors, and the add-on's keys: as long as the add-on is on, whatever file is open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import bpy

from .session import session

Key = tuple[bpy.types.KeyMap, bpy.types.KeyMapItem]


@dataclass
class _Hooks:
    """draws: (space, handle, region), as Blender takes them back. keys: with the keymaps that they stand in."""

    draws: list[tuple[type[bpy.types.Space], object, str]] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)

    def forget(self) -> None:
        """They are the windows', not a file's."""

    def close(self) -> None:
        """All of it goes."""
        for keymap, item in self.keys:
            keymap.keymap_items.remove(item)
        if self.keys:  # or the user's own configuration keeps its copies of them
            bpy.context.window_manager.keyconfigs.update()
        for space, handle, region in self.draws:
            space.draw_handler_remove(handle, region)
        self.keys.clear()
        self.draws.clear()


def draw_over(space: type[bpy.types.Space], region: str, draw: Callable[[], None]) -> None:
    """From now on `draw` is called after each redraw of a kind of region ("WINDOW", "PREVIEW"). Not in background."""
    if not bpy.app.background:
        session.part(_Hooks).draws.append((space, space.draw_handler_add(draw, (), region, "POST_PIXEL"), region))


def add_key(
    keymap: str, space: str, operator: str, key: str, value: str = "PRESS", *, shift: bool = False
) -> bpy.types.KeyMapItem | None:
    """A key of the add-on's in a keymap; None in background, where there is none."""
    config = bpy.context.window_manager.keyconfigs.addon
    if config is None:
        return None
    there = config.keymaps.new(name=keymap, space_type=space)
    item = there.keymap_items.new(operator, key, value, shift=shift)
    session.part(_Hooks).keys.append((there, item))
    return item


def keys_of(operator: str) -> list[Key]:
    """The add-on's keys that call an operator."""
    return [key for key in session.part(_Hooks).keys if key[1].idname == operator]
