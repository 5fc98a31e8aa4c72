# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames for the window off the main thread: the newest wish wins, views differ, errors come back, threads end."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_rackfocus.addon.blender.session import session  # noqa: E402
from blender_rackfocus.addon.desk import tracking  # noqa: E402
from blender_rackfocus.addon.sequencer import frames, live, views  # noqa: E402
from blender_rackfocus.addon.shot import modifier  # noqa: E402
from blender_rackfocus.media import MediaError  # noqa: E402


@pytest.fixture
def strip(shot):
    yield shot.racked(shot.pictures(), shot.depths()[0])
    session.drop(live._Live)


def job(strip, frame=1, **values):
    for name, value in values.items():
        modifier.socket(modifier.find(strip), name).value = value
    return frames.look_job(tracking.shown(strip, frame), modifier.find(strip))


def granted(image, wanted, view=views.RESULT, seconds=60.0):
    """Ask as the window does until it is there."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        wish, made = live.ask(image, wanted, view, playing=False)
        if made is not None and wish.job in (wanted, replace(wanted, draft=False)):
            return wish, made
    raise AssertionError("never granted")


def test_a_draft_is_what_the_render_path_makes(strip):
    wanted = job(strip)
    _wish, made = granted(1, wanted)
    assert np.array_equal(made.flat, frames.make(wanted).flat)


def test_the_newest_wish_wins_and_old_ones_are_not_begun(strip, monkeypatch):
    begun, first, gate = [], threading.Event(), threading.Event()
    real = frames.compute

    def slow(wanted, width):
        begun.append(wanted.value("F-Stop"))
        first.set()
        gate.wait(60)
        return real(wanted, width)

    monkeypatch.setattr(frames, "compute", slow)
    stops = [2.0 + i for i in range(10)]
    for stop in stops:
        live.ask(7, job(strip, **{"F-Stop": stop}), views.RESULT, playing=False)
        assert first.wait(60)
    gate.set()
    wish, _made = granted(7, job(strip))
    assert wish.job.value("F-Stop") == stops[-1]
    assert begun == [stops[0], stops[-1]]


def test_a_drag_shows_the_same_frame_of_a_moment_ago_but_never_another_frame(strip, monkeypatch):
    granted(3, job(strip, frame=1, **{"F-Stop": 2.0}))
    monkeypatch.setattr(frames, "compute", lambda wanted, width: time.sleep(0.3) or frames.make(wanted))
    wish, made = live.ask(3, job(strip, frame=1, **{"F-Stop": 5.0}), views.RESULT, playing=False)
    assert wish.job.value("F-Stop") == 2.0
    assert made is not None
    wish, made = live.ask(3, job(strip, frame=2), views.RESULT, playing=False)
    assert made is None
    assert not live.is_same_picture(live.Wish(job(strip, frame=1), views.RESULT), wish)


def slowed(monkeypatch, seconds):
    """Drafts take their time from now on."""
    real = frames.compute
    monkeypatch.setattr(frames, "compute", lambda wanted, width: time.sleep(seconds) or real(wanted, width))


def test_playback_holds_the_last_picture_whole_for_half_a_second_and_then_waits(strip, monkeypatch):
    """A strip's own picture, which the timeline does not hold, is never what stands for a late one."""
    first = granted(4, job(strip, frame=1))[1]
    slowed(monkeypatch, 2.0)
    began, made = time.monotonic(), first
    while made is first:
        last = time.monotonic()
        asked, made = live.ask(4, job(strip, frame=2), views.RESULT, playing=True, frame_s=1 / 24)
        assert made is not None
        assert asked.whole is (made is first)
        assert time.monotonic() - began < 10
    assert 0.3 < last - began <= 0.55
    assert asked.job.picture == job(strip, frame=2).picture


def test_the_first_frame_of_a_strip_that_playback_comes_to_is_waited_for(strip, monkeypatch):
    slowed(monkeypatch, 0.5)
    assert live.ask(8, job(strip, frame=2), views.RESULT, playing=True, frame_s=1 / 24)[1] is not None


