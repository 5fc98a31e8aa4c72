# SPDX-License-Identifier: GPL-3.0-or-later
"""Helper processes: what they do is as if done here, and whatever becomes of them, a frame comes out whole."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from helped import PIXELS, helped

from blender_rackfocus.core import Lens, defocus_frame
from blender_rackfocus.core.crew import crew, shared
from blender_rackfocus.core.crew.shared import Room
from blender_rackfocus.core.crew.workers import HelpedWorkers, workers

TOP = Path(__file__).resolve().parent.parent.parent
LENS = Lens(focal_mm=85.0, f_number=1.4, sensor_mm=36.0, focus_m=1.5)


def _shot(height=400, width=600):
    rng = np.random.default_rng(5)
    rgba = np.dstack([rng.random((height, width, 3), np.float32), np.ones((height, width), np.float32)])
    return rgba, np.repeat(rng.uniform(0.8, 9.0, (height // 8, width)).astype(np.float32), 8, axis=0)


PID = partial(eval, "(__import__('time').sleep(0.02), __import__('os').getpid())[1]")
"""A job that takes a while and tells who did it; jobs are known by their names in modules that a helper has too."""


@pytest.mark.parametrize("count", [2, 3])
def test_jobs_are_shared_out(count):
    with helped(count), workers(PIXELS) as work:
        assert isinstance(work, HelpedWorkers)
        pids = work.each(PID, [()] * 12)
    assert len(set(pids)) == count
    assert os.getpid() in pids


def test_results_come_in_order():
    with helped(), workers(PIXELS) as work:
        assert work.each(pow, [(n, 2) for n in range(20)]) == [n * n for n in range(20)]


def test_what_a_helper_writes_is_there():
    with helped(), workers(PIXELS) as work:
        plane = work.copy(np.zeros((12, 30), np.float32))
        work.each(np.copyto, [(plane[row, ::2], np.float32(row + 1)) for row in range(12)])
        np.testing.assert_array_equal(plane[:, ::2], np.repeat(np.arange(1.0, 13)[:, None], 15, 1))
        assert not plane[:, 1::2].any()


def test_many_jobs():
    with helped(), workers(PIXELS) as work:
        assert work.each(abs, [(-n,) for n in range(40_000)]) == list(range(40_000))


def test_an_error_in_a_job_is_raised_and_the_helper_stays():
    with helped() as there:
        with workers(PIXELS) as work, pytest.raises(ZeroDivisionError):
            work.each(divmod, [(1, 0)] * 8)
        assert len(there.helpers) == 1
        with workers(PIXELS) as work:
            assert work.each(abs, [(-1,)] * 4) == [1] * 4


@pytest.fixture
def _interruptible():
    """Ctrl-C as in a terminal: of a process in the background the shell has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_after_an_interrupt_the_next_frame_is_whole():
    rgba, depth_m = _shot()
    with helped() as there:
        whole = defocus_frame(rgba, depth_m, LENS)
        with pytest.raises(KeyboardInterrupt), workers(PIXELS) as work:
            work.each(os.kill, [(os.getpid(), signal.SIGINT), *[(os.getpid(), 0)] * 20])
        assert there.helpers == []
        np.testing.assert_array_equal(defocus_frame(rgba, depth_m, LENS), whole)


@pytest.mark.parametrize("number", [1, 2, 5, 7])
def test_a_helper_that_is_killed_at_work_spoils_nothing(monkeypatch, number):
    rgba, depth_m = _shot()
    with helped() as there:
        whole = defocus_frame(rgba, depth_m, LENS)
        helper, asked = there.helpers[0], []
        ask = helper.ask

        def killed(message):
            asked.append(message)
            ask(message)
            if len(asked) == number:
                time.sleep(0.003)
                os.kill(helper.pid, signal.SIGKILL)

        monkeypatch.setattr(helper, "ask", killed)
        np.testing.assert_array_equal(defocus_frame(rgba, depth_m, LENS), whole)
        assert len(asked) in (number, number + 1)  # it may have answered
        assert there.helpers == []


