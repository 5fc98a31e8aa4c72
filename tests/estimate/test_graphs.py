# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks as users have them, small and with made-up weights: each gives what onnxruntime gives by hand, or says in
one line why not."""

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from blender_rackfocus.estimate import (
    EstimateError,
    EstimateSettings,
    NetworkSettings,
    keep_settings,
    load_network,
    with_kept,
)
from blender_rackfocus.estimate.sources import open_source

FORMS = {
    "ImageNet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "0 to 1": ((0, 0, 0), (1, 1, 1)),
    "0 to 255": ((0, 0, 0), (1 / 255,) * 3),
    "-1 to 1": ((0.5,) * 3, (0.5,) * 3),
}


def view(seed, height=256, width=448):
    """A wall of large and small tiles, scene-linear."""
    rng = np.random.default_rng(seed)
    tiles = [rng.random((height // size + 1, width // size + 1, 3), np.float32) for size in (80, 32)]
    whole = [cv2.resize(one, (width, height), interpolation=cv2.INTER_NEAREST) for one in tiles]
    return np.dstack([0.6 * whole[0] + 0.3 * whole[1] + 0.05, np.ones((height, width), np.float32)])


PICTURES = [view(1), view(2)]


class Graph:
    """A graph put together by hand."""

    def __init__(self):
        self.nodes, self.weights, self.count = [], [], 0

    def __call__(self, op, *inputs, name="", **attributes):
        self.count += 1
        out = name or f"{op.lower()}_{self.count}"
        self.nodes.append(helper.make_node(op, list(inputs), [out], **attributes))
        return out

    def const(self, array, kind=np.float32):
        self.count += 1
        self.weights.append(numpy_helper.from_array(np.asarray(array, kind), f"c{self.count}"))
        return f"c{self.count}"

    def conv(self, at, outputs, inputs=3, side=3, seed=0, stride=1, name="", bias=0.0):
        rng = np.random.default_rng(seed)
        weight = rng.normal(0, 1 / np.sqrt(inputs * side * side), (outputs, inputs, side, side))
        pad = 0 if stride == side else side // 2
        return self(
            "Conv", at, self.const(weight), self.const(np.full(outputs, bias)), name=name,
            kernel_shape=[side] * 2, strides=[stride] * 2, pads=[pad] * 4,
        )  # fmt: skip

    def save(self, path, inputs, outputs, opset=17, **options):
        def info(name, dims, kind=TensorProto.FLOAT):
            return helper.make_tensor_value_info(name, kind, dims)

        graph = helper.make_graph(
            self.nodes, "g", [info(*one) for one in inputs], [info(*one) for one in outputs], self.weights
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
        onnx.save(model, str(path), **options)
        return path


def encoded(picture, size):
    small = cv2.resize(picture[..., :3], size, interpolation=cv2.INTER_AREA).astype(np.float64)
    return np.where(small <= 0.0031308, 12.92 * small, 1.055 * small ** (1 / 2.4) - 0.055)


def by_hand(path, picture, size, form, output, dtype=np.float32, axes=(2, 0, 1), batch=True):
    """What onnxruntime gives; size (width, height)."""
    mean, std = np.array(FORMS[form])
    rgb = encoded(picture, size)
    rgb = np.round(255 * rgb) if dtype == np.uint8 else (rgb - mean) / std
    blob = rgb.transpose(axes).astype(dtype)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run([output], {session.get_inputs()[0].name: blob[None] if batch else blob})[0].squeeze()


def same(net, path, output, size=None, atol=1e-3, **how):
    """The product's answer beside onnxruntime's, each of the size and form that the product found."""
    assert net.found.output == output
    width, height = net.input_size(448, 256)
    if size is not None:
        assert (width, height) == size
    form = next(name for name, form in FORMS.items() if np.allclose(form, net.found.form))
    expected = by_hand(path, PICTURES[0], (width, height), form, output, **how)
    np.testing.assert_allclose(net.run(PICTURES[0]), expected, atol=atol * max(1, np.ptp(expected)))


def load(path, **given):
    return load_network(NetworkSettings(str(path), **given), PICTURES)


def anything(path, dims=(1, 3, "h", "w"), tail="Relu", output="predicted_depth", out=(1, None, None), **options):
    """A patch transformer's outline: patches of 14, up again, a tail."""
    g = Graph()
    patches = g.conv("pixel_values", 8, side=14, stride=14, seed=3)
    up = g("Resize", patches, "", g.const([1, 1, 7, 7]), mode="linear")
    at = g.conv(g("Relu", up), 1, 8, seed=4, bias=1.0)
    at = g("Relu", at) if tail == "Relu" else g("Mul", g("Sigmoid", at), g.const(20.0))
    g("Squeeze", at, g.const([1], np.int64), name=output)
    return g.save(path, [("pixel_values", list(dims))], [(output, list(out))], **options)


