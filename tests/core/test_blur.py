# SPDX-License-Identifier: GPL-3.0-or-later
"""The blur is the convolution with the aperture's kernel: beside brute force, for every shape and size."""

import math

import cv2
import numpy as np
import pytest

from blender_rackfocus.core.aperture import Aperture, kernel
from blender_rackfocus.core.blur import blur, blur_layers, scales

SHAPES = {
    "circle": Aperture(),
    "pentagon": Aperture(blades=5, rotation_deg=13.0),
    "anamorphic": Aperture(squeeze=2.0, blades=7, roundness=0.4),
    "ring": Aperture(obstruction=0.4, spherical=0.5),
    "picture": Aperture(picture=np.triu(np.ones((9, 9), np.float32))),
}


def brute_force(picture, weights):
    """Every pixel's light spread by the kernel, black outside: float64."""
    planes = picture.reshape(*picture.shape[:2], -1).astype(np.float64)
    turned = np.ascontiguousarray(weights[::-1, ::-1], dtype=np.float64)
    out = [cv2.filter2D(planes[..., c], -1, turned, borderType=cv2.BORDER_CONSTANT) for c in range(planes.shape[2])]
    return np.stack(out, axis=-1).reshape(picture.shape)


def noise(*shape):
    return np.random.default_rng(7).random(shape, dtype=np.float32)


def point(size, channels=4, value=1.0):
    picture = np.zeros((size, size, channels), np.float32)
    picture[size // 2, size // 2 + 1] = value
    return picture


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("radius", [0.0, 0.3, 0.7, 1.6, 4.4, 4.6, -9.3, 21.0, -39.0])
def test_final_is_the_exact_convolution(shape, radius):
    picture = noise(131, 203, 4)
    picture[60, 100] = 500.0
    out = blur(picture, radius, shape)
    assert out.dtype == np.float32
    assert np.abs(out - brute_force(picture, kernel(radius, shape))).max() < 1e-6 * 500


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (40, 900), (640, 33)])
@pytest.mark.parametrize("channels", [None, 1, 3, 6])
def test_any_size_and_any_number_of_channels(size, channels):
    picture = noise(*size) if channels is None else noise(*size, channels)
    for radius in (2.0, 14.0, -39.5):
        out = blur(picture, radius, SHAPES["pentagon"])
        assert out.shape == picture.shape
        assert np.abs(out - brute_force(picture, kernel(radius, SHAPES["pentagon"]))).max() < 2e-6


@pytest.mark.parametrize("quality", ["final", "draft"])
@pytest.mark.parametrize("radius", [0.4, 3.0, 5.5, 20.0, 44.0, 80.0, 120.0, 200.0])
def test_a_bright_pixel_keeps_its_light_and_its_place(quality, radius):
    out = blur(point(449, 2, 1000.0), radius, quality=quality)[..., 0].astype(np.float64)
    assert out.sum() == pytest.approx(1000.0, rel=1e-3)
    y, x = np.mgrid[:449, :449]
    blocks = scales(radius, quality)[-1][0]  # a reduced size knows a place to half a block
    assert (out * y).sum() / out.sum() == pytest.approx(224, abs=0.01 + (blocks - 1) / 2)
    assert (out * x).sum() / out.sum() == pytest.approx(225, abs=0.01 + (blocks - 1) / 2)
    assert out.min() > -1e-3 * out.max()


@pytest.mark.parametrize("radius", [50.0, 80.0, 130.0])
def test_reduced_sizes_stay_close_to_the_exact_disc(radius):
    picture = point(449, 2)
    error = np.abs(blur(picture, radius) - brute_force(picture, kernel(radius, Aperture())))[..., 0]
    assert error.sum() < 0.05  # share of the light that lies elsewhere: the rim, softened
    broad = cv2.GaussianBlur(noise(449, 449, 2), (0, 0), 4.0)
    inner = slice(160, -160)
    exact = brute_force(broad, kernel(radius, Aperture()))
    assert np.abs(blur(broad, radius) - exact)[inner, inner].max() < 1e-3


def test_a_flat_picture_stays_flat_inside():
    for radius in (1.3, 12.0, 44.0, 70.0):
        out = blur(np.full((400, 400, 4), 0.25, np.float32), radius)
        inner = slice(math.ceil(radius) + 8, -math.ceil(radius) - 8)
        np.testing.assert_allclose(out[inner, inner], 0.25, atol=1e-6)


@pytest.mark.parametrize("quality", ["final", "draft"])
def test_nothing_jumps_as_the_radius_grows(quality):
    picture = noise(300, 300, 2)
    picture[150, 150] = 100.0
    for start in (0.79, 4.49, 5.0, 5.99, 14.0, 15.99, 36.0, 40.0, 47.99, 112.0):
        before = blur(picture, start, quality=quality)
        after = blur(picture, start + 0.01, quality=quality)
        # A disc's rim that moves by 0.01 px takes at most about 3 % of the disc's brightness with it.
        disc = 100.0 * kernel(start, Aperture()).max() + 1.0
        assert np.abs(after - before).max() < 0.03 * disc


