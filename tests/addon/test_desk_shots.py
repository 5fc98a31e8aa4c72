# SPDX-License-Identifier: GPL-3.0-or-later
"""Recipes, the spoken sentence, lenses and cameras on Blender's strips."""

import math

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from live_shot import FAR_M, NEAR_M, two_depths, write_exr  # noqa: E402

from blender_rackfocus.addon.desk import shots  # noqa: E402
from blender_rackfocus.addon.desk.pull import width_px  # noqa: E402
from blender_rackfocus.addon.sequencer import views  # noqa: E402
from blender_rackfocus.addon.shot import marks, modifier  # noqa: E402
from blender_rackfocus.addon.shot.focus import Focus  # noqa: E402
from blender_rackfocus.frame import inputs  # noqa: E402

LENGTH = 96


@pytest.fixture
def strip(shot):
    strip = shot.racked(shot.pictures(frames=2), shot.depths(frames=1)[0], focus_m=5.0)
    strip.right_handle = LENGTH + 1
    shot.scene.sequence_editor.active_strip = strip
    return strip


def focus(strip, frame):
    return Focus(strip).at_m(frame)


@pytest.mark.parametrize("recipe", ["REVEAL", "EMPHASIS", "SPATIAL"])
@pytest.mark.parametrize(("direction", "first", "last"), [("FAR", NEAR_M, FAR_M), ("NEAR", FAR_M, NEAR_M)])
def test_recipes_find_foreground_and_background_in_both_directions(strip, recipe, direction, first, last):
    assert bpy.ops.rackfocus.recipe(recipe=recipe, direction=direction) == {"FINISHED"}
    assert focus(strip, 1) == pytest.approx(first, rel=0.02)
    assert focus(strip, LENGTH) == pytest.approx(first if recipe == "EMPHASIS" else last, rel=0.02)
    there = [focus(strip, f) for f in range(1, LENGTH + 1)]
    assert max(there) == pytest.approx(FAR_M, rel=0.02)
    assert len(Focus(strip).curve.keyframe_points) <= 6


def test_spatial_storytelling_visits_the_marks_in_turn(strip):
    for name, metres in (("Cup", 1.0), ("Anna", 3.0), ("Street", 30.0)):
        marks.add(strip, name, metres)
    assert bpy.ops.rackfocus.recipe(recipe="SPATIAL", direction="GIVEN") == {"FINISHED"}
    there = np.array([focus(strip, f) for f in range(1, LENGTH + 1)])
    reached = [int(np.flatnonzero(np.isclose(there, m, rtol=1e-3))[0]) for m in (1.0, 3.0, 30.0)]
    assert reached == sorted(reached)


def test_a_transition_goes_out_at_the_cut_and_in_after_it(strip, shot):
    second = shot.racked(shot.pictures("q", frames=2), shot.depths("e", frames=1)[0], name="B", focus_m=4.0,
                         start=LENGTH + 1)  # fmt: skip
    second.right_handle = 2 * LENGTH + 1
    for one, focus_m, frame in ((strip, 5.0, 1), (second, 4.0, 2 * LENGTH)):
        shot.key(one, "Focus Distance", {frame: focus_m})
    assert shots.following(strip) == second
    for direction in ("FAR", "NEAR"):
        assert bpy.ops.rackfocus.recipe(recipe="TRANSITION", direction=direction) == {"FINISHED"}
        assert focus(strip, 10) == pytest.approx(5.0)
        assert focus(second, 2 * LENGTH) == pytest.approx(4.0)
        wanted = 0.05 * 1.4 * 36 * 1000 / 200**2  # dioptres for a circle of 5 % of the width
        assert abs(1 / focus(strip, LENGTH + 1) - 1 / 5.0) == pytest.approx(wanted, rel=0.01)
        assert abs(1 / focus(second, LENGTH + 1) - 1 / 4.0) == pytest.approx(wanted, rel=0.01)
    with pytest.raises(RuntimeError, match="second strip"):
        bpy.ops.rackfocus.recipe(strip_name="B", recipe="TRANSITION")


