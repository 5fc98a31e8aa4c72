# SPDX-License-Identifier: GPL-3.0-or-later
"""Add a Rack Focus node, or effect, to the scene's compositor."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...blender import idnames, signals, strips, versions
from ...blender.runtime import sweep
from ...compositor import effect
from ...depth import scene_passes
from ...sequencer import frames
from ...shot import modifier, node, node_settings, settings
from .on_strip import OnStrip
from .telling import Doing

_SOURCES = {idnames.RENDER_LAYERS, idnames.IMAGE, idnames.MOVIE_CLIP}
_PICTURE = ("Image", "Combined")


class RACKFOCUS_OT_node_add(Doing, bpy.types.Operator):
    """Add a Rack Focus node to the scene's compositor: an out-of-focus blur from depth, with a focus distance to
    keyframe. It goes behind the named or selected node, else before the tree's output"""

    bl_idname = "rackfocus.node_add"
    bl_label = "Add Rack Focus Node"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    source: bpy.props.StringProperty(
        name="Behind", description="Name of the node whose picture is refocused; empty for the selected one"
    )
    lens: bpy.props.EnumProperty(name="Lens", description="Where focus and lens come from", items=node_settings.LENSES)

    @classmethod
    def missing(cls, context: bpy.types.Context) -> str:
        scene = context.scene
        if scene is None or scene.library is not None:
            return "The scene is linked from another file"
        tree = versions.scene_tree(scene)
        linked = tree is not None and tree.library is not None
        return "The compositing tree is linked from another file" if linked else ""

    def do(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        tree = versions.scene_tree(scene) or _new_tree(scene)
        if self.source and self.source not in tree.nodes:
            raise ValueError(f'There is no node named "{self.source}" in the compositor of scene "{scene.name}"')
        source = tree.nodes[self.source] if self.source else _selected(tree)
        picture = _picture_of(source) if source is not None else _before_output(tree)
        if source is not None and picture is None:
            raise ValueError(f'The node "{source.name}" gives no picture')
        made = node.add(tree)
        made.rackfocus_lens = self.lens
        settings.put_first_settings_on(made)
        if picture is not None:
            _insert(tree, made, picture)
            self._link_depth(tree, made, picture)
        for each in tree.nodes:
            each.select = each == made
        tree.nodes.active = made
        scene.render.use_compositing = True
        return {"FINISHED"}

    def _link_depth(self, tree: bpy.types.NodeTree, rack_node: bpy.types.Node, picture: bpy.types.NodeSocket) -> None:
        behind = node.origin(rack_node.inputs[node.IMAGE])
        if behind is None or behind.node.bl_idname not in _SOURCES:
            return
        if behind.node.bl_idname == idnames.RENDER_LAYERS and behind.node.scene is not None:
            layer = behind.node.scene.view_layers.get(behind.node.layer)
            if layer is not None and not layer.use_pass_z:
                layer.use_pass_z = True
                self.report({"INFO"}, f'The Depth pass of view layer "{layer.name}" was switched on')
        depth = behind.node.outputs.get(node.DEPTH)
        if depth is not None and depth.enabled:
            tree.links.new(depth, rack_node.inputs[node.DEPTH])


class RACKFOCUS_OT_effect_add(Doing, bpy.types.Operator):
    """Add Rack Focus to the scene's compositor effects, after those that are there: an out-of-focus blur from depth,
    with a focus distance to keyframe among the effect's own inputs"""

    bl_idname = "rackfocus.effect_add"
    bl_label = "Add Rack Focus Effect"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    lens: bpy.props.EnumProperty(name="Lens", description="Where focus and lens come from", items=node_settings.LENSES)

    @classmethod
    def missing(cls, context: bpy.types.Context) -> str:
        if not versions.HAS_EFFECTS:
            return "This Blender has no compositor effects"
        linked = context.scene is None or context.scene.library is not None
        return "The scene is linked from another file" if linked else ""

    def do(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        made = effect.add(scene)
        made.rackfocus_lens = self.lens
        settings.put_first_settings_on(made)
        scene.render.use_compositing = True
        return {"FINISHED"}


def _new_tree(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    """A tree that shows the scene's own render."""
    tree = bpy.data.node_groups.new(f"{scene.name} Compositing", idnames.TREE)
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    layers, output = tree.nodes.new(idnames.RENDER_LAYERS), tree.nodes.new(idnames.GROUP_OUTPUT)
    layers.scene = scene
    layers.location, output.location = (-400, 0), (300, 0)
    tree.links.new(layers.outputs[node.IMAGE], output.inputs[0])
    versions.set_scene_tree(scene, tree)
    return tree


def _selected(tree: bpy.types.NodeTree) -> bpy.types.Node | None:
    active = tree.nodes.active
    return active if active is not None and active.select and _picture_of(active) is not None else None


def _picture_of(tree_node: bpy.types.Node) -> bpy.types.NodeSocket | None:
    outputs = [socket for socket in tree_node.outputs if socket.enabled and socket.type == "RGBA"]
    named = [socket for socket in outputs if socket.name in _PICTURE]
    return (named or outputs or [None])[0]


def _before_output(tree: bpy.types.NodeTree) -> bpy.types.NodeSocket | None:
    """What the tree's output shows, else a source's picture."""
    for one in tree.nodes:
        if one.bl_idname == idnames.GROUP_OUTPUT and one.is_active_output and one.inputs[0].is_linked:
            return one.inputs[0].links[0].from_socket
    sources = [one for one in tree.nodes if one.bl_idname in _SOURCES and not one.mute]
    return _picture_of(sources[0]) if sources else None


def _insert(tree: bpy.types.NodeTree, rack_node: bpy.types.Node, picture: bpy.types.NodeSocket) -> None:
    """Between a picture and everything it went to."""
    targets = [link.to_socket for link in picture.links]
    tree.links.new(picture, rack_node.inputs[node.IMAGE])
    for each in targets:
        tree.links.new(rack_node.outputs[node.IMAGE], each)
    before = picture.node
    rack_node.location = before.location.x + before.width + 60, before.location.y


def _render_for(strip: bpy.types.Strip, frame: int, scene: bpy.types.Scene) -> None:
    """Render what a strip needs of its scene for a frame, if it is not kept. Raises FrameError, MediaError."""
    rack_modifier = modifier.find(strip)
    if rack_modifier is None:
        scene_passes.media_frame(strip, frame, scene, may_render=True)
    else:
        frames.render_scene(strips.Shown(strip, frame, scene, frame, levels=((0, frame),)), rack_modifier)


class RACKFOCUS_OT_scene_passes_render(OnStrip, bpy.types.Operator):
    """Render and keep the picture and depth of the scene that a scene strip shows, so that the preview can refocus it.
    What is kept already is not rendered again"""

    bl_idname = "rackfocus.scene_passes_render"
    bl_label = "Render Scene Passes"

    whole: bpy.props.BoolProperty(
        name="Whole Strip", description="Every frame the strip shows; off, the current one", default=True
    )
    anew: bpy.props.BoolProperty(
        name="Anew",
        description="Also frames that are kept: for changes that cannot be noticed, as in a texture's file or a "
        "simulation",
        default=False,
    )

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        if not strips.shows_3d(strip):
            raise ValueError(f'"{strip.name}" is no scene strip that shows its camera')
        scene = strip.id_data
        if self.anew:
            scene_passes.renew(strip.scene)
        span = range(strip.left_handle, strip.right_handle) if self.whole else [scene.frame_current]
        before = len(scene_passes.rendered())
        try:
            for frame in span:
                _render_for(strip, frame, scene)
        finally:
            scene_passes.end()
            sweep()
        made = len(scene_passes.rendered()) - before
        self.report({"INFO"}, f"{made} render(s) for {len(span)} frame(s); the rest was kept already")
        if modifier.find(strip) is not None:
            signals.redraw()
        return {"FINISHED"}


CLASSES = (RACKFOCUS_OT_node_add, RACKFOCUS_OT_effect_add, RACKFOCUS_OT_scene_passes_render)
