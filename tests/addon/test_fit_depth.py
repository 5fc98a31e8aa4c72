# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth fitted to its picture, from the switch on a strip or node to the metres that are refocused, and in words."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
import cv2
import numpy as np
import pytest
from comp_shot import CompShot
from live_shot import write_exr

from blender_rackfocus.addon.blender import errors, strips
from blender_rackfocus.addon.compositor import session
from blender_rackfocus.addon.sequencer import frames
from blender_rackfocus.addon.shot import modifier

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "core"))
import test_fit as scenes

PICTURE, EXACT = scenes.scene()
SPOILT = scenes.moved(EXACT, 2, 0)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RACKFOCUS_CACHE", str(tmp_path / "cache"))


def racked(shot, depth):
    """A strip that is refocused for the first time."""
    path = str(shot.folder / "p_0001.png")
    cv2.imwrite(path, (255 * np.sqrt(np.clip(PICTURE[..., 2::-1], 0, 1))).astype(np.uint8))
    write_exr(shot.folder / "d_0001.exr", {"Z": depth})
    strip = shot.strip([path])
    given = {"depth_source": "FILE", "depth_path": str(shot.folder / "d_0001.exr")}
    assert bpy.ops.rackfocus.modifier_add(strip_name=strip.name, **given) == {"FINISHED"}
    strip.rackfocus_depth_kind = "METRES"
    return strip


def metres(shot, strip):
    shown = next(one for one in strips.walk(shot.scene, 1) if one.strip == strip)
    return frames.sources(frames.look_job(shown, modifier.find(strip)))[1]


def test_a_new_strip_fits_its_depth_and_says_so(shot):
    strip = racked(shot, SPOILT)
    assert strip.rackfocus_fit_depth
    assert frames.fit_told(strip, shot.scene) == ""
    assert np.array_equal(metres(shot, strip)[:, :-2], EXACT[:, :-2])
    assert "moved 2 pixels left" in frames.fit_told(strip, shot.scene)


def test_switched_off_the_file_is_used_as_it_is(shot):
    strip = racked(shot, SPOILT)
    metres(shot, strip)
    strip.rackfocus_fit_depth = False
    assert np.array_equal(metres(shot, strip), SPOILT)
    assert frames.fit_told(strip, shot.scene) == ""


def test_depth_that_fits_is_said_to(shot):
    strip = racked(shot, EXACT)
    assert np.array_equal(metres(shot, strip), EXACT)
    assert "used as it is" in frames.fit_told(strip, shot.scene)


def test_strips_of_files_that_know_nothing_of_it_stay(shot):
    strip = racked(shot, SPOILT)
    strip.property_unset("rackfocus_fit_depth")
    assert np.array_equal(metres(shot, strip), SPOILT)


@pytest.fixture
def comp(registered, tmp_path):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    yield CompShot(tmp_path)
    errors.forget()


def test_a_node_fits_its_depth_and_says_so(comp):
    comp.scene.render.resolution_x, comp.scene.render.resolution_y = scenes.WIDTH, scenes.HEIGHT
    picture, exact, spoilt = (
        comp.sequence(name, lambda _frame, values=values: values, frames=1)
        for name, values in (("picture", PICTURE), ("exact", EXACT), ("spoilt", SPOILT))
    )
    one = comp.racked(picture.outputs["Image"], exact.outputs["Image"], focus_m=1.5)
    one.rackfocus_depth_kind = "METRES"

    def rendered(depth, fit):
        comp.link(depth.outputs["Image"], one.inputs["Depth"])
        one.rackfocus_fit_depth = fit
        return comp.still(1)

    right, wrong = rendered(exact, True), rendered(spoilt, False)
    assert session.fit_told(comp.scene, one) == ""
    mended, inner = rendered(spoilt, True), np.s_[:, 60:-60]
    assert "moved 2 pixels left" in session.fit_told(comp.scene, one)
    assert np.abs(mended - right)[inner].max() < 0.01 < np.abs(wrong - right)[inner].max()
