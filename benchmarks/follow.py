# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Follow the Shot proposes the rack that each demo shot was made for:
`python -m benchmarks.follow [--shot NAME] [--width PX]`.

The demo's own scenes are ray-traced small, at the frames that Follow looks at, without marks and without a network.
What is proposed is held against the shot's own rack: the same two subjects, and focus there within 12 frames of it.
Exit 1 where one is not.
"""

import argparse
import importlib
import math
import sys
import tempfile
from pathlib import Path

import bpy
import numpy as np

from blender_rackfocus import media
from blender_rackfocus.addon.desk.follow import LOOKS_A_SECOND
from blender_rackfocus.craft import follow
from blender_rackfocus.demo import SHOTS, stage

WITHIN_FRAMES = 12
SAME = 0.08
"""Distances whose logarithms differ less are one subject: a rack is made for a point of it, its face or its rim."""


def rendered(name: str, width: int, folder: Path) -> tuple[stage.Shot, list[int]]:
    """Ray-trace a shot's looks into folder/####.exr; the shot, and the frames."""
    before = bpy.context.window.scene
    scene, shot = importlib.import_module(f"blender_rackfocus.demo.{name}").build()
    scene.render.resolution_percentage = max(1, round(100 * width / scene.render.resolution_x))
    scene.cycles.samples = 4
    scene.frame_step = max(1, round(shot.fps / LOOKS_A_SECOND))
    try:
        stage.render(scene, folder, lambda: False)
    finally:
        bpy.context.window.scene = before
    return shot, list(range(1, shot.frames + 1, scene.frame_step))


def proposals(shot: stage.Shot, looks: list[int], folder: Path) -> list[follow.Proposal]:
    """What is proposed for the pictures in a folder."""
    watch = follow.Watch(shot.fps)
    for frame in looks:
        path = folder / f"{frame:04d}.exr"
        depth_m = media.read_raw_depth(path).values
        watch.look(frame, media.read_frame(path), np.where(depth_m < 1e9, depth_m, np.inf))
    return watch.proposals()


def _is_subject(metres: float, of_m: float) -> bool:
    return abs(math.log(metres / of_m)) < SAME


def judged(shot: stage.Shot, made: list[follow.Proposal]) -> tuple[follow.Proposal | None, str]:
    """The proposal that is the shot's rack, and what is wrong: empty where nothing is."""
    if not made or not _is_subject(made[0].distance_m, shot.from_m):
        return None, "it opens on something else"
    there = shot.rack_at + shot.rack_over
    found = [one for one in made[1:] if _is_subject(one.distance_m, shot.to_m)]
    if not found:
        return None, "nothing goes to the second subject"
    best = min(found, key=lambda one: abs(one.frame - there))
    late = abs(best.frame - there) > WITHIN_FRAMES
    return best, f"{best.frame - there:+g} frames" if late else ""


def row(name: str, shot: stage.Shot, made: list[follow.Proposal], best: follow.Proposal | None, problem: str) -> str:
    """A row of the table: what a shot is made for, what is proposed, and how much speaks for it."""
    there = shot.rack_at + shot.rack_over
    meant = f"{shot.from_m:.2f} to {shot.to_m:.2f} m, frames {shot.rack_at} to {there}"
    if best is None:
        return f"| {name} | {meant} | {problem} | |"
    told = f"{made[0].distance_m:.2f} to {best.distance_m:.2f} m, frames {best.start:g} to {best.frame:g}"
    return f"| {name} | {meant} | {', '.join(filter(None, (told, problem)))} | {best.strength:.2f} ({best.reason}) |"


def main() -> int:
    """Print what each shot is for, and what is proposed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.follow", description=__doc__)
    parser.add_argument("--shot", choices=SHOTS, help="only this one")
    parser.add_argument("--width", type=int, default=320, help="of the pictures in pixels (default: 320)")
    args = parser.parse_args()
    lines, wrong = ["| shot | made for | proposed | strength |", "| --- | --- | --- | --- |"], 0
    for name in [args.shot] if args.shot else SHOTS:
        with tempfile.TemporaryDirectory() as folder:
            shot, looks = rendered(name, args.width, Path(folder))
            made = proposals(shot, looks, Path(folder))
        best, problem = judged(shot, made)
        wrong += bool(problem)
        lines.append(row(name, shot, made, best, problem))
    print("\n".join(lines))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
