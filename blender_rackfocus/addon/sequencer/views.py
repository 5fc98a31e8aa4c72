# SPDX-License-Identifier: GPL-3.0-or-later
"""See why: what the preview shows instead of the result, and the focus chart over it. Never in a render.

A view is put into the modifier's image as the result is, but only by the window's drafts; every render fills that image
anew with the result before Blender draws. The switch belongs to the window manager: it is not part of a shot.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import bpy
import cv2
import numpy as np

from ...craft import scope
from ...craft.focus_chart import focus_chart
from ...frame import inputs
from ...frame.coding import encode
from ...frame.job import Job, Made
from ...frame.make import refocus
from ...media.colour import linear_to_srgb
from ..blender import errors, hooks, signals, strips
from ..blender.context import redraw_sequencers, sequencer_scene
from ..shot import marks, modifier
from . import eyedropper, frames

RESULT = "RESULT"
VIEWS = (
    (RESULT, "Result", "What the strip looks like refocused", "RENDER_RESULT", 0),
    ("ORIGINAL", "Original", "The strip's own picture", "IMAGE_DATA", 1),
    ("SPLIT", "Split", "The own picture left of the line, the result right of it", "ARROW_LEFTRIGHT", 2),
    ("DEPTH", "Depth", "Distance in false colour, with a scale in metres", "MOD_OCEAN", 3),
    ("COC", "Circle of Confusion", "Blur in front of the focus in orange, behind it in blue", "MATSPHERE", 4),
    ("FOCUS", "In-Focus Zone", "Sharp edges in amber over a grey picture, as in a viewfinder", "VIS_SEL_11", 5),
    (
        "BEHIND",
        "Behind",
        "What is known of what near surfaces hide, rendered or found beside, in its colours; the rest is dimmed",
        "XRAY",
        6,
    ),
)
CHART_HEIGHT = 150
"""Of the chart, in pixels of an unscaled screen, where the preview is tall enough."""
CHART_SHARE = 0.2
"""Of the preview's height, that the chart takes at most."""


def current() -> str:
    """The view the windows show."""
    return getattr(bpy.context.window_manager, "rackfocus_view", RESULT)


def compute(job: Job, view: str, draft_width: int) -> Made:
    """A job's view as pixels for its image; at most draft_width across for drafts. No Blender. Raises as
    `frames.make`."""
    picture, depth_m = frames.sources(job)
    height, width = picture.shape[:2]
    if view == "ORIGINAL":
        return Made(width, height, None)
    values = dict(zip(inputs.NAMES, job.values, strict=True))
    if view == "BEHIND":
        return _coded(scope.behind_view(picture, frames.behind_in_frame(job)), width, height)
    if job.draft and width > draft_width:
        size = (draft_width, max(1, round(height * draft_width / width)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        depth_m = cv2.resize(depth_m, size, interpolation=cv2.INTER_NEAREST)
    lens = inputs.lens_of(values)
    if view == "DEPTH":
        shown = scope.depth_view(depth_m)
    elif view == "COC":
        shown = scope.coc_view(picture, depth_m, lens)
    elif view == "FOCUS":
        shown = scope.focus_view(picture, depth_m, lens)
    else:
        shown = scope.split_view(picture, refocus(job, picture, depth_m))
    if shown.shape[:2] != (height, width):
        shown = cv2.resize(shown, (width, height), interpolation=cv2.INTER_LINEAR)
    return _coded(shown, width, height)


def _coded(shown: np.ndarray, width: int, height: int) -> Made:
    nothing = np.full_like(shown, -1.0)  # so that every pixel counts as changed
    return Made(width, height, encode(np.ascontiguousarray(shown, np.float32), nothing))


# --- The chart -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def _chart(job: Job, named: tuple[tuple[str, float], ...], width: int, height: int) -> np.ndarray:
    depth_m = frames.sources(job)[1]
    lens = inputs.lens_of(dict(zip(inputs.NAMES, job.values, strict=True)))
    return focus_chart(depth_m, lens, width, height, marks=named)


def chart_of(scene: bpy.types.Scene, width: int, height: int) -> np.ndarray | None:
    """The focus chart of the strip that the preview shows, (height, width, 4) float32, scene-linear; None where
    there is none."""
    shown = eyedropper.candidates(scene, strips.standing_at(scene))
    if not shown:
        return None
    strip = shown[0].strip
    named = []
    for mark in marks.of(strip):
        try:
            named.append((mark.name, round(marks.distance_m(strip, mark, scene.frame_current), 4)))
        except ValueError:
            continue
    job = frames.look_job(shown[0], modifier.find(strip))
    return _chart(replace(job, draft=True), tuple(named), width, height)


def chart_size(region_width: int, region_height: int, scale: float) -> tuple[int, int]:
    """The chart's size in a preview of this size, all in pixels: never more than `CHART_SHARE` of it."""
    width = min(region_width - round(10 + 60 * scale), round(900 * scale))
    return width, min(round(CHART_HEIGHT * scale), int(CHART_SHARE * region_height))


def _draw_chart() -> None:
    context = bpy.context
    if not context.window_manager.rackfocus_chart:
        return
    import gpu
    from gpu_extras.presets import draw_texture_2d

    region, scene = context.region, sequencer_scene(context)
    scale = context.preferences.system.ui_scale
    width, height = chart_size(region.width, region.height, scale)
    if scene is None or scene.sequence_editor is None or width < 200 or height < 60:
        return
    try:
        chart = chart_of(scene, width, height)
    except errors.EXPECTED:
        return  # said in the panel
    if chart is None:
        return
    shown = chart.copy()
    cover = np.maximum(chart[..., 3:], 1e-6)
    shown[..., :3] = linear_to_srgb(np.clip(chart[..., :3] / cover, 0, 1))
    flat = np.ascontiguousarray(shown[::-1], np.float32).reshape(-1)
    texture = gpu.types.GPUTexture((width, height), format="RGBA16F", data=gpu.types.Buffer("FLOAT", flat.size, flat))
    gpu.state.blend_set("ALPHA")
    # on top, left of the buttons for the view: the legends of the views are at the picture's foot
    draw_texture_2d(texture, (10, region.height - height - 10), width, height)
    gpu.state.blend_set("NONE")


def _changed(_self: bpy.types.WindowManager, context: bpy.types.Context) -> None:
    signals.redraw()
    redraw_sequencers()


PROPERTIES = {
    "rackfocus_view": bpy.props.EnumProperty(
        name="View",
        description="What the preview shows; a render always gets the result",
        items=VIEWS,
        update=_changed,
        options={"SKIP_SAVE"},
    ),
    "rackfocus_chart": bpy.props.BoolProperty(
        name="Focus Chart",
        description="How much of the picture lies at which distance, and where focus, depth of field and marks are",
        update=_changed,
        options={"SKIP_SAVE"},
    ),
}
OWNERS = (bpy.types.WindowManager,)


def register() -> None:
    hooks.draw_over(bpy.types.SpaceSequenceEditor, "PREVIEW", _draw_chart)


def unregister() -> None:
    _chart.cache_clear()
