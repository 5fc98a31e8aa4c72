# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be true of every defocused frame."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from blender_rackfocus.core import Aperture, Highlights, Lens, defocus_frame
from blender_rackfocus.core.defocus import magnified
from blender_rackfocus.core.highlights import highlight_factor
from blender_rackfocus.core.lens import coc_px

HEIGHT, WIDTH = 120, 200
LENS = Lens(focal_mm=50.0, f_number=2.0, sensor_mm=36.0, focus_m=2.0)
QUALITIES = ["draft", "final"]


def picture(value=0.5):
    out = np.full((HEIGHT, WIDTH, 4), value, np.float32)
    out[..., 3] = 1
    return out


def plane(depth_m):
    return np.full((HEIGHT, WIDTH), depth_m, np.float32)


def lens_with_radius(radius_px, depth_m=np.inf):
    """A lens whose circle at a depth has the radius."""
    now = abs(float(coc_px(np.array([depth_m], np.float32), LENS, WIDTH)[0]))
    return replace(LENS, f_number=LENS.f_number * now / radius_px)


def noise(seed=0):
    out = np.random.default_rng(seed).random((HEIGHT, WIDTH, 4), np.float32)
    out[..., 3] = 1
    return out


@pytest.mark.parametrize("quality", QUALITIES)
def test_flat_stays_flat(quality):
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    depth = (1 + 0.02 * x + 0.01 * y).astype(np.float32)
    depth[30:70, 60:90] = 1.2
    depth[:20] = np.inf
    out = defocus_frame(picture(), depth, lens_with_radius(9), quality=quality)
    np.testing.assert_allclose(out, picture(), atol=2e-4)
    assert (out[..., 3] == 1).all()


@pytest.mark.parametrize("quality", QUALITIES)
def test_in_focus_comes_back_bit_for_bit(quality):
    source = noise()
    lens = lens_with_radius(9)
    assert np.array_equal(defocus_frame(source, plane(2.0), lens, quality=quality), source)
    depth = plane(2.0)
    depth[:, 120:] = 20.0  # a blurred background beside it takes nothing from what is in front
    out = defocus_frame(source, depth, lens, quality=quality)
    assert np.array_equal(out[:, :118], source[:, :118])
    assert np.abs(out[:, 124:] - source[:, 124:]).max() > 0.1


@pytest.mark.parametrize(("radius", "depth_m"), [(3.0, np.inf), (8.0, np.inf), (8.0, 0.5), (20.0, np.inf)])
def test_a_point_of_light_becomes_the_disc_of_the_formula(radius, depth_m):
    source = picture(0.0)
    source[60, 100, :3] = 1000.0
    out = defocus_frame(source, plane(depth_m), lens_with_radius(radius, depth_m))[..., 0]
    assert out.sum() == pytest.approx(1000.0, rel=2e-3)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    away = np.hypot(y - 60, x - 100)
    inside = out[away < radius * 0.8 - 1]
    np.testing.assert_allclose(inside, 1000 / (np.pi * radius**2), rtol=0.12)
    assert np.abs(out[away > radius * 1.2 + 2]).max() < 0.01 * out.max()
    assert np.sqrt((out * away**2).sum() / out.sum()) == pytest.approx(radius / np.sqrt(2), rel=0.03)


@pytest.mark.parametrize(("quality", "radius"), [("final", 2.5), ("final", 4.0), ("draft", 2.5), ("draft", 4.0)])
def test_small_discs_are_as_wide_as_the_formula_says(quality, radius):
    """Also a draft's, which halving blurs as well: four points make up one of its pixels."""
    source = picture(0.0)
    source[60:62, 100:102, :3] = 1.0
    out = defocus_frame(source, plane(np.inf), lens_with_radius(radius), quality=quality)[..., 0]
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    width = np.sqrt((out * np.hypot(y - 60.5, x - 100.5) ** 2).sum() / out.sum())
    assert width == pytest.approx(np.sqrt(radius**2 / 2 + 0.5), rel=0.08)  # the points themselves: 0.5 px^2


