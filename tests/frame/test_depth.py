# SPDX-License-Identifier: GPL-3.0-or-later
"""What depth files mean: read at first as they were written, by whatever tool, or told by the user."""

from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest

from blender_rackfocus import media
from blender_rackfocus.core import Lens, defocus_frame
from blender_rackfocus.core.depth import DepthConvention
from blender_rackfocus.craft import doctor
from blender_rackfocus.frame import depth, depth_words
from blender_rackfocus.media import RawDepth, Window

NEAR_M, FAR_M = 1.5, 20.0
HEIGHT, WIDTH = 90, 160


def _room() -> np.ndarray:
    """A floor that runs from the camera to a wall, and two boards that stand on it. Nearest 1.5 m, farthest 20 m."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    share = np.clip((y - 30) / (HEIGHT - 31), 0, 1)
    z = 1 / (1 / FAR_M + (1 / NEAR_M - 1 / FAR_M) * share)
    z[(y > 20) & (y < 75) & (x > 25) & (x < 55)] = 2.0
    z[(y > 15) & (y < 52) & (x > 95) & (x < 120)] = 4.0
    return z.astype(np.float32)


TRUE_M = _room()
NEARNESS = (1 / TRUE_M - 1 / FAR_M) / (1 / NEAR_M - 1 / FAR_M)
EVEN = (FAR_M - TRUE_M) / (FAR_M - NEAR_M)


_HOLES = np.zeros((HEIGHT, WIDTH), bool)
_HOLES[3::7, 2::9] = True


def _picture() -> np.ndarray:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    picture = np.full((HEIGHT, WIDTH, 4), 1.0, np.float32)
    for channel, size in enumerate((3, 4, 5)):
        picture[..., channel] = 0.1 + 0.8 * ((x // size + y // size) % 2)
    return picture


def _racked(depth_m: np.ndarray) -> np.ndarray:
    return defocus_frame(_picture(), depth_m, Lens(focal_mm=50.0, f_number=0.7, sensor_mm=36.0, focus_m=2.0))


def _write(path: Path, values: np.ndarray, kind: str, names: tuple[str, ...] = ("Y",), **spec_fields: int) -> Path:
    planes = np.repeat(values[..., None], len(names), axis=2)
    spec = oiio.ImageSpec(planes.shape[1], planes.shape[0], len(names), kind)
    spec.channelnames = names
    for name, value in spec_fields.items():
        setattr(spec, name, value)
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), spec), out.geterror()
    assert out.write_image(np.ascontiguousarray(planes))
    out.close()
    return path


def _read(path: Path, near_m: float = NEAR_M, far_m: float = FAR_M) -> np.ndarray:
    raw = media.read_raw_depth(path)
    return depth.in_metres(raw, depth.guess(raw, near_m, far_m).convention, (HEIGHT, WIDTH))


def _whole(values: np.ndarray, bits: int) -> np.ndarray:
    return np.rint(values * (2.0**bits - 1)).astype({8: np.uint8, 16: np.uint16}[bits])


FILES = {
    "blender": ("d.exr", TRUE_M, "float", ("ViewLayer.Depth.Z",)),
    "blender half": ("d.exr", TRUE_M, "half", ("ViewLayer.Depth.Z",)),
    "close-up": ("d.exr", TRUE_M, "float", ("Close.Depth.Z",)),
    "bare Z": ("d.exr", TRUE_M, "float", ("Z",)),
    "depth.Y": ("d.exr", TRUE_M, "float", ("depth.Y",)),
    "negative Z": ("d.exr", -TRUE_M, "float", ("Z",)),
    "mist": ("d.exr", 1 - EVEN, "float", ("ViewLayer.Mist.Z",)),
    "disparity in 1/m": ("d.exr", 1 / TRUE_M, "float", ("disparity",)),
    "disparity in pixels": ("d.exr", 90 / TRUE_M, "float", ("disparity.V",)),
    "disparity without a name": ("d.exr", 90 / TRUE_M, "float", ("Y",)),
    "disparity called Z": ("d.exr", 90 / TRUE_M, "float", ("Z",)),
    "disparity in grey colours": ("d.exr", 255 * NEARNESS, "float", ("R", "G", "B")),
    "nearness of a network": ("d.exr", NEARNESS, "half", ("Y",)),
    "even in z": ("d.exr", EVEN, "float", ("Y",)),
    "even in z, black near": ("d.exr", 1 - EVEN, "float", ("Y",)),
    "PNG of 16 bits": ("d.png", _whole(NEARNESS, 16), "uint16", ("Y",)),
    "PNG of 16 bits, black near": ("d.png", _whole(1 - NEARNESS, 16), "uint16", ("Y",)),
    "PNG of 16 bits, even in z": ("d.png", _whole(EVEN, 16), "uint16", ("Y",)),
    "PNG of 16 bits, even in z, black near": ("d.png", _whole(1 - EVEN, 16), "uint16", ("Y",)),
    "PNG of 8 bits": ("d.png", _whole(NEARNESS, 8), "uint8", ("R", "G", "B")),
    "PNG of 8 bits, even in z": ("d.png", _whole(EVEN, 8), "uint8", ("Y",)),
    "PNG of 8 bits, even in z, black near": ("d.png", _whole(1 - EVEN, 8), "uint8", ("Y",)),
    "millimetres of near things": ("d.png", np.rint(TRUE_M * 150).astype(np.uint16), "uint16", ("Y",)),
    "disparity below zero": ("d.exr", -90 / TRUE_M, "float", ("disparity",)),
    "disparity below zero without a name": ("d.exr", -90 / TRUE_M, "float", ("Y",)),
    "disparity with infinity for nothing": ("d.pfm", np.where(_HOLES, np.inf, 90 / TRUE_M), "float", ("Y",)),
    "PNG of 16 bits, 3000 to the metre": ("d.png", np.rint(TRUE_M * 3000).astype(np.uint16), "uint16", ("Y",)),
    "PNG of 16 bits, 3000 to the metre, 0 for nothing": (
        "d.png",
        np.where(_HOLES, 0, np.rint(TRUE_M * 3000)).astype(np.uint16),
        "uint16",
        ("Y",),
    ),
    "millimetres, white for nothing": (
        "d.png",
        np.where(_HOLES, 65535, np.rint(TRUE_M * 500)).astype(np.uint16),
        "uint16",
        ("Y",),
    ),
    "PNG of 16 bits, disparity in 1/256 px": ("d.png", np.rint(256 * 40 / TRUE_M).astype(np.uint16), "uint16", ("Y",)),
    "uint32 in millimetres": ("d.exr", np.rint(TRUE_M * 500).astype(np.uint32), "uint", ("Z",)),
}
SCALED = {
    "millimetres of near things": 1 / 0.15,
    "uint32 in millimetres": 2.0,
    "millimetres, white for nothing": 2.0,
}
"""Rooms that were made smaller to lie within a depth camera's reach."""


