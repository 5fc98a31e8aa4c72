# SPDX-License-Identifier: GPL-3.0-or-later
"""One rack, the same pixels whichever way a frame is made: animation, still, compositor, store, bake, command line.

The window's preview and render are compared in tests/window/test_bake_window.py, in a real window.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest
from live_shot import FAR_M, HEIGHT, NEAR_M, WIDTH, Shot, write_exr

from blender_rackfocus.addon.blender import cache, versions
from blender_rackfocus.addon.sequencer import baked_strips, frames
from blender_rackfocus.addon.shot import modifier, node, pixels

TOP = Path(__file__).resolve().parents[2]
FRAMES = (1, 2, 3, 4)


@pytest.fixture
def rack(shot, monkeypatch, tmp_path):
    """A rack over four frames, saved, with a store of its own; and its frames as an animation renders them."""
    monkeypatch.setenv(cache.ENVIRONMENT, str(tmp_path / "store"))
    frames.forget()
    strip = shot.racked(shot.pictures(), shot.depths()[0])
    shot.key(strip, "Focus Distance", {1: NEAR_M, 4: FAR_M})
    bpy.ops.wm.save_as_mainfile(filepath=str(shot.folder / "shot.blend"))
    shot.wanted = shot.animation("animation", 1, 4)[1]
    cache.settle()
    return shot


def assert_exact(made, wanted):
    assert sorted(made) == sorted(wanted)
    for frame, picture in wanted.items():
        apart = np.abs(made[frame] - picture)
        assert not apart.any(), f"frame {frame}: {np.any(apart, axis=2).sum()} pixels, by up to {apart.max()}"


def computed(monkeypatch):
    """The jobs that the core is asked for from now on."""
    asked = []
    make = frames.making.make
    monkeypatch.setattr(frames.making, "make", lambda job, *rest: (asked.append(job), make(job, *rest))[1])
    return asked


def test_stills(rack):
    assert_exact({frame: rack.still(frame) for frame in reversed(FRAMES)}, rack.wanted)


def test_from_the_store(rack, monkeypatch):
    assert len(cache.store().contents()) == 4
    frames.forget()
    pixels.forget()
    asked = computed(monkeypatch)
    assert_exact(rack.animation("stored", 1, 4)[1], rack.wanted)
    assert asked == []


def test_a_damaged_store_makes_them_again(rack, monkeypatch):
    for path in Path(cache.folder()).rglob("*.rfentry"):
        path.write_bytes(path.read_bytes()[:-3])
    frames.forget()
    pixels.forget()
    asked = computed(monkeypatch)
    assert_exact(rack.animation("again", 1, 4)[1], rack.wanted)
    assert len(asked) == 4


def test_without_a_store(rack, monkeypatch):
    monkeypatch.setenv(cache.ENVIRONMENT, "off")
    frames.forget()
    pixels.forget()
    assert_exact(rack.animation("off", 1, 4)[1], rack.wanted)


def test_a_store_that_cannot_be_written_is_said_and_changes_nothing(rack, monkeypatch, tmp_path, capfd):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv(cache.ENVIRONMENT, str(tmp_path / "file"))
    frames.forget()
    pixels.forget()
    assert_exact(rack.animation("unwritten", 1, 4)[1], rack.wanted)
    cache.settle()
    assert capfd.readouterr().err.count("cannot be kept") == 1


def test_another_setting_or_file_is_another_frame(rack, monkeypatch):
    asked = computed(monkeypatch)
    strip = rack.scene.sequence_editor.strips["A"]
    rack.set(strip, **{"F-Stop": 2.0})
    rack.still(2)
    assert len(asked) == 1
    os.utime(rack.folder / "d_0002.exr", (5, 5))
    rack.still(2)
    assert len(asked) == 2


def test_baked_by_the_command_line_and_linked(rack):
    blend = str(rack.folder / "shot.blend")
    environment = {**os.environ, cache.ENVIRONMENT: "off"}
    for more in ([], ["--link"]):
        command = [sys.executable, "-m", "blender_rackfocus", "bake", blend, *more]
        subprocess.run(command, cwd=TOP, env=environment, check=True, capture_output=True, timeout=120)
    bpy.ops.wm.open_mainfile(filepath=blend)
    assert baked_strips.place_of(modifier.find(rack.scene.sequence_editor.strips["A"])) is not None
    assert_exact(rack.animation("linked", 1, 4)[1], rack.wanted)


def test_the_compositor(shot):
    """On floating-point files. Of whole-number files Blender and we make light each in our own way, alike but for the
    last digit."""
    noise = np.random.default_rng(5).random((4, HEIGHT, WIDTH)).astype(np.float32)
    paths = [write_exr(shot.folder / f"x_{n:04d}.exr", dict.fromkeys("RGB", noise[n - 1])) for n in FRAMES]
    depths = shot.depths()
    strip = shot.racked(paths, depths[0])
    shot.key(strip, "Focus Distance", {1: NEAR_M, 4: FAR_M})
    wanted = {frame: shot.still(frame) for frame in FRAMES}
    focus_m = {f: modifier.values(strip, modifier.find(strip), shot.scene, float(f))["Focus Distance"] for f in FRAMES}

    scene = bpy.data.scenes.new("Compositor")
    Shot.set_up(scene)
    tree = bpy.data.node_groups.new("Tree", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    versions.set_scene_tree(scene, tree)
    one = node.add(tree)
    for name, path in (("Image", paths[0]), ("Depth", depths[0])):
        source = tree.nodes.new("CompositorNodeImage")
        source.image = bpy.data.images.load(path)
        source.image.source = "SEQUENCE"
        source.frame_duration, source.frame_start = 4, 1
        tree.links.new(source.outputs["Image"], one.inputs[name])
    tree.links.new(one.outputs["Image"], tree.nodes.new("NodeGroupOutput").inputs[0])
    one.inputs["Focal Length"].default_value, one.inputs["F-Stop"].default_value = 200.0, 1.4
    for frame in FRAMES:
        one.inputs["Focus Distance"].default_value = focus_m[frame]
        one.inputs["Focus Distance"].keyframe_insert("default_value", frame=frame)
    assert_exact({frame: shot.still(frame, scene) for frame in FRAMES}, wanted)


def test_an_error_nobody_thought_of_ends_the_render_too(rack, monkeypatch, capfd):
    def broken(job, *rest):
        raise RuntimeError("surprise")

    monkeypatch.setattr(frames.making, "make", broken)
    monkeypatch.setenv(cache.ENVIRONMENT, "off")
    frames.forget()
    pixels.forget()
    outcome, written = rack.animation("broken", 1, 4)
    assert (outcome, written) == ({"CANCELLED"}, {})
    assert "unexpected RuntimeError: surprise" in capfd.readouterr().err
