# SPDX-License-Identifier: GPL-3.0-or-later
"""Work beside Blender: how far it is, how it ends, and what has to wait for it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError

import bpy
import pytest

from blender_rackfocus.addon.ui.operators import baking, jobs


def waiting(job):
    """Work that goes on until it is stopped."""
    while not job.is_stopping():
        time.sleep(0.005)
    raise CancelledError("stopped")


@pytest.fixture
def under_way():
    job = jobs.Job("Follow Subject", waiting)
    jobs.go("PICTURES", job)
    yield job
    job.stop()
    job.wait()
    jobs.gone(job)


def test_the_outcome_is_there_when_it_is_over():
    job = jobs.Job("Add", lambda job: (threading.current_thread() is threading.main_thread(), 1 + 1))
    job.start()
    job.wait()
    assert job.is_over
    assert (job.outcome, job.error) == ((False, 2), None)


def test_an_error_is_handed_to_whoever_asks():
    def broken(_job):
        raise KeyboardInterrupt

    job = jobs.Job("Break", broken)
    job.start()
    job.wait()
    assert isinstance(job.error, KeyboardInterrupt)


def test_it_says_how_far_it_is_and_how_long_it_takes():
    job = jobs.Job("Test", waiting)
    assert job.words() == "Test: beginning, 0 %"
    job.tell(0.25, "reading", 40.2)
    assert job.words() == "Test: reading, 25 %, about 40 s left"
    job.tell(1.7, "writing")
    assert (job.share, job.words()) == (1.0, "Test: writing, 100 %")
    job.stop()
    assert job.words() == "Test: stopping"


def test_the_speed_so_far_tells_the_time_left(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    job = jobs.Job("Test", waiting)
    clock[0] += 30
    job.tell(0.25, "reading")
    assert job.words().endswith("about 2 min left")  # 30 s a quarter: 90 s for the rest
    job.tell(0.75, "reading")
    assert job.words().endswith("about 10 s left")


def test_it_ends_when_asked(shot, under_way):
    assert jobs.running() == [under_way]
    began = time.monotonic()
    bpy.ops.rackfocus.job_stop(title="another")
    assert not under_way.is_stopping()
    bpy.ops.rackfocus.job_stop(title="Follow Subject")
    under_way.wait()
    assert time.monotonic() - began < 1
    assert isinstance(under_way.error, CancelledError)


def test_what_would_collide_is_grey(shot, under_way):
    shot.racked(shot.pictures(frames=1), shot.depths(frames=1)[0])
    names = ("estimate_depth", "mark_track", "subject", "bake")
    assert not any(getattr(bpy.ops.rackfocus, name).poll() for name in names)
    with pytest.raises(RuntimeError, match="Follow Subject is under way"):
        bpy.ops.rackfocus.estimate_depth(strip_name="A")
    assert not jobs.in_the_way("DOWNLOAD")
    under_way.stop()
    under_way.wait()
    jobs.gone(under_way)
    assert all(getattr(bpy.ops.rackfocus, name).poll() for name in names)


def test_a_bake_is_in_the_way_too(shot, monkeypatch):
    shot.racked(shot.pictures(frames=1), shot.depths(frames=1)[0])
    monkeypatch.setattr(baking.Progress, "running", True)
    assert "bake is under way" in jobs.in_the_way("PICTURES")
    assert not bpy.ops.rackfocus.estimate_depth.poll()


def test_the_end_of_the_add_on_ends_it():
    job = jobs.Job("Test", waiting)
    jobs.go("PICTURES", job)
    jobs.end()
    assert job.is_over
    assert jobs.running() == []
