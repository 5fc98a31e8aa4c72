# SPDX-License-Identifier: GPL-3.0-or-later
"""The store of computed frames as Blender uses it: where it lies, how large it may grow, frames in and out.

A store that cannot be read or written is no reason to fail: frames are computed then, and it is said once why.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np

from ...frame import notes as frame_notes
from ...frame.job import Job, Made
from ...media import MediaError
from ...media.store import Store
from .log import once
from .session import session

_log = logging.getLogger(__name__)

ROOT = __package__.removesuffix(".addon.blender")
"""The package's name, as Blender knows the add-on."""
ENVIRONMENT = "RACKFOCUS_CACHE"
"""Names the store's folder where there are no preferences: render nodes, tests. "off" keeps nothing."""
DEFAULT_LIMIT_GB = 20.0
_FREE_BYTES = 2**30
"""What the store leaves free on its disk."""


class _Keeping:
    """The store in use, and the thread that writes into it. waiting: what it writes. problem: why it keeps nothing.
    writes: how many frames were kept so far."""

    def __init__(self) -> None:
        self.problem = ""
        self.writes = 0
        self.stores: dict[tuple[str, int], Store] = {}
        self.writer = ThreadPoolExecutor(1, "rackfocus-store")
        self.waiting: list[Future] = []

    def forget(self) -> None:
        """Nothing in it is of one file."""

    def close(self) -> None:
        """Write what waits, and end the thread."""
        settle()
        self.writer.shutdown()


def _keeping() -> _Keeping:
    return session.part(_Keeping)


def preferences() -> bpy.types.AddonPreferences | None:
    """The add-on's preferences; None where it is not enabled as an add-on (the bpy module)."""
    addon = bpy.context.preferences.addons.get(ROOT)
    return addon.preferences if addon is not None else None


def folder() -> str:
    """Where computed frames are kept: the environment's word, else the preferences', else a folder of the user's."""
    named = os.environ.get(ENVIRONMENT, "")
    chosen = preferences()
    if not named and chosen is not None and chosen.cache_folder:
        named = bpy.path.abspath(chosen.cache_folder)
    return os.path.abspath(named) if named else os.path.join(user_folder(), "frames")


def user_folder() -> str:
    """A folder of ours that this user can write to: the extension's own where it is installed as one (Blender removes
    it with the extension), else the system's place for caches."""
    if ROOT.startswith("bl_ext."):
        return bpy.utils.extension_path_user(ROOT)
    if sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "blender_rackfocus")


def depth_folder(stem: str, key: str, beside: str = "") -> Path:
    """The folder of a sequence of depth that is made here. stem: the clip's, or strip's; key: of all that decides it.
    beside: the folder to lie in, instead of one near the store."""
    named, chosen = os.environ.get(ENVIRONMENT, ""), preferences()
    is_named = named.lower() != "off" if named else chosen is not None and bool(chosen.cache_folder)
    # A name that every file system takes, without digits at its end that could be taken for a frame number.
    plain = re.sub(r"[^\w.-]+", "_", stem).strip("._")[:60] or "clip"
    return Path(beside or os.path.join(folder() if is_named else user_folder(), "depth")) / f"{plain}-{key}"


def limit_bytes() -> int:
    """How large the store may grow."""
    chosen = preferences()
    return int((chosen.cache_limit_gb if chosen is not None else DEFAULT_LIMIT_GB) * 2**30)


def store() -> Store | None:
    """The store; None where it is switched off."""
    if os.environ.get(ENVIRONMENT, "").lower() == "off":
        return None
    if _keeping().stores and threading.current_thread().name.startswith("rackfocus-"):
        return next(iter(_keeping().stores.values()))  # our own threads leave Blender's preferences alone
    chosen = preferences()
    if chosen is not None and not chosen.use_cache:
        _keeping().stores.clear()
        return None
    key = (folder(), max(limit_bytes(), 1))
    if key not in _keeping().stores:
        _keeping().stores.clear()
        _keeping().stores[key] = Store(*key)
    return _keeping().stores[key]


def has(key: str) -> bool:
    """Whether the store has a file for a frame."""
    where = store()
    return bool(key) and where is not None and os.path.exists(where.path(key))


def made(key: str, picture: str, make: Callable[[], Made], *, keeps: bool = True) -> Made:
    """A frame from the store; made where it is not there, and kept for the next time.

    key: empty for one that has none. picture: what `Store.contents` shows. keeps: else what is made is not kept, as a
    draft. What `make` makes are half floats in value where it is kept.
    """
    kept = _fetch(key) if key else None
    if kept is not None:
        return kept
    now = make()
    if key and keeps:
        _keep(key, now, picture)
    return now


def _fetch(key: str) -> Made | None:
    where = store()
    kept = where.get(key) if where is not None else None
    if kept is None:
        return None
    if kept.dtype == np.int32 and kept.shape == (2,):
        return Made(int(kept[0]), int(kept[1]), None)
    if kept.dtype != np.float16 or kept.ndim != 3 or kept.shape[2] != 4:
        return None
    height, width = kept.shape[:2]
    return Made(width, height, kept.astype(np.float32).reshape(-1))


def _keep(key: str, made: Made, picture: str) -> None:
    """Written while Blender goes on. Never raises: what cannot be kept is said once."""
    where = store()
    if where is None:
        return
    if made.flat is None:
        array = np.array((made.width, made.height), np.int32)
    else:
        array = made.flat.reshape(made.height, made.width, 4).astype(np.float16)
    with contextlib.suppress(RuntimeError):  # Python is ending
        if _keeping().waiting:
            _keeping().waiting.pop().result()  # one at a time in memory: no faster than the disk
        _keeping().waiting.append(_keeping().writer.submit(_write, where, key, array, picture))


def settle() -> None:
    """Wait for what is being written."""
    while _keeping().waiting:
        _keeping().waiting.pop().result()


def sweep() -> None:
    """Wait for what is being written, and remove what processes that were killed left half-written."""
    settle()
    where = store()
    if where is not None:
        where.sweep()


def _write(where: Store, key: str, array: np.ndarray, picture: str) -> None:
    try:
        if _free_bytes(where.folder) < array.nbytes + _FREE_BYTES:
            _tell(f"{where.folder}: the disk is nearly full, so computed frames are not kept there.")
            return
        where.put(key, array, kind="frame", picture=picture)
        _keeping().writes += 1
    except MediaError as error:
        _tell(str(error))


def writes() -> int:
    """How many frames were kept so far: whoever remembers which are may look again."""
    return _keeping().writes


def problem() -> str:
    """Why frames are not kept, empty when they are."""
    return _keeping().problem


def key_of(job: Job) -> str:
    """The key of a job's final frame; empty where a file of it is missing."""
    try:
        return frame_notes.store_key(replace(job, draft=False))
    except MediaError:
        return ""


def _free_bytes(path: str) -> int:
    while not os.path.isdir(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return shutil.disk_usage(path).free


def _tell(words: str) -> None:
    keeping = _keeping()
    keeping.problem = keeping.problem or words
    _log.warning("%s", words, extra=once(keeping))
