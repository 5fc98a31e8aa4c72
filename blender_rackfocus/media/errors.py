# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error this room raises: which file, what is wrong with it, and what to do."""

from __future__ import annotations

import os


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
