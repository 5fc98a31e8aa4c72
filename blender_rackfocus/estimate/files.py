# SPDX-License-Identifier: GPL-3.0-or-later
"""Estimates of clips on disk: frames read from a movie or pictures, depth written as an EXR sequence that says itself
where it came from. What is on disk already is not made again.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..core.depth import DepthConvention, to_metres
from ..media import MediaError, identity, movies, read_frame, sealed, unfinished
from ..media.colour import OcioConfig
from ..media.library import complaint, openimageio
from .clip import EstimateReport, Progress, estimate_clip
from .provenance import EstimateError, Provenance
from .scratch import remove_scratch
from .sources import EstimateSettings

CHANNELS = {"METRES": "Z", "NORMALISED": "Y"}
"""The EXR channel by Provenance.kind: metres are called Z, nearness is a grey picture."""
_WORK = ".work"  # the folder's own scratch, kept for a resume and removed at the end
_KEY = "rackfocus:depth_task"


class MovieFrames:
    """The frames of a movie as an estimate reads them, through a decoder of its own: whoever else reads the same movie
    meanwhile does not make it seek back and forth. count: None takes all frames."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        count: int | None = None,
        *,
        stream: int = 0,
        colorspace: str | None = None,
        ocio_config: OcioConfig | None = None,
    ) -> None:
        self._movie = movies.Movie(path, stream)
        self._count = self._movie.frame_count if count is None else count
        self._colorspace, self._ocio_config = colorspace, ocio_config

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> np.ndarray:
        return self._movie.read(index, colorspace=self._colorspace, ocio_config=self._ocio_config)

    def close(self) -> None:
        """Let the movie go."""
        self._movie.close()


class StillFrames:
    """Pictures in order as the frames of a clip."""

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]],
        *,
        colorspace: str | None = None,
        alpha_mode: str | None = None,
        ocio_config: OcioConfig | None = None,
    ) -> None:
        self._paths = tuple(os.fspath(path) for path in paths)
        self._colorspace, self._alpha_mode, self._ocio_config = colorspace, alpha_mode, ocio_config

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> np.ndarray:
        path = self._paths[index]
        return read_frame(path, 0, self._colorspace, self._alpha_mode, ocio_config=self._ocio_config)

    def close(self) -> None:
        """Nothing is held open."""


@dataclass(frozen=True)
class Task:
    """An estimate to files.

    frames: what is read. files: where the depth of each wanted frame goes, by frame index (rising). settings, source:
    as for `estimate_clip`. clip_key: what identifies the clip. between_m: (near, far) by which relative depth is
    written in metres; None leaves it as nearness.
    """

    frames: MovieFrames | StillFrames
    files: dict[int, Path]
    settings: EstimateSettings
    source: str = "AUTO"
    clip_key: str = ""
    between_m: tuple[float, float] | None = None

    @property
    def folder(self) -> Path:
        """Where the files, and the scratch beside them, lie."""
        return next(iter(self.files.values())).parent

    @property
    def key(self) -> str:
        """Tells files of this very task from others': the clip, the frames, the settings and the model's file."""
        network = self.settings.network
        model = _stamp(network.path) if network is not None and os.path.isfile(network.path) else None
        told = (self.clip_key, list(self.files), self.settings.told(), self.source, self.between_m, model)
        return hashlib.blake2b(repr(told).encode(), digest_size=12).hexdigest()

    def done(self) -> set[int]:
        """Frames whose depth is on disk as it was written, made by this very task."""
        key = self.key
        return {
            index
            for index, path in self.files.items()
            if sealed.notes_of(path, sealed.DEPTH) == {"frame": index} and _header(path).get(_KEY) == key
        }

    def first(self) -> Path:
        """The first frame's file."""
        return next(iter(self.files.values()))


def clip_key(paths: Sequence[str | os.PathLike[str]]) -> str:
    """What identifies a clip's content: of its files' own (a handful of a long sequence, with every file's size and
    time). Raises MediaError where one is missing."""
    try:
        stats = [(os.path.basename(path), *_stamp(path)) for path in paths]
    except OSError as error:
        raise MediaError(error.filename, f"it cannot be read ({error.strerror})", "Check the path.") from error
    if len(paths) == 1:
        return identity.content_of(paths[0])
    return repr(stats)


def _stamp(path: str | os.PathLike[str]) -> tuple[int, int, int]:
    """Size, time and the checksum of some blocks: the same for a copy elsewhere that keeps its time."""
    state = identity.state_of(path)
    return state[1], state[0], state[-1]


