# SPDX-License-Identifier: GPL-3.0-or-later
"""What a row of the table says."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Row:
    """done: how many times it was tried. faults: what went wrong, a sentence each. note: what else is worth knowing."""

    done: int = 0
    faults: list[str] = field(default_factory=list)
    note: str = ""


def times(count: int, scale: float) -> int:
    """How often to try, once at least."""
    return max(1, round(count * scale))
