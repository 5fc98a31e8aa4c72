# SPDX-License-Identifier: GPL-3.0-or-later
"""Rack Focus nodes on files: every kind of source, nodes before and after, several nodes, and clear refusals."""

from __future__ import annotations

from pathlib import Path

import bpy
import cv2
import numpy as np
import pytest
from comp_shot import FAR_M, HEIGHT, NEAR_M, WIDTH, CompShot, depth_m, difference, left_behind, picture, wanted
from live_shot import write_exr

from blender_rackfocus.addon.blender import errors, versions
from blender_rackfocus.addon.compositor import session as compositor
from blender_rackfocus.addon.shot import group, node

EXACT = 1e-6


@pytest.fixture
def comp(registered, tmp_path):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    yield CompShot(tmp_path)
    assert not left_behind()
    errors.forget()


def test_sequences_are_refocused_frame_by_frame(comp):
    image, depth = comp.files()
    one = comp.racked(image.outputs["Image"], depth.outputs["Image"])
    for frame in (1, 3):
        made = comp.still(frame)
        assert difference(made, wanted(one, frame)) < EXACT
        assert np.abs(made - picture(frame)).max() > 0.2


def test_keys_are_read_at_their_frame(comp):
    image, depth = comp.files()
    one = comp.racked(image.outputs["Image"], depth.outputs["Image"])
    socket = one.inputs["F-Stop"]
    for frame, stop in ((1, 1.0), (4, 4.0)):
        socket.default_value = stop
        socket.keyframe_insert("default_value", frame=frame)
    made = comp.animation(1, 4)
    assert sorted(made) == [1, 2, 3, 4]
    for frame, stop in ((1, 1.0), (4, 4.0)):  # a curve's value may be a hair off, which may be a half float's step
        assert difference(made[frame], wanted(one, frame, **{"F-Stop": stop})) < 5e-4


def test_a_driver_is_read_at_its_frame(comp):
    image, depth = comp.files()
    one = comp.racked(image.outputs["Image"], depth.outputs["Image"])
    one.inputs["F-Stop"].driver_add("default_value").driver.expression = "frame"
    made = comp.animation(2, 3)
    for frame in (2, 3):
        assert difference(made[frame], wanted(one, frame, **{"F-Stop": float(frame)})) < EXACT


def test_layers_of_a_multilayer_file(comp):
    for frame in (1, 2):
        colour = {f"Main.Combined.{name}": plane for name, plane in zip("RGBA", cv2.split(picture(frame)), strict=True)}
        write_exr(comp.folder / f"layers_{frame:04d}.exr", colour | {"Main.Depth.Z": depth_m(frame)})
    layers = comp.image_node(str(comp.folder / "layers_0001.exr"), 2)
    one = comp.racked(layers.outputs["Combined"], layers.outputs["Depth"])
    assert difference(comp.still(2), wanted(one, 2)) < EXACT


