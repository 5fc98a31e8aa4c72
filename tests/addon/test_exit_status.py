# SPDX-License-Identifier: GPL-3.0-or-later
"""However a script ends, the exit status tells of frames that could not be made; nothing of others is lost by it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import stripes

TOP = Path(__file__).resolve().parent.parent.parent
SCRIPT = """
import os, signal, sys, threading
import bpy, blender_rackfocus
bpy.ops.wm.read_factory_settings(use_empty=True)
blender_rackfocus.register()
clip, out, end = sys.argv[1:]
scene = bpy.context.scene
scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 320, 180, 100
files = sorted(os.listdir(clip))
strip = scene.sequence_editor_create().strips.new_image("A", os.path.join(clip, files[0]), 1, 1)
for name in files[1:]:
    strip.elements.append(name)
bpy.ops.rackfocus.modifier_add(strip_name="A")
scene.frame_end = len(files)
scene.render.image_settings.file_format = "BMP"
if end == "interrupted":
    from blender_rackfocus.addon.sequencer import frames
    making, calls = frames.make, []
    def make(job):
        calls.append(job)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)  # a KeyboardInterrupt in the middle of a frame's work
        return making(job)
    frames.make = make
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what runs in its background ignore it
    try:
        scene.render.filepath = os.path.join(out, "####")
        bpy.ops.render.render(animation=True)
    except RuntimeError:
        pass
else:
    for frame in range(1, len(files) + 1):
        scene.frame_set(frame)
        scene.render.filepath = os.path.join(out, f"{frame:04d}")
        try:
            bpy.ops.render.render(write_still=True)
        except RuntimeError:
            pass
if end == "disabled":  # as Blender does before Python ends
    blender_rackfocus.unregister()
elif end == "exit":
    sys.exit(0)
elif end == "another file":
    bpy.ops.wm.read_factory_settings(use_empty=True)
"""


def _run(clip, out, end, **environment):
    command = [sys.executable, "-c", SCRIPT, str(clip), str(out), end]
    settings = {**os.environ, "PYTHONPATH": str(TOP), **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=settings)


@pytest.fixture
def broken(tmp_path):
    """A folder of three pictures, the second of which is cut short."""
    files = stripes.write(tmp_path / "clip", 3)
    files[1].write_bytes(files[1].read_bytes()[:3000])
    return tmp_path / "clip"


@pytest.mark.parametrize("end", ["plain", "disabled", "exit", "another file"])
def test_a_frame_that_could_not_be_made_is_told_by_the_status(broken, tmp_path, end):
    ran = _run(broken, tmp_path / "out", end)
    assert ran.returncode == 1, ran.stderr
    assert [path.name for path in sorted((tmp_path / "out").iterdir())] == ["0001.bmp", "0003.bmp"]


def test_all_well_is_status_0_also_where_the_add_on_goes_first(tmp_path):
    stripes.write(tmp_path / "clip", 2)
    assert _run(tmp_path / "clip", tmp_path / "out", "disabled").returncode == 0


def test_an_interrupt_within_a_frame_stops_the_render(tmp_path):
    stripes.write(tmp_path / "clip", 5)
    ran = _run(tmp_path / "clip", tmp_path / "out", "interrupted")
    assert ran.returncode == 1
    assert "it was interrupted" in ran.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["0001.bmp"]


def test_blenders_own_session_folder_goes_and_everybodys_temporary_folder_stays(broken, tmp_path):
    plain = tmp_path / "t"
    plain.mkdir()
    assert _run(broken, tmp_path / "out", "plain", TMPDIR=str(plain)).returncode == 1
    assert list(plain.iterdir()) == []
    shared = tmp_path  # so long a name that Blender cannot make a folder in it, and takes the folder itself
    while len(str(shared)) < 1005:
        shared /= "x" * min(200, 1009 - len(str(shared)))
    for number in range(40):
        (shared / f"folder{number}").mkdir(parents=True)
    (shared / "thesis.txt").write_text("mine")
    ran = _run(broken, tmp_path / "out", "plain", TMPDIR=str(shared))
    assert ran.returncode == 1
    assert "falling back" in ran.stdout + ran.stderr
    assert all((shared / f"folder{number}").is_dir() for number in range(40))
    assert (shared / "thesis.txt").read_text() == "mine"
