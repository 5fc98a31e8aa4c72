# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender's window: a striped clip, the modifier added, two frames scrubbed; a screenshot of each state."""

import json
import subprocess
import sys
from pathlib import Path

import bpy

RESULT, PICTURES, FIRST = (Path(text) for text in sys.argv[sys.argv.index("--") + 1 :][:3])
WAIT_S = 1.5  # a redraw of software GL
told = {}
bpy.context.preferences.view.show_splash = False


def _scene():
    return bpy.context.workspace.sequencer_scene or bpy.context.scene


def _shoot(name):
    path = PICTURES / f"smoke_{name}.png"
    subprocess.run(["import", "-window", "root", str(path)], check=True, timeout=60)
    told[name] = str(path)


def _set_up():
    scene = _scene()
    scene.render.resolution_x, scene.render.resolution_y = 320, 180
    scene.view_settings.view_transform = "Standard"
    scene.frame_start, scene.frame_end = 1, 12
    editor = scene.sequence_editor or scene.sequence_editor_create()
    strip = editor.strips.new_image("Stripes", str(FIRST), 1, 1, fit_method="ORIGINAL")
    for one in sorted(FIRST.parent.glob("*.exr"))[1:]:
        strip.elements.append(one.name)
    editor.active_strip = strip
    scene.frame_set(2)


def _add():
    strip = _scene().sequence_editor.strips["Stripes"]
    assert bpy.ops.rackfocus.modifier_add(strip_name="Stripes") == {"FINISHED"}
    modifier = strip.modifiers["Rack Focus"]
    names = {i.name: i.identifier for i in modifier.node_group.interface.items_tree if i.item_type == "SOCKET"}

    def entry(name):
        return getattr(modifier.properties.inputs, names[name])

    entry("F-Stop").value, entry("Focal Length").value = 1.0, 80.0
    for frame, metres in ((4, 1.0), (8, 4.0)):
        entry("Focus Distance").value = metres
        entry("Focus Distance").keyframe_insert("value", frame=frame)
    _scene().frame_set(3)


STEPS = iter(
    (
        _set_up,
        lambda: _shoot("plain"),
        _add,
        lambda: _shoot("near_sharp"),
        lambda: _scene().frame_set(10),
        lambda: _shoot("far_sharp"),
        lambda: _scene().frame_set(3),
        lambda: _shoot("near_again"),
    )
)


def _tick():
    try:
        step = next(STEPS, None)
        if step is not None:
            step()
            return WAIT_S
        RESULT.write_text(json.dumps(told), encoding="utf-8")
    except Exception as problem:
        print(f"smoke.py: {problem!r}", file=sys.stderr)
    bpy.ops.wm.quit_blender()
    return None


bpy.app.timers.register(_tick, first_interval=3.0)
