# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of Blender's data from a render's own thread, while its main thread stands still.

A render that was started from the window runs in a thread of its own, and so do its handlers. Meanwhile the main
thread draws the window and evaluates edits: datablocks that are made, filled, rendered or removed under its hands crash
Blender 5.2 (within a dozen renders). So whoever changes data in a render's handler asks the main thread to come and
wait first. It comes through a timer, between two of its own doings; what the user does meanwhile is done afterwards.

Without a window a render runs in the main thread, and nothing has to wait.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import bpy

from .session import session

PATIENCE_S = 10.0
"""How long the main thread is waited for. It may be waiting itself, for the render that is to end: then it is just as
still."""
_WHILE_RENDERING_S, _ELSE_S = 0.005, 0.1


@dataclass
class _Stillness:
    """asked: the main thread is wanted. here: it has come. over: it may go. depth: how many are nested."""

    asked: threading.Event = field(default_factory=threading.Event)
    here: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    depth: int = 0

    def forget(self) -> None:
        """It has nothing of a file."""


@contextlib.contextmanager
def still() -> Iterator[None]:
    """The main thread waits while this lasts. May be nested."""
    if threading.current_thread() is threading.main_thread() or not bpy.app.timers.is_registered(_come):
        yield
        return
    now = session.part(_Stillness)
    if not now.depth:
        now.over.clear()
        now.here.clear()
        now.asked.set()
        now.here.wait(PATIENCE_S)
    now.depth += 1
    try:
        yield
    finally:
        now.depth -= 1
        if not now.depth:
            now.asked.clear()
            now.over.set()


def _come() -> float:
    """The main thread looks whether it is wanted."""
    now = session.part(_Stillness)
    if now.asked.is_set():
        now.here.set()
        now.over.wait()
    return _WHILE_RENDERING_S if bpy.app.is_job_running("RENDER") else _ELSE_S


def register() -> None:
    if not bpy.app.background:
        bpy.app.timers.register(_come, persistent=True)


def unregister() -> None:
    if bpy.app.timers.is_registered(_come):
        bpy.app.timers.unregister(_come)
