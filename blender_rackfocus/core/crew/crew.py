# SPDX-License-Identifier: GPL-3.0-or-later
"""Helper processes, one for each further core: threads that take short steps wait for one another at Python's lock.

They share memory with this process, so nothing is copied. Threads do the work while helpers are starting, while they
work for another frame, and where they cannot be had. The crew goes home when there was nothing to do for a while, and
with the process, however that ends.
"""

import atexit
import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .shared import CODE, Room, receive, send, sweep

POSSIBLE = os.environ.get("RACKFOCUS_HELPERS") != "off"

MOST_HELPERS = 7

REST_S = 30.0
"""So long after the last frame the crew goes home."""

MOST_LOST = 3
"""After so many helpers that did not start or broke down there are no more of them."""


class HelperLost(Exception):
    """A helper has ended before its job was done."""


class Helper:
    """One process."""

    def __init__(self) -> None:
        """Begins to start it. Raises OSError if that cannot be."""
        program = os.path.basename(sys.executable or "")
        if not re.fullmatch(r"python[0-9.]*w?(\.exe)?", program, re.IGNORECASE):
            raise OSError("no Python to start: another program is this process")  # it would take -P for its own
        folder = Path(__file__).parent
        package = __package__.rsplit(".", 2)[0]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(folder / "helper.py"), package, str(folder.parent.parent)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._asks, self._answers = self._process.stdin, self._process.stdout
        self._code: bytes | None = None
        self._greeting = threading.Thread(target=self._greet, daemon=True)
        self._greeting.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ready(self) -> bool:
        """Whether it has started. Raises HelperLost if it never will."""
        if self._greeting.is_alive():
            return False
        if self._code is None:
            raise HelperLost("it ended before it began")
        if self._code != CODE:
            raise HelperLost("it would work by other code than this process: the files have changed")
        return True

    def ask(self, message: bytes) -> None:
        """Send it a message (see `helper`); the `answer` must be read. Raises HelperLost."""
        try:
            send(self._asks, message)
        except (OSError, ValueError) as error:
            raise HelperLost from error

    def answer(self) -> bytes:
        """What it answers to a message. Raises HelperLost."""
        try:
            return receive(self._answers)
        except (EOFError, OSError, ValueError) as error:
            raise HelperLost from error

    def go(self) -> None:
        """Send it home, at once: there is nothing that it would leave behind."""
        self._process.kill()
        self._process.wait()
        self._greeting.join()
        for pipe in (self._asks, self._answers):
            with contextlib.suppress(OSError):  # a message that was never read
                pipe.close()

    def _greet(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            self._code = receive(self._answers)


class Crew:
    """The helpers, and what they share with this process; busy with one frame at a time."""

    def __init__(self) -> None:
        self.helpers: list[Helper] = []
        self.without = ""
        """Why there are no helpers, for the user; empty where nothing speaks against them."""
        self._starting: list[Helper] = []
        self._room = Room(self._show)
        self._lost = 0
        self._busy = threading.Lock()
        self._used_s = 0.0
        self._clock: threading.Timer | None = None

    def take(self, count: int) -> Room | None:
        """Take the crew for a frame, and `leave` it then; None if there are not so many helpers ready yet.

        Sees to it that they soon are, if they can be had.
        """
        if not POSSIBLE or self._lost >= MOST_LOST or not self._busy.acquire(blocking=False):
            return None
        taken = None
        try:
            self._note_use()
            taken = self._room if self._filled(min(count, MOST_HELPERS)) else None
        except OSError as error:
            self.give_up(f"no process can be started ({error})")
        finally:
            if taken is None:
                self._busy.release()
        return taken

    def leave(self) -> None:
        """Done with a frame: arrays in the room are void."""
        try:
            self._room.free_from()
            self._note_use()
        finally:
            self._busy.release()

    def _show(self, names: list[str]) -> None:
        """Have all helpers open segments."""
        self.answers(self.asked(names))

    def asked(self, names: list[str] | None, task: bytes = b"") -> list[Helper]:
        """Send all helpers a message (see `helper`); those that have it."""
        message = self._room.packed((names, task))
        return [helper for helper in tuple(self.helpers) if self._heeds(helper, lambda one: one.ask(message))]

    def answers(self, asked: list[Helper]) -> list[Any]:
        """What helpers answer that were asked, without those that are lost."""
        messages: list[bytes] = []
        for helper in asked:
            self._heeds(helper, lambda one: messages.append(one.answer()))
        return [self._room.unpacked(message) for message in messages]

    def give_up(self, why: str) -> None:
        """No helpers from now on. why: in words."""
        self._lost = MOST_LOST
        self.without = why

    def go(self) -> None:
        """Send all helpers home and give the memory back, when the frame under way is done."""
        with self._busy:
            self.disband()

    def disband(self) -> None:
        """As `go`, for whoever has taken the crew: at once."""
        for helper in (*self.helpers, *self._starting):
            helper.go()
        self.helpers, self._starting = [], []
        self._room.close()
        if self._clock is not None:
            self._clock.cancel()
        self._clock = None

    def _heeds(self, helper: Helper, what: Callable[[Helper], None]) -> bool:
        """Do something with a helper; without it from now on if it broke down: another one comes for a later frame."""
        try:
            what(helper)
        except HelperLost:
            self.helpers.remove(helper)
            self._lose(helper, "they ended while they worked")
            return False
        return True

    def _lose(self, helper: Helper, why: str) -> None:
        helper.go()
        self._lost += 1
        if self._lost >= MOST_LOST:
            self.give_up(why)

    def _filled(self, wanted: int) -> bool:
        """Whether so many helpers are ready. Starts those that are missing, sends home those that are too many."""
        while len(self.helpers) > wanted:
            self.helpers.pop().go()
        if len(self.helpers) + len(self._starting) < wanted:
            sweep()
        while len(self.helpers) + len(self._starting) < wanted:
            self._starting.append(Helper())
        for helper in list(self._starting):
            try:
                if helper.ready():
                    self._starting.remove(helper)
                    self._welcome(helper)
            except HelperLost as error:
                self._starting.remove(helper)
                self._lose(helper, str(error))
        return len(self.helpers) == wanted

    def _welcome(self, helper: Helper) -> None:
        """A room's segments have no names any more once all have opened them: with one more helper it begins anew."""
        self.helpers.append(helper)
        self._room.close()
        self.answers(self.asked(None))

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
