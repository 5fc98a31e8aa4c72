# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a clip's camera moves in a way that tells depth: it proves itself over the whole clip, or it is refused.

Two pictures always agree with some movement of a camera. What a moving camera sees of a scene at rest agrees beyond
that: pair after pair gives one order of depth, almost all of the picture fits, and near things stand before far ones
and not the other way round. Somebody who walks or talks before a camera that stands or turns fails the first two; what
keeps up with a moving camera looks far and fails the last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from .parallax import Motion, ParallaxSettings, grey_for_flow, pair_views, squares
from .provenance import EstimateError
from .trying import ground_vote

SPOTS = 4
"""Places of a clip that are looked at; two pairs of frames at each."""
LEAST_RIGID = 0.9
"""Measured on rendered moves: 0.94 and more; real clips with movers in them 0.35 to 0.88."""
LEAST_REPEATED = 0.8
"""Measured: 0.89 and more where only the camera moves; 0.4 and less where it stands or turns and others move."""
MOST_HOLLOW = 0.008
LEAST_GROUND = -0.25
SURELY_REPEATED = 0.87
"""Measured: half of a picture that walks along 0.83 to 0.85, a piece of a real clip that is refused as a whole 0.83;
rendered moves 0.875 and more."""
LEAST_AT_A_SPOT = 0.5
MOST_STANDING = 0.04
"""Measured: rendered moves 0, a letterbox 0.03; a lower third 0.11, window frames, dashboards, screens 0.12 to 0.3."""
LEAST_PICTURES = 9
"""Below, what keeps up with the camera for a moment looks like the scene: a real clip of 4 frames passed, inverted."""
LEAST_RIGID_FAR, LEAST_REPEATED_FAR = 0.88, 0.78
"""The same over twice the time. Measured: a real clip that passed, inverted, 0.82 rigid; a rendered walk beside the
camera 0.76 repeated; rendered moves 0.96 and more, 0.82 and more."""
_FAST_PX = 25.0
_PLENTY_PX = 2.0
_FAR_PX = 8.0
_SURELY_RIGID = 0.93
_STANDS, _LEAST_SLOPE, _STANDING_PX = 0.06, 1.0, 5
"""What moves by less than this share of what the fastest quarter moves stands; grey levels per px that show it; and
px of the smallest such area."""
_STEPS = (4, 8, 16, 2, 1)


@dataclass(frozen=True)
class MotionSurvey:
    """step: frames between the two of a pair. parallax_px: median. rigid: share of the picture that moves as one scene.
    repeated: rank correlation of the depths of one pair and the next, followed along the motion. standing: (h, w) bool,
    what lies on the moving picture, and a little around it. doubts: what makes it doubtful, for the user."""

    step: int
    parallax_px: float
    rigid: float
    repeated: float
    standing: np.ndarray
    doubts: tuple[str, ...] = ()

    def words(self) -> str:
        """What was found, for the user."""
        return (
            f"the camera moves: {self.parallax_px:.1f} px of parallax over {self.step} frame(s), "
            f"{100 * self.rigid:.0f} % of the picture moves as one scene, and the pairs of frames looked at agree "
            f"({self.repeated:.2f} of 1)"
        )


@dataclass(frozen=True)
class _Look:
    """Pairs of one step, over the whole clip."""

    step: int
    motions: list[Motion]
    usable: int
    repeated: list[float]
    hollow: list[float]
    ground: list[float]
    greys: list[np.ndarray]

    def median(self, name: str) -> float:
        return float(np.median([getattr(motion, name) for motion in self.motions]))


