# SPDX-License-Identifier: GPL-3.0-or-later
"""What the verbs share: their errors, where the manifest is, words on standard error."""

from __future__ import annotations

import argparse
import errno
import math
import os
import re
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path


class UsageError(Exception):
    """Asked for something that makes no sense: exit status 2. The text is one line for the user."""


class CommandError(Exception):
    """The job could not be done: exit status 1. The text says what, why, and what to do."""


_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}

PACKAGE = Path(__file__).resolve().parent.parent


def manifest_path() -> Path:
    """blender_manifest.toml: inside the package where it is installed, beside it in a checkout."""
    for folder in (PACKAGE, PACKAGE.parent):
        if (folder / "blender_manifest.toml").is_file():
            return folder / "blender_manifest.toml"
    raise CommandError("blender_manifest.toml is missing beside the package: the installation is not whole")


def version() -> str:
    """The version in the manifest, the only place that has one."""
    return tomllib.loads(manifest_path().read_text(encoding="utf-8"))["version"]


def refuse_backslash(path: Path) -> None:
    """Raises UsageError for a path that Blender would take for another one: to it a backslash parts folders,
    everywhere."""
    if os.sep == "/" and "\\" in str(path):
        raise UsageError(f"{path} has a backslash in its name, which Blender takes for a folder: rename it")


def hint(error: OSError) -> str:
    """What to do where the disk will not have a file; empty where that is not known."""
    if error.errno in _FULL:
        return "Free some space, or choose another folder."
    if error.errno == errno.EFBIG:
        return "The limit on the size of files is reached (see `ulimit -f`)."
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return "Choose a folder that can be written to."
    return ""


def reason(error: OSError) -> str:
    """What went wrong with which file, and what to do."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}. {hint(error)}".strip()


def choice(
    parser: argparse._ActionsContainer, name: str, choices: Sequence[str], metavar: str, words: str, default: str
) -> None:
    """An option that is one of a few words, however they are typed. words: its help."""
    parser.add_argument(name, type=str.upper, choices=choices, default=default, metavar=metavar, help=words)


def positive(text: str) -> float:
    """An option's number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (number > 0 and math.isfinite(number)):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def numbered(name: str, number: int) -> str:
    """A file's name with a number in place of its last run of #."""
    return re.sub(r"#+(?=[^#]*$)", lambda run: f"{number:0{len(run[0])}d}", name)


def say(text: str) -> None:
    """One line to the person watching; standard output stays free for results."""
    print(text, file=sys.stderr, flush=True)


class Progress:
    """A line that says how far a job is: redrawn in a terminal, every tenth part elsewhere."""

    def __init__(self, what: str = "", total: int = 1) -> None:
        self.what, self.total, self.done = what, max(total, 1), 0
        self._live = sys.stderr.isatty()
        self._told, self._told_s = (what, 0), 0.0

    def step(self) -> None:
        """One more is done."""
        self.done += 1
        self.tell(self.what, self.done, self.total, f"{self.done}/{self.total}")

    def tell(self, what: str, done: int, total: int, words: str) -> None:
        """So much of `what` is done, in these words."""
        is_over, tenth = done >= total, 10 * done // max(total, 1)
        if self._live:
            if is_over or time.monotonic() - self._told_s > 0.2:
                self._told_s = time.monotonic()
                print(f"\r{f'{what}: {words}':<70}", end="\n" if is_over else "", file=sys.stderr, flush=True)
        elif (what, tenth) != self._told:
            say(f"{what}: {words}")
        self._told = what, tenth
