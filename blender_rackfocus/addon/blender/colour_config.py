# SPDX-License-Identifier: GPL-3.0-or-later
"""Which OpenColorIO configuration the running Blender decodes its strips with."""

import os
from functools import lru_cache

import bpy

from ...media import MediaError, identity


@lru_cache(maxsize=1)
def path() -> str:
    """The configuration file: the one that the environment names, as Blender takes it, else the one Blender ships."""
    for variable in ("BLENDER_OCIO", "OCIO"):
        chosen = os.environ.get(variable, "")
        if chosen and os.path.isfile(chosen):
            return chosen
    return os.path.join(bpy.utils.system_resource("DATAFILES", path="colormanagement"), "config.ocio")


def fingerprint() -> str:
    """What decides how colours are read: the configuration, and the working space of the file that is open."""
    return f"{_config_print(path(), _stamp(path()))} {bpy.data.colorspace.working_space}"


def _stamp(name: str) -> tuple[int, int]:
    try:
        found = os.stat(name)
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=4)
def _config_print(name: str, _stamp: tuple[int, int]) -> str:
    try:
        return identity.content_of(name)
    except MediaError:
        return ""
