# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender's window: the eyedropper on a near and a far object, a rack between them, scrub, undo, redo, views.

Arguments after `--`: where the result goes (JSON), the folder for pictures, the first file of the picture sequence;
depth lies beside it as d_*.exr (near on the left, far on the right).
"""

import sys
import threading
import time
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))

import stage
from stage import SHOT, part, play, scene, show_sidebars, show_tab, told

told["waits_s"] = []
bpy.context.preferences.view.render_display_type = "NONE"  # no second window over what is shot


def strip():
    return scene().sequence_editor.strips_all["Shot"]


def focus():
    return part("focus").Focus(strip())


def keys():
    curve = focus().curve
    return [] if curve is None else [[p.co.x, round(p.co.y, 3)] for p in curve.keyframe_points]


def image():
    return part("group").image_of(part("modifier").find(strip()).node_group)


def shoot(name):
    stage.shoot(f"desk_{name}")


def preview():
    for area in bpy.context.window.screen.areas:
        if area.type == "SEQUENCE_EDITOR" and area.spaces.active.view_type in {"PREVIEW", "SEQUENCER_PREVIEW"}:
            return area, next(region for region in area.regions if region.type == "PREVIEW")
    raise AssertionError("no preview in this workspace")


def in_preview(operator, *args, **given):
    area, region = preview()
    with bpy.context.temp_override(window=bpy.context.window, area=area, region=region):
        return operator(*args, **given)


def mouse(x, y):
    """Window pixel of a canvas point."""
    _area, region = preview()
    u, v = region.view2d.view_to_region(x, y, clip=False)
    return int(region.x + u), int(region.y + v)


def move(x, y, **keys):
    px, py = mouse(x, y)
    bpy.context.window.event_simulate("MOUSEMOVE", "NOTHING", x=px, y=py, **keys)


def click(x, y, **keys):
    px, py = mouse(x, y)
    for value in ("PRESS", "RELEASE"):
        bpy.context.window.event_simulate("LEFTMOUSE", value, x=px, y=py, **keys)


def key(letter, at=(800, 450), **modifiers):
    for value in ("PRESS", "RELEASE"):
        bpy.context.window.event_simulate(letter, value, x=at[0], y=at[1], **modifiers)


def clocked(function):
    """Remember how long our handlers keep the window waiting."""

    def inner(*args, **given):
        started = time.perf_counter()
        try:
            return function(*args, **given)
        finally:
            told["waits_s"].append(round(time.perf_counter() - started, 4))

    return inner


def set_up():
    one = scene()
    one.render.resolution_x, one.render.resolution_y = 1920, 1080
    one.view_settings.view_transform = "Standard"
    one.frame_start, one.frame_end = 1, 48
    editor = one.sequence_editor or one.sequence_editor_create()
    made = editor.strips.new_image("Shot", str(SHOT), 1, 1, fit_method="ORIGINAL")
    made.right_handle = 49
    editor.active_strip = made
    depth = str(SHOT.parent / "d_0001.exr")
    assert bpy.ops.rackfocus.modifier_add(strip_name="Shot", depth_path=depth) == {"FINISHED"}
    for name, value in (("Focal Length", 85.0), ("F-Stop", 1.4)):
        part("modifier").socket(part("modifier").find(made), name).value = value
    one.tool_settings.use_keyframe_insert_auto = True
    one.frame_set(5)
    in_preview(bpy.ops.sequencer.view_all_preview)
    show_sidebars()
    surface = part("show")
    surface.show = clocked(surface.show)


def eyedropper():
    told["poll"] = in_preview(bpy.ops.rackfocus.eyedropper.poll)
    told["started"] = list(in_preview(bpy.ops.rackfocus.eyedropper, "INVOKE_DEFAULT", True))


def note(name):
    def step():
        told[name] = {"focus": round(focus().at_m(), 4), "keys": keys(), "frame": scene().frame_current}

    return step


def rack():
    in_preview(bpy.ops.rackfocus.rack, "INVOKE_DEFAULT", True, strip_name="Shot", frame=12, duration=24,
               from_mark="Near", to_mark="Far")  # fmt: skip


def add_marks():
    in_preview(bpy.ops.rackfocus.mark_add, "EXEC_DEFAULT", True, name="Near", distance=2.0)
    in_preview(bpy.ops.rackfocus.mark_add, "EXEC_DEFAULT", True, name="Far", distance=10.0)


def undo():
    in_preview(bpy.ops.ed.undo)


def redo():
    in_preview(bpy.ops.ed.redo)


def view(name):
    def step():
        bpy.context.window_manager.rackfocus_view = name

    return step


def settled(name):
    def step():
        held = part("pixels").held(image())
        told[name] = {"final": bool(getattr(held, "job", None)) and not held.job.draft,
                      "view": getattr(held, "view", None)}  # fmt: skip
        shoot(name)

    return step


def drag():
    """Thirty edits as a slider drag makes them, a redraw between each."""
    socket = part("modifier").socket(part("modifier").find(strip()), "F-Stop")
    for i in range(30):
        socket.value = 1.4 + 0.05 * i
        bpy.context.view_layer.update()
        bpy.ops.wm.redraw_timer(type="DRAW_WIN", iterations=1) if i % 10 == 0 else None


def until_settled():
    return part("live").is_settled()


def lengthen():
    """Hundreds of media frames, so that tracking takes its time."""
    for _ in range(400):
        strip().elements.append(SHOT.name)
    strip().right_handle = 301
    scene().frame_set(5)


def track():
    start = bpy.ops.rackfocus.mark_track
    told["tracking"] = list(in_preview(start, "INVOKE_DEFAULT", True, name="Tracked", x=0.3, y=0.5))


def threads(name):
    def step():
        told[name] = {"threads": [t.name for t in threading.enumerate() if t.name == "rackfocus-job"],
                      "marks": [[m.name, m.kind, len(m.track)] for m in strip().rackfocus_marks]}  # fmt: skip
        shoot(name.replace(" ", "_"))

    return step


def shorten():
    strip().right_handle = 13


def until_tracked():
    return not any(t.name == "rackfocus-job" for t in threading.enumerate())


def enlarge():
    """The timeline's area over the whole window, so that the panel is seen whole."""
    area = next(a for a in bpy.context.window.screen.areas
                if a.type == "SEQUENCE_EDITOR" and a.spaces.active.view_type == "SEQUENCER")  # fmt: skip
    scene().rackfocus_sentence = "slow rack focus from the foreground to the figure behind, 85mm f/1.4, purple"
    with bpy.context.temp_override(window=bpy.context.window, area=area):
        bpy.ops.screen.screen_full_area()


