# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams of one movie: a strip's picture is that of its own stream, and another one may be its depth, as phones write
it."""

from __future__ import annotations

from fractions import Fraction

import av
import bpy
import numpy as np
import pytest

from blender_rackfocus.addon.blender import strips
from blender_rackfocus.addon.depth import sources
from blender_rackfocus.addon.sequencer import frames
from blender_rackfocus.addon.shot import modifier
from blender_rackfocus.frame import notes as frame_notes
from blender_rackfocus.frame import pairing

GREEN, GREY = (20, 220, 20), (128, 128, 128)


@pytest.fixture
def strip(shot, tmp_path):
    """A strip of a movie: a green stream, and a grey one that begins with the first."""
    path = tmp_path / "phone.mov"
    with av.open(str(path), "w") as out:
        made = []
        for _ in range(2):
            stream = out.add_stream("libx264", rate=24)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
            stream.codec_context.time_base = Fraction(1, 24)
            made.append(stream)
        for stream, colour in zip(made, (GREEN, GREY), strict=True):
            for time in range(6):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), colour, np.uint8), format="rgb24")
                frame.pts, frame.time_base = time, Fraction(1, 24)
                out.mux(stream.encode(frame))
            out.mux(stream.encode())
    found = shot.scene.sequence_editor_create().strips.new_movie("A", str(path), 1, 1)
    modifier.add(found)
    return found


def _sources(strip):
    scene = strip.id_data
    shown = strips.Shown(strip, 2, scene, 2, levels=((0, 2),))
    return frames.sources(frames.look_job(shown, modifier.find(strip)))


def test_the_other_stream_is_offered_and_becomes_the_depth(strip):
    clip = sources.clip_of(strip, strip.id_data)
    assert pairing.further_stream(clip) == 1
    assert bpy.ops.rackfocus.depth_from_stream(strip_name="A", stream=1) == {"FINISHED"}
    strip.rackfocus_depth_kind, strip.rackfocus_near_m, strip.rackfocus_far_m = "NORMALISED", 1.0, 4.0
    picture, depth_m = _sources(strip)
    assert picture[..., 1].mean() > 3 * picture[..., 0].mean()
    nearness = GREY[0] / 255
    assert depth_m == pytest.approx(1 / (nearness + (1 - nearness) / 4), rel=0.02)
    assert "video stream 2" in sources.pairing_of(strip, strip.id_data).sentence


def test_a_strip_shows_its_own_stream(strip):
    strip.rackfocus_depth_path, strip.rackfocus_depth_source = strip.filepath, "FILE"
    strip.rackfocus_depth_stream = strip.stream_index = 1
    picture, _depth = _sources(strip)
    assert picture[..., 1].mean() == pytest.approx(picture[..., 0].mean(), rel=0.02)


def test_another_depth_stream_is_another_key_and_makes_a_bake_stale(strip):
    def job():
        shown = strips.Shown(strip, 2, strip.id_data, 2, levels=((0, 2),))
        return frames.job_of(shown, modifier.find(strip), draft=False, at_current_frame=False)

    strip.rackfocus_depth_path, strip.rackfocus_depth_source = strip.filepath, "FILE"
    strip.rackfocus_depth_kind, strip.rackfocus_depth_stream = "NORMALISED", 1
    key, notes = frame_notes.store_key(job()), frame_notes.of(job())
    strip.rackfocus_depth_stream = 0
    assert frame_notes.store_key(job()) != key
    assert frame_notes.difference(notes, job()).stale
    strip.rackfocus_depth_stream = 1
    assert frame_notes.store_key(job()) == key
    assert frame_notes.difference(notes, job()).fresh
