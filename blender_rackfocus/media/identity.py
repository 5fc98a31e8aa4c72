# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file is, whatever it is called and wherever it lies: so that machines with other paths agree on a frame."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat
import zlib
from collections.abc import Callable, Hashable, Iterator
from contextvars import ContextVar
from typing import Any

from .errors import MediaError, check_file

_WHOLE_BYTES = 64 * 2**20
_SAMPLES, _SAMPLE_BYTES = 16, 2**20
_BLOCK_BYTES, _BLOCKS = 4096, 5
_seen: ContextVar[dict[Hashable, Any] | None] = ContextVar("seen", default=None)


@contextlib.contextmanager
def one_look() -> Iterator[None]:
    """While this lasts, a file's state is looked up once (in this thread), and so is what `once` is given: for whoever
    names the same files again and again and writes none of them."""
    token = _seen.set({})
    try:
        yield
    finally:
        _seen.reset(token)


def state_of(path: str | os.PathLike[str]) -> tuple[int, ...]:
    """A file's present state: time, size, inode, time of the last change to any of these, and the checksum of a few
    blocks over its length. A file replaced by another of the same size and time has another state. Raises OSError."""
    return once(os.fspath(path), lambda: _state_now(path))


def once[Made](key: Hashable, make: Callable[[], Made]) -> Made:
    """What `make` gives; within a look it is asked once for each key."""
    seen = _seen.get()
    if seen is None:
        return make()
    if key not in seen:
        seen[key] = make()
    made: Made = seen[key]
    return made


def _state_now(path: str | os.PathLike[str]) -> tuple[int, ...]:
    status = os.stat(path)
    told = status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns
    return (*told, _blocks(path, status.st_size)) if stat.S_ISREG(status.st_mode) else told


def _blocks(path: str | os.PathLike[str], size: int) -> int:
    checksum = 0
    with open(path, "rb", buffering=0) as file:
        for number in range(_BLOCKS):
            file.seek(max(size - _BLOCK_BYTES, 0) * number // (_BLOCKS - 1))
            checksum = zlib.crc32(file.read(_BLOCK_BYTES), checksum)
    return checksum


def content_of(path: str | os.PathLike[str]) -> str:
    """A hash of a file's content, computed once for each state of the file. Raises MediaError.

    Files above 64 MiB are told by their size, their time of change in whole seconds and samples of a MiB each: a frame
    must not wait for gigabytes to be read.
    """
    try:
        check_file(path)
        return _content(os.path.abspath(path), state_of(path))
    except OSError as error:
        raise MediaError(path, f"it cannot be read ({error.strerror})", "Check the path.") from error


@functools.lru_cache(maxsize=8192)
def _content(path: str, state: tuple[int, ...]) -> str:
    changed_ns, size = state[:2]
    digest = hashlib.blake2b(f"{size}".encode(), digest_size=16)
    with open(path, "rb") as file:
        if size <= _WHOLE_BYTES:
            while piece := file.read(_SAMPLE_BYTES):
                digest.update(piece)
        else:
            digest.update(f":{changed_ns // 10**9}".encode())
            for number in range(_SAMPLES):
                file.seek(number * (size - _SAMPLE_BYTES) // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()
