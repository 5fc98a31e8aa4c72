# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens when a frame cannot be made: it is said once, kept for the panel, and no render writes that frame.

Blender prints a handler's exception and renders on, so a failing handler must stop the render itself:

- In a background Blender, an interrupt signal is its own way to say stop: the frame is not drawn, not written, a movie
  is closed after the last good frame, and Blender's exit status is 1.
- Where that signal would end the process (a window) or is somebody else's (the bpy module, a command), a second render
  of one tiny frame to a path that cannot exist fails inside this one, and a failed write makes Blender stop rendering.

The exit status is made sure of once more when Python ends, because a script may go on after a failed render.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import math
import os
import re
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field

import bpy

from ...media import MediaError
from . import log
from .session import session

_log = logging.getLogger(__name__)
_SESSION = re.compile(r"blender_\w{6}")
_BREAKER_NAME = "Rack Focus stops this render"


class FrameError(Exception):
    """A frame that cannot be made: the one error of these rooms, whoever raises it.

    cause: what is wrong and what can be done, a sentence for the user. owner, frame, path: the strip, its frame, and
    the file it is about. compositor: the scene whose node `owner` is, empty for a strip. Who raises it may not know all
    of that (empty, NaN); who asked tells by `of`. `str()` is what is known.
    """

    def __init__(
        self, cause: str, owner: str = "", frame: float = math.nan, path: str = "", compositor: str = ""
    ) -> None:
        super().__init__(cause, owner, frame, path, compositor)
        self.cause, self.owner, self.frame, self.path, self.compositor = cause, owner, frame, path, compositor

    @classmethod
    def of(cls, error: Exception, owner: str, frame: float, path: str = "", compositor: str = "") -> FrameError:
        """Any trouble that was to be expected, told of the frame that cannot be made for it. path: if it names none."""
        cause = f"{error.cause}. {error.advice}".strip() if isinstance(error, MediaError) else str(error)
        known = error.path if isinstance(error, (FrameError, MediaError)) else ""
        return cls(error.cause if isinstance(error, FrameError) else cause, owner, frame, known or path, compositor)

    @property
    def is_told(self) -> bool:
        """Whether it says of which frame of what."""
        return bool(self.owner) and not math.isnan(self.frame)

    def __str__(self) -> str:
        in_tree = f' in the compositor of scene "{self.compositor}"' if self.compositor else ""
        owner = f'{"node" if self.compositor else "strip"} "{self.owner}"{in_tree}' if self.owner else ""
        frame = f"frame {self.frame:g}" if not math.isnan(self.frame) else ""
        where = ", ".join(part for part in (owner, frame, self.path) if part)
        return f"{where}: {self.cause}" if where else self.cause


EXPECTED = (FrameError, MediaError, ValueError)
"""What may be wrong with a frame, its files and its numbers: to be told to the user. All else is a bug."""


@dataclass
class _Told:
    """shown: what is wrong now, by the scene drawn, the strip's scene and the strip. failed: frames that a render could
    not make, by scene, strip and frame. folder: Blender's session folder, asked for when a frame failed. stopping,
    nested: a render of our own is under way inside another, to make that fail or for its sake."""

    shown: dict[tuple[int, int, str], str] = field(default_factory=dict)
    failed: dict[tuple[int, str, float], str] = field(default_factory=dict)
    folder: str = ""
    stopping: bool = False
    nested: int = 0

    def forget(self) -> None:
        """Another file was opened. What failed is still to be told when Blender ends."""
        self.shown.clear()


def _told() -> _Told:
    return session.part(_Told)


def note(drawn: int, scene: int, strip: str, message: str) -> None:
    """Keep what is wrong with a strip for the panel. drawn: the scene whose frame was drawn; scene: the strip's own;
    both by their `session_uid`, because scenes of several files may have one name."""
    _told().shown[drawn, scene, strip] = message


def clear(drawn: int) -> None:
    """A scene's frame is drawn anew: what is still wrong will be noted again."""
    shown = _told().shown
    for key in [key for key in shown if key[0] == drawn]:
        del shown[key]


def of(scene: int, strip: str) -> str:
    """What is wrong with a strip at the moment; empty when all is well."""
    return next((text for (_, where, name), text in _told().shown.items() if (where, name) == (scene, strip)), "")


def failed_frames(scene: int, strip: str) -> list[float]:
    """Frames of a strip that a render could not make and that no later render made after all."""
    return sorted(frame for where, name, frame in _told().failed if (where, name) == (scene, strip))


def all_shown() -> list[str]:
    """Everything that is wrong at the moment."""
    return list(dict.fromkeys(_told().shown.values()))


def failures() -> list[str]:
    """Frames that a render could not make and that no later render made after all."""
    return list(_told().failed.values())


