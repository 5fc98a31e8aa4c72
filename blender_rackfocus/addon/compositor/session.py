# SPDX-License-Identifier: GPL-3.0-or-later
"""Rack Focus nodes in a scene's compositor, while that scene renders.

render_init       the scene gets a working copy of its compositing tree in which multilayer images stand in for the
                  Render Layers nodes: so Blender has no reason to render the 3D scene itself
render_pre        each scene behind a Render Layers node is rendered, once, by a copy of its own (`passes`); every
                  Rack Focus node's picture and depth are read from there, or asked of the compositor (`upstream`), and
                  its pixels made; then Blender composites the frame
render_complete   the scene gets its own tree back (also when the render was cancelled, and while a file is written),
render_cancel     and everything that was made for the render is removed

The scene remembers its own tree in a property while the copy stands in, so that undo steps and emergency saves taken
in the middle of a render come back right.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from dataclasses import dataclass, field, replace

import bpy
import cv2
import numpy as np

from ...frame import coding, inputs
from ...frame import depth as frame_depth
from ...frame.job import Made
from ...frame.make import Region
from ...frame.rendered import NOTHING, Rendered, hides, left_out, within_frame
from ...media import MediaError, RawDepth, baked, stills
from ..blender import errors, idnames, rendering, signals, stillness, versions
from ..blender.errors import EXPECTED, FrameError
from ..blender.log import once
from ..blender.own_trees import Aside
from ..blender.runtime import runtime, sweep
from ..blender.session import session as memory
from ..depth import passes, scene_passes, touches, upstream
from ..shot import group, intact, node, pixels
from . import node_baked, node_clip, node_notes, node_pixels, node_values, preview

_log = logging.getLogger(__name__)

PRELUDE = "Rack Focus Render"
"""The effect that hands the passes we rendered to the first effect of a scene that asks for the render itself."""
VALUES_NAME = "Rack Focus Values"
ASIDE = Aside(PRELUDE, "rackfocus_own_tree", alone=False)
"""A scene's own trees, while it renders working copies of them."""


@dataclass
class _Level:
    """One of a scene's compositing trees while it renders: the scene's own, the working copy, the place where they go.

    slot: None before it has one: that of what stands in for the render itself. gets_render: the tree's first input is
    the render. upstream: where the compositor can be asked, for trees that need it.
    """

    slot: versions.Slot | None
    own: bpy.types.NodeTree
    work: bpy.types.NodeTree
    gets_render: bool = False
    upstream: upstream.Upstream | None = None

    def label(self, name: str) -> str:
        """A node of this tree, told apart from those of other effects."""
        return _label(self.slot, name)

    @property
    def is_on(self) -> bool:
        """Whether the tree counts at the frame that its scene stands at."""
        return self.slot is None or self.slot.is_on

    def given(self, source: bpy.types.NodeSocket) -> bpy.types.bpy_struct | None:
        """The effect's own input behind a socket; None where it comes from elsewhere."""
        return self.slot.given(source) if self.slot is not None else None


def _label(slot: versions.Slot | None, name: str) -> str:
    return f"{slot.effect}: {name}" if slot is not None and slot.effect else name


@dataclass(eq=False)
class _Session:
    """One scene's render: its trees in the order in which they work, and a scene that tells the working copies' values
    at a frame.

    last: what each node's image shows of the frame rendered last, in a window: what came in, what was made of it.
    """

    scene: bpy.types.Scene
    levels: list[_Level]
    values: bpy.types.Scene
    folder: str
    passes: dict[int, passes.PassScene] = field(default_factory=dict)
    problem: str = ""
    installed: bool = False
    collected: dict[str, Collected] | None = None
    last: dict[int, tuple[bpy.types.Image, preview.Wish, Made | None]] = field(default_factory=dict)

    def nodes(self) -> list[tuple[_Level, bpy.types.Node]]:
        """The Rack Focus nodes at work, each after those that feed it."""
        return [(level, rack_node) for level in self.levels for rack_node in node.active_in(level.work)]


@dataclass(frozen=True)
class Collected:
    """One node's frame as a bake wants it. picture: what came in, top row first. made: None where the node does
    nothing. key: what `node_pixels.key_of_frame` tells. whole: the picture that comes in is not the one that Blender
    itself would render, so nothing of that may be seen. came: all that came in; None where the node does nothing."""

    picture: np.ndarray | None
    made: Made | None
    key: str
    whole: bool
    came: preview.Kept | None = None


_Place = tuple[int | str | float, ...]


