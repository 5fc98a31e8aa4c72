# SPDX-License-Identifier: GPL-3.0-or-later
"""What an ONNX file says about itself: inputs, outputs, operators. Reads the header only, runs nothing.

The file is a protocol buffer; the field numbers are those of onnx.proto3 (ModelProto, GraphProto, ValueInfoProto) in
the ONNX specification, https://onnx.ai. OpenCV reports neither the layout nor which sizes are free, and a full ONNX
package is a heavy thing to carry for these few fields.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .provenance import EstimateError

Dim = int | None  # None: free (named or unset) size


@dataclass(frozen=True)
class Tensor:
    """A graph's input or output: its name and sizes, None where a size is free. elem_type 1 = float32, 10 = float16."""

    name: str
    dims: tuple[Dim, ...]
    elem_type: int


@dataclass(frozen=True)
class OnnxHeader:
    """inputs without the initialisers; ops: operator names used; metadata: the file's own key/value texts."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    ops: frozenset[str]
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


def _initializer(data, start: int, end: int) -> tuple[str, str]:
    """(name, external file or '') of a weight tensor, without touching its numbers."""
    name = external = ""
    for number, wire, a, b in _fields(data, start, end):
        if number == 8 and wire == 2:
            name = _text(data, a, b)
        elif number == 13 and wire == 2:
            pair = {n: _text(data, x, y) for n, w, x, y in _fields(data, a, b) if w == 2}
            if pair.get(1) == "location":
                external = pair.get(2, "")
    return name, external


def read_header(path: str | Path) -> OnnxHeader:
    """Read the header of an ONNX file.

    Raises EstimateError with a message for the user where the file is missing, is no ONNX file (a text page, a
    pointer of a large-file store), is cut short, or lacks its separate weights.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
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
        inputs, outputs, ops, weights, external = [], [], set(), set(), set()
        for number, wire, a, b in _fields(data, *graph):
            if wire != 2:
                continue
            if number == 1:
                span = _first(data, a, b, 4)
                if span:
                    ops.add(_text(data, *span))
            elif number == 5:
                name, file = _initializer(data, a, b)
                weights.add(name)
                if file:
                    external.add(file)
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
    if not inputs or not outputs or not ops:
        raise EstimateError(f"{path.name} holds an empty network: it has no input, no output or no layer.")
    return OnnxHeader(tuple(inputs), tuple(outputs), frozenset(ops), metadata, tuple(sorted(external)))
