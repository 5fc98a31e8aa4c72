# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw over a subject in the preview: its matte comes, is followed through the shot, and becomes a card's mask."""

from __future__ import annotations

from typing import ClassVar

import blf
import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from ....craft import matte
from ....craft.matte import Stroke
from ....estimate import EstimateError
from ....media import MediaError
from ... import signals
from ...blender.context import sequencer_scene
from ...depth import mattes
from ...errors import FrameError
from ...sequencer import eyedropper
from ...shot import modifier, ownership
from .eyedropper import previews
from .jobs import OnThread
from .on_strip import OnStrip, to_the_top

_HELP = (
    "Draw over the subject   Ctrl: this is not the subject   [ ]: size   Backspace: take back   "
    "Enter: follow it through the shot   Esc: leave"
)
_TINT = (0.1, 0.8, 1.0)
_LEAST, _MOST = 0.002, 0.1
"""Of a brush's radius, as shares of the picture's width."""
_EXPECTED = (EstimateError, MediaError, FrameError, ValueError)


class RACKFOCUS_OT_subject(OnThread, OnStrip, bpy.types.Operator):
    """Draw over a person, or anything, in the preview: a mask comes, is followed through the shot, and stands on a card
    with a distance. Ctrl draws what is not the subject; draw on another frame to correct; Enter follows, Esc leaves"""

    bl_idname = "rackfocus.subject"
    bl_label = "Draw Subject"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}
    expected = _EXPECTED
    kept = "Stopped: the card is as it was"

    card: bpy.props.IntProperty(name="Card", description="Card to draw for, 0 the first; -1 a new one", default=-1)
    strokes: bpy.props.StringProperty(
        name="Strokes", description="What was drawn, as it is kept on a card", options={"SKIP_SAVE", "HIDDEN"}
    )
    distance_m: bpy.props.FloatProperty(
        name="Distance", description="Of a new card, in metres", subtype="DISTANCE", default=2.0, min=0.01
    )
    network: bpy.props.StringProperty(
        name="Mask Network",
        description="Network file (.onnx) that masks people; empty takes the preferences' own, or none",
        subtype="FILE_PATH",
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        strip = self.strip(context)
        if strip is None:
            return {"CANCELLED"}
        scene = sequencer_scene(context)
        self._where = scene.name, strip.name
        try:
            task = mattes.task_of(strip, scene, mattes.strokes_of(self.strokes), bpy.path.abspath(self.network))
        except _EXPECTED as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}

        def work(job):
            try:
                return mattes.run(task, job.tell, job.is_stopping)
            finally:
                task.frames.close()

        return self.begin(context, "Follow Subject", work)

    def finish(self, context: bpy.types.Context, outcome: tuple) -> set[str]:
        folder, lost = outcome
        scene = bpy.data.scenes.get(self._where[0])
        editor = scene.sequence_editor if scene is not None else None
        strip = editor.strips_all.get(self._where[1]) if editor is not None else None
        if strip is None:
            self.report({"WARNING"}, f'The strip "{self._where[1]}" is gone; the matte is kept in {folder}')
            return {"CANCELLED"}
        fresh = modifier.find(strip) is None
        modifier.add(strip)
        if 0 <= self.card < len(strip.rackfocus_cards):
            card = strip.rackfocus_cards[self.card]
        else:
            card = strip.rackfocus_cards.add()
            card.distance_m = self.distance_m
            strip.rackfocus_cards_active = len(strip.rackfocus_cards) - 1
        card.strokes, card.matte = self.strokes, str(folder)
        strip.rackfocus_depth_source = "CARDS"
        if fresh:
            to_the_top(self, context, strip)
        ownership.separate()
        signals.redraw()
        if lost:
            told = f"frames {lost[0]} to {lost[-1]} of the clip" if len(lost) > 1 else f"frame {lost[0]} of the clip"
            self.report({"WARNING"}, f"The subject is lost on {told}: draw over it there, and follow it again")
        else:
            self.report({"INFO"}, f"The subject stands at {card.distance_m:.3g} m on every frame")
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        strip = self.strip(context)
        if strip is None:
            return {"CANCELLED"}
        if strip.type not in modifier.KINDS:
            self.report({"ERROR"}, f'"{strip.name}" is no image or movie strip; subjects are drawn on those')
            return {"CANCELLED"}
        if not any(True for _ in previews(context)):
            self.report({"ERROR"}, "No sequencer preview is open: choose Preview or Sequencer & Preview")
            return {"CANCELLED"}
        self.strip_name = strip.name
        card = strip.rackfocus_cards[self.card] if 0 <= self.card < len(strip.rackfocus_cards) else None
        try:
            self._drawn = mattes.strokes_of(card.strokes) if card is not None else []
            self._before = card.matte if card is not None else ""
            self._look_at(context)
        except _EXPECTED as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self._points: list[tuple[float, float]] = []
        self._inside, self._radius, self._mouse = True, 0.012, (0, 0)
        self._region: bpy.types.Region | None = None
        self._handle = bpy.types.SpaceSequenceEditor.draw_handler_add(_draw, (self,), "PREVIEW", "POST_PIXEL")
        context.workspace.status_text_set(_HELP)
        context.window.cursor_modal_set("PAINT_BRUSH")
        self.stay(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self._job is not None:
            return super().modal(context, event)
        try:
            return self._on_event(context, event)
        except _EXPECTED as error:
            self._put_away(context)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}

    def cancel(self, context: bpy.types.Context) -> None:
        if self._job is None:
            self._put_away(context)
        super().cancel(context)

    def _on_event(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type == "ESC" and event.value == "PRESS":
            self._put_away(context)
            return {"CANCELLED"}
        if event.type in {"RET", "NUMPAD_ENTER"} and event.value == "PRESS":
            return self._follow(context)
        if event.type == "MOUSEMOVE":
            self._move(context, event)
            return {"RUNNING_MODAL"} if self._points else {"PASS_THROUGH"}
        if event.type == "LEFTMOUSE":
            return self._button(context, event)
        if event.value == "PRESS" and event.type in {"LEFT_BRACKET", "RIGHT_BRACKET"}:
            factor = 1.25 if event.type == "RIGHT_BRACKET" else 0.8
            self._radius = min(max(self._radius * factor, _LEAST), _MOST)
            self._redraw(context)
            return {"RUNNING_MODAL"}
        if event.value == "PRESS" and event.type == "BACK_SPACE" and self._drawn:
            self._drawn.pop()
            self._decide(context)
            return {"RUNNING_MODAL"}
        return {"PASS_THROUGH"}  # zoom, pan and scrub stay at hand

    def _follow(self, context: bpy.types.Context) -> set[str]:
        if not any(stroke.inside for stroke in self._drawn):
            self.report({"WARNING"}, "Draw over the subject first")
            return {"RUNNING_MODAL"}
        self.strokes = mattes.text_of(self._drawn)
        self._put_away(context)
        return self.execute(context)

    def _button(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.value == "PRESS":
            self._move(context, event)
            point = self._under(context)
            if point is None:
                return {"PASS_THROUGH"}  # a click on the timeline or a panel
            if sequencer_scene(context).frame_current_final != self._frame:
                self._look_at(context)
            self._inside, self._points = not event.ctrl, [point]
        elif self._points:
            points, self._points = tuple(self._points), []
            self._drawn.append(Stroke(self._index, points, self._radius, self._inside))
            self._decide(context)
        return {"RUNNING_MODAL"}

    def _move(self, context: bpy.types.Context, event: bpy.types.Event) -> None:
        here = (
            region
            for region in previews(context)
            if 0 <= event.mouse_x - region.x < region.width and 0 <= event.mouse_y - region.y < region.height
        )
        self._region = next(here, None)
        if self._region is not None:
            self._mouse = event.mouse_x - self._region.x, event.mouse_y - self._region.y
            point = self._under(context) if self._points else None
            if point is not None:
                self._points.append(point)
        self._redraw(context)

    def _under(self, context: bpy.types.Context) -> tuple[float, float] | None:
        """The point of the picture under the mouse, as shares of its size."""
        if self._region is None:
            return None
        point = eyedropper.view_point(self._region, sequencer_scene(context), *self._mouse)
        found = eyedropper.through(*point, self._placements(context))
        return None if found is None else (found[0] / self._size[0], found[1] / self._size[1])

    def _placements(self, context: bpy.types.Context) -> list[eyedropper.Placement]:
        return eyedropper.placements_of(self.strip(context), self._size)

    def _look_at(self, context: bpy.types.Context) -> None:
        """The picture of the current frame, and what its matte is now."""
        scene = sequencer_scene(context)
        self._frame = scene.frame_current_final
        self._index, picture = mattes.picture_of(self.strip(context), scene, self._frame)
        self._size = float(picture.shape[1]), float(picture.shape[0])
        self._look = matte.small(picture)
        self._decide(context)

    def _decide(self, context: bpy.types.Context) -> None:
        """The matte of this frame, from the strokes on it and what it was before."""
        here = [stroke for stroke in self._drawn if stroke.frame == self._index]
        before = None
        if self._before:
            whole = mattes.read(bpy.path.abspath(self._before), self._index)
            before = matte.small(whole)
        self._matte: np.ndarray | None = before
        if before is not None or any(stroke.inside for stroke in here):
            self._matte = matte.decide(self._look, here, before)
        self._texture: gpu.types.GPUTexture | None = None
        self._redraw(context)

    def _redraw(self, context: bpy.types.Context) -> None:
        for region in previews(context):
            region.tag_redraw()

    def _put_away(self, context: bpy.types.Context) -> None:
        bpy.types.SpaceSequenceEditor.draw_handler_remove(self._handle, "PREVIEW")
        self._texture = None  # the window's own: it goes before the window does
        context.window.cursor_modal_restore()
        context.workspace.status_text_set(None)
        self._redraw(context)


def _draw(operator: RACKFOCUS_OT_subject) -> None:
    """The matte as a tint over the subject, the stroke that is being drawn, and the brush."""
    context, region = bpy.context, bpy.context.region
    if operator.strip_name not in sequencer_scene(context).sequence_editor.strips_all:
        return
    gpu.state.blend_set("ALPHA")
    shows = sequencer_scene(context).frame_current_final == operator._frame
    if operator._matte is not None and shows:
        if operator._texture is None:
            operator._texture = _tint(operator._matte)
        _draw_picture(operator._texture, _corners(operator, context, region))
    points = [_on_screen(operator, context, region, *point) for point in operator._points]
    colour = (1, 1, 1, 1) if operator._inside else (1, 0.2, 0.1, 1)
    _draw_line(points, colour)
    if region == operator._region:
        _draw_line(_circle(operator, context, region), (1, 1, 1, 0.8))
    if not shows:
        blf.size(0, 14 * context.preferences.system.ui_scale)
        blf.position(0, 20, 20, 0)
        blf.color(0, 1, 1, 1, 1)
        blf.draw(0, "Draw here to correct the matte on this frame")
    gpu.state.blend_set("NONE")


def _on_screen(operator, context, region, x: float, y: float) -> tuple[float, float]:
    """The region's pixel of a point of the picture (shares of its size)."""
    scene = sequencer_scene(context)
    placements = operator._placements(context)
    at = x * operator._size[0], y * operator._size[1]
    for placement in reversed(placements):
        u, v = eyedropper.from_strip(*at, placement)
        at = u + placement.canvas[0] / 2, placement.canvas[1] / 2 - v
    render = scene.render
    return region.view2d.view_to_region(u * render.pixel_aspect_x / render.pixel_aspect_y, v, clip=False)


def _corners(operator, context, region) -> list[tuple[float, float]]:
    return [_on_screen(operator, context, region, *corner) for corner in ((0, 1), (1, 1), (1, 0), (0, 0))]


def _circle(operator, context, region) -> list[tuple[float, float]]:
    left, right = (_on_screen(operator, context, region, share, 0.5) for share in (0, operator._radius))
    radius = float(np.hypot(right[0] - left[0], right[1] - left[1]))
    turn = np.linspace(0, 2 * np.pi, 33)
    x, y = operator._mouse
    return [(x + radius * float(np.cos(angle)), y + radius * float(np.sin(angle))) for angle in turn]


def _tint(mask: np.ndarray) -> gpu.types.GPUTexture:
    shown = np.empty((*mask.shape, 4), np.float32)
    shown[..., :3] = _TINT
    shown[..., 3] = 0.45 * mask
    flat = np.ascontiguousarray(shown[::-1]).reshape(-1)
    buffer = gpu.types.Buffer("FLOAT", flat.size, flat.tolist())
    return gpu.types.GPUTexture(mask.shape[::-1], format="RGBA16F", data=buffer)


def _draw_picture(texture: gpu.types.GPUTexture, corners: list[tuple[float, float]]) -> None:
    shader = gpu.shader.from_builtin("IMAGE")
    places = ((0, 0), (1, 0), (1, 1), (0, 1))
    batch = batch_for_shader(shader, "TRI_FAN", {"pos": corners, "texCoord": places})
    shader.uniform_sampler("image", texture)
    batch.draw(shader)


def _draw_line(points: list[tuple[float, float]], colour: tuple[float, ...]) -> None:
    if len(points) < 2:
        return
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    batch = batch_for_shader(shader, "LINE_STRIP", {"pos": points})
    shader.uniform_float("color", colour)
    batch.draw(shader)


CLASSES = (RACKFOCUS_OT_subject,)
