# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender keeps and shows again must not mix frames: metas, scene strips, and strips slower than the timeline."""

from __future__ import annotations

import bpy
import pytest
from live_shot import FAR_M, NEAR_M, difference, near
from test_live_ownership import select_only, sequencer

from blender_rackfocus.addon.sequencer import show
from blender_rackfocus.addon.shot import modifier


def half_speed(shot, strip):
    with sequencer(shot.scene):
        select_only(shot.scene, strip)
        bpy.ops.sequencer.retiming_segment_speed_set(speed=50.0)


def test_a_slow_strip_stays_sharp_where_it_is_in_focus(shot):
    """Every frame of the animation shows, in focus, what the plain strip shows there."""
    paths = shot.pictures(frames=5)
    strip = shot.racked(paths, shot.depths(frames=5)[0], focus_m=NEAR_M)
    half_speed(shot, strip)
    assert strip.duration >= 9
    modifier.find(strip).mute = True
    _, plain = shot.animation("plain", 1, 8)
    modifier.find(strip).mute = False
    _, racked = shot.animation("racked", 1, 8)
    for frame, picture in plain.items():
        assert difference(near(racked[frame]), near(picture)) <= 1, frame
    assert difference(racked[1], plain[1]) > 20


@pytest.mark.parametrize("final", [True, False])
def test_an_edit_inside_a_meta_shows(shot, patient, final):
    strip = shot.racked(shot.pictures(), shot.depths()[0], focus_m=NEAR_M)
    with sequencer(shot.scene):
        select_only(shot.scene, strip)
        bpy.ops.sequencer.meta_make()
        bpy.ops.sequencer.meta_toggle() if shot.scene.sequence_editor.meta_stack else None
    first = shot.still(2)
    strip = shot.scene.sequence_editor.strips_all["A"]
    shot.set(strip, **{"Focus Distance": FAR_M})
    if not final:
        show.show(shot.scene, final=False)
    second = shot.still(2)
    assert difference(near(first), near(second)) > 20


def test_an_edit_inside_a_scene_strip_shows(shot):
    inner = bpy.data.scenes.new("Inner")
    shot.set_up(inner)
    strip = shot.racked(shot.pictures(), shot.depths()[0], scene=inner, focus_m=NEAR_M)
    outer = shot.scene.sequence_editor.strips.new_scene("S", inner, channel=1, frame_start=1)
    outer.scene_input = "SEQUENCER"
    first = shot.still(2)
    shot.set(strip, **{"Focus Distance": FAR_M})
    assert difference(near(shot.still(2)), near(first)) > 20
