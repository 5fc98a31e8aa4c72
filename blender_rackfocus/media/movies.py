# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact frames of a movie, by PyAV (FFmpeg)."""

from __future__ import annotations

import os
from types import TracebackType

import numpy as np

from . import colour
from .errors import MediaError
from .library import pyav


class Movie:
    """One open movie: .path, .frame_count, .fps (float), .size (W, H); `read(index)`, `read_raw_depth(index)`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        av = pyav(path)
        self.path = os.fspath(path)
        try:
            self._container = av.open(self.path)
            self._stream = self._container.streams.video[0]
        except (OSError, av.error.FFmpegError, IndexError) as error:
            raise MediaError(path, f"it cannot be opened as a movie ({error})") from error
        self._stream.thread_type = "AUTO"
        self.fps = float(self._stream.guessed_rate or self._stream.average_rate)
        self.frame_count = int(self._stream.frames)
        self.size = (self._stream.width, self._stream.height)

    def __enter__(self) -> Movie:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go."""
        self._container.close()

    def _frame(self, index: int):
        if not 0 <= index < self.frame_count:
            raise MediaError(self.path, f"frame {index} is outside its {self.frame_count} frames")
        self._container.seek(0)
        for position, frame in enumerate(self._container.decode(self._stream)):
            if position == index:
                return frame
        raise MediaError(self.path, f"frame {index} cannot be decoded")

    def read(
        self,
        index: int,
        *,
        colorspace: str | None = None,
        alpha_mode: str | None = None,
        ocio_config: str | os.PathLike[str] | None = None,
    ) -> np.ndarray:
        """The picture at frame `index`; see `media.read_frame`."""
        rgba = self._frame(index).to_ndarray(format="rgba").astype(np.float32) / 255.0
        rgb = colour.to_linear(
            rgba[..., :3], colorspace or colour.SRGB, path=self.path, ocio_config=ocio_config
        )
        if alpha_mode != "PREMUL":
            rgb = rgb * rgba[..., 3:]
        return np.ascontiguousarray(np.dstack([rgb, rgba[..., 3]]), np.float32)

    def read_raw_depth(self, index: int) -> np.ndarray:
        """The brightness at frame `index`, (H, W) float32 in 0..1."""
        return self._frame(index).to_ndarray(format="gray").astype(np.float32) / 255.0


def open_movie(path: str | os.PathLike[str]) -> Movie:
    """An open movie. Raises MediaError."""
    return Movie(path)
