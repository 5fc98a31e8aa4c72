# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks in the picture: on their subjects however the strip lies, sharp within the depth of field."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_rackfocus.addon.desk import brackets  # noqa: E402
from blender_rackfocus.addon.sequencer import eyedropper  # noqa: E402
from blender_rackfocus.addon.shot import marks  # noqa: E402


@pytest.fixture
def strip(shot):
    strip = shot.racked(shot.pictures(frames=4), shot.depths(frames=4)[0])
    shot.scene.frame_set(2)
    return strip


def told(shot):
    return {bracket.mark: bracket for plane in brackets.planes(shot.scene) for bracket in plane.brackets}


def test_a_mark_stands_where_it_was_picked_and_is_sharp_in_focus(strip, shot):
    for name, metres, x in (("Near", 2.0, 0.25), ("Far", 10.0, 0.75)):
        mark = marks.add(strip, name, metres)
        mark.x, mark.y, mark.media_frame = x, 0.25, 1
    marks.add(strip, "Wall", 5.0)
    found = told(shot)
    assert found["Near"].point == pytest.approx((-16, 12))
    assert found["Far"].point == pytest.approx((16, 12))
    assert found["Wall"].point is None, "only a distance"
    assert [found[name].sharp for name in ("Near", "Far", "Wall")] == [True, False, False]
    assert found["Near"].exact
    shot.scene.frame_set(3)
    assert not told(shot)["Near"].exact, "picked on another frame"
    shot.set(strip, **{"Focus Distance": 10.0})
    assert [told(shot)[name].sharp for name in ("Near", "Far")] == [False, True]


def test_a_tracked_mark_is_followed_and_has_no_place_where_it_is_lost(strip, shot):
    mark = marks.add(strip, "Actor", 2.0)
    marks.set_samples(mark, {i: marks.Sample(0.25 * i, 0.5, 2.0 + i, 1.0) for i in (1, 2)})
    at = []
    for frame in (2, 3, 4):
        shot.scene.frame_set(frame)
        at.append(told(shot)["Actor"].point)
    assert at[:2] == [pytest.approx((-16, 0)), pytest.approx((0, 0))]
    assert at[2] is None


def test_placing_is_undone_by_picking_through_everything(strip, shot):
    rng = np.random.default_rng(7)
    for _ in range(50):
        placements = [
            eyedropper.Placement(
                size=(64, 48), canvas=(64, 48), offset=tuple(rng.normal(0, 9, 2)), scale=tuple(rng.uniform(0.3, 3, 2)),
                rotation=rng.uniform(-3, 3), origin=tuple(rng.random(2)), flip=tuple(rng.random(2) < 0.5),
            )
            for _ in range(rng.integers(1, 4))
        ]  # fmt: skip
        pixel = rng.uniform(1, 47, 2)
        point = eyedropper.onto(*pixel, placements)
        seen = eyedropper.through(*point, placements)
        if seen is not None:  # the outer pictures may cut it off
            assert seen == pytest.approx(tuple(pixel), abs=1e-6)
        assert (eyedropper.out_of(*pixel, placements) is None) == (seen is None)


def test_what_is_cropped_away_has_no_place(strip, shot):
    mark = marks.add(strip, "Near", 2.0)
    mark.x, mark.y = 0.1, 0.5
    assert told(shot)["Near"].point is not None
    strip.crop.min_x = 20
    assert told(shot)["Near"].point is None
