# SPDX-License-Identifier: GPL-3.0-or-later
"""Baking: frames at final quality as files that Blender's own Image node reads. One loop, for strips and for nodes.

Frames are independent: any number of processes may bake any ranges into one folder. What is there and right is kept;
what another process works on is left to it, and looked at again at the end.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ...frame import freshness
from ...frame.freshness import Freshness
from ...frame.notes import Difference
from ...media import baked, sealed, unfinished
from ...media.locks import Claims
from ..blender import cache, context, strips
from ..blender.errors import EXPECTED, FrameError
from ..blender.runtime import sweep
from ..depth import scene_passes
from ..shot import baked_place
from ..shot.baked_place import BakedPlace

_WAIT_S = 0.2
_SIZES = ("bytes", "KB", "MB", "GB", "TB")
_ROUND_OFF_BYTES = 64 * 1024
"""What an EXR needs beside its pixels, at most."""


@dataclass(frozen=True)
class Outcome:
    """What became of one frame of a strip or a node. state: 'baked' (computed now, or taken from the store), 'kept' (it
    was there and right), 'hidden' (it is not drawn at this frame), 'busy' (another process works on it)."""

    owner: str
    frame: int
    state: str
    path: str = ""
    seconds: float = 0.0
    clipped: bool = False


@dataclass(frozen=True)
class DiskNeed:
    """frames: still to be baked. bytes_needed: at most. bytes_free: on the disk that is to hold them."""

    frames: int
    bytes_needed: int
    bytes_free: int


@dataclass(frozen=True)
class Pixels:
    """What a baked frame shows. picture: (H, W, 4) float32, top row first; None where nothing changes. counts: (H, W)
    bool, where it replaces what comes in. notes: what it was made of."""

    picture: np.ndarray | None
    counts: np.ndarray | None
    notes: dict[str, Any]


@dataclass(frozen=True)
class Task:
    """One frame of one owner. difference: what tells a baked frame with these notes from it. make: its pixels."""

    difference: Callable[[dict[str, Any] | None], Difference]
    make: Callable[[], Pixels]


class Owners(ABC):
    """What has a lens in a scene, by name: its strips, or the nodes of its compositor.

    kind: what one is called. together: all of them are baked frame by frame, because one render brings all of them
    their pictures; else one after the other. compositor: name of the scene whose nodes they are, for errors.
    """

    kind: str
    together: bool
    compositor = ""

    def __init__(self, scene: bpy.types.Scene) -> None:
        self._scene_uid = scene.session_uid

    @property
    def scene(self) -> bpy.types.Scene:
        """Looked for anew each time: an undo makes all of Blender's data anew. Raises FrameError where it is gone."""
        found = context.scene_of(self._scene_uid)
        if found is None:
            raise FrameError("the scene is gone")
        return found

    @abstractmethod
    def names(self, only: str = "") -> list[str]:
        """All there are; only the one named if a name is given. Raises ValueError where there is none."""

    @abstractmethod
    def place(self, name: str, folder: str = "", kind: str = "") -> BakedPlace:
        """Where one is to be baked. folder, kind: instead of the scene's own settings."""

    @abstractmethod
    def place_read(self, name: str) -> BakedPlace | None:
        """Where the frames lie that one reads; None where it reads none."""

    @abstractmethod
    def frames(self, name: str) -> range:
        """The frames to be baked, if nothing else is said."""

    @abstractmethod
    def covers(self, name: str, frame: int) -> bool:
        """Whether a frame can be baked."""

    @abstractmethod
    def size(self, name: str) -> tuple[int, int]:
        """Width and height of its frames in pixels."""

    @abstractmethod
    def number(self, name: str, frame: int) -> int:
        """The number of a frame's file. Raises FrameError."""

    @abstractmethod
    def task(self, name: str, frame: int) -> Task | None:
        """What is to be done for the scene's current frame; None where one is not drawn. Raises FrameError, MediaError,
        ValueError."""

    @abstractmethod
    def difference(self, name: str, frame: int, place: BakedPlace) -> Difference | None:
        """What tells a baked frame from what would be made now, without moving the scene's frame; None where it is not
        drawn."""

    @abstractmethod
    def attach(self, name: str, place: BakedPlace) -> None:
        """Make one read its baked frames by itself. Raises FrameError."""

    @abstractmethod
    def detach(self, name: str) -> BakedPlace | None:
        """Back to live. Returns where the baked frames lie; they stay."""

    def not_now(self) -> str:
        """Why none of them can be baked; empty when they can."""
        return ""

    def remark(self) -> str:
        """What is to be said of baking them; empty when nothing is."""
        return ""

    def look(self, name: str, which: Iterable[int], place: BakedPlace) -> Freshness:
        """What of the baked frames is right. Does not move the scene's frame."""
        return freshness.looked(which, lambda frame: self.difference(name, frame, place))

    def disk_need(self, name: str, which: Iterable[int], place: BakedPlace) -> DiskNeed:
        """What baking these frames needs on disk, at most; frames that have a whole file already are not counted."""
        missing = sum(not sealed.ends_well(place.file(self.number(name, frame)), sealed.BAKED) for frame in which)
        width, height = self.size(name)
        return DiskNeed(missing, missing * (width * height * 8 + _ROUND_OFF_BYTES), free_bytes(place.folder))


def size_text(count: float) -> str:
    """A number of bytes as people say it."""
    for unit in _SIZES:
        if count < 1000 or unit == _SIZES[-1]:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return ""


