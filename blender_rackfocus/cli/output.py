# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a render goes: a movie or numbered pictures, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .common import CommandError, Progress, UsageError

# Extension -> Blender's container and codec; sound goes with it.
MOVIES = {
    ".mp4": ("MPEG4", "H264", "AAC"),
    ".mov": ("QUICKTIME", "H264", "AAC"),
    ".mkv": ("MKV", "H264", "AAC"),
    ".webm": ("WEBM", "WEBM", "OPUS"),
}
PICTURES = {".png": ("PNG", "16"), ".exr": ("OPEN_EXR", "16"), ".tif": ("TIFF", "16"), ".tiff": ("TIFF", "16"),
            ".jpg": ("JPEG", "8"), ".jpeg": ("JPEG", "8")}  # fmt: skip


@dataclass(frozen=True)
class Target:
    """path: the movie, or the pictures' name with # for the number."""

    path: Path
    is_movie: bool


def plan(path: Path, name: str) -> Target:
    """What to write for `path`. name: the pictures' name where only a folder is given. Raises UsageError."""
    path = path.absolute()
    suffix = path.suffix.lower()
    if suffix in MOVIES:
        return _writable(Target(path, True))
    if suffix in PICTURES:
        text = re.sub(r"%0?(\d*)d", lambda found: "#" * int(found.group(1) or 4), path.name)
        if "#" not in text:
            text = f"{path.stem}_####{path.suffix}"
        return _writable(Target(path.with_name(text), False))
    if suffix and not path.is_dir():
        known = " ".join((*MOVIES, *PICTURES))
        raise UsageError(f"{path.name}: output may be a folder or one of {known}")
    return _writable(Target(path / f"{name}_####.png", False))


def _writable(target: Target) -> Target:
    folder = target.path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{folder} cannot be written")
    return target


def render(scene: Any, target: Target, *, has_sound: bool = False) -> Path:
    """Render the scene's frames into `target`; nothing appears there before all of it is made.

    Returns the movie, or the pictures' name. Raises CommandError when a frame cannot be made.
    """
    import bpy

    from ..addon import errors

    _set_format(scene, target, has_sound)
    progress = Progress("rendering", scene.frame_end - scene.frame_start + 1)

    def written(*_: Any) -> None:
        progress.step()

    errors.forget()
    with tempfile.TemporaryDirectory(dir=target.path.parent, prefix=".rendering-") as scratch:
        scene.render.filepath = str(Path(scratch) / target.path.name)
        bpy.app.handlers.render_write.append(written)
        try:
            with quiet():
                bpy.ops.render.render(animation=True, scene=scene.name)
        except RuntimeError as error:
            if not errors.failures():
                raise CommandError(f"Blender could not render: {str(error).strip()}") from error
        finally:
            bpy.app.handlers.render_write.remove(written)
        failures = errors.failures()
        if failures:
            errors.forget()  # told here; the process need not tell it again when it ends
            raise CommandError(failures[0])
        made = sorted(Path(scratch).iterdir())
        if not made or (not target.is_movie and len(made) != progress.total):
            raise CommandError(f"Blender wrote {len(made)} of {progress.total} files: is the disk full?")
        for one in made:
            one.replace(target.path if target.is_movie else target.path.parent / one.name)
    return target.path


def _set_format(scene: Any, target: Target, has_sound: bool) -> None:
    settings, suffix = scene.render.image_settings, target.path.suffix.lower()
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
    scene.render.use_file_extension = False


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep Blender's own chatter off standard output, which is for results; errors still come through."""
    sys.stdout.flush()
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
