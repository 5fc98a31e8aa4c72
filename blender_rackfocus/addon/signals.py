# SPDX-License-Identifier: GPL-3.0-or-later
"""What any room may ask of the surfaces without knowing them: to draw anew, and to keep still for a while; and how many
edits there were, for whoever remembers what may have been edited."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

_redraws: list[Callable[[], None]] = []
_paused = 0
_edits = 0


def on_redraw(draw: Callable[[], None]) -> None:
    """From now on `draw` is called when pixels may have changed. A surface says this when it is registered."""
    _redraws.append(draw)


def off_redraw(draw: Callable[[], None]) -> None:
    """Take back `on_redraw`."""
    _redraws.remove(draw)


def redraw(_owner: object = None, _context: object = None) -> None:
    """Let every surface draw what its windows show now. Stands as the update of a property, which has two arguments."""
    for draw in _redraws:
        draw()


def edited() -> None:
    """Something in the file may have changed: an edit, an undo, another file."""
    global _edits
    _edits += 1


def edits() -> int:
    """How often something may have changed so far."""
    return _edits


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """No drafts meanwhile: somebody moves through the frames who does not look at them (a bake)."""
    global _paused
    _paused += 1
    try:
        yield
    finally:
        _paused -= 1


def is_paused() -> bool:
    """Whether drafts are not wanted now."""
    return _paused > 0
