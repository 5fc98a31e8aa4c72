# SPDX-License-Identifier: GPL-3.0-or-later
"""A placed strip shows what a render of its original shows, is never seen where that changed, and goes in one click."""

from __future__ import annotations

import shutil
from pathlib import Path

import bpy
import pytest
from live_shot import FAR_M, NEAR_M, Shot, difference

from blender_rackfocus.addon.blender import context, curves, pairs
from blender_rackfocus.addon.delivery import placed as placing
from blender_rackfocus.addon.sequencer import prefetch, show, staleness
from blender_rackfocus.addon.shot import focus_keys, group, modifier

FRAMES = range(1, 5)


def original(shot):
    return shot.scene.sequence_editor.strips_all["A"]


def placed_strip(shot):
    (found,) = pairs.placed_of(original(shot))
    return found


def racked(shot, **how):
    strip = shot.racked(shot.pictures(**how), shot.depths()[0])
    shot.key(strip, "Focus Distance", {1: NEAR_M, 4: FAR_M})
    bpy.ops.wm.save_as_mainfile(filepath=str(shot.folder / "shot.blend"))
    return strip


def place(**how):
    assert bpy.ops.rackfocus.place(strip_name="A", **how) == {"FINISHED"}


def assert_same(one, other, tolerance):
    assert one.keys() == other.keys()
    assert max(difference(picture, other[frame]) for frame, picture in one.items()) <= tolerance