def test_twice_the_f_number_half_the_disc():
    source = picture(0.0)
    source[60, 100, :3] = 1.0
    lens = lens_with_radius(12)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    square = (y - 60) ** 2 + (x - 100) ** 2
    lenses = lens, replace(lens, f_number=lens.f_number * 2)
    wide, narrow = (defocus_frame(source, plane(np.inf), which)[..., 0] for which in lenses)
    assert np.sqrt((wide * square).sum() / (narrow * square).sum()) == pytest.approx(2.0, rel=0.03)


def test_a_sharp_foreground_does_not_leak_into_the_background():
    source, depth = picture(0.0), plane(np.inf)
    source[40:80, 80:120, 0] = 5.0
    depth[40:80, 80:120] = 2.0
    out = defocus_frame(source, depth, lens_with_radius(10))
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[40:80, 80:120] = False
    assert out[outside][:, 0].max() < 1e-3
    assert np.array_equal(out[40:80, 80:120], source[40:80, 80:120])


def test_a_soft_foreground_shows_the_background_behind_it():
    source, depth = picture(0.0), plane(2.0)
    source[..., 1] = 0.6
    source[:, 98:102] = (1.0, 0.0, 0.0, 1.0)
    depth[:, 98:102] = 0.8
    out = defocus_frame(source, depth, lens_with_radius(15, 0.8))
    # a bar 4 px wide under a disc 30 px wide covers 4 * chord / area = at most 17 %: red there, the wall's green else
    middle = out[40:80, 100]
    expected = 4 * 2 * 15 / (np.pi * 15**2)
    np.testing.assert_allclose(middle[:, 0], expected, atol=0.03)
    np.testing.assert_allclose(middle[:, 1], 0.6 * (1 - expected), atol=0.05)
    assert out[60, 90, 0] > 0.05  # and it spreads over the sharp wall


@pytest.mark.parametrize("quality", QUALITIES)
def test_a_rack_is_continuous(quality):
    source = noise(3)
    source[50:54, 100:104, :3] = 20.0
    depth = np.tile(1.5 + 0.01 * np.arange(WIDTH, dtype=np.float32), (HEIGHT, 1))
    depth[30:90, 60:80] = 1.0
    depth[:25] = np.inf
    lens = lens_with_radius(10)
    steps = [defocus_frame(source, depth, replace(lens, focus_m=2 + 0.001 * i), quality=quality) for i in range(12)]
    changes = [float(np.abs(np.clip(b, 0, 1) - np.clip(a, 0, 1)).max()) for a, b in pairwise(steps)]
    whole = float(np.abs(np.clip(steps[-1], 0, 1) - np.clip(steps[0], 0, 1)).max())
    assert whole > 0
    assert max(changes) < 0.05
    assert max(changes) < 4 * whole / len(changes)


@pytest.mark.parametrize("quality", QUALITIES)
def test_borders_do_not_darken(quality):
    out = defocus_frame(picture(0.7), plane(20.0), lens_with_radius(15, 20.0), quality=quality)
    np.testing.assert_allclose(out[..., :3], 0.7, atol=1e-4)


def test_alpha_is_blurred_with_the_colour():
    source = picture(0.0)
    source[:] = 0
    source[40:80, 80:120] = (0.4, 0.4, 0.4, 0.8)
    out = defocus_frame(source, plane(20.0), lens_with_radius(6, 20.0))
    np.testing.assert_allclose(out[..., 0], out[..., 3] / 2, atol=1e-5)
    assert out[..., 3].sum() == pytest.approx(source[..., 3].sum(), rel=1e-3)


def test_infinite_depth_and_a_sky_at_1e10_are_the_same():
    source, depth = noise(), plane(3.0)
    depth[:60] = np.inf
    far = depth.copy()
    far[:60] = 1e10
    lens = lens_with_radius(8)
    np.testing.assert_allclose(defocus_frame(source, depth, lens), defocus_frame(source, far, lens), atol=1e-5)


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("channels", [3, 4])
def test_shape_dtype_and_inputs_are_kept(quality, channels):
    source, depth = np.ascontiguousarray(noise()[..., :channels]), plane(5.0)
    depth[20:50] = 1.0
    before = source.copy(), depth.copy()
    out = defocus_frame(source, depth, lens_with_radius(7), quality=quality)
    assert out.shape == source.shape
    assert out.dtype == np.float32
    assert np.isfinite(out).all()
    assert not np.shares_memory(out, source)
    assert np.array_equal(source, before[0])
    assert np.array_equal(depth, before[1])


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (37, 3), (61, 83)])
@pytest.mark.parametrize("quality", QUALITIES)
def test_odd_sizes(size, quality):
    source = np.full((*size, 4), 0.5, np.float32)
    out = defocus_frame(source, np.full(size, 9.0, np.float32), lens_with_radius(6, 9.0), quality=quality)
    np.testing.assert_allclose(out, 0.5, atol=1e-4)


