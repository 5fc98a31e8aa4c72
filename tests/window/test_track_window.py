# SPDX-License-Identifier: GPL-3.0-or-later
"""The focus track in Blender's real window: a rack made, moved, lengthened, refocused, removed with the mouse alone."""

import pytest
from test_desk_window import clip  # noqa: F401  (a fixture)


def frames_of(told):
    return [frame for frame, *_ in told["keys"]]


def test_a_rack_is_made_moved_lengthened_and_removed_on_the_track(window, clip):  # noqa: F811
    told = window("track_window.py", clip)
    assert "traceback" not in told, told["traceback"]
    assert told["made"]["keys"] == [[36.0, 2.0, "EXTREME"], [60.0, 10.0, "EXTREME"]], "it arrives where the click was"
    assert frames_of(told["moved"]) == [50, 74], "as a whole"
    assert frames_of(told["lengthened"]) == [50, 94], "by its edge"
    assert [metres for _, metres, _ in told["refocused"]["keys"]] == [2.0, pytest.approx(4.0, rel=0.05)]
    assert told["undone"] == told["lengthened"], "one step"
    assert told["escaped"] == told["lengthened"], "Esc leaves everything as it was"
    assert told["keyed"]["keys"][0] == [20.0, 2.0, "KEYFRAME"]

    moved_by = [b - a for a, b in zip(frames_of(told["keyed"])[1:], frames_of(told["both"])[1:], strict=True)]
    assert moved_by == [6, 6]
    assert frames_of(told["both above"]) == [42, 66], "what is selected on other strips goes along"

    assert frames_of(told["removed"]) == frames_of(told["both"])[:2], "the rack under the mouse"
    assert told["removed above"] == told["both above"]
    assert all(told[name]["strips"] == 2 for name in ("removed", "back")), "no strip was deleted"
    assert told["back"] == told["both"], "one step"
    assert told["strip dragged"]["left"] > 1, "what is not on the track is the strip's own"
