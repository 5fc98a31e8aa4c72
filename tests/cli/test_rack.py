# SPDX-License-Identifier: GPL-3.0-or-later
"""`rack` does the sequencer's job: near sharp, then far; whole files or none; sound and rate of the clip kept."""

from fractions import Fraction

import av
import numpy as np
import pytest
import stripes

from blender_rackfocus import media

FAST = ("--lens", "80", "--f-stop", "1", "--at", "4", "--over", "4")


def _assert_racked(first, last):
    near, far = stripes.contrasts(first)
    assert near > 0.4
    assert far < 0.1
    near, far = stripes.contrasts(last)
    assert near < 0.1
    assert far > 0.4


def test_pictures_with_the_depth_found_in_the_clip(run, clip, tmp_path):
    done = run("rack", clip, "-o", tmp_path / "out" / "racked_####.exr", *FAST)
    assert done.returncode == 0, done.stderr
    frames = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in frames] == [f"racked_{number:04d}.exr" for number in range(1, 13)]
    _assert_racked(media.read_frame(frames[0]), media.read_frame(frames[-1]))
    assert "1 m" in done.stderr  # foreground and background were found and said
    assert "4 m" in done.stderr
    assert str(tmp_path / "out" / "racked_####.exr") in done.stdout.splitlines()


def test_a_part_of_the_clip_into_a_movie(run, clip, tmp_path):
    target = tmp_path / "racked.mp4"
    arguments = ("--start", 3, "--end", 9, "--fps", "23.976", "--from", "1", "--to", "4")
    done = run("rack", clip.parent, "-o", target, *FAST, *arguments)
    assert done.returncode == 0, done.stderr
    movie = media.movies.open_movie(target)
    assert movie.frame_count == 7
    assert float(movie.fps) == pytest.approx(23.976, abs=0.002)
    assert tuple(movie.size) == (stripes.WIDTH, stripes.HEIGHT)
    _assert_racked(movie.read(0), movie.read(6))
    assert [path.name for path in tmp_path.iterdir()] == ["racked.mp4"]


def test_a_movie_with_sound_and_depth_from_a_still(run, tmp_path):
    source, depth = tmp_path / "clip.mp4", tmp_path / "depth.exr"
    _write_movie(source, 12)
    _write_depth(depth)
    done = run("rack", source, "--depth", depth, "-o", tmp_path / "racked.mov", *FAST, "--from", 1, "--to", 4)
    assert done.returncode == 0, done.stderr
    movie = media.movies.open_movie(tmp_path / "racked.mov")
    assert movie.frame_count == 12
    assert float(movie.fps) == pytest.approx(25.0)
    _assert_racked(movie.read(0), movie.read(11))
    with av.open(str(tmp_path / "racked.mov")) as made:
        assert len(made.streams.audio) == 1


def test_a_movie_whose_depth_cannot_even_be_estimated_is_told_to_name_it(run, tmp_path):
    _write_movie(tmp_path / "clip.mp4", 3)
    done = run("rack", tmp_path / "clip.mp4", "-o", tmp_path / "racked.mp4")
    assert done.returncode == 1
    assert "--depth" in done.stderr.splitlines()[-1]


def test_a_broken_picture_leaves_nothing_and_is_named(run, tmp_path):
    files = stripes.write(tmp_path / "clip", 12)
    files[6].write_bytes(files[6].read_bytes()[:3000])
    (tmp_path / "out").mkdir()
    done = run("rack", files[0], "-o", tmp_path / "out" / "racked.mp4", *FAST)
    assert done.returncode == 1
    assert files[6].name in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_the_edit_is_saved_with_two_keys(run, clip, tmp_path):
    import bpy

    blend = tmp_path / "edit.blend"
    done = run("rack", clip, "-o", tmp_path / "out", *FAST, "--end", 2, "--at", 1, "--blend", blend, "--from", 1,
               "--to", 4)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert blend.stat().st_size < 400_000
    with bpy.data.libraries.load(str(blend)) as (kept, wanted):
        wanted.scenes = [name for name in kept.scenes if name == "Rack Focus"]
    scene = wanted.scenes[0]
    try:
        channels = scene.animation_data.action.layers[0].strips[0].channelbags[0]
        curve = next(one for one in channels.fcurves if ".properties.inputs." in one.data_path)
        assert [(point.co.x, round(point.co.y, 4)) for point in curve.keyframe_points] == [(1.0, 1.0), (5.0, 4.0)]
    finally:
        bpy.data.scenes.remove(scene)


def _write_movie(path, frames):
    """The stripes as an H.264 movie of 25 fps with a tone."""
    from blender_rackfocus.media.colour import linear_to_srgb

    picture = (linear_to_srgb(stripes.picture()[..., :3]) * 255 + 0.5).astype(np.uint8)
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = stripes.WIDTH, stripes.HEIGHT, "yuv444p"
        video.options = {"crf": "10"}
        audio = out.add_stream("aac", rate=48000)
        for _ in range(frames):
            out.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        out.mux(video.encode())
        tone = np.sin(np.arange(48000 * frames // 25) * 0.05).astype(np.float32)[None] * 0.2
        for start in range(0, tone.shape[1] - 1024, 1024):
            sound = av.AudioFrame.from_ndarray(tone[:, start : start + 1024].copy(), format="fltp", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = 48000, start, Fraction(1, 48000)
            out.mux(audio.encode(sound))
        out.mux(audio.encode())


def _write_depth(path):
    import OpenImageIO as oiio

    spec = oiio.ImageSpec(stripes.WIDTH, stripes.HEIGHT, 1, oiio.FLOAT)
    spec.channelnames = ("Z",)
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), spec), out.geterror()
    out.write_image(np.ascontiguousarray(stripes.depth()[..., None]))
    out.close()
