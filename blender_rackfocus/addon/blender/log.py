# SPDX-License-Identifier: GPL-3.0-or-later
"""What the extension says on Blender's console: where its log records go, and how they look there.

Every module logs through `logging.getLogger(__name__)`, so all loggers hang under the package's own (`TREE`); a studio
may add handlers of its own to that one. Ours writes to standard error, begins each line with the extension's name, and
leaves out what was said before in the same scope (`once`).
"""

from __future__ import annotations

import contextlib
import logging
import sys
import weakref
from typing import Any

TREE = __package__.removesuffix(".addon.blender")
"""The name of the loggers' root: `blender_rackfocus`, or `bl_ext.<repository>.blender_rackfocus` as an extension."""
_PREFIX = {logging.WARNING: "Warning: ", logging.ERROR: "Error: "}


def once(scope: object) -> dict[str, Any]:
    """A log call's `extra`: the words are said once as long as `scope` lives, which is hashable and weakly held."""
    return {"once": scope}


class _Console(logging.Handler):
    """Writes to what standard error is when something is said: the command line and tests exchange it."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError, ValueError):  # a console that is gone is no reason to fail
            print(self.format(record), file=sys.stderr, flush=True)


class _Named(logging.Formatter):
    """Begins with the extension's name, and with what kind of message it is unless it is mere information."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return f"Rack Focus: {_PREFIX.get(record.levelno, '')}{record.message}"


class _Once(logging.Filter):
    """Refuses a record that names a scope (`once`) in which its words were said already."""

    def __init__(self) -> None:
        super().__init__()
        self._said: weakref.WeakKeyDictionary[object, set[str]] = weakref.WeakKeyDictionary()

    def filter(self, record: logging.LogRecord) -> bool:
        scope, words = getattr(record, "once", None), record.getMessage()
        if scope is None:
            return True
        said = self._said.setdefault(scope, set())
        is_new = words not in said
        said.add(words)
        return is_new


_CONSOLE = _Console()
_CONSOLE.setFormatter(_Named())
_CONSOLE.addFilter(_Once())


def register() -> None:
    """Let the extension be heard. What is said goes to no other console too."""
    tree = logging.getLogger(TREE)
    tree.addHandler(_CONSOLE)
    tree.setLevel(logging.INFO)
    tree.propagate = False


def unregister() -> None:
    """Take the console out again; the loggers are as Python made them."""
    tree = logging.getLogger(TREE)
    tree.removeHandler(_CONSOLE)
    tree.setLevel(logging.NOTSET)
    tree.propagate = True
