# SPDX-License-Identifier: GPL-3.0-or-later
"""Strokes over a strip's picture in the preview: what operators share that are drawn with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import bpy
import gpu
import numpy as np

from ...blender import strips
from ...blender.context import sequencer_scene
from ...depth import mattes, passes, touches
from ...sequencer import eyedropper
from .. import gpu_draw
from .eyedropper import previews, previews_problem, under_mouse
from .on_strip import OnStrip
from .telling import refuse

_LEAST, _MOST = 0.002, 0.2
"""Of a brush's radius, as shares of the picture's width."""
WHITE, RED = (1.0, 1.0, 1.0, 1.0), (1.0, 0.2, 0.1, 1.0)


class Brush(OnStrip):
    """Operators that draw over a strip's picture, modal between `take_up` and `put_away`.

    A subclass begins in `taken`, says in `on_event` what an event does, in `struck` what becomes of a stroke, and in
    `looked` of the picture that it is drawn on; points are shares of the picture's width and height from its top left.
    elsewhere: what the preview says while another frame shows than the one that was drawn on last.
    """

    elsewhere: ClassVar[str] = ""
    surface: ClassVar[tuple[type[bpy.types.Space], str]] = bpy.types.SpaceSequenceEditor, "PREVIEW"

    _points: list[tuple[float, float]]
    _brush: float
    _frame: float
    _index: int
    _size: tuple[float, float]
    _mouse: tuple[int, int]
    _region: bpy.types.Region | None

    def unfit(self, strip: bpy.types.Strip) -> str:
        """Why a strip cannot be drawn over; empty where it can."""
        raise NotImplementedError

    def taken(self, context: bpy.types.Context, strip: bpy.types.Strip) -> None:
        """Begin on a strip that is fit: `take_up`, and stay for the window's events."""
        raise NotImplementedError

    def on_event(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """What the operator returns for an event."""
        raise NotImplementedError

    def looked(self, context: bpy.types.Context, picture: np.ndarray) -> None:
        """The picture of the frame that is drawn on now, `_index` of the clip.

        picture: (H, W, 3) uint8 RGB.
        """

    def begun(self, event: bpy.types.Event) -> None:
        """A stroke begins."""

    def struck(self, context: bpy.types.Context, points: tuple[tuple[float, float], ...]) -> None:
        """A stroke is over."""
        raise NotImplementedError

    def ink(self) -> gpu_draw.Colour:
        """The colour of the stroke that is being drawn."""
        return WHITE

    def drawn_below(self, context: bpy.types.Context, region: bpy.types.Region) -> None:
        """Draw into the preview below stroke and brush."""

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return self.told(self._begin, context)

    def _begin(self, context: bpy.types.Context) -> set[str]:
        strip = self.strip(context)
        refuse(self.unfit(strip) or self.surface_problem(context))
        self.strip_name = strip.name
        self.taken(context, strip)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            return self.on_event(context, event)
        except self.expected as error:
            self.put_away(context)
            self.report({"ERROR"}, str(error))  # type: ignore[attr-defined]
            return {"CANCELLED"}

    def cancel(self, context: bpy.types.Context) -> None:
        self.put_away(context)

    def take_up(self, context: bpy.types.Context, radius: float, status: str) -> None:
        """Begin. radius: a share of the width. Raises as `mattes.picture_of`."""
        self._points, self._brush, self._mouse, self._region = [], radius, (0, 0), None
        self.look_at(context)
        space, kind = self.surface
        self._drawing = space.draw_handler_add(_draw, (self,), kind, "POST_PIXEL")
        context.workspace.status_text_set(status)
        context.window.cursor_modal_set("PAINT_BRUSH")

    def put_away(self, context: bpy.types.Context) -> None:
        """End."""
        space, kind = self.surface
        space.draw_handler_remove(self._drawing, kind)
        context.window.cursor_modal_restore()
        context.workspace.status_text_set(None)
        self.redraw(context)

    def look_at(self, context: bpy.types.Context) -> None:
        """Draw on the picture of the current frame from now on."""
        scene, self._frame = sequencer_scene(context), self.frame_now(context)
        strip = self.strip(context)
        self._index, picture = touches.frame_of(strip, self._frame, scene), mattes.picture_of(strip, scene, self._frame)
        self._size = float(picture.shape[1]), float(picture.shape[0])
        self.looked(context, picture)

    def on_brush(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str] | None:
        """What becomes of an event that is the brush's; None for others."""
        if event.type == "MOUSEMOVE":
            self._move(context, event)
            return {"RUNNING_MODAL"} if self._points else {"PASS_THROUGH"}
        if event.type == "LEFTMOUSE":
            return self._button(context, event)
        if event.value == "PRESS" and event.type in {"LEFT_BRACKET", "RIGHT_BRACKET"}:
            factor = 1.25 if event.type == "RIGHT_BRACKET" else 0.8
            self._brush = min(max(self._brush * factor, _LEAST), _MOST)
            self.redraw(context)
            return {"RUNNING_MODAL"}
        return None

    def frame_now(self, context: bpy.types.Context) -> float:
        """The frame that shows."""
        return strips.standing_at(sequencer_scene(context))

    def is_there(self, context: bpy.types.Context) -> bool:
        """Whether there still is what is drawn on."""
        return self.strip_name in sequencer_scene(context).sequence_editor.strips_all

    def regions(self, context: bpy.types.Context) -> Iterable[bpy.types.Region]:
        """The regions that are drawn on."""
        return previews(context)

    def surface_problem(self, context: bpy.types.Context) -> str:
        """Why nothing can be drawn on; empty where it can."""
        return previews_problem(context)

    def redraw(self, context: bpy.types.Context) -> None:
        """Let the previews show what changed."""
        for region in self.regions(context):
            region.tag_redraw()

    def corners(self, context: bpy.types.Context, region: bpy.types.Region) -> list[tuple[float, float]]:
        """The picture's corners in a region's pixels: bottom left, bottom right, top right, top left."""
        return [self._on_screen(context, region, *corner) for corner in ((0, 1), (1, 1), (1, 0), (0, 0))]

    def _button(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.value == "PRESS":
            self._move(context, event)
            point = self._under(context)
            if point is None:
                return {"PASS_THROUGH"}  # a click on the timeline or a panel
            if self.frame_now(context) != self._frame:
                self.look_at(context)
            self.begun(event)
            self._points = [point]
        elif self._points:
            points, self._points = tuple(self._points), []
            self.struck(context, points)
        return {"RUNNING_MODAL"}

    def _move(self, context: bpy.types.Context, event: bpy.types.Event) -> None:
        self._region = under_mouse(self.regions(context), event)
        if self._region is not None:
            self._mouse = event.mouse_x - self._region.x, event.mouse_y - self._region.y
            point = self._under(context) if self._points else None
            if point is not None:
                self._points.append(point)
        self.redraw(context)

    def _under(self, context: bpy.types.Context) -> tuple[float, float] | None:
        """The point of the picture under the mouse, as shares of its size."""
        if self._region is None:
            return None
        point = eyedropper.view_point(self._region, sequencer_scene(context), *self._mouse)
        point_px = eyedropper.through(*point, self._placements(context))
        return None if point_px is None else (point_px[0] / self._size[0], point_px[1] / self._size[1])

    def _placements(self, context: bpy.types.Context) -> list[eyedropper.Placement]:
        return eyedropper.placements_of(self.strip(context), self._size)

    def _on_screen(
        self, context: bpy.types.Context, region: bpy.types.Region, x: float, y: float
    ) -> tuple[float, float]:
        """The region's pixel of a point of the picture (shares of its size)."""
        at = eyedropper.onto(x * self._size[0], y * self._size[1], self._placements(context))
        return eyedropper.region_point(region, sequencer_scene(context), *at)

    def _circle(self, context: bpy.types.Context, region: bpy.types.Region) -> list[tuple[float, float]]:
        left, right = (self._on_screen(context, region, share, 0.5) for share in (0, self._brush))
        radius = float(np.hypot(right[0] - left[0], right[1] - left[1]))
        turn = np.linspace(0, 2 * np.pi, 33)
        x, y = self._mouse
        return [(x + radius * float(np.cos(angle)), y + radius * float(np.sin(angle))) for angle in turn]


class OverImage:
    """A `Brush` on what the image editors show of a scene's compositor."""

    surface: ClassVar[tuple[type[bpy.types.Space], str]] = bpy.types.SpaceImageEditor, "WINDOW"

    _region: bpy.types.Region | None
    _mouse: tuple[int, int]

    def look_at(self, context: bpy.types.Context) -> None:
        self._frame, self._index = self.frame_now(context), context.scene.frame_current
        width, height = passes.frame_size(context.scene.render)
        self._size = float(width), float(height)

    def frame_now(self, context: bpy.types.Context) -> float:
        return context.scene.frame_current_final

    def regions(self, context: bpy.types.Context) -> Iterable[bpy.types.Region]:
        areas = [area for area in context.window.screen.areas if area.type == "IMAGE_EDITOR"]
        return [region for area in areas for region in area.regions if region.type == "WINDOW"]

    def surface_problem(self, context: bpy.types.Context) -> str:
        return "" if self.regions(context) else "No image editor is open: show the render or the viewer in one"

    def _under(self, _context: bpy.types.Context) -> tuple[float, float] | None:
        if self._region is None:
            return None
        x, y = self._region.view2d.region_to_view(*self._mouse)
        return (x, 1 - y) if 0 <= x <= 1 and 0 <= y <= 1 else None

    def _on_screen(
        self, _context: bpy.types.Context, region: bpy.types.Region, x: float, y: float
    ) -> tuple[float, float]:
        return region.view2d.view_to_region(x, 1 - y, clip=False)


def _draw(brush: Brush) -> None:
    context, region = bpy.context, bpy.context.region
    if not brush.is_there(context):
        return
    gpu.state.blend_set("ALPHA")
    brush.drawn_below(context, region)
    gpu_draw.path([brush._on_screen(context, region, *point) for point in brush._points], brush.ink(), 1.0)
    if region == brush._region:
        gpu_draw.path(brush._circle(context, region), (1, 1, 1, 0.8), 1.0)
    if brush.elsewhere and brush.frame_now(context) != brush._frame:
        gpu_draw.text(brush.elsewhere, 20, 20, 14 * context.preferences.system.ui_scale, WHITE, shadow=False)
    gpu.state.blend_set("NONE")
