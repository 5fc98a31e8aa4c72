# SPDX-License-Identifier: GPL-3.0-or-later
"""A mark tracked over a ray-traced shot: 48 frames of somebody who walks up to the camera, with Cycles' own depth."""

import math
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from concurrent.futures import CancelledError  # noqa: E402

from mathutils import Vector  # noqa: E402

from blender_rackfocus.addon.desk import tracking  # noqa: E402
from blender_rackfocus.addon.shot import marks, modifier, ownership  # noqa: E402
from blender_rackfocus.addon.shot.focus import Focus  # noqa: E402

FRAMES = 48
SIZE = 320, 180


def spotted(name, scale, colours):
    """A material of spots that stick to the object."""
    material = bpy.data.materials.new(name)
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    place, spots, ramp = (nodes.new(f"ShaderNode{kind}") for kind in ("TexCoord", "TexVoronoi", "ValToRGB"))
    shine, out = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
    spots.inputs["Scale"].default_value = scale
    ramp.color_ramp.elements[0].color, ramp.color_ramp.elements[1].color = colours
    links.new(place.outputs["Object"], spots.inputs["Vector"])
    links.new(spots.outputs["Distance"], ramp.inputs[0])
    links.new(ramp.outputs[0], shine.inputs["Color"])
    links.new(shine.outputs[0], out.inputs["Surface"])
    return material


def at(frame):
    """Where the subject stands on a frame: across the picture, and from 7 to 2.5 m away."""
    share = (frame - 1) / (FRAMES - 1)
    return 1.1 - 1.7 * share, 7.0 - 4.5 * share, 0.05 * math.sin(9 * share)


@pytest.fixture(scope="module")
def walk(tmp_path_factory, registered):
    """The rendered shot: its folder, and the true place (share of the picture, metres) of the spot on every frame."""
    import addon_utils

    folder = tmp_path_factory.mktemp("walk")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable("cycles", default_set=True)
    scene = bpy.context.scene
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.rotation_euler = math.radians(90), 0, 0  # looks along +y
    scene.collection.objects.link(camera)
    scene.camera = camera
    bpy.ops.mesh.primitive_plane_add(size=60, location=(0, 14, 0), rotation=(math.radians(90), 0, 0))
    bpy.context.object.data.materials.append(spotted("wall", 1.2, ((0.02, 0.05, 0.1, 1), (0.3, 0.35, 0.4, 1))))
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.6, segments=48, ring_count=24)
    subject = bpy.context.object
    subject.scale.z = 1.4
    subject.data.materials.append(spotted("coat", 5.0, ((0.9, 0.5, 0.1, 1), (0.05, 0.1, 0.02, 1))))
    for frame in range(1, FRAMES + 1):
        subject.location = at(frame)
        subject.rotation_euler.z = 0.25 * (frame - 1) / FRAMES
        subject.keyframe_insert("location", frame=frame)
        subject.keyframe_insert("rotation_euler", frame=frame)
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y, render.resolution_percentage = *SIZE, 100
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.use_adaptive_sampling = 2, False, False
    scene.view_layers[0].use_pass_z = True
    render.image_settings.media_type = "MULTI_LAYER_IMAGE"
    render.image_settings.file_format = "OPEN_EXR_MULTILAYER"
    render.use_persistent_data = True
    scene.frame_start, scene.frame_end = 1, FRAMES
    render.filepath = str(folder / "w_####")
    spot = Vector((0.05, -0.55, 0.1))
    spot = spot / math.hypot(spot.x / 0.6, spot.y / 0.6, spot.z / 0.6)  # on the sphere's surface, towards the camera
    truth = {}
    for frame in range(1, FRAMES + 1):
        scene.frame_set(frame)
        x, depth, y = subject.matrix_world @ spot
        wide = SIZE[0] * camera.data.lens / camera.data.sensor_width
        truth[frame] = 0.5 + x * wide / depth / SIZE[0], 0.5 - y * wide / depth / SIZE[1], depth
    bpy.ops.render.render(animation=True)
    assert len(list(folder.glob("*.exr"))) == FRAMES
    return folder, truth


