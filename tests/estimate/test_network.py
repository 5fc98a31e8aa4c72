# SPDX-License-Identifier: GPL-3.0-or-later
import os

import cv2
import numpy as np
import onnx
import pytest
import toy_networks
from onnx import TensorProto, helper

from blender_rackfocus.estimate import EstimateError, NetworkSettings, load_network
from blender_rackfocus.estimate.onnx_file import read_header


def picture(height=90, width=160, seed=3):
    """A smooth colourful picture, scene-linear, alpha 1."""
    rng = np.random.default_rng(seed)
    rgb = cv2.resize(rng.random((6, 8, 3), np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.dstack([np.clip(rgb, 0, 1), np.ones((height, width), np.float32)])


def encoded_at(rgba, size):
    """Area average in linear light, then IEC 61966-2-1, written out here apart from the code under test."""
    small = cv2.resize(rgba[..., :3], size, interpolation=cv2.INTER_AREA).astype(np.float64)
    return np.where(small <= 0.0031308, 12.92 * small, 1.055 * small ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("engine", ["OPENCV", "ONNXRUNTIME"])
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(("layout", "rank"), [("NCHW", 4), ("NHWC", 2), ("CHW", 3)])
def test_closed_form_through_every_layout(tmp_path, layout, rank, dynamic, engine):
    metric = rank == 3
    path = toy_networks.write(tmp_path / "toy.onnx", layout=layout, rank=rank, dynamic=dynamic, metric=metric)
    net = load_network(
        NetworkSettings(str(path), "METRIC" if metric else "RELATIVE", long_side_px=42, multiple=14, engine=engine)
    )
    rgba = picture()
    size = net.input_size(160, 90)
    assert size == ((42, 28) if dynamic else (16, 12))
    expected = toy_networks.answer(encoded_at(rgba, size), dynamic=dynamic, metric=metric)
    np.testing.assert_allclose(net.run(rgba), expected, atol=1e-3)
    near = 1 / expected if metric else expected
    np.testing.assert_allclose(net.nearness(rgba), near, atol=1e-3)


def test_invert_turns_the_direction(tmp_path):
    path = toy_networks.write(tmp_path / "toy.onnx")
    rgba = picture()
    plain = load_network(NetworkSettings(str(path))).nearness(rgba)
    np.testing.assert_allclose(load_network(NetworkSettings(str(path), invert=True)).nearness(rgba), -plain)


def test_half_float_input(tmp_path):
    net = load_network(NetworkSettings(str(toy_networks.write(tmp_path / "half.onnx", half=True))))
    rgba = picture()
    np.testing.assert_allclose(net.run(rgba), toy_networks.answer(encoded_at(rgba, (16, 12))), atol=4e-3)


def test_dynamic_size_follows_the_picture(tmp_path):
    net = load_network(NetworkSettings(str(toy_networks.write(tmp_path / "d.onnx", dynamic=True))))
    assert net.input_size(1920, 1080) == (384, 224)  # no patches in its graph: multiples of 32
    assert net.input_size(1080, 1920) == (224, 384)
    assert net.run(picture(64, 36)).shape[0] > net.run(picture(36, 64)).shape[0]


@pytest.mark.parametrize("turned", [False, True])
def test_a_standing_picture_is_not_squeezed_into_a_lying_network(tmp_path, turned):
    """It is seen nearly in its own proportions, 1.25 times as wide, and the answer is about nothing else; metres are
    told from the whole input."""
    size = (32, 24) if turned else (24, 32)
    path = toy_networks.write(tmp_path / "toy.onnx", size=size)
    rgba = picture(16, 60) if turned else picture(60, 16)
    net = load_network(NetworkSettings(str(path)))
    fills = (24, 8) if turned else (8, 24)
    mixed = (encoded_at(rgba, fills) @ toy_networks.MIX).reshape(fills[1] // 2, 2, fills[0] // 2, 2).mean((1, 3))
    first = 6 if turned else 0  # of the answer's 16 or 12 rows
    ramp = toy_networks.ramp(size[0] // 2)[0, 0][first : first + mixed.shape[0]]
    np.testing.assert_allclose(net.run(rgba), mixed + ramp, atol=1e-3)
    looked_at = load_network(NetworkSettings(str(path)), [rgba, rgba])
    assert looked_at.run(rgba).shape == mixed.shape
    metric = load_network(NetworkSettings(str(path), "METRIC"))
    assert metric.run(rgba).shape == (size[0] // 2, size[1] // 2)


def test_header_tells_layout_and_free_sizes(tmp_path):
    header = read_header(toy_networks.write(tmp_path / "d.onnx", layout="NHWC", dynamic=True))
    assert [t.dims for t in header.inputs] == [(1, None, None, 3)]
    assert {"Conv", "AveragePool"} <= {node.op for node in header.nodes}


def broken_files(folder):
    toy = toy_networks.write(folder / "good.onnx").read_bytes()
    yield "page.onnx", b"<!DOCTYPE html><html>Not found</html>", "text file"
    yield "notes.onnx", b"download the model from the author's page\n", "text file"
    yield "pointer.onnx", b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 99\n", "pointer"
    yield "nothing.onnx", b"", "empty"
    yield "cut.onnx", toy[: len(toy) // 2], "cut short"
    yield "noise.onnx", np.random.default_rng(1).bytes(4000), "not an ONNX"
    graph = helper.make_graph([], "none", [], [])
    yield "hollow.onnx", helper.make_model(graph).SerializeToString(), "empty network"


def test_broken_files_are_named_and_explained(tmp_path):
    for name, content, words in broken_files(tmp_path):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(EstimateError, match=words) as caught:
            load_network(NetworkSettings(str(path)))
        assert name in str(caught.value)
        assert path.read_bytes() == content
    with pytest.raises(EstimateError, match=r"gone\.onnx"):
        load_network(NetworkSettings(str(tmp_path / "gone.onnx")))
    with pytest.raises(EstimateError, match="set a model file"):
        load_network(NetworkSettings(""))


def test_a_network_no_runtime_knows(tmp_path):
    node = helper.make_node("WarpDrive", ["image"], ["depth"], domain="far.away")
    graph = helper.make_graph(
        [node],
        "odd",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("depth", TensorProto.FLOAT, [1, 8, 8])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("far.away", 1)])
    path = tmp_path / "warp.onnx"
    onnx.save(model, str(path))
    with pytest.raises(EstimateError, match=r"warp\.onnx cannot be run here.*WarpDrive"):
        load_network(NetworkSettings(str(path)))


def test_missing_separate_weights(tmp_path):
    path = toy_networks.write(tmp_path / "toy.onnx")
    model = onnx.load(str(path))
    weight = np.zeros((1, 3, 1, 1), np.float32)
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(weight, model.graph.initializer[0].name))
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], "toy.onnx_data")
    path.write_bytes(model.SerializeToString())
    with pytest.raises(EstimateError, match=r"toy\.onnx_data"):
        load_network(NetworkSettings(str(path)))


def test_an_output_that_is_no_depth(tmp_path):
    node = helper.make_node("Identity", ["image"], ["depth"])
    graph = helper.make_graph(
        [node],
        "rgb",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("depth", TensorProto.FLOAT, [1, 3, 8, 8])],
    )
    path = tmp_path / "rgb.onnx"
    toy_networks.save(path, graph)
    with pytest.raises(EstimateError, match="does not give one depth picture"):
        load_network(NetworkSettings(str(path)))


def test_a_real_model_runs(tmp_path):
    """RACKFOCUS_ONNX names a trained file, else a toy stands in: it must load, tell something, and the same twice."""
    path = os.environ.get("RACKFOCUS_ONNX") or str(toy_networks.write(tmp_path / "toy.onnx", dynamic=True))
    net = load_network(NetworkSettings(path))
    rgba = picture(270, 480)
    first = net.run(rgba)
    assert np.isfinite(first).all()
    assert np.ptp(first) > 0
    np.testing.assert_array_equal(first, net.run(rgba))
