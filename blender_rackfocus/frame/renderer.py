# SPDX-License-Identifier: GPL-3.0-or-later
"""The version of everything that makes pixels: a hash of its source, so that nobody can forget to raise it.

What makes pixels is what `make.py` imports, directly or not; it is found by reading the sources.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
ENTRY = "frame/make.py"


@functools.cache
def renderer() -> str:
    """The version of this package's pixels."""
    return version_of(PACKAGE)


def version_of(package: Path, entry: str = ENTRY) -> str:
    """A hash of a package's modules that decide what its `entry` makes, and of their names."""
    digest = hashlib.blake2b(digest_size=8)
    for name in sorted(modules_of(package, entry)):
        source = (package / name).read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{name}\0{len(source)}\0".encode() + source)
    return digest.hexdigest()


def modules_of(package: Path, entry: str = ENTRY) -> set[str]:
    """The import closure of a module over the package's relative imports: paths below the package, with slashes."""
    found: set[str] = set()
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _imported(package, name)
    return found


def _imported(package: Path, name: str) -> Iterator[str]:
    """The modules that a module's relative imports name, and the packages that these lie in: they run first."""
    room = Path(name).parent
    for node in ast.walk(ast.parse((package / name).read_bytes())):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = room
        for _ in range(node.level - 1):
            base = base.parent
        base = base.joinpath(*(node.module or "").split("."))
        for target in (base, *(base / alias.name for alias in node.names)):
            if (package / f"{target}.py").is_file():
                yield f"{target.as_posix()}.py"
        for folder in (base, *base.parents):
            if folder != Path(".") and (package / folder / "__init__.py").is_file():
                yield (folder / "__init__.py").as_posix()
        for alias in node.names:
            if (package / base / alias.name / "__init__.py").is_file():
                yield (base / alias.name / "__init__.py").as_posix()
