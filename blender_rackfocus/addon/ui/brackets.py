# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks in the preview: brackets on their subjects, a scale of distances at the edge, the focus plane. A click racks.

Solid where it is sharp, open at the sides where it is not, pale where the mark was not seen on this very frame.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import bpy
import gpu

from ...craft import pull
from ...craft.focus_chart import distance_text
from ..blender import hooks
from ..blender.context import redraw_sequencers, sequencer_scene, strip_named
from ..blender.session import session
from ..desk import brackets
from ..desk.pull import pull_focus
from ..sequencer import eyedropper
from ..shot import marks
from . import gpu_draw, overlay

_SWITCH = "rackfocus_show_marks"
HALF_PX, ARM_PX, WORDS_PX = 30, 11, 12
"""Half size of a bracket, length of its arms, height of words."""
SCALE_PX, EDGE_PX = 240, 112
"""Height of the scale at the right edge, and its distance from it."""
SHARP, SOFT = (1.0, 0.80, 0.35, 1.0), (0.92, 0.95, 1.0, 0.85)


@dataclass(frozen=True)
class Spot:
    """A place that can be clicked: left, bottom, right, top in pixels of the region."""

    strip: str
    mark: str
    area: tuple[float, float, float, float]

    def holds(self, x: float, y: float) -> bool:
        """Whether a point is in it."""
        left, bottom, right, top = self.area
        return left <= x <= right and bottom <= y <= top


@dataclass
class _Previews:
    """What can be clicked in each region, and what the mouse is over. redraw_s: Python's time of the last redraw."""

    spots: dict[int, list[Spot]] = field(default_factory=dict)
    hover: Spot | None = None
    redraw_s: float = 0.0


def spots_of(region: bpy.types.Region) -> list[Spot]:
    """What can be clicked in a region, as it was drawn last."""
    return session.part(_Previews).spots.get(region.as_pointer(), [])


# --- Drawing ----------------------------------------------------------------------------------------------------------


def _draw() -> None:
    context = bpy.context
    if not overlay.is_on(context, _SWITCH, "PREVIEW"):
        return
    started = time.perf_counter()
    region, scene = context.region, sequencer_scene(context)
    scale = context.preferences.system.ui_scale
    planes = brackets.planes(scene) if scene is not None and scene.sequence_editor is not None else []
    gpu.state.blend_set("ALPHA")
    spots: list[Spot] = []
    for plane in planes:
        spots += _draw_brackets(plane, region, scene, scale)
    if planes:
        spots += _draw_scale(planes[0], region, scale)
    gpu.state.blend_set("NONE")
    here = session.part(_Previews)
    here.spots[region.as_pointer()] = spots
    here.redraw_s = time.perf_counter() - started


def _draw_brackets(
    plane: brackets.Plane, region: bpy.types.Region, scene: bpy.types.Scene, scale: float
) -> Iterator[Spot]:
    half, arm = HALF_PX * scale, ARM_PX * scale
    for bracket in plane.brackets:
        if bracket.point is None:
            continue
        x, y = eyedropper.region_point(region, scene, *bracket.point)
        if not (-half < x < region.width + half and -half < y < region.height + half):
            continue
        spot = Spot(plane.strip, bracket.mark, (x - half, y - half, x + half, y + half))
        colour = SHARP if bracket.sharp else SOFT
        colour = (*colour[:3], colour[3] * (1.0 if bracket.exact else 0.6))
        hovered = session.part(_Previews).hover == spot
        for shadow in (True, False):
            width = (2.5 if bracket.sharp or hovered else 1.5) * scale + (2 * scale if shadow else 0)
            _draw_frame(x, y, half, half if bracket.sharp else arm, (0, 0, 0, 0.45) if shadow else colour, width)
        words = f"{bracket.mark}  {distance_text(bracket.metres)}"
        wide = gpu_draw.size_of(words, 12 * scale) + 12 * scale
        gpu_draw.label(words, x - wide / 2, y - half - 25 * scale, scale, region.width, colour)
        yield spot


def _draw_frame(x: float, y: float, half: float, arm: float, colour: gpu_draw.Colour, width: float) -> None:
    """Four corners with arms; a whole frame where the arms meet."""
    for sx, sy in ((1, 1), (1, -1), (-1, -1), (-1, 1)):
        cx, cy = x + sx * half, y + sy * half
        gpu_draw.path([(cx - sx * arm, cy), (cx, cy), (cx, cy - sy * arm)], colour, width)