def test_axial_colour_spreads_red_and_blue_apart():
    source = picture(0.0)
    source[60, 100, :3] = 100.0
    lens = replace(lens_with_radius(8), axial_chromatic=1.0)
    out = defocus_frame(source, plane(np.inf), lens)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    square = (y - 60) ** 2 + (x - 100) ** 2
    red, green, blue = (float(np.sqrt((out[..., c] * square).sum() / out[..., c].sum())) for c in range(3))
    assert red < green < blue
    np.testing.assert_allclose(out[..., 3], 1.0, atol=1e-5)


def test_highlights_are_given_back_out_of_focus_only():
    source = picture(0.2)
    source[60, 100, :3] = 1.0
    bright = Highlights(gain=9.0, threshold=0.8)
    assert highlight_factor(source, bright)[60, 100] == pytest.approx(10.0)
    assert highlight_factor(source, bright)[0, 0] == 1.0
    light = source[..., :3].sum(dtype=np.float64)
    out = defocus_frame(source, plane(np.inf), lens_with_radius(8), highlights=bright)
    assert out[..., :3].sum() == pytest.approx(light + 27.0, rel=1e-3)
    assert np.array_equal(defocus_frame(source, plane(2.0), lens_with_radius(8), highlights=bright), source)


def test_vignetting_and_cats_eye_leave_the_centre():
    lens = lens_with_radius(8)
    out = defocus_frame(picture(), plane(np.inf), lens, aperture=Aperture(vignetting=1.0, cats_eye=1.0))
    assert out[60, 100, 0] == pytest.approx(0.5, rel=0.02)
    assert out[0, 0, 0] < 0.3


def test_a_lens_that_breathes_magnifies():
    source = picture(0.0)
    source[58:62, 150:154] = 1.0
    out = magnified(source, 1.1)
    x = np.arange(WIDTH)
    centre = (out[..., 0].sum(0) * x).sum() / out[..., 0].sum()
    assert centre == pytest.approx(99.5 + 1.1 * (151.5 - 99.5), abs=0.1)
    breathing = replace(LENS, focus_m=1.0, breathing=1.0, f_number=64.0)
    assert not np.array_equal(defocus_frame(source, plane(1.0), breathing), source)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("rgba", {"rgba": np.zeros((HEIGHT, WIDTH), np.float32)}),
        ("rgba", {"rgba": np.zeros((HEIGHT, WIDTH, 4), np.float64)}),
        ("rgba", {"rgba": np.full((HEIGHT, WIDTH, 4), np.nan, np.float32)}),
        ("depth_m", {"depth_m": np.ones((3, 3), np.float32)}),
        ("depth_m", {"depth_m": np.full((HEIGHT, WIDTH), np.nan, np.float32)}),
        ("depth_m", {"depth_m": np.zeros((HEIGHT, WIDTH), np.float32)}),
        ("quality", {"quality": "best"}),
    ],
)
def test_bad_input_names_itself(name, change):
    call = {"rgba": picture(), "depth_m": plane(3.0), "lens": LENS, "quality": "final"} | change
    with pytest.raises(ValueError, match=name):
        defocus_frame(call["rgba"], call["depth_m"], call["lens"], quality=call["quality"])


def test_a_draft_has_no_dark_speck_where_a_finger_in_focus_stands_before_a_lamp():
    """24 x 24 pixels of the demo's chess shot: the lamp's own pixels beside the finger once became far below black."""
    data = np.load(Path(__file__).with_name("finger_before_lamp.npz"))
    rgb = data["rgb"].astype(np.float32)
    lens = Lens(focal_mm=85.0, f_number=2.5, sensor_mm=36.0 * rgb.shape[1] / 640, focus_m=0.99)
    draft = defocus_frame(rgb, data["depth_m"], lens, aperture=Aperture(blades=7), quality="draft")
    assert draft.min() >= 0
