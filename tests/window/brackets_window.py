# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender's window: marks in the picture, one of them clicked; what a pick would make sharp; one key hides all.

Arguments after `--`: as for track_window.py.
"""

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))

import stage
import track_window as track
from stage import part, play, scene, told
from track_window import keys, strip

PLACES = {"Cup": (0.25, 0.5), "Couple": (0.75, 0.5)}
"""Near on the left half of the picture, far on the right."""


def shoot(name):
    stage.shoot(f"marks_{name}")


def preview():
    area = next(one for one in stage.sequencers() if one.spaces.active.view_type == "PREVIEW")
    return area, next(one for one in area.regions if one.type == "PREVIEW")


def in_preview(operator, *words, **given):
    area, region = preview()
    with bpy.context.temp_override(window=bpy.context.window, area=area, region=region):
        return operator(*words, **given)


def spots():
    return part("ui.brackets").spots_of(preview()[1])


def spot(mark):
    """Window pixel of a mark's first spot: its bracket where it has one, else its name on the scale."""
    found = next(one for one in spots() if one.mark == mark)
    left, bottom, right, top = found.area
    return round(preview()[1].x + (left + right) / 2), round(preview()[1].y + (bottom + top) / 2)


def seen(name):
    """How often each mark can be clicked, and where the first of each is, in shares of the strip's own picture."""

    def step():
        eyedropper, region = part("sequencer.eyedropper"), preview()[1]
        placements = eyedropper.placements_of(strip(), (1920.0, 1080.0))
        at = {}
        for one in reversed(spots()):
            middle = (one.area[0] + one.area[2]) / 2, (one.area[1] + one.area[3]) / 2
            pixel = eyedropper.through(*eyedropper.view_point(region, scene(), *middle), placements)
            at[one.mark] = None if pixel is None else [round(pixel[0] / 1920, 3), round(pixel[1] / 1080, 3)]
        told[name] = {"at": at, "count": len(spots()), "keys": keys()}

    return step


def set_up():
    track.set_up()
    editor = scene().sequence_editor
    editor.strips.remove(strip("Above"))
    editor.active_strip = strip()
    marks = part("shot.marks")
    for mark, (x, y) in PLACES.items():
        found = marks.find(strip(), mark)
        found.x, found.y, found.media_frame = x, y, 0
    marks.add(strip(), "Wall", 4.0)
    scene().frame_set(10)
    in_preview(bpy.ops.sequencer.view_all_preview)
    bpy.ops.ed.undo_push(message="Set up")


def place():
    """Every way a strip can lie on the canvas, at once; and a look nearer."""
    transform = strip().transform
    transform.offset_x, transform.offset_y, transform.rotation = 80, -40, 0.25
    transform.scale_x = transform.scale_y = 0.7
    strip().use_flip_x = True
    strip().crop.max_x = 200
    in_preview(bpy.ops.sequencer.view_zoom_ratio, ratio=0.5)


def hover(x, y):
    """The mouse on a canvas point of the preview."""

    def step():
        region = preview()[1]
        u, v = region.view2d.view_to_region(x, y, clip=False)
        bpy.context.window.event_simulate("MOUSEMOVE", "NOTHING", x=int(region.x + u), y=int(region.y + v))

    return step


def pick():
    in_preview(bpy.ops.rackfocus.eyedropper, "INVOKE_DEFAULT", True)


def corner():
    _area, region = preview()
    return region.x + 40, region.y + region.height - 60


STEPS = (
    set_up,
    lambda: None,
    seen("shown"),
    track.move(lambda: spot("Couple")), track.move(lambda: spot("Couple")),
    lambda: shoot("hover"),
    track.click(lambda: spot("Couple")),
    seen("racked"),
    lambda: scene().frame_set(40),
    lambda: part("live").is_settled(),
    seen("arrived"),
    lambda: shoot("arrived"),
    track.undo,
    seen("undone"),
    # a mark that is only a distance is clicked on the scale at the edge
    track.move(lambda: spot("Wall")), track.move(lambda: spot("Wall")),
    track.click(lambda: spot("Wall")),
    seen("wall"),
    track.undo,
    pick,
    hover(-400, 100), hover(-401, 100),
    lambda: shoot("pick"),
    track.key("ESC", corner),
    place,
    lambda: None,
    lambda: part("live").is_settled(),
    seen("placed"),
    lambda: shoot("placed"),
    track.move(corner), track.key("F", corner, shift=True),
    lambda: None,
    lambda: told.update(hidden=[bpy.context.window_manager.rackfocus_show_track,
                                bpy.context.window_manager.rackfocus_show_marks]),
    lambda: shoot("hidden"),
    track.key("F", corner, shift=True),
    lambda: told.update(back=[bpy.context.window_manager.rackfocus_show_track,
                              bpy.context.window_manager.rackfocus_show_marks]),
)  # fmt: skip


if __name__ == "__main__":
    play(STEPS, wait_s=0.2)