def test_a_transition_goes_around_keys_by_hand_unless_asked(strip, shot):
    second = shot.racked(shot.pictures("q", frames=2), shot.depths("e", frames=1)[0], name="B", focus_m=4.0,
                         start=LENGTH + 1)  # fmt: skip
    second.right_handle = 2 * LENGTH + 1
    late, early = LENGTH - 20, LENGTH + 20
    shot.key(strip, "Focus Distance", {1: 5.0, late: 7.0})
    shot.key(second, "Focus Distance", {early: 4.0, 2 * LENGTH: 3.0})
    assert bpy.ops.rackfocus.recipe(recipe="TRANSITION", direction="FAR") == {"FINISHED"}
    assert (focus(strip, late), focus(second, early)) == pytest.approx((7.0, 4.0))
    assert (focus(strip, 1), focus(second, 2 * LENGTH)) == pytest.approx((5.0, 3.0))
    wanted = 0.05 * 1.4 * 36 * 1000 / 200**2  # dioptres for a circle of 5 % of the width
    assert abs(1 / focus(strip, LENGTH + 1) - 1 / 7.0) == pytest.approx(wanted, rel=0.01)
    assert abs(1 / focus(second, LENGTH + 1) - 1 / 4.0) == pytest.approx(wanted, rel=0.01)
    shot.key(strip, "Focus Distance", {LENGTH - 2: 6.0})
    with pytest.raises(RuntimeError, match=rf'too short.*frame {LENGTH - 2}.* of "A".*Replace Keys by Hand'):
        bpy.ops.rackfocus.recipe(recipe="TRANSITION", direction="FAR")
    assert focus(strip, LENGTH - 2) == pytest.approx(6.0)
    assert bpy.ops.rackfocus.recipe(recipe="TRANSITION", direction="FAR", replace_keys=True) == {"FINISHED"}
    assert focus(strip, LENGTH - 2) != pytest.approx(6.0, rel=1e-3)


def test_a_recipe_undoes_in_one_step(strip):
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.rackfocus.recipe(recipe="EMPHASIS", direction="FAR") == {"FINISHED"}
    bpy.ops.ed.undo_push(message="recipe")
    bpy.ops.ed.undo()
    back = bpy.context.scene.sequence_editor.strips_all["A"]
    assert Focus(back).curve is None
    assert len(marks.of(back)) == 0


def test_say_the_foreground_the_figure_behind_and_the_lens(strip, shot):
    shot.scene.frame_set(11)
    sentence = "slow rack focus from the foreground to the figure behind, 85mm f/1.4"
    assert bpy.ops.rackfocus.say(sentence=sentence) == {"FINISHED"}
    assert shots.value_of(strip, "Focal Length") == 85
    assert shots.value_of(strip, "F-Stop") == pytest.approx(1.4)
    assert focus(strip, 11) == pytest.approx(NEAR_M, rel=0.02)
    assert focus(strip, 11 + 72) == pytest.approx(FAR_M, rel=0.02)
    assert [m.name for m in marks.of(strip)] == ["Foreground", "Background"]


def test_say_snap_to_the_background_from_where_focus_is(strip, shot):
    shot.scene.frame_set(20)
    assert bpy.ops.rackfocus.say(sentence="fast snap rack focus to the background piece") == {"FINISHED"}
    assert focus(strip, 20) == pytest.approx(5.0)
    assert focus(strip, 26) == pytest.approx(FAR_M, rel=0.02)


def test_say_to_the_background_and_back_to_where_focus_was(strip, shot):
    shot.scene.frame_set(11)
    assert bpy.ops.rackfocus.say(sentence="rack to the background and back over 1 second") == {"FINISHED"}
    assert focus(strip, 11) == pytest.approx(5.0)
    assert focus(strip, 11 + 24) == pytest.approx(FAR_M, rel=0.02)
    assert focus(strip, LENGTH) == pytest.approx(5.0, rel=0.001)


