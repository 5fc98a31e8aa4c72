# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact frames of a movie, decoded by PyAV (FFmpeg), in any order.

Frame n is the one Blender shows for n: the last whose time stamp is not after round(n / fps / time base) counted
from the stream's start, with the frame rate and the number of frames worked out as Blender's movie reader does.
Colour goes through swscale with the flags, matrix and range Blender uses: 8 bits to RGBA, more to float.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from . import colour, decoded
from .errors import MediaError, check_file
from .identity import state_of
from .library import pyav
from .stills import RawDepth
from .wholeness import movie_is_cut, transport_stream_is_whole

_FORWARD_FRAMES = 40
"""So far ahead decoding on is taken to be quicker than seeking."""
_PREROLL_FRAMES = 3
_UNTIMED_FORMATS = frozenset({"h264", "hevc", "m4v", "mpegvideo", "obu", "mjpeg", "av1"})
"""Bare streams without time stamps: frames are counted from the start, there is no seeking."""
_SPARSELY_TIMED_FORMATS = frozenset({"mpeg", "vob"})
"""Few frames carry a time stamp, those between are guessed until the next: seek well ahead."""
_FULL_RANGE = 2
_STORED_LATER_FRAMES = 4
"""So many frames are stored after one that is shown later, at most, by the common encoders."""


class _Damage(ValueError):
    """Damage that the demuxer or decoder reports by a flag, not by an error."""


