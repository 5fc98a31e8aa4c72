# SPDX-License-Identifier: GPL-3.0-or-later
"""How well a network takes a form of the picture, told from its answers to two different pictures.

Fed in a wrong form, a network falls back on what pictures are like on the whole (near below, far above), whatever it is
shown. So what counts is how much of an answer is its own, beside the answer to the other picture, and whether that part
changes where its own picture has edges rather than where the other one has.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

LEAST_OWN = 0.06
"""Answers that differ by less of their spread than this do not depend on the picture."""
CLEARLY = 2.0
"""A form must be better by this to be taken before a commoner one. Measured with a trained network behind each form, on
eight clips: trying tells 0 to 255 from the others, and hardly those from each other."""
_MOST_OWN = 0.6  # beyond, an answer is no better for being more its own
_NEAR_AN_END, _LEAST_AT_AN_END, _AT_BOTH = 0.01, 0.03, 0.7
"""Of an answer's range; and shares of a picture that lie at its ends in a mask. Measured on eight clips: of depth, 0.03
at most at both ends; of masks 0.7 and more."""
_LARGEST = 1e15
_MARGIN_PX = 4


@dataclass(frozen=True)
class Answers:
    """own: share of the answers' spread that the other picture's answer does not explain, 0-1. edges: how much more
    that part changes at the edges of its own picture than at those of the other, 1 = no more. same: correlation of the
    answer with that to the same picture seen smaller: numbers far too large give chaos instead."""

    own: float
    edges: float
    same: float

    @property
    def score(self) -> float:
        """The more the better."""
        return min(self.own, _MOST_OWN) * (max(self.edges - 1, 0) + 0.1) * max(self.same, 0) ** 4


def other_way_up(picture: np.ndarray) -> np.ndarray:
    """The picture turned by half a circle: of one clip, it is different from any other whatever the clip shows, and
    what a network expects of pictures on the whole does not turn with it.

    picture: (H, W, C) float32, scene-linear. Returns (H, W, C) float32, scene-linear.
    """
    return np.ascontiguousarray(picture[::-1, ::-1])


def seen_smaller(picture: np.ndarray) -> np.ndarray:
    """The picture in a frame of its own reflection.

    picture: (H, W, C) float32, scene-linear. Returns (h, w, C) float32, scene-linear, larger by a third.
    """
    rows, columns = (side // 6 for side in picture.shape[:2])
    return np.pad(picture, ((rows, rows), (columns, columns), (0, 0)), mode="reflect")


def constancy(plain: np.ndarray, smaller: np.ndarray) -> float:
    """Correlation of the answer to a picture with that to it `seen_smaller`, -1 to 1.

    plain, smaller: (h, w) float32 of any unit.
    """
    top, left = (round(side / 8) for side in smaller.shape)
    inner = smaller[top : smaller.shape[0] - top, left : smaller.shape[1] - left]
    return correlation(plain, cv2.resize(inner, plain.shape[::-1], interpolation=cv2.INTER_LINEAR))


def compare(a: np.ndarray, b: np.ndarray, smaller: np.ndarray, look_a: np.ndarray, look_b: np.ndarray) -> Answers:
    """Judge two answers by the pictures that they were given for, and the answer to the first one `seen_smaller`.

    a, b, smaller: (h, w) float32 of any unit. look_a, look_b: (H, W, 3) float32, display-encoded 0-1.
    """
    if not all(usable(one) and one.std() > 0 for one in (a, b, smaller)):
        return Answers(0.0, 1.0, 0.0)
    rest_a, rest_b = _unexplained(a, b), _unexplained(b, a)
    own = (float(rest_a.std()) / float(a.std()) + float(rest_b.std()) / float(b.std())) / 2
    at_a, at_b = (_edges(look, a.shape) for look in (look_a, look_b))
    edges = (_ratio(rest_a, at_a, at_b) + _ratio(rest_b, at_b, at_a)) / 2
    return Answers(own, edges, constancy(a, smaller))


def is_mask(answer: np.ndarray) -> bool:
    """Whether an answer is nearly all of two values, as a subject and its background are.

    answer: (h, w) float32 of any unit.
    """
    low, high = float(answer.min()), float(answer.max())
    ends = [float((np.abs(answer - end) < _NEAR_AN_END * (high - low)).mean()) for end in (low, high)]
    return min(ends) > _LEAST_AT_AN_END and sum(ends) > _AT_BOTH


def usable(answer: np.ndarray) -> bool:
    """Whether all of an answer's numbers are such as a depth may have.

    answer: (h, w) float32 of any unit.
    """
    return bool((np.abs(answer) < _LARGEST).all())  # also false where there is NaN


def ground_vote(answer: np.ndarray) -> float:
    """Correlation of an answer with the row, -1 to 1: what is low in a picture is near, as a rule.

    answer: (h, w) float32, larger = nearer.
    """
    return correlation(answer, np.broadcast_to(np.linspace(-1, 1, answer.shape[0])[:, None], answer.shape))


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Of two arrays of one shape; 0 where one of them is flat.

    a, b: (h, w) float32 of any unit.
    """
    spread = float(a.std()) * float(b.std())
    return float(((a - a.mean()) * (b - b.mean())).mean()) / spread if spread > 0 else 0.0


def _unexplained(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """What is left of a when the best multiple of b is taken off, both about their means. An answer that is another
    upside down is not the same answer."""
    a, b = a - a.mean(), b - b.mean()
    return a - b * np.float32(max(float((a * b).sum()) / max(float((b * b).sum()), 1e-20), 0))


def _slope(plane: np.ndarray) -> np.ndarray:
    soft = cv2.GaussianBlur(plane, (0, 0), 1.0)
    return np.hypot(cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1))


def _edges(look: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(h, w) bool: the fifth of a picture that changes most."""
    small = cv2.resize(np.asarray(look, np.float32), shape[::-1], interpolation=cv2.INTER_AREA)
    slope = np.max([_slope(plane) for plane in cv2.split(small)], axis=0)
    slope = cv2.dilate(slope, np.ones((3, 3), np.uint8))
    return slope > np.percentile(slope, 80)


def _ratio(rest: np.ndarray, own: np.ndarray, other: np.ndarray) -> float:
    inner = (slice(_MARGIN_PX, -_MARGIN_PX),) * 2 if min(rest.shape) > 4 * _MARGIN_PX else (slice(None),) * 2
    slope, own, other = _slope(rest)[inner], own[inner], other[inner]
    slope = np.minimum(slope, np.percentile(slope, 99.5))
    if not own.any() or not other.any():
        return 1.0
    return float(slope[own].mean()) / max(float(slope[other].mean()), 1e-12)
