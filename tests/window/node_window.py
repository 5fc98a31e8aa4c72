# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender's window: a Rack Focus node behind a Workbench render; rounds of edits and F12 as fast as they go;
then what the Viewer shows beside what was written."""

import random
import sys
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import stage
from stage import PICTURES, RESULT, play, rendered_and_racked, shoot, told, until_rendered

ROUNDS = int(sys.argv[-1])
STILL = RESULT.parent / "still.exr"
chance = random.Random(20)
kept = {}


def _set_up():
    scene = stage.workbench("Node", 320, 180)
    render = scene.render
    render.image_settings.file_format, render.image_settings.color_depth = "OPEN_EXR", "32"
    render.filepath = str(STILL)
    bpy.ops.mesh.primitive_cube_add(rotation=(0.5, 0.3, 0.6))
    tree, racked = rendered_and_racked(scene, (0, 0, 6), {"Focal Length": 90, "F-Stop": 0.7, "Focus Distance": 4})
    areas = sorted(bpy.context.window.screen.areas, key=lambda area: area.width * area.height)
    areas[-1].ui_type, areas[-2].ui_type = "CompositorNodeTree", "IMAGE_EDITOR"
    areas[-1].spaces.active.show_backdrop = True
    kept["scene"], kept["node"], kept["tree"] = scene, racked.name, tree


def _edit():
    scene, racked = kept["scene"], kept["tree"].nodes[kept["node"]]
    what = chance.choice(("mute", "engine", "inputs", "frame", "undo", "select"))
    if what == "mute":
        racked.mute = not racked.mute
    elif what == "engine":
        scene.render.engine = chance.choice(("BLENDER_WORKBENCH", "CYCLES"))
        if scene.render.engine == "CYCLES":
            scene.cycles.samples, scene.cycles.use_denoising = 1, False
    elif what == "inputs":
        for name in chance.sample(("Focus Distance", "F-Stop", "Focal Length"), 2):
            racked.inputs[name].default_value = chance.uniform(0.8, 60)
    elif what == "frame":
        scene.frame_set(chance.randint(1, 20))
    elif what == "undo":
        bpy.ops.ed.undo_push(message="Edit")
    else:
        for one in kept["tree"].nodes:
            one.select = chance.random() < 0.5


def _round():
    for _ in range(chance.randint(1, 4)):
        _edit()
    bpy.ops.render.render("INVOKE_DEFAULT")
    told["rounds"] = told.get("rounds", 0) + 1


def _last():
    racked = kept["tree"].nodes[kept["node"]]
    racked.mute, kept["scene"].render.engine = False, "BLENDER_WORKBENCH"
    for name, value in (("Focus Distance", 4), ("F-Stop", 0.7), ("Focal Length", 90)):
        racked.inputs[name].default_value = value
    bpy.ops.render.render("INVOKE_DEFAULT", write_still=True)


def _quiet():
    return until_rendered() and not bpy.app.is_job_running("COMPOSITE")


def _look():
    image = bpy.data.images["Viewer Node"]
    shown = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(shown)
    still = bpy.data.images.load(str(STILL))
    still.colorspace_settings.name = "Linear Rec.709"
    written = np.empty(len(still.pixels), np.float32)
    still.pixels.foreach_get(written)
    told["same_size"] = shown.size == written.size
    told["apart"] = float(np.abs(shown - written).max()) if shown.size == written.size else 9.0
    told["varied"] = float(written.reshape(-1, 4)[:, 0].std())
    shoot("node_viewer")


def _wait():
    """A step in which Blender only draws."""


assert PICTURES.is_dir()
rounds = [step for _ in range(ROUNDS) for step in (_round, _quiet)]
play([_set_up, _wait, *rounds, _last, _quiet, *[_wait] * 20, _quiet, _look], 0.1)
