# SPDX-License-Identifier: GPL-3.0-or-later
"""Rack Focus where users look for it: Strip menu, the list of modifiers, the preview's context menu, and a pie on F."""

from __future__ import annotations

import bpy
import rna_keymap_ui

from ...craft import recipes
from ..blender import hooks
from ..blender.context import active_strip
from ..shot import modifier

_PIE = "wm.call_menu_pie"
_KEYMAPS = (("Sequencer", "SEQUENCE_EDITOR"), ("Preview", "SEQUENCE_EDITOR"))


class RACKFOCUS_MT_recipes(bpy.types.Menu):
    """Whole shots in one click"""

    bl_idname = "RACKFOCUS_MT_recipes"
    bl_label = "Shot Recipe"

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        for direction, title in (("FAR", "Opens the World"), ("NEAR", "Closes It")):
            layout.label(text=title)
            for key, recipe in recipes.RECIPES.items():
                button = layout.operator("rackfocus.recipe", text=recipe.label)
                button.recipe, button.direction = key, direction
            layout.separator()


class RACKFOCUS_MT_strip(bpy.types.Menu):
    """Everything about focus"""

    bl_idname = "RACKFOCUS_MT_strip"
    bl_label = "Rack Focus"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        strip = active_strip(context)
        if strip is None or modifier.find(strip) is None:
            layout.operator("rackfocus.modifier_add", icon="CAMERA_DATA")
            return
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("rackfocus.eyedropper", icon="EYEDROPPER").action = "FOCUS"
        layout.operator("rackfocus.eyedropper", text="Pick a Mark", icon="DRIVER_DISTANCE").action = "MARK"
        layout.operator("rackfocus.eyedropper", text="Pick a Tracked Mark", icon="TRACKER").action = "TRACK"
        layout.separator()
        layout.operator("rackfocus.rack", text="Rack...", icon="IPO_EASE_IN_OUT")
        layout.menu("RACKFOCUS_MT_recipes")
        layout.separator()
        layout.operator_menu_enum("rackfocus.touch_up", "kind", text="Touch Up Depth")
        layout.separator()
        layout.operator("rackfocus.mark_focus")
        layout.operator("rackfocus.mark_hold")
        layout.operator("rackfocus.lens_from_camera")
        layout.separator()
        layout.operator("rackfocus.cache_range")
        layout.operator("rackfocus.place")
        layout.operator("rackfocus.placed_remove")
        layout.separator()
        layout.operator("rackfocus.settings_copy")
        layout.operator("rackfocus.modifier_remove")


class RACKFOCUS_MT_pie(bpy.types.Menu):
    """The focus puller's pie"""

    bl_idname = "RACKFOCUS_MT_pie"
    bl_label = "Rack Focus"

    def draw(self, context: bpy.types.Context) -> None:
        pie = self.layout.menu_pie()
        pie.operator_context = "INVOKE_DEFAULT"
        strip = active_strip(context)
        if strip is None or modifier.find(strip) is None:
            pie.operator("rackfocus.modifier_add", icon="CAMERA_DATA")
            return
        pie.operator("rackfocus.mark_focus", icon="PINNED")
        pie.operator("rackfocus.rack", text="Rack...", icon="IPO_EASE_IN_OUT")
        pie.operator("rackfocus.mark_hold", icon="TRACKER")
        pie.operator("rackfocus.eyedropper", icon="EYEDROPPER").action = "FOCUS"
        pie.operator("rackfocus.eyedropper", text="Pick a Mark", icon="DRIVER_DISTANCE").action = "MARK"
        pie.menu("RACKFOCUS_MT_recipes")
        pie.prop_menu_enum(context.window_manager, "rackfocus_view", text="View")
        pie.prop(context.window_manager, "rackfocus_chart")


def _draw_strip_menu(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.menu("RACKFOCUS_MT_strip", icon="CAMERA_DATA")


def _draw_modifier_menu(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.operator("rackfocus.modifier_add", text="Rack Focus", icon="CAMERA_DATA")


_PLACES = (
    ("SEQUENCER_MT_strip", _draw_strip_menu),
    ("SEQUENCER_MT_context_menu", _draw_strip_menu),
    ("SEQUENCER_MT_preview_context_menu", _draw_strip_menu),
    ("SEQUENCER_MT_modifier_add", _draw_modifier_menu),
)

CLASSES = (RACKFOCUS_MT_recipes, RACKFOCUS_MT_strip, RACKFOCUS_MT_pie)


def draw_shortcuts(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The shortcuts, to be changed, in the preferences."""
    user = context.window_manager.keyconfigs.user
    for keymap, item in hooks.keys_of(_PIE):
        user_keymap = user.keymaps.get(keymap.name)
        own = next((one for one in user_keymap.keymap_items if one.idname == item.idname
                    and one.properties.name == item.properties.name), None) if user_keymap else None  # fmt: skip
        if own is not None:
            layout.label(text=keymap.name)
            rna_keymap_ui.draw_kmi([], user, user_keymap, own, layout, 0)


def register() -> None:
    for name, draw in _PLACES:
        getattr(bpy.types, name).append(draw)
    for name, space in _KEYMAPS:
        item = hooks.add_key(name, space, _PIE, "F")
        if item is not None:
            item.properties.name = RACKFOCUS_MT_pie.bl_idname


def unregister() -> None:
    for name, draw in reversed(_PLACES):
        getattr(bpy.types, name).remove(draw)
