# SPDX-License-Identifier: GPL-3.0-or-later
"""Which depth belongs to which frame of a clip, where depth is a file, a sequence or a movie on disk, and why. No
Blender needed.

The file that was chosen comes first: a still beside other versions of itself is taken as it is. A sequence is paired
by the numbers in the names where these agree, else one after another; a movie frame by frame where it has as many as
the clip, else by time. What was taken is said in a sentence, and `doubtful` tells where it might be meant otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .. import media
from ..media import MediaError, arrays, identity, movies, sequences
from ..media.sequences import Sequence

INDEXED = "rackfocus_depth_"
"""Sequences whose names begin so are numbered by the clip's own frames, 0 the first, whatever part of it they cover."""
_SAME_RATE = 0.002
"""Rates that differ by less, as 23.976 and 24, are one rate under two names."""
_CLOCK_S = 1.5e-3
"""Containers round their times to milliseconds: what begins so little later begins at once."""


@dataclass(frozen=True)
class Clip:
    """The pictures that depth is looked for. files: one movie, or pictures in the order they are shown. stream: which
    of the movie's video streams. fps: at what rate pictures are shown, 0 where that is not known."""

    files: tuple[str, ...]
    stream: int = 0
    fps: float = 0.0

    @property
    def is_movie(self) -> bool:
        """Whether one file holds all frames."""
        return len(self.files) == 1 and media.is_movie(self.files[0])


@dataclass(frozen=True)
class Pairing:
    """Depth for every frame of a clip.

    sentence: what was taken, and why, for the user. doubtful: it may be meant otherwise. first: file and frame that
    stand for all where the meaning of the numbers is guessed. stream: of a depth movie. of: gives the file, and the
    frame in it, for a frame of the clip, 0 the first; raises MediaError where it has none.
    """

    sentence: str
    doubtful: bool
    first: tuple[str, int]
    stream: int
    of: Callable[[int], tuple[str, int]]


def pair(clip: Clip, depth: str, *, offset: int = 0, stream: int = 0, layer: str = "") -> Pairing:
    """The pairing of a clip with a depth.

    depth: a still, any file of a sequence, a folder, a name with # for the number, a movie, or NumPy's arrays. offset:
    frames later in the depth than in the clip. stream: which of a depth movie's video streams. layer: which array of an
    .npz. Raises MediaError where it cannot be told what is meant, or a file cannot be read.
    """
    states = tuple(_state(path) for path in (depth, os.path.dirname(depth) or ".", *clip.files[:1]))
    return _paired(clip, depth, offset, stream, layer, states)


def _state(path: str) -> tuple[int, ...]:
    try:
        return identity.state_of(path)
    except OSError:
        return ()


@lru_cache(maxsize=64)
def _paired(clip: Clip, depth: str, offset: int, stream: int, layer: str, _states: tuple) -> Pairing:
    if os.path.isfile(depth):
        if media.has_frames(depth):
            return _with_frames(clip, depth, offset, stream, layer)
        return _with_chosen(clip, depth, offset)
    if os.path.isdir(depth):
        sequence, others = _in_folder(clip, depth)
        if len(sequence.files) == 1 and not sequence.name.startswith(INDEXED):
            return _still(next(iter(sequence.files.values())), others)
        return _with_sequence(clip, sequence, min(sequence.files), offset, others)
    if "#" in os.path.basename(sequences.with_hashes(depth)):
        sequence = sequences.of_pattern(sequences.with_hashes(depth))
        return _with_sequence(clip, sequence, min(sequence.files), offset, "")
    media.check_file(depth)  # says what is wrong
    return _still(depth, "")


def further_stream(clip: Clip) -> int | None:
    """Another video stream in a clip's movie, as phones write depth; None where there is none. Raises MediaError."""
    if not clip.is_movie:
        return None
    others = [other for other in range(_movie(clip.files[0], clip.stream).streams) if other != clip.stream]
    return others[0] if others else None


# --- Stills and sequences --------------------------------------------------------------------------------------------


def _still(path: str, why: str) -> Pairing:
    sentence = f"{os.path.basename(path)} serves every frame" + (f" ({why})" if why else "")
    return Pairing(sentence, bool(why), (path, 0), 0, lambda index: (path, 0))


def _with_chosen(clip: Clip, path: str, offset: int) -> Pairing:
    """The file that was chosen, and what it is part of."""
    readings = sequences.around(path)
    if not readings and os.path.basename(path).startswith(INDEXED):
        number = (sequences.numbers_of([path]) or [0])[0]
        readings = [Sequence(path, {number: path})]
    if not readings:
        return _with_version(clip, path, offset)
    indexed = readings[-1].name.startswith(INDEXED)
    if len(clip.files) == 1 and not clip.is_movie and offset == 0 and not indexed:
        return _still(path, "the file that was chosen, for one picture")
    best = max(readings, key=lambda one: (_fit(clip, one), readings.index(one)))
    others = ", ".join(one.name for one in readings if one is not best)
    start = next(number for number, file in best.files.items() if file == path)
    return _with_sequence(clip, best, start, offset, f"{others} would be another reading" if others else "")


