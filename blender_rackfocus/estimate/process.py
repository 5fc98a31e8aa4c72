# SPDX-License-Identifier: GPL-3.0-or-later
"""A network in a process of its own, with limits of memory and time: whatever its file does, this process lives."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from . import runner

LEAST_MEMORY = 4 << 30
"""Bytes of address space that a network may always take; with more memory in the machine, three quarters of that."""
LOAD_S = 180.0
RUN_S = 180.0


class CannotRun(Exception):
    """The network cannot be run; the text says why, as the end of a sentence about it."""


class Process:
    """One network's file, opened by a runtime in a child process."""

    def __init__(self, path: str | os.PathLike[str], engine: str = "AUTO") -> None:
        """Start the child and open the file. engine: ONNXRUNTIME, OPENCV, or AUTO, which takes the first that is there.
        Raises CannotRun."""
        self._lock = threading.Lock()
        self._memory = memory_limit()
        self._child = _started()
        self._end = weakref.finalize(self, _end, self._child)
        threads = max(1, min(os.cpu_count() or 1, cv2.getNumThreads()))
        asked = {"do": "open", "path": os.fspath(path), "engine": engine, "threads": threads}
        try:
            told, _ = self._ask({**asked, "memory_bytes": self._memory}, (), LOAD_S)
        except CannotRun:
            self.close()
            raise
        self.runtime = str(told["runtime"])

    def run(self, inputs: Mapping[str, np.ndarray], outputs: Sequence[str], limit_s: float = RUN_S) -> list[np.ndarray]:
        """The outputs named, for the inputs given.

        inputs: by name, (...) of any type, as the network wants them. Returns (...) of any type, as it gives them.
        Raises CannotRun.
        """
        asked = {"do": "run", "inputs": list(inputs), "outputs": list(outputs)}
        return self._ask(asked, tuple(inputs.values()), limit_s)[1]

    def close(self) -> None:
        """End the child."""
        self._end()

    def _ask(self, told: dict, arrays: tuple[np.ndarray, ...], limit_s: float) -> tuple[dict, list[np.ndarray]]:
        child = self._child
        assert child.stdin is not None
        assert child.stdout is not None
        late = threading.Event()

        def stop() -> None:
            late.set()
            child.kill()

        with self._lock:
            clock = threading.Timer(limit_s, stop)
            clock.daemon = True
            clock.start()
            try:
                runner.send(child.stdin, told, arrays)
                answer, results = runner.receive(child.stdout)
            except (OSError, EOFError, ValueError):
                if late.is_set():
                    raise CannotRun(f"it was not done after {limit_s:.0f} s") from None
                raise CannotRun(self._how_it_ended()) from None
            finally:
                clock.cancel()
        if answer.get("memory"):
            raise CannotRun(f"it needs more memory than the {self._memory / 2**30:.0f} GB that it may take here")
        if "error" in answer:
            raise CannotRun(str(answer["error"]))
        return answer, results

    def _how_it_ended(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._child.wait(5)
            if code < 0:
                return f"it makes the runtime crash ({signal.Signals(-code).name}): the file is damaged or odd"
            return f"it makes the runtime crash (status {code}): the file is damaged or odd"
        return "the process that ran it does not answer"


def memory_limit() -> int:
    """Bytes of address space that a network may take."""
    try:
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # a system without these
        there = 0
    return max(LEAST_MEMORY, there * 3 // 4)


def python_program() -> str | None:
    """A plain Python of this process's own version; never the program that has Python inside, such as Blender."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    names = ("bin/python.exe", "python.exe") if os.name == "nt" else (f"bin/python{version}", "bin/python3")
    places = dict.fromkeys((sys.prefix, sys.exec_prefix, sys.base_prefix))
    for path in (sys.executable, *(os.path.join(place, name) for place in places for name in names)):
        if path and re.fullmatch(r"python[\d.]*t?(\.exe)?", os.path.basename(path).lower()) and os.path.isfile(path):
            return path
    return None


def _started() -> subprocess.Popen:
    python = python_program()
    if python is None:
        raise CannotRun("there is no Python program beside this one, and a network runs in a process of its own")
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    try:
        return subprocess.Popen(
            [python, "-P", str(Path(runner.__file__))],
            env={**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise CannotRun(f"no process can be started for it ({error.strerror})") from None


def _end(child: subprocess.Popen) -> None:
    child.kill()
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):  # what was not sent yet finds nobody
                stream.close()
    child.wait()
