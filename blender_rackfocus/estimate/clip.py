# SPDX-License-Identifier: GPL-3.0-or-later
"""Estimate the depth of a clip: the room's one way in.

A clip is gone through twice. The first time reads each frame once and keeps, in a scratch folder, the source's small
answer, the motion from the frame before and a small picture for its edges. Between them lie the cuts and one scale per
shot. The second goes backward over the small answers, then forward: smooth, bring to the picture's size and edges, hand
to the caller. Memory holds a few frames, whatever the length. Stopped at any moment, a second run with the same scratch
folder does only the rest.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from .edges import halved, look_of, upsample_by
from .provenance import EstimateError, Provenance
from .scratch import Scratch
from .sources import EstimateSettings, Frames, Source, open_source
from .steady import Average, Link, breathing, fill_unknown, flicker, link, merge, small_grey, without_breathing

Sink = Callable[[int, np.ndarray, Provenance], None]
_AT_ONCE = 2  # frames brought to full size at a time
_WORK_WIDTH_PX = 960  # small answers wider than this are stored smaller


@dataclass(frozen=True)
class Progress:
    """phase: 'LOOK' (choosing), 'ESTIMATE' (the source at work), 'STEADY' (smoothing and writing). done of total steps
    over all phases; seconds_left is None until it can be told. near: the source's small answer for the frame that was
    just estimated, (h, w) float32, larger = nearer, NaN = unknown; None in other steps."""

    phase: str
    index: int
    done: int
    total: int
    seconds_left: float | None
    near: np.ndarray | None = None

    @property
    def doing(self) -> str:
        """Its phase in words."""
        return {"LOOK": "looking at the clip", "ESTIMATE": "estimating", "STEADY": "steadying and writing"}[self.phase]


@dataclass(frozen=True)
class EstimateReport:
    """provenance of what was written; shots as (first, last) frame index; written: frames handed to the sink;
    flicker_before, flicker_after: mean change of depth where the picture does not change, in % of its range;
    source_seconds: time inside the source (the network) alone, total_seconds: everything."""

    provenance: Provenance
    shots: tuple[tuple[int, int], ...]
    written: int
    flicker_before: float
    flicker_after: float
    source_seconds: float
    total_seconds: float


def estimate_clip(
    frames: Frames,
    sink: Sink,
    settings: EstimateSettings | None = None,
    *,
    source: str = "AUTO",
    indices: Sequence[int] | None = None,
    done: Collection[int] = (),
    scratch: str | Path | None = None,
    clip_key: str = "",
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> EstimateReport:
    """Estimate depth for the frames of a clip.

    frames: len() and [i] -> (H, W, 4) float32 scene-linear; read in order, from one thread at a time.
    sink: called as sink(index, depth, provenance) for every finished frame, in order. depth is (H, W) float32 of the
        picture's size: metres (planar, +inf = nothing) where provenance.metric, else nearness, 0 at the shot's 98th
        percentile of distance and 1 at its 2nd (it may exceed 1), with 1/z linear between: what core.depth calls
        NORMALISED with ramp INVERSE_Z and white near.
    source: AUTO, STEREO, NETWORK or PARALLAX. indices: frames wanted, rising (default all); a gap parts shots.
    done: frames the caller already has: they are not handed over again.
    scratch: folder for small intermediate arrays; keep it to resume. None: a temporary one. clip_key: what identifies
        the clip (path, size, time), so that another clip's scratch is not taken for this one's.
    progress, cancelled: called after each frame's step; cancelled() true raises CancelledError and keeps what was done.

    Raises EstimateError with a text for the user; CancelledError; ValueError for bad arguments.
    """
    settings = settings or EstimateSettings()
    started = time.perf_counter()
    wanted = list(range(len(frames))) if indices is None else [int(i) for i in indices]
    if not wanted:
        raise ValueError("indices must name at least one frame")
    if any(b <= a for a, b in itertools.pairwise(wanted)) or wanted[0] < 0 or wanted[-1] >= len(frames):
        raise ValueError("indices must rise and lie within the clip")
    done = set(done)
    ticker = _Ticker(progress, cancelled, 2 * len(wanted), started)
    ticker.look()
    with closing(open_source(frames, settings, wanted, source)) as ready:
        ticker.looked()
        key = {
            "version": 5,
            "clip": clip_key,
            "indices": [wanted[0], wanted[-1], len(wanted)],
            "size": len(frames),
            "settings": settings.told(),
            "provenance": replace(ready.provenance, why="").metadata(),
        }
        with closing(Scratch(scratch, key)) as store:
            seconds = _ask_source(frames, ready, wanted, store, ticker, settings.follow_edges)
            shots = _shots(wanted, store)
            known = [any(_known(store.get("near", i)) for i in shot) for shot in shots]
            if not any(known):
                raise EstimateError("The source gave no depth for any frame of this clip.")
            before: list[float] = []
            after: list[float] = []
            written = 0
            for shot, has_depth in zip(shots, known, strict=True):
                if not has_depth:
                    raise EstimateError(
                        f"The shot from frame {shot[0]} to {shot[-1]} gives no depth by {ready.name.lower()}; "
                        "choose another source for it, or set cards."
                    )
                figures = _finish_shot(ready, settings, shot, store, done, sink, ticker)
                before += figures[0]
                after += figures[1]
                written += figures[2]
    return EstimateReport(
        ready.provenance,
        tuple((s[0], s[-1]) for s in shots),
        written,
        _mean(before),
        _mean(after),
        seconds,
        time.perf_counter() - started,
    )


class _Ticker:
    def __init__(self, progress, cancelled, total: int, started: float):
        self._progress, self._cancelled = progress, cancelled
        self.total, self.done = total, 0
        self._spent: dict[str, list[float]] = {"ESTIMATE": [], "STEADY": []}
        self._mark = started

    def look(self) -> None:
        self.stop_if_asked()
        if self._progress:
            self._progress(Progress("LOOK", 0, 0, self.total, None))

    def looked(self) -> None:
        """The clip was looked at: from here on time counts for frames."""
        self._mark = time.perf_counter()

    def stop_if_asked(self) -> None:
        if self._cancelled and self._cancelled():
            raise CancelledError("stopped by the user; a second run does only the rest")

    def step(self, phase: str, index: int, worked: bool, near: np.ndarray | None = None) -> None:
        """One frame's step is over; steps that had nothing to do do not count for the time left."""
        now = time.perf_counter()
        if worked:
            self._spent[phase].append(now - self._mark)
        self._mark = now
        self.done += 1
        if self._progress:
            self._progress(Progress(phase, index, self.done, self.total, self._left(), near))
        self.stop_if_asked()

    def _left(self) -> float | None:
        half = self.total // 2
        first, second = self._spent["ESTIMATE"][-20:], self._spent["STEADY"][-20:]
        one = float(np.median(first)) if first else 0.0
        two = float(np.median(second)) if second else 0.3 * one
        if not first and not second:
            return None
        return max(half - self.done, 0) * one + min(self.total - self.done, half) * two


