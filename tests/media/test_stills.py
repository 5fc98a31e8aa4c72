# SPDX-License-Identifier: GPL-3.0-or-later
"""Image files of every kind: the pixels that went in come out, as light; depth is found; broken files are refused."""

import numpy as np
import pytest
from make_media import card, write_parts, write_still

from blender_rackfocus import media
from blender_rackfocus.media import MediaError, stills
from blender_rackfocus.media.colour import OcioConfig, linear_to_srgb, srgb_to_linear

H, W = 12, 20


def light(stored, straight=True):
    """The Picture that sRGB-encoded, straight pixels mean."""
    rgb = srgb_to_linear(stored[..., :3])
    return np.concatenate([rgb * stored[..., 3:] if straight else rgb, stored[..., 3:]], axis=-1)


def colour_planes(count, seed=0):
    return np.random.default_rng(seed).random((H, W, count)).astype(np.float32)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize(
    ("name", "kind", "tolerance"),
    [
        ("a.png", "uint8", 0.5 / 255),
        ("a.png", "uint16", 0.5 / 65535),
        ("a.tif", "uint8", 0.5 / 255),
        ("a.tif", "uint16", 0.5 / 65535),
        ("a.tif", "float", 1e-7),
        ("a.tga", "uint8", 0.5 / 255),
    ],
)
def test_encoded_files_become_light_multiplied_by_alpha(tmp_path, name, kind, tolerance, alpha):
    stored = card(alpha=alpha)
    path = write_still(tmp_path / name, stored if alpha else stored[..., :3], kind)
    got = media.read_frame(path)
    assert got.dtype == np.float32
    assert got.shape == stored.shape
    np.testing.assert_allclose(got[..., 3], stored[..., 3], atol=tolerance * 1.01)
    # The slope of the sRGB curve is at most 2.4 / 1.055; half a step of colour and one of alpha.
    np.testing.assert_allclose(got, light(stored), atol=tolerance * 3.5)


def test_jpeg(tmp_path):
    path = write_still(tmp_path / "a.jpg", card(192, 108)[:60, :, :3], "uint8", CompressionQuality=100)
    got = linear_to_srgb(media.read_frame(path)[..., :3])
    assert np.abs(got - card(192, 108)[:60, :, :3]).mean() < 2 / 255


@pytest.mark.parametrize(("kind", "tolerance"), [("half", 5e-4), ("float", 0)])
@pytest.mark.parametrize("compression", ["none", "zip", "piz", "rle"])
def test_exr_is_light_already_and_premultiplied(tmp_path, kind, tolerance, compression):
    pixels = colour_planes(4) * [4, 4, 4, 1]
    path = write_still(tmp_path / "a.exr", pixels, kind, compression=compression)
    np.testing.assert_allclose(media.read_frame(path), pixels, rtol=tolerance, atol=1e-7)


def test_top_row_comes_first(tmp_path):
    pixels = np.zeros((H, W, 3), np.float32)
    pixels[0] = 1
    for name, kind in (("a.png", "uint8"), ("a.exr", "half"), ("a.tif", "float")):
        got = media.read_frame(write_still(tmp_path / name, pixels, kind))
        assert got[0].min() == 1
        assert got[1:, :, :3].max() == 0


def test_a_still_serves_every_frame(tmp_path):
    path = write_still(tmp_path / "a.png", card(), "uint8")
    np.testing.assert_array_equal(media.read_frame(path, 0), media.read_frame(path, 12345))


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_colour_spaces_that_need_no_configuration(tmp_path, kind):
    stored = card()
    path = write_still(tmp_path / "a.png", stored[..., :3], kind)
    for space in ("Linear Rec.709", "Non-Color"):
        np.testing.assert_allclose(media.read_frame(path, 0, space), stored, atol=0.51 / 255)


def test_a_space_that_needs_a_configuration_says_so(tmp_path):
    path = write_still(tmp_path / "a.png", card(), "uint8")
    with pytest.raises(MediaError, match=r"ACEScg.*OpenColorIO") as caught:
        media.read_frame(path, 0, "ACEScg")
    assert caught.value.path == str(path)


