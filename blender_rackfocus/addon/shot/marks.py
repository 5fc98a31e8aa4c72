# SPDX-License-Identifier: GPL-3.0-or-later
"""Focus marks on a strip: named distances, or points tracked through the shot.

They are properties of the strip, so Blender keeps them through duplicates, splits, append, undo and files. A track is
kept by the number of the frame in the strip's *media*, not in the timeline: moving, trimming, slipping and retiming the
strip, also backwards, leave it on the subject.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass

import bpy

from ...craft import pull
from ..blender import strips
from ..blender.errors import FrameError

KINDS = (
    ("DISTANCE", "Distance", "A fixed distance from the camera", "DRIVER_DISTANCE", 0),
    ("TRACKED", "Tracked", "A point of the picture, followed through the shot; its depth is read on every frame",
     "TRACKER", 1),
)  # fmt: skip
MARKS, ACTIVE = "rackfocus_marks", "rackfocus_mark_index"


@dataclass(frozen=True)
class Sample:
    """One media frame of a track. x, y: share of the picture's width and height from its top left corner. metres: depth
    there, NaN where it is lost or nothing lies under it. confidence: 0..1, 0 where lost."""

    x: float
    y: float
    metres: float
    confidence: float


def _renamed(mark: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    strip = _strip_of(mark)
    others = [other.name for other in getattr(strip, MARKS) if other != mark] if strip is not None else []
    unique = pull.unique_name(mark.name, others)
    if mark.name != unique:
        mark.name = unique


class RackFocusMark(bpy.types.PropertyGroup):
    """One mark, as an assistant tapes it on the lens."""

    name: bpy.props.StringProperty(name="Name", description="What lies at this mark", update=_renamed)
    kind: bpy.props.EnumProperty(name="Kind", description="What the mark is", items=KINDS)
    distance_m: bpy.props.FloatProperty(
        name="Distance",
        description="Distance from the camera in metres; 1000 m and more is infinity",
        subtype="DISTANCE",
        default=3.0,
        min=0.01,
        soft_max=1000.0,
    )
    x: bpy.props.FloatProperty(name="X", description="Where it was picked: share of the picture's width", default=-1.0)
    y: bpy.props.FloatProperty(
        name="Y", description="Where it was picked: share of the picture's height, from the top", default=-1.0
    )
    media_frame: bpy.props.IntProperty(name="Picked At", description="Frame of the strip's media it was picked at")
    nearest: bpy.props.BoolProperty(
        name="Nearest Surface", description="Take the nearest surface under the point, not the one that fills most"
    )
    track: bpy.props.StringProperty(name="Track", description="The tracked frames, as JSON", options={"HIDDEN"})


def of(strip: bpy.types.Strip) -> bpy.types.bpy_prop_collection:
    """All marks of a strip, in the user's order."""
    return getattr(strip, MARKS)


def active(strip: bpy.types.Strip) -> RackFocusMark | None:
    """The mark chosen in the list."""
    index, all_marks = getattr(strip, ACTIVE), of(strip)
    return all_marks[index] if 0 <= index < len(all_marks) else None


def find(strip: bpy.types.Strip, name: str) -> RackFocusMark | None:
    """The mark of that name, whatever its capitals, or None."""
    wanted = name.strip().casefold()
    return next((mark for mark in of(strip) if mark.name.casefold() == wanted), None)


def add(strip: bpy.types.Strip, name: str, distance_m: float) -> RackFocusMark:
    """A new mark at a distance (metres; infinity is kept as `pull.INFINITY_M`), made active; its name made unique."""
    taken = [mark.name for mark in of(strip)]
    mark = of(strip).add()
    mark.name = pull.unique_name(name, taken)
    mark.distance_m = min(distance_m, pull.INFINITY_M)
    setattr(strip, ACTIVE, len(of(strip)) - 1)
    return mark


def remove(strip: bpy.types.Strip, index: int) -> None:
    """Delete a mark; the one that takes its place becomes active."""
    of(strip).remove(index)
    setattr(strip, ACTIVE, max(0, min(index, len(of(strip)) - 1)))


def samples(mark: RackFocusMark) -> dict[int, Sample]:
    """A track by media frame; empty for a mark that was never tracked."""
    rows = json.loads(mark.track) if mark.track else []
    return {int(row[0]): Sample(row[1], row[2], math.nan if row[3] is None else row[3], row[4]) for row in rows}


