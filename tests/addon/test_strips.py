# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frame a strip shows: every claim is held against a real render of Blender's sequencer, frame by frame."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import bpy
import counted
import pytest

from blender_rackfocus.addon.blender import dna, strips
from blender_rackfocus.addon.blender.errors import FrameError
from blender_rackfocus.addon.blender.source_cache import SourceCache

FRAMES = 40


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    """One movie with frames between key frames, one in another container at another rate, and a folder for
    renders."""
    folder = tmp_path_factory.mktemp("counted")
    return SimpleNamespace(
        folder=folder,
        movie=str(counted.movie(folder / "a.mp4", FRAMES, 24)),
        ntsc=str(counted.movie(folder / "b.mov", FRAMES, Fraction(30000, 1001))),
    )


def told(scene, strip, first, last, cache):
    """The numbers that strips.walk and strips.media_frame give."""
    numbers = []
    for frame in range(first, last + 1):
        shown = [one for one in strips.walk(scene, frame, cache) if one.strip == strip]
        assert len(shown) < 2
        numbers.append(strips.media_frame(strip, shown[0].frame, shown[0].scene).index if shown else counted.NOTHING)
    return numbers


def check(scene, strip, first, last, folder, number=lambda index: index):
    """Rendered numbers are the told ones, with Blender's cache of sources and without it."""
    for keeps in (True, False):
        scene.sequence_editor.use_cache_raw = keeps
        for one in scene.sequence_editor.strips_all:
            one.invalidate_cache("RAW")
        cache = SourceCache()
        # Leave nothing of an earlier render behind: an empty frame far away.
        assert counted.rendered(scene, 900, 900, folder) == told(scene, strip, 900, 900, cache) == [counted.NOTHING]
        seen = counted.rendered(scene, first, last, folder)
        expected = [index if index < 0 else number(index) for index in told(scene, strip, first, last, cache)]
        assert seen == expected
        assert len(set(seen)) > 2
    scene.sequence_editor.use_cache_raw = True


def new_movie(scene, path, start=3, channel=1):
    return scene.sequence_editor.strips.new_movie("clip", path, channel, start)


