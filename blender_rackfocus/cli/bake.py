# SPDX-License-Identifier: GPL-3.0-or-later
"""`bake`: a .blend's racked frames to disk, any range on any machine, as a render manager's task.

Ranges are independent; several processes may work in one folder at the same time. What is there and right is kept, so
running the same task again does only what is missing, also after it was killed.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import cv2

from ..addon.blender.errors import FrameError
from ..addon.delivery import placed, whole
from ..addon.delivery.bake import Bake, DiskNeed, Outcome, Owners, size_text, too_large
from ..addon.delivery.nodes import Nodes
from ..addon.delivery.strips import Strips
from ..addon.shot.baked_place import SUFFIXES, BakedPlace
from ..media.library import openimageio
from . import blend
from .apart import keep_apart
from .chatter import quiet
from .common import CommandError, Progress, UsageError, say
from .rack import ensure_registered
from .stop import Stop, stoppable

EXAMPLES = (
    "bake shot.blend",
    "bake shot.blend --frames 101-150 --strip A --threads 4 --json",
    "bake comp.blend --node 'Rack Focus'",
    "bake shot.blend --estimate",
    "bake shot.blend --link",
)
STATES = ("baked", "kept", "hidden", "failed")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("file", metavar="FILE.blend", type=Path, help="the edit; it is read, not changed")
    what = parser.add_argument_group("what to bake")
    what.add_argument(
        "--frames", type=_ranges, metavar="A-B", help="frames of the timeline: 1-50, 7, 1-10,20-30 (default: all)"
    )
    what.add_argument("--strip", default="", metavar="NAME", help="only this strip (default: all strips and nodes)")
    what.add_argument("--node", default="", metavar="NAME", help="only this Rack Focus node of the scene's compositor")
    what.add_argument("--scene", default="", metavar="NAME", help="scene to bake (default: the active)")
    what.add_argument("--afresh", action="store_true", help="also frames that are there and right")
    where = parser.add_argument_group("where to")
    where.add_argument("--folder", default="", metavar="DIR", help="bake folder (default: the scene's own setting)")
    where.add_argument("--format", type=str.upper, choices=tuple(SUFFIXES), metavar="KIND", help="exr or png (16)")
    how = parser.add_argument_group("how")
    how.add_argument("--threads", type=_count, metavar="N", help="processor threads to use (default: all)")
    how.add_argument("--json", action="store_true", help="a JSON line for every frame on standard output")
    how.add_argument("--estimate", action="store_true", help="say what it needs on disk, and bake nothing")
    how.add_argument(
        "--whole", action="store_true", help="whole pictures of --strip, to be placed above it, instead of a bake"
    )
    how.add_argument("--share", type=_share, default=1.0, help="with --whole: size of the pictures, 0.05 to 1")
    how.add_argument(
        "--link", action="store_true", help="bake nothing: make strips and nodes read the frames there are; saves FILE"
    )
    how.add_argument("--save", type=Path, metavar="OUT.blend", help="with --link: save as this file instead")


@stoppable
def run(args: argparse.Namespace, stop: Stop) -> int:
    """Bake; print the folders (or JSON lines). 0 when every frame asked for is there."""
    if not args.file.is_file():
        raise UsageError(f"{args.file}: there is no such file")
    if args.save and not args.link:
        raise UsageError("--save goes with --link")
    if args.format == "TIFF" and not args.whole:
        raise UsageError("--format TIFF goes with --whole: baked frames are EXR or PNG")
    ensure_registered()
    _use_threads(args.threads)
    try:
        with quiet():
            bpy.ops.wm.open_mainfile(filepath=str(args.file.absolute()), load_ui=False)
    except RuntimeError as error:
        raise CommandError(f"Blender cannot open it: {str(error).strip()}") from error
    stop.check()
    scene = _scene(args.scene)
    if args.whole:
        return _whole(args, scene, stop)
    work = _work(args, scene)
    if args.link:
        return _link(args, work)
    if args.estimate:
        return _disk_need(args, work)
    return _bake(args, work, stop)


@dataclass
class Work:
    """What is baked together. places: of each strip or node, by its name. frames: which."""

    owners: Owners
    places: dict[str, BakedPlace]
    frames: list[int]

    def needs(self) -> list[DiskNeed]:
        """What each needs on disk."""
        return [self.owners.disk_need(name, self.frames, place) for name, place in self.places.items()]


def _work(args: argparse.Namespace, scene: Any) -> list[Work]:
    """Everything to bake: what --strip and --node name, else all there is."""
    strips, nodes = Strips(scene), Nodes(scene)
    meant = [
        (strips, _named(strips, args.strip) if args.strip or not args.node else []),
        (nodes, _named(nodes, args.node) if args.node or not args.strip else []),
    ]
    if not any(names for _, names in meant):
        raise CommandError(f'no strip in scene "{scene.name}" has a Rack Focus modifier, its compositor no such node')
    problem = next((owners.not_now() for owners, names in meant if names and owners.not_now()), "")
    if problem:
        raise CommandError(problem)
    work = []
    for owners, names in meant:
        for group in [names] if owners.together else [[name] for name in names]:
            which = [frame for name in group[:1] for frame in _frames(args, owners, name)]
            if which:
                places = {name: owners.place(name, _folder(args), args.format or "") for name in group}
                work.append(Work(owners, places, which))
    return work


def _named(owners: Owners, name: str) -> list[str]:
    try:
        return owners.names(name)
    except ValueError as error:
        raise UsageError(f"--{owners.kind}: {error}") from error


def _frames(args: argparse.Namespace, owners: Owners, name: str) -> list[int]:
    if args.frames is None:
        return list(owners.frames(name))
    return [frame for frame in args.frames if owners.covers(name, frame)]


def _folder(args: argparse.Namespace) -> str:
    """The folder that was asked for, absolute unless it is relative to the .blend; empty for the scene's own."""
    return str(Path(args.folder).absolute()) if args.folder and not args.folder.startswith("//") else args.folder


