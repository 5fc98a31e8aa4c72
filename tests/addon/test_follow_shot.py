# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow the Shot on a strip: proposals are no keys until they are kept, and lie where their subject is."""

import cv2
import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from concurrent.futures import CancelledError  # noqa: E402

from entrance import FAR_M, FRAMES, NEAR_M, frames  # noqa: E402
from live_shot import write_exr  # noqa: E402

from blender_rackfocus.addon.desk import follow, track  # noqa: E402
from blender_rackfocus.addon.shot import marks, proposals  # noqa: E402
from blender_rackfocus.addon.shot.focus import Focus  # noqa: E402
from blender_rackfocus.addon.ui.track import edit, layout  # noqa: E402
from blender_rackfocus.craft.follow import Proposal  # noqa: E402

_SEEN = []


@pytest.fixture(scope="module")
def entrance(tmp_path_factory):
    """The folder of the shot's pictures and of its depth."""
    folder = tmp_path_factory.mktemp("entrance")
    for frame, picture, depth_m in frames():
        cv2.imwrite(str(folder / f"p_{frame:04d}.png"), np.repeat(picture[..., None], 3, 2))
        write_exr(folder / f"d_{frame:04d}.exr", {"Z": depth_m})
    return folder


@pytest.fixture
def strip(shot, entrance):
    pictures = [str(entrance / f"p_{frame:04d}.png") for frame in range(1, FRAMES + 1)]
    return shot.racked(pictures, str(entrance / "d_0001.exr"))


def followed(strip):
    """The shot's proposals: looked at once, then put on every test's own strip."""
    if not _SEEN:
        assert bpy.ops.rackfocus.follow_shot(strip_name=strip.name) == {"FINISHED"}
        _SEEN.extend(proposals.read(strip))
    proposals.put(strip, _SEEN)
    return proposals.read(strip)


def test_who_is_there_and_who_enters_is_proposed_and_nothing_keyed(strip):
    opens, enters = followed(strip)
    assert (opens.reason, opens.frame, opens.length) == ("opens", 1, 0)
    assert (opens.distance_m, enters.distance_m) == pytest.approx((NEAR_M, FAR_M), rel=0.03)
    assert enters.reason == "enters"
    assert enters.start < 18 < enters.frame <= 32, "focus is there when the subject is"
    assert Focus(strip).curve is None


def test_one_is_kept_one_is_deleted(strip):
    _, enters = followed(strip)
    assert bpy.ops.rackfocus.proposal_keep(strip_name=strip.name, index=1) == {"FINISHED"}
    focus = Focus(strip)
    assert focus.at_m(enters.frame) == pytest.approx(FAR_M, rel=0.03)
    assert focus.at_m(enters.start) == pytest.approx(focus.at_m(1))
    assert [one.reason for one in proposals.read(strip)] == ["opens"]
    assert bpy.ops.rackfocus.proposal_delete(strip_name=strip.name, index=0) == {"FINISHED"}
    assert proposals.read(strip) == []
    assert focus.at_m(enters.frame) == pytest.approx(FAR_M, rel=0.03), "what is kept stays"


def test_all_are_kept(strip):
    _, enters = followed(strip)
    assert bpy.ops.rackfocus.proposal_keep(strip_name=strip.name) == {"FINISHED"}
    focus = Focus(strip)
    told = [focus.at_m(frame) for frame in (1, int(enters.start), enters.frame, FRAMES)]
    assert told == pytest.approx([NEAR_M, NEAR_M, FAR_M, FAR_M], rel=0.03)
    assert proposals.read(strip) == []


def test_keys_by_hand_stay_and_what_would_replace_them_stays_a_proposal(strip):
    focus = Focus(strip)
    _, enters = followed(strip)
    hand = (enters.start + enters.frame) // 2
    focus.set(3.3, hand, key=True)
    assert bpy.ops.rackfocus.proposal_keep(strip_name=strip.name) == {"FINISHED"}
    assert focus.at_m(hand) == pytest.approx(3.3)
    assert [one.reason for one in proposals.read(strip)] == ["enters"]


def test_proposals_go_with_their_strip(strip):
    before = followed(strip)
    strip.content_start += 20
    after = proposals.read(strip)
    assert [one.frame - 20 for one in after] == [one.frame for one in before]
    assert [frame - 20 for frame in after[1].frames] == list(before[1].frames)


