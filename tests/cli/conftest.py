# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line on the bpy module, on a small striped clip."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # tests/stripes.py


@pytest.fixture(autouse=True, scope="module")
def as_it_was():
    """The command line in this process may register the add-on: a module that does takes it out again."""
    before = _is_registered()
    yield
    if _is_registered() and not before:
        import blender_rackfocus

        blender_rackfocus.unregister()


def _is_registered():
    bpy = sys.modules.get("bpy")  # asked for by whoever needs it
    return bpy is not None and hasattr(bpy.types, "RACKFOCUS_OT_modifier_add")


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """The first picture of a twelve-frame multilayer EXR sequence with its depth."""
    import stripes

    return stripes.write(tmp_path_factory.mktemp("clip"), 12)[0]


@pytest.fixture(scope="session")
def run():
    """run(*arguments) calls the command line as a process; the finished process."""
    import subprocess

    top = Path(__file__).resolve().parent.parent.parent

    def call(*arguments, timeout=240):
        command = [sys.executable, "-m", "blender_rackfocus", *map(str, arguments)]
        return subprocess.run(command, cwd=top, capture_output=True, text=True, timeout=timeout)

    return call
