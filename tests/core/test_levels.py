# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples at reduced sizes: nothing is lost on the way, and an edge stays an edge."""

import numpy as np
import pytest

from blender_rackfocus.core.levels import FOCUS_SLOT, NOWHERE, Level, Sheet, pairs_of, reduced, slots_in, slots_of

HEIGHT, WIDTH = 16, 24


def sheet_of(place, seed=0):
    colour = np.random.default_rng(seed).random((HEIGHT, WIDTH, 3), np.float32)
    pairs = np.empty((2, HEIGHT, 2 * WIDTH), np.float32)
    pairs_of(colour, None, pairs)
    return Sheet(pairs, place.astype(np.float32)), colour


def reduced_to(sheet, scale, first, last):
    """The sheets that were needed, of two."""
    height, width = sheet.place.shape
    level = Level(scale, first, last, (0, 0), (0, 0), [], [])
    into = [Sheet.blank(len(sheet.pairs), height // scale, width // scale) for _ in range(2)]
    return into[: reduced(sheet, level, into)]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pairs_hold_the_channels_and_their_coverage(channels):
    rng = np.random.default_rng(1)
    colour, coverage = rng.random((5, 7, channels), np.float32), rng.random((5, 7), np.float32)
    pairs = np.empty((channels // 2 + 1, 5, 14), np.float32)
    pairs_of(colour, coverage, pairs)
    planes = np.concatenate([[pair[:, 0::2], pair[:, 1::2]] for pair in pairs])
    np.testing.assert_allclose(planes[:channels], (colour * coverage[..., None]).transpose(2, 0, 1))
    np.testing.assert_array_equal(planes[-1], coverage)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_levels_share_the_light_of_every_sample(scale):
    place = np.random.default_rng(2).uniform(-12, 12, (HEIGHT, WIDTH))
    sheet, _ = sheet_of(place)
    fine = np.clip(4 - np.abs(place), 0, 1).sum()  # what layers -3..3 hold
    middle = reduced_to(sheet, 2, 4, 7)
    coarse = reduced_to(sheet, scale, 8, 12)
    covered = sum(float(s.pairs[-1][:, 1::2].sum()) * 4 for s in middle)
    covered += sum(float(s.pairs[-1][:, 1::2].sum()) * scale**2 for s in coarse)
    assert fine + covered == pytest.approx(HEIGHT * WIDTH, rel=1e-5)
    for sheets, first, last in ((middle, 4, 7), (coarse, 8, 12)):
        assert len(sheets) == 2
        for own in sheets:
            size = np.abs(own.place[own.pairs[-1][:, 1::2] > 0])
            assert size.min() >= first - 1e-4
            assert size.max() <= last + 1e-4


def test_an_edge_within_a_cell_becomes_two_samples():
    place = np.full((HEIGHT, WIDTH), -9.0)
    place[:, 9:] = 6.0
    sheet, colour = sheet_of(place)
    near, far = reduced_to(sheet, 2, 5, 9)
    assert near.place[3, 4] == -9.0
    assert far.place[3, 4] == 6.0
    np.testing.assert_allclose(near.pairs[0][3, 8], colour[6:8, 8, 0].sum() / 4, rtol=1e-5)
    np.testing.assert_allclose(far.pairs[0][3, 8], colour[6:8, 9, 0].sum() / 4, rtol=1e-5)
    assert near.pairs[-1][3, 9] == far.pairs[-1][3, 9] == pytest.approx(0.5)
    lit = far.place != NOWHERE
    assert lit[:, 4].all()
    assert lit.sum() == HEIGHT // 2


def test_samples_of_other_levels_are_left_out():
    place = np.zeros((HEIGHT, WIDTH))
    sheet, _ = sheet_of(place)
    assert reduced_to(sheet, 2, 3, 9) == []
    place[4:6, 4:6] = 7.0
    (only,) = reduced_to(sheet_of(place)[0], 2, 3, 9)
    assert (only.place != NOWHERE).sum() == 1
    assert only.place[2, 2] == 7.0


def test_bands_make_the_same_as_the_whole():
    place = np.random.default_rng(5).uniform(-9, 9, (HEIGHT, WIDTH))
    sheet, _ = sheet_of(place)
    whole = reduced_to(sheet, 2, 3, 9)
    for rows, cells in ((slice(0, 6), slice(0, 3)), (slice(6, 16), slice(3, 8))):
        for band, all_of_it in zip(reduced_to(sheet.part(rows), 2, 3, 9), whole, strict=True):
            np.testing.assert_array_equal(band.pairs, all_of_it.pairs[:, cells])
            np.testing.assert_array_equal(band.place, all_of_it.place[cells])


def test_a_sample_is_found_in_the_layers_it_belongs_to():
    place = np.float32([[0.0, 0.3, 1.0, 1.5, 2.00001, -0.3, -1.0, -2.7, 60.5, NOWHERE]])
    slots = np.empty(place.shape, np.uint8)
    slots_of(place, slots)
    for layer in range(-61, 62):
        first, last = slots_in(layer)
        found = (slots >= first) & (slots <= last)
        assert found[np.abs(place - layer) < 0.999].all(), layer
        assert not found[np.abs(place - layer) > 1.001].any(), layer
    assert slots[0, 0] == FOCUS_SLOT
    first, last = slots_in(1)
    assert not first <= slots[0, 0] <= last  # what is in focus is most of a picture: no other layer has to look at it
