# SPDX-License-Identifier: GPL-3.0-or-later
"""The package's structure, measured from its own imports: rooms, floors, arrows, circles. `python -m tools.house`.

A room is an entry of ORDER: a folder, or a single file, of the package; "addon" is what stands in that
folder itself. A room imports only rooms that stand before it.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "blender_rackfocus"

ORDER = [
    *("core/crew", "core", "craft", "media", "estimate", "frame"),
    *("addon/blender", "addon/shot", "addon/depth"),
    *("addon/sequencer", "addon/compositor", "addon/delivery", "addon/desk", "addon/ui"),
    *("demo", "cli", "addon"),
]
"""The rooms, each above those that may import it."""

APART = ({"addon/sequencer", "addon/compositor"}, {"addon/delivery", "addon/desk"})
"""Rooms of one set do not know each other."""

BEHIND = {"core/crew": {"core"}, "core": {"craft", "estimate", "frame"}}
"""Rooms that only these rooms ask: all others go through them."""

LATE = {"bpy", "bpy_extras", "mathutils", "gpu", "gpu_extras", "blf", "addon_utils", "_bpy"}
LATE |= {"onnxruntime", "cv2", "OpenImageIO", "av", "resource"}
"""Modules that a function may import: Blender's own, and what may not be there."""

Arrow = tuple[str, str]


@functools.cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package, by its path without suffix."""
    return {
        path.relative_to(PACKAGE).with_suffix("").as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def room_of(module: str) -> str:
    """The room a module stands in; empty for the package's own two files, which only start it."""
    inside = (room for room in ORDER if module == room or module.startswith(room + "/"))
    return max(inside, key=len, default="")


def imports_of(module: str) -> Iterator[tuple[str, str]]:
    """(module of ours, name taken from it or "") for each import, wherever in the file it stands."""
    package = module.split("/")[:-1]
    for node in ast.walk(modules()[module]):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
            base = [part for part in base if part]
            for alias in node.names:
                whole, part = _module_at([*base, alias.name]), _module_at(base)
                if whole:
                    yield whole, ""
                elif part:
                    yield part, alias.name


def _module_at(parts: list[str]) -> str:
    name = "/".join(parts)
    return next((found for found in (name, f"{name}/__init__") if found in modules()), "")


def graph() -> dict[str, set[str]]:
    """Which modules each module imports."""
    return {module: {other for other, _ in imports_of(module)} - {module} for module in modules()}


def arrows() -> dict[Arrow, list[Arrow]]:
    """For each pair of rooms, the imports between them."""
    between: dict[Arrow, list[Arrow]] = {}
    for module, others in graph().items():
        for other in sorted(others):
            pair = room_of(module), room_of(other)
            if all(pair) and pair[0] != pair[1]:
                between.setdefault(pair, []).append((module, other))
    return between


def upward() -> list[Arrow]:
    """Imports against the order, between rooms that stand apart, or past a door."""
    wrong = []
    for (room, other), imports in arrows().items():
        apart = any({room, other} <= rooms for rooms in APART)
        if ORDER.index(other) > ORDER.index(room) or apart or room not in BEHIND.get(other, {room}):
            wrong += imports
    return wrong


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Sets of names that reach each other (Tarjan's strongly connected components of more than one)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(edges.get(name, ())):
            if other not in index:
                visit(other)
            if other in stack:
                low[name] = min(low[name], low[other])
        if low[name] == index[name]:
            members = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(members) > 1:
                found.append(sorted(members))

    for name in sorted(edges):
        if name not in index:
            visit(name)
    return found


def floors(edges: dict[str, set[str]]) -> dict[str, int]:
    """How many rooms stand below each, one on the other, itself counted. Only without circles."""

    @functools.cache
    def floor(name: str) -> int:
        return 1 + max((floor(other) for other in edges.get(name, ())), default=0)

    return {name: floor(name) for name in edges}


def room_graph() -> dict[str, set[str]]:
    """Which rooms each room imports."""
    edges: dict[str, set[str]] = {room: set() for room in ORDER if any(room_of(m) == room for m in modules())}
    for room, other in arrows():
        edges[room].add(other)
    return edges


def hidden_imports() -> list[str]:
    """Imports inside functions, but for Blender's own modules and what may not be installed."""
    found = []
    for module, tree in modules().items():
        for outer in ast.walk(tree) if room_of(module) else ():  # the package's own door opens without Blender
            if isinstance(outer, ast.FunctionDef):
                found += [f"{module}:{node.lineno}" for node in ast.walk(outer) if _is_hidden(node)]
    return sorted(set(found))


def _is_hidden(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.partition(".")[0] not in LATE for alias in node.names)
    return isinstance(node, ast.ImportFrom) and (node.level > 0 or (node.module or "").partition(".")[0] not in LATE)


def private_names() -> list[str]:
    """Names with an underscore that one module takes from another, by import or through the module's name."""
    found = []
    for module, tree in modules().items():
        others = {other.rpartition("/")[2] for other, name in imports_of(module) if not name}
        found += [f"{module}: {name}" for _other, name in imports_of(module) if name.startswith("_")]
        for node in ast.walk(tree):
            taken = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in others
            if taken and node.attr.startswith("_") and not node.attr.startswith("__"):
                found.append(f"{module}: {node.value.id}.{node.attr}")
    return sorted(set(found))


def main() -> None:
    """Print the house."""
    rooms, between = room_graph(), arrows()
    turning, of_files = circles(rooms), circles(graph())
    heights = floors(rooms) if not turning else {}
    for room in rooms:
        files = [module for module in modules() if room_of(module) == room]
        print(f"{heights.get(room, 0):3} {room:18} {len(files):3} files  <- {', '.join(sorted(rooms[room])) or '-'}")
    lines = sum(len(path.read_text(encoding="utf-8").split("\n")) for path in PACKAGE.rglob("*.py"))
    print(f"{len(rooms)} rooms, {max(heights.values(), default=0)} floors, {len(between)} arrows, {lines} lines")
    print(f"circles of rooms: {turning or 'none'}; of files: {of_files or 'none'}")
    for place in hidden_imports():
        print(f"inside a function: {place}")
    for name in private_names():
        print(f"private: {name}")
    for module, other in upward():
        print(f"upwards: {module} -> {other}")


if __name__ == "__main__":
    main()