OCIO = """ocio_profile_version: 2
roles: {default: Linear Rec.709, scene_linear: Linear Rec.709}
displays: {d: [!<View> {name: v, colorspace: Linear Rec.709}]}
colorspaces:
  - !<ColorSpace> {name: Linear Rec.709}
  - !<ColorSpace> {name: Squared, to_scene_reference: !<ExponentTransform> {value: 2}}
"""


@pytest.mark.parametrize(("kind", "tolerance"), [("uint8", 0.5 / 255), ("uint16", 1e-4)])
def test_other_spaces_by_ocio_unmultiplied(tmp_path, kind, tolerance):
    config = tmp_path / "config.ocio"
    config.write_text(OCIO)
    config = OcioConfig(str(config))
    stored = card(alpha=True)
    path = write_still(tmp_path / "a.png", stored, kind)
    got = media.read_frame(path, 0, "Squared", ocio_config=config)
    want = np.concatenate([stored[..., :3] ** 2 * stored[..., 3:], stored[..., 3:]], axis=-1)
    np.testing.assert_allclose(got, want, atol=3.1 * tolerance)
    with pytest.raises(MediaError, match="Nonsense"):
        media.read_frame(path, 0, "Nonsense", ocio_config=config)


def test_premultiplied_mode_divides_before_the_curve(tmp_path):
    stored = card(alpha=True)
    stored[..., 3] = np.maximum(stored[..., 3], 0.05)
    multiplied = stored.copy()
    multiplied[..., :3] *= stored[..., 3:]
    path = write_still(tmp_path / "a.png", multiplied, "uint16")
    np.testing.assert_allclose(media.read_frame(path, alpha_mode="PREMUL"), light(stored), atol=2e-3)


def test_pixels_that_are_no_numbers_do_not_get_through(tmp_path):
    pixels = colour_planes(4)
    pixels[3, 4] = [np.nan, np.inf, -np.inf, 1]
    got = media.read_frame(write_still(tmp_path / "a.exr", pixels, "float"))
    np.testing.assert_array_equal(got[3, 4], [0, 65504, -65504, 1])
    assert np.isfinite(got).all()


@pytest.mark.parametrize(
    ("names", "picture"),
    [
        (["R", "G", "B", "A", "Z"], ["R", "G", "B", "A"]),
        (["rgba.R", "rgba.G", "rgba.B", "rgba.A", "depth.Z"], ["rgba.R", "rgba.G", "rgba.B", "rgba.A"]),
        (["beauty.R", "beauty.G", "beauty.B", "N.X", "N.Y", "N.Z", "Z"], ["beauty.R", "beauty.G", "beauty.B"]),
        (["albedo.R", "albedo.G", "albedo.B", "R", "G", "B"], ["R", "G", "B"]),
        (["a.R", "a.G", "a.B", "L.Combined.R", "L.Combined.G", "L.Combined.B"], [f"L.Combined.{c}" for c in "RGB"]),
        (["r", "g", "b"], ["r", "g", "b"]),
        (["Y"], ["Y"]),
        (["Y", "A"], ["Y", "A"]),
    ],
)
def test_the_picture_of_an_exr_by_its_channel_names(tmp_path, names, picture):
    pixels = colour_planes(len(names))
    got = media.read_frame(write_still(tmp_path / "a.exr", pixels, "float", names))
    plane = {name: pixels[..., i] for i, name in enumerate(names)}
    colours = [c for c in picture if c.split(".")[-1] != "A"]
    for channel in range(3):
        np.testing.assert_array_equal(got[..., channel], plane[colours[min(channel, len(colours) - 1)]])
    np.testing.assert_array_equal(got[..., 3], plane[picture[-1]] if picture[-1][-1] == "A" else 1.0)