def _bake(args: argparse.Namespace, work: list[Work], stop: Stop) -> int:
    if not work:
        say("no strip shows any of these frames: nothing to bake")
    problem = too_large([need for job in work for need in job.needs()])
    if problem:
        raise CommandError(problem)
    done: Counter[str] = Counter()
    progress = Progress("baking", sum(len(job.frames) * len(job.places) for job in work))
    for job in work:
        for outcome in _outcomes(job, args.afresh):
            done[outcome["state"]] += 1
            if args.json:
                print(json.dumps(outcome), flush=True)
            if outcome["state"] == "failed":
                say(outcome["error"])
            progress.step()
            stop.check()
        if not args.json:
            print(*(place.folder for place in job.places.values()), sep="\n")
    if args.json:
        print(json.dumps({"done": True, **{state: done[state] for state in STATES}}), flush=True)
    say(", ".join(f"{done[state]} {state}" for state in STATES if done[state]) or "no frames")
    return 1 if done["failed"] else 0


def _whole(args: argparse.Namespace, scene: Any, stop: Stop) -> int:
    """Whole pictures of one strip, frame by frame; the first that cannot be made ends it."""
    owners = Strips(scene)
    if not args.strip or not args.folder or args.format is None:
        raise UsageError("--whole goes with --strip, --folder and --format")
    name = _named(owners, args.strip)[0]
    strip = owners.strip(name)
    which = [frame for frame in args.frames or placed.frames_of(strip) if owners.covers(name, frame)]
    place, progress = BakedPlace(_folder(args), args.format), Progress("making pictures", len(which))
    outcomes = whole.pictures(scene, strip, place, which, args.share)
    try:
        for outcome in _quietly(outcomes):
            if args.json:
                print(json.dumps({"frame": outcome.frame, "state": outcome.state, "file": outcome.path}), flush=True)
            progress.step()
            stop.check()
    except FrameError as error:
        if args.json:
            print(json.dumps({"frame": int(error.frame), "state": "failed", "error": str(error)}), flush=True)
        raise CommandError(str(error)) from error
    if not args.json:
        print(place.folder)
    return 0