def test_depth_anything_of_free_size(tmp_path):
    path = anything(tmp_path / "m.onnx")
    net = load(path)
    assert net.found.multiple == 14
    assert (net.found.kind, net.found.direction) == ("RELATIVE", "NEARER")
    same(net, path, "predicted_depth", (392, 224))


def test_depth_anything_of_one_size(tmp_path):
    path = anything(tmp_path / "m.onnx", (1, 3, 56, 56))
    same(load(path), path, "predicted_depth", (56, 56))


def test_a_free_size_that_is_none(tmp_path):
    """An export that says "free" and has one size's numbers inside."""
    g = Graph()
    at = g("Add", "image", g.const(np.zeros((1, 3, 256, 256))))
    g.conv(at, 1, seed=2, name="depth")
    path = g.save(tmp_path / "m.onnx", [("image", [1, 3, "h", "w"])], [("depth", [1, 1, None, None])])
    same(load(path), path, "depth", (256, 256))


def test_metres_are_told_by_the_graph_whatever_the_file_is_called(tmp_path):
    net = load(anything(tmp_path / "relative.onnx", tail="Sigmoid"))
    assert (net.found.kind, net.found.direction, net.metric) == ("METRIC", "FARTHER", True)
    out = net.run(PICTURES[0])
    np.testing.assert_allclose(net.nearness(PICTURES[0]), 1 / np.maximum(out, 1e-3), rtol=1e-6)
    assert load(anything(tmp_path / "metric_kitti_depth_pro.onnx")).found.kind == "RELATIVE"


def test_weights_beside_the_file(tmp_path):
    options = {"save_as_external_data": True, "location": "m.onnx_data", "size_threshold": 100}
    path = anything(tmp_path / "m.onnx", (1, 3, 56, 56), **options)
    assert (tmp_path / "m.onnx_data").stat().st_size > 1000
    same(load(path), path, "predicted_depth")
    (tmp_path / "m.onnx_data").unlink()
    with pytest.raises(EstimateError, match=r"m\.onnx_data"):
        load(path)


def test_int8(tmp_path):
    whole = anything(tmp_path / "m.onnx", (1, 3, 56, 56))
    path = tmp_path / "int8.onnx"
    quantize_dynamic(str(whole), str(path), weight_type=QuantType.QUInt8)
    assert "DynamicQuantizeLinear" in {node.op_type for node in onnx.load(str(path)).graph.node}
    net = load(path)
    assert net.found.kind == "RELATIVE"
    same(net, path, "predicted_depth")


def test_half_floats(tmp_path):
    g = Graph()
    at = g("Conv", "image", g.const(np.random.default_rng(1).normal(0, 0.3, (1, 3, 3, 3)), np.float16), pads=[1] * 4)
    g("Relu", at, name="depth")
    half = TensorProto.FLOAT16
    path = g.save(tmp_path / "m.onnx", [("image", [1, 3, 32, 48], half)], [("depth", [1, 1, 32, 48], half)])
    same(load(path), path, "depth", dtype=np.float16)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_midas_in_either_layout_and_bytes(tmp_path, dtype):
    g = Graph()
    kind = TensorProto.UINT8 if dtype == np.uint8 else TensorProto.FLOAT
    at = g("Cast", "x", to=TensorProto.FLOAT)
    at = g("Transpose", at, perm=[0, 3, 1, 2])
    at = g("Relu", g.conv(at, 1, seed=5, bias=0.5))
    g("Transpose", at, perm=[0, 2, 3, 1], name="out")
    path = g.save(tmp_path / "m.onnx", [("x", ["n", 32, 48, 3], kind)], [("out", ["n", 32, 48, 1])])
    net = load(path)
    assert net.layout == "NHWC"
    if dtype == np.uint8:
        assert net.found.lines()[1] == "Picture as 0 to 255 (its input is of bytes)"
    same(net, path, "out", (48, 32), dtype=dtype, axes=(0, 1, 2), atol=2e-3)