@dataclass
class _Renders:
    """All by the scene's `session_uid`, as two linked scenes may have one name, and by the node's label.

    sessions: what renders now. failed_begin: why a render could not begin. shown: what was wrong with a node when it
    was rendered last. fits, behind: what was done to its depth, and found of what it hides, by frame too."""

    sessions: dict[int, _Session] = field(default_factory=dict)
    failed_begin: dict[int, str] = field(default_factory=dict)
    shown: dict[_Place, str] = field(default_factory=dict)
    fits: dict[_Place, str] = field(default_factory=dict)
    behind: dict[_Place, str] = field(default_factory=dict)

    def close(self) -> None:
        """The folders of renders that never came to an end go."""
        while self.sessions:
            shutil.rmtree(self.sessions.popitem()[1].folder, ignore_errors=True)


def _renders() -> _Renders:
    return memory.part(_Renders)


def is_composited(scene: bpy.types.Scene) -> bool:
    """Whether a render of the scene ends in its compositor: not when its sequencer has something to show."""
    if not scene.render.use_compositing or not versions.scene_trees(scene):
        return False
    editor = scene.sequence_editor
    if not scene.render.use_sequencer or editor is None:
        return True
    return all(strip.mute or strip.type == "SOUND" for strip in editor.strips)


def problem_before(scene: bpy.types.Scene) -> str:
    """What keeps a scene with Rack Focus nodes from being rendered at all; empty when nothing does."""
    hidden = next((name for tree in versions.scene_trees(scene) for name in node.hidden_in_groups(tree)), "")
    if hidden:
        return f'Rack Focus works on the tree\'s top level only: take it out of the node group "{hidden}"'
    if scene.render.use_multiview:
        return "stereo renders (several views) cannot be refocused"
    return ""


# --- Before the render -----------------------------------------------------------------------------------------------


def begin(scene: bpy.types.Scene) -> None:
    """Prepare a scene's render, if it has Rack Focus nodes at work."""
    end(scene)
    if not is_composited(scene):
        return
    problem = problem_before(scene)
    if not problem and not any(node.active_in(tree) for tree in versions.scene_trees(scene)):
        return
    node.separate(list(dict.fromkeys(tree for each in bpy.data.scenes for tree in versions.scene_trees(each))))
    levels = [_Level(slot, slot.tree, slot.tree) for slot in versions.slots(scene)]
    folder = tempfile.mkdtemp(prefix="rackfocus_", dir=bpy.app.tempdir or None)
    values = bpy.data.scenes.new(VALUES_NAME)
    runtime(values)
    session = _renders().sessions[scene.session_uid] = _Session(scene, levels, values, folder, problem=problem)
    if problem:
        return
    try:
        _stand_in(session)
    except (FrameError, MediaError) as error:
        session.problem = str(error)
        return
    _install(session)
    trees: dict[str, bpy.types.NodeTree] = {}
    for level in session.levels:
        trees[level.slot.effect] = level.work
        if any(_asks_compositor(level, rack_node) for rack_node in node.active_in(level.work)):
            level.upstream = upstream.prepare(scene, trees, folder)
    _fill_layers(session)
    versions.show_only(values, trees)


def _stand_in(session: _Session) -> None:
    """The working copies: Render Layers nodes replaced by the passes we shall render."""
    scene = session.scene
    if versions.takes_render(session.levels[0].own):
        session.levels[0].gets_render = True
        alone = upstream.render_alone(scene)
        session.levels.insert(0, _Level(None, alone, alone))
    wanted = [one for level in session.levels for one in upstream.render_layers(level.own)]
    with_depth = {each for level in session.levels for each in _layers_with_depth(scene, level)}
    for source in dict.fromkeys(one.scene for one in wanted):
        layers: dict[str, dict[str, str]] = {}
        for one in wanted:
            if one.scene == source:
                layers.setdefault(one.layer, {}).update(upstream.passes_of(one))
        deep = {layer for uid, layer in with_depth if uid == source.session_uid and layer in layers}
        asking = [
            rack_node
            for level in session.levels
            for rack_node in node.active_in(level.own)
            if source in _scenes_before(scene, level, rack_node, node.IMAGE)
        ]
        session.passes[source.session_uid] = passes.prepare(
            source,
            layers,
            deep,
            scene,
            session.folder,
            overscan=max((one.rackfocus_overscan for one in asking), default=0.0),
            asks_ends=any(one.rackfocus_render_behind for one in asking),
        )
    images = {uid: one.image for uid, one in session.passes.items()}
    for level in session.levels:
        level.work = upstream.with_stand_ins(level.own, images)
    _separate_twins(session)


def _separate_twins(session: _Session) -> None:
    """One tree may be in two effects: each of the two has pixels of its own, for this render."""
    own = {rack_node.node_tree for level in session.levels for rack_node in node.in_tree(level.own)}
    node.separate([level.work for level in session.levels])
    for level in session.levels:
        for rack_node in node.in_tree(level.work):
            if rack_node.node_tree not in own:
                runtime(rack_node.node_tree)
                runtime(group.image_of(rack_node.node_tree))


