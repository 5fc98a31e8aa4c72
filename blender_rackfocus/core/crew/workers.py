# SPDX-License-Identifier: GPL-3.0-or-later
"""Work on all cores: the workers of a frame, threads of this process or helpers beside it (crew)."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np

from . import crew as crews
from .crew import Crew
from .shared import Room, jobs_done

BAND_PX = 150_000
"""Pixels that one worker works on at once where a picture is taken in bands of rows."""

LEAST_BANDS = 4
"""So many bands small pictures have too, for all workers to have one."""

HELPED_FROM_PX = 100_000
"""Smaller pictures are done before a helper has read what to do."""

_counting = threading.Lock()
_threads_before: list[int] = []
"""OpenCV's number of threads as each of the frames under way found it: the first one's is the user's."""


class Workers:
    """Whoever works on a frame: the threads of a pool."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    def empty(self, shape: tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
        """An array yet to be written that all workers see; it ends with the frame, or with the `scratch` around it.
        Returns (...) of any type, as asked."""
        return np.empty(shape, dtype)

    def copy(self, array: np.ndarray) -> np.ndarray:
        """A copy that all workers see, as `empty` gives.

        array: (...) of any type and meaning. Returns (...) of any type, array's own.
        """
        out = self.empty(array.shape, array.dtype)
        out[...] = array
        return out

    @contextmanager
    def scratch(self) -> Iterator[None]:
        """What `empty` gives within ends with it."""
        yield

    def each(self, job: Callable, arguments: Iterable[tuple]) -> list:
        """Run a job for many tuples of arguments; what it returned, in order. An exception in a job is raised.

        It may be run in another process: it is a function of a module, or a method or `functools.partial` of what can
        be pickled, and the arrays that it writes to are from `empty`. It may be run again after it was left half done,
        and by two at the same moment: it writes what is finished, adds to nothing, and reads nothing that it wrote.
        """
        return self.here(job, arguments)

    def here(self, job: Callable, arguments: Iterable[tuple]) -> list:
        """As `each`, but always in this process: for arrays that are not from `empty`."""
        return [done.result() for done in [self._pool.submit(job, *own) for own in arguments]]


class HelpedWorkers(Workers):
    """The thread that asks, and a crew of helpers: none of them waits for another at Python's lock."""

    def __init__(self, pool: ThreadPoolExecutor, crew: Crew, room: Room) -> None:
        super().__init__(pool)
        self._crew, self._room = crew, room
        self._alone = False

    def empty(self, shape: tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
        if not self._alone:
            try:
                return self._room.empty(shape, dtype)
            except OSError as error:  # threads do the rest of this frame: they see all memory
                self._alone = True
                self._crew.give_up(f"no memory to share with them ({error})")
        return super().empty(shape, dtype)

    @contextmanager
    def scratch(self) -> Iterator[None]:
        taken = self._room.taken
        yield
        self._room.free_from(taken)

    def each(self, job: Callable, arguments: Iterable[tuple]) -> list:
        arguments = list(arguments)
        with self.scratch():
            taken = self.empty((len(arguments),), np.uint8)
            if self._alone:
                return self.here(job, arguments)
            taken[:] = 0
            try:
                results, error = self._done_together(job, arguments, taken)
            except BaseException:  # Ctrl-C: who knows what helpers are at
                self._crew.disband()
                raise
        if error is not None:
            raise error
        lost = [number for number in range(len(arguments)) if number not in results]
        results |= {number: job(*arguments[number]) for number in lost}
        return [results[number] for number in range(len(arguments))]

    def _done_together(
        self, job: Callable, arguments: list[tuple], taken: np.ndarray
    ) -> tuple[dict[int, Any], Exception | None]:
        asked = self._crew.asked([], self._room.packed((job, arguments, taken)))
        results, error = jobs_done(job, arguments, taken)
        for more, failed in self._crew.answers(asked):
            results |= more
            error = error or failed
        return results, error


@contextmanager
def workers(pixels: int) -> Iterator[Workers]:
    """The workers for a frame of so many pixels.

    They are as many as OpenCV is set to threads (`cv2.setNumThreads`): one setting for both. OpenCV's own threads rest
    until the last frame under way is done.
    """
    with _counting:
        _threads_before.append(cv2.getNumThreads())
        cv2.setNumThreads(1)
        count = max(_threads_before[0], 1)
    crew = crews.crew
    room = crew.take(count - 1) if count > 1 and pixels >= HELPED_FROM_PX else None
    try:
        with ThreadPoolExecutor(count) as pool:
            yield Workers(pool) if room is None else HelpedWorkers(pool, crew, room)
    finally:
        if room is not None:
            crew.leave()
        with _counting:
            last = _threads_before.pop()
            if not _threads_before:
                cv2.setNumThreads(last)


def bands(height: int, width: int, grid: int = 1, most_px: int = BAND_PX) -> list[slice]:
    """Rows of a picture in bands of up to about `most_px`, each but the last a multiple of `grid` high."""
    rows = up_to(max(min(most_px // width, -(-height // LEAST_BANDS)), 1), grid)
    return [slice(top, min(top + rows, height)) for top in range(0, height, rows)]


def up_to(length: int, grid: int) -> int:
    """The next multiple of `grid` that is not below a length."""
    return -(-length // grid) * grid