def test_numbered_pictures_are_read_back():
    assert [counted.number(counted.picture(value)) for value in (0, 1, 170, 255)] == [0, 1, 170, 255]
    assert counted.number(counted.picture(3) // 2 + counted.picture(4) // 2) == counted.NOTHING
    assert counted.number(counted.picture(0) * 0) == counted.NOTHING


def _untouched(strip):
    pass


def _trimmed(strip):
    strip.left_handle, strip.right_handle = 10, 30


def _held(strip):
    strip.left_handle, strip.right_handle = 1, 55


def _moved(strip):
    strip.left_handle = 12
    strip.content_start += 7


def _content_trims(strip):
    strip.content_trim_start, strip.content_trim_end = 4, 6
    strip.left_handle, strip.right_handle = 1, 50


def _reversed(strip):
    _content_trims(strip)
    strip.use_reverse_frames = True


def _strobe(strip):
    _held(strip)
    strip.strobe = 3


def _strobe_between(strip):
    _held(strip)
    strip.strobe = 2.5


def _strobe_with_an_offset(strip):
    """Counted from the content's own first frame, not from the file's, the handle's or the timeline's: 4, 5 and 3 of
    them, none of which is a multiple of the step."""
    strip.content_start += 2
    strip.content_trim_start, strip.content_trim_end = 5, 3
    strip.left_handle, strip.right_handle = strip.left_handle + 4, 48
    strip.strobe = 3


def _strobe_with_an_offset_reversed(strip):
    _strobe_with_an_offset(strip)
    strip.use_reverse_frames = True


def _strobe_reversed(strip):
    _reversed(strip)
    strip.strobe = 4


@pytest.mark.parametrize(
    "change",
    [
        _untouched,
        _trimmed,
        _held,
        _moved,
        _content_trims,
        _reversed,
        _strobe,
        _strobe_between,
        _strobe_with_an_offset,
        _strobe_with_an_offset_reversed,
        _strobe_reversed,
    ],
)
def test_trims_reverse_and_strobe(media, change):
    scene = counted.fresh_scene()
    strip = new_movie(scene, media.movie)
    change(strip)
    check(scene, strip, 1, 60, media.folder)


def test_split_halves_moved_apart(media):
    scene = counted.fresh_scene()
    left = new_movie(scene, media.movie)
    middle = left.split(frame=17, split_method="SOFT")
    right = middle.split(frame=30, split_method="HARD")
    right.channel = 3
    right.content_start += 7
    for strip, first, last in ((left, 1, 16), (middle, 17, 29), (right, 37, 52)):
        check(scene, strip, first, last, media.folder)


RETIMED = {
    "slow, then fast": [(0, 0, 0), (40, 0.5, 0), (52, 1, 0)],
    "several keys": [(0, 0, 0), (10, 0.5, 0), (40, 0.75, 0), (55, 1, 0)],
    "freeze": [(0, 0, 0), (10, 0.25, 4), (25, 0.25, 8), (55, 1, 0)],
    "slowing down": [(0, 0, 0), (15, 0.5, 1), (25, 0.68, 2), (55, 1, 0)],
    "speeding up": [(0, 0, 0), (12, 0.15, 1), (26, 0.5, 2), (40, 1, 0)],
    "transition that changes nothing": [(0, 0, 0), (15, 0.375, 1), (25, 0.625, 2), (40, 1, 0)],
    "backwards in between": [(0, 0, 0), (20, 0.8, 0), (40, 0.2, 0), (60, 0.9, 0)],
}


@pytest.mark.parametrize("keys", RETIMED.values(), ids=RETIMED.keys())
@pytest.mark.parametrize("backwards", [False, True], ids=["", "reversed"])
def test_retiming(media, keys, backwards):
    scene = counted.fresh_scene()
    strip = new_movie(scene, media.movie)
    counted.set_keys(strip, keys)
    strip.left_handle, strip.right_handle = 1, 66
    strip.use_reverse_frames = backwards
    check(scene, strip, 1, 68, media.folder)


@pytest.mark.parametrize(("operator", "duration"), [("retiming_transition_add", 8), ("retiming_freeze_frame_add", 7)])
def test_retiming_made_with_blenders_own_operators(media, operator, duration):
    bpy.ops.wm.read_homefile(use_factory_startup=True, app_template="Video_Editing")
    scene = counted.set_up(bpy.context.scene)
    strip = new_movie(scene, media.movie)
    scene.sequence_editor.active_strip = strip
    strip.show_retiming_keys = True
    window = bpy.context.window_manager.windows[0]
    area = next(a for a in window.screen.areas if a.type == "SEQUENCE_EDITOR" and a.spaces[0].view_type != "PREVIEW")
    region = next(r for r in area.regions if r.type == "WINDOW")
    sequencer = bpy.ops.sequencer
    with bpy.context.temp_override(window=window, area=area, region=region, scene=scene):
        assert sequencer.retiming_key_add(timeline_frame=15) == {"FINISHED"}
        assert sequencer.retiming_key_add(timeline_frame=30) == {"FINISHED"}
        counted.select_key(strip, 2)
        assert sequencer.retiming_segment_speed_set(speed=60.0) == {"FINISHED"}
        check(scene, strip, 1, 80, media.folder)
        counted.select_key(strip, 1)
        assert getattr(sequencer, operator)(duration=duration) == {"FINISHED"}
    assert len(strip.retiming_keys) == 5
    check(scene, strip, 1, 90, media.folder)


@pytest.mark.parametrize("movie_fps", [23.976, 25, 29.97, 50, 60])
@pytest.mark.parametrize("scene_fps", [(24, 1.0), (25, 1.0), (30, 1.001)])
def test_movie_at_another_rate_than_the_scene(media, movie_fps, scene_fps):
    scene = counted.fresh_scene(*scene_fps)
    strip = new_movie(scene, media.movie)
    counted.match_rate(strip, movie_fps)
    strip.left_handle, strip.right_handle = 2, 60
    check(scene, strip, 1, 62, media.folder)


def test_scene_rate_changed_after_adding(media):
    scene = counted.fresh_scene(30, 1.001)
    strip = new_movie(scene, media.ntsc)
    check(scene, strip, 1, 44, media.folder)
    counted.match_rate(strip, 30 / 1.001)
    scene.render.fps, scene.render.fps_base = 48, 1.0
    counted.set_keys(strip, [(0, 0, 0), (10, 0.5, 0), (39, 1, 0)])
    check(scene, strip, 1, 70, media.folder)


GAPS = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233]


