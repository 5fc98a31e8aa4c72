# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that tell the user what stands in the way: why a button is grey, and why a thing could not be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import bpy

from ...blender.errors import EXPECTED


def refuse(problem: str) -> None:
    """Raises ValueError where something is in the way. problem: what, empty for nothing."""
    if problem:
        raise ValueError(problem)


class Telling:
    """Operators that say in `missing` why they cannot be called, and do their work by `told`, where it may raise.

    expected: errors that are the user's to read; others are bugs, and raised.
    """

    expected: ClassVar[tuple[type[BaseException], ...]] = EXPECTED
    report: Callable[[set[str], str], None]  # of the operator that this is mixed into
    poll_message_set: ClassVar[Callable[[str], None]]

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        problem = cls.missing(context)
        if problem:
            cls.poll_message_set(problem)
        return not problem

    @classmethod
    def missing(cls, _context: bpy.types.Context) -> str:
        """Why it cannot be called now; empty when it can."""
        return ""

    def told(self, work: Callable[..., Any], *given: Any) -> Any:
        """What some work returns; CANCELLED after telling the user what it raised of `expected`."""
        try:
            return work(*given)
        except self.expected as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}


class Doing(Telling):
    """Those that do all of it in `do`, which raises what is wrong."""

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self.told(self.do, context)

    def do(self, context: bpy.types.Context) -> set[str]:
        """Do it; what the operator returns."""
        raise NotImplementedError
