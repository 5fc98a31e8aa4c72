# SPDX-License-Identifier: GPL-3.0-or-later
"""What any room may ask of the surfaces without knowing them: to draw anew, and to keep still for a while; and how many
edits there were, for whoever remembers what may have been edited."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .session import session


@dataclass
class _Signals:
    """draws: the surfaces that draw. paused: how many want them to keep still. edits: counted since the start."""

    draws: list[Callable[[], None]] = field(default_factory=list)
    paused: int = 0
    edits: int = 0

    def forget(self) -> None:
        """The surfaces stay, whatever file is open."""


def _signals() -> _Signals:
    return session.part(_Signals)


def on_redraw(draw: Callable[[], None]) -> None:
    """From now on `draw` is called when pixels may have changed. A surface says this when it is registered."""
    _signals().draws.append(draw)


def off_redraw(draw: Callable[[], None]) -> None:
    """Take back `on_redraw`."""
    _signals().draws.remove(draw)


def redraw(_owner: object = None, _context: object = None) -> None:
    """Let every surface draw what its windows show now. Stands as the update of a property, which has two arguments."""
    for draw in _signals().draws:
        draw()


def edited() -> None:
    """Something in the file may have changed: an edit, an undo, another file."""
    _signals().edits += 1


def edits() -> int:
    """How often something may have changed so far."""
    return _signals().edits


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """No drafts meanwhile: somebody moves through the frames who does not look at them (a bake)."""
    here = _signals()
    here.paused += 1
    try:
        yield
    finally:
        here.paused -= 1


def is_paused() -> bool:
    """Whether drafts are not wanted now."""
    return _signals().paused > 0
