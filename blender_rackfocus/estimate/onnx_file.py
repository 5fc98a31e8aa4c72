# SPDX-License-Identifier: GPL-3.0-or-later
"""What an ONNX file says about itself: inputs, outputs, operators, small constants. Runs nothing, reads no weights.

The file is a protocol buffer; the field numbers are those of onnx.proto3 (ModelProto, GraphProto, ValueInfoProto) in
the ONNX specification, https://onnx.ai. OpenCV reports neither the layout nor which sizes are free, and a full ONNX
package is a heavy thing to carry for these few fields.
"""

from __future__ import annotations

import mmap
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .provenance import EstimateError

Dim = int | None  # None: free (named or unset) size


FLOAT, UINT8, HALF, DOUBLE = 1, 2, 10, 11
TYPE_NAMES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "text", 9: "bool",
    10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 16: "bfloat16",
}  # fmt: skip
_SMALL = 16  # a constant with more numbers than this is a weight


@dataclass(frozen=True)
class Tensor:
    """A graph's input or output: its name and sizes, None where a size is free. elem_type: TensorProto.DataType."""

    name: str
    dims: tuple[Dim, ...]
    elem_type: int


@dataclass(frozen=True)
class Node:
    """One operator: what it reads and writes, and those of its attributes that are whole numbers."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    ints: dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class OnnxHeader:
    """inputs without the initialisers; metadata: the file's own key/value texts; constants: those small enough to be
    settings of the graph, flat float64, by name."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    nodes: tuple[Node, ...] = field(repr=False)
    constants: dict[str, np.ndarray] = field(repr=False)
    metadata: dict[str, str]
    external_data: tuple[str, ...]


class _Broken(Exception):
    pass


