# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of a frame, and the notes of a baked one: whatever decides a pixel is in both, and changing it back brings
the key back."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path

import pytest

from blender_rackfocus.core.depth import DepthConvention
from blender_rackfocus.craft.touch import Touch
from blender_rackfocus.frame import inputs
from blender_rackfocus.frame import notes as frame_notes
from blender_rackfocus.frame.job import Beside, FileFrame, Job, stamped
from blender_rackfocus.media.colour import OcioConfig

CONVENTION = DepthConvention("NORMALISED", 1.0, 100.0, True, "INVERSE_Z", 1.0)
MEANT = {
    "kind": "METRES",
    "near_m": 2.0,
    "far_m": 50.0,
    "white_near": False,
    "ramp": "LINEAR_Z",
    "scale": 0.01,
    "low": 0.25,
    "high": 2.0,
}


def job(folder: Path, **other: object) -> Job:
    """A job of files in a folder, whose names say what is in them."""
    for name in ("picture.png", "depth.exr", "first.exr", "another.png", "another.exr"):
        if not (folder / name).exists():
            (folder / name).write_text(name)
    given: dict[str, object] = {
        "picture": stamped(str(folder / "picture.png"), 0),
        "colorspace": "sRGB",
        "alpha_mode": "STRAIGHT",
        "depth": stamped(str(folder / "depth.exr"), 0),
        "layer": "",
        "convention": None,
        "reference": stamped(str(folder / "first.exr"), 0),
        "near_m": 1.0,
        "far_m": 100.0,
        "values": tuple(float(entry.default) for entry in inputs.INPUTS),
        "grade": (1.0, 1.0, False),
        "draft": False,
        "colour": OcioConfig("/somewhere/config.ocio", digest="a configuration"),
    }
    return Job(**(given | other))


def others(folder: Path) -> dict[str, object]:
    """Another value for every field of a Job that decides a pixel."""
    return {
        "picture": stamped(str(folder / "another.png"), 0),
        "colorspace": "Non-Color",
        "alpha_mode": "PREMUL",
        "depth": stamped(str(folder / "another.exr"), 0),
        "layer": "ViewLayer.Depth.Z",
        "convention": CONVENTION,
        "reference": stamped(str(folder / "another.exr"), 0),
        "near_m": 1.5,
        "far_m": 99.0,
        "grade": (1.0, 1.1, False),
        "colour": OcioConfig("/somewhere/config.ocio", digest="another configuration"),
        "fit_depth": True,
        "beside": (Beside(1, stamped(str(folder / "another.png"), 0), stamped(str(folder / "another.exr"), 0)),),
        "fills": (64, 48),
        "touches": (Touch("NEARER", ((0.5, 0.5),)),),
        "hidden": FileFrame("/tmp/hidden.exr", 0, None, content="what is hidden"),
        "wide": FileFrame("/tmp/wide.exr", 0, None, content="with a margin"),
        "margin": (8, 8),
    }


def test_every_field_of_a_job_is_looked_at_here(tmp_path):
    job(tmp_path)
    assert {field.name for field in fields(Job)} == {*others(tmp_path), "values", "draft"}
    assert {field.name for field in fields(DepthConvention)} == MEANT.keys()


@pytest.mark.parametrize("name", [field.name for field in fields(Job) if field.name not in ("values", "draft")])
def test_what_decides_a_pixel_is_in_the_key_and_in_the_notes(tmp_path, name):
    before = job(tmp_path)
    key, notes = frame_notes.store_key(before), frame_notes.of(before)
    after = replace(before, **{name: others(tmp_path)[name]})
    assert frame_notes.store_key(after) != key
    assert frame_notes.difference(notes, after).stale
    assert frame_notes.store_key(replace(after, **{name: getattr(before, name)})) == key
    assert frame_notes.difference(notes, replace(after, **{name: getattr(before, name)})).fresh


@pytest.mark.parametrize("name", inputs.NAMES)
def test_every_input_is_in_the_key_and_in_the_notes(tmp_path, name):
    before = job(tmp_path)
    key, notes, at = frame_notes.store_key(before), frame_notes.of(before), inputs.NAMES.index(name)
    entry = inputs.INPUTS[at]
    step = 1.0 if entry.integer else 0.01
    other = entry.default + step if entry.default + step <= entry.maximum else entry.default - step
    after = replace(before, values=(*before.values[:at], other, *before.values[at + 1 :]))
    assert frame_notes.store_key(after) != key
    assert any(words.startswith(name) for words in frame_notes.difference(notes, after).stale)
    assert frame_notes.store_key(replace(after, values=before.values)) == key


@pytest.mark.parametrize("name", MEANT)
def test_all_that_a_depth_can_mean_is_in_the_key_and_in_the_notes(tmp_path, name):
    before = job(tmp_path, convention=CONVENTION, reference=None)
    after = replace(before, convention=replace(CONVENTION, **{name: MEANT[name]}))
    assert frame_notes.store_key(after) != frame_notes.store_key(before)
    assert frame_notes.difference(frame_notes.of(before), after).stale
    assert frame_notes.store_key(replace(after, convention=CONVENTION)) == frame_notes.store_key(before)


def test_the_code_that_makes_pixels_is_in_the_key_and_in_the_notes(tmp_path, monkeypatch):
    one = job(tmp_path)
    key, notes = frame_notes.store_key(one), frame_notes.of(one)
    monkeypatch.setattr(frame_notes, "renderer", lambda: "another version")
    assert frame_notes.store_key(one) != key
    assert frame_notes.difference(notes, one) == frame_notes.Difference(older=True)


def test_a_file_written_anew_has_another_key_and_is_stale_by_its_content_alone(tmp_path):
    before = job(tmp_path)
    key, notes, path = frame_notes.store_key(before), frame_notes.of(before), tmp_path / "depth.exr"
    os.utime(path, ns=(1, 1))
    assert frame_notes.store_key(job(tmp_path)) != key
    assert frame_notes.difference(notes, job(tmp_path)).fresh
    path.write_text("DEPTH.exr")
    assert "file changed: depth.exr" in frame_notes.difference(notes, job(tmp_path)).stale


def test_where_the_configuration_lies_is_no_matter(tmp_path):
    before = job(tmp_path)
    after = replace(before, colour=replace(before.colour, path="/elsewhere/config.ocio"))
    assert frame_notes.store_key(after) == frame_notes.store_key(before)
    assert frame_notes.of(after) == frame_notes.of(before)


def test_a_frame_baked_before_colours_were_noted_is_older_not_stale(tmp_path):
    one = job(tmp_path)
    notes = frame_notes.of(one)
    del notes["reading"]["colour"]
    assert not frame_notes.difference(notes, one).stale


def test_a_frame_beside_written_anew_has_another_key_and_is_stale(tmp_path):
    near = others(tmp_path)
    key, notes = (
        frame_notes.store_key(job(tmp_path, beside=near["beside"])),
        frame_notes.of(job(tmp_path, beside=near["beside"])),
    )
    (tmp_path / "another.exr").write_text("written anew")
    after = job(tmp_path, beside=others(tmp_path)["beside"])
    assert frame_notes.store_key(after) != key
    assert "file changed: another.exr" in frame_notes.difference(notes, after).stale


def test_a_frame_baked_before_frames_beside_were_noted_looked_into_none(tmp_path):
    notes = frame_notes.of(job(tmp_path))
    del notes["beside"]
    assert frame_notes.difference(notes, job(tmp_path)).fresh
    assert frame_notes.difference(notes, job(tmp_path, beside=others(tmp_path)["beside"])).stale