def test_a_movie_clip_with_its_own_start(comp):
    path = str(comp.folder / "clip.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"FFV1"), 24, (WIDTH, HEIGHT))
    for frame in range(1, 5):
        writer.write((picture(frame)[..., 2::-1] * 255).astype(np.uint8))
    writer.release()
    clip = comp.tree.nodes.new("CompositorNodeMovieClip")
    clip.clip = bpy.data.movieclips.load(path)
    clip.clip.frame_start = 2
    depth = comp.sequence("depth", depth_m)
    comp.show(clip.outputs["Image"])
    plain = comp.still(3)
    one = comp.racked(clip.outputs["Image"], depth.outputs["Image"])
    assert difference(comp.still(3), wanted(one, 3, plain)) < EXACT


def test_nodes_before_count_and_muted_ones_do_not(comp):
    image, depth = comp.files()
    brighter, dot = comp.tree.nodes.new("CompositorNodeExposure"), comp.tree.nodes.new("NodeReroute")
    brighter.inputs["Exposure"].default_value = 1.0
    comp.link(image.outputs["Image"], brighter.inputs["Image"])
    comp.link(brighter.outputs["Image"], dot.inputs[0])
    one = comp.racked(dot.outputs[0], depth.outputs["Image"])
    doubled = picture(2) * np.float32([2, 2, 2, 1])
    assert difference(comp.still(2), wanted(one, 2, doubled)) < EXACT
    brighter.mute = True
    assert difference(comp.still(2), wanted(one, 2)) < EXACT


def test_nodes_after_work_on_the_result(comp):
    image, depth = comp.files()
    one = comp.racked(image.outputs["Image"], depth.outputs["Image"])
    brighter = comp.tree.nodes.new("CompositorNodeExposure")
    brighter.inputs["Exposure"].default_value = 1.0
    comp.link(one.outputs["Image"], brighter.inputs["Image"])
    comp.show(brighter.outputs["Image"])
    assert difference(comp.still(2), wanted(one, 2) * np.float32([2, 2, 2, 1])) < EXACT


def test_one_node_feeds_another(comp):
    image, depth = comp.files()
    first = comp.racked(image.outputs["Image"], depth.outputs["Image"])
    second = comp.racked(first.outputs["Image"], depth.outputs["Image"], focus_m=FAR_M)
    assert difference(comp.still(2), wanted(second, 2, wanted(first, 2))) < EXACT


def test_a_duplicated_node_is_its_own(comp):
    image, depth = comp.files()
    first = comp.racked(image.outputs["Image"], depth.outputs["Image"])
    second = comp.racked(image.outputs["Image"], depth.outputs["Image"], focus_m=FAR_M)
    bpy.data.node_groups.remove(second.node_tree)
    second.node_tree = first.node_tree
    for socket, other in zip(second.inputs, first.inputs, strict=True):
        if socket.name == "Focus Distance":
            socket.default_value = FAR_M
        elif socket.type != "RGBA" and not socket.is_linked:
            socket.default_value = other.default_value
    comp.link(image.outputs["Image"], second.inputs["Image"])
    comp.link(depth.outputs["Image"], second.inputs["Depth"])
    comp.show(second.outputs["Image"])
    assert difference(comp.still(2), wanted(second, 2)) < EXACT
    assert group.image_of(first.node_tree) != group.image_of(second.node_tree)
    comp.show(first.outputs["Image"])
    assert difference(comp.still(2), wanted(first, 2)) < EXACT


def test_a_linked_number_is_followed(comp):
    image, depth = comp.files()
    one = comp.racked(image.outputs["Image"], depth.outputs["Image"])
    number = comp.tree.nodes.new("ShaderNodeValue")
    number.outputs[0].default_value = FAR_M
    comp.link(number.outputs[0], one.inputs["Focus Distance"])
    assert difference(comp.still(2), wanted(one, 2, **{"Focus Distance": FAR_M})) < EXACT


@pytest.mark.parametrize("share", [50, 200])
def test_a_picture_of_another_size_than_the_render(comp, share):
    image, depth = comp.files()
    one = comp.racked(image.outputs["Image"], depth.outputs["Image"])
    whole = wanted(one, 2)
    comp.scene.render.resolution_percentage = share
    made = comp.still(2)
    top, left = abs(made.shape[0] - HEIGHT) // 2, abs(made.shape[1] - WIDTH) // 2
    if share == 50:
        whole = whole[top : top + made.shape[0], left : left + made.shape[1]]
    else:
        made = made[top : top + HEIGHT, left : left + WIDTH]
    assert difference(made, whole) < EXACT


def test_whole_number_depth_runs_between_near_and_far(comp):
    path = comp.folder / "depth.png"
    cv2.imwrite(str(path), np.where(depth_m() < 3, 255, 0).astype(np.uint8))
    image, depth = comp.sequence("picture", picture), comp.image_node(str(path))
    one = comp.racked(image.outputs["Image"], depth.outputs["Image"])
    one.rackfocus_near_m, one.rackfocus_far_m = NEAR_M, FAR_M
    assert comp.still(1) is None
    assert "Non-Color" in errors.failures()[0]
    depth.image.colorspace_settings.name = "Non-Color"
    assert difference(comp.still(1), wanted(one, 1)) < EXACT


@pytest.mark.parametrize("mix", [0.25, 0.5, 1.0])
def test_mix_is_a_share_of_the_refocused_picture(comp, mix):
    """A quarter is a quarter: the frame lies on the line from the picture to the one that is refocused whole."""
    image, depth = comp.files()
    one = comp.racked(image.outputs["Image"], depth.outputs["Image"])
    whole = comp.still(1)
    one.inputs["Mix"].default_value = mix
    made = comp.still(1)
    np.testing.assert_allclose(made, picture(1) + mix * (whole - picture(1)), atol=6e-4)  # half floats, twice
    assert np.abs(whole - picture(1)).max() > 0.2


@pytest.mark.parametrize("still", ["mix", "mute", "strength"])
def test_nothing_to_do_leaves_the_picture_alone(comp, still):
    image, depth = comp.files()
    one = comp.racked(image.outputs["Image"], depth.outputs["Image"])
    assert difference(comp.still(1), picture(1)) > 0.2
    if still == "mix":
        one.inputs["Mix"].default_value = 0.0
    elif still == "mute":
        one.mute = True
    else:
        one.inputs["Near Strength"].default_value = one.inputs["Far Strength"].default_value = 0.0
    assert difference(comp.still(1), picture(1)) == 0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("no depth", "no depth is linked"),
        ("no picture", "no picture is linked"),
        ("missing file", "file may be missing"),
        ("scaled before", "moved, turned or scaled"),
        ("picture for a number", "must be one number"),
        ("in a group", "top level"),
        ("stereo", "stereo"),
        ("focus inside the lens", "Focus Distance must be farther"),
    ],
)
def test_what_cannot_be_done_is_said_and_no_frame_written(comp, wrong, says):
    image, depth = comp.files()
    one = comp.racked(image.outputs["Image"], depth.outputs["Image"])
    if wrong == "no depth":
        comp.tree.links.remove(one.inputs["Depth"].links[0])
    elif wrong == "no picture":
        comp.tree.links.remove(one.inputs["Image"].links[0])
    elif wrong == "missing file":
        Path(bpy.path.abspath(depth.image.filepath)).with_name("depth_0002.exr").unlink()
    elif wrong == "scaled before":
        scale = comp.tree.nodes.new("CompositorNodeScale")
        scale.inputs["X"].default_value = 0.5
        comp.link(image.outputs["Image"], scale.inputs["Image"])
        comp.link(scale.outputs["Image"], one.inputs["Image"])
    elif wrong == "picture for a number":
        comp.link(depth.outputs["Image"], one.inputs["Focus Distance"])
    elif wrong == "in a group":
        inner = bpy.data.node_groups.new("Inner", "CompositorNodeTree")
        node.add(inner)
        comp.tree.nodes.new("CompositorNodeGroup").node_tree = inner
    elif wrong == "stereo":
        comp.scene.render.use_multiview = True
    elif wrong == "focus inside the lens":
        one.inputs["Focus Distance"].default_value = 0.1
    assert comp.still(2) is None
    (message,) = errors.failures()
    assert says in message
    assert "frame 2" in message


