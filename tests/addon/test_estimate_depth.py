# SPDX-License-Identifier: GPL-3.0-or-later
"""Estimate Depth on strips: the frames they show, the depth they use then, stopping, resuming, refusing."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import bpy
import cv2
import numpy as np
import pytest
from live_shot import HEIGHT, WIDTH

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "estimate"))
toy_networks = pytest.importorskip("toy_networks", reason="onnx is needed to make a network", exc_type=ImportError)

from concurrent.futures import CancelledError  # noqa: E402

from blender_rackfocus import media  # noqa: E402
from blender_rackfocus.addon.depth import sources, strip_estimate  # noqa: E402
from blender_rackfocus.addon.shot import modifier, settings  # noqa: E402
from blender_rackfocus.core.depth import to_metres  # noqa: E402
from blender_rackfocus.estimate import files  # noqa: E402
from blender_rackfocus.media import sequences, unfinished  # noqa: E402

SIZE = (HEIGHT // 2, WIDTH // 2)


@pytest.fixture
def network(tmp_path):
    return str(toy_networks.write(tmp_path / "toy.onnx", size=SIZE, own=True))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RACKFOCUS_CACHE", str(tmp_path / "cache"))


def pictures(shot, frames=6, name="p"):
    """A bright square that stands still in a dark room: near by the toy network's word, with a little grain."""
    paths = []
    for number in range(1, frames + 1):
        rng = np.random.default_rng(number)
        picture = np.full((HEIGHT, WIDTH, 3), 60.0)
        picture[12:36, 8:28] = 220
        paths.append(str(shot.folder / f"{name}_{number:04d}.png"))
        cv2.imwrite(paths[-1], (picture + rng.normal(0, 2, picture.shape)).clip(0, 255).astype(np.uint8))
    return paths


def depth_paths(strip):
    return sequences.of_pattern(bpy.path.abspath(strip.rackfocus_depth_path)).files


def test_a_strip_uses_what_was_estimated_and_says_so(shot, network):
    strip = shot.strip(pictures(shot))
    assert bpy.ops.rackfocus.estimate_depth(strip_name="A", source="NETWORK", model_path=network) == {"FINISHED"}
    assert modifier.find(strip) is not None
    assert strip.rackfocus_depth_source == "FILE"
    assert (strip.rackfocus_depth_kind, strip.rackfocus_white_near) == ("NORMALISED", True)
    made = depth_paths(strip)
    assert sorted(made) == [1, 2, 3, 4, 5, 6]
    near = media.read_raw_depth(made[3]).values
    assert near[24, 16] > 0.8
    assert near[4, 60] < near[24, 16] - 0.4
    words = sources.noted(strip)
    assert "toy.onnx" in words[0]
    assert "relative" in words[0]
    provenance = files.provenance_of(made[3])
    assert provenance.model == "toy.onnx"
    assert provenance.settings["sha256"]
    strip.rackfocus_depth_path = made[3]
    assert sources.noted(strip) == []  # another file: nothing is known of it


def test_the_strip_is_racked_with_it(shot, network):
    strip = shot.strip(pictures(shot))
    plain = shot.still(3)
    bpy.ops.rackfocus.estimate_depth(strip_name="A", source="NETWORK", model_path=network)
    strip.rackfocus_near_m, strip.rackfocus_far_m = 1.0, 20.0
    depth_m = to_metres(media.read_raw_depth(depth_paths(strip)[3]).values, settings.convention_of(strip))
    shot.set(strip, **{"Focal Length": 90.0, "F-Stop": 1.4, "Focus Distance": float(np.median(depth_m[18:30, 14:22]))})
    racked = shot.still(3)
    assert np.abs(racked[18:30, 14:22] - plain[18:30, 14:22]).max() <= 1
    assert racked[:, 44:, :3].std() < 0.5 * plain[:, 44:, :3].std()  # the grain of the dark room is blurred away


