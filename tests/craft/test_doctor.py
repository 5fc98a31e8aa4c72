# SPDX-License-Identifier: GPL-3.0-or-later
"""Every finding: a depth made wrong in that way is named, and its fix gives the metres back; healthy depths stay so.

The scenes are made of planes and balls, written here with exact planar depth: nothing of the code under test is used.
"""

import cv2
import numpy as np
import pytest

from blender_rackfocus.core.depth import DepthConvention, to_metres
from blender_rackfocus.craft.doctor import (
    Lens,
    between,
    diagnose,
    histogram,
    near_far_from_points,
    treat,
)

WIDTH, HEIGHT = 640, 360


def rays(focal_mm=35.0, width=WIDTH, height=HEIGHT):
    focal_px = focal_mm / 36.0 * width
    y, x = np.mgrid[:height, :width].astype(np.float64)
    return (x + 0.5 - width / 2) / focal_px, (y + 0.5 - height / 2) / focal_px


def plane(normal, distance, focal_mm=35.0):
    """Planar depth of the plane normal . p = distance (x right, y down, z ahead)."""
    u, v = rays(focal_mm)
    with np.errstate(divide="ignore"):
        z = distance / (normal[0] * u + normal[1] * v + normal[2])
    return np.where(z > 0, z, np.inf)


def ball(centre, radius, focal_mm=35.0):
    u, v = rays(focal_mm)
    a = u * u + v * v + 1
    b = centre[0] * u + centre[1] * v + centre[2]
    inside = b * b - a * (np.dot(centre, centre) - radius**2)
    return np.where(inside > 0, (b - np.sqrt(np.maximum(inside, 0))) / a, np.inf)


def card(depth, left, right, top, bottom, metres):
    depth = depth.copy()
    region = depth[top:bottom, left:right]
    region[:] = np.minimum(region, metres)
    return depth


def street(sky=False, focal_mm=35.0):
    """Ground, a wall to the left, balls and a sign; a back wall or open sky."""
    depth = np.minimum(plane((0, 1, 0), 1.5, focal_mm), plane((-1, 0, 0.12), 3.0, focal_mm))
    depth = np.minimum(depth, np.inf if sky else plane((0, 0, 1), 18.0))
    for centre, radius in (((0.4, 0.7, 3.0), 0.5), ((-0.8, 0.9, 5.0), 0.6), ((1.6, 0.2, 7.0), 1.0)):
        depth = np.minimum(depth, ball(centre, radius, focal_mm))
    return card(depth, 420, 470, 60, 300, 4.0).astype(np.float32)


def table():
    """A close-up: a table top and two balls, 0.3 to 0.9 m: metres below 1 are no normalised depth."""
    depth = np.minimum(plane((0, 0.9, 0.4359), 0.42), plane((0, 0, 1), 0.92))
    return np.minimum(depth, ball((0.05, 0.1, 0.45), 0.07)).astype(np.float32)


def corridor():
    depth = np.minimum(plane((0, 1, 0), 1.3), plane((0, -1, 0), 1.4))
    depth = np.minimum(depth, np.minimum(plane((1, 0, 0), 1.1), plane((-1, 0, 0), 1.1)))
    return np.minimum(depth, 14.0).astype(np.float32)


def srgb(x):
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 1e-9) ** (1 / 2.4) - 0.055)


def normalised(z):
    near, far = z[np.isfinite(z)].min(), z[np.isfinite(z)].max()
    return ((np.minimum(z, far) - near) / (far - near)).astype(np.float32), float(near), float(far)


def normalised_inverse(z):
    near, far = float(z.min()), float(z[np.isfinite(z)].max())
    return (np.clip((1 / z - 1 / far) / (1 / near - 1 / far), 0, 1)).astype(np.float32), near, far


def picture(alpha=None):
    rgba = np.full((HEIGHT, WIDTH, 4), 0.5, np.float32)
    rgba[..., 3] = 1.0 if alpha is None else alpha
    return rgba


def names(findings):
    return [f.name for f in findings]


def off_by(metres, truth):
    """95th percentile of the relative error where the truth is finite."""
    known = np.isfinite(truth)
    return float(np.percentile(np.abs(metres[known] / truth[known] - 1), 95))


SCENES = {"street": street(), "table": table(), "corridor": corridor()}
scenes = pytest.mark.parametrize("scene", SCENES)


@scenes
def test_inverse(scene):
    z = SCENES[scene]
    found = diagnose([1 / z])
    assert names(found) == ["INVERSE"]
    assert off_by(treat(1 / z, found), z) < 0.01


