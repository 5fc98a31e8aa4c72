# SPDX-License-Identifier: GPL-3.0-or-later
"""Computed arrays (frames, depth, passes) kept on disk by the hash of everything that went into them.

An entry is one file: a magic word, a JSON header (format version, key, shape, dtype, notes, checksum), the
array's bytes. It is written under another name, flushed to the disk and renamed, so that it is there whole or
not at all, for any number of processes on one folder. What is cut short, foreign, damaged or of another version
counts as absent and is computed again. When the folder outgrows its limit, what was used least recently goes. What
a process that was killed left half-written is told by its lock, which the system has taken off, and goes too.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from . import unfinished
from .errors import MediaError

FORMAT_VERSION = 1
SUFFIX = ".rfentry"
_MAGIC = b"RackFocusEntry\r\n\x1a"
_HEADER_LIMIT = 1 << 20
_KEEP_SHARE = 0.9
_PUTS_BETWEEN_LOOKS = 32
"""Other processes fill the folder too: after so many entries of our own its size is measured again."""


@dataclass(frozen=True)
class Entry:
    """One entry as `Store.contents` lists it. used: when last read or written, seconds since the epoch."""

    key: str
    size_bytes: int
    used: float
    shape: tuple[int, ...]
    dtype: str
    notes: Mapping[str, Any] = field(default_factory=dict)


def key_of(**ingredients: Any) -> str:
    """The key of a result: a hash of all that it depends on, by name.

    Numbers, strings, None, bools, and lists, tuples and dicts of them. Include the core's version, the files'
    state, the media frame and every setting that matters. Raises ValueError for anything else.
    """
    try:
        text = json.dumps(ingredients, sort_keys=True, separators=(",", ":"))
    except TypeError as error:
        raise ValueError(f"ingredients must be plain numbers, texts, lists and dicts: {error}") from error
    return hashlib.blake2b(f"{FORMAT_VERSION}:{text}".encode(), digest_size=32).hexdigest()


class Store:
    """A folder of entries. Safe to use from several threads and processes at once.

    folder: made on the first `put`. limit_bytes: the size that `put` keeps the folder under.
    """

    def __init__(self, folder: str | os.PathLike[str], limit_bytes: int = 20 * 1024**3) -> None:
        if limit_bytes <= 0:
            raise ValueError(f"limit_bytes must be positive, not {limit_bytes!r}")
        self.folder = os.path.abspath(folder)
        self.limit_bytes = limit_bytes
        self._room_bytes = 0  # that can be filled before the folder's size need be measured
        self._puts_left = 0

    def path(self, key: str) -> str:
        """The file that holds a key's entry, whether it exists or not. Raises ValueError for no key of `key_of`."""
        if len(key) != 64 or set(key) - set("0123456789abcdef"):
            raise ValueError(f"key must be one that key_of made, not {key!r}")
        return os.path.join(self.folder, key[:2], key + SUFFIX)

    def get(self, key: str) -> np.ndarray | None:
        """The array kept under `key`; None where there is none, or none that can be trusted. Returns (...) of any
        type, as it was put."""
        path = self.path(key)
        array = _read(path, key)
        if array is not None:
            with contextlib.suppress(OSError):  # read-only or just evicted: the array is good all the same
                os.utime(path)
        return array

    def put(self, key: str, array: np.ndarray, **notes: Any) -> None:
        """Keep an array.

        array: (...) of any type that `get` gives again. notes: plain words for `contents`. Raises MediaError where
        the disk will not have it.
        """
        path = self.path(key)
        array = np.ascontiguousarray(array)
        if array.dtype.hasobject:
            raise ValueError("array must hold numbers")
        payload = memoryview(array).cast("B") if array.size else memoryview(b"")
        header = json.dumps(
            {
                "version": FORMAT_VERSION,
                "key": key,
                "shape": array.shape,
                "dtype": array.dtype.str,
                "crc32": _checksum(array, payload),
                "notes": notes,
            }
        ).encode()
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with unfinished.beside(path) as (_name, file):
                file.write(_MAGIC + len(header).to_bytes(4, "little") + header)
                file.write(payload)
        except OSError as error:
            raise MediaError(
                self.folder,
                f"a computed frame cannot be kept ({error.strerror or error})",
                "Free some space, or choose another folder in the preferences.",
            ) from error
        self._room_bytes -= len(header) + len(payload)
        self._puts_left -= 1
        if self._room_bytes < 0 or self._puts_left < 0:
            self.evict(keep=key)

    def contents(self) -> list[Entry]:
        """All entries whose headers can be read, the most recently used first."""
        entries = []
        for path, status in self._files():
            with contextlib.suppress(OSError, ValueError), open(path, "rb") as file:
                head = _header(file)
                entries.append(
                    Entry(
                        head["key"], status.st_size, status.st_mtime, tuple(head["shape"]), head["dtype"], head["notes"]
                    )
                )
        return sorted(entries, key=lambda entry: -entry.used)

    def size_bytes(self) -> int:
        """What the entries take on disk."""
        return sum(status.st_size for _, status in self._files())

    def verify(self) -> list[str]:
        """Read every entry; remove those that cannot be trusted and return their paths."""
        bad = [path for path, _ in self._files() if _read(path, os.path.basename(path)[: -len(SUFFIX)]) is None]
        for path in bad:
            unfinished.remove(path)
        return bad

    def clear(self) -> int:
        """Remove every entry, and nothing else. Returns how many went."""
        paths = [path for path, _ in self._files()]
        gone = sum(unfinished.remove(path) for path in paths)
        self.sweep()
        return gone

    def evict(self, keep: str = "") -> None:
        """Where the folder is over its limit, remove what was used least recently until a tenth is free again."""
        files = sorted(self._files(), key=lambda item: item[1].st_mtime)
        total = sum(status.st_size for _, status in files)
        if total <= self.limit_bytes:
            files = []
        for path, status in files:
            if total <= self.limit_bytes * _KEEP_SHARE:
                break
            if os.path.basename(path) != keep + SUFFIX and unfinished.remove(path):
                total -= status.st_size
        self._room_bytes, self._puts_left = max(self.limit_bytes - total, 0), _PUTS_BETWEEN_LOOKS
        if files:
            self.sweep()

    def sweep(self) -> None:
        """Remove what processes that were killed left half-written; what a living one is writing stays."""
        for shelf in self._shelves():
            unfinished.sweep(shelf)

    def _shelves(self) -> list[str]:
        with contextlib.suppress(OSError):
            return [shelf.path for shelf in os.scandir(self.folder) if len(shelf.name) == 2 and shelf.is_dir()]
        return []

    def _files(self) -> Iterator[tuple[str, os.stat_result]]:
        for shelf in self._shelves():
            with contextlib.suppress(OSError):
                for item in list(os.scandir(shelf)):
                    if item.name.endswith(SUFFIX):
                        with contextlib.suppress(OSError):  # gone since: another process evicts too
                            yield item.path, item.stat()


