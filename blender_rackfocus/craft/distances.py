# SPDX-License-Identifier: GPL-3.0-or-later
"""Distances as a focus puller reads them: the one rounding of all panels, reports and charts."""

from __future__ import annotations

FOOT_M = 0.3048


def distance_text(metres: float) -> str:
    """A distance as a focus puller reads it: "85 cm", "2.35 m", "12 m", infinity as its sign."""
    if not metres < 1000:
        return "\u221e"
    if metres < 1:
        return f"{metres * 100:.3g} cm"
    return f"{metres:.2f} m" if metres < 10 else f"{metres:.1f} m" if metres < 100 else f"{metres:.0f} m"


def with_feet(metres: float) -> str:
    """A distance in metres, and in feet and inches."""
    if not metres < 1000:
        return distance_text(metres)
    inches = round(metres / FOOT_M * 12)
    return f"{distance_text(metres)}  ({inches // 12}\u2032 {inches % 12}\u2033)"
