# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole pictures of a strip as its modifier makes them, for a placed strip: Blender itself renders the strip alone, in
its own space.

So they are what a render shows, to Blender's own rounding: decoder, colours and alpha are its own. For that the open
file is changed beyond use: this runs in a process of its own, on a copy (see `filling`).
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import bpy

from ... import media
from ...frame import coding
from ...frame import notes as frame_notes
from ...frame.job import Job
from ...media import MediaError, sealed, unfinished
from ..blender import curves, pairs, strips
from ..blender.errors import FrameError
from ..blender.written import write_as
from ..sequencer import baked_strips, frames, placed_strips
from ..shot import focus_keys, group, modifier
from ..shot.baked_place import BakedPlace
from . import look
from .bake import Outcome

_OPAQUE = 1 - 0.25 / 255
"""Alpha that 8 bits round to 1."""
_FORMATS = {"EXR": "OPEN_EXR", "PNG": "PNG", "TIFF": "TIFF"}
"""Blender's names of the kinds of files."""
SIZE = "size"
"""In a picture's notes: its width and height over those of the full size."""


def pictures(
    scene: bpy.types.Scene, strip: bpy.types.Strip, place: BakedPlace, which: Iterable[int], share: float = 1.0
) -> Iterator[Outcome]:
    """Make what is missing or not right of a strip's whole pictures, one by one: 'baked', 'kept' or 'hidden'.

    share: of their full size. The scene is left with nothing but the strip. Raises FrameError.
    """
    _leave_alone(scene, strip)
    os.makedirs(place.folder, exist_ok=True)
    unfinished.sweep(place.folder)
    for frame in which:
        path = place.file(baked_strips.number_of(strip, frame))
        scene.frame_set(frame)
        appearances = strips.appearances(strip, frame, scene)
        if not appearances:
            yield Outcome(strip.name, frame, "hidden")
            continue
        try:
            rack_modifier = modifier.find(strip)
            job = frames.job_of(appearances[0], rack_modifier, draft=False, at_current_frame=True)
            of = job or frames.look_job(appearances[0], rack_modifier)
            notes = {
                placed_strips.OF: frame_notes.of(of),
                placed_strips.WORKS: job is not None,
                placed_strips.SHARE: share,
            }
            if _is_right(sealed.notes_of(path, sealed.PLACED), notes, of):
                yield Outcome(strip.name, frame, "kept", path)
                continue
            notes[SIZE] = _set_size(scene, strip, of, job is not None, share)
            _render(scene, path, place.kind, notes, _is_opaque(of, job is not None))
        except OSError as error:
            raise FrameError(f"it cannot be written ({error.strerror or error})", strip.name, frame, path) from error
        except (FrameError, MediaError, ValueError) as error:
            raise FrameError.of(error, strip.name, frame, path) from error
        yield Outcome(strip.name, frame, "baked", path)


def is_whole_numbers(strip: bpy.types.Strip, scene: bpy.types.Scene, frame: int) -> bool:
    """Whether 8 bits hold all of a strip's light: its file has no more, and nothing makes brighter than white of it."""
    rack_modifier = modifier.find(strip)
    gain = modifier.socket(rack_modifier, "Highlight Gain")
    path = focus_keys.path_of(rack_modifier, group.socket_ids(rack_modifier.node_group)["Highlight Gain"])
    if strip.type not in modifier.KINDS or gain.value > 0 or curves.find(scene, path) is not None or strip.use_float:
        return False
    if strip.color_multiply > 1:
        return False
    picture = strips.media_frame(strip, frame, scene)
    return not media.stores_floats(picture.path, picture.stream)


def _is_right(noted: dict[str, Any] | None, now: dict[str, Any], of: Job) -> bool:
    if noted is None or noted.get(placed_strips.WORKS) != now[placed_strips.WORKS]:
        return False
    same_size = noted.get(placed_strips.SHARE) == now[placed_strips.SHARE]
    return same_size and frame_notes.difference(noted.get(placed_strips.OF), of).fresh


def _leave_alone(scene: bpy.types.Scene, strip: bpy.types.Strip) -> None:
    """Nothing but the strip is seen, plainly, and its picture is written as it is."""
    editor, lies_in = scene.sequence_editor, pairs.list_of(strip)
    for other in editor.strips_all:
        for name in (pairs.PLACED, pairs.LIVE, pairs.BENEATH):
            if name in other:
                del other[name]
    editor.display_stack(lies_in)
    owner = lies_in or editor
    for other in owner.strips:
        if other != strip:
            other.mute = True
    strip.mute = False
    owner.channels[strip.channel].mute = False
    rack_modifier = modifier.find(strip)
    names = [other.name for other in strip.modifiers]
    for name in names[names.index(rack_modifier.name) + 1 :]:
        strip.modifiers.remove(strip.modifiers[name])
    look.make_plain(strip)
    _set_render(scene)


def _set_render(scene: bpy.types.Scene) -> None:
    render, view = scene.render, scene.view_settings
    render.use_border = render.use_multiview = render.use_compositing = False
    render.use_sequencer = True
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0
    render.dither_intensity = 0.0
    render.film_transparent = True
    scene.display_settings.display_device = "sRGB"
    view.view_transform, view.look = "Standard", "None"
    view.exposure, view.gamma, view.use_curve_mapping, view.use_white_balance = 0.0, 1.0, False, False


def _set_size(scene: bpy.types.Scene, strip: bpy.types.Strip, of: Job, works: bool, share: float) -> list[float]:
    """The render's size is the strip's own, or a share of it. Returns that exactly, across and down."""
    if strip.type != "SCENE":  # Blender draws those in the render's size
        if works:
            result = frames.make(of)
            width, height = result.width, result.height
        else:
            height, width = frames.sources(of)[0].shape[:2]
        scene.render.resolution_x, scene.render.resolution_y = width, height
        scene.render.resolution_percentage = 100
    full = 100 if strip.type != "SCENE" else scene.render.resolution_percentage
    render = scene.render
    render.resolution_percentage = percent = max(round(full * share), 1)
    sizes = render.resolution_x, render.resolution_y
    return [int(size * percent / 100) / int(size * full / 100) for size in sizes]


def _is_opaque(of: Job, works: bool) -> bool:
    """Whether nothing shines through a frame: Blender draws pictures without alpha faster."""
    if float(frames.sources(of)[0][..., 3].min()) < 1:
        return False
    flat = frames.make(of).flat if works else None
    if flat is None:
        return True
    picture, counts = coding.decode(flat, *_size_of(of))
    return bool((picture[..., 3][counts] > _OPAQUE).all())


def _size_of(of: Job) -> tuple[int, int]:
    result = frames.make(of)
    return result.width, result.height


def _render(scene: bpy.types.Scene, path: str, kind: str, notes: dict[str, Any], opaque: bool) -> None:
    """Render the current frame to a file, whole or not at all."""
    sealed.refuse_foreign(path, sealed.PLACED)
    write_as(scene.render, _FORMATS[kind], "RGB" if opaque else "RGBA", "16" if kind == "EXR" else "8")
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{uuid.uuid4().hex[:8]}{unfinished.SUFFIX}")
    scene.render.filepath = temporary
    try:
        with contextlib.suppress(RuntimeError):  # what was wrong is asked below
            bpy.ops.render.render(write_still=True)
        if not os.path.isfile(temporary) or not os.path.getsize(temporary):
            raise FrameError("Blender did not write its picture: see its messages, and the space on the disk")
        sealed.seal(temporary, sealed.PLACED, notes)
        os.replace(temporary, path)
    finally:
        unfinished.remove(temporary)