@pytest.fixture
def sequence(media):
    """A scene with an image strip whose files are numbered with gaps, given relative to the .blend."""
    names = counted.stills(media.folder / "gaps", GAPS)
    scene = counted.fresh_scene()
    bpy.ops.wm.save_as_mainfile(filepath=str(media.folder / "shot.blend"), check_existing=False)
    strip = scene.sequence_editor.strips.new_image("stills", "//gaps/" + names[0], 1, 3)
    for name in names[1:]:
        strip.elements.append(name)
    strip.right_handle = 25
    return scene, strip


def test_image_sequence_with_gaps_in_its_names(media, sequence):
    scene, strip = sequence
    check(scene, strip, 1, 30, media.folder, GAPS.__getitem__)
    frame = strips.media_frame(strip, 6, scene)
    assert (frame.kind, frame.index) == ("IMAGE", 3)
    assert frame.path == os.path.join(str(media.folder), "gaps", "shot_0005.png")
    strip.content_trim_start, strip.content_trim_end = 2, 3
    strip.left_handle = 1
    check(scene, strip, 1, 30, media.folder, GAPS.__getitem__)
    strip.use_reverse_frames, strip.strobe = True, 2
    check(scene, strip, 1, 30, media.folder, GAPS.__getitem__)


def test_retimed_image_sequence(media, sequence):
    scene, strip = sequence
    counted.set_keys(strip, [(0, 0, 0), (9, 0.3, 0), (22, 1, 0)])
    check(scene, strip, 1, 30, media.folder, GAPS.__getitem__)


def test_one_still_serves_every_frame(media, sequence):
    scene = sequence[0]
    sequence[1].mute = True
    still = scene.sequence_editor.strips.new_image("still", "//gaps/shot_0021.png", 2, 3)
    still.right_handle = 20
    still.use_reverse_frames = True
    assert counted.rendered(scene, 3, 19, media.folder) == [21] * 17
    assert {strips.media_frame(still, frame, scene).path[-8:] for frame in range(3, 20)} == {"0021.png"}


def test_what_is_needed_to_read_the_file(media):
    scene = counted.fresh_scene()
    strip = new_movie(scene, media.movie)
    strip.colorspace_settings.name = "Non-Color"
    strip.alpha_mode = "PREMUL"
    strip.mute = True
    frame = strips.media_frame(strip, 5, scene)
    assert (frame.path, frame.index, frame.kind, frame.stream) == (media.movie, 2, "MOVIE", 0)
    assert (frame.colorspace, frame.alpha_mode, frame.multiview, frame.held) == ("Non-Color", "PREMUL", "", False)
    assert strips.media_frame(strip, 2, scene).held
    assert strips.media_frame(strip, 43, scene).held
    assert not strips.media_frame(strip, 42, scene).held


def test_strips_without_a_file_say_so():
    scene = counted.fresh_scene()
    colour = scene.sequence_editor.strips.new_effect("sky", "COLOR", 1, frame_start=1, length=10)
    with pytest.raises(FrameError, match='strip "sky": a strip of type color has no file of its own') as error:
        strips.media_frame(colour, 1, scene)
    assert error.value.owner == "sky"


def test_unknown_layout_is_refused():
    with pytest.raises(FrameError, match="has no field warp_factor in its struct Sequence"):
        dna.read(0, "Sequence", "warp_factor")


def test_layout_agrees_with_what_the_api_shows(media):
    scene = counted.fresh_scene()
    strip = new_movie(scene, media.movie, start=7)
    strip.left_handle, strip.strobe = 9, 2.5
    address = strip.as_pointer()
    assert dna.read(address, "Sequence", "len") == FRAMES
    assert dna.read(address, "Sequence", "start") == strip.content_start == 7
    assert dna.read(address, "Sequence", "startofs") == strip.left_handle_offset == 2
    assert dna.read(address, "Sequence", "strobe") == 2.5
    assert dna.read(address, "Sequence", "machine") == strip.channel


