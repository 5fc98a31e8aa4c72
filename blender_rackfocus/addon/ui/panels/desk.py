# SPDX-License-Identifier: GPL-3.0-or-later
"""The focus puller's desk in the "Rack Focus" tab: focus and marks, racks, recipes, the sentence, the lens. Draws only.

What the desk remembers between clicks (feel, marks to rack between, the sentence) are properties of the scene.
"""

from __future__ import annotations

from typing import ClassVar

import bpy

from ....craft import lenses, phrase, pull
from ....craft.distances import distance_text, with_feet
from ....craft.follow import STRONG
from ...blender.context import active_strip
from ...desk import follow, shots
from ...desk.pull import fps, width_px
from ...shot import marks, modifier, proposals
from ...shot.focus import Focus
from ..operators.rack import FEELS, REPLACE
from ..operators.recipes import DIRECTIONS, RECIPES
from .lens_inputs import inputs_of
from .tab import OfStrip
from .text import words

EXAMPLE = "slow rack from the foreground to the background"

PROPERTIES = {
    "rackfocus_feel": bpy.props.EnumProperty(
        name="Feel", description="How the next pull feels", items=FEELS, default="SMOOTH"
    ),
    "rackfocus_duration": bpy.props.IntProperty(
        name="Duration", description="Frames of the next pull; 0 is the feel's own length", min=0, soft_max=240
    ),
    "rackfocus_from": bpy.props.StringProperty(
        name="From", description="Mark to rack from; empty is where the focus is"
    ),
    "rackfocus_to": bpy.props.StringProperty(name="To", description="Mark to rack to"),
    "rackfocus_direction": bpy.props.EnumProperty(
        name="Direction", description="Which way a recipe turns", items=DIRECTIONS
    ),
    "rackfocus_replace_keys": bpy.props.BoolProperty(name="Replace Keys by Hand", description=REPLACE),
    "rackfocus_sentence": bpy.props.StringProperty(
        name="Say It",
        description=f'What the focus shall do, as you would say it: "{EXAMPLE}, 85mm f/1.4"',
    ),
}


class RACKFOCUS_UL_marks(bpy.types.UIList):
    """Focus marks: name, distance at the current frame."""

    def draw_item(self, _context, layout, strip, mark, _icon, _data, _property, _index=0, _flag=0) -> None:
        row = layout.row(align=True)
        tracked = mark.kind == "TRACKED"
        row.prop(mark, "name", text="", emboss=False, icon="TRACKER" if tracked else "DRIVER_DISTANCE")
        right = row.row(align=True)
        right.alignment = "RIGHT"
        frame = strip.id_data.frame_current
        try:
            lost = marks.is_lost(strip, mark, frame)
            right.label(text=distance_text(marks.distance_m(strip, mark, frame)), icon="ERROR" if lost else "NONE")
        except ValueError:
            right.label(text="not tracked", icon="ERROR")
        row.operator("rackfocus.mark_focus", text="", icon="EYEDROPPER", emboss=False).mark = mark.name


class RACKFOCUS_PT_focus(OfStrip, bpy.types.Panel):
    """What is used most: all of a rack, from the first click to the last."""

    bl_label = "Focus"
    bl_options: ClassVar[set[str]] = {"HIDE_HEADER"}
    bl_order = 0

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        strip = active_strip(context)
        row = layout.row(align=True)
        row.label(text=f"Sharp at {with_feet(Focus(strip).at_m())}", icon="RESTRICT_RENDER_OFF")
        row.operator("rackfocus.eyedropper", text="Pick", icon="EYEDROPPER").action = "FOCUS"
        _draw_marks(layout, strip)
        _draw_rack(layout, strip)
        _draw_proposals(layout, strip)
        _draw_sentence(layout, strip)


