# SPDX-License-Identifier: GPL-3.0-or-later
"""Strip data that Blender's Python API does not show, read where Blender keeps it.

Blender's API shows where a retiming key sits on the timeline, but not which media frame it stands for, nor whether a
freeze or a transition starts there; and it does not show the playback rate a strip was added with. Without these
three nobody can tell which frame a retimed strip, or a 25 fps movie in a 24 fps scene, is showing. So they are read
from the strip's own struct in memory:

- the address comes from `as_pointer()`, which the API offers for this;
- the layout comes from the running Blender itself: every .blend file carries the layout of all stored structs
  ("SDNA", the block named DNA1), so an empty library is written once to a temporary file and read back. No offset is
  written down here, and a Blender with another layout, or without one of the fields, is noticed instead of misread.

Only reads. The format is described in Blender's `source/blender/makesdna/intern/dna_genfile.cc` and `makesdna.cc`:
structs have no implicit padding, so a field's offset is the sum of the sizes before it. Names are the file format's,
which stay when the source renames (`dna_rename_defs.h`): the source's `Strip` is `Sequence` in files,
`SeqRetimingKey` is `SeqRetimingHandle`.
"""

from __future__ import annotations

import ctypes
import functools
import re
import struct
import tempfile
from pathlib import Path
from typing import Any

import bpy

from .errors import FrameError

_SCALARS: dict[str, Any] = {
    "char": ctypes.c_char,
    "uchar": ctypes.c_uint8,
    "int8_t": ctypes.c_int8,
    "short": ctypes.c_int16,
    "ushort": ctypes.c_uint16,
    "int": ctypes.c_int32,
    "float": ctypes.c_float,
    "double": ctypes.c_double,
    "int64_t": ctypes.c_int64,
    "uint64_t": ctypes.c_uint64,
}


class _Reader:
    """A cursor over the bytes of a DNA1 block."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def tag(self, name: bytes) -> None:
        self.at += -self.at % 4
        if self.data[self.at : self.at + 4] != name:
            raise FrameError(f"Blender's struct description has no part {name.decode()} where it belongs")
        self.at += 4

    def numbers(self, code: str, count: int) -> tuple[int, ...]:
        values = struct.unpack_from(f"={count}{code}", self.data, self.at)
        self.at += struct.calcsize(f"={count}{code}")
        return values

    def strings(self) -> list[str]:
        (count,) = self.numbers("i", 1)
        parts = self.data[self.at :].split(b"\0", count)[:count]
        self.at += sum(len(part) + 1 for part in parts)
        return [part.decode() for part in parts]


def _parse(sdna: bytes) -> dict[str, dict[str, tuple[int, str]]]:
    """{struct: {field name as declared, e.g. "*data" or "name[64]": (offset in bytes, type)}} of an SDNA block."""
    reader = _Reader(sdna)
    reader.tag(b"SDNA")
    reader.tag(b"NAME")
    names = reader.strings()
    reader.tag(b"TYPE")
    types = reader.strings()
    reader.tag(b"TLEN")
    lengths = reader.numbers("h", len(types))
    reader.tag(b"STRC")
    (count,) = reader.numbers("i", 1)
    structs = {}
    for _ in range(count):
        kind, field_count = reader.numbers("h", 2)
        pairs = reader.numbers("h", 2 * field_count)
        offset, fields = 0, {}
        for type_index, name_index in zip(pairs[::2], pairs[1::2], strict=True):
            name = names[name_index]
            fields[name] = (offset, types[type_index])
            is_pointer = name.startswith(("*", "(*"))
            size = ctypes.sizeof(ctypes.c_void_p) if is_pointer else lengths[type_index]
            for dimension in re.findall(r"\[(\d+)\]", name):
                size *= int(dimension)
            offset += size
        if offset != lengths[kind]:
            raise FrameError(f"Blender's struct {types[kind]} is {lengths[kind]} bytes long, its fields {offset}")
        structs[types[kind]] = fields | {"": (offset, "")}
    return structs


@functools.cache
def _structs() -> dict[str, dict[str, tuple[int, str]]]:
    """The structs of the running Blender; asked for once (some milliseconds)."""
    try:
        with tempfile.TemporaryDirectory(prefix="rackfocus_") as folder:
            path = Path(folder) / "layout.blend"
            bpy.data.libraries.write(str(path), set(), compress=False)
            blend = path.read_bytes()
    except OSError as error:
        raise FrameError(
            f"Blender's own data cannot be looked at: no file of some 200 KB can be written to "
            f"{tempfile.gettempdir()}. "
            "Free some space there, or lift the limit on the size of files"
        ) from error
    start = blend.rfind(b"DNA1")
    start = blend.find(b"SDNA", start)
    if start < 0:
        raise FrameError("Blender wrote a file without a description of its structs")
    return _parse(blend[start:])


def prepare() -> None:
    """Read the layout now. Call it once on the main thread (a load handler, a timer), so that no render thread has
    to."""
    for name, field in (("Sequence", "media_playback_rate"), ("SeqRetimingHandle", "retiming_factor")):
        offset_of(name, field)


def offset_of(struct_name: str, field: str) -> tuple[int, str]:
    """(offset in bytes, type name) of a field. Raises FrameError when this Blender has no such struct or field."""
    try:
        return _structs()[struct_name][field]
    except KeyError:
        raise FrameError(
            f"Blender {bpy.app.version_string} has no field {field} in its struct {struct_name}: "
            "the frame a strip shows cannot be told"
        ) from None


def size_of(struct_name: str) -> int:
    """Size of a struct in bytes."""
    return offset_of(struct_name, "")[0]


def read(address: int, struct_name: str, field: str) -> Any:
    """A number (int or float) in the struct at `address`, or the address a pointer field (name with its star) holds
    (0 = none)."""
    offset, kind = offset_of(struct_name, field)
    if field.startswith("*"):
        return ctypes.c_void_p.from_address(address + offset).value or 0
    if kind not in _SCALARS:
        raise FrameError(f"field {field} of {struct_name} is a {kind}, not a number")
    return _SCALARS[kind].from_address(address + offset).value


_DISPLACEMENTS = 19
"""Blender's number (CD_MDISPS) for the layer of a mesh's corners that holds what was sculpted at finer levels."""


def displacements(mesh: bpy.types.Mesh) -> bytes:
    """What a Multiresolution modifier keeps in a mesh and the API does not show: for each corner the displacements of
    its grid's points, 3 float32 each; empty where there are none."""
    corners = mesh.as_pointer() + offset_of("Mesh", "ldata")[0]
    layers, size = read(corners, "CustomData", "*layers"), size_of("CustomDataLayer")
    grids_read = []
    for layer in range(layers, layers + read(corners, "CustomData", "totlayer") * size, size):
        grids = read(layer, "CustomDataLayer", "*data")
        if grids and read(layer, "CustomDataLayer", "type") == _DISPLACEMENTS:
            grids_read += [_grid(grids + n * size_of("MDisps")) for n in range(len(mesh.loops))]
    return b"".join(grids_read)


def _grid(address: int) -> bytes:
    offset, _ = offset_of("MDisps", "(*disps)()")
    points = ctypes.c_void_p.from_address(address + offset).value
    return ctypes.string_at(points, 12 * read(address, "MDisps", "totdisp")) if points else b""
