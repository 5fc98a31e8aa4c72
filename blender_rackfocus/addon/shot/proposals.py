# SPDX-License-Identifier: GPL-3.0-or-later
"""What Follow the Shot proposes for a strip: decisions that are no keys until somebody keeps them.

They are properties of the strip, so Blender keeps them through duplicates, splits, undo and files. Their frames are
those of the strip's media: moving, trimming and retiming the strip leave them on their subject.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import bpy

from ...craft import follow, pull
from . import clock

PROPOSALS = "rackfocus_proposals"


class RackFocusProposal(bpy.types.PropertyGroup):
    """One decision that might be taken."""

    name: bpy.props.StringProperty(name="Subject", description="The mark that it is; empty where there is none")
    reason: bpy.props.StringProperty(name="Why", description="Why focus would go there")
    strength: bpy.props.FloatProperty(name="Strength", description="How much speaks for it", min=0.0, max=1.0)
    at: bpy.props.FloatProperty(name="At", description="When focus is there: frame of the media")
    length: bpy.props.FloatProperty(
        name="Length", description="Of the rack in frames of the media; 0 = from the start", min=0.0
    )
    distance_m: bpy.props.FloatProperty(
        name="Distance", description="Metres from the camera", subtype="DISTANCE", default=3.0, min=0.01
    )
    track: bpy.props.StringProperty(name="Track", description="How it goes on, as JSON", options={"HIDDEN"})


def of(strip: bpy.types.Strip) -> bpy.types.bpy_prop_collection:
    """All proposals of a strip, in order of time."""
    return getattr(strip, PROPOSALS)


def put(strip: bpy.types.Strip, proposals: Iterable[follow.Proposal]) -> None:
    """Make these the proposals of a strip. Their frames are those of its scene. Raises ValueError for a strip without
    content."""
    rows = of(strip)
    rows.clear()
    ordered = sorted(proposals, key=lambda proposal: proposal.frame)
    time = clock.of(strip) if ordered else None
    if ordered and time is None:
        raise ValueError(f'"{strip.name}" has no content')
    for proposal in ordered if time is not None else ():
        row = rows.add()
        row.name, row.reason, row.strength = proposal.name, proposal.reason, proposal.strength
        row.at = time.position(proposal.frame)
        row.length = abs(row.at - time.position(proposal.start))
        row.distance_m = min(proposal.distance_m, pull.INFINITY_M)
        path = zip(proposal.frames, proposal.depths_m, strict=True)
        track = [[time.position(frame), float(f"{depth_m:.6g}")] for frame, depth_m in path]
        row.track = json.dumps(track, separators=(",", ":"))


def read(strip: bpy.types.Strip) -> list[follow.Proposal]:
    """The proposals of a strip, in the frames of its scene."""
    rows = of(strip)
    time = clock.of(strip) if len(rows) else None
    return [_read(time, row) for row in rows] if time is not None else []


def _read(time: clock.Clock, row: RackFocusProposal) -> follow.Proposal:
    track = sorted((_whole(time.frame(position)), metres) for position, metres in json.loads(row.track or "[]"))
    frame = _whole(time.frame(row.at))
    return follow.Proposal(
        frame=frame,
        distance_m=row.distance_m,
        strength=row.strength,
        reason=row.reason,
        length=_whole(abs(frame - time.frame(row.at - row.length))),
        name=row.name,
        frames=tuple(frame for frame, _ in track),
        depths_m=tuple(metres for _, metres in track),
    )


def _whole(frame: float) -> float:
    """Keys sit on whole frames."""
    return float(round(frame))


def remove(strip: bpy.types.Strip, index: int) -> None:
    """Take one away."""
    of(strip).remove(index)


def move(strip: bpy.types.Strip, index: int, frame: float, distance_m: float) -> None:
    """Put one elsewhere: when focus is there (a frame of the scene), and where (metres). What was dragged off its
    subject no longer goes along with it."""
    row = of(strip)[index]
    if distance_m != row.distance_m:
        row.track, row.name = "", ""
    time = clock.of(strip)
    row.at, row.distance_m = time.position(frame) if time is not None else row.at, distance_m


PROPERTIES = {PROPOSALS: bpy.props.CollectionProperty(type=RackFocusProposal, name="Focus Proposals")}


OWNERS = (bpy.types.Strip,)
CLASSES = (RackFocusProposal,)
