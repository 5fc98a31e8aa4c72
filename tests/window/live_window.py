# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender's window: scrub, edit, duplicate, render from the window, and render into a broken frame.

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
WAIT_S = 1.2
told = {}
bpy.context.preferences.view.show_splash = False


def part(name):
    """A module of the add-on, under whatever name it is installed."""
    return next(m for key, m in list(sys.modules.items()) if key.endswith(f"blender_rackfocus.addon.{name}"))


def scene():
    return bpy.context.workspace.sequencer_scene or bpy.context.scene


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
        "problem": part("errors").of(scene().name, "A"),
        "frame": scene().frame_current,
    }


def shoot(name):
    subprocess.run(["import", "-window", "root", str(PICTURES / f"live_{name}.png")], check=True, timeout=60)


def look(name):
    def step():
        told[name] = state()
        shoot(name)

    return step


def sidebars():
    for area in bpy.context.window.screen.areas:
        if area.type == "SEQUENCE_EDITOR":
            yield area.spaces.active, next(region for region in area.regions if region.type == "UI")


def show_tab():
    """Once the sidebar has been drawn its tabs can be chosen; some of the areas may be too small to have any."""
    for _space, region in sidebars():
        if region.active_panel_category != "UNSUPPORTED":
            region.active_panel_category = "Rack Focus"


def open_shot():
    bpy.ops.wm.open_mainfile(filepath=str(BLEND), load_ui=False)


def prepare():
    bpy.context.workspace.sequencer_scene = bpy.context.scene
    scene().sequence_editor.use_prefetch = True
    scene().sequence_editor.active_strip = strip()
    scene().frame_set(2)
    for space, _region in sidebars():
        space.show_region_ui = True


def edit():
    told["before edit"] = touched()
    part("modifier").find(strip()).mute = True


def unmute():
    told["muted"] = touched()
    part("modifier").find(strip()).mute = False


def in_sequencer(operator, **arguments):
    window = bpy.context.window
    area = next(a for a in window.screen.areas if a.type == "SEQUENCE_EDITOR")
    region = next(r for r in area.regions if r.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        return operator(**arguments)


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


def render(folder):
    def step():
        scene().render.filepath = f"{BLEND.parent}/{folder}/"
        bpy.ops.render.render("INVOKE_DEFAULT", animation=True)

    return step


def until_rendered():
    return not bpy.app.is_job_running("RENDER")


def break_a_depth():
    os.truncate(BLEND.parent / "d_0003.exr", 400)


def save():
    bpy.ops.wm.save_mainfile()


STEPS = iter(
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
    bpy.ops.wm.quit_blender()
    return None


bpy.app.timers.register(tick, first_interval=3.0, persistent=True)
