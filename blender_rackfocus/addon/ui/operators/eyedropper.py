# SPDX-License-Identifier: GPL-3.0-or-later
"""Pick focus in the picture: hover shows the distance and a magnified patch, a click focuses there."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import ClassVar

import bpy
import gpu
import numpy as np
from gpu_extras.presets import draw_texture_2d

from ....craft.distances import distance_text, with_feet
from ....craft.pull import INFINITY_M
from ...blender.context import sequencer_scene
from ...sequencer import eyedropper
from ...shot import marks
from ...shot.focus import Focus
from .. import gpu_draw, tint
from .marks import put_focus
from .rack import EXPECTED, OnRackedStrip

_ZOOM = 7
"""Screen pixels for one of the picture's in the magnified patch."""
_HELP = "Click: focus here   Shift: nearest surface   Ctrl: add a mark   Alt: add a mark and track it   Esc: leave"
_ACTIONS = (
    ("FOCUS", "Focus", "Set the focus of the current frame"),
    ("MARK", "Mark", "Add a mark at this distance"),
    ("TRACK", "Tracked Mark", "Add a mark and track it through the shot"),
)


class RACKFOCUS_OT_eyedropper(OnRackedStrip, bpy.types.Operator):
    """Pick focus in the preview: hover shows the distance, click focuses there at the current frame (a key where focus
    is keyed or auto-key is on). Shift takes the nearest surface, Ctrl adds a mark, Alt a tracked mark"""

    bl_idname = "rackfocus.eyedropper"
    bl_label = "Pick Focus"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    action: bpy.props.EnumProperty(name="Action", description="What a plain click does", items=_ACTIONS)
    x: bpy.props.FloatProperty(
        name="X", description="Canvas pixels to the right of the preview's middle", options={"SKIP_SAVE"}
    )
    y: bpy.props.FloatProperty(name="Y", description="Canvas pixels above the preview's middle", options={"SKIP_SAVE"})
    nearest: bpy.props.BoolProperty(
        name="Nearest Surface",
        description="Read the nearest surface around the point, not the one that fills most",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def missing(cls, context: bpy.types.Context) -> str:
        return super().missing(context) or ("" if bpy.app.background else previews_problem(context))

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self._pick: eyedropper.Pick | None = None
        self._problem, self._mouse, self._region = "", (0, 0), None
        self._handle = bpy.types.SpaceSequenceEditor.draw_handler_add(_draw, (self,), "PREVIEW", "POST_PIXEL")
        context.window.cursor_modal_set("EYEDROPPER")
        context.workspace.status_text_set(_HELP)
        self._look(context, event)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type in {"ESC", "RIGHTMOUSE"} and event.value == "PRESS":
            self._leave(context)
            return {"CANCELLED"}
        if event.type in {"MOUSEMOVE", "LEFT_SHIFT", "RIGHT_SHIFT"}:
            self._look(context, event)
            return {"RUNNING_MODAL"}
        if event.type == "LEFTMOUSE" and event.value == "PRESS":
            self._look(context, event)
            if self._pick is None:
                self._leave(context)
                self.report({"WARNING"}, self._problem or "There is no racked strip under the mouse")
                return {"CANCELLED"}
            action = "MARK" if event.ctrl else "TRACK" if event.alt else self.action
            self._leave(context)
            return self.told(self._use, context, self._pick, action)
        return {"PASS_THROUGH"}  # zoom, pan and scrub stay at hand

    def do(self, context: bpy.types.Context) -> set[str]:
        pick = eyedropper.pick(sequencer_scene(context), self.x, self.y, self.nearest)
        if pick is None:
            raise ValueError("There is no racked strip at this point")
        return self._use(context, pick, self.action)

    def cancel(self, context: bpy.types.Context) -> None:
        self._leave(context)

    def _use(self, context: bpy.types.Context, pick: eyedropper.Pick, action: str) -> set[str]:
        if math.isnan(pick.metres):
            self.report({"WARNING"}, "There is no depth under this point")
            return {"CANCELLED"}
        strip, frame = pick.strip, pick.strip.id_data.frame_current
        metres = min(pick.metres, INFINITY_M)
        if action == "FOCUS":
            if metres <= Focus(strip).nearest_m():
                self.report({"WARNING"}, f"{distance_text(metres)} is nearer than this lens can focus")
                return {"CANCELLED"}
            self.report({"INFO"}, put_focus(context, strip, metres))
            return {"FINISHED"}
        if action == "TRACK":
            asked = "EXEC_DEFAULT" if bpy.app.background else "INVOKE_DEFAULT"
            bpy.ops.rackfocus.mark_track(
                asked, strip_name=strip.name, x=pick.x / pick.width, y=pick.y / pick.height, nearest=self.nearest
            )
            return {"FINISHED"}
        mark = marks.add(strip, "Mark", metres)
        mark.x, mark.y, mark.nearest = pick.x / pick.width, pick.y / pick.height, self.nearest
        mark.media_frame = marks.media_index(strip, marks.frame_in_list(strip, frame))
        scene = strip.id_data  # the last two that were picked are what the next rack goes between
        before = marks.find(strip, scene.rackfocus_to)
        scene.rackfocus_from, scene.rackfocus_to = before.name if before is not None else "", mark.name
        self.report({"INFO"}, f"{mark.name} at {distance_text(metres)}")
        return {"FINISHED"}

    def _look(self, context: bpy.types.Context, event: bpy.types.Event) -> None:
        self._pick, self._problem = None, ""
        self.nearest = event.shift
        scene = sequencer_scene(context)
        before = self._region
        self._region = under_mouse(previews(context), event)
        if self._region is not None:
            self._mouse = event.mouse_x - self._region.x, event.mouse_y - self._region.y
            try:
                point = eyedropper.view_point(self._region, scene, *self._mouse)
                self._pick = eyedropper.pick(scene, *point, nearest=self.nearest)
            except EXPECTED as error:
                self._problem = str(error)
        for region in (before, self._region):
            if region is not None:
                region.tag_redraw()

    def _leave(self, context: bpy.types.Context) -> None:
        bpy.types.SpaceSequenceEditor.draw_handler_remove(self._handle, "PREVIEW")
        context.window.cursor_modal_restore()
        context.workspace.status_text_set(None)
        if self._region is not None:
            self._region.tag_redraw()


def previews(context: bpy.types.Context):
    """The regions of the window that show a preview."""
    window = context.window
    for area in window.screen.areas if window is not None else ():
        if area.type == "SEQUENCE_EDITOR" and area.spaces.active.view_type in {"PREVIEW", "SEQUENCER_PREVIEW"}:
            yield from (region for region in area.regions if region.type == "PREVIEW" and region.width > 1)


def under_mouse(regions: Iterable[bpy.types.Region], event: bpy.types.Event) -> bpy.types.Region | None:
    """The region that the mouse is over."""
    here = (
        region
        for region in regions
        if 0 <= event.mouse_x - region.x < region.width and 0 <= event.mouse_y - region.y < region.height
    )
    return next(here, None)


def previews_problem(context: bpy.types.Context) -> str:
    """Why nothing can be shown over a preview; empty where it can."""
    there = any(True for _ in previews(context))
    return "" if there else "No sequencer preview is open: choose Preview or Sequencer & Preview"


def _draw(operator: RACKFOCUS_OT_eyedropper) -> None:
    """Beside the mouse: the patch, the pixel in its middle, and the distance."""
    region = bpy.context.region
    if operator._region is None or region != operator._region:
        return
    scale = bpy.context.preferences.system.ui_scale
    pick = operator._pick
    read = "nothing here" if pick is None else "no depth here" if math.isnan(pick.metres) else with_feet(pick.metres)
    text = operator._problem[:60] or read
    side = round(eyedropper.PATCH * _ZOOM * scale) if pick is not None else 0
    wide = max(side, gpu_draw.size_of(text, 14 * scale) + 16 * scale)
    high = side + 24 * scale
    x, y = (at + 24 * scale for at in operator._mouse)
    if x + wide > region.width:  # never over what is looked at
        x = operator._mouse[0] - 24 * scale - wide
    if y + high > region.height:
        y = operator._mouse[1] - 24 * scale - high
    if pick is not None and not math.isnan(pick.metres):
        tint.draw(region, sequencer_scene(bpy.context), pick)
    gpu.state.blend_set("ALPHA")
    gpu_draw.box(x, y, wide, high, (0.05, 0.05, 0.06, 0.85))
    gpu_draw.text(text, x + 8 * scale, y + side + 7 * scale, 14 * scale, (1, 1, 1, 1), shadow=False)
    if pick is not None:
        draw_texture_2d(_texture(pick.patch), (x, y), side, side)
        pixel = side / eyedropper.PATCH
        middle = eyedropper.PATCH // 2
        _frame(x + middle * pixel, y + middle * pixel, pixel, (1, 1, 1, 1))
    gpu.state.blend_set("NONE")


def _texture(patch: np.ndarray) -> gpu.types.GPUTexture:
    shown = np.ones((*patch.shape[:2], 4), np.float32)
    shown[..., :3] = patch[..., :3]
    texture = gpu_draw.texture(shown)
    texture.filter_mode(False)
    return texture


def _frame(x: float, y: float, side: float, colour: gpu_draw.Colour) -> None:
    sides = ((x, y, side, 1), (x, y + side, side, 1), (x, y, 1, side), (x + side, y, 1, side))
    for left, bottom, width, height in sides:
        gpu_draw.box(left, bottom, width, height, colour)


CLASSES = (RACKFOCUS_OT_eyedropper,)
