# SPDX-License-Identifier: GPL-3.0-or-later
"""Baking: a strip's frames at final quality as files that Blender's own Image node reads.

Frames are independent: any number of processes may bake any ranges into one folder. What is there and right is kept;
what another process works on is left to it, and looked at again at the end.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import bpy
import numpy as np

from ...frame import coding, recipe
from ...frame.job import Job
from ...media import MediaError, baked
from ...media.locks import Claims
from .. import cache
from ..blender import strips
from ..errors import FrameError
from ..scenes import passes, scene_passes
from ..sequencer import baked_strips, frames
from ..shot import baked_place, modifier
from ..shot.baked_place import Place

_WAIT_S = 0.2
_SIZES = ("bytes", "KB", "MB", "GB", "TB")
_ROUND_OFF_BYTES = 64 * 1024
"""What an EXR needs beside its pixels, at most."""


@dataclass(frozen=True)
class Outcome:
    """What became of one frame. state: 'baked' (computed now, or taken from the store), 'kept' (it was there and
    right), 'hidden' (the strip is not drawn at this frame), 'busy' (another process works on it)."""

    strip: str
    frame: int
    state: str
    path: str = ""
    seconds: float = 0.0
    clipped: bool = False


@dataclass(frozen=True)
class Estimate:
    """frames: still to be baked. bytes_needed: at most. bytes_free: on the disk that is to hold them."""

    frames: int
    bytes_needed: int
    bytes_free: int

    @property
    def fits(self) -> bool:
        """Whether the disk can hold them."""
        return self.bytes_needed <= self.bytes_free


def covered(strip: bpy.types.Strip) -> range:
    """The frames between a strip's handles."""
    return range(int(strip.left_handle), int(strip.right_handle))


def strips_of(scene: bpy.types.Scene, name: str = "") -> list[bpy.types.Strip]:
    """The strips with a Rack Focus modifier; only the named one if a name is given. Raises ValueError."""
    found = [strip for strip, _ in modifier.in_scene(scene)]
    if not name:
        return found
    named = [strip for strip in found if strip.name == name]
    if not named:
        there = ", ".join(f'"{strip.name}"' for strip in found) or "none"
        raise ValueError(f'scene "{scene.name}" has no strip "{name}" with a Rack Focus modifier (it has {there})')
    return named


def size_of(scene: bpy.types.Scene, strip: bpy.types.Strip) -> tuple[int, int]:
    """Width and height of a strip's picture in pixels; the scene's where Blender has not looked at the file yet."""
    for element in getattr(strip, "elements", ()):
        if element.orig_width and element.orig_height:
            return element.orig_width, element.orig_height
    return scene.render.resolution_x, scene.render.resolution_y


def estimate(scene: bpy.types.Scene, strip: bpy.types.Strip, which: Iterable[int], place: Place) -> Estimate:
    """What baking these frames needs on disk, at most; frames that have a whole file already are not counted."""
    width, height = size_of(scene, strip)
    missing = 0
    for frame in which:
        path = place.file(baked_strips.number_of(strip, frame))
        missing += not baked.is_there(path)
    return estimate_of(missing, (width, height), place)


def estimate_of(missing: int, size: tuple[int, int], place: Place) -> Estimate:
    """What so many frames of a size (width, height) need at most."""
    needed = missing * (size[0] * size[1] * 8 + _ROUND_OFF_BYTES)
    return Estimate(missing, needed, _free_bytes(place.folder))


def size_text(count: float) -> str:
    """A number of bytes as people say it."""
    for unit in _SIZES:
        if count < 1000 or unit == _SIZES[-1]:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return ""


def too_large(estimates: list[Estimate]) -> str:
    """Why the disk cannot hold a bake, empty when it can."""
    needed, free = sum(one.bytes_needed for one in estimates), min((one.bytes_free for one in estimates), default=0)
    if needed <= free:
        return ""
    frames = sum(one.frames for one in estimates)
    return (
        f"The disk cannot hold the bake: {frames} frames need up to {size_text(needed)}, {size_text(free)} are free. "
        "Choose another folder, fewer frames, or free some space"
    )


