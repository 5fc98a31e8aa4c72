# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error this room raises: which file, what is wrong with it, and what to do."""

from __future__ import annotations

import os
import stat


class MediaError(Exception):
    """A file that is missing, broken, or not fit for the job. `str()` is a sentence for the user.

    path: the file (or the sequence's pattern) it is about. cause: what is wrong, in plain words, without
    the path. advice: what the user can do about it, may be empty.
    """

    def __init__(self, path: str | os.PathLike[str], cause: str, advice: str = "") -> None:
        self.path = os.fspath(path)
        self.cause = cause.strip().rstrip(".")
        self.advice = advice.strip()
        super().__init__(self.path, self.cause, self.advice)

    def __str__(self) -> str:
        text = f"{self.path}: {self.cause}."
        return f"{text} {self.advice}" if self.advice else text


def check_file(path: str | os.PathLike[str]) -> None:
    """Raises MediaError where `path` is no file, is empty, or may not be read. A pipe or device, which would keep its
    reader waiting for good, is not opened."""
    name = os.fspath(path)
    if not name:
        raise MediaError(name, "no file is named", "Choose a file.")
    try:
        mode = os.stat(name).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise MediaError(name, f"it is {_kind(mode)}, not a file", "Choose a file.")
        with open(name, "rb") as file:
            first = file.read(1)
    except FileNotFoundError as error:
        raise MediaError(name, "there is no such file", "Check the path, or render the missing frame.") from error
    except (IsADirectoryError, PermissionError) as error:
        if os.path.isdir(name):  # Windows says of folders that they may not be read
            raise MediaError(name, "it is a folder, not a file", "Choose a file in it.") from error
        raise MediaError(
            name, "it may not be read (permission denied)", "Give yourself the right to read it."
        ) from error
    except (OSError, ValueError) as error:
        raise MediaError(name, f"it cannot be opened ({error})") from error
    if not first:
        raise MediaError(
            name, "the file is empty (0 bytes)", "It may still be being written; render or export it again."
        )


def _kind(mode: int) -> str:
    kinds = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device"}
    return kinds.get(stat.S_IFMT(mode), "a device")
