# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file is, whatever it is called and wherever it lies: so that machines with other paths agree on a frame."""

from __future__ import annotations

import functools
import hashlib
import os

from .errors import MediaError

_WHOLE_BYTES = 64 * 2**20
_SAMPLES, _SAMPLE_BYTES = 16, 2**20


def content_of(path: str | os.PathLike[str]) -> str:
    """A hash of a file's content, computed once for each state of the file. Raises MediaError.

    Files above 64 MiB are told by their size, their time of change in whole seconds and samples of a MiB each: a frame
    must not wait for gigabytes to be read.
    """
    try:
        status = os.stat(path)
        return _content(os.path.abspath(path), status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise MediaError(path, f"it cannot be read ({error.strerror})", "Check the path.") from error


@functools.lru_cache(maxsize=8192)
def _content(path: str, size: int, changed_ns: int) -> str:
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
