# SPDX-License-Identifier: GPL-3.0-or-later
"""The live modifier in Blender's real window: drafts while scrubbing, own pixels, the same frames as in background."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MAKE_SHOT = """
import bpy, sys
from pathlib import Path
folder = Path(sys.argv[sys.argv.index("--") + 1])
scene = bpy.context.scene
render = scene.render
render.resolution_x, render.resolution_y, render.dither_intensity = 64, 48, 0.0
render.image_settings.file_format = "PNG"
scene.frame_start, scene.frame_end = 1, 6
import numpy as np
rng = np.random.default_rng(3)

def write(path, pixels, file_format):
    image = bpy.data.images.new("i", 64, 48, float_buffer=file_format == "OPEN_EXR")
    image.colorspace_settings.name = "Non-Color"
    image.pixels.foreach_set(pixels.astype(np.float32).reshape(-1))
    image.file_format = file_format
    image.save(filepath=str(path))
    bpy.data.images.remove(image)

for frame in range(1, 7):
    picture = np.ones((48, 64, 4))
    picture[..., :3] = rng.random((48, 64, 3))
    write(folder / f"p_{frame:04d}.png", picture, "PNG")
    depth = np.full((48, 64, 4), 2.0)
    depth[:, 32:] = 10.0
    write(folder / f"d_{frame:04d}.exr", depth, "OPEN_EXR")
editor = scene.sequence_editor_create()
strip = editor.strips.new_image("A", str(folder / "p_0001.png"), 1, 1, fit_method="ORIGINAL")
for frame in range(2, 7):
    strip.elements.append(f"p_{frame:04d}.png")
strip.right_handle = 7
assert bpy.ops.rackfocus.modifier_add(strip_name="A", depth_path=str(folder / "d_0001.exr")) == {"FINISHED"}
modifier = strip.modifiers["Rack Focus"]
ids = {i.name: i.identifier for i in modifier.node_group.interface.items_tree if i.item_type == "SOCKET"}
entry = {name: getattr(modifier.properties.inputs, i) for name, i in ids.items() if name != "Image"}
entry["Focal Length"].value, entry["F-Stop"].value = 200.0, 1.4
for frame, metres in ((1, 2.0), (6, 10.0)):
    entry["Focus Distance"].value = metres
    entry["Focus Distance"].keyframe_insert("value", frame=frame)
bpy.ops.wm.save_as_mainfile(filepath=str(folder / "shot.blend"))
"""


def blender(*arguments):
    command = ["blender", "-b", "--addons", "bl_ext.user_default.blender_rackfocus", "--python-exit-code", "9"]
    return subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, timeout=180, check=False)


@pytest.fixture
def shot(tmp_path):
    """A racked shot of six frames on disk, and its frames rendered in background."""
    if shutil.which("blender") is None:
        pytest.skip("no blender here")
    folder = tmp_path / "shot"
    folder.mkdir()
    script = tmp_path / "make_shot.py"
    script.write_text(MAKE_SHOT, encoding="utf-8")
    made = blender("-P", script, "--", folder)
    assert made.returncode == 0, made.stdout + made.stderr
    rendered = blender(folder / "shot.blend", "-o", "//background/", "-a")
    assert rendered.returncode == 0, rendered.stdout + rendered.stderr
    return folder


def frames(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def same_pixels(one: Path, other: Path) -> bool:
    """Compared by ImageMagick, which stands beside Blender in the window's machine."""
    compared = subprocess.run(
        ["compare", "-metric", "AE", str(one), str(other), "null:"], capture_output=True, text=True, check=False
    )
    return compared.stderr.split()[0] == "0"


def test_scrub_edit_duplicate_and_render(window, shot):
    told = window("live_window.py", shot / "shot.blend", timeout=240)
    assert "traceback" not in told, told["traceback"]
    assert told["frame 2"]["touched"] > 0.4
    assert told["frame 6"]["touched"] > 0.4
    assert told["muted"] == 0.0
    assert told["groups after duplicate"] == 2
    assert told["modifiers at last"] == told["groups at last"] == 1
    assert told["prefetch"] is False
    for moment in ("frame 2", "frame 6", "saved", "broken", "whole again"):
        assert told[moment]["unsaved"] is False, f"Blender would ask to save our image: {moment}"

    assert sorted(frames(shot / "window")) == sorted(frames(shot / "background"))
    for name in frames(shot / "background"):
        assert same_pixels(shot / "window" / name, shot / "background" / name), name

    assert sorted(frames(shot / "broken")) == ["0001.png", "0002.png"]
    assert told["broken"]["touched"] == 0.0
    assert "d_0003.exr" in told["broken"]["problem"]
    assert told["whole again"]["problem"] == ""
    assert told["whole again"]["touched"] > 0.4


def test_playback_never_shows_the_picture_as_it_is_where_it_is_to_be_refocused(window, shot, pictures):
    """Drafts come three frames late: the last refocused picture stands in for them, or they are waited for. Where the
    right half is the strip's own picture it is rough, refocused it is smooth."""
    told = window("playback_window.py", shot / "shot.blend", timeout=240)
    assert "traceback" not in told, told["traceback"]
    rough = {name: [roughness(path) for path in pictures.glob(f"{name}_*.png")] for name in ("own", "racked")}
    assert [len(of) for of in rough.values()] == [24, 24]
    own, racked = min(rough["own"]), sorted(rough["racked"])
    assert racked[12] < own / 2, "the two can be told apart"
    sharp = [one for one in racked if one > (own + racked[12]) / 2]
    assert not sharp, f"{len(sharp)} of 24 samples show the strip's own picture: {own:.3f}, {racked}"


def roughness(path: Path) -> float:
    """The standard deviation of a picture's lightness."""
    told = subprocess.run(
        ["convert", path, "-colorspace", "Gray", "-format", "%[fx:standard_deviation]", "info:"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(told.stdout)


def test_a_broken_file_fails_the_background_render(shot):
    os.truncate(shot / "d_0003.exr", 400)
    ended = blender(shot / "shot.blend", "-o", "//again/", "-a")
    assert ended.returncode != 0
    said = [line for line in (ended.stdout + ended.stderr).splitlines() if "Rack Focus: Error" in line]
    assert len(said) == 1
    assert all(part in said[0] for part in ('"A"', "frame 3", "d_0003.exr"))
    assert sorted(frames(shot / "again")) == ["0001.png", "0002.png"]


def test_one_frame_is_the_same_by_itself(shot):
    alone = blender(shot / "shot.blend", "-o", "//alone/", "-f", "4")
    assert alone.returncode == 0, alone.stdout + alone.stderr
    assert same_pixels(shot / "alone" / "0004.png", shot / "background" / "0004.png")
