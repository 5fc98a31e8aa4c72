# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that does jobs for another one (crew): the program that it runs.

Arguments: file descriptors of the connection and of the shared room, the package's full name, its folder.
"""

import importlib
import signal
import sys
import types
from multiprocessing.connection import Connection

READY = b"ready"


def main() -> None:
    """Do what is asked until the other end of the connection is closed."""
    connection_fd, room_fd, package, folder = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that is helped
    _stand_in(package, folder)
    core = f"{package}.core"
    importlib.import_module(f"{core}.defocus")  # all that jobs need
    importlib.import_module("cv2").setNumThreads(1)
    room = importlib.import_module(f"{core}.shared").SharedRoom(int(room_fd))
    connection = Connection(int(connection_fd))
    try:
        connection.send_bytes(READY)
        while True:
            answer = _done(*room.unpacked(connection.recv_bytes()))
            connection.send_bytes(room.packed(answer))
    except (EOFError, ConnectionError):
        return


def _done(job, arguments) -> tuple[object, Exception | None]:
    try:
        return job(*arguments), None
    except Exception as error:  # the process that is helped raises it
        return None, error


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
