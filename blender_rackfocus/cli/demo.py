# SPDX-License-Identifier: GPL-3.0-or-later
"""`demo`: a shot modelled and ray-traced here, then racked through the sequencer."""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import shutil
from pathlib import Path
from typing import Any

import bpy
import cv2
import numpy as np

from .. import media
from ..demo import SHOTS
from . import output, rack, scratch
from .common import PACKAGE, CommandError, Progress, say
from .stop import Stop, stoppable

EXAMPLES = ("demo", "demo --shot chess -o demo")
# A change in any of these makes the plate stale.
SHARED_SOURCES = ("shapes.py", "stage.py", "people.py")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("--shot", choices=SHOTS, default=SHOTS[0], help=f"which shot (default: {SHOTS[0]})")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("demo"), metavar="DIR", help="folder for the results (default: demo)"
    )


@stoppable
def run(args: argparse.Namespace, stop: Stop) -> int:
    """Render the plate unless it is there, rack it, make the contact sheet; print the three paths."""
    folder = args.output.absolute() / args.shot
    rack.ensure_registered()
    shot = _plate(args.shot, folder, stop)
    movie, blend, sheet = (folder / f"{args.shot}{end}" for end in ("-rack.mp4", ".blend", "-sheet.png"))
    frames = folder / "racked"
    plate = folder / "plate"
    settings = ["--from", str(shot["from_m"]), "--to", str(shot["to_m"]), "--lens", str(shot["focal_mm"])]
    settings += ["--at", str(shot["rack_at"]), "--over", str(shot["rack_over"]), "--sensor", str(shot["sensor_mm"])]
    settings += ["--f-stop", str(shot["f_stop"]), "--blades", str(shot["blades"]), "--fps", str(shot["fps"])]
    settings += ["--feel", shot["feel"], "--view", "AgX"]
    parser = argparse.ArgumentParser()
    rack.add_arguments(parser)
    asked = parser.parse_args([str(plate), "-o", str(frames / "####.png"), "--blend", str(blend), *settings])
    rack.rack(asked, stop)
    stop.check()
    files = [frames / f"{number:04d}.png" for number in range(1, shot["frames"] + 1)]
    _movie_of(files, movie, shot["fps"], stop)
    _contact_sheet(files, shot, sheet)
    _before_during_after(files, shot, folder / f"{args.shot}-rack.jpg")
    say(f"{args.shot}: the movie, the contact sheet and the edit")
    for made in (movie, sheet, blend):
        print(made)
    return 0


def _plate(name: str, folder: Path, stop: Stop) -> dict[str, Any]:
    """Ray-trace the shot into folder/plate unless that has been done by this very script; what the shot says."""
    stamp = folder / "plate.json"
    digest = _digest(name)
    if stamp.is_file():
        kept = json.loads(stamp.read_text(encoding="utf-8"))
        if kept["digest"] == digest and len(list((folder / "plate").glob("*.exr"))) == kept["frames"]:
            say(f"{name}: the plate is there ({folder / 'plate'})")
            return kept
    plate = folder / "plate"
    if plate.exists() and not (stamp.is_file() or scratch.is_ours(plate)):
        raise CommandError(f"{plate} was not made here: move it away, or name another folder with --output")
    folder.mkdir(parents=True, exist_ok=True)
    before = bpy.context.window.scene
    scene, shot = importlib.import_module(f"..demo.{name}", __package__).build()
    say(f"{name}: ray-tracing {shot.frames} frames (about three minutes on two cores)")
    progress = Progress("ray-tracing", shot.frames)
    with scratch.folder_in(folder, ".plate-") as made:
        try:
            trouble = output.frames_to(made / "####.exr", scene, progress, stop)
        finally:
            bpy.context.window.scene = before
            _forget(scene)
        stop.check()
        if trouble:
            raise CommandError(f"Cycles could not render the shot: {trouble}")
        stamp.unlink(missing_ok=True)
        shutil.rmtree(plate, ignore_errors=True)
        plate.mkdir()
        (plate / scratch.MARK).touch()
        for frame in made.glob("*.exr"):
            frame.rename(plate / frame.name)
    kept = {"digest": digest, **shot.__dict__}
    stamp.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    return kept


