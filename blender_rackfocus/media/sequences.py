# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbered picture files: which of a folder's files are one sequence, and which digits of their names count.

A name is text and runs of digits by turns. A sequence are files whose names differ in one run alone; that run is the
number, wherever in the name it stands. A version (`_v2`, `_take3`) is none: files that differ in it are other versions
of one thing. A minus is a sign where it stands after a separator, or where the same name is there without it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from .errors import MediaError

_RUN = re.compile(r"(?:(?<![^._ \-])-)?\d+")
_SIGNED_RUN = re.compile(r"-?\d+")
_BEFORE_VERSION = re.compile(r"(?:^|[^a-z])(?:v|ver|version|rev|take|tk)[._ -]?$", re.IGNORECASE)
_VERSION_DIGITS = 3
"""Versions have few digits; v0001 to v0048 are frames."""
_DEPTH_WORD = re.compile(
    r"(?:^|[^a-z])(?:z|depth|zdepth|depthmap|dpt|mist|disp|disparity|inverse)s?(?:[^a-z]|$)", re.IGNORECASE
)


@dataclass(frozen=True)
class Sequence:
    """Files of one name but for a number.

    pattern: the path with # in place of the digits. files: paths by number, rising.
    """

    pattern: str
    files: dict[int, str]

    @property
    def name(self) -> str:
        """The pattern without its folder."""
        return os.path.basename(self.pattern)


@dataclass(frozen=True)
class _Name:
    texts: tuple[str, ...]  # one more than there are runs; the last holds the extension, in lower case
    runs: tuple[str, ...]


def says_depth(path: str) -> bool:
    """Whether a file's name says that it is depth."""
    return _DEPTH_WORD.search(os.path.splitext(os.path.basename(path))[0]) is not None


def numbers_of(paths: Iterable[str]) -> list[int] | None:
    """The numbers in the names of files that are meant as one list; None where the names tell none, or tell one twice.

    One file alone is told by the last of its runs of digits that is no version.
    """
    names = [os.path.basename(path) for path in paths]
    for run in (_RUN, _SIGNED_RUN):
        parts = [_split(name, run) for name in names]
        if parts and all(part.texts == parts[0].texts for part in parts):
            break
    else:
        return None
    places = _places(parts[0])
    every = [place for place in range(len(parts[0].runs)) if len({part.runs[place] for part in parts}) > 1]
    varying = [place for place in every if place in places] or every  # of one list, even a version counts
    if len(parts) > 1 and not varying:
        return None
    for place in reversed(varying or places[-1:]):
        numbers = [int(part.runs[place]) for part in parts]
        if len(set(numbers)) == len(set(names)):  # a picture may be held, two may not share a number
            return numbers
    return None


def with_hashes(path: str) -> str:
    """A path in whose file's name %04d, as other programs call a number, is #### instead."""
    folder, name = os.path.split(path)
    return os.path.join(folder, re.sub(r"%0?(\d?)d", lambda found: "#" * int(found[1] or 4), name))


def around(path: str, *, versions: bool = False) -> list[Sequence]:
    """The sequences of more than one file that a file is part of; several where more than one run of its digits has
    neighbours. The one whose number stands last in the name comes last. versions: the number may be a version."""
    folder, name = os.path.split(path)
    return _around(name, folder, _names(folder), versions)


def of_pattern(path: str) -> Sequence:
    """The files with a number in place of # in a path's name. Where there are several runs of #, one is the number and
    the others are themselves: the last of the longest that has files. Raises MediaError where none has."""
    folder, name = os.path.split(path)
    runs = sorted(re.finditer("#+", name), key=lambda run: (len(run[0]), run.start()), reverse=True)
    for run in runs:
        head, tail = name[: run.start()], name[run.end() :]
        wanted = re.compile(re.escape(head) + r"(-?\d+)" + re.escape(tail) + "$", re.IGNORECASE)
        numbered = [(int(match[1]), file_name) for file_name in _names(folder) if (match := wanted.match(file_name))]
        if numbered:
            return _sequence(folder, head, tail, numbered, len(run[0]))
    raise MediaError(path, "no file has this name with a number in place of #", "Choose a file of the sequence.")


