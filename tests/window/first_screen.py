# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender's window: a whole rack by the mouse alone, on the first screen of the tab, nothing scrolled.

Arguments after `--`: where the result goes (JSON), the folder for pictures, the first file of the picture sequence;
depth lies beside it as d_*.exr (near on the left, far on the right).
"""

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))

import stage
from stage import SHOT, part, play, scene, show_sidebars, show_tab, told

ADD, PICK_MARK, RACK = (192, 46), (91, 109), (282, 218)
"""Buttons, in pixels from the right and the top of the strips' sidebar at 1600 x 900, scale 1."""


def strip():
    return scene().sequence_editor.strips_all["Shot"]


def set_up():
    one = scene()
    one.render.resolution_x, one.render.resolution_y = 1920, 1080
    one.frame_start, one.frame_end = 1, 48
    editor = one.sequence_editor or one.sequence_editor_create()
    made = editor.strips.new_image("Shot", str(SHOT), 1, 1, fit_method="ORIGINAL")
    made.right_handle = 49
    made.rackfocus_depth_path = str(SHOT.parent / "d_0001.exr")
    editor.active_strip = made
    one.frame_set(5)
    show_sidebars()


def sidebar():
    area = next(one for one in stage.sequencers() if one.spaces.active.view_type == "SEQUENCER")
    return next(one for one in area.regions if one.type == "UI")


def preview():
    area = next(one for one in stage.sequencers() if one.spaces.active.view_type == "PREVIEW")
    return next(one for one in area.regions if one.type == "PREVIEW")


def press(button):
    """A step that clicks a button of the sidebar as it lies there."""

    def step():
        region = sidebar()
        click(region.x + region.width - button[0], region.y + region.height - button[1])

    return step


def pick(x, y):
    """A step that clicks a point of the canvas in the preview."""

    def step():
        region = preview()
        u, v = region.view2d.view_to_region(x, y, clip=False)
        click(int(region.x + u), int(region.y + v))

    return step


def point(x, y):
    bpy.context.window.event_simulate("MOUSEMOVE", "NOTHING", x=x, y=y)


def click(x, y):
    point(x, y)
    for value in ("PRESS", "RELEASE"):
        bpy.context.window.event_simulate("LEFTMOUSE", value, x=x, y=y)


def shoot(name):
    return lambda: stage.shoot(f"desk_first_{name}")


def note(name):
    def step():
        focus = part("focus").Focus(strip()) if part("modifier").find(strip()) is not None else None
        told[name] = {
            "focus_m": None if focus is None else round(focus.at_m(), 3),
            "keys": [] if focus is None else [[key.frame, round(key.focus_m, 3)] for key in focus.keys()],  # noqa: SIM118 - no mapping
            "marks": [round(mark.distance_m, 3) for mark in strip().rackfocus_marks],
            "sidebar": [sidebar().width, sidebar().height],
            "scrolled": round(sidebar().view2d.region_to_view(0, sidebar().height)[1], 1),
        }

    return step


def over(button):
    def step():
        region = sidebar()
        point(region.x + region.width - button[0], region.y + region.height - button[1])

    return step


def show_chart():
    bpy.context.window_manager.rackfocus_chart = True
    bpy.context.window_manager.rackfocus_view = "DEPTH"


play(
    (
        set_up,
        show_tab,
        note("before"),
        shoot("before"),
        over(ADD),
        press(ADD),
        lambda: None,
        note("added"),
        shoot("added"),
        over(PICK_MARK),
        press(PICK_MARK),
        pick(-400, 100),
        note("one mark"),
        over(PICK_MARK),
        press(PICK_MARK),
        pick(400, 100),
        note("two marks"),
        shoot("marked"),
        over(RACK),
        press(RACK),
        lambda: None,
        note("racked"),
        shoot("racked"),
        show_chart,
        lambda: None,
        shoot("chart"),
    ),
    wait_s=0.9,
)
