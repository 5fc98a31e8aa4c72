# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that does jobs for another one (crew): the program that it runs.

Arguments: file descriptors of the connection, the shared room and the heap of jobs; the package's full name and folder.
"""

import importlib
import signal
import sys
import types
from multiprocessing.connection import Connection


def main() -> None:
    """Do what is asked until the other end of the connection is closed."""
    *descriptors, package, folder = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that is helped
    _stand_in(package, folder)
    importlib.import_module(f"{package}.core.defocus")  # all that jobs need
    importlib.import_module("cv2").setNumThreads(1)
    shared = importlib.import_module(f"{package}.core.crew.shared")
    own, room, heap = map(int, descriptors)
    connection, room, heap = Connection(own), shared.SharedRoom(room), shared.Heap(heap)
    try:
        connection.send_bytes(shared.CODE)
        while True:
            asked = room.unpacked(connection.recv_bytes())
            connection.send_bytes(room.packed(heap.done(*asked)))
    except (EOFError, ConnectionError):
        return


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
