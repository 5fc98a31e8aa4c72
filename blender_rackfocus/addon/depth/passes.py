# SPDX-License-Identifier: GPL-3.0-or-later
"""A scene's render passes for Rack Focus: rendered through a pinhole, once for every frame, by its own engine.

A copy of the scene that shares everything with it is rendered inside the render that asks; its multilayer EXR is what
our pixels are made from, and what stands in for the Render Layers nodes, so that Blender does not render the scene a
second time. Copies are runtime data (never written to a .blend) and live until the whole render has ended: removing a
scene while another renders crashes Blender 5.2.
"""

from __future__ import annotations

import ctypes
import math
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np

from ...media import MediaError
from ...media.library import openimageio
from ..blender import colour_config, curves, dna, errors
from ..blender.errors import FrameError
from ..blender.runtime import RUNTIME_MARK as RUNTIME_MARK
from ..blender.runtime import runtime as runtime
from ..blender.runtime import sweep as sweep
from ..blender.session import session
from ..blender.written import write_as
from ..shot import camera_lens
from . import fronts, wider

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
    _placeholder(path, in_order)
    image = bpy.data.images.load(path, check_existing=False)
    image.name = NAME
    image.colorspace_settings.name = colour_config.working()  # whatever primaries Blender takes a file's numbers for
    runtime(image)
    return PassScene(source, target, copied, image, path, margin=(margin, margin), wide=wide, asks_ends=asks_ends)


