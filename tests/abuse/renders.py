# SPDX-License-Identifier: GPL-3.0-or-later
"""Random edits and long renders in a Blender of their own: its death is a fault as well."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

from .report import Row, times

LEAST_FRAMES = 900
"""Fewer would not show whether memory is flat once it is warm."""


def edits(scale: float, chance: random.Random, folder: Path) -> Row:
    """300 random edits, each rendered."""
    count = times(300, scale)
    row, lines = _inside(folder, "edits", str(chance.randrange(1000, 100_000)), str(count), str(folder))
    row.done = lines.count("done")
    return _complete(row, count)


def endurance(scale: float, chance: random.Random, folder: Path) -> Row:
    """1,500 frames in flat memory."""
    count = max(times(1500, scale), LEAST_FRAMES)
    row, lines = _inside(folder, "endurance", str(count), str(folder))
    ends = [line for line in lines if line.startswith("done ")]
    if ends:
        _, done, row.note = ends[0].split(" ", 2)
        row.done = int(done)
    return _complete(row, count)


def _inside(folder: Path, *arguments: str) -> tuple[Row, list[str]]:
    command = [sys.executable, "-m", "tests.abuse.inside", *arguments]
    with (folder / "blender.log").open("w") as log:
        ran = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, "RACKFOCUS_CACHE": "off"}
        )
    lines = [line[1:] for line in ran.stdout.splitlines() if line.startswith("\x02")]
    row = Row(faults=[line for line in lines if not line.startswith("done")])
    if ran.returncode:
        row.faults.append(f"Blender ended with status {ran.returncode}: {folder / 'blender.log'}")
    return row, lines


def _complete(row: Row, count: int) -> Row:
    if row.done < count and not row.faults:
        row.faults.append(f"only {row.done} of {count} came to an end")
    return row
