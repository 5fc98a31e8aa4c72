# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of the opening, against values worked out by hand."""

import dataclasses
import math

import numpy as np
import pytest

from blender_rackfocus.core.aperture import (
    Aperture,
    field_axes,
    kernel,
    kernels_over_field,
    overlap_share,
    vignetting_gain,
)

ARROW = np.zeros((21, 31), np.float32)
ARROW[8:13, 2:22] = 1.0
ARROW[2:19, 20:28] = 0.5

SHAPES = {
    "circle": Aperture(),
    "triangle": Aperture(blades=3, rotation_deg=11.0),
    "pentagon": Aperture(blades=5),
    "round hexagon": Aperture(blades=6, roundness=0.6, rotation_deg=20.0),
    "anamorphic": Aperture(squeeze=2.0),
    "wide": Aperture(squeeze=0.6, blades=7),
    "ring": Aperture(obstruction=0.3),
    "bright rim": Aperture(spherical=1.0),
    "bright core": Aperture(spherical=-1.0, blades=8),
    "cat's eye": Aperture(cats_eye=1.0),
    "picture": Aperture(picture=ARROW, rotation_deg=30.0),
}
CORNER = (0.8, -0.6)


def area_px(weights):
    """Area in pixels of a shape of even brightness."""
    return 1.0 / float(weights.max())


def centred(weights, size=301):
    out = np.zeros((size, size), np.float64)
    top, left = (size - weights.shape[0]) // 2, (size - weights.shape[1]) // 2
    out[top : top + weights.shape[0], left : left + weights.shape[1]] = weights
    return out


