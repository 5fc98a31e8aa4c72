# SPDX-License-Identifier: GPL-3.0-or-later
"""These tests run inside an installed Blender whose user has the extension's zip installed (pytest-blender)."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # tests/stripes.py

try:
    import bpy

    INSTALLED = not bpy.app.module
except ImportError:
    INSTALLED = False

if not INSTALLED:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def clip(tmp_path):
    """Paths of a twelve-frame striped clip with its depth."""
    import stripes

    return stripes.write(tmp_path / "clip", 12)


@pytest.fixture
def shot(clip, tmp_path):
    """A saved .blend: the clip in the sequencer, focus keyed from near on frame 4 to far on frame 8."""
    import stripes

    before = bpy.context.window.scene
    scene = bpy.data.scenes.new("Shot")
    bpy.context.window.scene = scene
    scene.render.resolution_x, scene.render.resolution_y = stripes.WIDTH, stripes.HEIGHT
    scene.render.resolution_percentage = 100
    scene.frame_start, scene.frame_end = 1, len(clip)
    scene.view_settings.view_transform = "Standard"
    strip = scene.sequence_editor_create().strips.new_image("Stripes", str(clip[0]), 1, 1, fit_method="ORIGINAL")
    for one in clip[1:]:
        strip.elements.append(one.name)
    assert bpy.ops.rackfocus.modifier_add(strip_name="Stripes") == {"FINISHED"}
    modifier = strip.modifiers["Rack Focus"]
    entries = modifier.node_group.interface.items_tree
    sockets = {item.name: item.identifier for item in entries if item.item_type == "SOCKET"}

    def entry(name):
        return getattr(modifier.properties.inputs, sockets[name])

    entry("F-Stop").value, entry("Focal Length").value = 1.0, 80.0
    for frame, metres in ((4, stripes.NEAR_M), (8, stripes.FAR_M)):
        entry("Focus Distance").value = metres
        entry("Focus Distance").keyframe_insert("value", frame=frame)
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(tmp_path / "frames" / "####")
    path = tmp_path / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True)
    yield path
    bpy.context.window.scene = before
    bpy.data.scenes.remove(scene)
