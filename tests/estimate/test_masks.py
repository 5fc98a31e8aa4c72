# SPDX-License-Identifier: GPL-3.0-or-later
"""Mask networks as people have them: a channel of 0 to 1, logits, background beside subject; fed 0 to 1."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="onnx is needed to make a network", exc_type=ImportError)
from onnx import TensorProto, helper  # noqa: E402

from blender_rackfocus.estimate import EstimateError  # noqa: E402
from blender_rackfocus.estimate.masks import MaskNetwork  # noqa: E402

SIDE = 32


def write(path, nodes, layout="NHWC", out=(1, SIDE, SIDE, 1), constants=(), kind=TensorProto.FLOAT):
    """A network whose input is "x" and whose output is its last node's."""
    dims = [{"N": 1, "C": 3, "H": SIDE, "W": SIDE}[letter] for letter in layout]
    graph = helper.make_graph(
        nodes,
        "mask",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, dims)],
        [helper.make_tensor_value_info(nodes[-1].output[0], kind, list(out))],
        [helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, str(path))
    return path


def mean(axis, out="y"):
    return helper.make_node("ReduceMean", ["x"], [out], axes=[axis], keepdims=1)


@pytest.fixture
def look():
    """Dark on the left, light on the right."""
    picture = np.full((48, 64, 3), 51, np.uint8)  # 0.2
    picture[:, 32:] = 204  # 0.8
    return picture


def masked(path, look):
    network = MaskNetwork(path)
    try:
        return network.mask(look)
    finally:
        network.close()


def test_a_channel_of_0_to_1(tmp_path, look):
    mask = masked(write(tmp_path / "m.onnx", [mean(3)]), look)
    assert (mask.shape, mask.dtype) == ((48, 64), np.float32)
    assert mask[:, :28] == pytest.approx(0.2, abs=0.01)
    assert mask[:, 36:] == pytest.approx(0.8, abs=0.01)


def test_logits(tmp_path, look):
    nodes = [
        mean(1, "m"),
        helper.make_node("Sub", ["m", "half"], ["d"]),
        helper.make_node("Mul", ["d", "gain"], ["y"]),
    ]
    path = write(tmp_path / "m.onnx", nodes, "NCHW", (1, 1, SIDE, SIDE), (("half", 0.5), ("gain", 10.0)))
    mask = masked(path, look)
    assert mask[24, 10] == pytest.approx(1 / (1 + np.exp(3)), abs=0.01)
    assert mask[24, 54] == pytest.approx(1 / (1 + np.exp(-3)), abs=0.01)


def test_background_beside_subject(tmp_path, look):
    nodes = [
        mean(1, "m"),
        helper.make_node("Sub", ["one", "m"], ["b"]),
        helper.make_node("Concat", ["b", "m"], ["y"], axis=1),
    ]
    path = write(tmp_path / "m.onnx", nodes, "NCHW", (1, 2, SIDE, SIDE), (("one", 1.0),))
    assert masked(path, look)[24, 54] == pytest.approx(0.8, abs=0.01)


def test_what_gives_no_mask_is_refused(tmp_path, look):
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    path = write(tmp_path / "three.onnx", nodes, "NHWC", (1, SIDE, SIDE, 3))
    with pytest.raises(EstimateError, match=r"three\.onnx gives no mask: its output is 1 x 32 x 32 x 3"):
        masked(path, look)
    path = write(tmp_path / "near.onnx", [mean(3)], "NHWC", (1, SIDE, SIDE, 1))
    with pytest.raises(EstimateError, match=r"near\.onnx gives no mask: hardly a value"):
        masked(path, np.full((48, 64, 3), 120, np.uint8))  # a slope of depth, say
    classes = [
        mean(3, "m"),
        helper.make_node("Mul", ["m", "many"], ["c"]),
        helper.make_node("Cast", ["c"], ["y"], to=TensorProto.INT64),
    ]
    whole = write(tmp_path / "c.onnx", classes, "NHWC", (1, SIDE, SIDE, 1), (("many", 20.0),), TensorProto.INT64)
    for path in (whole, write(tmp_path / "depth.onnx", [mean(3, "metric_depth")])):
        with pytest.raises(EstimateError, match="gives no mask"):
            masked(path, look)
    with pytest.raises(EstimateError, match=r"none\.onnx is not there"):
        MaskNetwork(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(EstimateError, match=r"text\.onnx"):
        MaskNetwork(tmp_path / "text.onnx")
