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

import shutil
import sys
import tempfile
import traceback
from dataclasses import dataclass, field

import bpy
import cv2
import numpy as np
from bpy.app.handlers import persistent

from ...core.depth import DepthConvention, fit_to_picture, to_metres
from ...frame import coding, inputs
from ...frame.job import Made
from ...frame.make import Region
from ...media import MediaError, baked
from .. import errors
from ..blender import stillness
from ..scenes import passes, scene_passes, upstream
from ..scenes.passes import PassError
from ..shot import camera_lens, focus_keys, group, node, pixels, settings
from . import node_baked, node_pixels, node_recipe

OWN_TREE = "rackfocus_own_tree"
"""Custom property of a scene that is being rendered: the tree that is its own."""
VALUES_NAME = "Rack Focus Values"


class NodeError(errors.FrameError):
    """A frame of a Rack Focus node that cannot be made."""

    def __init__(self, scene: str, name: str, frame: float, cause: str) -> None:
        super().__init__(name, frame, cause=cause)
        self.scene = scene

    @property
    def subject(self) -> str:
        """What the frame is of."""
        return f'node "{self.strip}" in the compositor of scene "{self.scene}"'


@dataclass
class _Session:
    """One scene's render: its own tree, the working copy, a scene that tells the copy's values at a frame.

    last: what each node's image shows of the frame rendered last, in a window: the picture that came in, what was made.
    """

    scene: bpy.types.Scene
    own: bpy.types.NodeTree
    work: bpy.types.NodeTree
    values: bpy.types.Scene
    folder: str
    passes: dict[int, passes.PassScene] = field(default_factory=dict)
    upstream: upstream.Upstream | None = None
    problem: str = ""
    warned: set[str] = field(default_factory=set)
    collected: dict[str, Collected] | None = None
    last: dict[int, tuple[bpy.types.Image, np.ndarray, Made | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class Collected:
    """One node's frame as a bake wants it. picture: what came in, top row first. made: None where the node does
    nothing. key: what `node_pixels.key_of_frame` tells. whole: the picture that comes in is not the one that Blender
    itself would render, so nothing of that may be seen."""

    picture: np.ndarray | None
    made: Made | None
    key: str
    whole: bool


_sessions: dict[str, _Session] = {}
_shown: dict[tuple[str, str], str] = {}
_failed_begin: dict[str, str] = {}
_rendering: list[str] = []
"""Names of the scenes that render, the outermost first: a scene strip renders its scene inside another render."""


def is_composited(scene: bpy.types.Scene) -> bool:
    """Whether a render of the scene ends in its compositor: not when its sequencer has something to show."""
    if scene.compositing_node_group is None or not scene.render.use_compositing:
        return False
    editor = scene.sequence_editor
    if not scene.render.use_sequencer or editor is None:
        return True
    return all(strip.mute or strip.type == "SOUND" for strip in editor.strips)


def problem_before(scene: bpy.types.Scene) -> str:
    """What keeps a scene with Rack Focus nodes from being rendered at all; empty when nothing does."""
    hidden = next(node.hidden_in_groups(scene.compositing_node_group), "")
    if hidden:
        return f'Rack Focus works on the tree\'s top level only: take it out of the node group "{hidden}"'
    if scene.render.use_multiview:
        return "stereo renders (several views) cannot be refocused"
    return ""


# --- Before the render -----------------------------------------------------------------------------------------------


def begin(scene: bpy.types.Scene) -> None:
    """Prepare a scene's render, if it has Rack Focus nodes at work."""
    end(scene)
    tree = scene.compositing_node_group
    if not is_composited(scene):
        return
    problem = problem_before(scene)
    if not problem and not node.active_in(tree):
        return
    node.separate([each.compositing_node_group for each in bpy.data.scenes if each.compositing_node_group is not None])
    folder = tempfile.mkdtemp(prefix="rackfocus_", dir=bpy.app.tempdir or None)
    values = bpy.data.scenes.new(VALUES_NAME)
    passes.runtime(values)
    session = _sessions[scene.name] = _Session(scene, tree, tree, values, folder, problem=problem)
    if problem:
        return
    try:
        _stand_in(session)
    except (PassError, MediaError) as error:
        session.problem = str(error)
        return
    if any(_asks_compositor(one) for one in node.active_in(session.work)):
        session.upstream = upstream.prepare(scene, session.work, folder)
    _fill_layers(session)
    values.compositing_node_group = session.work
    scene[OWN_TREE] = tree
    scene.compositing_node_group = session.work


def _stand_in(session: _Session) -> None:
    """The working copy: Render Layers nodes replaced by the passes we shall render."""
    wanted = upstream.render_layers(session.own)
    with_depth = _layers_with_depth(session.own)
    for source in dict.fromkeys(one.scene for one in wanted):
        layers: dict[str, dict[str, str]] = {}
        for one in wanted:
            if one.scene == source:
                layers.setdefault(one.layer, {}).update(upstream.passes_of(one))
        deep = {layer for uid, layer in with_depth if uid == source.session_uid}
        session.passes[source.session_uid] = passes.prepare(source, layers, deep, session.scene, session.folder)

    images = {uid: one.image for uid, one in session.passes.items()}
    session.work = upstream.with_stand_ins(session.own, images)


def _fill_layers(session: _Session) -> None:
    """Where the output is a Multi-Layer EXR, have Blender render the scene too, for a node that shows nothing: only its
    own render fills the layers of such a file."""
    scene = session.scene
    if scene.render.image_settings.file_format != "OPEN_EXR_MULTILAYER" or scene.session_uid not in session.passes:
        return
    session.work.nodes.new(upstream.RENDER_LAYERS).scene = scene
    _warn(session, f'scene "{scene.name}" is rendered twice, once for the layers of its Multi-Layer EXR')


def _layers_with_depth(tree: bpy.types.NodeTree) -> set[tuple[int, str]]:
    """(scene's `session_uid`, view layer) whose depth a Rack Focus node takes without a link: that of its picture."""
    found, rendered = set(), upstream.render_layers(tree)
    for one in node.active_in(tree):
        source = node.origin(one.inputs[node.IMAGE])
        if source is not None and source.node in rendered:
            found.add((source.node.scene.session_uid, source.node.layer))
    return found


def _asks_compositor(one: bpy.types.Node) -> bool:
    """Whether anything that reaches a Rack Focus node is not simply a pass of ours or a plain value."""
    for socket in one.inputs:
        source = node.origin(socket)
        if source is None or upstream.NOT_RENDERED in source.node:
            continue
        if socket.name not in (node.IMAGE, node.DEPTH) or _pass_of(source) is None:
            return True
    return False


def _pass_of(source: bpy.types.NodeSocket) -> tuple[int, str, str] | None:
    """(scene's `session_uid`, view layer, pass) that an output of a stand-in is; None for all else. Raises PassError
    where it stands in for what is not rendered."""
    one = source.node
    if upstream.NOT_RENDERED in one:
        raise PassError(one[upstream.NOT_RENDERED])
    if upstream.STAND_IN_SCENE not in one or source.name == "Alpha":
        return None
    return one[upstream.STAND_IN_SCENE], one[upstream.STAND_IN_LAYER], source.name


# --- Each frame ------------------------------------------------------------------------------------------------------


def show(scene: bpy.types.Scene) -> list[errors.FrameError]:
    """Render the passes of the scene's current frame and fill the image of every Rack Focus node. Returns what went
    wrong."""
    frame, subframe = scene.frame_current, scene.frame_subframe
    if scene.name in _failed_begin:
        return [NodeError(scene.name, node.NODE_NAME, frame, _failed_begin[scene.name])]
    session = _sessions.get(scene.name)
    if session is None:
        return []
    nodes = node.active_in(session.work if not session.problem else session.own)
    if session.problem:
        return [NodeError(scene.name, nodes[0].name if nodes else node.NODE_NAME, frame, session.problem)]
    try:
        for one in session.passes.values():
            passes.render(one, frame, subframe)
            _warn_of_camera(session, one)
    except (PassError, MediaError) as error:
        return [NodeError(scene.name, nodes[0].name, frame, str(error))]
    session.values.frame_set(frame, subframe=subframe)
    evaluated = session.work.evaluated_get(session.values.view_layers[0].depsgraph)
    problems: list[errors.FrameError] = []
    for one in nodes:
        try:
            _fill(session, one, evaluated.nodes[one.name], frame, subframe)
        except (PassError, MediaError, ValueError, camera_lens.CameraError) as error:
            _show_own(one, group.image_of(one.node_tree))
            problem = NodeError(scene.name, one.name, frame, str(error))
            _shown[scene.name, one.name] = str(problem)
            problems.append(problem)
        else:
            _shown.pop((scene.name, one.name), None)
            errors.made(scene.name, one.name, frame)
    return problems


def problem_of(scene: str, name: str) -> str:
    """What was wrong with a node when it was rendered last; empty when all was well."""
    return _shown.get((scene, name), "")


def _fill(session: _Session, one: bpy.types.Node, seen: bpy.types.Node, frame: int, subframe: float) -> None:
    """Make one node's pixels. seen: the node with its inputs as they are at the frame."""
    image = group.image_of(one.node_tree)
    if image is None:
        raise PassError("its node group has lost its image; add the node anew")
    values = _values(session, one, seen, frame, subframe)
    if values["Mix"] <= 0 or values["Near Strength"] + values["Far Strength"] <= 0:
        _show_own(one, image)
        if session.collected is not None:
            session.collected[one.name] = Collected(None, None, "", False)
        elif not bpy.app.background:
            session.last[image.session_uid] = image, _picture(session, one, frame, subframe), None
        return
    picture = _picture(session, one, frame, subframe)
    depth_m = _depth(session, one, picture.shape[:2], frame, subframe)
    region = _region(session.scene.render) if _shows_a_render(one) else None
    path = node_baked.file_at(one, frame) if not subframe and session.collected is None else ""
    if path and node_baked.is_of(path, picture, depth_m, values, region):
        pixels.empty(image)  # Blender reads the baked frame itself
        if not bpy.app.background:
            kept, counts = baked.read(path)
            flat = coding.encoded(kept, counts)
            session.last[image.session_uid] = image, picture, Made(picture.shape[1], picture.shape[0], flat)
        return
    made = node_pixels.make(one.name, picture, depth_m, values, region)
    if made.flat is None:
        _show_own(one, image)
    else:
        pixels.fill(image, made.width, made.height, made.flat, None)
    if session.collected is None and not bpy.app.background:
        session.last[image.session_uid] = image, picture, made
    if session.collected is not None:
        key = node_pixels.key_of_frame(picture, depth_m, values, region)
        whole = any(each.own_dof for each in session.passes.values())
        session.collected[one.name] = Collected(picture, made, key, whole)


def _show_own(one: bpy.types.Node, image: bpy.types.Image) -> None:
    """The picture that comes in is what goes out, whatever a baked frame says."""
    if group.baked_node(one.node_tree) is not None:
        pixels.show_own(image, None)
    else:
        pixels.empty(image)


def collect(scene: bpy.types.Scene) -> dict[str, Collected]:
    """Make the frame that a scene stands at of every Rack Focus node at work, outside of any render; each scene behind
    them is rendered once. Leaves nothing behind. Raises NodeError."""
    try:
        begin(scene)
        session = _sessions.get(scene.name)
        if session is None:
            raise NodeError(scene.name, node.NODE_NAME, scene.frame_current, "its compositor does not show in a render")
        session.collected = {}
        problems = show(scene)
        if problems:
            raise problems[0]
        return session.collected
    finally:
        session = _sessions.get(scene.name)
        for one in node.in_tree(session.own if session is not None else None):
            image = group.image_of(one.node_tree)
            if image is not None:
                pixels.empty(image)
        end(scene)
        passes.sweep()


def _asked(session: _Session) -> upstream.Upstream:
    """Where the compositor can be asked; prepared at the start for trees that need it."""
    if session.upstream is None:
        raise PassError("the tree was changed while it renders")
    return session.upstream


def _values(
    session: _Session, one: bpy.types.Node, seen: bpy.types.Node, frame: int, subframe: float
) -> dict[str, float]:
    found = {}
    for entry in inputs.INPUTS:
        if node.origin(one.inputs[entry.name]) is None:
            found[entry.name] = seen.inputs[entry.name].default_value
            if entry.name == focus_keys.INPUT:
                path = one.inputs[entry.name].path_from_id("default_value")
                found[entry.name] = focus_keys.focus_m(session.own, path, found[entry.name], now=frame + subframe)
        else:
            told = upstream.value(_asked(session), one.name, entry.name, frame, subframe)
            found[entry.name] = min(max(told, entry.minimum), entry.maximum)
    if one.rackfocus_lens == "CAMERA":
        found.update(_camera(session, one))
    return found


def _camera(session: _Session, one: bpy.types.Node) -> dict[str, float]:
    """The lens of the scene that a node's picture is rendered from; of the only scene rendered where that is not
    plain."""
    source = node.origin(one.inputs[node.IMAGE])
    taken = _pass_of(source) if source is not None else None
    names = [taken[0]] if taken is not None else list(session.passes)
    if len(names) != 1:
        raise PassError("Lens is set to Scene Camera, but which scene it is of cannot be told; set Lens to Inputs")
    camera = session.passes[names[0]].camera
    if isinstance(camera, camera_lens.CameraError):
        raise camera
    if camera is None:
        raise PassError("the render engine did not tell where the camera is")
    return camera


def _picture(session: _Session, one: bpy.types.Node, frame: int, subframe: float) -> np.ndarray:
    """The node's picture: (H, W, 4) float32, top row first. Raises PassError."""
    source = node.origin(one.inputs[node.IMAGE])
    if source is None:
        raise PassError("no picture is linked to Image")
    taken = _pass_of(source)
    if taken is None:
        return upstream.picture(_asked(session), one.name, node.IMAGE, frame, subframe)
    found = passes.read(session.passes[taken[0]], *taken[1:])
    if found.shape[2] == 3:
        found = cv2.merge([*cv2.split(found), np.ones(found.shape[:2], np.float32)])
    if found.shape[2] != 4:
        raise PassError(f'the pass "{taken[2]}" is no picture')
    return found


def _shows_a_render(one: bpy.types.Node) -> bool:
    """Whether a node's picture comes from a render, directly or not: then it has the render's border."""
    nodes = one.id_data.nodes
    links = one.inputs[node.IMAGE].links
    feeding = {links[0].from_node.name} | node.upstream(links[0].from_node) if links else set()
    return any(upstream.holds_render(nodes[name]) for name in feeding)


def _depth(session: _Session, one: bpy.types.Node, size: tuple[int, int], frame: int, subframe: float) -> np.ndarray:
    source = node.origin(one.inputs[node.DEPTH])
    convention = settings.convention_of(one) or DepthConvention("METRES")
    if source is None:
        behind = node.origin(one.inputs[node.IMAGE])
        taken = _pass_of(behind) if behind is not None else None
        if taken is None:
            raise PassError("no depth is linked to Depth")
        taken = (*taken[:2], passes.DEPTH)
    else:
        taken = _pass_of(source)
    if taken is not None:
        raw = passes.read(session.passes[taken[0]], *taken[1:])[..., 0]
    else:
        raw = upstream.plane(_asked(session), one.name, node.DEPTH, frame, subframe)
        convention = _convention(one, source) or convention
    return fit_to_picture(to_metres(np.ascontiguousarray(raw), convention), *size)


def _convention(one: bpy.types.Node, source: bpy.types.NodeSocket) -> DepthConvention | None:
    """What a depth picture's numbers mean where the user left that to us: whole-number files run from 0 to 1."""
    stored = _whole_numbers(source)
    if stored and stored != "Non-Color":
        raise PassError(f"the depth picture's colour space is {stored}, which bends its numbers: set it to Non-Color")
    if one.rackfocus_depth_kind != "AUTO" or not stored:
        return None
    return DepthConvention(
        "NORMALISED",
        near_m=one.rackfocus_near_m,
        far_m=one.rackfocus_far_m,
        white_near=one.rackfocus_white_near,
        ramp=one.rackfocus_depth_ramp,
    )


def _whole_numbers(source: bpy.types.NodeSocket) -> str:
    """The colour space of the file behind a socket if it stores whole numbers; empty for floats and for no file."""
    one = source.node
    if one.bl_idname == "CompositorNodeMovieClip" and one.clip is not None:
        return one.clip.colorspace_settings.name
    if one.bl_idname == "CompositorNodeImage" and one.image is not None and not one.image.is_float:
        return one.image.colorspace_settings.name
    return ""


def _region(render: bpy.types.RenderSettings) -> Region | None:
    """The border of a render, None where there is none: in pixels as Blender rounds it, from the top."""
    if not render.use_border:
        return None
    width, height = upstream.frame_size(render)
    left, right, bottom, top = upstream.border(render)
    share = (right - left) / width
    if render.use_crop_to_border:
        return Region(slice(None), slice(None), share)
    return Region(slice(height - top, height - bottom), slice(left, right), share)


def _warn_of_camera(session: _Session, one: passes.PassScene) -> None:
    if one.own_dof:
        _warn(
            session,
            f'camera "{one.own_dof}" has its own Depth of Field on. It was switched off for this render of its '
            "passes, or the picture would be blurred twice.",
        )
    if one.panoramic:
        _warn(
            session,
            f'camera "{one.panoramic}" of scene "{one.source.name}" is panoramic: its Depth is the distance along '
            "each ray, so focus lies on a sphere around the camera, not on a plane.",
        )


def _warn(session: _Session, text: str) -> None:
    """Say something once in a render."""
    if text not in session.warned:
        session.warned.add(text)
        print(f"Rack Focus: Warning: {text}", file=sys.stderr, flush=True)


# --- After it --------------------------------------------------------------------------------------------------------


def end(scene: bpy.types.Scene) -> None:
    """Give a scene its own tree back and remove what was made for its render."""
    session = _sessions.pop(scene.name, None)
    _failed_begin.pop(scene.name, None)
    restore(scene)
    if session is None:
        return
    for image, picture, made in session.last.values():
        _leave_whole(image, picture, made)
    shutil.rmtree(session.folder, ignore_errors=True)


def _leave_whole(image: bpy.types.Image, picture: np.ndarray, made: Made | None) -> None:
    """What the render showed, whole: the window's compositor runs once more after it, on the scene's own tree, whose
    Render Layers have nothing to show, because the scene was rendered by its copy."""
    shown = np.array(picture, np.float32)
    if made is not None and made.flat is not None:
        refocused, counts = coding.decode(made.flat, made.width, made.height)
        shown[counts] = refocused[counts]
    flat = coding.encoded(shown, np.ones(shown.shape[:2], bool))
    pixels.fill(image, shown.shape[1], shown.shape[0], flat, None)


def restore(scene: bpy.types.Scene) -> None:
    """Give a scene its own tree back, also one that comes from an undo step or an emergency save."""
    if OWN_TREE in scene:
        own = scene[OWN_TREE]
        del scene[OWN_TREE]
        if own is not None:
            scene.compositing_node_group = own


# --- Blender's events ------------------------------------------------------------------------------------------------


@persistent
def _on_render_init(scene: bpy.types.Scene, *_rest: object) -> None:
    if errors.is_stopping():
        return
    if scene.name in _rendering:  # Blender gave up on it without a word
        del _rendering[_rendering.index(scene.name) :]
    _rendering.append(scene.name)
    try:
        with stillness.still():
            begin(scene)
            if len(_rendering) == 1 and scene.name not in _sessions:
                scene_passes.begin(scene)
    except BaseException as error:  # said, and the render stopped, at the first frame
        traceback.print_exc()
        _failed_begin[scene.name] = errors.unexpected(error)


@persistent
def _on_render_pre(scene: bpy.types.Scene, *_rest: object) -> None:
    if errors.is_stopping():
        return
    try:
        with stillness.still():
            problems = show(scene)
            scene_passes.show(scene)
    except PassError as error:
        problems = [NodeError(scene.name, scene_passes.STAND_IN, scene.frame_current, error.cause)]
    except BaseException as error:  # Blender would print it and render on, with whatever pixels are there
        traceback.print_exc()
        problems = [NodeError(scene.name, node.NODE_NAME, scene.frame_current, errors.unexpected(error))]
    if problems:
        with stillness.still():
            errors.stop_render(scene, problems, inside=len(_rendering) > 1)


@persistent
def _on_render_end(scene: bpy.types.Scene, *_rest: object) -> None:
    if errors.is_stopping():
        return
    if scene.name in _rendering:
        del _rendering[_rendering.index(scene.name) :]
    with stillness.still():
        end(scene)
        if not _rendering:
            scene_passes.end()
            passes.sweep()
            errors.sweep()


@persistent
def _on_save(*_rest: object) -> None:
    for session in _sessions.values():
        restore(session.scene)
    for scene in bpy.data.scenes:
        scene_passes.restore(scene)


@persistent
def _on_saved(*_rest: object) -> None:
    for session in _sessions.values():
        if session.work is not session.own:
            session.scene[OWN_TREE] = session.own
            session.scene.compositing_node_group = session.work
    scene_passes.put_back()


@persistent
def _on_edit(*_rest: object) -> None:
    scene_passes.forget()
    node_recipe.seen.clear()


@persistent
def _on_load(*_rest: object) -> None:
    _sessions.clear()
    _rendering.clear()
    scene_passes.forget()
    node_recipe.seen.clear()
    scene_passes.end()
    for scene in bpy.data.scenes:
        restore(scene)


_HANDLERS = (
    ("render_init", _on_render_init),
    ("render_pre", _on_render_pre),
    ("render_complete", _on_render_end),
    ("render_cancel", _on_render_end),
    ("depsgraph_update_post", _on_edit),
    ("save_pre", _on_save),
    ("save_post", _on_saved),
    ("save_post_fail", _on_saved),
    ("load_post", _on_load),
    ("undo_post", _on_load),
    ("redo_post", _on_load),
)


def register() -> None:
    for event, handler in _HANDLERS:
        getattr(bpy.app.handlers, event).append(handler)


def unregister() -> None:
    for event, handler in reversed(_HANDLERS):
        getattr(bpy.app.handlers, event).remove(handler)
    for session in list(_sessions.values()):
        end(session.scene)
