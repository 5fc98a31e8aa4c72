# SPDX-License-Identifier: GPL-3.0-or-later
"""Baking Rack Focus nodes: the frames of any of them, each 3D scene behind them rendered once per frame.

Frames are independent, as those of strips: any number of processes may bake any ranges into one folder, what is there
and right is kept, and what another process works on is left to it, and looked at again at the end.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from typing import Any

import bpy
import numpy as np

from ...frame import coding
from ...frame.recipe import NOTHING
from ...media import MediaError, baked
from ...media.locks import Claims
from .. import cache
from ..blender import versions
from ..compositor import node_baked, node_recipe
from ..compositor import session as compositor
from ..compositor.session import Collected
from ..errors import FrameError
from ..session import session
from ..shot import baked_place, node
from ..shot.baked_place import Place
from . import bake

_WAIT_S = 0.2


def nodes_of(scene: bpy.types.Scene, name: str = "") -> list[bpy.types.Node]:
    """The Rack Focus nodes at work in a scene's compositor; only the named one if a name is given. Raises
    ValueError."""
    trees = versions.scene_trees(scene) if compositor.is_composited(scene) else []
    found = [one for tree in trees for one in node.active_in(tree)]
    twice = next((one.name for one in found if sum(each.name == one.name for each in found) > 1), "")
    if twice:
        raise ValueError(f'two effects of scene "{scene.name}" have a Rack Focus node "{twice}": rename one of them')
    if not name:
        return found
    named = [one for one in found if one.name == name]
    if not named:
        there = ", ".join(f'"{one.name}"' for one in found) or "none at work"
        raise ValueError(f'the compositor of scene "{scene.name}" has no Rack Focus node "{name}" (it has {there})')
    return named


def frames_of(scene: bpy.types.Scene) -> range:
    """The frames of a scene."""
    return range(scene.frame_start, scene.frame_end + 1)


def estimate(scene: bpy.types.Scene, one: bpy.types.Node, which: Iterable[int], place: Place) -> bake.Estimate:
    """What baking these frames of a node needs on disk, at most."""
    files = (place.file(node_baked.number_of(one, frame)) for frame in which)
    missing = sum(not baked.is_there(path) for path in files)
    share = scene.render.resolution_percentage / 100
    size = (round(scene.render.resolution_x * share), round(scene.render.resolution_y * share))
    return bake.estimate_of(missing, size, place)


class NodeBake:
    """A bake under way: iterate for an Outcome of every node at every frame; `close` (or with) leaves the folders tidy
    and the scene as it was.

    names: of the nodes. places: where each is to go. wait: for frames that other processes work on.
    """

    def __init__(
        self,
        scene: bpy.types.Scene,
        places: dict[str, Place],
        which: Iterable[int],
        *,
        afresh: bool = False,
        wait: bool = True,
    ) -> None:
        self.scene, self.places, self.which = scene, places, list(which)
        self.afresh, self.wait = afresh, wait
        self._claims = {name: Claims(place.folder) for name, place in places.items()}
        self._were_there = {name for name, place in places.items() if os.path.isdir(place.folder)}
        self._frame_before = scene.frame_current
        for place in places.values():
            baked.sweep(place.folder)

    def __enter__(self) -> NodeBake:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[bake.Outcome]:
        busy: list[tuple[int, str]] = []
        for frame in self.which:
            for made in self._bake(frame, list(self.places)):
                if made.state == "busy" and self.wait:
                    busy.append((frame, made.strip))
                else:
                    yield made
        while busy:
            frame, name = busy.pop(0)
            made = self._bake(frame, [name])[0]
            if made.state != "busy":
                yield made
                continue
            busy.append((frame, name))
            time.sleep(_WAIT_S)

    def close(self) -> None:
        """Leave: the scene goes back to its frame."""
        for name, place in self.places.items():
            self._claims[name].close()
            baked.sweep(place.folder)
            if name not in self._were_there:
                with contextlib.suppress(OSError):
                    os.rmdir(place.folder)  # only where nothing came into it
        cache.sweep()
        if self.scene.frame_current != self._frame_before:
            self.scene.frame_set(self._frame_before)

    def _bake(self, frame: int, names: list[str]) -> list[bake.Outcome]:
        """One frame of these nodes. Raises FrameError."""
        began = time.perf_counter()
        if self.scene.frame_current_final != frame:
            self.scene.frame_set(frame)
        told: dict[str, bake.Outcome] = {}
        todo: dict[str, dict[str, Any]] = {}
        try:
            for name in names:
                one = self._node(name, frame)
                baked_place.check_colours(self.places[name])
                path = self.places[name].file(node_baked.number_of(one, frame))
                notes = node_recipe.of(self.scene, one, frame)
                state = self._claim(name, frame, path, notes)
                if state:
                    told[name] = bake.Outcome(name, frame, state, path, time.perf_counter() - began)
                else:
                    todo[name] = notes
            if todo:
                collected = compositor.collect(self.scene)
            for name, notes in todo.items():
                path = self.places[name].file(frame + node_baked.FIRST)
                clipped = _write(path, collected[name], notes) and self.places[name].kind == "PNG"
                told[name] = bake.Outcome(name, frame, "baked", path, time.perf_counter() - began, clipped)
                self._claims[name].release(frame + node_baked.FIRST)
        except MediaError as error:
            raise FrameError.of(error, name, frame, compositor=self.scene.name) from error
        except OSError as error:
            words = f"it cannot be written ({error.strerror or error})"
            raise FrameError(words, name, frame, self.places[name].folder, self.scene.name) from error
        finally:
            for name in todo:
                self._claims[name].release(frame + node_baked.FIRST)
        return [told[name] for name in names]

    def _claim(self, name: str, frame: int, path: str, now: dict[str, Any]) -> str:
        """'kept', 'busy', or empty: it is ours to make."""
        if self._is_done(path, now):
            return "kept"
        os.makedirs(self.places[name].folder, exist_ok=True)
        baked.refuse_foreign(path)
        if not self._claims[name].take(frame + node_baked.FIRST):
            return "busy"
        if self._is_done(path, now):  # another process was quicker
            self._claims[name].release(frame + node_baked.FIRST)
            return "kept"
        return ""

    def _is_done(self, path: str, now: dict[str, Any]) -> bool:
        return not self.afresh and node_recipe.difference(baked.notes_of(path), now).fresh

    def _node(self, name: str, frame: int) -> bpy.types.Node:
        found = [one for one in nodes_of(self.scene) if one.name == name]
        if not found:
            raise FrameError(
                "the node is gone, muted, or no longer in the compositor",
                owner=name,
                frame=frame,
                compositor=self.scene.name,
            )
        return found[0]


def _write(path: str, found: Collected, notes: dict[str, Any]) -> bool:
    """Returns whether something is brighter than white."""
    notes = {**notes, node_recipe.PIXELS: found.key or next(iter(NOTHING))}
    picture, counts = _picture(found)
    if picture is None or counts is None:
        baked.write(path, np.zeros((8, 8, 4), np.float32), np.zeros((8, 8), bool), notes)
        return False
    baked.write(path, picture, counts, notes)
    return bool((picture[..., :3].max(axis=2) > 1.0)[counts].any())


def _picture(found: Collected) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The pixels to be written, top row first, and where they count; (None, None) where nothing does."""
    flat = found.made.flat if found.made is not None else None
    if flat is None or found.made is None:
        if found.whole and found.picture is not None:
            return found.picture, np.ones(found.picture.shape[:2], bool)
        return None, None
    picture, counts = coding.decode(flat, found.made.width, found.made.height)
    if found.whole and found.picture is not None:
        picture[~counts] = found.picture[~counts]
        counts = np.ones_like(counts)
    return picture, counts


