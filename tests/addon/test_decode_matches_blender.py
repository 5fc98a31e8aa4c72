# SPDX-License-Identifier: GPL-3.0-or-later
"""Our decode of every format against Blender's own: the same strip rendered by the sequencer, pixel by pixel."""

import sys
from fractions import Fraction
from pathlib import Path

import av
import av.bitstream
import bpy
import numpy as np
import OpenImageIO as oiio
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "media"))

from make_media import card, number_picture, number_shown, write_movie, write_parts, write_still

from blender_rackfocus import media
from blender_rackfocus.media.colour import OcioConfig, linear_to_srgb
from blender_rackfocus.media.movies import Movie, close_movies

CONFIG = Path(bpy.utils.system_resource("DATAFILES", path="colormanagement")) / "config.ocio"
MEAN_LIMIT = 1.5 / 255
WORST_LIMIT = 1.6 / 255


@pytest.fixture(autouse=True)
def _let_files_go():
    yield
    close_movies()


def blenders(folder, path, frames=(0,), *, movie, space=None, alpha_mode=None):
    """What Blender shows of a strip with this file at media frames `frames`: Pictures; and the strip's settings."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    strips = scene.sequence_editor_create().strips
    strip = (strips.new_movie if movie else strips.new_image)("A", str(path), 1, 1)
    strip.blend_type = "REPLACE"
    if space:
        strip.colorspace_settings.name = space
    if alpha_mode:
        strip.alpha_mode = alpha_mode
    render = scene.render
    render.resolution_x, render.resolution_y = strip.elements[0].orig_width, strip.elements[0].orig_height
    render.resolution_percentage = 100
    settings = render.image_settings
    settings.file_format, settings.color_depth, settings.color_mode = "OPEN_EXR", "32", "RGBA"
    render.filepath = str(folder / "blender.exr")
    shown = []
    for frame in frames:
        scene.frame_set(frame + 1)
        bpy.ops.render.render(write_still=True)
        source = oiio.ImageInput.open(render.filepath)
        shown.append(source.read_image(0, 0, 0, 4, oiio.FLOAT))
        source.close()
    return shown, strip.colorspace_settings.name, strip.alpha_mode


def retagged(source, target, tags):
    """A movie's packets in another file, with tags set in the stream by a bit stream filter."""
    with av.open(str(source)) as read, av.open(str(target), "w") as written:
        stream = written.add_stream_from_template(read.streams.video[0])
        change = av.bitstream.BitStreamFilterContext(tags, read.streams.video[0], stream)
        for packet in read.demux(video=0):
            for filtered in change.filter(packet if packet.size else None):
                filtered.stream = stream
                written.mux(filtered)
    return target


def encoded(picture):
    return np.concatenate([linear_to_srgb(picture[..., :3]), picture[..., 3:]], axis=-1)


def assert_same(folder, path, frames=(0,), *, movie=False, space=None, alpha_mode=None):
    shown, name, mode = blenders(folder, path, frames, movie=movie, space=space, alpha_mode=alpha_mode)
    for frame, want in zip(frames, shown, strict=True):
        got = media.read_frame(path, frame, name, mode, ocio_config=OcioConfig(str(CONFIG)))
        assert got.shape == want.shape
        difference = np.abs(encoded(got) - encoded(want))
        assert difference.mean() < MEAN_LIMIT
        # In fact all agree to rounding: a wrong matrix, range, alpha or frame would be far outside.
        assert difference.max() < WORST_LIMIT


STILLS = {
    "a8.png": ("uint8", 3),
    "b16.png": ("uint16", 3),
    "c8.png": ("uint8", 4),
    "d16.png": ("uint16", 4),
    "e.jpg": ("uint8", 3),
    "f8.tif": ("uint8", 3),
    "g8.tif": ("uint8", 4),
    "h16.tif": ("uint16", 3),
    "i32.tif": ("float", 3),
    "j.exr": ("half", 3),
    "k.exr": ("float", 4),
    "l.exr": ("half", 1),
    "m.png": ("uint16", 1),
    "n.tga": ("uint8", 4),
}


@pytest.mark.parametrize("name", STILLS)
def test_stills(tmp_path, name):
    kind, channels = STILLS[name]
    pixels = card(alpha=channels == 4)[..., :channels]
    if name.endswith(".exr"):
        pixels = pixels * ([3.0, 3, 3, 1][:channels])
    assert_same(tmp_path, write_still(tmp_path / name, pixels, kind, ["Y"] if name == "l.exr" else None))