def set_samples(mark: RackFocusMark, track: dict[int, Sample]) -> None:
    """Keep a track, and make the mark a tracked one."""
    rows = [
        [index, round(s.x, 5), round(s.y, 5), None if not math.isfinite(s.metres) else float(f"{s.metres:.6g}"),
         round(s.confidence, 3)]
        for index, s in sorted(track.items())
    ]  # fmt: skip
    mark.track = json.dumps(rows, separators=(",", ":"))
    mark.kind = "TRACKED"


def media_index(strip: bpy.types.Strip, frame: float) -> int:
    """Number of the media frame a strip shows at a frame of the timeline it lies in. Raises FrameError."""
    return strips.media_frame(strip, frame, strip.id_data).index


def frame_in_list(strip: bpy.types.Strip, frame: float) -> float:
    """The frame of the list of strips a strip lies in, for a frame of its scene: they differ in trimmed and retimed
    meta strips. A strip that is not drawn at that frame is taken as if it lay in the scene's own list."""
    if strip.parent_meta() is None:
        return frame
    return next((shown.frame for shown in strips.appearances(strip, frame, strip.id_data)), frame)


def span(strip: bpy.types.Strip) -> tuple[int, int]:
    """First and last frame of the scene on which a strip shows, also inside meta strips that cut it."""
    first, last = strip.left_handle, strip.right_handle - 1
    meta = strip.parent_meta()
    while meta is not None:
        first, last = max(first, meta.left_handle), min(last, meta.right_handle - 1)
        meta = meta.parent_meta()
    return int(first), int(max(first, last))


def for_pull(strip: bpy.types.Strip, mark: RackFocusMark, frames: Iterable[int] | None = None) -> pull.Mark:
    """A mark as `craft.pull` takes it, its track in the scene's frames. frames: which ones; None = all the strip shows.

    Raises ValueError for a tracked mark without a track.
    """
    if mark.kind == "DISTANCE":
        return pull.Mark(mark.name, mark.distance_m)
    track = samples(mark)
    if not track:
        raise ValueError(f'Mark "{mark.name}" has not been tracked yet')
    first, last = span(strip)
    chosen = range(first, last + 1) if frames is None else list(frames)
    depths = [(frame, _nearest(track, strip, frame)) for frame in chosen]
    known = [(float(frame), metres) for frame, metres in depths if metres is not None]
    if not known:  # the strip shows nothing that was tracked: the nearest tracked frame's depth stands in
        known = [(float(first), _closest(track, media_index(strip, frame_in_list(strip, first))))]
    return pull.Mark(mark.name, None, tuple(f for f, _ in known), tuple(m for _, m in known))


def distance_m(strip: bpy.types.Strip, mark: RackFocusMark, frame: float) -> float:
    """Distance of a mark at a frame of the scene, metres. Raises ValueError where it has none."""
    if mark.kind == "DISTANCE":
        return mark.distance_m
    here = _nearest(samples(mark), strip, round(frame))
    if here is not None and math.isfinite(here):
        return here
    return pull.mark_distance_m(for_pull(strip, mark), frame)


def is_lost(strip: bpy.types.Strip, mark: RackFocusMark, frame: float) -> bool:
    """Whether a tracked mark has no depth of its own at a frame: its distance there is bridged."""
    if mark.kind == "DISTANCE":
        return False
    here = _nearest(samples(mark), strip, round(frame))
    return here is None or not math.isfinite(here)


def _nearest(track: dict[int, Sample], strip: bpy.types.Strip, frame: int) -> float | None:
    try:
        index = media_index(strip, frame_in_list(strip, frame))
    except FrameError:
        return None
    return track[index].metres if index in track else None


def _closest(track: dict[int, Sample], index: int) -> float:
    known = {at: sample.metres for at, sample in track.items() if math.isfinite(sample.metres)}
    return known[min(known, key=lambda at: abs(at - index))] if known else math.nan


def _strip_of(mark: RackFocusMark) -> bpy.types.Strip | None:
    """The strip a mark is on: Blender gives a property no way up."""
    editor = getattr(mark.id_data, "sequence_editor", None)
    for strip in editor.strips_all if editor is not None else ():
        if any(other == mark for other in of(strip)):
            return strip
    return None


PROPERTIES = {
    MARKS: bpy.props.CollectionProperty(type=RackFocusMark, name="Focus Marks"),
    ACTIVE: bpy.props.IntProperty(name="Active Mark", description="The mark chosen in the list", options=set()),
}


OWNERS = (bpy.types.Strip,)
CLASSES = (RackFocusMark,)
