# SPDX-License-Identifier: GPL-3.0-or-later
"""Movies: the right frame for every index in any order, its colours, its alpha, its depth; damage is refused."""

import random
import threading
from fractions import Fraction

import av
import numpy as np
import pytest
from make_media import card, grey_frame, number_picture, number_shown, write_movie

from blender_rackfocus import media
from blender_rackfocus.media import MediaError
from blender_rackfocus.media.colour import linear_to_srgb, srgb_to_linear
from blender_rackfocus.media.movies import Movie, MoviePool, close_movies, open_movie

COUNT = 60
NUMBERS = [number_picture(n) for n in range(COUNT)]


@pytest.fixture(autouse=True)
def _let_files_go():
    yield
    close_movies()


def shuffled(count, seed=1):
    order = list(range(count))
    random.Random(seed).shuffle(order)
    return order


# Name, codec, pixel format and what else: every one has its numbers in order, one a frame.
CONSTANT = {
    "h264.mp4": {},
    "long_gop.mp4": {"keyframe_every": 250},
    "open_gop.mp4": {"options": {"x264-params": "open-gop=1:keyint=12:bframes=4"}},
    "intra_refresh.mp4": {"options": {"x264-params": "intra-refresh=1:keyint=12"}},
    "no_edit_list.mp4": {"container_options": {"use_editlist": "0"}},
    "fragmented.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "ntsc.mp4": {"rate": Fraction(24000, 1001)},
    "ntsc.mkv": {"rate": Fraction(30000, 1001)},
    "later.mp4": {"time_stamps": [n + 37 for n in range(COUNT)]},
    "later.mkv": {"time_stamps": [n + 12 for n in range(COUNT)], "sound_s": 2.0},
    "h264.ts": {},
    "bare.h264": {},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none:keyint=12:open-gop=1"}},
    "mpeg4.avi": {"codec": "mpeg4", "keyframe_every": 12},
    "mpeg2.mpg": {"codec": "mpeg2video", "rate": 25},
    "vp9.webm": {"codec": "libvpx-vp9", "keyframe_every": 12},
    "prores.mov": {"codec": "prores_ks", "pixel_format": "yuv422p10le"},
    "mjpeg.mov": {"codec": "mjpeg", "pixel_format": "yuvj420p"},
    "ffv1.mkv": {"codec": "ffv1"},
}


@pytest.mark.parametrize("name", CONSTANT)
def test_every_index_gives_its_frame_in_any_order(tmp_path, name):
    with Movie(write_movie(tmp_path / name, NUMBERS, **CONSTANT[name])) as movie:
        # An MPEG program stream does not say how long it is, and Blender's rule falls short.
        assert movie.frame_count == COUNT or (name == "mpeg2.mpg" and 40 < movie.frame_count < COUNT)
        assert movie.fps == pytest.approx(float(CONSTANT[name].get("rate", 24)), rel=1e-3)
        assert movie.size == (128, 64)
        for index in [*shuffled(movie.frame_count), *range(movie.frame_count), *reversed(range(movie.frame_count))]:
            assert number_shown(movie.read(index)) == index


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_rate_holds_each_frame_until_the_next(tmp_path, suffix):
    chance = random.Random(5)
    stamps = np.cumsum([0, *(chance.choice([1, 1, 2, 3, 5]) for _ in range(COUNT - 1))]).tolist()
    path = write_movie(tmp_path / f"a{suffix}", NUMBERS, time_stamps=stamps, time_base=Fraction(1, 24))
    with Movie(path) as movie:
        for index in [*shuffled(stamps[-1] + 1), *range(stamps[-1] + 1)]:
            assert number_shown(movie.read(index)) == np.searchsorted(stamps, index, side="right") - 1


def test_the_last_frame_stays_while_the_sound_goes_on(tmp_path):
    with Movie(write_movie(tmp_path / "a.mkv", NUMBERS, sound_s=4.0)) as movie:
        assert movie.frame_count == 96
        assert [number_shown(movie.read(n)) for n in (59, 60, 95)] == [59, 59, 59]


