# SPDX-License-Identifier: GPL-3.0-or-later
"""The node-only twin: without the extension it renders refocused, near the real result, and its keys drive it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import bpy
import cv2
import numpy as np
import pytest
from live_shot import FAR_M, NEAR_M, difference, far, near, read, two_depths, write_exr

from blender_rackfocus.addon.blender import curves
from blender_rackfocus.addon.delivery import twin, twin_group
from blender_rackfocus.addon.sequencer import show
from blender_rackfocus.addon.shot import focus_keys, group, modifier

_RENDER_PLAIN = """
import sys, bpy
blend, out, frames = sys.argv[1], sys.argv[2], sys.argv[3:]
bpy.ops.wm.open_mainfile(filepath=blend)
assert not any("rackfocus" in name for name in sys.modules)
assert not any("rackfocus" in handler.__module__ for handler in bpy.app.handlers.render_pre)
for frame in frames:
    bpy.context.scene.frame_set(int(frame))
    bpy.context.scene.render.filepath = f"{out}{frame}.png"
    bpy.ops.render.render(write_still=True)
"""


def plain_blender(shot, *frames: int) -> dict[int, np.ndarray]:
    """Frames of the open file, rendered by another process that never heard of the extension."""
    blend, script = shot.folder / "handed_on.blend", shot.folder / "render.py"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), check_existing=False)
    script.write_text(_RENDER_PLAIN)
    out = shot.folder / "plain_"
    subprocess.run([sys.executable, str(script), str(blend), str(out), *map(str, frames)], check=True, cwd=shot.folder)
    return {frame: read(Path(f"{out}{frame}.png")) for frame in frames}


def db(one: np.ndarray, other: np.ndarray) -> float:
    return -10 * np.log10(max(np.mean(((one[..., :3] - other[..., :3]) / 255.0) ** 2), 1e-10))


def soft_pictures(shot, frames: int = 4) -> list[str]:
    """Noise with structures of a few pixels, as pictures have it, another one in every frame."""
    paths = []
    for path in shot.pictures(frames=frames):
        picture = cv2.GaussianBlur(cv2.imread(path), (0, 0), 1.0).astype(float)
        cv2.imwrite(path, np.clip((picture - 128) * 3 + 128, 0, 255).astype(np.uint8))
        paths.append(path)
    return paths


def with_depth_strip(shot):
    strip = shot.racked(soft_pictures(shot), "")
    depth = shot.strip(shot.depths(), "Depth", channel=2)
    depth.mute = True
    modifier.pair(strip, depth)
    return strip


def with_depth_files(shot):
    return shot.racked(soft_pictures(shot), shot.depths()[0])


@pytest.mark.parametrize("made", [with_depth_strip, with_depth_files])
def test_plain_blender_renders_the_twin_refocused(shot, made) -> None:
    strip = made(shot)
    shot.key(strip, "F-Stop", {1: 1.4, 4: 8.0})
    shot.key(strip, "Focus Distance", {1: NEAR_M, 2: NEAR_M, 4: FAR_M})
    real = {frame: shot.still(frame) for frame in (1, 3, 4)}
    modifier.find(strip).mute = True
    own = {frame: shot.still(frame) for frame in (1, 3, 4)}
    modifier.find(strip).mute = False
    shot.scene.frame_set(1)
    assert bpy.ops.rackfocus.convert_to_nodes(strip_name="A") == {"FINISHED"}
    found = twin.find(strip)
    assert modifier.find(strip) is None
    told = found.node_group[twin_group.MEASURED]
    shown = plain_blender(shot, 1, 3, 4)
    for frame, picture in shown.items():
        print(frame, db(picture, real[frame]), db(own[frame], real[frame]), told)
        assert db(picture, real[frame]) > 30
        assert db(picture, real[frame]) > db(own[frame], real[frame]) + 8
    assert db(shown[1], real[1]) == pytest.approx(told, abs=0.5)
    assert difference(near(shown[1]), near(own[1])) <= 1  # what is sharp stays, and nothing leaks into it
    assert difference(far(shown[4]), far(own[4])) <= 1


def keys(strip) -> list[tuple]:
    found = twin.find(strip) or modifier.find(strip)
    path = focus_keys.path_of(found, group.socket_ids(found.node_group)["Focus Distance"])
    points = curves.at_work(strip.id_data, path).keyframe_points
    return [(*one.co, *one.handle_left, *one.handle_right, one.interpolation, one.easing, one.type) for one in points]


def test_keys_drivers_and_the_way_back(shot) -> None:
    strip = with_depth_strip(shot)
    shot.key(strip, "Focus Distance", {1: NEAR_M, 4: FAR_M})
    driver = modifier.socket(modifier.find(strip), "F-Stop").driver_add("value").driver
    driver.expression = "1.4 + 0 * frame"
    before, values = keys(strip), modifier.values(strip, modifier.find(strip), shot.scene, 3)
    real = shot.still(3)
    original = modifier.find(strip).node_group
    assert bpy.ops.rackfocus.convert_to_nodes(strip_name="A") == {"FINISHED"}
    found = twin.find(strip)
    assert db(shot.still(3), real) > 30
    # Blender runs in metres between keys: what it reads at frame 3 must be the focus that ours had there.
    assert modifier.socket(found, "Focus Distance").value == pytest.approx(values["Focus Distance"], rel=1e-3)
    driver.expression = "5.6"
    closed = shot.still(3)
    assert difference(closed, real) > 20
    assert original.name in bpy.data.node_groups
    show.edited()  # what would sweep groups that nobody uses
    assert bpy.ops.rackfocus.convert_back(strip_name="A") == {"FINISHED"}
    assert twin.find(strip) is None
    assert modifier.find(strip).node_group == original
    assert keys(strip) == before
    driver.expression = "1.4 + 0 * frame"
    assert difference(shot.still(3), real) == 0
    assert not [one for one in bpy.data.node_groups if twin_group.MARK in one]


@pytest.mark.parametrize("kind", ["INVERSE", "NORMALISED", "LINEAR_Z", "CENTIMETRES"])
def test_what_depth_numbers_mean(shot, kind) -> None:
    depth_m = two_depths()
    strip = shot.racked(soft_pictures(shot, 1), "")
    path = str(shot.folder / "depth.exr")
    if kind == "INVERSE":
        strip.rackfocus_depth_kind = "INVERSE"
        write_exr(Path(path), {"Z": 1 / depth_m})
    elif kind == "CENTIMETRES":
        strip.rackfocus_depth_kind, strip.rackfocus_depth_scale = "METRES", 0.01
        write_exr(Path(path), {"Z": depth_m * 100})
    else:
        path = str(shot.folder / "depth.png")
        strip.rackfocus_depth_kind = "NORMALISED"
        strip.rackfocus_near_m, strip.rackfocus_far_m = 1.0, 20.0
        if kind == "LINEAR_Z":
            strip.rackfocus_depth_ramp, strip.rackfocus_white_near = "LINEAR_Z", False
            nearness = (depth_m - 1) / 19
        else:
            nearness = (1 / depth_m - 1 / 20) / (1 - 1 / 20)
        cv2.imwrite(path, np.round(nearness * 65535).astype(np.uint16))
    strip.rackfocus_depth_path = path
    shot.set(strip, **{"Focus Distance": 4.0, "Blades": 5, "Near Strength": 0.5, "Max Blur": 20.0})
    real = shot.still(1)
    assert bpy.ops.rackfocus.convert_to_nodes(strip_name="A") == {"FINISHED"}
    assert twin.find(strip).node_group[twin_group.MEASURED] > 28
    assert db(shot.still(1), real) > 28


def test_undone_in_one_step(shot) -> None:
    strip = with_depth_files(shot)
    shot.key(strip, "Focus Distance", {1: NEAR_M, 4: FAR_M})
    before = keys(strip)
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.rackfocus.convert_to_nodes("EXEC_DEFAULT", True, strip_name="A") == {"FINISHED"}
    bpy.ops.ed.undo()
    strip = shot.scene.sequence_editor.strips_all["A"]
    assert twin.find(strip) is None
    assert modifier.find(strip) is not None
    assert keys(strip) == before


def test_what_cannot_be_converted_is_said_and_left(shot) -> None:
    strip = shot.racked(shot.pictures(alpha=True), shot.depths()[0])
    with pytest.raises(RuntimeError, match="transparency"):
        bpy.ops.rackfocus.convert_to_nodes(strip_name="A")
    held = shot.racked(soft_pictures(shot, 4)[:2], shot.depths()[0], name="Held", channel=3)
    held.right_handle = 6  # the picture's last frame is held, and its depth with it
    with pytest.raises(RuntimeError, match="frame by frame"):
        bpy.ops.rackfocus.convert_to_nodes(strip_name="Held")
    for one in (strip, held):
        assert modifier.find(one) is not None
        assert twin.find(one) is None
    assert not [one for one in bpy.data.node_groups if twin_group.MARK in one]
    assert not [one for one in bpy.data.images if twin_group.MARK in one]
    with pytest.raises(RuntimeError, match="not converted"):
        bpy.ops.rackfocus.convert_back(strip_name="A")


def test_soft_foreground_over_what_is_nearly_sharp(shot) -> None:
    """Nothing lies behind the focus, and the background itself is a little in front of it."""
    strip = with_depth_strip(shot)
    shot.set(strip, **{"Focus Distance": FAR_M * 1.05})
    real = shot.still(1)
    assert bpy.ops.rackfocus.convert_to_nodes(strip_name="A") == {"FINISHED"}
    assert db(shot.still(1), real) > 30


def test_a_converted_strip_gets_no_second_modifier(shot) -> None:
    strip = with_depth_files(shot)
    shot.set(strip, Breathing=1.0)
    assert bpy.ops.rackfocus.convert_to_nodes(strip_name="A") == {"FINISHED"}
    assert twin.left_out(twin.find(strip)) == ["Breathing"]
    with pytest.raises(RuntimeError, match="converted to nodes"):
        bpy.ops.rackfocus.modifier_add(strip_name="A")
    assert len(strip.modifiers) == 1


@pytest.mark.parametrize("kind", ["files", "movie", "strip"])
def test_depth_of_every_frame_is_its_own(shot, kind) -> None:
    """Strip, picture numbers and depth numbers all begin elsewhere, and depth moves from frame to frame."""
    pictures = soft_pictures(shot, 6)
    levels = [40, 80, 120, 160, 200, 240]
    planes = [np.repeat(np.repeat(np.uint8([[level, 255 - level]]), 48, 0), 32, 1) for level in levels]
    strip = shot.racked(pictures, "", start=31)
    strip.left_handle = 33
    strip.rackfocus_depth_kind = "NORMALISED"
    strip.rackfocus_near_m, strip.rackfocus_far_m = 1.0, 50.0
    if kind == "movie":
        path = str(shot.folder / "depth.avi")
        writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"FFV1"), 24, (64, 48))
        assert writer.isOpened()
        for plane in planes:
            writer.write(cv2.cvtColor(plane, cv2.COLOR_GRAY2BGR))
        writer.release()
        strip.rackfocus_depth_path = path
    else:
        files = [str(shot.folder / f"z.{501 + number:05d}.exr") for number in range(6)]
        for file, plane in zip(files, planes, strict=True):
            write_exr(Path(file), {"Z": plane.astype(np.float32) / 255})
        strip.rackfocus_depth_path = files[0]
        if kind == "strip":
            depth = shot.strip(files, "Depth", start=31, channel=2)
            depth.mute = True
            modifier.pair(strip, depth)
    shot.set(strip, **{"Focus Distance": 1 / (levels[3] / 255 * 0.98 + 0.02), "F-Stop": 4.0})
    frames = (33, 34, 36)
    real = {frame: shot.still(frame) for frame in frames}
    shot.scene.frame_set(34)
    assert bpy.ops.rackfocus.convert_to_nodes(strip_name="A") == {"FINISHED"}
    shown = plain_blender(shot, *frames)
    for frame in frames:
        assert db(shown[frame], real[frame]) > 30
    assert difference(near(shown[34]), near(real[34])) <= 1  # the frame whose depth is the focus


def with_a_plate_of_layers(shot):
    """What Cycles writes: picture and depth in one file for each frame, channels named as Blender names them."""
    paths = []
    for number, picture in enumerate(soft_pictures(shot), 1):
        rgb = cv2.cvtColor(cv2.imread(picture), cv2.COLOR_BGR2RGB).astype(np.float32) / 255
        channels = {f"ViewLayer.Combined.{name}": rgb[..., i] for i, name in enumerate("RGB")}
        channels |= {"ViewLayer.Combined.A": np.ones(rgb.shape[:2]), "ViewLayer.Depth.Z": two_depths()}
        paths.append(write_exr(shot.folder / f"plate_{number:04d}.exr", channels))
    return shot.racked(paths, "")


def test_a_plate_with_its_own_depth_pass_is_converted_frame_by_frame(shot) -> None:
    strip = with_a_plate_of_layers(shot)
    shot.scene.frame_set(2)
    assert bpy.ops.rackfocus.convert_to_nodes(strip_name="A") == {"FINISHED"}
    reader = twin.find(strip).node_group.nodes["Depth"]
    assert (reader.image.type, reader.image.source) == ("MULTILAYER", "SEQUENCE")
    used = {link.from_socket.name for link in twin.find(strip).node_group.links if link.from_node == reader}
    assert used == {"Depth"}
    assert twin.find(strip).node_group[twin_group.MEASURED] > 20