def test_a_metric_network_gives_metres(shot, tmp_path):
    path = toy_networks.write(tmp_path / "toy.onnx", size=SIZE, metric=True, own=True)
    strip = shot.strip(pictures(shot, 2))
    assert bpy.ops.rackfocus.estimate_depth(strip_name="A", source="NETWORK", model_path=str(path)) == {"FINISHED"}
    assert strip.rackfocus_depth_kind == "METRES"
    assert "metric" in sources.noted(strip)[0]
    depth_m = media.read_raw_depth(depth_paths(strip)[1]).values
    encoded = np.full((HEIGHT // 2, WIDTH // 2, 3), 220 / 255, np.float32)
    expected = toy_networks.answer(encoded, metric=True)[6, 4]
    assert depth_m[24, 16] == pytest.approx(expected, rel=0.05)


def test_only_the_frames_shown_and_the_handles_are_estimated(shot, network):
    strip = shot.strip(pictures(shot, 10))
    strip.left_handle, strip.right_handle = 4, 7
    bpy.ops.rackfocus.estimate_depth(strip_name="A", source="NETWORK", model_path=network)
    assert sorted(depth_paths(strip)) == [4, 5, 6]
    bpy.ops.rackfocus.estimate_depth(strip_name="A", source="NETWORK", model_path=network, handles=2)
    assert sorted(depth_paths(strip)) == [2, 3, 4, 5, 6, 7, 8]
    bpy.ops.rackfocus.estimate_depth(strip_name="A", source="NETWORK", model_path=network, handles=50)
    assert sorted(depth_paths(strip)) == list(range(1, 11))


def test_a_trimmed_movie_finds_its_own_frames(shot, network, tmp_path):
    """Depth of a movie is numbered by the movie's frames: a trim shifts nothing."""
    path = str(tmp_path / "movie.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"MJPG"), 24, (WIDTH, HEIGHT))
    for number in range(8):
        picture = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
        picture[:, 6 * number : 6 * number + 12] = 230
        writer.write(picture)
    writer.release()
    strip = shot.scene.sequence_editor.strips.new_movie("M", path, channel=1, frame_start=1)
    strip.left_handle, strip.right_handle = 4, 7  # frames 3, 4, 5 of the file
    assert bpy.ops.rackfocus.estimate_depth(strip_name="M", source="NETWORK", model_path=network) == {"FINISHED"}
    found = sequences.of_pattern(strip.rackfocus_depth_path).files
    assert sorted(found) == [3, 4, 5]
    from blender_rackfocus.addon.blender import strips
    from blender_rackfocus.addon.sequencer import frames

    for timeline, index in ((4, 3), (6, 5)):
        shown = next(one for one in strips.walk(shot.scene, timeline) if one.strip == strip)
        job = frames.job_of(shown, modifier.find(strip), draft=False, at_current_frame=True)
        assert (job.picture.index, job.depth.path) == (index, found[index])
        near = media.read_raw_depth(job.depth.path).values[: HEIGHT // 2]
        assert 6 * index <= near.mean(axis=0).argmax() < 6 * index + 12


def _bands(path, frames=8):
    """Numbered pictures in which a bright band, near by the toy network's word, stands elsewhere in each."""
    paths = []
    for number in range(frames):
        picture = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
        picture[:, 8 * number : 8 * number + 8] = 230
        paths.append(f"{path}_{number + 1:04d}.png")
        cv2.imwrite(paths[-1], picture)
    return paths


def _slip(strip):
    """Cut at both ends, slipped by two, moved: five offsets, all of them different."""
    strip.content_start += 3
    strip.content_trim_start, strip.content_trim_end = 2, 1
    strip.left_handle, strip.right_handle = strip.left_handle + 1, strip.right_handle - 1


@pytest.mark.parametrize("kind", ["pictures", "movie"])
def test_every_frame_of_a_slipped_strip_has_the_depth_of_its_own_picture(shot, network, tmp_path, kind):
    from blender_rackfocus.addon.blender import strips
    from blender_rackfocus.addon.sequencer import frames

    paths = _bands(tmp_path / "band")
    if kind == "pictures":
        strip = shot.strip(paths)
    else:
        writer = cv2.VideoWriter(str(tmp_path / "m.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 24, (WIDTH, HEIGHT))
        for path in paths:
            writer.write(cv2.imread(path))
        writer.release()
        strip = shot.scene.sequence_editor.strips.new_movie("A", str(tmp_path / "m.avi"), channel=1, frame_start=1)
    _slip(strip)
    first, last = strip.left_handle, strip.right_handle - 1
    shown = {frame: shot.still(frame)[HEIGHT // 2, :, 0].argmax() // 8 for frame in range(first, last + 1)}
    assert sorted(shown.values()) == list(range(min(shown.values()), min(shown.values()) + len(shown)))
    assert len(shown) > 2
    assert min(shown.values()) > 0
    assert bpy.ops.rackfocus.estimate_depth(strip_name="A", source="NETWORK", model_path=network) == {"FINISHED"}
    for frame, number in shown.items():
        here = next(one for one in strips.walk(shot.scene, frame) if one.strip == strip)
        job = frames.job_of(here, modifier.find(strip), draft=False, at_current_frame=False)
        near = media.read_raw_depth(job.depth.path).values[: HEIGHT // 2].mean(axis=0)
        band = near > near.min() + 0.6 * np.ptp(near)
        assert abs(np.flatnonzero(band).mean() - (8 * number + 3.5)) < 3, frame


def test_stopped_halfway_the_second_run_does_only_the_rest(shot, network):
    strip = shot.strip(pictures(shot, 8))
    task = strip_estimate.task_of(strip, shot.scene, source="NETWORK", model_path=network)
    asked = []
    with pytest.raises(CancelledError):
        files.run(task, progress=asked.append, cancelled=lambda: bool(asked) and asked[-1].done >= 11)
    kept = {path.name: path.stat().st_mtime_ns for path in task.folder.glob("*.exr")}
    assert 0 < len(kept) < 8
    assert modifier.find(strip) is None  # things are as they were
    (task.folder / f".{sorted(kept)[0]}.01234567{unfinished.SUFFIX}").write_bytes(b"half")  # as a kill leaves it
    assert bpy.ops.rackfocus.estimate_depth(strip_name="A", source="NETWORK", model_path=network) == {"FINISHED"}
    now = {path.name: path.stat().st_mtime_ns for path in task.folder.glob("*.exr")}
    assert len(now) == 8
    assert {name: now[name] for name in kept} == kept
    assert sorted(path.name for path in task.folder.iterdir()) == sorted(now)  # no scratch left


@pytest.mark.parametrize("at", [300, 0.5, -40])
def test_a_depth_file_that_was_harmed_is_not_read_and_is_made_again(shot, network, at):
    strip = shot.strip(pictures(shot, 3))
    arguments = {"strip_name": "A", "source": "NETWORK", "model_path": network}
    bpy.ops.rackfocus.estimate_depth(**arguments)
    found = sorted(depth_paths(strip).values())
    whole = {path: Path(path).read_bytes() for path in found}
    harmed, data = Path(found[1]), bytearray(whole[found[1]])
    data[int(at * len(data)) if isinstance(at, float) else at] ^= 1
    harmed.write_bytes(data)
    with pytest.raises(media.MediaError, match=r"damaged.*Make it again"):
        media.read_raw_depth(harmed)
    assert bpy.ops.rackfocus.estimate_depth(**arguments) == {"FINISHED"}
    assert {path: Path(path).read_bytes() for path in found} == whole


def test_an_estimate_replaces_no_file_of_others(shot, network):
    strip = shot.strip(pictures(shot, 2))
    task = strip_estimate.task_of(strip, shot.scene, source="NETWORK", model_path=network)
    thesis = task.first()
    thesis.parent.mkdir(parents=True)
    thesis.write_text("mine")
    with pytest.raises(media.MediaError, match="is not replaced"):
        files.run(task)
    assert thesis.read_text() == "mine"


def test_other_settings_make_other_depth(shot, network):
    strip = shot.strip(pictures(shot, 2))
    bpy.ops.rackfocus.estimate_depth(strip_name="A", source="NETWORK", model_path=network)
    first = strip.rackfocus_depth_path
    bpy.ops.rackfocus.estimate_depth(strip_name="A", source="NETWORK", model_path=network, invert=True)
    assert strip.rackfocus_depth_path != first
    assert media.read_raw_depth(depth_paths(strip)[1]).values[24, 16] < 0.2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"source": "NETWORK"}, "No depth network is chosen"),
        ({"source": "NETWORK", "model_path": "nothing.onnx"}, "nothing.onnx"),
        ({"source": "STEREO"}, "no stereo clip"),
        ({"source": "PARALLAX"}, "parallax cannot work"),
        ({"source": "AUTO"}, "cards"),
        ({"source": "AUTO", "beside": True}, "Save the .blend first"),
    ],
)
def test_refusals_say_why_and_change_nothing(shot, options, words):
    strip = shot.strip(pictures(shot, 4))
    with pytest.raises(RuntimeError, match=re.escape(words)):
        bpy.ops.rackfocus.estimate_depth(strip_name="A", **options)
    assert modifier.find(strip) is None
    assert strip.rackfocus_depth_path == ""


def test_depth_beside_the_blend_travels_with_it(shot, network):
    strip = shot.strip(pictures(shot, 2))
    bpy.ops.wm.save_as_mainfile(filepath=str(shot.folder / "edit.blend"))
    strip = bpy.context.scene.sequence_editor.strips["A"]
    arguments = {"source": "NETWORK", "model_path": network, "beside": True}
    assert bpy.ops.rackfocus.estimate_depth(strip_name="A", **arguments) == {"FINISHED"}
    assert strip.rackfocus_depth_path.startswith("//rackfocus_depth/")
    assert sorted(depth_paths(strip)) == [1, 2]
    assert sources.noted(strip)
