# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks on this machine as Blender's users have them: where they are kept, which is used, whether one may be had."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import bpy

from ...estimate import EstimateError, NetworkSettings, keep_settings, look_at_network, models, reading, with_kept
from ...estimate import kept as kept_notes
from ...estimate.network import Kind
from ..blender import cache
from . import strip_estimate

OFFLINE = (
    "Blender may not go online: allow it in the preferences under System > Network > Allow Online Access, or choose a "
    "network's file on this machine"
)


FORMS = {"IMAGENET": "ImageNet", "UNIT": "0 to 1", "BYTE": "0 to 255", "SYMMETRIC": "-1 to 1"}
"""The common forms of a picture's numbers, by the word that an operator keeps."""


def offered() -> tuple[models.Model, ...]:
    """The networks that can be had."""
    return tuple(models.TABLE)


def named(name: str) -> models.Model:
    """The network of that name. Raises EstimateError."""
    return models.named(name)


def fetcher(model: models.Model, *, consent: bool) -> Callable[..., Path]:
    """What downloads a network, off the main thread, with `progress` and `cancelled` as for `models.get`. consent: a
    person has said yes to it."""
    return functools.partial(models.get, model, folder(), consent=consent)


def trial(strip: bpy.types.Strip, scene: bpy.types.Scene) -> Callable[[], list[str]]:
    """What tries a strip's network on its clip, off the main thread, and says what was found, a line for each. Raises
    EstimateError, FrameError, MediaError, as what it gives does."""
    settings = settings_of(strip_estimate.model_of(strip))
    shown, frames, _paths = strip_estimate.clip_of(strip, scene)
    last = max(len(frames) - 1, 0)
    indices = sorted({min(max(here.index, 0), last) for here in shown})

    def look() -> list[str]:
        with contextlib.closing(frames):
            return look_at_network(frames, settings, indices)

    return look


def folder() -> str:
    """Where networks are kept that were fetched."""
    return os.path.join(cache.user_folder(), "models")


def kept(model: models.Model) -> Path | None:
    """The file of a network that was fetched, None where it was not."""
    return models.kept(model, folder())


def host_of(model: models.Model) -> str:
    """Who sends a network."""
    return urlsplit(model.address).hostname or model.address


def size_words(model: models.Model) -> str:
    """'0.8 MB', '99 MB'."""
    megabytes = model.size_bytes / 1e6
    return f"{megabytes:.0f} MB" if megabytes >= 10 else f"{megabytes:.1f} MB"


def use(path: str | os.PathLike[str], strip: bpy.types.Strip | None, *, for_masks: bool = False) -> None:
    """Take a network's file from now on: the preferences' own, or the strip's where there are no preferences. Raises
    EstimateError."""
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise EstimateError(f"{path}: there is no such file. Choose a network's file (.onnx).")
    if not path.lower().endswith(".onnx"):
        raise EstimateError(f"{os.path.basename(path)} is no network: choose a file that ends with .onnx.")
    chosen = cache.preferences()
    if chosen is not None:
        setattr(chosen, "mask_model" if for_masks else "depth_model", path)
    if for_masks:
        return
    if strip is not None and (chosen is None or strip.rackfocus_model_path):
        strip.rackfocus_model_path = path


def in_use(path: str | os.PathLike[str], strip: bpy.types.Strip | None) -> bool:
    """Whether a file is the one that a strip's estimate would take."""
    strips_own = strip.rackfocus_model_path if strip is not None else ""
    chosen = strips_own or getattr(cache.preferences(), "depth_model", "")
    return bool(chosen) and os.path.abspath(bpy.path.abspath(chosen)) == os.path.abspath(path)


def found(path: str) -> list[str]:
    """What was found about a network when it ran last, a line for each; empty before, and where its file is gone."""
    return [str(line) for line in _notes(path)["found"].get("lines", ())]


def outputs(path: str) -> list[str]:
    """The outputs of a network that may be its depth, as far as it was looked at."""
    return [str(name) for name in _notes(path)["found"].get("outputs", ())]


def settings_of(path: str) -> NetworkSettings:
    """How a network is used: what was set for it by hand; the rest is found out. Raises EstimateError."""
    return with_kept(NetworkSettings(path, notes=folder()))


def form_of(settings: NetworkSettings) -> str:
    """The word for the form of a picture's numbers that was set by hand; empty for one that is none of FORMS."""
    numbers = settings.mean and tuple(settings.mean), settings.std and tuple(settings.std)
    return next((form for form, name in FORMS.items() if reading.FORMS[name] == numbers), "")


def numbers_of(form: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, deviation) of red, green and blue, 0 to 1, in one of FORMS."""
    return reading.FORMS[FORMS[form]]


def keep(path: str, kind: str, **settings: Any) -> None:
    """Keep how a network is used, by hand. kind, settings: as `NetworkSettings` says. Raises EstimateError, ValueError
    for what no network can be."""
    keep_settings(NetworkSettings(path, cast(Kind, kind), notes=folder(), **settings))


def _notes(path: str) -> dict[str, dict]:
    try:
        at = os.stat(path)
        return kept_notes.recall(folder(), _checksum(path, at.st_size, at.st_mtime_ns))
    except OSError:
        return {"set": {}, "found": {}}


@functools.lru_cache(maxsize=16)
def _checksum(path: str, _size: int, _time: int) -> str:
    return models.checksum(path)