def survey_motion(
    read: Callable[[int], np.ndarray], settings: ParallaxSettings, indices: Sequence[int]
) -> MotionSurvey:
    """Look at a few places of the clip; raise EstimateError with the reason where camera movement cannot tell depth.

    read: a frame's index -> its picture, (H, W, 3 or 4) float32, scene-linear.
    """
    if len(indices) < 2:
        raise EstimateError("one picture alone has no motion: parallax needs a moving camera")
    if len(indices) < 3:
        raise EstimateError(_too_few(len(indices)))
    steps = [step for step in _STEPS if 2 * step < len(indices)]
    straight = replace(settings, invert=False)
    reason = ""
    while steps:
        look = _look(read, straight, indices, steps[0])
        refusal = _refusal(look)
        if not refusal:
            still = standing(look.greys)
            if len(indices) < LEAST_PICTURES:
                refusal = _too_few(len(indices))
            elif still.mean() > MOST_STANDING:
                refusal = (
                    f"{math.ceil(100 * still.mean())} % of the picture stands still while the rest moves, as a title, "
                    f"a window's frame or what is very far does: {100 * MOST_STANDING:g} % at most can be left out"
                )
            else:
                refusal = _contradicted(look, read, straight, indices)
            if refusal:
                raise EstimateError(f"parallax cannot work on this clip: {refusal}")
            around = np.ones((4 * _STANDING_PX + 1,) * 2, np.uint8)
            return MotionSurvey(
                look.step,
                look.median("parallax_px"),
                look.median("agreement"),
                float(np.median(look.repeated)),
                cv2.dilate(still.astype(np.uint8), around) > 0,
                _doubts(look, len(indices)),
            )
        reason = reason or refusal
        slow = look.median("moving_px") < _FAST_PX and not _too_far_apart(look)
        # Slow movement wants frames farther apart, fast movement nearer ones: the other way nothing is gained.
        steps = [step for step in steps if (step > look.step if slow else step < look.step)]
        if slow and look.median("parallax_px") >= _PLENTY_PX:
            break  # it was seen well, and does not fit
    raise EstimateError(f"parallax cannot work on this clip: {reason}")


def _look(read: Callable[[int], np.ndarray], settings: ParallaxSettings, indices: Sequence[int], step: int) -> _Look:
    last = len(indices) - 1 - 2 * step
    starts = sorted({round(last * k / max(SPOTS - 1, 1)) for k in range(SPOTS)})
    found = _Look(step, [], 0, [], [], [], [])
    usable = 0
    for start in starts:
        greys = [grey_for_flow(read(indices[start + n * step])) for n in range(3)]
        found.greys.extend(greys)
        first = pair_views(greys[0], greys[1], settings)
        second = pair_views(greys[1], greys[2], settings)
        for view in (first, second):
            found.motions.append(view.motion)
            if view.nearness is not None:
                usable += 1
                found.hollow.append(hollow(view.nearness))
                found.ground.append(ground_of(view.nearness))
        if first.nearness is not None and second.nearness is not None:
            found.repeated.append(rank_correlation(first.nearness, _followed(second.nearness, first.flow)))
    return replace(found, usable=usable)


def _too_few(count: int) -> str:
    return f"{count} pictures cannot prove that only the camera moves: {LEAST_PICTURES} at least are needed"


def _contradicted(
    close: _Look, read: Callable[[int], np.ndarray], settings: ParallaxSettings, indices: Sequence[int]
) -> str:
    """What frames twice as far apart say against a look that proved the camera's movement; '' where they do not, or
    cannot tell: something that goes along with the camera for a moment does not do so for long."""
    step = 2 * close.step
    if 2 * step >= len(indices) or _is_fast(close):
        return ""
    look = _look(read, settings, indices, step)
    rigid = look.median("agreement")
    if rigid < LEAST_RIGID_FAR:
        return (
            f"what moves is not the camera alone: over {step} frames {_below(100 * rigid):g} % of the picture moves as "
            f"one rigid scene, {100 * LEAST_RIGID_FAR:g} % are needed"
        )
    repeated = float(np.median(look.repeated)) if look.repeated else LEAST_REPEATED_FAR
    if repeated < LEAST_REPEATED_FAR:
        return (
            f"what is near over {step} frames is not over the next {step}, as where something goes along with the "
            f"camera: they agree to {_below(repeated, 2):g} of 1, {LEAST_REPEATED_FAR:g} is needed"
        )
    return ""


def _is_fast(close: _Look) -> bool:
    """Whether frames twice as far apart are too far apart to be followed."""
    return 2 * close.median("moving_px") > _FAST_PX


