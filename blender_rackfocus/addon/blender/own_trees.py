# SPDX-License-Identifier: GPL-3.0-or-later
"""A scene's own compositing trees, put aside while it renders for trees of ours. The scene itself remembers them, so
that undo steps and emergency saves taken in the middle of a render come back right."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from . import versions
from .runtime import RUNTIME_MARK

_ONLY = "tree"
"""Stands for the effect in Blender 5.2, which has none."""


@dataclass(frozen=True)
class Aside:
    """One reason to put them aside. effect: name of the effect that is ours for it. mark: name of the scene's custom
    property that remembers its own trees by their effects. alone: ours is all that the scene shows, so its own effects
    are switched off; else working copies take their places."""

    effect: str
    mark: str
    alone: bool

    @property
    def _switch(self) -> str:
        """Custom property: whether the scene used its own trees at all."""
        return self.mark.removesuffix("_tree") + "_compositing"

    def is_on(self, scene: bpy.types.Scene) -> bool:
        """Whether a scene's own trees are put aside for this."""
        return self.mark in scene or self._switch in scene

    def own(self, scene: bpy.types.Scene) -> dict[str, bpy.types.NodeTree]:
        """A scene's own trees at work by their effects, also while they are put aside."""
        if not scene.get(self._switch, scene.render.use_compositing):
            return {}
        return self._kept(scene) if self.is_on(scene) else {slot.effect: slot.tree for slot in versions.slots(scene)}

    def remember(self, scene: bpy.types.Scene) -> None:
        """To be called before anything is put in their place."""
        scene[self.mark] = {slot.effect or _ONLY: slot.tree for slot in versions.slots(scene)}
        scene[self._switch] = scene.render.use_compositing

    def show_alone(self, scene: bpy.types.Scene, tree: bpy.types.NodeTree) -> None:
        """Have renders of a scene show this tree of ours and no other."""
        self.remember(scene)
        for slot in versions.slots(scene):
            slot.switch(False)
        if versions.HAS_EFFECTS:
            versions.put_before(scene, self.effect, tree)
        else:
            scene.compositing_node_group = tree
        scene.render.use_compositing = True

    def restore(self, scene: bpy.types.Scene) -> None:
        """Give a scene its own trees back, if they are put aside for this."""
        if not self.is_on(scene) or RUNTIME_MARK in scene:
            return
        kept = self._kept(scene)
        versions.take_away(scene, self.effect)
        if not versions.HAS_EFFECTS:
            scene.compositing_node_group = kept.get("")
        for effect, tree in kept.items():
            slot = versions.Slot(scene, effect)
            slot.put(tree)
            if self.alone:
                slot.switch(True)
        scene.render.use_compositing = bool(scene.get(self._switch, scene.render.use_compositing))
        for name in (self.mark, self._switch):
            if name in scene:
                del scene[name]

    def _kept(self, scene: bpy.types.Scene) -> dict[str, bpy.types.NodeTree]:
        kept = scene.get(self.mark)  # version 0.1.0 kept the tree itself, or nothing where there was none
        if versions.HAS_EFFECTS:
            return dict(kept or {})
        tree = kept if isinstance(kept, bpy.types.NodeTree) else next(iter(dict(kept or {}).values()), None)
        return {"": tree} if tree is not None else {}
