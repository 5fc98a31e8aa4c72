# SPDX-License-Identifier: GPL-3.0-or-later
"""Mask networks: pictures in, where the subjects are out. The user's own file, run in a process of its own."""

from __future__ import annotations

import os
import re
from pathlib import Path

import cv2
import numpy as np

from .onnx_file import UINT8, OnnxHeader, read_header
from .process import CannotRun, Process
from .provenance import EstimateError
from .reading import picture_input

_SIDE_PX = 320
"""Where a file leaves its size free."""
_LOGITS = 0.01
"""Values farther outside 0 to 1 than this are logits."""
_CLEAR, _LEAST_CLEAR = 0.22, 0.25
"""A mask is so near to 0 or 1 at such a share of the picture at least; a trained one at three quarters and more."""


class MaskNetwork:
    """A network that masks the people, or whatever stands out, in a picture. Values are taken for 0 to 1, as such
    networks are fed; of two channels (background, subject) the last counts."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open a file (.onnx). Raises EstimateError."""
        self.name = Path(path).name
        if not os.path.isfile(path):
            raise EstimateError(f"{self.name} is not there any more: choose the mask network again.")
        header: OnnxHeader = read_header(Path(path))
        self._picture = picture_input(header, self.name)
        if self._picture.frames is not None or not header.outputs:
            raise EstimateError(f"{self.name} does not give a mask for one picture.")
        self._output = header.outputs[0].name
        if re.search("depth|disp", self._output.lower()):
            raise EstimateError(f'{self.name} gives no mask: its output is called "{self._output}".')
        try:
            self._process = Process(path)
        except CannotRun as error:
            raise EstimateError(f"{self.name} cannot be run: {error}.") from error

    def mask(self, look: np.ndarray) -> np.ndarray:
        """How much each pixel is a subject. look: (h, w, 3) uint8 RGB. Returns (h, w) float32, 0 to 1. Raises
        EstimateError."""
        height, width = (side or _SIDE_PX for side in self._picture.size)
        fed = cv2.resize(look, (width, height), interpolation=cv2.INTER_AREA)
        if self._picture.elem_type != UINT8:
            fed = fed.astype(np.float32) / 255
        layout = self._picture.layout
        axes = tuple("HWC".index(letter) for letter in layout if letter != "N")
        laid_out: np.ndarray = np.ascontiguousarray(fed.transpose(axes), self._picture.dtype)
        laid_out = laid_out[None] if "N" in layout else laid_out
        try:
            (answer,) = self._process.run({self._picture.name: laid_out}, [self._output])
        except CannotRun as error:
            raise EstimateError(f"{self.name} cannot be run: {error}.") from error
        return cv2.resize(_plane(answer, self.name), look.shape[1::-1], interpolation=cv2.INTER_LINEAR).clip(0, 1)

    def close(self) -> None:
        """End its process."""
        self._process.close()


def _plane(answer: np.ndarray, name: str) -> np.ndarray:
    """(h, w) float32 of an output, whatever its axes of length 1 and 2."""
    found = np.squeeze(np.asarray(answer, np.float32)) / (255 if answer.dtype == np.uint8 and answer.max() > 1 else 1)
    if found.ndim == 3 and 2 in (found.shape[0], found.shape[2]):
        found = found[-1] if found.shape[0] == 2 else found[..., -1]
    if found.ndim != 2 or not np.isfinite(found).all():
        raise EstimateError(f"{name} gives no mask: its output is {' x '.join(map(str, np.shape(answer)))}.")
    if found.min() < -_LOGITS or found.max() > 1 + _LOGITS:
        found = 1 / (1 + np.exp(-found.clip(-30, 30)))
    clear = (np.abs(found - 0.5) > 0.5 - _CLEAR).mean()
    if clear < _LEAST_CLEAR or (answer.dtype.kind in "iu" and answer.dtype != np.uint8 and answer.max() > 1):
        raise EstimateError(f"{name} gives no mask: hardly a value of its answer is near 0 or 1.")
    return np.ascontiguousarray(found, np.float32)
