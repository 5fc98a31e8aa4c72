# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on one strip: which strip is meant, why there is none, and the modifier's place in its stack."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...blender.context import in_a_sequencer, sequencer_scene, strip_named
from ...blender.errors import EXPECTED
from ...shot import modifier


def strip_problem(context: bpy.types.Context) -> str:
    """Why there is no strip to work on, empty when there is one."""
    scene = sequencer_scene(context)
    if scene is None or scene.sequence_editor is None:
        return "There is no strip in this scene's sequencer yet"
    if not scene.sequence_editor.strips_all:
        return "There is no strip in this scene's sequencer yet"
    if scene.library is not None:
        return "The scene is linked from another file"
    return ""


class OnStrip:
    """Operators on one strip: the named one, or the active one. A subclass says in `on` what becomes of it.

    expected: errors that are the user's to read; others are bugs, and raised.
    """

    expected: ClassVar[tuple[type[BaseException], ...]] = EXPECTED
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    strip_name: bpy.props.StringProperty(name="Strip", description="Name of the strip; empty for the active one")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        problem = strip_problem(context)
        if problem:
            cls.poll_message_set(problem)
        return not problem

    def execute(self, context: bpy.types.Context) -> set[str]:
        strip = self.strip(context)
        if strip is None:
            return {"CANCELLED"}
        try:
            return self.on(context, strip)
        except self.expected as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        """Do it; what the operator returns. What it raises of `expected` is told to the user."""
        raise NotImplementedError

    def strip(self, context: bpy.types.Context) -> bpy.types.Strip | None:
        """The strip meant, or None after reporting why there is none."""
        found = strip_named(context, self.strip_name)
        if found is None:
            named = f'There is no strip named "{self.strip_name}" in this scene'
            self.report({"ERROR"}, named if self.strip_name else "Select a strip first")
        return found


def to_the_top(operator: bpy.types.Operator, context: bpy.types.Context, strip: bpy.types.Strip) -> None:
    """Ours replaces the picture that comes in, so it must come first."""
    ahead = modifier.above(strip)
    if not ahead:
        return
    scene = sequencer_scene(context)
    before, scene.sequence_editor.active_strip = scene.sequence_editor.active_strip, strip
    try:
        with in_a_sequencer(context, scene):
            bpy.ops.sequencer.strip_modifier_move_to_index(modifier=modifier.find(strip).name, index=0)
    except RuntimeError:
        operator.report({"WARNING"}, f"Move Rack Focus above {', '.join(ahead)} in the strip's modifiers")
    finally:
        scene.sequence_editor.active_strip = before
