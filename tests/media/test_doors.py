# SPDX-License-Identifier: GPL-3.0-or-later
"""What is no file is refused by name and not waited for; a file's state is told by more than its size and time."""

from __future__ import annotations

import os
import socket
from fractions import Fraction

import av
import numpy as np
import pytest

from blender_rackfocus import media
from blender_rackfocus.estimate.onnx_file import read_header
from blender_rackfocus.estimate.provenance import EstimateError
from blender_rackfocus.frame.job import stamped
from blender_rackfocus.frame.pairing import Clip, pair
from blender_rackfocus.media import MediaError, identity, movies, wholeness

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes in folders")
DOORS = (
    media.read_frame,
    media.read_raw_depth,
    identity.content_of,
    movies.open_movie,
    lambda path: pair(Clip(("a.png",)), path),
    lambda path: pair(Clip((path,)), path),
)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", ["z.exr", "z_0001.png", "z.mp4", "z.npy", "z.npz"])
def test_a_named_pipe_is_refused_at_every_door(tmp_path, door, name) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(MediaError, match="it is a named pipe, not a file"):
        door(str(tmp_path / name))
    assert stamped(str(tmp_path / name), 0).stamp is not None


def test_a_named_pipe_is_no_network(tmp_path) -> None:
    os.mkfifo(tmp_path / "net.onnx")
    with pytest.raises(EstimateError, match=r"net\.onnx is a pipe or a device"):
        read_header(tmp_path / "net.onnx")


def test_devices_and_sockets_are_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as held:
        held.bind("s.exr")
        with pytest.raises(MediaError, match="it is a socket, not a file"):
            media.read_raw_depth("s.exr")
    os.symlink("/dev/zero", "zero.exr")
    with pytest.raises(MediaError, match="it is a device, not a file"):
        media.read_raw_depth("zero.exr")


def test_another_file_of_the_same_size_and_time_has_another_state(tmp_path) -> None:
    path, other = tmp_path / "a.bin", tmp_path / "b.bin"
    path.write_bytes(bytes(100_000))
    other.write_bytes(bytes(50_000) + b"\1" + bytes(49_999))
    for one in (path, other):
        os.utime(one, ns=(10**18, 10**18))
    before, content = identity.state_of(path), identity.content_of(path)
    assert identity.state_of(path) == before
    os.replace(other, path)
    assert identity.state_of(path)[:2] == before[:2]
    assert identity.state_of(path)[2] != before[2]
    assert identity.content_of(path) != content


def test_blocks_tell_what_inode_and_times_do_not(tmp_path) -> None:
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path, marked in zip(paths, (None, 50_001, 99_999), strict=True):
        data = bytearray(100_000)
        if marked:
            data[marked] = 1
        path.write_bytes(data)
    assert len({identity.state_of(path)[-1] for path in paths}) == 3


# --- Arrays


@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 1, 4, 5), (3, 4, 5, 1), (1, 3, 4, 5), (1, 3, 1, 4, 5)])
def test_arrays_hold_a_map_for_each_frame(tmp_path, shape) -> None:
    maps = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    np.save(tmp_path / "d.npy", maps.reshape(shape))
    np.savez_compressed(tmp_path / "d.npz", rgb=np.zeros((3, 4, 5, 3)), Depth=maps.reshape(shape))
    for name in ("d.npy", "d.npz"):
        for index in range(3):
            raw = media.read_raw_depth(tmp_path / name, index)
            assert np.array_equal(raw.values, maps[index])
            assert not raw.integer
        with pytest.raises(MediaError, match="it holds 3 maps"):
            media.read_raw_depth(tmp_path / name, 3)


def test_whole_numbers_of_an_array_are_told_as_those_of_pictures(tmp_path) -> None:
    np.save(tmp_path / "mm.npy", np.full((4, 5), 2000, np.uint16))
    raw = media.read_raw_depth(tmp_path / "mm.npy", 7)  # one map serves every frame
    assert raw.integer
    assert raw.bits == 16
    assert np.allclose(raw.values * 65535, 2000)


def test_arrays_that_are_no_depth_are_refused_in_words(tmp_path) -> None:
    np.savez(tmp_path / "two.npz", a=np.zeros((4, 5)), b=np.zeros((4, 5)))
    with pytest.raises(MediaError, match=r"cannot be told; it holds a, b"):
        media.read_raw_depth(tmp_path / "two.npz")
    assert media.read_raw_depth(tmp_path / "two.npz", 0, "B").values.shape == (4, 5)
    for shape in ((2, 4, 5, 3), (27, 48, 3), (27, 48, 5)):  # colours; frames at the end
        np.save(tmp_path / "rgb.npy", np.zeros(shape))
        with pytest.raises(MediaError, match="shape"):
            media.read_raw_depth(tmp_path / "rgb.npy")
    np.savez(tmp_path / "beside.npz", K=np.eye(3), pred_depth=np.ones((4, 5)), depth_conf=np.zeros((4, 5)))
    assert media.read_raw_depth(tmp_path / "beside.npz").layer == "pred_depth"
    np.save(tmp_path / "objects.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    with pytest.raises(MediaError, match="NumPy"):
        media.read_raw_depth(tmp_path / "objects.npy")
    whole = (tmp_path / "two.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError, match="NumPy file"):
        media.read_raw_depth(tmp_path / "cut.npz")


# --- Transport streams


def test_a_long_frame_in_a_transport_stream_is_no_loss(tmp_path) -> None:
    path = tmp_path / "c.ts"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 24)
        for time in [*range(10), *range(14, 30)]:
            rng = np.random.default_rng(time)
            plane = np.full((64, 64, 3), 8 * time, np.uint8) ^ rng.integers(0, 8, (64, 64, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(plane, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 24)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    levels = [float(media.read_frame(path, index)[..., 0].mean()) for index in (9, 12, 13, 14)]
    assert levels[0] == levels[1] == levels[2] != levels[3]
    assert wholeness.transport_stream_is_whole(path)
    data = path.read_bytes()
    cut = tmp_path / "lost.ts"
    middle = len(data) // 188 // 2 * 188
    cut.write_bytes(data[:middle] + data[middle + 188 :])
    assert not wholeness.transport_stream_is_whole(cut)
