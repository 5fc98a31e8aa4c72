# SPDX-License-Identifier: GPL-3.0-or-later
"""The Rack Focus nodes at work in a scene's compositor, as a bake takes them: each 3D scene behind them is rendered
once for every frame."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from ...frame import coding
from ...frame.freshness import Freshness
from ...frame.notes import NOTHING, Difference
from ...media import sealed
from ..blender import versions
from ..blender.errors import FrameError
from ..blender.session import session
from ..compositor import node_baked, node_notes
from ..compositor import session as compositor
from ..compositor.session import Collected
from ..shot import node
from ..shot.baked_place import BakedPlace
from .bake import Owners, Pixels, Task


class Nodes(Owners):
    """See `Owners`."""

    kind, together = "node", True

    def __init__(self, scene: bpy.types.Scene) -> None:
        super().__init__(scene)
        self.compositor = scene.name
        self._collected: dict[str, Collected] = {}
        self._collected_at: int | None = None

    def names(self, only: str = "") -> list[str]:
        trees = versions.scene_trees(self.scene) if compositor.is_composited(self.scene) else []
        names = [rack_node.name for tree in trees for rack_node in node.active_in(tree)]
        twice = next((name for name in names if names.count(name) > 1), "")
        if twice:
            shared = next((tree.name for tree in trees if trees.count(tree) > 1), "")
            todo = f'give each its own copy of the tree "{shared}"' if shared else "rename one of them"
            raise ValueError(f'two effects of scene "{self.scene.name}" have a Rack Focus node "{twice}": {todo}')
        if only and only not in names:
            others = ", ".join(f'"{name}"' for name in names) or "none at work"
            words = f'the compositor of scene "{self.scene.name}" has no Rack Focus node "{only}" (it has {others})'
            raise ValueError(words)
        return [only] if only else names

    def node(self, name: str) -> bpy.types.Node:
        """Raises KeyError."""
        return node.named(versions.scene_trees(self.scene), name)

    def place(self, name: str, folder: str = "", kind: str = "") -> BakedPlace:
        return node_baked.default_place(self.scene, self.node(name), folder, kind)

    def place_read(self, name: str) -> BakedPlace | None:
        return node_baked.place_of(self.node(name))

    def frames(self, name: str) -> range:
        return range(self.scene.frame_start, self.scene.frame_end + 1)

    def covers(self, name: str, frame: int) -> bool:
        return True

    def size(self, name: str) -> tuple[int, int]:
        render = self.scene.render
        share = render.resolution_percentage / 100
        return round(render.resolution_x * share), round(render.resolution_y * share)

    def number(self, name: str, frame: int) -> int:
        return node_baked.number_of(frame)

    def task(self, name: str, frame: int) -> Task:
        if name not in self.names():
            raise FrameError("the node is gone, muted, or no longer in the compositor")
        self._collected_at = None  # tasks come before pixels: what was made for the frame before is of no use
        now = node_notes.of(self.scene, self.node(name), frame)
        return Task(lambda noted: node_notes.difference(noted, now), lambda: self._pixels(name, frame, now))

    def difference(self, name: str, frame: int, place: BakedPlace) -> Difference:
        try:
            noted = sealed.notes_of(place.file(self.number(name, frame)), sealed.BAKED)
            return node_notes.difference(noted, node_notes.of(self.scene, self.node(name), frame))
        except FrameError as problem:
            return Difference(unsure=(problem.cause,))

    def attach(self, name: str, place: BakedPlace) -> None:
        node_baked.attach(self.node(name), place)

    def detach(self, name: str) -> BakedPlace | None:
        return node_baked.detach(self.node(name))

    def not_now(self) -> str:
        return compositor.problem_before(self.scene)

    def at_current_frame(self, name: str, place: BakedPlace) -> Freshness:
        """`look` at the scene's current frame, looked up once until something is edited: for the panel."""
        key = (self.scene.session_uid, name, self.scene.frame_current, place.folder)
        seen = session.part(node_notes.Seen)
        if key not in seen:
            seen[key] = self.look(name, [self.scene.frame_current], place)
        return seen[key]

    def _pixels(self, name: str, frame: int, notes: dict[str, Any]) -> Pixels:
        if self._collected_at != frame:
            self._collected, self._collected_at = compositor.collect(self.scene), frame
        collected = self._collected[name]
        return Pixels(*_picture(collected), {**notes, node_notes.PIXELS: collected.key or next(iter(NOTHING))})


def _picture(collected: Collected) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The pixels to be written, top row first, and where they count; (None, None) where nothing does."""
    flat = collected.made.flat if collected.made is not None else None
    if flat is None or collected.made is None:
        if collected.whole and collected.picture is not None:
            return collected.picture, np.ones(collected.picture.shape[:2], bool)
        return None, None
    picture, counts = coding.decode(flat, collected.made.width, collected.made.height)
    if collected.whole and collected.picture is not None:
        picture[~counts] = collected.picture[~counts]
        counts = np.ones_like(counts)
    return picture, counts
