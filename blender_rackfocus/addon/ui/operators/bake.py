# SPDX-License-Identifier: GPL-3.0-or-later
"""Bake strips and nodes, use frames that were baked elsewhere, check and un-bake them; look into the store, verify and
clear it. What one does for strips another does for nodes: only which ones are meant differs."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...blender import cache, signals, versions
from ...blender.context import sequencer_scene, strip_named
from ...blender.errors import FrameError
from ...delivery import bake, kept
from ...delivery.nodes import Nodes
from ...delivery.strips import Strips
from ...shot import modifier, node
from . import jobs
from .baking import Baking, OnOwners


class _OfStrips(OnOwners):
    """Which strips an operator is for."""

    strip_name: bpy.props.StringProperty(name="Strip", description="Name of the strip; empty for the active one")
    all_strips: bpy.props.BoolProperty(name="All Strips", description="Every strip with a Rack Focus modifier")

    @classmethod
    def missing(cls, context: bpy.types.Context) -> str:
        return jobs.in_the_way("PICTURES") or ("" if sequencer_scene(context) is not None else "No scene is shown")

    def owners(self, context: bpy.types.Context) -> Strips:
        """The strips there are."""
        return Strips(sequencer_scene(context))

    def names(self, context: bpy.types.Context) -> list[str]:
        """Names of the strips meant. Raises ValueError where there are none."""
        if self.all_strips:
            names = self.owners(context).names()
            if not names:
                raise ValueError("No strip in this scene has a Rack Focus modifier")
            return names
        strip = strip_named(context, self.strip_name)
        if strip is None or modifier.find(strip) is None:
            raise ValueError("Select a strip that has a Rack Focus modifier")
        return [strip.name]


class _OfNodes(OnOwners):
    """Which nodes an operator is for."""

    node_name: bpy.props.StringProperty(name="Node", description="Name of the node; empty for the active one")
    all_nodes: bpy.props.BoolProperty(name="All Nodes", description="Every Rack Focus node at work in this scene")

    @classmethod
    def missing(cls, context: bpy.types.Context) -> str:
        there = context.scene is not None and any(map(node.in_tree, versions.scene_trees(context.scene)))
        name = context.scene.name if context.scene is not None else ""
        none_there = "" if there else f'The compositor of scene "{name}" has no Rack Focus node'
        return jobs.in_the_way("PICTURES") or none_there

    def owners(self, context: bpy.types.Context) -> Nodes:
        """The nodes there are."""
        return Nodes(context.scene)

    def names(self, context: bpy.types.Context) -> list[str]:
        """Names of the nodes meant. Raises ValueError where there are none."""
        found = [rack_node.name for tree in versions.scene_trees(context.scene) for rack_node in node.in_tree(tree)]
        if self.all_nodes:
            return found
        tree = versions.scene_tree(context.scene)
        active = tree.nodes.active if tree is not None else None
        name = self.node_name or (active.name if active is not None else "")
        if name not in found:
            none_named = f'"{name}" is no Rack Focus node of scene "{context.scene.name}"'
            raise ValueError(none_named if name else "Select a node")
        return [name]


class _Use(OnOwners):
    """Have those that are meant read what is in their bake folders."""

    bl_label = "Use Baked Frames"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def do(self, context: bpy.types.Context) -> set[str]:
        owners, used = self.owners(context), 0
        for name in self.names(context):
            place = owners.place(name)
            if not place.is_there:
                self.report({"ERROR"}, f'"{name}" has no baked frames in {place.folder}')
                continue
            try:
                owners.attach(name, place)
            except FrameError as error:
                self.report({"ERROR"}, str(error))
                continue
            used += 1
        signals.redraw()
        return {"FINISHED"} if used else {"CANCELLED"}


class _Check(OnOwners):
    """Look at every frame of those that are meant."""

    bl_label = "Check Baked Frames"

    def do(self, context: bpy.types.Context) -> set[str]:
        owners, looked = self.owners(context), 0
        for name in self.names(context):
            place = owners.place_read(name)
            if place is None:
                self.report({"WARNING"}, f'"{name}" is not baked')
                continue
            looked += 1
            told = owners.look(name, owners.frames(name), place)
            self.report({"INFO" if told.all_fresh else "WARNING"}, f"{name}: {'; '.join(told.lines())}")
        return {"FINISHED"} if looked else {"CANCELLED"}


class _Unbake(OnOwners):
    """Have those that are meant read no frames any more."""

    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    delete_files: bpy.props.BoolProperty(
        name="Delete Files", description="Delete the baked frames from the disk as well"
    )

    def do(self, context: bpy.types.Context) -> set[str]:
        places = [self.owners(context).detach(name) for name in self.names(context)]
        gone = [place for place in places if place is not None]
        if self.delete_files:
            for place in gone:
                bake.delete_frames(place.folder)
        signals.redraw()
        if not gone:
            self.report({"WARNING"}, "It is not baked")
        return {"FINISHED"} if gone else {"CANCELLED"}


class RACKFOCUS_OT_bake(Baking, _OfStrips, bpy.types.Operator):
    """Write final-quality frames to disk, and let the strip read them: they show on any machine, also without this
    extension"""

    bl_idname = "rackfocus.bake"
    bl_label = "Bake"


class RACKFOCUS_OT_bake_use(_Use, _OfStrips, bpy.types.Operator):
    """Read frames that were baked elsewhere (a render farm, the command line) from the strip's bake folder"""

    bl_idname = "rackfocus.bake_use"


