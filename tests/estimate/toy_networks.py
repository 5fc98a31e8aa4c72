# SPDX-License-Identifier: GPL-3.0-or-later
"""Small ONNX files whose answer is known in closed form.

They undo the normalisation and mix the channels (a 1x1 convolution), average boxes of 2x2, and add a row ramp where
the size is fixed: loading, layout, normalisation and direction show in the numbers. They prove nothing about the
quality of a trained network.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MEAN = np.float32([0.485, 0.456, 0.406])
STD = np.float32([0.229, 0.224, 0.225])
MIX = np.float32([0.5, 0.3, 0.2])


def write(path, *, layout="NCHW", rank=4, size=(12, 16), dynamic=False, metric=False, half=False, own=False):
    """Write a toy network. layout of the input; rank of the output (2, 3 or 4); size (h, w) where fixed. own: it takes
    RGB 0-1 and normalises it itself, so that its graph tells the form; else it wants ImageNet's."""
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    h, w = ("h", "w") if dynamic else size
    dims = {"NCHW": [1, 3, h, w], "NHWC": [1, h, w, 3], "CHW": [3, h, w]}[layout]
    nodes, weights, at = [], [], "image"

    def const(name, array):
        weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    if half:
        nodes.append(helper.make_node("Cast", [at], ["f32"], to=TensorProto.FLOAT))
        at = "f32"
    if layout == "NHWC":
        nodes.append(helper.make_node("Transpose", [at], ["nchw"], perm=[0, 3, 1, 2]))
        at = "nchw"
    if layout == "CHW":
        nodes.append(helper.make_node("Unsqueeze", [at, const("axis0", np.int64([0]))], ["nchw"]))
        at = "nchw"
    if own:
        nodes.append(helper.make_node("Sub", [at, const("mean", MEAN.reshape(1, 3, 1, 1))], ["centred"]))
        nodes.append(helper.make_node("Div", ["centred", const("std", STD.reshape(1, 3, 1, 1))], ["normal"]))
        at = "normal"
    const("mix", (MIX * STD).reshape(1, 3, 1, 1))
    const("bias", np.float32([MIX @ MEAN]))
    nodes.append(helper.make_node("Conv", [at, "mix", "bias"], ["mixed"], kernel_shape=[1, 1]))
    nodes.append(helper.make_node("AveragePool", ["mixed"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]))
    at = "pooled"
    if not dynamic:
        nodes.append(helper.make_node("Add", [at, const("ramp", ramp(size[0] // 2))], ["ramped"]))
        at = "ramped"
    if metric:
        nodes.append(helper.make_node("Add", [at, const("metre", np.float32([1.0]))], ["metres"]))
        at = "metres"
    if rank == 3:
        nodes.append(helper.make_node("Squeeze", [at, const("axis1", np.int64([1]))], ["plane"]))
        at = "plane"
    if rank == 2:
        nodes.append(helper.make_node("Squeeze", [at, const("axis01", np.int64([0, 1]))], ["plane"]))
        at = "plane"
    name = "metric_depth" if metric else "depth"
    nodes.append(helper.make_node("Identity", [at], [name]))
    oh, ow = (None, None) if dynamic else (size[0] // 2, size[1] // 2)
    out = {4: [1, 1, oh, ow], 3: [1, oh, ow], 2: [oh, ow]}[rank]
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("image", kind, dims)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, out)],
        weights,
    )
    save(path, graph)
    return path


def save(path, graph):
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, str(path))


def ramp(rows):
    return (np.arange(rows, dtype=np.float32) * 0.1).reshape(1, 1, rows, 1)


def answer(encoded_rgb, *, dynamic=False, metric=False):
    """The closed form: encoded_rgb (h, w, 3) sRGB 0-1 at the network's input size."""
    mixed = encoded_rgb @ MIX
    h, w = mixed.shape
    out = mixed.reshape(h // 2, 2, w // 2, 2).mean((1, 3))
    if not dynamic:
        out = out + ramp(h // 2)[0, 0]
    return out + 1.0 if metric else out
