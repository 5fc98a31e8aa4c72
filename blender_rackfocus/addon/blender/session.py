# SPDX-License-Identifier: GPL-3.0-or-later
"""What the add-on remembers while Blender runs. One object holds all of it, so that another file, or the add-on's end,
leaves nothing of what was: no picture, no name, no thread, no timer.

A room says what it remembers as a class, a part, and asks for the one there is: `session.part(Part)`. A part that has
`close` is closed when it goes; it ends its threads and timers there. With another file every part goes, but those that
have `forget`, which drop what was of the file.
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar

_Part = TypeVar("_Part")


class Session:
    """All parts there are, by their class, in the order they came."""

    def __init__(self) -> None:
        self._parts: dict[type, Any] = {}
        self._lock = threading.RLock()

    def part(self, kind: type[_Part]) -> _Part:
        """The one part of a kind; made when it is first asked for."""
        with self._lock:
            if kind not in self._parts:
                self._parts[kind] = kind()
            return self._parts[kind]

    def drop(self, *kinds: type) -> None:
        """Let parts go, if they are there."""
        for kind in kinds:
            part = self._parts.get(kind)
            if part is not None:
                getattr(part, "close", int)()  # it may ask for itself while it ends
                with self._lock:
                    self._parts.pop(kind, None)

    def another_file(self) -> None:
        """What was of the file that was open is forgotten."""
        for kind, part in list(self._parts.items()):
            if hasattr(part, "forget"):
                part.forget()
            else:
                self.drop(kind)

    def close(self) -> None:
        """The end: every part goes, the youngest first."""
        while self._parts:
            self.drop(next(reversed(self._parts)))

    def parts(self) -> list[Any]:
        """The parts there are."""
        return list(self._parts.values())


session = Session()