@pytest.fixture(scope="module")
def once(registered, tmp_path_factory):
    """A file with a placed strip, and what a render of its original was."""
    shot = Shot(tmp_path_factory.mktemp("placed"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    shot.set_up(shot.scene)
    racked(shot)
    live = shot.animation("live", 1, 4)[1]
    place()
    bpy.ops.wm.save_mainfile()
    return bpy.data.filepath, live


@pytest.fixture
def placed(shot, once):
    bpy.ops.wm.open_mainfile(filepath=once[0])
    shot.live = once[1]
    return shot


def test_placed_frames_are_the_renders_own_and_are_seen(placed):
    assert original(placed).mute
    assert not placed_strip(placed).mute
    assert_same(placed.live, placed.animation("placed", 1, 4)[1], 0)
    assert original(placed).mute
    assert staleness.of(placed.scene, placed_strip(placed)) is None
    while staleness._tick() is not None:  # as Blender's timer does
        pass
    assert staleness.of(placed.scene, placed_strip(placed)).lines() == ["4 fresh"]


@pytest.mark.parametrize("form", ["EXR", "PNG", "TIFF"])
def test_look_alpha_and_later_modifiers_come_along(shot, form):
    strip = racked(shot, alpha=True)
    below = shot.strip(shot.pictures("below", seed=7), "below", channel=2)
    below.channel, strip.channel = 1, 2
    above = shot.strip(shot.pictures("above", seed=9), "above", channel=3)
    above.blend_alpha = 0.4
    above.transform.offset_x = 20
    strip.blend_type = "ALPHA_OVER"
    strip.transform.offset_x, strip.transform.scale_y, strip.use_flip_x = 5, 0.75, True
    strip.crop.min_x, strip.color_multiply, strip.color_saturation = 7, 0.8, 0.5
    strip.blend_alpha = 0.3
    strip.keyframe_insert("blend_alpha", frame=1)
    strip.blend_alpha = 1.0
    strip.keyframe_insert("blend_alpha", frame=4)
    later = strip.modifiers.new("Later", "BRIGHT_CONTRAST")
    later.bright = 12.0
    later.keyframe_insert("bright", frame=1)
    live = shot.animation("live", 1, 4)[1]
    place(form=form)
    assert [one.name for one in placed_strip(shot).modifiers] == ["Later"]
    assert (placed_strip(shot).channel, shot.scene.sequence_editor.strips["above"].channel) == (3, 4)
    assert_same(live, shot.animation("placed", 1, 4)[1], 1 if form == "EXR" else 2)


def test_what_is_stale_is_rendered_from_the_original_frame_by_frame(placed):
    placed.set(original(placed), **{"F-Stop": 2.8})
    stale = placed.animation("stale", 1, 4)[1]
    assert not original(placed).mute
    assert placed_strip(placed).mute
    assert placed_strip(placed).color_tag == "COLOR_01"
    assert bpy.ops.rackfocus.placed_remove(strip_name="A") == {"FINISHED"}
    assert_same(stale, placed.animation("again", 1, 4)[1], 0)
    assert difference(stale[4], placed.live[4]) > 5


def test_only_the_frames_that_changed_are_exchanged_and_refresh_mends_them(placed, once, tmp_path):
    shutil.copytree(Path(once[0]).parent / "rackfocus_bake", tmp_path / "bake", copy_function=shutil.copy2)
    placed.scene.rackfocus_bake_folder = str(tmp_path / "bake")
    for point in placed.scene.animation_data.action.layers[0].strips[0].channelbags[0].fcurves[0].keyframe_points:
        point.interpolation = "CONSTANT"
    live = placed.animation("live2", 1, 4)[1]
    told = [staleness.placed_strips.difference(placed.scene, placed_strip(placed).name, frame) for frame in FRAMES]
    assert [bool(one.stale) for one in told] == [False, True, True, False]
    placed.scene.frame_set(1)
    place()
    assert all(
        staleness.placed_strips.difference(placed.scene, placed_strip(placed).name, frame).fresh for frame in FRAMES
    )
    made = sorted((tmp_path / "bake").rglob("*.tif"), key=lambda path: path.stat().st_mtime)
    assert [path.stem for path in made[2:]] == ["010002", "010003"]
    assert_same(live, placed.animation("placed", 1, 4)[1], 0)
    assert original(placed).mute


def test_what_was_placed_as_png_is_seen_and_refreshed_as_tiff(shot):
    racked(shot)
    live = shot.animation("live", 1, 4)[1]
    place(form="PNG")
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    assert placing.place_of(placed_strip(shot)).kind == "PNG"
    assert all(staleness.placed_strips.difference(shot.scene, placed_strip(shot).name, frame).fresh for frame in FRAMES)
    place()
    assert placing.place_of(placed_strip(shot)).kind == "TIFF"
    assert_same(live, shot.animation("placed", 1, 4)[1], 0)
    assert original(shot).mute


def may_be_drawn_ahead(shot):
    for asked_then_known in range(2):
        (told,) = staleness.may_be_drawn_ahead(shot.scene)
        while not asked_then_known and staleness._tick() is not None:
            pass
    return told


def test_blender_may_draw_ahead_where_all_that_is_played_is_placed_and_right(placed):
    assert may_be_drawn_ahead(placed) is True
    staleness.changed()
    strip = original(placed)
    assert staleness.may_be_drawn_ahead(placed.scene) == [None]  # nobody knows yet
    placed_strip(placed).right_handle -= 1
    assert may_be_drawn_ahead(placed) is False
    placed.scene.frame_end = 3
    assert may_be_drawn_ahead(placed) is True
    placed.set(strip, **{"F-Stop": 2.8})
    staleness.changed()
    assert may_be_drawn_ahead(placed) is False
    bpy.ops.rackfocus.placed_remove(strip_name="A")
    assert may_be_drawn_ahead(placed) is False
    placed.scene.use_preview_range = True
    placed.scene.frame_preview_start, placed.scene.frame_preview_end = 5, 9
    assert may_be_drawn_ahead(placed) is True
    placed.scene.frame_preview_start = 4
    assert may_be_drawn_ahead(placed) is False


def test_prefetch_goes_off_and_comes_back_as_the_user_had_it(placed):
    editor, f_stop = placed.scene.sequence_editor, modifier.socket(modifier.find(original(placed)), "F-Stop")

    def minded():
        staleness.changed()  # as after any edit
        prefetch.mind(placed.scene)
        while staleness._tick() is not None:
            pass
        prefetch.mind(placed.scene)
        assert prefetch.is_alone(placed.scene) is (f_stop.value == before)
        return editor.use_prefetch

    before = f_stop.value
    assert minded()  # right all over: it stays on
    f_stop.value = 2.8
    assert not minded()
    prefetch.let_go()  # the file is written
    assert editor.use_prefetch
    assert not minded()
    f_stop.value = before
    assert minded()
    editor.use_prefetch = False  # an undo
    show.undone()
    assert minded()
    f_stop.value = 2.8
    assert not minded()
    editor.use_prefetch = True  # the user, in vain
    assert not minded()
    f_stop.value = before
    assert minded()
    editor.use_prefetch = False  # the user
    assert not minded()


def test_the_desk_means_the_original(placed):
    placed.scene.sequence_editor.active_strip = placed_strip(placed)
    assert context.active_strip(bpy.context) == original(placed)
    assert bpy.ops.rackfocus.placed_remove() == {"FINISHED"}
    assert [one.name for one in placed.scene.sequence_editor.strips_all] == ["A"]
    assert not original(placed).mute
    assert not {pairs.ORIGINAL, pairs.BENEATH} & set(original(placed).keys())


def test_moved_trimmed_and_cut_together_it_stays_right(placed):
    both = original(placed), placed_strip(placed)
    assert both[0] in set(both[1].connections)
    for strip in both:
        strip.content_start += 10
    for strip in both:
        strip.left_handle += 1
    both[0].split(13, "SOFT")  # Blender cuts what is connected with it
    assert len(pairs_of(placed, pairs.PLACED)) == 2
    moved = placed.animation("moved", 12, 14)[1]
    assert all(one.mute for one in pairs_of(placed, pairs.ORIGINAL))
    assert_same({frame - 10: picture for frame, picture in moved.items()}, dict(list(placed.live.items())[1:]), 0)


def pairs_of(shot, mark):
    return [one for one in shot.scene.sequence_editor.strips_all if mark in one]


def test_apart_from_its_original_it_stops_a_render(placed):
    placed_strip(placed).content_start += 20
    _outcome, written = placed.animation("apart", 21, 24)
    assert written == {}


def test_in_a_meta_strip_also_where_the_modifier_does_nothing(shot):
    strip = racked(shot)
    shot.key(strip, "Mix", {1: 0.0, 2: 1.0})
    meta = shot.scene.sequence_editor.strips.new_meta("M", 2, 1)
    strip.move_to_meta(meta)
    meta.right_handle = 5
    live = shot.animation("live", 1, 4)[1]
    place()
    assert pairs.list_of(placed_strip(shot)) == meta
    assert_same(live, shot.animation("placed", 1, 4)[1], 0)
    assert original(shot).mute
    found = modifier.find(strip)
    curves.remove(shot.scene, focus_keys.path_of(found, group.socket_ids(found.node_group)["Mix"]))
    shot.set(strip, Mix=1.0)
    told = [staleness.placed_strips.difference(shot.scene, placed_strip(shot).name, frame) for frame in (1, 3)]
    assert [bool(one.stale) for one in told] == [True, False]


def test_cache_range_fills_a_part_at_a_smaller_size_and_renders_do_not_use_it(shot, tmp_path, monkeypatch):
    monkeypatch.setenv("RACKFOCUS_CACHE", str(tmp_path / "store"))
    racked(shot)
    live = shot.animation("live", 1, 4)[1]
    shot.scene.use_preview_range = True
    shot.scene.frame_preview_start, shot.scene.frame_preview_end = 2, 3
    assert bpy.ops.rackfocus.cache_range(strip_name="A", size="HALF") == {"FINISHED"}
    strip = placed_strip(shot)
    assert (strip.left_handle, strip.right_handle) == (2, 4)
    assert strip.transform.scale_x == pytest.approx(2.0)
    shot.scene.use_preview_range = False
    assert_same(live, shot.animation("placed", 1, 4)[1], 0)
    bpy.ops.wm.save_mainfile()
    assert not original(shot).mute
    assert bpy.ops.rackfocus.store(action="CLEAR") == {"FINISHED"}
    assert not [path for path in (tmp_path / "store").rglob("*") if path.suffix in {".png", ".exr", ".tif"}]


def test_why_it_cannot_be_placed_is_said(shot):
    strip = racked(shot)
    strip.mute = True
    with pytest.raises(RuntimeError, match="muted"):
        bpy.ops.rackfocus.place(strip_name="A")
    strip.mute = False
    editor = shot.scene.sequence_editor
    editor.strips.new_effect("Speed", "SPEED", 2, 1, length=4, input1=strip)
    with pytest.raises(RuntimeError, match='input of "Speed"'):
        bpy.ops.rackfocus.place(strip_name="A")


def test_8_bits_only_where_they_hold_everything(shot):
    strip = racked(shot)
    view = shot.scene.view_settings
    view.view_transform = "Standard"
    assert placing.kind_of(shot.scene, strip) == "TIFF"
    view.view_transform = "AgX"
    assert placing.kind_of(shot.scene, strip) == "EXR"
    view.view_transform, view.exposure = "Standard", 1.0
    assert placing.kind_of(shot.scene, strip) == "EXR"
    view.exposure = 0.0
    contrast = strip.modifiers.new("Contrast", "BRIGHT_CONTRAST")
    assert placing.kind_of(shot.scene, strip) == "EXR"
    strip.modifiers.remove(contrast)
    shot.set(strip, **{"Highlight Gain": 2.0})
    assert placing.kind_of(shot.scene, strip) == "EXR"
