# SPDX-License-Identifier: GPL-3.0-or-later
"""Under "Depth" in the sidebar: where the depth came from, Estimate Depth, cards, and the doctor. Draws, and only
draws."""

from __future__ import annotations

from typing import Any, ClassVar

import bpy

from ....craft.distances import distance_text
from ...blender.context import active_strip
from ...depth import sources, strip_cards, strip_estimate, touches
from ...shot import modifier
from . import networks
from .tab import Tab
from .text import fields, words


class _Tab(Tab):
    bl_parent_id = "RACKFOCUS_PT_strip"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        strip = active_strip(context)
        return strip is not None and strip.type in modifier.KINDS


class RACKFOCUS_PT_estimate(_Tab, bpy.types.Panel):
    bl_label = "Estimate Depth"
    bl_order = 12  # behind the desk

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        strip = active_strip(context)
        told = sources.noted(strip)
        if told:
            box = layout.box()
            for number, sentence in enumerate(told):
                words(box, sentence, "INFO" if number == 0 else "DOT")
        layout.prop(strip, "rackfocus_model_path", text="Network")
        model = strip_estimate.model_of(strip)
        if model:
            networks.draw_chosen(layout, model)
        else:
            words(layout, "No network is chosen. None can be shipped; these can be had:")
            networks.draw_table(layout, strip)
        layout.operator_context = "INVOKE_DEFAULT"
        row = layout.row(align=True)
        for source, label in (("AUTO", "Estimate Depth"), ("STEREO", "Stereo")):
            row.operator("rackfocus.estimate_depth", text=label).source = source
        row = layout.row(align=True)
        for source, label in (("NETWORK", "Network"), ("PARALLAX", "Camera Movement")):
            row.operator("rackfocus.estimate_depth", text=label).source = source


class RACKFOCUS_UL_cards(bpy.types.UIList):
    """The strip's cards."""

    def draw_item(self, _context, layout, _data, item, _icon, _active_data, _active_name, index, _flag) -> None:
        row = layout.row(align=True)
        if item.matte:
            row.label(text=f"Subject {index + 1}", icon="OUTLINER_OB_ARMATURE")
        else:
            row.prop(item, "mask", text="")
        row.prop(item, "distance_m", text="")


class RACKFOCUS_PT_cards(_Tab, bpy.types.Panel):
    bl_label = "Cards"
    bl_order = 13  # behind the desk

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        strip = active_strip(context)
        row = layout.row()
        row.template_list("RACKFOCUS_UL_cards", "", strip, "rackfocus_cards", strip, "rackfocus_cards_active", rows=3)
        column = row.column(align=True)
        column.operator("rackfocus.card_add", text="", icon="ADD")
        column.operator("rackfocus.card_remove", text="", icon="REMOVE")
        layout.operator_context = "INVOKE_DEFAULT"
        row = layout.row(align=True)
        row.operator("rackfocus.subject", text="New Subject", icon="BRUSH_DATA").card = -1
        active = strip.rackfocus_cards_active
        if active < len(strip.rackfocus_cards):
            card = strip.rackfocus_cards[active]
            if card.matte:
                row.operator("rackfocus.subject", text="Correct", icon="GREASEPENCIL").card = active
            fields(layout, card, ("mask", "ground", "soft") if card.matte else ("ground", "soft"))
        if "cards" not in sources.of(strip).fields:
            return
        words(layout, strip_cards.provenance(strip).sentence(), "INFO")
        behind = ("back_from_m", "back_to_m", "back_start", "back_end", "cards_time")
        fields(layout, strip, (f"rackfocus_{name}" for name in behind))


class RACKFOCUS_UL_touches(bpy.types.UIList):
    """The strokes on the strip's depth."""

    def draw_item(self, _context, layout, _data, item, _icon, _active_data, _active_name, index, _flag) -> None:
        row = layout.row(align=True)
        row.prop(item, "kind", text="")
        row.label(text=f"frame {item.frame}")
        row.prop(item, "hold", text="", icon="PINNED" if item.hold else "UNPINNED", emboss=False)


class RACKFOCUS_PT_touch_up(_Tab, bpy.types.Panel):
    bl_label = "Touch Up"
    bl_order = 14  # behind the desk

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        strip = active_strip(context)
        return strip is not None and touches.suits(strip)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        strip = active_strip(context)
        draw_strokes(layout, strip, "rackfocus.touch_up", "")


def draw_strokes(layout: bpy.types.UILayout, owner: touches.Owner, touch_up: str, node_name: str) -> None:
    """The strokes on a strip's depth, or on that of the node of this name. touch_up: the operator that draws them."""
    layout.operator_context = "INVOKE_DEFAULT"
    grid = layout.grid_flow(columns=2, align=True)
    for kind, label, _description, icon, _number in touches.KINDS:
        drawing = grid.operator(touch_up, text=label, icon=icon)
        drawing.kind, drawing.node_name = kind, node_name
    strokes = owner.rackfocus_touches
    if not strokes:
        return

    def button(where: bpy.types.UILayout, name: str, told: dict[str, Any], **look: str) -> None:
        made = where.operator(f"rackfocus.{name}", **look)
        made.node_name = node_name
        for key, value in told.items():
            setattr(made, key, value)

    row = layout.row()
    row.template_list("RACKFOCUS_UL_touches", "", owner, "rackfocus_touches", owner, "rackfocus_touches_active", rows=3)
    column = row.column(align=True)
    button(column, "touch_remove", {"index": -1}, text="", icon="REMOVE")
    button(column, "touch_remove", {"every": True}, text="", icon="TRASH")
    active = owner.rackfocus_touches_active
    if active < len(strokes):
        one = strokes[active]
        pushed = one.kind in {"NEARER", "FARTHER"}
        fields(layout, one, ("radius", *(("factor", "dioptres") if pushed else ()), "edges", "hold"))
        if one.hold and one.motion:
            words(layout, one.lost or "Held through the shot", "ERROR" if one.lost else "CHECKMARK")
            button(layout, "touch_follow", {"index": active}, text="Follow Again")
    if touches.waiting(owner):
        words(layout, "What is held is followed through the shot once:", "INFO")
        button(layout, "touch_follow", {"index": -1}, icon="TRACKING")


class RACKFOCUS_PT_doctor(_Tab, bpy.types.Panel):
    bl_label = "Depth Doctor"
    bl_order = 15  # behind the desk

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        strip = active_strip(context)
        layout.operator("rackfocus.depth_examine", icon="VIEWZOOM")
        if strip.rackfocus_examined:
            layout.label(text=strip.rackfocus_histogram)
            words(layout, strip.rackfocus_examined, "INFO")
            if not strip.rackfocus_findings:
                words(layout, "Nothing is wrong with this depth, as far as can be seen", "CHECKMARK")
        for one in strip.rackfocus_findings:
            box = layout.box()
            words(box, one.words, "ERROR")
            if one.asks_distances:
                near, far = distance_text(strip.rackfocus_near_m), distance_text(strip.rackfocus_far_m)
                words(box, f"With near {near} and far {far}")
            box.operator("rackfocus.depth_fix", text=one.fix).finding = one.code
        fields(layout, strip, ("rackfocus_depth_offset",))
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("rackfocus.depth_from_points", icon="EYEDROPPER")


CLASSES = (
    RACKFOCUS_PT_estimate,
    RACKFOCUS_UL_cards,
    RACKFOCUS_PT_cards,
    RACKFOCUS_UL_touches,
    RACKFOCUS_PT_touch_up,
    RACKFOCUS_PT_doctor,
)
