# SPDX-License-Identifier: GPL-3.0-or-later
"""A strip's Saturation and Multiply, beside what Blender's own render of the strip shows."""

from __future__ import annotations

import bpy
import cv2
import numpy as np
import pytest
from comp_shot import read
from live_shot import HEIGHT, WIDTH, write_exr

from blender_rackfocus import media
from blender_rackfocus.addon.blender import colour_config
from blender_rackfocus.frame.adjust import adjust
from blender_rackfocus.media.colour import Space

SETTINGS = [
    (0.3, 1.0, False),
    (1.8, 1.0, False),
    (1.0, 0.5, False),
    (1.0, 0.5, True),
    (0.4, 1.4, False),
    (1.5, 0.7, True),
]


def _straight(folder):
    """An 8-bit picture with straight alpha: bright colours under every cover."""
    picture = np.random.default_rng(4).integers(30, 226, (HEIGHT, WIDTH, 4), np.uint8)
    picture[..., 3] = np.linspace(40, 255, WIDTH).astype(np.uint8)
    path = str(folder / "straight.png")
    cv2.imwrite(path, picture)
    return path


def _premultiplied(folder):
    """A floating-point picture, premultiplied as such files are; at its left edge light without any cover."""
    picture = np.random.default_rng(5).random((HEIGHT, WIDTH, 4)).astype(np.float32)
    picture[..., 3] = np.linspace(0.15, 1, WIDTH)
    picture[..., :3] *= picture[..., 3:]
    picture[:, :4, 3] = 0
    return write_exr(folder / "premultiplied.exr", dict(zip("RGBA", cv2.split(picture), strict=True)))


@pytest.mark.parametrize(("saturation", "multiply", "with_alpha"), SETTINGS)
@pytest.mark.parametrize("make", [_straight, _premultiplied])
def test_saturation_and_multiply_are_blenders(shot, tmp_path, make, saturation, multiply, with_alpha):
    path = make(tmp_path)
    scene = shot.scene
    strip = scene.sequence_editor.strips.new_image("A", path, 1, 1)
    strip.alpha_mode = "STRAIGHT" if make is _straight else "PREMUL"
    strip.blend_type = "REPLACE"
    strip.color_saturation, strip.color_multiply, strip.multiply_alpha = saturation, multiply, with_alpha
    scene.view_settings.view_transform = "Raw" if make is _premultiplied else "Standard"
    scene.render.image_settings.file_format, scene.render.image_settings.color_depth = "OPEN_EXR", "32"
    scene.render.filepath = str(tmp_path / "still.exr")
    scene.frame_set(1)
    bpy.ops.render.render(write_still=True)
    blenders = read(tmp_path / "still.exr")
    space, config = strip.colorspace_settings.name, colour_config.of(scene)
    picture = media.read_frame(path, 0, space, strip.alpha_mode, ocio_config=config)
    ours = adjust(picture, saturation, multiply, with_alpha, Space(space, path, config))
    assert np.abs(ours - picture).max() > 0.05
    # Blender keeps eight bits of each straight value, and saturation multiplies what that rounds away.
    step = 0.02 if make is _straight else 1e-4
    assert np.abs(ours - blenders).max() < step
