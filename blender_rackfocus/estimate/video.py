# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks that see several frames at once: overlapping windows, each brought to the scale of the one before where
they overlap, and faded into it there. A window ends at a cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .network import Network
from .steady import link, small_grey


class Windows:
    """The nearness of a clip's frames by a video network, asked for frame by frame in rising order.

    read: picture of a frame by its index. indices: the clip's frames that are wanted; a gap parts them like a cut.
    """

    def __init__(self, network: Network, read: Callable[[int], np.ndarray], indices: Sequence[int]) -> None:
        if network.frames is None:
            raise ValueError("not a video network")
        self._network, self._read, self._indices = network, read, indices
        self.count = network.frames
        self.overlap = max(1, self.count // 4) if self.count > 1 else 0
        self._places = {index: n for n, index in enumerate(indices)}
        self._blobs: dict[int, np.ndarray] = {}
        self._greys: dict[int, np.ndarray] = {}
        self._ready: dict[int, np.ndarray] = {}
        self._open: dict[int, np.ndarray] = {}  # frames that the next window has a word in, too

    def nearness(self, index: int, picture: np.ndarray) -> np.ndarray:
        """Nearness of a frame, told from the window that it lies in.

        picture: (H, W, 3 or 4) float32, scene-linear; its size alone counts. Returns (h, w) float32, larger = nearer.
        """
        n = self._places[index]
        if n not in self._ready:
            self._window(min(self._open) if n in self._open else n, picture)
        for old in [place for place in self._ready if place < n]:
            del self._ready[old]
        return self._ready[n]

    def _window(self, start: int, picture: np.ndarray) -> None:
        """Run the window that begins at a place; what the next one has no word in is ready then. picture: one of it."""
        places = [start]
        while len(places) < self.count and self._goes_on(places[-1]):
            places.append(places[-1] + 1)
        ends = len(places) < self.count or not self._goes_on(places[-1])
        blobs = [self._blob(place) for place in places]
        filled = blobs + blobs[-1:] * (self.count - len(blobs))
        near = self._network.as_nearness(self._network.run_blobs(filled, picture))[: len(places)]
        shared = [place for place in places if place in self._open]
        if shared:
            before = np.stack([self._open[place] for place in shared])
            if not self._network.metric:
                gain, offset = aligned(near[: len(shared)], before)
                near = near * np.float32(gain) + np.float32(offset)
            fade = (np.arange(len(shared), dtype=np.float32) + 1) / (len(shared) + 1)
            near[: len(shared)] += (1 - fade)[:, None, None] * (before - near[: len(shared)])
        values = dict(zip(places, near, strict=True))
        tail = [] if ends else places[-self.overlap :] if self.overlap else []
        self._ready |= {place: value for place, value in values.items() if place not in tail}
        self._open = {place: values[place] for place in tail}
        for kept in (self._blobs, self._greys):
            for old in [place for place in kept if place not in self._open]:
                del kept[old]

    def _goes_on(self, n: int) -> bool:
        """Whether the next place belongs to the same shot."""
        if n + 1 >= len(self._indices) or self._indices[n + 1] != self._indices[n] + 1:
            return False
        self._blob(n), self._blob(n + 1)
        return not link(self._greys[n], self._greys[n + 1]).cut

    def _blob(self, n: int) -> np.ndarray:
        if n not in self._blobs:
            picture = self._read(self._indices[n])
            self._blobs[n], self._greys[n] = self._network.blob(picture), small_grey(picture)
        return self._blobs[n]


def aligned(values: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """(gain, offset) that bring values to target, robustly: a tenth of the points may be anything.

    values, target: (...) float32 of any unit, of one shape.
    """
    x, y = values.ravel().astype(np.float64), target.ravel().astype(np.float64)
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if not x.size:
        return 1.0, 0.0
    step = max(1, x.size // 20_000)
    x, y = x[::step], y[::step]
    weight = np.ones_like(x)
    gain, offset = 1.0, 0.0
    for _ in range(8):
        total = weight.sum()
        mx, my = (weight * x).sum() / total, (weight * y).sum() / total
        power = (weight * (x - mx) ** 2).sum()
        if power <= 1e-12 * total:
            return 1.0, float(np.median(y - x))
        gain = float((weight * (x - mx) * (y - my)).sum() / power)
        offset = float(my - gain * mx)
        rest = np.abs(y - gain * x - offset)
        weight = 1 / np.maximum(rest, np.median(rest) + 1e-9)
    if gain <= 0:  # windows that contradict each other: leave the scale, meet in the middle
        return 1.0, float(np.median(y - x))
    return gain, offset
