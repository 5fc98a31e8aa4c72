# SPDX-License-Identifier: GPL-3.0-or-later
"""Does a file end where it says it ends? Asked of containers whose readers pass a cut over in silence.

JPEG: ITU T.81, annex B. Matroska and WebM: RFC 8794 (EBML) and RFC 9559. AVI: RIFF. MP4 and MOV: ISO/IEC 14496-12.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import BinaryIO

import numpy as np

from .errors import MediaError
from .identity import state_of

# Inside a JPEG's data 0xFF is followed by 0x00 (a data byte), 0xD0-0xD7 (restart) or 0xFF (fill);
# anything else is the next marker.
_JPEG_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
_NULL_PACKETS = 0x1FFF
_JPEG_END, _JPEG_BARE = 0xD9, 0x01


def check_jpeg(path: str | os.PathLike[str]) -> None:
    """Raises MediaError where a JPEG stops before its end-of-image marker: decoders fill the rest with grey."""
    with open(path, "rb") as file:
        data = file.read()
    position = 2
    while True:
        match = _JPEG_MARKER.search(data, position)
        if match is None:
            raise MediaError(path, "the JPEG is cut short", "Copy or export this file again.")
        kind = match.group(1)[0]
        if kind == _JPEG_END:
            return
        position = match.end()
        if kind != _JPEG_BARE:
            position += int.from_bytes(data[position : position + 2], "big")


def movie_is_cut(path: str | os.PathLike[str]) -> bool:
    """Whether a movie's container says it is longer than the file; False where it does not say."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(12)
        if head[:4] == b"\x1a\x45\xdf\xa3":
            return _matroska_end(file) > size
        if head[:4] == b"RIFF":
            return int.from_bytes(head[4:8], "little") + 8 > size
        if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            return _boxes_end(file, size) > size
    return False


def transport_stream_is_whole(path: str | os.PathLike[str]) -> bool:
    """Whether every packet of an MPEG transport stream is there: each stream in it counts its packets, modulo 16
    (ISO/IEC 13818-1, 2.4.3.2). A frame that lasts long is no loss."""
    return _is_whole_stream(os.path.abspath(path), state_of(path))


@lru_cache(maxsize=64)
def _is_whole_stream(path: str, _state: tuple[int, ...]) -> bool:
    data = np.fromfile(path, np.uint8)
    for length, before in ((188, 0), (192, 4), (204, 0)):
        packets = data[: len(data) // length * length].reshape(-1, length)[:, before : before + 4]
        if len(packets) and np.mean(packets[:, 0] == 0x47) > 0.5:
            break
    else:
        return False
    if len(data) % length or not np.all(packets[:, 0] == 0x47) or np.any(packets[:, 1] & 0x80):
        return False
    stream = (packets[:, 1].astype(np.int32) & 0x1F) << 8 | packets[:, 2]
    carries = (packets[:, 3] & 0x10) != 0
    for stream_id in np.unique(stream[carries]):
        if stream_id == _NULL_PACKETS:
            continue
        steps = np.diff(packets[carries & (stream == stream_id), 3] & 15) & 15
        if np.any(steps > 1):  # 0: a packet that is sent twice
            return False
    return True


def _boxes_end(file: BinaryIO, size: int) -> int:
    """Where the last top-level box of an MP4 says it ends."""
    position = 0
    while position + 8 <= size:
        file.seek(position)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:  # 0: to the end of the file
            return size
        position += length
    return position


def _matroska_end(file: BinaryIO) -> int:
    """Where a Matroska file's segment says it ends; 0 where it does not say (live streams)."""
    file.seek(4)
    header_length = _ebml_size(file)
    file.seek(header_length, os.SEEK_CUR)
    if file.read(4) != b"\x18\x53\x80\x67":
        return 0
    length = _ebml_size(file)
    return file.tell() + length if length >= 0 else 0


def _ebml_size(file: BinaryIO) -> int:
    """A variable-length size; -1 for unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return -1
    extra = 8 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & ((1 << (7 - extra)) - 1)]) + file.read(extra), "big")
    return -1 if value == (1 << (7 * (extra + 1))) - 1 else value
