# SPDX-License-Identifier: GPL-3.0-or-later
"""The pool of a frame takes as many threads as the user set, and leaves OpenCV's setting as it was."""

import threading
import time

import cv2
import pytest

from blender_rackfocus.core.crew.workers import workers


@pytest.fixture(autouse=True)
def _as_before():
    before = cv2.getNumThreads()
    yield
    cv2.setNumThreads(before)


@pytest.mark.parametrize("count", [1, 2])
def test_the_pool_is_as_large_as_set(count):
    cv2.setNumThreads(count)
    seen = set()

    def job(_number):
        seen.add(threading.get_ident())
        time.sleep(0.01)

    with workers(100) as work:
        work.each(job, [(n,) for n in range(8)])
    assert len(seen) == count
    assert cv2.getNumThreads() == count


def test_frames_that_overlap_leave_the_setting_alone():
    cv2.setNumThreads(2)
    first, second = workers(100), workers(100)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert cv2.getNumThreads() == 1
    second.__exit__(None, None, None)
    assert cv2.getNumThreads() == 2
