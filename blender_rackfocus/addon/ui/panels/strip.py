# SPDX-License-Identifier: GPL-3.0-or-later
"""The "Rack Focus" tab in the sequencer's sidebar. Draws, and only draws."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...blender import errors
from ...blender.context import active_strip, sequencer_scene
from ...delivery import twin, twin_group
from ...depth import networks, sources, strip_estimate
from ...sequencer import frames
from ...shot import modifier
from ..operators import jobs
from . import rendered
from .lens_inputs import inputs_of, numbers_of
from .tab import OfStrip, Tab
from .text import problem, words

_PROBLEMS_SHOWN = 3


class RACKFOCUS_PT_strip(Tab, bpy.types.Panel):
    bl_label = "Rack Focus"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        strip = active_strip(context)
        _draw_problems(layout, sequencer_scene(context), strip)
        jobs.draw_running(layout)
        if strip is None:
            layout.label(text="Select a strip", icon="INFO")
            return
        rack_modifier = modifier.find(strip)
        if rack_modifier is None and twin.find(strip) is not None:
            _draw_twin(layout, strip)
            return
        if rack_modifier is None:
            layout.operator("rackfocus.modifier_add", icon="CAMERA_DATA")
            if not modifier.suits(strip):
                layout.label(text="Works on image, movie, scene and adjustment strips", icon="INFO")
            return
        row = layout.row(align=True)
        row.prop(rack_modifier, "mute", text="", icon="HIDE_ON" if rack_modifier.mute else "HIDE_OFF", emboss=False)
        row.label(text=strip.name)
        row.operator("rackfocus.refresh", text="", icon="FILE_REFRESH")
        row.operator("rackfocus.modifier_remove", text="", icon="X")
        if strip.type != modifier.ADJUSTMENT and not sources.of(strip).has(strip):
            _draw_ways(layout, strip)


class RACKFOCUS_PT_depth(OfStrip, bpy.types.Panel):
    bl_label = "Depth"
    bl_order = 10  # behind the desk

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        strip = active_strip(context)
        rack_modifier = modifier.find(strip)
        source = sources.of(strip)
        if not context.screen.is_animation_playing:  # the file of a new frame is read for this
            words(layout, frames.depth_told(strip, sequencer_scene(context)), "INFO")
        if strip.type == modifier.ADJUSTMENT:
            layout.prop(rack_modifier, "input_mask_strip", text="Depth Strip")
            if rack_modifier.input_mask_strip is None:
                words(layout, "Depth is that of the strips below, by their own settings")
                return
        else:
            _draw_source(layout, strip, rack_modifier)
        layout.prop(strip, "rackfocus_fit_depth")
        if not context.screen.is_animation_playing:
            words(layout, frames.fit_told(strip, sequencer_scene(context)), "SNAP_ON")
        if strip.type == "SCENE" and strip.scene is not None:
            rendered.draw(layout, strip, strip.scene)
        elif not source.by_hand:
            layout.prop(strip, "rackfocus_uncover")
        if not context.screen.is_animation_playing:
            words(layout, frames.behind_told(strip, sequencer_scene(context)), "XRAY")
        if "numbers" not in source.fields:
            return
        layout.prop(strip, "rackfocus_depth_layer")
        numbers_of(layout, strip)


def _draw_source(layout: bpy.types.UILayout, strip: bpy.types.Strip, rack_modifier: bpy.types.StripModifier) -> None:
    """Where a strip's depth comes from."""
    fields = sources.of(strip).fields
    layout.prop(strip, "rackfocus_depth_source")
    if "strip" in fields:
        layout.prop(rack_modifier, "input_mask_strip", text="Depth Strip")
    if "path" in fields:
        layout.prop(strip, "rackfocus_depth_path")
        _draw_pairing(layout, strip)