@pytest.mark.parametrize("name", FILES)
def test_depth_of_other_tools_makes_the_picture_of_the_true_depth(tmp_path, name):
    file, *stored = FILES[name]
    found_m = _read(_write(tmp_path / file, *stored)) * np.float32(SCALED.get(name, 1.0))
    error = np.sqrt(np.mean((_racked(found_m) - _racked(TRUE_M)) ** 2))
    assert 20 * np.log10(1 / max(error, 1e-9)) > 35


def test_the_measure_tells_right_from_wrong():
    """A ramp read the other way, or an inverted depth, is far below what is asked for above."""
    as_even = DepthConvention("NORMALISED", NEAR_M, FAR_M, ramp="LINEAR_Z")
    wrong = depth.in_metres(RawDepth(NEARNESS, False, "Y", 32), as_even, TRUE_M.shape)
    for other in (wrong, TRUE_M[::-1]):
        error = np.sqrt(np.mean((_racked(other) - _racked(TRUE_M)) ** 2))
        assert 20 * np.log10(1 / error) < 35


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_whole_numbers_count_as_stored_where_they_are_metres(bits):
    top = 2.0**bits - 1
    stored = np.float32([[50, 100], [200, 250]])
    raw = RawDepth((stored / top).astype(np.float32), True, "grey", bits)
    for convention, wanted in (
        (DepthConvention("METRES", scale=0.001), stored * 0.001),
        (DepthConvention("INVERSE", scale=0.01), 100 / stored),
    ):
        np.testing.assert_allclose(depth.in_metres(raw, convention, (2, 2)), wanted, rtol=1e-5)
        twin = depth.for_unit_range(raw, convention)
        same = depth.in_metres(RawDepth(raw.values, False, "", 32), twin, (2, 2))
        np.testing.assert_allclose(same, wanted, rtol=1e-5)