def _header(file: BinaryIO) -> dict[str, Any]:
    """Raises ValueError where it is no header of this version."""
    start = file.read(len(_MAGIC) + 4)
    length = int.from_bytes(start[len(_MAGIC) :], "little")
    if start[: len(_MAGIC)] != _MAGIC or not 0 < length < _HEADER_LIMIT:
        raise ValueError("not an entry")
    try:
        head = json.loads(file.read(length))
    except RecursionError as error:
        raise ValueError("a header nested without end") from error
    if not isinstance(head, dict) or head.get("version") != FORMAT_VERSION:
        raise ValueError("another version")
    if not {"key", "shape", "dtype", "crc32", "notes"} <= head.keys():
        raise ValueError("not a whole header")
    if not isinstance(head["shape"], list) or not isinstance(head["notes"], dict):
        raise ValueError("not a header of ours")
    return head


def _checksum(array: np.ndarray, payload: memoryview) -> int:
    """Of the bytes and of what they are read as."""
    return zlib.crc32(payload, zlib.crc32(f"{array.shape}{array.dtype.str}".encode()))


def _read(path: str, key: str) -> np.ndarray | None:
    if not os.path.isfile(path):  # opening a named pipe would wait for ever
        return None
    try:
        with open(path, "rb") as file:
            head = _header(file)
            array = np.empty([int(n) for n in head["shape"]], np.dtype(head["dtype"]))
            if head["key"] != key or array.dtype.hasobject:
                return None
            left = os.fstat(file.fileno()).st_size - file.tell()
            if left != array.nbytes:
                return None
            payload = memoryview(array).cast("B") if array.size else memoryview(bytearray())
            if file.readinto(payload) != array.nbytes or _checksum(array, payload) != head["crc32"]:
                return None
            return array
    except (OSError, ValueError, TypeError, MemoryError, UnicodeDecodeError):
        return None
