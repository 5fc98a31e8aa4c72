# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written is never something that is read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from .common import UsageError
from .formats import MOVIES


def keep_apart(written: Iterable[Path], read: Iterable[Path], folders: Iterable[Path] = ()) -> None:
    """Raises UsageError where something to be written is something that is read, by whatever name or link.

    read: files; a numbered picture stands for its whole sequence. folders: those that were named to be read, all of
    whose files may be.
    """
    files, sequences, places = set(), set(), {os.path.realpath(folder) for folder in folders}
    for path in read:
        files |= _identities(path)
        if _sequence(path):
            sequences.add(_sequence(path))
    for path in written:
        real = os.path.realpath(path)
        if _identities(path) & files or _sequence(path) in sequences:
            raise UsageError(f"{path} is read for this: name another output")
        if {os.path.dirname(real), os.path.dirname(os.path.abspath(path))} & places:
            raise UsageError(f"{path.parent} is read for this: name a folder of its own for the output")


def _identities(path: Path) -> set[object]:
    """What two names of one file have in common."""
    known: set[object] = {os.path.normcase(os.path.realpath(path))}
    with suppress(OSError):
        stat = os.stat(path)
        known.add((stat.st_dev, stat.st_ino))
    return known


def _sequence(path: Path) -> tuple[str, str] | None:
    """The sequence that a numbered picture, or a name with #, is part of: its folder, and its name without number."""
    if path.suffix.lower() in MOVIES or not re.search(r"[\d#]", path.stem):
        return None
    folder, name = os.path.split(os.path.realpath(path))
    return folder, os.path.normcase(re.sub(r"(?:\d+|#+)(?=[^\d#]*$)", "#", name))
