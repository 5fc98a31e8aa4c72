# SPDX-License-Identifier: GPL-3.0-or-later
"""Seconds per frame of a racked strip, live, kept, baked: `python -m benchmarks.strip [--frames N]`.

A 1920 x 1080 sequence of half-float multilayer EXR with depth is rendered by Blender's sequencer to uncompressed
pictures, several times over, in one run; each line is the median of its frames. Needs the bpy module.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import bpy
import numpy as np
import OpenImageIO as oiio

import blender_rackfocus
from blender_rackfocus.addon.blender import cache
from blender_rackfocus.addon.sequencer import frames
from blender_rackfocus.addon.shot import modifier, pixels

from .__main__ import table
from .shot import still_life

SIZE = (1920, 1080)
LARGEST_RADIUS_PX = 20
NEAR_M, FAR_M = 0.9, 6.0


def write_plate(folder: Path, count: int) -> list[Path]:
    """The still life of the benchmark as a sequence, in Blender's own channel names."""
    rgba, depth = still_life(*SIZE)
    paths = []
    for number in range(1, count + 1):
        spec = oiio.ImageSpec(*SIZE, 5, "float")
        spec.channelnames = (*(f"ViewLayer.Combined.{c}" for c in "RGBA"), "ViewLayer.Depth.Z")
        spec.channelformats = ("half", "half", "half", "half", "float")
        spec.attribute("compression", "zip")
        path = folder / f"plate_{number:04d}.exr"
        out = oiio.ImageOutput.create(str(path))
        if not out.open(str(path), spec):
            raise OSError(out.geterror())
        out.write_image(np.dstack([np.roll(rgba, number, axis=1), depth]).astype(np.float32))
        out.close()
        paths.append(path)
    return paths


def edit(paths: list[Path], folder: Path) -> bpy.types.Strip:
    """The strip, racked from near to far."""
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    scene.render.resolution_percentage = 100
    scene.view_settings.view_transform = "Standard"
    scene.render.image_settings.file_format = "BMP"
    scene.render.filepath = str(folder / "frame")
    scene.frame_start, scene.frame_end = 1, len(paths)
    strip = scene.sequence_editor_create().strips.new_image("Plate", str(paths[0]), 1, 1, fit_method="ORIGINAL")
    for path in paths[1:]:
        strip.elements.append(path.name)
    if bpy.ops.rackfocus.modifier_add(strip_name=strip.name) != {"FINISHED"}:
        raise RuntimeError("the modifier could not be added")
    _socket(strip, "Focal Length").value = 50.0
    _socket(strip, "Max Blur").value = 100.0 * 2 * LARGEST_RADIUS_PX / SIZE[0]
    for frame, metres in ((1, NEAR_M), (len(paths), FAR_M)):
        _socket(strip, "Focus Distance").value = metres
        _socket(strip, "Focus Distance").keyframe_insert("value", frame=frame)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "strip.blend"))
    return strip


def _socket(strip: bpy.types.Strip, name: str):
    return modifier.socket(modifier.find(strip), name)


def seconds(scene: bpy.types.Scene) -> float:
    """Median seconds of a frame, rendered and written; the first one, which opens files, does not count."""
    frames.forget()
    pixels.forget()
    times = []
    for frame in range(scene.frame_start, scene.frame_end + 1):
        scene.frame_set(frame)
        started = time.perf_counter()
        bpy.ops.render.render(write_still=True)
        times.append(time.perf_counter() - started)
    cache.settle()
    return statistics.median(times[1:])


def measure(count: int) -> list[dict]:
    """The lines of the table."""
    rows: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ[cache.ENVIRONMENT] = "off"
        bpy.ops.wm.read_factory_settings(use_empty=True)
        strip = edit(write_plate(Path(folder), count), Path(folder))
        scene = bpy.context.scene

        def line(what: str) -> None:
            rows.append({"strip": what, "seconds per frame": seconds(scene)})

        modifier.find(strip).mute = True
        line("without the modifier")
        modifier.find(strip).mute = False
        _socket(strip, "Mix").value = 0.0
        line("nothing to do (Mix 0)")
        _socket(strip, "Mix").value = 1.0
        line("live, no store")
        os.environ[cache.ENVIRONMENT] = str(Path(folder, "store"))
        line("live, kept in the store on the way")
        line("from the store")
        _socket(strip, "F-Stop").value = 2.0
        line("after a change, the store knowing others")
        if bpy.ops.rackfocus.bake(strip_name=strip.name) != {"FINISHED"}:
            raise RuntimeError("the strip could not be baked")
        line("baked")
        _socket(strip, "F-Stop").value = 2.5
        os.environ[cache.ENVIRONMENT] = "off"
        line("baked, then changed: live again, no store")
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strip", description=__doc__)
    parser.add_argument("--frames", type=int, default=9, help="length of the sequence (default: 9)")
    args = parser.parse_args()
    blender_rackfocus.register()
    print(table(measure(args.frames)))


if __name__ == "__main__":
    main()