def offsets(weights):
    """(x right, y up) of every pixel from the kernel's centre."""
    height, width = weights.shape
    return np.meshgrid(np.arange(width) - width // 2, height // 2 - np.arange(height))


def lit(weights):
    return weights > 0.5 * weights.max()


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("radius", [0.0, 0.3, 0.79, 1.0, 3.7, 20.4, -0.5, -6.2, 150.0])
def test_every_kernel_is_odd_and_sums_to_one(shape, radius):
    weights = kernel(radius, shape, CORNER)
    assert weights.dtype == np.float32
    assert weights.shape[0] % 2 == 1
    assert weights.shape[1] % 2 == 1
    assert weights.min() >= 0
    assert weights.sum(dtype=np.float64) == pytest.approx(1.0, abs=2e-6)
    with pytest.raises(ValueError, match="read-only"):
        weights[0, 0] = 1.0


def test_a_disc_covers_its_pixels_as_a_finely_sampled_one_does():
    radius, fine = 8.4, 64
    weights = kernel(radius, Aperture())
    at = (np.arange(weights.shape[0] * fine) + 0.5) / fine - weights.shape[0] / 2
    inside = at[:, None] ** 2 + at[None, :] ** 2 <= radius**2
    exact = inside.reshape(weights.shape[0], fine, weights.shape[1], fine).mean(axis=(1, 3)) / (math.pi * radius**2)
    assert np.abs(weights - exact).max() < 0.01 * exact.max()


@pytest.mark.parametrize("radius", [2.5, 10.0, 33.3, 150.0])
def test_a_disc_has_the_area_and_the_second_moment_of_its_radius(radius):
    weights = kernel(radius, Aperture()).astype(np.float64)
    assert area_px(weights) == pytest.approx(math.pi * radius**2, rel=1e-3)
    x, _ = offsets(weights)
    moment = (weights * x**2).sum()
    assert moment == pytest.approx(radius**2 / 4, rel=0.003, abs=0.1)  # a pixel's own square adds up to 1/12


def test_below_the_changeover_the_disc_fades_with_the_radius_squared():
    at_changeover, half = kernel(0.8, Aperture()), kernel(0.4, Aperture())
    assert half[1, 0] == pytest.approx(at_changeover[1, 0] / 4, rel=1e-5)
    assert half[1, 1] == pytest.approx(0.75 + at_changeover[1, 1] / 4, rel=1e-5)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("radius", [0.4, 0.795, 1.495, 3.0, 10.0, 29.996])
def test_a_hair_more_radius_changes_the_kernel_by_a_hair(shape, radius):
    before, after = centred(kernel(radius, shape, CORNER)), centred(kernel(radius + 0.01, shape, CORNER))
    # A border that moves by 0.01 px changes the light on an edge pixel by 1 %; small discs lose density as well.
    assert np.abs(after - before).max() < (0.03 if radius > 2 else 0.09) * before.max()


@pytest.mark.parametrize("blades", [3, 4, 5, 6, 8, 16])
def test_a_polygon_is_inscribed_in_the_circle(blades):
    share = area_px(kernel(100.0, Aperture(blades=blades))) / (math.pi * 100.0**2)
    assert share == pytest.approx(blades / (2 * math.pi) * math.sin(2 * math.pi / blades), rel=2e-3)


@pytest.mark.parametrize(("blades", "rotation"), [(3, 0.0), (5, 0.0), (5, 25.0), (6, -10.0)])
def test_a_far_point_has_a_vertex_at_rotation_plus_half_a_step(blades, rotation):
    weights = kernel(100.0, Aperture(blades=blades, rotation_deg=rotation))
    x, y = offsets(weights)
    for step in range(blades):
        angle = math.radians(rotation + 180.0 / blades + step * 360.0 / blades)
        along = x * math.cos(angle) + y * math.sin(angle)
        assert along[lit(weights)].max() == pytest.approx(100.0, abs=2.0)  # the tip
        assert -along[lit(weights)].min() < (101.0 if blades % 2 == 0 else 100.0 * math.cos(math.pi / blades) + 1.5)


@pytest.mark.parametrize("shape", [s for s in SHAPES.values() if not s.spherical])
def test_a_near_point_is_a_far_one_turned_by_half_a_circle(shape):
    np.testing.assert_array_equal(kernel(-12.3, shape, CORNER), kernel(12.3, shape, CORNER)[::-1, ::-1])


def test_roundness_goes_from_polygon_to_circle():
    areas = [area_px(kernel(80.0, Aperture(blades=5, roundness=r))) for r in (0.0, 0.3, 0.6, 1.0)]
    assert areas == sorted(areas)
    assert areas[-1] == pytest.approx(math.pi * 80.0**2, rel=1e-3)
    # Roundness 1/2: blades of radius 2 R. Polygon plus n segments of half angle asin(sin(pi/n) / 2).
    half = math.asin(math.sin(math.pi / 5) / 2)
    segments = 5 * 4 * 80.0**2 * (half - math.sin(half) * math.cos(half))
    assert area_px(kernel(80.0, Aperture(blades=5, roundness=0.5))) == pytest.approx(areas[0] + segments, rel=2e-3)


def test_squeeze_two_is_an_upright_ellipse_one_to_two():
    weights = kernel(60.0, Aperture(squeeze=2.0))
    x, y = offsets(weights)
    assert np.abs(y[lit(weights)]).max() == pytest.approx(60, abs=1)
    assert np.abs(x[lit(weights)]).max() == pytest.approx(30, abs=1)
    assert (weights * y**2).sum() == pytest.approx(4 * (weights * x**2).sum(), rel=2e-3)
    assert area_px(weights) == pytest.approx(math.pi * 60.0 * 30.0, rel=1e-3)


@pytest.mark.parametrize("blades", [0, 6])
def test_the_rings_hole_has_the_set_area(blades):
    whole = kernel(90.0, Aperture(blades=blades))
    ring = kernel(90.0, Aperture(blades=blades, obstruction=0.25))
    assert area_px(ring) == pytest.approx(0.75 * area_px(whole), rel=1e-3)
    x, y = offsets(ring)
    if blades == 0:
        dark = (ring < 0.5 * ring.max()) & (np.hypot(x, y) < 80)
        assert math.sqrt(dark.sum() / math.pi) == pytest.approx(45.0, abs=0.3)  # half the diameter


def test_spherical_aberration_brightens_the_rim_behind_and_the_core_in_front():
    radius = 100.0
    far, near = kernel(radius, Aperture(spherical=0.6)), kernel(-radius, Aperture(spherical=0.6))
    even = 1.0 / (math.pi * radius**2)
    centre, rim = (100, 100), (100, 195)
    assert far[centre] / even == pytest.approx(1 - 0.6, abs=0.005)
    assert far[rim] / even == pytest.approx(1 + 0.6 * (2 * 0.95**2 - 1), abs=0.01)
    assert near[centre] / even == pytest.approx(1 + 0.6, abs=0.005)
    np.testing.assert_array_equal(near, kernel(radius, Aperture(spherical=-0.6))[::-1, ::-1])


def test_the_corners_cats_eye_is_the_overlap_of_two_discs():
    radius = 80.0
    weights = kernel(radius, Aperture(cats_eye=1.0), CORNER)
    # Two circles one radius apart have 2 pi / 3 - sqrt(3) / 2 of a squared radius in common.
    assert area_px(weights) == pytest.approx((2 * math.pi / 3 - math.sqrt(3) / 2) * radius**2, rel=3e-3)
    x, y = offsets(weights)
    toward_corner = x * 0.8 + y * 0.6  # the field's y runs down
    across = x * 0.6 - y * 0.8
    assert toward_corner[lit(weights)].max() == pytest.approx(0.0, abs=1.5)  # the outer side is cut
    assert toward_corner[lit(weights)].min() == pytest.approx(-radius, abs=1.5)
    assert across[lit(weights)].max() == pytest.approx(radius * math.sqrt(3) / 2, abs=1.5)
    np.testing.assert_array_equal(kernel(radius, Aperture(cats_eye=1.0)), kernel(radius, Aperture()))


@pytest.mark.parametrize(
    "shape", [Aperture(cats_eye=0.7), Aperture(cats_eye=0.7, blades=5, squeeze=1.5, spherical=0.3)]
)
def test_quick_field_kernels_are_the_kernels(shape):
    for radius in (-25.0, -1.3, 5.0, 12.0, 40.0):
        at = kernels_over_field(radius, shape)
        for place in ((0.0, 0.0), (0.3, 0.1), CORNER):
            assert np.abs(at(place) - kernel(radius, shape, place)).sum() < 0.02


def test_vignetting_is_the_overlap_too():
    gain = vignetting_gain(541, 961, Aperture(vignetting=1.0))
    assert gain[270, 480] == pytest.approx(1.0)
    assert gain[0, 0] == pytest.approx(0.391, abs=0.002)
    np.testing.assert_allclose(gain, gain[::-1, ::-1], atol=1e-6)
    assert (np.diff(gain[270, 480:]) <= 0).all()
    assert (vignetting_gain(9, 16, Aperture(cats_eye=1.0)) == 1.0).all()


def test_overlap_of_circles():
    np.testing.assert_allclose(overlap_share([0.0, 2.0, 3.0]), [1.0, 0.0, 0.0], atol=1e-12)
    assert overlap_share(1.0) == pytest.approx(2 / 3 - math.sqrt(3) / (2 * math.pi))


def test_field_reaches_one_at_the_corner():
    x, y = field_axes(6, 8)
    assert (x[0], y[-1]) == pytest.approx((-0.7, 0.5))  # pixel centres half a pixel inside; half diagonal 5
    assert (x + x[::-1] == 0).all()


def test_a_picture_is_upright_for_far_points_and_spans_the_diameter():
    weights = kernel(15.5, Aperture(picture=ARROW))
    grown = np.zeros_like(weights)
    top, left = (weights.shape[0] - 21) // 2, (weights.shape[1] - 31) // 2
    grown[top : top + 21, left : left + 31] = ARROW / ARROW.sum()
    assert np.abs(weights - grown).sum() < 0.15  # one pixel of the picture on one of the kernel, edges softened


def test_a_turned_picture_goes_counter_clockwise():
    dot = np.zeros((11, 11), np.float32)
    dot[4:7, 9:11] = 1.0  # on the right
    weights = kernel(30.0, Aperture(picture=dot, rotation_deg=90.0))
    _, y = offsets(weights)
    assert (weights * y).sum() > 15  # now on top


def test_a_black_side_behind_the_barrel_does_not_make_nothing_of_a_point():
    half = np.zeros((16, 16), np.float32)
    half[:, 15] = 1.0
    weights = kernel(10.0, Aperture(picture=half, cats_eye=1.0), (1.2, 0.0))
    assert np.isfinite(weights).all()
    assert weights.sum() == pytest.approx(1.0, abs=1e-5)


def test_apertures_with_equal_pictures_are_equal():
    one, two = Aperture(picture=ARROW), Aperture(picture=ARROW.astype(np.float64).copy())
    assert one == two
    assert hash(one) == hash(two)
    assert one != Aperture(picture=ARROW * 2)
    assert one != Aperture()
    assert Aperture(blades=5) == Aperture(blades=5, rotation_deg=0)
    assert Aperture(blades=5) != "pentagon"
    source = ARROW.copy()
    kept = Aperture(picture=source)
    source[:] = 7
    assert kept == one
    with pytest.raises(dataclasses.FrozenInstanceError):
        kept.blades = 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("blades", 2),
        ("blades", 17),
        ("blades", 5.5),
        ("rotation_deg", math.nan),
        ("roundness", 1.1),
        ("roundness", -0.1),
        ("squeeze", 0.0),
        ("squeeze", math.inf),
        ("obstruction", 1.0),
        ("spherical", 1.5),
        ("cats_eye", -0.2),
        ("vignetting", 2.0),
        ("picture", np.zeros((4, 4))),
        ("picture", np.ones((4, 4, 3))),
        ("picture", -np.ones((4, 4))),
        ("picture", np.full((4, 4), np.nan)),
    ],
)
def test_bad_fields_are_named(name, value):
    with pytest.raises(ValueError, match=name):
        Aperture(**{name: value})


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="radius_px"):
        kernel(math.inf, Aperture())
    with pytest.raises(ValueError, match="field"):
        kernel(3.0, Aperture(), (math.nan, 0.0))
