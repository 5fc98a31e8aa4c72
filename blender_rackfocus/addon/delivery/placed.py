# SPDX-License-Identifier: GPL-3.0-or-later
"""Place a strip's whole pictures as a strip above it, and take that away again."""

from __future__ import annotations

import os
from collections.abc import Iterable

import bpy

from ...frame.notes import short_hash
from ...media import sealed
from ..blender import cache, pairs, strips
from ..blender.context import in_a_sequencer
from ..blender.errors import FrameError
from ..sequencer import baked_strips, placed_strips, standing
from ..shot import modifier
from ..shot.baked_place import SUFFIXES, BakedPlace
from . import look, whole

_LAST_CHANNEL = 128
KEPT = "placed"
"""Folder in the store's own for what Cache Range fills."""


def not_now(strip: bpy.types.Strip) -> str:
    """Why a strip cannot be placed, empty when it can."""
    if modifier.find(strip) is None:
        return "It has no Rack Focus modifier"
    if strip.type == modifier.ADJUSTMENT:
        return "An adjustment strip has no picture of its own: give the strips below it the modifier"
    if strip.mute and pairs.BENEATH not in strip:
        return "The strip is muted"
    users = [user.name for user in strip.id_data.sequence_editor.strips_all if strip in strips.inputs(user)]
    if users:
        return f'It is an input of "{users[0]}", which takes its picture whatever lies above'
    return ""


def frames_of(strip: bpy.types.Strip) -> range:
    """The frames of its list that a strip covers."""
    return range(int(strip.left_handle), int(strip.right_handle))


def kind_of(scene: bpy.types.Scene, strip: bpy.types.Strip) -> str:
    """How a strip's pictures are best kept: 'TIFF' (8 bits) where that loses nothing that Blender would show, else
    'EXR' (half floats). Raises FrameError, MediaError."""
    plain = not look.later(strip) and _shows_as_it_is(scene)  # else what 8 bits round is made larger on the way
    return "TIFF" if plain and whole.is_whole_numbers(strip, scene, int(strip.left_handle)) else "EXR"


def _shows_as_it_is(scene: bpy.types.Scene) -> bool:
    """Whether a scene's colour management leaves an sRGB picture's numbers alone."""
    view = scene.view_settings
    changed = view.exposure != 0 or view.gamma != 1 or view.use_curve_mapping or view.use_white_balance
    chosen = scene.display_settings.display_device, view.view_transform, view.look
    return not changed and chosen == ("sRGB", "Standard", "None")


def place_beside(scene: bpy.types.Scene, strip: bpy.types.Strip, kind: str) -> BakedPlace:
    """Where pictures of full size lie: beside the baked frames, so that they travel with the .blend."""
    return BakedPlace(baked_strips.default_place(scene, strip).folder + "-placed", kind)


def place_kept(scene: bpy.types.Scene, strip: bpy.types.Strip, kind: str) -> BakedPlace:
    """Where Cache Range keeps its pictures: in the store's folder."""
    told_apart = short_hash(bpy.data.filepath, scene.name, strip.name)
    return BakedPlace(os.path.join(cache.folder(), KEPT, told_apart), kind)


def place_of(placed: bpy.types.Strip) -> BakedPlace:
    """Where a placed strip's pictures lie."""
    folder = os.path.normpath(bpy.path.abspath(placed.directory, library=placed.id_data.library))
    suffix = os.path.splitext(placed.elements[0].filename)[1]
    return BakedPlace(folder, next(kind for kind, ending in SUFFIXES.items() if ending == suffix))


def frames_there(strip: bpy.types.Strip, place: BakedPlace) -> list[int]:
    """The frames of a strip that have a whole picture in a place."""
    return [
        frame
        for frame in frames_of(strip)
        if sealed.ends_well(place.file(baked_strips.number_of(strip, frame)), sealed.PLACED)
    ]


def put(
    context: bpy.types.Context, strip: bpy.types.Strip, place: BakedPlace, which: Iterable[int]
) -> list[bpy.types.Strip]:
    """Show a strip's pictures above it, and mute it: one placed strip for each run of frames. What was placed of it
    before goes. Raises FrameError where no channel is left."""
    editor = strip.id_data.sequence_editor
    chosen = editor.active_strip in pairs.placed_of(strip)  # it goes, and what takes its place is chosen instead
    take_away(strip)
    if chosen:
        editor.active_strip = strip
    runs = standing.runs(sorted(which))
    if not runs:
        return []
    scene = strip.id_data
    _make_room(strip)
    new_strips = [_strip_of(strip, place, range(first, last + 1)) for first, last in runs]
    selected, active = [other for other in editor.strips_all if other.select], editor.active_strip
    with in_a_sequencer(context, scene), _in_its_list(strip):
        for placed in new_strips:
            look.give_modifiers(strip, placed)
        _connect(strip, new_strips)
    for other in editor.strips_all:
        other.select = other in selected
    editor.active_strip = new_strips[0] if chosen else active
    for placed in new_strips:
        pairs.mark(placed, strip)
        placed.color_tag = placed_strips.FRESH_TAG
    placed_strips.choose(scene, final=False)
    hidden = placed_strips.are_over(new_strips, strip.left_handle, strip.right_handle)
    if hidden and not any(pairs.covers(placed, scene.frame_current) for placed in new_strips):
        strip.mute, strip[pairs.BENEATH] = True, True
    return new_strips


