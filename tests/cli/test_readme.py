# SPDX-License-Identifier: GPL-3.0-or-later
"""What README says one can type is what there is: its commands run or are understood, its names and links exist."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import stripes

from blender_rackfocus import cli, media

TOP = Path(__file__).resolve().parent.parent.parent
README = (TOP / "README.md").read_text(encoding="utf-8")
PROGRAM = "python -m blender_rackfocus "
COMMANDS = [line.strip() for line in README.splitlines() if line.strip().startswith(PROGRAM) and "[" not in line]


def _in_folder(folder, line):
    command = [sys.executable, *shlex.split(line)[1:]]
    environment = os.environ | {"PYTHONPATH": str(TOP)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)


def _line(start):
    (found,) = [line for line in COMMANDS if line.startswith(PROGRAM + start)]
    return found


def _movie(path, pictures):
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"crf": "4"})
        stream.width, stream.height, stream.pix_fmt = stripes.WIDTH, stripes.HEIGHT, "yuv444p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_understood(line):
    cli.parser().parse_args(shlex.split(line)[3:])


def test_a_folder_becomes_a_racked_movie(tmp_path):
    stripes.write(tmp_path / "renders", 14)
    done = _in_folder(tmp_path, _line("rack renders/"))
    assert done.returncode == 0, done.stderr
    movie = media.movies.open_movie(tmp_path / "racked.mp4")
    assert movie.frame_count == 14
    first, last = (stripes.contrasts(movie.read(index)) for index in (0, 13))
    assert first[1] < 0.2 < 0.4 < last[1]  # the far stripes come in


def test_a_movie_with_a_normalised_depth_movie(tmp_path):
    encoded = (np.clip(stripes.picture()[..., :3], 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)
    nearness = (1 / stripes.depth() - 1 / 20) / (1 / 0.8 - 1 / 20)
    grey = np.repeat((nearness * 255).astype(np.uint8)[..., None], 3, axis=2)
    _movie(tmp_path / "clip.mp4", [encoded] * 24)
    _movie(tmp_path / "depth.mp4", [grey] * 24)
    done = _in_folder(tmp_path, _line("rack clip.mp4"))
    assert done.returncode == 0, done.stderr
    assert media.movies.open_movie(tmp_path / "racked.mov").frame_count == 24
    told = [float(metres) for metres in re.findall(r"([\d.]+) m\b", done.stderr)]
    for metres in (stripes.NEAR_M, stripes.FAR_M):
        assert any(abs(one - metres) < 0.1 * metres for one in told), done.stderr


def test_a_sequence_racked_to_infinity(tmp_path):
    for path in stripes.write(tmp_path, 44):
        path.rename(path.with_name(path.name.replace("stripes", "shot")))
    done = _in_folder(tmp_path, _line("rack shot_0001.exr"))
    assert done.returncode == 0, done.stderr
    frames = sorted((tmp_path / "frames").iterdir())
    assert [path.name for path in frames] == [f"racked_{number:04d}.exr" for number in range(1, 45)]


def test_the_python_example_runs():
    (code,) = re.findall(r"^    (from blender_rackfocus\.core .*?\n\n    out = .*?)$", README, re.DOTALL | re.MULTILINE)
    rgba = stripes.picture()
    names = {"rgba": rgba, "depth_m": stripes.depth()}
    exec("\n".join(line.removeprefix("    ") for line in code.splitlines()), names)
    assert names["out"].shape == rgba.shape
    assert not np.array_equal(names["out"], rgba)


def test_files_and_sections_that_it_names_exist():
    linked = re.findall(r"\]\(([^)#]+)\)", README)
    for target in linked + re.findall(r"`((?:core|media|addon|tests|cli)/[\w./]+)`", README):
        assert (TOP / target).exists() or (TOP / "blender_rackfocus" / target).exists(), target
    titles = re.findall(r"^## (.+)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    links = set(re.findall(r"\]\(#([^)]+)\)", README))
    assert links <= anchors
    assert len(anchors - links) <= 1, "a section is missing in the table of contents"


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
def test_make_has_the_targets_that_it_names():
    told = subprocess.run(["make", "help"], cwd=TOP, capture_output=True, text=True, check=True).stdout
    targets = {line.split()[0] for line in told.splitlines()}
    assert {"lint", "build", "bench", "blender-test", "clean"} <= targets
    assert set(re.findall(r"^    make (\w+)", README, re.MULTILINE)) <= targets


@pytest.mark.parametrize("name", re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README))
def test_its_pictures_can_be_read(name):
    picture = cv2.imread(str(TOP / name))
    assert picture is not None
    assert min(picture.shape[:2]) > 100
