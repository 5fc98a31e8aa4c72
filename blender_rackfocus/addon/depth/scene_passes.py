# SPDX-License-Identifier: GPL-3.0-or-later
"""Scene strips that show a 3D scene: their picture and depth are rendered once, through a pinhole, and kept.

What was rendered lies in the store under a hash of all that the scene is made of (`scene_print`), so only a change of
the scene renders it again, never a change of focus. It is handed on as a small EXR file with the picture and its
depth, which `frames` reads like any strip's file.

On request more is rendered and kept with it: what the scene looks like without the objects that are blurred in front of
the focus (`Asked.behind`), which depends on the focus only by which objects these are; and a margin around the frame
(`Asked.overscan`), of which the ordinary picture is the inner part.

While a timeline with such strips renders, their scenes get a stand-in for their compositing tree that shows that very
picture: Blender then has no reason to render the 3D scene for the strip either.
"""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
import tempfile
import uuid
from dataclasses import dataclass, field

import bpy
import numpy as np

from ...media import MediaError
from ...media.library import openimageio
from ...media.store import key_of
from ..blender import cache, colour_config, idnames, strips, versions
from ..blender.errors import FrameError
from ..blender.own_trees import Aside
from ..blender.runtime import runtime
from ..blender.session import session
from ..shot import modifier, node
from . import fronts, pass_files, passes, scene_print, upstream, wider

STAND_IN = "Rack Focus Scene Strip"
ASIDE = Aside(STAND_IN, "rackfocus_strip_tree", alone=True)
"""A scene's own trees, while its stand-in is in place."""

_log = logging.getLogger(__name__)
_PROCESS = uuid.uuid4().hex


@dataclass(frozen=True)
class Asked:
    """What is to be rendered besides a picture and its depth. overscan: percent of the width around the frame. behind:
    the scene can be asked for without some objects."""

    overscan: float = 0.0
    behind: bool = False


PLAIN = Asked()


def asked_of(strip: bpy.types.Strip) -> Asked:
    """What a scene strip's settings ask to be rendered besides its picture."""
    return Asked(strip.rackfocus_overscan, strip.rackfocus_render_behind)


@dataclass
class StandIn:
    """What shows a scene's kept picture in place of its render. camera: the one the strips look through. asked: what is
    rendered with it for them."""

    scene: bpy.types.Scene
    tree: bpy.types.NodeTree
    image: bpy.types.Image
    camera: bpy.types.Object | None
    asked: Asked = PLAIN


@dataclass(frozen=True)
class Passes:
    """A frame's files, each an EXR with picture and depth. wide: with `margin` (rows, columns) around; empty where
    nothing is. ends_m: how far the objects in view reach, in metres; empty where that was not asked."""

    path: str
    wide: str = ""
    margin: tuple[int, int] = (0, 0)
    ends_m: dict[str, float] = field(default_factory=dict)

    @property
    def whole(self) -> str:
        """The one that shows most."""
        return self.wide or self.path


@dataclass
class Kept:
    """folder: where this session's passes lie, empty before there are any. prints: of the scenes as they are now.
    pass_scenes, upstreams: by scene, camera and what is asked. stand_ins: by the scene's `session_uid`. rendered: scene
    and frame."""

    folder: str = ""
    prints: dict[int, str] = field(default_factory=dict)
    pass_scenes: dict[tuple[int, int, Asked], passes.PassScene] = field(default_factory=dict)
    upstreams: dict[tuple[int, int, Asked], upstream.Upstream] = field(default_factory=dict)
    stand_ins: dict[int, StandIn] = field(default_factory=dict)
    rendered: list[tuple[str, float]] = field(default_factory=list)

    def close(self) -> None:
        """The folder goes."""
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def _now() -> Kept:
    return session.part(Kept)


def media_frame(
    strip: bpy.types.Strip, frame: float, scene: bpy.types.Scene, may_render: bool, asked: Asked = PLAIN
) -> tuple[strips.MediaFrame, Passes]:
    """The file with the picture and depth that a scene strip shows, and all that was rendered with it. may_render: else
    only what is kept serves.

    Raises FrameError where that cannot be told or is not there, and MediaError.
    """
    at = strips.scene_frame(strip, frame, scene)
    try:
        files = files_of(strip.scene, at, strip.scene_camera, may_render, asked)
    except FrameError as error:
        raise FrameError(error.cause, strip.name) from error
    return strips.MediaFrame(files.path, 0, "IMAGE", colour_config.working(), "PREMUL"), files


