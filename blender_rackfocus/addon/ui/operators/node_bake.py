# SPDX-License-Identifier: GPL-3.0-or-later
"""Bake Rack Focus nodes, use frames that were baked elsewhere, check and un-bake them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import bpy

from ...bake import bake, node_bake
from ...blender import versions
from ...compositor import node_baked
from ...compositor import session as compositor
from ...errors import FrameError
from ...shot import node
from ...shot.baked_place import Place
from . import jobs
from .baking import Baking, Progress, delete_frames


class _Nodes:
    """Which nodes an operator is for."""

    node_name: bpy.props.StringProperty(name="Node", description="Name of the node; empty for the active one")
    all_nodes: bpy.props.BoolProperty(name="All Nodes", description="Every Rack Focus node at work in this scene")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        problem = jobs.in_the_way("PICTURES")
        if problem:
            cls.poll_message_set(problem)
            return False
        if context.scene is None or not any(map(node.in_tree, versions.scene_trees(context.scene))):
            name = context.scene.name if context.scene is not None else ""
            cls.poll_message_set(f'The compositor of scene "{name}" has no Rack Focus node')
            return False
        return True

    def names(self, context: bpy.types.Context) -> list[str]:
        """Names of the nodes meant; empty after reporting why there are none."""
        found = [one.name for tree in versions.scene_trees(context.scene) for one in node.in_tree(tree)]
        if self.all_nodes:
            return found
        tree = versions.scene_tree(context.scene)
        active = tree.nodes.active if tree is not None else None
        name = self.node_name or (active.name if active is not None else "")
        if name not in found:
            self.report(
                {"ERROR"},
                f'"{name}" is no Rack Focus node of scene "{context.scene.name}"' if name else "Select a node",
            )
            return []
        return [name]


class RACKFOCUS_OT_node_bake(_Nodes, Baking, bpy.types.Operator):
    """Write the node's final frames to disk, and let its group read them: they show on any machine, also without this
    extension. 3D scenes behind it are rendered once per frame"""

    bl_idname = "rackfocus.node_bake"
    bl_label = "Bake Node"

    redrawn = frozenset({"NODE_EDITOR"})

    def busy(self) -> bool:
        return bpy.app.is_job_running("RENDER")

    def begin(self, context: bpy.types.Context) -> bool:
        scene = context.scene
        self._scene_name = scene.name
        at_work = {one.name for one in node_bake.nodes_of(scene)}
        asked = self.names(context)
        names = [name for name in asked if name in at_work]
        if not names:
            if asked:
                self.report({"ERROR"}, "It is not at work: muted, or the scene's render does not use its compositor")
            return False
        problem = compositor.problem_before(scene)
        which = range(self.first, self.last + 1) if self.first or self.last else node_bake.frames_of(scene)
        trees = versions.scene_trees(scene)
        places = {name: node_baked.default_place(scene, node.named(trees, name)) for name in names}
        try:
            problem = problem or bake.too_large(
                [node_bake.estimate(scene, node.named(trees, name), which, place) for name, place in places.items()]
            )
        except (FrameError, OSError) as error:
            problem = str(error)
        if problem:
            self.report({"ERROR"}, problem)
            return False
        Progress.start(len(which) * len(names))
        Progress.what = ", ".join(names)
        self._job = self._outcomes(scene, places, which)
        return True

    def _outcomes(self, scene: bpy.types.Scene, places: dict[str, Place], which: range) -> Iterator[bake.Outcome]:
        with node_bake.NodeBake(scene, places, which, afresh=self.afresh, wait=False) as under_way:
            yield from under_way
        for name, place in places.items():
            node_baked.attach(node.named(versions.scene_trees(scene), name), place)


class RACKFOCUS_OT_node_bake_use(_Nodes, bpy.types.Operator):
    """Read frames that were baked elsewhere (a render farm, the command line) from the node's bake folder"""

    bl_idname = "rackfocus.node_bake_use"
    bl_label = "Use Baked Frames"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene, used = context.scene, 0
        for name in self.names(context):
            one = node.named(versions.scene_trees(scene), name)
            place = node_baked.default_place(scene, one)
            if not node_baked.has_files(place):
                self.report({"ERROR"}, f'"{name}" has no baked frames in {place.folder}')
                continue
            try:
                node_baked.attach(one, place)
            except FrameError as error:
                self.report({"ERROR"}, str(error))
                continue
            used += 1
        return {"FINISHED"} if used else {"CANCELLED"}


class RACKFOCUS_OT_node_bake_check(_Nodes, bpy.types.Operator):
    """Tell which baked frames are still right, and what has changed for those that are not"""

    bl_idname = "rackfocus.node_bake_check"
    bl_label = "Check Baked Frames"

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene, looked = context.scene, 0
        for name in self.names(context):
            one = node.named(versions.scene_trees(scene), name)
            place = node_baked.place_of(one)
            if place is None:
                self.report({"WARNING"}, f'"{name}" is not baked')
                continue
            found = node_bake.look(scene, one, node_bake.frames_of(scene), place)
            looked += 1
            kind = "INFO" if found.keys() == {"fresh"} else "WARNING"
            self.report({kind}, f"{name}: " + "; ".join(node_bake.lines(found)))
        return {"FINISHED"} if looked else {"CANCELLED"}


class RACKFOCUS_OT_node_unbake(_Nodes, bpy.types.Operator):
    """Back to live frames"""

    bl_idname = "rackfocus.node_unbake"
    bl_label = "Un-bake Node"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    delete_files: bpy.props.BoolProperty(
        name="Delete Files", description="Delete the baked frames from the disk as well"
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        gone = 0
        for name in self.names(context):
            place = node_baked.detach(node.named(versions.scene_trees(context.scene), name))
            gone += place is not None
            if place is not None and self.delete_files:
                delete_frames(place.folder)
        if not gone:
            self.report({"WARNING"}, "It is not baked")
        return {"FINISHED"} if gone else {"CANCELLED"}


CLASSES = (
    RACKFOCUS_OT_node_bake,
    RACKFOCUS_OT_node_bake_use,
    RACKFOCUS_OT_node_bake_check,
    RACKFOCUS_OT_node_unbake,
)
