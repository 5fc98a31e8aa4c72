# SPDX-License-Identifier: GPL-3.0-or-later
"""The focus puller's desk in the "Rack Focus" tab: focus and marks, racks, recipes, the sentence, the lens. Draws only.

What the desk remembers between clicks (feel, marks to rack between, the sentence) are properties of the scene.
"""

from __future__ import annotations

from typing import ClassVar

import bpy

from ....craft import lenses, phrase, pull
from ....craft.focus_chart import distance_text
from ...blender.context import active_strip
from ...desk import shots
from ...shot import marks, modifier
from ...shot.focus import Focus
from ..operators.rack import FEELS
from ..operators.recipes import DIRECTIONS, RECIPES
from .text import words

FOOT_M = 0.3048

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
    "rackfocus_sentence": bpy.props.StringProperty(
        name="Say It",
        description='What the focus shall do, as you would say it: "slow rack focus from the foreground to the figure '
        'behind, 85mm f/1.4"',
    ),
}


def distance_label(metres: float) -> str:
    """A distance in metres and feet."""
    if metres >= pull.INFINITY_M:
        return "\u221e"
    inches = round(metres / FOOT_M * 12)
    return f"{distance_text(metres)}  ({inches // 12}\u2032 {inches % 12}\u2033)"


class _Tab:
    bl_space_type = "SEQUENCE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Rack Focus"
    bl_parent_id = "RACKFOCUS_PT_strip"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        strip = active_strip(context)
        return strip is not None and modifier.find(strip) is not None


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


class RACKFOCUS_PT_focus(_Tab, bpy.types.Panel):
    bl_label = "Focus"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        strip = active_strip(context)
        scene = strip.id_data
        focus = Focus(strip)
        row = layout.row(align=True)
        row.label(text=f"Sharp at {distance_label(focus.at_m())}", icon="RESTRICT_RENDER_OFF")
        row.operator("rackfocus.eyedropper", text="Pick", icon="EYEDROPPER").action = "FOCUS"
        row = layout.row()
        row.template_list(
            "RACKFOCUS_UL_marks", "", strip, marks.MARKS, strip, marks.ACTIVE, rows=3, item_dyntip_propname=""
        )
        column = row.column(align=True)
        column.operator("rackfocus.mark_add", text="", icon="ADD")
        column.operator("rackfocus.eyedropper", text="", icon="EYEDROPPER").action = "MARK"
        column.operator("rackfocus.mark_remove", text="", icon="REMOVE")
        column.separator()
        column.operator("rackfocus.mark_move", text="", icon="TRIA_UP").direction = "UP"
        column.operator("rackfocus.mark_move", text="", icon="TRIA_DOWN").direction = "DOWN"
        mark = marks.active(strip)
        if mark is not None:
            _draw_mark(layout, mark)
        row = layout.row(align=True)
        row.operator("rackfocus.mark_track", text="Track", icon="TRACKING_FORWARDS").x = -1.0
        row.operator("rackfocus.mark_hold", text="Hold", icon="PINNED")
        column = layout.column(align=True)
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop_search(scene, "rackfocus_from", strip, marks.MARKS, icon="DOT")
        column.prop_search(scene, "rackfocus_to", strip, marks.MARKS, icon="FORWARD")
        column.prop(scene, "rackfocus_feel")
        column.prop(scene, "rackfocus_duration")
        button = layout.operator("rackfocus.rack", text="Rack", icon="IPO_EASE_IN_OUT")
        button.from_mark, button.to_mark = scene.rackfocus_from, scene.rackfocus_to
        button.feel, button.duration = scene.rackfocus_feel, scene.rackfocus_duration


def _draw_mark(layout: bpy.types.UILayout, mark: marks.RackFocusMark) -> None:
    column = layout.column(align=True)
    column.use_property_split = True
    column.use_property_decorate = False
    if mark.track:
        column.prop(mark, "kind")
    if mark.kind == "DISTANCE":
        column.prop(mark, "distance_m")
    if mark.x >= 0:
        column.prop(mark, "nearest")


class RACKFOCUS_PT_views(_Tab, bpy.types.Panel):
    bl_label = "See Why"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        manager = context.window_manager
        layout.grid_flow(columns=2, even_columns=True, row_major=True, align=True).prop(
            manager, "rackfocus_view", expand=True
        )
        layout.prop(manager, "rackfocus_chart")


class RACKFOCUS_PT_recipes(_Tab, bpy.types.Panel):
    bl_label = "Shot Recipes"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        scene = active_strip(context).id_data
        layout.row().prop(scene, "rackfocus_direction", expand=True)
        for key, label, explanation in RECIPES:
            button = layout.operator("rackfocus.recipe", text=label)
            button.recipe, button.direction = key, scene.rackfocus_direction
            words(layout, explanation, scale=0.6, active=False)


class RACKFOCUS_PT_say(_Tab, bpy.types.Panel):
    bl_label = "Say It"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        strip = active_strip(context)
        scene = strip.id_data
        layout.prop(scene, "rackfocus_sentence", text="")
        if not scene.rackfocus_sentence.strip():
            return
        said = phrase.understand(scene.rackfocus_sentence, [mark.name for mark in marks.of(strip)])
        for line in phrase.describe(said, shots.fps(scene)):
            alert = line.startswith("Not understood")
            column = layout.column()
            column.alert = alert
            words(column, line, "ERROR" if alert else "CHECKMARK", scale=0.7)
        layout.operator("rackfocus.say", icon="PLAY")


class RACKFOCUS_PT_optics(_Tab, bpy.types.Panel):
    bl_label = "Lens"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        strip = active_strip(context)
        row = layout.row(align=True)
        value = {name: shots.value_of(strip, name) for name in ("Focal Length", "F-Stop", "Squeeze", "Sensor Width")}
        lens = lenses.nearest_preset(value["Focal Length"], value["F-Stop"], value["Squeeze"])
        sensor = lenses.nearest_sensor(value["Sensor Width"] / value["Squeeze"])
        row.operator_menu_enum("rackfocus.lens_preset", "preset", text=lenses.LENSES[lens].label if lens else "Lens")
        row.operator_menu_enum(
            "rackfocus.sensor_format", "format", text=lenses.SENSORS[sensor].label if sensor else "Sensor"
        )
        layout.operator("rackfocus.lens_from_camera", icon="CAMERA_DATA")
        try:
            told = shots.read_outs(shots.lens_at(strip), shots.width_px(strip))
        except ValueError as error:
            layout.label(text=str(error), icon="ERROR")
            return
        grid = layout.grid_flow(columns=2, even_columns=True, row_major=True, align=True)
        for name, text in (
            ("Near limit", distance_label(told["near_m"])),
            ("Far limit", distance_label(told["far_m"])),
            ("Hyperfocal", distance_label(told["hyperfocal_m"])),
            ("Blur at infinity", f"{told['infinity_px']:.1f} px wide"),
        ):
            grid.label(text=name)
            grid.label(text=text)
        words(layout, shots.cut_told(strip), "ERROR")


CLASSES = (
    RACKFOCUS_UL_marks,
    RACKFOCUS_PT_focus,
    RACKFOCUS_PT_views,
    RACKFOCUS_PT_optics,
    RACKFOCUS_PT_recipes,
    RACKFOCUS_PT_say,
)


def register() -> None:
    for name, definition in PROPERTIES.items():
        setattr(bpy.types.Scene, name, definition)
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
    for name in reversed(PROPERTIES):
        delattr(bpy.types.Scene, name)