@pytest.mark.parametrize("index", [-1, COUNT, 10**9])
def test_an_index_outside_is_refused(tmp_path, index):
    path = write_movie(tmp_path / "a.mp4", NUMBERS)
    with pytest.raises(MediaError, match=f"frame {index} is outside the movie, which has frames 0 to 59"):
        media.read_frame(path, index)


FRAMES = [np.roll(card(), 9 * n, axis=1) for n in range(3)]
CLEAR_FRAMES = [np.roll(card(alpha=True), 9 * n, axis=1) for n in range(3)]


@pytest.mark.parametrize("matrix", [1, 5])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize(
    ("codec", "pixel_format", "suffix", "bits", "mean"),
    [
        ("libx264", "yuv444p", ".mp4", 8, 1.0),
        ("libx264", "yuv444p10le", ".mp4", 10, 0.5),
        ("libx265", "yuv444p12le", ".mp4", 12, 0.5),
        ("ffv1", "yuv444p", ".mkv", 8, 1.0),
        ("ffv1", "yuv444p16le", ".mkv", 16, 0.5),
    ],
)
def test_matrix_range_and_bits(tmp_path, codec, pixel_format, suffix, bits, mean, matrix, full_range):
    options = {} if codec == "ffv1" else {"crf": "1"}
    path = write_movie(
        tmp_path / f"a{suffix}", FRAMES, codec, pixel_format, matrix=matrix, full_range=full_range, options=options
    )
    with Movie(path) as movie:
        assert movie.bits == bits
        for index in (2, 0, 1):
            got = movie.read(index)
            assert got.dtype == np.float32
            np.testing.assert_array_equal(got[..., 3], 1)
            assert np.abs(linear_to_srgb(got[..., :3]) - FRAMES[index][..., :3]).mean() * 255 < mean


@pytest.mark.parametrize(("pixel_format", "bits"), [("yuv420p", 8), ("yuv420p10le", 10)])
def test_subsampled_chroma_is_right_where_colours_are_flat(tmp_path, pixel_format, bits):
    flat = np.ones((64, 96, 4), np.float32) * [0.8, 0.2, 0.4, 1]
    path = write_movie(tmp_path / "a.mp4", [flat], "libx264", pixel_format, matrix=1, full_range=False)
    assert Movie(path).bits == bits
    np.testing.assert_allclose(linear_to_srgb(media.read_frame(path)[..., :3]), flat[..., :3], atol=2.1 / 255)


@pytest.mark.parametrize(
    ("codec", "pixel_format", "suffix"),
    [("qtrle", "argb", ".mov"), ("png", "rgba", ".mov"), ("ffv1", "bgra", ".mkv")],
)
def test_8_bit_alpha_is_straight(tmp_path, codec, pixel_format, suffix):
    with Movie(write_movie(tmp_path / f"a{suffix}", CLEAR_FRAMES, codec, pixel_format, alpha=True)) as movie:
        assert movie.has_alpha
        want = CLEAR_FRAMES[1]
        got = movie.read(1)
        np.testing.assert_allclose(got[..., 3], want[..., 3], atol=0.51 / 255)
        np.testing.assert_allclose(got[..., :3], srgb_to_linear(want[..., :3]) * want[..., 3:], atol=4 / 255)


def test_vp9_alpha_survives(tmp_path):
    path = write_movie(tmp_path / "a.webm", CLEAR_FRAMES, "libvpx-vp9", "yuva420p", alpha=True)
    got = media.read_frame(path, 1)[..., 3]
    assert np.abs(got - CLEAR_FRAMES[1][..., 3]).mean() < 4 / 255


