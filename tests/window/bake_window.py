# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender's window: the preview at final quality, a window render, a bake with pause and cancel, the baked
preview with prefetch on, and a stale bake in the panel.

Arguments after `--`: where the result goes (JSON), the folder for pictures, the shot's .blend (its strip "A" has the
modifier, six frames of picture and depth beside it).
"""

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))

import stage
from stage import (
    SHOT,
    in_sequencer,
    open_shot,
    part,
    play,
    render,
    scene,
    sequencers,
    show_sidebars,
    show_tab,
    told,
    until_rendered,
)

FRAMES = range(1, 7)


def strip():
    return scene().sequence_editor.strips_all["A"]


def preview_to(folder):
    """The preview's own picture of every frame, written by Blender's viewport render of the sequencer: a step that
    goes to the frame, one that waits until drafts have given way to final quality, and one that writes it."""

    def go_to(frame):
        return lambda: scene().frame_set(frame)

    def until_settled():
        return part("live").is_settled()

    def write(frame):
        def step():
            area = next(one for one in sequencers() if one.spaces.active.view_type == "PREVIEW")
            region = next(one for one in area.regions if one.type == "PREVIEW")
            scene().render.filepath = f"{SHOT.parent}/{folder}/{frame:04d}.png"
            with bpy.context.temp_override(window=bpy.context.window, area=area, region=region):
                bpy.ops.render.opengl(sequencer=True, write_still=True, view_context=True)

        return step

    return [step for frame in FRAMES for step in (go_to(frame), until_settled, write(frame))]


def shoot(name):
    return lambda: stage.shoot(f"bake_{name}")


def prepare():
    bpy.context.workspace.sequencer_scene = bpy.context.scene
    scene().sequence_editor.active_strip = strip()
    show_sidebars()


def begin_bake():
    scene().frame_set(5)
    told["begun"] = list(in_sequencer(bpy.ops.rackfocus.bake, "INVOKE_DEFAULT", strip_name="A"))
    in_sequencer(bpy.ops.rackfocus.bake_pause)


def is_paused():
    progress = part("operators.baking").Progress
    told["paused"] = [progress.running, progress.paused, progress.done]


def still_paused():
    told["paused later"] = part("operators.baking").Progress.done
    in_sequencer(bpy.ops.rackfocus.bake_cancel)


def after_cancel():
    told["cancelled"] = not part("operators.baking").Progress.running
    told["attached after cancel"] = part("baked_strips").place_of(part("modifier").find(strip())) is not None


def bake_all():
    in_sequencer(bpy.ops.rackfocus.bake, "INVOKE_DEFAULT", strip_name="A")


def until_baked():
    return not part("operators.baking").Progress.running


def after_bake():
    told["frame after bake"] = scene().frame_current
    found = part("modifier").find(strip())
    strips = part("delivery.strips").Strips(scene())
    told["summary"] = strips.look("A", FRAMES, part("baked_strips").place_of(found)).lines()
    part("staleness").of(scene(), strip())


def prefetch_on():
    scene().sequence_editor.use_prefetch = True
    scene().frame_set(2)


def prefetched():
    told["prefetch"] = scene().sequence_editor.use_prefetch


def make_stale():
    part("modifier").socket(part("modifier").find(strip()), "F-Stop").value = 4.0


def is_stale():
    told["stale"] = part("staleness").of(scene(), strip()).lines()
    told["prefetch when stale"] = scene().sequence_editor.use_prefetch
    told["problem"] = part("errors").of(scene().session_uid, "A")


def save():
    part("modifier").socket(part("modifier").find(strip()), "F-Stop").value = 1.4
    bpy.ops.wm.save_as_mainfile(filepath=str(SHOT.parent / "baked.blend"), copy=True)


play(
    (
        open_shot,
        prepare,
        show_tab,
        *preview_to("preview"),
        render("window"),
        until_rendered,
        begin_bake,
        is_paused,
        shoot("paused"),
        still_paused,
        after_cancel,
        bake_all,
        until_baked,
        after_bake,
        lambda: None,
        prefetch_on,
        prefetched,
        shoot("fresh"),
        *preview_to("preview_baked"),
        render("window_baked"),
        until_rendered,
        make_stale,
        lambda: part("staleness").of(scene(), strip()) and None,  # as the panel asks: what was known, and look again
        is_stale,
        shoot("stale"),
        save,
    ),
    wait_s=1.0,
)
