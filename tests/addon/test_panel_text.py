# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences in a panel are broken so that every word can be read, however narrow the sidebar is."""

from __future__ import annotations

import itertools

import pytest

from blender_rackfocus.addon.ui.panels.text import broken

SENTENCE = "Image, 0 to 1.025 on this frame: read as metres (a node does not guess from the numbers)"
LONG = f"Kept in /clips/{'long_name_of_a_shot_' * 4}0001.exr beside it"


def width_of(line: str) -> float:
    """As in a proportional font: an i is a third as wide as an m."""
    return sum(4.0 if letter in "il.,:/ " else 12.0 if letter in "mwMW" else 8.0 for letter in line)


@pytest.mark.parametrize("text", [SENTENCE, LONG, "word"])
@pytest.mark.parametrize("room", [30.0, 90.0, 200.0, 1000.0])
def test_no_line_is_wider_than_the_room_and_nothing_is_lost(text, room):
    lines = broken(text, room, width_of)
    assert max(map(width_of, lines)) <= room
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    if max(map(width_of, text.split())) <= room:
        assert " ".join(lines) == text
        for line, after in itertools.pairwise(lines):
            assert width_of(f"{line} {after.split()[0]}") > room, "no line ends before it has to"


def test_nothing_takes_no_line_and_no_room_takes_one_letter_each():
    assert broken("", 100.0, width_of) == []
    assert broken("a bc", -5.0, width_of) == ["a", "b", "c"]
