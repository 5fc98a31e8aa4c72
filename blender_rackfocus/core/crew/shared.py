# SPDX-License-Identifier: GPL-3.0-or-later
"""What several processes share: memory, messages in which its arrays are named instead of copied, a heap of jobs."""

import io
import math
import mmap
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOM_BYTES = 1 << 36
"""Addresses kept for a room: of memory it takes what is written to, no more."""

_ALIGNED = 64


def _code() -> bytes:
    core = Path(__file__).parent.parent
    files = sorted(core.rglob("*.py"))
    return repr(
        [(file.relative_to(core).as_posix(), file.stat().st_mtime_ns, file.stat().st_size) for file in files]
    ).encode()


CODE = _code()
"""Which files this process works by: two that share a frame must go by the same."""


class SharedRoom:
    """A room for arrays that another process can open by its file descriptor. Linux only.

    Arrays are handed out one behind the other; `taken` and `free_from` give back all that came after some moment.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        """descriptor  of a room of another process, inherited; None: a new one. Raises OSError where there is none."""
        if descriptor is None:
            descriptor = os.memfd_create("rackfocus")  # without a name: it is gone with the last process that has it
            os.ftruncate(descriptor, ROOM_BYTES)
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, ROOM_BYTES)
        self._bytes = np.frombuffer(self._memory, np.uint8)
        self._start = self._bytes.__array_interface__["data"][0]
        self.taken = 0

    def empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """An array yet to be written. Raises MemoryError if the room is full."""
        start = -(-self.taken // _ALIGNED) * _ALIGNED
        end = start + math.prod(shape) * np.dtype(dtype).itemsize
        if end > ROOM_BYTES:
            raise MemoryError("no room for an array that all workers see")
        self.taken = end
        return self._bytes[start:end].view(dtype).reshape(shape)

    def free_from(self, taken: int) -> None:
        """Give back what was handed out since `taken` was that much; its memory is kept for the next."""
        self.taken = taken

    def close(self) -> None:
        """Its memory is given back with the last array in it."""
        os.close(self.descriptor)

    def packed(self, thing: Any) -> bytes:
        """Something for another process that has this room open: arrays that lie in it are named by their place."""
        out = io.BytesIO()
        _Packer(out, self._start).dump(thing)
        return out.getvalue()

    def unpacked(self, message: bytes) -> Any:
        """What another process packed."""
        return _Unpacker(io.BytesIO(message), self._memory).load()


class Heap:
    """Numbers of jobs to be done, each of which one process takes: a pipe that all of them read. Linux only."""

    NUMBER = struct.Struct("=H")
    MOST = 30_000
    """What the pipe holds, with some room to spare."""

    def __init__(self, descriptor: int | None = None) -> None:
        """descriptor  of another process's heap, inherited; None: a new one. Raises OSError if it cannot be had."""
        self._put: int | None = None
        if descriptor is None:
            descriptor, self._put = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.descriptor = descriptor

    def put(self, count: int) -> None:
        """Lay down jobs 0 to count - 1, MOST at most, of which the first is taken first."""
        assert self._put is not None  # it is ours
        os.write(self._put, b"".join(map(self.NUMBER.pack, range(count))))

    def take(self) -> int | None:
        """The next job's number, None if all are taken."""
        try:
            return self.NUMBER.unpack(os.read(self.descriptor, self.NUMBER.size))[0]
        except BlockingIOError:
            return None

    def done(self, job: Callable, arguments: list[tuple]) -> tuple[dict[int, Any], Exception | None]:
        """Do jobs as long as there are any: what they returned by number, or the error that ended it for all."""
        results = {}
        while (number := self.take()) is not None:
            try:
                results[number] = job(*arguments[number])
            except Exception as error:
                while self.take() is not None:
                    pass
                return results, error
        return results, None

    def close(self) -> None:
        """Nobody takes from it any more."""
        os.close(self.descriptor)
        if self._put is not None:
            os.close(self._put)


class _Packer(pickle.Pickler):
    def __init__(self, file: io.BytesIO, start: int) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._start = start

    def persistent_id(self, thing: Any) -> tuple | None:
        if type(thing) is not np.ndarray:
            return None
        offset = thing.__array_interface__["data"][0] - self._start
        within = 0 <= offset < ROOM_BYTES
        return (offset, thing.shape, thing.strides, thing.dtype.str) if within else None


class _Unpacker(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, memory: mmap.mmap) -> None:
        super().__init__(file)
        self._memory = memory

    def persistent_load(self, place: tuple) -> np.ndarray:
        offset, shape, strides, dtype = place
        return np.ndarray(shape, dtype, self._memory, offset, strides)
