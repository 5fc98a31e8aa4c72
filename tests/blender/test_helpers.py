# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's own Python starts helper processes from the installed extension, and they go with it."""

import importlib
import time

import addon_utils
import numpy as np
import pytest

MODULE = "bl_ext.user_default.blender_rackfocus"


@pytest.fixture
def core():
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    yield importlib.import_module(f"{MODULE}.core")
    cv2.setNumThreads(before)


def test_helpers_make_the_same_frame_and_end_with_the_extension(core):
    crew = importlib.import_module(f"{MODULE}.core.crew.crew").crew
    rng = np.random.default_rng(2)
    rgba, depth_m = rng.random((400, 600, 4), np.float32), rng.uniform(0.5, 9, (400, 600)).astype(np.float32)
    lens = core.Lens(focal_mm=85.0, f_number=1.4, sensor_mm=36.0, focus_m=2.0)
    alone = core.defocus_frame(rgba, depth_m, lens)
    until = time.monotonic() + 60
    while not crew.helpers and time.monotonic() < until:
        core.defocus_frame(rgba, depth_m, lens)
    assert len(crew.helpers) == 1
    assert np.array_equal(core.defocus_frame(rgba, depth_m, lens), alone)
    process = crew.helpers[0]._process
    addon_utils.disable(MODULE, default_set=False)
    assert process.poll() is not None
    addon_utils.enable(MODULE, default_set=False)
