# SPDX-License-Identifier: GPL-3.0-or-later
"""Focus Distance as the add-on reads it: dioptres between its keys, metres where somebody typed it."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_rackfocus.addon.blender import curves  # noqa: E402
from blender_rackfocus.addon.shot import focus_keys, group, modifier  # noqa: E402
from blender_rackfocus.craft.focus_curve import dioptre_remap  # noqa: E402
from blender_rackfocus.craft.pull import insert_rack, rack_keys  # noqa: E402


@pytest.fixture
def strip(shot):
    return shot.racked(shot.pictures(), shot.depths()[0])


def path_of(strip):
    found = modifier.find(strip)
    return focus_keys.path_of(found, group.socket_ids(found.node_group)["Focus Distance"])


def curve_of(strip):
    return curves.at_work(strip.id_data, path_of(strip))


def socket_of(strip):
    return modifier.socket(modifier.find(strip), "Focus Distance")


def pull(strip, first=1.0, last=50.0, interpolation="LINEAR"):
    for frame, metres in ((1, first), (49, last)):
        socket_of(strip).value = metres
        socket_of(strip).keyframe_insert("value", frame=frame)
    for point in curve_of(strip).keyframe_points:
        point.interpolation = interpolation


def focus(strip, frame=None):
    scene = strip.id_data
    if frame is not None:
        scene.frame_set(frame)
    return modifier.values(strip, modifier.find(strip), scene)["Focus Distance"]


def test_a_keyed_pull_is_even_in_dioptres(strip):
    pull(strip)
    there = np.array([1 / focus(strip, f) for f in range(1, 50)])
    assert -np.diff(there) == pytest.approx(np.full(48, 0.98 / 48), rel=0.02)
    assert focus(strip, 1) == 1.0
    assert focus(strip, 49) == 50.0


def test_a_frame_blender_is_not_at_reads_the_same(strip):
    pull(strip)
    scene = strip.id_data
    wanted = focus(strip, 20)
    scene.frame_set(3)
    assert modifier.values(strip, modifier.find(strip), scene, 20)["Focus Distance"] == pytest.approx(wanted)
    scene.frame_set(20, subframe=0.5)
    assert focus(strip) == pytest.approx(modifier.values(strip, modifier.find(strip), scene, 20.5)["Focus Distance"])


def test_a_typed_value_is_metres(strip):
    pull(strip)
    focus(strip, 20)
    socket_of(strip).value = 7.5
    assert focus(strip) == 7.5


def test_without_keys_the_value_is_metres(strip):
    socket_of(strip).value = 12.25
    assert focus(strip, 3) == 12.25


def test_a_driven_value_is_metres(strip):
    pull(strip)
    driver = strip.id_data.driver_add(path_of(strip)).driver
    driver.type, driver.expression = "SCRIPTED", "4.5"
    bpy.context.view_layer.update()
    assert focus(strip, 20) == pytest.approx(4.5)
    assert modifier.values(strip, modifier.find(strip), strip.id_data, 21)["Focus Distance"] == pytest.approx(4.5)


def test_a_muted_curve_is_not_read(strip):
    pull(strip)
    focus(strip, 20)
    curve_of(strip).mute = True
    socket_of(strip).value = 9.0
    assert focus(strip) == 9.0


def test_keys_pushed_down_to_nla_are_metres(strip):
    pull(strip)
    scene = strip.id_data
    animation = scene.animation_data
    action = animation.action
    track = animation.nla_tracks.new()
    track.strips.new("pull", 1, action)
    animation.action = None
    assert focus(strip, 25) == pytest.approx(25.5, rel=1e-3)


def test_handles_past_infinity_stop_there(strip):
    pull(strip, 2.0, 50.0, "BEZIER")
    first, last = curve_of(strip).keyframe_points
    for point in (first, last):
        point.handle_left_type = point.handle_right_type = "FREE"
    last.handle_left = (30.0, 200.0)
    curve_of(strip).update()
    there = [focus(strip, f) for f in range(1, 50)]
    assert np.all(np.isfinite(there))
    assert max(there) > 900
    assert there[-1] == 50.0


@pytest.mark.parametrize("mode", ["REPEAT", "MIRROR", "REPEAT_OFFSET"])
def test_a_cycled_pull_is_the_same_pull(strip, mode):
    pull(strip, 1.0, 9.0, "BEZIER")
    cycles = curve_of(strip).modifiers.new("CYCLES")
    cycles.mode_before = cycles.mode_after = mode  # also turns automatic handles
    once = {f: focus(strip, f) for f in range(1, 50)}
    assert once[20] < 0.8 * curve_of(strip).evaluate(20)
    for away in (-3, -2, -1, 1, 2, 3):
        for inside in (5, 20, 33, 44):
            backwards = mode == "MIRROR" and away % 2
            frame = inside + 48 * away
            wanted = once[50 - inside] if backwards else once[inside]
            if mode == "REPEAT_OFFSET":
                wanted += 8.0 * away
            if wanted > 0.5:
                assert focus(strip, frame) == pytest.approx(wanted, rel=2e-3), (away, inside)


def test_noise_adds_metres(strip):
    pull(strip)
    plain = np.array([focus(strip, f) for f in range(1, 50)])
    raw = np.array([curve_of(strip).evaluate(f) for f in range(1, 50)])
    noise = curve_of(strip).modifiers.new("NOISE")
    noise.strength, noise.scale = 0.2, 5.0
    there = np.array([focus(strip, f) for f in range(1, 50)])
    added = np.array([curve_of(strip).evaluate(f) for f in range(1, 50)]) - raw
    assert np.abs(added).max() > 0.05
    assert there - plain == pytest.approx(added, abs=0.01)


def test_stepped_holds_the_focus_of_its_step(strip):
    pull(strip)
    once = {f: focus(strip, f) for f in range(1, 50)}
    stepped = curve_of(strip).modifiers.new("STEPPED")
    stepped.frame_step = 4
    assert focus(strip, 23) == pytest.approx(once[20], rel=1e-3)
    assert focus(strip, 24) == pytest.approx(once[24], rel=1e-3)


def test_written_keys_are_the_curve(strip):
    scene, socket = strip.id_data, socket_of(strip)
    first = rack_keys(10, 1.0, 20.0, "SETTLE", 40)
    focus_keys.write(scene, socket, path_of(strip), first)
    assert [key.frame for key in focus_keys.keys_of(curve_of(strip))] == [key.frame for key in first]
    joined = insert_rack(focus_keys.keys_of(curve_of(strip)), 25, 3.0, duration=20).keys
    focus_keys.write(scene, socket, path_of(strip), joined)
    from blender_rackfocus.craft.focus_curve import focus_at

    frames = range(1, 80)
    assert [focus_keys.read(curve_of(strip), f) for f in frames] == pytest.approx(
        [focus_at(joined, f) for f in frames], rel=2e-3
    )


def test_writing_leaves_other_keys_alone(strip):
    for frame, metres in ((1, 2.0), (20, 5.0), (40, 3.0), (60, 8.0), (80, 2.0)):
        socket_of(strip).value = metres
        socket_of(strip).keyframe_insert("value", frame=frame)
    curve = curve_of(strip)
    curve.keyframe_points[0].interpolation = "BOUNCE"
    curve.keyframe_points[0].easing = "EASE_IN"
    before = [focus_keys.read(curve, f) for f in range(1, 40)]
    kept = curve.keyframe_points[1].handle_left_type
    keys = focus_keys.keys_of(curve, 62, 72)
    joined = insert_rack(keys, 62, 1.0, duration=10).keys
    focus_keys.write(strip.id_data, socket_of(strip), path_of(strip), joined)
    curve = curve_of(strip)
    there = [focus_keys.read(curve, f) for f in range(1, 40)]
    assert there == pytest.approx(before, rel=1e-4)
    assert curve.keyframe_points[1].handle_left_type == kept
    assert curve.keyframe_points[0].interpolation == "BOUNCE"


def test_an_easing_that_is_cut_keeps_its_shape(strip):
    pull(strip, 2.0, 8.0, "BOUNCE")
    before = [focus(strip, f) for f in range(1, 30)]
    keys = insert_rack(focus_keys.keys_of(curve_of(strip), 30, 40), 30, 1.0, duration=10).keys
    focus_keys.write(strip.id_data, socket_of(strip), path_of(strip), keys)
    assert [focus(strip, f) for f in range(1, 30)] == pytest.approx(before, rel=0.03)
    assert focus(strip, 40) == pytest.approx(1.0)


def test_the_formula_between_keys(strip):
    pull(strip, 2.0, 8.0, "SINE")
    for frame in (10, 25, 40):
        assert focus(strip, frame) == pytest.approx(dioptre_remap(curve_of(strip).evaluate(frame), 2.0, 8.0))