def _install(session: _Session) -> None:
    """The scene shows the working copies, and remembers its own trees."""
    ASIDE.remember(session.scene)
    for level in session.levels:
        if level.slot is None or level.slot.effect == PRELUDE:
            level.slot = versions.put_before(session.scene, PRELUDE, level.work)
        else:
            level.slot.put(level.work)
    session.installed = True


def _fill_layers(session: _Session) -> None:
    """Where the output is a Multi-Layer EXR, have Blender render the scene too, for a node that shows nothing: only its
    own render fills the layers of such a file."""
    scene = session.scene
    if scene.render.image_settings.file_format != "OPEN_EXR_MULTILAYER" or scene.session_uid not in session.passes:
        return
    session.levels[0].work.nodes.new(idnames.RENDER_LAYERS).scene = scene
    _warn(session, f'scene "{scene.name}" is rendered twice, once for the layers of its Multi-Layer EXR')


def _layers_with_depth(scene: bpy.types.Scene, level: _Level) -> set[tuple[int, str]]:
    """(scene's `session_uid`, view layer) whose depth a Rack Focus node takes without a link: that of its picture."""
    found, rendered = set(), upstream.render_layers(level.own)
    for rack_node in node.active_in(level.own):
        source = node.origin(rack_node.inputs[node.IMAGE])
        if source is None:
            continue
        if source.node in rendered:
            found.add((source.node.scene.session_uid, source.node.layer))
        elif _is_effects_picture(level, source):
            found.add((scene.session_uid, scene.view_layers[0].name))
    return found


def _scenes_before(
    scene: bpy.types.Scene, level: _Level, rack_node: bpy.types.Node, socket: str
) -> set[bpy.types.Scene]:
    """The scenes whose render reaches an input of a node of a scene's own trees, directly or not."""
    tree = level.own
    found: set[bpy.types.Scene] = set()
    source = node.origin(rack_node.inputs[socket])
    if source is None:
        return found
    rendered = upstream.render_layers(tree)
    names = {source.node.name} | node.upstream(source.node)
    for one in (tree.nodes[name] for name in names):
        inside = upstream.render_layers(one.node_tree) if getattr(one, "node_tree", None) is not None else ()
        found |= {each.scene for each in (one, *inside) if each in rendered}
        if one.bl_idname == idnames.GROUP_INPUT and level.slot is not None and level.slot.effect:
            found.add(scene)
    return found


def _is_effects_picture(level: _Level, source: bpy.types.NodeSocket) -> bool:
    """Whether a socket is the input that an effect's picture comes in by: the render, as the effects before it left
    it."""
    of_effect = level.slot is not None and bool(level.slot.effect)
    return of_effect and source.node.bl_idname == idnames.GROUP_INPUT and source == source.node.outputs[0]


def _is_render(level: _Level, source: bpy.types.NodeSocket) -> bool:
    """Whether a socket is the input of a tree that the render comes in by."""
    return level.gets_render and source.node.bl_idname == idnames.GROUP_INPUT and source == source.node.outputs[0]


def _asks_compositor(level: _Level, rack_node: bpy.types.Node) -> bool:
    """Whether anything that reaches a Rack Focus node is not simply a pass of ours or a plain value."""
    for socket in rack_node.inputs:
        source = node.origin(socket)
        if source is None or upstream.NOT_RENDERED in source.node or level.given(source) is not None:
            continue
        is_pass = _is_render(level, source) or (upstream.STAND_IN_SCENE in source.node and source.name != "Alpha")
        if socket.name not in (node.IMAGE, node.DEPTH) or not is_pass:
            return True
    return False


def _pass_of(session: _Session, level: _Level, source: bpy.types.NodeSocket) -> tuple[int, str, str] | None:
    """(scene's `session_uid`, view layer, pass) that an output of a stand-in is; None for all else. Raises FrameError
    where it stands in for what is not rendered."""
    source_node = source.node
    if _is_render(level, source):
        layer = session.scene.view_layers[0]
        if not layer.use:
            raise FrameError(f'view layer "{layer.name}" of scene "{session.scene.name}" is switched off for rendering')
        return session.scene.session_uid, layer.name, passes.COMBINED
    if upstream.NOT_RENDERED in source_node:
        raise FrameError(source_node[upstream.NOT_RENDERED])
    if upstream.STAND_IN_SCENE not in source_node or source.name == "Alpha":
        return None
    return source_node[upstream.STAND_IN_SCENE], source_node[upstream.STAND_IN_LAYER], source.name


