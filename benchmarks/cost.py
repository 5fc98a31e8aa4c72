# SPDX-License-Identifier: GPL-3.0-or-later
"""What a render with the modifier costs beside Blender's own do-nothing compositor modifier and the core's time:
`python -m benchmarks.cost [--frames N] [--repeat N]`.

A 1920 x 1080 animation, rendered in turn with each, several times; medians of seconds per frame. Needs the bpy module.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import bpy

import blender_rackfocus
from blender_rackfocus.addon.blender import cache
from blender_rackfocus.addon.sequencer import frames
from blender_rackfocus.addon.shot import modifier, pixels

from .strip import edit, write_plate

KINDS = ("without a modifier", "do nothing", "Rack Focus")


def do_nothing(strip: bpy.types.Strip) -> bpy.types.StripModifier:
    """Blender's compositor modifier with a group that hands the picture through."""
    group = bpy.data.node_groups.new("Nothing", "CompositorNodeTree")
    for direction in ("OUTPUT", "INPUT"):
        group.interface.new_socket("Image", in_out=direction, socket_type="NodeSocketColor")
    group.links.new(group.nodes.new("NodeGroupInput").outputs[0], group.nodes.new("NodeGroupOutput").inputs[0])
    made = strip.modifiers.new("Nothing", "COMPOSITOR")
    made.node_group = group
    return made


def main() -> None:
    """Print the medians and what is more than do-nothing plus core, in per cent."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost", description=__doc__)
    parser.add_argument("--frames", type=int, default=6, help="length of the animation (default: 6)")
    parser.add_argument("--repeat", type=int, default=4, help="how often it is rendered with each (default: 4)")
    args = parser.parse_args()
    os.environ[cache.ENVIRONMENT] = "off"
    blender_rackfocus.register()
    core_seconds: list[float] = []
    render_frame = frames.defocus_frame

    def timed(*words, **settings):
        started = time.perf_counter()
        made = render_frame(*words, **settings)
        core_seconds.append(time.perf_counter() - started)
        return made

    frames.defocus_frame = timed
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        strip = edit(write_plate(Path(folder), args.frames), Path(folder))
        ours, idle = modifier.find(strip), do_nothing(strip)
        for _ in range(args.repeat):
            for kind in KINDS:
                ours.mute, idle.mute = kind != "Rack Focus", kind != "do nothing"
                frames.forget()
                pixels.forget()
                started = time.perf_counter()
                bpy.ops.render.render(animation=True)
                times[kind].append((time.perf_counter() - started) / args.frames)
    found = {kind: statistics.median(seconds) for kind, seconds in times.items()}
    core = statistics.median(core_seconds)
    for kind, seconds in found.items():
        print(f"{kind:20s} {seconds:.3f} s a frame")
    print(f"{'the core':20s} {core:.3f} s a frame")
    more = found["Rack Focus"] / (found["do nothing"] + core) - 1
    print(f"Rack Focus costs {100 * more:+.1f} % of do nothing and core together")


if __name__ == "__main__":
    main()
