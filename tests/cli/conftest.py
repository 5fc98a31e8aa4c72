# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line on the bpy module, on a small striped clip."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # tests/stripes.py


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
