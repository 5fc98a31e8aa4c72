# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders for half-made results beside the place where they go: removed in the end, and by the next run after a kill.

A lock that dies with its process tells a folder that is left from one that is in use.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ..media.locks import hold, is_held

MARK = ".rackfocus-scratch"
"""The file that says a folder was made here, held by whoever works in it."""

_ABANDONED_S = 3600.0
"""Where the file system has no locks, a folder is left alone for so long."""


@contextlib.contextmanager
def folder_in(parent: Path, prefix: str) -> Iterator[Path]:
    """A folder of this run's own in `parent`, gone with all that is in it at the end.

    prefix: what its name begins with. Folders of that prefix that a killed run left are removed first.
    """
    sweep(parent, prefix)
    made = Path(tempfile.mkdtemp(dir=parent, prefix=f"{prefix}{os.getpid()}-"))
    try:
        unheld = made / f"{MARK}.part"
        with unheld.open("xb") as mark:
            hold(mark)
            unheld.rename(made / MARK)  # seen by others as held from the start
            yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def is_ours(folder: Path) -> bool:
    """Whether a folder was made here."""
    return not folder.is_symlink() and (folder / MARK).is_file()


def sweep(parent: Path, prefix: str) -> None:
    """Remove what killed runs left in `parent`: only folders with our mark that nobody works in."""
    name = re.compile(re.escape(prefix) + r"(\d+)-\w{8}")
    for folder in parent.glob(f"{glob.escape(prefix)}*"):
        match = name.fullmatch(folder.name)
        if match is None or folder.is_symlink() or not folder.is_dir():
            continue
        with contextlib.suppress(OSError):
            if not (folder / MARK).is_file():
                if not _is_alive(int(match[1])):
                    _remove_unmarked(folder)
            elif not is_held(str(folder / MARK), unknown=_age_s(folder / MARK) < _ABANDONED_S):
                (folder / MARK).unlink()  # Windows refuses where somebody has it open
                shutil.rmtree(folder, ignore_errors=True)


def _remove_unmarked(folder: Path) -> None:
    """Killed before it could be marked: then there is nothing in it but, at most, the mark to be."""
    (folder / f"{MARK}.part").unlink(missing_ok=True)
    folder.rmdir()


def _is_alive(pid: int) -> bool:
    if os.name == "nt":
        return True  # there signal 0 would end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _age_s(path: Path) -> float:
    return time.time() - path.stat().st_mtime