def take_away(strip: bpy.types.Strip) -> int:
    """Remove all that is placed of a strip, and show it again. Its pictures stay on disk. Returns how many went."""
    gone = pairs.placed_of(strip)
    lies_in = pairs.list_of(strip)
    owner = lies_in or strip.id_data.sequence_editor
    for placed in gone:
        look.forget_movement(placed)
        owner.strips.remove(placed)
    if pairs.BENEATH in strip:
        del strip[pairs.BENEATH]
        strip.mute = False
    if pairs.ORIGINAL in strip:
        del strip[pairs.ORIGINAL]
    return len(gone)


def _strip_of(strip: bpy.types.Strip, place: BakedPlace, run: range) -> bpy.types.Strip:
    owner = pairs.list_of(strip) or strip.id_data.sequence_editor
    files = [place.file(baked_strips.number_of(strip, frame)) for frame in run]
    placed = owner.strips.new_image(
        f"{strip.name} (placed)", files[0], strip.channel + 1, run[0], fit_method="ORIGINAL"
    )
    for path in files[1:]:
        placed.elements.append(os.path.basename(path))
    placed.right_handle = run[-1] + 1
    placed.directory = os.path.join(_as_kept(place.folder), "")
    if place.kind != "EXR":
        placed.colorspace_settings.name, placed.alpha_mode = "sRGB", "STRAIGHT"
        placed.use_float = bool(look.later(strip))  # modifiers get the original's picture in floating point, too
    else:
        placed.alpha_mode = "PREMUL"
    notes = sealed.notes_of(files[0], sealed.PLACED) or {}
    share = notes.get(placed_strips.SHARE, 1.0)
    look.give(strip, placed, tuple(notes.get(whole.SIZE) or (share, share)))
    return placed


def _as_kept(folder: str) -> str:
    """Relative to the .blend where it lies beside it, so that both travel together."""
    beside = os.path.dirname(bpy.data.filepath)
    return bpy.path.relpath(folder) if beside and folder.startswith(beside + os.sep) else folder


def _make_room(strip: bpy.types.Strip) -> None:
    """Leave the channel above a strip free as long as it lasts: what lies there, and above it, goes one channel up, so
    that the order stays."""
    owner = pairs.list_of(strip) or strip.id_data.sequence_editor
    above = [other for other in owner.strips if other.channel > strip.channel]
    in_the_way = [other for other in above if other.channel == strip.channel + 1 and strips.overlap(other, strip)]
    if not in_the_way:
        return
    if max(other.channel for other in above) >= _LAST_CHANNEL:
        raise FrameError("no channel is left above it", strip.name)
    for other in sorted(above, key=lambda other: -other.channel):
        other.channel += 1
    for channel in range(max(other.channel for other in above), strip.channel + 1, -1):
        here, below = owner.channels[channel], owner.channels[channel - 1]
        here.mute, here.lock, here.name = below.mute, below.lock, below.name
    free = owner.channels[strip.channel + 1]
    free.mute, free.lock, free.name = False, False, f"Channel {strip.channel + 1}"


class _in_its_list:
    """While this lasts the sequencer shows the list of strips that one lies in."""

    def __init__(self, strip: bpy.types.Strip) -> None:
        self._editor, self._meta = strip.id_data.sequence_editor, pairs.list_of(strip)
        self._before = list(self._editor.meta_stack)

    def __enter__(self) -> None:
        if (self._before[-1:] or [None])[0] != self._meta:
            self._editor.display_stack(self._meta)

    def __exit__(self, *_problem: object) -> None:
        if (self._before[-1:] or [None])[0] != self._meta:
            self._editor.display_stack(self._before[-1] if self._before else None)


def _connect(strip: bpy.types.Strip, placed: list[bpy.types.Strip]) -> None:
    """Blender then selects them together: what is moved, cut or trimmed is both."""
    together = {strip, *strip.connections, *placed}
    for other in strip.id_data.sequence_editor.strips_all:
        other.select = other in together
    if bpy.ops.sequencer.connect.poll():
        bpy.ops.sequencer.connect(toggle=False)