@pytest.mark.parametrize("alpha_mode", ["STRAIGHT", "PREMUL"])
@pytest.mark.parametrize(("name", "kind"), [("a.png", "uint8"), ("a.png", "uint16"), ("a.exr", "half")])
def test_both_alpha_modes(tmp_path, name, kind, alpha_mode):
    stored = card(alpha=True)
    stored[..., 3] = np.round(stored[..., 3] * 20) / 20
    path = write_still(tmp_path / name, stored, kind)
    assert_same(tmp_path, path, alpha_mode=alpha_mode)


SPACES = ["Non-Color", "Linear Rec.709", "Rec.1886", "AgX Base sRGB", "ACEScg", "Display P3"]


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize(("name", "kind"), [("a.png", "uint8"), ("a.png", "uint16"), ("a.exr", "float")])
def test_colour_spaces_of_stills(tmp_path, name, kind, space):
    path = write_still(tmp_path / name, card(alpha=True), kind)
    assert_same(tmp_path, path, space=space)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le"])
def test_colour_spaces_of_movies(tmp_path, pixel_format, space):
    path = write_movie(tmp_path / "a.mp4", [card()] * 2, pixel_format=pixel_format)
    assert_same(tmp_path, path, (1,), movie=True, space=space)


@pytest.mark.parametrize(
    "names",
    [
        ["R", "G", "B", "A", "Z"],
        ["rgba.R", "rgba.G", "rgba.B", "rgba.A", "depth.Z"],
        ["beauty.R", "beauty.G", "beauty.B", "beauty.A", "N.X", "N.Y", "N.Z", "Z"],
        ["R", "G", "B", "A", "depth.Z", "albedo.R", "albedo.G", "albedo.B"],
        ["albedo.R", "albedo.G", "albedo.B", *(f"L.Combined.{c}" for c in "RGBA"), "L.Depth.Z"],
        ["Beauty.R", "Beauty.G", "Beauty.B", "Aov.R", "Aov.G", "Aov.B"],
        ["Depth.V", "R", "G", "B"],
        ["r", "g", "b", "a"],
        ["X", "Y", "Z"],
        ["Z"],
        ["V"],
        ["Y", "A"],
    ],
)
def test_which_channels_of_an_exr_are_the_picture(tmp_path, names):
    pixels = np.random.default_rng(0).random((12, 20, len(names))).astype(np.float32)
    assert_same(tmp_path, write_still(tmp_path / "a.exr", pixels, "float", names))


def test_a_multilayer_file_with_its_passes_in_parts(tmp_path):
    random = np.random.default_rng(0)
    parts = [
        (f"{layer}.{title}", [f"{layer}.{title}.{c}" for c in letters], random.random((12, 20, len(letters))))
        for layer in ("First", "Second")
        for title, letters in (("Normal", "XYZ"), ("Combined", "RGBA"), ("Depth", "Z"))
    ]
    assert_same(tmp_path, write_parts(tmp_path / "a.exr", parts))


MOVIES = {
    "h264.mp4": {},
    "h264_709.mp4": {"matrix": 1, "full_range": False},
    "h264_601.mp4": {"matrix": 5, "full_range": False},
    "h264_full.mp4": {"matrix": 1, "full_range": True},
    "h264_444.mp4": {"pixel_format": "yuv444p", "matrix": 1},
    "h264_10.mp4": {"pixel_format": "yuv420p10le", "matrix": 1, "full_range": False},
    "hevc_10.mp4": {"codec": "libx265", "pixel_format": "yuv420p10le", "matrix": 1, "full_range": False},
    "hevc_10_601.mp4": {"codec": "libx265", "pixel_format": "yuv420p10le", "matrix": 5, "full_range": False},
    "hevc_10_full.mp4": {"codec": "libx265", "pixel_format": "yuv420p10le", "matrix": 1, "full_range": True},
    "hevc_12_2020.mp4": {"codec": "libx265", "pixel_format": "yuv444p12le", "matrix": 9},
    "prores.mov": {"codec": "prores_ks", "pixel_format": "yuv422p10le", "matrix": 1},
    "prores4444.mov": {"codec": "prores_ks", "pixel_format": "yuva444p10le", "matrix": 1, "alpha": True},
    "ffv1.mkv": {"codec": "ffv1"},
    "ffv1_16.mkv": {"codec": "ffv1", "pixel_format": "gbrp16le"},
    "ffv1_alpha.mkv": {"codec": "ffv1", "pixel_format": "yuva420p", "alpha": True},
    "ffv1_grey.mkv": {"codec": "ffv1", "pixel_format": "gray16le"},
    "vp9.webm": {"codec": "libvpx-vp9", "matrix": 1},
    "vp9_alpha.webm": {"codec": "libvpx-vp9", "pixel_format": "yuva420p", "alpha": True},
    "mpeg4.avi": {"codec": "mpeg4"},
    "mjpeg.mov": {"codec": "mjpeg", "pixel_format": "yuvj422p"},
    "qtrle.mov": {"codec": "qtrle", "pixel_format": "argb", "alpha": True},
    "png.mov": {"codec": "png", "pixel_format": "rgba", "alpha": True},
    "png16.mov": {"codec": "png", "pixel_format": "rgb48be"},
    "fields.mkv": {"codec": "mpeg2video", "rate": 25, "options": {"flags": "+ilme+ildct", "field_order": "tt"}},
    "turned.mp4": {"rotation": 90},
    "turned_back.mov": {"codec": "prores_ks", "pixel_format": "yuv422p10le", "rotation": 270},
}


