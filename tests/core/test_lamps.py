# SPDX-License-Identifier: GPL-3.0-or-later
"""Lamps: what is small and brighter than white is drawn as the opening itself, wherever layers stand."""

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from blender_rackfocus.core import Aperture, Highlights, Lens, defocus_frame
from blender_rackfocus.core.aperture import kernel
from blender_rackfocus.core.crew.workers import Workers, workers
from blender_rackfocus.core.lamps import Lamps, taken_out
from blender_rackfocus.core.lens import coc_px
from blender_rackfocus.core.levels import Stand

HEIGHT, WIDTH = 160, 240
WALL_M = 6.0
DIM = np.float32(0.02)
QUALITIES = pytest.mark.parametrize("quality", ["final", "draft"])


def lens_for(radius_px: float, depth_m: float = WALL_M, focus_m: float = 2.0) -> Lens:
    """One that gives a depth a circle, farther than focus or nearer."""
    lens = Lens(focal_mm=50, f_number=1.0, sensor_mm=36, focus_m=focus_m)
    return replace(lens, f_number=abs(float(coc_px(np.float32(depth_m), lens, WIDTH))) / radius_px)


def night(light: float = 100.0, lamps: int = 12, wide: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """A dark wall with square lamps, no two alike in colour, and its depth."""
    rng = np.random.default_rng(4)
    rgba = np.full((HEIGHT, WIDTH, 4), DIM, np.float32)
    for _ in range(lamps):
        y, x = rng.integers(30, HEIGHT - 30), rng.integers(30, WIDTH - 30)
        rgba[y : y + wide, x : x + wide, :3] = light * rng.uniform(0.5, 1, 3)
    rgba[..., 3] = 1
    return rgba, np.full((HEIGHT, WIDTH), WALL_M, np.float32)


def spread(rgba: np.ndarray, radius_px: float, aperture: Aperture) -> np.ndarray:
    """Each pixel as the opening, at full size: what a lens makes of a flat wall."""
    turned = np.ascontiguousarray(kernel(radius_px, aperture)[::-1, ::-1])
    return cv2.filter2D(rgba, -1, turned, borderType=cv2.BORDER_REFLECT)


def drawn_circle(radius_px: float) -> float:
    """As blur sets in at a quarter pixel."""
    return float(np.sqrt(radius_px**2 - 0.25**2))


@QUALITIES
@pytest.mark.parametrize("radius_px", [3.4, 8.3, 13.7, 22.2])
@pytest.mark.parametrize(
    ("aperture", "wide"),
    [(Aperture(), 3), (Aperture(blades=5), 8), (Aperture(blades=5, rotation_deg=20, squeeze=1.5), 3)],
)
def test_a_lamp_is_the_opening_itself(radius_px, aperture, wide, quality):
    rgba, depth_m = night(wide=wide)
    for focus_m, sign in ((2.0, 1), (40.0, -1)):
        out = defocus_frame(rgba, depth_m, lens_for(radius_px, focus_m=focus_m), aperture=aperture, quality=quality)
        wanted = spread(rgba, sign * drawn_circle(radius_px), aperture)
        within = slice(4, -4)
        assert np.abs(out - wanted)[within, within].max() < 0.01 * wanted[..., :3].max()


@QUALITIES
def test_its_light_is_neither_lost_nor_made(quality):
    rgba, depth_m = night()
    for radius_px in (1.2, 1.6, 1.8, 2.0, 2.3, 6.0, 16.0):
        out = defocus_frame(rgba, depth_m, lens_for(radius_px), quality=quality)
        assert out[..., :3].sum() == pytest.approx(rgba[..., :3].sum(), rel=1e-3)


@QUALITIES
def test_its_light_is_there_wherever_layers_stand(quality):
    rgba, depth_m = night()
    for radius_px in np.arange(4.0, 9.0, 0.04):
        out = defocus_frame(rgba, depth_m, lens_for(float(radius_px)), quality=quality)
        assert out[..., :3].sum() == pytest.approx(rgba[..., :3].sum(), rel=1e-3)


@pytest.mark.parametrize("depth_m", [50.0, 1.2])
def test_a_lamp_at_a_distance_of_its_own_is_not_lost(depth_m):
    """Of a single pixel, which a draft has no sample of: beyond all else, or nearer."""
    rgba, depths = night(lamps=0)
    rgba[81, 101, :3], depths[81, 101] = 500.0, depth_m
    for radius_px in (2.5, 5.0):
        out = defocus_frame(rgba, depths, lens_for(radius_px), quality="draft")
        assert out[..., :3].sum() == pytest.approx(rgba[..., :3].sum(), rel=0.01)


@QUALITIES
def test_discs_grow_evenly(quality):
    """What is above white is cut off, as on a screen: the light of the rest grows with the disc's rim."""
    rgba, depth_m = night(light=100.0)
    size = [
        float(np.minimum(defocus_frame(rgba, depth_m, lens_for(radius_px), quality=quality)[..., :3], 1).sum())
        for radius_px in np.arange(5.0, 9.0, 0.35)
    ]
    steps = np.diff(size)
    assert steps.min() > 0.7 * np.median(steps)
    assert steps.max() < 1.3 * np.median(steps)


@QUALITIES
def test_what_is_before_a_lamp_covers_it(quality):
    rgba, depth_m = night(light=300.0, lamps=0)
    rgba[80, 88, :3] = 300.0
    rgba[:, 104:, :3], depth_m[:, 104:] = 0.5, 2.0  # a card in focus before the wall
    out = defocus_frame(rgba, depth_m, lens_for(22.0), quality=quality)
    np.testing.assert_allclose(out[:, 107:], rgba[:, 107:], atol=0.01)
    assert out[80, 74, 0] == pytest.approx(DIM + 300.0 / (np.pi * 22**2), rel=0.1)


@QUALITIES
def test_what_is_before_a_lamp_and_blurred_itself_covers_it(quality):
    rgba, depth_m = night(light=300.0, lamps=0)
    rgba[80, 88, :3] = 300.0
    rgba[:, 104:, :3], depth_m[:, 104:] = 0.5, 1.9
    lens = lens_for(28.0)
    edge_px = -float(coc_px(np.float32(1.9), lens, WIDTH))
    assert edge_px > 2
    out = defocus_frame(rgba, depth_m, lens, quality=quality)
    inner = slice(104 + int(np.ceil(edge_px)) + 2, 125)
    assert inner.start < 88 + 25
    np.testing.assert_allclose(out[:, inner], rgba[:, inner], atol=0.02)
    assert out[80, 70, 0] == pytest.approx(DIM + 300.0 / (np.pi * 28**2), rel=0.1)


def test_between_what_is_in_focus_a_lamp_is_seen_wholly():
    """Bars in focus before it: its disc is as bright in the gaps as without them, at a quarter of the size too."""
    rgba, depth_m = night(lamps=0)
    rgba[78:83, 90:96, :3] = 900.0
    lens = lens_for(40.0)
    disc = defocus_frame(rgba, depth_m, lens)
    assert disc[80, 122, 0] > 1
    for x in (114, 126):
        rgba[:, x : x + 6, :3], depth_m[:, x : x + 6] = 0.0, 2.0
    out = defocus_frame(rgba, depth_m, lens)
    for x in (110, 111, 122, 123):
        np.testing.assert_allclose(out[75:85, x, :3], disc[75:85, x, :3], rtol=0.15)


@QUALITIES
def test_what_is_bright_behind_slits_goes_on_behind_them(quality):
    """A sky seen through narrow slits is no row of lamps: it is as bright in them as the sky is."""
    rgba, depth_m = night(lamps=0)
    rgba[..., :3], depth_m[...] = 0.1, 2.0
    for x in (90, 102, 114):
        rgba[60:100, x : x + 6, :3], depth_m[60:100, x : x + 6] = 20.0, 500.0
    out = defocus_frame(rgba, depth_m, lens_for(8.0, depth_m=500.0), quality=quality)
    for x in (92, 93, 104, 105, 116, 117):
        np.testing.assert_allclose(out[70:90, x, :3], 20.0, rtol=0.1)


@QUALITIES
def test_alpha_is_as_without_them(quality):
    rgba, depth_m = night()
    rgba[:, :120] *= 0.5
    alpha = defocus_frame(rgba, depth_m, lens_for(9.0), quality=quality)[..., 3]
    rgba[..., :3] = DIM
    np.testing.assert_allclose(alpha, defocus_frame(rgba, depth_m, lens_for(9.0), quality=quality)[..., 3], rtol=1e-5)


@QUALITIES
def test_a_lamp_in_front_shines_over_what_is_behind(quality):
    rgba, depth_m = night(light=300.0, lamps=0)
    rgba[..., :3], depth_m[...] = 0.2, 20.0
    rgba[79:82, 99:102, :3], depth_m[79:82, 99:102] = 300.0, 1.0
    out = defocus_frame(rgba, depth_m, lens_for(9.0, depth_m=1.0, focus_m=20.0), quality=quality)
    assert out[80, 93, 0] == pytest.approx(0.2 + 9 * 300.0 / (np.pi * 9**2), rel=0.1)


@QUALITIES
def test_channels_of_a_lens_with_colour_errors_are_drawn_each(quality):
    rgba, depth_m = night()
    lens = replace(lens_for(9.0), axial_chromatic=0.2)
    out = defocus_frame(rgba, depth_m, lens, quality=quality)
    red, green, blue = (
        defocus_frame(np.repeat(rgba[..., [c, c, c, 3]], 1, 2), depth_m, lens, quality=quality) for c in range(3)
    )
    for channel, own in enumerate((red, green, blue)):
        np.testing.assert_allclose(out[..., channel], own[..., channel], atol=1e-4 * rgba.max())


@QUALITIES
def test_many_lamps_take_no_longer_than_some(quality):
    """More and more lamps: the picture changes with each, and never all at once, where not all can be drawn."""
    rng = np.random.default_rng(2)
    places = [
        (int(y), int(x)) for y, x in zip(rng.integers(0, HEIGHT, 9000), rng.integers(0, WIDTH, 9000), strict=True)
    ]
    lens = lens_for(14.0)
    rgba, depth_m = night(lamps=0)
    before, changes = None, []
    for first in range(0, 9000, 500):
        for y, x in places[first : first + 500]:
            rgba[y, x, :3] = 30.0
        out = defocus_frame(rgba, depth_m, lens, quality=quality)
        if before is not None:
            changes.append(float(np.abs(out - before).mean()))
        before = out
    assert max(changes) < 1.6 * np.median(changes)


@QUALITIES
def test_faint_lamps_in_their_thousands_do_not_put_others_out(quality):
    """Discs grow, and with them those that are bright enough to be drawn: the picture changes as evenly as before."""
    rng = np.random.default_rng(5)
    rgba, depth_m = night(light=60.0)
    rgba[rng.random((HEIGHT, WIDTH)) < 0.5, :3] = 1.6
    pictures = [
        defocus_frame(rgba, depth_m, lens_for(radius), quality=quality) for radius in np.arange(8.0, 13.0, 0.25)
    ]
    steps = [float(np.abs(after - before).mean()) for before, after in pairwise(pictures)]
    assert max(steps) < 1.5 * np.median(steps)


def taken(light: np.ndarray, coc: np.ndarray) -> Lamps | None:
    stand = Stand(1.0, 7.0)
    with workers(1) as work:
        return taken_out(light, coc, stand.at, Aperture(), "final", (0, 0), work)


def test_a_wall_is_left_where_its_lamps_were():
    """What lies under an edge is continued from it: without holes."""
    rgba, _ = night()
    wall = np.full((HEIGHT, WIDTH, 3), 0.7, np.float32)
    light = np.maximum(wall, rgba[..., :3])
    whole = light.copy()
    lamps = taken(light, np.full((HEIGHT, WIDTH), 9.0, np.float32))
    within = ((lamps.at >= 0) & (lamps.at < (HEIGHT, WIDTH))).all(1)
    y, x = lamps.at[within].T
    assert light[y, x].max(1) == pytest.approx(0.7, rel=1e-3)
    light[y, x] += lamps.light[within]
    np.testing.assert_allclose(light, whole, rtol=1e-5)


def test_the_work_of_a_frame_is_bounded():
    """However many lamps there are, all alike or not."""
    rng = np.random.default_rng(3)
    for light in (np.float32(50.0), rng.uniform(5, 200, (HEIGHT, WIDTH, 1)).astype(np.float32)):
        there = rng.random((HEIGHT, WIDTH, 1)) < 0.4
        lamps = taken(np.where(there, light, DIM) * np.ones(3, np.float32), np.full((HEIGHT, WIDTH), 20.0, np.float32))
        assert lamps is None or len(lamps.at) * 41**2 < 3e7


def test_wide_and_dim_things_are_no_lamps():
    """A bright sky, and whatever is not brighter than white: drawn as the layers have it, to the bit."""
    depth_m = np.full((HEIGHT, WIDTH), WALL_M, np.float32)
    lens = lens_for(8.3)
    texture = np.random.default_rng(1).random((HEIGHT, WIDTH, 4), np.float32)
    texture[..., 3] = 1
    bright, dim = (texture * np.float32([gain] * 3 + [1]) for gain in (1.0, 0.25))
    bright, dim = (defocus_frame(picture, depth_m, lens)[..., :3] for picture in (bright, dim))
    np.testing.assert_allclose(bright, dim * 4, rtol=1e-5)
    sky = np.full((HEIGHT, WIDTH, 4), 5.0, np.float32)
    sky[..., 3] = 1
    np.testing.assert_allclose(defocus_frame(sky, depth_m, lens), sky, rtol=1e-5)


@pytest.mark.parametrize("radius_px", [3.0, 9.0])
def test_their_light_outside_the_frame_reaches_into_it(radius_px):
    """As the picture is mirrored at its border, so are lamps."""
    rgba, depth_m = night(lamps=0)
    rgba[40:43, :3, :3] = rgba[-3:, 100:103, :3] = 50.0
    out = defocus_frame(rgba, depth_m, lens_for(radius_px))
    np.testing.assert_allclose(out, spread(rgba, drawn_circle(radius_px), Aperture()), atol=0.02 * out[..., :3].max())


def test_light_given_back_to_what_was_clipped_makes_lamps():
    rgba, depth_m = night(light=4.0)
    clipped = np.minimum(rgba, 1)
    lens = lens_for(9.0)
    given = defocus_frame(clipped, depth_m, lens, highlights=Highlights(gain=19.0, threshold=0.9))
    lamps = clipped >= 1
    lamps[..., 3] = False
    np.testing.assert_allclose(given, defocus_frame(np.where(lamps, np.float32(20), clipped), depth_m, lens), atol=1e-4)


@QUALITIES
def test_a_tile_that_two_render_at_once_is_lit_once(quality, monkeypatch):
    """As helpers may, who look at the same moment what there is to do."""
    rgba, depth_m = night()
    once = defocus_frame(rgba, depth_m, lens_for(9.0), quality=quality)
    plain = Workers.here
    monkeypatch.setattr(
        Workers, "here", lambda work, job, parts: plain(work, job, [*parts]) and plain(work, job, [*parts])
    )
    np.testing.assert_array_equal(defocus_frame(rgba, depth_m, lens_for(9.0), quality=quality), once)
