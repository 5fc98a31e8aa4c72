# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth in NumPy's own files: one map, (H, W), or one for each frame, (T, H, W)."""

from __future__ import annotations

import os
import re
import threading
import zipfile
from functools import lru_cache

import numpy as np

from . import identity
from .errors import MediaError, check_file
from .stills import RawDepth

ARRAY_EXTENSIONS = frozenset({".npy", ".npz"})
_DEPTH_NAMES = ("depth", "depths", "z", "disparity", "disparities", "disp", "inverse_depth", "pred")
_ABOUT_IT = re.compile("conf|mask|valid|var|std|uncert|scale|shift|min|max")
"""What stands beside a depth and is none."""
_LEAST_SIDE = 16
"""A side shorter than this beside a longer one is no picture's: frames or colours come last."""
_lock = threading.Lock()


def is_array(path: str | os.PathLike[str]) -> bool:
    """Whether the file's extension is one of NumPy's."""
    return os.path.splitext(os.fspath(path))[1].lower() in ARRAY_EXTENSIONS


def frame_count(path: str | os.PathLike[str], layer: str | None = None) -> int:
    """How many maps a file holds. Raises MediaError."""
    return len(_maps(path, layer)[1])


def read_depth(path: str | os.PathLike[str], index: int = 0, layer: str | None = None) -> RawDepth:
    """The map at a frame; one map alone serves all. layer: the array's name in an .npz, None chooses.

    Whole numbers come as 0..1 of their type's range, as those of pictures do. Raises MediaError.
    """
    name, maps = _maps(path, layer)
    if len(maps) == 1:
        index = 0
    if not 0 <= index < len(maps):
        raise MediaError(
            path, f"it has no depth for frame {index}: it holds {len(maps)} maps", "Trim the strip to its length."
        )
    values = np.asarray(maps[index])
    integer = values.dtype.kind in "ui"
    top = 2.0 ** (8 * values.dtype.itemsize) - 1 if integer else 1.0
    scaled = values.astype(np.float64) / top if integer else values
    return RawDepth(np.ascontiguousarray(scaled, np.float32), integer, name, 8 * values.dtype.itemsize)


def _maps(path: str | os.PathLike[str], layer: str | None) -> tuple[str, np.ndarray]:
    """(name, (T, H, W))."""
    check_file(path)
    with _lock:  # readers of many frames beside each other load a file once
        return _loaded(os.path.abspath(path), layer or "", identity.state_of(path))


@lru_cache(maxsize=2)
def _loaded(path: str, layer: str, _state: tuple) -> tuple[str, np.ndarray]:
    try:
        if zipfile.is_zipfile(path):
            with np.load(path, allow_pickle=False) as stored:
                name = _chosen(path, stored.files, layer)
                array = stored[name]
        else:
            name, array = "", np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile) as error:
        raise MediaError(
            path,
            f"it is not a NumPy file of numbers that can be read ({' '.join(str(error).split()).rstrip('.')})",
            "Save it again, with numpy.save or numpy.savez.",
        ) from error
    return name, _shaped(path, array)


def _chosen(path: str, names: list[str], layer: str) -> str:
    wanted = [layer.lower()] if layer else list(_DEPTH_NAMES)
    known = {name.lower(): name for name in names}
    for each in wanted:
        if each in known:
            return known[each]
    said = [name for name in names if re.search("depth|disp", name.lower()) and not _ABOUT_IT.search(name.lower())]
    if len(said) == 1 and not layer:
        return said[0]
    if len(names) == 1 and not layer:
        return names[0]
    held = ", ".join(names) or "nothing"
    cause = f"it holds no array {layer!r}" if layer else "which of its arrays is the depth cannot be told"
    raise MediaError(path, f"{cause}; it holds {held}", "Name the array that is the depth as the depth layer.")


def _shaped(path: str, array: np.ndarray) -> np.ndarray:
    """(T, H, W): axes of length 1 beside the picture's two are left out."""
    if array.dtype.kind not in "uif":
        raise MediaError(path, f"its values are of the kind {array.dtype}, not numbers", "Save it as float32.")
    shape = array.shape
    while array.ndim > 2 and 1 in (array.shape if array.ndim > 3 else array.shape[2:]):
        array = array.squeeze(array.shape.index(1) if array.ndim > 3 else 2)
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or min(array.shape) == 0 or min(array.shape[1:]) < _LEAST_SIDE < max(array.shape[1:]):
        raise MediaError(
            path, f"its array has the shape {shape}", "It has to be (height, width) or (frames, height, width)."
        )
    return array
