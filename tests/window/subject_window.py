# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender's window: a subject is drawn over with the mouse, followed, corrected on another frame, and racked.

Arguments after `--`: where the result goes (JSON), the folder for pictures, the clip (a movie, or the first picture of
a sequence), what is drawn (JSON): {"strokes": [[inside, [[x, y], ...]], ...], "frame": and "more": the same on another
frame, "subject": [x, y], "room": [x, y], "frames": how many}; points are shares of the picture from its top left.
"""

import json
import sys
import time
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))

import hand
import stage
from hand import in_preview, send
from stage import SHOT, part, play, scene, show_tab, told

DRAWN = json.loads(sys.argv[sys.argv.index("--") + 4])
bpy.context.preferences.view.render_display_type = "NONE"


def strip():
    return scene().sequence_editor.strips_all["Shot"]


def key(name):
    hand.key(name, *DRAWN["subject"])


def set_up():
    hand.open_clip(SHOT, DRAWN["frames"])
    bpy.ops.rackfocus.modifier_add(strip_name="Shot")


def begin(card):
    def step():
        told.setdefault("began", time.time())
        told["started"] = list(in_preview(bpy.ops.rackfocus.subject, "INVOKE_DEFAULT", True, card=card))

    return step


def strokes(drawn):
    return [hand.stroke(points, **({} if inside else {"ctrl": True})) for inside, points in drawn]


def jobs():
    return part("jobs").running()


def until_done():
    if jobs():
        told.setdefault("words", []).append(jobs()[-1].words())
        told["estimate while following"] = bpy.ops.rackfocus.estimate_depth.poll()
        return False
    return True


def note(name):
    def step():
        told[name] = [[card.matte, card.distance_m, len(card.strokes)] for card in strip().rackfocus_cards]

    return step


def lens():
    socket = part("modifier").socket
    found = part("modifier").find(strip())
    for name, value in (("Focal Length", 85.0), ("F-Stop", 1.4)):
        socket(found, name).value = value
    strip().rackfocus_back_from_m = strip().rackfocus_back_to_m = 8.0
    scene().tool_settings.use_keyframe_insert_auto = True


def pick(name, frame):
    def start():
        scene().frame_set(frame)
        in_preview(bpy.ops.rackfocus.eyedropper, "INVOKE_DEFAULT", True)

    def click():
        send("MOUSEMOVE", "NOTHING", *DRAWN[name])
        for value in ("PRESS", "RELEASE"):
            send("LEFTMOUSE", value, *DRAWN[name])

    def read():
        told[f"focus {name}"] = round(part("focus").Focus(strip()).at_m(), 3)

    return [start, click, read]


def over():
    told["seconds"] = round(time.time() - told["began"], 1)


def until_settled():
    return part("live").is_settled()


def look(name, frame):
    return [lambda: scene().frame_set(frame), until_settled, lambda: stage.shoot(f"subject_{name}")]


def rendered():
    render = scene().render
    render.image_settings.media_type, render.image_settings.file_format = "IMAGE", "PNG"
    render.filepath = str(stage.PICTURES / "racked_")
    scene().frame_step = max(1, (DRAWN["frames"] - 1) // 3)
    bpy.ops.render.render("INVOKE_DEFAULT", animation=True)


correct = [
    lambda: scene().frame_set(DRAWN.get("frame", 1)),
    begin(0),
    *strokes(DRAWN.get("more", ())),
    lambda: stage.shoot("subject_corrected"),
    lambda: key("RET"),
    until_done,
    note("corrected"),
]
play(
    (
        set_up,
        show_tab,
        lambda: stage.shoot("subject_without"),
        begin(-1),
        *strokes(DRAWN["strokes"]),
        lambda: stage.shoot("subject_drawn"),
        lambda: key("RET"),
        lambda: stage.shoot("subject_following"),
        until_done,
        note("followed"),
        lens,
        *pick("subject", 1),
        *pick("room", DRAWN["frames"]),
        over,
        *look("near", 1),
        *look("far", DRAWN["frames"]),
        *(correct if "more" in DRAWN else ()),
        rendered,
        stage.until_rendered,
        begin(0),
        lambda: key("ESC"),
        note("escaped"),
    ),
    wait_s=0.6,
)
