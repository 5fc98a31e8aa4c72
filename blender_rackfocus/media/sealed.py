# SPDX-License-Identifier: GPL-3.0-or-later
"""Picture files of ours carry a seal: they say at their end what they were made of, and that every byte is as it was
written.

The seal lies behind the picture's own end, where readers do not look: notes as JSON, the picture's length and
checksum. So one look at the end tells a whole file from a cut one, and a file that another program wrote over it is no
longer taken for ours. In the head, the words of a Kind say that a seal belongs at the end.

A whole file is read once for its checksum, and again only when the system says that it was touched.
"""

from __future__ import annotations

import functools
import json
import os
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from .errors import MediaError


@dataclass(frozen=True)
class Kind:
    """A kind of file of ours. mark: words to be written into the head (as its attribute Software). magic: the seal's
    last 8 bytes."""

    mark: str
    magic: bytes


BAKED = Kind("Rack Focus: baked frame", b"RFBaked1")
DEPTH = Kind("Rack Focus: depth", b"RFDepth1")
PLACED = Kind("Rack Focus: placed frame", b"RFPlace1")
_KINDS = (BAKED, DEPTH, PLACED)
_HEAD_BYTES = 4096
_TAIL = struct.Struct("<QIII8s")  # length of the picture, its checksum, that of the notes, their length, magic
_NOTES_LIMIT = 1 << 20
_PIECE_BYTES = 1 << 22
_Path = str | os.PathLike[str]


def seal(path: _Path, kind: Kind, notes: dict[str, Any]) -> None:
    """Seal a finished file. notes: plain data, told again by `notes_of`. Raises OSError."""
    length = os.path.getsize(path)
    words = json.dumps(notes, sort_keys=True, separators=(",", ":")).encode()
    tail = _TAIL.pack(length, _checksum(path, length), zlib.crc32(words), len(words), kind.magic)
    with open(path, "ab") as file:
        file.write(words + tail)


def notes_of(path: _Path, kind: Kind) -> dict[str, Any] | None:
    """The notes of a file of which every byte is as it was sealed; None for any other file, or none."""
    found = _seal_of(path, kind)
    return found[0] if found is not None and _is_whole(path, *found[1:]) else None


def ends_well(path: _Path, kind: Kind) -> bool:
    """Whether a file has a seal where it ends: quicker than `notes_of`, and blind for what happened in the middle."""
    return _seal_of(path, kind) is not None


def is_ours(path: _Path, kind: Kind) -> bool:
    """Whether a file carries the kind's mark, in its head or at its end; also where it is damaged."""
    if not os.path.isfile(path):  # opening a named pipe would wait for ever
        return False
    try:
        with open(path, "rb") as file:
            if kind.mark.encode() in file.read(_HEAD_BYTES):
                return True
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - len(kind.magic), 0))
            return file.read() == kind.magic
    except OSError:
        return False


def check(path: _Path) -> None:
    """Raises MediaError where a file of ours is not as it was written. Files of others pass."""
    if any(is_ours(path, kind) and notes_of(path, kind) is None for kind in _KINDS):
        raise MediaError(path, "the file is damaged: its bytes are not those that were written", "Make it again.")


def refuse_foreign(path: _Path, kind: Kind) -> None:
    """Raises MediaError where something lies at `path` that is not ours to replace: a file of another program, or of
    another kind, a folder, a link to one."""
    if not os.path.lexists(path) or (os.path.isfile(path) and (is_ours(path, kind) or not os.path.getsize(path))):
        return
    raise MediaError(
        path,
        "something that Rack Focus did not write has this name, and is not replaced",
        "Move it away, or choose another folder.",
    )


def _seal_of(path: _Path, kind: Kind) -> tuple[dict[str, Any], int, int] | None:
    """(notes, length of the picture, its checksum) as the end of a file says."""
    if not os.path.isfile(path):
        return None
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - _TAIL.size, 0))
            length, checksum, words_checksum, words_length, magic = _TAIL.unpack(file.read(_TAIL.size))
            if magic != kind.magic or words_length > _NOTES_LIMIT or length + words_length + _TAIL.size != size:
                return None
            file.seek(length)
            words = file.read(words_length)
            if zlib.crc32(words) != words_checksum:
                return None
            notes = json.loads(words)
    except (OSError, ValueError, RecursionError, struct.error):
        return None
    return (notes, length, checksum) if isinstance(notes, dict) else None


def _is_whole(path: _Path, length: int, checksum: int) -> bool:
    try:
        stat = os.stat(path)
        state = stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino
        return _checksum_at(os.path.abspath(path), length, state) == checksum
    except OSError:
        return False


@functools.lru_cache(maxsize=8192)
def _checksum_at(path: str, length: int, _state: tuple[int, ...]) -> int:
    return _checksum(path, length)


def _checksum(path: _Path, length: int) -> int:
    checksum = 0
    with open(path, "rb") as file:
        while piece := file.read(min(length, _PIECE_BYTES)):
            checksum = zlib.crc32(piece, checksum)
            length -= len(piece)
    return checksum
