# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network's file tells of how it is to be used: which input takes the picture and in which form, which output
is the depth, what its numbers mean. Read from names, shapes, types and the graph, not from the file's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .onnx_file import DOUBLE, FLOAT, HALF, TYPE_NAMES, UINT8, Node, OnnxHeader, Tensor
from .provenance import EstimateError

Kind = Literal["RELATIVE", "DISTANCE", "METRIC"]
Direction = Literal["NEARER", "FARTHER"]
Form = tuple[tuple[float, float, float], tuple[float, float, float]]

UNIT: Form = ((0.0,) * 3, (1.0,) * 3)
BYTE: Form = ((0.0,) * 3, (1 / 255,) * 3)
SYMMETRIC: Form = ((0.5,) * 3, (0.5,) * 3)
IMAGENET: Form = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
FORMS = {"ImageNet": IMAGENET, "0 to 1": UNIT, "0 to 255": BYTE, "-1 to 1": SYMMETRIC}
"""The common forms of a picture's numbers: (mean, deviation) of RGB 0-1."""

_DINO_PATCH = 14  # no other network that is widely used has patches of this size
MOST_PIXELS = 1 << 22
"""The largest picture that a network is given: 2048 x 2048."""
MOST_IN_A_WINDOW = 1 << 24
"""The most pixels of all pictures that a video network is given at once."""

ARRAYS = {FLOAT: np.float32, HALF: np.float16, DOUBLE: np.float64, UINT8: np.uint8}
_CLASSES = {"int8", "int32", "int64", "bool", "text", "uint32", "uint64"}
"""Types in which networks give classes, places or masks; depth is of floats, or millimetres of 16 bits."""
_NOT_DEPTH = {
    "conf", "confs", "confidence", "confidences", "mask", "masks", "normal", "normals", "valid", "validity", "sky",
    "uncertainty", "variance", "logvar", "sigma", "std", "intrinsics", "intrinsic", "extrinsics", "extrinsic", "focal",
    "focallength", "fov", "pose", "poses", "points", "point", "pts3d", "rays", "ray", "features", "feature", "seg",
    "segmentation", "semantic", "certainty", "probability", "prob", "alpha", "matte", "validmask",
}  # fmt: skip
_RENAMES = {
    "Identity", "Squeeze", "Unsqueeze", "Reshape", "Flatten", "Transpose", "Resize", "Upsample", "Cast", "CastLike",
    "Slice", "Pad", "Expand", "Concat", "Gather", "Split", "QuantizeLinear", "DequantizeLinear", "Clip", "Dropout",
}  # fmt: skip
"""Operators that move numbers about and leave what they mean."""
ENDS_AS_NEARNESS = "its graph ends as those of relative nearness do"
"""Told by no more than that nothing is below zero: some networks of metres end so, too."""


@dataclass(frozen=True)
class Picture:
    """The input that takes the picture. layout: its axes by letter (N batch, T time, C colour, H, W). size: (height,
    width) where the file fixes them. frames: how many pictures at once; None for a picture at a time, 0 where the file
    leaves it free."""

    name: str
    layout: str
    size: tuple[int | None, int | None]
    frames: int | None
    elem_type: int

    @property
    def dtype(self) -> type:
        return ARRAYS[self.elem_type]


@dataclass(frozen=True)
class Meaning:
    """What the numbers of an output mean, and by what that was told."""

    kind: Kind
    direction: Direction | None
    why: str


def sizes(dims: tuple[int | None, ...]) -> str:
    """'1 x 3 x free x free'."""
    return " x ".join("free" if d is None else str(d) for d in dims) or "none"


def picture_input(header: OnnxHeader, name: str) -> Picture:
    """The input for the picture. name: the file's, for messages. Raises EstimateError where there is none that takes
    one RGB picture (or a window of them), where it is too large, or where another input cannot be filled."""
    shaped = [(tensor, _layout(tensor.dims)) for tensor in header.inputs]
    fit = [(tensor, layout) for tensor, layout in shaped if layout]
    if not fit:
        words = ", ".join(f'"{t.name}" ({sizes(t.dims)}{_channels(t.dims)})' for t in header.inputs)
        raise EstimateError(f"{name} does not take one RGB picture: its input is {words}.")
    tensor, layout = fit[0]
    for other in header.inputs:
        if other is not tensor:
            raise EstimateError(
                f'{name} needs a second input, "{other.name}" ({sizes(other.dims)}), which a clip alone cannot give.'
            )
    if tensor.elem_type not in ARRAYS:
        kind = TYPE_NAMES.get(tensor.elem_type, f"number {tensor.elem_type}")
        raise EstimateError(f'{name} takes numbers of type {kind} at "{tensor.name}", which no picture is given in.')
    size = {letter: tensor.dims[at] for at, letter in enumerate(layout)}
    if size.get("N") not in (None, 1):
        raise EstimateError(
            f"{name} takes {size['N']} pictures of different clips at once: export it for a batch of 1."
        )
    found = Picture(
        tensor.name, layout, (size["H"], size["W"]), (size["T"] or 0) if "T" in size else None, tensor.elem_type
    )
    refuse_large(name, size["W"] or 1, size["H"] or 1, size.get("T") or 1)
    return found


