# SPDX-License-Identifier: GPL-3.0-or-later
"""Rack Focus: keyframed, depth-based focus pulls for Blender's sequencer and compositor.

Both functions import late: the rooms without Blender work where there is no bpy.
"""


def register() -> None:
    """Add everything to Blender. Called by Blender when the extension is enabled."""
    from .addon import registration

    registration.register()


def unregister() -> None:
    """Take everything back out of Blender, in reverse order."""
    from .addon import registration

    registration.unregister()