def frame_size(render: bpy.types.RenderSettings) -> tuple[int, int]:
    """Size of the whole frame in pixels, border or not, rounded as Blender does (`BKE_render_resolution`)."""
    share = render.resolution_percentage
    return max(render.resolution_x * share // 100, 1), max(render.resolution_y * share // 100, 1)


def _unplayed(scene: bpy.types.Scene, moment: float) -> str:
    """Why a scene's simulations cannot be rendered by a copy of it: what was not played before depends on who looks at
    it first. Rigid bodies belong to the scene itself, so their copy needs them baked. moment: of its animation. Empty
    when nothing is wrong."""
    world = scene.rigidbody_world
    moving = world is not None and world.enabled and world.collection is not None and len(world.collection.objects)
    if moving and not world.point_cache.is_baked:
        return f'the rigid bodies of scene "{scene.name}" are not baked: bake them (Scene, Rigid Body World, Cache)'
    for shown in _objects(scene):
        for modifier in shown.modifiers:
            what = _unplayed_in(modifier, moment) if modifier.show_render else ""
            if what:
                return f'the simulation "{modifier.name}" of object "{shown.name}" in scene "{scene.name}" {what}'
    return ""


def _objects(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """A scene's objects, and those of the collections that they stand for."""
    objects = dict.fromkeys(scene.objects)
    waiting = list(objects)
    while waiting:
        thing = waiting.pop()
        held = thing.instance_collection if thing.instance_type == "COLLECTION" else None
        new = [each for each in held.all_objects if each not in objects] if held is not None else []
        objects.update(dict.fromkeys(new))
        waiting += new
    return list(objects)


def _unplayed_in(modifier: bpy.types.Modifier, moment: float) -> str:
    """What is wrong with a modifier's simulation; empty for a baked or played one, and where there is none."""
    if any(not (cache.is_baked or _is_played(cache, moment)) for cache in _caches(modifier)):
        return f"was not played up to frame {math.ceil(moment)}: bake it, or play the scene from its first frame"
    is_fluid = modifier.type == "FLUID" and modifier.fluid_type == "DOMAIN"
    if is_fluid and not modifier.domain_settings.has_cache_baked_data:
        return "is not baked: bake it (Physics, Fluid, Cache, of the types Modular or All)"
    if modifier.type == "NODES" and any(_is_zone(bake) and not _is_baked(modifier, bake) for bake in modifier.bakes):
        return "is not baked: bake it (the zone's node, or Object, Animation, Bake Simulation)"
    return ""


def _caches(modifier: bpy.types.Modifier) -> list[bpy.types.PointCache]:
    """Where a modifier keeps what it simulates frame by frame."""
    if modifier.type in {"CLOTH", "SOFT_BODY"}:
        return [modifier.point_cache]
    if modifier.type == "PARTICLE_SYSTEM":
        system = modifier.particle_system
        hair = system.settings.type == "HAIR"
        simulated = system.use_hair_dynamics if hair else system.settings.physics_type not in {"NO", "KEYED"}
        return [system.point_cache] if simulated else []
    if modifier.type == "DYNAMIC_PAINT" and modifier.canvas_settings is not None:
        return [surface.point_cache for surface in modifier.canvas_settings.canvas_surfaces if surface.is_active]
    return []


def _is_zone(bake: bpy.types.NodesModifierBake) -> bool:
    return bake.node is not None and bake.node.bl_idname == "GeometryNodeSimulationOutput"


def _is_baked(modifier: bpy.types.NodesModifier, bake: bpy.types.NodesModifierBake) -> bool:
    """Whether a zone's frames are in the file or on disk: whether they are in memory cannot be asked."""
    if dna.read(bake.as_pointer(), "NodesModifierBake", "*packed"):
        return True
    folder = bake.directory if bake.use_custom_path else os.path.join(modifier.bake_directory, str(bake.bake_id))
    return os.path.isdir(os.path.join(bpy.path.abspath(folder, library=modifier.id_data.library), "meta"))


def _is_played(cache: bpy.types.PointCache, moment: float) -> bool:
    """Whether a cache, of the simulation as it is, holds the frames that show a moment: Blender then reads them there,
    whoever looks. Particles have none at the first frame."""
    if cache.is_outdated:
        return False
    address = cache.as_pointer()
    first = dna.read(address, "PointCache", "*cached_frames")
    held = ctypes.string_at(first, dna.read(address, "PointCache", "cached_frames_len")) if first else b""
    wanted = {min(frame, cache.frame_end) for frame in (math.floor(moment), math.ceil(moment))}
    if max(wanted) <= cache.frame_start:
        wanted = {cache.frame_start + 1}
    return all(0 <= at < len(held) and held[at] for at in (frame - cache.frame_start for frame in wanted))


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
        _cut(pass_scene.wide, pass_scene.path, pass_scene.margin)
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
    _cut(path, inner, pass_scene.margin)
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
    problem = _unplayed(pass_scene.source, curves.time_of(pass_scene.source, frame + subframe))
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
    return read_pass(pass_scene.path, layer, name)


def read_pass(path: str, layer: str, name: str) -> np.ndarray:
    """A pass of a multilayer file of ours: (H, W, channels) float32, top row first. Raises FrameError, MediaError."""
    oiio = openimageio(path)
    file = oiio.ImageInput.open(path)
    if file is None:
        raise MediaError(path, f"the passes cannot be read ({oiio.geterror()})", "Is the temporary folder full?")
    prefix, part = f"{layer}.{name}.", 0
    try:
        while file.seek_subimage(part, 0):
            spec = file.spec()
            channels = [index for index, channel in enumerate(spec.channelnames) if channel.startswith(prefix)]
            if channels:
                first, last = channels[0], channels[-1] + 1
                pixels = file.read_image(part, 0, first, last, oiio.FLOAT)
                if pixels is None:
                    raise MediaError(path, f"the passes cannot be read ({file.geterror()})", "Is the disk full?")
                return _uncropped(np.asarray(pixels, np.float32), spec, last - first)
            part += 1
    finally:
        file.close()
    raise FrameError(f'the render engine gave no {name} pass for view layer "{layer}"')


def _cut(wide: str, path: str, margin: tuple[int, int]) -> None:
    """Write the part of a multilayer file that lies within its margin to another. Raises FrameError, MediaError."""
    oiio = openimageio(wide)
    file = oiio.ImageInput.open(wide)
    if file is None:
        raise MediaError(wide, f"the passes cannot be read ({oiio.geterror()})", "Is the temporary folder full?")
    specs: list[Any] = []
    planes: list[np.ndarray] = []
    while file.seek_subimage(len(specs), 0):
        spec = oiio.ImageSpec(file.spec())
        pixels = _uncropped(
            np.asarray(file.read_image(len(specs), 0, 0, spec.nchannels, oiio.FLOAT)), spec, spec.nchannels
        )
        planes.append(pixels[margin[0] : pixels.shape[0] - margin[0], margin[1] : pixels.shape[1] - margin[1]])
        height, width = planes[-1].shape[:2]
        spec.x = spec.y = spec.full_x = spec.full_y = 0
        spec.width = spec.full_width = width
        spec.height = spec.full_height = height
        specs.append(spec)
    file.close()
    _write_parts(path, specs, planes)


def _write_parts(path: str, specs: list[Any], planes: Iterable[np.ndarray]) -> None:
    """Write a file of a part for every spec, each with its pixels. Raises FrameError."""
    out = openimageio(path).ImageOutput.create(path)
    good = out is not None and out.open(path, tuple(specs))
    for number, (spec, pixels) in enumerate(zip(specs, planes, strict=True)):
        good = good and (not number or out.open(path, spec, "AppendSubimage"))
        good = good and out.write_image(np.ascontiguousarray(pixels))
    if not good or not out.close():
        raise FrameError(f"the temporary file {path} cannot be written")


def read_picture(path: str) -> np.ndarray:
    """The picture in a plain EXR of ours: (H, W, 4) float32, top row first. Raises MediaError."""
    oiio = openimageio(path)
    file = oiio.ImageInput.open(path)
    pixels = file.read_image(0, 0, 0, 4, oiio.FLOAT) if file is not None else None
    if pixels is None:
        raise MediaError(path, "the picture cannot be read", "Is the temporary folder full?")
    names = [name.rpartition(".")[2] for name in file.spec().channelnames][:4]
    file.close()
    return np.ascontiguousarray(np.asarray(pixels, np.float32)[..., [names.index(channel) for channel in "RGBA"]])


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


def _uncropped(pixels: np.ndarray, spec: Any, channels: int) -> np.ndarray:
    """A window of the picture as the whole picture, empty around it."""
    pixels = pixels.reshape(spec.height, spec.width, channels)
    size = spec.full_height or spec.height, spec.full_width or spec.width
    if size == pixels.shape[:2]:
        return np.ascontiguousarray(pixels)
    whole = np.zeros((*size, channels), np.float32)
    top, left = spec.y - spec.full_y, spec.x - spec.full_x
    whole[top : top + spec.height, left : left + spec.width] = pixels
    return whole


_COMPONENTS = {"RGBA": "RGBA", "VECTOR": "XYZ", "VALUE": "Z"}


def _placeholder(path: str, layers: dict[str, dict[str, str]]) -> None:
    """A tiny file with the same layers and passes, so that Image nodes know their sockets before the first frame.

    Built as Blender builds its own, a part for every pass, because an Image node keeps the number of its layer, not
    the name: in a file of one part layers come in the order of the alphabet.
    """
    oiio = openimageio(path)
    specs = []
    for layer, passes in layers.items():
        for name, kind in passes.items():
            spec = oiio.ImageSpec(4, 4, len(_COMPONENTS[kind]), "float")
            spec.channelnames = tuple(f"{layer}.{name}.{component}" for component in _COMPONENTS[kind])
            spec.attribute("name", f"{layer}.{name}")
            specs.append(spec)
    _write_parts(path, specs, (np.zeros((4, 4, spec.nchannels), np.float32) for spec in specs))
