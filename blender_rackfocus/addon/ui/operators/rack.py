# SPDX-License-Identifier: GPL-3.0-or-later
"""Rack: pull focus from one mark or distance to another, as ordinary keys on Focus Distance."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ....craft import pull
from ....craft.distances import distance_text
from ...blender import errors
from ...blender.context import active_strip, sequencer_scene, strip_named
from ...desk.pull import fps, pull_focus
from ...shot import marks, modifier
from ...shot.focus import Focus
from .on_strip import OnStrip
from .telling import refuse

EXPECTED = (RuntimeError, *errors.EXPECTED)
"""What may be wrong with a shot that the user can do something about."""

PLACES = (
    ("HERE", "Where Focus Is", "The focus of that frame"),
    ("MARK", "Mark", "A focus mark"),
    ("DISTANCE", "Distance", "A distance in metres"),
)
REPLACE = "Also replace focus keys that were set by hand; else they stay, and what is keyed goes around them"
FEELS = tuple((key, key.capitalize(), feel.explanation) for key, feel in pull.FEELS.items())


def problem_of(strip: bpy.types.Strip | None, name: str = "") -> str:
    """Why focus cannot be pulled on a strip; empty when it can."""
    if strip is None:
        return f'There is no strip named "{name}" in this scene' if name else "Select a strip first"
    if modifier.find(strip) is None:
        return f'"{strip.name}" has no Rack Focus modifier yet: add it first'
    if strip.id_data.library is not None:
        return "The scene is linked from another file: its keys cannot be changed"
    return ""


class OnRackedStrip(OnStrip):
    """Operators on a strip that has the modifier: the named one, or the active one."""

    expected: ClassVar[tuple[type[BaseException], ...]] = EXPECTED

    @classmethod
    def missing(cls, context: bpy.types.Context) -> str:
        scene = sequencer_scene(context)
        if scene is None or scene.sequence_editor is None:
            return "There is no strip in this scene's sequencer yet"
        return "" if any(modifier.in_scene(scene)) else problem_of(active_strip(context))

    def strip(self, context: bpy.types.Context) -> bpy.types.Strip:
        strip = strip_named(context, self.strip_name)
        refuse(problem_of(strip, self.strip_name))
        return strip


class RACKFOCUS_OT_rack(OnRackedStrip, bpy.types.Operator):
    """Pull focus from one mark or distance to another. It leaves keyframes on Focus Distance, which the Graph Editor
    shows, and joins what is keyed around them. Keys by hand stay"""

    bl_idname = "rackfocus.rack"
    bl_label = "Rack Focus"

    frame: bpy.props.IntProperty(name="Frame", description="Where the pull starts; not given: the current frame")
    duration: bpy.props.IntProperty(
        name="Duration", description="Length in frames; 0 is the feel's own length", min=0, soft_max=240
    )
    from_mark: bpy.props.StringProperty(name="From Mark", description="Mark to start from")
    to_mark: bpy.props.StringProperty(name="To Mark", description="Mark to end on")
    from_distance: bpy.props.FloatProperty(
        name="From", description="Distance to start from, in metres; 0 is where focus is", subtype="DISTANCE", min=0.0
    )
    to_distance: bpy.props.FloatProperty(
        name="To", description="Distance to end on, in metres", subtype="DISTANCE", min=0.0
    )
    feel: bpy.props.EnumProperty(name="Feel", description="How the pull feels", items=FEELS, default="SMOOTH")
    follow: bpy.props.BoolProperty(
        name="Follow", description="Keep following a tracked mark after the pull has arrived", default=True
    )

    replace_keys: bpy.props.BoolProperty(name="Replace Keys by Hand", description=REPLACE)

    start: bpy.props.EnumProperty(name="From", description="Where the pull starts", items=PLACES)
    end: bpy.props.EnumProperty(name="To", description="Where the pull ends", items=PLACES[1:])

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if self.to_mark or self.to_distance:
            return self.execute(context)
        return self.told(self._ask, context)

    def _ask(self, context: bpy.types.Context) -> set[str]:
        strip = self.strip(context)
        self.strip_name, self.frame = strip.name, strip.id_data.frame_current
        self.start = "MARK" if self.from_mark else "HERE"
        self.end = "MARK" if len(marks.of(strip)) else "DISTANCE"
        self.to_distance = self.from_distance = Focus(strip).at_m()
        self.replace_keys = strip.id_data.rackfocus_replace_keys
        return context.window_manager.invoke_props_dialog(self, title=f'Rack Focus on "{strip.name}"')

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        frame = self.frame if self.properties.is_property_set("frame") else strip.id_data.frame_current
        start = self._place(strip, "start", self.from_mark, self.from_distance)
        end = self._place(strip, "end", self.to_mark, self.to_distance)
        if end is None:
            raise ValueError("Say where to rack to: a mark, or a distance")
        duration, keep = self.duration or None, not self.replace_keys
        notes = pull_focus(strip, frame, end, start, self.feel, duration, self.follow, keep)
        for note in notes:
            self.report({"INFO"}, note)
        return {"FINISHED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        strip = strip_named(context, self.strip_name)
        if strip is None:
            return
        layout.label(text=f'"{strip.name}": focus is at {distance_text(Focus(strip).at_m())}')
        layout.prop(self, "frame")
        layout.prop(self, "feel")
        usual = pull.default_duration(self.feel, fps(strip.id_data))
        layout.prop(self, "duration", text=f"Frames (0 = {usual})")
        for side, mark, distance in (("start", "from_mark", "from_distance"), ("end", "to_mark", "to_distance")):
            layout.prop(self, side)
            if getattr(self, side) == "MARK":
                layout.prop_search(self, mark, strip, marks.MARKS, text="Mark")
            elif getattr(self, side) == "DISTANCE":
                layout.prop(self, distance, text="Distance")
        layout.prop(self, "follow")
        layout.prop(self, "replace_keys")

    def _place(self, strip: bpy.types.Strip, side: str, mark_name: str, metres: float) -> pull.Mark | None:
        """One end of the pull; None for where focus is, or where nothing is said."""
        chosen = getattr(self, side) if self.properties.is_property_set(side) else ""
        if not chosen and mark_name and metres:
            words = "to start from" if side == "start" else "to end on"
            raise ValueError(f"Give either a mark or a distance {words}, not both")
        if mark_name and chosen in ("", "MARK"):
            mark = marks.find(strip, mark_name)
            if mark is None:
                known = ", ".join(mark.name for mark in marks.of(strip)) or "none"
                raise ValueError(f'There is no mark named "{mark_name}" on "{strip.name}" (marks: {known})')
            return marks.for_pull(strip, mark)
        if metres and chosen in ("", "DISTANCE"):
            return pull.Mark(distance_text(metres), metres)
        return None


CLASSES = (RACKFOCUS_OT_rack,)
