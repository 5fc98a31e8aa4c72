# SPDX-License-Identifier: GPL-3.0-or-later
"""A .blend is saved whole or not at all: Blender itself reports a file as saved that a full disk has cut."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import bpy

from ..media import unfinished
from .chatter import quiet
from .common import CommandError, hint


def save(path: Path, **options: Any) -> None:
    """Save a copy of the open file under a path, with relative paths; what is there stays until the new one was read
    back. options: Blender's own. Raises CommandError."""
    # Blender writes beside a name that is new to it, and keeps a backup of one that is not.
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{unfinished.SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.sweep(path.parent)
        with quiet():
            bpy.ops.wm.save_as_mainfile(filepath=str(beside), copy=True, relative_remap=True, **options)
            with beside.open("rb+") as file:
                os.fsync(file.fileno())
            with bpy.data.libraries.load(str(beside)):
                pass  # it is read to its end
        beside.replace(path)
    except OSError as error:
        why = error.strerror or "what Blender wrote is not whole: the disk may be full, or a limit on file sizes met"
        raise CommandError(f"{path} cannot be saved: {why}. {hint(error)}".strip()) from error
    except RuntimeError as error:
        raise CommandError(f"{path} cannot be saved: {str(error).strip()}") from error
    finally:
        unfinished.remove(beside)
        unfinished.remove(f"{beside}@")
