# SPDX-License-Identifier: GPL-3.0-or-later
"""A node says what it takes its depth's numbers for, and what they look like where that is something else."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from comp_shot import CompShot

from blender_rackfocus.addon.blender import errors
from blender_rackfocus.addon.compositor import node_values
from blender_rackfocus.media import RawDepth

METRES = 1 / np.linspace(1 / 30, 1 / 2, 64 * 48, dtype=np.float32).reshape(48, 64)


@pytest.fixture
def one(registered, tmp_path):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    shot = CompShot(tmp_path)
    made = [shot.sequence(name, lambda _frame: METRES, frames=1) for name in ("picture", "depth")]
    yield shot.racked(*(each.outputs["Image"] for each in made), focus_m=3.0)
    errors.forget()


def told(one, values, layer="", integer=False, bits=32):
    raw = RawDepth(values, integer, layer, bits)
    return node_values.meaning_told(one, raw, node_values.convention_of(one, raw))


def test_left_to_us_it_says_what_it_takes_and_doubts_what_looks_otherwise(one):
    assert one.rackfocus_depth_kind == "AUTO"
    plain = told(one, METRES)
    assert "read as metres" in plain
    assert "does not guess" in plain
    assert "Doubtful" not in plain
    share = (METRES - METRES.min()) / np.ptp(METRES)
    relative = told(one, share)
    assert "read as metres" in relative
    assert "Doubtful: values fill 0 to 1" in relative
    assert "Doubtful: whole numbers up to 6554 of 16 bits" in told(one, share * np.float32(0.1), integer=True, bits=16)
    named = told(one, METRES, "ViewLayer.Depth.Z")
    assert "called ViewLayer.Depth.Z" in named
    assert "Doubtful" not in named


def test_set_by_hand_there_is_no_doubt(one):
    one.rackfocus_depth_kind = "METRES"
    assert "as set" in told(one, (METRES - METRES.min()) / np.ptp(METRES))
