# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties of ours on Blender's own types: how one that decides pixels is declared, and how all come and go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import bpy

from . import signals


def of_pixels(kind: Callable[..., Any], name: str, description: str, **more: Any) -> Any:
    """A property that decides pixels: what its surfaces show is drawn anew when it changes, and it has no keys, which
    nobody would follow. kind: of `bpy.props`. more: what that takes besides."""
    return kind(name=name, description=description, options=set(), update=signals.redraw, **more)


def put_on(owner: type, properties: Mapping[str, Any], *classes: type) -> None:
    """Give a type of Blender's these properties; the classes that they are made of come first."""
    for cls in classes:
        bpy.utils.register_class(cls)
    for name, definition in properties.items():
        setattr(owner, name, definition)


def take_off(owner: type, properties: Mapping[str, Any], *classes: type) -> None:
    """Undo `put_on`."""
    for name in reversed(list(properties)):
        delattr(owner, name)
    for cls in reversed(classes):
        bpy.utils.unregister_class(cls)