def _doubts(look: _Look, count: int) -> tuple[str, ...]:
    """What a look that proved the camera's movement leaves open."""
    found, needed, repeated = [], 4 * look.step + 1, float(np.median(look.repeated))
    if count < needed and not _is_fast(look):
        found.append(
            f"doubtful: over {count} pictures something that goes along with the camera cannot be told from what "
            f"rests; take {needed}, or look at the depth before it is used"
        )
    if repeated < SURELY_REPEATED:
        found.append(
            f"doubtful: pairs of frames agree on what is near to {_below(repeated, 2):g} of 1, as where something goes "
            f"along with the camera ({SURELY_REPEATED:g} and more where all else rests); look at the depth before it "
            "is used"
        )
    return tuple(found)


def ground_of(nearness: np.ndarray) -> float:
    """`ground_vote` of a nearness with gaps.

    nearness: (h, w) float32, larger = nearer, NaN where it is not known.
    """
    return ground_vote(np.where(np.isfinite(nearness), nearness, np.nanmedian(nearness)))


def _refusal(look: _Look) -> str:
    """Why what was seen proves no moving camera; '' where it does."""
    if look.usable * 4 < 3 * len(look.motions):
        return _commonest(look.motions)
    rigid = look.median("agreement")
    if rigid < LEAST_RIGID:
        return (
            "what moves is not the camera alone, or the light changes, or the lens is not the one that is set: "
            f"{_below(100 * rigid):g} % of the picture moves as one rigid scene, {100 * LEAST_RIGID:g} % are needed"
        )
    repeated = float(np.median(look.repeated)) if look.repeated else 0.0
    worst = min(look.repeated, default=0.0)
    if repeated < LEAST_REPEATED or worst < LEAST_AT_A_SPOT:
        told, needed = (repeated, LEAST_REPEATED) if repeated < LEAST_REPEATED else (worst, LEAST_AT_A_SPOT)
        where = "" if repeated < LEAST_REPEATED else " at one place of the clip"
        return (
            "what one pair of frames shows as near the next does not, as where something moves before a camera that "
            f"stands or turns, or a lens zooms: they agree to {_below(told, 2):g} of 1{where}, {needed:g} is needed"
        )
    if np.mean([one > MOST_HOLLOW for one in look.hollow]) >= 0.3:
        return (
            "an area would come out behind what is left, right and below of it: something keeps up with the camera, or "
            "the lens is not the one that is set, or zooms"
        )
    ground = float(np.median(look.ground))
    if ground < LEAST_GROUND:
        return "what is low in the picture would come out far, and what is high near: the order may be upside down"
    return ""


def standing(greys: Sequence[np.ndarray]) -> np.ndarray:
    """What stands still on a picture that moves: titles, logos, a window's frame.

    greys: (h, w) uint8, grey, from all over a clip. Returns (h, w) bool.
    """
    stack, window = np.stack(greys).astype(np.float32), (5, 5)
    change = cv2.blur(stack.var(0), window)
    slope = np.mean([cv2.blur(squares(np.dstack(np.gradient(one)[::-1])), window) for one in stack], 0)
    textured = slope > _LEAST_SLOPE**2
    if not textured.any():
        return textured
    expected = slope * np.percentile(change[textured] / slope[textured], 75)
    grain = np.percentile(change, 2)
    still = textured & (change < _STANDS**2 * expected) & (3 * grain < _STANDS**2 * expected)
    return cv2.morphologyEx(still.astype(np.uint8), cv2.MORPH_OPEN, np.ones((_STANDING_PX,) * 2, np.uint8)) > 0


def _too_far_apart(look: _Look) -> bool:
    """Whether all but the likeness of the pairs speaks for a camera that moves, and moves far: nearer frames tell."""
    rigid, parallax_px = look.median("agreement"), look.median("parallax_px")
    return rigid >= _SURELY_RIGID and parallax_px >= _FAR_PX and bool(look.repeated)