class Movie:
    """One open movie. Safe to use from several threads; one decodes at a time.

    .path; .frame_count; .fps (float); .size (width, height) as shown, rotation applied; .bits per component;
    .has_alpha; .stream_count, of video; .colorspace, the name Blender gives its colours by the file's tags.
    """

    def __init__(self, path: str | os.PathLike[str], stream_index: int = 0) -> None:
        self.path = os.fspath(path)
        self._stream_index = stream_index
        self._lock = threading.RLock()
        self._container: Any = None
        with self._lock:
            self._open()
            try:
                self._describe()
            except (*self._errors, ArithmeticError) as error:
                self.close()
                raise self._unreadable(error) from error

    def __enter__(self) -> Movie:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go. A later read opens it again."""
        with self._lock:
            if self._container is not None:
                self._forget_position()
                self._container.close()
                self._container = None

    def read(
        self, index: int, *, colorspace: str | None = None, ocio_config: colour.OcioConfig | None = None
    ) -> np.ndarray:
        """The picture at frame `index`; see `media.read_frame`. Returns (H, W, 4) float32, scene-linear,
        premultiplied. Raises MediaError."""
        space = colour.Space(colorspace or self.colorspace, self.path, ocio_config)
        # Blender pays no heed to a movie strip's alpha mode: bytes are straight, floats premultiplied.
        straight = self.bits <= 8
        return colour.to_picture(self._pixels(index, decoded.rgba), space, straight=straight, opaque=not self.has_alpha)

    def read_depth(self, index: int) -> RawDepth:
        """The brightness at frame `index` as raw depth, 0..1. Raises MediaError, also for a movie with colours."""
        values = self._pixels(index, decoded.brightness)
        if np.isnan(values[0, 0]):
            raise MediaError(
                self.path,
                "it is a movie in colour, which is not depth",
                "Choose a grey depth movie (false-colour depth cannot be read).",
            )
        return RawDepth(values, True, "grey", self.bits)

    def times_s(self) -> np.ndarray:
        """When each stored frame begins, rising: (N,) float64 seconds from the stream's start. Reads the whole file,
        and decodes nothing. Raises MediaError."""
        if self._container is None or self._container.format.name in _UNTIMED_FORMATS:
            return np.arange(self.frame_count) / self.fps
        try:
            with self._av.open("file:" + self.path) as probe:
                stream = probe.streams[self._stream.index]
                stamps = sorted({one.pts for one in probe.demux(stream) if one.size and one.pts is not None})
        except self._errors as error:
            cause = f"it cannot be read to its end ({_reason(error)})"
            raise MediaError(self.path, cause, "Export it again.") from error
        return (np.asarray(stamps, np.float64) - self._start) * float(self._time_base)

    @property
    def start_s(self) -> float:
        """When the stream begins, on the file's clock."""
        return self._start * float(self._time_base)

    # Opening

    def _open(self) -> None:
        av = pyav(self.path)
        check_file(self.path)
        self._av = av
        self._errors = (av.error.FFmpegError, OSError, ValueError, EOFError)
        try:
            self._container = av.open("file:" + self.path)
            self._stream = self._video_stream()
            self._decoder = self._make_decoder()
        except BaseException as error:
            self.close()
            if isinstance(error, self._errors):
                raise self._unreadable(error) from error
            raise
        self._cut = movie_is_cut(self.path)
        self._fresh = True
        self._reformatter = av.video.reformatter.VideoReformatter()
        self._forget_position()

    def _unreadable(self, error: BaseException) -> MediaError:
        return MediaError(
            self.path,
            f"it is not a movie that can be read ({_reason(error)})",
            "It may be cut short or still being written; export it again.",
        )

    def _streams(self) -> list[Any]:
        """The video streams, without pictures of a cover where there are others."""
        streams = list(self._container.streams.video)
        pictures = [s for s in streams if not s.disposition & self._av.stream.Disposition.attached_pic]
        return pictures or streams

    def _video_stream(self) -> Any:
        streams = self._streams()
        if self._stream_index >= len(streams):
            what = "it has no video" if not streams else f"it has only {len(streams)} video streams"
            raise MediaError(self.path, what, "Choose a file with a video stream.")
        return streams[self._stream_index]

    def _make_decoder(self) -> Any:
        stream = self._stream
        decoder = stream.codec_context
        if decoder is None:
            raise MediaError(self.path, "its codec is unknown to this build of FFmpeg", "Convert it to another codec.")
        if decoder.name in ("vp8", "vp9") and stream.metadata.get("alpha_mode") == "1":
            # FFmpeg's own VP8/VP9 decoders drop alpha, libvpx keeps it.
            decoder = self._av.CodecContext.create("libvpx" if decoder.name == "vp8" else "libvpx-vp9", "r")
        # Decoders overwrite these while they work (ProRes from the third frame on); Blender takes them here.
        context = stream.codec_context
        self._matrix, self._range = int(context.colorspace), int(context.color_range)
        self.colorspace = _tagged_colorspace(context)
        decoder.thread_type = "AUTO"
        # A damaged packet is an error, not a guess made from its neighbours.
        decoder.options = {"err_detect": "explode"}
        return decoder

    def _describe(self) -> None:
        stream = self._stream
        self._rate = stream.guessed_rate or stream.average_rate or stream.base_rate
        if not self._rate or not stream.time_base:
            raise MediaError(self.path, "it has no frame rate", "Convert it to a movie with a constant frame rate.")
        self.fps = float(self._rate)
        self._time_base = stream.time_base
        rate, base = (Fraction(one.numerator, one.denominator) for one in (self._rate, self._time_base))
        self._step = float(1 / (rate * base))  # exact: rational numbers of FFmpeg's come to 0 where they are too fine
        self.stream_count = len(self._streams())
        self._start = 0 if self._container.format.name in _UNTIMED_FORMATS else stream.start_time or 0
        self.frame_count = self._count_frames()
        # The first frame tells more than the header: pixel format with alpha, rotation.
        frame = self._find(0)
        self._coded_size = (frame.width, frame.height)
        turned = decoded.rotation(frame) in (90, 270)
        self.size = (frame.height, frame.width) if turned else (frame.width, frame.height)
        components = frame.format.components
        self.bits = max(c.bits for c in components)
        self.has_alpha = any(c.is_alpha for c in components) or frame.format.name == "pal8"

    def _count_frames(self) -> int:
        """As Blender: the stream's duration, else the container's less the video's later start, else the count."""
        stream, container = self._stream, self._container
        if container.format.name in _UNTIMED_FORMATS:
            return self._count_packets()
        if stream.duration is not None:
            return _round(stream.duration * float(stream.time_base) * self.fps)
        if container.duration is not None:
            seconds = container.duration / self._av.time_base
            audio = container.streams.audio
            late = _start_s(stream) - (_start_s(audio[0]) if audio else 0.0)
            return _round((seconds - max(late, 0.0)) * self.fps)
        if stream.frames:
            return int(stream.frames)
        return self._count_packets()

    def _count_packets(self) -> int:
        self._fresh = False
        count = sum(1 for packet in self._container.demux(self._stream) if packet.size)
        self._reopen()
        return count

    def _reopen(self) -> None:
        self.close()
        self._open()

    # Finding a frame

    def _forget_position(self) -> None:
        self._current: Any = None
        self._next: Any = None
        self._ended = False
        self._frames: Iterator[Any] | None = None

    def _find(self, index: int) -> Any:
        """The decoded frame that is shown at `index`."""
        index = int(index)
        if not 0 <= index < self.frame_count:
            raise MediaError(
                self.path,
                f"frame {index} is outside the movie, which has frames 0 to {self.frame_count - 1}",
                "Trim the strip to the movie's length.",
            )
        if self._container is None:
            self._open()
        target = _round(index * self._step) + self._start
        try:
            return self._seek_and_scan(index, target)
        except MediaError:
            self._forget_position()
            raise
        except self._errors as error:
            self._forget_position()
            raise MediaError(
                self.path,
                f"frame {index} cannot be decoded: the movie is damaged there ({_reason(error)})",
                "Export the movie again.",
            ) from error

    def _seek_and_scan(self, index: int, target: int) -> Any:
        current = self._current
        if current is not None and _pts(current) <= target <= _pts(current) + _FORWARD_FRAMES * self._step:
            with contextlib.suppress(*self._errors):  # damage on the way there need not matter: seek past it
                return self._scan(index, target)
        # Not every container seeks to a frame from which the wanted one can be decoded: step back until it does,
        # in the end to the very start. Without the first pre-roll again at last: the damage may lie in it.
        trouble: BaseException | None = None
        for frames_back in self._prerolls():
            try:
                if self._land(target, frames_back):
                    return self._scan(index, target)
            except self._errors as error:
                trouble = trouble or error
        raise trouble or MediaError(self.path, f"frame {index} cannot be found", "Export the movie again.")

    def _prerolls(self) -> tuple[int | None, ...]:
        format_name = self._container.format.name
        if format_name in _UNTIMED_FORMATS:
            return (None,)
        return (60, 240, None) if format_name in _SPARSELY_TIMED_FORMATS else (_PREROLL_FRAMES, 0, 16, 120, None)

    def _land(self, target: int, frames_back: int | None) -> bool:
        """Go to a place at or before `target`; False where the first frame there comes after it."""
        first = self._start
        wanted = None if frames_back is None else int(target - frames_back * self._step)
        if wanted is None or wanted <= first:
            if not self._fresh:
                self._reopen()
            self._frames = self._decode()
            self._current = next(self._frames, None)
            return self._current is not None
        self._forget_position()
        self._container.seek(wanted, stream=self._stream, backward=True)
        self._decoder.flush_buffers()
        self._frames = self._decode()
        self._current = next(self._frames, None)
        return self._current is not None and _pts(self._current) <= target

    def _decode(self) -> Iterator[Any]:
        self._fresh = False
        untimed, count = self._container.format.name in _UNTIMED_FORMATS, 0
        for packet in self._container.demux(self._stream):
            if packet.is_corrupt:
                raise _Damage("a packet of it is marked as damaged")
            for frame in self._decoder.decode(packet if packet.size else None):
                if frame.is_corrupt:
                    raise _Damage("a frame of it is marked as damaged")
                if untimed:
                    frame.pts, count = _round(count * self._step), count + 1
                if frame.pts is not None or frame.dts is not None:
                    yield frame

    def _scan(self, index: int, target: int) -> Any:
        """Decode on until the frame after the wanted one is known."""
        while _pts(self._current) < target:
            if self._next is None and not self._ended:
                self._next = next(self._frames or iter(()), None)
                self._ended = self._next is None
            if self._next is None:
                self._check_end(index, target)
                break
            if _pts(self._next) > target:
                self._check_gap(index, target)
                break
            self._current, self._next = self._next, None
        return self._current

    def _check_gap(self, index: int, target: int) -> None:
        """A hole in time is a lost frame where the file is cut short, or lacks packets; else a long frame."""
        if target < _pts(self._current) + 0.9 * self._step:
            return
        if self._cut or (self._container.format.name == "mpegts" and self._may_lack(target)):
            raise MediaError(
                self.path, f"frame {index} is lost: the movie is damaged", "Export it again, or trim the strip."
            )

    def _may_lack(self, target: int) -> bool:
        """Whether a transport stream may have held more where it has no frame: it lacks packets, or ends so soon after
        that frames which are stored later than shown may have been cut off."""
        if not transport_stream_is_whole(self.path):
            return True
        after = self.times_s() > (target - self._start) * float(self._time_base)
        return int(after.sum()) <= _STORED_LATER_FRAMES

    def _check_end(self, index: int, target: int) -> None:
        """Past the last frame: that one stays on screen if the file says so, but not if the file is cut short."""
        shown_until = _pts(self._current) + max(self._current.duration or 0, self._step)
        if target < shown_until + (-0.1 if self._cut else 0.5) * self._step:
            return
        if not self._cut and self._other_streams_go_on():
            return
        last = _round((_pts(self._current) - self._start) / self._step)
        raise MediaError(
            self.path,
            f"frame {index} is missing: the movie says it has {self.frame_count} frames, but its pictures end at"
            f" frame {last}",
            "It is cut short; export it again, or trim the strip.",
        )

    def _other_streams_go_on(self) -> bool:
        """Whether sound or the like fills the container's duration, so that the picture may end before it."""
        others = [s for s in self._container.streams if s.type == "audio"]
        if not others or self._container.duration is None:
            return False
        end_s = 0.0
        with contextlib.suppress(*self._errors), self._av.open("file:" + self.path) as probe:
            probe.seek(max(int(probe.duration or 0) - self._av.time_base, 0))
            for packet in probe.demux():
                if packet.pts is not None and packet.time_base:
                    end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        first_s = (self._container.start_time or 0) / self._av.time_base
        return end_s - first_s >= self._container.duration / self._av.time_base - 2.0 / self.fps

    def _pixels(self, index: int, convert: Callable[..., np.ndarray]) -> np.ndarray:
        with self._lock:
            frame = self._find(index)
            if (frame.width, frame.height) != self._coded_size:
                raise MediaError(
                    self.path,
                    f"its frame size changes from {self._coded_size[0]}x{self._coded_size[1]} to"
                    f" {frame.width}x{frame.height} at frame {index}",
                    "Convert it to a movie of one size.",
                )
            full_range = self._range == _FULL_RANGE or frame.format.name.startswith("yuvj")
            pixels = convert(frame, self._reformatter, matrix=self._matrix, full_range=full_range)
            return np.ascontiguousarray(decoded.turned(pixels, decoded.rotation(frame)))


