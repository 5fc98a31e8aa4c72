# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left out for the hidden layer, and where that layer counts."""

import numpy as np
import pytest

from blender_rackfocus.core.lens import coc_px
from blender_rackfocus.frame import inputs
from blender_rackfocus.frame.make import Region, refocused
from blender_rackfocus.frame.rendered import LEAST_BLUR_PX, Rendered, hides, left_out

WIDTH = 640


def values(**other):
    return {entry.name: entry.default for entry in inputs.INPUTS} | {"F-Stop": 1.4, "Focus Distance": 3.0} | other


def test_what_is_blurred_to_its_farthest_point_is_left_out():
    ends_m = {f"at {each:.2f}": each for each in np.linspace(0.3, 6.0, 60)}
    out = left_out(ends_m, values(), WIDTH)
    for name, end_m in ends_m.items():
        radius_px = float(coc_px(np.float32(end_m), inputs.lens_of(values()), WIDTH))
        assert (name in out) == (radius_px < -LEAST_BLUR_PX)
    assert 5 < len(out) < 40
    assert list(out) == sorted(out)


@pytest.mark.parametrize("other", [{"Near Strength": 0.0}, {"F-Stop": 64.0}, {"Focus Distance": 0.2}])
def test_where_nothing_in_front_is_blurred_nothing_is_left_out(other):
    assert left_out({"Cube": 0.5}, values(**other), WIDTH) == ()


def test_a_layer_is_known_where_it_is_farther():
    depth_m = np.float32([[1.0, 2.0, 5.0, 1e10]])
    hidden_depth_m = np.float32([[1.0, 4.0, 5.0001, 1e10]])
    picture = np.ones((1, 4, 4), np.float32)
    assert hides(depth_m, picture, hidden_depth_m).known.tolist() == [[0, 1, 0, 0]]
    with pytest.raises(ValueError, match="as large"):
        hides(depth_m, picture[:, :2], hidden_depth_m)


def test_in_a_border_the_layer_is_cut_with_the_picture():
    rng = np.random.default_rng(0)
    picture, hidden = (np.dstack([rng.random((48, 64, 3)), np.ones((48, 64))]).astype(np.float32) for _ in range(2))
    depth_m, far_m = np.full((48, 64), 3.0, np.float32), np.full((48, 64), 3.0, np.float32)
    depth_m[:, :32] = 0.8
    told = values(**{"Focal Length": 80.0})
    region = Region(slice(8, 40), slice(16, 56), 40 / 64)
    rendered = Rendered(hides(depth_m, hidden, far_m))
    made = refocused(picture, depth_m, told, region, rendered)
    cut = np.s_[8:40, 16:56]
    part = {**told, "Sensor Width": told["Sensor Width"] * 40 / 64}
    layer = hides(depth_m[cut].copy(), hidden[cut].copy(), far_m[cut].copy())
    alone = refocused(picture[cut].copy(), depth_m[cut].copy(), part, rendered=Rendered(layer))
    assert np.array_equal(made[cut], alone)
    assert not np.array_equal(alone, refocused(picture[cut].copy(), depth_m[cut].copy(), part))