def look(scene: bpy.types.Scene, one: bpy.types.Node, which: Iterable[int], place: Place) -> dict[str, int]:
    """What of a node's baked frames is right: words -> at how many frames; 'fresh' for those that are. Does not move
    the scene's frame."""
    found: dict[str, int] = {}
    for frame in which:
        try:
            notes = baked.notes_of(place.file(node_baked.number_of(one, frame)))
            told = node_recipe.difference(notes, node_recipe.of(scene, one, frame))
        except FrameError as problem:
            found[problem.cause] = found.get(problem.cause, 0) + 1
            continue
        older = ("made by another version of Rack Focus",) if told.older else ()
        for words in (*told.stale, *told.unsure, *older) or ("fresh",):
            found[words] = found.get(words, 0) + 1
    return found


def all_there(scene: bpy.types.Scene, one: bpy.types.Node, which: Iterable[int], place: Place) -> bool:
    """Whether each of these frames is baked and right, as far as can be told. Raises FrameError."""
    for frame in which:
        notes = baked.notes_of(place.file(node_baked.number_of(one, frame)))
        if node_recipe.difference(notes, node_recipe.of(scene, one, frame)).stale:
            return False
    return True


def at_current_frame(scene: bpy.types.Scene, one: bpy.types.Node, place: Place) -> dict[str, int]:
    """`look` at the scene's current frame, looked up once until something is edited: for the panel."""
    key = (scene.session_uid, one.name, scene.frame_current, place.folder)
    seen = session.part(node_recipe.Seen)
    if key not in seen:
        seen[key] = look(scene, one, [scene.frame_current], place)
    return seen[key]


def lines(found: dict[str, int]) -> list[str]:
    """`look` for the user: what is fresh first, then what is not and why."""
    order = sorted(found.items(), key=lambda item: (item[0] != "fresh", -item[1]))
    return [f"{count} {words}" if words == "fresh" else f"{words} ({count} frames)" for words, count in order[:6]]
