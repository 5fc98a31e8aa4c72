# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether public functions say what their arrays are. `python -m tools.docstrings` prints those that do not.

The one form, shape first: `name: (H, W, 4) float32, scene-linear ...` for each array that comes in, several names
before the colon where they are alike, and `Returns (H, W) float32, metres ...` for those that go out; an accessor may
say it in its first sentence, `...: (H, W) float32, metres`. Shape, type of number, then unit, range or meaning; what is
only true or false needs no unit. What is an array is told by the annotations.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator

from . import house

_SHAPE = r"\([^()]*\)"
_TYPE = r"(?:float16|float32|float64|float|uint8|uint16|uint32|int32|int64|int|bool|of any type|of one type)"
_ARRAY = rf"{_SHAPE} (?:{_TYPE})(?:(?<=bool)|,? [^\s.;:])"


def arrays_of(function: ast.FunctionDef) -> tuple[list[str], bool]:
    """(names of the parameters that hold arrays, whether one is returned), by the annotations."""
    every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return [each.arg for each in every if _holds_array(each.annotation)], _holds_array(function.returns)


def _holds_array(annotation: ast.expr | None) -> bool:
    return annotation is not None and "ndarray" in ast.unparse(annotation)


def missing(function: ast.FunctionDef) -> list[str]:
    """What a function's docstring does not say: names of parameters, "the result"."""
    names, gives = arrays_of(function)
    text = " ".join((ast.get_docstring(function) or "").split())
    unsaid = [name for name in names if not re.search(rf"\b{name}(?:, \w+)*: [^.:]*?{_ARRAY}", text)]
    result = re.search(rf"(?:Returns|Yields) [^.]*?{_ARRAY}", text) or re.match(rf"[^.]*?{_ARRAY}", text)
    return [*unsaid, *(["the result"] if gives and not result else [])]


def public_functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """The functions of a module, and the methods of its classes, whose names begin with no underscore. A method that
    has no docstring because it has that of the class it derives from is left out."""
    for node in tree.body:
        is_class = isinstance(node, ast.ClassDef)
        for member in node.body if is_class and not node.name.startswith("_") else [node]:
            if not isinstance(member, ast.FunctionDef) or member.name.startswith("_"):
                continue
            if ast.get_docstring(member) or not (is_class and node.bases and _is_told_above(member)):
                yield member


def _is_told_above(method: ast.FunctionDef) -> bool:
    return any(
        isinstance(member, ast.FunctionDef) and member.name == method.name and not missing(member)
        for tree in house.modules().values()
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        for member in node.body
    )


def unsaid() -> list[str]:
    """Every public function of the package that does not say what its arrays are, and of which."""
    return [
        f"blender_rackfocus/{module}.py:{function.lineno} {function.name}: {', '.join(missing(function))}"
        for module, tree in house.modules().items()
        for function in public_functions(tree)
        if missing(function)
    ]


def main() -> int:
    """Print them; the exit status is 1 if there are any."""
    found = unsaid()
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
