# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl-C and a render manager's "stop", noted while Blender is at work.

An exception would not do: raised inside one of Blender's handlers it is printed there, and the render goes on.
"""

from __future__ import annotations

import signal
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """While this is entered, SIGINT and SIGTERM are noted: `asked` tells of it, `check` raises KeyboardInterrupt."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stop:
        with suppress(ValueError):  # not the main thread: whoever runs us there stops us otherwise
            for number in SIGNALS:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            # None: Blender's own, set in C, which Python cannot put back. The command is over, and Blender with it.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def is_asked(self) -> bool:
        """`asked`, for whoever wants to call something."""
        return self.asked

    def check(self) -> None:
        """Raise KeyboardInterrupt once asked to stop."""
        if self.asked:
            raise KeyboardInterrupt

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


def stoppable(run: Callable[[Namespace, Stop], int]) -> Callable[[Namespace], int]:
    """A verb that is told of a "stop" by its second argument."""

    @wraps(run)
    def stopped(args: Namespace) -> int:
        with Stop() as stop:
            return run(args, stop)

    return stopped


def too_late() -> None:
    """The job is over: a "stop" that comes while Blender and Python end changes nothing any more."""
    with suppress(ValueError):
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
