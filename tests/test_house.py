# SPDX-License-Identifier: GPL-3.0-or-later
"""The house itself: rooms do not reach up, files say what they are, one version number, no registry named."""

import ast
import functools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.abuse import mutants
from tools import docstrings, house

TOP = Path(__file__).resolve().parent.parent
PACKAGE = TOP / "blender_rackfocus"
FOLDERS = ("blender_rackfocus", "tests", "tools", "benchmarks")
SOURCES = sorted(path for folder in FOLDERS for path in (TOP / folder).rglob("*.py"))
FREE_ROOMS = ("core", "craft", "media", "estimate", "frame")


@functools.cache
def _imports(path: Path) -> set[str]:
    """Rooms of ours and foreign top modules that a file imports, resolved from relative imports."""
    inside = path.relative_to(PACKAGE).parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.ImportFrom):
            base = inside[: len(inside) - node.level]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found |= {(*base, *name.split("."))[0] for name in names}
    return found


def test_a_room_imports_only_rooms_that_stand_before_it():
    assert house.upward() == []
    assert house.circles(house.room_graph()) == house.circles(house.graph()) == []


def test_no_import_hides_in_a_function_and_no_private_name_is_taken():
    assert house.hidden_imports() == house.private_names() == []


def test_beside_blender_one_error_says_that_a_frame_cannot_be_made():
    """Every class of an error there, by what it derives from: whoever catches the one misses none."""
    errors = [
        f"{module}: {node.name}"
        for module, tree in house.modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).endswith(("Error", "Exception")) for base in node.bases)
    ]
    assert [name for name in errors if name.startswith("addon/")] == ["addon/blender/errors: FrameError"]


def test_what_blender_calls_its_nodes_stands_in_one_place():
    calls = re.compile(r"(Compositor|Shader)Node[A-Z]\w+|Node(Group|Reroute)\w*")
    named = {
        module
        for module, tree in house.modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and calls.fullmatch(node.value)
    }
    assert {module for module in named if module.startswith("addon/")} == {"addon/blender/idnames"}


@pytest.mark.parametrize("room", FREE_ROOMS)
def test_a_room_without_blender_names_no_bpy(room):
    for path in (PACKAGE / room).rglob("*.py"):
        assert not _imports(path) & {"bpy", "mathutils", "gpu"}, path.relative_to(TOP)


def test_the_rooms_import_where_there_is_no_bpy():
    code = (
        "import sys; sys.modules['bpy'] = None\n"  # makes `import bpy` raise ImportError
        "import importlib, pkgutil, blender_rackfocus\n"
        "for room in ('core', 'craft', 'media', 'estimate', 'frame'):\n"
        "    package = importlib.import_module('blender_rackfocus.' + room)\n"
        "    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        importlib.import_module(module.name)\n"
        "print('done')"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=TOP, capture_output=True, text=True, timeout=120)
    assert ran.stdout.strip() == "done", ran.stderr


def test_inside_the_package_imports_are_relative():
    """Installed, the package is bl_ext.<repository>.blender_rackfocus: its plain name does not exist there."""
    for path in PACKAGE.rglob("*.py"):
        assert "blender_rackfocus" not in _imports(path), path.relative_to(TOP)


def test_only_the_command_line_prints_and_all_else_logs():
    """Words for the console are logged; the handler of addon/blender/log and the verbs print."""
    for module, tree in house.modules().items():
        if module != "addon/blender/log" and house.room_of(module) != "cli":
            calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
            assert not [call.lineno for call in calls if getattr(call.func, "id", "") == "print"], module
            assert not [call.lineno for call in calls if ast.unparse(call.func).endswith("print_exc")], module


def test_every_source_says_its_licence_and_purpose():
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        assert text.startswith("# SPDX-License-Identifier: GPL-3.0-or-later\n"), path.relative_to(TOP)
        if path.is_relative_to(PACKAGE) and path.stat().st_size > 80:
            assert ast.get_docstring(ast.parse(text)), f"{path.relative_to(TOP)} has no docstring"


def test_public_functions_say_the_shape_type_and_unit_of_their_arrays():
    assert docstrings.unsaid() == []


@pytest.mark.parametrize(
    ("text", "unsaid"),
    [
        ("picture: (H, W) float32, metres. Returns (N,) bool.", []),
        ("picture: (H, W, 3 or 4) float32, scene-linear. Returns two, (h, w, ...) of any type, its own.", []),
        ("A mask: (H, W) float32, 0 to 1.\n\nother, picture: (H, W) uint8 RGB.", []),
        ("picture: (H, W). Returns (N,) bool.", ["picture"]),
        ("picture: (H, W) float32. Returns (N,) float32.", ["picture", "the result"]),
        ("picture: what was read. Its mask. Is (H, W) bool.", ["picture", "the result"]),
        ("The picture (H, W) float32, metres, made (N,) bool.", ["picture"]),
        ("", ["picture", "the result"]),
    ],
)
def test_what_a_docstring_does_not_say_is_found(text, unsaid):
    source = f"def made(picture: np.ndarray, size: int) -> np.ndarray:\n    {text!r}"
    assert docstrings.missing(ast.parse(source).body[0]) == unsaid


def test_the_manifest_alone_has_a_version():
    manifest = tomllib.loads((TOP / "blender_manifest.toml").read_text(encoding="utf-8"))
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"])
    assert "version" not in project
    assert project["dynamic"] == ["version"]


def test_no_registry_and_no_machine_is_named():
    """Committed files name no package registry's host and no private path."""
    listed = subprocess.run(["git", "ls-files"], cwd=TOP, capture_output=True, text=True, check=True).stdout.split("\n")
    hosts = re.compile(r"(pypi\.org|pythonhosted\.org|deb\.debian\.org|registry\.npmjs)")
    for name in listed:
        path = TOP / name
        if not path.is_file() or path == Path(__file__).resolve():
            continue
        assert path.stat().st_size < 1_500_000, f"{name} is too big to commit"
        if path.suffix in {".py", ".md", ".toml", ".sh", ".txt", ""}:
            assert not hosts.search(path.read_text(encoding="utf-8", errors="replace")), name


def test_every_mutant_of_the_abuse_can_still_be_made():
    """Its file, its tests and the code that it changes are where it says."""
    for mutant in mutants.MUTANTS:
        assert (PACKAGE / mutant.file).read_text(encoding="utf-8").count(mutant.old) == 1, mutant.words
        assert all((TOP / path).exists() for path in mutant.tests.split()), mutant.words
