# SPDX-License-Identifier: GPL-3.0-or-later
"""`follow`: where a focus puller would rack in a clip, read from its depth and its pictures: nothing is rendered."""

from __future__ import annotations

import argparse
import json
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

from ..addon.blender.errors import EXPECTED
from ..addon.desk import follow as following
from ..addon.shot import marks, modifier, proposals
from ..craft.distances import distance_text
from ..craft.follow import STRONG, Proposal
from ..estimate import EstimateError
from . import rack
from .apart import keep_apart
from .clip import open_clip
from .common import CommandError, Progress, positive
from .stop import Stop, stoppable

EXAMPLES = (
    "follow clip.mp4 --depth clip_depth.mp4",
    "follow plate/shot_####.exr --mark Anna=1.8 --mark Ben=4.2 --json",
    "follow clip.mp4 --depth clip_depth/ --blend followed.blend",
)
_AS_THEY_ARE: dict[str, Any] = {
    "lens": None,
    "f_stop": None,
    "sensor": None,
    "blades": None,
    "set": [],
    "view": "Standard",
}
"""What else an edit asks for: follow changes none of it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("clip", metavar="CLIP", help="movie, folder of pictures, name with ####, or first picture")
    parser.add_argument(
        "--mark", action="append", default=[], type=_mark, metavar="NAME=M", help="a subject by name, repeatable"
    )
    parser.add_argument("--fps", type=positive, metavar="N", help="rate of a picture sequence (default: 24)")
    parser.add_argument("--json", action="store_true", help="a JSON line for every proposal on standard output")
    parser.add_argument("--blend", type=Path, metavar="FILE", help="save an edit of the clip with the proposals on it")
    rack.add_depth_arguments(parser)
    parser.set_defaults(**_AS_THEY_ARE)


@stoppable
def run(args: argparse.Namespace, stop: Stop) -> int:
    """Print the proposals in order of time: frames, subject, why, strength."""
    clip = open_clip(args.clip, args.fps, 1)
    if args.blend:
        keep_apart([args.blend], clip.files, [Path(name) for name in (args.clip, args.depth) if name])
    rack.find_depth(args, clip, (1, clip.frames), stop)
    with rack.edit(clip, args) as scene:
        scene.frame_start, scene.frame_end = 1, clip.frames
        strip = next(strip for strip, _modifier in modifier.in_scene(scene))
        for name, metres in args.mark:
            marks.add(strip, name, metres)
        proposed = _proposals(strip, stop)
        for proposal in proposed:
            print(json.dumps(_as_data(proposal)) if args.json else _as_line(proposal), flush=True)
        if args.blend:
            proposals.put(strip, proposed)
            rack.save_blend(scene, args.blend)
    return 0


def _proposals(strip: Any, stop: Stop) -> list[Proposal]:
    try:
        task = following.plan(strip)
        progress = Progress("looking", len(task.looks))
        return following.run(task, lambda _share, _phase: progress.step(), stop.is_asked)
    except (CancelledError, EstimateError, *EXPECTED) as error:
        stop.check()
        raise CommandError(str(error)) from error


def _as_line(proposal: Proposal) -> str:
    when = f"frame {proposal.frame:g}" if not proposal.length else f"frames {proposal.start:g} to {proposal.frame:g}"
    subject = f"{proposal.name}, " if proposal.name else ""
    strength = f"{'strong' if proposal.strength >= STRONG else 'weak'}, {proposal.strength:.2f}"
    return f"{when}: {subject}{distance_text(proposal.distance_m)}, {proposal.reason} ({strength})"


def _as_data(proposal: Proposal) -> dict[str, Any]:
    row = {"frame": proposal.frame, "length": proposal.length, "subject": proposal.name}
    row |= {"distance_m": round(proposal.distance_m, 4), "reason": proposal.reason}
    return {**row, "strength": round(proposal.strength, 3)}


def _mark(text: str) -> tuple[str, float]:
    name, sign, number = text.partition("=")
    if not sign or not name.strip():
        raise argparse.ArgumentTypeError(f"{text} is not NAME=METRES")
    return name.strip(), positive(number)
