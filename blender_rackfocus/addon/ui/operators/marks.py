# SPDX-License-Identifier: GPL-3.0-or-later
"""Focus marks: add, delete, reorder, put the focus on one, hold on one."""

from __future__ import annotations

import bpy

from ....craft import pull
from ....craft.distances import distance_text
from ...blender.context import active_strip
from ...shot import marks
from ...shot.focus import Focus
from .rack import OnRackedStrip, problem_of


class _OnActiveMark(OnRackedStrip):
    """Operators on one mark of the strip: the named one, or the active one."""

    mark: bpy.props.StringProperty(name="Mark", description="Name of the mark; empty for the active one")

    @classmethod
    def missing(cls, context: bpy.types.Context) -> str:
        strip = active_strip(context)
        none_yet = "" if problem_of(strip) or len(marks.of(strip)) else f'"{strip.name}" has no focus marks yet'
        return problem_of(strip) or none_yet

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        mark = marks.find(strip, self.mark) if self.mark else marks.active(strip)
        if mark is None:
            raise ValueError(f'There is no mark named "{self.mark}"' if self.mark else "Choose a mark first")
        return self.on_mark(context, strip, mark)

    def on_mark(self, context: bpy.types.Context, strip: bpy.types.Strip, mark: bpy.types.PropertyGroup) -> set[str]:
        """Do it, as `on`."""
        raise NotImplementedError


class RACKFOCUS_OT_mark_add(OnRackedStrip, bpy.types.Operator):
    """Tape a mark: the distance in focus now, or the one given, under a name to rack to"""

    bl_idname = "rackfocus.mark_add"
    bl_label = "Add Focus Mark"

    name: bpy.props.StringProperty(name="Name", description="What lies there", default="Mark")
    distance: bpy.props.FloatProperty(
        name="Distance", description="Metres; 0 takes the focus of the current frame", subtype="DISTANCE", min=0.0
    )

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        marks.add(strip, self.name, self.distance or Focus(strip).at_m())
        return {"FINISHED"}


class RACKFOCUS_OT_mark_remove(_OnActiveMark, bpy.types.Operator):
    """Delete the mark. Keys that were made with it stay"""

    bl_idname = "rackfocus.mark_remove"
    bl_label = "Delete Focus Mark"

    def on_mark(self, context: bpy.types.Context, strip: bpy.types.Strip, mark: bpy.types.PropertyGroup) -> set[str]:
        marks.remove(strip, list(marks.of(strip)).index(mark))
        return {"FINISHED"}


class RACKFOCUS_OT_mark_move(_OnActiveMark, bpy.types.Operator):
    """Move the mark up or down in the list: recipes take marks in this order"""

    bl_idname = "rackfocus.mark_move"
    bl_label = "Move Focus Mark"

    direction: bpy.props.EnumProperty(
        name="Direction",
        description="Where to",
        items=(("UP", "Up", "Earlier in the list"), ("DOWN", "Down", "Later in the list")),
    )

    def on_mark(self, context: bpy.types.Context, strip: bpy.types.Strip, mark: bpy.types.PropertyGroup) -> set[str]:
        here = list(marks.of(strip)).index(mark)
        there = here + (-1 if self.direction == "UP" else 1)
        if not 0 <= there < len(marks.of(strip)):
            return {"CANCELLED"}
        marks.of(strip).move(here, there)
        setattr(strip, marks.ACTIVE, there)
        return {"FINISHED"}


class RACKFOCUS_OT_mark_focus(_OnActiveMark, bpy.types.Operator):
    """Put the focus of the current frame on the mark: a key where the focus is keyed or auto-key is on"""

    bl_idname = "rackfocus.mark_focus"
    bl_label = "Focus on Mark"

    def on_mark(self, context: bpy.types.Context, strip: bpy.types.Strip, mark: bpy.types.PropertyGroup) -> set[str]:
        frame = strip.id_data.frame_current
        focus_m = marks.distance_m(strip, mark, frame)
        told = put_focus(context, strip, focus_m)
        if marks.is_lost(strip, mark, frame):
            self.report({"WARNING"}, f'"{mark.name}" is lost on this frame: its distance is bridged')
        self.report({"INFO"}, told)
        return {"FINISHED"}


class RACKFOCUS_OT_mark_hold(_OnActiveMark, bpy.types.Operator):
    """Hold focus on the mark from the current frame on, following it if it is tracked, up to the next pull, which then
    starts from there, the next key by hand, or the strip's end"""

    bl_idname = "rackfocus.mark_hold"
    bl_label = "Hold on Mark"

    def on_mark(self, context: bpy.types.Context, strip: bpy.types.Strip, mark: bpy.types.PropertyGroup) -> set[str]:
        frame = strip.id_data.frame_current
        until = hold(strip, marks.for_pull(strip, mark), frame)
        self.report({"INFO"}, f'Focus holds on "{mark.name}" from frame {frame} to {until:g}')
        return {"FINISHED"}


def hold(strip: bpy.types.Strip, mark: pull.Mark, frame: float) -> float:
    """Key a strip's focus so that it holds a mark from a frame on, see `pull.hold`. Returns the frame up to which it
    does. Raises ValueError, RuntimeError."""
    focus = Focus(strip)
    first, last = marks.span(strip)
    keys, until = pull.hold(focus.keys(), frame, mark, first, last)
    focus.write(keys)
    return until


def put_focus(context: bpy.types.Context, strip: bpy.types.Strip, focus_m: float) -> str:
    """Focus at the current frame: a key where it is keyed or Blender's auto-keying is on. Returns what was done, in
    words. Raises RuntimeError where Blender refuses to key."""
    frame = strip.id_data.frame_current
    keyed = Focus(strip).set(focus_m, frame, context.scene.tool_settings.use_keyframe_insert_auto)
    return f"Focus at {distance_text(focus_m)}" + (f", keyed at frame {frame}" if keyed else "")


CLASSES = (
    RACKFOCUS_OT_mark_add,
    RACKFOCUS_OT_mark_remove,
    RACKFOCUS_OT_mark_move,
    RACKFOCUS_OT_mark_focus,
    RACKFOCUS_OT_mark_hold,
)