def run(
    task: Task,
    *,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> tuple[Provenance, EstimateReport | None]:
    """Make every file of the task that is not there yet; the provenance of them all, and the report of this run (None
    when nothing was left to do).

    Stopped or failed at any point, what is finished stays and the next run with the same task does only the rest.
    Raises as `estimate_clip` does, and MediaError where the disk will not have a file.
    """
    done = task.done()
    told = provenance_of(task.first()) if done == task.files.keys() else None
    if told is not None:
        return told, None
    try:
        task.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(task.folder, f"the folder cannot be made ({error.strerror})", "Choose another one.") from error
    unfinished.sweep(task.folder)
    work = task.folder / f"{_WORK}-{task.first().stem}"
    with _Writer(task) as writer:
        report = estimate_clip(
            task.frames,
            writer.put,
            task.settings,
            source=task.source,
            indices=list(task.files),
            done=done,
            scratch=work,
            clip_key=task.clip_key,
            progress=progress,
            cancelled=cancelled,
        )
    remove_scratch(work)
    found = report.provenance
    return found if found.metric else replace(found, between_m=task.between_m), report


class _Writer:
    """A sink that writes each frame on a thread of its own while others are made; two wait at most."""

    def __init__(self, task: Task) -> None:
        self._files, self._key, self._between_m = task.files, task.key, task.between_m
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rackfocus-write")
        self._waiting: deque[Future] = deque()

    def __enter__(self) -> _Writer:
        return self

    def put(self, index: int, depth: np.ndarray, provenance: Provenance) -> None:
        while len(self._waiting) > 1:
            self._waiting.popleft().result()
        if self._between_m is not None and not provenance.metric:
            near_m, far_m = self._between_m
            depth = to_metres(depth, DepthConvention("NORMALISED", near_m, far_m))
            provenance = replace(provenance, between_m=self._between_m)
        self._waiting.append(self._thread.submit(write_depth, self._files[index], depth, provenance, self._key, index))

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        self._thread.shutdown(wait=True)
        for written in self._waiting:
            if kind is None:
                written.result()


def write_depth(
    path: str | os.PathLike[str], depth: np.ndarray, provenance: Provenance, key: str = "", frame: int = 0
) -> None:
    """Write one frame of depth as a sealed EXR that names its source; whole or not at all, and over nothing but another
    one.

    depth: (H, W) float32, metres or nearness; metres are kept as float, nearness as half float. key, frame: of the task
    and the clip's frame, so that a file under another one's name is noticed. Raises MediaError.
    """
    oiio = openimageio(path)
    path = Path(path)
    height, width = depth.shape
    spec = oiio.ImageSpec(width, height, 1, "float" if provenance.kind == "METRES" else "half")
    spec.channelnames = (CHANNELS[provenance.kind],)
    spec.attribute("compression", "zip:2")
    spec.attribute("DateTime", "")  # else the second at which it was written: the same depth is the same file
    for name, text in provenance.metadata().items():
        spec.attribute(name, text)
    spec.attribute(_KEY, key)
    spec.attribute("Software", sealed.DEPTH.mark)
    spec.attribute("ImageDescription", provenance.sentence())
    if provenance_of(path) is None:
        sealed.refuse_foreign(path, sealed.DEPTH)
    try:
        with unfinished.beside(path) as (temporary, _file):
            out = oiio.ImageOutput.create("openexr")
            pixels = np.ascontiguousarray(depth, np.float32)[..., None]
            written = out.open(temporary, spec) and out.write_image(pixels)
            if not (out.close() and written):
                raise OSError(0, " ".join(complaint(out).split()) or "the disk may be full")
            sealed.seal(temporary, sealed.DEPTH, {"frame": frame})
    except OSError as error:
        raise MediaError(
            path, f"the depth cannot be written ({error.strerror})", "Free some space, or choose another folder."
        ) from error


def provenance_of(path: str | os.PathLike[str]) -> Provenance | None:
    """What a depth file says about its source; None where it says nothing, or cannot be read."""
    return Provenance.from_metadata(_header(path))


def _header(path: str | os.PathLike[str]) -> dict[str, str]:
    """The texts of ours in a file's header; none where it cannot be read."""
    if not os.path.isfile(path):
        return {}
    try:
        oiio = openimageio(path)
    except MediaError:
        return {}
    file = oiio.ImageInput.open(os.fspath(path))
    if file is None:
        complaint(oiio)
        return {}
    try:
        texts = {one.name: str(one.value) for one in file.spec().extra_attribs if one.name.startswith("rackfocus:")}
    except UnicodeDecodeError:
        texts = {}
    file.close()
    return texts


def refuse_if_missing(settings: EstimateSettings, source: str) -> None:
    """A network asked for by name needs a file before anything is read. Raises EstimateError."""
    if source == "NETWORK" and (settings.network is None or not settings.network.path):
        raise EstimateError(
            "No depth network is chosen: set a model file (.onnx) in the preferences or on the strip. None can be "
            "shipped with Rack Focus."
        )
