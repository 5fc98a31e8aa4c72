# SPDX-License-Identifier: GPL-3.0-or-later
"""The focus track: what is shown of a strip, where it lies, what is under the mouse, and what hands do to the keys."""

import itertools
import math
import time

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_rackfocus.addon.blender import signals  # noqa: E402
from blender_rackfocus.addon.desk import track  # noqa: E402
from blender_rackfocus.addon.shot import focus_keys, marks, modifier  # noqa: E402
from blender_rackfocus.addon.shot.focus import Focus  # noqa: E402
from blender_rackfocus.addon.ui.track import edit, layout, timelines  # noqa: E402
from blender_rackfocus.core.lens import depth_of_field_m  # noqa: E402
from blender_rackfocus.craft import pull  # noqa: E402
from blender_rackfocus.frame import inputs  # noqa: E402

VIEW = layout.View(frame0=0, px_per_frame=8, channel0=0, px_per_channel=120, width=1600, height=400)


@pytest.fixture
def strip(shot):
    strip = shot.racked(shot.pictures(frames=1), shot.depths(frames=1)[0])
    strip.right_handle = 101
    return strip


def racked(strip, frame=20.0, near=1.0, far=4.0, feel="SMOOTH", length=24.0):
    Focus(strip).write(pull.rack_keys(frame, near, far, feel, length))
    return strip


def frames(strip):
    return [point.co.x for point in Focus(strip).curve.keyframe_points]


def row(strip, **how):
    return layout.Row(track.of_strip(strip), strip.channel, **how)


def pixel(one, frame, metres):
    box = layout.box_of(one, VIEW)
    return VIEW.x(frame), box.y(float(one.track.share(1 / metres)))


# --- What there is to show


def test_the_line_is_the_focus_of_every_frame(strip):
    for feel in pull.FEELS:
        one = track.of_strip(racked(strip, feel=feel))
        assert (one.first, one.last, one.frames[0], one.frames[-1]) == (1, 100, 1.0, 101.0)
        for frame in range(1, 101):
            assert one.focus_m(frame) == pytest.approx(Focus(strip).at_m(frame), rel=0.02)


def test_what_only_blender_can_evaluate_is_asked_of_it(strip):
    racked(strip)
    Focus(strip).curve.keyframe_points[0].interpolation = "BOUNCE"
    one = track.of_strip(strip)
    for frame in range(1, 101, 3):
        assert one.focus_m(frame) == pytest.approx(Focus(strip).at_m(frame), rel=0.08)
    assert len(one.points) == 2


def test_what_is_sharp_is_the_lens_depth_of_field(strip, shot):
    one = track.of_strip(racked(strip))
    lens = inputs.lens_of({**modifier.values(strip, modifier.find(strip), shot.scene), "Focus Distance": 4.0})
    near_m, far_m = depth_of_field_m(lens, 64)
    assert 1 / one.near_d[-1] == pytest.approx(near_m, rel=1e-3)
    assert 1 / one.far_d[-1] == pytest.approx(far_m, rel=1e-3)


def test_points_decisions_and_marks_are_told_apart(strip):
    racked(strip)
    edit.key_here(strip, 80)
    marks.add(strip, "Cup", 2.0)
    one = track.of_strip(strip)
    assert [(point.frame, point.kind) for point in one.points] == [(20, "RACK"), (44, "RACK"), (80, "HAND")]
    assert [(s.kind, s.first, s.last) for s in one.stretches] == [("RACK", 20, 44), ("HOLD", 44, 80)]
    assert [(line.name, *line.dioptres) for line in one.marks] == [("Cup", 0.5, 0.5)]
    assert one.low_d < 0.25 < 1.0 < one.high_d


def test_a_track_changes_with_what_it_is_made_of_and_with_nothing_else(strip, shot):
    racked(strip)
    known = track.Tracks()

    def look():
        signals.edited()
        return known.of(shot.scene, [strip], math.inf)[0]

    first = look()
    assert look() is first
    shot.scene.frame_set(33)
    assert look() is first, "keys are not the current value"
    for change in (
        lambda: Focus(strip).write(pull.rack_keys(30, 1.0, 4.0)),
        lambda: shot.set(strip, **{"F-Stop": 8.0}),
        lambda: marks.add(strip, "Cup", 2.0),
        lambda: setattr(strip, "right_handle", 90),
        lambda: focus_keys.select(Focus(strip).curve, [30]),
    ):
        before = look()
        change()
        assert look() is not before
        assert look() is look()


