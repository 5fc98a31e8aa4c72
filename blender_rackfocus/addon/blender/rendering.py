# SPDX-License-Identifier: GPL-3.0-or-later
"""Who renders now: Blender itself cannot be asked, so it is counted by its events."""

from __future__ import annotations

from dataclasses import dataclass, field

import bpy

from .context import scene_of
from .session import session


@dataclass
class _Rendering:
    """scenes: `session_uid` of those that render, the outermost first: a scene strip renders its own inside another.
    drawing: the outermost has come to a frame: only then can it render another scene for a strip."""

    scenes: list[int] = field(default_factory=list)
    drawing: bool = False


def _now() -> _Rendering:
    return session.part(_Rendering)


def begins(scene: bpy.types.Scene, *_rest: object) -> None:
    """A scene's render begins, perhaps inside another."""
    now = _now()
    if scene.session_uid in now.scenes or not now.drawing or not _is_in_a_strip(scene):
        now.scenes.clear()  # Blender gave up on it without a word
        now.drawing = False
    now.scenes.append(scene.session_uid)


def draws(*_rest: object) -> None:
    """A render has come to a frame."""
    _now().drawing = True


def ends(scene: bpy.types.Scene, *_rest: object) -> None:
    """A scene's render is complete, or was cancelled."""
    now = _now()
    if scene.session_uid in now.scenes:
        del now.scenes[now.scenes.index(scene.session_uid) :]
    now.drawing = now.drawing and bool(now.scenes)


def is_on() -> bool:
    """Between the beginning of a render and its end."""
    return bool(_now().scenes)


def is_inside() -> bool:
    """Whether what renders now is part of another render's frame, or of a preview: Blender renders a scene strip in the
    middle of its drawing where the scene has no camera, and waits for ever for another render of a sequencer there."""
    scenes = _now().scenes
    if len(scenes) != 1 or bpy.app.background or bpy.app.is_job_running("RENDER"):
        return len(scenes) > 1
    scene = scene_of(scenes[0])
    return scene is not None and _is_in_a_strip(scene)


def goes_on() -> bool:
    """`is_on` for a window; forgotten when Blender gave up in between without a word."""
    if is_on() and not bpy.app.background and not bpy.app.is_job_running("RENDER"):
        _now().scenes.clear()
    return is_on()


def _is_in_a_strip(scene: bpy.types.Scene) -> bool:
    """Whether a scene strip shows a scene, so that another render may render it."""
    return any(
        strip.type == "SCENE" and strip.scene == scene
        for other in bpy.data.scenes
        if other.sequence_editor is not None
        for strip in other.sequence_editor.strips_all
    )
