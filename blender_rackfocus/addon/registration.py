# SPDX-License-Identifier: GPL-3.0-or-later
"""What is added to Blender when the extension is enabled, in order; it goes in reverse.

A module's CLASSES come first, then its PROPERTIES on each of its OWNERS (types of Blender's own), then what its own
`register` adds."""

from __future__ import annotations

import sys

import bpy

from .. import cli
from . import events, ui
from .blender import cores, errors, log, stillness
from .blender.session import session
from .compositor import session as compositor
from .depth import sources, strip_cards, touches
from .sequencer import show, views
from .shot import baked_place, clock, findings, marks, node_settings, proposals, settings
from .ui.operators import jobs

MODULES = (
    settings,
    sources,
    strip_cards,
    touches,
    findings,
    node_settings,
    baked_place,
    marks,
    proposals,
    clock,
    views,
    *ui.MODULES,
    errors,
    stillness,
    show,
    compositor,
    events,
    cli,
)
_PACKAGE = __package__.removesuffix(".addon")


def register() -> None:
    """Add everything to Blender."""
    log.register()
    for module in MODULES:
        for cls in getattr(module, "CLASSES", ()):
            bpy.utils.register_class(cls)
        for owner in getattr(module, "OWNERS", ()):
            for name, definition in module.PROPERTIES.items():
                setattr(owner, name, definition)
        if hasattr(module, "register"):
            module.register()


def unregister() -> None:
    """Take everything out again: threads end, helpers go home, nothing is remembered."""
    jobs.end()
    for module in reversed(MODULES):
        if hasattr(module, "unregister"):
            module.unregister()
        for owner in getattr(module, "OWNERS", ()):
            for name in module.PROPERTIES:
                delattr(owner, name)
        for cls in reversed(getattr(module, "CLASSES", ())):
            bpy.utils.unregister_class(cls)
    session.close()
    cores.close()
    log.unregister()
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{_PACKAGE}."):
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