def test_no_axis_for_a_batch(tmp_path):
    g = Graph()
    at = g.conv(g("Unsqueeze", "x", g.const([0], np.int64)), 1, seed=5)
    g("Squeeze", at, name="depth")
    path = g.save(tmp_path / "m.onnx", [("x", [3, 32, 48])], [("depth", [32, 48])])
    same(load(path), path, "depth", batch=False)


def test_four_disparities_the_largest_is_taken(tmp_path):
    g = Graph()
    full = g("Sigmoid", g.conv("image", 1, seed=1))
    names = {8: "disp_3", 4: "disp_2", 2: "disp_1"}
    for by, name in names.items():
        g("AveragePool", full, name=name, kernel_shape=[by] * 2, strides=[by] * 2)
    g("Identity", full, name="disp_0")
    outputs = [(name, [1, 1, 64 // by, 96 // by]) for by, name in names.items()] + [("disp_0", [1, 1, 64, 96])]
    path = g.save(tmp_path / "kitti_metric.onnx", [("image", [1, 3, 64, 96])], outputs)
    net = load(path)
    assert (net.found.kind, net.found.direction) == ("RELATIVE", "NEARER")
    same(net, path, "disp_0")


@pytest.mark.parametrize(
    "names", [("confidence", "depth"), ("mask", "depth_map"), ("depth_conf", "output"), ("depthConfidence", "depth")]
)
def test_confidence_first(tmp_path, names):
    g = Graph()
    g("Sigmoid", g.conv("image", 1, seed=1), name=names[0])
    g("Relu", g.conv("image", 1, seed=2), name=names[1])
    path = g.save(tmp_path / "m.onnx", [("image", [1, 3, 32, 48])], [(name, [1, 1, 32, 48]) for name in names])
    same(load(path), path, names[1])


def test_metric_with_normals_that_normalises_itself(tmp_path):
    g = Graph()
    at = g("Sub", "image", g.const(np.reshape([123.675, 116.28, 103.53], (1, 3, 1, 1))))
    at = g("Div", at, g.const(np.reshape([58.395, 57.12, 57.375], (1, 3, 1, 1))))
    g("Softmax", g.conv(at, 3, seed=1), axis=1, name="predicted_normal")
    g("Sigmoid", g.conv(at, 1, seed=2), name="normal_confidence")
    g("Abs", g.conv(at, 1, seed=3), name="predicted_depth")
    outputs = [
        ("predicted_normal", [1, 3, 32, 48]),
        ("normal_confidence", [1, 32, 48]),
        ("predicted_depth", [1, 1, 32, 48]),
    ]
    path = g.save(tmp_path / "m.onnx", [("image", [1, 3, 32, 48])], outputs)
    net = load(path)
    assert np.allclose(net.found.form, FORMS["0 to 255"])
    assert (net.found.kind, net.found.direction) == ("METRIC", "FARTHER")
    same(net, path, "predicted_depth")


SYMMETRIC = {"mean": (0.5,) * 3, "std": (0.5,) * 3}


def ends(path, ops, name="depth", kind=TensorProto.FLOAT):
    """Brightness and a slope, more below, 0 to 2.5; then one operator after another, each with its constants."""
    g = Graph()
    seen = g("ReduceMean", g("Mul", "x", g.const(0.5)), axes=[1], keepdims=1)
    slope = g.const(np.broadcast_to(np.linspace(0, 2, 64)[:, None], (1, 1, 64, 96)))
    at = g("Add", g("Abs", seen), slope)
    for op, *numbers in ops:
        at = g(op, *[g.const(n) for n in numbers if op == "Div"], at, *[g.const(n) for n in numbers if op != "Div"])
    g("Cast", at, name=name, to=kind)
    return g.save(path, [("x", [1, 3, 64, 96])], [(name, [1, 1, 64, 96], kind)])


@pytest.mark.parametrize(
    ("ops", "name", "kind", "direction"),
    [
        ([("Relu",)], "depth", "RELATIVE", "NEARER"),
        ([("Relu",), ("Neg",)], "depth", "RELATIVE", "FARTHER"),
        ([("Neg",)], "disparity", "RELATIVE", "FARTHER"),
        ([("Add", 0.1), ("Log",)], "output", "RELATIVE", "FARTHER"),
        ([("Add", 0.1)], "log_depth", "RELATIVE", "FARTHER"),
        ([("Relu",)], "distance", "DISTANCE", "FARTHER"),
        ([("Neg",)], "z", "RELATIVE", "NEARER"),
        ([("Add", 1.0)], "metric_depth", "METRIC", "FARTHER"),
        ([("Add", 1.0), ("Mul", 1000.0)], "metric_depth", "DISTANCE", "FARTHER"),  # millimetres
        ([("Mul", 0.05)], "metric_depth", "DISTANCE", "FARTHER"),  # a share of the farthest
    ],
)
def test_which_end_is_near(tmp_path, ops, name, kind, direction):
    net = load(ends(tmp_path / "m.onnx", ops, name), **SYMMETRIC)
    assert (net.found.kind, net.found.direction) == (kind, direction)
    assert not any("near" in line for line in net.found.doubts())
    out, near = net.run(PICTURES[0]), net.nearness(PICTURES[0])
    order = np.argsort(out[out > 0] if kind != "RELATIVE" else out, axis=None)
    rising = np.diff((near[out > 0] if kind != "RELATIVE" else near.ravel())[order])
    assert (rising >= 0).all() if direction == "NEARER" else (rising <= 0).all()


@pytest.mark.parametrize("ops", [[("Mul", -1.0), ("Add", 4.0), ("Relu",)], [("Mul", 0.0), ("Add", 1.0)]])
def test_what_is_not_told_is_doubtful(tmp_path, ops):
    """Metres that end as nearness does; and an answer without a ground."""
    path = ends(tmp_path / "m.onnx", ops)
    if ops[0][1] == 0.0:
        path = of_brightness(tmp_path / "b.onnx")
    net = load(path)
    source = open_source(PICTURES, EstimateSettings(network=net.settings), range(2), "NETWORK")
    assert any("which end of its depth is near is assumed" in note for note in source.provenance.notes)
    source.close()
    set_by_hand = load(path, direction="FARTHER", **SYMMETRIC)
    assert set_by_hand.found.doubts() == []


def of_brightness(path):
    g = Graph()
    g("Mul", g("ReduceMean", "x", axes=[1], keepdims=1), g.const(1.5), name="out")
    return g.save(path, [("x", [1, 3, 64, 96])], [("out", [1, 1, 64, 96])])


def test_a_form_that_trying_hardly_tells_is_doubtful(tmp_path):
    assert any(
        "form of its picture is assumed" in line for line in load(of_brightness(tmp_path / "m.onnx")).found.doubts()
    )
    told = load(anything(tmp_path / "patches.onnx")).found
    assert told.form == FORMS["ImageNet"]
    assert told.doubts() == []


def test_no_distance_is_no_nearness(tmp_path):
    net = load(ends(tmp_path / "m.onnx", [("Sub", 1.0), ("Relu",)], "distance"), **SYMMETRIC)
    out, near = net.run(PICTURES[0]), net.nearness(PICTURES[0])
    assert (out == 0).any()
    assert (np.isnan(near) == (out == 0)).all()
    assert np.isfinite(net.constancy(PICTURES[0]))


def test_one_divided_by_disparity_is_distance(tmp_path):
    g = Graph()
    disparity = g("Sigmoid", g.conv("image", 1, seed=1))
    g("Div", g.const(1.0), g("Add", disparity, g.const(0.01)), name="output")
    net = load(g.save(tmp_path / "m.onnx", [("image", [1, 3, 32, 48])], [("output", [1, 1, 32, 48])]))
    assert (net.found.kind, net.found.direction, net.metric) == ("DISTANCE", "FARTHER", False)
    np.testing.assert_allclose(net.nearness(PICTURES[0]), 1 / net.run(PICTURES[0]), rtol=1e-5)


@pytest.mark.parametrize("wants", ["0 to 255", "ImageNet"])
def test_the_form_is_found_by_trying(tmp_path, wants):
    """Numbers too small for it leave a network its constant slope; far too large ones give chaos."""
    unit = 255.0 if wants == "0 to 255" else 2.0
    g = Graph()
    seen = g("Div", g("ReduceMean", "image", axes=[1], keepdims=1), g.const(unit))
    beyond = g("Max", g("Sub", g("Abs", seen), g.const(3.0)), g.const(0.0))
    anyhow = g.const(np.random.default_rng(7).normal(0, 1, (1, 1, 64, 96)))
    wild = g("Sin", g("Mul", g("Mul", seen, beyond), anyhow))
    shown = g("Add", g("Sigmoid", g("Mul", seen, g.const(2.0))), wild)
    slope = g.const(np.broadcast_to(np.linspace(0, 1, 64)[:, None], (1, 1, 64, 96)))
    g("Add", shown, slope, name="out")
    path = g.save(tmp_path / "m.onnx", [("image", [1, 3, 64, 96])], [("out", [1, 1, 64, 96])])
    net = load(path, notes=str(tmp_path / "notes"))
    assert np.allclose(net.found.form, FORMS[wants])
    assert "trying" in net.found.lines()[1]
    again = load_network(net.settings)  # no pictures: what was found is kept
    assert again.found.form == net.found.form
    assert "before" in again.found.lines()[1]


def test_what_is_set_is_kept_by_the_files_content(tmp_path):
    path = anything(tmp_path / "m.onnx", (1, 3, 56, 56))
    notes = str(tmp_path / "notes")
    asked = NetworkSettings(
        str(path),
        "METRIC",
        direction="FARTHER",
        mean=(0.5,) * 3,
        std=(0.25,) * 3,
        output="predicted_depth",
        notes=notes,
    )
    keep_settings(asked)
    moved = tmp_path / "other_name.onnx"
    path.rename(moved)
    found = load_network(with_kept(NetworkSettings(str(moved), notes=notes))).found
    assert (found.kind, found.direction, found.form) == ("METRIC", "FARTHER", ((0.5,) * 3, (0.25,) * 3))
    assert with_kept(NetworkSettings(str(moved), "RELATIVE", notes=notes)).kind == "RELATIVE"  # said now: goes first
    assert with_kept(NetworkSettings(str(moved))).kind == "AUTO"


def two_inputs(path):
    g = Graph()
    g("Add", g.conv("image", 1), "intrinsics", name="depth")
    return g.save(path, [("image", [1, 3, 32, 48]), ("intrinsics", [1, 1, 1, 1])], [("depth", [1, 1, 32, 48])])


def of_shape(path, dims, kind=TensorProto.FLOAT, out=(1, 1, None, None), name="depth"):
    g = Graph()
    g("Relu", "image", name=name)
    return g.save(path, [("image", dims, kind)], [(name, list(out), kind)])


def mask(path):
    g = Graph()
    seen = g("ReduceMean", "x", axes=[1], keepdims=1)
    above = g("Sub", seen, g("ReduceMean", seen, axes=[2, 3], keepdims=1))
    g("Sigmoid", g("Mul", above, g.const(1000.0)), name="out")
    return g.save(path, [("x", [1, 3, 64, 96])], [("out", [1, 1, 64, 96])])


def nowhere(path):
    g = Graph()
    hole = g.const(np.where(np.arange(64)[:, None] < 9, np.nan, np.zeros((1, 1, 64, 96))))
    g("Add", g("ReduceMean", "x", axes=[1], keepdims=1), hole, name="out")
    return g.save(path, [("x", [1, 3, 64, 96])], [("out", [1, 1, 64, 96])])


def words(path):
    """A list of tables instead of numbers."""
    g = Graph()
    seen = g("ReduceMean", "x", axes=[2, 3], keepdims=0)
    g("ZipMap", seen, name="depth", domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2])
    table = helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    outputs = [helper.make_value_info("depth", helper.make_sequence_type_proto(table))]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 32, 48])]
    graph = helper.make_graph(g.nodes, "g", inputs, outputs, g.weights)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), str(path))
    return path


