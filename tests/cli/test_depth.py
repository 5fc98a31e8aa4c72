# SPDX-License-Identifier: GPL-3.0-or-later
"""`depth` as a user calls it: files that say what they are, resume, mistakes; and `rack` on a clip without depth."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import http.server
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from blender_rackfocus import cli, media
from blender_rackfocus.core.depth import DepthConvention, to_metres
from blender_rackfocus.estimate import files, models

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "estimate"))
toy_networks = pytest.importorskip("toy_networks", reason="onnx is needed to make a network", exc_type=ImportError)

SIZE, COUNT = (180, 320), 6


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return toy_networks.write(tmp_path_factory.mktemp("model") / "toy.onnx", dynamic=True)


@pytest.fixture(scope="module")
def movie(tmp_path_factory):
    """Bright fine noise on the left (near by the toy network's word), dark on the right."""
    path = tmp_path_factory.mktemp("clip") / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 24, SIZE[::-1])
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 60, (*SIZE, 3)).astype(np.uint8)
    picture[:, :160] += 180
    for _ in range(COUNT):
        writer.write(picture)
    writer.release()
    return path


def call(capsys, *arguments):
    status = cli.main([str(argument) for argument in arguments])
    told = capsys.readouterr()
    return status, told.out, told.err


def test_a_movie_becomes_a_sequence_that_says_what_it_is(capsys, movie, network, tmp_path):
    target = tmp_path / "out" / "z_####.exr"
    status, out, err = call(capsys, "depth", movie, "-o", target, "--model", network, "--source", "network")
    assert status == 0, err
    assert out.strip() == str(target)
    made = sorted(target.parent.iterdir())
    assert [path.name for path in made] == [f"z_{n:04d}.exr" for n in range(1, COUNT + 1)]
    near = media.read_raw_depth(made[0]).values
    assert near.shape == SIZE
    assert np.median(near[:, :150]) > np.median(near[:, 170:]) + 0.5
    provenance = files.provenance_of(made[2])
    assert (provenance.source, provenance.metric) == ("NETWORK", False)
    assert "toy.onnx" in err
    assert "relative" in err
    assert "100 %" in err


def test_near_and_far_write_metres_and_say_whose_they_are(capsys, movie, network, tmp_path):
    plain, scaled = tmp_path / "plain", tmp_path / "scaled"
    assert call(capsys, "depth", movie, "-o", plain, "--model", network)[0] == 0
    status, _, err = call(capsys, "depth", movie, "-o", scaled, "--model", network, "--near", 2, "--far", 50)
    assert status == 0
    assert "given by hand" in err
    near, metres = (media.read_raw_depth(folder / "depth_0003.exr").values for folder in (plain, scaled))
    expected = to_metres(near, DepthConvention("NORMALISED", 2.0, 50.0))
    assert np.median(np.abs(metres / expected - 1)) < 1e-3
    provenance = files.provenance_of(scaled / "depth_0003.exr")
    assert provenance.between_m == (2.0, 50.0)
    assert (provenance.kind, provenance.metric) == ("METRES", False)


def test_a_second_run_does_only_the_rest(capsys, movie, network, tmp_path):
    arguments = ("depth", movie, "-o", tmp_path, "--model", network)
    assert call(capsys, *arguments)[0] == 0
    made = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.exr")}
    (tmp_path / "depth_0004.exr").unlink()
    status, _, err = call(capsys, *arguments)
    assert status == 0
    assert "1 frames in" in err
    now = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.exr")}
    assert [name for name in made if made[name] != now[name]] == ["depth_0004.exr"]
    one, other = tmp_path / "depth_0001.exr", tmp_path / "depth_0003.exr"
    right, aside = one.read_bytes(), other.read_bytes()
    one.write_bytes(aside)  # one frame's file under another one's name
    other.write_bytes(right)
    status, _, err = call(capsys, *arguments)
    assert "2 frames in" in err
    assert (one.read_bytes(), other.read_bytes()) == (right, aside)
    status, _, err = call(capsys, *arguments)
    assert "there already" in err
    status, _, err = call(capsys, *arguments, "--invert")  # another job: nothing of it is there
    assert status == 0
    assert f"{COUNT} frames in" in err


