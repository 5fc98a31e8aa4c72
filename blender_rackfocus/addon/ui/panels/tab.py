# SPDX-License-Identifier: GPL-3.0-or-later
"""Where our panels stand: in the sequencer's sidebar, below the one that says which strip it is about."""

from __future__ import annotations

import bpy

from ...blender.context import active_strip
from ...shot import modifier


class Tab:
    """In the tab of ours."""

    bl_space_type = "SEQUENCE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Rack Focus"


class OfStrip(Tab):
    """About the active strip, which has our modifier."""

    bl_parent_id = "RACKFOCUS_PT_strip"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        strip = active_strip(context)
        return strip is not None and modifier.find(strip) is not None
