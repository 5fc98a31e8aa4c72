# SPDX-License-Identifier: GPL-3.0-or-later
"""Which depth belongs to which frame: files by name, movies by count and time, and what is said of it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from blender_rackfocus.frame.pairing import INDEXED, Clip, pair
from blender_rackfocus.media import MediaError, movies


def _touch(folder: Path, pattern: str, numbers) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / pattern.format(number) for number in numbers]
    for path in paths:
        path.write_bytes(b"x")
    return [str(path) for path in paths]


def _movie(path: Path, times, rate: Fraction, streams: int = 1, late: int = 0) -> str:
    """A grey movie whose frames begin at `times`, in steps of 1/rate; further streams begin `late` steps later."""
    with av.open(str(path), "w") as out:
        made = []
        for _ in range(streams):
            stream = out.add_stream("libx264", rate=rate)
            stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
            stream.codec_context.time_base = 1 / rate
            stream.options = {"bf": "0"}
            made.append(stream)
        for number, stream in enumerate(made):
            for level, time in enumerate(times):
                plane = np.full((32, 32, 3), 8 * level % 256, np.uint8)
                frame = av.VideoFrame.from_ndarray(plane, format="rgb24")
                frame.pts, frame.time_base = time + late * number, 1 / rate
                out.mux(stream.encode(frame))
            out.mux(stream.encode())
    return str(path)


def _numbers(paired, count: int) -> list[str]:
    found = []
    for index in range(count):
        try:
            found.append(Path(paired.of(index)[0]).name)
        except MediaError:
            found.append("-")
    return found


@pytest.mark.parametrize(
    ("clip", "depth", "chosen", "expected", "doubtful"),
    [
        (range(1, 5), range(1, 5), 1, [1, 2, 3, 4], False),
        (range(1, 5), range(1, 9), 5, [1, 2, 3, 4], False),  # the numbers agree, whichever file was chosen
        (range(1, 7), range(6), 0, [0, 1, 2, 3, 4, 5], False),  # as many: one after another
        ((1, 2, 4, 5), (0, 1, 3, 4), 0, [0, 1, 3, 4], False),  # the same gap
        (range(1, 7), (1, 2, 4, 5, 6), 1, [1, 2, None, 4, 5, 6], True),  # one is missing: said, not filled
        (range(1001, 1005), range(1, 5), 1, [1, 2, 3, 4], False),
        (range(1001, 1005), range(1, 9), 3, [3, 4, 5, 6], True),  # counted from the chosen one
        ((4, 3, 2, 1), range(1, 5), 1, [4, 3, 2, 1], False),  # a clip that runs backwards
        (range(-2, 2), range(-2, 2), -2, [-2, -1, 0, 1], False),
        ((1, 2, 4, 5), (0, 1, 2, 3), 0, [1, 2, None, None], True),  # as many, but with other gaps: by the numbers
    ],
)
def test_sequences(tmp_path, clip, depth, chosen, expected, doubtful) -> None:
    files = _touch(tmp_path / "clip", "shot_{:04d}.png", clip)
    _touch(tmp_path / "d", "frame_{:04d}_depth_v2.exr", depth)
    paired = pair(Clip(tuple(files)), str(tmp_path / "d" / f"frame_{chosen:04d}_depth_v2.exr"))
    names = ["-" if number is None else f"frame_{number:04d}_depth_v2.exr" for number in expected]
    assert _numbers(paired, len(files)) == names
    assert paired.doubtful == doubtful
    assert paired.sentence


def test_the_chosen_file_comes_first(tmp_path) -> None:
    _touch(tmp_path, "depth_v{}.exr", (1, 2, 3))
    _touch(tmp_path, "depth.{}.exr", (1, 2, 3))
    long = Clip(tuple(_touch(tmp_path / "c", "c_{}.png", range(5))))
    one = Clip(tuple(_touch(tmp_path / "c", "photo_{}.png", (2,))))
    for clip in (one, long):
        assert set(_numbers(pair(clip, str(tmp_path / "depth_v2.exr")), 1)) == {"depth_v2.exr"}
    assert _numbers(pair(one, str(tmp_path / "depth.3.exr")), 1) == ["depth.3.exr"]


def test_one_picture_serves_all(tmp_path) -> None:
    clip = Clip(tuple(_touch(tmp_path / "c", "c_{}.png", range(3))))
    (still,) = _touch(tmp_path / "d", "take#2_depth{}.exr", ("",))
    assert _numbers(pair(clip, still), 3) == ["take#2_depth.exr"] * 3
    assert _numbers(pair(clip, str(tmp_path / "d")), 3) == ["take#2_depth.exr"] * 3


def test_a_folder_with_several_sequences(tmp_path) -> None:
    clip = Clip(tuple(_touch(tmp_path, "s.{:02d}.png", (1, 2))))
    _touch(tmp_path, "s_depth.{:02d}.png", (1, 2))
    assert _numbers(pair(clip, str(tmp_path)), 2) == ["s_depth.01.png", "s_depth.02.png"]
    _touch(tmp_path, "s_z.{:02d}.png", (1, 2))
    with pytest.raises(MediaError, match=r"s_depth.##.png, s_z.##.png"):
        pair(clip, str(tmp_path))


def test_two_runs_of_digits(tmp_path) -> None:
    """Both differ among the files: the one with the clip's numbers is taken, and the other named."""
    clip = Clip(tuple(_touch(tmp_path / "c", "c_{}.png", (1, 2, 3))))
    for scene in (1, 2, 3, 4, 5):
        _touch(tmp_path / "d", f"s{scene}_{{}}.exr", (1, 2, 3))
    paired = pair(clip, str(tmp_path / "d" / "s4_2.exr"))
    assert _numbers(paired, 3) == ["s4_1.exr", "s4_2.exr", "s4_3.exr"]
    assert paired.doubtful
    assert "s#_2.exr" in paired.sentence