class MoviePool:
    """Open movies by file, the least recently used closed first. Safe to use from several threads."""

    def __init__(self, limit: int = 4) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._movies: OrderedDict[tuple[str, int], tuple[tuple[int, ...], Movie]] = OrderedDict()

    def get(self, path: str | os.PathLike[str], stream_index: int = 0) -> Movie:
        """The movie, opened now or before. A file that changed since is opened anew. Raises MediaError."""
        check_file(path)
        state = state_of(path)
        key = (os.path.abspath(path), stream_index)
        with self._lock:
            held = self._movies.get(key)
            if held is not None and held[0] == state:
                self._movies.move_to_end(key)
                return held[1]
        movie = Movie(path, stream_index)
        with self._lock:
            closing = [self._movies.pop(key)[1]] if key in self._movies else []
            self._movies[key] = (state, movie)
            while len(self._movies) > self._limit:
                closing.append(self._movies.popitem(last=False)[1][1])
        for old in closing:
            old.close()
        return movie

    def clear(self) -> None:
        """Close all."""
        with self._lock:
            movies = [movie for _, movie in self._movies.values()]
            self._movies.clear()
        for movie in movies:
            movie.close()


_pool = MoviePool()


def open_movie(path: str | os.PathLike[str], stream_index: int = 0) -> Movie:
    """A movie, kept open among the few used last. `with` closes the file again. Raises MediaError."""
    return _pool.get(path, stream_index)


def close_movies() -> None:
    """Close all movies that `open_movie` keeps open: before files are replaced, and when the extension goes."""
    _pool.clear()


def _pts(frame: Any) -> int:
    """A frame's time stamp in the stream's time base."""
    return frame.pts if frame.pts is not None else frame.dts


def _round(value: float) -> int:
    """Half away from zero, as C's round()."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def _start_s(stream: Any) -> float:
    return 0.0 if stream.start_time is None else stream.start_time * float(stream.time_base)


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split()).rstrip(".")


def _tagged_colorspace(context: Any) -> str:
    """The colour space Blender assigns by the stream's tags (primaries and transfer, ITU-T H.273 numbers)."""
    primaries, transfer = int(context.color_primaries), int(context.color_trc)
    table = {
        **{(9, 16): "Rec.2100-PQ", (9, 18): "Rec.2100-HLG", (12, 13): "Display P3", (12, 1): "Display P3"},
        **{(1, 4): "Gamma 2.2 Encoded Rec.709", (9, 1): "Rec.2020"},
        **{(1, 8): colour.LINEAR, (9, 8): "Linear Rec.2020", (12, 8): "Linear DCI-P3 D65"},
    }
    return table.get((primaries, transfer), colour.SRGB)
