# SPDX-License-Identifier: GPL-3.0-or-later
"""The focus tracks over the timeline's strips."""

from __future__ import annotations

import time

import bpy
import gpu
import numpy as np

from ....craft.distances import distance_text
from ...blender.context import redraw_sequencers
from ...desk.track import tracks
from .. import gpu_draw
from . import layout
from .timelines import Timeline, is_on, shown, strips_shown

MOST_WORDS = 120
"""Names that one redraw writes at most."""
_LATER_S, _SLICE_S = 0.02, 0.01


def draw() -> None:
    """The handler: every track that the region shows."""
    context = bpy.context
    if not is_on(context):
        return
    started = time.perf_counter()
    timeline = shown().look(context)
    made = layout.geometry(timeline.joined, timeline.rows, timeline.view)
    scissor = gpu.state.scissor_get()
    gpu.state.scissor_test_set(True)
    gpu.state.scissor_set(0, 0, round(timeline.view.width), round(timeline.view.height))
    gpu.state.blend_set("ALPHA")
    scale = timeline.view.scale
    gpu_draw.triangles(made.triangles, made.triangle_colours)
    gpu_draw.lines(made.lines, made.line_colours, 1.6 * scale)
    gpu_draw.triangles(made.points, made.point_colours)
    _draw_hover(timeline)
    _draw_words(timeline)
    _draw_drag(timeline, context.region)
    gpu.state.blend_set("NONE")
    gpu.state.scissor_set(*scissor)
    gpu.state.scissor_test_set(False)
    shown().redraw_s = time.perf_counter() - started
    if tracks().is_behind and not bpy.app.timers.is_registered(_again):
        bpy.app.timers.register(_again, first_interval=_LATER_S)


def _again() -> None:
    """Between two redraws there is more time to look at what may have changed than within one."""
    for window in bpy.context.window_manager.windows:
        scene = window.workspace.sequencer_scene or window.scene
        if scene.sequence_editor is not None:
            tracks().of(scene, [strip for strip, _ in strips_shown(scene.sequence_editor)], _SLICE_S)
    redraw_sequencers()


def forget() -> None:
    """The end: no redraw is asked for any more."""
    if bpy.app.timers.is_registered(_again):
        bpy.app.timers.unregister(_again)


def _draw_words(timeline: Timeline) -> None:
    """Names of marks, and what is wrong, where there is room."""
    view, written = timeline.view, 0
    scale = view.scale
    high = 10 * scale
    for row in timeline.rows:
        box, track = layout.box_of(row, view), row.track
        left, right = max(box.left, 0) + 6 * scale, min(box.right, view.width)
        if box.top - box.bottom < layout.LEAST_LABEL_PX * scale or right - left < 70 * scale:
            continue
        taken: list[float] = []
        if track.problem:
            gpu_draw.text(_cut(track.problem, right - left, high), left, box.top - high - 4 * scale, high, layout.WRONG)
            taken.append(box.top - high - 4 * scale)
        for mark in track.marks:
            share = float(np.interp(view.frame(left), mark.frames, track.share(mark.dioptres)))
            y = min(max(box.y(share) + 2 * scale, box.bottom), box.top - high)
            if written >= MOST_WORDS or any(abs(y - other) < high + scale for other in taken):
                continue
            taken.append(y)
            written += 1
            gpu_draw.text(_cut(mark.name, (right - left) / 2, high), left, y, high, (0.82, 0.93, 1.0, 0.95))


def _cut(words: str, width: float, high: float) -> str:
    fits = int(width / (0.55 * high))
    return words if len(words) <= fits else words[: max(fits - 1, 1)] + "\u2026"


def _draw_hover(timeline: Timeline) -> None:
    """What would be dragged, brighter."""
    hit = timeline.hover if shown().drag is None else None
    if hit is None or hit.row >= len(timeline.rows):
        return
    view, row = timeline.view, timeline.rows[hit.row]
    box, track, scale = layout.box_of(row, view), timeline.rows[hit.row].track, timeline.view.scale
    if not box.has_curve:
        return
    if hit.part == "PROPOSAL":
        one = track.proposed[hit.proposal]
        _draw_diamond(view.x(one.frame), box.y(float(track.share(one.dioptre))), 9, scale)
    elif hit.part == "POINT":
        for point in (point for point in track.points if point.frame in hit.frames):
            y = box.y(min(max(float(track.share(point.dioptre)), 0), 1))
            _draw_diamond(view.x(point.frame), y, 8, scale)
    elif hit.part == "BODY":
        left, right = view.x(min(hit.frames)), view.x(max(hit.frames))
        gpu_draw.box(left, box.lane, right - left, box.bottom - 1 - box.lane, (1, 1, 1, 0.35))
    elif hit.part in {"START", "END"}:
        gpu_draw.box(view.x(hit.frames[0]) - 2 * scale, box.lane, 4 * scale, box.bottom - 1 - box.lane, layout.CHOSEN)
    else:
        first, last = (min(max(f, track.first), track.last + 1) for f in (min(hit.frames), max(hit.frames)))
        y = box.y(min(max(float(track.share(track.dioptre_at(first))), 0), 1))
        gpu_draw.path([(view.x(first), y), (view.x(last), y)], layout.CHOSEN, 3 * scale)
    _draw_told(timeline, row, hit)


def _draw_diamond(x: float, y: float, half_px: float, scale: float) -> None:
    """Around a point that would be dragged. half_px: half its size, before the user interface's scale."""
    half = half_px * scale
    corners = [(x - half, y), (x, y - half), (x + half, y), (x, y + half), (x - half, y)]
    gpu_draw.path(corners, layout.CHOSEN, 1.5 * scale)


def _draw_told(timeline: Timeline, row: layout.Row, hit: layout.Hit) -> None:
    """What the mouse is over, in words."""
    view = timeline.view
    box = layout.box_of(row, view)
    first, last = min(hit.frames), max(hit.frames)
    if hit.part == "BODY":
        words = f"{distance_text(row.track.focus_m(first))} to {distance_text(row.track.focus_m(last))}, "
        words += f"{last - first:g} frames"
    elif hit.part == "PROPOSAL":
        words = f"proposed: {row.track.proposed[hit.proposal].words}"
    elif hit.part == "HOLD":
        words = f"holds {distance_text(row.track.focus_m(first))}"
    else:
        words = f"frame {first:g}, {distance_text(row.track.focus_m(first))}"
    y = box.top + 4 * view.scale if box.top + 26 * view.scale < view.height else box.lane - 24 * view.scale
    gpu_draw.label(words, view.x(first), y, view.scale, view.width)


def _draw_drag(timeline: Timeline, region: bpy.types.Region) -> None:
    drag = shown().drag
    if drag is None:
        return
    view = timeline.view
    if drag.snapped is not None:
        x = view.x(drag.snapped)
        gpu_draw.path([(x, 0), (x, view.height)], (1.0, 0.85, 0.4, 0.8), 1.5 * view.scale)
    gpu_draw.label(
        drag.words, drag.mouse[0] + 14 * view.scale, drag.mouse[1] + 14 * view.scale, view.scale, region.width
    )
