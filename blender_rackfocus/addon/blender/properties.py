# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties of ours on Blender's own types: how one that decides pixels is declared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import signals


def of_pixels(kind: Callable[..., Any], name: str, description: str, **more: Any) -> Any:
    """A property that decides pixels: what its surfaces show is drawn anew when it changes, and it has no keys, which
    nobody would follow. kind: of `bpy.props`. more: what that takes besides."""
    return kind(name=name, description=description, options=set(), update=signals.redraw, **more)