def hidden_file(
    strip: bpy.types.Strip,
    frame: float,
    scene: bpy.types.Scene,
    may_render: bool,
    asked: Asked,
    files: Passes,
    names: tuple[str, ...],
) -> str:
    """The file with the picture and depth that a scene strip would show without some objects (`name_full`), as wide as
    `files.whole`. Where it may not be rendered, it need not be there. Raises FrameError, MediaError."""
    at = strips.scene_frame(strip, frame, scene)
    whole = os.path.splitext(os.path.basename(files.path))[0]
    key = key_of(kind="scene behind", of=whole, without=names)
    path = os.path.join(_temporary(), key[:32] + ".exr")
    if os.path.isfile(path):
        return path
    kept = _from_store(key)
    if kept is None and not may_render:
        return path
    if kept is None:
        try:
            kept = _render(strip.scene, at, strip.scene_camera, asked, names)[0]
        except FrameError as error:
            raise FrameError(error.cause, strip.name) from error
        _into_store(key, kept, "scene behind", strip.scene, at)
    _write(path, kept)
    return path


def files_of(
    scene: bpy.types.Scene,
    frame: float,
    camera: bpy.types.Object | None,
    may_render: bool,
    asked: Asked = PLAIN,
) -> Passes:
    """The files with a scene's picture and depth at a frame, or between two; rendered when they are not kept.
    Raises FrameError, MediaError."""
    problem = problem_of(scene, asked)
    if problem:
        raise FrameError(problem)
    margin = wider.margin_px(asked.overscan, passes.frame_size(scene.render)[0])
    seen_by = camera or passes.camera_at(scene, math.floor(frame))
    key = key_of(
        kind="scene passes",
        file=_lives_in(scene) or _PROCESS,
        colour=colour_config.fingerprint(),
        frame=round(float(frame), 4),  # whoever asks, in single precision or double
        camera=[seen_by.name, _lives_in(seen_by)] if seen_by is not None else [],
        made_of=_print(scene),
        **({"margin": margin} if margin else {}),
    )
    name = os.path.join(_temporary(), key[:32])
    path, wide, ends_path = f"{name}.exr", f"{name}.wide.exr" if margin else "", f"{name}.json" if asked.behind else ""
    if not all(os.path.isfile(file_path) for file_path in (path, wide, ends_path) if file_path):
        kept, ends = _kept_or_rendered(key, scene, frame, camera, may_render, asked)
        if wide:
            _write(wide, kept)
            kept = kept[margin : kept.shape[0] - margin, margin : kept.shape[1] - margin]
        if ends_path and ends is not None:
            with open(ends_path, "wb") as file:
                file.write(ends.tobytes())
        _write(path, kept)
    return Passes(path, wide, (margin, margin), _read_ends(ends_path) if ends_path else {})


def _kept_or_rendered(
    key: str, scene: bpy.types.Scene, frame: float, camera: bpy.types.Object | None, may_render: bool, asked: Asked
) -> tuple[np.ndarray, np.ndarray | None]:
    """What `_render` gives, from the store where it is kept; how far objects reach as JSON's bytes, where asked."""
    ends_key = key_of(kind="scene ends", of=key)
    kept, ends = _from_store(key), _from_store(ends_key) if asked.behind else None
    if kept is not None and not (asked.behind and ends is None):
        return kept, ends
    if not may_render:
        raise FrameError(f'frame {frame:g} of scene "{scene.name}" is not rendered yet: use Render Scene Passes')
    kept, ends_m = _render(scene, frame, camera, asked)
    ends = np.frombuffer(json.dumps(ends_m).encode(), np.uint8)
    _into_store(key, kept, "scene passes", scene, frame)
    if asked.behind:
        _into_store(ends_key, ends, "scene ends", scene, frame)
    return kept, ends


def _read_ends(path: str) -> dict[str, float]:
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def _from_store(key: str) -> np.ndarray | None:
    store = cache.store()
    return store.get(key) if store is not None else None


def _into_store(key: str, kept: np.ndarray, what: str, scene: bpy.types.Scene, frame: float) -> None:
    store = cache.store()
    if store is None:
        return
    try:
        store.put(key, kept, what=what, scene=scene.name, frame=frame)
    except MediaError as error:
        _log.warning("%s", error)


def _lives_in(block: bpy.types.ID) -> str:
    """The .blend that a datablock comes from; empty for one of a file that was never saved."""
    return bpy.path.abspath(block.library.filepath) if block.library is not None else bpy.data.filepath