@pytest.mark.parametrize("window", [Window(-20, -11, 160, 90), Window(10, 5, 160, 90), Window(-8, 4, 160, 90)])
@pytest.mark.parametrize("of_another_size", [1, 2])
def test_depth_is_placed_by_its_display_window(tmp_path, window, of_another_size):
    rows = np.clip(np.arange(window.top, window.top + 60), 0, None)
    columns = np.clip(np.arange(window.left, window.left + 120), 0, None)
    data = TRUE_M[rows[:, None] % HEIGHT, columns % WIDTH]
    path = tmp_path / "d.exr"
    _write(path, data, "float", ("Z",), x=window.left, y=window.top, full_width=WIDTH, full_height=HEIGHT)
    raw = media.read_raw_depth(path)
    assert raw.window == window
    size = (HEIGHT * of_another_size, WIDTH * of_another_size)
    found = depth.in_metres(raw, DepthConvention(), size)[::of_another_size, ::of_another_size]
    inside = np.s_[max(window.top, 0) + 2 : window.top + 58, max(window.left, 0) + 2 : window.left + 118]
    near = np.abs(found[inside] / TRUE_M[inside] - 1) < 0.05
    assert near.mean() > (0.999 if of_another_size == 1 else 0.95)


def test_overscan_of_the_picture_itself_stays_on_its_pixels():
    window = Window(-20, -11, 120, 68)
    raw = RawDepth(TRUE_M, False, "Z", 32, window)
    np.testing.assert_array_equal(depth.in_metres(raw, DepthConvention(), TRUE_M.shape, window), TRUE_M)


def test_depth_of_the_display_beside_an_overscanned_picture():
    """The picture shows 10 pixels more on every side; beyond the depth its edge goes on."""
    raw = RawDepth(TRUE_M, False, "Z", 32)
    found = depth.in_metres(raw, DepthConvention(), (HEIGHT + 20, WIDTH + 20), Window(-10, -10, WIDTH, HEIGHT))
    np.testing.assert_array_equal(found[10:-10, 10:-10], TRUE_M)
    np.testing.assert_array_equal(found[10:-10, 0], TRUE_M[:, 0])


def test_names_say_what_numbers_cannot():
    close = RawDepth(np.linspace(0.2, 0.5, 100, dtype=np.float32).reshape(10, 10), False, "ViewLayer.Depth.Z", 32)
    assert depth.guess(close, 2, 40).convention.kind == "METRES"
    mist = depth.guess(RawDepth(close.values, False, "ViewLayer.Mist.Z", 32), 2, 40).convention
    assert (mist.kind, mist.near_m, mist.far_m, mist.white_near, mist.ramp) == ("NORMALISED", 2, 40, False, "LINEAR_Z")
    assert depth.guess(RawDepth(close.values, False, "disparity", 32), 2, 40).convention.kind == "INVERSE"


