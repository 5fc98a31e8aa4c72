# SPDX-License-Identifier: GPL-3.0-or-later
"""A scene's render passes for Rack Focus: rendered through a pinhole, once for every frame, by its own engine.

A copy of the scene that shares everything with it is rendered inside the render that asks; its multilayer EXR is what
our pixels are made from, and what stands in for the Render Layers nodes, so that Blender does not render the scene a
second time. Copies are runtime data (never written to a .blend) and live until the whole render has ended: removing a
scene while another renders crashes Blender 5.2.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import bpy
import numpy as np

from ..blender import colour_config, curves, errors
from ..blender.errors import FrameError
from ..blender.runtime import runtime
from ..blender.session import session
from ..blender.written import write_as
from ..shot import camera_lens
from . import fronts, pass_files, simulations, wider

NAME = "Rack Focus Passes"
COMBINED, DEPTH = "Combined", "Depth"


@dataclass
class PassScene:
    """The copy of a scene that is rendered for its passes.

    source, target, copy: the scene, the one whose render asks, and the copy that is rendered. image: the multilayer
    image that shows the passes of the frame. path: its file. camera: values of the camera at the frame last rendered,
    as `camera_lens.values_of` gives them, or the FrameError. own_dof: name of the camera if its own depth of field is
    on (and was switched off in the copy). panoramic: name of the camera if it is one: its depth is the length of each
    ray. margin: (rows, columns) that are rendered around the frame on every side; `wide` is the file that has them,
    empty where there is no margin. ends_m: of the objects in view at the frame rendered last (`fronts.ends_m`), where
    they were asked for. hidden: files rendered at that frame without some objects, by their names.
    """

    source: bpy.types.Scene
    target: bpy.types.Scene
    copy: bpy.types.Scene
    image: bpy.types.Image
    path: str
    camera: dict[str, float] | FrameError | None = None
    own_dof: str = ""
    panoramic: str = ""
    margin: tuple[int, int] = (0, 0)
    wide: str = ""
    asks_ends: bool = False
    ends_m: dict[str, float] = field(default_factory=dict)
    hidden: dict[tuple[str, ...], str] = field(default_factory=dict)
    pinholes: dict[int, bpy.types.Object] = field(default_factory=dict)


def prepare(
    source: bpy.types.Scene,
    layers: dict[str, dict[str, str]],
    depth_layers: Iterable[str],
    target: bpy.types.Scene,
    folder: str,
    *,
    overscan: float = 0.0,
    asks_ends: bool = False,
) -> PassScene:
    """A copy of a scene, ready to be rendered for its passes.

    layers: view layers that are wanted, each with its passes' names and socket types, as a Render Layers node has
    them; they are rendered, switched off or not. depth_layers: those of them whose depth is wanted. target: the scene
    whose render asks; its size and border hold, as in Blender. overscan: percent of the width that are rendered around
    it. asks_ends: how far away objects stand is wanted too. Raises FrameError.
    """
    problem = fronts.problem_of(source) if asks_ends else ""
    if not problem and overscan > 0 and target.render.use_border:
        problem = f'scene "{target.name}" renders a border only, around which nothing is rendered: set Overscan to 0'
    if problem:
        raise FrameError(problem)
    copied = source.copy()
    copied.name = NAME
    runtime(copied)
    for layer in copied.view_layers:
        layer.use = layer.name in layers
        if layer.name in depth_layers:
            layer.use_pass_z = True
    copied.timeline_markers.clear()  # they would switch to the cameras that have their own depth of field on
    render = copied.render
    render.use_compositing = render.use_sequencer = False
    render.use_single_layer = False
    for name in SIZE_PROPERTIES:
        setattr(render, name, getattr(target.render, name))
    margin = wider.margin_px(overscan, frame_size(render)[0])
    path = os.path.join(folder, f"passes_{copied.session_uid}.exr")
    wide = os.path.join(folder, f"wide_{copied.session_uid}.exr") if margin else ""
    write_as(render, "OPEN_EXR_MULTILAYER")
    if margin:
        width, height = frame_size(render)
        render.resolution_x, render.resolution_y = width + 2 * margin, height + 2 * margin
        render.resolution_percentage = 100
    in_order = {layer.name: dict(layers[layer.name]) for layer in source.view_layers if layer.name in layers}
    for name in depth_layers:
        in_order[name][DEPTH] = "VALUE"
    pass_files.write_placeholder(path, in_order)
    image = bpy.data.images.load(path, check_existing=False)
    image.name = NAME
    image.colorspace_settings.name = colour_config.working()  # whatever primaries Blender takes a file's numbers for
    runtime(image)
    return PassScene(source, target, copied, image, path, margin=(margin, margin), wide=wide, asks_ends=asks_ends)


def frame_size(render: bpy.types.RenderSettings) -> tuple[int, int]:
    """Size of the whole frame in pixels, border or not, rounded as Blender does (`BKE_render_resolution`)."""
    share = render.resolution_percentage
    return max(render.resolution_x * share // 100, 1), max(render.resolution_y * share // 100, 1)


SIZE_PROPERTIES = (
    "resolution_x",
    "resolution_y",
    "resolution_percentage",
    "use_border",
    "use_crop_to_border",
    "border_min_x",
    "border_max_x",
    "border_min_y",
    "border_max_y",
)
"""A scene's render settings that say which pixels are rendered."""