def _draw_marks(layout: bpy.types.UILayout, strip: bpy.types.Strip) -> None:
    row = layout.row()
    row.template_list(
        "RACKFOCUS_UL_marks", "", strip, marks.MARKS, strip, marks.ACTIVE, rows=2, item_dyntip_propname=""
    )
    column = row.column(align=True)
    pair = column.row(align=True)
    pair.operator("rackfocus.eyedropper", text="", icon="EYEDROPPER").action = "MARK"
    pair.operator("rackfocus.mark_add", text="", icon="ADD")
    pair.operator("rackfocus.mark_remove", text="", icon="REMOVE")
    pair = column.row(align=True)
    pair.operator("rackfocus.mark_move", text="", icon="TRIA_UP").direction = "UP"
    pair.operator("rackfocus.mark_move", text="", icon="TRIA_DOWN").direction = "DOWN"
    pair.operator("rackfocus.mark_track", text="", icon="TRACKER").x = -1.0


def _draw_rack(layout: bpy.types.UILayout, strip: bpy.types.Strip) -> None:
    scene = strip.id_data
    column = layout.column(align=True)
    row = column.row(align=True)
    for name, text in (("rackfocus_from", "From"), ("rackfocus_to", "To")):
        label = row.row()
        label.ui_units_x = 2.2
        label.label(text=text)
        row.prop_search(scene, name, strip, marks.MARKS, text="", icon="DOT")
    row = column.row(align=True)
    row.prop(scene, "rackfocus_feel", text="")
    usual = pull.default_duration(scene.rackfocus_feel, fps(scene))
    row.prop(scene, "rackfocus_duration", text=f"Frames (0 = {usual})")
    row = column.row(align=True)
    button = row.operator("rackfocus.rack", text="Rack", icon="IPO_EASE_IN_OUT")
    button.from_mark, button.to_mark = (_known(strip, name) for name in (scene.rackfocus_from, scene.rackfocus_to))
    button.feel, button.duration = scene.rackfocus_feel, scene.rackfocus_duration
    button.replace_keys = scene.rackfocus_replace_keys
    row.operator("rackfocus.mark_hold", text="Hold", icon="PINNED")
    row.operator("rackfocus.follow_shot", text="Follow Shot", icon="VIEWZOOM")
    if shots.kept_told(strip, False):
        column.prop(scene, "rackfocus_replace_keys")


def _draw_proposals(layout: bpy.types.UILayout, strip: bpy.types.Strip) -> None:
    """What Follow the Shot proposes: no keys until they are kept."""
    proposed = proposals.read(strip)
    if not proposed:
        return
    box = layout.box().column(align=True)
    row = box.row(align=True)
    row.label(text="Proposed", icon="VIEWZOOM")
    row.operator("rackfocus.proposal_keep", text="Keep All").index = -1
    row.operator("rackfocus.proposal_delete", text="", icon="TRASH").index = -1
    for index, one in enumerate(proposed):
        row = box.row(align=True)
        row.active = one.strength >= STRONG
        row.label(text=follow.told(one), icon="KEYFRAME_HLT" if one.strength >= STRONG else "KEYFRAME")
        row.operator("rackfocus.proposal_keep", text="", icon="CHECKMARK").index = index
        row.operator("rackfocus.proposal_delete", text="", icon="X").index = index


def _known(strip: bpy.types.Strip, name: str) -> str:
    """The name of a mark if the strip has it: the fields are the scene's, and stay when another strip is chosen."""
    return name if marks.find(strip, name) is not None else ""


def _draw_sentence(layout: bpy.types.UILayout, strip: bpy.types.Strip) -> None:
    scene = strip.id_data
    row = layout.row(align=True)
    row.prop(scene, "rackfocus_sentence", text="", icon="OUTLINER_OB_SPEAKER", placeholder=EXAMPLE)
    if not scene.rackfocus_sentence.strip():
        return
    row.operator("rackfocus.say", icon="PLAY", text="").replace_keys = scene.rackfocus_replace_keys
    said = phrase.understand(scene.rackfocus_sentence, [mark.name for mark in marks.of(strip)])
    for line in phrase.describe(said, fps(scene)):
        alert = line.startswith("Not understood")
        column = layout.column()
        column.alert = alert
        words(column, line, "ERROR" if alert else "CHECKMARK", scale=0.7)
    if any(place.kind in phrase.IN_DEPTH for place in said.stops) and not bpy.context.screen.is_animation_playing:
        words(layout, shots.ground_told(strip), "INFO", scale=0.7)
    words(layout, shots.kept_told(strip, scene.rackfocus_replace_keys), "KEYFRAME", scale=0.7)