def test_an_unforeseen_error_stops_the_render_too(comp, monkeypatch):
    image, depth = comp.files()
    comp.racked(image.outputs["Image"], depth.outputs["Image"])
    monkeypatch.setattr(compositor, "_fill", lambda *_: 1 / 0)
    assert comp.still(1) is None
    assert "ZeroDivisionError" in errors.failures()[0]


def test_a_file_output_before_the_node_writes_once(comp, monkeypatch):
    """The tree is evaluated more than once for a frame; its files are written by Blender's own run alone."""
    image, depth = comp.files()
    comp.racked(image.outputs["Image"], depth.outputs["Image"])
    out = comp.tree.nodes.new("CompositorNodeOutputFile")
    out.directory, out.file_name = f"{comp.folder}/side/", "side"
    out.file_output_items.new("RGBA", "Image")
    comp.link(image.outputs["Image"], out.inputs[0])
    writes = []
    from blender_rackfocus.addon.depth import passes

    asked = passes.nested_render

    def watched(scene):
        asked(scene)
        writes.append(sorted(path.name for path in (comp.folder / "side").glob("*")))

    monkeypatch.setattr(passes, "nested_render", watched)
    assert comp.still(1) is not None
    assert writes
    assert not any(writes)
    assert len(list((comp.folder / "side").iterdir())) == 1


def test_the_file_stays_small_and_clean(comp):
    image, depth = comp.files()
    comp.racked(image.outputs["Image"], depth.outputs["Image"])
    comp.still(1)
    assert versions.scene_tree(comp.scene) == comp.tree
    assert not compositor.ASIDE.is_on(comp.scene)
    path = comp.folder / "saved.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    assert path.stat().st_size < 400_000
    bpy.ops.wm.open_mainfile(filepath=str(path))
    assert len(bpy.data.scenes) == 1
    assert len(node.in_tree(versions.scene_tree(bpy.context.scene))) == 1


def test_node_add_puts_itself_before_the_output(comp):
    image, _ = comp.files()
    comp.show(image.outputs["Image"])
    assert bpy.ops.rackfocus.node_add() == {"FINISHED"}
    (one,) = node.in_tree(comp.tree)
    assert node.origin(one.inputs["Image"]).node == image
    assert comp.output.inputs[0].links[0].from_node == one