def test_strips_in_a_meta_are_drawn_on_it(strip, shot):
    meta = shot.scene.sequence_editor.strips.new_meta("Meta", 3, 1)
    strip.move_to_meta(meta)
    listed = list(timelines.strips_shown(shot.scene.sequence_editor))
    assert [(one.name, outer.name) for one, outer in listed] == [("A", "Meta")]


# --- Where it lies


def test_a_point_is_found_where_it_is_drawn(strip):
    one = row(racked(strip))
    joined = layout.Joined([one.track])
    drawn = layout.geometry(joined, [one], VIEW)
    for frame, metres in ((20, 1.0), (44, 4.0)):
        x, y = pixel(one, frame, metres)
        assert layout.hit([one], VIEW, x + 3, y - 3) == layout.Hit(0, "POINT", (frame,))
        assert np.hypot(*(drawn.points.reshape(-1, 6, 2).mean(axis=1) - (x, y)).T).min() < 2
        assert np.hypot(*(drawn.lines - (x, y)).T).min() < 0.01, "and the curve goes through it"
    x, y = pixel(one, 32, 1.6)
    assert layout.hit([one], VIEW, x, y) == layout.Hit(0, "BODY", (20, 44))
    x, y = pixel(one, 70, 4.0)
    assert layout.hit([one], VIEW, x, y) is None, "behind the last key nothing is held by a key"
    x, y = pixel(one, 70, 1.2)
    assert layout.hit([one], VIEW, x, y) is None, "the strip's own"


def test_bars_have_a_body_and_edges(strip):
    one = row(racked(strip))
    box = layout.box_of(one, VIEW)
    y = (box.lane + box.bottom) / 2
    parts = [layout.hit([one], VIEW, VIEW.x(frame), y) for frame in (20, 32, 44, 60)]
    assert [found and found.part for found in parts] == ["START", "BODY", "END", None]
    assert layout.hit([row(strip, locked=True)], VIEW, VIEW.x(32), y) is None


def test_nothing_is_drawn_beside_the_strip_at_any_zoom(strip):
    one = row(racked(strip, feel="SETTLE"))
    for zoom, channel in itertools.product((0.05, 0.5, 30.0), (8, 20, 30, 300)):
        view = layout.View(0, zoom, 0, channel, 1600, 400)
        drawn = layout.geometry(layout.Joined([one.track]), [one], view)
        for corners in (drawn.triangles, drawn.lines):
            assert (corners[:, 1] >= (1 + layout.BOTTOM) * channel - 1).all()
            assert (corners[:, 1] <= (1 + layout.TOP) * channel + 1).all()
            assert (corners[:, 0] >= view.x(1) - 1).all()
            assert (corners[:, 0] <= view.x(101) + 2).all()
        for array in (drawn.triangles, drawn.lines, drawn.points):
            assert np.isfinite(array).all()


# --- What hands do


def test_a_grip_stops_at_the_strips_ends_and_goes_back_to_the_bit(strip):
    racked(strip, feel="HESITANT")
    curve = Focus(strip).curve
    curve.keyframe_points[-1].easing, curve.keyframe_points[0].handle_left_type = "EASE_IN", "VECTOR"
    before = focus_keys.snapshot(curve)
    grip = edit.Grip.on(strip, set(frames(strip)))
    assert (grip.room(500), grip.room(-500)) == (56, -19)
    grip.move(grip.room(500), 0.0)
    assert (frames(strip)[0], frames(strip)[-1]) == (76, 100)
    grip.put_back()
    assert focus_keys.snapshot(Focus(strip).curve) == before


