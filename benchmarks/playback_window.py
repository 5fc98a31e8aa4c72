# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender's window for `benchmarks.playback`: makes the shot, bakes and places it, plays and renders each kind.

Arguments after `--`: where the result goes (JSON), a folder, the number of frames, the number of rounds.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import av
import bpy
import cv2
import numpy as np

RESULT, FOLDER = (Path(text) for text in sys.argv[sys.argv.index("--") + 1 :][:2])
FRAMES, ROUNDS = (int(text) for text in sys.argv[sys.argv.index("--") + 3 :][:2])
SIZE = (1920, 1080)
KINDS = ("plain strip", "do-nothing modifier", "live", "kept in the store", "baked", "placed as a strip")
STORE, OFF = str(FOLDER / "store"), "off"
LONGEST_S = 12.0
RENDERED = (5, 6, 7)

told: dict = {kind: {"fps": [], "seconds": []} for kind in KINDS}


def part(name: str):
    """A module of the add-on, in whatever room it stands."""
    return next(found for key, found in sys.modules.items() if "blender_rackfocus.addon." in key and key.endswith(name))


def make_clip() -> tuple[str, str]:
    """A movie of discs that move over grain, and its depth as a picture: near on the left, far on the right."""
    rng = np.random.default_rng(5)
    width, height = SIZE
    grain = cv2.GaussianBlur(rng.integers(0, 256, (height, width, 3), dtype=np.uint8), (0, 0), 1.5)
    discs = [(rng.integers(0, SIZE), int(rng.integers(20, 90)), rng.integers(0, 256, 3)) for _ in range(120)]
    movie = str(FOLDER / "clip.mp4")
    with av.open(movie, "w") as file:
        stream = file.add_stream("h264", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(FRAMES):
            picture = np.ascontiguousarray(grain)
            for place, radius, colour in discs:
                where = (int(place[0] + 3 * number) % width, int(place[1]))
                cv2.circle(picture, where, radius, tuple(int(c) for c in colour), -1)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                file.mux(packet)
        for packet in stream.encode():
            file.mux(packet)
    depth = np.tile(np.linspace(65535, 3000, width).astype(np.uint16), (height, 1))
    cv2.imwrite(str(FOLDER / "depth.png"), depth)
    return movie, str(FOLDER / "depth.png")


def do_nothing(strip: bpy.types.Strip) -> None:
    group = bpy.data.node_groups.new("Nothing", "CompositorNodeTree")
    for direction in ("OUTPUT", "INPUT"):
        group.interface.new_socket("Image", in_out=direction, socket_type="NodeSocketColor")
    group.links.new(group.nodes.new("NodeGroupInput").outputs[0], group.nodes.new("NodeGroupOutput").inputs[0])
    strip.modifiers.new("Nothing", "COMPOSITOR").node_group = group


def make_scene(kind: str, number: int, movie: str, depth: str) -> None:
    scene = bpy.data.scenes.new(kind)
    render = scene.render
    render.resolution_x, render.resolution_y, render.fps = *SIZE, 60
    render.image_settings.file_format = "BMP"
    scene.view_settings.view_transform = "Standard"
    scene.frame_start, scene.frame_end, scene.sync_mode = 1, FRAMES, "NONE"
    strip = scene.sequence_editor_create().strips.new_movie("A", movie, 1, 1, fit_method="ORIGINAL")
    if kind == "do-nothing modifier":
        do_nothing(strip)
    elif kind != "plain strip":
        show(kind)
        bpy.ops.rackfocus.modifier_add(strip_name="A", depth_path=depth)
        found = part("shot.modifier").find(strip)
        strip.rackfocus_depth_kind, strip.rackfocus_near_m, strip.rackfocus_far_m = "NORMALISED", 1.0, 12.0
        values = {"Focal Length": 50.0, "F-Stop": 1.4 + 0.01 * number, "Focus Distance": 2.0}
        for name, value in values.items():
            part("shot.modifier").socket(found, name).value = value
        focus = part("shot.modifier").socket(found, "Focus Distance")
        for frame, metres in ((1, 1.5), (FRAMES, 6.0)):
            focus.value = metres
            focus.keyframe_insert("value", frame=frame)


def show(kind: str) -> None:
    """The window shows a scene, and nothing of it is in Blender's memory."""
    os.environ["RACKFOCUS_CACHE"] = OFF if kind == "live" else STORE
    bpy.context.window.scene = bpy.data.scenes[kind]
    bpy.context.workspace.sequencer_scene = bpy.data.scenes[kind]


def forget() -> None:
    for name in ("sequencer.frames", "sequencer.live", "shot.pixels"):
        part(name).forget()
    for strip in bpy.context.workspace.sequencer_scene.sequence_editor.strips_all:
        strip.invalidate_cache("RAW")


def in_sequencer(call, *words, **arguments):
    area = next(one for one in bpy.context.window.screen.areas if one.type == "SEQUENCE_EDITOR")
    region = next(one for one in area.regions if one.type == "WINDOW")
    with bpy.context.temp_override(window=bpy.context.window, area=area, region=region):
        return call(*words, **arguments)


def render(kind: str) -> Iterator[float]:
    scene = bpy.data.scenes[kind]
    scene.render.filepath = str(FOLDER / "rendered.bmp")
    times = []
    for frame in RENDERED:
        scene.frame_set(frame)
        forget()
        started = time.perf_counter()
        bpy.ops.render.render(write_still=True)
        times.append(time.perf_counter() - started)
    told[kind]["seconds"].append(min(times))
    yield 0.3


def play(kind: str) -> Iterator[float]:
    """From the first frame to the last, or as far as it comes."""
    scene = bpy.data.scenes[kind]
    scene.frame_set(1)
    forget()
    yield 1.0
    in_sequencer(bpy.ops.screen.animation_play)
    yield 0.0
    began, first = time.perf_counter(), scene.frame_current
    last, at = first, began
    while time.perf_counter() - began < LONGEST_S:
        if scene.frame_current < last:
            break
        if scene.frame_current > last:
            last, at = scene.frame_current, time.perf_counter()
        if last >= FRAMES - 1:
            break
        yield 0.005
    told[kind]["fps"].append((last - first) / max(at - began, 1e-6))
    in_sequencer(bpy.ops.screen.animation_cancel, restore_frame=False)
    yield 0.3


def steps() -> Iterator[float]:
    movie, depth = make_clip()
    for number, kind in enumerate(KINDS):
        make_scene(kind, number, movie, depth)
        yield 0.1
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "shot.blend"))
    show("kept in the store")
    scene = bpy.data.scenes["kept in the store"]
    for frame in range(1, FRAMES + 1):
        scene.frame_set(frame)
        bpy.ops.render.render()
        yield 0.0
    show("baked")
    in_sequencer(bpy.ops.rackfocus.bake, strip_name="A")
    yield 0.5
    show("placed as a strip")
    yield 0.5
    in_sequencer(bpy.ops.rackfocus.place, strip_name="A")
    while part("operators.jobs").running():
        yield 0.5
    yield 1.0
    assert len(bpy.data.scenes["placed as a strip"].sequence_editor.strips_all) == 2
    for _ in range(ROUNDS):
        for kind in KINDS:
            show(kind)
            yield 0.5
            yield from play(kind)
            yield from render(kind)


def tick(ahead: Iterator[float]) -> float | None:
    try:
        return next(ahead)
    except StopIteration:
        pass
    except Exception:
        told["traceback"] = traceback.format_exc()
    RESULT.write_text(json.dumps(told), encoding="utf-8")
    bpy.ops.wm.quit_blender()
    return None


bpy.context.preferences.view.show_splash = False
running = steps()
bpy.app.timers.register(lambda: tick(running), first_interval=3.0, persistent=True)