def test_empty_pixels_say_metres():
    values = np.full((20, 20), 0.4, np.float32)
    values[:5] = 1e10
    assert depth.guess(RawDepth(values, False, "Y", 32)).convention.kind == "METRES"


def test_relative_depth_lies_around_a_new_modifiers_focus():
    """Middle grey is at 3 m, and what is nearer and what is farther blur alike."""
    middle = depth.in_metres(
        RawDepth(np.full((2, 2), 0.5, np.float32), False, "", 32),
        DepthConvention("NORMALISED", depth.NEAR_M, depth.FAR_M),
        (2, 2),
    )
    np.testing.assert_allclose(middle, 3.0, atol=0.05)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (RawDepth(TRUE_M, False, "ViewLayer.Depth.Z", 32), ["ViewLayer.Depth.Z", "1.5 to 20", "metres"]),
        (RawDepth(NEARNESS, True, "grey", 16), ["grey", "0 to 1", "1.50 m to 20.0 m", "1/z", "white is near"]),
        (RawDepth((TRUE_M * 500 / 65535).astype(np.float32), True, "grey", 16), ["750 to 1e+04", "millimetres"]),
    ],
)
def test_a_sentence_says_which_pass_its_range_and_what_it_was_taken_for(raw, words):
    sentence = depth_words.sentence(raw, depth.guess(raw, NEAR_M, FAR_M))
    for word in words:
        assert word in sentence


def test_a_smaller_depth_that_mixed_its_edges_has_them_between_its_pixels():
    """Discs in front of a wall, at half size: averaged, they come back smoother than blocks are."""
    y, x = np.mgrid[:240, :320]
    near = ((x % 80 - 40) ** 2 + (y % 80 - 40) ** 2) < 28**2
    exact = np.where(near, np.float32(2), np.float32(8))
    picture = np.where(near[..., None], np.float32(0.8), np.float32(0.1)) * np.ones(4, np.float32)
    picture[..., 3] = 1
    half = 4 / (1 / exact).reshape(120, 2, 160, 2).sum(axis=(1, 3))
    raw, metres = RawDepth(half.astype(np.float32), False, "Z", 32), DepthConvention("METRES")

    placed, _none = depth.on_picture(raw, metres, picture, fit=False)
    made, fit = depth.on_picture(raw, metres, picture, fit=True)

    assert fit.soft_px
    wrong = [np.mean(np.abs(1 / each - 1 / exact) > 0.03) for each in (placed, made)]
    assert wrong[1] < 0.25 * wrong[0]
    hard = RawDepth(np.ascontiguousarray(exact[::2, ::2]), False, "Z", 32)
    blocks = depth.in_metres(hard, metres, (240, 320))
    np.testing.assert_array_equal(depth.on_picture(hard, metres, picture, fit=True)[0], blocks)


def _table_for_two():
    """Two round people behind a cup, before a wall: no floor, no plane that runs away, (180, 320) float64 metres."""
    y, x = np.mgrid[:180, :320].astype(float)
    made = np.full((180, 320), 5.0)
    table = ((130, 95, 32, 80, 2.9), (250, 100, 38, 75, 2.9), (80, 170, 34, 32, 0.72))
    for centre_x, centre_y, wide, high, metres in table:
        off = ((x - centre_x) / wide) ** 2 + ((y - centre_y) / high) ** 2
        inside = off < 1
        made[inside] = np.minimum(made[inside], metres - 0.12 * metres * np.sqrt(1 - off[inside]))
    return made


