# SPDX-License-Identifier: GPL-3.0-or-later
"""The focus curve against Blender's own F-curves: the same numbers, and a pull that Blender evaluates evenly."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_rackfocus.craft.focus_curve import Key, fit, focus_at, focus_from_value, split, value_at  # noqa: E402
from blender_rackfocus.craft.pull import FEELS, insert_rack, rack_keys  # noqa: E402


@pytest.fixture
def fcurve():
    holder = bpy.data.objects.new("focus", None)
    holder.keyframe_insert("location", index=0, frame=0)
    action = holder.animation_data.action
    curve = action.layers[0].strips[0].channelbags[0].fcurves[0]
    yield curve
    bpy.data.objects.remove(holder)
    bpy.data.actions.remove(action)


def put(fcurve, keys):
    """Keys into Blender, as an operator would put them."""
    fcurve.keyframe_points.clear()
    fcurve.keyframe_points.add(len(keys))
    for point, key in zip(fcurve.keyframe_points, keys, strict=True):
        point.co = key.frame, key.focus_m
        point.interpolation = key.interpolation
        point.handle_left_type = point.handle_right_type = key.handle_type
        point.handle_left, point.handle_right = key.handle_left, key.handle_right
    fcurve.update()


def read(fcurve, frame):
    """The focus at a frame, as the add-on reads it."""
    points = fcurve.keyframe_points
    frames, values = [p.co.x for p in points], [p.co.y for p in points]
    return focus_from_value(fcurve.evaluate(frame), frame, frames, values)


def test_a_pull_from_1_to_50_m_spends_equal_frames_per_dioptre(fcurve):
    put(fcurve, rack_keys(1, 1.0, 50.0, "EVEN", 48))
    steps = -np.diff([1 / read(fcurve, f) for f in range(1, 50)])
    assert steps == pytest.approx(np.full(48, 0.98 / 48), rel=0.02)


@pytest.mark.parametrize("feel", FEELS)
@pytest.mark.parametrize("marks", [(1.0, 50.0), (1000.0, 0.4)])
def test_blender_reads_every_feel_as_we_do(fcurve, feel, marks):
    keys = split(rack_keys(3, *marks, feel, 40), 19)
    put(fcurve, keys)
    frames = np.linspace(0, 50, 201)
    blender = [read(fcurve, f) for f in frames]
    assert blender == pytest.approx([focus_at(keys, f) for f in frames], rel=1e-3)
    assert len(fcurve.keyframe_points) <= 5


def test_joined_and_fitted_curves_survive_blender(fcurve):
    keys = insert_rack(rack_keys(0, 1.0, 20.0, duration=40), 18, 2.0, duration=24).keys
    put(fcurve, keys)
    frames = np.linspace(-5, 60, 131)
    assert [read(fcurve, f) for f in frames] == pytest.approx([focus_at(keys, f) for f in frames], rel=1e-3)
    walk = 4 + 2.5 * np.sin(np.arange(120) / 25)
    put(fcurve, fit(np.arange(120), walk))
    assert [read(fcurve, f) for f in range(120)] == pytest.approx(list(walk), rel=0.011)


def test_long_handles_are_shortened_as_blender_shortens_them(fcurve):
    keys = [Key(0, 1.0, right=(30, 1.5)), Key(20, 4.0, left=(2, 6.0)), Key(40, 2.0, "LINEAR"), Key(50, 3.0)]
    put(fcurve, keys)
    for frame in np.linspace(0, 50, 101):
        assert fcurve.evaluate(frame) == pytest.approx(value_at(keys, frame), abs=2e-3)


@pytest.mark.parametrize("easing", ["BACK", "ELASTIC", "BOUNCE", "SINE", "CONSTANT"])
def test_every_easing_type_stays_a_focus(fcurve, easing):
    put(fcurve, rack_keys(0, 1.0, 50.0, "SMOOTH", 40))
    fcurve.keyframe_points[0].interpolation = easing
    focus = [read(fcurve, f) for f in np.linspace(-10, 60, 141)]
    assert np.all(np.isfinite(focus))
    assert min(focus) > 0
    assert read(fcurve, 0) == 1.0
    assert read(fcurve, 40) == 50.0


def test_a_dragged_key_is_obeyed(fcurve):
    put(fcurve, rack_keys(0, 1.0, 50.0, "SMOOTH", 40))
    fcurve.keyframe_points[1].co_ui = 30, 7.0
    fcurve.update()
    assert read(fcurve, 30) == pytest.approx(7.0)
    assert read(fcurve, 15) == pytest.approx(2 / (1 + 1 / 7), rel=0.15)


def test_linear_extrapolation_goes_on_without_a_kink(fcurve):
    put(fcurve, rack_keys(0, 2.0, 10.0, "EVEN", 40))
    fcurve.extrapolation = "LINEAR"
    d = [1 / read(fcurve, f) for f in (-2, -1, 0, 1, 2)]
    assert np.diff(d) == pytest.approx(np.full(4, -0.4 / 40), rel=1e-3)