def in_folder(folder: str, accept: Callable[[str], bool]) -> list[Sequence]:
    """The sequences in a folder, lone files as sequences of one whose pattern is their own name. accept: whether a name
    is looked at. Raises MediaError where the folder cannot be read."""
    names = tuple(name for name in _names(folder) if not name.startswith(".") and accept(name))
    sequences: list[Sequence] = []
    taken: set[str] = set()
    for name in names:
        path = os.path.join(folder, name)
        if path in taken:
            continue
        several = _around(name, folder, names)
        longest = max(several, key=lambda sequence: len(sequence.files), default=Sequence(path, {0: path}))
        sequences.append(longest)
        taken.update(longest.files.values())
    return sequences


def _around(name: str, folder: str, names: tuple[str, ...], versions: bool = False) -> list[Sequence]:
    signed = _neighbours(name, names, _SIGNED_RUN, versions)
    plain = _neighbours(name, names, _RUN, versions)
    sequences = []
    for place, members in plain.items():
        # Where a name is there with and without a minus before its digits, the minus is a sign.
        with_sign = signed.get(place, [])
        mixed = len(with_sign) > len(members) and any(number >= 0 for number, _ in with_sign)
        neighbours, run = (with_sign, _SIGNED_RUN) if mixed else (members, _RUN)
        if len(neighbours) > 1:
            spans = [match.span() for match in run.finditer(os.path.splitext(name)[0])]
            start, end = spans[place]
            width = len(name[start:end].lstrip("-"))
            sequences.append(_sequence(folder, name[:start], name[end:], neighbours, width))
    return [sequence for sequence in sequences if len(sequence.files) > 1]


def _neighbours(
    name: str, names: tuple[str, ...], run: re.Pattern[str], versions: bool
) -> dict[int, list[tuple[int, str]]]:
    """(number, name) of the files that differ from a name in one run of digits alone, by that run's place."""
    wanted = _split(name, run)
    places = range(len(wanted.runs)) if versions else _places(wanted)
    neighbours: dict[int, list[tuple[int, str]]] = {place: [] for place in places}
    for other in names:
        part = _split(other, run)
        if part.texts != wanted.texts:
            continue
        differing = [place for place, digits in enumerate(part.runs) if digits != wanted.runs[place]]
        for place in neighbours:
            if differing in ([], [place]):
                neighbours[place].append((int(part.runs[place]), other))
    return neighbours


def _sequence(folder: str, head: str, tail: str, numbered: list[tuple[int, str]], width: int) -> Sequence:
    """Of two names of one number, 1 and 01, the one padded as the rest is taken."""
    length = len(head) + len(tail)
    numbered = sorted(
        numbered, key=lambda member: (member[0], len(member[1].replace("-", "")) != length + width, member[1])
    )
    files: dict[int, str] = {}
    for number, name in numbered:
        files.setdefault(number, os.path.join(folder, name))
    return Sequence(os.path.join(folder, head + "#" * width + tail), files)


def _places(name: _Name) -> list[int]:
    """The runs of digits that may be a frame's number."""
    return [
        place
        for place, digits in enumerate(name.runs)
        if not (len(digits.lstrip("-")) <= _VERSION_DIGITS and _BEFORE_VERSION.search(name.texts[place]))
    ]


@lru_cache(maxsize=65536)
def _split(name: str, run: re.Pattern[str]) -> _Name:
    stem, extension = os.path.splitext(name)
    texts, runs, last = [], [], 0
    for match in run.finditer(stem):
        texts.append(stem[last : match.start()])
        runs.append(match[0])
        last = match.end()
    return _Name((*texts, stem[last:] + extension.lower()), tuple(runs))


def _names(folder: str) -> tuple[str, ...]:
    try:
        stat = os.stat(folder or ".")
        return _names_at(folder, (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino))
    except OSError as error:
        raise MediaError(folder, f"the folder cannot be read ({error.strerror})", "Check the path.") from error


@lru_cache(maxsize=64)
def _names_at(folder: str, _state: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(sorted(os.listdir(folder or ".")))