# --- Each frame ------------------------------------------------------------------------------------------------------


def show(scene: bpy.types.Scene) -> list[FrameError]:
    """Render the passes of the scene's current frame and fill the image of every Rack Focus node. Returns what went
    wrong."""
    frame, subframe = scene.frame_current, scene.frame_subframe
    renders = _renders()
    if scene.session_uid in renders.failed_begin:
        return [_refused(scene, node.NODE_NAME, renders.failed_begin[scene.session_uid])]
    session = renders.sessions.get(scene.session_uid)
    if session is None:
        return []
    nodes = session.nodes()
    first = nodes[0][0].label(nodes[0][1].name) if nodes else node.NODE_NAME
    if session.problem:
        return [_refused(scene, first, session.problem)]
    try:
        for one in session.passes.values():
            passes.render(one, frame, subframe)
            _warn_of_camera(session, one)
    except (FrameError, MediaError) as error:
        return [FrameError.of(error, first, frame, compositor=scene.name)]
    session.values.frame_set(frame, subframe=subframe)
    depsgraph = session.values.view_layers[0].depsgraph
    problems: list[FrameError] = []
    for level, one in nodes:
        label = level.label(one.name)
        if not level.is_on:
            _do_nothing(session, one)
            continue
        try:
            _fill(session, level, one, level.work.evaluated_get(depsgraph).nodes[one.name], frame, subframe)
        except EXPECTED as error:
            _show_own(one, group.image_of(one.node_tree))
            problem = FrameError.of(error, label, frame, compositor=scene.name)
            renders.shown[scene.session_uid, label] = str(problem)
            problems.append(problem)
        else:
            renders.shown.pop((scene.session_uid, label), None)
            errors.made(scene.session_uid, label, frame)
    return problems


def _refused(scene: bpy.types.Scene, label: str, cause: str) -> FrameError:
    """That a node's frame cannot be made. label: the node's, or the first one's where it is the scene's trouble."""
    return FrameError(cause, label, scene.frame_current, compositor=scene.name)


def problem_of(scene: bpy.types.Scene, rack_node: bpy.types.Node) -> str:
    """What was wrong with a node when it was rendered last; empty when all was well."""
    return _told(_renders().shown, scene, rack_node)


def fit_told(scene: bpy.types.Scene, rack_node: bpy.types.Node) -> str:
    """What was done so that a node's depth fits its picture when this frame was rendered; empty where it is left as it
    is."""
    fits = rack_node.rackfocus_fit_depth
    return _told(_renders().fits, scene, rack_node, scene.frame_current_final) if fits else ""


def behind_told(scene: bpy.types.Scene, rack_node: bpy.types.Node) -> str:
    """What was found of what a node's picture hides when this frame was rendered; empty where that is not asked."""
    asked = rack_node.rackfocus_render_behind or node_clip.looks(rack_node)
    return _told(_renders().behind, scene, rack_node, scene.frame_current_final) if asked else ""


def scene_before(scene: bpy.types.Scene, rack_node: bpy.types.Node) -> bpy.types.Scene | None:
    """The one scene whose render a node of a scene's compositor gets; None where there is none, or several."""
    slot = next((each for each in versions.slots(scene) if each.tree == rack_node.id_data), None)
    found = _scenes_before(scene, _Level(slot, rack_node.id_data, rack_node.id_data), rack_node, node.IMAGE)
    return next(iter(found)) if len(found) == 1 else None


def _told(words: dict[_Place, str], scene: bpy.types.Scene, rack_node: bpy.types.Node, *at: float) -> str:
    labels = [_label(slot, rack_node.name) for slot in versions.slots(scene) if slot.tree == rack_node.id_data]
    places = ((scene.session_uid, each, *at) for each in labels)
    return next((words[place] for place in places if place in words), "")