def _outcomes(work: Work, afresh: bool) -> Iterator[dict[str, Any]]:
    """One dict for each frame of each strip or node. A frame that cannot be made does not keep the others; a disk that
    cannot be written does."""
    kind, left = work.owners.kind, [(frame, name) for frame in work.frames for name in work.places]
    while left:
        began = time.perf_counter()
        which = list(dict.fromkeys(frame for frame, _ in left))
        with Bake(work.owners, work.places, which, afresh=afresh) as under_way:
            try:
                for outcome in _quietly(iter(under_way)):
                    if (outcome.frame, outcome.owner) not in left:
                        continue  # told before a frame of another one failed
                    left.remove((outcome.frame, outcome.owner))
                    seconds = round(outcome.seconds, 4)
                    row = {kind: outcome.owner, "frame": outcome.frame, "state": outcome.state, "file": outcome.path}
                    yield {**row, "seconds": seconds}
                    if outcome.clipped:
                        say(f"frame {outcome.frame}: light above white is cut off in PNG; EXR keeps it")
                return
            except FrameError as error:
                if error.path and any(error.path.startswith(place.folder) for place in work.places.values()):
                    raise CommandError(str(error)) from error
                failed = [pair for pair in left if pair[0] == int(error.frame)] or left[:1]
                seconds = round(time.perf_counter() - began, 4)
                for frame, name in failed:
                    left.remove((frame, name))
                    row = {kind: name, "frame": frame, "state": "failed", "error": str(error)}
                    yield {**row, "seconds": seconds}


def _quietly(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """Blender says on standard output what it renders, which is for our results."""
    while True:
        with quiet():
            outcome = next(outcomes, None)
        if outcome is None:
            return
        yield outcome


def _disk_need(args: argparse.Namespace, work: list[Work]) -> int:
    for job in work:
        for (name, place), need in zip(job.places.items(), job.needs(), strict=True):
            if args.json:
                row = {"strip": name, "frames": len(job.frames), "missing": need.frames, "folder": place.folder}
                print(json.dumps({**row, "bytes_needed": need.bytes_needed, "bytes_free": need.bytes_free}), flush=True)
            else:
                needs = f"{need.frames} of {len(job.frames)} frames missing, up to {size_text(need.bytes_needed)}"
                print(f"{name}: {needs}, {size_text(need.bytes_free)} free in {place.folder}")
    return 0


def _link(args: argparse.Namespace, work: list[Work]) -> int:
    for job in work:
        for name, place in job.places.items():
            freshness = job.owners.look(name, job.frames, place)
            if freshness.missing or freshness.stale:
                raise CommandError(f"{name}: {'; '.join(freshness.lines())}. Bake them first")
            job.owners.attach(name, place)
    target = (args.save or args.file).absolute()
    others = {Path(path) for path in bpy.utils.blend_paths(absolute=True)} - {args.file.absolute()}
    keep_apart([target], others)
    blend.save(target)
    print(target)
    return 0


def _scene(name: str) -> Any:
    scene = bpy.data.scenes.get(name) if name else bpy.context.scene
    if scene is None:
        raise UsageError(f"--scene: there is no scene {name!r}; there are {', '.join(s.name for s in bpy.data.scenes)}")
    if not name and not _has_work(scene):
        scene = next((candidate for candidate in bpy.data.scenes if _has_work(candidate)), scene)
    if not _has_work(scene):
        raise CommandError(f'scene "{scene.name}" has nothing in its sequencer, and no Rack Focus node at work')
    bpy.context.window.scene = scene
    return scene


def _has_work(scene: Any) -> bool:
    return scene.sequence_editor is not None or bool(_named(Nodes(scene), ""))


def _use_threads(count: int | None) -> None:
    if count is None:
        return
    cv2.setNumThreads(count)
    openimageio("").attribute("threads", count)
    openimageio("").attribute("exr_threads", count)


def _ranges(text: str) -> list[int]:
    frames: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(-?\d+)\s*(?:-\s*(-?\d+))?\s*", part)
        if match is None:
            raise argparse.ArgumentTypeError(f"{text} is not a range of frames like 1-50 or 1-10,20-30")
        first, last = int(match.group(1)), int(match.group(2) or match.group(1))
        if last < first:
            raise argparse.ArgumentTypeError(f"{part.strip()} ends before it begins")
        frames += range(first, last + 1)
    return list(dict.fromkeys(frames))


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0.05 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share from 0.05 to 1")
    return share


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of threads")
    return int(text)
