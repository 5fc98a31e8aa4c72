# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples at reduced sizes: nothing is lost on the way, and an edge stays an edge."""

import numpy as np
import pytest

from blender_rackfocus.core.cells import Cells, back_of, front_of
from blender_rackfocus.core.levels import FOCUS_SLOT, slots_in, slots_of
from blender_rackfocus.core.sheet import NOWHERE, Sheet, pairs_of

HEIGHT, WIDTH = 16, 24


def colours(channels=3, seed=0):
    return np.random.default_rng(seed).random((HEIGHT, WIDTH, channels), np.float32)


def reduced_to(light, place, scale, first, last):
    """The sheets that were needed, of two."""
    place = np.ascontiguousarray(place, np.float32)
    cells = Cells.of(light, place)
    pairs = np.empty((2 if light.shape[2] == 3 else light.shape[2] // 2 + 1, *place.shape), np.float32)
    while cells.scale < scale:
        cells = cells.halved()
    into = [Sheet.blank(len(pairs), *cells.place.shape) for _ in range(2)]
    return into[: front_of(cells, light, place, (first, last), into)]


def coverage_of(sheet):
    return sheet.pairs[-1][:, 1::2]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pairs_hold_the_channels_and_their_coverage(channels):
    rng = np.random.default_rng(1)
    colour, coverage = rng.random((5, 7, channels), np.float32), rng.random((5, 7), np.float32)
    pairs = np.empty((channels // 2 + 1, 5, 14), np.float32)
    pairs_of(colour, coverage, pairs)
    planes = np.concatenate([[pair[:, 0::2], pair[:, 1::2]] for pair in pairs])
    np.testing.assert_allclose(planes[:channels], (colour * coverage[..., None]).transpose(2, 0, 1))
    np.testing.assert_array_equal(planes[-1], coverage)


def test_pairs_without_room_for_coverage_take_the_last_channel_for_it():
    light, coverage = colours(4), colours(1, seed=1)[..., 0]
    light[..., 3] = 1
    roomy, pairs = np.empty((2, 2, HEIGHT, 2 * WIDTH), np.float32)
    pairs_of(np.ascontiguousarray(light[..., :3]), coverage, roomy)
    pairs_of(light, coverage, pairs)
    np.testing.assert_array_equal(pairs, roomy)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("scale", [2, 4, 8])
def test_levels_share_the_light_of_every_sample(scale, channels):
    place = np.random.default_rng(2).uniform(-12, 12, (HEIGHT, WIDTH))
    light = colours(channels)
    fine = np.clip(4 - np.abs(place), 0, 1)  # what layers -3..3 hold
    middle = reduced_to(light, place, 2, 4, 7)
    coarse = reduced_to(light, place, scale, 8, 12)
    covered = sum(float(coverage_of(s).sum()) * 4 for s in middle)
    covered += sum(float(coverage_of(s).sum()) * scale**2 for s in coarse)
    assert fine.sum() + covered == pytest.approx(HEIGHT * WIDTH, rel=1e-5)
    lit = (fine * light[..., 0]).sum() + sum(float(s.pairs[0][:, 0::2].sum()) * 4 for s in middle)
    lit += sum(float(s.pairs[0][:, 0::2].sum()) * scale**2 for s in coarse)
    assert lit == pytest.approx(light[..., 0].sum(), rel=1e-5)
    for sheets, first, last in ((middle, 4, 7), (coarse, 8, 12)):
        assert len(sheets) == 2
        for own in sheets:
            size = np.abs(own.place[coverage_of(own) > 0])
            assert size.min() >= first - 1e-4
            assert size.max() <= last + 1e-4


@pytest.mark.parametrize("scale", [2, 4])
def test_a_slope_gives_all_its_light_to_one_level_or_another(scale):
    place = np.broadcast_to(np.linspace(2, 7, HEIGHT)[:, None], (HEIGHT, WIDTH))  # a floor, a third of a layer a pixel
    light = colours()
    (only, *_) = reduced_to(light, place, scale, 5, 9)
    share = np.clip(place - 4, 0, 1).reshape(HEIGHT // scale, scale, WIDTH // scale, scale).mean((1, 3))
    np.testing.assert_allclose(sum(map(coverage_of, reduced_to(light, place, scale, 5, 9))), share, atol=1e-6)
    assert (np.diff(only.place[share[:, 0] > 0], axis=0) >= 0).all()


def test_an_edge_within_a_cell_becomes_two_samples():
    place = np.full((HEIGHT, WIDTH), -9.0)
    place[:, 9:] = 6.0
    light = colours()
    near, far = reduced_to(light, place, 2, 5, 9)
    assert near.place[3, 4] == -9.0
    assert far.place[3, 4] == 6.0
    np.testing.assert_allclose(near.pairs[0][3, 8], light[6:8, 8, 0].sum() / 4, rtol=1e-5)
    np.testing.assert_allclose(far.pairs[0][3, 8], light[6:8, 9, 0].sum() / 4, rtol=1e-5)
    assert near.pairs[-1][3, 9] == far.pairs[-1][3, 9] == pytest.approx(0.5)
    lit = far.place != NOWHERE
    assert lit[:, 4].all()
    assert lit.sum() == HEIGHT // 2


def test_what_is_in_focus_leaves_no_colour_in_a_cell_that_it_shares():
    place = np.zeros((HEIGHT, WIDTH))
    place[:, 9:] = 6.0
    light = colours()
    (only,) = reduced_to(light, place, 2, 5, 9)
    np.testing.assert_allclose(only.pairs[0][3, 8], light[6:8, 9, 0].sum() / 4, rtol=1e-5)
    assert only.pairs[-1][3, 9] == pytest.approx(0.5)


def test_samples_of_other_levels_are_left_out():
    place = np.zeros((HEIGHT, WIDTH))
    assert reduced_to(colours(), place, 2, 3, 9) == []
    place[4:6, 4:6] = 7.0
    (only,) = reduced_to(colours(), place, 2, 3, 9)
    assert (only.place != NOWHERE).sum() == 1
    assert only.place[2, 2] == 7.0


def test_bands_make_the_same_as_the_whole():
    place = np.random.default_rng(5).uniform(-9, 9, (HEIGHT, WIDTH))
    light = colours()
    whole = reduced_to(light, place, 2, 3, 9)
    for rows, cells in ((slice(0, 6), slice(0, 3)), (slice(6, 16), slice(3, 8))):
        for band, all_of_it in zip(reduced_to(light[rows], place[rows], 2, 3, 9), whole, strict=True):
            np.testing.assert_array_equal(band.pairs, all_of_it.pairs[:, cells])
            np.testing.assert_array_equal(band.place, all_of_it.place[cells])


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_hidden_samples_keep_their_light_too(scale):
    rng = np.random.default_rng(6)
    place, coverage = rng.uniform(3, 12, (HEIGHT, WIDTH)).astype(np.float32), rng.random((HEIGHT, WIDTH), np.float32)
    coverage[place < 6] = 0
    place[coverage == 0] = NOWHERE
    pairs = np.empty((2, HEIGHT, 2 * WIDTH), np.float32)
    light = colours()
    pairs_of(light, coverage, pairs)
    into = Sheet.blank(2, HEIGHT // scale, WIDTH // scale)
    assert back_of(Sheet(pairs, place), (8, 20), into)
    share = np.clip(place - 7, 0, 1) * coverage
    assert coverage_of(into).sum() * scale**2 == pytest.approx(share.sum(), rel=1e-5)
    assert into.pairs[0][:, 0::2].sum() * scale**2 == pytest.approx((share * light[..., 0]).sum(), rel=1e-5)
    lit = coverage_of(into) > 0
    assert (into.place[lit] >= 8).all()
    assert (into.place[~lit] == NOWHERE).all()
    assert not back_of(Sheet(pairs, place), (14, 20), into)


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
