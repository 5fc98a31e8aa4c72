# SPDX-License-Identifier: GPL-3.0-or-later
"""What Automatic makes of real clips, to be looked at: `python -m benchmarks.clips FOLDER [--model FILE] [--out DIR]`.

For every movie in a folder, without a network and (with --model) with one: what was decided, why, how long it took, and
a row of pictures: three frames, the depth of each (white is near), and the clip racked to what is near and to what is
far. Leaves a sheet.png to look at, and the same words in verdicts.txt.
"""

import argparse
import tempfile
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from blender_rackfocus import media
from blender_rackfocus.core import Lens, defocus_frame
from blender_rackfocus.core.depth import DepthConvention
from blender_rackfocus.craft.subjects import depth_modes
from blender_rackfocus.estimate import EstimateError, EstimateSettings, NetworkSettings
from blender_rackfocus.estimate.files import MovieFrames, Task, clip_key, run
from blender_rackfocus.frame.depth import FAR_M, NEAR_M, on_picture
from blender_rackfocus.media.colour import linear_to_srgb

WIDTH = 288
"""Of one picture on the sheet, pixels."""
LENS = {"focal_mm": 50.0, "f_number": 1.4, "sensor_mm": 36.0}
_LINE_PX, _LETTERS = 17, 200


@dataclass(frozen=True)
class Verdict:
    """What was decided for a clip. pictures: (h, w, 3) uint8 RGB each; empty where it was refused."""

    clip: str
    way: str
    words: str
    seconds: float
    first_s: float | None
    pictures: tuple[np.ndarray, ...]


def judged(path: Path, model: str, most: int, folder: Path) -> Verdict:
    """Automatic on one clip, as Estimate Depth does it. most: frames of it, from its beginning."""
    way = "with the network" if model else "without a network"
    frames = MovieFrames(path)
    count = min(len(frames), most)
    named = {index: folder / f"depth_{index:06d}.exr" for index in range(count)}
    settings = EstimateSettings(network=NetworkSettings(model) if model else None)
    begun, first = time.perf_counter(), []

    def note(progress) -> None:
        if progress.near is not None and not first:
            first.append(time.perf_counter() - begun)

    try:
        told, report = run(Task(frames, named, settings, clip_key=clip_key([path])), progress=note)
        seconds = time.perf_counter() - begun
        doubts = "; ".join(told.notes)
        words = f"{told.sentence()}. Why: {told.why}. {doubts}"
        if report is not None:
            words += f". Flicker {report.flicker_before:.2f} % before, {report.flicker_after:.2f} % after"
        convention = DepthConvention() if told.metric else DepthConvention("NORMALISED", NEAR_M, FAR_M)
        pictures = looked_at(frames, named, convention)
        return Verdict(path.stem, way, words, seconds, first[0] if first else None, pictures)
    except EstimateError as error:
        seconds = time.perf_counter() - begun
        shown = tuple(small(frames[index]) for index in (0, count // 2, count - 1))
        return Verdict(path.stem, way, f"REFUSED: {error}", seconds, None, shown)
    finally:
        frames.close()


def looked_at(frames: MovieFrames, named: dict[int, Path], convention: DepthConvention) -> tuple[np.ndarray, ...]:
    """Three frames, their depths, and the middle one racked to what is near and to what is far."""
    looked = (0, len(named) // 2, len(named) - 1)
    shown, depths = [], []
    for index in looked:
        picture = frames[index]
        raw = media.read_raw_depth(str(named[index]), 0)
        depth_m, _fit = on_picture(raw, convention, picture, fit=True)
        depths.append(depth_m)
        shown.append(small(picture))
    low, high = (1 / np.percentile(depths[1], at) for at in (99, 1))
    greys = [np.repeat(np.clip((1 / d - low) / max(high - low, 1e-9), 0, 1)[..., None], 3, axis=2) for d in depths]
    racked = [
        small(defocus_frame(frames[looked[1]], depths[1], Lens(focus_m=min(focus_m, 1e4), **LENS)))
        for focus_m in depth_modes(depths[1])
    ]
    return (*shown, *(fitted(np.rint(255 * grey).astype(np.uint8)) for grey in greys), *racked)


def small(picture: np.ndarray) -> np.ndarray:
    """A scene-linear picture as the sheet shows it."""
    return fitted(np.rint(255 * linear_to_srgb(np.clip(picture[..., :3], 0, 1))).astype(np.uint8))


def fitted(picture: np.ndarray) -> np.ndarray:
    """`WIDTH` across."""
    height = round(picture.shape[0] * WIDTH / picture.shape[1])
    return cv2.resize(picture, (WIDTH, height), interpolation=cv2.INTER_AREA)


def told(verdict: Verdict) -> str:
    """A verdict in words."""
    first = f", the first depth after {verdict.first_s:.1f} s" if verdict.first_s is not None else ""
    return f"{verdict.clip}, {verdict.way} ({verdict.seconds:.1f} s{first}): {verdict.words}"


def row_of(verdict: Verdict) -> np.ndarray:
    """Words above pictures, as wide as eight of them."""
    lines = textwrap.wrap(told(verdict), _LETTERS)
    words = np.full((_LINE_PX * len(lines) + 8, 8 * WIDTH, 3), 255, np.uint8)
    for number, line in enumerate(lines, 1):
        at = 6, _LINE_PX * number
        cv2.putText(words, line, at, cv2.FONT_HERSHEY_SIMPLEX, 0.48, (0, 0, 0), 1, cv2.LINE_AA)
    pictures = np.full((verdict.pictures[0].shape[0], 8 * WIDTH, 3), 255, np.uint8)
    joined = np.hstack(verdict.pictures)
    pictures[:, : joined.shape[1]] = joined
    return np.vstack((words, pictures))


def main() -> None:
    """Judge every clip, and leave the sheet."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clips", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with movies")
    parser.add_argument("--model", default="", help="a depth network (.onnx): the clips are judged with it as well")
    parser.add_argument("--only", default="", help="names of clips, with commas between (default: all)")
    parser.add_argument("--frames", type=int, default=48, help="frames of each clip (default: 48)")
    parser.add_argument("--out", type=Path, default=Path("out/clips"), help="folder for the sheet (default: out/clips)")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    wanted = set(filter(None, args.only.split(",")))
    clips = [path for path in sorted(args.folder.iterdir()) if media.is_movie(str(path))]
    rows, words = [], []
    for path in clips:
        if wanted and path.stem not in wanted:
            continue
        for model in ("", args.model) if args.model else ("",):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    verdict = judged(path, model, args.frames, Path(folder))
                except media.MediaError as error:
                    print(f"not a clip: {error}", flush=True)
                    break
            print(told(verdict), flush=True)
            rows.append(row_of(verdict))
            words.append(told(verdict))
            cv2.imwrite(str(args.out / "sheet.png"), np.vstack(rows)[..., ::-1])
            (args.out / "verdicts.txt").write_text("\n".join(words) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
