# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of networks that were used, kept by their checksum: what a person set, and what was found by trying.

A small JSON file for each in a folder of ours, never beside the network's own file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from .models import write_whole

_NAMES = ("set", "found")


def recall(folder: str, sha256: str) -> dict[str, dict]:
    """{'set': ..., 'found': ...} of a network; empty where nothing is known. folder: '' = nothing is kept."""
    empty: dict[str, dict] = {name: {} for name in _NAMES}
    if not folder:
        return empty
    try:
        loaded = json.loads(_path(folder, sha256).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return empty
    return {
        name: loaded[name] if isinstance(loaded, dict) and isinstance(loaded.get(name), dict) else {} for name in _NAMES
    }


def keep(folder: str, sha256: str, name: str, values: Mapping[str, object]) -> None:
    """Keep what was 'set' or 'found'. Raises OSError."""
    if not folder:
        return
    known = recall(folder, sha256)
    if known[name] == dict(values):
        return
    path = _path(folder, sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps({**known, name: dict(values)}, indent=1, sort_keys=True))


def _path(folder: str, sha256: str) -> Path:
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise ValueError(f"not a checksum: {sha256!r}")
    return Path(folder) / f"network-{sha256[:32]}.json"