def test_say_pulls_back_to_reveal(strip):
    assert bpy.ops.rackfocus.say(sentence="shallow depth of field, pulls back to reveal") == {"FINISHED"}
    assert shots.value_of(strip, "F-Stop") == pytest.approx(1.4)
    assert focus(strip, 1) == pytest.approx(NEAR_M, rel=0.02)
    assert focus(strip, LENGTH) == pytest.approx(FAR_M, rel=0.02)


def test_say_with_marks_seconds_and_unknown_words(strip, shot):
    marks.add(strip, "Anna", 2.5)
    marks.add(strip, "Door", 8.0)
    shot.scene.frame_set(5)
    sentence = "rack from Anna to the door over 2 seconds, purple"
    assert bpy.ops.rackfocus.say(sentence=sentence) == {"FINISHED"}
    assert focus(strip, 5) == pytest.approx(2.5)
    assert focus(strip, 5 + 48) == pytest.approx(8.0)


def test_nothing_to_do_is_refused_and_nothing_keyed(strip):
    with pytest.raises(RuntimeError, match="Nothing in the sentence"):
        bpy.ops.rackfocus.say(sentence="purple elephants")
    with pytest.raises(RuntimeError, match="Write what"):
        bpy.ops.rackfocus.say()
    assert Focus(strip).curve is None


def test_lens_presets_and_sensors_keep_each_others_squeeze(strip):
    assert bpy.ops.rackfocus.sensor_format(format="SUPER_35") == {"FINISHED"}
    assert bpy.ops.rackfocus.lens_preset(preset="A40_20") == {"FINISHED"}
    assert shots.value_of(strip, "Squeeze") == 2.0
    assert shots.value_of(strip, "Sensor Width") == pytest.approx(2 * 24.89)
    assert bpy.ops.rackfocus.lens_preset(preset="P85_14") == {"FINISHED"}
    assert shots.value_of(strip, "Sensor Width") == pytest.approx(24.89)
    assert (shots.value_of(strip, "Focal Length"), shots.value_of(strip, "Blades")) == (85, 9)


def test_where_circles_are_cut_is_told_of_the_frame_that_is_shown(shot):
    depth_m = two_depths()
    depth_m[:3, :8] = 0.002
    strip = shot.racked(shot.pictures(frames=1), write_exr(shot.folder / "low.exr", {"Z": depth_m}), focus_m=5.0)
    assert shots.cut_told(strip) == ""  # nothing is shown yet
    shot.still(1)
    told = shots.cut_told(strip)
    assert "0.2 cm" in told
    assert f"{24 / depth_m.size:.2%}" in told
    shot.set(strip, **{"Max Blur": 50.0})
    shot.still(1)
    assert shots.cut_told(strip) == ""


def test_read_outs_by_hand(strip):
    shots.set_value(strip, "Focal Length", 50.0)
    shots.set_value(strip, "F-Stop", 2.0)
    told = shots.read_outs(shots.lens_at(strip), 1920)
    # blur radius at infinity: 1920 / 2 * 50^2 / (2 * 36 * 1000 * 5 m) px
    assert told["infinity_px"] == pytest.approx(2 * 6.6667, rel=1e-3)
    assert told["hyperfocal_m"] == pytest.approx(66.667, rel=1e-3)
    assert told["near_m"] == pytest.approx(1 / (1 / 5 + 1 / 66.667), rel=1e-3)
    assert told["far_m"] == pytest.approx(1 / (1 / 5 - 1 / 66.667), rel=1e-3)


def camera_scene(moves):
    scene = bpy.data.scenes.new("Set")
    camera = bpy.data.objects.new("Cam", bpy.data.cameras.new("Cam"))
    target = bpy.data.objects.new("Anna", None)
    for thing in (camera, target):
        scene.collection.objects.link(thing)
    scene.camera = camera
    camera.data.lens, camera.data.sensor_width, camera.data.dof.aperture_fstop = 65.0, 24.0, 2.0
    camera.data.dof.focus_object = target
    for frame, away in ((1, 8.0), (LENGTH, 2.0 if moves else 8.0)):
        target.location = 0.5, 0, -away  # the camera looks down
        target.keyframe_insert("location", frame=frame)
    return scene


