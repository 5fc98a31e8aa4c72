# SPDX-License-Identifier: GPL-3.0-or-later
"""`bake` for the Rack Focus nodes of a scene's compositor."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..addon.bake import node_bake
from ..addon.blender import versions
from ..addon.compositor import node_baked
from ..addon.compositor import session as compositor
from ..addon.errors import FrameError
from ..addon.shot import node
from .chatter import quiet
from .common import CommandError, UsageError, say


@dataclass
class NodeJobs:
    """places: of every node to be baked, by its name. frames: which."""

    places: dict[str, Any] = field(default_factory=dict)
    frames: list[int] = field(default_factory=list)

    def estimates(self, scene: Any) -> list[Any]:
        """What each node needs on disk."""
        trees = versions.scene_trees(scene)
        return [
            node_bake.estimate(scene, node.named(trees, name), self.frames, place)
            for name, place in self.places.items()
            if self.frames
        ]

    def outcomes(self, scene: Any, afresh: bool) -> Iterator[dict[str, Any]]:
        """One dict for each frame of each node. A frame that cannot be made does not keep the others; a disk that
        cannot be written does."""
        left = [(frame, name) for frame in self.frames for name in self.places]
        while left:
            began = time.perf_counter()
            frames = list(dict.fromkeys(frame for frame, _ in left))
            with node_bake.NodeBake(scene, self.places, frames, afresh=afresh) as under_way:
                try:
                    for made in _quietly(iter(under_way)):
                        if (made.frame, made.strip) not in left:
                            continue  # told before a frame of another node failed
                        left.remove((made.frame, made.strip))
                        yield {
                            "node": made.strip,
                            "frame": made.frame,
                            "state": made.state,
                            "file": made.path,
                            "seconds": round(made.seconds, 4),
                        }
                        if made.clipped:
                            say(f"frame {made.frame}: light above white is cut off in PNG; EXR keeps it")
                    return
                except FrameError as error:
                    if error.path and any(error.path.startswith(place.folder) for place in self.places.values()):
                        raise CommandError(str(error)) from error
                    frame = int(error.frame)
                    failed = [one for one in left if one[0] == frame] or left[:1]
                    seconds = round(time.perf_counter() - began, 4)
                    for one in failed:
                        left.remove(one)
                        told = {"node": one[1], "frame": one[0], "state": "failed", "error": str(error)}
                        yield {**told, "seconds": seconds}

    def link(self, scene: Any) -> None:
        """Make the nodes read their frames. Raises CommandError where those are not all there and right."""
        for name, place in self.places.items():
            one = node.named(versions.scene_trees(scene), name)
            if not node_bake.all_there(scene, one, self.frames, place):
                found = node_bake.look(scene, one, self.frames, place)
                raise CommandError(f"{name}: {'; '.join(node_bake.lines(found))}. Bake them first")
            node_baked.attach(one, place)


def _quietly(outcomes: Iterator[Any]) -> Iterator[Any]:
    """Blender says on standard output what it renders, which is for our results."""
    while True:
        with quiet():
            made = next(outcomes, None)
        if made is None:
            return
        yield made


def node_jobs(args: argparse.Namespace, scene: Any) -> NodeJobs:
    """The nodes to be baked: the one that --node names, else all unless --strip names a strip. Raises UsageError."""
    if args.strip and not args.node:
        return NodeJobs()
    try:
        found = node_bake.nodes_of(scene, args.node)
    except ValueError as error:
        raise UsageError(f"--node: {error}") from error
    if found and compositor.problem_before(scene):
        raise CommandError(compositor.problem_before(scene))
    places = {one.name: node_baked.default_place(scene, one, folder_of(args), args.format or "") for one in found}
    own = node_bake.frames_of(scene)
    return NodeJobs(places, (list(own) if args.frames is None else args.frames) if found else [])


def folder_of(args: argparse.Namespace) -> str:
    """The folder that was asked for, absolute unless it is relative to the .blend; empty for the scene's own."""
    return str(Path(args.folder).absolute()) if args.folder and not args.folder.startswith("//") else args.folder
