# SPDX-License-Identifier: GPL-3.0-or-later
"""Helper processes, one for each further core: threads that take short steps wait for one another at Python's lock.

They share memory with this process, so nothing is copied. Only on Linux; elsewhere threads do the work alone, and also
while helpers are starting, while they work for another frame, and where they cannot be had. The crew goes home when
there was nothing to do for a while, and with the process, however that ends.
"""

import atexit
import contextlib
import os
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any

from .shared import CODE, Heap, SharedRoom

POSSIBLE = sys.platform == "linux" and os.environ.get("RACKFOCUS_HELPERS") != "off"

MOST_HELPERS = 7

REST_S = 30.0
"""So long after the last frame the crew goes home."""

MOST_LOST = 3
"""After so many helpers that did not start or broke down there are no more of them."""


class HelperLost(Exception):
    """A helper has ended before its job was done."""


class Helper:
    """One process."""

    def __init__(self, room: SharedRoom, heap: Heap) -> None:
        """Begins to start it. Raises OSError if that cannot be."""
        if "python" not in os.path.basename(sys.executable or ""):
            raise OSError("no Python to start: another program is this process")  # it would take -P for its own
        self._room = room
        self._connection, theirs = Pipe()
        folder = Path(__file__).parent
        descriptors = theirs.fileno(), room.descriptor, heap.descriptor
        package = __package__.rsplit(".", 2)[0]
        program = [str(folder / "helper.py"), *map(str, descriptors), package, str(folder.parent.parent)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        self._process = subprocess.Popen(
            [sys.executable, "-P", *program],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=descriptors,
        )
        theirs.close()
        self._started = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def ready(self) -> bool:
        """Whether it has started. Raises HelperLost if it never will."""
        try:
            if not self._started and self._connection.poll():
                if self._connection.recv_bytes() != CODE:
                    raise HelperLost("it would work by other code than this process: the files have changed")
                self._started = True
        except (EOFError, OSError) as error:
            raise HelperLost from error
        return self._started

    def ask(self, message: bytes) -> None:
        """Have it take jobs from the heap: a packed (job, arguments). Raises HelperLost."""
        try:
            self._connection.send_bytes(message)
        except OSError as error:
            raise HelperLost from error

    def answer(self) -> tuple[dict[int, Any], Exception | None]:
        """What came of the jobs that it took (`Heap.done`), when there are no more. Raises HelperLost."""
        try:
            return self._room.unpacked(self._connection.recv_bytes())
        except (EOFError, OSError) as error:
            raise HelperLost from error

    def go(self) -> None:
        """Send it home, at once: there is nothing that it would leave behind."""
        self._connection.close()
        self._process.kill()
        self._process.wait()


class Crew:
    """The helpers, and what they share with this process; busy with one frame at a time."""

    def __init__(self) -> None:
        self.helpers: list[Helper] = []
        self._starting: list[Helper] = []
        self._shared: tuple[SharedRoom, Heap] | None = None
        self._lost = 0
        self._busy = threading.Lock()
        self._used_s = 0.0
        self._clock: threading.Timer | None = None

    def take(self, count: int) -> tuple[SharedRoom, Heap] | None:
        """Take the crew for a frame, and `leave` it then; None if there are not so many helpers ready yet.

        Sees to it that they soon are, if they can be had.
        """
        if not POSSIBLE or self._lost >= MOST_LOST or not self._busy.acquire(blocking=False):
            return None
        taken = None
        try:
            shared = self._shared = self._shared or (SharedRoom(), Heap())
            self._note_use()
            taken = shared if self._filled(min(count, MOST_HELPERS), *shared) else None
        except OSError:  # no memory to share, no process to be had
            self._lost = MOST_LOST
        finally:
            if taken is None:
                self._busy.release()
        return taken

    def leave(self) -> None:
        """Done with a frame: arrays in the room are void."""
        try:
            if self._shared is not None:
                self._shared[0].free_from(0)
                self._note_use()
        finally:
            self._busy.release()

    def lose(self, helper: Helper) -> None:
        """Do without a helper that broke down; another one comes in its place for a later frame."""
        self._lost += 1
        self.helpers.remove(helper)
        helper.go()

    def go(self) -> None:
        """Send all helpers home and give the memory back, when the frame under way is done."""
        with self._busy:
            self.disband()

    def disband(self) -> None:
        """As `go`, for whoever has taken the crew: at once."""
        for helper in (*self.helpers, *self._starting):
            helper.go()
        self.helpers, self._starting = [], []
        for shared in self._shared or ():
            shared.close()
        if self._clock is not None:
            self._clock.cancel()
        self._shared = self._clock = None

    def _filled(self, wanted: int, room: SharedRoom, heap: Heap) -> bool:
        """Whether so many helpers are ready. Starts those that are missing, sends home those that are too many."""
        while len(self.helpers) > wanted:
            self.helpers.pop().go()
        while len(self.helpers) + len(self._starting) < wanted:
            self._starting.append(Helper(room, heap))
        for helper in list(self._starting):
            try:
                if helper.ready():
                    self._starting.remove(helper)
                    self.helpers.append(helper)
            except HelperLost:
                self._starting.remove(helper)
                self._lost += 1
                helper.go()
        return len(self.helpers) == wanted

    def _note_use(self) -> None:
        self._used_s = time.monotonic()
        if self._clock is None:
            self._wait(REST_S)

    def _wait(self, seconds: float) -> None:
        self._clock = threading.Timer(seconds, self._look)
        self._clock.daemon = True
        with contextlib.suppress(RuntimeError):  # Python is ending
            self._clock.start()

    def _look(self) -> None:
        """Go home if there was nothing to do for long; look again later otherwise."""
        with self._busy:
            idle_s = time.monotonic() - self._used_s
            if idle_s >= REST_S:
                self.disband()
            else:
                self._wait(REST_S - idle_s)


crew = Crew()
"""The crew of this process."""

atexit.register(lambda: crew.go())


def _begin_anew() -> None:
    """A fork of this process has no helpers: those are its parent's."""
    global crew
    crew = Crew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