def _varint(data, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise _Broken


def _fields(data, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(field number, wire type, value or start, end) of each field between two offsets."""
    at = start
    while at < end:
        key, at = _varint(data, at, end)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise _Broken
        if wire == 0:
            value, at = _varint(data, at, end)
            yield number, wire, value, at
        elif wire == 2:
            size, at = _varint(data, at, end)
            if at + size > end:
                raise _Broken
            yield number, wire, at, at + size
            at += size
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            if at + size > end:
                raise _Broken
            yield number, wire, at, at + size
            at += size
        else:
            raise _Broken


def _text(data, start: int, end: int) -> str:
    return bytes(data[start:end]).decode("utf-8", "replace")


def _first(data, start: int, end: int, wanted: int) -> tuple[int, int] | None:
    for number, wire, a, b in _fields(data, start, end):
        if number == wanted and wire == 2:
            return a, b
    return None


def _tensor(data, start: int, end: int) -> Tensor:
    name, dims, elem = "", [], 0
    for number, wire, a, b in _fields(data, start, end):
        if number == 1 and wire == 2:
            name = _text(data, a, b)
        elif number == 2 and wire == 2:
            tensor_type = _first(data, a, b, 1)
            if tensor_type is None:
                continue
            for n2, w2, a2, b2 in _fields(data, *tensor_type):
                if n2 == 1 and w2 == 0:
                    elem = a2
                elif n2 == 2 and w2 == 2:
                    dims = [_dim(data, a3, b3) for n3, w3, a3, b3 in _fields(data, a2, b2) if n3 == 1 and w3 == 2]
    return Tensor(name, tuple(dims), elem)


def _dim(data, start: int, end: int) -> Dim:
    for number, wire, a, _ in _fields(data, start, end):
        if number == 1 and wire == 0:
            return a if 0 < a < 1 << 31 else None
    return None


@dataclass
class _Weight:
    """A constant tensor; numbers only where it is small."""

    name: str = ""
    external: str = ""
    numbers: np.ndarray | None = None


_RAW = {FLOAT: "<f4", UINT8: "<u1", 3: "<i1", 5: "<i2", 6: "<i4", 7: "<i8", HALF: "<f2", DOUBLE: "<f8"}


def _weight(data, start: int, end: int) -> _Weight:
    """A TensorProto, without touching the numbers of a large one."""
    found, kind, count, raw = _Weight(), 0, 1, None
    listed: dict[int, list[float]] = {4: [], 5: [], 7: [], 10: []}
    for number, wire, a, b in _fields(data, start, end):
        if number == 1:
            for size in [a] if wire == 0 else _packed_varints(data, a, b):
                count *= size
        elif number == 2 and wire == 0:
            kind = a
        elif number in listed and b - a <= 10 * _SMALL:
            listed[number] += _listed(data, number, wire, a, b)
        elif number == 8 and wire == 2:
            found.name = _text(data, a, b)
        elif number == 9 and wire == 2:
            raw = (a, b)
        elif number == 13 and wire == 2:
            pair = {n: _text(data, x, y) for n, w, x, y in _fields(data, a, b) if w == 2}
            if pair.get(1) == "location":
                found.external = pair.get(2, "")
    if not 1 <= count <= _SMALL or found.external:
        return found
    if raw is not None and kind in _RAW and raw[1] - raw[0] == count * np.dtype(_RAW[kind]).itemsize:
        found.numbers = np.frombuffer(bytes(data[slice(*raw)]), _RAW[kind]).astype(np.float64)
    elif raw is None and (numbers := next((v for v in listed.values() if len(v) == count), None)) is not None:
        found.numbers = np.array(numbers, np.float64)
        if kind == HALF:  # stored as the whole numbers of their bits
            found.numbers = (found.numbers.astype(np.int64) & 0xFFFF).astype(np.uint16).view(np.float16).astype(float)
    return found


def _packed_varints(data, start: int, end: int) -> Iterator[int]:
    at = start
    while at < end:
        value, at = _varint(data, at, end)
        yield value


def _listed(data, number: int, wire: int, a: int, b: int) -> list[float]:
    """One field of numbers of a TensorProto: packed, or one of them."""
    if number in (5, 7):
        values = [a] if wire == 0 else list(_packed_varints(data, a, b))
        return [float(v - (1 << 64) if v >> 63 else v) for v in values]
    width, code = (4, "f") if number == 4 else (8, "d")
    return list(struct.unpack(f"<{(b - a) // width}{code}", bytes(data[a : a + (b - a) // width * width])))


def _node(data, start: int, end: int) -> tuple[Node, np.ndarray | None]:
    """A NodeProto, and the number that it holds if it is a constant."""
    op, inputs, outputs, ints, value = "", [], [], {}, None
    for number, wire, a, b in _fields(data, start, end):
        if wire != 2:
            continue
        if number == 1:
            inputs.append(_text(data, a, b))
        elif number == 2:
            outputs.append(_text(data, a, b))
        elif number == 4:
            op = _text(data, a, b)
        elif number == 5:
            name, numbers, tensor = _attribute(data, a, b)
            if numbers:
                ints[name] = numbers
            if name == "value" and tensor is not None:
                value = tensor
    return Node(op, tuple(inputs), tuple(outputs), ints), value if op == "Constant" else None


def _attribute(data, start: int, end: int) -> tuple[str, tuple[int, ...], np.ndarray | None]:
    name, numbers, tensor = "", [], None
    for number, wire, a, b in _fields(data, start, end):
        if number == 1 and wire == 2:
            name = _text(data, a, b)
        elif number == 5 and wire == 2:
            tensor = _weight(data, a, b).numbers
        elif number in (3, 8) and wire == 0:
            numbers.append(a)
        elif number == 8 and wire == 2 and b - a <= 10 * _SMALL:
            numbers += _packed_varints(data, a, b)
    return name, tuple(numbers), tensor


def read_header(path: str | Path) -> OnnxHeader:
    """Read the header of an ONNX file.

    Raises EstimateError with a message for the user where the file is missing, is no ONNX file (a text page, a
    pointer of a large-file store), is cut short, or lacks its separate weights.
    """
    path = Path(path)
    try:
        status = path.stat()
        size = status.st_size
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            raise EstimateError(f"{path.name} is a pipe or a device, not a file: choose an .onnx file.")
        if size == 0:
            raise EstimateError(f"{path.name} is empty: fetch the model file again.")
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            head = bytes(data[:512])
            _refuse_text(path, head)
            return _parse(path, data, size)
    except IsADirectoryError:
        raise EstimateError(f"{path.name} is a folder; choose the .onnx file inside it.") from None
    except OSError as error:
        raise EstimateError(f"Cannot read the model file {path.name}: {error.strerror or error}.") from error


def _refuse_text(path: Path, head: bytes) -> None:
    if b"git-lfs" in head:
        raise EstimateError(f"{path.name} is only a Git LFS pointer (a few lines of text); fetch the real model file.")
    sample = head.lstrip()
    printable = sum(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head)
    if sample[:1] in (b"<", b"{") or (head and printable == len(head)):
        raise EstimateError(f"{path.name} is a text file, not an ONNX network; it may be a saved web page.")


def _parse(path: Path, data, size: int) -> OnnxHeader:
    try:
        graph, metadata = None, {}
        for number, wire, a, b in _fields(data, 0, size):
            if number == 7 and wire == 2:
                graph = (a, b)
            elif number == 14 and wire == 2:
                pair = {n: _text(data, x, y) for n, w, x, y in _fields(data, a, b) if w == 2}
                metadata[pair.get(1, "")] = pair.get(2, "")
        if graph is None:
            raise _Broken
        inputs, outputs, nodes, weights, external = [], [], [], set(), set()
        constants: dict[str, np.ndarray] = {}
        for number, wire, a, b in _fields(data, *graph):
            if wire != 2:
                continue
            if number == 1:
                node, value = _node(data, a, b)
                nodes.append(node)
                if value is not None and node.outputs:
                    constants[node.outputs[0]] = value
            elif number == 5:
                weight = _weight(data, a, b)
                weights.add(weight.name)
                if weight.external:
                    external.add(weight.external)
                if weight.numbers is not None:
                    constants[weight.name] = weight.numbers
            elif number == 11:
                inputs.append(_tensor(data, a, b))
            elif number == 12:
                outputs.append(_tensor(data, a, b))
    except _Broken:
        raise EstimateError(f"{path.name} is not an ONNX network, or it is cut short; fetch the file again.") from None
    for name in sorted(external):
        if not (path.parent / name).is_file():
            raise EstimateError(f"{path.name} keeps its weights in a second file, {name}, which is not beside it.")
    inputs = [t for t in inputs if t.name not in weights]
    if not inputs or not outputs or not nodes:
        raise EstimateError(f"{path.name} holds an empty network: it has no input, no output or no layer.")
    told = tuple(sorted(external))
    return OnnxHeader(tuple(inputs), tuple(outputs), tuple(nodes), constants, metadata, told)