# --- Strips inside others --------------------------------------------------------------------------------------------


@pytest.fixture
def meta(media):
    """A scene with a movie, trimmed, in a meta strip."""
    scene = counted.fresh_scene()
    meta = scene.sequence_editor.strips.new_meta("meta", 1, 1)
    strip = meta.strips.new_movie("clip", media.movie, 2, 3)
    strip.left_handle, strip.right_handle = 5, 35
    meta.left_handle, meta.right_handle = 5, 35
    return scene, meta, strip


def _meta_moved_and_trimmed(meta, strip):
    meta.content_start += 6
    meta.left_handle += 4
    meta.right_handle -= 5


def _meta_held(meta, strip):
    meta.left_handle, meta.right_handle = 2, 45


def _meta_reversed(meta, strip):
    _meta_moved_and_trimmed(meta, strip)
    meta.use_reverse_frames = True


def _meta_strobe_and_content_trims(meta, strip):
    meta.strobe = 2.5
    meta.content_trim_start, meta.content_trim_end = 3, 4


def _retimed_inside(meta, strip):
    _meta_moved_and_trimmed(meta, strip)
    counted.set_keys(strip, [(0, 0, 0), (20, 0.3, 0), (45, 1, 0)])


def _meta_in_meta(meta, strip):
    outer = bpy.context.scene.sequence_editor.strips.new_meta("outer", 4, 1)
    meta.move_to_meta(outer)
    outer.left_handle, outer.right_handle = 5, 35
    outer.content_start += 3
    outer.left_handle += 3
    outer.strobe = 2
    counted.set_keys(strip, [(0, 0, 0), (20, 0.3, 0), (45, 1, 0)])


@pytest.mark.parametrize(
    "change",
    [
        _meta_moved_and_trimmed,
        _meta_held,
        _meta_reversed,
        _meta_strobe_and_content_trims,
        _retimed_inside,
        _meta_in_meta,
    ],
)
def test_strip_in_a_meta_strip(media, meta, change):
    scene, outer, strip = meta
    change(outer, strip)
    check(scene, strip, 1, 50, media.folder)


@pytest.fixture
def nested(media):
    """A scene that shows another one's sequencer: it starts at 7, and its movie at 3."""
    scene = counted.fresh_scene()
    inner = counted.set_up(bpy.data.scenes.new("inner"))
    inner.frame_start, inner.frame_end = 7, 40
    strip = inner.sequence_editor.strips.new_movie("clip", media.movie, 1, 3)
    shot = scene.sequence_editor.strips.new_scene("shot", inner, 1, 4)
    shot.scene_input = "SEQUENCER"
    shot.left_handle, shot.right_handle = 2, 44
    return scene, shot, strip


def _scene_as_it_is(shot, strip):
    pass


def _scene_trimmed(shot, strip):
    shot.content_start += 3
    shot.left_handle += 5
    shot.content_trim_start, shot.content_trim_end = 4, 2


def _scene_reversed(shot, strip):
    shot.use_reverse_frames, shot.strobe = True, 2


def _scene_retimed(shot, strip):
    counted.set_keys(shot, [(0, 0, 0), (9, 0.5, 0), (60, 1, 0)])
    counted.set_keys(strip, [(0, 0, 0), (9, 0.4, 0), (60, 1, 0)])
    shot.right_handle = 64


def _scene_in_scene(shot, strip):
    between = counted.set_up(bpy.data.scenes.new("between"))
    between.frame_start, between.frame_end = 3, 60
    deeper = between.sequence_editor.strips.new_scene("deeper", shot.scene, 1, 5)
    deeper.scene_input = "SEQUENCER"
    counted.set_keys(deeper, [(0, 0, 0), (12, 0.4, 0), (50, 1, 0)])
    shot.scene = between
    _scene_retimed(shot, strip)


@pytest.mark.parametrize("change", [_scene_as_it_is, _scene_trimmed, _scene_reversed, _scene_retimed, _scene_in_scene])
def test_strip_in_a_scene_shown_by_a_scene_strip(media, nested, change):
    scene, shot, strip = nested
    change(shot, strip)
    check(scene, strip, 1, 70, media.folder)


