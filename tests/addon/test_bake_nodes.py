# SPDX-License-Identifier: GPL-3.0-or-later
"""Baked Rack Focus nodes show the live pixels, with and without the extension, and never what is no longer right."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest
from comp_shot import FAR_M, NEAR_M, CompShot, CountingEngine, left_behind, picture
from live_shot import write_exr
from test_scene_strips import Edit

import blender_rackfocus
from blender_rackfocus.addon.blender import cache, errors, versions
from blender_rackfocus.addon.compositor import node_baked, node_pixels
from blender_rackfocus.addon.delivery.bake import Bake
from blender_rackfocus.addon.delivery.nodes import Nodes
from blender_rackfocus.addon.delivery.strips import Strips
from blender_rackfocus.addon.sequencer import baked_strips
from blender_rackfocus.addon.shot import group

FRAMES = range(1, 4)


@pytest.fixture
def comp(registered, tmp_path, monkeypatch):
    monkeypatch.setenv(cache.ENVIRONMENT, "off")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    yield CompShot(tmp_path)
    assert not left_behind()
    errors.forget()


@pytest.fixture
def computed(monkeypatch):
    """The frames that the core is asked for."""
    asked = []
    refocused = node_pixels.make_of_picture
    monkeypatch.setattr(node_pixels, "make_of_picture", lambda *given: (asked.append(given), refocused(*given))[1])
    return asked


@pytest.fixture
def racked(comp):
    """A keyframed rack over picture and depth files, saved, with its live frames."""
    image, depth = comp.files()
    one = comp.racked(image.outputs["Image"], depth.outputs["Image"])
    for frame, metres in ((1, NEAR_M), (3, FAR_M)):
        one.inputs["Focus Distance"].default_value = metres
        one.inputs["Focus Distance"].keyframe_insert("default_value", frame=frame)
    comp.scene.frame_start, comp.scene.frame_end = FRAMES[0], FRAMES[-1]
    bpy.ops.wm.save_as_mainfile(filepath=str(comp.folder / "shot.blend"))
    comp.live = comp.animation(1, 3, "live")
    return comp


def the_node(comp, name="Rack Focus"):
    return versions.scene_tree(comp.scene).nodes[name]


def bake(comp, *names, kind="EXR", afresh=False):
    """Bake and attach as the operator does; the states."""
    names = names or ("Rack Focus",)
    places = {name: node_baked.default_place(comp.scene, the_node(comp, name), kind=kind) for name in names}
    with Bake(Nodes(comp.scene), places, FRAMES, afresh=afresh) as under_way:
        states = [made.state for made in under_way]
    for name, place in places.items():
        node_baked.attach(the_node(comp, name), place)
    return states


def look(comp):
    """Lines of what is right and what is not."""
    return Nodes(comp.scene).look("Rack Focus", FRAMES, node_baked.place_of(the_node(comp))).lines()


def without_extension(comp, name):
    """Save, and render what the file shows where the extension is not."""
    path = str(comp.folder / f"{name}.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    blender_rackfocus.unregister()
    try:
        bpy.ops.wm.open_mainfile(filepath=path)
        comp.scene = bpy.context.scene
        return comp.animation(1, 3, name)
    finally:
        blender_rackfocus.register()


def assert_same(made, wanted, tolerance=0.0):
    assert sorted(made) == sorted(wanted)
    for frame, pixels in wanted.items():
        assert np.abs(made[frame] - pixels).max() <= tolerance, frame


@pytest.mark.parametrize(("kind", "tolerance"), [("EXR", 1e-6), ("PNG", 1e-3)])
def test_baked_pixels_are_the_live_ones_also_without_the_extension(racked, computed, kind, tolerance):
    assert bake(racked, kind=kind) == ["baked"] * 3
    assert len(computed) == 3
    assert_same(racked.animation(1, 3, "baked"), racked.live, tolerance)
    assert len(computed) == 3
    assert_same(without_extension(racked, "without"), racked.live, tolerance)


def test_a_second_bake_does_nothing(racked, computed):
    bake(racked)
    folder = Path(node_baked.place_of(the_node(racked)).folder)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert bake(racked) == ["kept"] * 3
    assert len(computed) == 3
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert sorted(path.name for path in before) == ["010002.exr", "010003.exr", "010004.exr"]
    assert look(racked) == ["3 fresh"]
    (folder / "010003.exr").unlink()
    assert bake(racked) == ["kept", "baked", "kept"]


def test_a_changed_input_is_named_and_shown_live(racked, computed):
    bake(racked)
    the_node(racked).inputs["F-Stop"].default_value = 8.0
    assert look(racked) == ["3 stale", "F-Stop was 1.4, is 8 (3 from frame 1)"]
    stale = racked.animation(1, 3, "stale")
    node_baked.detach(the_node(racked))
    assert_same(racked.animation(1, 3, "live2"), stale)
    assert group.baked_node(the_node(racked).node_tree) is None
    assert np.abs(stale[2] - racked.live[2]).max() > 0.05


def test_a_node_that_now_does_nothing_shows_its_picture(racked):
    bake(racked)
    the_node(racked).inputs["Mix"].default_value = 0.0
    assert_same(racked.animation(1, 3, "off"), {frame: picture(frame) for frame in FRAMES}, 1e-6)


def test_a_changed_file_is_named_and_shown_live(racked):
    bake(racked)
    made = picture(9)
    write_exr(racked.folder / "picture_0002.exr", dict(zip("RGBA", np.moveaxis(made, 2, 0), strict=True)))
    assert look(racked) == ["2 fresh, 1 stale", "file changed: picture_0002.exr (1 from frame 2)"]
    for image in bpy.data.images:
        if image.source == "SEQUENCE":
            image.reload()
    changed = racked.animation(1, 3, "changed")
    assert np.abs(changed[2] - racked.live[2]).max() > 0.05
    assert_same({1: changed[1], 3: changed[3]}, {1: racked.live[1], 3: racked.live[3]})


def test_a_node_before_it_counts(racked):
    brighter = racked.tree.nodes.new("CompositorNodeExposure")
    one = the_node(racked)
    source = one.inputs["Image"].links[0].from_socket
    racked.link(source, brighter.inputs["Image"])
    racked.link(brighter.outputs["Image"], one.inputs["Image"])
    assert bake(racked) == ["baked"] * 3
    assert look(racked) == ["3 fresh"]
    brighter.inputs["Exposure"].default_value = 1.0
    assert look(racked) == ["3 stale", "nodes before it changed (3 from frame 1)"]


def test_two_nodes_in_a_chain(comp):
    image, depth = comp.files()
    first = comp.racked(image.outputs["Image"], depth.outputs["Image"])
    second = comp.racked(first.outputs["Image"], depth.outputs["Image"], focus_m=FAR_M)
    bpy.ops.wm.save_as_mainfile(filepath=str(comp.folder / "shot.blend"))
    live = comp.animation(1, 3, "live")
    assert bake(comp, first.name, second.name) == ["baked"] * 6
    assert_same(comp.animation(1, 3, "baked"), live)
    assert_same(without_extension(comp, "without"), live, 1e-3)


@pytest.mark.parametrize("own_dof", [False, True])
def test_a_live_depth_is_rendered_once_per_frame(comp, own_dof):
    bpy.utils.register_class(CountingEngine)
    try:
        comp.scene.render.engine = CountingEngine.bl_idname
        camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
        camera.data.dof.use_dof = own_dof
        comp.scene.collection.objects.link(camera)
        comp.scene.camera = camera
        comp.scene.view_layers[0].use_pass_z = True
        layers = comp.tree.nodes.new("CompositorNodeRLayers")
        layers.scene = comp.scene
        comp.racked(layers.outputs["Image"], layers.outputs["Depth"])
        bpy.ops.wm.save_as_mainfile(filepath=str(comp.folder / "shot.blend"))
        live = comp.animation(1, 3, "live")
        CountingEngine.rendered.clear()
        assert bake(comp) == ["baked"] * 3
        assert [frame for _, frame in CountingEngine.rendered] == [1, 2, 3]
        assert bake(comp) == ["kept"] * 3
        assert len(CountingEngine.rendered) == 3
        assert_same(comp.animation(1, 3, "baked"), live, 1e-3 if own_dof else 0)
        assert_same(without_extension(comp, "without"), live, 1e-3 if own_dof else 1e-6)
        path = node_baked.file_at(the_node(comp), 2)
        assert os.path.isfile(path)
        comp.scene.world = bpy.data.worlds.new("World")
        assert look(comp) == ["3 stale", f'scene "{comp.scene.name}" changed (3 from frame 1)']
    finally:
        CountingEngine.rendered.clear()
        bpy.utils.unregister_class(CountingEngine)


def test_a_scene_strip_is_rendered_once_per_frame_and_baked(registered, tmp_path, monkeypatch):
    monkeypatch.setenv(cache.ENVIRONMENT, str(tmp_path / "store"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.utils.register_class(CountingEngine)
    try:
        CountingEngine.rendered.clear()
        edit = Edit(tmp_path)
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "edit.blend"))
        place = baked_strips.default_place(edit.outer, edit.strip)

        def states():
            with Bake(Strips(edit.outer), {edit.strip.name: place}, range(12, 15)) as under_way:
                return [made.state for made in under_way]

        assert states() == ["baked"] * 3
        assert not left_behind()
        assert [frame for _, frame in CountingEngine.rendered] == [2, 3, 4]
        assert states() == ["kept"] * 3
        live = edit.animation(12, 14, "live")
        baked_strips.attach(edit.strip, place)
        assert_same(edit.animation(12, 14, "baked"), live)
        assert len(CountingEngine.rendered) == 3
        edit.inner.camera.data.dof.use_dof = True
        with pytest.raises(errors.FrameError, match="its own Depth of Field"):
            states()
        assert not left_behind()
    finally:
        CountingEngine.rendered.clear()
        bpy.utils.unregister_class(CountingEngine)
        errors.forget()


def test_the_operators_bake_check_and_unbake(racked):
    assert bpy.ops.rackfocus.node_bake(node_name="Rack Focus") == {"FINISHED"}
    one = the_node(racked)
    assert sorted(os.listdir(node_baked.place_of(one).folder)) == ["010002.exr", "010003.exr", "010004.exr"]
    assert bpy.ops.rackfocus.node_bake_check(all_nodes=True) == {"FINISHED"}
    folder = node_baked.place_of(one).folder
    assert bpy.ops.rackfocus.node_unbake(node_name="Rack Focus") == {"FINISHED"}
    assert node_baked.place_of(one) is None
    assert bpy.ops.rackfocus.node_bake_use(node_name="Rack Focus") == {"FINISHED"}
    assert bpy.ops.rackfocus.node_unbake(node_name="Rack Focus", delete_files=True) == {"FINISHED"}
    assert not os.path.exists(folder)
    one.mute = True
    with pytest.raises(RuntimeError, match="not at work"):
        bpy.ops.rackfocus.node_bake(node_name="Rack Focus")


def test_the_command_line_bakes_nodes_and_links_them(racked):
    blend, linked = racked.folder / "shot.blend", racked.folder / "linked.blend"
    top = racked.folder / "package"  # a copy: all these processes, and we, are the same version
    package = Path(blender_rackfocus.__file__).parent
    shutil.copytree(package, top / "blender_rackfocus", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(package.parent / "blender_manifest.toml", top)

    def run(*words):
        command = [sys.executable, "-m", "blender_rackfocus", "bake", str(blend), *words]
        return subprocess.run(command, capture_output=True, text=True, cwd=top, check=False)

    done = run("--frames", "1-2", "--node", "Rack Focus", "--json")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert [(one["frame"], one["state"]) for one in told[:-1]] == [(1, "baked"), (2, "baked")]
    assert "Bake them first" in run("--link").stderr
    assert run().returncode == 0
    done = run("--json")
    assert json.loads(done.stdout.splitlines()[-1]) == {"done": True, "baked": 0, "kept": 3, "hidden": 0, "failed": 0}
    assert run("--link", "--save", str(linked)).returncode == 0
    assert 'no Rack Focus node "Other"' in run("--node", "Other").stderr
    bpy.ops.wm.open_mainfile(filepath=str(linked))
    racked.scene = bpy.context.scene
    assert node_baked.place_of(the_node(racked)) is not None
    assert_same(without_extension(racked, "without"), racked.live, 1e-6)