def render(pass_scene: PassScene, frame: int, subframe: float, through: bpy.types.Object | None = None) -> None:
    """Render the passes of a frame into the file, with what the camera is then in `one.camera`.

    through: another camera than the scene's own at that frame. Raises FrameError.
    """
    _stand(pass_scene, frame, subframe, through)
    pass_scene.camera, pass_scene.ends_m = None, {}
    pass_scene.hidden.clear()
    scene = pass_scene.copy

    def look(shown: bpy.types.Scene, depsgraph: bpy.types.Depsgraph | None = None) -> None:
        if depsgraph is not None and depsgraph.mode == "RENDER" and shown.session_uid == scene.session_uid:
            pass_scene.camera = _look_at(depsgraph.scene_eval, pass_scene.margin[1])
            if pass_scene.asks_ends:
                _widest(pass_scene.ends_m, fronts.ends_m(depsgraph))

    bpy.app.handlers.frame_change_post.append(look)
    try:
        _shoot(pass_scene, pass_scene.wide or pass_scene.path)
    finally:
        bpy.app.handlers.frame_change_post.remove(look)
    if pass_scene.wide:
        pass_files.cut(pass_scene.wide, pass_scene.path, pass_scene.margin)
    show(pass_scene, pass_scene.path)


def render_hidden(
    pass_scene: PassScene,
    names: tuple[str, ...],
    frame: int,
    subframe: float,
    through: bpy.types.Object | None = None,
) -> str:
    """The file with the passes of a frame that the camera would see without some objects (`name_full`), margin and all;
    rendered once for the frame that `render` rendered last. Raises FrameError."""
    if names not in pass_scene.hidden:
        _stand(pass_scene, frame, subframe, through)
        path = os.path.join(os.path.dirname(pass_scene.path), f"hidden_{len(pass_scene.hidden)}_")
        path += os.path.basename(pass_scene.path)
        with fronts.without(pass_scene.copy, names):
            _shoot(pass_scene, path)
        pass_scene.hidden[names] = path
    return pass_scene.hidden[names]


def in_frame(pass_scene: PassScene, path: str) -> str:
    """A file of `render_hidden` without its margin. Raises FrameError, MediaError."""
    if not pass_scene.wide:
        return path
    inner = path.removesuffix(".exr") + "_in_frame.exr"
    pass_files.cut(path, inner, pass_scene.margin)
    return inner


def show(pass_scene: PassScene, path: str) -> None:
    """Have the image show the passes in a file: what asks the compositor gets them."""
    pass_scene.image.filepath = path
    pass_scene.image.reload()
    pass_scene.image.update_tag()