def test_prores_4444_alpha_counts_as_premultiplied(tmp_path):
    # What Blender does with floats of a movie; a reader of its own opinion would show another picture.
    stored = card(alpha=True)
    stored[..., 3] = np.maximum(stored[..., 3], 0.2)
    stored[..., :3] = np.minimum(stored[..., :3], 1) * stored[..., 3:]
    got = media.read_frame(write_movie(tmp_path / "a.mov", [stored], "prores_ks", "yuva444p10le", alpha=True))
    want = srgb_to_linear(stored[..., :3] / stored[..., 3:]) * stored[..., 3:]
    assert np.abs(got[..., 3] - stored[..., 3]).mean() < 1 / 255
    assert np.abs(got[..., :3] - want).mean() < 3 / 255


@pytest.mark.parametrize(("turn", "times"), [(90, 1), (180, 2), (270, 3)])
@pytest.mark.parametrize(("codec", "pixel_format"), [("libx264", "yuv444p"), ("prores_ks", "yuv422p10le")])
def test_rotation_is_applied(tmp_path, turn, times, codec, pixel_format):
    path = write_movie(tmp_path / "a.mov", FRAMES, codec, pixel_format, rotation=turn)
    plain = media.read_frame(write_movie(tmp_path / "b.mov", FRAMES, codec, pixel_format))
    got = media.read_frame(path)
    np.testing.assert_array_equal(got, np.rot90(plain, times))
    assert Movie(path).size == (got.shape[1], got.shape[0])


@pytest.mark.parametrize("size", [(57, 101), (33, 31)])
@pytest.mark.parametrize(
    ("codec", "pixel_format", "suffix"),
    [("ffv1", "yuv420p", ".mkv"), ("libx264", "yuv444p10le", ".mp4"), ("png", "rgb24", ".mov")],
)
def test_odd_sizes(tmp_path, size, codec, pixel_format, suffix):
    picture = card(size[1], size[0])
    got = media.read_frame(write_movie(tmp_path / f"a{suffix}", [picture] * 2, codec, pixel_format), 1)
    assert got.shape == (*size, 4)
    assert np.abs(linear_to_srgb(got[..., :3]) - picture[..., :3]).mean() < 0.04


RAMP = np.linspace(0, 1, 1024, dtype=np.float32).reshape(16, 64)


@pytest.mark.parametrize(
    ("codec", "pixel_format", "full_range", "steps"),
    [
        ("ffv1", "gray", None, 255),
        ("ffv1", "gray10le", None, 1023),
        ("ffv1", "gray16le", None, 65535),
        ("ffv1", "yuv420p", False, 219),
        ("ffv1", "yuv420p", True, 255),
        ("ffv1", "yuv420p10le", False, 876),
        ("ffv1", "gbrp10le", None, 1023),
    ],
)
def test_grey_movies_are_depth_0_to_1(tmp_path, codec, pixel_format, full_range, steps):
    frames = [grey_frame(ramp, pixel_format, full_range=full_range is not False) for ramp in (RAMP, RAMP[::-1])]
    path = write_movie(tmp_path / "a.mkv", frames, codec, pixel_format, full_range=full_range)
    raw = media.read_raw_depth(path, 1)
    assert raw.integer
    assert raw.values.dtype == np.float32
    np.testing.assert_allclose(raw.values, RAMP[::-1], atol=1.01 / steps)


def test_a_movie_in_colour_is_no_depth(tmp_path):
    with pytest.raises(MediaError, match="in colour"):
        media.read_raw_depth(write_movie(tmp_path / "a.mp4", FRAMES))


