# SPDX-License-Identifier: GPL-3.0-or-later
"""What is drawn over a sequencer's region and taken with the mouse there: the switch, and how Blender is told what can
be dragged. A gizmo that draws nothing does that, since a gizmo has its press before any tool."""

from __future__ import annotations

from typing import Any, ClassVar

import bpy

from ..blender.context import redraw_sequencers


class Hand:
    """A gizmo over all that one kind of overlay draws."""

    def setup(self) -> None:
        self.use_tooltip = False

    def draw(self, _context: bpy.types.Context) -> None:
        """Drawn with the overlay."""

    def overlay(self, region: bpy.types.Region) -> Any:
        """What a region shows; its `hover` is what the mouse is over."""
        raise NotImplementedError

    def under(self, region: bpy.types.Region, x: float, y: float) -> Any:
        """What can be taken at a place of a region, None where nothing is."""
        raise NotImplementedError

    def test_select(self, context: bpy.types.Context, location: tuple[int, int]) -> int:
        overlay, hit = self.overlay(context.region), self.under(context.region, *location)
        if hit != overlay.hover:
            overlay.hover = hit
            context.region.tag_redraw()
        return -1 if hit is None else 0


class Hands:
    """The group of one such gizmo. hand: its name; takes: the operator that its press begins; switch: as of `is_on`."""

    bl_space_type = "SEQUENCE_EDITOR"
    bl_options: ClassVar[set[str]] = {"PERSISTENT", "SHOW_MODAL_ALL"}
    hand: ClassVar[str]
    takes: ClassVar[str]
    switch: ClassVar[str]
    bl_region_type: ClassVar[str]
    gizmos: bpy.types.Gizmos

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return is_on(context, cls.switch, cls.bl_region_type)

    def setup(self, _context: bpy.types.Context) -> None:
        self.gizmos.new(self.hand).target_set_operator(self.takes)


def is_on(context: bpy.types.Context, switch: str, region_type: str) -> bool:
    """Whether a sequencer shows an overlay: our switch, Blender's switch of all overlays, and a region for it.

    region_type: 'PREVIEW', or 'WINDOW' for the timeline."""
    space, other = context.space_data, "SEQUENCER" if region_type == "PREVIEW" else "PREVIEW"
    in_sequencer = space is not None and space.type == "SEQUENCE_EDITOR" and space.view_type != other
    return in_sequencer and space.show_overlays and getattr(context.window_manager, switch)


def switch(label: str, description: str) -> Any:
    """The property of the window manager that shows an overlay."""
    return bpy.props.BoolProperty(
        name=label,
        description=description,
        default=True,
        update=lambda _manager, _context: redraw_sequencers(),
        options={"SKIP_SAVE"},
    )