def test_a_distance_dragged_past_a_stop_stays_there(strip):
    racked(strip)
    edit.Grip.on(strip, {44.0}).move(0, -99.0)
    assert Focus(strip).at_m(60) == pytest.approx(pull.INFINITY_M)
    edit.Grip.on(strip, {44.0}).move(0, 99.0)
    assert Focus(strip).at_m(60) == pytest.approx(Focus(strip).nearest_m(), rel=0.01)
    assert Focus(strip).at_m(5) == pytest.approx(1.0)


def test_a_rack_arrives_where_it_was_asked_for_within_the_strip(strip):
    edit.rack_to(strip, 60, pull.Mark("there", 8.0), "SMOOTH")
    assert (frames(strip), Focus(strip).at_m(60)) == ([36, 60], pytest.approx(8.0))
    edit.rack_to(strip, 10, pull.Mark("there", 3.0), "SMOOTH")
    assert frames(strip)[:2] == [1, 10]
    assert max(frames(strip)) <= 100


def test_one_rack_of_two_goes_and_a_key_alone(strip):
    Focus(strip).write(pull.insert_rack(pull.rack_keys(10, 1.0, 5.0), 60, 2.0).keys)
    assert edit.ends_at(strip, 34) == (10, 34)
    assert edit.remove(strip, edit.ends_at(strip, 34)) == 1
    assert [Focus(strip).at_m(f) for f in (5, 30, 50, 90)] == pytest.approx([1.0, 1.0, 1.0, 2.0])
    edit.key_here(strip, 45)
    assert edit.ends_at(strip, 45) == (45,)
    assert edit.remove(strip, (45,)) == 1
    assert 45 not in frames(strip)


def test_several_selected_strips_are_held_together(strip, shot):
    other = shot.racked(shot.pictures("q", frames=1), shot.depths("e", frames=1)[0], name="B", channel=2)
    other.right_handle = 101
    racked(strip), racked(other, frame=50)
    assert not edit.are_several(strip, {20.0, 44.0}, [strip]), "one rack is one thing"
    focus_keys.select(Focus(strip).curve, [20, 44])
    focus_keys.select(Focus(other).curve, [50, 74])
    held = edit.grips(strip, {20.0, 44.0}, "BODY", [strip, other])
    by = 99.0
    for grip in held:
        by = grip.room(by)
    assert by == 26, "as far as the one that stops first"
    ends = edit.grips(strip, {44.0}, "END", [strip, other])
    assert [[grip.keys[i].frame for i in grip.chosen] for grip in ends] == [[44], [74]]


def test_what_is_near_is_caught():
    assert edit.snapped([10, 30], [28, 50], 3) == (-2, 28)
    assert edit.snapped([10, 30], [20, 50], 3) == (0.0, None)


def test_200_strips_cost_less_than_5_ms_a_redraw(shot):
    """Looking at what may have changed, and placing everything: all but the calls to the graphics card."""
    path, depth = shot.pictures(frames=1), shot.depths(frames=1)[0]
    first = shot.racked(path, depth, name="S0")
    marks.add(first, "Near", 1.0)
    strips = [first]
    for i in range(1, 200):
        strips.append(shot.strip(path, name=f"S{i}", start=1 + i // 10 * 100, channel=1 + i % 10))
        strips[-1].modifiers.new("Rack Focus", "COMPOSITOR").node_group = modifier.find(first).node_group
    for one in strips:
        one.right_handle = one.left_handle + 90
        racked(one, one.left_handle + 10)
    known = track.Tracks()
    signals.edited()
    known.of(shot.scene, strips, math.inf)
    view = layout.View(0, 0.8, 0, 60, 1600, 700)

    def redraw():
        began = time.thread_time()
        rows = [layout.Row(one, 1 + i % 10, True) for i, one in enumerate(known.of(shot.scene, strips))]
        made = layout.geometry(layout.Joined([one.track for one in rows]), rows, view)
        assert len(rows) == 200
        assert len(made.lines) > 200
        return time.thread_time() - began

    assert sorted(redraw() for _ in range(9))[4] < 0.005
    edited = []
    for _ in range(9):
        signals.edited()
        edited.append(redraw())
    assert sorted(edited)[4] < 0.005, "also right after an edit"
    assert known.is_behind, "what is not looked at yet has its turn with the next redraw"