@pytest.mark.parametrize("name", MOVIES)
def test_movies(tmp_path, name):
    clear = MOVIES[name].get("alpha", False)
    picture = card(alpha=clear)
    if clear:
        picture[..., 3] = np.maximum(picture[..., 3], 0.1)
    frames = [np.roll(picture, 16 * n, axis=1) for n in range(4)]
    assert_same(tmp_path, write_movie(tmp_path / name, frames, **MOVIES[name]), (0, 3), movie=True)


COUNT = 48
STAMPS = [0, *np.cumsum([1, 1, 2, 3, 1, 5] * 8)[: COUNT - 1].tolist()]
TIMED = {
    "b_frames.mp4": {},
    "ntsc.mkv": {"rate": Fraction(30000, 1001)},
    "later.mp4": {"time_stamps": [n + 37 for n in range(COUNT)]},
    "varying.mp4": {"time_stamps": STAMPS, "time_base": Fraction(1, 24)},
    "varying.mkv": {"time_stamps": STAMPS, "time_base": Fraction(1, 24)},
    "sound.mkv": {"sound_s": 3.0},
    "broadcast.ts": {},
    "program.mpg": {"codec": "mpeg2video", "rate": 25},
    "open_gop.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none:keyint=12:open-gop=1"}},
}


@pytest.mark.parametrize("name", TIMED)
def test_the_frame_blender_shows(tmp_path, name):
    path = write_movie(tmp_path / name, [number_picture(n) for n in range(COUNT)], **TIMED[name])
    with Movie(path) as movie:
        wanted = {0, 1, 2, 7, 8, 20, 21, 33, movie.frame_count - 2, movie.frame_count - 1}
        frames = sorted(frame for frame in wanted if frame < movie.frame_count)
        shown, _, _ = blenders(tmp_path, path, frames, movie=True)
        strip = bpy.context.scene.sequence_editor.strips[0]
        assert movie.frame_count == strip.content_duration
        assert movie.fps == pytest.approx(strip.fps, rel=1e-5)
        backwards = {frame: number_shown(movie.read(frame)) for frame in reversed(frames)}
        assert [number_shown(picture) for picture in shown] == [backwards[frame] for frame in frames]


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le"])
@pytest.mark.parametrize("matrix", range(15))
def test_every_matrix_tag_of_a_movie(tmp_path, matrix, pixel_format):
    plain = write_movie(tmp_path / "plain.mp4", [card()] * 3, pixel_format=pixel_format)
    path = retagged(plain, tmp_path / "tagged.mp4", f"h264_metadata=matrix_coefficients={matrix}")
    assert_same(tmp_path, path, (0, 1), movie=True)


@pytest.mark.parametrize(("primaries", "transfer"), [(1, 1), (1, 4), (1, 8), (9, 1), (9, 8), (9, 16), (9, 18), (12, 1)])
def test_primaries_and_transfer_are_the_colour_space_that_blender_names(tmp_path, primaries, transfer):
    plain = write_movie(tmp_path / "plain.mp4", [card()] * 3)
    tags = f"h264_metadata=colour_primaries={primaries}:transfer_characteristics={transfer}"
    path = retagged(plain, tmp_path / "tagged.mp4", tags)
    assert blenders(tmp_path, path, movie=True)[1] == Movie(path).colorspace
    assert_same(tmp_path, path, movie=True)


def test_a_prores_whose_frames_deny_the_containers_matrix(tmp_path):
    """The decoder takes the frames' tag while it works, Blender the container's as it opens the file."""
    path = write_movie(tmp_path / "a.mov", [card()] * 6, "prores_ks", "yuv422p10le", matrix=1)
    content = bytearray(path.read_bytes())
    at = content.find(b"icpf")
    while at >= 0:
        assert content[at + 20] == 1
        content[at + 20] = 2  # a frame header's matrix: unknown
        at = content.find(b"icpf", at + 1)
    path.write_bytes(content)
    assert_same(tmp_path, path, (0, 3, 5, 1), movie=True)
