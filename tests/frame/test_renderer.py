# SPDX-License-Identifier: GPL-3.0-or-later
"""The version of the pixels: every module that a frame is made with has a say, and no other."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from blender_rackfocus.frame.renderer import ENTRY, PACKAGE, modules_of, renderer, version_of

CRAFT = ("phrase", "pull", "recipes", "track", "doctor", "focus_curve")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The package's sources in another place."""
    folder = tmp_path / "other_name"
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_it_is_that_of_the_sources_wherever_they_lie(copied):
    assert version_of(copied) == renderer()


def test_every_module_that_python_loads_to_make_a_frame_is_one(tmp_path):
    code = (
        "import sys; sys.modules['bpy'] = None\n"
        "import blender_rackfocus.frame.make\n"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('blender_rackfocus.')), sep='\\n')"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    loaded = {Path(line).relative_to(PACKAGE).as_posix() for line in ran.stdout.split()}
    assert {ENTRY, "core/defocus.py", "media/movies.py", "media/rounding.py"} <= loaded
    assert loaded <= modules_of(PACKAGE)


def test_what_makes_no_pixels_is_none():
    makers = modules_of(PACKAGE)
    assert not {name for name in makers if Path(name).stem in CRAFT}
    reading_planes = {"craft/__init__.py", "craft/depth_repair.py", "craft/depth_shape.py"}  # what a depth is taken for
    by_hand = {"craft/touch.py", "craft/guided.py"}
    others = makers - reading_planes - by_hand
    assert not {name for name in others if name.startswith(("addon/", "craft/", "cli/", "estimate/", "demo/"))}
    assert not makers & {"media/store.py", "media/baked.py", "media/locks.py"}


def test_a_hair_of_change_in_any_of_them_is_another_version_and_in_no_other_file(copied):
    before, makers = version_of(copied), modules_of(copied)
    for name in sorted(makers):
        path = copied / name
        source = path.read_bytes()
        path.write_bytes(source + b"# a hair\n")
        assert version_of(copied) != before, name
        path.write_bytes(source)
    assert version_of(copied) == before
    for path in copied.rglob("*.py"):
        if path.relative_to(copied).as_posix() not in makers:
            path.write_bytes(path.read_bytes() + b"# a hair\n")
    assert version_of(copied) == before


def test_line_ends_are_no_change(copied):
    path = copied / "core" / "lens.py"
    source = path.read_bytes()
    path.write_bytes(source.replace(b"\n", b"\r\n"))
    try:
        assert version_of(copied) == renderer()
    finally:
        path.write_bytes(source)


@pytest.mark.parametrize(
    ("statement", "reaches"),
    [
        ("from ..room import thing", {"room/__init__.py", "room/thing.py"}),
        ("from ..room.thing import name", {"room/__init__.py", "room/thing.py"}),
        ("from ..room.deep import inner", {"room/__init__.py", "room/deep/__init__.py", "room/deep/inner.py"}),
        ("def late():\n    from ..room import thing", {"room/__init__.py", "room/thing.py"}),
        ("from . import beside", {"frame/__init__.py", "frame/beside.py"}),
        ("import json", set()),
    ],
)
def test_every_way_to_import_is_followed(tmp_path, statement, reaches):
    for name in ("room/thing", "room/deep/inner", "frame/beside"):
        file = tmp_path / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
        (file.parent / "__init__.py").write_text("")
    (tmp_path / "room" / "__init__.py").write_text("")
    (tmp_path / ENTRY).write_text(statement)
    assert modules_of(tmp_path) == reaches | {ENTRY}
