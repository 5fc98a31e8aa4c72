# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender's window: the preview at final quality, a window render, a bake with pause and cancel, the baked
preview with prefetch on, and a stale bake in the panel.

Arguments after `--`: where the result goes (JSON), the folder for pictures, the shot's .blend (its strip "A" has the
modifier, six frames of picture and depth beside it).
"""

import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

import bpy

RESULT, PICTURES, BLEND = (Path(text) for text in sys.argv[sys.argv.index("--") + 1 :][:3])
WAIT_S = 1.0
FRAMES = range(1, 7)
told = {}
bpy.context.preferences.view.show_splash = False


def part(name):
    """A module of the add-on, under whatever name it is installed."""
    return next(m for key, m in list(sys.modules.items()) if key.endswith(f"blender_rackfocus.addon.{name}"))


def scene():
    return bpy.context.workspace.sequencer_scene or bpy.context.scene


def strip():
    return scene().sequence_editor.strips_all["A"]


def areas(kind="SEQUENCE_EDITOR"):
    return [area for area in bpy.context.window.screen.areas if area.type == kind]


def in_sequencer(operator, *words, **arguments):
    area = next(one for one in areas() if one.spaces.active.view_type != "PREVIEW")
    region = next(one for one in area.regions if one.type == "WINDOW")
    with bpy.context.temp_override(window=bpy.context.window, area=area, region=region):
        return operator(*words, **arguments)


def preview_to(folder):
    """The preview's own picture of every frame, written by Blender's viewport render of the sequencer: a step that
    goes to the frame, one that waits until drafts have given way to final quality, and one that writes it."""

    def go_to(frame):
        return lambda: scene().frame_set(frame)

    def until_settled():
        return part("live").is_settled()

    def write(frame):
        def step():
            area = next(one for one in areas() if one.spaces.active.view_type == "PREVIEW")
            region = next(one for one in area.regions if one.type == "PREVIEW")
            scene().render.filepath = f"{BLEND.parent}/{folder}/{frame:04d}.png"
            with bpy.context.temp_override(window=bpy.context.window, area=area, region=region):
                bpy.ops.render.opengl(sequencer=True, write_still=True, view_context=True)

        return step

    return [step for frame in FRAMES for step in (go_to(frame), until_settled, write(frame))]


def shoot(name):
    def step():
        subprocess.run(["import", "-window", "root", str(PICTURES / f"bake_{name}.png")], check=True, timeout=60)

    return step


def open_shot():
    bpy.ops.wm.open_mainfile(filepath=str(BLEND), load_ui=False)


def prepare():
    bpy.context.workspace.sequencer_scene = bpy.context.scene
    scene().sequence_editor.active_strip = strip()
    for area in areas():
        area.spaces.active.show_region_ui = True


def show_tab():
    for area in areas():
        region = next(one for one in area.regions if one.type == "UI")
        if region.active_panel_category != "UNSUPPORTED":
            region.active_panel_category = "Rack Focus"


def render(folder):
    def step():
        scene().render.filepath = f"{BLEND.parent}/{folder}/"
        bpy.ops.render.render("INVOKE_DEFAULT", animation=True)

    return step


def until_rendered():
    return not bpy.app.is_job_running("RENDER")


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
    told["summary"] = part("staleness").check(
        scene(), strip(), FRAMES, part("baked_strips").place_of(found)
    ).lines()
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
    told["problem"] = part("errors").of(scene().name, "A")


def save():
    part("modifier").socket(part("modifier").find(strip()), "F-Stop").value = 1.4
    bpy.ops.wm.save_as_mainfile(filepath=str(BLEND.parent / "baked.blend"), copy=True)


STEPS = iter(
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
    )
)
waiting = []


def tick():
    try:
        step = waiting.pop() if waiting else next(STEPS, None)
        if step is not None:
            if step() is False:
                waiting.append(step)
            return WAIT_S
    except Exception:
        told["traceback"] = traceback.format_exc()
    RESULT.write_text(json.dumps(told), encoding="utf-8")
    os.sync()
    bpy.ops.wm.quit_blender()
    return None


bpy.app.timers.register(tick, first_interval=3.0, persistent=True)