@pytest.mark.parametrize("moves", [True, False])
def test_from_camera_takes_the_lens_and_follows_the_focus_object(strip, shot, moves):
    numbered = shot.pictures("n", frames=LENGTH)
    shot.scene.sequence_editor.strips.remove(strip)
    strip = shot.racked(numbered, shot.depths("m", frames=1)[0], name="N", start=201)
    shot.scene.sequence_editor.active_strip = strip
    scene = camera_scene(moves)
    scene.frame_set(7)
    assert bpy.ops.rackfocus.lens_from_camera(scene="Set") == {"FINISHED"}
    assert scene.frame_current == 7
    assert shots.value_of(strip, "Focal Length") == 65
    assert shots.value_of(strip, "Sensor Width") == 24
    curve = Focus(strip).curve
    assert (curve is not None) == moves
    for frame in (1, 30, 60, LENGTH):
        scene.frame_set(frame)
        depsgraph = scene.view_layers[0].depsgraph
        depsgraph.update()
        wanted = -scene.objects["Anna"].evaluated_get(depsgraph).matrix_world.translation.z
        assert focus(strip, 200 + frame) == pytest.approx(wanted, rel=0.0102)
    if moves:
        assert len(curve.keyframe_points) <= 8


def test_a_camera_without_a_thin_lens_is_refused(strip):
    scene = camera_scene(False)
    scene.camera.data.type = "ORTHO"
    with pytest.raises(RuntimeError, match="perspective"):
        bpy.ops.rackfocus.lens_from_camera(scene="Set")
    with pytest.raises(RuntimeError, match="no scene named"):
        bpy.ops.rackfocus.lens_from_camera(scene="Nowhere")


def test_infinity_is_a_mark(strip):
    mark = marks.add(strip, "Sky", math.inf)
    assert mark.distance_m == 1000.0
    assert bpy.ops.rackfocus.rack(frame=1, duration=10, from_distance=2.0, to_mark="Sky") == {"FINISHED"}
    assert focus(strip, 40) == pytest.approx(1000.0)


def test_the_marks_of_a_linked_or_bare_strip_are_no_reason_to_crash(shot):
    strip = shot.strip(shot.pictures("b"), name="Bare")
    shot.scene.sequence_editor.active_strip = strip
    assert modifier.find(strip) is None
    assert not bpy.ops.rackfocus.mark_remove.poll()
    assert not bpy.ops.rackfocus.rack.poll()


def test_a_recipe_goes_around_keys_by_hand_and_says_so(strip, shot):
    bpy.ops.rackfocus.rack(frame=70, duration=10, from_distance=3.0, to_distance=4.0)
    shot.key(strip, "Focus Distance", {20: 7.0})
    told = shots.replaced_told(strip, False)
    assert "replaces 2 keys (frames 70, 80)" in told
    assert "keeps 1 key (frame 20) by hand" in told
    assert bpy.ops.rackfocus.recipe(recipe="REVEAL", direction="FAR") == {"FINISHED"}
    keys = {key.frame: key.focus_m for key in Focus(strip).keys()}  # noqa: SIM118 - no mapping
    assert keys[20] == 7.0
    assert not {70, 80} & set(keys)
    assert focus(strip, 26) == pytest.approx(NEAR_M, rel=0.02)
    assert focus(strip, LENGTH) == pytest.approx(FAR_M, rel=0.02)
    assert bpy.ops.rackfocus.recipe(recipe="REVEAL", direction="FAR", replace_keys=True) == {"FINISHED"}
    assert focus(strip, 20) == pytest.approx(NEAR_M, rel=0.02)


