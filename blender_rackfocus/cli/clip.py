# SPDX-License-Identifier: GPL-3.0-or-later
"""What CLIP on the command line stands for: a movie, an image sequence, or a still."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .. import media
from ..frame import pairing
from ..media import library, sequences
from .common import UsageError, refuse_backslash

PICTURES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".tga", ".bmp", ".dpx", ".webp", ".hdr", ".jp2"}


@dataclass(frozen=True)
class Clip:
    """A clip on disk. files: the movie alone, or the sequence's pictures in order, all in one folder. note: what was
    taken where it might be meant otherwise, for the user."""

    files: tuple[Path, ...]
    is_movie: bool
    width: int
    height: int
    fps: float
    frames: int
    has_sound: bool
    note: str = ""

    def frame_file(self, frame: int) -> tuple[Path, int]:
        """File and index in it of a clip frame, counted from 1."""
        return (self.files[0], self.place(frame)) if self.is_movie else (self.files[self.place(frame)], 0)

    def place(self, frame: int) -> int:
        """Where a clip frame, counted from 1, lies in the movie or in the list of pictures, counted from 0."""
        return frame - 1 if self.is_movie else min(frame, len(self.files)) - 1


def open_clip(name: str, fps: float | None, still_frames: int) -> Clip:
    """Find out what `name` is. fps: for pictures, None is 24; movies have their own. still_frames: a still's length.

    Raises UsageError where nothing is there, MediaError where it cannot be read.
    """
    path = Path(name).absolute()
    refuse_backslash(path)
    if path.suffix.lower() == ".blend":
        raise UsageError(f'{name} is an edit, no clip: "bake {name}" makes the frames that it refocuses')
    if path.is_file() and path.suffix.lower() not in PICTURES:
        return _movie(path)
    files, note = _pictures(path)
    height, width = media.read_frame(files[0]).shape[:2]
    frames = len(files) if len(files) > 1 else still_frames
    return Clip(tuple(files), False, width, height, fps or 24.0, frames, False, note)


def _movie(path: Path) -> Clip:
    movie = media.movies.open_movie(path)
    width, height = movie.size
    return Clip((path,), True, width, height, float(movie.fps), movie.frame_count, _has_sound(path))


def _has_sound(path: Path) -> bool:
    with library.pyav(path).open(f"file:{path}") as container:
        return bool(container.streams.audio)


def _pictures(path: Path) -> tuple[list[Path], str]:
    """The pictures of a folder, of a name with # or %04d for the number, or from one numbered file on; and what was
    taken where it might be meant otherwise."""
    if path.is_dir():
        sequence, note = _in_folder(path)
        return [Path(file) for file in sequence.files.values()], note
    if path.is_file():
        return _from_file(str(path))
    if path.exists():
        media.check_file(path)  # says what it is
    text = sequences.with_hashes(str(path))
    if "#" not in Path(text).name:
        raise UsageError(f"there is no clip {path}")
    files = [Path(file) for file in sequences.of_pattern(text).files.values()]
    files = [file for file in files if file.suffix.lower() in PICTURES]
    if not files:
        raise UsageError(f"there are no pictures in {path}")
    return files, ""


def _from_file(path: str) -> tuple[list[Path], str]:
    numbered = sequences.around(path)
    if not numbered:
        return [Path(path)], ""
    longest = max(numbered, key=lambda sequence: (len(sequence.files), numbered.index(sequence)))
    others = ", ".join(sequence.name for sequence in numbered if sequence is not longest)
    files = list(longest.files.values())
    note = f"{longest.name} is taken for the clip; {others} would be another reading" if others else ""
    return [Path(file) for file in files[files.index(path) :]], note


def _in_folder(folder: Path) -> tuple[sequences.Sequence, str]:
    """The one sequence of a folder that is no depth. Raises UsageError where that cannot be told."""
    numbered = sequences.in_folder(str(folder), lambda name: os.path.splitext(name)[1].lower() in PICTURES)
    if not numbered:
        raise UsageError(f"there are no pictures in {folder}")
    several = [sequence for sequence in numbered if len(sequence.files) > 1] or numbered
    pictures = [sequence for sequence in several if not sequences.says_depth(sequence.name)]
    kept = several if len(several) == 1 else pictures
    if len(kept) != 1:
        listed = ", ".join(f"{sequence.name} ({len(sequence.files)})" for sequence in several)
        raise UsageError(f"{folder} holds more than one kind of picture: {listed}; name one with #")
    others = ", ".join(sequence.name for sequence in numbered if sequence is not kept[0])
    return kept[0], f"{kept[0].name} is taken for the clip; beside it lies {others}" if others else ""


def pairing_of(clip: Clip, depth: str, *, stream: int = 0, layer: str = "") -> pairing.Pairing:
    """How a clip's frames are paired with a depth that was named, as a strip of the clip does it. Raises MediaError."""
    files = tuple(str(file) for file in clip.files)
    told = pairing.Clip(files, fps=0.0 if clip.is_movie else clip.fps)
    return pairing.pair(told, os.path.abspath(depth), stream=stream, layer=layer)