class RACKFOCUS_OT_bake_check(_Check, _OfStrips, bpy.types.Operator):
    """Tell which baked frames are still right, and what has changed for those that are not"""

    bl_idname = "rackfocus.bake_check"


class RACKFOCUS_OT_unbake(_Unbake, _OfStrips, bpy.types.Operator):
    """Back to live frames"""

    bl_idname = "rackfocus.unbake"
    bl_label = "Un-bake"


class RACKFOCUS_OT_node_bake(Baking, _OfNodes, bpy.types.Operator):
    """Write the node's final frames to disk, and let its group read them: they show on any machine, also without this
    extension. 3D scenes behind it are rendered once per frame"""

    bl_idname = "rackfocus.node_bake"
    bl_label = "Bake Node"


class RACKFOCUS_OT_node_bake_use(_Use, _OfNodes, bpy.types.Operator):
    """Read frames that were baked elsewhere (a render farm, the command line) from the node's bake folder"""

    bl_idname = "rackfocus.node_bake_use"


class RACKFOCUS_OT_node_bake_check(_Check, _OfNodes, bpy.types.Operator):
    """Tell which baked frames are still right, and what has changed for those that are not"""

    bl_idname = "rackfocus.node_bake_check"


class RACKFOCUS_OT_node_unbake(_Unbake, _OfNodes, bpy.types.Operator):
    """Back to live frames"""

    bl_idname = "rackfocus.node_unbake"
    bl_label = "Un-bake Node"


class RACKFOCUS_OT_store(bpy.types.Operator):
    """Look into the store of computed frames, verify or clear it. Baked frames are not in it"""

    bl_idname = "rackfocus.store"
    bl_label = "Computed Frames"

    action: bpy.props.EnumProperty(
        name="Action",
        items=(
            ("LOOK", "Look", "How many frames are kept, and how much they fill"),
            ("VERIFY", "Verify", "Read every frame, and remove those that are damaged"),
            ("CLEAR", "Clear", "Remove all of them, and what Cache Range made"),
        ),
    )

    def execute(self, _context: bpy.types.Context) -> set[str]:
        store = cache.store()
        if store is None:
            self.report({"INFO"}, "Computed frames are not kept (see the preferences)")
            return {"CANCELLED"}
        if self.action == "CLEAR":
            self.report({"INFO"}, f"{store.clear() + kept.clear()} frames removed from {store.folder}")
        elif self.action == "VERIFY":
            damaged = len(store.verify())
            self.report({"WARNING" if damaged else "INFO"}, f"{damaged} damaged frames removed from {store.folder}")
        else:
            frames, limit = store.contents(), store.limit_bytes
            filled = sum(one.size_bytes for one in frames)
            sizes = f"{bake.size_text(filled)} of {bake.size_text(limit)}"
            self.report({"INFO"}, f"{len(frames)} frames, {sizes} in {store.folder}")
        return {"FINISHED"}


CLASSES = (
    RACKFOCUS_OT_bake,
    RACKFOCUS_OT_bake_use,
    RACKFOCUS_OT_bake_check,
    RACKFOCUS_OT_unbake,
    RACKFOCUS_OT_node_bake,
    RACKFOCUS_OT_node_bake_use,
    RACKFOCUS_OT_node_bake_check,
    RACKFOCUS_OT_node_unbake,
    RACKFOCUS_OT_store,
)
