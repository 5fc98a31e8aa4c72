# SPDX-License-Identifier: GPL-3.0-or-later
"""A second layer: what is known of the surfaces that the picture's hide."""

from dataclasses import replace

import numpy as np
import pytest

from blender_rackfocus.core import Behind, Highlights, Lens, defocus_frame
from blender_rackfocus.core.lens import radius_per_dioptre

HEIGHT, WIDTH = 120, 200
LENS = Lens(focal_mm=50.0, f_number=2.0, sensor_mm=36.0, focus_m=4.0)
NEAR_PX = 12.0
EDGE = 110


def near_m(coc_px):
    return np.float32(1 / (1 / LENS.focus_m + coc_px / radius_per_dioptre(LENS, WIDTH)))


def wall():
    """Stripes of two cells of the search, in focus."""
    out = np.full((HEIGHT, WIDTH, 3), 0.1, np.float32)
    out[:, np.arange(WIDTH) // 4 % 2 == 0] = (0.2, 0.9, 0.4)
    return out


def shot():
    """A red card, out of focus, before the left part of the wall."""
    rgba, depth_m = np.ones((HEIGHT, WIDTH, 4), np.float32), np.full((HEIGHT, WIDTH), 4.0, np.float32)
    rgba[..., :3] = wall()
    rgba[:, :EDGE, :3] = (1, 0, 0)
    depth_m[:, :EDGE] = near_m(NEAR_PX)
    return rgba, depth_m


def behind(known=1.0, metres=4.0):
    whole = np.full((HEIGHT, WIDTH), 1, np.float32)
    return Behind(wall(), whole * np.float32(metres), whole * np.float32(known))


def expected():
    """The card's share of a disc around each column, and the wall through the rest."""
    u = np.linspace(-1, 1, 20001)
    chord = np.sqrt(1 - u * u)
    at = (EDGE - 0.5 - np.arange(WIDTH)) / NEAR_PX
    card = np.array([chord[u <= a].sum() for a in at]) / chord.sum()
    return card[:, None] * np.array((1.0, 0, 0)) + (1 - card[:, None]) * wall()[0]


@pytest.mark.parametrize(("quality", "bound"), [("final", 0.03), ("draft", 0.05)])
def test_through_a_blurred_card_the_wall_behind_it_is_seen(quality, bound):
    rgba, depth_m = shot()
    row = defocus_frame(rgba, depth_m, LENS, quality=quality, behind=behind())[HEIGHT // 2, :, :3]
    guessed = defocus_frame(rgba, depth_m, LENS, quality=quality)[HEIGHT // 2, :, :3]
    there = slice(EDGE - int(NEAR_PX) - 2, EDGE - 1)
    off, without = (np.abs(one - expected())[there].mean() for one in (row, guessed))
    assert off < bound
    assert off < 0.75 * without


@pytest.mark.parametrize("quality", ["draft", "final"])
def test_what_is_not_known_or_not_farther_changes_nothing(quality):
    rgba, depth_m = shot()
    plain = defocus_frame(rgba, depth_m, LENS, quality=quality)
    assert np.array_equal(defocus_frame(rgba, depth_m, LENS, quality=quality, behind=behind(known=0)), plain)
    unknown = Behind(wall() * np.float32(np.nan), np.full_like(depth_m, np.nan), np.zeros_like(depth_m))
    assert np.array_equal(defocus_frame(rgba, depth_m, LENS, quality=quality, behind=unknown), plain)
    nearer = defocus_frame(rgba, depth_m, LENS, quality=quality, behind=behind(metres=near_m(20.0)))
    np.testing.assert_allclose(nearer, plain, atol=1e-5)


def test_in_focus_a_card_hides_what_is_known_behind_it():
    rgba, depth_m = shot()
    lens = replace(LENS, focus_m=float(near_m(NEAR_PX)))
    out = defocus_frame(rgba, depth_m, lens, behind=behind())
    assert np.array_equal(out[:, : EDGE - 1], rgba[:, : EDGE - 1])


@pytest.mark.parametrize("quality", ["draft", "final"])
@pytest.mark.parametrize("channels", [3, 4])
def test_it_goes_with_everything_else(quality, channels):
    """Alpha, axial colour, highlights, odd sizes, a part that is known."""
    rgba, depth_m = shot()
    rgba[:40, :, :] *= np.float32(0.5)
    rgba, depth_m = np.ascontiguousarray(rgba[:-1, :-3, :channels]), np.ascontiguousarray(depth_m[:-1, :-3])
    layer = behind()
    layer.known[::3] = 0
    layer = Behind(*(np.ascontiguousarray(plane[:-1, :-3]) for plane in (layer.picture, layer.depth_m, layer.known)))
    lens = replace(LENS, axial_chromatic=0.5, breathing=0.5)
    out = defocus_frame(rgba, depth_m, lens, quality=quality, highlights=Highlights(gain=3.0), behind=layer)
    assert out.shape == rgba.shape
    assert np.isfinite(out).all()
    assert out.min() > -1e-4


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("picture", {"picture": np.zeros((HEIGHT, WIDTH, 2), np.float32)}),
        ("depth_m", {"depth_m": np.ones((3, 3), np.float32)}),
        ("known", {"known": np.ones((HEIGHT, WIDTH), bool)}),
        ("finite", {"picture": np.full((HEIGHT, WIDTH, 3), np.nan, np.float32)}),
        ("above 0", {"depth_m": np.zeros((HEIGHT, WIDTH), np.float32)}),
    ],
)
def test_bad_layers_name_themselves(name, change):
    with pytest.raises(ValueError, match=rf"behind.*{name}"):
        defocus_frame(*shot(), LENS, behind=replace(behind(), **change))


@pytest.mark.parametrize("quality", ["draft", "final"])
def test_whatever_lies_behind_makes_no_light_of_its_own(quality):
    """Cards at any distance, something known a little farther behind all of them, focus anywhere."""
    rng = np.random.default_rng(7)
    depth_m = np.full((HEIGHT, WIDTH), 5.0, np.float32)
    for _ in range(30):
        y, x = int(rng.integers(0, HEIGHT - 20)), int(rng.integers(0, WIDTH - 20))
        depth_m[y : y + int(rng.integers(4, 40)), x : x + int(rng.integers(4, 40))] = rng.uniform(1, 5)
    rgba = np.ones((HEIGHT, WIDTH, 4), np.float32)
    rgba[..., :3] = rng.uniform(0.2, 0.8, (HEIGHT, WIDTH, 3))
    known = (rng.random((HEIGHT // 8, WIDTH // 8)) > 0.5).astype(np.float32).repeat(8, 0).repeat(8, 1)
    layer = Behind(np.full_like(rgba[..., :3], 0.5), depth_m * np.float32(1.2), known)
    for focus_m in (1.2, 2.0, 3.0, 5.0):
        out = defocus_frame(rgba, depth_m, replace(LENS, focus_m=focus_m), quality=quality, behind=layer)
        assert out.min() > 0.1
        assert out.max() < 1.001


def test_what_is_known_of_a_strip_goes_on_under_the_card():
    """A strip that ends halfway under a blurred card is no edge of the wall."""
    rgba, depth_m = shot()
    blue = np.full((HEIGHT, WIDTH, 3), (0.1, 0.2, 0.9), np.float32)
    layer = replace(behind(), picture=blue)
    strip = replace(layer, known=layer.known.copy())
    strip.known[:, : EDGE - 6] = 0
    whole, part = (
        defocus_frame(rgba, depth_m, LENS, behind=one)[HEIGHT // 2, EDGE - 14 : EDGE - 1, :3] for one in (layer, strip)
    )
    assert np.abs(part - whole).max() < 0.05


def test_in_focus_what_is_known_does_not_shine_through_a_surface_whose_depth_has_a_grain():
    rng = np.random.default_rng(3)
    rgba, depth_m = shot()
    depth_m[:, :EDGE] *= np.exp(rng.normal(0, 0.01, (HEIGHT, EDGE))).astype(np.float32)
    lens = replace(LENS, focus_m=float(near_m(NEAR_PX)))
    plain, known = (defocus_frame(rgba, depth_m, lens, behind=one)[..., :3] for one in (None, behind()))
    inside = np.s_[4:-4, 4 : EDGE - 4]
    assert np.abs(known - rgba[..., :3])[inside].mean() < 1.05 * np.abs(plain - rgba[..., :3])[inside].mean()


def test_where_what_is_known_ends_nothing_dark_is_blended_in():
    """A layer that is known under the card alone is as good there as one that is known everywhere."""
    known = np.zeros((HEIGHT, WIDTH), np.float32)
    known[:, :EDGE] = 1
    bright = replace(behind(), picture=np.full((HEIGHT, WIDTH, 3), 0.9, np.float32))
    everywhere, under = (
        defocus_frame(*shot(), LENS, behind=one)[HEIGHT // 2, EDGE - 4 : EDGE, :3]
        for one in (bright, replace(bright, known=known))
    )
    assert np.abs(everywhere - under).max() < 0.02


def test_deep_under_the_card_nothing_shines_through():
    """Where no part of the lens sees past its edge, a card is as opaque as without anything known."""
    rgba, depth_m = shot()
    inside = np.s_[HEIGHT // 2, : EDGE - 2 * int(NEAR_PX), :3]
    with_it, without = (defocus_frame(rgba, depth_m, LENS, behind=one)[inside] for one in (behind(), None))
    assert np.abs(with_it - without).max() < 1e-3


@pytest.mark.parametrize("quality", ["draft", "final"])
def test_what_no_part_of_the_lens_sees_has_no_share_in_the_picture(quality):
    """Beyond focus, a card and the wall behind it are both blurred; the lens sees past the card's edge by as much as
    their circles differ. What is known deeper under the card than that may look like anything."""
    lens, card_px, wall_px = replace(LENS, focus_m=0.3), -6.0, -9.0
    rgba, depth_m = shot()
    depth_m[:, :EDGE], depth_m[:, EDGE:] = (
        1 / (1 / lens.focus_m + coc / radius_per_dioptre(lens, WIDTH)) for coc in (card_px, wall_px)
    )
    rgba[:, EDGE:, :3] = 0.1
    grey = Behind(np.full_like(rgba[..., :3], 0.1), np.full_like(depth_m, depth_m[0, -1]), np.ones_like(depth_m))
    painted = replace(grey, picture=grey.picture.copy())
    painted.picture[:, : EDGE - int(card_px - wall_px) - 1] = (0.1, 0.2, 0.95)
    one, other = (defocus_frame(rgba, depth_m, lens, quality=quality, behind=layer) for layer in (grey, painted))
    assert np.abs(one - other).max() < 0.01
    painted.picture[:, : EDGE - 1] = (0.1, 0.2, 0.95)
    other = defocus_frame(rgba, depth_m, lens, quality=quality, behind=painted)
    assert np.abs(one - other).max() > 0.02