def _packets(path):
    with av.open(str(path)) as container:
        return [(p.pos, p.size) for p in container.demux(container.streams.video[0]) if p.size]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("h264.mp4", {"keyframe_every": 12}),
        ("h264.mkv", {"keyframe_every": 12}),
        ("hevc.mp4", {"codec": "libx265", "options": {"x265-params": "log-level=none:keyint=12"}}),
        ("prores.mov", {"codec": "prores_ks", "pixel_format": "yuv422p10le"}),
        ("mpeg4.avi", {"codec": "mpeg4", "keyframe_every": 12}),
        ("mjpeg.mov", {"codec": "mjpeg", "pixel_format": "yuvj420p"}),
        ("png.mov", {"codec": "png", "pixel_format": "rgb24"}),
        ("vp9.webm", {"codec": "libvpx-vp9", "keyframe_every": 12}),
    ],
)
def test_a_damaged_frame_is_refused_and_the_others_still_come(tmp_path, name, arguments):
    path = write_movie(tmp_path / name, NUMBERS, **arguments)
    data = bytearray(path.read_bytes())
    start, size = _packets(path)[30]
    data[start + size // 3 : start + size] = np.random.default_rng(0).bytes(size - size // 3)
    path.write_bytes(data)
    refused, causes = [], []
    with Movie(path) as movie:
        for index in [*range(COUNT), *shuffled(COUNT)]:
            try:
                assert number_shown(movie.read(index)) == index
            except MediaError as error:
                refused.append(index)
                causes.append(f"frame {index} cannot be decoded" in error.cause)
    assert refused
    assert all(causes)
    assert all(24 <= index < 42 for index in refused), sorted(set(refused))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("a.mkv", {"keyframe_every": 12}),
        ("a.webm", {"codec": "libvpx-vp9", "keyframe_every": 12}),
        ("a.mp4", {"container_options": {"movflags": "+faststart"}}),
        ("a.avi", {"codec": "mpeg4", "keyframe_every": 12}),
        ("a.ts", {}),
    ],
)
def test_a_movie_cut_short_never_shows_another_frame(tmp_path, name, arguments):
    path = write_movie(tmp_path / name, NUMBERS, **arguments)
    data = path.read_bytes()
    start, size = _packets(path)[30]
    path.write_bytes(data[: start + size // 3] if name != "a.ts" else data[: len(data) // 2])
    shown, causes = 0, []
    with Movie(path) as movie:
        for index in [*range(movie.frame_count), *shuffled(movie.frame_count)]:
            try:
                assert number_shown(movie.read(index)) == index
                shown += 1
            except MediaError as error:
                causes.append(f"frame {index} " in error.cause)
    assert all(causes)
    assert shown > 10


@pytest.mark.parametrize(
    ("content", "cause"), [(b"", "empty"), (b"this is no movie " * 99, "not a movie"), (None, "no such file")]
)
def test_not_a_movie(tmp_path, content, cause):
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    for read in (media.read_frame, media.read_raw_depth):
        with pytest.raises(MediaError, match=cause) as caught:
            read(path)
        assert caught.value.path == str(path)


def test_a_header_without_its_movie(tmp_path):
    path = write_movie(tmp_path / "a.mp4", NUMBERS)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(MediaError, match="not a movie that can be read"):
        media.read_frame(path)


def test_sound_alone_is_refused(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(MediaError, match="no video"):
        media.read_frame(path)


def test_a_file_that_changed_is_read_anew(tmp_path):
    path = write_movie(tmp_path / "a.mp4", NUMBERS[:9])
    assert open_movie(path) is open_movie(path)
    assert number_shown(media.read_frame(path, 5)) == 5
    write_movie(path, NUMBERS[20:40])
    assert number_shown(media.read_frame(path, 5)) == 25


def test_the_pool_closes_what_was_used_least_recently_and_reads_on_all_the_same(tmp_path):
    paths = [write_movie(tmp_path / f"{n}.mp4", NUMBERS[n : n + 9]) for n in range(4)]
    pool = MoviePool(limit=2)
    movies = [pool.get(path) for path in paths]
    assert pool.get(paths[3]) is movies[3]
    assert pool.get(paths[0]) is not movies[0]
    assert [number_shown(movie.read(5)) for movie in movies] == [5, 6, 7, 8]
    for movie in movies:
        movie.close()
    pool.clear()


def test_many_threads_one_movie(tmp_path):
    path = write_movie(tmp_path / "a.mp4", NUMBERS, keyframe_every=12)
    wrong = []

    def read(seed):
        wrong.extend(i for i in shuffled(COUNT, seed)[:25] if number_shown(media.read_frame(path, i)) != i)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
