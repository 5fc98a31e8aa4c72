# SPDX-License-Identifier: GPL-3.0-or-later
"""What CLIP on the command line stands for: a movie, an image sequence, or a still."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .. import media
from ..frame import depthfiles
from .common import CommandError, UsageError

PICTURES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".tga", ".bmp", ".dpx", ".webp", ".hdr", ".jp2"}


@dataclass(frozen=True)
class Clip:
    """A clip on disk. files: the movie alone, or the sequence's pictures in order, all in one folder."""

    files: tuple[Path, ...]
    is_movie: bool
    width: int
    height: int
    fps: float
    frames: int
    has_sound: bool

    def frame_file(self, frame: int) -> tuple[Path, int]:
        """File and index in it of a clip frame, counted from 1."""
        return (self.files[0], frame - 1) if self.is_movie else (self.files[min(frame, len(self.files)) - 1], 0)


def open_clip(name: str, fps: float | None, still_frames: int) -> Clip:
    """Find out what `name` is. fps: for pictures, None is 24; movies have their own. still_frames: a still's length.

    Raises UsageError where nothing is there, CommandError where it cannot be read.
    """
    path = Path(name).absolute()
    try:
        if path.is_file() and path.suffix.lower() not in PICTURES:
            return _movie(path)
        files = _pictures(path)
        height, width = media.read_frame(files[0]).shape[:2]
    except media.MediaError as error:
        raise CommandError(str(error)) from error
    frames = len(files) if len(files) > 1 else still_frames
    return Clip(tuple(files), False, width, height, fps or 24.0, frames, False)


def _movie(path: Path) -> Clip:
    movie = media.movies.open_movie(path)
    width, height = movie.size
    return Clip((path,), True, width, height, float(movie.fps), movie.frame_count, _has_sound(path))


def _has_sound(path: Path) -> bool:
    from ..media import library

    with library.pyav(path).open(f"file:{path}") as container:
        return bool(container.streams.audio)


def _pictures(path: Path) -> list[Path]:
    """The pictures of a folder, of a name with # or %04d for the number, or from one numbered file on."""
    text = re.sub(r"%0?(\d*)d", "#", str(path))
    if "#" not in Path(text).name and not path.exists():
        raise UsageError(f"there is no clip {path}")
    if path.is_file():
        numbered = depthfiles.sequence(str(path)) or {0: str(path)}
        first = next(number for number, found in numbered.items() if Path(found) == path)
        numbered = {number: found for number, found in numbered.items() if number >= first}
    else:
        numbered = depthfiles.sequence(text) or {}
    files = [Path(numbered[number]) for number in sorted(numbered)]
    files = [found for found in files if found.suffix.lower() in PICTURES]
    if not files:
        raise UsageError(f"there are no pictures in {path}")
    kinds = {found.suffix.lower() for found in files}
    if len(kinds) > 1:
        raise UsageError(f"{path} holds more than one kind of picture ({', '.join(sorted(kinds))}); name one with #")
    return files
