# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender keeps of frames never shows another frame's pixels: the strips' caches, prefetch, and the compositor's
kept frames of Blender 5.3; in animations, stills and edits in between."""

import random

import bpy
import numpy as np
import pytest
from comp_shot import FAR_M, NEAR_M, CompShot, CountingEngine, difference, wanted

from blender_rackfocus.addon.blender import errors, versions
from blender_rackfocus.addon.compositor import effect, preview
from blender_rackfocus.addon.shot import node

HALF = 5e-4
"""A step of the half floats that changed pixels are kept in, below 1; other frames and focuses are 0.05 apart."""


def caches_on(scene):
    if versions.HAS_EFFECTS:
        scene.render.use_compositor_frames_cache = True
    editor = scene.sequence_editor
    if editor is not None:
        editor.use_cache_raw = editor.use_cache_final = editor.use_prefetch = True


@pytest.fixture
def comp(registered, tmp_path):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.utils.register_class(CountingEngine)
    CountingEngine.rendered.clear()
    shot = CompShot(tmp_path)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    shot.scene.collection.objects.link(camera)
    shot.scene.camera = camera
    shot.scene.render.engine = CountingEngine.bl_idname
    caches_on(shot.scene)
    yield shot
    bpy.utils.unregister_class(CountingEngine)
    errors.forget()


def in_turn(comp, turn):
    """Animations, stills and edits in between, at random: each frame is of itself and of the values it was made with.
    turn: sets a focus and returns what must come out at a frame."""
    chance = random.Random(7)
    for _ in range(12):
        expected = turn(chance.choice([NEAR_M, 3.0, 5.0, FAR_M]))
        if chance.random() < 0.5:
            for frame, made in comp.animation(1, 3, f"out{chance.random()}").items():
                assert difference(made, expected(frame)) < HALF, frame
        else:
            frame = chance.randint(1, 4)
            assert difference(comp.still(frame), expected(frame)) < HALF, frame


def test_a_node_behind_a_render(comp):
    layers = comp.tree.nodes.new("CompositorNodeRLayers")
    layers.scene = comp.scene
    one = comp.racked(layers.outputs["Image"], None)

    def turn(focus_m):
        one.inputs["Focus Distance"].default_value = focus_m
        return lambda frame: wanted(one, frame)

    in_turn(comp, turn)


def test_a_node_behind_files(comp):
    image, depth = comp.files()
    one = comp.racked(image.outputs["Image"], depth.outputs["Image"])

    def turn(focus_m):
        one.inputs["Focus Distance"].default_value = focus_m
        return lambda frame: wanted(one, frame)

    in_turn(comp, turn)
    assert not CountingEngine.rendered


@pytest.mark.skipif(not versions.HAS_EFFECTS, reason="scenes have one tree in this Blender")
def test_an_effect(comp):
    comp.scene.compositor_effects.clear()
    one = effect.add(comp.scene)
    (slot,) = versions.slots(comp.scene)
    given = {name: slot.given(node.origin(one.inputs[name])) for name in ("Focus Distance", "Focal Length", "F-Stop")}
    given["Focal Length"].value, given["F-Stop"].value = 200.0, 1.4

    def turn(focus_m):
        given["Focus Distance"].value = focus_m
        return lambda frame: wanted(one, frame, **{name: each.value for name, each in given.items()})

    in_turn(comp, turn)


def test_strips_at_random_beside_fresh_ones(shot):
    """Every frame is what the same strip shows where nothing was kept."""
    strip = shot.racked(shot.pictures(), shot.depths()[0])
    caches_on(shot.scene)
    chance, seen = random.Random(8), {}
    for _ in range(30):
        focus_m, frame = chance.choice([NEAR_M, FAR_M]), chance.randint(1, 4)
        shot.set(strip, **{"Focus Distance": focus_m})
        made = shot.still(frame)
        if (focus_m, frame) not in seen:
            seen[focus_m, frame] = made
            strip.invalidate_cache("RAW")
            assert np.array_equal(made, shot.still(frame))
        assert np.array_equal(made, seen[focus_m, frame])
    assert len({made.tobytes() for made in seen.values()}) == len(seen) == 8


def test_an_adjustment_strip_over_a_cut_that_moves(shot):
    """Every frame is what it is where nothing was kept, whatever was edited above or below in between."""
    below = [shot.strip(shot.pictures(name, seed=seed), name, start=1) for name, seed in (("one", 0), ("two", 1))]
    for strip in below:
        strip.rackfocus_depth_path = shot.depths()[0]
    below[1].channel = 2
    over = shot.scene.sequence_editor.strips.new_effect("over", "ADJUSTMENT", 3, 1, length=4)
    assert bpy.ops.rackfocus.modifier_add(strip_name="over", start=False) == {"FINISHED"}
    shot.set(over, **{"Focal Length": 200.0, "F-Stop": 1.4})
    caches_on(shot.scene)
    chance, seen = random.Random(9), {}
    for _ in range(30):
        focus_m, cut, frame = chance.choice([NEAR_M, FAR_M]), chance.choice([2, 4]), chance.randint(1, 4)
        shot.set(over, **{"Focus Distance": focus_m})
        below[1].left_handle = cut
        made = shot.still(frame)
        if (focus_m, cut, frame) not in seen:
            seen[focus_m, cut, frame] = made
            for strip in (*below, over):
                strip.invalidate_cache("RAW")
            assert np.array_equal(made, shot.still(frame))
        assert np.array_equal(made, seen[focus_m, cut, frame])
    assert len({made.tobytes() for made in seen.values()}) == 12  # at two of four frames the cut changes what shows


@pytest.mark.skipif(not versions.HAS_EFFECTS, reason="this Blender keeps no composited frames")
def test_the_windows_compositor_keeps_no_frames_of_ours(comp, monkeypatch):
    """Only a window has that cache: there it is switched off for scenes with a node at work, and for no other."""
    monkeypatch.setattr(preview, "is_wanted", lambda: True)
    render = comp.scene.render
    preview.refresh()
    assert render.use_compositor_frames_cache
    image, depth = comp.files()
    one = comp.racked(image.outputs["Image"], depth.outputs["Image"])
    one.mute = True
    preview.refresh()
    assert render.use_compositor_frames_cache
    one.mute = False
    preview.refresh()
    assert not render.use_compositor_frames_cache
