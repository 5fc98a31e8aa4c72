# SPDX-License-Identifier: GPL-3.0-or-later
"""A scene's strips with a Rack Focus modifier, as a bake takes them."""

from __future__ import annotations

from typing import Any

import bpy

from ...frame import coding
from ...frame import notes as frame_notes
from ...frame.job import Job
from ...frame.notes import Difference
from ..blender import strips
from ..blender.errors import FrameError
from ..sequencer import baked_strips, frames, staleness
from ..shot import modifier
from ..shot.baked_place import BakedPlace
from .bake import Owners, Pixels, Task


class Strips(Owners):
    """See `Owners`."""

    kind, together = "strip", False

    def names(self, only: str = "") -> list[str]:
        names = [strip.name for strip, _ in modifier.in_scene(self.scene)]
        if only and only not in names:
            others = ", ".join(f'"{name}"' for name in names) or "none"
            words = f'scene "{self.scene.name}" has no strip "{only}" with a Rack Focus modifier (it has {others})'
            raise ValueError(words)
        return [only] if only else names

    def strip(self, name: str, frame: int = 0) -> bpy.types.Strip:
        """Raises FrameError, for this frame, where the strip or its modifier is gone."""
        strip = self.scene.sequence_editor.strips_all.get(name)
        if strip is None or modifier.find(strip) is None:
            raise FrameError("the strip or its modifier is gone, or has another name", name, frame)
        return strip

    def place(self, name: str, folder: str = "", kind: str = "") -> BakedPlace:
        return baked_strips.default_place(self.scene, self.strip(name), folder, kind)

    def place_read(self, name: str) -> BakedPlace | None:
        return baked_strips.place_of(modifier.find(self.strip(name)))

    def frames(self, name: str) -> range:
        return baked_strips.frames_of(self.scene, self.strip(name))

    def covers(self, name: str, frame: int) -> bool:
        strip = self.strip(name)
        return int(strip.left_handle) <= frame < int(strip.right_handle)

    def size(self, name: str) -> tuple[int, int]:
        """The scene's where Blender has not looked at the file yet."""
        for element in getattr(self.strip(name), "elements", ()):
            if element.orig_width and element.orig_height:
                return element.orig_width, element.orig_height
        return self.scene.render.resolution_x, self.scene.render.resolution_y

    def number(self, name: str, frame: int) -> int:
        return baked_strips.number_of(self.strip(name, frame), frame)

    def task(self, name: str, frame: int) -> Task | None:
        strip = self.strip(name, frame)
        drawn = strips.appearances(strip, frame, self.scene)
        shown = [appearance for appearance in drawn if appearance.scene == self.scene]
        if len({appearance.frame for appearance in shown}) > 1:
            raise FrameError("it is shown at two different frames at once; duplicate the strip")
        if not shown:
            return None
        blurred = _own_dof(strip)
        if blurred:
            words = f'camera "{blurred}" has its own Depth of Field on, which a Blender without this extension would'
            raise FrameError(f"{words} show beside the baked one: switch it off")
        job = frames.job_of(shown[0], modifier.find(strip), draft=False, at_current_frame=True)
        notes = frame_notes.of(job)
        return Task(lambda noted: frame_notes.difference(noted, job), lambda: _pixels(job, notes))

    def difference(self, name: str, frame: int, place: BakedPlace) -> Difference | None:
        return staleness.difference(self.scene, name, frame, place)

    def attach(self, name: str, place: BakedPlace) -> None:
        baked_strips.attach(self.strip(name), place)
        staleness.changed()

    def detach(self, name: str) -> BakedPlace | None:
        staleness.changed()
        return baked_strips.detach(self.strip(name))

    def remark(self) -> str:
        inside = ", ".join(baked_strips.shown_inside(self.scene))
        words = "without the extension Blender shows one frame of a bake in those"
        return f"This scene is shown by {inside}; {words}" if inside else ""


def _own_dof(strip: bpy.types.Strip) -> str:
    """The camera of a scene strip that blurs by itself; empty where there is none."""
    if not strips.shows_3d(strip):
        return ""
    marked = [mark.camera for mark in strip.scene.timeline_markers]
    cameras = [strip.scene_camera] if strip.scene_camera is not None else [strip.scene.camera, *marked]
    for camera in cameras:
        if camera is not None and camera.type == "CAMERA" and camera.data.dof.use_dof:
            return camera.name
    return ""


def _pixels(job: Job | None, notes: dict[str, Any]) -> Pixels:
    result = frames.make(job) if job is not None else None
    if result is None or result.flat is None:
        return Pixels(None, None, notes)
    return Pixels(*coding.decode(result.flat, result.width, result.height), notes)
