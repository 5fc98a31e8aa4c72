# SPDX-License-Identifier: GPL-3.0-or-later
"""The colour configuration that the running Blender decodes its strips with, as plain data."""

from __future__ import annotations

import hashlib
import os
import re
from functools import lru_cache

import bpy
import numpy as np

from ...media import MediaError
from ...media.colour import SRGB, OcioConfig, srgb_to_linear, to_linear
from ...media.library import openimageio

_SOURCE = re.compile(r"\bsrc:\s*([^\s,}]+)")
_SEARCH_PATH = re.compile(r'^search_path:\s*"?([^"\n]*)"?\s*$', re.MULTILINE)


def of(scene: bpy.types.Scene) -> OcioConfig:
    """What decides a strip's colours in a scene: configuration, working space, and the sequencer's space."""
    config = path()
    return OcioConfig(config, working(), scene.sequencer_colorspace_settings.name, _digest(config, _stamp(config)))


def fingerprint() -> str:
    """What decides how colours are read in the file that is open, wherever the configuration lies."""
    config = path()
    return f"{_digest(config, _stamp(config))} {working()}"


def working() -> str:
    """Name of the .blend's working space, the colour space of linear light."""
    return bpy.data.colorspace.working_space or "scene_linear"


def has_srgb() -> bool:
    """Whether "sRGB" means the sRGB curve on the working space's own primaries."""
    config = path()
    probe = np.full((1, 3, 3), 0.5, np.float32)
    probe[0, 1:] = (0.9, 0.2, 0.1), (0.1, 0.3, 0.8)
    try:
        given = OcioConfig(config, working(), digest=_digest(config, _stamp(config)))
        linear = to_linear(probe, SRGB, path=config, ocio_config=given)
    except MediaError:
        return False
    return bool(np.allclose(linear, srgb_to_linear(probe), atol=1e-4))


@lru_cache(maxsize=1)
def path() -> str:
    """The configuration that the environment names, if Blender could take it; else the one Blender ships."""
    shipped = os.path.join(bpy.utils.system_resource("DATAFILES", path="colormanagement"), "config.ocio")
    for variable in ("BLENDER_OCIO", "OCIO"):
        chosen = os.environ.get(variable, "")
        if chosen:
            return chosen if _is_at_work(chosen) else shipped
    return shipped


def _is_at_work(config: str) -> bool:
    """Whether Blender's colour spaces are this configuration's: it falls back to its own where one cannot be read."""
    held = openimageio(config).ColorConfig(config)
    names = {held.getColorSpaceNameByIndex(place) for place in range(held.getNumColorSpaces())}
    settings = bpy.types.ColorManagedInputColorspaceSettings.bl_rna.properties["name"]
    return bool(names) and {item.identifier for item in settings.enum_items} <= names | {"scene_linear"}


def _stamp(config: str) -> tuple[int, int]:
    try:
        status = os.stat(config)
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=4)
def _digest(config: str, _stamped: tuple[int, int]) -> str:
    """Of the configuration and the tables that it names; the name of one that is no file (ocio://...)."""
    try:
        with open(config, "rb") as file:
            content = file.read()
    except OSError:
        return config
    digest = hashlib.blake2b(content, digest_size=16)
    text = content.decode("utf-8", "replace")
    match = _SEARCH_PATH.search(text)
    folders = (match.group(1) if match else "luts").split(":")
    for name in sorted(set(_SOURCE.findall(text))):
        for folder in folders:
            table = os.path.join(os.path.dirname(config), folder, name)
            if os.path.isfile(table):
                with open(table, "rb") as file:
                    digest.update(hashlib.file_digest(file, "blake2b").digest())
                break
    return digest.hexdigest()
