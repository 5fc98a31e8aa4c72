# SPDX-License-Identifier: GPL-3.0-or-later
"""Trims, retiming, rates, reverse, strobe and nesting at random: what is told is what Blender renders, frame by
frame."""

from __future__ import annotations

import random

import bpy
import counted
import pytest

from blender_rackfocus.addon.blender import strips
from blender_rackfocus.addon.blender.source_cache import SourceCache

FRAMES, LAST = 60, 80


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("random")
    counted.movie(folder / "clip.mp4", FRAMES, 25)
    counted.stills(folder / "stills", list(range(FRAMES)))
    return folder


def _source(chance, holder, folder):
    """A movie or an image sequence in a list of strips."""
    start = chance.randint(-10, 20)
    if chance.random() < 0.6:
        strip = holder.strips.new_movie("clip", str(folder / "clip.mp4"), 2, start)
        if chance.random() < 0.5:
            counted.match_rate(strip, chance.choice([12.5, 23.976, 25, 29.97, 50, 59.94]))
        return strip
    strip = holder.strips.new_image("stills", str(folder / "stills" / "shot_0000.png"), 2, start)
    for i in range(1, FRAMES):
        strip.elements.append(f"shot_{i:04d}.png")
    return strip


def _keys(chance, length):
    """Retiming as Blender's operators leave it: segments of different speed, freezes, transitions between two
    segments."""
    places = sorted(chance.sample(range(4, length + 20, 4), 3))
    keys, factor = [(0.0, 0.0, 0)], 0.0
    for place in places[:-1]:
        factor = min(0.97, factor + chance.choice([0.0, 0.1, 0.25, 0.4]))
        keys.append((float(place), factor, 0))
    keys.append((float(places[-1] + 4), 1.0, 0))
    if chance.random() < 0.5:
        at, reach = 1, 1.5
        before = (keys[1][1] - keys[0][1]) / (keys[1][0] - keys[0][0])
        after = (keys[2][1] - keys[1][1]) / (keys[2][0] - keys[1][0])
        keys[at : at + 1] = [
            (keys[1][0] - reach, keys[1][1] - reach * before, 1),
            (keys[1][0] + reach, keys[1][1] + reach * after, 2),
        ]
    return keys


def _change(chance, strip):
    """Trim, retime, turn round, strobe."""
    if chance.random() < 0.4:
        strip.content_trim_start, strip.content_trim_end = chance.randint(0, 9), chance.randint(0, 9)
    if strip.type != "META" and chance.random() < 0.6:
        counted.set_keys(strip, _keys(chance, int(strip.content_duration)))
    strip.use_reverse_frames = chance.random() < 0.3
    strip.strobe = chance.choice([1, 1, 1, 2, 3.5, 7])
    end = strip.content_end
    strip.right_handle = max(int(strip.content_start) + 3, int(end) + chance.randint(-12, 12))
    strip.left_handle = min(strip.right_handle - 2, int(strip.content_start) + chance.randint(-12, 12))


def _around(chance, scene, folder):
    """A strip on its own, in a meta strip, or in a scene that is shown; perhaps under a speed effect."""
    where = chance.choice(["alone", "meta", "scene"])
    editor = scene.sequence_editor
    if where == "meta":
        holder = editor.strips.new_meta("meta", 1, 1)
        strip = _source(chance, holder, folder)
        _change(chance, strip)
        holder.left_handle, holder.right_handle = strip.left_handle, strip.right_handle
        _change(chance, holder)
        return strip, holder
    if where == "scene":
        inner = counted.set_up(bpy.data.scenes.new("inner"), *chance.choice([(24, 1.0), (30, 1.001)]))
        inner.frame_start, inner.frame_end = chance.randint(1, 9), 60
        strip = _source(chance, inner.sequence_editor, folder)
        _change(chance, strip)
        shot = editor.strips.new_scene("shot", inner, 1, chance.randint(1, 9))
        shot.scene_input = "SEQUENCER"
        _change(chance, shot)
        return strip, shot
    strip = _source(chance, editor, folder)
    _change(chance, strip)
    return strip, strip


def _told(scene, strip, frame, cache):
    shown = [one for one in strips.walk(scene, frame, cache) if one.strip == strip]
    return strips.media_frame(strip, shown[0].frame, shown[0].scene).index if shown else counted.NOTHING


@pytest.mark.parametrize("seed", [*range(34), 63, 144, 206, 240, 242, 271, 19578, 19721])
def test_every_frame_is_the_one_blender_shows(seed, folder):
    chance = random.Random(seed)
    scene = counted.fresh_scene(*chance.choice([(24, 1.0), (25, 1.0), (30, 1.001), (60, 1.0)]))
    scene.sequence_editor.use_cache_raw = chance.random() < 0.7
    strip, top = _around(chance, scene, folder)
    if chance.random() < 0.3:
        speed = scene.sequence_editor.strips.new_effect("speed", "SPEED", 3, frame_start=1, length=9, input1=top)
        speed.speed_control = chance.choice(["STRETCH", "MULTIPLY"])
        speed.speed_factor = chance.choice([0.3, 0.8, 1.7, -1.0])
    cache = SourceCache()
    expected = [_told(scene, strip, frame, cache) for frame in range(1, LAST + 1)]
    assert counted.rendered(scene, 1, LAST, folder) == expected


@pytest.mark.parametrize("seed", range(12))
def test_what_lies_below_an_adjustment_strip_is_what_shows(seed, folder):
    """Strips beside and above each other, or in a meta strip with the adjustment strip: of all that is drawn below it,
    the one that is told is the one that Blender shows."""
    chance = random.Random(seed)
    scene = counted.fresh_scene(*chance.choice([(24, 1.0), (25, 1.0), (30, 1.001)]))
    scene.sequence_editor.use_cache_raw = chance.random() < 0.7
    holder = scene.sequence_editor
    if chance.random() < 0.4:
        holder = scene.sequence_editor.strips.new_meta("meta", 1, 1)
    for channel in range(2, 2 + chance.randint(1, 3)):
        strip = _source(chance, holder, folder)
        strip.channel = channel
        _change(chance, strip)
        strip.mute = chance.random() < 0.2
        strip.blend_type = chance.choice(["REPLACE", "ALPHA_OVER"])
    over = holder.strips.new_effect("over", "ADJUSTMENT", 8, chance.randint(1, 10), length=LAST - 20)
    if holder != scene.sequence_editor:
        holder.left_handle, holder.right_handle = 1, LAST + 1
    cache, expected = SourceCache(), []

    def tell(drawn, *_):
        walked = strips.walk(drawn, drawn.frame_current, cache)
        for one in cache.unsure():
            one.invalidate_cache("RAW")
        shown = next((one for one in walked if one.strip == over), None)
        plain = [one for one in walked if one.strip.type != "META"]
        top = shown.below if shown is not None else (plain or [None])[-1]
        index = strips.media_frame(top.strip, top.frame, top.scene).index if top is not None else counted.NOTHING
        expected.append(index)

    bpy.app.handlers.render_pre.append(tell)
    made = counted.rendered(scene, 1, LAST, folder)
    bpy.app.handlers.render_pre.remove(tell)
    assert made == expected