def test_layers_together_are_the_layers_one_by_one():
    layers = [(noise(90, 120, 4), 0.5), (noise(50, 60, 4), -8.0), (noise(200, 100, 3), 45.0), (noise(30, 30), 3.0)]
    together = blur_layers(layers, SHAPES["pentagon"])
    for (picture, radius), out in zip(layers, together, strict=True):
        np.testing.assert_array_equal(out, blur(picture, radius, SHAPES["pentagon"]))
    alone = blur_layers(layers, SHAPES["pentagon"], threads=1)
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one, other)
    assert blur_layers([]) == []


def test_inputs_are_not_written_and_results_do_not_share_memory():
    picture = noise(60, 60, 4)
    kept = picture.copy()
    for radius in (0.0, 2.0, 12.0, 44.0):
        out = blur(picture, radius)
        out[:] = -1
        np.testing.assert_array_equal(picture, kept)


def test_strided_input():
    big = noise(80, 120, 6)
    np.testing.assert_array_equal(blur(big[::2, 10:70, :4], 7.0), blur(big[::2, 10:70, :4].copy(), 7.0))


def test_dark_regions_stay_black():
    picture = np.zeros((900, 900, 4), np.float32)
    picture[100:120, 100:120] = 1.0
    out = blur(picture, 20.0)
    assert (out[600:, 600:] == 0).all()


def test_cats_eye_spreads_every_point_by_the_kernel_of_its_place():
    shape = Aperture(cats_eye=0.8)
    picture, expected = np.zeros((270, 480, 2), np.float32), np.zeros((370, 580))
    half_diagonal = math.hypot(270, 480) / 2
    for row in range(25, 270, 55):
        for column in range(30, 480, 60):
            picture[row, column] = 1.0
            weights = kernel(10.0, shape, ((column + 0.5 - 240) / half_diagonal, (row + 0.5 - 135) / half_diagonal))
            reach = weights.shape[0] // 2
            expected[50 + row - reach : 51 + row + reach, 50 + column - reach : 51 + column + reach] += weights
    expected = expected[50:-50, 50:-50]
    out = blur(picture, 10.0, shape)
    assert out[..., 0].sum() == pytest.approx(picture[..., 0].sum(), rel=1e-4)
    assert np.abs(out[..., 0] - expected).sum() < 0.1 * expected.sum()  # rims fade from cell to cell
    plain = blur(picture, 10.0)
    assert np.abs(plain[..., 0] - expected).sum() > 0.3 * expected.sum()


@pytest.mark.parametrize("radius", [3.0, 12.0, 60.0])
def test_cats_eye_of_a_part_is_the_part_of_the_whole(radius):
    shape = Aperture(cats_eye=0.6, blades=6)
    frame = np.zeros((240, 420, 4), np.float32)
    frame[40:90, 300:380] = noise(50, 80, 4)
    whole = blur(frame, radius, shape)
    part = blur(frame[20:, 220:], radius, shape, frame_size=(240, 420), corner=(20, 220))
    difference = np.abs(part - whole[20:, 220:])
    assert difference.mean() < 0.03 * whole[20:, 220:].mean()  # cells lie elsewhere
    wrong = np.abs(blur(frame[20:, 220:], radius, shape) - whole[20:, 220:])
    assert difference.mean() < 0.5 * wrong.mean()


def test_cats_eye_does_not_depend_on_the_threads():
    shape, picture = Aperture(cats_eye=1.0), noise(150, 200, 4)
    one = blur_layers([(picture, 12.0)], shape, threads=1)[0]
    for _ in range(3):
        np.testing.assert_array_equal(blur_layers([(picture, 12.0)], shape, threads=4)[0], one)


def test_shares_of_the_sizes_sum_to_one():
    for quality in ("final", "draft"):
        for radius in np.linspace(-150, 150, 601):
            assert sum(share for _, share in scales(float(radius), quality)) == pytest.approx(1.0)
    assert scales(39.0) == [(1, 1.0)]
    assert scales(60.0) == [(2, 1.0)]
    assert scales(200.0) == [(4, 1.0)]


@pytest.mark.parametrize(
    "picture",
    [np.zeros((4, 4, 4)), np.zeros((4, 4), np.float16), np.zeros(5, np.float32), np.zeros((0, 4), np.float32), [[1.0]]],
)
def test_bad_pictures_are_named(picture):
    with pytest.raises(ValueError, match="picture"):
        blur(picture, 3.0)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="radius_px"):
        blur(noise(4, 4), math.nan)
    with pytest.raises(ValueError, match="quality"):
        blur(noise(4, 4), 1.0, quality="best")
