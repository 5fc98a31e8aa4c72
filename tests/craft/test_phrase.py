# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences as cinematographers, editors and prompt writers say them."""

from itertools import pairwise

import numpy as np
import pytest

from blender_rackfocus.craft.phrase import FocusPlace, describe, place_distance_m, understand
from blender_rackfocus.craft.pull import INFINITY_M
from blender_rackfocus.craft.subjects import depth_modes

FORE, BACK, HERE, INF = (FocusPlace(kind) for kind in ("FOREGROUND", "BACKGROUND", "HERE", "INFINITY"))
MARKS = ("Anna", "The Door", "Bob", "Street", "Speaker", "Listener")


def metres(value):
    return FocusPlace("DISTANCE", distance_m=value)


def mark(name):
    return FocusPlace("MARK", name=name)


SENTENCES = [
    # the three of the brief
    (
        "slow rack focus from the foreground to the figure behind, 85mm f/1.4",
        {"feel": "SLOW", "stops": [FORE, BACK], "focal_mm": 85, "f_number": 1.4, "direction": "FAR"},
        [],
    ),
    ("fast snap rack focus to the background piece", {"feel": "SNAP", "stops": [HERE, BACK], "direction": "FAR"}, []),
    (
        "shallow depth of field, pulls back to reveal",
        {"f_number": 1.4, "recipe": "REVEAL", "direction": "FAR", "stops": [FORE, BACK]},
        [],
    ),
    # routes
    (
        "Rack from Anna to the door over 2 seconds.",
        {"stops": [mark("Anna"), mark("The Door")], "duration_seconds": 2},
        [],
    ),
    ("rack focus from 2 m to 10 m in 12 frames", {"stops": [metres(2), metres(10)], "duration_frames": 12}, []),
    ("rack to infinity", {"stops": [HERE, INF], "direction": "FAR"}, []),
    ("background to foreground", {"stops": [BACK, FORE], "direction": "NEAR"}, []),
    ("pull focus between the foreground and the background", {"stops": [FORE, BACK]}, []),
    ("focus shifts from the near figure to the one in the back", {"stops": [FORE, BACK], "direction": "FAR"}, []),
    ("starts on Bob and ends on Anna, smooth", {"stops": [mark("Bob"), mark("Anna")], "feel": "SMOOTH"}, []),
    (
        "from Anna to Bob, then the street",
        {"stops": [mark("Anna"), mark("Bob"), mark("Street")], "recipe": "SPATIAL"},
        [],
    ),
    (
        "from the speaker to the listener and back",
        {"stops": [mark("Speaker"), mark("Listener"), mark("Speaker")], "recipe": "EMPHASIS"},
        [],
    ),
    ("2m to 30cm, quick", {"stops": [metres(2), metres(0.3)], "direction": "NEAR", "feel": "QUICK"}, []),
    ("from 5'6\" to 20 ft", {"stops": [metres(1.6764), metres(6.096)], "direction": "FAR"}, []),
    ("from six feet to twelve metres", {"stops": [metres(1.8288), metres(12)]}, []),
    ("focus on Anna", {"stops": [HERE, mark("Anna")]}, []),
    ("focus pulls back to the foreground", {"stops": [HERE, FORE], "direction": "NEAR"}, []),
    ("pulls forward to reveal", {"stops": [BACK, FORE], "direction": "NEAR", "recipe": "REVEAL"}, []),
    ("two pieces, the near one sharp, snap rack to the far one", {"stops": [FORE, BACK], "feel": "SNAP"}, []),
    (
        "sharp foreground, blurred background, then a slow rack to the background",
        {"stops": [FORE, BACK], "feel": "SLOW"},
        [],
    ),
    # feels and lengths
    ("half a second, near to far", {"duration_seconds": 0.5, "stops": [FORE, BACK]}, []),
    (
        "a three-second hesitant pull to Anna",
        {"duration_seconds": 3, "feel": "HESITANT", "stops": [HERE, mark("Anna")]},
        [],
    ),
    ("24-frame rack to Bob that overshoots and settles", {"duration_frames": 24, "feel": "SETTLE"}, []),
    ("very slow drift to the background", {"feel": "SLOW", "duration_seconds": 5, "stops": [HERE, BACK]}, []),
    ("whip focus to the foreground at frame 40", {"feel": "SNAP", "start_frame": 40, "stops": [HERE, FORE]}, []),
    (
        "steady pull to 4.5 meters lasting 1.5s",
        {"feel": "EVEN", "stops": [HERE, metres(4.5)], "duration_seconds": 1.5},
        [],
    ),
    ("follow Anna", {"hold": True, "stops": [HERE, mark("Anna")]}, []),
    # lenses
    ("50 mm at f1.8", {"focal_mm": 50, "f_number": 1.8, "stops": []}, []),
    ("85mm prime lens, wide open", {"focal_mm": 85, "f_number": 1.4}, []),
    ("40mm anamorphic T2 on Super 35", {"focal_mm": 40, "squeeze": 2, "t_stop": 2, "sensor": "SUPER_35"}, []),
    ("1.5x anamorphic, f/2,8", {"squeeze": 1.5, "f_number": 2.8}, []),
    ("macro, deep focus, full frame", {"focal_mm": 100, "f_number": 11, "sensor": "FULL_FRAME"}, []),
    ("portrait lens, razor-thin depth of field", {"focal_mm": 85, "f_number": 1.2}, []),
    ("telephoto lens f/4 IMAX", {"focal_mm": 135, "f_number": 4, "sensor": "IMAX"}, []),
    # what is not understood is named
    ("zoom to the background with sparkles", {"stops": [HERE, BACK]}, ["zoom", "sparkles"]),
    ("rack to the figure", {"stops": []}, ["figure"]),
    ("rack to Carla", {"stops": []}, ["Carla"]),
    ("the coffee cup in front, slow rack to a couple at the table behind", {"stops": [FORE, BACK], "feel": "SLOW"}, []),
    ("rack to the man near the door", {"stops": []}, ["man"]),
    ("wide open", {"f_number": None}, ["wide open"]),
    ("go 7", {"stops": []}, ["7"]),
    ("", {"stops": []}, []),
]


