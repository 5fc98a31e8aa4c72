# SPDX-License-Identifier: GPL-3.0-or-later
"""A draft of a large picture is computed small; what is in focus in it still shows every pixel of the strip's own."""

import numpy as np
import pytest

from blender_rackfocus.frame import inputs, make
from blender_rackfocus.frame.coding import decode
from blender_rackfocus.frame.job import FileFrame, Job

HEIGHT, WIDTH = 90, 1920


def draft_of(picture, depth_m, **values):
    given = {entry.name: float(entry.default) for entry in inputs.INPUTS} | values
    nowhere = FileFrame("", 0, None)
    job = Job(
        picture=nowhere,
        colorspace="sRGB",
        alpha_mode="STRAIGHT",
        depth=nowhere,
        layer="",
        convention=None,
        reference=None,
        near_m=1.0,
        far_m=100.0,
        values=tuple(given[name] for name in inputs.NAMES),
        grade=(1.0, 1.0, False),
        draft=True,
    )
    return make.make(job, picture, depth_m)


@pytest.mark.parametrize("wide", [960, 1920])
def test_a_draft_leaves_what_is_in_focus_alone(wide):
    picture = np.ones((HEIGHT, wide, 4), np.float32)
    picture[..., :3] = np.random.default_rng(5).random((HEIGHT, wide, 3), np.float32)
    depth_m = np.full((HEIGHT, wide), 2.0, np.float32)
    depth_m[:, wide // 2 :] = 40.0
    made = draft_of(picture, depth_m, **{"Focus Distance": 2.0, "F-Stop": 1.4})
    shown, counts = decode(made.flat, made.width, made.height)
    assert shown.shape == picture.shape
    assert not counts[:, : wide // 2 - 8].any()
    assert counts[:, wide // 2 + 8 :].all()
    blurred = shown[10:-10, wide // 2 + 60 : -60, :3]
    assert blurred.std() < 0.3 * picture[..., :3].std()
