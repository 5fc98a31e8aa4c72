# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's own words go to a log; the terminal is for results (standard output) and for what we say (standard error).

Blender writes to the file descriptors 1 and 2 from C, also while it ends. So these become the log's for the rest of the
process, and Python's two streams get copies of what they were.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

_PREFIX, _SUFFIX = "rackfocus-", ".log"
_KEPT_S = 7 * 24 * 3600.0
_logs: list[Path] = []
"""This process's, once it has one."""


def divert(verb: str) -> Path | None:
    """Send what C writes to a new log in the temporary folder, until the process ends; the log's path.

    None where that cannot be: all stays as it is.
    """
    try:
        _remove_old()
        log, path = tempfile.mkstemp(prefix=f"{_PREFIX}{verb}-", suffix=_SUFFIX)
        sys.stdout, sys.stderr = _kept(sys.stdout, 1), _kept(sys.stderr, 2)
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        os.close(log)
    except OSError:
        return None
    _logs.append(Path(path))
    return _logs[-1]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep Blender's own words off standard output, which is for results: they are dropped where there is no log."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with open(_logs[-1] if _logs else os.devnull, "a") as log, contextlib.redirect_stdout(log):
            os.dup2(log.fileno(), 1)
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _kept(stream: TextIO, descriptor: int) -> TextIO:
    """A stream to where a descriptor leads now."""
    stream.flush()
    copy = os.dup(descriptor)
    return open(copy, "w", buffering=1, encoding=stream.encoding, errors="backslashreplace")


def _remove_old() -> None:
    """Our own logs of long ago."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*{_SUFFIX}"):
        with contextlib.suppress(OSError):
            stat = path.lstat()
            own = not hasattr(os, "getuid") or stat.st_uid == os.getuid()
            if own and not path.is_symlink() and path.is_file() and time.time() - stat.st_mtime > _KEPT_S:
                path.unlink()