def _fill(
    session: _Session, level: _Level, rack_node: bpy.types.Node, seen: bpy.types.Node, frame: int, subframe: float
) -> None:
    """Make one node's pixels. seen: the node with its inputs as they are at the frame."""
    damage = intact.damage(rack_node.node_tree)
    if damage:
        raise FrameError(damage)
    image = group.image_of(rack_node.node_tree)
    values = _values(session, level, rack_node, seen, frame, subframe)
    region = _region(session.scene.render) if _shows_a_render(level, rack_node) else None
    watched = session.collected is None and preview.is_wanted()

    rendered = NOTHING
    names: tuple[str, ...] = ()
    ends_m: dict[str, float] = {}

    def came(picture: np.ndarray, depth: RawDepth | None) -> preview.Kept:
        own_camera = _is_seen_by_own_camera(session, level, rack_node)
        return preview.Kept(picture, depth, values, region, own_camera, rendered, names, ends_m)

    def keep(picture: np.ndarray, depth: RawDepth | None, made: Made | None) -> None:
        kept = came(picture, depth)
        preview.keep(image, frame + subframe, kept)
        session.last[image.session_uid] = image, preview.as_rendered(rack_node, kept, frame), made

    if inputs.is_idle(values):
        _do_nothing(session, rack_node)
        if watched:
            picture = _picture(session, level, rack_node, frame, subframe)
            try:
                depth = _depth(session, level, rack_node, frame, subframe)
            except (FrameError, MediaError):
                depth = None  # said as soon as the node is to do something
            keep(picture, depth, None)
        return
    picture = _picture(session, level, rack_node, frame, subframe)
    depth = _depth(session, level, rack_node, frame, subframe)
    convention = node_values.convention_of(rack_node, depth)
    strokes = touches.on(rack_node, frame)
    depth_m, fit = frame_depth.on_picture(depth, convention, picture, rack_node.rackfocus_fit_depth, touches=strokes)
    renders, place = _renders(), (session.scene.session_uid, level.label(rack_node.name), frame + subframe)
    renders.fits[place] = fit.sentence()
    rendered, names, ends_m = _rendered(session, level, rack_node, values, depth_m, frame, subframe)
    if node_clip.looks(rack_node):
        clip = node_clip.Came(picture, depth, depth_m, values)
        what, renders.behind[place] = node_clip.found(session.scene, rack_node, frame, clip)
        rendered = replace(rendered, behind=what)
    else:
        renders.behind[place] = _behind_words(rendered)
    path = node_baked.file_at(rack_node, frame) if not subframe and session.collected is None else ""
    if path and node_baked.is_of(path, picture, depth_m, values, region, rendered):
        pixels.empty(image)  # Blender reads the baked frame itself
        if watched:
            flat = coding.encoded(*baked.read(path))
            keep(picture, depth, Made(picture.shape[1], picture.shape[0], flat))
        return
    made = node_pixels.make(rack_node.name, picture, depth_m, values, region, rendered)
    if made.flat is None:
        _show_own(rack_node, image)
    else:
        pixels.fill(image, made.width, made.height, made.flat, None)
    if watched:
        keep(picture, depth, made)
    if session.collected is not None:
        key = node_pixels.key_of_frame(picture, depth_m, values, region, rendered)
        whole = any(each.own_dof for each in session.passes.values())
        session.collected[rack_node.name] = Collected(picture, made, key, whole, came(picture, depth))


def _do_nothing(session: _Session, rack_node: bpy.types.Node) -> None:
    """A frame at which a node changes nothing."""
    _show_own(rack_node, group.image_of(rack_node.node_tree))
    if session.collected is not None:
        session.collected[rack_node.name] = Collected(None, None, "", False)


def _show_own(rack_node: bpy.types.Node, image: bpy.types.Image | None) -> None:
    """The picture that comes in is what goes out, whatever a baked frame says. Without an image it does anyhow."""
    if image is None:
        return
    if group.baked_node(rack_node.node_tree) is not None:
        pixels.show_own(image, None)
    else:
        pixels.empty(image)


def collect(scene: bpy.types.Scene) -> dict[str, Collected]:
    """Make the frame that a scene stands at of every Rack Focus node at work, outside of any render; each scene behind
    them is rendered once. Leaves nothing behind. Raises FrameError."""
    try:
        begin(scene)
        session = _renders().sessions.get(scene.session_uid)
        if session is None:
            raise _refused(scene, node.NODE_NAME, "its compositor does not show in a render")
        session.collected = {}
        problems = show(scene)
        if problems:
            raise problems[0]
        return session.collected
    finally:
        session = _renders().sessions.get(scene.session_uid)
        for one in (
            rack_node
            for level in (session.levels if session is not None else ())
            for rack_node in node.in_tree(level.own)
        ):
            image = group.image_of(one.node_tree)
            if image is not None:
                pixels.empty(image)
        end(scene)
        sweep()


def _asked(level: _Level) -> upstream.Upstream:
    """Where the compositor can be asked; prepared at the start for trees that need it."""
    if level.upstream is None:
        raise FrameError("the tree was changed while it renders")
    return level.upstream


def _values(
    session: _Session, level: _Level, rack_node: bpy.types.Node, seen: bpy.types.Node, frame: int, subframe: float
) -> dict[str, float]:
    def linked(name: str) -> float:
        return upstream.value(_asked(level), rack_node.name, name, frame, subframe)

    values = node_values.of(session.scene, level.slot, level.own, rack_node, seen, frame + subframe, linked)
    if rack_node.rackfocus_lens == "CAMERA":
        values.update(_camera(session, level, rack_node))
    return values


