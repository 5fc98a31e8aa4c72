# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of depth sources is the one place that tells them apart: a further source is an entry, and works."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

import blender_rackfocus
from blender_rackfocus.addon.blender import strips
from blender_rackfocus.addon.blender.errors import FrameError
from blender_rackfocus.addon.delivery import twin
from blender_rackfocus.addon.depth import sources, strip_cards
from blender_rackfocus.addon.desk import strip_doctor
from blender_rackfocus.addon.sequencer import frames
from blender_rackfocus.addon.shot import modifier

PACKAGE = Path(blender_rackfocus.__file__).parent
NAME = "rackfocus_depth_source"


def test_files_keep_the_places_of_the_sources(shot):
    """Blender writes an enum's place in the list into the file, not its name."""
    kept = ("AUTO", "LAYER", "FILE", "STRIP", "CARDS")
    assert tuple(sources.TABLE)[: len(kept)] == kept
    items = bpy.types.Strip.bl_rna.properties[NAME].enum_items
    assert [(one.identifier, one.name) for one in items] == [(key, one.label) for key, one in sources.TABLE.items()]


def test_nobody_else_compares_the_chosen_source():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            asked = ast.walk(node) if isinstance(node, ast.Compare | ast.Match) else ()
            names = {one.attr for one in asked if isinstance(one, ast.Attribute)}
            assert NAME not in names, f"{path.relative_to(PACKAGE)}:{node.lineno} asks the source's name"


def test_depth_that_is_set_by_hand_is_metres_and_no_file_to_repair_or_to_read_by_nodes(shot, monkeypatch):
    strip = shot.strip(shot.pictures(frames=2))
    assert bpy.ops.rackfocus.modifier_add(strip_name="A", depth_source="LAYER") == {"FINISHED"}
    strip.rackfocus_depth_kind = "NORMALISED"  # what is set for files is not asked
    strip.rackfocus_back_from_m = strip.rackfocus_back_to_m = 7.0
    shot.set(strip, **{"Focus Distance": 2.0})
    as_cards = sources.TABLE["CARDS"]
    monkeypatch.setitem(sources.TABLE, "LAYER", replace(as_cards, label="Wall", fields=frozenset()))
    found = modifier.find(strip)
    shown = next(one for one in strips.walk(shot.scene, 2) if one.strip == strip)
    job = frames.job_of(shown, found, draft=False, at_current_frame=False)
    assert job.depth.path == strip_cards.depth_file(shown, strips.media_frame(strip, 2, shot.scene), False)
    np.testing.assert_allclose(frames.sources(job)[1], 7.0)
    assert frames.depth_told(strip, shot.scene) == ""
    with pytest.raises(FrameError) as refused:
        strip_doctor.examine(strip, shot.scene)
    assert "(Wall) is set by hand" in str(refused.value)
    with pytest.raises(FrameError, match="bake the strip instead"):
        twin.convert(strip, shot.scene)
