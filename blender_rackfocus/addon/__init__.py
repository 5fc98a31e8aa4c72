# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that knows Blender."""

from __future__ import annotations


def _modules() -> tuple:
    """What registers, in order. Imported late: the rest of the package works without Blender."""
    from .. import cli
    from . import errors
    from . import events as handlers
    from .blender import stillness
    from .compositor import session as compositor
    from .depth import cards
    from .desk import doctor
    from .sequencer import baked_strips, views
    from .shot import clock, marks, node_settings, settings
    from .ui import menus, operators, preferences
    from .ui.panels import bake as bake_panel
    from .ui.panels import depth as depth_panel
    from .ui.panels import desk as desk_panel
    from .ui.panels import node as node_panel
    from .ui.panels import strip as panels

    properties = (settings, cards, doctor, node_settings, baked_strips, marks, clock, preferences, views)
    drawn = (panels, depth_panel, desk_panel, menus, bake_panel, node_panel)
    return (*properties, operators, *drawn, errors, stillness, handlers, compositor, cli)


def register() -> None:
    for module in _modules():
        module.register()


def unregister() -> None:
    from ..core.crew.crew import crew

    for module in reversed(_modules()):
        module.unregister()
    crew.go()