def _below(value: float, digits: int = 0) -> float:
    """Rounded down: a figure that misses a limit does not look as if it reached it."""
    return math.floor(value * 10**digits) / 10**digits


def _commonest(motions: list[Motion]) -> str:
    reasons = [m.refusal or "depth came out on both sides of the camera" for m in motions]
    kinds = [r.split(":")[0] for r in reasons]
    told = [kind for kind, motion in zip(kinds, motions, strict=True) if motion.refusal] or kinds
    return reasons[kinds.index(max(set(told), key=told.count))]


def _followed(nearness: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """A second picture's nearness at the first one's pixels, by the flow from the first to the second; NaN outside."""
    height, width = nearness.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    at = x + flow[..., 0], y + flow[..., 1]
    return cv2.remap(nearness, *at, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=np.nan)


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of the ranks of two depths where both are known; 0 where that is hardly anywhere.

    a, b: (h, w) float32 of any unit, NaN where not known.
    """
    known = np.isfinite(a) & np.isfinite(b)
    if known.mean() < 0.1:
        return 0.0
    ranks = [np.argsort(np.argsort(one[known][::7])).astype(np.float64) for one in (a, b)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


_HOLLOW_WIDTH_PX = 320
_HOLLOW_DEPTH = 0.2  # of the depth's range
_EDGE_DEPTH = 0.12
_EDGE_PX = 3


def hollow(nearness: np.ndarray) -> float:
    """Size of the largest hollow, as a share of the picture: an area that is farther than what is left, right and below
    of it, with sharp edges on these three sides.

    nearness: (h, w) float32, larger = nearer, NaN where it is not known. Things are so, and not hollows: they stand
    before what is around them. A gap between two things ends at the ground without an edge.
    """
    height = max(16, round(_HOLLOW_WIDTH_PX * nearness.shape[0] / nearness.shape[1]))
    whole = np.where(np.isfinite(nearness), nearness, np.nanmedian(nearness)).astype(np.float32)
    small = cv2.medianBlur(cv2.resize(whole, (_HOLLOW_WIDTH_PX, height), interpolation=cv2.INTER_AREA), 5)
    low, high = np.percentile(small, (3, 97))
    near = np.clip((small - low) / max(high - low, 1e-9), 0, 1)
    reach = _HOLLOW_WIDTH_PX // 4
    sideways = np.ones((1, reach), np.uint8)
    left, right = (cv2.dilate(near, sideways, anchor=(at, 0)) for at in (reach - 1, 0))
    deep = (np.minimum(left, right) - near > _HOLLOW_DEPTH).astype(np.uint8)
    deep = cv2.morphologyEx(deep, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(deep)
    found = 0.0
    for n in range(1, count):
        share = stats[n, cv2.CC_STAT_AREA] / near.size
        bottom = stats[n, cv2.CC_STAT_TOP] + stats[n, cv2.CC_STAT_HEIGHT]
        if share > 0.01 and bottom < height - 2 * _EDGE_PX:
            found = max(found, share * _edged(near, labels == n))
    return found


def _edged(near: np.ndarray, area: np.ndarray) -> float:
    """How much of an area's bottom, and of its two sides, is an edge up to what is nearer; 0-1."""
    height, width = near.shape
    columns, rows = np.flatnonzero(area.any(0)), np.flatnonzero(area.any(1))
    low = height - 1 - area[::-1].argmax(0)[columns]
    first, last = area.argmax(1)[rows], width - 1 - area[:, ::-1].argmax(1)[rows]

    def step(inside: tuple[np.ndarray, np.ndarray], outside: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return near[outside] - near[inside] > _EDGE_DEPTH

    below = step((np.maximum(low - _EDGE_PX, 0), columns), (np.minimum(low + _EDGE_PX + 1, height - 1), columns))
    left = step((rows, np.minimum(first + _EDGE_PX, width - 1)), (rows, np.maximum(first - _EDGE_PX - 1, 0)))
    right = step((rows, np.maximum(last - _EDGE_PX, 0)), (rows, np.minimum(last + _EDGE_PX + 1, width - 1)))
    return float(below.mean()) * float((left & right).mean())
