# SPDX-License-Identifier: GPL-3.0-or-later
"""Which OpenColorIO configuration the running Blender decodes its strips with."""

import os
from functools import lru_cache

import bpy


@lru_cache(maxsize=1)
def path() -> str:
    """The configuration file: the one that the environment names, as Blender takes it, else the one Blender ships."""
    for variable in ("BLENDER_OCIO", "OCIO"):
        chosen = os.environ.get(variable, "")
        if chosen and os.path.isfile(chosen):
            return chosen
    return os.path.join(bpy.utils.system_resource("DATAFILES", path="colormanagement"), "config.ocio")
