# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks that the system takes off when a process ends, however it ends: nothing to clean up after a SIGKILL.

All of them are advisory. Where a file system has none, work goes on without: results are written whole or not at all
in any case, so what locks save is work done twice.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
    import msvcrt

_BUSY = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}


def hold(file: BinaryIO) -> None:
    """Mark an open file as being written, until it is closed or the process ends."""
    if fcntl is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_held(path: str, *, unknown: bool) -> bool:
    """Whether some living process holds a file. unknown: what to say where that cannot be told."""
    if fcntl is None:
        return unknown  # Windows refuses to delete what somebody has open
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
    except OSError as error:
        return True if error.errno in _BUSY else unknown


class Claims:
    """Who works on which number in a folder, across processes and machines: one lock for each number, in one file.

    The file goes when the last one who works there leaves by `close`. One instance for a folder and process.
    """

    NAME = ".rackfocus-claims"

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._path = os.path.join(folder, self.NAME)
        self._file: int | None = None

    def take(self, number: int) -> bool:
        """Claim a number (0 or more). False when another process has it."""
        while True:
            handle = self._open()
            if handle is None:
                return True
            try:
                _mark(handle, number, taken=True)
            except OSError as error:
                return error.errno not in _BUSY
            if os.fstat(handle).st_nlink:
                return True
            self._drop()  # the last one who left took this file away: claim in a new one

    def release(self, number: int) -> None:
        """Give a number back."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                _mark(self._file, number, taken=False)

    def close(self) -> None:
        """Leave; the file goes with the last one."""
        if self._file is None:
            return
        if fcntl is not None:
            with contextlib.suppress(OSError):
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # all numbers: nobody else is at work
                os.remove(self._path)
        self._drop()
        if fcntl is None:
            with contextlib.suppress(OSError):  # open elsewhere: stays
                os.remove(self._path)

    def _open(self) -> int | None:
        if self._file is None:
            with contextlib.suppress(OSError):
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        return self._file

    def _drop(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file = None


def _mark(handle: int, number: int, *, taken: bool) -> None:
    if fcntl is not None:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB if taken else fcntl.LOCK_UN, 1, number)
    else:
        os.lseek(handle, number, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK if taken else msvcrt.LK_UNLCK, 1)
