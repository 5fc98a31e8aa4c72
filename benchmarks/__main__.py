# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the benchmark and write its tables: `python -m benchmarks [--out DIR] [--quick]`."""

import argparse
import json
import os
import statistics

import cv2
import numpy as np

from blender_rackfocus.core import Aperture, Lens, defocus_frame

from . import memory, node, together, truth
from .measure import Figures, compare, median_seconds, near_steps, srgb
from .shot import lens_for, still_life

SIZES = {"960x540": (960, 540), "1920x1080": (1920, 1080), "3840x2160": (3840, 2160)}
RADII_PX = (10, 20, 40, 80)
FULL_SIZE = (1920, 1080)
NODE_RADIUS_PX = 20
SPOILED = ("books", "meadow")
NODE_SIZE = (480, 270)  # the node is too slow to time at full size; its cost grows with the pixels


def accuracy(paths: list[str]) -> tuple[list[dict], list[np.ndarray]]:
    """Figures of each method on each ray-traced scene, and a row of pictures for each scene: what all methods make of
    its farthest focus, and truth."""
    rows, pictures = [], []
    for path in paths:
        data = np.load(path)
        rgb, depth = data["rgb"].astype(np.float32), data["depth_m"]
        edges, scene = near_steps(depth), _scene(path)
        shown: dict[str, np.ndarray] = {}
        for i, focus_m in enumerate(data["focus_m"]):
            lens = Lens(*(float(data[k]) for k in ("focal_mm", "f_number", "sensor_mm")), focus_m=float(focus_m))
            aperture = Aperture(blades=int(data["blades"]), rotation_deg=float(data["rotation_deg"]))
            wanted = data[f"truth_{i}"].astype(np.float32)
            shown = {name: run(rgb, depth, lens, aperture) for name, run in together.methods().items()}
            for method, picture in shown.items():
                figures = compare(picture, wanted, float(data["noise_mse"][i]), edges)
                rows.append({"scene": scene, "focus_m": float(focus_m), "method": method, **vars(figures)})
            shown["ray-traced"] = wanted
        pictures.append(np.hstack([_labelled(name, one) for name, one in shown.items()]))
    return rows, pictures


def _scene(path: str) -> str:
    """A scene's name, of its file's."""
    return os.path.splitext(os.path.basename(path))[0].split("_")[0]