def _with_version(clip: Clip, path: str, offset: int) -> Pairing:
    """A file that has neighbours by no more than its version, if at all: they are frames where they go with the
    clip's, one for each."""
    in_step = [
        sequence
        for sequence in sequences.around(path, versions=True)
        if any(_fit(clip, sequence)[:3]) and _length(clip) > 1
    ]
    if in_step:
        return _with_sequence(clip, in_step[-1], min(in_step[-1].files), offset, "")
    beside = sum(len(sequence.files) - 1 for sequence in sequences.around(path, versions=True))
    return _still(path, f"the number in its name is a version; {beside} others lie beside it" if beside else "")


def _fit(clip: Clip, sequence: Sequence) -> tuple[bool, int, bool, int]:
    """How well a sequence goes with a clip: its numbers, its length, its size. Of several that have the clip's numbers
    the one of more digits is the frames': cameras and eyes are counted in one."""
    numbers = _numbers(clip)
    numbered = bool(numbers) and set(numbers or ()) <= sequence.files.keys()
    return numbered, numbered * sequence.name.count("#"), len(sequence.files) == _length(clip), len(sequence.files)


def _in_folder(clip: Clip, folder: str) -> tuple[Sequence, str]:
    """The one sequence of a folder that is depth, and in words what else it could have been."""
    of_clip = {os.path.abspath(file) for file in clip.files}
    depths = sequences.in_folder(folder, media.stills.is_still)
    depths = [
        sequence for sequence in depths if not of_clip & {os.path.abspath(file) for file in sequence.files.values()}
    ]
    if not depths:
        raise MediaError(folder, "the folder holds no depth pictures", "Choose a folder with an image sequence.")
    several = [sequence for sequence in depths if len(sequence.files) > 1] or depths
    if len(several) == 1:
        return several[0], ""
    named = [sequence for sequence in several if sequences.says_depth(sequence.name)]
    if len(named) == 1:
        others = ", ".join(sequence.name for sequence in several if sequence is not named[0])
        return named[0], f"by its name; beside it lies {others}"
    listed = ", ".join(sequence.name for sequence in several)
    raise MediaError(folder, f"which of its sequences is the depth cannot be told: {listed}", "Choose a file of one.")


def _with_sequence(clip: Clip, sequence: Sequence, start: int, offset: int, why: str) -> Pairing:
    """Depth files by number. start: the number of the file that was chosen."""
    files = sequence.files
    first, last = min(files), max(files)
    line = f"{sequence.name}, {first} to {last}"
    numbers = _numbers(clip)
    doubtful = bool(why)
    if sequence.name.startswith(INDEXED):
        words, wanted = "numbered by the clip's frames", _counted(0, None)
    elif numbers and set(numbers) <= files.keys():
        words, wanted = "by the numbers in the names", _listed(numbers)
    elif len(files) == _length(clip) and (not numbers or _same_steps(numbers, list(files))):
        words, wanted = "one after another: as many as the clip has frames", _listed(list(files))
    elif numbers and set(numbers) & files.keys():
        without = len(set(numbers) - files.keys())
        words, wanted = f"by the numbers in the names; {without} of the clip's frames have none", _listed(numbers)
        doubtful = True
    else:
        words = f"counted from number {start}: {len(files)} files for {_length(clip)} frames, and no number in common"
        wanted, doubtful = _counted(start, numbers), True

    def find(index: int) -> tuple[str, int]:
        number = wanted(index)
        number = None if number is None else _shifted(number, offset, list(files))
        if number not in files:
            missing = f"number {number} is missing" if number is not None else f"the clip has no frame {index}"
            raise MediaError(sequence.pattern, f"there is no depth for this frame: {missing} ({first} to {last})")
        return files[number], 0

    sentence = f"{line}: {words}" + (f" ({why})" if why else "") + _later(offset)
    return Pairing(sentence, doubtful, (files[first], 0), 0, find)


def _shifted(number: int, offset: int, numbers: list[int]) -> int:
    """A number some frames later, in a sequence that may count in steps."""
    steps = set(np.diff(numbers).tolist())
    return number + offset * (steps.pop() if len(steps) == 1 else 1)


def _same_steps(one: list[int], other: list[int]) -> bool:
    """Whether two lists of numbers have their gaps at the same places."""
    return [number - one[0] for number in one] == [number - other[0] for number in other]


def _listed(numbers: list[int]) -> Callable[[int], int | None]:
    return lambda index: numbers[index] if 0 <= index < len(numbers) else None


def _counted(start: int, numbers: list[int] | None) -> Callable[[int], int | None]:
    """Frames counted on from a number, with the gaps that the clip has."""
    if not numbers:
        return lambda index: start + index
    return lambda index: start + numbers[index] - numbers[0] if 0 <= index < len(numbers) else None


