# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes from a few strokes: what a person drew over a subject becomes its mask on every frame of a shot.

On a frame with strokes GrabCut (Rother, Kolmogorov, Blake, SIGGRAPH 2004) tells the subject from the rest by colour and
edges, or a mask network says what it takes for one. From there the matte is carried along the motion of the picture,
frame by frame, and decided anew in a band around its border. `guided` brings it to the picture's own edges at full
size. All that decides is small: `guided.WORK_WIDTH` pixels across.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from . import guided

_BAND = 0.03
"""Around a matte that was carried here, this share of the width is decided anew."""
_RIM = 0.015
"""And within it, this share: more, and what is small, or of few colours of its own, gets lost (a head, a hand)."""
_PINHOLE = 0.03
"""A hole smaller than this share of the width, squared, is an eye or a button."""
_ITERATIONS = {"begun": 4, "carried": 2}
"""Of GrabCut: more where nothing is known yet."""
_SEEN = 0.6
"""A network sees a subject where its mask covers this share of it."""

STEADY = 0.8
"""Measured on 39 clicks and strokes over real pictures: of 17 good mattes 14 are as steady, of 22 wrong ones 4."""
_ASIDE, _THICKER = 0.008, 1.5
"""A stroke a little beside, as a share of the width; and a thicker, or a thinner one."""

Propose = Callable[[np.ndarray], np.ndarray]
"""A mask network: (h, w, 3) uint8 RGB -> (h, w) float32, 0 to 1: how much each pixel is a subject."""


IsCut = Callable[[np.ndarray, np.ndarray], bool]
"""Two neighbouring pictures, (h, w, 3) uint8 RGB -> whether they are of different shots."""


@dataclass(frozen=True)
class Stroke:
    """What a person drew. frame: the clip's. points: (x, y) as shares of width and height from the top left; one point
    is a click. radius: share of the width. inside: this is the subject; else it is not."""

    frame: int
    points: tuple[tuple[float, float], ...]
    radius: float = 0.012
    inside: bool = True


def decide(
    look: np.ndarray, strokes: Sequence[Stroke], before: np.ndarray | None = None, proposed: np.ndarray | None = None
) -> np.ndarray:
    """The matte of one frame.

    look: (h, w, 3) uint8 RGB, as `guided.small` gives. strokes: of this frame. before: (h, w) float32, a matte that is
    about right: carried here, or to be corrected. proposed: (h, w) float32, a network's mask of every subject.
    Returns (h, w) float32, 0 to 1. Raises ValueError where nothing says what the subject is.
    """
    if look.ndim != 3 or look.shape[2] != 3 or look.dtype != np.uint8:
        raise ValueError(f"look must be (h, w, 3) uint8, not {look.shape} {look.dtype}")
    inside, outside = (_drawn(strokes, look.shape[:2], which) for which in (True, False))
    if before is None and not inside.any():
        raise ValueError("draw over the subject first")
    about = _about(inside, before, proposed)
    labels = _labels(look, inside, outside, about)
    certain = labels == cv2.GC_FGD
    cut = _cut(look, labels, _ITERATIONS["begun" if before is None else "carried"])
    cut = _joined(cut, certain if certain.any() else cut)
    return _refined(look, cut)


def steadiness(look: np.ndarray, strokes: Sequence[Stroke], proposed: np.ndarray | None = None) -> float:
    """How alike the matte of one frame is to those of the same strokes drawn a little otherwise, 0 to 1: the least of
    them. Below `STEADY` it hangs on where exactly was drawn, and is mostly another thing than what was meant.

    look: (h, w, 3) uint8 RGB. strokes: of this frame. proposed: (h, w) float32, a network's mask of every subject, 0 to
    1. Raises as `decide`.
    """
    aside_y = _ASIDE * look.shape[1] / look.shape[0]

    def made(x: float = 0.0, y: float = 0.0, thicker: float = 1.0) -> np.ndarray:
        drawn = [
            replace(one, points=tuple((x + px, y + py) for px, py in one.points), radius=thicker * one.radius)
            for one in strokes
        ]
        return decide(look, drawn, None, proposed) > 0.5

    plain = made()
    others = [made(x=_ASIDE), made(x=-_ASIDE), made(y=aside_y), made(y=-aside_y)]
    others += [made(thicker=_THICKER), made(thicker=1 / _THICKER)]
    return min(float((plain & one).sum() / max((plain | one).sum(), 1)) for one in others)