def constant(path):
    """A slope, whatever the picture."""
    g = Graph()
    slope = g.const(np.broadcast_to(np.linspace(0, 2, 64)[:, None], (1, 1, 64, 96)))
    g("Add", g("Mul", g.conv("image", 1), g.const(1e-5)), slope, name="depth")
    return g.save(path, [("image", [1, 3, 64, 96])], [("depth", [1, 1, 64, 96])])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (two_inputs, '"intrinsics"'),
        (lambda path: of_shape(path, [1, 4, 32, 48]), "4 channels"),
        (lambda path: of_shape(path, [1, 32, 48, 1]), "1 channels"),
        (lambda path: of_shape(path, [2, 3, 32, 48]), "batch of 1"),
        (lambda path: of_shape(path, [1, 3, 32, 48], TensorProto.INT32), "int32"),
        (lambda path: of_shape(path, [1, 3, 8000, 8000]), "8000 x 8000"),
        (lambda path: of_shape(path, [1, 3, 40000, 40000]), "40000 x 40000"),
        (lambda path: of_shape(path, [1, 64, 3, 1024, 1024]), "64 pictures"),
        (lambda path: of_shape(path, [1, 3, 32, 48], out=(1, 3, 32, 48)), "does not give one depth picture"),
        (lambda path: of_shape(path, [1, 3, 32, 48], out=(1, 1, 32, 48), name="normals"), "normals"),
        (constant, "nearly the same answer"),
        (mask, "no depth but a mask"),
        (nowhere, "gave NaN"),
        (words, "not made of numbers"),
        (lambda path: ends(path, [("Relu",)], "classes", TensorProto.INT64), "int64"),
    ],
)
def test_one_plain_line(tmp_path, make, words):
    path = make(tmp_path / "m.onnx")
    with pytest.raises(EstimateError, match=words) as caught:
        load(path)
    assert "m.onnx" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_size_by_hand_beyond_all_bounds(tmp_path):
    path = anything(tmp_path / "m.onnx")
    with pytest.raises(EstimateError, match="too large"):
        load(path, long_side_px=8000)


