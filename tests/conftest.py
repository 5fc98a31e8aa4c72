# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the rooms honest: where only rooms without Blender are tested, bpy cannot be imported."""

import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
FREE_ROOMS = ("core", "craft", "media", "estimate", "frame")
os.environ.setdefault("RACKFOCUS_CACHE", "off")  # tests compute; those of the store name a folder of their own


class _NoBlender:
    """An import hook that has no Blender to give."""

    NAMES = ("bpy", "_bpy", "mathutils", "gpu", "bmesh")

    def find_spec(self, name, path=None, target=None):
        """Refuse Blender's modules, leave all others to the next finder."""
        if name.partition(".")[0] in self.NAMES:
            raise ModuleNotFoundError(f"{name} is not for this room", name=name)


def _is_free(argument: str) -> bool:
    path = Path(argument.partition("::")[0]).resolve()
    return any(path.is_relative_to(TESTS / room) for room in FREE_ROOMS)


def pytest_configure(config: pytest.Config) -> None:
    """Block bpy for runs that name only rooms without Blender (as `make test` does for them)."""
    if config.args and all(_is_free(argument) or argument.endswith("test_house.py") for argument in config.args):
        sys.meta_path.insert(0, _NoBlender())