@pytest.mark.parametrize("numbers", [(101, 102), (-1, 0, 1)])
def test_pictures_keep_their_numbers(capsys, network, tmp_path, numbers):
    source = tmp_path / "in"
    source.mkdir()
    for number in numbers:
        cv2.imwrite(str(source / f"shot_{number:04d}.png"), np.full((90, 160, 3), number + 100, np.uint8))
    status, _, err = call(capsys, "depth", source, "-o", tmp_path / "out", "--model", network)
    assert status == 0, err
    wanted = sorted(f"depth_{number:04d}.exr" for number in numbers)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == wanted


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["depth"], "CLIP"),
        (["depth", "nothing.mp4", "-o", "d"], "nothing.mp4"),
        (["depth", "{clip}"], "--output"),
        (["depth", "{clip}", "-o", "d.png"], "EXR"),
        (["depth", "{clip}", "-o", "d", "--source", "guess"], "GUESS"),
        (["depth", "{clip}", "-o", "d", "--source", "network"], "--model"),
        (["depth", "{clip}", "-o", "d", "--model", "nothing.onnx"], "nothing.onnx"),
        (["depth", "{clip}", "-o", "d", "--near", "2"], "--far"),
        (["depth", "{clip}", "-o", "d", "--near", "5", "--far", "2"], "below"),
        (["depth", "{clip}", "-o", "d", "--near", "no", "--far", "2"], "no"),
        (["depth", "{clip}", "-o", "d", "--layout", "round"], "round"),
        (["depth", "{clip}", "-o", "d", "--focal-px", "900"], "--baseline"),
    ],
)
def test_asked_wrongly_is_one_line_and_status_2(capsys, movie, monkeypatch, tmp_path, arguments, word):
    monkeypatch.chdir(tmp_path)
    status, out, err = call(capsys, *(str(movie) if one == "{clip}" else one for one in arguments))
    assert (status, out) == (2, "")
    assert word in err
    assert len(err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_clip_that_gives_no_depth_is_refused_with_reasons(capsys, movie, tmp_path):
    status, _, err = call(capsys, "depth", movie, "-o", tmp_path / "out")
    assert status == 1
    for word in ("stereo", "no model file is chosen", "cards"):
        assert word in err
    assert list((tmp_path / "out").glob("*.exr")) == []


def test_rack_estimates_where_the_clip_has_no_depth(run, movie, network, tmp_path, monkeypatch):
    monkeypatch.setenv("RACKFOCUS_CACHE", str(tmp_path / "cache"))
    arguments = ("--model", network, "--near", 1, "--far", 8, "--from", 1, "--to", 8, "--lens", 40, "--f-stop", 1)
    target = tmp_path / "out" / "f_####.exr"
    done = run("rack", movie, "-o", target, "--start", 2, "--end", 6, "--at", 3, "--over", 2, *arguments)
    assert done.returncode == 0, done.stderr
    assert "no depth" in done.stderr
    assert "toy.onnx" in done.stderr
    first, last = (media.read_frame(tmp_path / "out" / f"f_{n:04d}.exr")[20:-20, :, 1] for n in (2, 6))
    assert first[:, 20:130].std() > 3 * last[:, 20:130].std()  # near: sharp, then blurred
    assert first[:, 190:300].std() < 0.5 * last[:, 190:300].std()
    kept = sorted(path.stem[-6:] for path in (tmp_path / "cache" / "depth").rglob("*.exr"))
    assert kept == [f"{n:06d}" for n in range(1, 6)]


def test_rack_without_depth_or_source_says_what_to_do(run, movie, tmp_path, monkeypatch):
    monkeypatch.setenv("RACKFOCUS_CACHE", str(tmp_path / "cache"))
    done = run("rack", movie, "-o", tmp_path / "f.mp4")
    assert done.returncode == 1
    assert "No depth can be estimated" in done.stderr
    assert not (tmp_path / "f.mp4").exists()


def test_a_network_is_fetched_by_its_name_and_used_by_it(capsys, movie, network, tmp_path, monkeypatch):
    monkeypatch.setenv("RACKFOCUS_MODELS", str(tmp_path / "models"))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=network.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as host:
        threading.Thread(target=host.serve_forever, args=(0.01,), daemon=True).start()
        model = dataclasses.replace(
            models.TABLE[0],
            name="toy",
            address=f"http://127.0.0.1:{host.server_port}/{network.name}",
            sha256=hashlib.sha256(network.read_bytes()).hexdigest(),
        )
        monkeypatch.setattr(models, "TABLE", (model,))
        status, out, err = call(capsys, "depth", "--get", "toy")
        host.shutdown()
    assert status == 0, err
    assert Path(out.strip()).read_bytes() == network.read_bytes()
    assert Path(out.strip()).parent == tmp_path / "models"
    assert "as it must be" in err
    status, _, err = call(capsys, "depth", movie, "-o", tmp_path / "out", "--model", "toy")
    assert status == 0, err
    assert "Gives nearness without a scale" in err
    status, _, err = call(capsys, "depth", "--get", "other")
    assert (status, err.count("\n")) == (1, 1)
    assert "toy" in err


def test_what_is_set_for_a_network_is_kept(capsys, movie, network, tmp_path, monkeypatch):
    monkeypatch.setenv("RACKFOCUS_MODELS", str(tmp_path / "models"))
    form = ("--model-mean", "0,0,0", "--model-std", "1,1,1", "--model-direction", "farther", "--model-size", "64")
    assert call(capsys, "depth", movie, "-o", tmp_path / "a", "--model", network, *form, "--keep-model")[0] == 0
    status, _, err = call(capsys, "depth", movie, "-o", tmp_path / "b", "--model", network)
    assert status == 0
    for words in ("larger is farther (set by hand)", "0 to 1 (set by hand)", "64 px"):
        assert words in err
    a, b = (media.read_raw_depth(tmp_path / folder / "depth_0002.exr").values for folder in "ab")
    np.testing.assert_array_equal(a, b)