@pytest.mark.parametrize("bits", [0, 8, 16])
@pytest.mark.parametrize("white_near", [True, False])
@pytest.mark.parametrize("even_in", ["z", "1/z"])
def test_what_has_no_planes_is_not_read_by_planes(bits, white_near, even_in):
    """Round things alone do not say which way the values run: what is taken is called doubtful, and the doctor does not
    claim what cannot be known."""
    metres = _table_for_two()
    near_m, far_m = metres.min(), metres.max()
    share = (
        (1 / metres - 1 / far_m) / (1 / near_m - 1 / far_m) if even_in == "1/z" else (far_m - metres) / (far_m - near_m)
    )
    share = share if white_near else 1 - share
    top = 2.0**bits - 1
    stored = (np.rint(share * top) / top if bits else share).astype(np.float32)
    found = depth.guess(RawDepth(stored, bits > 0, "", bits or 32), near_m, far_m)
    assert "as its planes say" not in found.why
    assert "Doubtful" in found.why
    names = {one.name for one in doctor.diagnose([stored], convention=found.convention)}
    assert not names & {"RAMP", "SRGB"}
    assert "INVERTED" not in names or found.convention.white_near != white_near


@pytest.mark.parametrize("name", ["Z", "depth.Z", "left.Z", "Depth", "zdepth"])
def test_what_is_called_z_is_metres_where_only_a_wall_or_a_close_up_speaks(name):
    """A ramp of z is straight, as 1/z is on planes; and things nearer than a metre stay below 1."""
    ramp = np.repeat(np.linspace(1, 5, 160, dtype=np.float32)[None], 90, axis=0)
    for stored in (ramp, ramp[:, ::-1], ramp / 20, ramp[:90, :90].T):
        raw = RawDepth(np.ascontiguousarray(stored), False, name, 32)
        assert depth.guess(raw).convention == DepthConvention("METRES")


@pytest.mark.parametrize("empty", [1e10, np.inf, -1e10, -np.inf])
def test_z_below_zero_has_nothing_where_the_large_number_stands_with_either_sign(empty):
    values = np.full((8, 8), -2, np.float32)
    values[:4] = empty
    found = depth.in_metres(RawDepth(values, False, "Z", 32), DepthConvention("METRES", scale=-1.0), (8, 8))
    assert np.isposinf(found[:4]).all()
    assert (found[4:] == 2).all()


@pytest.mark.parametrize(
    ("raw", "doubtful"),
    [
        (RawDepth(TRUE_M, False, "Z", 32), False),
        (RawDepth(100 * TRUE_M, False, "Z", 32), True),  # centimetres, or a landscape from a hill
        (RawDepth((TRUE_M < 5).astype(np.float32), True, "grey", 8), True),  # a mask
    ],
)
def test_what_is_hardly_a_depth_is_doubtful(raw, doubtful):
    assert ("Doubtful" in depth.guess(raw).why) is doubtful


def _whole_raw(values: np.ndarray) -> RawDepth:
    return RawDepth((np.rint(values) / 65535).astype(np.float32), True, "grey", 16)


@pytest.mark.parametrize("to_the_metre", [100, 256, 400])
@pytest.mark.parametrize("holes", [False, True])
def test_a_unit_that_no_file_names_is_told_as_a_guess(to_the_metre, holes):
    """Centimetres, KITTI's 1/256 m and millimetres of a smaller room look alike: what the others would say is said."""
    raw = _whole_raw(np.where(holes & _HOLES, 0, to_the_metre * TRUE_M))
    said = depth_words.sentence(raw, depth.guess(raw))
    assert "Doubtful: no unit is named" in said
    top = to_the_metre * TRUE_M.max()
    assert f"at {top / 256:.3g} m in KITTI's" in said
    assert f"at {top / 100:.3g} m in centimetres" in said


@pytest.mark.parametrize("top_px", [10, 40, 90, 200])
@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_disparity_in_whole_numbers_with_gaps_is_not_turned_around(top_px, scale):
    """As KITTI writes it, 1/256 px and 0 for nothing; its gaps come out far, and that is said."""
    raw = _whole_raw(np.where(_HOLES, 0, 256 * top_px / (scale * TRUE_M)))
    found = depth.guess(raw, NEAR_M, FAR_M)
    metres = depth.in_metres(raw, found.convention, TRUE_M.shape)
    assert np.corrcoef(1 / metres[~_HOLES], 1 / TRUE_M[~_HOLES])[0, 1] > 0.99
    np.testing.assert_allclose(metres[_HOLES], FAR_M, rtol=0.01)
    assert "is 0, read as farthest" in found.why


