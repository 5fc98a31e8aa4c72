# SPDX-License-Identifier: GPL-3.0-or-later
"""Seconds a frame of a render, and frames a second of playback in Blender's own window, for a plain strip, Blender's
do-nothing compositor modifier, and Rack Focus live, kept in the store, baked, and placed as a strip:
`python -m benchmarks.playback [--frames N] [--rounds N]`.

Needs a Blender on the PATH with the extension enabled, and xvfb-run where there is no screen. A 1920 x 1080 H.264 movie
with one depth picture; all in one run, in turn, each several times; medians. Blender's prefetch is on, as it is by
default, and draws ahead in the second before each playback, except where the add-on has to switch it off.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

EXTENSION = "bl_ext.user_default.blender_rackfocus"


def measured(frames: int, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Every figure of every kind of strip, as the window told them."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "told.json")
        command = ["blender", "--app-template", "Video_Editing", "--addons", EXTENSION]
        command += ["--window-geometry", "0", "0", "1600", "900", "--python-exit-code", "9"]
        command += ["-P", str(Path(__file__).with_name("playback_window.py")), "--"]
        command += [str(result), folder, str(frames), str(rounds)]
        if not os.environ.get("DISPLAY") and sys.platform == "linux":
            if shutil.which("xvfb-run") is None:
                raise SystemExit("there is no screen, and no xvfb-run to make one")
            command = ["xvfb-run", "-a", "-s", "-screen 0 1600x900x24", *command]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode or not result.is_file():
            raise SystemExit(f"Blender ended with status {ran.returncode}:\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}")
        told = json.loads(result.read_text(encoding="utf-8"))
    if "traceback" in told:
        raise SystemExit(told["traceback"])
    return told


def table(told: dict[str, dict[str, list[float]]]) -> str:
    """The medians as a Markdown table."""
    plain = statistics.median(told["plain strip"]["fps"])
    lines = ["| strip | seconds a frame, rendered | frames a second, played | of plain |", "| --- | --- | --- | --- |"]
    for kind, figures in told.items():
        seconds, fps = statistics.median(figures["seconds"]), statistics.median(figures["fps"])
        lines.append(f"| {kind} | {seconds:.2f} | {fps:.1f} | {fps / plain:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table, and what each round gave."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.playback", description=__doc__)
    parser.add_argument("--frames", type=int, default=36, help="length of the clip (default: 36)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is played and rendered (default: 3)")
    args = parser.parse_args()
    told = measured(args.frames, args.rounds)
    print(table(told))
    for kind, figures in told.items():
        rounds = ", ".join(f"{one:.2f}" for one in figures["fps"])
        print(f"{kind}: {rounds} frames a second; {', '.join(f'{one:.2f}' for one in figures['seconds'])} s rendered")


if __name__ == "__main__":
    main()
