# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender's window: depth is touched up with the mouse, one stroke held through the shot; undone step by step.

Arguments after `--`: where the result goes (JSON), the folder for pictures, the clip (a movie, or the first picture of
a sequence p_*.png), what is drawn (JSON): {"depth": its depth file, "kind": what that holds (else METRES), "frames":
how many, "strokes": [[keys to press first, ctrl, [[x, y], ...]], ...], "look": the row whose depth is told, 0 the top,
1 the foot}.
"""

import json
import sys
import time
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))

import hand
import stage
from hand import in_preview
from stage import SHOT, part, play, scene, show_tab, told

DRAWN = json.loads(sys.argv[sys.argv.index("--") + 4])
bpy.context.preferences.view.render_display_type = "NONE"


def strip():
    return scene().sequence_editor.strips_all["Shot"]


def set_up():
    made = hand.open_clip(SHOT, DRAWN["frames"])
    bpy.ops.rackfocus.modifier_add(strip_name="Shot")
    made.rackfocus_depth_source, made.rackfocus_depth_path = "FILE", DRAWN["depth"]
    made.rackfocus_depth_kind = DRAWN.get("kind", "METRES")
    made.rackfocus_fit_depth = False
    bpy.context.window_manager.rackfocus_view = "DEPTH"
    bpy.ops.ed.undo_push(message="Set up")


def begin():
    told.setdefault("began", time.time())
    told["started"] = list(in_preview(bpy.ops.rackfocus.touch_up, "INVOKE_DEFAULT", True, kind="NEARER"))


def drawn():
    for number, (keys, ctrl, points) in enumerate(DRAWN["strokes"]):
        for name in keys:
            yield lambda name=name: hand.key(name)
        yield hand.stroke(points, **({"ctrl": True} if ctrl else {}))
        yield note(f"after {number + 1}")


def note(name):
    def step():
        told[name] = [
            [one.kind, one.frame, one.hold, len(json.loads(one.points)), bool(one.motion), one.lost]
            for one in strip().rackfocus_touches
        ]

    return step


def until_done():
    running = part("jobs").running()
    if running:
        told.setdefault("words", []).append(running[-1].words())
    return not running


def until_settled():
    return part("live").is_settled()


def depth(name, frame):
    """The depth in metres along the row that is looked at, at a frame."""

    def step():
        frames, strips, modifier = part("frames"), part("strips"), part("modifier")
        shown = next(one for one in strips.walk(scene(), frame) if one.strip == strip())
        depth_m = frames.sources(frames.look_job(shown, modifier.find(strip())))[1]
        row = depth_m[int(DRAWN["look"] * depth_m.shape[0])]
        told[name] = [round(float(value), 3) for value in row[:: max(1, len(row) // 48)]]

    return step


def show(name, frame):
    return [lambda: scene().frame_set(frame), until_settled, lambda: stage.shoot(f"touch_{name}")]


def undo():
    told["undone"] = list(in_preview(bpy.ops.ed.undo))


last = DRAWN["frames"]
play(
    (
        set_up,
        show_tab,
        *show("without", 1),
        depth("depth without", 1),
        begin,
        *drawn(),
        lambda: stage.shoot("touch_drawn"),
        lambda: hand.key("BACK_SPACE"),
        note("taken back"),
        lambda: hand.key("RET"),
        until_done,
        note("followed"),
        *show("first", 1),
        depth("depth first", 1),
        *show("last", last),
        depth("depth last", last),
        *(step for n in range(1, 5) for step in (undo, note(f"undone {n}"))),
        begin,
        lambda: hand.key("ESC"),
        note("escaped"),
    ),
    wait_s=0.6,
)