def racked(folder):
    """The shot as a strip with the modifier, in an empty file."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    names = sorted(path.name for path in Path(folder).glob("*.exr"))
    strip = scene.sequence_editor_create().strips.new_image("A", str(folder / names[0]), channel=1, frame_start=1)
    for name in names[1:]:
        strip.elements.append(name)
    strip.right_handle = FRAMES + 1
    modifier.add(strip)
    ownership.separate()
    scene.sequence_editor.active_strip = strip
    return scene, strip


@pytest.mark.parametrize("picked", [1, 30])
def test_a_tracked_mark_stays_within_5_percent_of_the_true_depth(walk, picked):
    folder, truth = walk
    scene, strip = racked(folder)
    scene.frame_set(picked)
    x, y, _ = truth[picked]
    assert bpy.ops.rackfocus.mark_track(name="Anna", x=x, y=y) == {"FINISHED"}
    mark = marks.find(strip, "Anna")
    error = [marks.distance_m(strip, mark, f) / truth[f][2] - 1 for f in range(1, FRAMES + 1)]
    print("largest error", max(map(abs, error)))
    assert max(map(abs, error)) < 0.05
    assert not any(marks.is_lost(strip, mark, f) for f in range(1, FRAMES + 1))
    track = marks.samples(mark)
    drift = [math.dist((track[f - 1].x * SIZE[0], track[f - 1].y * SIZE[1]),
                       (truth[f][0] * SIZE[0], truth[f][1] * SIZE[1])) for f in range(1, FRAMES + 1)]  # fmt: skip
    assert np.median(drift) < 3

    # and the focus that is keyed on it
    scene.frame_set(1)
    assert bpy.ops.rackfocus.mark_hold(mark="Anna") == {"FINISHED"}
    held = [Focus(strip).at_m(f) / truth[f][2] - 1 for f in range(1, FRAMES + 1)]
    assert max(map(abs, held)) < 0.05


def test_who_is_hidden_is_lost_and_never_takes_the_depth_of_what_hides_it(walk):
    folder, truth = walk
    scene, strip = racked(folder)
    scene.frame_set(1)
    x, y, _ = truth[36]  # there the wall is seen on frame 1, and the subject around frame 36
    track = tracking.run(tracking.plan(strip), 0, x, y)
    known = {i: s.metres for i, s in track.items() if math.isfinite(s.metres)}
    assert all(abs(metres / 14 - 1) < 0.05 for metres in known.values()), (x, y, known)
    assert 35 not in known
    assert {0, 1, 2} <= known.keys()
    assert "lost on media frames" in tracking.describe(track)
    with pytest.raises(ValueError, match="does not show"):
        tracking.run(tracking.plan(strip), 400, 0.5, 0.5)


def test_stopping_changes_nothing(walk):
    import threading

    folder, truth = walk
    _scene, strip = racked(folder)
    stop = threading.Event()
    seen = []

    def progress(share):
        seen.append(share)
        if share > 0.2:
            stop.set()

    with pytest.raises(CancelledError):
        tracking.run(tracking.plan(strip), 0, *truth[1][:2], cancelled=stop.is_set, progress=progress)
    assert 0.2 < max(seen) < 0.3
    assert len(marks.of(strip)) == 0


def test_a_missing_file_is_an_error_that_names_it(walk, tmp_path):
    import shutil

    folder, truth = walk
    copied = Path(shutil.copytree(folder, tmp_path / "copy"))
    _scene, strip = racked(copied)
    (copied / "w_0020.exr").unlink()
    with pytest.raises(RuntimeError, match="w_0020"):
        bpy.ops.rackfocus.mark_track(name="Anna", x=truth[1][0], y=truth[1][1])
    assert len(marks.of(strip)) == 0