def _numbers(clip: Clip) -> list[int] | None:
    return None if clip.is_movie else sequences.numbers_of(clip.files)


def _length(clip: Clip) -> int:
    return _movie(clip.files[0], clip.stream).frames if clip.is_movie else len(clip.files)


# --- Movies and arrays -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Timing:
    """frames: how many a movie shows at its rate. start_s: on the file's clock. streams: of video, in the file."""

    frames: int
    fps: float
    start_s: float
    streams: int = 1


def _movie(path: str, stream: int) -> _Timing:
    media.check_file(path)
    return _timing(path, stream, identity.state_of(path))


@lru_cache(maxsize=64)
def _timing(path: str, stream: int, _state: tuple[int, ...]) -> _Timing:
    movie = movies.open_movie(path, stream)
    return _Timing(movie.frame_count, movie.fps, movie.start_s, movie.stream_count)


@lru_cache(maxsize=16)
def _times_s(path: str, stream: int, _state: tuple[int, ...]) -> np.ndarray:
    return movies.open_movie(path, stream).times_s()


def _with_frames(clip: Clip, path: str, offset: int, stream: int, layer: str) -> Pairing:
    name = os.path.basename(path) + (f", video stream {stream + 1}" if stream else "")
    if media.is_movie(path):
        timing = _movie(path, stream)
    else:
        timing = _Timing(arrays.frame_count(path, layer or None), 0.0, 0.0)
        if timing.frames == 1:
            return _still(path, "")
    words, wanted, doubtful = _frame_by_frame(clip, path, stream, timing)

    def find(index: int) -> tuple[str, int]:
        at = wanted(index) + offset
        if not 0 <= at < timing.frames:
            place = "before its start" if at < 0 else "after its end"
            raise MediaError(
                path, f"there is no depth for this frame: frame {at} lies {place}, it has {timing.frames} frames"
            )
        return path, at

    return Pairing(f"{name}: {words}{_later(offset)}", doubtful, (path, 0), stream, find)


def _frame_by_frame(clip: Clip, path: str, stream: int, depth: _Timing) -> tuple[str, Callable[[int], int], bool]:
    """In words, by which frame, and whether that is doubtful."""
    count = _length(clip)
    picture = _movie(clip.files[0], clip.stream) if clip.is_movie else _Timing(count, clip.fps, 0.0)
    same_file = clip.is_movie and os.path.abspath(path) == os.path.abspath(clip.files[0])
    late_s = depth.start_s - picture.start_s if same_file else 0.0
    if abs(late_s) * depth.fps >= 0.5:
        words = f"by time: it begins {abs(late_s):.3g} s {'after' if late_s > 0 else 'before'} the picture"
        return words, _by_time(picture.fps, depth.fps, late_s), False
    if count == depth.frames:
        return "frame by frame: as many as the clip has", lambda index: index, False
    if clip.is_movie and depth.fps:
        picture_s, depth_s = (
            _times_s(file, one, identity.state_of(file)) for file, one in ((clip.files[0], clip.stream), (path, stream))
        )
        if len(picture_s) == len(depth_s) and not same_file:
            words = "frame by frame: as many are stored as in the clip, whose rate varies"
            return words, _by_stored(picture_s, picture.fps, depth_s, depth.fps), False
    if not picture.fps or not depth.fps:
        return f"frame by frame, from the first: {depth.frames} frames for {count}", lambda index: index, True
    lengths = f"{depth.frames} frames at {depth.fps:.5g} fps for {count} at {picture.fps:.5g}"
    # Pictures have no rate of their own: only where both then last as long is it believed.
    believed = clip.is_movie or abs(count / picture.fps - depth.frames / depth.fps) <= 1.5 / min(picture.fps, depth.fps)
    if abs(picture.fps / depth.fps - 1) < _SAME_RATE or not believed:
        return f"frame by frame, from the first: {lengths}", lambda index: index, True
    return f"by time: {lengths}", _by_time(picture.fps, depth.fps, late_s), False


def _by_time(picture_fps: float, depth_fps: float, late_s: float) -> Callable[[int], int]:
    """The depth frame that is shown when a frame of the clip begins. late_s: so much later the depth begins."""
    return lambda index: int(np.floor((index / picture_fps - late_s + _CLOCK_S) * depth_fps))


def _by_stored(
    picture_s: np.ndarray, picture_fps: float, depth_s: np.ndarray, depth_fps: float
) -> Callable[[int], int]:
    """The clip's frame as stored, by its number, and where the depth shows its frame of that number."""

    def wanted(index: int) -> int:
        number = int(np.searchsorted(picture_s, index / picture_fps + 1e-3 / picture_fps, side="right")) - 1
        return int(np.ceil(depth_s[max(number, 0)] * depth_fps - 1e-3))

    return wanted


def _later(offset: int) -> str:
    return f"; {offset:+d} frames" if offset else ""
