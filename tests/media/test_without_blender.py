# SPDX-License-Identifier: GPL-3.0-or-later
"""The media room works in a process where Blender cannot be imported, and says what is missing when a library is."""

import subprocess
import sys
from pathlib import Path

import pytest
from make_media import card, number_picture, write_movie, write_still

SCRIPT = """
import sys
for name in sys.argv[1].split(","):
    sys.modules[name] = None
from blender_rackfocus import media
try:
    print(media.read_frame(sys.argv[2]).shape)
except media.MediaError as error:
    print(error)
"""


def run(blocked, path):
    command = [sys.executable, "-c", SCRIPT, blocked, str(path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_without_bpy(tmp_path):
    assert run("bpy", write_still(tmp_path / "a.exr", card(), "half")) == "(54, 96, 4)"
    assert run("bpy", write_movie(tmp_path / "a.mp4", [number_picture(1)] * 3)) == "(64, 128, 4)"


@pytest.mark.parametrize(("library", "name"), [("OpenImageIO", "a.exr"), ("av", "a.mp4")])
def test_a_missing_library_is_named(tmp_path, library, name):
    path = tmp_path / name
    path.write_bytes(b"whatever it holds")
    said = run(f"bpy,{library}", path)
    assert said.startswith(str(path))
    assert library in said
    assert "nstall" in said
