# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that does jobs for another one (crew): the program that it runs.

Arguments: the package's full name and folder. Asked on standard input, it answers on standard output: first which code
it works by, then for each message, `(names, task)`, what came of it. names: of segments that are new in the room, None
for a room that begins anew. task: a packed `(job, arguments, taken)`, or empty.
"""

import importlib
import os
import signal
import sys
import types
from typing import Any


def main() -> None:
    """Do what is asked until nobody asks any more."""
    package, folder = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that is helped
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    _stand_in(package, folder)
    importlib.import_module(f"{package}.core.defocus")  # all that jobs need
    importlib.import_module("cv2").setNumThreads(1)
    shared = importlib.import_module(f"{package}.core.crew.shared")
    room = shared.Room()
    try:
        shared.send(answers, shared.CODE)
        while True:
            shared.send(answers, _answer(shared, room, shared.receive(asked)))
    except (EOFError, OSError):
        os._exit(0)  # nothing of it is to be put away, and arrays in the room may still be held


def _answer(shared: Any, room: Any, message: bytes) -> bytes:
    names, task = room.unpacked(message)
    if names is None:
        room.close()
    else:
        room.open(names)
    return room.packed(shared.jobs_done(*room.unpacked(task)) if task else None)


def _stand_in(package: str, folder: str) -> None:
    """Let the package's rooms be imported without the package itself, whose add-on needs Blender."""
    parts = package.split(".")
    for count in range(1, len(parts) + 1):
        name = ".".join(parts[:count])
        module = types.ModuleType(name)
        module.__path__ = [folder] if count == len(parts) else []
        sys.modules[name] = module


if __name__ == "__main__":
    main()