class RACKFOCUS_PT_mark(OfStrip, bpy.types.Panel):
    """What is rarely changed of a mark."""

    bl_label = "Mark"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}
    bl_order = 1

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context) and marks.active(active_strip(context)) is not None

    def draw(self, context: bpy.types.Context) -> None:
        mark = marks.active(active_strip(context))
        column = self.layout.column(align=True)
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(mark, "name")
        if mark.track:
            column.prop(mark, "kind")
        if mark.kind == "DISTANCE":
            column.prop(mark, "distance_m")
        if mark.x >= 0:
            column.prop(mark, "nearest")


class RACKFOCUS_PT_views(OfStrip, bpy.types.Panel):
    bl_label = "See Why"
    bl_order = 20

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        manager = context.window_manager
        layout.grid_flow(columns=2, even_columns=True, row_major=True, align=True).prop(
            manager, "rackfocus_view", expand=True
        )
        layout.prop(manager, "rackfocus_chart")


class RACKFOCUS_PT_recipes(OfStrip, bpy.types.Panel):
    bl_label = "Shot Recipes"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}
    bl_order = 2

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        strip = active_strip(context)
        scene = strip.id_data
        layout.row().prop(scene, "rackfocus_direction", expand=True)
        if not context.screen.is_animation_playing:  # the middle frame's depth may be read for this
            words(layout, f"Goes between {told}" if (told := shots.subjects_told(strip)) else "", "INFO")
        words(layout, shots.replaced_told(strip, scene.rackfocus_replace_keys).capitalize(), "KEYFRAME")
        layout.prop(scene, "rackfocus_replace_keys")
        for key, label, explanation in RECIPES:
            button = layout.operator("rackfocus.recipe", text=label)
            button.recipe, button.direction = key, scene.rackfocus_direction
            button.replace_keys = scene.rackfocus_replace_keys
            words(layout, explanation, scale=0.6, active=False)


class RACKFOCUS_PT_optics(OfStrip, bpy.types.Panel):
    bl_label = "Lens"
    bl_order = 3

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        strip = active_strip(context)
        inputs_of(layout, modifier.find(strip), modifier.USUAL)
        row = layout.row(align=True)
        value = {name: shots.value_of(strip, name) for name in ("Focal Length", "F-Stop", "Squeeze", "Sensor Width")}
        lens = lenses.nearest_preset(value["Focal Length"], value["F-Stop"], value["Squeeze"])
        sensor = lenses.nearest_sensor(value["Sensor Width"] / value["Squeeze"])
        row.operator_menu_enum("rackfocus.lens_preset", "preset", text=lenses.LENSES[lens].label if lens else "Lens")
        row.operator_menu_enum(
            "rackfocus.sensor_format", "format", text=lenses.SENSORS[sensor].label if sensor else "Sensor"
        )
        layout.operator("rackfocus.lens_from_camera", text="From Camera...", icon="CAMERA_DATA")
        try:
            told = shots.read_outs(shots.lens_at(strip), width_px(strip))
        except ValueError as error:
            words(layout, str(error), "ERROR")
            return
        grid = layout.grid_flow(columns=2, even_columns=True, row_major=True, align=True)
        for name, text in (
            ("Near limit", with_feet(told["near_m"])),
            ("Far limit", with_feet(told["far_m"])),
            ("Hyperfocal", with_feet(told["hyperfocal_m"])),
            ("Blur at infinity", f"{told['infinity_px']:.1f} px wide"),
        ):
            grid.label(text=name)
            grid.label(text=text)
        words(layout, shots.cut_told(strip), "ERROR")


CLASSES = (
    RACKFOCUS_UL_marks,
    RACKFOCUS_PT_focus,
    RACKFOCUS_PT_mark,
    RACKFOCUS_PT_recipes,
    RACKFOCUS_PT_optics,
    RACKFOCUS_PT_views,
)


OWNERS = (bpy.types.Scene,)
