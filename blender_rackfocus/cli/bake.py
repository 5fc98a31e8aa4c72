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
from pathlib import Path
from typing import Any

import bpy
import cv2

from ..addon.bake import bake, node_bake
from ..addon.errors import FrameError
from ..addon.sequencer import baked_strips, staleness
from ..media.library import openimageio
from .apart import keep_apart
from .bake_nodes import NodeJobs, folder_of, node_jobs
from .chatter import quiet
from .common import CommandError, Progress, UsageError, say
from .rack import ensure_registered
from .stop import Stop

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
    where.add_argument("--format", type=str.upper, choices=("EXR", "PNG"), metavar="KIND", help="exr or png (16)")
    how = parser.add_argument_group("how")
    how.add_argument("--threads", type=_count, metavar="N", help="processor threads to use (default: all)")
    how.add_argument("--json", action="store_true", help="a JSON line for every frame on standard output")
    how.add_argument("--estimate", action="store_true", help="say what it needs on disk, and bake nothing")
    how.add_argument(
        "--link", action="store_true", help="bake nothing: make strips and nodes read the frames there are; saves FILE"
    )
    how.add_argument("--save", type=Path, metavar="OUT.blend", help="with --link: save as this file instead")


def run(args: argparse.Namespace) -> int:
    """Bake; print the folders (or JSON lines). 0 when every frame asked for is there."""
    with Stop() as stop:
        return _run(args, stop)


def _run(args: argparse.Namespace, stop: Stop) -> int:
    if not args.file.is_file():
        raise UsageError(f"{args.file}: there is no such file")
    if args.save and not args.link:
        raise UsageError("--save goes with --link")
    ensure_registered()
    _use_threads(args.threads)
    try:
        with quiet():
            bpy.ops.wm.open_mainfile(filepath=str(args.file.absolute()), load_ui=False)
    except RuntimeError as error:
        raise CommandError(f"Blender cannot open it: {str(error).strip()}") from error
    stop.check()
    scene = _scene(args.scene)
    jobs, nodes = _jobs(args, scene), node_jobs(args, scene)
    if args.link:
        return _link(args, scene, jobs, nodes)
    if args.estimate:
        return _estimate(args, scene, jobs, nodes)
    return _bake(args, scene, jobs, nodes, stop)


def _bake(
    args: argparse.Namespace, scene: Any, jobs: list[tuple[Any, list[int], Any]], nodes: NodeJobs, stop: Stop
) -> int:
    if not jobs and not nodes.frames:
        say("no strip shows any of these frames: nothing to bake")
    problem = bake.too_large([*_estimates(scene, jobs), *nodes.estimates(scene)])
    if problem:
        raise CommandError(problem)
    done: Counter[str] = Counter()
    progress = Progress("baking", sum(len(which) for _, which, _ in jobs) + len(nodes.frames) * len(nodes.places))
    work = [
        ([place], _outcomes(scene, name, which, place, args.afresh))
        for name, which, place in [(strip.name, which, place) for strip, which, place in jobs]
    ]
    if nodes.frames:
        work.append((list(nodes.places.values()), nodes.outcomes(scene, args.afresh)))
    for places, outcomes in work:
        for told in outcomes:
            done[told["state"]] += 1
            if args.json:
                print(json.dumps(told), flush=True)
            if told["state"] == "failed":
                say(told["error"])
            progress.step()
            stop.check()
        if not args.json:
            print(*(place.folder for place in places), sep="\n")
    if args.json:
        print(json.dumps({"done": True, **{state: done[state] for state in STATES}}), flush=True)
    say(", ".join(f"{done[state]} {state}" for state in STATES if done[state]) or "no frames")
    return 1 if done["failed"] else 0


def _outcomes(scene: Any, name: str, which: list[int], place: Any, afresh: bool) -> Iterator[dict[str, Any]]:
    """One dict for each frame. A frame that cannot be made does not keep the others; a disk that cannot be written
    does."""
    left = list(which)
    while left:
        began = time.perf_counter()
        current = left[0]
        with bake.Bake(scene, scene.sequence_editor.strips_all[name], left, place, afresh=afresh) as under_way:
            try:
                for made in under_way:
                    left.remove(made.frame)
                    yield {
                        "strip": made.strip,
                        "frame": made.frame,
                        "state": made.state,
                        "file": made.path,
                        "seconds": round(made.seconds, 4),
                    }
                    if made.clipped:
                        say(f"frame {made.frame}: light above white is cut off in PNG; EXR keeps it")
                return
            except FrameError as error:
                if error.path and error.path.startswith(place.folder):
                    raise CommandError(str(error)) from error
                current = int(error.frame) if int(error.frame) in left else left[0]
                left.remove(current)
                yield {
                    "strip": name,
                    "frame": current,
                    "state": "failed",
                    "error": str(error),
                    "seconds": round(time.perf_counter() - began, 4),
                }