def _stand(pass_scene: PassScene, frame: int, subframe: float, through: bpy.types.Object | None) -> None:
    """Put the copy to a frame, with a camera that is a pinhole, and sees as wide as is wanted. Raises FrameError."""
    scene = pass_scene.copy
    camera = through or camera_at(pass_scene.source, frame)
    if camera is None:
        raise FrameError(f'scene "{pass_scene.source.name}" has no camera')
    problem = wider.problem_of(camera) if any(pass_scene.margin) else ""
    if problem:
        raise FrameError(problem)
    scene.camera = _pinhole(pass_scene, camera)
    pass_scene.own_dof = camera.name if camera.type == "CAMERA" and camera.data.dof.use_dof else ""
    pass_scene.panoramic = camera.name if camera.type == "CAMERA" and camera.data.type == "PANO" else ""
    if (
        pass_scene.source != pass_scene.target
    ):  # as Blender does: it is put to the same frame, but keeps its own subframe
        subframe = pass_scene.source.frame_subframe
        stand_at(pass_scene.source, frame, subframe)
    problem = simulations.unplayed(pass_scene.source, curves.time_of(pass_scene.source, frame + subframe))
    if problem:
        raise FrameError(problem)
    stand_at(scene, frame, subframe)
    if any(pass_scene.margin):
        _widen(pass_scene, camera)


def _widen(pass_scene: PassScene, camera: bpy.types.Object) -> None:
    """Have the copy's camera see the margin, at the frame that the copy stands at."""
    scene, camera_data = pass_scene.copy, camera.data
    if any(curves.is_animated(camera_data, name) for name in wider.WIDENED):
        with errors.nested():
            scene.frame_set(scene.frame_current, subframe=scene.frame_subframe)  # evaluates it
        camera_data = camera.evaluated_get(scene.view_layers[0].depsgraph).data
    render, margin = scene.render, pass_scene.margin[0]
    size = render.resolution_x - 2 * margin, render.resolution_y - 2 * margin
    wider.widen(scene.camera.data, camera_data, size, margin, (render.pixel_aspect_x, render.pixel_aspect_y))


def _shoot(pass_scene: PassScene, path: str) -> None:
    """Render the copy as it stands to a file, and note how long it took. Raises FrameError."""
    scene = pass_scene.copy
    scene.render.filepath = path
    if os.path.isfile(path):
        os.remove(path)
    began = time.monotonic()
    nested_render(scene)
    if not os.path.isfile(path):
        raise FrameError(f'rendering the passes of scene "{pass_scene.source.name}" was stopped or failed')
    took = session.part(_Took)
    took[pass_scene.source.session_uid] = (
        time.monotonic() - began,
        scene.render.resolution_x * scene.render.resolution_y,
    )


class _Took(dict[int, tuple[float, int]]):
    """How long the last render of a scene's passes took, in seconds, and of how many pixels, by its `session_uid`."""


def took_s(scene: bpy.types.Scene) -> float | None:
    """How long a frame of a scene's passes takes to render, in seconds, by the last one; None before there was one."""
    seconds, pixels = session.part(_Took).get(scene.session_uid, (0.0, 0))
    width, height = frame_size(scene.render)
    return seconds * width * height / pixels if pixels else None


def _widest(ends_m: dict[str, float], more: dict[str, float]) -> None:
    """Add what another view layer shows."""
    for name, end_m in more.items():
        ends_m[name] = max(ends_m.get(name, 0.0), end_m)


def stand_at(scene: bpy.types.Scene, frame: int, subframe: float) -> None:
    """Set a scene's frame, subframe and all: setting the whole frame alone would keep an old subframe."""
    at = frame + subframe
    if at >= 0 or bpy.context.preferences.edit.use_negative_frames:
        scene.frame_float = at
    else:  # the setting stops at 0 where the user's preferences hide negative frames; this evaluates, but goes there
        with errors.nested():
            scene.frame_set(math.floor(at), subframe=at - math.floor(at))