def problem_of(scene: bpy.types.Scene, asked: Asked = PLAIN) -> str:
    """Why a scene's strip cannot be refocused, or not as is asked; empty when it can."""
    if asked.behind and fronts.problem_of(scene):
        return fronts.problem_of(scene)
    bound = next((name for tree in ASIDE.own(scene).values() if (name := upstream.bound_to_frame(tree))), "")
    if asked.overscan > 0 and bound:
        return (
            f'the node "{bound}" in the compositor of scene "{scene.name}" minds the size of its picture, so nothing '
            "can be rendered around it: set Overscan to 0"
        )
    if any(node.active_in(tree) for tree in ASIDE.own(scene).values()):
        return f'scene "{scene.name}" has a Rack Focus node in its compositor; refocus in one place only'
    switched = next((slot.effect for slot in versions.slots(scene) if slot.is_switched), "")
    if switched:
        return (
            f'the effect "{switched}" of scene "{scene.name}" is switched on and off by keys, which a '
            "strip cannot follow: refocus there, with an effect"
        )
    if scene.render.use_multiview:
        return "stereo renders (several views) cannot be refocused"
    if scene.render.use_border:
        return f'scene "{scene.name}" renders a border only; switch Render Region off'
    return ""


def renew(scene: bpy.types.Scene) -> None:
    """Have a scene's passes rendered anew: for changes that `scene_print` does not see."""
    scene[scene_print.COUNTER] = int(scene.get(scene_print.COUNTER, 0)) + 1
    forget()


def forget() -> None:
    """The scenes may have changed: look at them again."""
    _now().prints.clear()


def rendered() -> list[tuple[str, float]]:
    """(scene, frame) of every passes render of this session, for tests and for the curious."""
    return list(_now().rendered)


# --- While a timeline renders ----------------------------------------------------------------------------------------


def begin(scene: bpy.types.Scene) -> None:
    """Put stand-ins in place for the scenes that refocused strips of this timeline show."""
    forget()
    cameras: dict[bpy.types.Scene, set[bpy.types.Object | None]] = {}
    wanted: dict[bpy.types.Scene, set[Asked]] = {}
    for timeline in _timelines(scene):
        for strip in timeline.sequence_editor.strips_all:
            if not strips.shows_3d(strip) or strip.scene == scene:
                continue
            cameras.setdefault(strip.scene, set()).add(strip.scene_camera)
            rack_modifier = modifier.find(strip)
            if rack_modifier is not None and modifier.is_on(rack_modifier) and not strip.mute:
                wanted.setdefault(strip.scene, set()).add(asked_of(strip))
    for inner, asked in wanted.items():
        # Which strip Blender renders the scene for is not told: with two cameras, the scene renders itself.
        if inner.session_uid in _now().stand_ins or len(cameras[inner]) > 1 or len(asked) > 1:
            continue
        (camera,), (asked_once,) = cameras[inner], asked
        if not problem_of(inner, asked_once):
            _put(inner, camera, asked_once)


def show(scene: bpy.types.Scene) -> None:
    """Blender renders a scene for a strip: have its stand-in show the right frame. Raises FrameError."""
    stand_in = _now().stand_ins.get(scene.session_uid)
    if stand_in is not None:
        at = strips.standing_at(scene)
        stand_in.image.filepath = files_of(scene, at, stand_in.camera, True, stand_in.asked).path
        stand_in.image.reload()
        stand_in.image.update_tag()


def end() -> None:
    """Give the scenes their own trees back."""
    now = _now()
    now.stand_ins.clear()
    now.pass_scenes.clear()
    now.upstreams.clear()
    for scene in bpy.data.scenes:
        ASIDE.restore(scene)


def put_back() -> None:
    """After a file was written in the middle of a render: the stand-ins again."""
    for stand_in in _now().stand_ins.values():
        ASIDE.show_alone(stand_in.scene, stand_in.tree)


def _put(scene: bpy.types.Scene, camera: bpy.types.Object | None, asked: Asked) -> None:
    tree = bpy.data.node_groups.new(STAND_IN, idnames.TREE)
    runtime(tree)
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    shown, output = tree.nodes.new(idnames.IMAGE), tree.nodes.new(idnames.GROUP_OUTPUT)
    path = os.path.join(_temporary(), "empty.exr")
    _write(path, np.zeros((4, 4, 5), np.float32))
    shown.image = bpy.data.images.load(path, check_existing=False)
    shown.image.colorspace_settings.name = colour_config.working()
    runtime(shown.image)
    tree.links.new(shown.outputs[passes.COMBINED], output.inputs[0])
    _now().stand_ins[scene.session_uid] = StandIn(scene, tree, shown.image, camera, asked)
    ASIDE.show_alone(scene, tree)