def _forget(scene: Any) -> None:
    """Take the modelled scene and all that only it used out of the file: the edit is to be small."""
    for made in list(scene.objects):
        bpy.data.objects.remove(made)
    bpy.data.scenes.remove(scene)
    bpy.data.orphans_purge(do_recursive=True)


def _digest(name: str) -> str:
    digest = hashlib.sha256()
    for source in (f"{name}.py", *SHARED_SOURCES):
        digest.update((PACKAGE / "demo" / source).read_bytes())
    return digest.hexdigest()


def _movie_of(files: list[Path], target: Path, fps: int, stop: Stop) -> None:
    """Encode the racked frames. They are rendered as pictures first: the contact sheet is made of the same pixels."""
    before = bpy.context.window.scene
    scene = bpy.data.scenes.new("Movie")
    bpy.context.window.scene = scene
    try:
        height, width = media.read_frame(files[0]).shape[:2]
        scene.render.resolution_x, scene.render.resolution_y = width, height
        scene.render.fps, scene.render.fps_base = fps, 1.0
        scene.view_settings.view_transform = "Standard"
        strip = scene.sequence_editor_create().strips.new_image(
            name="Frames", filepath=str(files[0]), channel=1, frame_start=1, fit_method="ORIGINAL"
        )
        for following in files[1:]:
            strip.elements.append(following.name)
        scene.frame_start, scene.frame_end = 1, len(files)
        output.render(scene, output.plan(target, "movie"), stop)
    finally:
        bpy.context.window.scene = before
        bpy.data.scenes.remove(scene)


def _contact_sheet(files: list[Path], shot: dict[str, Any], target: Path) -> None:
    """Nine frames, three by three, from before the rack to after it."""
    at, end = shot["rack_at"], shot["rack_at"] + shot["rack_over"]
    middle = [round(at + (end - at) * share) for share in (0.25, 0.5, 0.75)]
    chosen = [1, at // 2, at, *middle, end, (end + len(files)) // 2, len(files)]
    tiles = [cv2.resize(_picture(files[number - 1]), (480, 270), interpolation=cv2.INTER_AREA)
             for number in chosen]  # fmt: skip
    for number, tile in zip(chosen, tiles, strict=True):
        for colour, thickness in (((0, 0, 0), 3), ((235, 235, 235), 1)):
            cv2.putText(tile, str(number), (10, 258), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, thickness, cv2.LINE_AA)
    gap = 6  # pixels between the pictures
    rows = [np.hstack([np.pad(tile, ((0, gap), (0, gap), (0, 0))) for tile in tiles[k : k + 3]]) for k in (0, 3, 6)]
    sheet = np.vstack(rows)[:-gap, :-gap]
    if not cv2.imwrite(str(target), sheet):
        raise CommandError(f"{target} cannot be written")


def _picture(path: Path) -> np.ndarray:
    """A picture as (H, W, 3) uint8 BGR."""
    read = cv2.imread(str(path))
    if read is None:
        raise CommandError(f"{path} cannot be read")
    return read


def _before_during_after(files: list[Path], shot: dict[str, Any], target: Path) -> None:
    """Three frames side by side, for a page that explains the rack."""
    chosen = (shot["rack_at"] - 1, shot["rack_at"] + shot["rack_over"] // 2, len(files))
    tiles = [_picture(files[number - 1]) for number in chosen]
    strip = np.hstack([np.pad(tile, ((0, 0), (0, 8), (0, 0)), constant_values=255) for tile in tiles])[:, :-8]
    width = 1440
    small = cv2.resize(strip, (width, round(strip.shape[0] * width / strip.shape[1])), interpolation=cv2.INTER_AREA)
    if not cv2.imwrite(str(target), small, [cv2.IMWRITE_JPEG_QUALITY, 90]):
        raise CommandError(f"{target} cannot be written")
