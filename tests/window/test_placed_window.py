# SPDX-License-Identifier: GPL-3.0-or-later
"""A strip is placed, found stale, refreshed and removed in the window; a cached range is stopped by Esc and kept."""

import subprocess
from pathlib import Path

from test_live_window import frames, shot  # noqa: F401


def furthest(one: Path, other: Path) -> float:
    """The largest difference of a channel, 0..1: half floats go through the scene's view transform once more."""
    compared = subprocess.run(
        ["compare", "-metric", "PAE", str(one), str(other), "null:"], capture_output=True, text=True, check=False
    )
    return float(compared.stderr.split("(")[1].rstrip(")"))


def test_a_placed_strip_is_the_render_and_says_when_it_is_stale(window, shot, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("RACKFOCUS_CACHE", str(tmp_path / "store"))
    told = window("placed_window.py", shot / "shot.blend", timeout=300)
    assert "traceback" not in told, told["traceback"]
    seen, hidden = {"A": [True, "NONE", 1], "A (placed)": [False, "COLOR_04", 2]}, {"A": [False, "NONE", 1]}
    assert told["placed"] == seen
    assert sorted(frames(shot / "placed")) == sorted(frames(shot / "background"))
    for name in frames(shot / "background"):
        assert furthest(shot / "placed" / name, shot / "background" / name) <= 1 / 255 + 1e-4, name
    assert told["meant"] == "A"  # what is done to the placed strip's focus is done to the original's
    assert told["stale"] == {"A": [False, "NONE", 1], "A (placed)": [True, "COLOR_01", 2]}
    assert told["refreshed"] == seen
    assert told["lines"] == ["6 fresh", "6 fresh", "6 stale", "6 fresh"]
    # Blender draws ahead what is placed and right, and what it drew is not seen where it is no longer right.
    assert told["prefetch"] == {
        **{"placed": True, "later change": False, "stale": False},
        **{"refreshed": True, "removed": False, "cached": told["prefetch"]["cached"]},
    }
    assert told["alone while playing"] is True
    names = sorted(frames(shot / "background"))
    assert furthest(shot / "ahead.png", shot / "background" / names[4]) <= 1.01 / 255
    assert furthest(shot / "ahead_of_a_change.png", shot / "ahead.png") > 8 / 255
    assert told["removing"] == ["FINISHED"]
    assert told["removed"] == hidden
    assert told["cached"].keys() == {"A", "A (placed)"}
    first, end = told["range"][0]
    assert first == 1
    assert 2 <= end <= 7