def refuse_large(name: str, width: int, height: int, frames: int = 1) -> None:
    """Raise EstimateError where a network asks for more than any depth network needs."""
    if width * height > MOST_PIXELS:
        raise EstimateError(
            f"{name} asks for a picture of {width} x {height}, too large to run here (at most 2048 x 2048): take an "
            "export of a smaller size."
        )
    if frames * width * height > MOST_IN_A_WINDOW:
        raise EstimateError(
            f"{name} asks for {frames} pictures of {width} x {height} at once, too many to run here: take an export of "
            "a smaller size."
        )


def _layout(dims: tuple[int | None, ...]) -> str:
    """The axes of an input that takes RGB, '' where it does not."""
    names = {3: ("CHW", "HWC"), 4: ("NCHW", "NHWC"), 5: ("NTCHW", "NCTHW", "NTHWC")}.get(len(dims), ())
    for wanted in (3, None):  # a size that says 3 tells more than one that says nothing
        for layout in names:
            if dims[layout.index("C")] == wanted:
                return layout
    return ""


def _channels(dims: tuple[int | None, ...]) -> str:
    if len(dims) != 4:
        return ""
    count = min((d for d in (dims[1], dims[3]) if d), default=0)
    return f", {count} channels instead of 3" if 0 < count <= 16 else ""


def depth_outputs(header: OnnxHeader, picture: Picture, chosen: str, name: str) -> list[str]:
    """The outputs that may be the depth, the likeliest first; which of them is, their real sizes tell.

    chosen: the one that was set by hand, '' = none was. Raises EstimateError where there is none.
    """
    if chosen:
        if all(t.name != chosen for t in header.outputs):
            there = ", ".join(f'"{t.name}"' for t in header.outputs)
            raise EstimateError(f'{name} has no output "{chosen}"; it has {there}.')
        return [chosen]
    window = picture.frames is not None
    left = [t for t in header.outputs if not _is_something_else(t) and _may_be_plane(t.dims, window)]
    if not left:
        there = ", ".join(f'"{t.name}" ({sizes(t.dims)}{_of_classes(t)})' for t in header.outputs)
        raise EstimateError(f"{name} does not give one depth picture: its outputs are {there}.")
    named = [t for t in left if re.search("depth|disp|dist|inv", t.name.lower())]
    return [t.name for t in named or left]


def _is_something_else(output: Tensor) -> bool:
    """Whether an output's name or type says that it is no depth."""
    words = _words(output.name)
    named = any(word in _NOT_DEPTH or word.endswith(("conf", "mask", "normals", "confidence")) for word in words)
    return named or bool(_of_classes(output))


def _of_classes(output: Tensor) -> str:
    kind = TYPE_NAMES.get(output.elem_type, "")
    return f", {kind}" if kind in _CLASSES else ""


