# SPDX-License-Identifier: GPL-3.0-or-later
"""The "Rack Focus" tab in the compositor's sidebar, and the entry in its Add menu. Draws, and only draws."""

from __future__ import annotations

import os
from typing import ClassVar

import bpy

from ...blender import hooks, idnames, versions
from ...compositor import node_clip, preview
from ...compositor import session as compositor
from ...delivery import node_twin, twin_group
from ...delivery.nodes import Nodes
from ...shot import node
from ...shot.baked_place import BakedPlace
from .. import gpu_draw
from ..operators.baking import Progress
from . import bake as bake_panel
from . import depth, rendered
from .lens_inputs import numbers_of
from .text import problem, words


class _Tab:
    """In the tab of ours."""

    bl_space_type = "NODE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Rack Focus"


class RACKFOCUS_PT_node(_Tab, bpy.types.Panel):
    bl_label = "Rack Focus"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.space_data.tree_type == idnames.TREE

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        tree = context.space_data.edit_tree
        one = tree.nodes.active if tree is not None else None
        layout.operator("rackfocus.node_add", icon="CAMERA_DATA")
        if versions.HAS_EFFECTS:
            layout.operator("rackfocus.effect_add", icon="CAMERA_DATA")
        if node_twin.is_one(one):
            _draw_twin(layout, one)
        if one is None or not node.is_node(one):
            return
        words(layout, preview.word_of(context.scene, one), "INFO")
        for told in (compositor.problem_of(context.scene, one), compositor.problem_before(context.scene)):
            if told:
                problem(layout, told)
        layout.prop(one, "rackfocus_lens")
        column = layout.column(heading="Depth")
        numbers_of(column, one, for_auto=("rackfocus_white_near", "rackfocus_depth_ramp"))  # of whole numbers
        words(column, preview.meaning_told(context.scene, one), "INFO")
        column.prop(one, "rackfocus_fit_depth")
        words(column, compositor.fit_told(context.scene, one), "SNAP_ON")
        behind = compositor.scene_before(context.scene, one)
        if behind is not None:
            rendered.draw(layout, one, behind)
        problem_of_clip = node_clip.problem_of(one)
        row = layout.row()
        row.enabled = not problem_of_clip
        row.prop(one, "rackfocus_uncover")
        words(layout, problem_of_clip or compositor.behind_told(context.scene, one), "XRAY")
        layout.operator("rackfocus.node_convert_to_nodes", icon="NODETREE")


def _draw_twin(layout: bpy.types.UILayout, rack_node: bpy.types.Node) -> None:
    """A node whose inside was converted to Blender's own nodes, and how near it comes."""
    words(layout, f"{rack_node.name}: Blender's own nodes", "NODETREE")
    words(layout, f"{rack_node.node_tree.get(twin_group.MEASURED, 0.0):.1f} dB from the real result when converted")
    layout.operator("rackfocus.node_convert_back", icon="LOOP_BACK")


class RACKFOCUS_PT_node_touch_up(bpy.types.Panel):
    bl_label = "Touch Up"
    bl_parent_id = "RACKFOCUS_PT_node"
    bl_space_type = "NODE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Rack Focus"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return RACKFOCUS_PT_node_bake.poll(context)

    def draw(self, context: bpy.types.Context) -> None:
        one = context.space_data.edit_tree.nodes.active
        depth.draw_strokes(self.layout, one, "rackfocus.node_touch_up", one.name)


class RACKFOCUS_PT_node_bake(_Tab, bpy.types.Panel):
    bl_label = "Bake"
    bl_parent_id = "RACKFOCUS_PT_node"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        tree = context.space_data.edit_tree
        active = tree.nodes.active if tree is not None else None
        return active is not None and node.is_node(active) and tree in versions.scene_trees(context.scene)

    def draw(self, context: bpy.types.Context) -> None:
        layout, scene = self.layout, context.scene
        one = context.space_data.edit_tree.nodes.active
        if Progress.running:
            bake_panel.draw_running(layout)
            return
        nodes = Nodes(scene)
        place = nodes.place_read(one.name)
        if place is not None:
            _draw_baked(layout, nodes, one.name, place)
        else:
            row = layout.row(align=True)
            row.operator("rackfocus.node_bake", text="Bake")
            row.operator("rackfocus.node_bake", text="Bake All Nodes").all_nodes = True
            if nodes.place(one.name).is_there:
                layout.operator("rackfocus.node_bake_use", icon="IMPORT")
        bake_panel.draw_target(layout, scene)


def _draw_baked(layout: bpy.types.UILayout, nodes: Nodes, name: str, place: BakedPlace) -> None:
    told, frame = nodes.at_current_frame(name, place), nodes.scene.frame_current
    box = layout.box()
    box.alert = not told.fresh
    if told.fresh:
        box.label(text=f"Frame {frame}: baked, fresh", icon="CHECKMARK")
    else:
        words(box, f"Frame {frame}: {', '.join(told.reasons) or 'not baked'}", "ERROR")
    box.operator("rackfocus.node_bake_check", text="Check All Frames")
    words(layout, os.path.basename(place.folder), "FILE_FOLDER")
    row = layout.row(align=True)
    row.operator("rackfocus.node_bake", text="Bake What Is Missing or Stale")
    row.operator("rackfocus.node_unbake", text="", icon="X")


def _draw_add(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    if context.space_data.tree_type == idnames.TREE:
        self.layout.operator("rackfocus.node_add", text="Rack Focus", icon="CAMERA_DATA")
        if versions.HAS_EFFECTS:
            _draw_add_effect(self, context)


def _draw_add_effect(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.operator("rackfocus.effect_add", text="Rack Focus Effect", icon="CAMERA_DATA")


_WORD_PX, _WORD_COLOUR = 11, (1.0, 0.75, 0.3, 1.0)


def _draw_words() -> None:
    """What nodes have to say of their preview, right above them."""
    context = bpy.context
    space, region = context.space_data, context.region
    if space.tree_type != idnames.TREE or space.edit_tree is None or not space.overlay.show_overlays:
        return
    scale = context.preferences.system.ui_scale
    for rack_node in node.in_tree(space.edit_tree):
        word = preview.word_of(context.scene, rack_node)
        if word:
            x, y = rack_node.location_absolute
            left, top = region.view2d.view_to_region(x * scale, y * scale, clip=False)
            gpu_draw.text(word, left, top + 6 * scale, _WORD_PX * scale, _WORD_COLOUR, shadow=False)


CLASSES = (RACKFOCUS_PT_node, RACKFOCUS_PT_node_touch_up, RACKFOCUS_PT_node_bake)


def register() -> None:
    bpy.types.NODE_MT_add.append(_draw_add)
    hooks.draw_over(bpy.types.SpaceNodeEditor, "WINDOW", _draw_words)
    if versions.HAS_EFFECTS:
        bpy.types.SCENE_MT_add_compositor_effect.append(_draw_add_effect)


def unregister() -> None:
    if versions.HAS_EFFECTS:
        bpy.types.SCENE_MT_add_compositor_effect.remove(_draw_add_effect)
    bpy.types.NODE_MT_add.remove(_draw_add)
