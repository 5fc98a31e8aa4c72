# SPDX-License-Identifier: GPL-3.0-or-later
"""What an OpenColorIO configuration is made of on disk: its own text, the tables that it names, and the variables that
its paths ask the environment for. Whatever of these changes is another configuration."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from functools import lru_cache

from . import identity

_SOURCE = re.compile(r"""\bsrc:\s*(?:"([^"\n]*)"|'([^'\n]*)'|((?:\$\{\w+\}|[^\s,}])+))""")
_SEARCH_PATH = re.compile(r"^search_path:[ \t]*(.*(?:\n[ \t]*-[ \t].*)*)", re.MULTILINE)
_VARIABLE = re.compile(r"\$\{?(\w+)\}?|%(\w+)%")
_DEFAULT = re.compile(r"^environment:[ \t]*\{?(.*(?:\n[ \t]+.*)*)", re.MULTILINE)


def digest(config: str) -> str:
    """A hash of a configuration's content, wherever it lies; the name of one that is no file (ocio://...).

    config: as $OCIO names it: a file, an archive or a name. Computed once for each state of its files.
    """
    if not os.path.isfile(config):
        return config
    try:
        state = identity.state_of(config)
        variables, tables = _asked_for(config, state, _environment())
    except OSError:
        return config
    states = tuple((table, identity.state_of(table)) for table in tables if os.path.isfile(table))
    return _digest(config, state, variables, states)


def _environment() -> tuple[tuple[str, str], ...]:
    return tuple(sorted(os.environ.items()))


@lru_cache(maxsize=4)
def _asked_for(
    config: str, _stated: tuple[int, ...], environment: tuple[tuple[str, str], ...]
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The variables that a configuration's paths name, with their values; and the files of its tables."""
    with open(config, "rb") as file:
        text = file.read().decode("utf-8", "replace")
    default = _DEFAULT.search(text)
    values = {**dict(re.findall(r"(\w+):[ \t]*\"?([^\s,}\"]*)", default[1] if default else "")), **dict(environment)}
    asked = {first or second for first, second in _VARIABLE.findall(text)}

    def filled(path: str) -> str:
        return _VARIABLE.sub(lambda name: values.get(name[1] or name[2], name[0]), path)

    folders = _folders(text)
    sources = sorted({filled(next(filter(None, names), "")) for names in _SOURCE.findall(text)})
    places = [os.path.join(os.path.dirname(config), filled(folder)) for folder in folders]
    candidates = ([os.path.join(place, source) for place in places] for source in sources)
    tables = tuple(table for candidate in candidates if (table := next(filter(os.path.isfile, candidate), "")))
    return tuple((name, values.get(name, "")) for name in sorted(asked)), tables


def _folders(text: str) -> list[str]:
    """The folders of `search_path`, which is one line with colons or a list; and the configuration's own."""
    search_path = _SEARCH_PATH.search(text)
    lines = search_path[1].splitlines() if search_path else []
    folders = [folder.strip(" \t\"'-[]") for line in lines for folder in re.split(r"[:,]", line)]
    return [*(folder for folder in folders if folder), "."]


@lru_cache(maxsize=4)
def _digest(
    config: str,
    _stated: tuple[int, ...],
    variables: tuple[tuple[str, str], ...],
    tables: tuple[tuple[str, tuple[int, ...]], ...],
) -> str:
    told = hashlib.blake2b(repr(variables).encode(), digest_size=16)
    for path in (config, *(table for table, _ in tables)):
        with contextlib.suppress(OSError), open(path, "rb") as file:  # what cannot be read makes no colours
            told.update(hashlib.file_digest(file, "blake2b").digest())
    return told.hexdigest()
