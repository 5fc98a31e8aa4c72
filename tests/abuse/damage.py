# SPDX-License-Identifier: GPL-3.0-or-later
"""Damaged media and networks: an error in words or a picture, never a crash, another error, or an hour of work."""

from __future__ import annotations

import random
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import make_media
import numpy as np
import toy_networks

from .report import Row, times

PATIENCE_S = 60.0
"""So long one damaged file may take."""


class Reader:
    """A `reader` process; another one is started where it died."""

    def __init__(self, kind: str, log: Path) -> None:
        self._kind, self._log = kind, log
        self._process: subprocess.Popen[str] | None = None

    def read(self, path: Path) -> str:
        """What came of a file: ok, refused, or what is wrong."""
        if self._process is None:
            command = [sys.executable, "-m", "tests.abuse.reader", self._kind]
            with self._log.open("a") as log:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1
                )
        process = self._process
        process.stdin.write(f"{path}\n")
        end = time.monotonic() + PATIENCE_S
        while True:
            if not select.select([process.stdout], [], [], max(end - time.monotonic(), 0))[0]:
                self.close()
                return f"took more than {PATIENCE_S:g} s"
            line = process.stdout.readline()
            if not line:
                status = process.wait()
                self.close()
                return f"the process died of it (status {status})"
            if line.startswith("\x02"):
                return line[1:].strip()

    def close(self) -> None:
        """Send it home."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Bits turned, bytes lost, blocks emptied, doubled or exchanged; the beginning is hit more often."""
    out = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 4, 16])):
        size = len(out)
        if size < 8:
            break
        at = int(size * chance.random() ** chance.choice([1, 1, 4]))
        length = chance.choice([1, 2, 4, 16, 256, 2048])
        what = chance.choice(["bit", "byte", "zeros", "ones", "noise", "cut", "lose", "double", "number"])
        if what == "bit":
            out[at] ^= 1 << chance.randrange(8)
        elif what == "byte":
            out[at] = chance.randrange(256)
        elif what == "cut":
            del out[max(at, 4) :]
        elif what == "lose":
            del out[at : at + length]
        elif what == "double":
            out[at:at] = out[at : at + length]
        elif what == "number":
            out[at : at + 4] = chance.choice([0, 1, 2**31 - 1, 2**32 - 1]).to_bytes(4, chance.choice(["big", "little"]))
        else:
            block = {"zeros": bytes(length), "ones": b"\xff" * length}.get(what) or chance.randbytes(length)
            out[at : at + length] = block[: max(size - at, 0)]
    return bytes(out)


def media(scale: float, chance: random.Random, folder: Path) -> Row:
    """1,000 damaged pictures and movies."""
    return _damaged("media", _media_seeds(folder), times(1000, scale), chance, folder)


def networks(scale: float, chance: random.Random, folder: Path) -> Row:
    """300 damaged networks."""
    return _damaged("network", _network_seeds(folder), times(300, scale), chance, folder)


def _damaged(kind: str, seeds: list[Path], count: int, chance: random.Random, folder: Path) -> Row:
    row, refused = Row(), 0
    reader = Reader(kind, folder / "reader.log")
    try:
        row.faults += _undamaged(reader, seeds)
        for number in range(count):
            seed = seeds[number % len(seeds)]
            path = folder / f"damaged_{number:04d}{seed.suffix}"
            path.write_bytes(mutated(seed.read_bytes(), chance))
            came = reader.read(path)
            row.done += 1
            refused += came == "refused"
            if came not in ("ok", "refused"):
                row.faults.append(f"{path.name}: {came}")
                shutil.copy(path, folder / f"fault_{path.name}")
            path.unlink()
        row.faults += _undamaged(reader, seeds)
    finally:
        reader.close()
    row.note = f"{refused} refused in words"
    return row


def _undamaged(reader: Reader, seeds: list[Path]) -> list[str]:
    """They can be read, before all damage and after."""
    came = {seed.name: reader.read(seed) for seed in seeds}
    return [f"{name}, undamaged: {what}" for name, what in came.items() if what != "ok"]


def _media_seeds(folder: Path) -> list[Path]:
    card = make_media.card(alpha=True)
    stills = [
        make_media.write_still(folder / "a.png", card, "uint8"),
        make_media.write_still(folder / "b.png", card, "uint16"),
        make_media.write_still(folder / "a.jpg", card[..., :3], "uint8"),
        make_media.write_still(folder / "a.tif", card, "uint16"),
        make_media.write_still(folder / "a.exr", card, "half"),
        make_media.write_still(folder / "b.exr", card, "float", compression="piz"),
        make_media.write_still(folder / "a.dpx", card[..., :3], "uint16"),
        make_media.write_still(folder / "a.tga", card, "uint8"),
        make_media.write_still(folder / "a.bmp", card[..., :3], "uint8"),
        make_media.write_still(folder / "a.hdr", card[..., :3], "float"),
    ]
    layers = [("ViewLayer.Combined", ["R", "G", "B", "A"], card), ("ViewLayer.Depth", ["Z"], card[..., :1] + 1)]
    stills.append(make_media.write_parts(folder / "parts.exr", layers))
    return stills + _movie_seeds(folder)


def _movie_seeds(folder: Path) -> list[Path]:
    import av

    made = []
    kinds = [("a.mp4", "libx264", "yuv420p"), ("a.mov", "prores_ks", "yuv422p10le"), ("a.mkv", "ffv1", "yuv444p16le"),
             ("a.webm", "libvpx-vp9", "yuv420p"), ("a.avi", "mjpeg", "yuvj420p"), ("a.ts", "mpeg2video", "yuv420p"),
             ("b.mov", "png", "rgba"), ("b.mkv", "ffv1", "gray16le")]  # fmt: skip
    for name, codec, kind in kinds:
        with av.open(str(folder / name), "w") as movie:
            movie.metadata.update({"title": "A tïtle", "comment": "words " * 20})
            stream = movie.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = 96, 64, kind
            stream.metadata["handler_name"] = "vidéo"
            for number in range(6):
                pixels = np.full((64, 96, 3), 20 * number, np.uint8)
                pixels[:, 10 * number : 10 * number + 20] = 220
                for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format=kind)):
                    movie.mux(packet)
            for packet in stream.encode():
                movie.mux(packet)
        made.append(folder / name)
    return made


def _network_seeds(folder: Path) -> list[Path]:
    return [
        toy_networks.write(folder / "plain.onnx"),
        toy_networks.write(folder / "nhwc.onnx", layout="NHWC", rank=3),
        toy_networks.write(folder / "dynamic.onnx", dynamic=True),
        toy_networks.write(folder / "metric.onnx", metric=True, rank=2),
    ]
