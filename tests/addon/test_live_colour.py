# SPDX-License-Identifier: GPL-3.0-or-later
"""A strip in any of Blender's colour spaces keeps its colours when it is refocused."""

import bpy
import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
from live_shot import difference, near

from blender_rackfocus.addon.blender.errors import FrameError
from blender_rackfocus.addon.sequencer import frames
from blender_rackfocus.addon.shot import baked_place, modifier

SPACES = ("sRGB", "Linear Rec.709", "Rec.1886", "AgX Base sRGB", "ACEScg")


@pytest.mark.parametrize("space", SPACES)
def test_a_blurred_flat_picture_keeps_its_colour(shot, space):
    colour = np.array([60, 130, 90], np.uint8)  # inside every one of these gamuts
    path = str(shot.folder / "flat_0001.png")
    cv2.imwrite(path, np.full((48, 64, 3), colour))
    strip = shot.racked([path], shot.depths(frames=1)[0], focus_m=10.0)
    strip.colorspace_settings.name = space
    refocused = shot.still(1)
    modifier.find(strip).mute = True
    plain = shot.still(1)
    assert difference(near(refocused), near(plain)) <= 1


def test_the_near_half_was_blurred(shot):
    """So that the test above cannot pass by the strip's own picture coming through."""
    strip = shot.racked(shot.pictures(frames=1), shot.depths(frames=1)[0], focus_m=10.0)
    strip.colorspace_settings.name = "AgX Base sRGB"
    refocused = shot.still(1)
    modifier.find(strip).mute = True
    assert difference(near(refocused), near(shot.still(1))) > 30


def _plain_and_refocused(shot, prepare, suffix=".png", kind=np.uint8):
    """What a blurred flat picture shows without and with Rack Focus, in linear light."""
    top = 255 if kind == np.uint8 else 65535
    path = str(shot.folder / f"flat_0001{suffix}")
    cv2.imwrite(path, np.full((48, 64, 3), np.array([0.25, 0.5, 0.65]) * top).astype(kind))
    strip = shot.racked([path], shot.depths(frames=1)[0], focus_m=10.0)
    prepare(strip)
    refocused = _linear(shot)
    modifier.find(strip).mute = True
    return _linear(shot), refocused


def _linear(shot):
    scene = bpy.context.scene
    image = scene.render.image_settings
    image.file_format, image.color_depth, image.color_mode = "OPEN_EXR", "32", "RGB"
    scene.render.filepath = str(shot.folder / "linear.exr")
    scene.frame_set(1)
    bpy.ops.render.render(write_still=True)
    return oiio.ImageBuf(scene.render.filepath).get_pixels(oiio.FLOAT)[16:32, 8:20]


@pytest.mark.parametrize("working", ["Linear Rec.2020", "ACEScg"])
@pytest.mark.parametrize("space", ["sRGB", "Linear Rec.709", "Non-Color", "scene_linear"])
def test_the_working_space_of_the_file_is_the_pictures(shot, working, space):
    bpy.ops.wm.set_working_color_space(working_space=working, convert_colors=False)
    plain, refocused = _plain_and_refocused(shot, lambda strip: setattr(strip.colorspace_settings, "name", space))
    np.testing.assert_allclose(refocused, plain, rtol=4e-3)


@pytest.mark.parametrize("sequencer", ["sRGB", "Linear Rec.709", "ACEScct"])
@pytest.mark.parametrize("space", ["sRGB", "Linear Rec.2020", "Non-Color"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_saturation_and_multiply_work_in_the_sequencers_space(shot, sequencer, space, kind):
    def prepare(strip):
        bpy.context.scene.sequencer_colorspace_settings.name = sequencer
        strip.colorspace_settings.name = space
        strip.color_saturation, strip.color_multiply = 0.5, 1.5

    plain, refocused = _plain_and_refocused(shot, prepare, kind=kind)
    np.testing.assert_allclose(refocused, plain, rtol=6e-3)


def test_png_bakes_are_refused_where_srgb_cannot_hold_the_working_space(shot):
    place = baked_place.BakedPlace(str(shot.folder), "PNG")
    baked_place.check_colours(place)
    bpy.ops.wm.set_working_color_space(working_space="Linear Rec.2020", convert_colors=False)
    with pytest.raises(FrameError, match="OpenEXR"):
        baked_place.check_colours(place)
    baked_place.check_colours(baked_place.BakedPlace(str(shot.folder), "EXR"))


def test_a_new_modifier_has_the_ends_of_relative_depth_and_an_old_one_keeps_its_own(shot):
    depth, pictures = shot.depths(frames=1)[0], shot.pictures(frames=1)
    strip = shot.scene.sequence_editor_create().strips.new_image("A", pictures[0], 1, 1)
    bpy.data.workspaces[0].sequencer_scene = shot.scene
    bpy.ops.rackfocus.modifier_add(strip_name="A", depth_path=depth)
    assert (strip.rackfocus_near_m, strip.rackfocus_far_m) == (pytest.approx(1.7), pytest.approx(12.0))
    said = frames.depth_told(strip, shot.scene)
    assert "on this frame: read as metres" in said
    strip.rackfocus_depth_kind = "NORMALISED"
    assert "1.70 m to 12.0 m, even in 1/z (as set)" in frames.depth_told(strip, shot.scene)