def _jobs(args: argparse.Namespace, scene: Any) -> list[tuple[Any, list[int], Any]]:
    """(strip, frames, place) of everything to bake."""
    if args.node and not args.strip:
        return []
    try:
        found = bake.strips_of(scene, args.strip)
    except ValueError as error:
        raise UsageError(f"--strip: {error}") from error
    if not found and not node_bake.nodes_of(scene):
        raise CommandError(f'no strip in scene "{scene.name}" has a Rack Focus modifier, its compositor no such node')
    jobs = []
    for strip in found:
        own = baked_strips.frames_of(scene, strip) if args.frames is None else bake.covered(strip)
        which = [frame for frame in (own if args.frames is None else args.frames) if frame in own]
        if which:
            jobs.append((strip, which, baked_strips.default_place(scene, strip, folder_of(args), args.format or "")))
    return jobs


def _estimates(scene: Any, jobs: list[tuple[Any, list[int], Any]]) -> list[Any]:
    return [bake.estimate(scene, strip, which, place) for strip, which, place in jobs]


def _estimate(args: argparse.Namespace, scene: Any, jobs: list[tuple[Any, list[int], Any]], nodes: NodeJobs) -> int:
    asked = [(strip.name, which, place) for strip, which, place in jobs]
    asked += [(name, nodes.frames, place) for name, place in nodes.places.items() if nodes.frames]
    for (name, which, place), one in zip(asked, [*_estimates(scene, jobs), *nodes.estimates(scene)], strict=True):
        if args.json:
            told = {"strip": name, "frames": len(which), "missing": one.frames, "folder": place.folder}
            print(json.dumps({**told, "bytes_needed": one.bytes_needed, "bytes_free": one.bytes_free}), flush=True)
        else:
            needs = f"{one.frames} of {len(which)} frames missing, up to {bake.size_text(one.bytes_needed)}"
            print(f"{name}: {needs}, {bake.size_text(one.bytes_free)} free in {place.folder}")
    return 0


def _link(args: argparse.Namespace, scene: Any, jobs: list[tuple[Any, list[int], Any]], nodes: NodeJobs) -> int:
    for strip, which, place in jobs:
        summary = staleness.check(scene, strip, which, place)
        if summary.missing or summary.stale:
            raise CommandError(f"{strip.name}: {'; '.join(summary.lines())}. Bake them first")
        baked_strips.attach(strip, place)
    nodes.link(scene)
    target = (args.save or args.file).absolute()
    others = {Path(path) for path in bpy.utils.blend_paths(absolute=True)} - {args.file.absolute()}
    keep_apart([target], others)
    try:
        with quiet():
            bpy.ops.wm.save_as_mainfile(filepath=str(target), copy=True, relative_remap=True)
    except RuntimeError as error:
        raise CommandError(f"{target} cannot be saved: {str(error).strip()}") from error
    print(target)
    return 0


def _scene(name: str) -> Any:
    scene = bpy.data.scenes.get(name) if name else bpy.context.scene
    if scene is None:
        raise UsageError(f"--scene: there is no scene {name!r}; there are {', '.join(s.name for s in bpy.data.scenes)}")
    if not name and not _has_work(scene):
        scene = next((one for one in bpy.data.scenes if _has_work(one)), scene)
    if not _has_work(scene):
        raise CommandError(f'scene "{scene.name}" has nothing in its sequencer, and no Rack Focus node at work')
    bpy.context.window.scene = scene
    return scene


def _has_work(scene: Any) -> bool:
    return scene.sequence_editor is not None or bool(node_bake.nodes_of(scene))


def _use_threads(count: int | None) -> None:
    if count is None:
        return
    cv2.setNumThreads(count)
    openimageio("").attribute("threads", count)
    openimageio("").attribute("exr_threads", count)


def _ranges(text: str) -> list[int]:
    frames: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*(-?\d+)\s*(?:-\s*(-?\d+))?\s*", part)
        if found is None:
            raise argparse.ArgumentTypeError(f"{text} is not a range of frames like 1-50 or 1-10,20-30")
        first, last = int(found.group(1)), int(found.group(2) or found.group(1))
        if last < first:
            raise argparse.ArgumentTypeError(f"{part.strip()} ends before it begins")
        frames += range(first, last + 1)
    return list(dict.fromkeys(frames))


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of threads")
    return int(text)
