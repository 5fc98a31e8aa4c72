# SPDX-License-Identifier: GPL-3.0-or-later
"""rackfocus.rack on Blender: keys a user can edit, even in dioptres, joined without a jump."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_rackfocus.addon.desk.pull import pull_focus  # noqa: E402
from blender_rackfocus.addon.shot import marks, modifier  # noqa: E402
from blender_rackfocus.addon.shot.focus import Focus  # noqa: E402
from blender_rackfocus.craft.pull import FEELS, Mark  # noqa: E402


@pytest.fixture
def strip(shot):
    strip = shot.racked(shot.pictures(frames=2), shot.depths(frames=1)[0])
    strip.right_handle = 201
    return strip


def rack(**given):
    assert bpy.ops.rackfocus.rack(**given) == {"FINISHED"}


def focus(strip, frames):
    return np.array([Focus(strip).at_m(f) for f in frames])


def evaluated(strip, frame):
    strip.id_data.frame_set(frame)
    return modifier.values(strip, modifier.find(strip), strip.id_data)["Focus Distance"]


def test_a_pull_from_1_to_50_m_spends_equal_frames_per_dioptre(strip):
    rack(strip_name="A", frame=10, duration=96, from_distance=1.0, to_distance=50.0, feel="EVEN")
    steps = -np.diff([1 / evaluated(strip, f) for f in range(10, 107)])
    assert steps == pytest.approx(np.full(96, 0.98 / 96), rel=0.02)
    assert len(Focus(strip).curve.keyframe_points) == 2


@pytest.mark.parametrize("feel", FEELS)
def test_every_feel_leaves_the_first_and_rests_on_the_second(strip, feel):
    rack(strip_name="A", frame=20, from_distance=2.0, to_distance=8.0, feel=feel)
    there = focus(strip, range(1, 200))
    assert there[:20] == pytest.approx(np.full(20, 2.0))
    assert there[-60:] == pytest.approx(np.full(60, 8.0))
    assert len(Focus(strip).curve.keyframe_points) <= 4
    if feel == "SNAP":
        assert there[26] == pytest.approx(8.0, rel=0.01)


@pytest.mark.parametrize(("radius_px", "told"), [(0.45, True), (0.55, False)])
def test_a_pull_that_nobody_will_see_is_keyed_and_told(strip, radius_px, told):
    now = modifier.values(strip, modifier.find(strip), strip.id_data)
    per_dioptre_px = strip.elements[0].orig_width / 2 * (now["Focal Length"] / 1000) ** 2
    per_dioptre_px /= now["F-Stop"] * now["Sensor Width"] / 1000
    end = Mark("B", 1 / (1 / 2.0 + radius_px / per_dioptre_px))
    notes = pull_focus(strip, 10, end, Mark("A", 2.0), duration=24)
    assert ("Nothing will be seen to move: A and B are equally sharp" in notes) is told
    assert focus(strip, [10, 34]) == pytest.approx([2.0, end.distance_m])


def test_the_start_is_where_focus_is(strip):
    modifier.socket(modifier.find(strip), "Focus Distance").value = 4.0
    rack(strip_name="A", frame=30, duration=20, to_distance=1.0)
    assert focus(strip, [1, 30, 50, 90]) == pytest.approx([4.0, 4.0, 1.0, 1.0])


def test_between_two_racks_it_joins_without_a_jump(strip):
    rack(strip_name="A", frame=10, duration=24, from_distance=1.0, to_distance=6.0)
    rack(strip_name="A", frame=120, duration=24, to_distance=2.0)
    before = focus(strip, range(1, 40))
    rack(strip_name="A", frame=60, duration=24, to_distance=15.0)
    there = focus(strip, np.arange(1, 200, 0.25))
    assert np.abs(np.diff(1 / there)).max() / 0.25 < 1.5 * 0.84 / 24 * 1.1
    assert focus(strip, range(1, 40)) == pytest.approx(before)
    assert focus(strip, [60, 84, 120, 144]) == pytest.approx([6.0, 15.0, 15.0, 2.0])


def test_the_current_frame_and_the_active_strip_are_taken(strip, shot):
    shot.scene.sequence_editor.active_strip = strip
    shot.scene.frame_set(42)
    rack(to_distance=9.0, from_distance=3.0, duration=10)
    assert focus(strip, [42, 52]) == pytest.approx([3.0, 9.0])
    rack(frame=0, to_distance=2.0, duration=10)
    assert focus(strip, [10]) == pytest.approx([2.0])


def test_marks_by_name(strip):
    marks.add(strip, "Anna", 1.5)
    marks.add(strip, "Door", 12.0)
    rack(strip_name="A", frame=10, duration=12, from_mark="anna", to_mark="Door")
    assert focus(strip, [10, 22]) == pytest.approx([1.5, 12.0])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "Say where"),
        ({"to_mark": "Nobody"}, "Anna"),
        ({"to_mark": "Anna", "to_distance": 2.0}, "not both"),
        ({"to_distance": 0.03}, "nearer than the lens"),
        ({"to_distance": 2.0, "strip_name": "B"}, "no strip named"),
    ],
)
def test_what_cannot_be_racked_is_refused(strip, given, says):
    marks.add(strip, "Anna", 1.5)
    with pytest.raises(RuntimeError, match=says):
        bpy.ops.rackfocus.rack(**{"strip_name": "A", "frame": 3, **given})
    assert Focus(strip).curve is None


def test_a_strip_without_the_modifier_is_refused(strip, shot):
    shot.strip(shot.pictures("q"), name="plain", channel=3)
    with pytest.raises(RuntimeError, match="add it first"):
        bpy.ops.rackfocus.rack(strip_name="plain", to_distance=2.0)


def test_undo_takes_the_whole_rack_back(strip):
    bpy.ops.ed.undo_push(message="before")
    rack(strip_name="A", frame=10, duration=24, from_distance=1.0, to_distance=6.0)
    bpy.ops.ed.undo_push(message="Rack Focus")
    bpy.ops.ed.undo()
    back = bpy.context.scene.sequence_editor.strips_all["A"]
    assert Focus(back).curve is None
    bpy.ops.ed.redo()
    again = bpy.context.scene.sequence_editor.strips_all["A"]
    assert focus(again, [10, 34]) == pytest.approx([1.0, 6.0])


def test_keys_by_hand_stay_unless_it_is_asked(shot):
    """A key that somebody set is neither dropped nor moved; what it stands in the way of is said, with the way out."""
    strip = shot.racked(shot.pictures(frames=2), shot.depths(frames=1)[0])
    strip.right_handle = 101
    curve = Focus(strip)
    for frame, metres in ((1, 2.0), (60, 2.0), (90, 2.0)):
        curve.set(metres, frame, key=True)

    def by_hand():
        return [(key.frame, round(key.focus_m, 3)) for key in curve.keys(0, 200) if key.role == "HAND"]

    asked = {"strip_name": "A", "frame": 20, "duration": 20, "to_distance": 6.0}
    assert bpy.ops.rackfocus.rack(**asked) == {"FINISHED"}
    assert curve.at_m(40) == pytest.approx(6.0)
    assert by_hand() == [(1, 2.0), (60, 2.0), (90, 2.0)], "also those that were held"

    before = [(key.frame, key.focus_m) for key in curve.keys(0, 200)]
    with pytest.raises(RuntimeError, match=r"1 key \(frame 60\) set by hand would be replaced: choose Replace Keys"):
        bpy.ops.rackfocus.rack(**{**asked, "frame": 50})
    assert [(key.frame, key.focus_m) for key in curve.keys(0, 200)] == before

    assert bpy.ops.rackfocus.rack(**{**asked, "frame": 50}, replace_keys=True) == {"FINISHED"}
    assert (60, 2.0) not in by_hand()
    assert curve.at_m(70) == pytest.approx(6.0)