def bake_frame(
    scene: bpy.types.Scene, strip: bpy.types.Strip, frame: int, place: Place, claims: Claims, *, afresh: bool = False
) -> Outcome:
    """Bake one frame, unless it is there already. Sets the scene's current frame.

    afresh: also when it is there. Raises FrameError (also for what the disk will not have).
    """
    began = time.perf_counter()
    baked_place.check_colours(place)
    path = place.file(baked_strips.number_of(strip, frame))
    shown = _shown(scene, strip, frame)
    if shown is None:
        return Outcome(strip.name, frame, "hidden")
    blurred = _own_dof(strip)
    if blurred:
        words = f'camera "{blurred}" has its own Depth of Field on, which a Blender without this extension would show'
        raise FrameError(f"{words} beside the baked one: switch it off", strip.name, frame)
    job = frames.job_of(shown, modifier.find(strip), draft=False, at_current_frame=True)
    try:
        notes = recipe.of(job)
        if not afresh and _is_done(path, job):
            return Outcome(strip.name, frame, "kept", path, time.perf_counter() - began)
        number = baked_strips.number_of(strip, frame)
        os.makedirs(place.folder, exist_ok=True)
        baked.refuse_foreign(path)
        if not claims.take(number):
            return Outcome(strip.name, frame, "busy", path)
        try:
            if not afresh and _is_done(path, job):  # another process was quicker
                return Outcome(strip.name, frame, "kept", path, time.perf_counter() - began)
            clipped = _write(path, job, notes)
        finally:
            claims.release(number)
    except OSError as error:
        raise FrameError(f"it cannot be written ({error.strerror or error})", strip.name, frame, path=path) from error
    except (MediaError, ValueError) as error:
        raise FrameError.of(error, strip.name, shown.frame, path) from error
    return Outcome(strip.name, frame, "baked", path, time.perf_counter() - began, clipped and place.kind == "PNG")


class Bake:
    """A bake under way: iterate to bake frame by frame; `close` (or with) leaves the folder tidy and the scene as it
    was.

    wait: whether to wait for frames that other processes work on, and bake those they leave.
    """

    def __init__(
        self,
        scene: bpy.types.Scene,
        strip: bpy.types.Strip,
        which: Iterable[int],
        place: Place,
        *,
        afresh: bool = False,
        wait: bool = True,
    ) -> None:
        self.scene, self.strip_name, self.place = scene, strip.name, place
        self.which, self.afresh, self.wait = list(which), afresh, wait
        self._claims = Claims(place.folder)
        self._was_there = os.path.isdir(place.folder)
        self._frame_before = scene.frame_current
        baked.sweep(place.folder)

    def __enter__(self) -> Bake:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Outcome]:
        busy = []
        for frame in self.which:
            made = self._bake(frame)
            if made.state == "busy" and self.wait:
                busy.append(frame)
            else:
                yield made
        while busy:
            frame = busy.pop(0)
            made = self._bake(frame)
            if made.state != "busy":
                yield made
                continue
            busy.append(frame)
            time.sleep(_WAIT_S)

    def close(self) -> None:
        """Leave: the scene goes back to its frame."""
        self._claims.close()
        baked.sweep(self.place.folder)
        cache.sweep()
        scene_passes.end()
        passes.sweep()
        if not self._was_there:
            with contextlib.suppress(OSError):
                os.rmdir(self.place.folder)  # only where nothing came into it
        if self.scene.frame_current != self._frame_before:
            self.scene.frame_set(self._frame_before)

    def _bake(self, frame: int) -> Outcome:
        strip = self.scene.sequence_editor.strips_all.get(self.strip_name)
        if strip is None or modifier.find(strip) is None:
            raise FrameError("the strip or its modifier is gone", self.strip_name, frame)
        return bake_frame(self.scene, strip, frame, self.place, self._claims, afresh=self.afresh)


def _shown(scene: bpy.types.Scene, strip: bpy.types.Strip, frame: int) -> strips.Shown | None:
    """How the strip is drawn at a frame of its own scene, from its files; None where it is not drawn."""
    if scene.frame_current_final != frame:
        scene.frame_set(frame)
    try:
        shown = [one for one in strips.walk(scene, frame) if one.strip == strip and one.scene == scene]
    except FrameError as error:
        raise FrameError.of(error, strip.name, frame) from error
    if len({one.frame for one in shown}) > 1:
        raise FrameError("it is shown at two different frames at once; duplicate the strip", strip.name, frame)
    return shown[0] if shown else None


def _own_dof(strip: bpy.types.Strip) -> str:
    """The camera of a scene strip that blurs by itself; empty where there is none."""
    if not scene_passes.is_one(strip):
        return ""
    marked = [mark.camera for mark in strip.scene.timeline_markers]
    cameras = [strip.scene_camera] if strip.scene_camera is not None else [strip.scene.camera, *marked]
    for camera in cameras:
        if camera is not None and camera.type == "CAMERA" and camera.data.dof.use_dof:
            return camera.name
    return ""


def _is_done(path: str, job: Job | None) -> bool:
    return recipe.difference(baked.notes_of(path), job).fresh


def _write(path: str, job: Job | None, notes: dict) -> bool:
    """Returns whether something is brighter than white."""
    made = frames.make(job) if job is not None else None
    if made is None or made.flat is None:
        # Nothing to change: the smallest picture there is; the group fits it to the strip's size.
        baked.write(path, np.zeros((8, 8, 4), np.float32), np.zeros((8, 8), bool), notes)
        return False
    picture, counts = coding.decode(made.flat, made.width, made.height)
    baked.write(path, picture, counts, notes)
    return bool((picture[..., :3].max(axis=2) > 1.0)[counts].any())


def _free_bytes(path: str) -> int:
    while not os.path.isdir(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return shutil.disk_usage(path).free