@contextmanager
def standing(scene: bpy.types.Scene, frame: int, subframe: float) -> Iterator[None]:
    """A scene that stands at a frame meanwhile."""
    was = scene.frame_current, scene.frame_subframe
    stand_at(scene, frame, subframe)
    try:
        yield
    finally:
        stand_at(scene, *was)


def nested_render(scene: bpy.types.Scene) -> None:
    """Render a scene of our own to its file, inside another render. Raises FrameError when Blender refuses."""
    try:
        # Blender renders the named scene at the frame that the context's scene stands at: so that must be the same one.
        with errors.nested(), bpy.context.temp_override(scene=scene):
            bpy.ops.render.render(scene=scene.name, write_still=True)
    except RuntimeError as error:
        raise FrameError(" ".join(str(error).removeprefix("Error:").split())) from error


def read(pass_scene: PassScene, layer: str, name: str) -> np.ndarray:
    """A pass of the frame that was rendered last: (H, W, channels) float32, top row first. Raises FrameError."""
    return pass_files.read_pass(pass_scene.path, layer, name)


def camera_at(scene: bpy.types.Scene, frame: int) -> bpy.types.Object | None:
    """The camera of a scene at a frame: the last marker's that binds one, the first such marker's before that."""
    bound = [mark for mark in scene.timeline_markers if mark.camera is not None and not mark.camera.hide_render]
    if not bound:
        return scene.camera
    before = [mark for mark in bound if mark.frame <= frame]
    return (max(before, key=_frame) if before else min(bound, key=_frame)).camera


def _frame(mark: bpy.types.TimelineMarker) -> int:
    return mark.frame


def _look_at(scene: bpy.types.Scene, margin: int) -> dict[str, float] | FrameError:
    """What the camera tells of its lens; its sensor is what the frame shows, without a margin of so many pixels."""
    try:
        values = camera_lens.values_of(scene.camera, scene.render)
    except FrameError as error:
        return error
    if margin:
        wide = scene.render.resolution_x
        values["Sensor Width"] *= (wide - 2 * margin) / wide
    return values


def _pinhole(pass_scene: PassScene, camera: bpy.types.Object) -> bpy.types.Object:
    """The camera itself while its own depth of field is off for good, and it sees just the frame; else a copy of it."""
    is_wide = any(pass_scene.margin)
    if camera.type != "CAMERA" or not (is_wide or camera.data.dof.use_dof or _is_animated(camera.data, (_SWITCH,))):
        return camera
    if camera.session_uid not in pass_scene.pinholes:
        copied, data = camera.copy(), camera.data.copy()
        runtime(copied)
        runtime(data)
        copied.data = data
        set_here = (_SWITCH, *wider.WIDENED) if is_wide else (_SWITCH,)
        if _is_animated(data, set_here):
            _still(data, set_here)
        pass_scene.pinholes[camera.session_uid] = copied
    pinhole = pass_scene.pinholes[camera.session_uid]
    pinhole.data.dof.use_dof = False
    return pinhole


_SWITCH = "dof.use_dof"


def _is_animated(data: bpy.types.Camera, paths: tuple[str, ...]) -> bool:
    animation = data.animation_data
    if animation is None:
        return False
    return any(curve.data_path in paths for curve in (*animation.drivers, *curves.of_action(data)))


def _still(data: bpy.types.Camera, paths: tuple[str, ...]) -> None:
    """Take the animation of these properties off a camera's copy, and nothing else."""
    for path in paths:
        data.driver_remove(path)
    animation = data.animation_data
    if not any(curves.of_action(data)):
        return
    slot = animation.action_slot.identifier
    animation.action = animation.action.copy()
    runtime(animation.action)
    animation.action_slot = next(candidate for candidate in animation.action.slots if candidate.identifier == slot)
    for path in paths:
        curves.remove(data, path)
