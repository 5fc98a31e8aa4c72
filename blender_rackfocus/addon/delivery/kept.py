# SPDX-License-Identifier: GPL-3.0-or-later
"""What Cache Range keeps: within the store's limit, the oldest goes first, and nothing stays for ever."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

from ...media import sealed, unfinished
from ..blender import cache
from ..shot.baked_place import BakedPlace
from .bake import size_text
from .placed import KEPT

_OLD_S = 30 * 24 * 3600.0
_LEAST_SHARE = 0.25
"""Of the store's limit that is there for these pictures, however full the store is."""


def make_room(bytes_needed: int, place: BakedPlace) -> str:
    """Remove pictures that are old, and as many of the oldest as have to go so that new ones fit; those of `place` go
    last. Why there is no room, empty when there is."""
    where = cache.store()
    if where is None:
        return "Computed frames are not kept (see the preferences): use Place as Strip"
    limit = max(where.limit_bytes - where.size_bytes(), round(_LEAST_SHARE * where.limit_bytes))
    if bytes_needed > limit:
        most = f"the store's limit leaves {size_text(limit)}"
        return f"The range needs up to {size_text(bytes_needed)}, {most}: raise it (preferences), or cache fewer frames"
    files = sorted(_files(), key=lambda entry: (os.path.dirname(entry[0]) == place.folder, entry[1].st_mtime))
    total, now = sum(status.st_size for _, status in files), time.time()
    for path, status in files:
        mine = os.path.dirname(path) == place.folder
        if now - status.st_mtime > _OLD_S or (total + bytes_needed > limit and not mine):
            total -= status.st_size if unfinished.remove(path) else 0
    for folder in {os.path.dirname(path) for path, _ in files}:
        with contextlib.suppress(OSError):
            os.rmdir(folder)  # only where nothing is left in it
    return ""


def clear() -> int:
    """Remove all of them. Returns how many went."""
    return sum(unfinished.remove(path) for path, _ in list(_files()))


def _files() -> Iterator[tuple[str, os.stat_result]]:
    """Every picture that is kept, and nothing else."""
    top = os.path.join(cache.folder(), KEPT)
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            with contextlib.suppress(OSError):
                if sealed.is_ours(path, sealed.PLACED) or name.endswith(unfinished.SUFFIX):
                    yield path, os.stat(path)
