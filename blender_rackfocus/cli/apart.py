# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written is never something that is read, and takes the place of nothing but files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from ..media import MediaError
from ..media import sequences as numbered
from .common import UsageError
from .formats import MOVIES


def keep_apart(written: Iterable[Path], read: Iterable[Path], named: Sequence[Path] = ()) -> None:
    """Raises UsageError where something to be written is something that is read, by whatever name or link, or where
    something else than a file has its name.

    read: files; a numbered picture stands for its whole sequence. named: what was named to be read besides, files or
    folders, all of whose files may be.
    """
    files: set[object] = set()
    sequences: set[object] = set()
    places = {os.path.realpath(path) for path in named if path.is_dir()}
    for path in (*read, *named):
        if _identities(path) <= files:
            continue  # beside one that was looked at
        files |= _identities(path)
        if _sequence(path):
            sequences.add(_sequence(path))
        for file in _beside(path):
            files |= _identities(file)
    for path in written:
        if os.path.exists(path) and not os.path.isfile(path):
            raise UsageError(f"{path} is {'a folder' if os.path.isdir(path) else 'no file'}: name another output")
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


def _beside(path: Path) -> list[Path]:
    """The files that differ from a file in one number alone, wherever in the name it stands."""
    with suppress(MediaError):
        return [Path(file) for one in numbered.around(str(path)) for file in one.files.values()]
    return []


def _sequence(path: Path) -> tuple[str, str] | None:
    """The sequence that a numbered picture, or a name with #, is part of: its folder, and its name without number."""
    if path.suffix.lower() in MOVIES or not re.search(r"[\d#]", path.stem):
        return None
    folder, name = os.path.split(os.path.realpath(path))
    return folder, os.path.normcase(re.sub(r"(?:\d+|#+)(?=[^\d#]*$)", "#", name))
