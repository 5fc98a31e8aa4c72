# SPDX-License-Identifier: GPL-3.0-or-later
"""Rack Focus nodes: what was computed once comes from the store, and focus keys are read in dioptres as on strips."""

from __future__ import annotations

import bpy
import cv2
import numpy as np
import pytest
from comp_shot import FAR_M, NEAR_M, CompShot, depth_m, difference, left_behind, picture, wanted

from blender_rackfocus import media
from blender_rackfocus.addon.blender import cache, errors
from blender_rackfocus.addon.compositor import node_pixels
from blender_rackfocus.media.colour import linear_to_srgb

EXACT = 1e-6


@pytest.fixture
def comp(registered, tmp_path, monkeypatch):
    monkeypatch.setenv(cache.ENVIRONMENT, str(tmp_path / "store"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    yield CompShot(tmp_path)
    assert not left_behind()
    errors.forget()


@pytest.fixture
def computed(monkeypatch):
    """The frames that the core is asked for."""
    asked = []
    refocused = node_pixels.make_of_picture
    monkeypatch.setattr(node_pixels, "make_of_picture", lambda *given: (asked.append(given), refocused(*given))[1])
    return asked


def test_a_frame_is_computed_once(comp, computed):
    image, depth = comp.files()
    comp.racked(image.outputs["Image"], depth.outputs["Image"])
    first = comp.still(2)
    cache.settle()
    assert len(computed) == 1
    assert not np.any(comp.still(2) != first)
    assert len(computed) == 1
    comp.still(3)
    assert len(computed) == 2


def test_any_change_before_the_node_or_in_it_computes_anew(comp, computed):
    image, depth = comp.files()
    brighter = comp.tree.nodes.new("CompositorNodeExposure")
    comp.link(image.outputs["Image"], brighter.inputs["Image"])
    one = comp.racked(brighter.outputs["Image"], depth.outputs["Image"])
    comp.still(2)
    cache.settle()
    brighter.inputs["Exposure"].default_value = 1.0
    doubled = picture(2) * np.float32([2, 2, 2, 1])
    assert difference(comp.still(2), wanted(one, 2, doubled)) < EXACT
    assert len(computed) == 2
    cache.settle()
    one.inputs["F-Stop"].default_value = 4.0
    assert difference(comp.still(2), wanted(one, 2, doubled)) < EXACT
    one.rackfocus_depth_kind, one.rackfocus_depth_scale = "METRES", 2.0
    comp.still(2)
    assert len(computed) == 4


def test_a_damaged_entry_is_computed_anew(comp, computed):
    image, depth = comp.files()
    comp.racked(image.outputs["Image"], depth.outputs["Image"])
    first = comp.still(2)
    cache.settle()
    for path in (comp.folder / "store").rglob("*.rfentry"):
        path.write_bytes(path.read_bytes()[:-5])
    assert not np.any(comp.still(2) != first)
    assert len(computed) == 2


def test_focus_keys_are_read_in_dioptres(comp):
    image, depth = comp.files()
    one = comp.racked(image.outputs["Image"], depth.outputs["Image"])
    socket = one.inputs["Focus Distance"]
    for frame, metres in ((1, NEAR_M), (3, FAR_M)):
        socket.default_value = metres
        socket.keyframe_insert("default_value", frame=frame)
    for curve in comp.tree.animation_data.action.layers[0].strips[0].channelbags[0].fcurves:
        for key in curve.keyframe_points:
            key.interpolation = "LINEAR"
    half_way = 2 / (1 / NEAR_M + 1 / FAR_M)  # the mean of the two in dioptres
    made = comp.still(2)
    assert difference(made, wanted(one, 2, **{"Focus Distance": half_way})) < 1e-3
    assert difference(made, wanted(one, 2, **{"Focus Distance": (NEAR_M + FAR_M) / 2})) > 0.05
    assert difference(comp.still(3), wanted(one, 3, **{"Focus Distance": FAR_M})) < EXACT


def test_whole_number_pictures_are_as_exact_as_blender_reads_them(comp):
    """Blender makes light of whole numbers by an approximate power (0.25 thousandths off), our reader by the exact one:
    a strip and a node on the same PNG are alike but for pixels that lie on the edge between two numbers."""
    numbers = (picture(1)[..., :3] * 255).astype(np.uint8)
    path = str(comp.folder / "numbers.png")
    cv2.imwrite(path, numbers)
    comp.show(comp.image_node(path).outputs["Image"])
    blenders, ours = comp.still(1), media.read_frame(path, 0, "sRGB", "STRAIGHT")
    assert np.abs(blenders[..., :3] - ours[..., :3]).max() <= 3e-4 * ours[..., :3].max()
    codes = [np.rint(linear_to_srgb(np.clip(each[..., :3], 0, 1)) * 255) for each in (blenders, ours)]
    assert np.array_equal(codes[0], codes[1])
    image, depth = comp.image_node(path), comp.sequence("depth", depth_m)
    one = comp.racked(image.outputs["Image"], depth.outputs["Image"])
    from_node, from_file = comp.still(2), wanted(one, 2, ours)
    codes = [np.rint(linear_to_srgb(np.clip(each[..., :3], 0, 1)) * 255) for each in (from_node, from_file)]
    apart = np.abs(codes[0] - codes[1])
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.005
