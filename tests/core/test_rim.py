# SPDX-License-Identifier: GPL-3.0-or-later
"""What is guessed to lie outside the picture."""

import math

import numpy as np

from blender_rackfocus.core.rim import FADES_OVER, continue_beyond
from blender_rackfocus.core.sheet import NOWHERE, Sheet, pairs_of

HEIGHT, WIDTH = 20, 60
MARGIN = 30, 7
"""More rows than the picture has, and fewer columns."""


def sheet_of(colour, place, coverage=None):
    out = Sheet.blank(2, HEIGHT, WIDTH, MARGIN)
    inner = out.within(MARGIN)
    pairs = np.empty(inner.pairs.shape, np.float32)
    pairs_of(np.ascontiguousarray(colour, np.float32), coverage, pairs)
    inner.pairs[...] = pairs
    inner.place[...] = place
    continue_beyond(out, MARGIN)
    planes = np.stack([out.pairs[0][:, 0::2], out.pairs[0][:, 1::2], out.pairs[1][:, 0::2]], axis=2)
    return planes, out.pairs[1][:, 1::2], out.place


def mirrored(index, length):
    while not 0 <= index < length:
        index = -1 - index if index < 0 else 2 * length - 1 - index
    return index


def test_colour_fades_from_the_borders_to_the_mirror_image_and_depth_goes_on():
    rng = np.random.default_rng(0)
    colour, place = rng.uniform(0.2, 1, (HEIGHT, WIDTH, 3)), rng.uniform(-5, 5, (HEIGHT, WIDTH))
    planes, coverage, places = sheet_of(colour, place)
    down, right = MARGIN
    np.testing.assert_allclose(planes[down:-down, right:-right], colour, rtol=1e-6)
    np.testing.assert_allclose(coverage, 1, rtol=1e-6)
    for away in (1, 5, 7, 23, 30):  # above, and to the right as far as it goes
        near = math.exp(-away / (FADES_OVER * WIDTH))
        expected = near * colour[0, 11] + (1 - near) * colour[mirrored(-away, HEIGHT), 11]
        np.testing.assert_allclose(planes[down - away, right + 11], expected, rtol=1e-4)
        assert places[down - away, right + 11] == np.float32(place[0, 11])
        if away <= right:
            expected = near * colour[9, -1] + (1 - near) * colour[9, WIDTH - away]
            np.testing.assert_allclose(planes[down + 9, right + WIDTH - 1 + away], expected, rtol=1e-4)
            assert places[down + 9, right + WIDTH - 1 + away] == np.float32(place[9, -1])


def test_samples_that_cover_a_part_go_on_with_their_coverage_and_empty_ones_stay_empty():
    rng = np.random.default_rng(1)
    colour, coverage = rng.uniform(0.2, 1, (HEIGHT, WIDTH, 3)), rng.random((HEIGHT, WIDTH), np.float32)
    coverage[:, :20] = 0
    coverage[1:, 20:30] = 0  # nothing to mirror there
    place = np.where(coverage > 0, 3.0, NOWHERE)
    planes, cover, places = sheet_of(colour, place, coverage)
    down, right = MARGIN
    for row in (*range(down), *range(down + HEIGHT, 2 * down + HEIGHT)):
        edge = 0 if row < down else HEIGHT - 1
        np.testing.assert_allclose(cover[row, right:-right], coverage[edge], rtol=1e-5)
        np.testing.assert_array_equal(places[row, right:-right], place[edge].astype(np.float32))
    assert (planes[:, : right + 20] == 0).all()
    single = planes[down - 3, right + 20 : right + 30] / coverage[0, 20:30, None]
    np.testing.assert_allclose(single, colour[0, 20:30], rtol=1e-4)


def test_a_lamp_that_the_border_cuts_is_no_bar():
    """What goes on of it outside is not much more light than its mirror image."""
    colour = np.full((HEIGHT, WIDTH, 3), 0.1)
    colour[:2, 30:33] = 50
    planes, _, _ = sheet_of(colour, np.zeros((HEIGHT, WIDTH)))
    down, right = MARGIN
    outside = planes[down - 20 : down, right:-right, 0].sum() - 0.1 * 20 * WIDTH
    assert 0.8 * 2 * 3 * 50 < outside < 1.3 * 2 * 3 * 50
