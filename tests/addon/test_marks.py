# SPDX-License-Identifier: GPL-3.0-or-later
"""Focus marks on Blender's strips: they go where the strip goes, and a track stays on its subject."""

import math

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_rackfocus.addon.shot import marks  # noqa: E402
from blender_rackfocus.addon.shot.focus import Focus  # noqa: E402

FRAMES = 48


@pytest.fixture
def strip(shot):
    return shot.racked(shot.pictures(frames=FRAMES), shot.depths(frames=1)[0])


def walk(frame):
    """Depth of the subject on a media frame."""
    return 8.0 - 5.0 * frame / FRAMES


@pytest.fixture
def walker(strip):
    mark = marks.add(strip, "Anna", 3.0)
    marks.set_samples(mark, {i: marks.Sample(0.5, 0.5, walk(i), 1.0) for i in range(FRAMES)})
    return mark


def test_names_are_unique(strip):
    marks.add(strip, "Anna", 2.0)
    second = marks.add(strip, "Anna", 3.0)
    assert second.name == "Anna 2"
    second.name = "anna"
    assert second.name == "anna 2"
    second.name = ""
    assert [m.name for m in marks.of(strip)] == ["Anna", "Mark"]


def test_add_reorder_rename_delete_by_operator(strip, shot):
    shot.scene.sequence_editor.active_strip = strip
    for name, metres in (("A", 1.0), ("B", 2.0), ("C", 0.0)):
        assert bpy.ops.rackfocus.mark_add(name=name, distance=metres) == {"FINISHED"}
    assert marks.of(strip)["C"].distance_m == pytest.approx(2.0), "the focus of the frame"
    assert bpy.ops.rackfocus.mark_move(direction="UP") == {"FINISHED"}
    assert [m.name for m in marks.of(strip)] == ["A", "C", "B"]
    assert bpy.ops.rackfocus.mark_move(mark="A", direction="UP") == {"CANCELLED"}
    assert bpy.ops.rackfocus.mark_remove(mark="c") == {"FINISHED"}
    assert [m.name for m in marks.of(strip)] == ["A", "B"]
    with pytest.raises(RuntimeError, match="no mark named"):
        bpy.ops.rackfocus.mark_remove(mark="Z")


def test_marks_stay_through_file_scene_copy_and_split(strip, shot, tmp_path):
    mark = marks.add(strip, "Anna", 2.5)
    marks.set_samples(mark, {0: marks.Sample(0.2, 0.3, 4.0, 0.9), 1: marks.Sample(0.2, 0.3, math.nan, 0.0)})
    copied = shot.scene.copy()
    assert copied.sequence_editor.strips_all[0].rackfocus_marks[0].name == "Anna"
    right = strip.split(frame=20, split_method="SOFT")
    assert [m.name for m in marks.of(right)] == ["Anna"]
    marks.of(right)[0].name = "Right"
    assert marks.of(strip)[0].name == "Anna"
    path = str(tmp_path / "marks.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    again = bpy.context.scene.sequence_editor.strips_all["A"]
    track = marks.samples(marks.find(again, "ANNA"))
    assert track[0] == marks.Sample(0.2, 0.3, 4.0, 0.9)
    assert math.isnan(track[1].metres)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(path) as (_there, here):
        here.scenes = ["Scene"]
    assert marks.of(here.scenes[0].sequence_editor.strips_all["A"])[0].name == "Anna"


def depths(strip, mark, frames):
    return [marks.distance_m(strip, mark, f) for f in frames]


def test_a_track_follows_moves_trims_slips_and_reversal(strip, walker):
    assert depths(strip, walker, [1, 10, 48]) == pytest.approx([walk(0), walk(9), walk(47)], rel=1e-5)
    strip.content_start += 100
    assert depths(strip, walker, [101, 110]) == pytest.approx([walk(0), walk(9)], rel=1e-5)
    strip.left_handle += 10
    assert depths(strip, walker, [111, 120]) == pytest.approx([walk(10), walk(19)], rel=1e-5)
    strip.content_start -= 5  # a slip: the handles stay on the timeline
    assert depths(strip, walker, [112]) == pytest.approx([walk(16)], rel=1e-5)
    strip.use_reverse_frames = True
    pulled = marks.for_pull(strip, walker)
    there = dict(zip(pulled.frames, pulled.depths_m, strict=True))
    assert all(math.isfinite(v) for v in there.values())
    assert np.all(np.diff([there[f] for f in sorted(there)]) >= 0)


def test_focus_on_a_mark_keys_only_where_focus_is_keyed(strip, walker, shot):
    shot.scene.sequence_editor.active_strip = strip
    shot.scene.frame_set(10)
    assert bpy.ops.rackfocus.mark_focus() == {"FINISHED"}
    focus = Focus(strip)
    assert focus.curve is None
    assert focus.at_m() == pytest.approx(walk(9), rel=1e-5)
    shot.scene.tool_settings.use_keyframe_insert_auto = True
    assert bpy.ops.rackfocus.mark_focus() == {"FINISHED"}
    assert [p.co.x for p in focus.curve.keyframe_points] == [10]
    shot.scene.tool_settings.use_keyframe_insert_auto = False
    shot.scene.frame_set(30)
    assert bpy.ops.rackfocus.mark_focus() == {"FINISHED"}
    assert [p.co.x for p in focus.curve.keyframe_points] == [10, 30]


def test_holding_on_a_tracked_mark_follows_it(strip, walker, shot):
    shot.scene.sequence_editor.active_strip = strip
    shot.scene.frame_set(5)
    assert bpy.ops.rackfocus.mark_hold() == {"FINISHED"}
    focus = Focus(strip)
    for frame in range(5, 49):
        assert focus.at_m(frame) == pytest.approx(walk(frame - 1), rel=0.0105)
    assert len(focus.curve.keyframe_points) <= 6


def test_a_rack_to_a_tracked_mark_arrives_on_it_and_follows(strip, walker):
    marks.add(strip, "Door", 1.0)
    pulled = bpy.ops.rackfocus.rack(strip_name="A", frame=6, duration=12, from_mark="Door", to_mark="Anna")
    assert pulled == {"FINISHED"}
    focus = Focus(strip)
    assert focus.at_m(6) == pytest.approx(1.0)
    for frame in range(18, 49):
        assert focus.at_m(frame) == pytest.approx(walk(frame - 1), rel=0.0105)
    assert bpy.ops.rackfocus.rack(strip_name="A", frame=30, duration=10, to_mark="Door") == {"FINISHED"}
    assert focus.at_m(29) == pytest.approx(walk(28), rel=0.02)
    assert focus.at_m(48) == pytest.approx(1.0)


def test_a_lost_mark_says_so(strip, shot):
    mark = marks.add(strip, "Cup", 3.0)
    track = {i: marks.Sample(0.5, 0.5, 2.0 if i < 10 else math.nan, 1.0) for i in range(FRAMES)}
    marks.set_samples(mark, track)
    assert marks.is_lost(strip, mark, 20)
    assert not marks.is_lost(strip, mark, 5)
    assert marks.distance_m(strip, mark, 20) == pytest.approx(2.0)
    empty = marks.add(strip, "New", 3.0)
    empty.kind = "TRACKED"
    with pytest.raises(ValueError, match="not been tracked"):
        marks.for_pull(strip, empty)
