# SPDX-License-Identifier: GPL-3.0-or-later
"""Ripple edits (Blender 5.3) keep focus on the subject, marks on the media, and depth beside its picture.

The law, whatever Blender did to the strips: wherever a piece of a strip shows a frame of its media, its focus, its
track and its depth there are what they were on that frame of the media before.
"""

import os

import bpy
import pytest

from blender_rackfocus.addon.blender import versions
from blender_rackfocus.addon.desk import tracking
from blender_rackfocus.addon.sequencer import frames, show
from blender_rackfocus.addon.shot import clock, marks, modifier
from blender_rackfocus.addon.shot.focus import Focus

pytestmark = pytest.mark.skipif(not versions.HAS_EFFECTS, reason="this Blender has no ripple edits")
FRAMES = 48


@pytest.fixture
def timeline(shot):
    """Channel 1: a plain strip to be taken out, then a racked one with depth files; channel 4: a racked one over all,
    with a depth strip beside it. In a window."""
    bpy.ops.wm.read_factory_settings(use_empty=False)
    shot.set_up(shot.scene)
    shot.window = bpy.context.window_manager.windows[0]
    shot.area = shot.window.screen.areas[0]
    shot.area.type = "SEQUENCE_EDITOR"
    shot.window.workspace.sequencer_scene = shot.scene
    editor = shot.scene.sequence_editor
    pictures, depths = shot.pictures(frames=FRAMES), shot.depths(frames=FRAMES)
    below = shot.racked(pictures, depths[0])
    below.name = "below"
    above = shot.racked(pictures, "")
    above.name, above.channel = "above", 4
    beside = shot.strip(depths, "depth", start=3, channel=5)
    beside.mute = True
    modifier.pair(above, beside)
    for strip, start in ((below, 21), (above, 3)):
        strip.content_start = start
        shot.key(strip, "Focus Distance", {start + 4: 2.0, start + 20: 8.0, start + 40: 3.0})
        mark = marks.add(strip, "Anna", 3.0)
        marks.set_samples(mark, {i: marks.Sample(0.5, 0.5, 8.0 - i / 10, 1.0) for i in range(FRAMES)})
        clock.follow(strip)
    plain = editor.strips.new_effect("plain", "COLOR", below.channel, 1, length=20)
    for strip in editor.strips:
        strip.select = strip == plain
    shot.scene.timeline_markers.new("here", frame=30)
    bpy.context.view_layer.update()
    return shot


def told(scene):
    """What every racked piece says of each frame of its media: (strip, frame) -> [(focus, track) in metres, depth
    file]."""
    found = {}
    for strip, one in modifier.in_scene(scene):
        (mark,) = getattr(strip, marks.MARKS)
        pulled = marks.for_pull(strip, mark)
        track = dict(zip(pulled.frames, pulled.depths_m, strict=True))
        for frame in range(strip.left_handle, strip.right_handle):
            at = marks.media_index(strip, frame)
            depth = frames.look_job(tracking.shown(strip, frame), one).depth
            said = Focus(strip).at_m(frame), track[frame], os.path.basename(depth.path)
            found.setdefault((strip.name.partition(".")[0], at), []).append(said)
    return found


def do(shot, operator, **arguments):
    region = next(region for region in shot.area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=shot.window, area=shot.area, region=region):
        assert operator("EXEC_DEFAULT", **arguments) == {"FINISHED"}
    bpy.context.view_layer.update()
    show.edited()  # what Blender calls when something was edited


def assert_same_on_the_media(before, after):
    assert after
    for where, said in after.items():
        for focus_m, track_m, depth in said:
            assert focus_m == pytest.approx(before[where][0][0], rel=1e-4), where
            assert track_m == pytest.approx(before[where][0][1], rel=1e-5), where
            assert depth == before[where][0][2], where


def left_handles(scene):
    return sorted((strip.channel, strip.left_handle, strip.right_handle) for strip in scene.sequence_editor.strips)


EDITS = {
    "delete": (bpy.ops.sequencer.ripple_delete, {}, None),
    "delete, this channel only": (bpy.ops.sequencer.ripple_delete, {"all_channels": False}, None),
    "delete, nothing cleared": (bpy.ops.sequencer.ripple_delete, {"clear_ranges": False}, None),
    "delete, markers stay": (bpy.ops.sequencer.ripple_delete, {"markers": False}, None),
    "trim left": (bpy.ops.sequencer.ripple_trim, {"side": "LEFT"}, 31),
    "trim right": (bpy.ops.sequencer.ripple_trim, {"side": "RIGHT"}, 31),
    "trim right, this channel only": (bpy.ops.sequencer.ripple_trim, {"side": "RIGHT", "all_channels": False}, 31),
}


@pytest.mark.parametrize("clear_ranges", [False, True])
@pytest.mark.parametrize("insert", [False, True])
def test_strips_that_are_pushed_aside_keep_both(timeline, insert, clear_ranges):
    """A strip is dragged into others, which make room."""
    scene = timeline.scene
    tool = scene.tool_settings.sequencer_tool_settings
    tool.overlap_mode, tool.ripple_insert, tool.ripple_clear_ranges = "RIPPLE", insert, clear_ranges
    tool.ripple_all_channels = tool.ripple_markers = True
    before, handles = told(scene), left_handles(scene)
    do(timeline, bpy.ops.transform.seq_slide, value=(32, 0))
    assert left_handles(scene) != handles
    assert len(left_handles(scene)) == (7 if insert else 4)  # both racked strips were cut for it, and the depth strip
    assert_same_on_the_media(before, told(scene))


@pytest.mark.parametrize("insert", [False, True])
def test_a_strip_that_is_added_makes_room(timeline, insert):
    scene = timeline.scene
    scene.tool_settings.sequencer_tool_settings.ripple_insert = insert
    before, count = told(scene), len(scene.sequence_editor.strips)
    do(
        timeline,
        bpy.ops.sequencer.image_strip_add,
        directory=f"{timeline.folder}/",
        files=[{"name": "p_0001.png"}],
        frame_start=31,
        length=7,
        channel=1,
        overlap_mode="RIPPLE",
        move_strips_after_add=False,
    )
    assert len(scene.sequence_editor.strips) > count
    assert_same_on_the_media(before, told(scene))


@pytest.mark.parametrize("operator", ["gap_insert", "gap_remove"])
def test_gaps(timeline, operator):
    scene = timeline.scene
    scene.sequence_editor.strips.remove(scene.sequence_editor.strips["plain"])
    if operator == "gap_remove":
        for name in ("above", "depth"):
            scene.sequence_editor.strips[name].content_start += 10
        bpy.context.view_layer.update()
    scene.frame_set(1)
    before, handles = told(scene), left_handles(scene)
    do(timeline, getattr(bpy.ops.sequencer, operator))
    assert left_handles(scene) != handles
    assert_same_on_the_media(before, told(scene))


@pytest.mark.parametrize("edit", EDITS)
def test_focus_and_marks_stay_on_the_media(timeline, edit):
    operator, arguments, frame = EDITS[edit]
    scene = timeline.scene
    before, handles = told(scene), left_handles(scene)
    if frame is not None:
        scene.frame_set(frame)
        for strip in scene.sequence_editor.strips:
            strip.select = strip.name == "below"
    do(timeline, operator, **arguments)
    assert left_handles(scene) != handles
    assert_same_on_the_media(before, told(scene))
