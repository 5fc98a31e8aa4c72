# SPDX-License-Identifier: GPL-3.0-or-later
"""What Follow the Shot proposes for a strip: decisions that are no keys until somebody keeps them.

They are properties of the strip, so Blender keeps them through duplicates, splits, undo and files. Their frames count
from where the strip's content starts: moving and trimming the strip leave them on their subject.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import bpy

from ...craft import follow, pull

PROPOSALS = "rackfocus_proposals"


class RackFocusProposal(bpy.types.PropertyGroup):
    """One decision that might be taken."""

    name: bpy.props.StringProperty(name="Subject", description="The mark that it is; empty where there is none")
    reason: bpy.props.StringProperty(name="Why", description="Why focus would go there")
    strength: bpy.props.FloatProperty(name="Strength", description="How much speaks for it", min=0.0, max=1.0)
    at: bpy.props.FloatProperty(name="At", description="When focus is there: frames from the start of the content")
    length: bpy.props.FloatProperty(name="Length", description="Of the rack in frames; 0 = from the start", min=0.0)
    distance_m: bpy.props.FloatProperty(
        name="Distance", description="Metres from the camera", subtype="DISTANCE", default=3.0, min=0.01
    )
    track: bpy.props.StringProperty(name="Track", description="How it goes on, as JSON", options={"HIDDEN"})


def of(strip: bpy.types.Strip) -> bpy.types.bpy_prop_collection:
    """All proposals of a strip, in order of time."""
    return getattr(strip, PROPOSALS)


def put(strip: bpy.types.Strip, made: Iterable[follow.Proposal]) -> None:
    """Make these the proposals of a strip. Their frames are those of its scene."""
    start = strip.content_start
    rows = of(strip)
    rows.clear()
    for one in sorted(made, key=lambda one: one.frame):
        row = rows.add()
        row.name, row.reason, row.strength = one.name, one.reason, one.strength
        row.at, row.length = one.frame - start, one.length
        row.distance_m = min(one.distance_m, pull.INFINITY_M)
        track = [[frame - start, float(f"{m:.6g}")] for frame, m in zip(one.frames, one.depths_m, strict=True)]
        row.track = json.dumps(track, separators=(",", ":"))


def read(strip: bpy.types.Strip) -> list[follow.Proposal]:
    """The proposals of a strip, in the frames of its scene."""
    return [_read(strip, row) for row in of(strip)]


def _read(strip: bpy.types.Strip, row: RackFocusProposal) -> follow.Proposal:
    start = strip.content_start
    track = json.loads(row.track) if row.track else []
    return follow.Proposal(
        frame=row.at + start,
        distance_m=row.distance_m,
        strength=row.strength,
        reason=row.reason,
        length=row.length,
        name=row.name,
        frames=tuple(frame + start for frame, _ in track),
        depths_m=tuple(metres for _, metres in track),
    )


def remove(strip: bpy.types.Strip, index: int) -> None:
    """Take one away."""
    of(strip).remove(index)


def move(strip: bpy.types.Strip, index: int, frame: float, distance_m: float) -> None:
    """Put one elsewhere: when focus is there (a frame of the scene), and where (metres). What was dragged off its
    subject no longer goes along with it."""
    row = of(strip)[index]
    if distance_m != row.distance_m:
        row.track, row.name = "", ""
    row.at, row.distance_m = frame - strip.content_start, distance_m


def register() -> None:
    bpy.utils.register_class(RackFocusProposal)
    setattr(bpy.types.Strip, PROPOSALS, bpy.props.CollectionProperty(type=RackFocusProposal, name="Focus Proposals"))


def unregister() -> None:
    delattr(bpy.types.Strip, PROPOSALS)
    bpy.utils.unregister_class(RackFocusProposal)