@scenes
def test_normalised(scene):
    z = SCENES[scene]
    raw, near, far = normalised(z)
    found = diagnose([raw])
    assert names(found) == ["NORMALISED"]
    assert found[0].needs == ("near_m", "far_m")
    assert off_by(treat(raw, found, near_m=near, far_m=far), z) < 0.01
    with pytest.raises(ValueError, match="near_m"):
        treat(raw, found)


@scenes
def test_normalised_inverse(scene):
    z = SCENES[scene]
    raw, near, far = normalised_inverse(z)
    found = diagnose([raw])
    assert names(found) == ["INVERSE", "NORMALISED"]
    assert off_by(treat(raw, found, near_m=near, far_m=far), z) < 0.01


@scenes
@pytest.mark.parametrize("how", ["white near", "mirrored metres"])
def test_inverted(scene, how):
    z = SCENES[scene]
    raw, near, far = normalised(z)
    raw = 1 - raw if how == "white near" else near + far - z
    found = diagnose([raw])
    assert "INVERTED" in names(found)
    assert names(found) == (["NORMALISED", "INVERTED"] if how == "white near" else ["INVERTED"])
    assert off_by(treat(raw, found, near_m=near, far_m=far), z) < 0.01


def test_inverted_against_a_relative_claim():
    raw, near, far = normalised_inverse(street())
    claim = DepthConvention("NORMALISED", near, far)
    assert diagnose([raw], convention=claim) == []
    found = diagnose([1 - raw], convention=claim)
    assert names(found) == ["INVERTED"]
    assert off_by(treat(1 - raw, found, convention=claim, near_m=near, far_m=far), street()) < 0.01


@scenes
def test_srgb(scene):
    z = SCENES[scene]
    raw, near, far = normalised(z)
    found = diagnose([srgb(raw)])
    assert names(found) == ["SRGB", "NORMALISED"]
    assert off_by(treat(srgb(raw), found, near_m=near, far_m=far), z) < 0.01


@scenes
def test_eight_bits(scene):
    z = SCENES[scene]
    raw, near, far = normalised(z)
    raw = np.round(raw * 255).astype(np.float32) / 255
    found = diagnose([raw])
    assert names(found) == ["STEPS_8BIT", "NORMALISED"]
    fixed = treat(raw, found, near_m=near, far_m=far)
    stepped = to_metres(raw, DepthConvention("NORMALISED", near, far, white_near=False, ramp="LINEAR_Z"))
    assert off_by(fixed, z) < 0.01
    assert np.abs(fixed / z - 1).mean() < 0.8 * np.abs(stepped / z - 1).mean()


