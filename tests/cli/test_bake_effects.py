# SPDX-License-Identifier: GPL-3.0-or-later
"""`bake` and `bake --link` on a scene with compositor effects (Blender 5.3): the file that is handed on shows the live
pixels where nobody knows the extension."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
pytestmark = pytest.mark.skipif(bpy.app.version < (5, 3, 0), reason="scenes have one tree in this Blender")

TOP = Path(__file__).resolve().parent.parent.parent
RENDER = """
def render(scene, folder):
    scene.render.filepath = folder + "/"
    bpy.ops.render.render(animation=True)
"""
MAKE = (
    """
import sys
sys.path.insert(0, {top!r})
import addon_utils, bpy, blender_rackfocus
bpy.ops.wm.read_factory_settings(use_empty=True)
addon_utils.enable("cycles")
blender_rackfocus.register()
from blender_rackfocus.addon.blender import versions
from blender_rackfocus.addon.compositor import effect
from blender_rackfocus.addon.shot import node
scene = bpy.context.scene
scene.render.engine = "CYCLES"
scene.cycles.samples, scene.cycles.use_denoising = 2, False
scene.render.resolution_x, scene.render.resolution_y = 48, 28
scene.render.image_settings.file_format = "OPEN_EXR"
scene.render.image_settings.color_depth = "32"
bpy.ops.object.camera_add(location=(0, 0, 8))
scene.camera = bpy.context.object
bpy.ops.mesh.primitive_cube_add(size=1, location=(0.4, 0, 5))
bpy.ops.mesh.primitive_plane_add(size=9)
bpy.ops.object.light_add(type="POINT", location=(1, 1, 7))
bpy.context.object.data.energy = 400

def brighter(name, stops):
    tree = bpy.data.node_groups.new(name, "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    tree.interface.new_socket("Image", in_out="INPUT", socket_type="NodeSocketColor")
    exposure = tree.nodes.new("CompositorNodeExposure")
    exposure.inputs["Exposure"].default_value = stops
    tree.links.new(tree.nodes.new("NodeGroupInput").outputs[0], exposure.inputs["Image"])
    tree.links.new(exposure.outputs[0], tree.nodes.new("NodeGroupOutput").inputs[0])
    scene.compositor_effects.new(name).node_group = tree

brighter("Before", 1.0)
one = effect.add(scene)
brighter("After", -1.0)
slot = next(each for each in versions.slots(scene) if each.tree == one.id_data)
given = {{name: slot.given(node.origin(one.inputs[name])) for name in ("Focus Distance", "Focal Length", "F-Stop")}}
given["Focal Length"].value, given["F-Stop"].value = 200.0, 2.0
for frame, focus_m in ((1, 2.5), (3, 8.0)):
    given["Focus Distance"].value = focus_m
    given["Focus Distance"].keyframe_insert("value", frame=frame)
scene.frame_start, scene.frame_end = 1, 3
bpy.ops.wm.save_as_mainfile(filepath={blend!r})
render(scene, {live!r})
for each in scene.compositor_effects:
    each.enable_for_render = each.name != "Rack Focus"
render(scene, {sharp!r})
""",
    """
import addon_utils, bpy, sys
addon_utils.enable("cycles")
bpy.ops.wm.open_mainfile(filepath={linked!r})
assert not any("rackfocus" in name for name in sys.modules)
render(bpy.context.scene, {plain!r})
""",
)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """The .blend, and folders of its live frames and of the same without Rack Focus."""
    folder = tmp_path_factory.mktemp("effects")
    names = {"blend": "shot.blend", "linked": "linked.blend", "live": "live", "sharp": "sharp", "plain": "plain"}
    found = {name: str(folder / file) for name, file in names.items()}
    _blender(MAKE[0], found)
    return found


def _blender(script, places):
    """Another process with the module."""
    code = "import bpy\n" + RENDER + script.format(top=str(TOP), **places)
    ran = subprocess.run([sys.executable, "-c", code], cwd=Path(places["blend"]).parent, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def _frames(folder):
    from comp_shot import read

    return {path.stem: read(path) for path in sorted(Path(folder).glob("*.exr"))}


def test_baked_by_the_command_line_and_handed_on(places, run):
    made = run("bake", places["blend"], "--json")
    assert made.returncode == 0, made.stderr
    told = [json.loads(line) for line in made.stdout.splitlines()]
    assert [(one["node"], one["frame"], one["state"]) for one in told[:-1]] == [
        ("Rack Focus", frame, "baked") for frame in (1, 2, 3)
    ]
    again = run("bake", places["blend"])
    assert again.returncode == 0
    assert "3 kept" in again.stderr
    linked = run("bake", places["blend"], "--link", "--save", places["linked"])
    assert linked.returncode == 0, linked.stderr
    _blender(MAKE[1], places)
    live, sharp, plain = (_frames(places[name]) for name in ("live", "sharp", "plain"))
    assert live.keys() == plain.keys()
    assert len(live) == 3
    for frame, picture in live.items():
        assert np.abs(picture - sharp[frame]).max() > 0.05
        assert np.abs(picture - plain[frame]).max() < 1e-6


def test_an_edit_is_no_clip(places, run):
    for verb in ("rack", "depth"):
        made = run(verb, places["blend"], "-o", places["blend"] + ".out")
        assert made.returncode == 2
        assert "shot.blend is an edit, no clip" in made.stderr
