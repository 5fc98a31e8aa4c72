# SPDX-License-Identifier: GPL-3.0-or-later
"""The decoding libraries, imported when first needed, with a clear word when one is missing."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

from .errors import MediaError


def openimageio(path: str | os.PathLike[str]) -> ModuleType:
    """The OpenImageIO module. Raises MediaError about `path` where it cannot be imported."""
    try:
        import OpenImageIO
    except ImportError as error:
        raise MediaError(
            path,
            f"image files need OpenImageIO's Python module, which cannot be imported here ({error})",
            "Blender from blender.org carries it; elsewhere install python3-openimageio or the openimageio wheel.",
        ) from error
    return OpenImageIO


def pyav(path: str | os.PathLike[str]) -> ModuleType:
    """The PyAV module. Raises MediaError about `path` where it cannot be imported."""
    try:
        import av
    except ImportError as error:
        raise MediaError(
            path,
            f"movies need PyAV (the Python module 'av'), which cannot be imported here ({error})",
            "Reinstall the extension for this platform, or install the av wheel.",
        ) from error
    return av


def complaint(source: Any) -> str:
    """What OpenImageIO (the module, an input, an output) says is wrong since it was last asked; empty where nothing is.

    It may quote bytes of a damaged file, which need not be text.
    """
    try:
        return source.geterror()
    except UnicodeDecodeError:
        return "it holds bytes that are no text"
