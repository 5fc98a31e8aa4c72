# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between the versions of Blender that this runs in: where a scene keeps its compositing trees.

Blender 5.2 has one tree a scene. Blender 5.3 has a stack of effects, each with a tree: the first tree's first input is
the render itself (its first view layer), every other tree's is what the effect before it made, and a first tree
with a Group Input node in it makes Blender render the scene.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import bpy

from . import curves, idnames

HAS_EFFECTS = "compositor_effects" in bpy.types.Scene.bl_rna.properties
"""Whether scenes have a stack of effects."""
RENDERS_FOR_GROUPS = bpy.app.version >= (5, 3, 0)
"""Whether Blender renders a scene for a Render Layers node that is inside a node group."""

MISSING_VECTOR_IS_COLOUR = bpy.app.version >= (5, 3, 0)
"""Whether a vector pass that was not rendered is a transparent colour, like every other, not a vector of zeros."""


@dataclass(frozen=True)
class Slot:
    """A place in a scene where a compositing tree is. effect: name of the effect; empty in Blender 5.2."""

    scene: bpy.types.Scene
    effect: str

    @property
    def tree(self) -> bpy.types.NodeTree | None:
        if HAS_EFFECTS:
            return self.scene.compositor_effects[self.effect].node_group
        return self.scene.compositing_node_group

    @property
    def is_on(self) -> bool:
        """Whether renders show the tree at the frame that the scene stands at: that can be keyed."""
        return not self.effect or self.scene.compositor_effects[self.effect].enable_for_render

    @property
    def is_switched(self) -> bool:
        """Whether animation decides that."""
        return bool(self.effect) and _is_switched(self.scene.compositor_effects[self.effect])

    def put(self, tree: bpy.types.NodeTree | None) -> None:
        """Have the place hold a tree."""
        if not HAS_EFFECTS:
            self.scene.compositing_node_group = tree
        elif self.effect in self.scene.compositor_effects:
            self.scene.compositor_effects[self.effect].node_group = tree

    def switch(self, on: bool) -> None:
        """Have renders show the effect or not."""
        if self.effect and self.effect in self.scene.compositor_effects:
            self.scene.compositor_effects[self.effect].enable_for_render = on

    def given(self, source: bpy.types.NodeSocket) -> bpy.types.bpy_struct | None:
        """The effect's own input, with its `value`, that comes in by an output of a Group Input node in the effect's
        tree; None where a socket is no such output, or takes a picture."""
        if not self.effect or source.node.bl_idname != idnames.GROUP_INPUT:
            return None
        given_input = getattr(self.scene.compositor_effects[self.effect].properties.inputs, source.identifier, None)
        return given_input if isinstance(getattr(given_input, "value", None), (bool, int, float)) else None


def slots(scene: bpy.types.Scene) -> list[Slot]:
    """The places whose trees a render shows, now or at other frames, in the order in which they work."""
    if HAS_EFFECTS:
        with_tree = [effect for effect in scene.compositor_effects if effect.node_group is not None]
        return [Slot(scene, effect.name) for effect in with_tree if effect.enable_for_render or _is_switched(effect)]
    return [Slot(scene, "")] if scene.compositing_node_group is not None else []


def _is_switched(effect: bpy.types.bpy_struct) -> bool:
    """Whether animation switches an effect on and off for renders."""
    return curves.is_animated(effect.id_data, effect.path_from_id("enable_for_render"))


def scene_trees(scene: bpy.types.Scene) -> list[bpy.types.NodeTree]:
    """The compositing trees that a render of a scene shows, in the order in which they work."""
    return [slot.tree for slot in slots(scene)]


def scene_tree(scene: bpy.types.Scene) -> bpy.types.NodeTree | None:
    """The compositing tree that is worked on in a scene."""
    if not HAS_EFFECTS:
        return scene.compositing_node_group
    active = scene.compositor_effects.active
    return active.node_group if active is not None else None


def set_scene_tree(scene: bpy.types.Scene, tree: bpy.types.NodeTree | None) -> None:
    """Have a scene's compositing tree, the active effect's, be this one."""
    if not HAS_EFFECTS:
        scene.compositing_node_group = tree
        return
    active = scene.compositor_effects.active
    if active is None and tree is not None:
        active = scene.compositor_effects.new(tree.name)
    if active is not None:
        active.node_group = tree


def show_only(scene: bpy.types.Scene, trees: dict[str, bpy.types.NodeTree]) -> None:
    """Have a scene of ours show these trees in this order, and no other; in Blender 5.2 there can be one.

    By the names of their effects: those that the scene has keep their inputs and their place, others come before them.
    """
    if not HAS_EFFECTS:
        (scene.compositing_node_group,) = trees.values()
        return
    for name in [effect.name for effect in scene.compositor_effects if effect.name not in trees]:
        take_away(scene, name)
    for name, tree in reversed(trees.items()):
        slot = Slot(scene, name) if name in scene.compositor_effects else put_before(scene, name, tree)
        slot.put(tree)
        scene.compositor_effects[slot.effect].enable_for_render = True


def keep_frames_cache_off(scene: bpy.types.Scene) -> None:
    """Blender 5.3 may keep what its interactive compositor made, by frame. It cannot know that pixels which come from
    Python have changed."""
    if HAS_EFFECTS and scene.render.use_compositor_frames_cache:
        scene.render.use_compositor_frames_cache = False


def takes_render(tree: bpy.types.NodeTree) -> bool:
    """Whether a tree that is the first of a scene's gets the render itself, and so makes Blender render the scene."""
    return HAS_EFFECTS and any(node.bl_idname == idnames.GROUP_INPUT for node in tree.nodes)


def add_effect(scene: bpy.types.Scene, name: str, tree: bpy.types.NodeTree) -> Slot:
    """A new effect after all others, the active one from now on."""
    effect = scene.compositor_effects.new(name)
    effect.node_group = tree
    return Slot(scene, effect.name)


def put_before(scene: bpy.types.Scene, name: str, tree: bpy.types.NodeTree) -> Slot:
    """A new effect before all others. The active effect stays the active one."""
    with _keeping_active(scene.compositor_effects):
        slot = add_effect(scene, name, tree)
        if len(scene.compositor_effects) > 1:
            with bpy.context.temp_override(scene=scene):
                bpy.ops.scene.move_compositor_effect_to_index(name=slot.effect, index=0)
    return slot


def take_away(scene: bpy.types.Scene, name: str) -> None:
    """Remove an effect, if it is there. The active effect stays the active one."""
    if HAS_EFFECTS and name in scene.compositor_effects:
        with _keeping_active(scene.compositor_effects) as effects:
            effects.remove(effects[name])


@contextmanager
def _keeping_active(effects: bpy.types.bpy_prop_collection) -> Iterator[bpy.types.bpy_prop_collection]:
    """Effects of a scene whose active one stays so while others come and go."""
    active = effects.active.name if effects.active is not None else ""
    yield effects
    if active in effects:
        effects.active = effects[active]