def _camera(session: _Session, level: _Level, rack_node: bpy.types.Node) -> dict[str, float]:
    """The lens of the scene that a node's picture is rendered from; of the only scene rendered where that is not
    plain."""
    uid = _scene_behind(session, level, rack_node)
    if uid is None:
        raise FrameError("Lens is set to Scene Camera, but which scene it is of cannot be told; set Lens to Inputs")
    camera = session.passes[uid].camera
    if isinstance(camera, FrameError):
        raise camera
    if camera is None:
        raise FrameError("the render engine did not tell where the camera is")
    return camera


def _is_seen_by_own_camera(session: _Session, level: _Level, rack_node: bpy.types.Node) -> bool:
    """Whether what reaches a node is seen by the camera of the very scene that renders."""
    return _scene_behind(session, level, rack_node) == session.scene.session_uid


def _scene_behind(session: _Session, level: _Level, rack_node: bpy.types.Node) -> int | None:
    """The `session_uid` of the scene that a node's picture is rendered from; the only one rendered where that is not
    plain, None where there are several or none."""
    source = node.origin(rack_node.inputs[node.IMAGE])
    taken = _pass_of(session, level, source) if source is not None else None
    if taken is not None:
        return taken[0]
    own = session.scene.session_uid
    if source is not None and own in session.passes and _is_effects_picture(level, source):
        return own
    return next(iter(session.passes)) if len(session.passes) == 1 else None


def _rendered(
    session: _Session,
    level: _Level,
    rack_node: bpy.types.Node,
    values: dict[str, float],
    depth_m: np.ndarray,
    frame: int,
    subframe: float,
) -> tuple[Rendered, tuple[str, ...], dict[str, float]]:
    """What is rendered for a node besides its picture: the objects that were left out for it, and how far all reach.
    Raises FrameError, MediaError."""
    wants_behind, wants_wide = rack_node.rackfocus_render_behind, rack_node.rackfocus_overscan > 0
    if not wants_behind and not wants_wide:
        return NOTHING, (), {}
    one = _asked_pass_scene(session, level, rack_node, wants_wide)
    names = left_out(one.ends_m, values, passes.frame_size(session.scene.render)[0]) if wants_behind else ()
    wide = _pixels_in(session, level, rack_node, one, one.wide, frame, subframe) if wants_wide else None
    margin = one.margin if wants_wide else (0, 0)
    behind = None
    if names:
        path = passes.render_hidden(one, names, frame, subframe)
        path = path if wants_wide else passes.in_frame(one, path)
        hidden = _pixels_in(session, level, rack_node, one, path, frame, subframe)
        behind = hides(depth_m if wide is None else wide[1], *hidden)
    return Rendered(behind, wide, margin), names, one.ends_m


def _behind_words(rendered: Rendered) -> str:
    if rendered.behind is None:
        return "Nothing to render behind: no object is blurred all over in front of the focus"
    share = float(within_frame(rendered.behind, rendered.margin).known.mean())
    return f"Rendered: what lies behind {100 * share:.1f} % of the picture"


def _asked_pass_scene(session: _Session, level: _Level, rack_node: bpy.types.Node, wide: bool) -> passes.PassScene:
    """The scene that is to be rendered for a node once more, or wider. Raises FrameError where that is of no use."""
    what = "Overscan" if wide else "Render Behind"
    off = "set Overscan to 0" if wide else "switch Render Behind off"
    at = session.levels.index(level)
    before = {each for part in session.levels[:at] for each in node.active_in(part.work)}
    tree = level.work
    before |= {tree.nodes[name] for name in node.upstream(rack_node) if node.is_node(tree.nodes[name])}
    if any(not each.mute for each in before):
        raise FrameError(f"{what} is for the first Rack Focus node behind a render: {off}")
    sockets = [name for name in (node.IMAGE, node.DEPTH) if node.origin(rack_node.inputs[name]) is not None]
    sources = [node.origin(rack_node.inputs[name]) for name in sockets]
    own = level.own.nodes[rack_node.name]
    scenes = [_scenes_before(session.scene, level, own, name) for name in sockets]
    if level.gets_render:
        scenes = [found or {session.scene} for found in scenes]
    if not scenes or any(len(found) != 1 or found != scenes[0] for found in scenes):
        raise FrameError(f"{what} needs a picture and a depth that are rendered from one scene: {off}")
    found = session.passes.get(next(iter(scenes[0])).session_uid)
    direct = [_pass_of(session, level, source) for source in sources if source is not None]
    if found is None or (wide and None in direct):
        raise FrameError(f"{what} needs Render Layers linked right to the node: {off}")
    return found


