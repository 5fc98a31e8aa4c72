# SPDX-License-Identifier: GPL-3.0-or-later
"""Work on all cores: one pool of threads for a frame; numpy and OpenCV let go of Python's lock while they compute."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import cv2

BAND_PX = 150_000
"""Pixels that one thread works on at once where a picture is taken in bands of rows."""

Each = Callable[[Callable, Iterable[tuple]], None]

_counting = threading.Lock()
_threads_before: list[int] = []
"""OpenCV's number of threads as each of the frames under way found it: the first one's is the user's."""


@contextmanager
def workers() -> Iterator[Each]:
    """Gives `each(job, arguments)`, which runs a job for many tuples of arguments and waits for all of them.

    It takes as many threads as OpenCV is set to (`cv2.setNumThreads`): one setting for both. An
    exception in a job is raised in the caller. OpenCV's own threads rest until the last frame under way is done.
    """
    with _counting:
        _threads_before.append(cv2.getNumThreads())
        cv2.setNumThreads(1)
        count = max(_threads_before[0], 1)
    try:
        with ThreadPoolExecutor(count) as pool:

            def each(job: Callable, arguments: Iterable[tuple]) -> None:
                for done in [pool.submit(job, *own) for own in arguments]:
                    done.result()

            yield each
    finally:
        with _counting:
            last = _threads_before.pop()
            if not _threads_before:
                cv2.setNumThreads(last)


def bands(height: int, width: int, grid: int = 1) -> list[slice]:
    """Rows of a picture in bands of about BAND_PX, each but the last a multiple of `grid` high."""
    rows = up_to(max(BAND_PX // width, 1), grid)
    return [slice(top, min(top + rows, height)) for top in range(0, height, rows)]


def up_to(length: int, grid: int) -> int:
    """The next multiple of `grid` that is not below a length."""
    return -(-length // grid) * grid