def test_playback_does_not_wait_for_ever(strip, monkeypatch):
    slowed(monkeypatch, 2.0)
    monkeypatch.setattr(live, "LONGEST_WAIT_S", 0.2)
    assert live.ask(9, job(strip, frame=2), views.RESULT, playing=True, frame_s=1 / 24)[1] is None


def test_playback_shows_a_frame_that_comes_within_its_time(strip, monkeypatch):
    granted(5, job(strip, frame=1))
    slowed(monkeypatch, 0.15)
    wish, made = live.ask(5, job(strip, frame=2), views.RESULT, playing=True, frame_s=30.0)
    assert not wish.whole
    assert wish.job.picture == job(strip, frame=2).picture
    assert made is not None


def test_nothing_is_held_while_nothing_plays(strip, monkeypatch):
    granted(6, job(strip, frame=1))
    slowed(monkeypatch, 0.5)
    assert live.ask(6, job(strip, frame=2), views.RESULT, playing=False)[1] is None


def test_asking_never_keeps_the_main_thread(strip, monkeypatch):
    monkeypatch.setattr(frames, "compute", lambda wanted, width: time.sleep(1.0) or frames.make(wanted))
    took = []
    for stop in (2.0, 3.0, 4.0):
        wanted = job(strip, **{"F-Stop": stop})
        started = time.perf_counter()
        live.ask(1, wanted, views.RESULT, playing=False)
        took.append(time.perf_counter() - started)
    assert min(took) < 0.1  # a busy machine may keep any one of them waiting


def test_what_cannot_be_made_raises_where_it_is_asked_for(strip, shot):
    (shot.folder / "d_0002.exr").write_bytes(b"broken")
    wanted = job(strip, frame=2)
    with pytest.raises(MediaError):
        granted(1, wanted)


def test_a_bug_in_a_thread_is_told(strip, monkeypatch, capsys):
    monkeypatch.setattr(frames, "compute", lambda wanted, width: 1 / 0)
    with pytest.raises(ValueError, match="ZeroDivisionError"):
        granted(1, job(strip))
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("view", [v[0] for v in views.VIEWS])
def test_views_are_pictures_of_the_strips_size(strip, view):
    wanted = job(strip, **{"Focus Distance": 2.0})
    wish, made = granted(1, wanted, view)
    assert wish.view == view
    assert (made.width, made.height) == (64, 48)
    if view == "ORIGINAL":
        assert made.flat is None
        return
    shown = made.flat.reshape(48, 64, 4)[::-1]
    assert np.all(np.isfinite(shown))
    if view in ("RESULT",):
        assert (shown[:, :10, 3] < 1.5).all(), "in focus: the strip's own pixels"
    else:
        assert (shown[..., 3] > 1.5).all(), "every pixel is the view's"
    if view == "COC":
        far = shown[10:40, 50:60, :3].mean((0, 1))
        assert far[2] > 1.5 * far[0], "behind the focus: blue"
    if view == "DEPTH":
        assert shown[10:40, :10, :3].mean() > 2 * shown[10:40, 40:50, :3].mean(), "near is bright"


def test_a_render_never_shows_a_view(strip, shot):
    plain = shot.still(1)
    for view, *_ in views.VIEWS:
        bpy.context.window_manager.rackfocus_view = view
        assert np.array_equal(shot.still(1), plain), view
    bpy.context.window_manager.rackfocus_view = views.RESULT


def test_the_chart_has_the_marks(strip, shot):
    from blender_rackfocus.addon.shot import marks

    shot.scene.frame_set(1)
    bare = views.chart_of(shot.scene, 480, 150)
    marks.add(strip, "Anna", 4.0)
    marked = views.chart_of(shot.scene, 480, 150)
    assert bare.shape == marked.shape == (150, 480, 4)
    assert np.abs(bare - marked).max() > 0.3


def test_threads_end(strip):
    granted(1, job(strip))
    assert any(t.name == "rackfocus-draft" for t in threading.enumerate())
    session.drop(live._Live)
    assert not any(t.name in ("rackfocus-draft", "rackfocus-final") for t in threading.enumerate())
