# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on one strip: which strip is meant, why there is none, and the modifier's place in its stack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import bpy

from ...blender import signals
from ...blender.context import in_a_sequencer, sequencer_scene, strip_named
from ...shot import modifier, ownership
from .telling import Doing


class OnStrip(Doing):
    """Operators on one strip: the named one, or the active one. A subclass says in `on` what becomes of it."""

    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    strip_name: bpy.props.StringProperty(name="Strip", description="Name of the strip; empty for the active one")

    @classmethod
    def missing(cls, context: bpy.types.Context) -> str:
        scene = sequencer_scene(context)
        if scene is None or scene.sequence_editor is None or not scene.sequence_editor.strips_all:
            return "There is no strip in this scene's sequencer yet"
        return "The scene is linked from another file" if scene.library is not None else ""

    def do(self, context: bpy.types.Context) -> set[str]:
        return self.on(context, self.strip(context))

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        """Do it; what the operator returns."""
        raise NotImplementedError

    def strip(self, context: bpy.types.Context) -> bpy.types.Strip:
        """The strip meant. Raises ValueError where there is none."""
        strip = strip_named(context, self.strip_name)
        if strip is None:
            named = f'There is no strip named "{self.strip_name}" in this scene'
            raise ValueError(named if self.strip_name else "Select a strip first")
        return strip


@contextmanager
def given_modifier(operator: bpy.types.Operator, context: bpy.types.Context, strip: bpy.types.Strip) -> Iterator[bool]:
    """A strip that has the modifier, a new one on top, to be changed within; then its group is its own, and it shows
    anew. Whether the modifier is new."""
    fresh = modifier.find(strip) is None
    modifier.add(strip)
    yield fresh
    if fresh:
        to_the_top(operator, context, strip)
    ownership.separate()
    signals.redraw()


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
