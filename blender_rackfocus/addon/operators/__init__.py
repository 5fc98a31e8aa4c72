# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user can ask for: one module per subject, each with its tuple of classes."""

from __future__ import annotations

import bpy

from . import bake, compositor, marks, rack, strip_modifier

CLASSES = (*strip_modifier.CLASSES, *rack.CLASSES, *marks.CLASSES, *compositor.CLASSES, *bake.CLASSES)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
