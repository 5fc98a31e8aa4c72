# SPDX-License-Identifier: GPL-3.0-or-later
"""A strip's baked frames: where they lie, which file belongs to which frame, and when they are what is shown.

Blender counts an Image node's sequence by the frame of the scene that owns the strip. Files are numbered from the
strip's content instead (`FIRST` is where it starts), and the node is told where that is: so a strip may be moved,
trimmed and split, and each of its frames keeps its file. What retiming, keyframes and new files do to a frame is told
by the notes in the baked file (see `frame_notes`): what is no longer right is made live, in the window and in renders.

Where Blender draws another scene inside this one (a scene strip), its Image nodes stand still at that scene's own
current frame. There the baked file's pixels are put into the live image instead; a Blender without the extension
cannot do that, so those who bake such strips are told.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import bpy

from ...frame import coding
from ...frame import notes as frame_notes
from ...frame.job import Job, Made
from ...media import baked, sealed
from ..blender import strips
from ..blender.errors import FrameError
from ..blender.log import once
from ..blender.session import session
from ..shot import baked_place, group, modifier
from ..shot.baked_place import DURATION, FIRST, BakedPlace

_log = logging.getLogger(__name__)


class _Remarks:
    """What is said once of baked frames is said again of another file's."""


def number_of(strip: bpy.types.Strip, frame: float) -> int:
    """The number of the file for a frame of the strip's scene. Raises FrameError."""
    number = math.floor(frame) - math.floor(strip.content_start) + FIRST
    if not 0 < number < DURATION:
        raise FrameError("it is too far from the start of the strip's content to be baked", strip.name, frame)
    return number


def default_place(scene: bpy.types.Scene, strip: bpy.types.Strip, folder: str = "", kind: str = "") -> BakedPlace:
    """Where a strip is to be baked: the same on every machine that opens the same file.

    folder: instead of the scene's own setting. A .blend that was never saved bakes into a folder of the user's.
    """
    return baked_place.named_place(scene, strip.name, (strip.name,), folder, kind)


def frames_of(scene: bpy.types.Scene, strip: bpy.types.Strip) -> range:
    """The frames of its scene that a strip covers, within the scene's own range where the two meet."""
    first, last = int(strip.left_handle), int(strip.right_handle) - 1
    within = max(first, scene.frame_start), min(last, scene.frame_end)
    return range(within[0], within[1] + 1) if within[0] <= within[1] else range(first, last + 1)


def place_of(rack_modifier: bpy.types.StripModifier) -> BakedPlace | None:
    """Where the frames lie that a modifier's group reads; None where it reads none."""
    return baked_place.place_in(rack_modifier.node_group)


def attach(strip: bpy.types.Strip, place: BakedPlace) -> None:
    """Make a strip's node group read its baked frames by itself. Raises FrameError where the group was rebuilt."""
    rack_modifier = modifier.find(strip)
    baked_place.detach(rack_modifier.node_group)
    baked_place.read_by(rack_modifier.node_group, strip.name, place)
    follow(strip, rack_modifier)


def detach(strip: bpy.types.Strip) -> BakedPlace | None:
    """Back to live. Returns where the baked frames lie; they stay."""
    return baked_place.detach(modifier.find(strip).node_group)


def follow(strip: bpy.types.Strip, rack_modifier: bpy.types.StripModifier) -> bool:
    """Tell the node where the strip's content starts now. Returns whether it had moved."""
    node = group.baked_node(rack_modifier.node_group)
    if node is None or rack_modifier.node_group.library is not None:
        return False
    start = math.floor(strip.content_start) - FIRST + 1
    if (node.frame_start, node.frame_offset, node.frame_duration) == (start, 0, DURATION):
        return False
    node.frame_duration, node.frame_start, node.frame_offset = DURATION, start, 0
    return True


def follow_all() -> None:
    """`follow` for every strip in the file; forgets sequences that nobody reads any more."""
    for strip, rack_modifier in modifier.everywhere():
        follow(strip, rack_modifier)
    for image in [other for other in bpy.data.images if group.BAKED_MARK in other and other.library is None]:
        if not modifier.is_used(image):
            bpy.data.images.remove(image)


@dataclass(frozen=True)
class Use:
    """What a baked strip shows at a frame. path: the baked file where it is right, else empty. by_node: Blender's own
    node shows it. remark: what to tell the user."""

    path: str = ""
    by_node: bool = False
    remark: str = ""


def use(
    shown: strips.Shown, rack_modifier: bpy.types.StripModifier, job: Job | None, drawn: bpy.types.Scene
) -> Use | None:
    """Whether a strip's baked frame is what its job would make. drawn: the scene that Blender draws.

    None where the strip is not baked.
    """
    place = place_of(rack_modifier)
    if place is None:
        return None
    path = _file_at(place, shown)
    notes = sealed.notes_of(path, sealed.BAKED) if path else None
    difference = frame_notes.difference(notes, job)
    if notes is None or difference.stale:
        return Use()
    remark = ", ".join(difference.unsure)
    return Use(path, _by_node(shown, drawn), f"baked frame shown unchecked: {remark}" if remark else "")


def use_unmade(
    shown: strips.Shown, rack_modifier: bpy.types.StripModifier, problem: FrameError, drawn: bpy.types.Scene
) -> Use | None:
    """`use` where the job itself cannot be told, as on a machine that has the baked frames but not the depth.

    None where there is no baked frame, or where what can be told shows that it is not right.
    """
    place = place_of(rack_modifier)
    path = _file_at(place, shown) if place is not None else ""
    notes = sealed.notes_of(path, sealed.BAKED) if path else None
    if notes is None:
        return None
    current = shown.scene == drawn and shown.animation_frame == strips.standing_at(drawn)
    values = modifier.values(shown.strip, rack_modifier, shown.scene, None if current else shown.animation_frame)
    try:
        picture = strips.media_frame(shown.strip, shown.frame, shown.scene)
    except FrameError:
        return None
    if frame_notes.outline_differs(notes, values, picture.path, picture.index):
        return None
    return Use(path, _by_node(shown, drawn), f"baked frame shown unchecked: {problem.cause}")


def made_from(path: str) -> Made:
    """The pixels of a baked EXR, ready for a live image. Raises MediaError."""
    picture, counts = baked.read(path)
    height, width = counts.shape
    return Made(width, height, coding.encoded(picture, counts))


def remark(strip: str, words: str) -> None:
    """Tell the user, once, what cannot be checked about a strip's baked frames."""
    _log.warning('strip "%s": %s', strip, words, extra=once(session.part(_Remarks)))


def shown_inside(scene: bpy.types.Scene) -> list[str]:
    """Names of scene strips that show a scene's sequencer: there Blender's own node stands still."""
    return [
        f"{strip.name} ({other.name})"
        for other in bpy.data.scenes
        if other.sequence_editor is not None
        for strip in other.sequence_editor.strips_all
        if strip.type == "SCENE" and strip.scene == scene and strip.scene_input == "SEQUENCER"
    ]


def _file_at(place: BakedPlace, shown: strips.Shown) -> str:
    try:
        return place.file(number_of(shown.strip, shown.animation_frame))
    except FrameError:
        return ""


def _by_node(shown: strips.Shown, drawn: bpy.types.Scene) -> bool:
    return shown.scene == drawn