def test_after_a_loss_another_helper_comes_but_not_for_ever():
    with helped() as there:
        for loss in range(crew.MOST_LOST):
            until = time.monotonic() + 30
            while there.take(1) is None and time.monotonic() < until:
                time.sleep(0.02)
            assert len(there.helpers) == 1, f"none after {loss} losses"
            there.leave()
            os.kill(there.helpers[0].pid, signal.SIGKILL)
            with workers(PIXELS) as work:
                assert work.each(abs, [(-n,) for n in range(8)]) == list(range(8))
        assert there.take(1) is None
        with workers(PIXELS) as work:
            assert work.each(abs, [(-n,) for n in range(8)]) == list(range(8))


@pytest.mark.parametrize("program", ["no such python", "blender", "", None])
def test_where_python_cannot_be_started_threads_do_it(monkeypatch, program):
    rgba, depth_m = _shot()
    whole = defocus_frame(rgba, depth_m, LENS)
    monkeypatch.setattr(crew, "crew", crew.Crew())
    monkeypatch.setattr(sys, "executable", program and str(TOP / program))
    for _ in range(3):
        np.testing.assert_array_equal(defocus_frame(rgba, depth_m, LENS), whole)


def test_a_helper_of_other_code_is_none(monkeypatch):
    """The files were replaced while this process ran: half a frame by each would be wrong without a word."""
    rgba, depth_m = _shot()
    whole = defocus_frame(rgba, depth_m, LENS)
    other = crew.Crew()
    monkeypatch.setattr(crew, "crew", other)
    monkeypatch.setattr(crew, "CODE", b"older")
    until = time.monotonic() + 60
    while other._lost < crew.MOST_LOST and time.monotonic() < until:
        np.testing.assert_array_equal(defocus_frame(rgba, depth_m, LENS), whole)
        assert other.helpers == []
    assert other._lost == crew.MOST_LOST
    other.go()


def test_an_error_while_helpers_start_leaves_nothing_locked(monkeypatch):
    def fails(*_any):
        raise MemoryError

    other = crew.Crew()
    monkeypatch.setattr(crew, "Helper", fails)
    for _ in range(2):
        with pytest.raises(MemoryError):
            other.take(1)
    other.go()


def test_a_second_frame_at_the_same_time_is_done_by_threads():
    with helped(), workers(PIXELS) as first, workers(PIXELS) as second:
        assert isinstance(first, HelpedWorkers)
        assert not isinstance(second, HelpedWorkers)


def test_small_pictures_are_done_by_threads():
    with helped(), workers(10_000) as work:
        assert not isinstance(work, HelpedWorkers)


def test_the_crew_goes_home_after_a_rest(monkeypatch):
    monkeypatch.setattr(crew, "REST_S", 0.3)
    with helped() as there:
        process = there.helpers[0]._process
        until = time.monotonic() + 10
        while there.helpers and time.monotonic() < until:
            time.sleep(0.05)
        assert there.helpers == []
        assert process.poll() is not None


def test_scratch_is_used_again():
    with helped(), workers(PIXELS) as work:
        with work.scratch():
            first = work.empty((10,))
        assert work.empty((10,)).ctypes.data == first.ctypes.data


def test_arrays_in_the_room_are_sent_by_their_place():
    room = Room()
    try:
        plane = room.empty((300, 400), np.float32)
        plane[...] = 7
        message = room.packed([plane[5:50:3, ::-1], plane.view(np.complex64), np.arange(3)])
        assert len(message) < 1000
        part, pairs, own = room.unpacked(message)
        plane[5, 399] = 9
        assert part.shape == (15, 400)
        assert part[0, 0] == 9
        assert pairs.shape == (300, 200)
        np.testing.assert_array_equal(own, np.arange(3))
    finally:
        room.close()


