# SPDX-License-Identifier: GPL-3.0-or-later
"""From the preview to a strip's pixel: held against what Blender draws for flips, crops, turns, scales and metas."""

import math

import cv2
import numpy as np
import pytest

bpy = pytest.importorskip("bpy")


from blender_rackfocus.addon.sequencer import eyedropper  # noqa: E402
from blender_rackfocus.addon.sequencer.eyedropper import Placement, from_strip, through, to_strip  # noqa: E402
from blender_rackfocus.addon.shot import modifier  # noqa: E402

CANVAS = 200, 120
SIZE = 64, 48


def test_a_centred_picture_by_hand():
    plain = Placement(SIZE, CANVAS)
    assert to_strip(0, 0, plain) == (32, 24)
    assert to_strip(-31.5, 23.5, plain) == (0.5, 0.5), "top left pixel"
    assert to_strip(33, 0, plain) is None
    assert to_strip(0, 0, Placement(SIZE, CANVAS, crop=(33, 0, 0, 0))) is None
    assert to_strip(10, 0, Placement(SIZE, CANVAS, flip=(True, False))) == (22, 24)
    assert to_strip(10, 0, Placement(SIZE, CANVAS, offset=(10, 0))) == (32, 24)


def test_there_and_back_again():
    rng = np.random.default_rng(4)
    for _ in range(200):
        placed = Placement(
            SIZE,
            CANVAS,
            tuple(rng.uniform(-50, 50, 2)),
            tuple(rng.uniform(0.3, 3, 2) * rng.choice([-1, 1], 2)),
            rng.uniform(-4, 4),
            tuple(rng.uniform(0, 1, 2)),
            (bool(rng.integers(2)), bool(rng.integers(2))),
        )
        x, y = rng.uniform(0.5, 63.5), rng.uniform(0.5, 47.5)
        assert to_strip(*from_strip(x, y, placed), placed) == pytest.approx((x, y))


def dot(shot, x, y):
    """A strip's picture: black with one bright spot around a pixel."""
    picture = np.zeros((*SIZE[::-1], 3), np.uint8)
    cv2.circle(picture, (x, y), 3, (255, 255, 255), -1)
    path = str(shot.folder / f"dot_{x}_{y}.png")
    cv2.imwrite(path, picture)
    return path


def spot(picture):
    """Centre of the bright spot in a render, as a canvas point."""
    weight = picture[..., 0].astype(float)
    assert weight.sum() > 200, "the spot is not in the picture"
    rows, columns = np.mgrid[0 : weight.shape[0], 0 : weight.shape[1]]
    x, y = (columns * weight).sum() / weight.sum() + 0.5, (rows * weight).sum() / weight.sum() + 0.5
    return x - CANVAS[0] / 2, CANVAS[1] / 2 - y


def place(strip, rng, turn=3.0):
    strip.transform.offset_x, strip.transform.offset_y = rng.uniform(-20, 20, 2)
    strip.transform.scale_x, strip.transform.scale_y = rng.uniform(0.6, 1.2, 2)
    strip.transform.rotation = rng.uniform(-turn, turn)
    strip.transform.origin = rng.uniform(0.2, 0.8, 2)
    strip.use_flip_x, strip.use_flip_y = bool(rng.integers(2)), bool(rng.integers(2))


@pytest.mark.parametrize("seed", range(8))
def test_blender_draws_a_pixel_where_we_look_for_it(shot, seed):
    rng = np.random.default_rng(seed)
    shot.scene.render.resolution_x, shot.scene.render.resolution_y = CANVAS
    x, y = int(rng.integers(14, 50)), int(rng.integers(12, 36))
    strip = shot.strip([dot(shot, x, y)])
    place(strip, rng)
    if seed % 2:
        strip.crop.min_x, strip.crop.max_x, strip.crop.min_y, strip.crop.max_y = 3, 4, 5, 2
    if seed >= 4:
        meta = shot.scene.sequence_editor.strips.new_meta("M", channel=2, frame_start=1)
        strip.move_to_meta(meta)
        meta.right_handle = strip.right_handle
        place(meta, rng, 0.4)
    there = spot(shot.still(1))
    found = through(*there, eyedropper.placements_of(strip, tuple(map(float, SIZE))))
    assert found == pytest.approx((x + 0.5, y + 0.5), abs=0.6)


def test_crop_is_of_the_picture_before_it_is_flipped(shot):
    shot.scene.render.resolution_x, shot.scene.render.resolution_y = CANVAS
    picture = np.full((*SIZE[::-1], 3), 255, np.uint8)
    path = str(shot.folder / "white.png")
    cv2.imwrite(path, picture)
    strip = shot.strip([path])
    strip.use_flip_x = True
    strip.crop.min_x, strip.crop.max_y = 20, 10
    drawn = shot.still(1)[..., 0] > 128
    placed = eyedropper.placements_of(strip, tuple(map(float, SIZE)))
    for row in range(2, CANVAS[1], 5):
        for column in range(2, CANVAS[0], 5):
            inside = through(column + 0.5 - CANVAS[0] / 2, CANVAS[1] / 2 - row - 0.5, placed) is not None
            assert inside == drawn[row, column], (row, column)


def test_pick_reads_the_strip_under_the_point(shot):
    shot.scene.render.resolution_x, shot.scene.render.resolution_y = CANVAS
    strip = shot.racked(shot.pictures(), shot.depths()[0])
    shot.scene.frame_set(2)
    near = eyedropper.pick(shot.scene, -20, 0)
    far = eyedropper.pick(shot.scene, 20, 5)
    assert (near.metres, far.metres) == (2.0, 10.0)
    assert near.strip == strip
    assert (near.x, near.y) == (12, 24)
    assert near.patch.shape == (eyedropper.PATCH, eyedropper.PATCH, 4)
    assert eyedropper.pick(shot.scene, 80, 0) is None
    # two pixels beside the edge the patch holds both surfaces
    assert eyedropper.pick(shot.scene, 1.5, 0, radius_px=4).metres == 10.0
    assert eyedropper.pick(shot.scene, 1.5, 0, nearest=True, radius_px=4).metres == 2.0


def test_the_active_strip_is_looked_at_first(shot):
    shot.scene.render.resolution_x, shot.scene.render.resolution_y = CANVAS
    below = shot.racked(shot.pictures(), shot.depths()[0], name="below")
    above = shot.racked(shot.pictures("q"), shot.depths("e")[0], name="above", channel=2)
    above.blend_type = "ALPHA_OVER"
    shot.scene.sequence_editor.active_strip = None
    assert eyedropper.pick(shot.scene, 0, 0).strip == above
    shot.scene.sequence_editor.active_strip = below
    assert eyedropper.pick(shot.scene, 0, 0).strip == below
    assert modifier.find(below) is not None


def test_the_sky_and_holes_have_no_finite_distance(shot):
    from live_shot import write_exr

    shot.scene.render.resolution_x, shot.scene.render.resolution_y = CANVAS
    depth = np.full(SIZE[::-1], 1e10, np.float32)
    path = write_exr(shot.folder / "sky" / "z.exr", {"Z": depth})
    depth[:, :32] = 3.0
    path = write_exr(shot.folder / "sky2" / "z.exr", {"Z": depth})
    shot.racked(shot.pictures(), path)
    assert math.isinf(eyedropper.pick(shot.scene, 20, 0).metres)
    assert eyedropper.pick(shot.scene, -20, 0).metres == 3.0
