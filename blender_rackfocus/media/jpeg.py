# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a JPEG whole? Decoders fill what is missing with grey and say nothing, so the end marker is looked for."""

from __future__ import annotations

import os
import re

from .errors import MediaError

# Inside the picture's data 0xFF is followed by 0x00 (a data byte), 0xD0-0xD7 (restart) or 0xFF (fill);
# anything else is the next marker (ITU T.81, annex B).
_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
_START_OF_SCAN, _END = 0xDA, 0xD9


def check_whole(path: str | os.PathLike[str]) -> None:
    """Raises MediaError where the file stops before its end-of-image marker."""
    with open(path, "rb") as file:
        data = file.read()
    position = 2
    while True:
        found = _MARKER.search(data, position)
        if found is None:
            raise MediaError(path, "the JPEG is cut short", "Copy or export this file again.")
        kind = found.group(1)[0]
        if kind == _END:
            return
        position = found.end()
        if kind != 0x01:
            position += int.from_bytes(data[position : position + 2], "big")