def test_a_recipe_without_room_between_keys_by_hand_is_refused(strip, shot):
    shot.key(strip, "Focus Distance", dict.fromkeys(range(1, LENGTH, 12), 7.0))
    before = [tuple(p.co) for p in Focus(strip).curve.keyframe_points]
    with pytest.raises(RuntimeError, match="Replace Keys by Hand"):
        bpy.ops.rackfocus.recipe(recipe="EMPHASIS", direction="FAR")
    assert [tuple(p.co) for p in Focus(strip).curve.keyframe_points] == before


def test_a_sentence_never_takes_a_key_by_hand_unasked(strip, shot):
    shot.key(strip, "Focus Distance", {30: 7.0})
    shot.scene.frame_set(20)
    with pytest.raises(RuntimeError, match="frame 30"):
        bpy.ops.rackfocus.say(sentence="rack to the background over 1 second")
    assert focus(strip, 30) == 7.0
    assert shots.kept_told(strip, False) == "Keeps 1 key (frame 30) by hand"
    assert bpy.ops.rackfocus.say(sentence="rack to the background over 1 second", replace_keys=True) == {"FINISHED"}
    assert focus(strip, 44) == pytest.approx(FAR_M, rel=0.02)


def test_pulls_end_with_the_strip(strip, shot):
    shot.scene.frame_set(LENGTH - 14)
    assert bpy.ops.rackfocus.say(sentence="rack to the background over 1 second") == {"FINISHED"}
    assert Focus(strip).keys()[-1].frame == LENGTH
    shot.scene.frame_set(LENGTH - 30)
    bpy.ops.rackfocus.say(sentence="rack to the background and back over 1 second", replace_keys=True)
    assert Focus(strip).keys()[-1].frame <= LENGTH


def test_a_transition_of_strips_without_keys_starts_from_a_subject(strip, shot):
    second = shot.racked(shot.pictures("q", frames=2), shot.depths("e", frames=1)[0], name="B", start=LENGTH + 1)
    second.right_handle = 2 * LENGTH + 1
    assert bpy.ops.rackfocus.recipe(recipe="TRANSITION", direction="FAR") == {"FINISHED"}
    assert focus(strip, 10) == pytest.approx(NEAR_M, rel=0.02), "nothing stands at 5 m"


def test_the_panel_knows_the_subjects_before_anything_is_keyed(strip):
    assert shots.subjects_told(strip) == f"Foreground {NEAR_M:.2f} m, Background {FAR_M:.1f} m"
    assert shots.ground_told(strip) == f"Foreground {NEAR_M:.2f} m, background {FAR_M:.1f} m"
    marks.add(strip, "Cup", 0.67)
    marks.add(strip, "Couple", 2.5)
    assert shots.subjects_told(strip) == "Cup 67 cm, Couple 2.50 m"


def test_from_camera_does_not_guess_which_scene_a_file_was_rendered_from(strip, shot):
    camera = bpy.data.objects.new("Cam", bpy.data.cameras.new("Cam"))
    shot.scene.collection.objects.link(camera)
    shot.scene.camera = camera
    before = shots.value_of(strip, "Focal Length")
    with pytest.raises(RuntimeError, match="which scene"):
        bpy.ops.rackfocus.lens_from_camera()
    assert shots.value_of(strip, "Focal Length") == before


def test_from_camera_on_a_scene_strip_is_that_scenes_camera_frame_by_frame(shot):
    scene = camera_scene(True)
    scene.frame_start = 11
    strip = shot.scene.sequence_editor.strips.new_scene("S", scene, channel=5, frame_start=101)
    strip.right_handle = 141
    strip.scene_input = "CAMERA"
    modifier.add(strip)
    shot.scene.sequence_editor.active_strip = strip
    assert bpy.ops.rackfocus.lens_from_camera() == {"FINISHED"}
    assert shots.value_of(strip, "Focal Length") == 65
    for frame in (101, 120, 140):
        scene.frame_set(frame - 101 + 11)
        depsgraph = scene.view_layers[0].depsgraph
        depsgraph.update()
        wanted = -scene.objects["Anna"].evaluated_get(depsgraph).matrix_world.translation.z
        assert focus(strip, frame) == pytest.approx(wanted, rel=0.0102)


