# SPDX-License-Identifier: GPL-3.0-or-later
"""Sealed files: any harm is seen, each look is a real one, and nothing of others is taken for ours."""

from __future__ import annotations

import os
import random

import numpy as np
import pytest

from blender_rackfocus.media import MediaError, baked, sealed
from blender_rackfocus.media.store import Store, key_of

NOTES = {"made of": ["this", 1.5]}


@pytest.fixture(params=["frame.exr", "frame.png"])
def frame(request, tmp_path):
    """A baked frame."""
    rng = np.random.default_rng(3)
    path = tmp_path / request.param
    baked.write(path, rng.random((20, 30, 4)).astype(np.float32), rng.random((20, 30)) < 0.7, NOTES)
    return path


def test_what_is_whole_tells_its_notes(frame):
    assert sealed.notes_of(frame, sealed.BAKED) == NOTES
    assert sealed.ends_well(frame, sealed.BAKED)
    assert sealed.is_ours(frame, sealed.BAKED)
    assert not sealed.is_ours(frame, sealed.DEPTH)
    sealed.check(frame)


def test_a_bit_changed_anywhere_is_seen_though_size_and_time_stay(frame):
    whole, times = frame.read_bytes(), frame.stat()
    for place in random.Random(1).sample(range(len(whole)), 60):
        harmed = bytearray(whole)
        harmed[place] ^= 1 << (place % 8)
        frame.write_bytes(harmed)
        os.utime(frame, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert sealed.notes_of(frame, sealed.BAKED) is None, place
        with pytest.raises(MediaError, match="damaged"):
            sealed.check(frame)
    frame.write_bytes(whole)
    assert sealed.notes_of(frame, sealed.BAKED) == NOTES


@pytest.mark.parametrize("left", [0.1, 0.5, 0.99])
def test_a_cut_one_is_ours_and_not_whole(frame, left):
    whole = frame.read_bytes()
    frame.write_bytes(whole[: int(left * len(whole))])
    assert sealed.notes_of(frame, sealed.BAKED) is None
    sealed.refuse_foreign(frame, sealed.BAKED)
    with pytest.raises(MediaError, match="damaged"):
        sealed.check(frame)


def test_a_file_is_read_once_for_each_of_its_states(frame, monkeypatch):
    read = []
    checksum = sealed._checksum
    monkeypatch.setattr(sealed, "_checksum", lambda *given: (read.append(given), checksum(*given))[1])
    sealed._checksum_at.cache_clear()
    for _ in range(5):
        assert sealed.notes_of(frame, sealed.BAKED) == NOTES
    assert len(read) == 1
    os.utime(frame)
    assert sealed.notes_of(frame, sealed.BAKED) == NOTES
    assert len(read) == 2


def test_what_others_wrote_passes_and_is_not_replaced(tmp_path):
    path = tmp_path / "frame.png"
    path.write_bytes(b"somebody's" * 1000)
    sealed.check(path)
    with pytest.raises(MediaError, match="is not replaced"):
        baked.write(path, np.zeros((4, 4, 4), np.float32), np.ones((4, 4), bool), {})
    assert path.read_bytes() == b"somebody's" * 1000
    assert os.listdir(tmp_path) == ["frame.png"]


@pytest.mark.skipif(os.name == "nt", reason="limits are a thing of Unix")
@pytest.mark.parametrize("limit", [100, 2000])
def test_a_limit_on_the_size_of_files_leaves_nothing_and_is_told(tmp_path, limit):
    import resource

    picture = np.random.default_rng(1).random((40, 40, 4)).astype(np.float32)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(MediaError, match="File too large"):
            baked.write(tmp_path / "frame.exr", picture, np.ones((40, 40), bool), {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_under_a_frames_name_is_not_waited_for(tmp_path):
    path = tmp_path / "frame.exr"
    os.mkfifo(path)
    assert sealed.notes_of(path, sealed.BAKED) is None
    assert not sealed.ends_well(path, sealed.BAKED)
    with pytest.raises(MediaError, match="did not write"):
        sealed.refuse_foreign(path, sealed.BAKED)

    kept = Store(tmp_path / "store")
    key = key_of(frame=1)
    os.makedirs(os.path.dirname(kept.path(key)))
    os.mkfifo(kept.path(key))
    assert kept.get(key) is None