def chart(on):
    def step():
        bpy.context.window_manager.rackfocus_chart = on

    return step


def zoom():
    in_preview(bpy.ops.sequencer.view_zoom_ratio, ratio=0.5)


def render():
    render = scene().render
    render.image_settings.media_type, render.image_settings.file_format = "IMAGE", "PNG"
    render.filepath = told["rendered"] = str(stage.PICTURES / "desk_rendered.png")
    told["view while rendering"] = bpy.context.window_manager.rackfocus_view
    scene().frame_set(5)
    bpy.ops.render.render("INVOKE_DEFAULT", write_still=True)


def until_rendered():
    return not bpy.app.is_job_running("RENDER")


play(
    (
        set_up,
        show_tab,
        until_settled,
        lambda: told.update(waits_s=[]),
        eyedropper,
        lambda: move(-400, 100),
        lambda: shoot("hover"),
        lambda: click(-400, 100),
        note("near"),
        lambda: scene().frame_set(40),
        zoom,
        eyedropper,
        lambda: move(300, -50),
        lambda: click(300, -50),
        note("far"),
        add_marks,
        rack,
        note("racked"),
        lambda: scene().frame_set(24),
        note("scrubbed"),
        undo,
        note("undone"),
        redo,
        note("redone"),
        until_settled,
        settled("result"),
        drag,
        lambda: told.update(after_drag=list(told["waits_s"])),
        until_settled,
        settled("dragged"),
        chart(True),
        view("SPLIT"),
        until_settled,
        settled("split"),
        view("DEPTH"),
        until_settled,
        settled("depth"),
        view("COC"),
        until_settled,
        settled("coc"),
        view("FOCUS"),
        until_settled,
        settled("focus"),
        render,
        until_rendered,
        view("ORIGINAL"),
        settled("original"),
        view("RESULT"),
        until_settled,
        settled("again"),
        eyedropper,
        lambda: move(-100, 0),
        lambda: click(-100, 0, ctrl=True),
        lambda: told.update(marks=[[m.name, round(m.distance_m, 3), round(m.x, 3), round(m.y, 3)]
                                   for m in strip().rackfocus_marks]),
        eyedropper,
        lambda: key("ESC"),
        note("escaped"),
        lengthen,
        track,
        threads("tracking now"),
        lambda: key("ESC"),
        until_tracked,  # it ends after the frame that it is reading
        threads("tracking stopped"),
        shorten,
        track,
        until_tracked,
        threads("tracked"),
        undo,
        threads("track undone"),
        lambda: move(0, 0),
        lambda: key("F", at=mouse(0, 0)),
        lambda: shoot("pie"),
        lambda: key("ESC"),
        enlarge,
        show_tab,
        lambda: shoot("panel"),
    ),
    wait_s=0.9,
)  # fmt: skip
