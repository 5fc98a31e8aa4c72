# SPDX-License-Identifier: GPL-3.0-or-later
"""No depth, lens or focus makes a frame that takes for ever: whatever they are, the work is that of a large blur."""

import itertools
import time
import tracemalloc
import warnings

import numpy as np
import pytest

from blender_rackfocus.core import Aperture, Lens, circles_cut, defocus_frame

SIZES = [(180, 320), (270, 96), (33, 400), (1, 1), (3, 70)]
LENSES = [
    {"focal_mm": 50.0, "f_number": 1.4, "focus_m": 4.0},
    {"focal_mm": 8.0, "f_number": 0.05, "focus_m": 1e6},
    {"focal_mm": 5000.0, "f_number": 0.05, "focus_m": 5.001},
    {"focal_mm": 85.0, "f_number": 1.2, "focus_m": np.inf, "near_strength": 10.0, "axial_chromatic": 5.0},
    {"focal_mm": 1.0, "f_number": 1e6, "focus_m": 0.01, "sensor_mm": 0.1, "in_focus_range_m": 3.0},
    {"focal_mm": 300.0, "f_number": 2.0, "focus_m": 1.0, "near_strength": 0.0, "breathing": 1.0},
]
APERTURES = [Aperture(), Aperture(blades=5, squeeze=0.25), Aperture(cats_eye=1.0, vignetting=1.0, obstruction=0.4)]
DEPTHS = ["pixel", "smallest", "noise", "ramp", "disparity", "half", "all", "infinite"]


def depth(kind, height, width):
    rng = np.random.default_rng(7)
    out = np.full((height, width), 4.0, np.float32)
    if kind == "pixel":  # a soft edge into 0
        out[height // 2, width // 2] = 3e-4
    elif kind == "smallest":
        out[height // 2] = np.float32(1e-45)
        out[0] = np.finfo(np.float32).max
    elif kind == "noise":
        out[:] = np.exp(rng.uniform(np.log(1e-6), np.log(1e6), out.shape))
    elif kind == "ramp":
        out[:] = np.geomspace(1e-4, 100, width)
    elif kind == "disparity":  # 0..255, read as 1 / metres
        out[:] = 1 / np.maximum(np.linspace(0, 255, width), 1e-9)
    elif kind == "half":
        out[:, : width // 2 + 1] = 1e-4
    elif kind == "all":
        out[:] = 1e-4
    else:
        out[:, : width // 2] = np.inf
        out[:, width // 2 :] = 0.02
    return out


def picture(height, width):
    y, x = np.mgrid[0:height, 0:width]
    out = np.ones((height, width, 4), np.float32)
    out[..., :3] = (((x // 4 + y // 4) % 2) * 0.8 + 0.1)[..., None]
    out[height // 3, width // 3, :3] = 50
    return out


def cost(rgba, depth_m, lens):
    """Processor time (the best of three) and the most memory at a time, bytes."""
    took = []
    for _ in range(3):
        start = time.process_time()
        defocus_frame(rgba, depth_m, lens)
        took.append(time.process_time() - start)
    tracemalloc.start()
    try:
        defocus_frame(rgba, depth_m, lens)
        return min(took), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("quality", ["draft", "final"])
def test_every_depth_lens_and_size_makes_a_picture(quality):
    """Every seventh of all there are: each value meets each other one."""
    every = itertools.product(SIZES, LENSES, APERTURES, DEPTHS)
    for size, lens, aperture, kind in itertools.islice(every, 0, None, 7):
        rgba = picture(*size)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            through = Lens(**{"sensor_mm": 36.0, **lens})
            out = defocus_frame(rgba, depth(kind, *size), through, aperture=aperture, quality=quality)
        assert np.isfinite(out).all(), (size, lens, kind)
        assert out.min() >= -1e-3
        assert out.max() <= 51


@pytest.mark.parametrize("size", [(180, 320), (540, 960)])
@pytest.mark.parametrize("kind", ["pixel", "ramp", "half"])
def test_it_takes_no_more_than_twice_an_80_pixel_blur(size, kind, monkeypatch):
    monkeypatch.setenv("RACKFOCUS_HELPERS", "off")
    rgba, depth_m = picture(*size), depth(kind, *size)
    lens = {"focal_mm": 50.0, "f_number": 1.4, "sensor_mm": 36.0, "focus_m": 4.0}
    plain, plain_bytes = cost(rgba, depth_m, Lens(**lens, max_blur_pct=80 / size[1] * 200))
    wide, wide_bytes = cost(rgba, depth_m, Lens(**lens))
    assert wide < 2 * plain + 0.02
    assert wide_bytes < 2 * plain_bytes


def test_a_disc_as_tall_as_the_picture_is_the_largest():
    rgba, size = picture(200, 300), (200, 300)
    rgba[..., :3] = 0
    rgba[100, 150, :3] = 1e4
    lens = Lens(focal_mm=50.0, f_number=1.4, sensor_mm=36.0, focus_m=4.0)
    out = defocus_frame(rgba, np.full(size, 1e-3, np.float32), lens)[..., 0]
    row, away = out[100], np.abs(np.arange(300) - 150)  # across the middle, where nothing comes back from the border
    expected = 1e4 / (np.pi * 100**2)
    np.testing.assert_allclose(row[away < 80], expected, rtol=0.1)
    assert row[away > 125].max() < 0.02 * expected


def test_what_is_cut_is_told():
    lens = Lens(focal_mm=50.0, f_number=2.0, sensor_mm=36.0, focus_m=2.0)
    depth_m = np.full((400, 600), 2.0, np.float32)
    assert circles_cut(depth_m, lens, Aperture()) is None
    # the radius is 600 / 2 * 50^2 / (2 * 36 * 1000) * (1 / 2 - 1 / d) = 10.4 (1 / 2 - 1 / d): 200 px at d = 0.0506 m
    depth_m[:10, :60] = 0.051
    assert circles_cut(depth_m, lens, Aperture()) is None
    depth_m[0, :60] = 0.05
    depth_m[1, :60] = 0.02
    cut = circles_cut(depth_m, lens, Aperture())
    assert cut.share == pytest.approx(120 / 240_000)
    assert cut.depth_m == pytest.approx((0.02, 0.05))
    assert cut.limit_px == 200