def _draw_scale(plane: brackets.Plane, region: bpy.types.Region, scale: float) -> Iterator[Spot]:
    """Distances as on a lens barrel, even in dioptres, near at the bottom: what is sharp, the focus, and the marks."""
    high = min(SCALE_PX * scale, region.height - 150 * scale)
    if high < 60 * scale or region.width < 320 * scale:
        return
    x, bottom = region.width - EDGE_PX * scale, max((region.height - high) / 2 - 10 * scale, 62 * scale)
    known = [1 / plane.focus_m, *(1 / bracket.metres for bracket in plane.brackets)]
    air = max(0.1 * (max(known) - min(known)), 0.1 * max(known))
    low_d, high_d = max(min(known) - air, 0.0), max(known) + air

    def y(metres: float) -> float:
        share = (high_d - (0.0 if math.isinf(metres) else 1 / max(metres, 1e-3))) / (high_d - low_d)
        return bottom + min(max(share, 0.0), 1.0) * high

    size = WORDS_PX * scale
    gpu_draw.box(x - 5 * scale, bottom, 10 * scale, high, (0.03, 0.03, 0.05, 0.6))
    near, far = y(plane.near_m), y(plane.far_m)
    gpu_draw.box(x - 4 * scale, near, 8 * scale, max(far - near, 2 * scale), (*SHARP[:3], 0.55))
    at = y(plane.focus_m)
    gpu_draw.path([(x - 9 * scale, at), (x + 9 * scale, at)], SHARP, 2.5 * scale)
    words = f"{distance_text(plane.focus_m)}"
    sentence = f"sharp {distance_text(plane.near_m)} to {distance_text(plane.far_m)}"
    for line, down in ((f"Focus {words}", 26), (sentence, 48)):  # below: at the top Blender's own buttons are
        wide = gpu_draw.size_of(line, 12 * scale) + 12 * scale
        gpu_draw.label(line, region.width - wide - 8 * scale, bottom - down * scale, scale, region.width, SHARP)
    taken = -math.inf
    for bracket in sorted(plane.brackets, key=lambda one: y(one.metres)):
        tick = y(bracket.metres)
        low = taken = max(tick - size / 2, taken + size + 5 * scale)
        colour = SHARP if bracket.sharp else SOFT
        gpu_draw.path([(x + 6 * scale, tick), (x + 12 * scale, low + size / 2)], colour, 1.5 * scale)
        name = bracket.mark if bracket.point is not None else f"{bracket.mark} {distance_text(bracket.metres)}"
        spot = Spot(plane.strip, bracket.mark, (x + 5 * scale, low - 4 * scale, region.width, low + size + 4 * scale))
        if session.part(_Previews).hover == spot:
            left, under, right, top = spot.area
            gpu_draw.box(left, under, right - left, top - under, (1, 1, 1, 0.15))
        gpu_draw.text(name, x + 15 * scale, low, size, colour)
        yield spot


# --- Clicking ---------------------------------------------------------------------------------------------------------


class RACKFOCUS_OT_bracket_rack(bpy.types.Operator):
    """Rack to this mark now, with the feel and the duration of the panel"""

    bl_idname = "rackfocus.bracket_rack"
    bl_label = "Rack to Mark"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        x, y = event.mouse_region_x, event.mouse_region_y
        spot = next((one for one in spots_of(context.region) if one.holds(x, y)), None)
        strip = strip_named(context, spot.strip) if spot is not None else None
        mark = marks.find(strip, spot.mark) if strip is not None else None
        if mark is None:
            return {"CANCELLED"}
        scene = sequencer_scene(context)
        frame, feel = scene.frame_current, scene.rackfocus_feel
        try:
            duration, keep = scene.rackfocus_duration or None, not scene.rackfocus_replace_keys
            notes = pull_focus(strip, frame, marks.for_pull(strip, mark), None, feel, duration, keep=keep)
        except (ValueError, RuntimeError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report(
            {"INFO"},
            "; ".join([f"Rack to {mark.name} from frame {frame}: {pull.FEELS[feel].explanation.lower()}", *notes]),
        )
        redraw_sequencers()
        return {"FINISHED"}


class RACKFOCUS_OT_overlays_toggle(bpy.types.Operator):
    """Hide the focus tracks and the marks in the picture, or show them again"""

    bl_idname = "rackfocus.overlays_toggle"
    bl_label = "Toggle Focus Overlays"

    def execute(self, context: bpy.types.Context) -> set[str]:
        manager = context.window_manager
        manager.rackfocus_show_track = manager.rackfocus_show_marks = not (
            manager.rackfocus_show_track or manager.rackfocus_show_marks
        )
        return {"FINISHED"}


class RACKFOCUS_GT_bracket(overlay.Hand, bpy.types.Gizmo):
    """Marks in the picture"""

    bl_idname = "RACKFOCUS_GT_bracket"

    def overlay(self, _region: bpy.types.Region) -> _Previews:
        return session.part(_Previews)

    def under(self, region: bpy.types.Region, x: float, y: float) -> Spot | None:
        return next((spot for spot in spots_of(region) if spot.holds(x, y)), None)


class RACKFOCUS_GGT_brackets(overlay.Hands, bpy.types.GizmoGroup):
    """Marks in a preview"""

    bl_idname = "RACKFOCUS_GGT_brackets"
    bl_label = "Focus Marks"
    bl_region_type = "PREVIEW"
    hand, takes, switch = "RACKFOCUS_GT_bracket", "rackfocus.bracket_rack", _SWITCH


def _draw_overlay(self: bpy.types.Panel, context: bpy.types.Context) -> None:
    self.layout.prop(context.window_manager, _SWITCH)


_PLACE = "SEQUENCER_PT_preview_overlay"
CLASSES = (RACKFOCUS_OT_bracket_rack, RACKFOCUS_OT_overlays_toggle, RACKFOCUS_GT_bracket, RACKFOCUS_GGT_brackets)


def register() -> None:
    words = "Show marks on their subjects, with their distances, and where the focus is"
    setattr(bpy.types.WindowManager, _SWITCH, overlay.switch("Focus Marks", words))
    getattr(bpy.types, _PLACE).append(_draw_overlay)
    hooks.draw_over(bpy.types.SpaceSequenceEditor, "PREVIEW", _draw)
    for name in ("Sequencer", "Preview"):
        hooks.add_key(name, "SEQUENCE_EDITOR", "rackfocus.overlays_toggle", "F", shift=True)


def unregister() -> None:
    getattr(bpy.types, _PLACE).remove(_draw_overlay)
    delattr(bpy.types.WindowManager, _SWITCH)