def test_proposals_follow_retiming_slips_and_trims(strip):
    before = followed(strip)
    strip.left_handle += 5
    assert proposals.read(strip) == before
    strip.left_handle -= 5
    half = strip.retiming_keys.add(timeline_frame=FRAMES + 1)
    half.timeline_frame = 2 * FRAMES + 1  # half speed
    for one, was in zip(proposals.read(strip), before, strict=True):
        assert one.frame == pytest.approx(1 + 2 * (was.frame - 1), abs=1)
        assert one.length == pytest.approx(2 * was.length, abs=1)
        assert one.frames == pytest.approx([1 + 2 * (frame - 1) for frame in was.frames], abs=1)
        assert one.depths_m == was.depths_m


def test_a_mark_gives_its_subject_a_name(strip):
    marks.add(strip, "Ben", FAR_M)
    assert bpy.ops.rackfocus.follow_shot(strip_name=strip.name) == {"FINISHED"}
    assert [one.name for one in proposals.read(strip)] == ["", "Ben"]
    assert follow.told(proposals.read(strip)[1]).endswith("Ben, 5.00 m, enters")


def test_it_can_be_stopped_and_a_missing_frame_is_said(strip, entrance):
    task = follow.plan(strip)
    with pytest.raises(CancelledError):
        follow.run(task, lambda *_: None, lambda: True)
    assert len(task.looks) == 24, "twelve looks a second"


def test_proposals_are_on_the_track_hollow_and_can_be_dragged(strip):
    view = layout.View(frame0=0, px_per_frame=8, channel0=0, px_per_channel=120, width=1600, height=400)
    bare = layout.Row(track.of_strip(strip), strip.channel)
    _, enters = followed(strip)
    row = layout.Row(track.of_strip(strip), strip.channel)
    box = layout.box_of(row, view)
    x, y = view.x(enters.frame), box.y(float(row.track.share(1 / enters.distance_m)))
    hit = layout.hit([row], view, x + 2, y - 2)
    assert (hit.part, hit.proposal) == ("PROPOSAL", 1)
    drawn, without = (layout.geometry(layout.Joined([one.track]), [one], view) for one in (row, bare))
    assert len(drawn.points) - len(without.points) == 2 * 24, "two rims of four sides"
    assert {array.dtype for array in vars(drawn).values()} == {np.dtype(np.float32)}, "what the shaders take"
    middle = (drawn.points.reshape(-1, 3, 2).mean(axis=1) - (x, y)) ** 2
    assert np.sqrt(middle.sum(axis=1)).min() > 2, "hollow"

    grip = edit.ProposalGrip(strip, 1)
    assert grip.room(1000) == FRAMES - enters.frame
    grip.move(5, 0.0)
    moved = proposals.read(strip)[1]
    assert (moved.frame, moved.distance_m) == (enters.frame + 5, pytest.approx(enters.distance_m))
    assert moved.frames == enters.frames, "it is still that subject"
    grip.move(5, 0.1)
    assert proposals.read(strip)[1].distance_m == pytest.approx(1 / (1 / enters.distance_m + 0.1), rel=1e-4)
    assert proposals.read(strip)[1].frames == ()
    grip.put_back()
    assert proposals.read(strip)[1].frame == enters.frame
    assert proposals.read(strip)[1].frames == enters.frames


def test_a_strong_and_a_weak_one_are_drawn_apart(strip):
    proposals.put(strip, [Proposal(10, 3.0, 0.9, "enters", 6), Proposal(30, 3.0, 0.2, "moves", 6)])
    sizes = [bool(one.strong) for one in track.of_strip(strip).proposed]
    assert sizes == [True, False]
    assert layout.STRONG_PX > layout.WEAK_PX


def test_what_was_dragged_is_kept_where_it_was_dragged_to(strip):
    _, enters = followed(strip)
    edit.ProposalGrip(strip, 1).move(4, 0.0)
    assert bpy.ops.rackfocus.proposal_keep(strip_name=strip.name, index=1) == {"FINISHED"}
    assert Focus(strip).keys()[-1].frame == enters.frame + 4
    edit.ProposalGrip(strip, 0).move(2, 0.3)
    assert bpy.ops.rackfocus.proposal_keep(strip_name=strip.name, index=0) == {"FINISHED"}
    assert Focus(strip).at_m(3) == pytest.approx(1 / (1 / NEAR_M + 0.3), rel=0.03)
