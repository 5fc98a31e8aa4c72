# SPDX-License-Identifier: GPL-3.0-or-later
"""The thin lens against values worked by hand."""

from dataclasses import replace

import numpy as np
import pytest

from blender_rackfocus.core.lens import (
    Lens,
    breathing_scale,
    chromatic_offset_px,
    coc_px,
    depth_of_field_m,
    hyperfocal_m,
)

LENS = Lens(focal_mm=50.0, f_number=2.0, sensor_mm=36.0, focus_m=2.0)


def radius(depth_m: float, lens: Lens = LENS, width_px: int = 1800) -> float:
    return float(coc_px(np.array([depth_m], np.float32), lens, width_px)[0])


def test_circle_by_hand():
    # 50^2 / (2 * 2000) = 0.625 mm; a subject at 4 m: 0.625 * 0.5 = 0.3125 mm of 36 mm, of 1800 px: 15.625 px across
    assert radius(4.0) == pytest.approx(15.625 / 2, rel=1e-6)
    assert radius(np.inf) == pytest.approx(15.625, rel=1e-6)
    assert radius(1.0) == pytest.approx(-15.625, rel=1e-6)
    assert radius(2.0) == 0.0


def test_twice_the_f_number_half_the_circle():
    assert radius(5.0, replace(LENS, f_number=4.0)) == pytest.approx(radius(5.0) / 2, rel=1e-6)


def test_focused_at_infinity():
    # 2500 / 2 mm^2 over 4000 mm = 0.3125 mm: as large as the circle of 4 m seen from 2 m, doubled
    assert radius(4.0, replace(LENS, focus_m=np.inf)) == pytest.approx(-15.625 / 2, rel=1e-6)


def test_strengths_limit_and_protected_range():
    assert radius(4.0, replace(LENS, far_strength=0.5)) == pytest.approx(15.625 / 4, rel=1e-6)
    assert radius(1.0, replace(LENS, near_strength=2.0)) == pytest.approx(-31.25, rel=1e-6)
    assert radius(1.0, replace(LENS, max_blur_pct=0.5)) == pytest.approx(-4.5)  # 0.5 % of 1800 px across
    protected = replace(LENS, in_focus_range_m=1.0)
    assert radius(1.5, protected) == 0.0
    assert radius(2.5, protected) == pytest.approx(0.0, abs=1e-6)
    # beyond 2.5 m the circle grows as that of a lens whose 1 / s is 1 / 2.5: 31.25 px per dioptre
    assert radius(5.0, protected) == pytest.approx(31.25 * (1 / 2.5 - 1 / 5), rel=1e-5)


def test_hyperfocal_and_depth_of_field():
    # 31.25 px per dioptre: half a pixel is 0.016 dioptre, H = 62.5 m
    assert hyperfocal_m(LENS, 1800, 0.5) == pytest.approx(62.5)
    near_m, far_m = depth_of_field_m(LENS, 1800, coc_limit_px=0.5)
    assert (near_m, far_m) == (pytest.approx(1 / 0.516), pytest.approx(1 / 0.484))
    assert radius(near_m) == pytest.approx(-0.5, rel=1e-4)
    assert radius(far_m) == pytest.approx(0.5, rel=1e-4)
    assert depth_of_field_m(replace(LENS, focus_m=62.5), 1800, coc_limit_px=0.5)[1] == np.inf


def test_breathing_is_the_image_distance():
    # v = 50 * 1000 / 950 = 52.6316 mm against 50 mm at infinity
    near = replace(LENS, focus_m=1.0, breathing=1.0)
    assert breathing_scale(near) == pytest.approx(1.0526316, rel=1e-6)
    assert breathing_scale(replace(near, breathing=0.5)) == pytest.approx(1.0263158, rel=1e-6)
    assert breathing_scale(replace(near, breathing=0.0)) == 1.0
    # the circle of a lens that breathes in full is the textbook's, f^2 / (N (s - f)) |d - s| / d
    magnified = radius(4.0, near) * breathing_scale(near)
    assert magnified == pytest.approx(0.5 * 1800 / 36 * 2500 / (2 * 950) * 0.75, rel=1e-5)


def test_axial_colour_by_hand():
    # 1 % between red and blue: +-0.25 mm of focus, over f / 2: a circle of 0.125 mm, 6.25 px across at 1800 px on 36 mm
    red, green, blue = chromatic_offset_px(replace(LENS, axial_chromatic=1.0), 1800)
    assert (red, green, blue) == (pytest.approx(-3.125), 0.0, pytest.approx(3.125))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("focal_mm", 0.0),
        ("f_number", -1.0),
        ("sensor_mm", np.nan),
        ("focus_m", 0.05),
        ("near_strength", -0.1),
        ("far_strength", np.inf),
        ("max_blur_pct", -1.0),
        ("in_focus_range_m", -1.0),
        ("axial_chromatic", np.nan),
        ("breathing", np.inf),
    ],
)
def test_bad_numbers_name_themselves(name, value):
    with pytest.raises(ValueError, match=name):
        replace(LENS, **{name: value})


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan])
def test_bad_depth_names_itself(bad):
    with pytest.raises(ValueError, match="depth_m"):
        coc_px(np.array([1.0, bad], np.float32), LENS, 100)
