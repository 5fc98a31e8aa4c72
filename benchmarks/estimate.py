# SPDX-License-Identifier: GPL-3.0-or-later
"""What an estimate costs beside its network alone: `python -m benchmarks.estimate [--frames N] [--model FILE]`.

A 1920 x 1080 H.264 clip, from the file to depth on disk: decoding, motion, the network, smoothing, edges, EXR files.
Without a model of yours a made-up one stands in: as heavy as a small trained network, its answer is noise, which is
the most work for what follows edges.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import av
import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from blender_rackfocus.estimate import EstimateSettings, NetworkSettings, load_network
from blender_rackfocus.estimate.files import MovieFrames, Task, run

from .shot import still_life

WIDTH, HEIGHT = 1920, 1080


def write_clip(path: Path, frames: int) -> None:
    """A camera that pans over a made-up shot, with a grain of its own in every frame."""
    shot = (255 * still_life(WIDTH + 240, HEIGHT + 120)[0][..., :3].clip(0, 1) ** (1 / 2.2)).astype(np.int16)
    rng = np.random.default_rng(5)
    grain = rng.normal(0, 4, (8, HEIGHT, WIDTH, 1)).astype(np.int16)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=24, options={"crf": "18", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(frames):
            at = 2 * abs(number % 240 - 120)
            picture = shot[at // 2 : at // 2 + HEIGHT, at : at + WIDTH] + grain[number % len(grain)]
            frame = av.VideoFrame.from_ndarray(picture.clip(0, 255).astype(np.uint8), format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


def write_network(path: Path, height: int = 280, width: int = 504, channels: int = 64, layers: int = 6) -> None:
    """Convolutions with random weights: some 29 thousand million multiplications a frame."""
    rng = np.random.default_rng(0)
    nodes, weights, at, count = [], [], "image", 3
    for n in range(layers):
        kernel = rng.standard_normal((channels, count, 3, 3)).astype(np.float32) * np.float32(0.05)
        weights.append(numpy_helper.from_array(kernel, f"w{n}"))
        nodes.append(helper.make_node("Conv", [at, f"w{n}"], [f"c{n}"], kernel_shape=[3, 3], pads=[1] * 4))
        nodes.append(helper.make_node("Relu", [f"c{n}"], [f"r{n}"]))
        at, count = f"r{n}", channels
    last = rng.standard_normal((1, count, 1, 1)).astype(np.float32) * np.float32(0.1)
    weights.append(numpy_helper.from_array(last, "last"))
    nodes.append(helper.make_node("Conv", [at, "last"], ["depth"], kernel_shape=[1, 1]))
    picture = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, height, width])
    depth = helper.make_tensor_value_info("depth", TensorProto.FLOAT, [1, 1, height, width])
    graph = helper.make_graph(nodes, "heavy", [picture], [depth], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def alone(model: str, clip: Path, frames: int) -> float:
    """Seconds a frame of nothing but the network."""
    network, movie = load_network(NetworkSettings(model)), MovieFrames(clip)
    pictures = [movie[n] for n in range(2)]
    movie.close()
    network.nearness(pictures[0])
    started = time.perf_counter()
    for n in range(frames):
        network.nearness(pictures[n % 2])
    return (time.perf_counter() - started) / frames


def main() -> None:
    """Print seconds a frame, and how many times the network's own they are."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimate", description=__doc__)
    parser.add_argument("--frames", type=int, default=240, help="length of the clip (default: 240)")
    parser.add_argument("--model", default="", help="a depth network of yours, .onnx (default: a made-up one)")
    args = parser.parse_args()
    cv2.setRNGSeed(1)
    with tempfile.TemporaryDirectory() as folder:
        clip, depth = Path(folder, "clip.mp4"), Path(folder, "depth")
        write_clip(clip, args.frames)
        model = args.model or str(Path(folder, "heavy.onnx"))
        if not args.model:
            write_network(Path(model))
        before = alone(model, clip, 12)
        frames = MovieFrames(clip)
        files = {n: depth / f"depth_{n:04d}.exr" for n in range(len(frames))}
        settings = EstimateSettings(network=NetworkSettings(model))
        memory: list[int] = []

        def note(progress) -> None:
            memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)

        used = time.process_time()
        started = time.perf_counter()
        _told, report = run(Task(frames, files, settings, source="NETWORK"), progress=note)
        total = (time.perf_counter() - started) / len(files)
        used = (time.process_time() - used) / len(files)
        after = alone(model, clip, 12)
        assert report is not None  # there was something to do
        network = (before + after) / 2
        print(f"network alone, before and after    {before:.3f}  {after:.3f} s a frame")
        print(f"network within the estimate        {report.source_seconds / len(files):.3f} s a frame")
        print(f"estimate, from movie to EXR files  {total:.3f} s a frame ({used:.3f} s of processor)")
        print(f"times the network alone            {total / network:.2f}")
        print(f"times the network within it        {total * len(files) / report.source_seconds:.2f}")
        print(f"largest memory, start to end       {memory[len(memory) // 10]} to {memory[-1]} MB")


if __name__ == "__main__":
    main()