def _timelines(scene: bpy.types.Scene, seen: set[bpy.types.Scene] | None = None) -> list[bpy.types.Scene]:
    """A scene's sequencer and those of the scenes its strips show."""
    seen = set() if seen is None else seen
    if scene.sequence_editor is None or scene in seen:
        return []
    seen.add(scene)
    timelines = [scene]
    for strip in scene.sequence_editor.strips_all:
        if strip.type == "SCENE" and strip.scene is not None and strip.scene_input == "SEQUENCER":
            timelines += _timelines(strip.scene, seen)
    return timelines


# --- Rendering -------------------------------------------------------------------------------------------------------


def _render(
    scene: bpy.types.Scene,
    frame: float,
    camera: bpy.types.Object | None,
    asked: Asked,
    without: tuple[str, ...] = (),
) -> tuple[np.ndarray, dict[str, float]]:
    """A scene's picture and depth: (H, W, 5) float32, R, G, B, A, Z, top row first, with what is asked around it; and
    how far objects reach. without: objects that the camera does not see."""
    trees = ASIDE.own(scene)
    if trees and versions.takes_render(next(iter(trees.values()))):
        trees = {STAND_IN: upstream.render_alone(scene), **trees}
    layers = [layer_node for tree in trees.values() for layer_node in upstream.render_layers(tree)]
    if any(layer_node.scene != scene for layer_node in layers):
        raise FrameError(f'the compositor of scene "{scene.name}" shows other scenes; refocus there, with a node')
    layer = next((view_layer.name for view_layer in scene.view_layers if view_layer.use), "")
    if not layer:
        raise FrameError(f'no view layer of scene "{scene.name}" is rendered')
    wanted = {layer: {passes.COMBINED: "RGBA"}}
    for layer_node in layers:
        wanted.setdefault(layer_node.layer, {}).update(upstream.passes_of(layer_node))
    place = scene.session_uid, camera.session_uid if camera is not None else 0, asked
    whole = math.floor(frame)
    now = _now()
    if place not in now.pass_scenes:
        now.pass_scenes[place] = passes.prepare(
            scene, wanted, {layer}, scene, _temporary(), overscan=asked.overscan, asks_ends=asked.behind
        )
    pass_scene = now.pass_scenes[place]
    with passes.standing(scene, whole, frame - whole):  # for what is driven by its frame
        if without:
            pass_scene.hidden.clear()  # of whatever frame
            path = passes.render_hidden(pass_scene, without, whole, frame - whole, camera)
        else:
            passes.render(pass_scene, whole, frame - whole, camera)
            path = pass_scene.wide or pass_scene.path
    now.rendered.append((scene.name, frame))
    depth = pass_files.read_pass(path, layer, passes.DEPTH)
    if trees:
        if place not in now.upstreams:
            images = {scene.session_uid: pass_scene.image}
            works = {effect: upstream.with_stand_ins(tree, images) for effect, tree in trees.items()}
            now.upstreams[place] = upstream.prepare(scene, works, _temporary())
        passes.show(pass_scene, path)
        picture = upstream.result(now.upstreams[place], whole, frame - whole, depth.shape[:2])
    else:
        picture = pass_files.read_pass(path, layer, passes.COMBINED)
    if picture.shape[:2] != depth.shape[:2]:
        raise FrameError(f'the compositor of scene "{scene.name}" changes the picture\'s size')
    return np.dstack([picture, depth[..., :1]]), pass_scene.ends_m


def _write(path: str, kept: np.ndarray) -> None:
    """Picture and depth as one EXR, whole or not at all."""
    oiio = openimageio(path)
    spec = oiio.ImageSpec(kept.shape[1], kept.shape[0], 5, "float")
    spec.channelnames = (
        *(f"Scene.{passes.COMBINED}.{component}" for component in "RGBA"),
        f"Scene.{passes.DEPTH}.Z",
    )
    spec.attribute("compression", "none")
    beside = path + ".part.exr"
    out = oiio.ImageOutput.create(beside)
    good = out is not None and out.open(beside, spec) and out.write_image(np.ascontiguousarray(kept)) and out.close()
    if not good:
        raise MediaError(path, "the scene's passes cannot be written", "Is the temporary folder full?")
    os.replace(beside, path)


def _print(scene: bpy.types.Scene) -> str:
    prints = _now().prints
    if scene.session_uid not in prints:
        trees = ASIDE.own(scene)
        hashes = [scene_print.of(scene, passes=bool(trees)), *map(scene_print.of_tree, trees.values())]
        if versions.HAS_EFFECTS and trees:
            hashes.append(scene_print.of_effects(scene, trees))
        prints[scene.session_uid] = "".join(hashes)
    return prints[scene.session_uid]


def _temporary() -> str:
    now = _now()
    if not os.path.isdir(now.folder):
        now.folder = tempfile.mkdtemp(prefix="rackfocus_scenes_", dir=bpy.app.tempdir or None)
    return now.folder
