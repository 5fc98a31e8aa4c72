# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a render goes: a movie or numbered pictures, whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from .. import media
from ..addon.blender import errors
from ..media import library, sequences
from . import scratch
from .chatter import quiet
from .common import CommandError, Progress, UsageError, hint, numbered, refuse_backslash
from .formats import MOVIES, PICTURES
from .stop import Stop


@dataclass(frozen=True)
class Target:
    """path: the movie, or the pictures' name with # for the number."""

    path: Path
    is_movie: bool

    def files(self, frames: Iterable[int]) -> list[Path]:
        """What will be written for these frames."""
        if self.is_movie:
            return [self.path]
        return [self.path.with_name(numbered(self.path.name, frame)) for frame in frames]


def plan(path: Path, name: str) -> Target:
    """What to write for `path`. name: the pictures' name where only a folder is given. Raises UsageError."""
    path = path.absolute()
    refuse_backslash(path)
    suffix = path.suffix.lower()
    if suffix in MOVIES:
        if path.is_dir():
            raise UsageError(f"{path} is a folder: name a movie in it")
        return Target(path, True)
    if suffix in PICTURES:
        text = sequences.with_hashes(path.name)
        if "#" not in text:
            text = f"{path.stem}_####{path.suffix}"
        return Target(path.with_name(text), False)
    if suffix and not path.is_dir():
        known = " ".join((*MOVIES, *PICTURES))
        raise UsageError(f"{path.name}: output may be a folder or one of {known}")
    return Target(path / f"{name}_####.png", False)


@contextmanager
def folder_of(path: Path) -> Iterator[None]:
    """Make the folder that a file goes to; where the job fails, the folders made for it go again. Raises UsageError."""
    missing = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{path.parent}: {error.strerror}") from error
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"{path.parent} cannot be written")
    try:
        yield
    except BaseException:
        for folder in missing:
            with suppress(OSError):  # something of somebody else's came into it
                folder.rmdir()
        raise


def render(scene: Any, target: Target, stop: Stop, *, has_sound: bool = False) -> Path:
    """Render the scene's frames into `target`; nothing appears there before all of it is made and read back.

    Returns the movie, or the pictures' name. Raises CommandError when a frame cannot be made, KeyboardInterrupt when
    `stop` was asked for.
    """
    frames = range(scene.frame_start, scene.frame_end + 1)
    with scratch.folder_in(target.path.parent, ".rendering-") as folder:
        rendering = Target(
            folder / (f"movie{target.path.suffix}" if target.is_movie else f"######{target.path.suffix}"),
            target.is_movie,
        )
        _set_format(scene, rendering, has_sound)
        _render(scene, rendering, Progress("rendering", len(frames)), stop)
        size = scene.render.resolution_x, scene.render.resolution_y
        _read_back(rendering, frames, size, has_sound, stop)
        for made, final in zip(rendering.files(frames), target.files(frames), strict=True):
            made.replace(final)
    return target.path


def frames_to(path: Path, scene: Any, progress: Progress, stop: Stop) -> str:
    """Let Blender render a scene's frames to `path`, until `stop` is asked for. Returns what kept it from that, empty
    where nothing did."""

    def begins(*_: Any) -> None:
        if stop.asked and not errors.is_stopping():
            errors.end_render()

    def written(*_: Any) -> None:
        progress.step()

    # Blender takes braces for a template of its own.
    scene.render.filepath = re.sub(r"([{}])", r"\1\1", str(path))
    handlers = ((bpy.app.handlers.render_pre, begins), (bpy.app.handlers.render_write, written))
    for event, handler in handlers:
        event.append(handler)
    try:
        with quiet():
            bpy.ops.render.render(animation=True, scene=scene.name)
    except RuntimeError as error:
        return str(error).strip()
    finally:
        for event, handler in handlers:
            event.remove(handler)
    return ""


def _render(scene: Any, target: Target, progress: Progress, stop: Stop) -> None:
    errors.forget()
    trouble = frames_to(target.path, scene, progress, stop)
    failures = errors.failures()
    errors.forget()  # told here; the process need not tell it again when it ends
    stop.check()
    if failures:
        raise CommandError(failures[0])
    if trouble:
        raise CommandError(_why_not_written(target.path.parent, f"Blender could not render: {trouble}"))


def _read_back(target: Target, frames: range, size: tuple[int, int], has_sound: bool, stop: Stop) -> None:
    """What was written is read to the last frame, as a disk that is full takes half a file without a word."""
    try:
        if target.is_movie:
            _read_movie(target.path, len(frames), size, has_sound, stop)
        for path in () if target.is_movie else target.files(frames):
            stop.check()
            if media.read_frame(path).shape[1::-1] != size:
                raise media.MediaError(path, "it has another size than was rendered")
            _flush(path)
    except (media.MediaError, OSError) as error:
        cause = error.cause if isinstance(error, media.MediaError) else str(error)
        words = f"what Blender wrote is not whole: {cause}"
        raise CommandError(_why_not_written(target.path.parent, words)) from error


def _read_movie(path: Path, frames: int, size: tuple[int, int], has_sound: bool, stop: Stop) -> None:
    av = library.pyav(path)
    count, heard = 0, 0
    try:
        with av.open(f"file:{path}") as movie:
            for stream in movie.streams.video:
                stream.codec_context.options = {"err_detect": "explode"}
            for packet in movie.demux():
                stop.check()
                for frame in packet.decode():
                    if not isinstance(frame, av.VideoFrame):
                        heard += 1
                        continue
                    count += 1
                    if (frame.width, frame.height) != size or frame.is_corrupt:
                        raise media.MediaError(path, f"frame {count} of it is damaged")
    except (av.error.FFmpegError, ValueError, EOFError) as error:
        raise media.MediaError(path, f"it cannot be read ({error})") from error
    if count != frames:
        raise media.MediaError(path, f"it has {count} of {frames} frames")
    if has_sound and not heard:
        raise media.MediaError(path, "its sound is missing")
    _flush(path)


def _flush(path: Path) -> None:
    """To the disk itself: a full one may say so only now."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _why_not_written(folder: Path, otherwise: str) -> str:
    """Why a folder did not take what was rendered, if that can be told."""
    try:
        with (folder / "probe").open("wb") as file:
            file.write(b"\0" * (1 << 20))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return f"{folder.parent} does not take the result ({error.strerror}). {hint(error)}"
    return f"{otherwise} (in {folder.parent}; the disk may have been full, or a limit on the size of files reached)"


def _set_format(scene: Any, target: Target, has_sound: bool) -> None:
    settings, suffix = scene.render.image_settings, target.path.suffix.lower()
    scene.render.use_file_extension = False
    if not target.is_movie:
        settings.media_type = "IMAGE"
        settings.file_format, settings.color_depth = PICTURES[suffix]
        settings.color_mode = "RGB" if settings.file_format == "JPEG" else "RGBA"
        return
    settings.media_type = "VIDEO"
    settings.file_format = "FFMPEG"
    ffmpeg = scene.render.ffmpeg
    ffmpeg.format, ffmpeg.codec, audio = MOVIES[suffix]
    ffmpeg.constant_rate_factor, ffmpeg.ffmpeg_preset, ffmpeg.gopsize = "HIGH", "GOOD", 12
    ffmpeg.audio_codec = audio if has_sound else "NONE"
