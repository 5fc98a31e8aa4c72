# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks that see several frames at once."""

import numpy as np
import pytest
import toy_networks
from onnx import TensorProto, helper, numpy_helper
from test_clip import Collect, H, W, rgba, texture

from blender_rackfocus.estimate import EstimateSettings, NetworkSettings, estimate_clip, load_network
from blender_rackfocus.estimate.video import Windows, aligned

T = 8


def write(path, free=False, time_first=True):
    """A window network with a scale of its own in each window: mean of colours, times (1 + the window's first mean),
    plus an offset told from its last frame. time_first: [1, T, 3, H, W], else [1, 3, T, H, W]."""
    frames = "t" if free else T
    dims = [1, frames, 3, 36, 64] if time_first else [1, 3, frames, 36, 64]
    colour = 2 if time_first else 1

    def const(name, values, kind=np.float32):
        return numpy_helper.from_array(np.array(values, kind), name)

    nodes = [
        helper.make_node("ReduceMean", ["image"], ["grey"], axes=[colour], keepdims=0),
        helper.make_node("Slice", ["grey", "zero", "one", "axis"], ["head"]),
        helper.make_node("ReduceMean", ["head"], ["first"], keepdims=1, axes=[0, 1, 2, 3]),
        helper.make_node("Add", ["first", "unit"], ["gain"]),
        helper.make_node("Slice", ["grey", "back", "end", "axis"], ["tail"]),
        helper.make_node("ReduceMean", ["tail"], ["last"], keepdims=1, axes=[0, 1, 2, 3]),
        helper.make_node("Mul", ["grey", "gain"], ["scaled"]),
        helper.make_node("Add", ["scaled", "last"], ["depth"]),
    ]
    weights = [const("zero", [0], np.int64), const("one", [1], np.int64), const("axis", [1], np.int64)]
    weights += [const("back", [-1], np.int64), const("end", [2**31], np.int64), const("unit", 1.0)]
    graph = helper.make_graph(
        nodes,
        "window",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, dims)],
        [helper.make_tensor_value_info("depth", TensorProto.FLOAT, [1, frames, 36, 64])],
        weights,
    )
    toy_networks.save(path, graph)
    return NetworkSettings(str(path), "RELATIVE", direction="NEARER", mean=(0, 0, 0), std=(1, 1, 1))


def rising(count, seed=5):
    """A still picture that grows brighter: window after window has another scale."""
    base = texture(seed)
    return [rgba(base * (0.4 + 0.6 * i / count)) for i in range(count)]


def mean_of_colours(picture):
    small = picture[..., :3].reshape(36, H // 36, 64, W // 64, 3).mean((1, 3)).astype(np.float64)
    return np.where(small <= 0.0031308, 12.92 * small, 1.055 * small ** (1 / 2.4) - 0.055).mean(-1)


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("time_first", [False, True])
def test_windows_are_joined_to_one_scale(tmp_path, free, time_first):
    frames = rising(21)
    net = load_network(write(tmp_path / "w.onnx", free, time_first))
    assert net.frames == T
    windows = Windows(net, frames.__getitem__, range(len(frames)))
    near = np.stack([windows.nearness(i, frames[i]) for i in range(len(frames))])
    true = np.stack([mean_of_colours(one) for one in frames])
    gain, offset = np.polyfit(true[:T].ravel(), near[:T].ravel(), 1)
    np.testing.assert_allclose(near, gain * true + offset, atol=2e-3)  # each window alone is up to 0.3 off
    net.close()


def test_a_window_gives_what_the_runtime_gives(tmp_path):
    import onnxruntime

    settings = write(tmp_path / "w.onnx")
    net, frames = load_network(settings), rising(T)
    session = onnxruntime.InferenceSession(settings.path, providers=["CPUExecutionProvider"])
    blobs = [net.blob(one) for one in frames]
    expected = session.run(["depth"], {"image": np.stack(blobs)[None].transpose(0, 1, 4, 2, 3)})[0][0]
    np.testing.assert_allclose(net.run_blobs(blobs, frames[0]), expected, atol=1e-5)


def test_a_window_ends_at_a_cut_and_at_a_gap(tmp_path):
    frames = rising(11, seed=5) + rising(9, seed=6)
    net = load_network(write(tmp_path / "w.onnx"))
    seen = []
    real = net.run_blobs
    net.run_blobs = lambda blobs, one: seen.append([float(one.mean()) for one in blobs]) or real(blobs, one)
    indices = [*range(14), 16, 17]
    windows = Windows(net, frames.__getitem__, indices)
    for i in indices:
        assert windows.nearness(i, frames[i]).shape == (36, 64)
    means = {i: float(net.blob(frames[i]).mean()) for i in range(len(frames))}
    shown = [[min(means, key=lambda i: abs(means[i] - mean)) for mean in one] for one in seen]
    assert [(min(one), max(one)) for one in shown] == [(0, 7), (6, 10), (11, 13), (16, 17)]


def test_a_whole_clip_by_a_window_network(tmp_path):
    frames = [rgba(texture(5))] * 12
    out = Collect()
    report = estimate_clip(frames, out, EstimateSettings(network=write(tmp_path / "w.onnx"), follow_edges=False))
    assert sorted(out) == list(range(12))
    assert "8 frames at once" in report.provenance.settings["found"][0]
    near = mean_of_colours(frames[0])
    low, high = np.percentile(near, (2, 98))
    small = out[5].reshape(36, H // 36, 64, W // 64).mean((1, 3))
    expected = np.clip((near - low) / (high - low), 0, 2)  # what lies beyond the farthest is 0
    assert np.corrcoef(small.ravel(), expected.ravel())[0, 1] > 0.97


def test_alignment_survives_a_tenth_of_nonsense():
    rng = np.random.default_rng(1)
    x = rng.random((3, 20, 30)).astype(np.float32)
    y = 1.7 * x - 0.4
    y[rng.random(y.shape) < 0.1] = 5
    assert aligned(x, y) == (pytest.approx(1.7, abs=0.01), pytest.approx(-0.4, abs=0.01))
    assert aligned(np.ones((1, 4, 4)), np.full((1, 4, 4), 3.0)) == (1.0, 2.0)
