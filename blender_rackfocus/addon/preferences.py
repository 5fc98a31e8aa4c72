# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's preferences: where computed frames are kept, and how many."""

from __future__ import annotations

import bpy

from . import cache


class RACKFOCUS_preferences(bpy.types.AddonPreferences):
    bl_idname = cache.ROOT

    use_cache: bpy.props.BoolProperty(
        name="Keep Computed Frames",
        description="Frames seen once at final quality are not computed again",
        default=True,
    )
    cache_folder: bpy.props.StringProperty(
        name="Folder",
        description="Where computed frames are kept; empty for a folder of your own. Several Blenders may share one",
        subtype="DIR_PATH",
    )
    cache_limit_gb: bpy.props.FloatProperty(
        name="Size",
        description="How many gigabytes computed frames may fill; what was used least recently goes first",
        default=cache.DEFAULT_LIMIT_GB,
        min=0.1,
        soft_max=1000.0,
        precision=1,
    )

    def draw(self, _context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.use_property_split = True
        column.prop(self, "use_cache")
        fields = column.column()
        fields.active = self.use_cache
        fields.prop(self, "cache_folder")
        fields.prop(self, "cache_limit_gb")
        column.label(text=cache.folder(), icon="FILE_FOLDER")
        row = column.row()
        for action in ("LOOK", "VERIFY", "CLEAR"):
            row.operator("rackfocus.store", text=action.capitalize()).action = action


CLASSES = (RACKFOCUS_preferences,)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
