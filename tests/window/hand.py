# SPDX-License-Identifier: GPL-3.0-or-later
"""A hand on the mouse over the preview, for scripts in Blender's window: points are shares of the picture from its top
left."""

import itertools
from collections.abc import Callable, Sequence

import bpy
import stage

size = [0, 0]
"""Of the picture, in pixels; set by whoever opens the shot."""


def preview():
    """(area, region) of the preview."""
    for area in stage.sequencers():
        if area.spaces.active.view_type in {"PREVIEW", "SEQUENCER_PREVIEW"}:
            return area, next(region for region in area.regions if region.type == "PREVIEW")
    raise AssertionError("no preview in this workspace")


def in_preview(operator: Callable, *args, **given):
    """Call an operator as from the preview."""
    area, region = preview()
    with bpy.context.temp_override(window=bpy.context.window, area=area, region=region):
        return operator(*args, **given)


def send(kind: str, value: str, x: float, y: float, **keys) -> None:
    """One event at a point of the picture."""
    _area, region = preview()
    u, v = region.view2d.view_to_region((x - 0.5) * size[0], (0.5 - y) * size[1], clip=False)
    bpy.context.window.event_simulate(kind, value, x=int(region.x + u), y=int(region.y + v), **keys)


def key(name: str, x: float = 0.5, y: float = 0.5, **keys) -> None:
    """Press and release."""
    for value in ("PRESS", "RELEASE"):
        send(name, value, x, y, **keys)


def stroke(points: Sequence[Sequence[float]], **keys) -> Callable[[], None]:
    """A step that draws along points."""

    def step():
        send("LEFTMOUSE", "PRESS", *points[0], **keys)
        for (ax, ay), (bx, by) in itertools.pairwise(points):
            for i in range(1, 9):
                send("MOUSEMOVE", "NOTHING", ax + (bx - ax) * i / 8, ay + (by - ay) * i / 8, **keys)
        send("LEFTMOUSE", "RELEASE", *points[-1], **keys)

    return step


def open_clip(path, frames: int):
    """A strip "Shot" of a movie, or of a sequence named by its first picture p_*.png, as large as the scene."""
    one = stage.scene()
    one.view_settings.view_transform = "Standard"
    editor = one.sequence_editor or one.sequence_editor_create()
    if path.suffix == ".png":
        made = editor.strips.new_image("Shot", str(path), 1, 1, fit_method="ORIGINAL")
        for other in sorted(path.parent.glob("p_*.png"))[1:]:
            made.elements.append(other.name)
    else:
        made = editor.strips.new_movie("Shot", str(path), 1, 1, fit_method="ORIGINAL")
    made.right_handle = 1 + frames
    size[:] = made.elements[0].orig_width, made.elements[0].orig_height
    one.render.resolution_x, one.render.resolution_y = size
    one.frame_start, one.frame_end = 1, frames
    editor.active_strip = made
    one.frame_set(1)
    in_preview(bpy.ops.sequencer.view_all_preview)
    stage.show_sidebars()
    return made
