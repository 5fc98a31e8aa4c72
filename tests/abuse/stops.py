# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills, interrupts, full and read-only disks: what is there is whole, the next run ends like an undisturbed one."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import stripes
import toy_networks

from blender_rackfocus import media

from .report import Row, times

FRAMES = 24
VERBS = ("bake", "rack", "depth")


@dataclass(frozen=True)
class Job:
    """A verb's command, but for the folder that it writes to."""

    verb: str
    arguments: tuple[str, ...]
    output: Callable[[Path], list[str]]

    def start(self, out: Path) -> subprocess.Popen[str]:
        """Begin to do it into a folder."""
        command = [sys.executable, "-m", "blender_rackfocus", self.verb, *self.arguments, *self.output(out)]
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, env={**os.environ, "RACKFOCUS_CACHE": "off"}, **pipes)

    def done(self, out: Path) -> tuple[int, str]:
        """Do it; (exit status, what it said)."""
        process = self.start(out)
        _, told = process.communicate(timeout=300)
        return process.returncode, told


def _job(verb: str, folder: Path) -> Job:
    clip = stripes.write(folder / "clip", FRAMES)[0]
    if verb == "rack":
        settings = ("--from", "1", "--to", "4", "--lens", "80", "--f-stop", "1", "--at", "4", "--over", "9")
        return Job("rack", (str(clip), *settings), lambda out: ["-o", str(out / "racked_####.png")])
    if verb == "depth":
        network = str(toy_networks.write(folder / "toy.onnx"))
        return Job("depth", (str(clip), "--source", "network", "--model", network), lambda out: ["-o", f"{out}/"])
    blend = folder / "shot.blend"
    job = _job("rack", folder)
    arguments = [*job.arguments, "-o", str(folder / "once.mp4"), "--blend", str(blend)]
    subprocess.run([sys.executable, "-m", "blender_rackfocus", "rack", *arguments], check=True, capture_output=True)
    return Job("bake", (str(blend),), lambda out: ["--folder", str(out)])


def _content(out: Path) -> dict[str, bytes]:
    """The pixels of every picture in a folder, by name."""
    found = {}
    for path in sorted(out.rglob("*")) if out.is_dir() else ():
        if path.suffix in (".png", ".exr") and not any(part.startswith(".") for part in path.relative_to(out).parts):
            try:
                read = media.read_raw_depth(path).values if path.name.startswith("depth") else media.read_frame(path)
                found[str(path.relative_to(out))] = read.tobytes()
            except media.MediaError as error:
                found[str(path.relative_to(out))] = str(error).encode()
    return found


def _hidden(out: Path) -> list[str]:
    return [path.name for path in out.rglob(".*")] if out.is_dir() else []


def _disturbed(verb: str, number: signal.Signals, scale: float, chance: random.Random, folder: Path) -> Row:
    row = Row()
    job = _job(verb, folder)
    began = time.monotonic()
    status, told = job.done(folder / "whole")
    takes = time.monotonic() - began
    expected = _content(folder / "whole")
    if status or len(expected) < FRAMES:
        row.faults.append(f"undisturbed: status {status}, {len(expected)} files: {told[-200:]}")
        return row
    out, in_time = folder / "out", 0
    for attempt in range(times(20, scale)):
        if attempt % 4:  # every fourth goes on from what the one before left: bake and depth keep what is whole
            shutil.rmtree(out, ignore_errors=True)
        before = _content(out)
        process = job.start(out)
        time.sleep(chance.uniform(0.05, 1.0) * takes)
        process.send_signal(number)
        _, told = process.communicate(timeout=300)
        row.done += 1
        in_time += process.returncode != 0
        row.faults += _wrong(job, number, process.returncode, told, out, before, expected)
    status, told = job.done(out)
    if status or _content(out) != expected:
        row.faults.append(f"the run after them: status {status}, or other pixels: {told[-200:]}")
    if _hidden(out):
        row.faults.append(f"left for good: {_hidden(out)}")
    row.note = f"{in_time} before its end"
    if 3 * in_time < row.done:
        row.faults.append(f"proves little: {row.note}")
    return row


def _wrong(
    job: Job,
    number: signal.Signals,
    status: int,
    told: str,
    out: Path,
    before: dict[str, bytes],
    expected: dict[str, bytes],
) -> Iterator[str]:
    there = _content(out)
    if any(expected.get(name) != pixels for name, pixels in there.items()):
        yield f"status {status}: a picture at the output is not whole"
    if number == signal.SIGINT:
        if status not in (0, 130, -signal.SIGINT):
            yield f"interrupted: status {status}: {told[-200:]}"
        if status == 0 and len(there) < len(expected):
            yield f"status 0 with {len(there)} of {len(expected)} pictures"
        if job.verb == "rack" and status and (there != before or _hidden(out) or (out.exists() and not before)):
            yield f"interrupted, and left {sorted(there)[:2]} {_hidden(out)}"


def _full_disk(scale: float, chance: random.Random, folder: Path) -> Row:
    """A disk that fills up on the way, for each verb."""
    row = Row()
    for verb in VERBS:
        (folder / verb).mkdir()
        job = _job(verb, folder / verb)
        with _disk(folder / "disk", "size=256k") as disk:
            if disk is None:
                row.note = "skipped: no disk can be mounted here"
                return row
            (disk / "ballast").write_bytes(chance.randbytes(160 * 1024))
            status, told = job.done(disk / "out")
            row.done += 1
            row.faults += _badly_told(verb, status, told)
            if any(pixels.startswith(bytes(str(disk), "utf-8")) for pixels in _content(disk / "out").values()):
                row.faults.append(f"{verb}: a picture that is not whole")
    return row


def _read_only(scale: float, chance: random.Random, folder: Path) -> Row:
    """A folder that cannot be written, for each verb."""
    row = Row()
    for verb in VERBS:
        (folder / verb).mkdir()
        job = _job(verb, folder / verb)
        with _disk(folder / "disk", "ro") as disk:
            if disk is None:
                row.note = "skipped: no disk can be mounted here"
                return row
            status, told = job.done(disk / "out")
            row.done += 1
            row.faults += _badly_told(verb, status, told)
    return row


def _badly_told(verb: str, status: int, told: str) -> list[str]:
    if status not in (1, 2) or "Traceback" in told:
        return [f"{verb}: status {status}: {told[-300:]}"]
    return []


@contextlib.contextmanager
def _disk(place: Path, options: str) -> Iterator[Path | None]:
    place.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


ROWS = {f"{verb}-{name}": partial(_disturbed, verb, number)
        for verb in VERBS for name, number in (("kills", signal.SIGKILL), ("interrupts", signal.SIGINT))}  # fmt: skip
ROWS |= {"full-disk": _full_disk, "read-only": _read_only}
