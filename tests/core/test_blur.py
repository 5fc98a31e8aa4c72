# SPDX-License-Identifier: GPL-3.0-or-later
"""The renderer's one blur, against convolution by hand."""

import numpy as np
import pytest

from blender_rackfocus.core.aperture import CENTRE, Aperture, kernel, kernels_over_field
from blender_rackfocus.core.blur import Canvas, reach_px, reduced_radius

SHAPES = {
    "circle": Aperture(),
    "five blades": Aperture(blades=5, rotation_deg=25.0),
    "squeezed ring": Aperture(squeeze=1.5, obstruction=0.3),
    "cat's eye": Aperture(cats_eye=0.8),
}
ONE = {CENTRE: np.float32(1)}


def by_hand(planes, box, out, weights):
    """Every pixel of the box adds its kernel to the picture; then `out` is cut from it."""
    (top, _), (left, _) = box
    room = 100
    picture = np.zeros((len(planes), 300, 300), np.float64)
    up, aside = weights.shape[0] // 2, weights.shape[1] // 2
    for y, x in np.ndindex(planes.shape[1:]):
        rows = slice(room + top + y - up, room + top + y + up + 1)
        columns = slice(room + left + x - aside, room + left + x + aside + 1)
        picture[:, rows, columns] += planes[:, y, x, None, None] * weights
    return picture[:, room + out[0][0] : room + out[0][1], room + out[1][0] : room + out[1][1]]


def noise(height, width):
    return np.random.default_rng(3).random((2, height, 2 * width), np.float32)


def blurred(pairs, box, out, radius, shape, fields):
    canvas = Canvas(box, out, radius, shape, fields)
    done = []
    for pair in pairs:
        canvas.part(box)[...] = pair
        done.append(canvas.blurred().copy())
    return np.stack(done)


def planes_of(pairs):
    return np.concatenate([[pair[:, 0::2], pair[:, 1::2]] for pair in pairs])


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("radius", [0.4, 1.3, 3.0, 3.1, -9.7, 21.0])
@pytest.mark.parametrize("cut", ["around", "inside", "beside"])
def test_it_is_the_convolution(shape, radius, cut):
    height, width, (down, right) = 19, 24, reach_px(radius, shape)
    box = ((5, 5 + height), (7, 7 + width))
    out = {
        "around": ((5 - down, 24 + down), (7 - right, 31 + right)),
        "inside": ((11, 17), (12, 30)),
        "beside": ((24, 25 + down), (7, 31)),
    }[cut]
    pairs = noise(height, width)
    got = planes_of(blurred(pairs, box, out, radius, shape, ONE))
    weights = kernels_over_field(radius, shape)(CENTRE) if shape.varies_over_field else kernel(radius, shape)
    wanted = by_hand(planes_of(pairs), box, out, weights)
    np.testing.assert_allclose(got, wanted, atol=2e-6)


@pytest.mark.parametrize("radius", [2.0, 9.0])
def test_kernels_of_several_places_are_mixed_by_their_shares(radius):
    shape = SHAPES["cat's eye"]
    box, out = ((0, 12), (0, 15)), ((-3, 14), (-4, 18))
    pairs = noise(12, 15)
    share = np.tile(np.repeat(np.linspace(0, 1, 22, dtype=np.float32), 2), (17, 1))
    places = (-0.9, 0.0), (0.3, 0.4)
    got = planes_of(blurred(pairs, box, out, radius, shape, {places[0]: 1 - share, places[1]: share}))
    ends = [by_hand(planes_of(pairs), box, out, kernel(radius, shape, place)) for place in places]
    wanted = ends[0] * (1 - share[:, ::2]) + ends[1] * share[:, ::2]
    np.testing.assert_allclose(got, wanted, atol=2e-6)


def test_in_focus_nothing_is_blurred():
    pairs = noise(12, 15)
    box, out = ((3, 15), (2, 17)), ((0, 20), (5, 16))
    got = blurred(pairs, box, out, 0.0, Aperture(), ONE)
    np.testing.assert_array_equal(got[:, 3:15], pairs[:, :, 6:28])
    assert not got[:, :3].any()
    assert not got[:, 15:].any()


def test_reach_is_that_of_the_kernel_also_where_its_corners_are_lit():
    square = Aperture(picture=np.ones((9, 9), np.float32), rotation_deg=45.0)
    assert reach_px(20.0, square)[0] >= 28  # the diagonal
    assert reach_px(20.0, Aperture(squeeze=2.0)) == (20, 10)
    assert reach_px(0.0, Aperture()) == (0, 0)


@pytest.mark.parametrize(("radius", "scale"), [(9.0, 2), (-40.0, 4), (120.0, 8)])
def test_the_reduced_radius_makes_up_for_the_way_down_and_up(radius, scale):
    small = reduced_radius(radius, scale)
    assert np.sign(small) == np.sign(radius)
    moments = (scale * small) ** 2 / 4 + (scale**2 - 1) / 12 + (scale**2 - 1) / 6
    assert moments == pytest.approx(radius**2 / 4)
