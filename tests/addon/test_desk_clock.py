# SPDX-License-Identifier: GPL-3.0-or-later
"""Focus keys stay on their media frames through moves, slips, retiming, reversal and undo."""

import pytest

bpy = pytest.importorskip("bpy")

from blender_rackfocus.addon.shot import clock, marks  # noqa: E402
from blender_rackfocus.addon.shot.focus import Focus  # noqa: E402

FRAMES = 48


@pytest.fixture
def strip(shot):
    strip = shot.racked(shot.pictures(frames=FRAMES), shot.depths(frames=1)[0])
    shot.key(strip, "Focus Distance", {10: 2.0, 30: 8.0})
    clock.follow(strip)
    return strip


def keys(strip):
    return [(round(p.co.x, 2), round(p.co.y, 3)) for p in Focus(strip).curve.keyframe_points]


def media(strip):
    """Media frame under each key."""
    return [marks.media_index(strip, frame) for frame, _ in keys(strip)]


def slip(strip, by):
    """What Blender's slip does: the content moves under handles and keys that stay."""
    left, right = strip.left_handle, strip.right_handle
    strip.content_start += by
    strip.left_handle, strip.right_handle = left, right
    for point in Focus(strip).curve.keyframe_points:
        point.co_ui.x -= by
    Focus(strip).curve.update()


def test_nothing_happens_where_nothing_changes(strip):
    record = strip.rackfocus_clock
    assert record
    assert clock.follow(strip) is False
    assert strip.rackfocus_clock == record
    assert keys(strip) == [(10, 2.0), (30, 8.0)]


def test_a_moved_strip_takes_its_keys_along_once(strip):
    before = media(strip)
    strip.content_start += 100
    assert clock.follow(strip) is False
    assert keys(strip) == [(110, 2.0), (130, 8.0)]
    assert media(strip) == before


def test_a_trim_leaves_keys(strip):
    strip.left_handle, strip.right_handle = 5, 40
    assert clock.follow(strip) is False
    assert keys(strip) == [(10, 2.0), (30, 8.0)]


def test_a_slip_is_followed(strip):
    before = media(strip)
    slip(strip, 6)
    assert keys(strip) == [(10, 2.0), (30, 8.0)]
    assert media(strip) != before
    assert clock.follow(strip) is True
    assert keys(strip) == [(16, 2.0), (36, 8.0)]
    assert media(strip) == before
    assert clock.follow(strip) is False
    slip(strip, -6)
    assert clock.follow(strip) is True
    assert keys(strip) == [(10, 2.0), (30, 8.0)]


def test_a_reversed_strip_racks_backwards(strip):
    before = media(strip)
    strip.use_reverse_frames = True
    assert clock.follow(strip) is True
    assert [value for _, value in keys(strip)] == [8.0, 2.0]
    assert media(strip)[::-1] == before
    strip.use_reverse_frames = False
    assert clock.follow(strip) is True
    assert keys(strip) == [(10, 2.0), (30, 8.0)]


def test_keys_the_user_moves_are_his(strip):
    point = Focus(strip).curve.keyframe_points[1]
    point.co_ui.x = 40
    Focus(strip).curve.update()
    assert clock.follow(strip) is False
    slip(strip, 3)
    assert clock.follow(strip) is True
    assert keys(strip) == [(13, 2.0), (43, 8.0)]


def test_retiming_is_followed_and_undone(strip, shot):
    before = media(strip)
    bpy.ops.ed.undo_push(message="before")
    strip.retiming_keys.add(timeline_frame=49)
    strip.retiming_keys[-1].timeline_frame = 97  # half speed
    assert clock.follow(strip) is True
    assert media(strip) == before
    assert [frame for frame, _ in keys(strip)] == pytest.approx([19, 59], abs=1.1)
    bpy.ops.ed.undo_push(message="retimed")
    bpy.ops.ed.undo()
    back = bpy.context.scene.sequence_editor.strips_all["A"]
    assert clock.follow(back) is False
    assert keys(back) == [(10, 2.0), (30, 8.0)]


def test_the_handler_does_it_when_blender_tells_of_an_edit(strip, shot):
    slip(strip, 6)
    shot.scene.frame_set(3)
    bpy.context.view_layer.update()
    strip.color_saturation = 0.9
    bpy.context.view_layer.update()
    assert keys(strip) == [(16, 2.0), (36, 8.0)]


@pytest.mark.parametrize("with_keys", [False, True])
def test_blenders_own_slip_is_followed_once(shot, with_keys):
    bpy.ops.wm.read_factory_settings(use_empty=False)  # with a window
    shot.set_up(shot.scene)
    strip = shot.racked(shot.pictures(frames=FRAMES), shot.depths(frames=1)[0])
    shot.key(strip, "Focus Distance", {10: 2.0, 30: 8.0})
    strip.left_handle, strip.right_handle = 6, 40
    clock.follow(strip)
    before = media(strip)
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.type = "SEQUENCE_EDITOR"
    window.workspace.sequencer_scene = shot.scene
    strip.select = True
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        assert bpy.ops.sequencer.slip("EXEC_DEFAULT", offset=4, slip_keyframes=with_keys) == {"FINISHED"}
    bpy.context.view_layer.update()
    clock.follow(strip)
    assert (strip.left_handle, strip.right_handle) == (6, 40)
    assert keys(strip) == [(14, 2.0), (34, 8.0)]
    assert media(strip) == before