def too_large(needs: list[DiskNeed]) -> str:
    """Why the disk cannot hold a bake, empty when it can."""
    needed, free = sum(need.bytes_needed for need in needs), min((need.bytes_free for need in needs), default=0)
    if needed <= free:
        return ""
    frames = sum(need.frames for need in needs)
    return (
        f"The disk cannot hold the bake: {frames} frames need up to {size_text(needed)}, {size_text(free)} are free. "
        "Choose another folder, fewer frames, or free some space"
    )


def delete_frames(folder: str) -> None:
    """Delete baked frames, and nothing else: what carries their mark, whole or damaged."""
    paths = [os.path.join(folder, name) for name in os.listdir(folder)] if os.path.isdir(folder) else []
    ours = [path for path in paths if sealed.is_ours(path, sealed.BAKED)]
    for path in ours:
        unfinished.remove(path)
    unfinished.sweep(folder)
    if ours and not os.listdir(folder):  # it was there for them
        os.rmdir(folder)


class Bake:
    """A bake under way: iterate for an Outcome of every owner at every frame; `close` (or with) leaves the folders tidy
    and the scene as it was. Raises FrameError (also for what the disk will not have).

    places: where each owner, by name, is to go. afresh: also what is there. wait: whether to wait for frames that other
    processes work on, and bake those they leave.
    """

    def __init__(
        self,
        owners: Owners,
        places: dict[str, BakedPlace],
        which: Iterable[int],
        *,
        afresh: bool = False,
        wait: bool = True,
    ) -> None:
        self.owners, self.places, self.which = owners, places, list(which)
        self.afresh, self.wait = afresh, wait
        self._claims = {name: Claims(place.folder) for name, place in places.items()}
        self._were_there = {name for name, place in places.items() if os.path.isdir(place.folder)}
        self._frame_before = owners.scene.frame_current
        for place in places.values():
            unfinished.sweep(place.folder)

    def __enter__(self) -> Bake:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Outcome]:
        busy: list[tuple[int, str]] = []
        for frame in self.which:
            for outcome in self._bake(frame, list(self.places)):
                if outcome.state == "busy" and self.wait:
                    busy.append((frame, outcome.owner))
                else:
                    yield outcome
        while busy:
            frame, name = busy.pop(0)
            outcome = self._bake(frame, [name])[0]
            if outcome.state != "busy":
                yield outcome
                continue
            busy.append((frame, name))
            time.sleep(_WAIT_S)

    def close(self) -> None:
        """Leave: the scene goes back to its frame."""
        for name, place in self.places.items():
            self._claims[name].close()
            unfinished.sweep(place.folder)
            if name not in self._were_there:
                with contextlib.suppress(OSError):
                    os.rmdir(place.folder)  # only where nothing came into it
        cache.sweep()
        scene_passes.end()
        sweep()
        with contextlib.suppress(FrameError):  # the scene may be gone
            if self.owners.scene.frame_current != self._frame_before:
                self.owners.scene.frame_set(self._frame_before)

    def _bake(self, frame: int, names: list[str]) -> list[Outcome]:
        """One frame of these owners: all are claimed before any is made."""
        began, scene = time.perf_counter(), self.owners.scene
        if strips.standing_at(scene) != frame:
            scene.frame_set(frame)
        outcomes: dict[str, Outcome] = {}
        todo: dict[str, tuple[int, Task]] = {}
        path = ""

        def told(state: str, clipped: bool = False) -> Outcome:
            return Outcome(name, frame, state, path, time.perf_counter() - began, clipped)

        try:
            for name in names:
                place, path = self.places[name], ""
                baked_place.check_colours(place)
                number = self.owners.number(name, frame)
                path = place.file(number)
                task = self.owners.task(name, frame)
                if task is None:
                    outcomes[name] = Outcome(name, frame, "hidden")
                elif state := self._claim(name, number, path, task):
                    outcomes[name] = told(state)
                else:
                    todo[name] = number, task
            for name, (number, task) in todo.items():
                place = self.places[name]
                path = place.file(number)
                clipped = _write(path, task.make())
                outcomes[name] = told("baked", clipped and place.kind == "PNG")
                self._claims[name].release(number)
        except OSError as error:
            cause = f"it cannot be written ({error.strerror or error})"
            raise FrameError(cause, name, frame, path, self.owners.compositor) from error
        except EXPECTED as error:
            if isinstance(error, FrameError) and error.is_told:
                raise
            raise FrameError.of(error, name, frame, path, self.owners.compositor) from error
        finally:
            for name, (number, _task) in todo.items():
                self._claims[name].release(number)
        return [outcomes[name] for name in names]

    def _claim(self, name: str, number: int, path: str, task: Task) -> str:
        """'kept', 'busy', or empty: it is ours to make."""
        if self._is_done(path, task):
            return "kept"
        os.makedirs(self.places[name].folder, exist_ok=True)
        sealed.refuse_foreign(path, sealed.BAKED)
        if not self._claims[name].take(number):
            return "busy"
        if self._is_done(path, task):  # another process was quicker
            self._claims[name].release(number)
            return "kept"
        return ""

    def _is_done(self, path: str, task: Task) -> bool:
        return not self.afresh and task.difference(sealed.notes_of(path, sealed.BAKED)).fresh


def _write(path: str, pixels: Pixels) -> bool:
    """Returns whether something is brighter than white."""
    picture, counts = pixels.picture, pixels.counts
    if picture is None or counts is None:
        # Nothing to change: the smallest picture there is; the group fits it to the full size.
        baked.write(path, np.zeros((8, 8, 4), np.float32), np.zeros((8, 8), bool), pixels.notes)
        return False
    baked.write(path, picture, counts, pixels.notes)
    return bool((picture[..., :3].max(axis=2) > 1.0)[counts].any())


def free_bytes(path: str) -> int:
    """What is free on the disk that is to hold a path."""
    while not os.path.isdir(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return shutil.disk_usage(path).free
