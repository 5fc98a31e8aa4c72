# SPDX-License-Identifier: GPL-3.0-or-later
"""Focus track and brackets on strips as editors have them: baked, kept, cut, retimed, in metas, with proxies."""

import math
from pathlib import Path

import numpy as np
import pytest
from test_live_ownership import select_only, sequencer

bpy = pytest.importorskip("bpy")

from blender_rackfocus.addon.blender import cache, signals  # noqa: E402
from blender_rackfocus.addon.desk import brackets, track  # noqa: E402
from blender_rackfocus.addon.sequencer import standing  # noqa: E402
from blender_rackfocus.addon.shot import marks, ownership, proposals  # noqa: E402
from blender_rackfocus.addon.shot.focus import Focus  # noqa: E402
from blender_rackfocus.addon.ui.track import layout, timelines  # noqa: E402
from blender_rackfocus.craft import pull  # noqa: E402
from blender_rackfocus.craft.follow import Proposal  # noqa: E402

VIEW = layout.View(frame0=0, px_per_frame=8, channel0=0, px_per_channel=120, width=1600, height=400)


@pytest.fixture
def strip(shot):
    return shot.racked(shot.pictures(frames=4), shot.depths(frames=4)[0])


def tracks(shot):
    """The tracks of all strips that the timeline shows, after an edit, once everything was looked at."""
    known = track.Tracks()
    listed = [strip for strip, _ in timelines.strips_shown(shot.scene.sequence_editor)]
    signals.edited()
    known.of(shot.scene, listed, math.inf)
    standing.settle()
    return {one.strip: one for one in known.of(shot.scene, listed, math.inf)}


def stands(shot, name="A"):
    one = tracks(shot)[name]
    return one.baked, one.stale, one.kept


def test_an_undo_while_it_is_looked_loses_nothing(strip, shot, monkeypatch):
    assert bpy.ops.rackfocus.bake(strip_name="A") == {"FINISHED"}
    bpy.ops.ed.undo_push(message="baked")
    state = standing._state

    def undone(scene, strip, frame):
        answer = state(scene, strip, frame)
        if frame == 2:
            bpy.ops.ed.undo_push(message="something")
            bpy.ops.ed.undo()
        return answer

    monkeypatch.setattr(standing, "_state", undone)
    signals.edited()
    standing.of(shot.scene, strip)
    standing.settle()
    scene = bpy.context.scene
    assert standing.of(scene, scene.sequence_editor.strips_all["A"]).baked == ((1, 4),)


def test_baked_frames_have_a_line_and_stale_ones_another_colour(strip, shot):
    assert stands(shot) == ((), (), ())
    assert bpy.ops.rackfocus.bake(strip_name="A") == {"FINISHED"}
    assert stands(shot) == (((1, 4),), (), ())
    shot.set(strip, **{"F-Stop": 5.6})
    assert stands(shot) == (((1, 4),), ((1, 4),), ())
    shot.set(strip, **{"F-Stop": 1.4})
    assert stands(shot)[1] == ()
    shot.key(strip, "Focus Distance", {1: 2.0, 2: 2.0, 3: 9.0, 4: 2.0})
    assert stands(shot)[1] == ((3, 3),), "those that a key changes, and no others"

    one = layout.Row(tracks(shot)["A"], strip.channel)
    made = layout.geometry(layout.Joined([one.track]), [one], VIEW)
    box = layout.box_of(one, VIEW)
    lines = {}
    for corners, colours in zip(made.triangles.reshape(-1, 3, 2), made.triangle_colours.reshape(-1, 3, 4), strict=True):
        if corners[:, 1].min() > box.top - 3 and corners[:, 1].max() <= box.top + 0.01:
            left, right = lines.get(tuple(colours[0]), (math.inf, -math.inf))
            lines[tuple(colours[0])] = min(left, corners[:, 0].min()), max(right, corners[:, 0].max())
    found = {tuple(round(float(c), 2) for c in colour): span for colour, span in lines.items()}
    assert found[layout.BAKED] == pytest.approx((VIEW.x(1), VIEW.x(5)))
    assert found[layout.STALE] == pytest.approx((VIEW.x(3), VIEW.x(4)))


def test_kept_frames_have_a_line_that_goes_when_they_are_not_right_any_more(strip, shot, tmp_path, monkeypatch):
    monkeypatch.setenv(cache.ENVIRONMENT, str(tmp_path / "store"))
    for frame in (2, 3):
        shot.still(frame)
    cache.settle()
    assert stands(shot) == ((), (), ((2, 3),))
    shot.set(strip, **{"F-Stop": 5.6})
    assert stands(shot)[2] == ()
    shot.set(strip, **{"F-Stop": 1.4})
    assert stands(shot)[2] == ((2, 3),)