def test_settings_of_a_nested_strip_are_read_at_its_scenes_frame(nested):
    scene, _shot, strip = nested
    shown = next(one for one in strips.walk(scene, 10) if one.strip == strip)
    assert (shown.scene.name, shown.frame, shown.animation_frame) == ("inner", 13, 13)
    assert shown.route == ("Scene", "shot", "inner")


def test_scene_strip_that_shows_its_camera_is_not_entered(nested):
    scene, shot, _strip = nested
    shot.scene_input = "CAMERA"
    assert [one.strip for one in strips.walk(scene, 10)] == [shot]


def test_scenes_that_show_each_other_end(nested):
    scene, shot, strip = nested
    back = shot.scene.sequence_editor.strips.new_scene("back", scene, 2, 4)
    back.scene_input = "SEQUENCER"
    assert [one.strip for one in strips.walk(scene, 10)].count(strip) == 1


def test_one_scene_shown_twice_at_different_times_is_a_conflict(nested):
    scene, shot, strip = nested
    again = scene.sequence_editor.strips.new_scene("again", shot.scene, 2, 4)
    again.scene_input = "SEQUENCER"
    assert strips.conflicts(strips.walk(scene, 10)) == {}
    again.content_start += 5
    found = strips.conflicts(strips.walk(scene, 10))
    assert [one.frame for one in found[strip.as_pointer()]] == [13, 8]


# --- Effects ---------------------------------------------------------------------------------------------------------

SPEEDS = {
    "stretch": {"speed_control": "STRETCH"},
    "twice": {"speed_control": "MULTIPLY", "speed_factor": 2.0},
    "slow": {"speed_control": "MULTIPLY", "speed_factor": 0.6},
    "from the end": {"speed_control": "MULTIPLY", "speed_factor": -1.5},
}


@pytest.mark.parametrize("settings", SPEEDS.values(), ids=SPEEDS.keys())
def test_speed_effect_shows_another_frame_of_its_input(media, settings):
    scene = counted.fresh_scene()
    strip = new_movie(scene, media.movie)
    speed = scene.sequence_editor.strips.new_effect("speed", "SPEED", 2, frame_start=1, length=9, input1=strip)
    for name, value in settings.items():
        setattr(speed, name, value)
    strip.left_handle, strip.right_handle = 8, 36
    check(scene, strip, 1, 45, media.folder)


def test_keyframed_speed_effect_of_a_retimed_meta(media, meta):
    scene, outer, strip = meta
    speed = scene.sequence_editor.strips.new_effect("speed", "SPEED", 2, frame_start=1, length=9, input1=outer)
    speed.speed_control = "MULTIPLY"
    for frame, value in ((5, 0.5), (20, 2.0), (34, 1.0)):
        speed.speed_factor = value
        speed.keyframe_insert("speed_factor", frame=frame)
    counted.set_keys(strip, [(0, 0, 0), (20, 0.4, 0), (45, 1, 0)])
    check(scene, strip, 1, 45, media.folder)


def test_interpolated_speed_effect_needs_two_frames_at_once(media):
    scene = counted.fresh_scene()
    strip = new_movie(scene, media.movie)
    speed = scene.sequence_editor.strips.new_effect("speed", "SPEED", 2, frame_start=1, length=9, input1=strip)
    speed.speed_control, speed.speed_factor, speed.use_frame_interpolate = "MULTIPLY", 0.5, True
    walked = strips.walk(scene, 6)
    assert [one.frame for one in walked if one.strip == strip] == [4, 5]
    assert set(strips.conflicts(walked)) == {strip.as_pointer()}
    assert strips.conflicts(strips.walk(scene, 7)) == {}


