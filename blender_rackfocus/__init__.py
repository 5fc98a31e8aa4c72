# SPDX-License-Identifier: GPL-3.0-or-later
"""Rack Focus: keyframed, depth-based focus pulls for Blender's sequencer and compositor."""


def register() -> None:
    """Add everything to Blender. Called by Blender when the extension is enabled."""
    from . import addon

    addon.register()


def unregister() -> None:
    """Take everything back out of Blender, in reverse order."""
    from . import addon

    addon.unregister()