def test_a_frame_that_could_not_be_made_is_marked_where_it_is(strip, shot):
    Path(strip.rackfocus_depth_path).with_name("d_0003.exr").unlink()
    assert stands(shot) == ((), (), ())
    shot.animation("broken", 1, 3)
    one = tracks(shot)["A"]
    assert one.failed == (3,)
    assert "number 3 is missing" in one.problem
    row = layout.Row(one, strip.channel)
    made = layout.geometry(layout.Joined([one]), [row], VIEW)
    red = made.triangles[np.isclose(made.triangle_colours, layout.WRONG).all(axis=1)]
    assert red[:, 0].min() <= VIEW.x(3)
    assert red[:, 0].max() >= VIEW.x(4)


def test_both_halves_of_a_cut_strip_have_their_part_of_the_track(strip, shot):
    strip.right_handle = 41
    Focus(strip).write(pull.rack_keys(10, 1.0, 4.0, "SMOOTH", 20))
    mark = marks.add(strip, "Near", 2.0)
    mark.x, mark.y, mark.media_frame = 0.25, 0.25, 1
    proposals.put(strip, [Proposal(30, 3.0, 0.9, "enters", 6)])
    whole = {frame: Focus(strip).at_m(frame) for frame in range(1, 41)}
    with sequencer(shot.scene):
        select_only(shot.scene, strip)
        assert bpy.ops.sequencer.split(frame=21, channel=1) == {"FINISHED"}
    ownership.separate()
    first, second = sorted(tracks(shot).values(), key=lambda one: one.first)
    assert [(one.first, one.last) for one in (first, second)] == [(1, 20), (21, 40)]
    for one in (first, second):
        for frame in range(one.first, one.last + 1):
            assert one.focus_m(frame) == pytest.approx(whole[frame], rel=0.02)
        assert [line.name for line in one.marks] == ["Near"]
        assert [proposal.frame for proposal in one.proposed] == [30]
    rows = [layout.Row(one, 1) for one in (first, second)]
    seen = [layout.hit([row], VIEW, VIEW.x(30), layout.box_of(row, VIEW).y(row.track.share(1 / 3.0))) for row in rows]
    assert [hit is not None and hit.part == "PROPOSAL" for hit in seen] == [False, True], "only where it is shown"
    for frame in (10, 30):
        shot.scene.frame_set(frame)
        (plane,) = brackets.planes(shot.scene)
        assert plane.brackets[0].point == pytest.approx((-16, 12))


def test_a_retimed_strip_in_a_meta_that_cuts_it_is_drawn_where_the_meta_shows_it(strip, shot):
    mark = marks.add(strip, "Actor", 2.0)
    marks.set_samples(mark, {i: marks.Sample(0.2 + 0.2 * i, 0.5, 2.0 + i, 1.0) for i in range(4)})
    with sequencer(shot.scene):
        select_only(shot.scene, strip)
        bpy.ops.sequencer.retiming_segment_speed_set(speed=50.0)
    meta = shot.scene.sequence_editor.strips.new_meta("Meta", 3, 1)
    shot.scene.sequence_editor.strips_all["A"].move_to_meta(meta)
    meta.right_handle = 6
    meta.left_handle = 2
    strip = shot.scene.sequence_editor.strips_all["A"]
    one = tracks(shot)["A"]
    assert (one.first, one.last) == (2, 5)
    line, mark = one.marks[0], marks.of(strip)[0]
    for frame, dioptre in zip(line.frames, line.dioptres, strict=True):
        shot.scene.frame_set(int(frame))
        assert 1 / dioptre == pytest.approx(marks.distance_m(strip, mark, frame), rel=1e-4)
        (plane,) = brackets.planes(shot.scene)
        index = round(plane.brackets[0].metres - 2.0)
        assert plane.brackets[0].point == pytest.approx(((0.2 + 0.2 * index - 0.5) * 64, 0))


def test_a_proxy_changes_neither_track_nor_brackets(strip, shot):
    mark = marks.add(strip, "Near", 2.0)
    mark.x, mark.y, mark.media_frame = 0.25, 0.25, 1
    shot.scene.frame_set(2)

    def seen():
        one = tracks(shot)["A"]
        return (one.first, one.last, one.near_d.tolist(), one.far_d.tolist(), brackets.planes(shot.scene))

    before = seen()
    strip.use_proxy = True
    strip.proxy.build_25 = True
    assert seen() == before