def _ahead(read: Callable[[int], np.ndarray], indices: Sequence[int]) -> Generator[tuple[int, np.ndarray]]:
    """(index, picture) in order, the next one being read while the caller works on this one."""
    with ThreadPoolExecutor(1, thread_name_prefix="rackfocus-read") as reader:
        upcoming = None
        try:
            for n, index in enumerate(indices):
                now = upcoming or reader.submit(read, index)
                upcoming = None
                picture = now.result()
                if n + 1 < len(indices):
                    upcoming = reader.submit(read, indices[n + 1])
                yield index, picture
        finally:
            if upcoming is not None:
                upcoming.cancel()


def _ask_source(
    frames: Frames, source: Source, wanted: list[int], store: Scratch, ticker: _Ticker, follow_edges: bool
) -> float:
    """First: the source's answer, a small grey picture, the link to the frame before, and what the edges are told
    from, each kept on disk. Frames are read here, once, and never again."""
    seconds = 0.0
    neighbours = {b: a for a, b in itertools.pairwise(wanted) if b == a + 1}

    def complete(i: int) -> bool:
        kept = all(store.has(name, i) for name in ("near", "grey", "size", "look"))
        return kept and (i not in neighbours or store.has("link", i))

    def read(i: int) -> np.ndarray:
        """A frame; what else is to be kept of it is made on the way."""
        picture = frames[i]
        small = halved(picture)
        grey = small_grey(small)
        store.put("grey", i, grey)
        if i in neighbours:
            store.put("link", i, link(store.need("grey", neighbours[i]), grey).pack())
        store.put("size", i, np.array(picture.shape[:2]))
        store.put("look", i, look_of(small) if follow_edges else np.zeros(0, np.uint8))
        return picture

    missing = [i for i in wanted if not complete(i)]
    for i in wanted:
        if i not in missing and (not missing or i < missing[0]):
            ticker.step("ESTIMATE", i, worked=False)
    # Where a source reads other frames itself, reading ahead would read one file from two threads.
    pictures = ((i, read(i)) for i in missing) if source.reads_frames else _ahead(read, missing)
    with closing(pictures):
        for i, picture in pictures:
            ticker.stop_if_asked()
            begun = time.perf_counter()
            near = source.nearness(i, picture)
            seconds += time.perf_counter() - begun
            near = np.full(store.need("grey", i).shape, np.nan, np.float32) if near is None else near
            near = _small(near)
            store.put("near", i, near)
            ticker.step("ESTIMATE", i, worked=True, near=near)
    ticker.done = len(wanted)
    return seconds


