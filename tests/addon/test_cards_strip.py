# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards on strips: masks as Blender's own Mask strip draws them, composed to the depth that the frame is made with."""

from __future__ import annotations

import bpy
import numpy as np
import OpenImageIO as oiio
import pytest
from live_shot import HEIGHT, WIDTH, difference

from blender_rackfocus import media
from blender_rackfocus.addon.blender import strips
from blender_rackfocus.addon.blender.errors import FrameError
from blender_rackfocus.addon.depth import strip_cards
from blender_rackfocus.addon.sequencer import frames
from blender_rackfocus.addon.shot import modifier
from blender_rackfocus.craft.cards import Background, Card, compose
from blender_rackfocus.estimate import files
from blender_rackfocus.media.colour import linear_to_srgb


def mask(name="Person", points=((0.15, 0.7), (0.4, 0.75), (0.45, 0.3), (0.1, 0.2)), feather=0.0):
    """A closed curve; points in the mask's own space, 0 to 1 from the bottom left."""
    made = bpy.data.masks.new(name)
    spline = made.layers.new(name="Layer").splines.new()
    spline.points.add(len(points) - 1)
    for point, place in zip(spline.points, points, strict=True):
        point.co = place
        point.handle_left_type = point.handle_right_type = "VECTOR"
        point.weight = feather
    spline.use_cyclic = True
    return made


def by_mask_strip(shot, one, frame):
    """What Blender's own Mask strip shows: (H, W) float32."""
    scene = bpy.data.scenes.new("mask strip")
    shot.set_up(scene)
    into = scene.render.image_settings
    into.file_format, into.color_mode, into.color_depth = "OPEN_EXR", "BW", "32"
    scene.sequence_editor.strips.new_mask("mask", one, channel=1, frame_start=one.frame_start)
    scene.frame_start = scene.frame_end = frame
    scene.render.filepath = f"{shot.folder}/mask_strip_####.exr"
    bpy.ops.render.render(scene=scene.name, animation=True)
    bpy.data.scenes.remove(scene)
    file = oiio.ImageInput.open(str(shot.folder / f"mask_strip_{frame:04d}.exr"))
    pixels = file.read_image("float")[..., 0].clip(0, 1)
    file.close()
    return linear_to_srgb(pixels)  # a Mask strip's bytes are taken for sRGB


