# SPDX-License-Identifier: GPL-3.0-or-later
"""What several processes share: memory, messages in which its arrays are named instead of copied, jobs to be taken."""

import contextlib
import io
import math
import os
import pickle
import secrets
import struct
from collections.abc import Callable, Iterable
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

SEGMENT_BYTES = 1 << 26
"""A room grows by at least so much at a time."""

_ALIGNED = 64
_LENGTH = struct.Struct("=Q")


def _code() -> bytes:
    core = Path(__file__).parent.parent
    files = sorted(core.rglob("*.py"))
    told = [(file.relative_to(core).as_posix(), file.stat().st_mtime_ns, file.stat().st_size) for file in files]
    return repr(told).encode()


CODE = _code()
"""Which files this process works by: two that share a frame must go by the same."""


class _Memory(SharedMemory):
    """Shared memory that ends without a word where an array in it is still held when Python ends."""

    def __del__(self) -> None:
        with contextlib.suppress(BufferError):
            super().__del__()


class Segment:
    """A piece of memory that other processes can open by its name."""

    def __init__(self, *, size: int = 0, name: str | None = None) -> None:
        """size: of a new one, in bytes; name: of one that another process made. Raises OSError if it cannot be had.

        A new one is to be `reserved` before anything is written to it.
        """
        own = f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}" if name is None else name
        self._memory = _Memory(own, create=name is None, size=size, track=False)
        self._file = _opened(own) if name is None else None
        self._bytes: np.ndarray | None = np.frombuffer(cast(memoryview, self._memory.buf), np.uint8)
        self.start = self._bytes.__array_interface__["data"][0]
        self.size = self._memory.size

    @property
    def name(self) -> str:
        return self._memory.name

    def bytes(self, start: int, end: int) -> np.ndarray:
        """A part of it. Returns (end - start,) uint8 of any meaning."""
        assert self._bytes is not None
        return self._bytes[start:end]

    def array(self, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: str) -> np.ndarray:
        """An array that lies in it. Returns (...) of any type, as asked."""
        return np.ndarray(shape, dtype, self._memory.buf, offset, strides)

    def unlink(self) -> None:
        """Take its name away: it ends with the last process that has it open, however that ends."""
        self._memory.unlink()

    def reserve(self) -> None:
        """Linux promises shared memory that it has not: writing to it then ends the process. So all of it is asked for
        first; other systems give what they promise. Raises OSError if there is not so much."""
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            os.posix_fallocate(file, 0, self.size)
        except OSError:
            self.size = 0
            raise
        finally:
            os.close(file)

    def close(self) -> None:
        """Its memory is given back; where an array in it is still held, with that one."""
        self._bytes = None
        _closing.append(self._memory)
        for memory in list(_closing):
            try:
                memory.close()
            except BufferError:
                continue
            _closing.remove(memory)


_closing: list[SharedMemory] = []
"""Memory that could not be closed yet, because an array in it is held."""


_PREFIX = "rackfocus-"
_FOLDER = Path("/dev/shm")
"""Where Linux shows shared memory that has a name."""


def _opened(name: str) -> int | None:
    path = _FOLDER / name
    return os.open(path, os.O_RDWR) if path.is_file() else None


def sweep() -> None:
    """Take away what processes left that were killed in the moment between a segment's making and its last opening."""
    for path in _FOLDER.glob(f"{_PREFIX}*") if _FOLDER.is_dir() else ():
        owner = path.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            path.unlink(missing_ok=True)


class Room:
    """A room for arrays that other processes see: segments, filled one behind the other.

    `taken` and `free_from` give back all that was handed out after some moment; the memory is kept for what comes.
    """

    def __init__(self, shown: Callable[[list[str]], None] = lambda _names: None) -> None:
        """shown: has all others open segments by their names, and returns when they have."""
        self._segments: list[Segment] = []
        self._at = 0
        self._end = 0
        self._shown = shown

    @property
    def taken(self) -> tuple[int, int]:
        """How far it is filled: the segment, and the bytes of it."""
        return self._at, self._end

    def empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """An array yet to be written. Returns (...) of any type, as asked. Raises OSError if there is no memory to
        share."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        segment, start = self._place_for(size)
        self._end = start + size
        return segment.bytes(start, self._end).view(dtype).reshape(shape)

    def free_from(self, taken: tuple[int, int] = (0, 0)) -> None:
        """Give back what was handed out since `taken` was that."""
        self._at, self._end = taken

    def open(self, names: Iterable[str]) -> None:
        """Have segments of another process's room too, in its order. Raises OSError."""
        self._segments += [Segment(name=name) for name in names]

    def close(self) -> None:
        """Nothing of it is needed any more."""
        for segment in self._segments:
            segment.close()
        self._segments = []
        self.free_from()

    def packed(self, thing: Any) -> bytes:
        """Something for another process that has this room open: arrays that lie in it are named by their place."""
        out = io.BytesIO()
        _Packer(out, self._segments).dump(thing)
        return out.getvalue()

    def unpacked(self, message: bytes) -> Any:
        """What another process packed."""
        return _Unpacker(io.BytesIO(message), self._segments).load()

    def _place_for(self, size: int) -> tuple[Segment, int]:
        while self._at < len(self._segments):
            segment, start = self._segments[self._at], -(-self._end // _ALIGNED) * _ALIGNED
            if start + size <= segment.size:
                return segment, start
            self._at, self._end = self._at + 1, 0
        segment = Segment(size=max(size, SEGMENT_BYTES))
        self._segments.append(segment)
        try:
            self._shown([segment.name])
        finally:
            segment.unlink()  # from now on it cannot outlive those who have it open
        segment.reserve()
        return segment, 0


def jobs_done(job: Callable, arguments: list[tuple], taken: np.ndarray) -> tuple[dict[int, Any], Exception | None]:
    """Do those of many jobs that nobody has taken, in order: what they returned by number, or the error that ends it
    for all.

    taken: (jobs,) uint8 in shared memory, not 0 where somebody is at it. Two who look at the same moment both do a job,
    which costs its time and nothing else: a job writes the same again, and is never seen half way (`Workers.each`).
    """
    results = {}
    for number, own in enumerate(arguments):
        if taken[number]:
            continue
        taken[number] = 1
        try:
            results[number] = job(*own)
        except Exception as error:
            taken[:] = 1
            return results, error
    return results, None


def send(pipe: IO[bytes], message: bytes) -> None:
    """Write a message. Raises OSError where nobody reads."""
    pipe.write(_LENGTH.pack(len(message)) + message)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes:
    """The next message. Raises EOFError when there will be none."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    message = pipe.read(length)
    if len(message) < length:
        raise EOFError
    return message


class _Packer(pickle.Pickler):
    def __init__(self, file: io.BytesIO, segments: list[Segment]) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._segments = segments

    def persistent_id(self, thing: Any) -> tuple | None:
        if type(thing) is not np.ndarray:
            return None
        address = thing.__array_interface__["data"][0]
        for number, segment in enumerate(self._segments):
            if 0 <= address - segment.start < segment.size:
                return number, address - segment.start, thing.shape, thing.strides, thing.dtype.str
        return None


class _Unpacker(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, segments: list[Segment]) -> None:
        super().__init__(file)
        self._segments = segments

    def persistent_load(self, place: tuple) -> np.ndarray:
        number, *where = place
        return self._segments[number].array(*where)