def _small(near: np.ndarray) -> np.ndarray:
    near = near.astype(np.float32)
    if near.shape[1] <= _WORK_WIDTH_PX:
        return near
    factor = int(np.ceil(near.shape[1] / _WORK_WIDTH_PX))
    return near[factor // 2 :: factor, factor // 2 :: factor].copy()  # picked, not averaged: no mixtures at edges


def _known(near: np.ndarray | None) -> bool:
    return near is not None and bool(np.isfinite(near).any())


def _shots(wanted: list[int], store: Scratch) -> list[list[int]]:
    """Frames between cuts. A flash (one odd frame whose neighbours match) is no cut."""
    cut_before = {}
    for a, b in itertools.pairwise(wanted):
        cut_before[b] = b != a + 1 or Link.unpack(store.need("link", b)).cut
    for n in range(1, len(wanted) - 1):
        i, after = wanted[n], wanted[n + 1]
        if cut_before[i] and cut_before[after] and after == wanted[n - 1] + 2:
            joined = link(store.need("grey", wanted[n - 1]), store.need("grey", after))
            if not joined.cut:
                cut_before[i] = cut_before[after] = False
    shots: list[list[int]] = [[wanted[0]]]
    for i in wanted[1:]:
        if cut_before[i]:
            shots.append([])
        shots[-1].append(i)
    return shots


def _finish_shot(
    source: Source,
    settings: EstimateSettings,
    shot: list[int],
    store: Scratch,
    done: set[int],
    sink: Sink,
    ticker: _Ticker,
) -> tuple[list[float], list[float], int]:
    correct, low, high = _one_scale(source, settings, shot, store)
    spread = max(high - low, 1e-12)

    shape = next(near.shape for near in (store.need("near", i) for i in shot) if _known(near))

    def value(i: int) -> np.ndarray:
        gain, offset = correct[i]
        near = store.need("near", i)
        if near.shape != shape:  # a frame that gave nothing: its neighbours tell
            return np.full(shape, np.nan, np.float32)
        return near * np.float32(gain) + np.float32(offset)

    rest = [i for i in shot if i not in done]
    if not rest:
        for i in shot:
            ticker.step("STEADY", i, worked=False)
        return [], [], 0
    if settings.steady:
        _backward(shot, value, store, spread, ticker)
    forward, last = Average(), np.empty(0)
    before: list[float] = []
    after: list[float] = []

    def full(i: int, near: np.ndarray) -> Callable[[], np.ndarray] | None:
        if i in done:
            return None
        look = store.need("look", i) if settings.follow_edges else None
        shape = int(store.need("size", i)[0]), int(store.need("size", i)[1])
        return partial(_full_size, near, look, shape, (low, high), source.provenance.metric)

    def hand_over(i: int, depth: np.ndarray | None) -> None:
        if depth is not None:
            sink(i, depth, source.provenance)
        ticker.step("STEADY", i, worked=depth is not None)

    with _InOrder(hand_over) as finished:
        for n, i in enumerate(shot):
            now, joint = value(i), None
            if n:
                joint = Link.unpack(store.need("link", i))
            if settings.steady:
                if joint is not None:
                    forward.carry(joint.back, joint.same_here, now, spread)
                forward.add(now)
                later = store.need("later", i)
                near = merge(forward, later[0], later[1], now)
            else:
                near = now
            near = fill_unknown(near)
            if joint is not None:
                former, own = store.need("near", shot[n - 1]), store.need("near", i)
                if former.shape == own.shape:
                    before.append(flicker(former, own, joint, spread))
                after.append(flicker(last, near, joint, spread))
            last = near
            finished.put(i, full(i, near))
    store.drop("later")
    return before, after, len(rest)


class _InOrder:
    """Frames brought to full size on threads beside the caller's, handed over on the caller's thread in order."""

    def __init__(self, hand_over: Callable[[int, np.ndarray | None], None]) -> None:
        self._hand_over = hand_over
        self._waiting: deque[tuple[int, Future | None]] = deque()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="rackfocus-edges")

    def __enter__(self) -> _InOrder:
        return self

    def __exit__(self, kind, _error, _trace) -> None:
        try:
            while self._waiting and kind is None:
                self._next()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def put(self, index: int, job: Callable[[], np.ndarray] | None) -> None:
        """The next frame, and what makes it; None where it is there already. May hand over one put earlier."""
        self._waiting.append((index, self._pool.submit(job) if job else None))
        while len(self._waiting) > _AT_ONCE:
            self._next()

    def _next(self) -> None:
        index, depth = self._waiting.popleft()
        self._hand_over(index, depth.result() if depth else None)