def carry(matte: np.ndarray, here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """A matte moved along with the picture.

    matte: (h, w) float32, 0 to 1, of the frame `here`. here, there: (h, w, 3) uint8 RGB. Returns (h, w) float32, 0
    to 1, for the frame `there`.
    """
    after, before = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (there, here))
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(after, before, None)
    rows, columns = np.mgrid[: matte.shape[0], : matte.shape[1]].astype(np.float32)
    return cv2.remap(
        matte, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def follow(
    looks: Mapping[int, np.ndarray],
    strokes: Sequence[Stroke],
    propose: Propose | None = None,
    is_cut: IsCut = lambda before, after: False,
) -> Iterator[tuple[int, np.ndarray]]:
    """(frame, matte) for every frame of a shot, each once, from the frames with strokes outwards.

    looks: pictures, (h, w, 3) uint8 RGB, as `guided.small` gives, by frame, without gaps. A frame with strokes is
    decided there; every other is carried from the nearest of those on either side, and where both reach it they are
    mixed by their nearness in time. is_cut: nothing is carried over a cut, and what no stroke reaches is empty. Yields
    frames and (h, w) float32, 0 to 1. Raises ValueError where no stroke says what the subject is.
    """
    asked = {frame: [stroke for stroke in strokes if stroke.frame == frame] for frame in sorted(looks)}
    begun = next((stroke.frame for stroke in strokes if stroke.frame in looks and stroke.inside), None)
    if begun is None:
        raise ValueError("draw over the subject on a frame that the strip shows")

    def proposed(frame: int) -> np.ndarray | None:
        return None if propose is None else propose(looks[frame])

    def moved(matte: np.ndarray | None, here: int, there: int) -> np.ndarray | None:
        if matte is None or is_cut(looks[here], looks[there]):
            return None
        return carry(matte, looks[here], looks[there])

    def one_way(start: int, matte: np.ndarray | None, step: int) -> Iterator[tuple[int, np.ndarray | None]]:
        """Carry from a frame on, to the end; strokes on the way correct. None where nothing is known, beyond a cut."""
        frame = start
        while frame + step in looks:
            matte = moved(matte, frame, frame + step)
            frame += step
            if matte is not None or any(stroke.inside for stroke in asked[frame]):
                matte = decide(looks[frame], asked[frame], matte, proposed(frame))
            yield frame, matte

    def back(matte: np.ndarray | None, frame: int, between: dict[int, np.ndarray | None]) -> Iterator[tuple]:
        """A matte carried from a frame to those between it and the one before."""
        here = frame
        for there in reversed(between):
            matte = moved(matte, here, there)
            matte = matte if matte is None else decide(looks[there], (), matte)
            here = there
            yield there, matte

    def whole(frame: int, matte: np.ndarray | None) -> tuple[int, np.ndarray]:
        return frame, np.zeros(looks[frame].shape[:2], np.float32) if matte is None else matte

    first = decide(looks[begun], asked[begun], None, proposed(begun))
    yield begun, first
    for step in (1, -1):
        last = begun
        between: dict[int, np.ndarray | None] = {}
        corrected = [frame for frame in asked if asked[frame] and (frame - begun) * step > 0]
        farthest = max(corrected, key=lambda frame: abs(frame - begun), default=begun)
        for frame, matte in one_way(begun, first, step):
            if asked[frame]:
                # What was drawn here also speaks for the frames before it, less the farther they lie.
                for other, later in back(matte, frame, between):
                    earlier, share = between[other], np.float32(abs(other - last) / abs(frame - last))
                    if earlier is not None and later is not None:
                        later = decide(looks[other], (), (1 - share) * earlier + share * later)
                    yield whole(other, earlier if later is None else later)
                last, between = frame, {}
                yield whole(frame, matte)
            elif (farthest - frame) * step > 0:  # what is drawn there may change it
                between[frame] = matte
            else:
                yield whole(frame, matte)


def _drawn(strokes: Sequence[Stroke], shape: tuple[int, int], inside: bool) -> np.ndarray:
    """Where strokes of a kind lie; bool."""
    height, width = shape
    drawn = np.zeros(shape, np.uint8)
    for stroke in strokes:
        if stroke.inside != inside:
            continue
        points = np.rint(np.array(stroke.points) * (width, height) - 0.5).astype(np.int32)
        radius = max(1, round(stroke.radius * width))
        cv2.polylines(drawn, [points], False, 1, 2 * radius)
        for x, y in points:
            cv2.circle(drawn, (int(x), int(y)), radius, 1, -1)
    return drawn > 0


def _about(inside: np.ndarray, before: np.ndarray | None, proposed: np.ndarray | None) -> np.ndarray | None:
    """About where the subject is: (h, w) float32; None where only strokes say it."""
    if proposed is None:
        return before
    found = proposed > 0.5
    if before is None:
        ours = _joined(found, inside) & found
        if (ours & inside).sum() < _SEEN * inside.sum():  # the network does not see this subject
            return None
        return np.where(_grown(ours, _BAND), proposed, 0).astype(np.float32)
    ours = before > 0.5
    near = _grown(ours, _BAND)
    if (found & ours).sum() < _SEEN * (ours | (found & near)).sum():
        return before
    border = near & _grown(~ours, _BAND)
    return np.where(border, np.float32(0.5) * (proposed + before), before).astype(np.float32)


def _labels(look: np.ndarray, inside: np.ndarray, outside: np.ndarray, about: np.ndarray | None) -> np.ndarray:
    """GrabCut's labels to begin with."""
    if about is None:
        labels = np.full(look.shape[:2], cv2.GC_PR_BGD, np.uint8)
        labels[_alike(look, inside)] = cv2.GC_PR_FGD
    else:
        labels = np.where(about > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
        labels[~_grown(about > 0.5, _BAND)] = cv2.GC_BGD
        labels[~_grown(about <= 0.5, _RIM)] = cv2.GC_FGD
        # What was drawn here corrects a part of the picture, not its pixels alone.
        for drawn, label in ((inside, cv2.GC_PR_FGD), (outside, cv2.GC_PR_BGD)):
            if drawn.any():
                labels[_joined(_alike(look, drawn), drawn) & _grown(drawn, 2 * _BAND)] = label
    labels[inside] = cv2.GC_FGD
    labels[outside] = cv2.GC_BGD
    return labels


def _alike(look: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Pixels whose colour is common under what was drawn, more than elsewhere."""
    if not drawn.any():
        return drawn
    lab = cv2.cvtColor(look, cv2.COLOR_RGB2LAB)
    bins, ranges = [16, 16, 16], [0, 256] * 3
    there = cv2.calcHist([lab], [0, 1, 2], drawn.astype(np.uint8), bins, ranges) / drawn.sum()
    all_over = cv2.calcHist([lab], [0, 1, 2], None, bins, ranges) / drawn.size
    there, all_over = (
        cv2.GaussianBlur(one.reshape(16, 256), (3, 3), 0).reshape(16, 16, 16) for one in (there, all_over)
    )
    at = (lab >> 4).astype(np.intp)
    ratio = there[at[..., 0], at[..., 1], at[..., 2]] / (all_over[at[..., 0], at[..., 1], at[..., 2]] + 1e-6)
    return ratio > 1


def _cut(look: np.ndarray, labels: np.ndarray, iterations: int) -> np.ndarray:
    """GrabCut from labels: bool."""
    rows, columns = _around(
        (labels == cv2.GC_PR_FGD) | (labels == cv2.GC_PR_BGD), margin=round(_BAND * labels.shape[1])
    )
    cv2.setRNGSeed(1)  # its colour models begin with random centres: the same strokes give the same matte
    models = np.zeros((1, 65)), np.zeros((1, 65))
    there, cut = np.ascontiguousarray(look[rows, columns]), labels.copy()
    if _has_both(labels[rows, columns]):
        cut[rows, columns], *_ = cv2.grabCut(
            there, labels[rows, columns].copy(), None, *models, iterations, cv2.GC_INIT_WITH_MASK
        )
    return (cut == cv2.GC_FGD) | (cut == cv2.GC_PR_FGD)


def _has_both(labels: np.ndarray) -> bool:
    subject = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    return bool(subject.any() and not subject.all())


def _around(mask: np.ndarray, margin: int) -> tuple[slice, slice]:
    """The rows and columns that hold a mask, and some more."""
    return tuple(  # type: ignore[return-value]  # one for each of two axes
        slice(max(0, int(at[0]) - margin), int(at[-1]) + margin + 1) if at.size else slice(0, 0)
        for at in (np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0)))
    )


def _joined(mask: np.ndarray, to: np.ndarray) -> np.ndarray:
    """The parts of a mask that touch another."""
    _, parts = cv2.connectedComponents((mask | to).astype(np.uint8), connectivity=8)
    return np.isin(parts, np.setdiff1d(np.unique(parts[to]), [0])) & mask


def _grown(mask: np.ndarray, share: float) -> np.ndarray:
    """A mask, larger by a share of the width on all sides."""
    side = 2 * max(1, round(share * mask.shape[1])) + 1
    return cv2.dilate(mask.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))) > 0


def _refined(look: np.ndarray, cut: np.ndarray) -> np.ndarray:
    """A cut without crumbs and pinholes, soft where the picture's edge is."""
    _, parts, sizes, _ = cv2.connectedComponentsWithStats((~cut).astype(np.uint8), connectivity=4)
    pinholes = np.flatnonzero(sizes[:, cv2.CC_STAT_AREA] < (_PINHOLE * look.shape[1]) ** 2)
    whole = (cut | np.isin(parts, pinholes)).astype(np.uint8) * 255
    whole = cv2.medianBlur(whole, 5).astype(np.float32) / 255
    return guided.to_edges(look, whole)