def test_offset_and_the_clip_s_own_frames(tmp_path) -> None:
    clip = Clip(tuple(_touch(tmp_path / "c", "c_{}.png", range(10, 14))))
    _touch(tmp_path / "d", "d_{}.exr", range(10, 14))
    assert _numbers(pair(clip, str(tmp_path / "d"), offset=1), 4) == ["d_11.exr", "d_12.exr", "d_13.exr", "-"]
    _touch(tmp_path / "e", INDEXED + "{:06d}.exr", (2,))
    (only,) = _touch(tmp_path / "e", INDEXED + "{:06d}.exr", (2,))
    assert _numbers(pair(clip, only), 4) == ["-", "-", Path(only).name, "-"]


def _indices(paired, count: int) -> list[int | None]:
    found: list[int | None] = []
    for index in range(count):
        try:
            found.append(paired.of(index)[1])
        except MediaError:
            found.append(None)
    return found


def test_movies_by_count_and_by_time(tmp_path) -> None:
    clip = Clip((_movie(tmp_path / "c.mp4", range(12), Fraction(12)),))
    twice = _movie(tmp_path / "twice.mp4", range(24), Fraction(24))
    assert _indices(pair(clip, twice), 12) == list(range(0, 24, 2))
    half = _movie(tmp_path / "half.mp4", range(6), Fraction(6))
    assert _indices(pair(clip, half), 12) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    same = _movie(tmp_path / "same.mp4", range(12), Fraction(25))
    assert _indices(pair(clip, same), 12) == list(range(12))  # as many frames: frame by frame, whatever the rate says
    film = _movie(tmp_path / "film.mp4", range(11), Fraction(12000, 1001))
    paired = pair(clip, film)
    assert _indices(paired, 12) == [*range(11), None]
    assert paired.doubtful
    assert _indices(pair(clip, twice, offset=-2), 3) == [None, 0, 2]


def test_a_clip_of_varying_rate_whose_depth_was_made_frame_by_frame(tmp_path) -> None:
    times = [0, 1, 2, 3, 8, 9, 10, 11]
    clip = Clip((_movie(tmp_path / "c.mp4", times, Fraction(24)),))
    depth = _movie(tmp_path / "d.mp4", range(8), Fraction(24))
    frames = movies.open_movie(clip.files[0]).frame_count
    if frames == 8:
        pytest.skip("this writer of movies does not keep the gap")
    paired = pair(clip, depth)
    rate = movies.open_movie(clip.files[0]).fps
    expected = [sum(time / 24 <= index / rate + 1e-3 for time in times) - 1 for index in range(frames)]
    assert _indices(paired, frames) == expected
    assert len(set(expected)) == 8
    assert _indices(pair(clip, clip.files[0]), frames) == list(range(frames))


