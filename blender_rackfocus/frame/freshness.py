# SPDX-License-Identifier: GPL-3.0-or-later
"""What of baked frames is still right, counted over frames, in words for the user. For strips and nodes alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from .notes import NOT_BAKED, Difference

_OLDER = "made by another version of Rack Focus"
_SHOWN_REASONS = 6


@dataclass
class Freshness:
    """fresh, stale, missing, older, unsure: how many frames. reasons: what changed -> at how many frames. first: the
    frame where each was met first. complete: all frames that were to be looked at were."""

    fresh: int = 0
    stale: int = 0
    missing: int = 0
    older: int = 0
    unsure: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    first: dict[str, int] = field(default_factory=dict)
    complete: bool = False

    @property
    def all_fresh(self) -> bool:
        """Whether a Blender without the extension shows the right frame everywhere, as far as can be told."""
        return self.complete and not self.stale and not self.missing

    def lines(self) -> list[str]:
        """For the user: one line of numbers, then one for each reason."""
        counts = ((self.fresh, "fresh"), (self.stale, "stale"), (self.missing, "not baked"), (self.older, "older"))
        head = ", ".join(f"{count} {word}" for count, word in (*counts, (self.unsure, "unchecked")) if count)
        reasons = self.reasons.most_common(_SHOWN_REASONS)
        return [head or "no frames", *(f"{why} ({count} from frame {self.first[why]})" for why, count in reasons)]

    def count(self, frame: int, difference: Difference | None) -> None:
        """One more frame. None: nothing is shown there."""
        if difference is None:
            return
        if difference == NOT_BAKED:
            self.missing += 1
            return
        for reason in (*difference.stale, *difference.unsure, *((_OLDER,) if difference.older else ())):
            self.reasons[reason] += 1
            self.first.setdefault(reason, frame)
        self.stale += bool(difference.stale)
        self.unsure += bool(difference.unsure and not difference.stale)
        self.older += bool(difference.older and not difference.stale)
        self.fresh += difference.fresh


def looking(which: Iterable[int], difference: Callable[[int], Difference | None]) -> Iterator[Freshness]:
    """Look at frames one by one; yields the same Freshness, growing, and complete at the end."""
    freshness = Freshness()
    for frame in which:
        freshness.count(frame, difference(frame))
        yield freshness
    freshness.complete = True
    yield freshness


def looked(which: Iterable[int], difference: Callable[[int], Difference | None]) -> Freshness:
    """`looking`, to the end."""
    return [Freshness(), *looking(which, difference)][-1]