class RACKFOCUS_PT_rare(OfStrip, bpy.types.Panel):
    bl_label = "Blades, Sensor, Strengths"
    bl_order = 4
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        inputs_of(self.layout, modifier.find(active_strip(context)), modifier.RARE)
        self.layout.operator("rackfocus.settings_copy", icon="COPYDOWN")
        self.layout.operator("rackfocus.convert_to_nodes", icon="NODETREE")


class RACKFOCUS_PT_lens(OfStrip, bpy.types.Panel):
    bl_label = "Lens Character"
    bl_order = 5
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        inputs_of(self.layout, modifier.find(active_strip(context)), modifier.CHARACTER)


def _draw_ways(layout: bpy.types.UILayout, strip: bpy.types.Strip) -> None:
    """What a clip without depth can be given, with the buttons."""
    box = layout.box()
    words(box, "This clip has no depth yet. Any of these gives it one:", "INFO")
    column = box.column(align=True)
    column.operator_context = "INVOKE_DEFAULT"
    column.operator("rackfocus.estimate_depth", icon="SHADERFX").source = "AUTO"
    if not strip_estimate.model_of(strip):
        model = networks.offered()[0]
        column.operator("rackfocus.network_get", text=f"Get a Network ({model.name})", icon="IMPORT").name = model.name
    column.operator("rackfocus.subject", text="Cards: Draw over a Subject", icon="BRUSH_DATA").card = -1
    column.operator("rackfocus.depth_file", icon="FILEBROWSER")
    in_the_way = jobs.in_the_way("PICTURES")
    if in_the_way:
        words(box, in_the_way, "INFO")
    elif not bpy.app.online_access and not strip_estimate.model_of(strip):
        words(box, networks.OFFLINE, "INFO")


def _draw_pairing(layout: bpy.types.UILayout, strip: bpy.types.Strip) -> None:
    """Which depth file goes with which frame, and why; where none is chosen, what the clip's movie itself offers."""
    try:
        if strip.rackfocus_depth_path:
            if sources.may_have_streams(strip):
                layout.prop(strip, "rackfocus_depth_stream")
            paired = sources.pairing_of(strip, strip.id_data)
            words(layout, paired.sentence, "ERROR" if paired.doubtful else "INFO")
        elif (stream := sources.further_stream(strip, strip.id_data)) is not None:
            words(layout, f"The movie has another video stream (number {stream + 1}), which may be its depth", "INFO")
            layout.operator("rackfocus.depth_from_stream").stream = stream
    except errors.EXPECTED as error:
        words(layout, str(error), "ERROR")


def _draw_twin(layout: bpy.types.UILayout, strip: bpy.types.Strip) -> None:
    """A strip whose modifier was converted to Blender's own nodes: the same inputs, and how near it comes."""
    twin_modifier = twin.find(strip)
    words(layout, f"{strip.name}: Blender's own nodes", "NODETREE")
    measured = twin_modifier.node_group.get(twin_group.MEASURED, 0.0)
    words(layout, f"{measured:.1f} dB from the real result when converted")
    inputs_of(layout, twin_modifier, (*modifier.USUAL, *modifier.RARE))
    ignored = twin.left_out(twin_modifier)
    if ignored:
        words(layout, f"Without effect: {', '.join(ignored)}")
    layout.operator("rackfocus.convert_back", icon="LOOP_BACK")


def _draw_problems(layout: bpy.types.UILayout, scene: bpy.types.Scene | None, strip: bpy.types.Strip | None) -> None:
    """What is wrong with the active strip, else with any strip on screen: an error must not hide behind a selection."""
    own = errors.of(scene.session_uid, strip.name) if scene is not None and strip is not None else ""
    for told in [own] if own else errors.all_shown()[:_PROBLEMS_SHOWN]:
        problem(layout, told)


CLASSES = (RACKFOCUS_PT_strip, RACKFOCUS_PT_rare, RACKFOCUS_PT_lens, RACKFOCUS_PT_depth)