@pytest.mark.parametrize(("sentence", "expected", "unknown"), SENTENCES, ids=[row[0] for row in SENTENCES])
def test_sentence(sentence, expected, unknown):
    names = [] if sentence == "rack to the man near the door" else MARKS
    said = understand(sentence, names)
    got = {name: getattr(said, name) for name in expected}
    assert got == expected
    assert [span.text for span in said.unknown] == unknown


@pytest.mark.parametrize("row", SENTENCES, ids=[row[0] for row in SENTENCES])
def test_spans_are_where_they_say(row):
    unknown = understand(row[0], MARKS).unknown
    assert [row[0][span.start : span.end] for span in unknown] == [span.text for span in unknown]
    assert all(a.end <= b.start for a, b in pairwise(unknown))


def test_everything_filled_in_is_told():
    assert "No start was named" in " ".join(understand("rack to the background").notes)
    assert "No marks were named" in " ".join(understand("shallow focus, pulls back to reveal").notes)
    contradiction = understand("slow snap to the background")
    assert contradiction.feel is None
    assert "contradict" in contradiction.notes[0]
    twice = understand("85mm 50mm")
    assert twice.focal_mm == 85
    assert "50mm" in twice.notes[0]


def test_description_shows_both_sides():
    lines = describe(understand("slow zork rack from the foreground to the background, 85mm f/1.4, 2 seconds"), 25)
    text = "\n".join(lines)
    for part in ("85 mm", "f/1.4", "foreground \u2192 background", "Slow", "50 frames", "Not understood: zork"):
        assert part in text


def test_places_become_metres():
    assert place_distance_m(FORE, (1.0, 9.0)) == 1.0
    assert place_distance_m(BACK, (1.0, 9.0)) == 9.0
    assert place_distance_m(INF) == INFINITY_M
    with pytest.raises(ValueError, match="depth"):
        place_distance_m(FORE)
    with pytest.raises(ValueError, match=r"Anna.*no mark"):
        place_distance_m(mark("Anna"))


# Foreground and background


def floor(height=120, width=200, camera_height_m=1.5):
    """A floor running away below the horizon, sky above."""
    rows = np.arange(height, dtype=np.float32)[:, None] - height / 2
    return np.where(rows > 0, camera_height_m * 100 / np.maximum(rows, 1e-3), np.inf) + np.zeros((1, width), np.float32)


def test_modes_of_two_subjects_on_a_floor():
    depth = floor()
    depth[40:115, 20:70] = 3.0
    depth[50:85, 130:160] = 8.0
    near, far = depth_modes(depth.astype(np.float32))
    assert near == pytest.approx(3.0, rel=0.05)
    assert far == pytest.approx(8.0, rel=0.05)


def test_modes_are_not_moved_by_specks_or_noise():
    rng = np.random.default_rng(3)
    depth = np.full((120, 200), 12.0, np.float32)
    depth[30:, 60:110] = 2.0
    depth *= rng.normal(1, 0.02, depth.shape).astype(np.float32)
    depth[rng.random(depth.shape) < 0.001] = 0.05
    near, far = depth_modes(depth)
    assert near == pytest.approx(2.0, rel=0.03)
    assert far == pytest.approx(12.0, rel=0.05)


def test_modes_of_a_subject_before_the_sky_of_a_wall_and_of_nothing():
    depth = np.full((90, 160), np.inf, np.float32)
    depth[40:, 60:100] = 4.0
    assert depth_modes(depth) == (pytest.approx(4.0), np.inf)
    assert depth_modes(np.full((9, 16), 5.0)) == (5.0, 5.0)
    with pytest.raises(ValueError, match="depth_m"):
        depth_modes(np.full((9, 16), np.inf))