def _names():
    """What there is of shared memory by name."""
    return {name for name in os.listdir("/dev/shm")} if os.path.isdir("/dev/shm") else set()


def test_shared_memory_has_no_name_once_all_have_it():
    before = _names()
    with helped(3), workers(PIXELS) as work:
        work.each(np.copyto, [(work.empty((100_000,)), np.float32(1))] * 4)
        work.empty((30_000_000,))
        assert work.each(abs, [(-n,) for n in range(8)]) == list(range(8))
        assert _names() == before


def test_where_there_is_no_memory_to_share_threads_do_the_rest(monkeypatch):
    rgba, depth_m = _shot()
    with helped() as there:
        whole = defocus_frame(rgba, depth_m, LENS)
        segment, wanted = shared.Segment, []

        def full(*, size=0, name=None):
            wanted.append(size)
            if len(wanted) > 1:
                raise OSError(28, "No space left on device")
            return segment(size=size, name=name)

        there._room.close()
        there.answers(there.asked(None))
        monkeypatch.setattr(shared, "Segment", full)
        monkeypatch.setattr(shared, "SEGMENT_BYTES", 2_000_000)
        np.testing.assert_array_equal(defocus_frame(rgba, depth_m, LENS), whole)
        assert len(wanted) == 2
        assert "No space left" in there.without
        assert there.take(1) is None


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="this system has no /dev/shm")
def test_what_a_killed_process_left_is_swept_and_nothing_else():
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    left, own, others = (
        Path("/dev/shm") / name
        for name in (f"rackfocus-{int(gone.stdout)}-ab", f"rackfocus-{os.getpid()}-ab", "thesis")
    )
    for path in (left, own, others):
        path.write_bytes(b"x")
    try:
        shared.sweep()
        assert [path.exists() for path in (left, own, others)] == [False, True, True]
    finally:
        for path in (left, own, others):
            path.unlink(missing_ok=True)


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="this system has no /dev/shm")
def test_memory_that_is_not_there_is_an_error_and_no_signal():
    there = os.statvfs("/dev/shm")
    before = _names()
    with pytest.raises(OSError, match="No space left"):
        Room().empty(((there.f_blocks + 10_000) * there.f_frsize,), np.uint8)
    assert _names() == before


SCRIPT = """
import os, sys, time, numpy as np, cv2
from blender_rackfocus.core import Lens, defocus_frame
from blender_rackfocus.core.crew import crew, shared
cv2.setNumThreads(2)
rgba, depth = np.ones((400, 600, 4), np.float32), np.full((400, 600), 3.0, np.float32)
depth[:, 300:] = 9
until = time.monotonic() + 30
while not crew.crew.helpers and time.monotonic() < until:
    defocus_frame(rgba, depth, Lens(focal_mm=85.0, f_number=1.4, sensor_mm=36.0, focus_m=1.5))
print(crew.crew.helpers[0].pid, flush=True)
"""


def _gone(pid):
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), 9)"])
def test_helpers_and_memory_end_with_the_process_also_when_it_is_killed(end):
    before = _names()
    ran = subprocess.run([sys.executable, "-c", SCRIPT + end], cwd=TOP, capture_output=True, text=True, timeout=60)
    assert ran.returncode == (-9 if end else 0), ran.stderr
    assert ran.stderr == ""
    assert _gone(int(ran.stdout))
    assert _names() == before


FORKED = """
child = os.fork()
for _ in range(3):
    defocus_frame(rgba, depth, Lens(focal_mm=85.0, f_number=1.4, sensor_mm=36.0, focus_m=1.5))
if child:
    assert os.waitpid(child, 0)[1] == 0
    print("both", len(crew.crew.helpers))
"""


def test_a_forked_process_has_a_crew_of_its_own():
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT + FORKED]
    ran = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=60)
    assert ran.stdout.endswith("both 1\n"), ran.stderr
