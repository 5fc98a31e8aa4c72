# SPDX-License-Identifier: GPL-3.0-or-later
"""The node-only twin of a Rack Focus node, and of an effect: without the extension it renders refocused, near the real
result, its keys drive it, and the way back gives all as it was."""

from __future__ import annotations

import subprocess
import sys

import bpy
import cv2
import numpy as np
import pytest
from comp_shot import FAR_M, NEAR_M, CompShot, CountingEngine, depth_m, left_behind, picture, read

from blender_rackfocus.addon.blender import curves, errors, versions
from blender_rackfocus.addon.compositor import effect
from blender_rackfocus.addon.delivery import node_twin, twin_group
from blender_rackfocus.addon.shot import node

_PLAIN = """
import sys, bpy
blend, out, frames = sys.argv[1], sys.argv[2], sys.argv[3:]
bpy.ops.wm.open_mainfile(filepath=blend)
assert not any("rackfocus" in name for name in sys.modules)
for frame in frames:
    bpy.context.scene.frame_set(int(frame))
    bpy.context.scene.render.filepath = f"{out}{frame}.exr"
    bpy.ops.render.render(write_still=True)
"""
KEYS = {1: NEAR_M, 4: FAR_M}


def soft(frame: int) -> np.ndarray:
    """`picture` with structures of a few pixels, as pictures have it."""
    made = cv2.GaussianBlur(picture(frame), (0, 0), 1.0)
    made[..., :3] = np.clip((made[..., :3] - 0.5) * 3 + 0.5, 0, 1)
    made[..., 3] = 1
    return made


class SoftEngine(CountingEngine):
    """Renders `soft` and `depth_m` of the frame."""

    bl_idname = "RACKFOCUS_SOFT"
    bl_label = "Soft"

    def render(self, depsgraph):
        frame = depsgraph.scene.frame_current
        self.rendered.append((depsgraph.scene.name, frame))
        made = soft(frame)
        result = self.begin_result(0, 0, made.shape[1], made.shape[0])
        for each in result.layers[0].passes:
            rows = made if each.channels == 4 else depth_m(frame)[..., None]
            each.rect = rows[::-1].reshape(-1, each.channels).tolist()
        self.end_result(result)


@pytest.fixture
def comp(registered, tmp_path):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.utils.register_class(SoftEngine)
    made = CompShot(tmp_path)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    made.scene.collection.objects.link(camera)
    made.scene.camera, made.scene.render.engine = camera, SoftEngine.bl_idname
    yield made
    assert not left_behind()
    bpy.utils.unregister_class(SoftEngine)
    errors.forget()


def db(one: np.ndarray, other: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((one[..., :3] - other[..., :3]) ** 2)))


def key(socket, name: str) -> None:
    for frame, focus_m in KEYS.items():
        setattr(socket, name, focus_m)
        socket.keyframe_insert(name, frame=frame)


def of_files(comp):
    """A node behind picture and depth from files, its own focus keyed."""
    image, depth = comp.sequence("picture", soft), comp.sequence("depth", depth_m)
    one = comp.racked(image.outputs["Image"], depth.outputs["Image"])
    one.inputs["F-Stop"].default_value = 4.0
    key(one.inputs["Focus Distance"], "default_value")
    return one, comp.tree, one.inputs["Focus Distance"].path_from_id("default_value")


def of_render(comp):
    """A node behind Render Layers, without a link to Depth."""
    layers = comp.tree.nodes.new("CompositorNodeRLayers")
    layers.scene = comp.scene
    one = comp.racked(layers.outputs["Image"], None)
    one.inputs["F-Stop"].default_value = 4.0
    key(one.inputs["Focus Distance"], "default_value")
    return one, comp.tree, one.inputs["Focus Distance"].path_from_id("default_value")


def of_effect(comp):
    """An effect of its own, keyed at the effect."""
    comp.scene.compositor_effects.clear()
    one = effect.add(comp.scene)
    (slot,) = versions.slots(comp.scene)
    for name, value in (("Focal Length", 200.0), ("F-Stop", 4.0)):
        slot.given(node.origin(one.inputs[name])).value = value
    focus = slot.given(node.origin(one.inputs["Focus Distance"]))
    key(focus, "value")
    return one, comp.scene, focus.path_from_id("value")


WAYS = [of_files, of_render, *([of_effect] if versions.HAS_EFFECTS else [])]


def keys_of(owner, path):
    return [
        (*one.co, *one.handle_left, one.interpolation, one.type) for one in curves.find(owner, path).keyframe_points
    ]


@pytest.mark.parametrize("way", WAYS)
def test_it_comes_near_at_every_frame_and_goes_back(comp, way):
    one, owner, path = way(comp)
    real = {frame: comp.still(frame) for frame in (1, 3, 4)}
    before, links = keys_of(owner, path), len(one.id_data.links)
    comp.scene.frame_set(1)
    assert bpy.ops.rackfocus.node_convert_to_nodes(node_name=one.name) == {"FINISHED"}
    assert node_twin.is_one(one)
    assert not node.is_node(one)
    told = one.node_tree[twin_group.MEASURED]
    rendered = len(CountingEngine.rendered)
    shown = {frame: comp.still(frame) for frame in (1, 3, 4)}
    assert len(CountingEngine.rendered) - rendered == (0 if way is of_files else 3)
    for frame, made in shown.items():
        assert db(made, real[frame]) > 27, frame
        assert db(made, real[frame]) > db(soft(frame), real[frame]) + 7, frame
    assert told > 27
    assert bpy.ops.rackfocus.node_convert_back(node_name=one.name) == {"FINISHED"}
    assert node.is_node(one)
    assert keys_of(owner, path) == before
    assert len(one.id_data.links) == links
    assert not [each for each in bpy.data.node_groups if twin_group.MARK in each]
    assert np.array_equal(comp.still(3), real[3])


def test_plain_blender_renders_it(comp):
    of_files(comp)
    real = {frame: comp.still(frame) for frame in (1, 3)}
    assert bpy.ops.rackfocus.node_convert_to_nodes(node_name="Rack Focus") == {"FINISHED"}
    blend, script, out = comp.folder / "on.blend", comp.folder / "render.py", comp.folder / "plain_"
    comp.scene.render.engine = "BLENDER_WORKBENCH"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), check_existing=False)
    script.write_text(_PLAIN)
    subprocess.run([sys.executable, str(script), str(blend), str(out), "1", "3"], check=True, cwd=comp.folder)
    for frame, made in real.items():
        assert db(read(comp.folder / f"plain_{frame}.exr"), made) > 27


def _camera(comp, one):
    one.rackfocus_lens = "CAMERA"


def _muted(comp, one):
    one.mute = True


def _border(comp, one):
    comp.scene.render.use_border = True


def _idle(comp, one):
    one.inputs["Mix"].default_value = 0.0


REFUSED = {
    "Lens is the scene's camera": _camera,
    "it is muted": _muted,
    "a border only": _border,
    "it does nothing at this frame": _idle,
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_converted_is_said_and_left(comp, words):
    one, _owner, _path = of_files(comp)
    REFUSED[words](comp, one)
    with pytest.raises(RuntimeError, match=words):
        bpy.ops.rackfocus.node_convert_to_nodes(node_name=one.name)
    assert node.is_node(one)
    assert not [each for each in bpy.data.node_groups if twin_group.MARK in each]
    with pytest.raises(RuntimeError, match="converted"):
        bpy.ops.rackfocus.node_convert_back(node_name=one.name)
