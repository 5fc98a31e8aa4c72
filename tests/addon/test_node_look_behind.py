# SPDX-License-Identifier: GPL-3.0-or-later
"""What near surfaces hide, from the clip that feeds a Rack Focus node: as a strip of the same clip has it."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
import cv2
import numpy as np
import pytest
from comp_shot import CompShot, left_behind
from live_shot import write_exr

from blender_rackfocus.addon.blender import cache, errors, strips
from blender_rackfocus.addon.compositor import node_clip, node_notes
from blender_rackfocus.addon.compositor import session as compositor
from blender_rackfocus.addon.delivery.nodes import Nodes
from blender_rackfocus.addon.depth import touches
from blender_rackfocus.addon.sequencer import frames
from blender_rackfocus.addon.shot import modifier, settings
from blender_rackfocus.craft.touch import Touch
from blender_rackfocus.frame import coding

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "craft"))
import planes

WORLD = (planes.WALL, planes.MIDDLE, planes.FRONT)
FRAMES = 5


def sight(number):
    return planes.sight(WORLD, (0.06 * (number - 3), 0, 0))


def write_frame(path, seen):
    channels = {f"V.Combined.{one}": seen.picture[..., place] for place, one in enumerate("RGB")}
    channels["V.Combined.A"] = np.ones(seen.depth_m.shape, np.float32)
    return write_exr(path, {**channels, "V.Depth.Z": seen.depth_m})


@pytest.fixture
def comp(registered, tmp_path, monkeypatch):
    monkeypatch.setenv(cache.ENVIRONMENT, "off")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    made = CompShot(tmp_path)
    made.scene.render.resolution_x, made.scene.render.resolution_y = planes.WIDTH, planes.HEIGHT
    made.paths = [write_frame(tmp_path / f"p_{number:04d}.exr", sight(number)) for number in range(1, FRAMES + 1)]
    made.clip = made.image_node(made.paths[0], FRAMES)
    yield made
    assert not left_behind()
    errors.forget()


@pytest.fixture
def racked(comp):
    """A node behind the clip, focused on its wall, as a user adds one."""
    one = comp.racked(comp.clip.outputs["Combined"], comp.clip.outputs["Depth"], planes.WALL.depth_m)
    one.inputs["Focal Length"].default_value = 36.0 * planes.FOCAL
    one.inputs["F-Stop"].default_value = 1.0
    settings.put_first_settings_on(one)
    return one


def apart(a, b):
    return float(np.abs(a[..., :3] - b[..., :3]).max())


def strips_picture(comp, frame=3, uncover=True):
    """What a strip of the same clip makes of it through the same lens."""
    scene = bpy.data.scenes.new("Strips")
    strip = scene.sequence_editor_create().strips.new_image("A", comp.paths[0], 1, 1)
    for path in comp.paths[1:]:
        strip.elements.append(Path(path).name)
    strip.right_handle = 1 + FRAMES
    rack_modifier = modifier.add(strip)
    settings.put_first_settings_on(strip)
    strip.rackfocus_uncover = uncover
    told = {"Focal Length": 36.0 * planes.FOCAL, "F-Stop": 1.0, "Focus Distance": planes.WALL.depth_m}
    for name, value in told.items():
        modifier.socket(rack_modifier, name).value = value
    shown = next(one for one in strips.walk(scene, frame) if one.strip == strip)
    made = frames.make(frames.job_of(shown, rack_modifier, draft=False, at_current_frame=False))
    picture, counts = coding.decode(made.flat, made.width, made.height)
    own = np.dstack((sight(frame).picture, np.ones(counts.shape, np.float32)))
    return np.where(counts[..., None], picture, own)


def test_a_clip_shows_what_is_behind_as_a_strip_of_it_does(comp, racked):
    assert racked.rackfocus_uncover
    with_it = comp.still(3)
    assert compositor.behind_told(comp.scene, racked).startswith("Found in the frames beside")
    comp.scene.frame_set(4)
    assert compositor.behind_told(comp.scene, racked) == compositor.fit_told(comp.scene, racked) == "", "of frame 3"
    comp.scene.frame_set(3)
    assert compositor.fit_told(comp.scene, racked)
    assert apart(with_it, strips_picture(comp)) == 0
    racked.rackfocus_uncover = False
    without = comp.still(3)
    assert compositor.behind_told(comp.scene, racked) == ""
    assert apart(without, strips_picture(comp, uncover=False)) == 0
    assert apart(with_it, without) > 0.05


def test_nodes_of_files_that_know_nothing_of_it_stay(comp, racked):
    racked.property_unset("rackfocus_uncover")
    assert not racked.rackfocus_uncover
    assert apart(comp.still(3), strips_picture(comp, uncover=False)) == 0


def test_depth_from_a_file_of_its_own_through_a_reroute(comp, racked):
    with_it = comp.still(3)
    depth = comp.sequence("d", lambda number: sight(number).depth_m, FRAMES)
    reroute = comp.tree.nodes.new("NodeReroute")
    comp.link(depth.outputs["Image"], reroute.inputs[0])
    comp.link(reroute.outputs[0], racked.inputs["Depth"])
    racked.rackfocus_depth_kind = "METRES"
    assert apart(comp.still(3), with_it) < 2e-3


def offsets(racked, frame):
    return [one.offset for one in node_clip.beside(racked, frame)]


def test_only_frames_that_are_there_are_looked_into_each_once(comp, racked):
    assert offsets(racked, 3) == [-1, 1, -2, 2]
    assert offsets(racked, 1) == [1, 2, 4]
    assert offsets(racked, 5) == [-1, -2, -4]
    assert offsets(racked, 7) == [-4]  # the last frame is held
    comp.clip.frame_start = -6
    assert offsets(racked, -4) == [-1, 1, -2, 2]
    comp.clip.frame_start, comp.clip.use_cyclic = 1, True
    assert offsets(racked, 6) == [-1, 1, -2, 2]


def test_frames_beyond_the_clip_hold_as_without(comp, racked):
    held = comp.still(5)
    beyond = comp.still(9)
    comp.clip.frame_start = -6
    assert apart(comp.still(-2), held) == 0
    comp.clip.frame_start, racked.rackfocus_uncover = 1, False
    assert apart(comp.still(9), beyond) == 0  # no other frames are beside it
    assert apart(beyond, held) > 0


def test_a_movie_clip_ends_where_it_ends(comp, racked):
    path = str(comp.folder / "clip.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"FFV1"), 24, (planes.WIDTH, planes.HEIGHT))
    for number in range(1, FRAMES + 1):
        writer.write(np.rint(255 * np.sqrt(sight(number).picture[..., ::-1])).astype(np.uint8))
    writer.release()
    clip = comp.tree.nodes.new("CompositorNodeMovieClip")
    clip.clip = bpy.data.movieclips.load(path)
    clip.clip.frame_start = 2
    depth = comp.sequence("d", lambda number: sight(number).depth_m, FRAMES)
    depth.frame_start = 2
    comp.link(clip.outputs["Image"], racked.inputs["Image"])
    comp.link(depth.outputs["Image"], racked.inputs["Depth"])
    racked.rackfocus_depth_kind = "METRES"
    assert offsets(racked, 6) == [-1, -2, -4]
    assert comp.still(4) is not None
    assert compositor.behind_told(comp.scene, racked).startswith("Found in the frames beside")


def test_why_it_cannot_look_is_said(comp, racked):
    assert node_clip.problem_of(racked) == ""
    clip, brighter = comp.clip.outputs["Combined"], comp.tree.nodes.new("CompositorNodeBrightContrast")
    comp.link(clip, brighter.inputs["Image"])
    comp.link(brighter.outputs["Image"], racked.inputs["Image"])
    assert "other nodes" in node_clip.problem_of(racked)
    brighter.mute = True  # a muted node is passed through
    assert node_clip.problem_of(racked) == ""
    layers = comp.tree.nodes.new("CompositorNodeRLayers")
    comp.link(layers.outputs["Image"], racked.inputs["Image"])
    assert "Render Behind" in node_clip.problem_of(racked)
    comp.link(clip, racked.inputs["Image"])
    comp.clip.image.source = "FILE"
    assert "still" in node_clip.problem_of(racked)


def test_where_blender_shows_something_else_nothing_is_looked_for(comp, racked):
    racked.rackfocus_uncover = False
    comp.link(comp.clip.outputs["Alpha"], racked.inputs["Depth"])
    plain = comp.still(3)
    racked.rackfocus_uncover = True
    assert apart(comp.still(3), plain) == 0
    assert "not looked into" in compositor.behind_told(comp.scene, racked)


def test_neighbours_are_in_what_a_bake_is_made_of(comp, racked):
    nodes = Nodes(comp.scene)
    notes = {**node_notes.of(comp.scene, racked, 3), node_notes.PIXELS: "so"}
    key = compositor_key(nodes, racked)
    assert not node_notes.difference(notes, node_notes.of(comp.scene, racked, 3)).stale
    racked.rackfocus_uncover = False
    assert node_notes.difference(notes, node_notes.of(comp.scene, racked, 3)).stale
    assert compositor_key(nodes, racked) != key
    racked.rackfocus_uncover = True
    stroke = touches.add(racked, 4, Touch("NEARER", ((0.4, 0.4), (0.6, 0.6)), 0.1, 2.0))
    assert node_notes.difference(notes, node_notes.of(comp.scene, racked, 3)).stale == ("depth settings changed",)
    stroke.frame = 8  # none of those beside
    assert not node_notes.difference(notes, node_notes.of(comp.scene, racked, 3)).stale
    racked.rackfocus_touches.clear()
    write_frame(comp.folder / "p_0004.exr", planes.sight(WORLD, (0.1, 0, 0)))
    stale = node_notes.difference(notes, node_notes.of(comp.scene, racked, 3)).stale
    assert stale == ("file changed: p_0004.exr",)
    assert compositor_key(nodes, racked) != key


def compositor_key(nodes, racked):
    nodes.scene.frame_set(3)
    return compositor.collect(nodes.scene)[racked.name].key
