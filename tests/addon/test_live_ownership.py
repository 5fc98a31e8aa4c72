# SPDX-License-Identifier: GPL-3.0-or-later
"""However a strip came to be - duplicated, pasted, split, undone, loaded, appended - it shows its own pixels."""

from __future__ import annotations

import os
from contextlib import contextmanager

import bpy
import numpy as np
import pytest
from live_shot import FAR_M, NEAR_M, WIDTH, Shot, difference, far, near

from blender_rackfocus.addon.shot import group, modifier, ownership, pixels


@contextmanager
def sequencer(scene):
    """The context of a sequencer that shows a scene."""
    window = bpy.context.window
    area = max(window.screen.areas, key=lambda a: a.width * a.height)
    before, area.type = area.type, "SEQUENCE_EDITOR"
    window.workspace.sequencer_scene = scene
    region = next(r for r in area.regions if r.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        yield
    area.type = before


def select_only(scene, *strips):
    for strip in scene.sequence_editor.strips_all:
        strip.select = strip in strips
    scene.sequence_editor.active_strip = strips[0]


def groups() -> list:
    return [tree for tree in bpy.data.node_groups if group.is_ours(tree)]


def assert_all_own(count: int) -> None:
    """So many modifiers, each with a group and an image nobody shares, and no orphan left."""
    ownership.separate()
    found = [made for _, made in modifier.everywhere()]
    assert len(found) == count
    assert len({made.node_group for made in found}) == count
    assert len({group.image_of(made.node_group) for made in found}) == count
    assert len(groups()) == count
    assert len(pixels.ours()) == count


@pytest.fixture
def pair(shot):
    """A strip "A" and what it looks like focused near and far, alone, at frame 2 of its media."""
    strip = shot.racked(shot.pictures(), shot.depths()[0], focus_m=NEAR_M)
    shot.looks = {NEAR_M: shot.still(2)}
    shot.set(strip, **{"Focus Distance": FAR_M})
    shot.looks[FAR_M] = shot.still(2)
    shot.set(strip, **{"Focus Distance": NEAR_M})
    return shot, strip


def assert_two_side_by_side(shot, first, second):
    """Both strips at once, one over the other's right half, focused differently: each half is its own strip's."""
    shot.set(first, **{"Focus Distance": NEAR_M})
    shot.set(second, **{"Focus Distance": FAR_M})
    first.channel, second.channel = 1, 3
    for strip in (first, second):
        strip.right_handle = max(strip.right_handle, 5)
        strip.left_handle = 1
    second.blend_type = "ALPHA_OVER"
    second.crop.min_x = WIDTH // 2
    made = shot.still(2)
    assert difference(made[:, : WIDTH // 2 - 1], shot.looks[NEAR_M][:, : WIDTH // 2 - 1]) <= 1
    assert difference(made[:, WIDTH // 2 + 1 :], shot.looks[FAR_M][:, WIDTH // 2 + 1 :]) <= 1
    assert difference(shot.looks[NEAR_M], shot.looks[FAR_M]) > 50


def test_duplicate(pair):
    shot, strip = pair
    with sequencer(shot.scene):
        select_only(shot.scene, strip)
        assert bpy.ops.sequencer.duplicate() == {"FINISHED"}
    first, second = shot.scene.sequence_editor.strips
    second.content_start = 1
    assert_all_own(2)
    assert_two_side_by_side(shot, first, second)


def test_copy_and_paste(pair):
    shot, strip = pair
    with sequencer(shot.scene):
        select_only(shot.scene, strip)
        shot.scene.frame_set(1)
        assert bpy.ops.sequencer.copy() == {"FINISHED"}
        assert bpy.ops.sequencer.paste() == {"FINISHED"}
    first, second = shot.scene.sequence_editor.strips
    second.content_start = 1
    assert_all_own(2)
    assert_two_side_by_side(shot, first, second)


def test_split(pair):
    shot, strip = pair
    whole = {frame: shot.still(frame) for frame in (1, 2, 3, 4)}
    with sequencer(shot.scene):
        select_only(shot.scene, strip)
        assert bpy.ops.sequencer.split(frame=3, channel=1) == {"FINISHED"}
    assert_all_own(2)
    for frame, picture in whole.items():
        assert np.array_equal(shot.still(frame), picture)


def test_a_cross_of_two_halves_shows_both(pair):
    """A split strip whose halves overlap: both are drawn in one frame, each with its own media frame."""
    shot, strip = pair
    with sequencer(shot.scene):
        select_only(shot.scene, strip)
        bpy.ops.sequencer.split(frame=3, channel=1)
    second = max(shot.scene.sequence_editor.strips, key=lambda s: s.left_handle)
    second.channel = 2
    second.content_start -= 2
    second.blend_type = "ALPHA_OVER"
    second.crop.min_x = WIDTH // 2
    made = shot.still(1)
    second.mute = True
    alone = shot.still(1)
    assert difference(near(made), near(alone)) <= 1
    assert np.abs(far(made) - far(alone)).mean() > 3


def test_copied_scene(pair):
    shot, strip = pair
    other = shot.scene.copy()
    assert_all_own(2)
    twin = other.sequence_editor.strips[strip.name]
    shot.set(twin, **{"Focus Distance": FAR_M})
    assert difference(shot.still(2), shot.looks[NEAR_M]) <= 1
    assert difference(shot.still(2, other), shot.looks[FAR_M]) <= 1
    assert difference(shot.still(2), shot.looks[NEAR_M]) <= 1


def test_strips_of_one_name_in_two_scenes(pair):
    shot, strip = pair
    other = bpy.data.scenes.new("Other")
    Shot.set_up(other)
    twin = shot.racked(shot.pictures("q", seed=7), shot.depths()[0], name=strip.name, scene=other, focus_m=FAR_M)
    assert twin.name == strip.name
    alone = shot.still(2, other)
    assert difference(shot.still(2), shot.looks[NEAR_M]) <= 1
    assert difference(shot.still(2, other), alone) <= 1
    assert difference(alone, shot.looks[FAR_M]) > 50


def test_rename(pair):
    shot, strip = pair
    shot.key(strip, "Focus Distance", {1: NEAR_M, 2: FAR_M})
    strip.name = 'Quo"ted \\ Ünï'
    modifier.find(strip).name = "Mine"
    assert difference(shot.still(2), shot.looks[FAR_M]) <= 1


def test_save_and_reload(pair):
    shot, strip = pair
    path = str(shot.folder / "shot.blend")
    shot.key(strip, "Focus Distance", {1: NEAR_M, 2: FAR_M})
    strip.rackfocus_depth_path = "//d_0001.exr"
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    assert_all_own(1)
    assert difference(shot.still(2), shot.looks[FAR_M]) <= 1
    assert shot.scene.sequence_editor.strips["A"].rackfocus_depth_path == "//d_0001.exr"


def test_append_from_another_file(pair):
    shot, strip = pair
    path = str(shot.folder / "shot.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path, copy=True)
    shot.scene.name = "Here"
    shot.set(strip, **{"Focus Distance": FAR_M})
    with bpy.data.libraries.load(path) as (there, here):
        here.scenes = there.scenes
    appended = here.scenes[0]
    assert_all_own(2)
    assert difference(shot.still(2, appended), shot.looks[NEAR_M]) <= 1
    assert difference(shot.still(2), shot.looks[FAR_M]) <= 1


def test_a_file_opened_without_the_extension_shows_the_strip_untouched(pair):
    import blender_rackfocus

    shot, _strip = pair
    path = str(shot.folder / "shot.blend")
    shot.still(2)
    bpy.ops.wm.save_as_mainfile(filepath=path)
    blender_rackfocus.unregister()
    try:
        bpy.ops.wm.open_mainfile(filepath=path)
        modifiers = shot.scene.sequence_editor.strips["A"].modifiers
        with_modifier = shot.still(2)
        modifiers.remove(modifiers[0])
        plain = shot.still(2)
    finally:
        blender_rackfocus.register()
    assert difference(with_modifier, plain) <= 1
    assert difference(plain, shot.looks[NEAR_M]) > 20


def test_the_file_does_not_grow_by_pixels_and_nothing_is_left_unsaved(pair):
    shot, _strip = pair
    path = shot.folder / "shot.blend"
    shot.still(2)
    assert pixels.is_any_unsaved()
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=False)
    with_pixels = os.path.getsize(path)
    assert not pixels.is_any_unsaved()
    pixels.drop_all()
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=False)
    assert abs(os.path.getsize(path) - with_pixels) < 2000


def test_settled_pixels_still_show(pair):
    shot, strip = pair
    shot.still(2)
    image = group.image_of(modifier.find(strip).node_group)
    pixels.settle()
    assert not pixels.is_any_unsaved()
    assert image.has_data
    strip.invalidate_cache("COMPOSITE")
    assert difference(shot.still(2), shot.looks[NEAR_M]) <= 1
    for frame in (1, 2):
        shot.still(frame)
        pixels.settle()
    assert difference(shot.still(2), shot.looks[NEAR_M]) <= 1


def test_removing_leaves_nothing_behind(pair):
    shot, strip = pair
    shot.still(2)
    modifier.remove(strip)
    assert not groups()
    assert not pixels.ours()
    plain = shot.still(2)
    assert difference(plain, shot.looks[NEAR_M]) > 20


def test_removing_with_blenders_own_button_leaves_nothing_behind(pair):
    _shot, strip = pair
    strip.modifiers.remove(modifier.find(strip))
    assert_all_own(0)


def test_deleting_the_strip_leaves_nothing_behind(pair):
    shot, strip = pair
    shot.scene.sequence_editor.strips.remove(strip)
    assert_all_own(0)


def test_adding_twice_does_not_stack(pair):
    _shot, strip = pair
    assert modifier.add(strip) == modifier.find(strip)
    assert len(strip.modifiers) == 1
    assert_all_own(1)


def test_undo_and_redo(pair):
    shot, strip = pair
    bpy.ops.ed.undo_push(message="before")
    with sequencer(shot.scene):
        select_only(shot.scene, strip)
        bpy.ops.sequencer.duplicate()
    bpy.ops.ed.undo_push(message="duplicated")
    shot.set(shot.scene.sequence_editor.strips[1], **{"Focus Distance": FAR_M})
    bpy.ops.ed.undo_push(message="focused")
    assert bpy.ops.ed.undo() == {"FINISHED"}
    assert_all_own(2)
    assert bpy.ops.ed.undo() == {"FINISHED"}
    assert_all_own(1)
    assert difference(shot.still(2), shot.looks[NEAR_M]) <= 1
    assert bpy.ops.ed.redo() == {"FINISHED"}
    assert bpy.ops.ed.redo() == {"FINISHED"}
    assert_all_own(2)
    first, second = shot.scene.sequence_editor.strips
    second.content_start = 1
    assert_two_side_by_side(shot, first, second)