def test_an_output_that_is_not_there_is_named_with_those_that_are(tmp_path):
    with pytest.raises(EstimateError, match=r'no output "deep".*"predicted_depth"'):
        load(anything(tmp_path / "m.onnx"), output="deep")


def test_a_network_that_says_something_else_of_the_same_is_doubtful(tmp_path):
    """Brightness is the same however large it is seen; a slope of the frame's own is not."""
    form = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
    g = Graph()
    seen = g("ReduceMean", "image", axes=[1], keepdims=1)
    g("Relu", g("Add", seen, g.const(3.0)), name="depth")
    constant = load(g.save(tmp_path / "b.onnx", [("image", [1, 3, 64, 96])], [("depth", [1, 1, 64, 96])]), **form)
    g = Graph()
    seen = g("ReduceMean", "image", axes=[1], keepdims=1)
    places = g.const(np.sin(np.linspace(0, 20, 96))[None, None, None] * np.ones((1, 1, 64, 1)))
    g("Relu", g("Add", g("Add", seen, g.const(3.0)), places), name="depth")
    fickle = load(g.save(tmp_path / "c.onnx", [("image", [1, 3, 64, 96])], [("depth", [1, 1, 64, 96])]), **form)
    smooth = cv2.GaussianBlur(PICTURES[0], (0, 0), 12)
    assert constant.constancy(smooth) > 0.98
    assert fickle.constancy(smooth) < 0.8
    for net, words in ((constant, False), (fickle, True)):
        source = open_source([smooth] * 3, EstimateSettings(network=net.settings), range(3), "NETWORK")
        assert any("seen smaller" in note for note in source.provenance.notes) is words
        source.close()