def _pixels_in(
    session: _Session,
    level: _Level,
    rack_node: bpy.types.Node,
    one: passes.PassScene,
    path: str,
    frame: int,
    subframe: float,
) -> tuple[np.ndarray, np.ndarray]:
    """A node's picture and depth in metres, were these the passes of a scene. Raises FrameError, MediaError."""
    usual = one.path
    one.path = path
    try:
        if level.upstream is not None:
            passes.show(one, path)
        picture = _picture(session, level, rack_node, frame, subframe)
        depth = _depth(session, level, rack_node, frame, subframe)
    finally:
        one.path = usual
        if level.upstream is not None:
            passes.show(one, usual)
    strokes = touches.on(rack_node, frame) if path == one.wide else ()  # what is hidden has none
    convention = node_values.convention_of(rack_node, depth)
    return picture, frame_depth.on_picture(depth, convention, picture, False, touches=strokes, margin=one.margin)[0]


def _picture(session: _Session, level: _Level, rack_node: bpy.types.Node, frame: int, subframe: float) -> np.ndarray:
    """The node's picture: (H, W, 4) float32, top row first. Raises FrameError."""
    source = node.origin(rack_node.inputs[node.IMAGE])
    if source is None:
        raise FrameError("no picture is linked to Image")
    taken = _pass_of(session, level, source)
    if taken is None:
        return upstream.picture(_asked(level), rack_node.name, node.IMAGE, frame, subframe)
    found = passes.read(session.passes[taken[0]], *taken[1:])
    if found.shape[2] == 3:
        found = cv2.merge([*cv2.split(found), np.ones(found.shape[:2], np.float32)])
    if found.shape[2] != 4:
        raise FrameError(f'the pass "{taken[2]}" is no picture')
    return found


def _shows_a_render(level: _Level, rack_node: bpy.types.Node) -> bool:
    """Whether a node's picture comes from a render, directly or not: then it has the render's border."""
    nodes = rack_node.id_data.nodes
    takes_effect = bool(level.slot.effect)  # what an effect gets from the one before it is the canvas, border and all
    links = rack_node.inputs[node.IMAGE].links
    feeding = {links[0].from_node.name} | node.upstream(links[0].from_node) if links else set()
    return any(
        upstream.holds_render(nodes[name]) or (takes_effect and nodes[name].bl_idname == idnames.GROUP_INPUT)
        for name in feeding
    )


def _depth(session: _Session, level: _Level, rack_node: bpy.types.Node, frame: int, subframe: float) -> RawDepth:
    """The numbers that reach a node as its depth. Raises FrameError."""
    source = node.origin(rack_node.inputs[node.DEPTH])
    if source is None:
        behind = node.origin(rack_node.inputs[node.IMAGE])
        taken = _pass_of(session, level, behind) if behind is not None else None
        if taken is None and behind is not None and _is_effects_picture(level, behind):
            taken = _own_render(session)
        if taken is None:
            raise FrameError("no depth is linked to Depth")
        taken = (*taken[:2], passes.DEPTH)
    else:
        taken = _pass_of(session, level, source)
    if taken is not None:
        numbers = passes.read(session.passes[taken[0]], *taken[1:])[..., 0]
        return RawDepth(np.ascontiguousarray(numbers), False, taken[2], 32)
    return _raw(upstream.plane(_asked(level), rack_node.name, node.DEPTH, frame, subframe), source)


def _own_render(session: _Session) -> tuple[int, str, str] | None:
    """The picture of the scene's own first view layer, as `_pass_of` tells one; None where that is not rendered."""
    uid, layer = session.scene.session_uid, session.scene.view_layers[0].name
    is_there = uid in session.passes and session.passes[uid].copy.view_layers[layer].use
    return (uid, layer, passes.COMBINED) if is_there else None


def _raw(numbers: np.ndarray, source: bpy.types.NodeSocket) -> RawDepth:
    """Numbers that reach a node, with what is known of the file behind the socket. Raises FrameError."""
    source_node = source.node
    is_clip = source_node.bl_idname == idnames.MOVIE_CLIP and source_node.clip is not None
    if not is_clip and not (source_node.bl_idname == idnames.IMAGE and source_node.image is not None):
        return RawDepth(numbers, False, source.name, 32)
    held = source_node.clip if is_clip else source_node.image
    bits = 8 if is_clip else _whole_bits(held)
    if not bits:
        return RawDepth(numbers, False, source.name, 32)
    if not held.colorspace_settings.is_data:
        name = held.colorspace_settings.name
        raise FrameError(f"the depth picture's colour space is {name}, which bends its numbers: set it to Non-Color")
    return RawDepth(numbers, True, "", bits)