def test_circles_of_a_scene_strip_are_counted_in_its_own_scenes_pixels(shot):
    """Which racks nobody will see, and how deep the field is, go by the picture that is refocused."""
    inner = bpy.data.scenes.new("Inner")
    inner.render.resolution_x, inner.render.resolution_y = 320, 90
    strip = shot.scene.sequence_editor.strips.new_scene("S", inner, channel=5, frame_start=101)
    assert shot.scene.render.resolution_x != 320
    assert width_px(strip) == 320


def test_what_no_lens_can_be_is_said_by_the_names_on_screen(strip):
    shots.set_value(strip, "Focus Distance", 0.02)
    with pytest.raises(ValueError, match=r"^Focus Distance must be farther than the focal length"):
        shots.lens_at(strip)


def test_a_new_modifier_starts_on_a_subject_with_what_is_far_soft(shot):
    depth_m = np.full((48, 64), 6.0, np.float32)
    depth_m[10:38, 24:38] = 1.2  # near the middle
    depth_m[10:40, 0:8] = 0.8  # nearer, at the rim
    path = write_exr(shot.folder / "subject.exr", {"Z": depth_m})
    strip = shot.strip(shot.pictures(frames=2))
    assert bpy.ops.rackfocus.modifier_add(strip_name=strip.name, depth_path=path) == {"FINISHED"}
    assert focus(strip, 1) == pytest.approx(1.2, rel=1e-3)
    assert Focus(strip).curve is None
    radius_px = 1920 * 50**2 * abs(1 / 1.2 - 1 / 6) / (2 * shots.value_of(strip, "F-Stop") * 36 * 1000)
    assert 2 * radius_px / 1920 == pytest.approx(0.015, rel=0.03)


@pytest.mark.parametrize(("near_m", "far_m", "f_stop"), [(5.0, 6.0, 1.2), (0.2, 40.0, 22.0)])
def test_a_new_modifier_asks_for_no_f_stop_that_lenses_do_not_have(shot, capfd, near_m, far_m, f_stop):
    depth_m = np.full((48, 64), far_m, np.float32)
    depth_m[10:38, 24:38] = near_m
    path = write_exr(shot.folder / "subject.exr", {"Z": depth_m})
    strip = shot.strip(shot.pictures(frames=2))
    assert bpy.ops.rackfocus.modifier_add(strip_name=strip.name, depth_path=path) == {"FINISHED"}
    assert shots.value_of(strip, "F-Stop") == pytest.approx(f_stop)
    assert f"lenses end at f/{f_stop:g}" in capfd.readouterr().out


def test_a_new_modifier_without_depth_says_how_to_get_one(shot, capfd):
    strip = shot.strip(shot.pictures(frames=2))
    assert bpy.ops.rackfocus.modifier_add(strip_name=strip.name) == {"FINISHED"}
    assert "under Depth" in capfd.readouterr().out
    assert Focus(strip).at_m() == pytest.approx(3.0)


@pytest.mark.parametrize("size", [(562, 376), (1600, 900), (3840, 2000), (300, 200)])
@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_chart_takes_no_more_than_a_fifth_of_the_preview(size, scale):
    width, height = views.chart_size(*size, scale)
    assert width * height <= 0.2 * size[0] * size[1]


def test_every_zero_is_explained():
    """Each input that can be zero says in the panel what zero is."""
    can_be_zero = {entry.name for entry in inputs.INPUTS if entry.minimum <= 0 <= entry.maximum}
    assert can_be_zero == {name for name, words in modifier.AT_ZERO.items() if words}
    assert {*modifier.USUAL, *modifier.RARE, *modifier.CHARACTER} == set(inputs.NAMES)
