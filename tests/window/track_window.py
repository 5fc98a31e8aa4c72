# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender's window: a rack made, moved, lengthened, refocused and removed on the focus track alone.

Arguments after `--`: where the result goes (JSON), the folder for pictures, the first file of the picture sequence;
depth lies beside it as d_0001.exr.
"""

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))

import stage
from stage import SHOT, in_sequencer, part, play, scene, told

STRIPS = ("Shot", "Above")


def strip(name="Shot"):
    return scene().sequence_editor.strips_all[name]


def keys(name="Shot"):
    curve = part("shot.focus").Focus(strip(name)).curve
    return [] if curve is None else [[round(p.co.x, 3), round(p.co.y, 3), p.type] for p in curve.keyframe_points]


def shoot(name):
    stage.shoot(f"track_{name}")


def region():
    area = next(one for one in stage.sequencers() if one.spaces.active.view_type != "PREVIEW")
    return next(one for one in area.regions if one.type == "WINDOW")


def shown():
    return part("track.timelines").shown()


def row(name="Shot"):
    """The strip's row, and the view it is drawn in."""
    timeline = shown().timelines[region().as_pointer()]
    return next(one for one in timeline.rows if one.track.strip == name), timeline.view


def at(frame, metres=None, name="Shot"):
    """Window pixel of a frame and a distance on a strip's track; of its bars without a distance."""
    one, view = row(name)
    box = part("track.layout").box_of(one, view)
    y = (box.lane + box.bottom) / 2 if metres is None else box.y(one.track.share(1 / metres))
    return round(region().x + view.x(frame)), round(region().y + y)


def event(kind, value, place, **held):
    bpy.context.window.event_simulate(kind, value, x=place[0], y=place[1], **held)


def move(place, **held):
    return lambda: event("MOUSEMOVE", "NOTHING", place() if callable(place) else place, **held)


def press(place, button="LEFTMOUSE", **held):
    return lambda: event(button, "PRESS", place(), **held)


def release(place, button="LEFTMOUSE", **held):
    return lambda: event(button, "RELEASE", place(), **held)


def key(letter, place, **held):
    def step():
        for value in ("PRESS", "RELEASE"):
            event(letter, value, place(), **held)

    return step


def click(place, times=1, **held):
    """All at once: the time between two clicks must not hang on the machine."""

    def step():
        where = place()
        for _ in range(times):
            event("LEFTMOUSE", "PRESS", where, **held)
            event("LEFTMOUSE", "RELEASE", where, **held)

    return step


def drag(start, end, then=(), **held):
    """Take hold at one place, go to another in steps, let go. Places are looked up when the drag begins."""
    kept = {}

    def remember():
        kept["start"], kept["end"] = start(), end()
        event("MOUSEMOVE", "NOTHING", kept["start"])

    def go(share):
        def step():
            (x0, y0), (x1, y1) = kept["start"], kept["end"]
            event("MOUSEMOVE", "NOTHING", (round(x0 + (x1 - x0) * share), round(y0 + (y1 - y0) * share)), **held)

        return step

    def end_of():
        return kept["end"]

    return (
        remember, remember, press(lambda: kept["start"]), go(0.2), go(0.6), go(1.0), *then,
        lambda: event("LEFTMOUSE", "RELEASE", end_of(), **held),
    )  # fmt: skip


def note(name, which="Shot"):
    def step():
        count = len(scene().sequence_editor.strips)
        told[name] = {"keys": keys(which), "left": strip(which).left_handle, "strips": count}

    return step


