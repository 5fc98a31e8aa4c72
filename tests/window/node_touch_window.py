# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender's window: a stroke is drawn with the mouse on a Rack Focus node's depth, over the viewer's picture in
an image editor, and taken back."""

import json
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))
import stage
from stage import play, rendered_and_racked, shoot, told, until_rendered

POINTS = ((0.4, 0.4), (0.6, 0.6))
kept = {}


def _set_up():
    scene = stage.workbench("Node", 320, 180)
    bpy.ops.mesh.primitive_plane_add(size=20)
    tree, racked = rendered_and_racked(scene, (0, 0, 6), {"Focal Length": 90, "F-Stop": 0.7, "Focus Distance": 6})
    areas = sorted(bpy.context.window.screen.areas, key=lambda area: area.width * area.height)
    areas[-2].ui_type, areas[-1].ui_type = "CompositorNodeTree", "IMAGE_EDITOR"
    areas[-1].spaces.active.image = bpy.data.images.get("Viewer Node")
    kept["scene"], kept["node"], kept["tree"], kept["area"] = scene, racked.name, tree, areas[-1]


def _render():
    bpy.context.preferences.view.render_display_type = "NONE"
    bpy.ops.render.render("INVOKE_DEFAULT")


def _quiet():
    return until_rendered() and not bpy.app.is_job_running("COMPOSITE")


def _region():
    return next(region for region in kept["area"].regions if region.type == "WINDOW")


def _begin():
    kept["area"].spaces.active.image = bpy.data.images.get("Viewer Node")
    bpy.ops.ed.undo_push(message="Set up")
    with bpy.context.temp_override(window=bpy.context.window, area=kept["area"], region=_region()):
        begun = bpy.ops.rackfocus.node_touch_up("INVOKE_DEFAULT", True, kind="NEARER", node_name=kept["node"], factor=3)
    told["started"] = list(begun)


def _send(kind, value, x, y):
    region = _region()
    u, v = region.view2d.view_to_region(x, 1 - y, clip=False)
    bpy.context.window.event_simulate(kind, value, x=int(region.x + u), y=int(region.y + v))


def _draw():
    (ax, ay), (bx, by) = POINTS
    _send("MOUSEMOVE", "NOTHING", ax, ay)
    _send("LEFTMOUSE", "PRESS", ax, ay)
    for i in range(1, 9):
        _send("MOUSEMOVE", "NOTHING", ax + (bx - ax) * i / 8, ay + (by - ay) * i / 8)
    _send("LEFTMOUSE", "RELEASE", bx, by)


def _strokes():
    tree = next(tree for tree in bpy.data.node_groups if kept["node"] in tree.nodes)
    return tree.nodes[kept["node"]].rackfocus_touches  # looked for anew: an undo makes all datablocks anew


def _note():
    told["strokes"] = [[one.kind, one.frame, json.loads(one.points)] for one in _strokes()]
    shoot("node_touch")


def _key(name):
    def step():
        for value in ("PRESS", "RELEASE"):
            _send(name, value, 0.5, 0.5)

    return step


def _end():
    told["taken back"] = len(_strokes())


def _wait():
    """A step in which Blender only draws."""


drawing = [_begin, _wait, _draw, *[_wait] * 5, _note, _key("BACK_SPACE"), *[_wait] * 3, _end, _key("ESC"), _wait]
play([_set_up, _wait, _render, _quiet, *[_wait] * 10, *drawing], 0.1)