@pytest.mark.parametrize("name", ["disparity", "Y"])
@pytest.mark.parametrize("focal", [1.0, 90.0])
def test_disparity_of_zero_is_told_where_it_lies_apart(name, focal):
    """0 is infinitely far, or was not measured: nothing in the file says which."""
    stored = (focal / TRUE_M).astype(np.float32)
    gone = RawDepth(np.where(_HOLES, np.float32(0), stored), False, name, 32)
    assert f"Doubtful: {100 * _HOLES.mean():.1f} % is 0, read as farthest" in depth.guess(gone).why
    assert "is 0" not in depth.guess(RawDepth(stored, False, name, 32)).why
    fades = stored * np.clip(np.arange(WIDTH) / WIDTH, 0, 1).astype(np.float32)  # down to 0, and not apart
    assert "is 0" not in depth.guess(RawDepth(fades, False, "disparity", 32)).why


@pytest.mark.parametrize("far_plane_m", [25.0, 1000.0])
def test_distances_as_shares_of_a_far_plane_are_not_turned_around(far_plane_m):
    """Values below 1 are 1/z, unless planes say that they are z; where there are none, that is a guess and said."""
    shares = RawDepth(TRUE_M / np.float32(far_plane_m), False, "Y", 32)
    found = depth.guess(shares, NEAR_M, FAR_M)
    np.testing.assert_allclose(depth.in_metres(shares, found.convention, TRUE_M.shape), TRUE_M, rtol=1e-3)
    assert "Doubtful: their unit is not named" in found.why
    inverse = depth.guess(RawDepth(1 / TRUE_M, False, "Y", 32))
    assert (inverse.convention.kind, "Doubtful" in inverse.why) == ("INVERSE", False)
    table = depth.guess(RawDepth((0.6 / _table_for_two()).astype(np.float32), False, "Y", 32))
    assert (table.convention.kind, "Doubtful" in table.why) == ("INVERSE", True)


@pytest.mark.parametrize("kind", ["int16", "int32"])
def test_signed_millimetres_are_counted_as_stored(tmp_path, kind):
    stored = np.rint(TRUE_M * 1000).astype(kind)
    path = tmp_path / "d.tif"
    if kind == "int32":
        cv2.imwrite(str(path), stored)  # OpenImageIO writes no such file
    else:
        _write(path, stored, kind)
    found = depth.in_metres(media.read_raw_depth(path), DepthConvention("METRES", scale=0.001), TRUE_M.shape)
    np.testing.assert_allclose(found, TRUE_M, atol=0.001)


def test_a_grey_map_counts_up_to_the_white_it_names(tmp_path):
    stored = np.rint(TRUE_M * 400).astype(">u2")
    path = tmp_path / "d.pgm"
    path.write_bytes(b"P5\n# by a depth camera\n%d %d\n9000\n" % (WIDTH, HEIGHT) + stored.tobytes())
    raw = media.read_raw_depth(path)
    for convention in (DepthConvention("METRES", scale=0.001), depth.guess(raw).convention):
        np.testing.assert_allclose(depth.in_metres(raw, convention, TRUE_M.shape), stored / 1000, atol=0.001)


def test_depth_that_lies_outside_of_its_picture_is_refused():
    raw = RawDepth(TRUE_M, False, "Z", 32, Window(400, 0, WIDTH, HEIGHT))
    with pytest.raises(ValueError, match="outside"):
        depth.in_metres(raw, DepthConvention(), TRUE_M.shape)