@pytest.mark.parametrize("how", ["blurred", "averaged"])
def test_antialiased(how):
    z = card(card(street(), 60, 160, 40, 330, 2.0), 300, 380, 20, 250, 1.6)
    if how == "blurred":
        raw = cv2.GaussianBlur(z, (3, 3), 0)
    else:
        big = np.roll(cv2.resize(z, (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_NEAREST), (1, 1), (0, 1))
        raw = cv2.resize(big, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        z = big[1::2, 1::2]
    found = diagnose([raw])
    assert names(found) == ["ANTIALIASED"]
    fixed = treat(raw, found)
    inner = (slice(4, -4),) * 2
    between_sides = (np.abs(raw / z - 1) > 0.02)[inner].mean()
    assert (np.abs(fixed / z - 1) > 0.02)[inner].mean() < 0.6 * between_sides
    assert off_by(fixed, z) < 0.01


def test_premultiplied():
    z = street()
    solid = np.zeros((HEIGHT, WIDTH), np.float32)
    solid[80:300, 150:500] = 1
    alpha = cv2.GaussianBlur(solid, (0, 0), 3)
    z = np.where(alpha > 0.004, plane((0.1, 0.05, 1), 3.0), np.inf).astype(np.float32)
    raw = np.where(np.isfinite(z), z, 0) * alpha
    found = diagnose([raw], [picture(alpha)])
    assert names(found) == ["PREMULTIPLIED"]
    fixed = treat(raw, found, picture=picture(alpha))
    assert off_by(fixed, z) < 0.01
    assert np.isinf(fixed[alpha < 0.003]).all()


@scenes
def test_ray_length(scene):
    z = SCENES[scene]
    u, v = rays()
    raw = (z * np.sqrt(1 + u * u + v * v)).astype(np.float32)
    found = diagnose([raw], lens=Lens(35.0))
    assert names(found) == ["RAY_LENGTH"]
    assert off_by(treat(raw, found, lens=Lens(35.0)), z) < 0.01
    assert diagnose([raw]) == [], "without a field of view it cannot be told"


@pytest.mark.parametrize("value", [0.0, np.nan, -1.0])
def test_holes(value):
    z = corridor()
    hole = np.zeros(z.shape, bool)
    hole[330:350, 250:310] = hole[120:150, 40:90] = hole[20:40, 300:340] = True
    raw = np.where(hole, np.float32(value), z)
    found = diagnose([raw])
    assert names(found) == ["HOLES"]
    fixed = treat(raw, found)
    assert np.percentile(np.abs(fixed[hole] / z[hole] - 1), 90) < 0.01
    np.testing.assert_allclose(fixed[~hole], z[~hole], rtol=1e-6)


def test_size():
    z = street()
    found = diagnose([z[::2, ::2]], [picture()])
    assert names(found) == ["SIZE"]
    fixed = treat(z[::2, ::2], found, picture=picture())
    assert fixed.shape == z.shape
    assert np.median(np.abs(fixed / z - 1)) < 0.01
    assert "320 x 180" in found[0].words
    assert "shapes differ" in diagnose([z[:, :500]], [picture()])[0].words


def walk(n, rng=np.random.default_rng(4)):  # noqa: B008 - one texture for all frames
    """A card crossing a textured wall: picture and depth of frame n."""
    if not hasattr(walk, "texture"):
        walk.texture = cv2.resize(rng.random((45, 80), np.float32), (WIDTH, HEIGHT))
    grey, depth = walk.texture.copy(), SCENES["street"].copy()
    left = 60 + 22 * n
    grey[90:280, left : left + 90] = 0.95 - 0.8 * walk.texture[90:280, :90]
    depth[90:280, left : left + 90] = 1.4 + 0.01 * n
    return np.dstack([grey] * 3 + [np.ones_like(grey)]), depth


@pytest.mark.parametrize("late", [-3, 1, 4])
def test_out_of_step(late):
    frames = [walk(n) for n in range(-6 + 6, 20)]
    pictures = [frames[n][0] for n in range(4, 16)]
    depths = [frames[n - late][1] for n in range(4, 16)]
    found = diagnose(depths, pictures)
    assert names(found) == ["OUT_OF_STEP"]
    assert found[0].numbers["offset"] == late
    np.testing.assert_array_equal(depths[5 + late], frames[9][1])


def test_frames_missing_and_frozen():
    frames = [walk(n) for n in range(8)]
    pictures, depths = [list(part) for part in zip(*frames, strict=True)]
    gap = [*depths[:3], None, *depths[4:]]
    found = diagnose(gap, pictures)
    assert names(found) == ["FRAMES_MISSING"]
    assert "number 4" in found[0].words
    made = between(depths[2], depths[4], 0.5)
    assert np.median(np.abs(made / depths[3] - 1)) < 0.01
    frozen = [*depths[:3], depths[2], *depths[4:]]
    found = diagnose(frozen, pictures)
    assert names(found) == ["FRAMES_MISSING"]
    assert "repeat" in found[0].words
    assert diagnose([depths[0]] * 8, pictures) == [], "one still for a whole clip is meant so"


def healthy():
    noise = np.random.default_rng(2)
    yield "street", street(), None
    yield "open sky at inf", street(sky=True), None
    yield "open sky at 1e10", np.where(np.isinf(street(sky=True)), np.float32(1e10), street(sky=True)), None
    yield "close-up below a metre", table(), None
    yield "corridor", corridor(), None
    yield "half floats", street().astype(np.float16).astype(np.float32), None
    yield "half floats, corridor", corridor().astype(np.float16).astype(np.float32), None
    yield "centimetres scaled", street() * np.float32(100), None
    yield "one flat card", np.full((HEIGHT, WIDTH), 3.0, np.float32), None
    yield "cards", card(card(np.full((HEIGHT, WIDTH), 9.0), 50, 200, 50, 300, 2.0), 300, 500, 80, 360, 4.0), None
    portrait = np.minimum(ball((0, 0.1, 1.9), 0.35, 85), 5.2).astype(np.float32)
    yield "portrait before a flat wall", portrait, None
    yield (
        "sensor noise of 0.5 %",
        street() * (1 + 0.005 * noise.standard_normal((HEIGHT, WIDTH)).astype(np.float32)),
        None,
    )
    yield "long lens", street(focal_mm=85.0), None
    leaves = np.full((HEIGHT, WIDTH), np.inf)
    for x, y, s, d in zip(
        noise.integers(0, 600, 300),
        noise.integers(0, 330, 300),
        noise.integers(6, 30, 300),
        noise.uniform(1.5, 9, 300),
        strict=True,
    ):
        leaves = card(leaves, x, x + s, y, y + s, d)
    yield "foliage before the sky", leaves.astype(np.float32), None
    soft = np.full((HEIGHT, WIDTH), 1.0, np.float32)
    soft[:, :100] = cv2.GaussianBlur(np.tile(np.float32(np.arange(100) > 50), (HEIGHT, 1)), (0, 0), 4)
    yield "alpha that leaves depth alone", street(), soft
    raw, near, far = normalised(street())
    yield "normalised, told so", raw, DepthConvention("NORMALISED", near, far, white_near=False, ramp="LINEAR_Z")
    raw, near, far = normalised_inverse(corridor())
    yield "white near, told so", raw, DepthConvention("NORMALISED", near, far)
    yield "disparity, told so", 1 / street(), DepthConvention("INVERSE")


@pytest.mark.parametrize(("name", "depth", "extra"), list(healthy()), ids=[case[0] for case in healthy()])
def test_healthy_sources_raise_no_alarm(name, depth, extra):
    convention = extra if isinstance(extra, DepthConvention) else None
    alpha = extra if isinstance(extra, np.ndarray) else None
    focal = 85.0 if name in ("long lens", "portrait before a flat wall") else 35.0
    assert names(diagnose([depth], [picture(alpha)], convention=convention, lens=Lens(focal))) == []


def test_a_healthy_moving_shot_raises_no_alarm():
    frames = [walk(n) for n in range(12)]
    assert diagnose([d for _, d in frames], [p for p, _ in frames]) == []


def test_near_and_far_from_two_points():
    z = street()
    raw, near, far = normalised_inverse(z)
    a, b = (340, 300), (100, 600)
    found = near_far_from_points(raw[a], z[a], raw[b], z[b])
    assert (found.near_m, found.far_m) == (pytest.approx(near, rel=1e-3), pytest.approx(far, rel=1e-3))
    raw, near, far = normalised(z)
    found = near_far_from_points(raw[a], z[a], raw[b], z[b], white_near=False, ramp="LINEAR_Z")
    assert (found.near_m, found.far_m) == (pytest.approx(near, rel=1e-3), pytest.approx(far, rel=1e-3))
    with pytest.raises(ValueError, match="inverted"):
        near_far_from_points(0.9, 8.0, 0.2, 2.0)
    with pytest.raises(ValueError, match="differ"):
        near_far_from_points(0.5, 8.0, 0.5, 2.0)
    with pytest.raises(ValueError, match="metres_a"):
        near_far_from_points(0.9, -1.0, 0.2, 2.0)


def test_histogram_counts_every_pixel():
    z = street(sky=True)
    z[0, :5] = np.nan
    h = histogram(z, 32)
    assert h.counts.sum() + h.unknown + h.far == z.size
    assert h.unknown == 5
    assert (np.diff(h.edges) > 0).all()
    flat = histogram(np.full((4, 4), 2.0, np.float32))
    assert flat.counts.sum() == 16


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="depths"):
        diagnose([])
    with pytest.raises(ValueError, match="pictures"):
        diagnose([street()], [])
    with pytest.raises(ValueError, match="depths"):
        diagnose([np.zeros(5)])


@pytest.mark.parametrize("white_near", [True, False])
@pytest.mark.parametrize("claims_white", [True, False])
@pytest.mark.parametrize("made", [normalised, normalised_inverse])
def test_the_ramp_and_the_near_end_are_told_apart_whatever_was_taken(made, white_near, claims_white):
    """Linear depth read as even in 1/z, and the other way: the fix gives the metres, whichever end is near."""
    truth = corridor()
    raw, near, far = made(truth)
    linear = made is normalised
    raw = raw if white_near != linear else 1 - raw
    claim = DepthConvention("NORMALISED", near, far, claims_white, "INVERSE_Z" if linear else "LINEAR_Z")
    found = diagnose([raw], convention=claim, lens=Lens(35.0))
    names = {one.name for one in found}
    assert "RAMP" in names
    assert ("INVERTED" in names) == (white_near != claims_white)
    assert off_by(treat(raw, found, convention=claim, near_m=near, far_m=far), truth) < 0.01
