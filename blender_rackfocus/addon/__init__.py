# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that knows Blender."""

from __future__ import annotations


def _modules() -> tuple:
    """What registers, in order. Imported late: the rest of the package works without Blender."""
    from .. import cli
    from . import (
        bake_panel,
        baked_strips,
        cards,
        clock,
        compositor,
        depth_panel,
        desk_panel,
        doctor,
        errors,
        handlers,
        marks,
        menus,
        node_panel,
        node_settings,
        operators,
        panels,
        preferences,
        settings,
        views,
    )

    properties = (settings, cards, doctor, node_settings, baked_strips, marks, clock, preferences, views)
    drawn = (panels, depth_panel, desk_panel, menus, bake_panel, node_panel)
    return (*properties, operators, *drawn, errors, handlers, compositor, cli)


def register() -> None:
    for module in _modules():
        module.register()


def unregister() -> None:
    from ..core.crew import crew

    for module in reversed(_modules()):
        module.unregister()
    crew.go()