def forget() -> None:
    """Drop everything: what failed was told, or a test has seen what it wanted."""
    _told().shown.clear()
    _told().failed.clear()


def made(scene: int, strip: str, frame: float) -> None:
    """A render made this frame: an earlier failure of it is repaired."""
    _told().failed.pop((scene, strip, frame), None)


def stop_render(scene: bpy.types.Scene, problems: list[FrameError], *, inside: bool = False) -> None:
    """Say what is wrong, and make the render that is under way end before it draws or writes this frame.

    inside: a scene is being rendered for a scene strip. Rendering another timeline there would wait for ever; where the
    signal does not serve, the failure is only said and makes the process fail.
    """
    told = _told()
    told.folder = _session_folder()
    for problem in problems:
        told.failed[scene.session_uid, problem.owner, problem.frame] = str(problem)
        _log.error("%s", problem)
    end_render(inside=inside)


def end_render(*, inside: bool = False) -> None:
    """Make the render that is under way end before it draws or writes this frame. inside: as for `stop_render`."""
    if bpy.app.background and not bpy.app.module and signal.getsignal(signal.SIGINT) is None:
        signal.raise_signal(signal.SIGINT)
    elif not inside:
        _fail_inside()


def unexpected(error: BaseException) -> str:
    """What is said of an error that nobody foresaw, for a frame that cannot be made for it."""
    if isinstance(error, KeyboardInterrupt):
        return "it was interrupted"
    return f"unexpected {type(error).__name__}: {error}"


def is_stopping() -> bool:
    """Whether the render that calls now is one of our own inside another: the failing one, or a `nested` one."""
    return _told().stopping or _told().nested > 0


@contextlib.contextmanager
def nested() -> Iterator[None]:
    """While we render something of our own inside a render, our handlers leave that alone."""
    told = _told()
    told.nested += 1
    try:
        yield
    finally:
        told.nested -= 1


def _fail_inside() -> None:
    told = _told()
    told.stopping = True
    scene = bpy.data.scenes.get(_BREAKER_NAME) or bpy.data.scenes.new(_BREAKER_NAME)
    scene.is_runtime_data = True
    try:
        editor = scene.sequence_editor_create()
        if not editor.strips:
            editor.strips.new_effect(name=_BREAKER_NAME, type="COLOR", channel=1, frame_start=1, length=1)
        scene.frame_start = scene.frame_end = 1
        render = scene.render
        render.resolution_x = render.resolution_y = 4
        render.image_settings.file_format = "BMP"
        render.filepath = os.path.join(os.path.abspath(__file__), _BREAKER_NAME)
        bpy.ops.render.render(animation=True, scene=scene.name)
    except RuntimeError:
        pass  # the failed write we are after
    finally:
        told.stopping = False


def sweep() -> None:
    """A render has ended: remove what stopped it. Not before: removing a scene while another renders in 3D crashes
    Blender 5.2."""
    scene = bpy.data.scenes.get(_BREAKER_NAME)
    if scene is not None:
        bpy.data.scenes.remove(scene)


def _exit_status() -> None:
    """Python ends. Frames that could not be made and were not repaired make the process fail."""
    told = _told()
    if told.failed:
        _fail(len(told.failed), told.folder)


def _fail(count: int, folder: str) -> None:
    """End the process with status 1."""
    log.register()  # Blender may have taken it out, with the extension
    _log.info("%d frame(s) could not be rendered", count)
    sys.stdout.flush()
    sys.stderr.flush()
    if folder:  # Blender's own end does not come, and Blender can no longer be asked
        with contextlib.suppress(OSError):  # whatever holds a file stays
            os.rmdir(folder)
    os._exit(1)


def _session_folder() -> str:
    """The session folder that Blender made for this process. Empty where it could not make one: then `tempdir` is the
    folder of everybody's temporary files."""
    folder = os.path.realpath(bpy.app.tempdir)
    shared = (bpy.context.preferences.filepaths.temporary_directory, tempfile.gettempdir())
    is_own = os.path.dirname(folder) in {os.path.realpath(path) for path in shared if path}
    return folder if is_own and _SESSION.fullmatch(os.path.basename(folder)) else ""


def _is_asked_by_status() -> bool:
    """Whether somebody waits for how the process ends. A window that is closed has shown what failed."""
    return bool(bpy.app.background or bpy.app.module)


def register() -> None:
    if _is_asked_by_status():
        atexit.register(_exit_status)


def unregister() -> None:
    atexit.unregister(_exit_status)
    told = _told()
    if (
        told.failed and _is_asked_by_status()
    ):  # Blender takes add-ons out before Python ends: what failed is still to be told then
        atexit.register(_fail, len(told.failed), told.folder)
