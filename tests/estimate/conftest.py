# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth from pictures must work where Blender is not."""

import sys

import pytest


@pytest.fixture(autouse=True)
def no_blender(monkeypatch):
    if "bpy" not in sys.modules:
        monkeypatch.setitem(sys.modules, "bpy", None)
