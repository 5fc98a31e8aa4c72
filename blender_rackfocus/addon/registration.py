# SPDX-License-Identifier: GPL-3.0-or-later
"""What is added to Blender when the extension is enabled, in order; it goes in reverse."""

from __future__ import annotations

from .. import cli
from ..core.crew import crew
from . import errors, events, ui
from .blender import stillness
from .compositor import session
from .depth import cards
from .desk import doctor
from .sequencer import baked_strips, views
from .shot import clock, marks, node_settings, settings

PROPERTIES = (settings, cards, doctor, node_settings, baked_strips, marks, clock, views)
MODULES = (*PROPERTIES, *ui.MODULES, errors, stillness, events, session, cli)


def register() -> None:
    """Add everything to Blender."""
    for module in MODULES:
        module.register()


def unregister() -> None:
    """Take everything out again, and send the helpers home."""
    for module in reversed(MODULES):
        module.unregister()
    crew.crew.go()
