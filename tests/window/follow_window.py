# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender's window: Follow the Shot proposes; one proposal is dragged and kept on the track, one deleted there.

Arguments after `--`: where the result goes (JSON), the folder for pictures, the first file of the picture sequence;
depth lies beside it as d_0001.exr, or in the files themselves.
"""

import re
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))

import stage
from stage import SHOT, in_sequencer, part, play, scene, told


def strip():
    return scene().sequence_editor.strips_all["Shot"]


def proposed():
    return [
        [round(one.start), round(one.frame), round(one.distance_m, 3), one.reason]
        for one in part("shot.proposals").read(strip())
    ]


def keys():
    curve = part("shot.focus").Focus(strip()).curve
    return [] if curve is None else [[round(p.co.x, 3), round(p.co.y, 3)] for p in curve.keyframe_points]


def note(name):
    def step():
        told[name] = {"proposed": proposed(), "keys": keys()}

    return step


def region():
    area = next(one for one in stage.sequencers() if one.spaces.active.view_type != "PREVIEW")
    return next(one for one in area.regions if one.type == "WINDOW")


def at(index):
    """Window pixel of a proposal on the track."""

    def place():
        timeline = part("track.timelines").shown().timelines[region().as_pointer()]
        row, view = timeline.rows[0], timeline.view
        box = part("track.layout").box_of(row, view)
        one = row.track.proposed[index]
        return round(region().x + view.x(one.frame)), round(region().y + box.y(float(row.track.share(one.dioptre))))

    return place


def event(kind, value, place, **held):
    bpy.context.window.event_simulate(kind, value, x=place[0], y=place[1], **held)


def move(place):
    return lambda: event("MOUSEMOVE", "NOTHING", place())


def tap(button, place, times=1, **held):
    def step():
        where = place()
        for _ in range(times):
            event(button, "PRESS", where, **held)
            event(button, "RELEASE", where, **held)

    return step


def drag(index, pixels):
    kept = {}

    def go(kind, value, share):
        def step():
            if not kept:
                kept["at"] = at(index)()
            x, y = kept["at"]
            event(kind, value, (round(x + pixels * share), y))

        return step

    return (go("MOUSEMOVE", "NOTHING", 0), go("MOUSEMOVE", "NOTHING", 0), go("LEFTMOUSE", "PRESS", 0),
            *(go("MOUSEMOVE", "NOTHING", share) for share in (0.3, 0.7, 1)), go("LEFTMOUSE", "RELEASE", 1))  # fmt: skip


def set_up():
    bpy.context.preferences.inputs.mouse_double_click_time = 1000  # a busy machine is slow between two clicks
    one = scene()
    files = sorted(SHOT.parent.glob(re.sub(r"\d+", "*", SHOT.name)))
    one.frame_start, one.frame_end = 1, len(files)
    one.render.resolution_x, one.render.resolution_y = 1280, 720
    editor = one.sequence_editor or one.sequence_editor_create()
    made = editor.strips.new_image("Shot", str(files[0]), 1, 1, fit_method="FIT")
    for path in files[1:]:
        made.elements.append(path.name)
    editor.active_strip = made
    depth = SHOT.parent / "d_0001.exr"
    wanted = {"depth_path": str(depth)} if depth.exists() else {}
    assert bpy.ops.rackfocus.modifier_add(strip_name="Shot", **wanted) == {"FINISHED"}
    made.select = True
    one.frame_set(1)
    in_sequencer(bpy.ops.sequencer.view_all)


def enlarge():
    """Room for the track: two channels over the height of the region."""
    in_sequencer(bpy.ops.view2d.zoom_border, "EXEC_DEFAULT", xmin=0, xmax=region().width, ymin=0,
                 ymax=round(region().height * 0.4), zoom_out=False)  # fmt: skip


def follow():
    """As its button does: beside Blender, with a bar."""
    told["asked"] = sorted(in_sequencer(bpy.ops.rackfocus.follow_shot, "INVOKE_DEFAULT"))


def until_followed():
    jobs = part("operators.jobs")
    told["bar"] = told.get("bar") or [job.title for job in jobs.running()]
    return not jobs.running()


def stop():
    part("operators.jobs").running()[0].stop()


def again():
    if not proposed():
        return False
    return None


play(
    [
        set_up, stage.show_sidebars, stage.show_tab, enlarge, lambda: None, note("before"),
        follow, stop, until_followed, lambda: None, note("stopped"),
        follow, until_followed, again, lambda: None, note("proposed"), lambda: stage.shoot("follow_proposed"),
        *drag(1, 30), lambda: None, note("dragged"),
        move(at(1)), move(at(1)), tap("LEFTMOUSE", at(1), times=2), lambda: None, lambda: None, note("kept"),
        lambda: stage.shoot("follow_kept"),
        move(at(0)), move(at(0)), tap("X", at(0)), lambda: None, note("deleted"),
        lambda: in_sequencer(bpy.ops.ed.undo), lambda: None, note("undone"),
        lambda: in_sequencer(bpy.ops.ed.undo), lambda: None, note("undone twice"),
    ],
    0.4,
)  # fmt: skip
