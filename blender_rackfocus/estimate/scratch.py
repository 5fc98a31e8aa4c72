# SPDX-License-Identifier: GPL-3.0-or-later
"""Small arrays kept on disk while an estimate goes through its clip twice: memory stays flat however long the clip."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from .provenance import EstimateError

NOTE = "estimate.json"
"""What the arrays in a folder depend on: it says that the folder is ours."""


class Scratch:
    """Named arrays per frame in one folder, each written whole or not at all (temporary file, rename).

    folder: kept for a later resume if given; else a temporary one, removed by `close`. key: what the arrays depend on;
    a folder left by another key (other model, settings, clip) is emptied first.
    """

    def __init__(self, folder: str | Path | None, key: dict[str, object]):
        self._temporary = folder is None
        self.folder = Path(tempfile.mkdtemp(prefix="rackfocus-")) if folder is None else Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        note = self.folder / NOTE
        text = json.dumps(key, sort_keys=True, default=str)
        if not note.is_file() or note.read_text(encoding="utf-8") != text:
            self.clear()
            note.write_text(text, encoding="utf-8")

    def _path(self, name: str, index: int) -> Path:
        return self.folder / f"{name}-{index:07d}.npy"

    def has(self, name: str, index: int) -> bool:
        return self._path(name, index).is_file()

    def put(self, name: str, index: int, array: np.ndarray) -> None:
        """Keep an array for the rest of this estimate.

        array: (...) of any type and meaning.
        """
        path = self._path(name, index)
        temporary = path.with_suffix(f".{os.getpid()}.part")
        with temporary.open("wb") as file:
            np.save(file, array)
        os.replace(temporary, path)

    def get(self, name: str, index: int) -> np.ndarray | None:
        """What was put, or None where it is missing or broken (it is then made again). Returns (...) of any type, as
        it was."""
        try:
            with self._path(name, index).open("rb") as file:
                return np.load(file)
        except (OSError, ValueError, EOFError):
            return None

    def need(self, name: str, index: int) -> np.ndarray:
        """What was put; EstimateError where something took it away since. Returns (...) of any type, as it was."""
        array = self.get(name, index)
        if array is None:
            raise EstimateError(f"{self._path(name, index)} is gone or broken; estimate again, the rest is kept.")
        return array

    def clear(self) -> None:
        _clear(self.folder)

    def drop(self, name: str) -> None:
        for path in self.folder.glob(f"{name}-*.npy"):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)


def remove_scratch(folder: Path) -> None:
    """Remove what a finished estimate kept in a folder, and the folder if nothing else came into it."""
    if not (folder / NOTE).is_file():
        return
    _clear(folder)
    (folder / NOTE).unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _clear(folder: Path) -> None:
    for pattern in ("*-???????.npy", "*-???????.*.part"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
