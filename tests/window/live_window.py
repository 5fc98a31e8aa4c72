# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender's window: scrub, edit, duplicate, render from the window, and render into a broken frame.

Arguments after `--`: where the result goes (JSON), the folder for pictures, the shot's .blend (its strip "A" has the
modifier, six frames of picture and depth beside it).
"""

import os
import sys
import time
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stage import (
    SHOT,
    in_sequencer,
    open_shot,
    part,
    play,
    render,
    scene,
    shoot,
    show_sidebars,
    show_tab,
    told,
    until_rendered,
)


def strip(name="A"):
    return scene().sequence_editor.strips_all[name]


def touched(name="A"):
    """Share of the strip's image that replaces its own picture."""
    image = part("group").image_of(part("modifier").find(strip(name)).node_group)
    return sum(a > 1.5 for a in image.pixels[3::4]) / (len(image.pixels) // 4)


def state():
    return {
        "touched": touched(),
        "unsaved": part("pixels").is_any_unsaved(),
        "problem": part("errors").of(scene().session_uid, "A"),
        "frame": scene().frame_current,
    }


def look(name):
    """What there is to see, once our images have been made to look saved: on a busy machine that takes its time."""
    until = None

    def step():
        nonlocal until
        until = until or time.monotonic() + 15
        told[name] = state()
        if told[name]["unsaved"] and time.monotonic() < until:
            return False
        shoot(f"live_{name}")
        return True

    return step


def prepare():
    bpy.context.workspace.sequencer_scene = bpy.context.scene
    scene().sequence_editor.use_prefetch = True
    scene().sequence_editor.active_strip = strip()
    scene().frame_set(2)
    show_sidebars()


def edit():
    told["before edit"] = touched()
    part("modifier").find(strip()).mute = True


def unmute():
    told["muted"] = touched()
    part("modifier").find(strip()).mute = False


def duplicate():
    strip().select = True
    in_sequencer(bpy.ops.sequencer.duplicate)


def count_groups():
    told["groups after duplicate"] = len({m.node_group.name for _, m in part("modifier").everywhere()})
    twin = next(s for s in scene().sequence_editor.strips_all if s.name != "A")
    scene().sequence_editor.strips.remove(twin)


def after_removal():
    told["modifiers at last"] = len(list(part("modifier").everywhere()))
    told["groups at last"] = len([tree for tree in bpy.data.node_groups if part("group").is_ours(tree)])
    told["prefetch"] = scene().sequence_editor.use_prefetch


def break_a_depth():
    os.truncate(SHOT.parent / "d_0003.exr", 400)


def save():
    bpy.ops.wm.save_mainfile()


play(
    (
        open_shot,
        prepare,
        show_tab,
        look("frame 2"),
        lambda: scene().frame_set(6),
        look("frame 6"),
        edit,
        unmute,
        duplicate,
        count_groups,
        after_removal,
        save,
        look("saved"),
        render("window"),
        until_rendered,
        break_a_depth,
        render("broken"),
        until_rendered,
        lambda: scene().frame_set(3),
        look("broken"),
        lambda: scene().frame_set(4),
        look("whole again"),
    ),
    wait_s=1.2,
)
