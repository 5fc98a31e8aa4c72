# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards: depth set by hand. Masks with a distance each, over a background that may be a ramp.

Each card is a flat cut-out facing the camera, as in a multiplane camera (Disney, US patent 2,198,006, 1940).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Card:
    """One mask and its distance.

    mask: (H, W) float, 0 outside to 1 inside, soft edges welcome. distance_m: planar metres, > 0, inf allowed.
    ground: the ground that it stands on, which passes through its lowest point at its distance: how much nearer the
    ground comes over one picture height downwards, as a share of the card's own nearness (1/z, even in the picture as
    a floor is in perspective; its horizon lies 1/ground picture heights above the card's foot). 0: no ground.
    soft: how soft its edge is made, as a share of the picture's width.
    """

    mask: np.ndarray
    distance_m: float
    ground: float = 0.0
    soft: float = 0.0


@dataclass(frozen=True)
class Background:
    """What stands behind all cards: from_m at the point `start`, to_m at the point `end`, even in 1/z between and held
    beyond. Points are (x, y) as shares of width and height, (0, 0) the top left corner. A floor seen in perspective
    is even in 1/z; equal distances make a flat wall.
    """

    from_m: float = 2.0
    to_m: float = 10.0
    start: tuple[float, float] = (0.5, 1.0)
    end: tuple[float, float] = (0.5, 0.4)


def compose(cards: Sequence[Card], background: Background, height: int, width: int) -> np.ndarray:
    """Depth of a picture made of cards.

    Cards are laid far to near, whatever their order; where a mask is between 0 and 1 nearness (1/z) is mixed, so that
    a soft mask edge gives a soft depth edge. Of cards at one distance the stronger mask counts. A card's ground lies
    behind all cards, and where it comes nearer than the background it hides it.
    Returns (height, width) float32 metres, +inf where all is infinitely far.
    Raises ValueError for a mask of another shape or outside 0-1, a distance that is not above 0, a ground or
    softness below 0.
    """
    if height < 1 or width < 1:
        raise ValueError(f"height and width must be at least 1, not {height} and {width}")
    nearness = _ramp(background, height, width)
    for number, card in enumerate(cards):
        _check(card, number, height, width)
        nearness = np.maximum(nearness, _ground(card, height))
    for distance in sorted({card.distance_m for card in cards}, reverse=True):
        masks = [_softened(card) for card in cards if card.distance_m == distance]
        mask = np.maximum.reduce(masks)
        nearness += mask * (np.float32(1 / distance) - nearness)
    with np.errstate(divide="ignore"):
        return np.where(nearness > 1e-9, 1 / nearness, np.inf).astype(np.float32)


def _check(card: Card, number: int, height: int, width: int) -> None:
    mask = np.asarray(card.mask)
    if mask.shape != (height, width):
        raise ValueError(f"mask of card {number} must be {(height, width)}, not {mask.shape}")
    if not np.isfinite(mask).all() or mask.min() < 0 or mask.max() > 1:
        raise ValueError(f"mask of card {number} must lie between 0 and 1")
    for name in ("ground", "soft"):
        if not 0 <= getattr(card, name) < np.inf:
            raise ValueError(f"{name} of card {number} must be 0 or more, not {getattr(card, name)}")
    if not card.distance_m > 0:
        raise ValueError(f"distance_m of card {number} must be above 0, not {card.distance_m}")


def _softened(card: Card) -> np.ndarray:
    mask = np.asarray(card.mask, np.float32)
    spread_px = card.soft * mask.shape[1]
    return cv2.GaussianBlur(mask, (0, 0), spread_px).clip(0, 1) if spread_px > 0.1 else mask


def _ground(card: Card, height: int) -> np.ndarray:
    """Nearness of the ground under a card: (height, 1), even down the picture; all 0 where it has none."""
    rows = np.flatnonzero((np.asarray(card.mask) > 0.5).any(axis=1))
    if not card.ground or not rows.size:
        return np.zeros((height, 1), np.float32)
    below_foot = (np.arange(height) - rows[-1]) / height
    return np.maximum((1 + card.ground * below_foot) / card.distance_m, 0).astype(np.float32)[:, None]


def _ramp(background: Background, height: int, width: int) -> np.ndarray:
    for name in ("from_m", "to_m"):
        if not getattr(background, name) > 0:
            raise ValueError(f"{name} must be above 0, not {getattr(background, name)}")
    size = np.array([width, height], np.float64)
    start, end = np.array(background.start) * size, np.array(background.end) * size
    along = end - start
    length = float(along @ along)
    if length == 0 and background.from_m != background.to_m:
        raise ValueError("start and end must be two points where from_m and to_m differ")
    x, y = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
    share = ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / length if length else np.zeros((height, width))
    share = np.clip(share, 0, 1)
    return ((1 - share) / background.from_m + share / background.to_m).astype(np.float32) + np.zeros(
        (height, width), np.float32
    )