@pytest.mark.parametrize(
    ("names", "depth"),
    [
        (["R", "G", "B", "A", "Z"], "Z"),
        (["R", "G", "B", "depth.Z"], "depth.Z"),
        (["R", "G", "B", "Depth.V"], "Depth.V"),
        (["R", "G", "B", "depth.R"], "depth.R"),
        (["R", "G", "B", "Depth.Y"], "Depth.Y"),
        (["R", "G", "B", "ZDepth.R", "ZDepth.G", "ZDepth.B"], "ZDepth.R"),
        (["R", "G", "B", "VRayZDepth.R"], "VRayZDepth.R"),
        (["R", "G", "B", "depth"], "depth"),
        (["beauty.R", "beauty.G", "beauty.B", "beauty.Z"], "beauty.Z"),
        (["R", "G", "B", "N.X", "N.Y", "N.Z", "P.X", "P.Y", "P.Z", "Z"], "Z"),
        (["R", "G", "B", "AO.Z", "Denoising Depth.Z"], "Denoising Depth.Z"),
        (["R", "G", "B", "L.Depth.Z", "L.Combined.R", "L.Combined.G", "L.Combined.B"], "L.Depth.Z"),
        (["Y"], "Y"),
        (["V"], "V"),
        (["Z"], "Z"),
        (["depth.R"], "depth.R"),
    ],
)
def test_the_depth_of_an_exr_by_its_channel_names(tmp_path, names, depth):
    pixels = colour_planes(len(names)) * 50
    path = write_still(tmp_path / "a.exr", pixels, "float", names)
    raw = media.read_raw_depth(path)
    assert (raw.layer, raw.integer, raw.bits) == (depth, False, 32)
    np.testing.assert_array_equal(raw.values, pixels[..., names.index(depth)])
    np.testing.assert_array_equal(media.read_raw_depth(path, 7).values, raw.values)


@pytest.mark.parametrize(
    "names",
    [
        ["R", "G", "B", "A"],
        ["R", "G", "B", "N.X", "N.Y", "N.Z"],
        ["R", "G", "B", "Mist"],
        ["X", "Y", "Z"],
        ["L.Combined.R", "L.Combined.G", "L.Combined.B", "L.Normal.X", "L.Normal.Y", "L.Normal.Z"],
    ],
)
def test_no_depth_says_what_there_is(tmp_path, names):
    path = write_still(tmp_path / "a.exr", colour_planes(len(names)), "float", names)
    assert stills.depth_layers(path) == []
    with pytest.raises(MediaError, match="no depth channel; it holds") as caught:
        media.read_raw_depth(path)
    assert names[-1].rpartition(".")[0] in str(caught.value)


@pytest.fixture
def passes(tmp_path):
    """Two view layers as Blender writes them, each pass a part of its own."""
    parts = []
    for layer in ("Main", "Second"):
        combined, depth = colour_planes(4, len(parts)), colour_planes(1, len(parts) + 9) * 30
        parts.append((f"{layer}.Combined", [f"{layer}.Combined.{c}" for c in "RGBA"], combined))
        parts.append((f"{layer}.Depth", [f"{layer}.Depth.Z"], depth))
    parts.insert(0, ("Second.Normal", [f"Second.Normal.{c}" for c in "XYZ"], colour_planes(3, 99)))
    return write_parts(tmp_path / "passes.exr", parts), {title: pixels for title, _, pixels in parts}


def test_blenders_parts(passes):
    path, pixels = passes
    assert stills.layers(path)[:4] == [*(f"Second.Normal.{c}" for c in "XYZ"), "Main.Combined.R"]
    assert stills.depth_layers(path) == ["Main.Depth.Z", "Second.Depth.Z"]
    np.testing.assert_array_equal(media.read_frame(path), pixels["Main.Combined"])
    np.testing.assert_array_equal(media.read_raw_depth(path).values, pixels["Main.Depth"][..., 0])


@pytest.mark.parametrize("layer", ["Second.Depth.Z", "second.depth", "Second"])
def test_a_named_layer_in_any_case(passes, layer):
    path, pixels = passes
    np.testing.assert_array_equal(media.read_raw_depth(path, 0, layer).values, pixels["Second.Depth"][..., 0])


def test_a_layer_that_is_not_there(passes):
    with pytest.raises(MediaError, match=r"no layer named 'Third'.*Main\.Depth \(Z\)"):
        media.read_raw_depth(passes[0], 0, "Third")