def _words(name: str) -> set[str]:
    """'normalConfidence_2' -> normal, confidence."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", name)} | {name.lower()}


def _may_be_plane(dims: tuple[int | None, ...], window: bool) -> bool:
    """Whether sizes leave room for one plane for each picture: nothing but batch, time, one channel, rows, columns."""
    fixed, free = sum(d is not None and d > 1 for d in dims), dims.count(None)
    colours = len(dims) == 4 and not window and 1 < (dims[1] or 0) <= 16 and dims[3] != 1
    return not dims or (fixed <= 2 + window and fixed + free >= 2 and not colours)


class _Graph:
    """Who makes a value, and who reads it."""

    def __init__(self, header: OnnxHeader) -> None:
        self.constants = dict(header.constants)
        self.makers: dict[str, Node] = {}
        self.readers: dict[str, list[Node]] = {}
        for node in header.nodes:
            self.makers |= dict.fromkeys(node.outputs, node)
            for value in node.inputs:
                self.readers.setdefault(value, []).append(node)

    def constant(self, name: str) -> np.ndarray | None:
        """A small constant, also through a cast or a copy of it."""
        for _ in range(4):
            if name in self.constants:
                return self.constants[name]
            maker = self.makers.get(name)
            if maker is None or maker.op not in _RENAMES or not maker.inputs:
                return None
            name = maker.inputs[0]
        return None

    def split(self, node: Node) -> tuple[str, np.ndarray | None, bool]:
        """(the value that is no constant, the constant, whether that comes first) of a node of two inputs."""
        if len(node.inputs) < 2:
            return (node.inputs[0] if node.inputs else ""), None, False
        first, second = node.inputs[:2]
        number = self.constant(second)
        if number is not None:
            return first, number, False
        number = self.constant(first)
        return (second, number, True) if number is not None else (first, None, False)


def form_of(header: OnnxHeader, picture: Picture) -> tuple[Form, str] | None:
    """How the graph itself begins with the picture: (mean, deviation) it wants of us, and why; None where it does not
    tell."""
    if picture.elem_type == UINT8:
        return BYTE, "its input is of bytes"
    graph, at, scale, offset = _Graph(header), picture.name, 1.0, 0.0
    told = False
    for _ in range(12):
        readers = graph.readers.get(at, [])
        if len(readers) != 1:
            break
        node = readers[0]
        if node.op in _RENAMES:
            at = node.outputs[0]
            continue
        if node.op not in {"Sub", "Add", "Mul", "Div"}:
            break
        value, number, first = graph.split(node)
        if number is None or value != at:
            break
        by = float(np.mean(number))
        if node.op == "Div" and (first or by == 0):
            break
        if node.op in {"Sub", "Add"}:
            offset += by if node.op == "Add" else -by
            if first and node.op == "Sub":
                scale, offset = -scale, -offset + 2 * by
        else:
            factor = by if node.op == "Mul" else 1 / by
            scale, offset = scale * factor, offset * factor
        told, at = True, node.outputs[0]
    if not told or scale <= 0:
        if multiple_of(header, picture) == _DINO_PATCH:
            return IMAGENET, "its graph begins with patches of 14, as DINOv2's does"
        return None
    # What becomes of 0 and of the white of either form: networks work on numbers of a few units.
    if scale * 255 + offset <= 8:
        return BYTE, "its graph begins by bringing 0 to 255 down"
    if scale + offset <= 8 and scale > 0.5:
        return UNIT, "its graph begins by bringing 0 to 1 to its own scale"
    return None


def multiple_of(header: OnnxHeader, picture: Picture) -> int:
    """What the sizes of a picture must be multiples of: a vision transformer's patch, else 32."""
    graph, at = _Graph(header), [picture.name]
    for _ in range(24):
        nodes = [node for name in at for node in graph.readers.get(name, [])]
        for node in nodes:
            kernel, strides = node.ints.get("kernel_shape", ()), node.ints.get("strides", ())
            if node.op.startswith("Conv") or node.op == "QLinearConv":
                return kernel[0] if kernel and kernel == strides and 8 <= kernel[0] <= 32 else 32
        at = [name for node in nodes for name in node.outputs][:16]
    return 32


def meaning_of(header: OnnxHeader, picture: Picture, output: str) -> Meaning:
    """What an output's numbers mean, by its name, its company and the graph."""
    words = {word for t in header.outputs if t.name != output for word in _words(t.name)}
    own = output.lower()
    if "log" in _words(output) or own.startswith("log"):
        return Meaning("RELATIVE", "FARTHER", f'its output is called "{output}"')
    if "disp" in own or "inv" in own:
        return Meaning("RELATIVE", "NEARER", f'its output is called "{output}"')
    if "metric" in own or "metre" in own or "meter" in own:
        return Meaning("METRIC", "FARTHER", f'its output is called "{output}"')
    if own == "z" or "dist" in own:
        return Meaning("DISTANCE", "FARTHER", f'its output is called "{output}"')
    for company in ("focal", "focallength", "fov", "intrinsics", "normal", "normals", "points"):
        if any(word.startswith(company) for word in words):
            return Meaning("METRIC", "FARTHER", f"it gives {company} as well, as networks that give metres do")
    found = _by_the_end(_Graph(header), output)
    if found.why == ENDS_AS_NEARNESS and multiple_of(header, picture) == _DINO_PATCH:
        return Meaning("RELATIVE", "NEARER", "its graph begins and ends as Depth Anything's do")
    return found


def _by_the_end(graph: _Graph, output: str) -> Meaning:
    """What the numbers mean before a sign: where all are below zero, they mean the opposite."""
    at, factor, turned = output, 1.0, False
    for _ in range(24):
        node = graph.makers.get(at)
        if node is None or not node.inputs:
            break
        if node.op in _RENAMES or node.op == "Neg":
            at, turned = node.inputs[0], turned or node.op == "Neg"
            continue
        value, number, first = graph.split(node)
        if node.op == "Reciprocal" or (node.op == "Div" and first and number is not None):
            return Meaning("DISTANCE", "FARTHER", "its graph ends with one divided by something")
        if node.op in {"Mul", "Div"} and number is not None and number.size == 1 and number[0] != 0:
            factor *= float(number[0]) if node.op == "Mul" else 1 / float(number[0])
            at = value
            continue
        if node.op == "Add" and number is not None:
            at = value
            continue
        if node.op == "Sigmoid" and factor >= 2:
            return Meaning("METRIC", "FARTHER", f"its graph ends with a share of {factor:g}, as one of metres does")
        if node.op in {"Relu", "Softplus"}:
            return Meaning("RELATIVE", "NEARER", ENDS_AS_NEARNESS)
        if node.op == "Log" and not turned:
            return Meaning("RELATIVE", "FARTHER", "its graph ends with a logarithm, as distances do")
        if node.op == "Exp":
            return Meaning("DISTANCE", "FARTHER", "its graph ends with an exponential, as distances do")
        break
    return Meaning("RELATIVE", None, "its graph does not tell")