def _labelled(name: str, picture: np.ndarray) -> np.ndarray:
    """A picture as a display shows it, 640 wide, with its name: (H, W, 3) uint8."""
    size = 640, round(640 * picture.shape[0] / picture.shape[1])
    shown = cv2.resize(np.uint8(srgb(picture) * 255 + 0.5), size, interpolation=cv2.INTER_AREA)
    for colour, thick in (((0, 0, 0), 4), ((255, 255, 255), 1)):
        cv2.putText(shown, name, (10, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.65, colour, thick, cv2.LINE_AA)
    return shown


def speed(repeat: int) -> list[dict]:
    """Seconds by size and radius, each beside a copy of the same picture in memory."""
    rows = []
    for label, (width, height) in SIZES.items():
        rgba, depth = still_life(width, height)
        copy = median_seconds(rgba.copy, repeat)
        for radius in RADII_PX:
            lens = lens_for(depth, radius)
            for quality in ("final", "draft"):
                seconds = median_seconds(lambda: defocus_frame(rgba, depth, lens, quality=quality), repeat)  # noqa: B023
                rows.append(
                    {
                        "size": label,
                        "radius_px": radius,
                        "quality": quality,
                        "seconds": seconds,
                        "copies": seconds / copy,
                    }
                )
    return rows


def beside_node(repeat: int) -> list[dict]:
    """The Defocus node and the core with the same largest radius, in one run, on the made-up shot."""
    full, small = still_life(*FULL_SIZE), still_life(*NODE_SIZE)
    return [_raced("200 objects", full, small, radius, repeat) for radius in RADII_PX]


def beside_node_on(folder: str, width_px: int, samples: int, repeat: int) -> list[dict]:
    """As beside_node, at NODE_RADIUS_PX, on the ray-traced scenes, enlarged."""
    rows = []
    for name in truth.scenes.SCENES:
        data = np.load(truth.make(name, folder, width_px, samples))
        full, small = (_resized(data["rgb"], data["depth_m"], size) for size in (FULL_SIZE, NODE_SIZE))
        rows.append(_raced(name, full, small, NODE_RADIUS_PX, repeat))
    return rows


def _resized(rgb: np.ndarray, depth_m: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    picture = np.maximum(cv2.resize(rgb.astype(np.float32), size, interpolation=cv2.INTER_CUBIC), 0)
    depth_m = cv2.resize(depth_m, size, interpolation=cv2.INTER_NEAREST)
    return np.dstack([picture, np.ones_like(depth_m)]), depth_m


def _raced(
    shot: str, full: tuple[np.ndarray, np.ndarray], small: tuple[np.ndarray, np.ndarray], radius: float, repeat: int
) -> dict:
    """One row. The node is timed on the small picture: it gathers the same square around every pixel, so its time grows
    with the number of pixels alone. The core is timed at full size, before and after."""
    growth = full[1].size / small[1].size
    lens = lens_for(full[1], radius)
    times = [median_seconds(lambda: defocus_frame(*full, lens), repeat)]
    timed = node.defocus(small[0][..., :3], small[1], lens_for(small[1], radius), radius)[1] * growth
    times.append(median_seconds(lambda: defocus_frame(*full, lens), repeat))
    ours = statistics.mean(times)
    return {
        "shot": shot,
        "radius_px": radius,
        "node, 1920x1080 by pixels": timed,
        "core, 1920x1080": ours,
        "times": timed / ours,
    }


def table(rows: list[dict]) -> str:
    """Rows of the same keys as a Markdown table."""
    heads = list(rows[0])
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    for row in rows:
        cells = (f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values())
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def summary(rows: list[dict]) -> list[dict]:
    """Mean figures of each method on each scene, and over all scenes."""
    out = []
    for method in dict.fromkeys(r["method"] for r in rows):
        mine = [r for r in rows if r["method"] == method]
        line: dict = {"method": method}
        for scene in dict.fromkeys(r["scene"] for r in mine):
            line[f"{scene} psnr_db"] = float(np.mean([r["psnr_db"] for r in mine if r["scene"] == scene]))
        for key in vars(Figures(0, 0, 0)):
            line[f"mean {key}"] = float(np.nanmean([r[key] for r in mine]))
        out.append(line)
    return out


def main() -> None:
    """Ray-trace what is missing, measure, write bench.md, bench.json and bench.png."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--out", default="out/bench", help="folder for the tables and the picture")
    parser.add_argument("--cache", default=".cache/bench/truth", help="folder for the ray-traced scenes")
    parser.add_argument("--quick", action="store_true", help="small, noisy scenes and few repeats: only to see it run")
    parser.add_argument(
        "--scenes", nargs="*", default=[], help="more .npz files with truth, as `benchmarks.truth` makes"
    )
    parser.add_argument("--only-together", action="store_true", help="the table of everything, and no other")
    args = parser.parse_args()
    width, samples, repeat = (320, 16, 1) if args.quick else (640, 192, 7)
    os.makedirs(args.out, exist_ok=True)
    own = [truth.make(name, args.cache, width, samples) for name in truth.scenes.SCENES]
    rows, pictures = accuracy(own + args.scenes)
    spoiled = [path for path in own if _scene(path) in SPOILED] + args.scenes
    parts = {
        "Together": together.table(rows, spoiled, args.cache, repeat, args.quick),
        "Accuracy": summary(rows),
    }
    if not args.only_together:
        raced = [*beside_node(repeat), *beside_node_on(args.cache, width, samples, repeat)]
        peak = memory.measured()
        parts |= {
            "Speed": speed(repeat),
            "Beside Blender's Defocus node": raced,
            "Memory": [{"peak above the inputs, 1080p final at 80 px, helpers' too, in pictures": peak}],
        }
    with open(os.path.join(args.out, "bench.json"), "w", encoding="utf-8") as file:
        json.dump({"each": rows, **parts}, file, indent=1)
    text = "\n\n".join(f"## {title}\n\n{table(part)}" for title, part in parts.items())
    with open(os.path.join(args.out, "bench.md"), "w", encoding="utf-8") as file:
        file.write(text + "\n")
    cv2.imwrite(os.path.join(args.out, "bench.png"), np.vstack(pictures)[..., ::-1])
    print(text)


if __name__ == "__main__":
    main()