def _one_scale(
    source: Source, settings: EstimateSettings, shot: list[int], store: Scratch
) -> tuple[dict[int, tuple[float, float]], float, float]:
    """Per frame (gain, offset), and the shot's 2nd and 98th percentile: one normalisation per shot."""
    steps: list[tuple[float, float]] = []
    previous: np.ndarray | None = None
    for i in shot:
        near = store.need("near", i)
        if previous is None or previous.shape != near.shape or not (source.breathes and settings.steady):
            steps.append((1.0, 0.0))
        else:
            steps.append(breathing(previous, near, Link.unpack(store.need("link", i))))
        if _known(near):
            previous = near
    correct = dict(zip(shot, without_breathing(steps), strict=True))
    pool = []
    each = max(200, 400_000 // len(shot))
    for i in shot:
        near = store.need("near", i) * correct[i][0] + correct[i][1]
        near = near[np.isfinite(near)]
        pool.append(near[:: max(1, near.size // each)])
    low, high = np.percentile(np.concatenate(pool), (2, 98))
    return correct, float(low), float(high)


def _backward(
    shot: list[int], value: Callable[[int], np.ndarray], store: Scratch, spread: float, ticker: _Ticker
) -> None:
    running = Average()
    for n in range(len(shot) - 1, -1, -1):
        ticker.stop_if_asked()
        i, now = shot[n], value(shot[n])
        if n + 1 < len(shot):
            joint = Link.unpack(store.need("link", shot[n + 1]))
            running.carry(joint.forth, joint.same_there, now, spread)
        running.add(now)
        store.put("later", i, np.stack(running.sums))


def _full_size(
    near: np.ndarray, look: np.ndarray | None, shape: tuple[int, int], bounds: tuple[float, float], metric: bool
) -> np.ndarray:
    """A frame's nearness as the depth that is handed over."""
    low, high = bounds
    if look is not None:
        full = upsample_by(near, look, shape, high - low)
    else:
        full = cv2.resize(near, shape[::-1], interpolation=cv2.INTER_LINEAR)
    if metric:
        with np.errstate(divide="ignore"):
            return np.where(full > 1e-9, np.float32(1) / full, np.float32(np.inf))
    full -= np.float32(low)
    full *= np.float32(1 / max(high - low, 1e-12))
    return cv2.threshold(full, 0, 0, cv2.THRESH_TOZERO)[1]


def _mean(figures: list[float]) -> float:
    return float(np.mean(figures)) if figures else 0.0
