# SPDX-License-Identifier: GPL-3.0-or-later
"""The colour configuration that the running Blender decodes its strips with, as plain data."""

from __future__ import annotations

import os
from functools import lru_cache

import bpy
import numpy as np

from ...media import MediaError, colour_files
from ...media.colour import SRGB, OcioConfig, Space, srgb_to_linear
from ...media.library import openimageio


def of(scene: bpy.types.Scene) -> OcioConfig:
    """What decides a strip's colours in a scene: configuration, working space, and the sequencer's space."""
    config = path()
    return OcioConfig(config, working(), scene.sequencer_colorspace_settings.name, colour_files.digest(config))


def fingerprint() -> str:
    """What decides how colours are read in the file that is open, wherever the configuration lies."""
    config = path()
    return f"{colour_files.digest(config)} {working()}"


def working() -> str:
    """Name of the .blend's working space, the colour space of linear light."""
    return bpy.data.colorspace.working_space or "scene_linear"


def has_srgb() -> bool:
    """Whether "sRGB" means the sRGB curve on the working space's own primaries."""
    config = path()
    probe = np.full((1, 3, 3), 0.5, np.float32)
    probe[0, 1:] = (0.9, 0.2, 0.1), (0.1, 0.3, 0.8)
    try:
        given = OcioConfig(config, working(), digest=colour_files.digest(config))
        linear = Space(SRGB, config, given).to_linear(probe)
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
