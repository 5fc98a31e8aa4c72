# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth strips stay beside their pictures when both are cut, moved apart by ripples, or lose their first pieces."""

import bpy
import pytest

from blender_rackfocus.addon.blender.context import in_a_sequencer
from blender_rackfocus.addon.desk import tracking
from blender_rackfocus.addon.sequencer import frames, show
from blender_rackfocus.addon.shot import depth_pieces, modifier

FRAMES = 12


@pytest.fixture
def pair(shot):
    """In a file with a window: a racked strip, and its muted depth strip, whose content begins two frames earlier."""
    bpy.ops.wm.read_factory_settings(use_empty=False)
    shot.set_up(shot.scene)
    picture = shot.racked(shot.pictures(frames=FRAMES), "", start=3)
    depth = shot.strip(shot.depths(frames=FRAMES + 2), "depth", start=1, channel=2)
    depth.left_handle = 3
    depth.mute = True
    modifier.pair(picture, depth)
    return picture, depth


def told(scene):
    """The depth file of each picture file that shows."""
    found = {}
    for strip, one in modifier.in_scene(scene):
        for frame in range(strip.left_handle, strip.right_handle):
            job = frames.look_job(tracking.shown(strip, frame), one)
            found[job.picture.path] = job.depth.path
    return found


def cut(scene, frame, *strips):
    for strip in scene.sequence_editor.strips_all:
        strip.select = strip in strips
    with in_a_sequencer(bpy.context, scene):
        assert bpy.ops.sequencer.split(frame=frame, type="SOFT", ignore_selection=False) == {"FINISHED"}
    show.edited()


def pieces(scene):
    """(picture pieces, depth pieces) from left to right."""
    every = sorted(scene.sequence_editor.strips, key=lambda one: one.left_handle)
    return [one for one in every if modifier.find(one)], [one for one in every if not modifier.find(one)]


def test_each_piece_goes_by_its_own_piece(shot, pair):
    before = told(shot.scene)
    assert len(before) == FRAMES
    cut(shot.scene, 7, *pair)
    cut(shot.scene, 10, *shot.scene.sequence_editor.strips)
    pictures, depths = pieces(shot.scene)
    assert [modifier.depth_strip(one) for one in pictures] == depths
    assert len(depths) == 3
    for one in (pictures[1], depths[1]):  # moved together to somewhere else
        one.content_start += 100
    show.edited()
    assert told(shot.scene) == before


def test_the_first_pieces_may_go(shot, pair):
    before = told(shot.scene)
    cut(shot.scene, 7, *pair)
    pictures, depths = pieces(shot.scene)
    for one in (pictures[0], depths[0]):
        shot.scene.sequence_editor.strips.remove(one)
    show.edited()
    after = told(shot.scene)
    assert len(after) == 8
    assert after.items() <= before.items()


def test_what_was_not_cut_with_it_is_no_piece_of_it(shot, pair):
    """Depth of the same files that lies there by chance, at another offset, does not stand in."""
    picture, depth = pair
    cut(shot.scene, 7, picture)
    _first, second = pieces(shot.scene)[0]
    depth.right_handle = 7
    stranger = shot.strip(shot.depths(frames=FRAMES + 2), "stranger", start=2, channel=2)
    stranger.left_handle = 7
    depth_pieces.follow_all()
    assert modifier.depth_strip(second) == depth
    stranger.content_start -= 1
    stranger.left_handle = 7
    depth_pieces.follow_all()
    assert modifier.depth_strip(second) == stranger
