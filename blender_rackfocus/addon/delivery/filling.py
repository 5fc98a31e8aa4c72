# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole pictures made beside Blender: another Blender without a window opens a copy of the file and makes them."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import bpy

from ..blender import cache
from ..blender.errors import FrameError
from ..sequencer import standing
from ..shot.baked_place import BakedPlace

_LOOK_S = 0.1
_END_S = 4.0
_LINES_TOLD = 2


@dataclass(frozen=True)
class Filling:
    """What is to be made: whole pictures of a strip's frames, in a place. blend: a copy of the open file, which goes
    when it is over. share: of the full size."""

    blend: str
    scene: str
    strip: str
    place: BakedPlace
    which: tuple[int, ...]
    share: float = 1.0

    def run(self, tell: Callable[[float, str], None], is_stopping: Callable[[], bool]) -> int:
        """Make them; the number that are there. Ends early where it is asked to. Raises FrameError. Needs no main
        thread."""
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as messages:
            process = subprocess.Popen(  # ourselves
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=messages,
                env=_environment(),
                text=True,
                encoding="utf-8",
                errors="replace",
            )
            try:
                return self._follow(process, messages, tell, is_stopping)
            finally:
                _end(process)
                if process.stdout is not None:
                    process.stdout.close()
                with contextlib.suppress(OSError):
                    os.remove(self.blend)

    def _follow(
        self,
        process: subprocess.Popen,
        messages: IO[str],
        tell: Callable[[float, str], None],
        is_stopping: Callable[[], bool],
    ) -> int:
        lines: queue.Queue[str] = queue.Queue()
        reader = threading.Thread(target=_read, args=(process, lines), name="rackfocus-filling", daemon=True)
        reader.start()
        done, said = 0, ""
        while reader.is_alive() or not lines.empty():
            if is_stopping():
                return done
            try:
                said = lines.get(timeout=_LOOK_S).strip()
            except queue.Empty:
                continue
            if not said.startswith('{"frame"'):
                continue
            loaded = json.loads(said)
            if loaded["state"] == "failed":
                raise FrameError(loaded["error"])
            done += 1
            tell(done / max(len(self.which), 1), f"{done} of {len(self.which)} frames")
        if process.wait():
            raise FrameError(f"the Blender that made the pictures gave up: {_last_words(messages)}", self.strip)
        return done

    def _command(self) -> list[str]:
        words = ["bake", self.blend, "--scene", self.scene, "--strip", self.strip, "--whole", "--json"]
        words += ["--folder", self.place.folder, "--format", self.place.kind, "--share", f"{self.share:g}"]
        runs = standing.runs(sorted(set(self.which)))
        words += ["--frames", ",".join(f"{first}-{last}" for first, last in runs)]
        if bpy.app.binary_path:
            return [bpy.app.binary_path, "-b", "--addons", cache.ROOT, "--command", "rackfocus", *words]
        return [sys.executable, "-m", cache.ROOT, *words]


def copied() -> str:
    """A copy of the open file, beside it so that relative paths hold. Raises FrameError."""
    path = Path(bpy.data.filepath or os.path.join(bpy.app.tempdir, "unsaved.blend"))
    copy = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.blend")
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(copy), copy=True, compress=False)
    except RuntimeError as error:
        cause = f"a copy of the file cannot be written to {copy.parent} ({str(error).strip()})"
        raise FrameError(f"{cause}: the pictures are made from one") from error
    return str(copy)


def _environment() -> dict[str, str]:
    """Frames come from the store that is ours, and the package is found where it is."""
    there = str(Path(__file__).resolve().parents[3])
    paths = [there, *filter(None, [os.environ.get("PYTHONPATH", "")])]
    kept = cache.folder() if cache.store() is not None else "off"
    path = {} if bpy.app.binary_path else {"PYTHONPATH": os.pathsep.join(paths)}
    return {**os.environ, cache.ENVIRONMENT: kept, **path}


def _read(process: subprocess.Popen, lines: queue.Queue[str]) -> None:
    with contextlib.suppress(ValueError):  # closed: nobody listens any more
        for line in process.stdout or ():
            lines.put(line)


def _last_words(messages: IO[str]) -> str:
    messages.seek(0)
    said = [line.strip() for line in messages.readlines() if line.strip()]
    return " | ".join(said[-_LINES_TOLD:]) or "it did not say why"


def _end(process: subprocess.Popen) -> None:
    """Ask it to end, and see to it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
