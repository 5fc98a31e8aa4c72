# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between the versions of Blender that this runs in."""

from __future__ import annotations

import bpy

RENDERS_FOR_GROUPS = bpy.app.version >= (5, 3, 0)
"""Whether Blender renders a scene for a Render Layers node that is inside a node group."""
