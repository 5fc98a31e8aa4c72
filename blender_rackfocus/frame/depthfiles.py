# SPDX-License-Identifier: GPL-3.0-or-later
"""Which depth file belongs to a picture's frame, when depth is a still, a sequence or a movie on disk. No Blender
needed."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import lru_cache

from ..media import MediaError, is_movie

INDEXED = "rackfocus_depth_"
"""Sequences whose names begin so are numbered by the clip's own frames, 0 the first, whatever part of it they cover."""

_NUMBER = re.compile(r"^(.*?)(\d+)(\D*)$")


def number_of(path: str) -> int | None:
    """The frame number in a file's name: its last run of digits. None when there is none."""
    match = _NUMBER.match(os.path.basename(path))
    return int(match.group(2)) if match else None


def resolve(
    path: str, picture: str, index: int, picture_numbers: Sequence[int | None], offset: int = 0
) -> tuple[str, int]:
    """The depth file, and the frame in it, for one frame of a picture.

    path: a still (serves every frame), any file of a numbered sequence, a folder of one, a name with # for the
    number, or a movie. picture, index: the picture's file and the number of the frame in it (movies) or in the
    strip's list (stills). picture_numbers: frame numbers of the strip's files, empty for a movie.
    Sequences are matched by frame number when picture and depth have numbers in common, else by position; `INDEXED`
    ones by the frame in the clip. offset: frames later in the depth than in the picture.
    Raises MediaError when there is no depth for this frame.
    """
    if os.path.isfile(path) and is_movie(path):
        if index + offset < 0:
            raise MediaError(path, f"there is no depth for this frame: frame {index + offset} lies before its start")
        return path, index + offset
    numbered = sequence(path)
    if numbered is None:
        return path, 0
    wanted = _wanted(numbered, picture, index, picture_numbers) + offset
    if wanted not in numbered:
        first, last = min(numbered), max(numbered)
        raise MediaError(path, f"there is no depth for this frame: number {wanted} is missing ({first} to {last})")
    return numbered[wanted], 0


def _wanted(numbered: dict[int, str], picture: str, index: int, picture_numbers: Sequence[int | None]) -> int:
    if os.path.basename(next(iter(numbered.values()))).startswith(INDEXED):
        return index
    own = number_of(picture)
    if picture_numbers and own is not None and any(number in numbered for number in picture_numbers):
        return own
    return min(numbered) + index


def sequence(path: str) -> dict[int, str] | None:
    """The files of the sequence a path belongs to, by number; None for a single still."""
    if os.path.isdir(path):
        visible = (name for name in sorted(os.listdir(path)) if not name.startswith("."))
        numbered = {number: os.path.join(path, name) for name in visible if (number := number_of(name)) is not None}
        if not numbered:
            raise MediaError(path, "the folder holds no numbered files", "Choose a folder with an image sequence.")
        return numbered
    folder, name = os.path.split(path)
    if "#" in name:
        head, tail = name.split("#", 1)
        found = _siblings(folder, head, tail.lstrip("#"), _stamp(folder))
        if not found:
            raise MediaError(path, "no file has this name with a number in place of #")
        return found
    match = _NUMBER.match(name)
    if match is None:
        return None
    found = _siblings(folder, match.group(1), match.group(3), _stamp(folder))
    return found if len(found) > 1 or name.startswith(INDEXED) else None


def _stamp(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=64)
def _siblings(folder: str, head: str, tail: str, _folder_changed: int) -> dict[int, str]:
    pattern = re.compile(re.escape(head) + r"(\d+)" + re.escape(tail) + "$")
    try:
        names = sorted(os.listdir(folder or "."))
    except OSError as error:
        raise MediaError(folder, f"the folder cannot be read ({error.strerror})") from error
    found = ((pattern.match(name), name) for name in names)
    return {int(match.group(1)): os.path.join(folder, name) for match, name in found if match}