def _whole_bits(image: bpy.types.Image) -> int:
    """Bits of an image's values where its file stores whole numbers, which Blender shows as 0 to 1; 0 for floats."""
    if image.source in {"FILE", "SEQUENCE"} and image.packed_file is None and image.filepath:
        path = bpy.path.abspath(image.filepath, library=image.library)
        if stills.is_still(path) and os.path.isfile(path):
            return stills.whole_bits(path)
    return 0 if image.is_float else 8


def _region(render: bpy.types.RenderSettings) -> Region | None:
    """The border of a render, None where there is none: in pixels as Blender rounds it, from the top."""
    if not render.use_border:
        return None
    width, height = passes.frame_size(render)
    left, right, bottom, top = upstream.border(render)
    share = (right - left) / width
    if render.use_crop_to_border:
        return Region(slice(None), slice(None), share)
    return Region(slice(height - top, height - bottom), slice(left, right), share)


def _warn_of_camera(session: _Session, pass_scene: passes.PassScene) -> None:
    if pass_scene.own_dof:
        _warn(
            session,
            f'camera "{pass_scene.own_dof}" has its own Depth of Field on. It was switched off for this render of its '
            "passes, or the picture would be blurred twice.",
        )
    if pass_scene.panoramic:
        _warn(
            session,
            f'camera "{pass_scene.panoramic}" of scene "{pass_scene.source.name}" is panoramic: its Depth is the '
            "distance along each ray, so focus lies on a sphere around the camera, not on a plane.",
        )


def _warn(session: _Session, text: str) -> None:
    """Say something once in a render."""
    _log.warning("%s", text, extra=once(session))


# --- After it --------------------------------------------------------------------------------------------------------


def end(scene: bpy.types.Scene) -> None:
    """Give a scene its own tree back and remove what was made for its render."""
    session = _renders().sessions.pop(scene.session_uid, None)
    _renders().failed_begin.pop(scene.session_uid, None)
    ASIDE.restore(scene)
    if session is None:
        return
    for image, wish, made in session.last.values():
        preview.leave(image, wish, made)
    shutil.rmtree(session.folder, ignore_errors=True)


# --- Blender's events ------------------------------------------------------------------------------------------------


def on_render_init(scene: bpy.types.Scene, *_rest: object) -> None:
    """A scene's render begins."""
    try:
        with stillness.still():
            begin(scene)
            if not rendering.is_inside() and scene.session_uid not in _renders().sessions:
                scene_passes.begin(scene)
    except BaseException as error:  # said, and the render stopped, at the first frame
        _log.exception("a render could not begin")
        _renders().failed_begin[scene.session_uid] = errors.unexpected(error)


def on_render_pre(scene: bpy.types.Scene, *_rest: object) -> None:
    """A render has come to a frame."""
    try:
        with stillness.still():
            problems = show(scene)
            scene_passes.show(scene)
    except FrameError as error:
        problems = [_refused(scene, scene_passes.STAND_IN, error.cause)]
    except BaseException as error:  # Blender would print it and render on, with whatever pixels are there
        _log.exception("a frame could not be made")
        problems = [_refused(scene, node.NODE_NAME, errors.unexpected(error))]
    if problems:
        with stillness.still():
            errors.stop_render(scene, problems, inside=rendering.is_inside())


def on_render_end(scene: bpy.types.Scene, *_rest: object) -> None:
    """A render, or one inside another, is over."""
    with stillness.still():
        end(scene)
        if not rendering.is_on():
            scene_passes.end()
            sweep()
            errors.sweep()
    if not rendering.is_on():
        preview.refresh_soon()


def on_save(*_rest: object) -> None:
    """The file is about to be written."""
    for session in _renders().sessions.values():
        ASIDE.restore(session.scene)
    for scene in bpy.data.scenes:
        scene_passes.ASIDE.restore(scene)


def on_saved(*_rest: object) -> None:
    """The file was written, or could not be."""
    for session in _renders().sessions.values():
        if session.installed:
            _install(session)
    scene_passes.put_back()
    _refresh()


def _refresh() -> None:
    if not rendering.is_on():
        preview.refresh()


def on_edit(*_rest: object) -> None:
    """Something was edited."""
    scene_passes.forget()
    node_notes.forget()
    _refresh()


def on_frame_change(*_rest: object) -> None:
    """The timeline stands at another frame."""
    _refresh()


def on_load(*_rest: object) -> None:
    """Another file was opened, or an undo changed this one."""
    _renders().sessions.clear()
    scene_passes.forget()
    node_notes.forget()
    scene_passes.end()
    for scene in bpy.data.scenes:
        ASIDE.restore(scene)
    _refresh()


def register() -> None:
    signals.on_redraw(_refresh)


def unregister() -> None:
    signals.off_redraw(_refresh)
    for session in list(_renders().sessions.values()):
        end(session.scene)
