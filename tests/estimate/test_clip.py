# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole way of an estimate, with a network whose answer is known: cuts, scale, noise, resume, cancel, memory."""

import itertools
import threading
import time
import tracemalloc
from concurrent.futures import CancelledError

import cv2
import numpy as np
import pytest
import toy_networks

from blender_rackfocus.core.depth import DepthConvention, to_metres
from blender_rackfocus.estimate import (
    EstimateError,
    EstimateSettings,
    NetworkSettings,
    Provenance,
    estimate_clip,
)
from blender_rackfocus.estimate import sources as sources_module
from blender_rackfocus.estimate.sources import Source

H, W = 144, 256


def texture(seed, height=H, width=W):
    rng = np.random.default_rng(seed)
    return cv2.resize(rng.random((height // 6, width // 6, 3), np.float32), (width, height)) * 0.6 + 0.1


def rgba(rgb):
    return np.dstack([rgb, np.ones(rgb.shape[:2])]).astype(np.float32)


@pytest.fixture
def network(tmp_path):
    return toy(toy_networks.write(tmp_path / "toy.onnx", size=(72, 128)))


def toy(path, kind="AUTO"):
    """A toy network takes any form of the picture for a good one: it is told which."""
    return NetworkSettings(str(path), kind, mean=tuple(toy_networks.MEAN), std=tuple(toy_networks.STD))


class Collect(dict):
    def __call__(self, index, depth, provenance):
        self[index] = depth
        self.provenance = provenance


def with_source(monkeypatch, answers, breathes=True, metric=False):
    """Put prepared answers where a network's would be; everything after the source is the real thing."""
    ready = Source("NETWORK", lambda i, _p: answers[i], Provenance("NETWORK", "prepared", metric), breathes)
    monkeypatch.setattr("blender_rackfocus.estimate.clip.open_source", lambda *_: ready)


def test_the_network_runs_through_and_is_told(network):
    frames = [rgba(texture(1))] * 3
    out = Collect()
    report = estimate_clip(frames, out, EstimateSettings(network=network))
    assert sorted(out) == [0, 1, 2]
    assert out[0].shape == (H, W)
    assert out[0].dtype == np.float32
    assert report.provenance.source == "NETWORK"
    assert "toy.onnx" in report.provenance.why
    assert report.provenance.settings["sha256"]
    assert "relative" in report.provenance.sentence()
    told = report.provenance.metadata()
    assert Provenance.from_metadata(told).metadata() == told
    # closed form: the row ramp makes the bottom the nearest
    assert out[0][-10:].mean() > out[0][:10].mean() + 0.3
    low, high = np.percentile(out[0], (2, 98))
    assert (low, high) == (pytest.approx(0, abs=0.05), pytest.approx(1, abs=0.05))
    metres = to_metres(out[0], DepthConvention("NORMALISED", 1.0, 8.0))
    assert metres[-10:].mean() < metres[:10].mean()


def test_a_metric_network_gives_metres(tmp_path):
    path = toy_networks.write(tmp_path / "m.onnx", size=(72, 128), metric=True)
    picture = rgba(np.full((H, W, 3), 0.25, np.float32))
    out = Collect()
    estimate_clip([picture] * 2, out, EstimateSettings(network=toy(path, "METRIC")))
    encoded = np.full((72, 128, 3), 1.055 * 0.25 ** (1 / 2.4) - 0.055)
    expected = toy_networks.answer(encoded, metric=True)
    got = cv2.resize(out[0], (64, 36), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(got[2:-2], expected[2:-2], rtol=0.01)


def resting_shot(count=24, noise=0.06):
    """A camera at rest: grainy pictures, a depth that shimmers per pixel and breathes as a whole."""
    rng = np.random.default_rng(5)
    base = texture(3)
    true = 0.3 + 0.5 * np.linspace(0, 1, 72)[:, None] + np.zeros((72, 128))
    true[20:60, 40:80] += 0.6
    frames = [rgba(base + 0.01 * rng.standard_normal(base.shape)) for _ in range(count)]
    answers = []
    for _ in range(count):
        gain, offset = 1 + 0.06 * rng.standard_normal(), 0.04 * rng.standard_normal()
        answers.append((gain * (true + noise * rng.standard_normal(true.shape)) + offset).astype(np.float32))
    return frames, answers, true


def test_flicker_of_a_resting_shot(monkeypatch):
    frames, answers, true = resting_shot()
    with_source(monkeypatch, answers)
    out = Collect()
    report = estimate_clip(frames, out, EstimateSettings(follow_edges=False))
    spread = np.subtract(*np.percentile(true, (98, 2)))
    before = np.mean([np.abs(b - a).mean() for a, b in itertools.pairwise(answers)]) / spread
    after = np.mean([np.abs(out[i + 1] - out[i]).mean() for i in range(len(frames) - 1)])
    assert after <= before / 5
    # not only from frame to frame: also the spread over the whole shot
    wander_before = np.std(np.stack(answers), axis=0).mean() / spread
    wander_after = np.std(np.stack([out[i] for i in sorted(out)]), axis=0).mean()
    assert wander_after <= wander_before / 5
    # the figures that users are shown say the same
    assert report.flicker_before == pytest.approx(100 * before, rel=0.25)
    assert report.flicker_after <= report.flicker_before / 5


def test_a_resting_shot_with_picture_edges_followed(monkeypatch):
    frames, answers, _ = resting_shot(count=12)
    with_source(monkeypatch, answers)
    before, after = Collect(), Collect()
    estimate_clip(frames, before, EstimateSettings(steady=False, follow_edges=True))
    estimate_clip(frames, after, EstimateSettings())
    change = [np.mean([np.abs(o[i + 1] - o[i]).mean() for i in range(11)]) for o in (before, after)]
    assert change[1] <= change[0] / 5


def moving_shot(count=16, step=6):
    """A near square crosses a far wall, in picture and depth alike; the depth carries noise."""
    rng = np.random.default_rng(9)
    wall, square = texture(11), 0.35 + 0.6 * texture(12)[:60, :60]
    frames, answers, lefts = [], [], []
    for i in range(count):
        left = 20 + step * i
        rgb = wall.copy()
        rgb[40:100, left : left + 60] = square
        depth = np.full((H, W), 0.2)
        depth[40:100, left : left + 60] = 1.0
        small = depth[::2, ::2] + 0.03 * rng.standard_normal((H // 2, W // 2))
        frames.append(rgba(rgb + 0.005 * rng.standard_normal(rgb.shape)))
        answers.append(small.astype(np.float32))
        lefts.append(left)
    return frames, answers, lefts


def test_moving_edges_are_not_late(monkeypatch):
    frames, answers, lefts = moving_shot()
    with_source(monkeypatch, answers)
    out = Collect()
    estimate_clip(frames, out, EstimateSettings())
    step = lefts[1] - lefts[0]
    for i in range(1, len(frames) - 1):
        row = np.median(out[i][55:85], axis=0) > 0.5
        inside = np.flatnonzero(row)
        assert abs(inside[0] - lefts[i]) < step, "left edge within a frame's motion"
        assert abs(inside[-1] - (lefts[i] + 59)) < step
        truth = np.zeros((H, W), bool)
        truth[40:100, lefts[i] : lefts[i] + 60] = True
        assert ((out[i] > 0.5) == truth).mean() > 0.97


def test_edges_follow_the_picture(monkeypatch):
    """A depth blurred to a few coarse pixels is brought back to the picture's edge."""
    rgb = np.full((H, W, 3), 0.1, np.float32)
    rgb[30:110, 70:180] = (0.7, 0.4, 0.2)
    true = np.zeros((H, W), np.float32)
    true[30:110, 70:180] = 1
    coarse = cv2.resize(cv2.GaussianBlur(true, (0, 0), 5), (W // 4, H // 4), interpolation=cv2.INTER_AREA)
    with_source(monkeypatch, [coarse] * 2)
    sharp, soft = Collect(), Collect()
    estimate_clip([rgba(rgb)] * 2, sharp)
    estimate_clip([rgba(rgb)] * 2, soft, EstimateSettings(follow_edges=False))
    assert np.abs(sharp[0] - true).mean() < 0.4 * np.abs(soft[0] - true).mean()
    row = sharp[0][70]
    assert 68 <= np.flatnonzero(row > 0.5)[0] <= 72


def test_cuts_part_shots_and_each_has_its_scale(monkeypatch):
    frames = [rgba(np.roll(texture(21), i, 1)) for i in range(6)] + [
        rgba(np.roll(texture(22), -i, 1)) for i in range(6)
    ]
    ramp = np.linspace(0, 1, 72)[:, None] + np.zeros((72, 128))
    answers = [ramp.astype(np.float32)] * 6 + [(40 + 7 * ramp).astype(np.float32)] * 6
    with_source(monkeypatch, answers)
    out = Collect()
    report = estimate_clip(frames, out, EstimateSettings(follow_edges=False))
    assert report.shots == ((0, 5), (6, 11))
    for i in (0, 5, 6, 11):
        assert np.percentile(out[i], 98) == pytest.approx(1, abs=0.03)
        assert np.percentile(out[i], 2) == pytest.approx(0, abs=0.03)


def test_motion_exposure_and_a_flash_are_no_cuts(monkeypatch):
    base = texture(31, H, W + 80)
    frames = [rgba(base[:, 5 * i : 5 * i + W] * (1 - 0.03 * i)) for i in range(12)]
    frames[6] = rgba(np.full((H, W, 3), 1.0, np.float32))
    ramp = (np.linspace(0, 1, 72)[:, None] + np.zeros((72, 128))).astype(np.float32)
    with_source(monkeypatch, [ramp] * 12)
    assert estimate_clip(frames, Collect()).shots == ((0, 11),)


def test_resume_does_only_the_rest(network, tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    frames = [rgba(texture(1) + 0.02 * rng.standard_normal((H, W, 3)).astype(np.float32)) for _ in range(10)]
    whole = Collect()
    estimate_clip(frames, whole, EstimateSettings(network=network))
    asked = []
    real = sources_module.load_network

    def counting(settings, pictures):
        net = real(settings, pictures)
        nearness = net.nearness
        net.nearness = lambda picture: asked.append(1) or nearness(picture)
        return net

    monkeypatch.setattr(sources_module, "load_network", counting)
    stop = {"after": 4}

    def cancelled():
        return len(asked) >= stop["after"]

    got = Collect()
    options = {"scratch": tmp_path / "scratch", "clip_key": "a"}
    with pytest.raises(CancelledError):
        estimate_clip(frames, got, EstimateSettings(network=network), cancelled=cancelled, **options)
    first = len(asked)
    assert first == 4
    stop["after"] = 99
    with pytest.raises(CancelledError):  # stopped again, while frames are being handed over
        estimate_clip(frames, got, EstimateSettings(network=network), cancelled=lambda: len(got) == 3, **options)
    assert len(asked) == 10
    assert sorted(got) == [0, 1, 2]
    estimate_clip(frames, got, EstimateSettings(network=network), done=set(got), **options)
    assert len(asked) == 10, "no frame was asked twice"
    assert sorted(got) == list(range(10))
    for i in range(10):
        np.testing.assert_allclose(got[i], whole[i], atol=1e-5)
    estimate_clip(frames, Collect(), EstimateSettings(network=network), scratch=options["scratch"], clip_key="other")
    assert len(asked) == 20, "another clip does not take this one's scratch"


class Slow:
    """A long clip made on demand."""

    def __init__(self, count, height=H, width=W, wait=0.0):
        self.count, self.wait, self.base = count, wait, texture(1, height, width + 64)
        self.read = []

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        time.sleep(self.wait)
        self.read.append(i)
        width = self.base.shape[1] - 64
        return rgba(self.base[:, i % 64 : i % 64 + width])


def test_cancel_comes_within_a_second_and_progress_tells_time(network):
    told, stop, asked = [], threading.Event(), []

    def note(progress):
        told.append(progress)
        if progress.done == 5:
            stop.set()
            asked.append(time.monotonic())

    with pytest.raises(CancelledError):
        estimate_clip(
            Slow(400, wait=0.02),
            Collect(),
            EstimateSettings(network=network),
            progress=note,
            cancelled=stop.is_set,
        )
    assert time.monotonic() - asked[0] < 1.0
    assert told[-1].seconds_left > 0.5


def test_how_long_it_looks_at_the_clip_is_not_how_long_frames_take(monkeypatch):
    told = []
    ready = Source(
        "NETWORK", lambda i, _p: np.eye(36, 64, dtype=np.float32) + i, Provenance("NETWORK", "", False), True
    )

    def looks_long(*_):
        time.sleep(1.0)
        return ready

    monkeypatch.setattr("blender_rackfocus.estimate.clip.open_source", looks_long)
    estimate_clip(Slow(100), Collect(), progress=told.append)
    first = next(one for one in told if one.phase == "ESTIMATE")
    assert first.seconds_left < 100 * 1.0, "a second a frame would be the look's"


def test_each_answer_of_the_source_can_be_looked_at_at_once(network):
    told = []
    estimate_clip(Slow(3), Collect(), EstimateSettings(network=network), progress=told.append)
    looked = [(one.index, one.near.ndim) for one in told if one.phase == "ESTIMATE"]
    assert looked == [(0, 2), (1, 2), (2, 2)]
    assert all(one.near is None for one in told if one.phase != "ESTIMATE")


def test_memory_stays_flat(network):
    def peak(count):
        tracemalloc.start()
        estimate_clip(Slow(count), lambda *_: None, EstimateSettings(network=network))
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    short, long = peak(8), peak(32)
    assert long < 1.15 * short + 2_000_000


def test_bad_requests_are_named(network):
    frames = Slow(5)
    with pytest.raises(ValueError, match="indices"):
        estimate_clip(frames, Collect(), indices=[])
    with pytest.raises(ValueError, match="indices"):
        estimate_clip(frames, Collect(), indices=[3, 2])
    with pytest.raises(ValueError, match="source"):
        estimate_clip(frames, Collect(), source="GUESS")
    with pytest.raises(EstimateError, match="set a model file"):
        estimate_clip(frames, Collect(), source="NETWORK")


def test_an_error_in_the_sink_stops_the_job(network):
    def sink(*_):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        estimate_clip(Slow(4), sink, EstimateSettings(network=network))


def test_frames_come_in_order_on_the_callers_thread_and_none_after_an_error(network):
    frames = [rgba(texture(seed)) for seed in (1, 1, 1, 2, 2, 2, 2)]  # a cut within
    seen = []

    def sink(index, _depth, _provenance):
        if index == 5:
            raise OSError("disk full")
        seen.append((index, threading.current_thread()))

    with pytest.raises(OSError, match="disk full"):
        estimate_clip(frames, sink, EstimateSettings(network=network))
    assert seen == [(index, threading.current_thread()) for index in range(5)]