def test_pictures_have_a_rate_only_where_both_last_as_long(tmp_path) -> None:
    files = tuple(_touch(tmp_path / "c", "c_{:02d}.png", range(12)))
    movie = _movie(tmp_path / "d.mp4", range(24), Fraction(24))
    assert _indices(pair(Clip(files, fps=12.0), movie), 12) == list(range(0, 24, 2))
    paired = pair(Clip(files, fps=24.0), movie)
    assert _indices(paired, 12) == list(range(12))
    assert paired.doubtful


@pytest.mark.parametrize(("late", "first"), [(0, 0), (5, 5)])
def test_a_second_stream_that_begins_later_is_paired_by_its_time(tmp_path, late, first) -> None:
    both = _movie(tmp_path / "both.mkv", range(12), Fraction(12), streams=2, late=late)
    paired = pair(Clip((both,)), both, stream=1)
    assert paired.stream == 1
    assert _indices(paired, 12) == [None] * first + list(range(12 - first))
    assert "stream 2" in paired.sentence
    assert ("begins 0.417 s after" in paired.sentence) == bool(late)
    assert not paired.doubtful


@pytest.mark.parametrize("last", [6, 4])
def test_versions_are_frames_where_they_go_with_the_clip_and_else_a_sentence(tmp_path, last) -> None:
    clip = Clip(tuple(_touch(tmp_path / "c", "c_v{:02d}.png", range(1, 7))))  # pictures of one list: its only number
    files = _touch(tmp_path / "d", "depth_v{:02d}.exr", range(1, last + 1))
    paired = pair(clip, files[2])
    if last == 6:
        assert [paired.of(index)[0] for index in range(6)] == files
    else:
        assert {paired.of(index)[0] for index in range(6)} == {files[2]}
        assert "is a version; 3 others" in paired.sentence
    assert paired.doubtful == (last != 6)


def test_arrays(tmp_path) -> None:
    files = Clip(tuple(_touch(tmp_path / "c", "c_{}.png", range(3))))
    np.save(tmp_path / "many.npy", np.zeros((3, 4, 5), np.float32))
    np.save(tmp_path / "one.npy", np.zeros((4, 5), np.float32))
    assert _indices(pair(files, str(tmp_path / "many.npy")), 4) == [0, 1, 2, None]
    assert _indices(pair(files, str(tmp_path / "one.npy")), 3) == [0, 0, 0]


def test_what_is_not_there_is_said(tmp_path) -> None:
    with pytest.raises(MediaError, match="there is no such file"):
        pair(Clip(("a.png",)), str(tmp_path / "none.exr"))


def test_as_many_cameras_as_frames_are_still_cameras(tmp_path) -> None:
    clip = Clip(tuple(_touch(tmp_path / "c", "c_{:04d}.png", range(1, 4))))
    for camera in (1, 2, 3):
        _touch(tmp_path / "d", f"z_{{:04d}}_cam{camera}.exr", range(1, 6))
    paired = pair(clip, str(tmp_path / "d" / "z_0003_cam2.exr"))
    assert _numbers(paired, 3) == [f"z_000{number}_cam2.exr" for number in (1, 2, 3)]
    assert paired.doubtful


def test_a_picture_that_is_held_keeps_its_depth(tmp_path) -> None:
    one, two = _touch(tmp_path / "c", "c_{}.png", (1, 2))
    _touch(tmp_path / "d", "d_{}.exr", range(4))
    paired = pair(Clip((one, one, two, two)), str(tmp_path / "d"))
    assert _numbers(paired, 4) == ["d_1.exr", "d_1.exr", "d_2.exr", "d_2.exr"]
    assert not paired.doubtful


def test_a_number_may_be_written_as_other_programs_do(tmp_path) -> None:
    folder = tmp_path / "50%dark"
    clip = Clip(tuple(_touch(folder, "c_{:03d}.png", (1, 2))))
    _touch(folder, "d_{:03d}.exr", (1, 2))
    assert _numbers(pair(clip, str(folder / "d_%03d.exr")), 2) == ["d_001.exr", "d_002.exr"]