def set_up():
    one = scene()
    one.frame_start, one.frame_end = 1, 120
    one.render.resolution_x, one.render.resolution_y = 1920, 1080
    editor = one.sequence_editor or one.sequence_editor_create()
    for channel, name in enumerate(STRIPS, 1):
        made = editor.strips.new_image(name, str(SHOT), channel, 1, fit_method="ORIGINAL")
        made.right_handle = 121
        editor.active_strip = made
        depth = str(SHOT.parent / "d_0001.exr")
        assert bpy.ops.rackfocus.modifier_add(strip_name=name, depth_path=depth) == {"FINISHED"}
        for label, metres in (("Cup", 2.0), ("Couple", 10.0)):
            assert bpy.ops.rackfocus.mark_add(strip_name=name, name=label, distance=metres) == {"FINISHED"}
        find = part("shot.modifier")
        for value_name, value in (("Focal Length", 50.0), ("F-Stop", 1.8), ("Focus Distance", 2.0)):
            find.socket(find.find(made), value_name).value = value
    one.rackfocus_duration = 24
    one.frame_set(1)
    for name in STRIPS:
        strip(name).select = name == "Shot"
    editor.active_strip = strip()
    in_sequencer(bpy.ops.sequencer.view_all)


def enlarge():
    """Room for the track: three channels over the height of the region."""
    in_sequencer(bpy.ops.view2d.zoom_border, "EXEC_DEFAULT", xmin=0, xmax=region().width, ymin=0,
                 ymax=round(region().height * 0.4), zoom_out=False)  # fmt: skip


def undo():
    in_sequencer(bpy.ops.ed.undo)


def far(frame, name="Shot"):
    return lambda: at(frame, 10.0, name)


def bar(frame, name="Shot"):
    return lambda: at(frame, None, name)


STEPS = (
    set_up,
    lambda: None,
    enlarge,
    lambda: None,
    # a double click makes a rack that arrives there, on the mark that is near
    move(far(60)), move(far(60)), click(far(60), 2),
    note("made"),
    lambda: None,
    move(bar(50)),
    lambda: shoot("made"),
    # its body moves it as a whole
    *drag(bar(50), bar(64), then=(lambda: shoot("moving"),)),
    note("moved"),
    # its edges change its length
    *drag(bar(74), bar(94)),
    note("lengthened"),
    # a point goes to another distance, with what is held at it
    *drag(lambda: at(94, 10.0), lambda: at(94, 4.0)),
    note("refocused"),
    undo,
    note("undone"),
    # Esc in the middle of a drag leaves everything as it was
    *drag(bar(80), bar(60), then=(key("ESC", bar(60)),)),
    note("escaped"),
    # a double click on the curve makes a key by hand
    move(lambda: at(20, 2.0)), move(lambda: at(20, 2.0)), click(lambda: at(20, 2.0), 2),
    note("keyed"),
    lambda: None,
    move(bar(80)), move(bar(80)),
    lambda: shoot("keyed"),
    # the same on the other strip, then both at once
    lambda: setattr(strip("Above"), "select", True),
    move(far(60, "Above")), move(far(60, "Above")), click(far(60, "Above"), 2),
    note("above made", "Above"),
    move(bar(50, "Above")), move(bar(50, "Above")),
    click(bar(50, "Above")),
    move(bar(80)), move(bar(80)),
    click(bar(80), shift=True),
    *drag(bar(80), bar(86), then=(lambda: shoot("both"),)),
    note("both"),
    note("both above", "Above"),
    # the menu of the point, then X on a rack, and X beside it
    move(bar(86)), move(bar(86)),
    press(bar(86), button="RIGHTMOUSE"), release(bar(86), button="RIGHTMOUSE"),
    lambda: shoot("menu"),
    key("ESC", bar(86)),
    move(bar(86)), move(bar(86)),
    lambda: [setattr(p, "select_control_point", False) for name in STRIPS
             for p in part("shot.focus").Focus(strip(name)).curve.keyframe_points],
    key("X", bar(86)),
    note("removed"),
    note("removed above", "Above"),
    undo,
    note("back"),
    # what is not on the curve is the strip's own
    *drag(lambda: at(40, 3.0), lambda: at(50, 3.0)),
    note("strip dragged"),
    undo,
    lambda: setattr(bpy.context.window_manager, "rackfocus_show_track", False),
    lambda: shoot("off"),
)  # fmt: skip


if __name__ == "__main__":
    play(STEPS, wait_s=0.08)