def test_what_is_drawn(media):
    scene = counted.fresh_scene()
    editor = scene.sequence_editor
    first, second = new_movie(scene, media.movie, 1, 1), new_movie(scene, media.movie, 21, 2)
    cross = editor.strips.new_effect("cross", "CROSS", 3, frame_start=1, length=9, input1=first, input2=second)

    def drawn(frame):
        return [one.strip for one in strips.walk(scene, frame)]

    assert drawn(10) == [first]
    assert drawn(30) == [first, second, cross]
    assert drawn(50) == [second]
    assert drawn(90) == []
    cross.mute = True
    assert drawn(30) == [first, second]
    second.blend_type = "REPLACE"
    assert drawn(30) == [second]
    editor.channels[2].mute = True
    assert drawn(30) == [first]
    camera = editor.strips.new_effect("camera", "MULTICAM", 5, frame_start=1, length=60)
    camera.multicam_source = 1
    camera.blend_type = "REPLACE"
    assert drawn(30) == [first, camera]
    grade = editor.strips.new_effect("grade", "ADJUSTMENT", 6, frame_start=1, length=60)
    grade.blend_type = "REPLACE"
    assert drawn(30) == [first, camera, grade]


def test_muted_mask_strip_is_drawn(media):
    scene = counted.fresh_scene()
    strip, mask = new_movie(scene, media.movie, 1, 1), new_movie(scene, media.movie, 5, 2)
    mask.mute = True
    modifier = strip.modifiers.new("cut", "MASK")
    modifier.input_mask_type, modifier.input_mask_strip = "STRIP", mask
    assert [(one.strip, one.frame) for one in strips.walk(scene, 9)] == [(mask, 9), (strip, 9)]


def test_open_meta_strip_is_drawn_alone(media, meta):
    scene, outer, strip = meta
    other = new_movie(scene, media.movie, 1, 5)
    assert [one.strip for one in strips.walk(scene, 10)] == [strip, outer, other]
    scene.sequence_editor.display_stack(outer)
    assert [one.strip for one in strips.walk(scene, 10)] == [strip]
    check(scene, strip, 1, 40, media.folder)


# --- Depth -----------------------------------------------------------------------------------------------------------


def _shown(scene, strip, frame):
    return next(one for one in strips.walk(scene, frame) if one.strip == strip)


def test_depth_strip_has_its_own_trims(media):
    scene = counted.fresh_scene()
    strip, depth = new_movie(scene, media.movie, 3, 1), new_movie(scene, media.ntsc, 3, 2)
    depth.mute = True
    assert strips.depth_media_frame(_shown(scene, strip, 10), depth).index == 7
    depth.content_trim_start = 5
    depth.left_handle, depth.right_handle = 9, 40
    assert strips.depth_media_frame(_shown(scene, strip, 10), depth).index == 10 - int(depth.content_start) + 5
    with pytest.raises(FrameError, match="no depth for clip at frame 8: the depth strip covers frames 9 to 39"):
        strips.depth_media_frame(_shown(scene, strip, 8), depth)


def test_depth_follows_the_picture_through_metas_scenes_and_speed(media, nested):
    scene, _shot, strip = nested
    inner = strip.id_data
    depth = new_movie(inner, media.ntsc, 3, 2)
    depth.mute = True
    for frame in range(5, 30):
        shown = _shown(scene, strip, frame)
        picture = strips.media_frame(strip, shown.frame, shown.scene)
        assert strips.depth_media_frame(shown, depth).index == picture.index
    with pytest.raises(FrameError, match="another scene"):
        strips.depth_media_frame(_shown(scene, strip, 9), new_movie(scene, media.ntsc, 1, 9))


def test_depth_beside_the_meta_of_its_picture(media, meta):
    scene, outer, strip = meta
    outer.content_start += 6
    depth = new_movie(scene, media.ntsc, 9, 4)
    depth.mute = True
    shown = _shown(scene, strip, 20)
    assert strips.frame_beside(shown, depth) == 20
    assert strips.depth_media_frame(shown, depth).index == strips.media_frame(strip, shown.frame, scene).index
    # And the other way round: the picture beside, the depth inside.
    picture = new_movie(scene, media.ntsc, 9, 5)
    outer.use_reverse_frames = True
    assert strips.frame_beside(_shown(scene, picture, 20), strip) == outer.content_end - 1 - 20 + outer.content_start
    assert Path(strips.depth_media_frame(_shown(scene, picture, 20), strip).path).name == "a.mp4"