def tracked(one, folder):
    """Parent a mask's points to a track that wanders to the right."""
    import cv2

    for number in range(1, 13):
        cv2.imwrite(str(folder / f"clip_{number:04d}.png"), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    clip = bpy.data.movieclips.load(str(folder / "clip_0001.png"))
    track = clip.tracking.tracks.new(name="Track", frame=1)
    for frame in range(1, 13):
        track.markers.insert_frame(frame, co=(0.2 + 0.04 * frame, 0.5))
    for point in one.layers[0].splines[0].points:
        point.parent.type = "POINT_TRACK"
        point.parent.id = clip
        point.parent.parent = clip.tracking.objects[0].name
        point.parent.sub_parent = track.name


@pytest.fixture
def carded(shot):
    """A strip of twelve pictures with one card at 2 m before a wall at 8 m."""
    strip = shot.strip(shot.pictures(frames=12))
    one = mask()
    assert bpy.ops.rackfocus.card_add(strip_name="A", mask=one.name, distance_m=2.0) == {"FINISHED"}
    strip.rackfocus_back_from_m = strip.rackfocus_back_to_m = 8.0
    shot.set(strip, **{"Focal Length": 60.0, "F-Stop": 1.4, "Focus Distance": 2.0})
    return strip


def job_at(shot, strip, frame):
    shown = next(one for one in strips.walk(shot.scene, frame) if one.strip == strip)
    return frames.job_of(shown, modifier.find(strip), draft=False, at_current_frame=False)


def depth_at(shot, strip, frame):
    return frames.sources(job_at(shot, strip, frame))[1]


@pytest.mark.parametrize("feather", [0.0, 0.1])
def test_a_mask_is_drawn_as_blenders_mask_strip_draws_it(shot, feather):
    one = mask(feather=feather)
    drawn = strip_cards.draw(one, 5, WIDTH, HEIGHT)
    assert drawn.shape == (HEIGHT, WIDTH)
    assert drawn.max() == 1
    assert 0.05 < drawn.mean() < 0.6
    assert np.abs(drawn - by_mask_strip(shot, one, 5)).max() < 1e-3
    assert ((drawn > 0.05) & (drawn < 0.95)).sum() > (100 if feather else 10)


def test_animated_and_tracked_masks_follow(shot):
    one = mask()
    tracked(one, shot.folder)
    layer = one.layers[0]
    for frame, alpha in ((1, 1.0), (11, 0.5)):
        layer.alpha = alpha
        layer.keyframe_insert("alpha", frame=frame)
    pictures = {frame: strip_cards.draw(one, frame, WIDTH, HEIGHT) for frame in (1, 6, 11)}
    for frame, drawn in pictures.items():
        assert np.abs(drawn - by_mask_strip(shot, one, frame)).max() < 1e-3, frame
    places = [np.average(np.arange(WIDTH), weights=drawn.sum(axis=0)) for drawn in pictures.values()]
    assert places[0] + 5 < places[1] < places[2] - 5
    assert pictures[11].max() == pytest.approx(0.5, abs=3e-3)


def test_the_frame_is_made_with_the_cards_depth(shot, carded):
    drawn = strip_cards.draw(bpy.data.masks["Person"], 3, WIDTH, HEIGHT)
    expected = compose([Card(drawn, 2.0)], Background(8.0, 8.0), HEIGHT, WIDTH)
    assert np.allclose(depth_at(shot, carded, 3), expected, rtol=1e-6)
    modifier.find(carded).mute = True
    plain = shot.still(3)
    modifier.find(carded).mute = False
    racked = shot.still(3)
    inside = drawn > 0.999
    assert np.abs(racked - plain)[inside & (np.roll(drawn, 3, 1) > 0.999) & (np.roll(drawn, -3, 1) > 0.999)].max() <= 2
    assert difference(racked[:, 45:], plain[:, 45:]) > 30


def test_soft_edges_a_ramp_and_the_nearer_card_on_top(shot, carded):
    bpy.ops.rackfocus.card_add(strip_name="A", mask=mask("Front", feather=0.1).name, distance_m=1.0)
    carded.rackfocus_back_from_m, carded.rackfocus_back_to_m = 3.0, 30.0
    depth_m = depth_at(shot, carded, 2)
    drawn = strip_cards.draw(bpy.data.masks["Front"], 2, WIDTH, HEIGHT)
    assert depth_m[drawn > 0.999] == pytest.approx(1.0)
    soft = (drawn > 0.2) & (drawn < 0.8)
    assert soft.any()
    assert ((depth_m[soft] > 1.0) & (depth_m[soft] < 30)).all()
    assert depth_m[-1, -1] < 3.3
    assert depth_m[0, -1] == pytest.approx(30, rel=1e-4)


def test_an_edited_mask_shows_in_the_next_render(shot, carded):
    first = shot.still(2)
    for point in bpy.data.masks["Person"].layers[0].splines[0].points:
        point.co = (point.co[0] + 0.45, point.co[1])
    second = shot.still(2)
    assert difference(first, second) > 30


def test_mask_time_follows_the_scene_or_the_strip(shot, carded):
    one = bpy.data.masks["Person"]
    tracked(one, shot.folder)
    carded.content_start += 4
    for time, frame in (("ABSOLUTE", 6), ("RELATIVE", 2)):
        carded.rackfocus_cards_time = time
        drawn = strip_cards.draw(one, frame, WIDTH, HEIGHT)
        expected = compose([Card(drawn, 2.0)], Background(8.0, 8.0), HEIGHT, WIDTH)
        assert np.allclose(depth_at(shot, carded, 6), expected, rtol=1e-6)


def test_an_animation_renders_every_frame_with_its_own_mask(shot, carded):
    tracked(bpy.data.masks["Person"], shot.folder)
    outcome, made = shot.animation("cards", 1, 5)
    assert outcome == {"FINISHED"}
    for frame in (2, 5):
        assert np.array_equal(made[frame], shot.still(frame))


def test_cards_stay_with_the_file_and_leave_no_scene_in_it(shot, carded):
    strip_cards.draw(bpy.data.masks["Person"], 2, WIDTH, HEIGHT)
    assert any(scene.name.startswith(strip_cards.SCENE_NAME) for scene in bpy.data.scenes)
    path = str(shot.folder / "cards.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    assert not any(scene.name.startswith(strip_cards.SCENE_NAME) for scene in bpy.data.scenes)
    strip = bpy.context.scene.sequence_editor.strips["A"]
    assert [(card.mask.name, card.distance_m) for card in strip.rackfocus_cards] == [("Person", 2.0)]
    assert strip.rackfocus_depth_source == "CARDS"


def test_a_card_without_a_mask_stops_the_render_and_says_which(shot, carded):
    bpy.ops.rackfocus.card_add(strip_name="A")
    with pytest.raises(FrameError, match="card 2 has no mask"):
        job_at(shot, carded, 2)
    assert bpy.ops.rackfocus.card_remove(strip_name="A") == {"FINISHED"}
    job_at(shot, carded, 2)


def test_cards_are_called_what_they_are(shot, carded):
    told = files.provenance_of(job_at(shot, carded, 2).depth.path)
    assert told.source == "CARDS"
    assert "not an estimate" in told.sentence()
    assert told.settings["Person"] == 2.0
    assert media.read_raw_depth(job_at(shot, carded, 2).depth.path).layer == "Z"
