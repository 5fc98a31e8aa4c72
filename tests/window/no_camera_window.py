# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender's window: the preview shows a scene strip of a scene that has a Rack Focus node, and no camera."""

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))
import stage
from stage import part, play, rendered_and_racked, shoot, told, workbench


def _set_up():
    outer = stage.scene()
    inner = workbench("Inner", 64, 36)
    rendered_and_racked(inner, (0, 0, 6), {"Focus Distance": 4})
    bpy.data.objects.remove(inner.camera)
    bpy.context.window.scene = outer
    bpy.context.workspace.sequencer_scene = outer
    editor = outer.sequence_editor or outer.sequence_editor_create()
    strip = editor.strips.new_scene("Inner", inner, 1, 1)
    strip.scene_input = "CAMERA"
    outer.frame_set(1)
    stage.show_sidebars()


def _look():
    told["failed"] = part("blender.errors").failures()
    shoot("no_camera")


def _wait():
    """A step in which Blender only draws."""


play([_set_up, *[_wait] * 10, _look], 0.2)
