# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user can ask for: one module per subject, each with its tuple of classes."""

from __future__ import annotations

import bpy

from . import (
    bake,
    baking,
    cards,
    compositor,
    doctor,
    estimate,
    eyedropper,
    jobs,
    lens,
    mark_track,
    marks,
    networks,
    node_bake,
    rack,
    recipes,
    strip_modifier,
    subject,
    twin,
)

_MODULES = (jobs, strip_modifier, rack, marks, mark_track, eyedropper, recipes, lens, estimate, twin)
_NODES = (compositor, baking, bake, node_bake)
_DEPTH = (networks, cards, subject, doctor)

CLASSES = tuple(cls for module in (*_MODULES, *_NODES, *_DEPTH) for cls in module.CLASSES)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
