# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth that does not fit its picture, as renderers, estimators and other tools deliver it.

All take and give (H, W) float32, metres.
"""

import cv2
import numpy as np

_DISC = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))


def _anti_aliased(depth_m: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(np.minimum(depth_m, 60), (5, 5), 0.5)


def _half_size(depth_m: np.ndarray) -> np.ndarray:
    height, width = depth_m.shape
    small = cv2.resize(1 / np.minimum(depth_m, 1e4), (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return _metres(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def _blurred(depth_m: np.ndarray) -> np.ndarray:
    return _metres(cv2.GaussianBlur(1 / np.minimum(depth_m, 1e4), (0, 0), 2))


def _too_small(depth_m: np.ndarray) -> np.ndarray:
    return cv2.dilate(depth_m, _DISC)


def _metres(dioptres: np.ndarray) -> np.ndarray:
    return (1 / np.maximum(dioptres, 1e-4)).astype(np.float32)


UNFIT = {"anti-aliased": _anti_aliased, "half size": _half_size, "blurred": _blurred, "too small": _too_small}