@pytest.mark.parametrize(
    ("name", "kind", "bits"), [("a.png", "uint8", 8), ("a.png", "uint16", 16), ("a.tif", "uint16", 16)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_grey_pictures_are_depth_0_to_1(tmp_path, name, kind, bits, channels):
    ramp = np.repeat(np.linspace(0, 1, W * H, dtype=np.float32).reshape(H, W, 1), channels, axis=2)
    raw = media.read_raw_depth(write_still(tmp_path / name, ramp, kind))
    assert (raw.integer, raw.bits) == (True, bits)
    np.testing.assert_allclose(raw.values, ramp[..., 0], atol=0.51 / (2**bits - 1))


def test_float_tiff_depth_keeps_its_numbers(tmp_path):
    depth = colour_planes(1) * 90
    raw = media.read_raw_depth(write_still(tmp_path / "a.tif", depth, "float"))
    assert not raw.integer
    np.testing.assert_array_equal(raw.values, depth[..., 0])


def test_a_colour_picture_is_no_depth(tmp_path):
    path = write_still(tmp_path / "a.png", card()[..., :3], "uint8")
    with pytest.raises(MediaError, match="colour picture"):
        media.read_raw_depth(path)


NOISE = np.random.default_rng(1).random((120, 160, 4)).astype(np.float32)
KINDS = [
    ("a.png", "uint8", {}),
    ("b.png", "uint16", {}),
    ("c.jpg", "uint8", {}),
    ("d.tif", "uint8", {}),
    ("e.tif", "float", {"compression": "none"}),
    ("f.exr", "half", {}),
    ("g.exr", "float", {"compression": "none"}),
    ("h.exr", "half", {"compression": "piz"}),
    ("i.exr", "half", {"compression": "dwaa"}),
    ("j.tga", "uint8", {}),
]


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
@pytest.mark.parametrize(("name", "kind", "attributes"), KINDS)
def test_a_file_cut_short_is_refused(tmp_path, name, kind, attributes, share):
    path = write_still(tmp_path / name, NOISE[..., :3] if name == "c.jpg" else NOISE, kind, **attributes)
    whole = path.read_bytes()
    media.read_frame(path)
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(MediaError) as caught:
        media.read_frame(path)
    assert caught.value.path == str(path)
    assert caught.value.cause
    assert caught.value.advice


@pytest.mark.parametrize(("name", "kind"), [("a.png", "uint8"), ("d.tif", "uint8"), ("f.exr", "half")])
def test_a_compressed_file_damaged_in_the_middle_is_refused(tmp_path, name, kind):
    path = write_still(tmp_path / name, NOISE, kind, compression="zip")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 300] = np.random.default_rng(2).bytes(300)
    path.write_bytes(data)
    with pytest.raises(MediaError):
        media.read_frame(path)


@pytest.mark.parametrize("name", ["a.exr", "a.png", "a.jpg", "a.tif"])
@pytest.mark.parametrize(("content", "cause"), [(b"", "empty"), (b"this is no picture" * 9, "not a picture")])
def test_not_a_picture(tmp_path, name, content, cause):
    path = tmp_path / name
    path.write_bytes(content)
    for read in (media.read_frame, media.read_raw_depth):
        with pytest.raises(MediaError, match=cause):
            read(path)


def test_no_such_file_and_a_folder(tmp_path):
    with pytest.raises(MediaError, match="no such file") as caught:
        media.read_frame(tmp_path / "shot.0012.exr")
    assert "shot.0012.exr" in str(caught.value)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(MediaError, match="folder"):
        media.read_frame(tmp_path / "folder.png")


def test_bytes_that_are_no_text_in_a_header_are_a_media_error_at_most(tmp_path):
    """Whatever the library quotes of them in its complaint."""
    path = write_still(tmp_path / "a.exr", card(), "half")
    whole = path.read_bytes()
    refused = 0
    for place in range(4, 320):
        path.write_bytes(whole[:place] + b"\x8a" + whole[place + 1 :])
        try:
            media.read_frame(path)
        except MediaError:
            refused += 1
    assert refused > 100
