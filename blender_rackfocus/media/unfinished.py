# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that appear whole or not at all: written beside their place under a name of ours, which a killed process leaves
and the next one sweeps."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Iterator
from typing import BinaryIO

from .locks import hold, is_held

SUFFIX = ".rftemp"
_ABANDONED_S = 3600.0
"""Where the file system has no locks, such a file is left alone for so long."""


@contextlib.contextmanager
def beside(path: str | os.PathLike[str]) -> Iterator[tuple[str, BinaryIO]]:
    """(name, the open file, held) to write to; it is on the disk at the end, and in the place of `path`, or goes where
    that fails. Raises OSError."""
    file = _held_beside(path)
    try:
        with file:
            yield file.name, file
            file.flush()
            os.fsync(file.fileno())
            if os.name != "nt":  # while it is still held; Windows renames closed files only
                os.replace(file.name, path)
        if os.name == "nt":
            os.replace(file.name, path)
    except BaseException:
        remove(file.name)
        raise
    _flush_folder(os.path.dirname(file.name))


def _flush_folder(folder: str) -> None:
    """The rename itself reaches the disk; where folders cannot be opened (Windows) the system sees to it."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _held_beside(path: str | os.PathLike[str]) -> BinaryIO:
    folder, name = os.path.split(os.path.abspath(path))
    while True:
        name_there = os.path.join(folder, f".{name}.{uuid.uuid4().hex[:8]}{SUFFIX}")
        file = open(name_there, "wb")  # noqa: SIM115  # whoever asked closes it
        hold(file)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # another process swept it in the moment before it was held


def sweep(folder: str | os.PathLike[str]) -> None:
    """Remove what processes that were killed left half-written in a folder; what a living one is writing stays."""
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        if name.endswith(SUFFIX):
            path = os.path.join(folder, name)
            try:
                young = time.time() - os.stat(path).st_mtime < _ABANDONED_S
            except OSError:
                continue
            if not is_held(path, unknown=young):
                remove(path)


def remove(path: str | os.PathLike[str]) -> bool:
    """Delete a file. Returns whether it went."""
    try:
        os.remove(path)
    except OSError:
        return False
    return True
