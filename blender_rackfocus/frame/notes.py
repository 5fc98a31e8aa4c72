# SPDX-License-Identifier: GPL-3.0-or-later
"""What a frame is made of: the key it is kept under, the notes a baked one carries, and what has changed since.

Two names for the same thing. The store's key names files by path, size and time: quick, and true on this machine. A
baked frame's notes name them by content as well, because other machines, and copies of the project, must agree on
which frames are done.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from .. import media
from ..craft.touch import Touch
from ..media import MediaError, identity
from ..media.store import key_of
from . import inputs
from .job import Beside, FileFrame, Job
from .renderer import renderer

NOTHING = {"nothing": True}
"""The notes of a frame in which the modifier does nothing."""


_BEFORE_IT_WAS_NOTED: dict[str, Any] = {
    "fit_depth": False,
    "fills": None,
    "touches": [],
    "margin": [0, 0],
    "hidden": "",
    "wide": "",
}
"""What older versions did and did not note; else what they did not note is taken for what it is now."""


@dataclass(frozen=True)
class Difference:
    """What has changed since a frame was baked, in words for the user. stale: it would come out differently now.
    unsure: it cannot be told (a file is not here). older: only the renderer is another version."""

    stale: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    older: bool = False

    @property
    def fresh(self) -> bool:
        """Nothing has changed, as far as can be told."""
        return not self.stale and not self.unsure and not self.older


NOT_BAKED = Difference(stale=("not baked",))
"""There is no baked frame, or no whole one."""


def short_hash(*words: str) -> str:
    """Eight characters that tell names apart which look alike as file names."""
    return hashlib.blake2b("\0".join(words).encode(), digest_size=4).hexdigest()


def store_key(job: Job) -> str:
    """The store's key of a job's frame. Raises MediaError where a file of it is missing."""
    for file in (job.picture, job.depth):
        if file.stamp is None:
            raise MediaError(file.path, "there is no such file")
    files: dict[str, Any] = {
        name: _anywhere(getattr(job, name)) for name in ("picture", "depth", "reference", "hidden", "wide")
    }
    # Where the colour configuration lies is no matter; what it says is.
    alike = replace(job, **files, draft=False, colour=replace(job.colour, path="") if job.colour else None)
    return key_of(renderer=renderer(), job=asdict(alike), draft=job.draft)


def _anywhere(file: FileFrame | None) -> FileFrame | None:
    """A file that is told by its content is the same wherever and whenever it was written."""
    return replace(file, path="", stamp=None) if file is not None and file.content else file


def of(job: Job | None) -> dict[str, Any]:
    """The notes of a frame: plain data, the same on every machine that has the same files (but for the files' times).

    Raises MediaError where a file of it is missing.
    """
    if job is None:
        return dict(NOTHING)
    return {
        "renderer": renderer(),
        "picture": _file(job.picture),
        "depth": _file(job.depth),
        "reference": _file(job.reference) if job.reference is not None else None,
        "inputs": values_of(job),
        "reading": _reading(job),
        "beside": [{**_place(one), "picture": _file(one.picture), "depth": _file(one.depth)} for one in job.beside],
    }


def values_of(job: Job) -> dict[str, float]:
    """The inputs, as a bake notes them."""
    return {name: _number(value) for name, value in zip(inputs.NAMES, job.values, strict=True)}


def difference(notes: dict[str, Any] | None, job: Job | None) -> Difference:
    """What tells a frame with these notes from what the job would make now."""
    if notes is None:
        return NOT_BAKED
    if (job is None) or "nothing" in notes:
        same = job is None and "nothing" in notes
        return Difference() if same else Difference(stale=("the modifier was switched on or off",))
    stale, unsure = list(changed_inputs(notes, values_of(job))), []
    reading = _reading(job)
    if {**reading, **_BEFORE_IT_WAS_NOTED, **(notes.get("reading") or {})} != reading:
        stale.append("depth, colour or strip settings changed")
    for what, file in (("picture", job.picture), ("depth", job.depth), ("reference", job.reference)):
        changed, unknown = _changed_file(what, notes.get(what), file)
        stale += [changed] if changed else []
        unsure += [unknown] if unknown else []
    other_frames, not_here = _changed_beside(notes.get("beside") or [], job.beside)
    return Difference((*stale, *other_frames), (*unsure, *not_here), older=notes.get("renderer") != renderer())


def _changed_beside(was: list[dict[str, Any]], now: tuple[Beside, ...]) -> tuple[list[str], list[str]]:
    """What changed of the frames beside, and what cannot be told; each in words once."""
    if [{name: noted[name] for name in ("offset", "touches")} for noted in was] != [_place(one) for one in now]:
        return ["what is hidden is looked for in other frames"], []
    told = [
        _changed_file(f"{what} beside", noted[what], getattr(one, what))
        for noted, one in zip(was, now, strict=True)
        for what in ("picture", "depth")
    ]
    return [words for words, _ in dict.fromkeys(told) if words], [words for _, words in dict.fromkeys(told) if words]


def outline_differs(notes: dict[str, Any], values: dict[str, float], picture: str, index: int) -> tuple[str, ...]:
    """What has changed, told without the depth: for machines that have only the baked frames."""
    if "nothing" in notes:
        return ()
    stale = list(changed_inputs(notes, {name: _number(values[name]) for name in inputs.NAMES}))
    if _other_frame(notes.get("picture"), picture, index):
        stale.append("the strip shows another frame of its clip here")
    return tuple(stale)


def changed_inputs(notes: dict[str, Any], now: dict[str, float]) -> Iterator[str]:
    """What tells the inputs now from the noted ones, in words."""
    was = notes.get("inputs") or {}
    for name, value in now.items():
        if name not in was:
            yield f"{name} is new"
        elif was[name] != value:
            yield f"{name} was {was[name]:g}, is {value:g}"


def _changed_file(what: str, was: dict[str, Any] | None, file: FileFrame | None) -> tuple[str, str]:
    """(what changed, what cannot be told), either may be empty."""
    if file is None or was is None:
        return ("" if file is None and was is None else "the meaning of the depth is guessed differently"), ""
    name = os.path.basename(file.path)
    if file.content:
        return ("" if was.get("content") == file.content else "the scene that the strip shows changed"), ""
    # Which file of a depth sequence belongs to a frame cannot be told where the sequence is not.
    can_be_told = file.stamp is not None or what == "picture" or media.has_frames(file.path)
    other = was.get("stream", 0) != file.stream or _other_frame(was, file.path, file.index)
    if can_be_told and other:
        return f"the strip shows another frame of its {what} here", ""
    if file.stamp is None:
        return "", f"the {what} is not here ({name})"
    if was.get("name") == name and was.get("stamp") == list(file.stamp):
        return "", ""
    try:
        same = identity.content_of(file.path) == was.get("content")
    except MediaError:
        return "", f"{name} cannot be read"
    return ("" if same else f"file changed: {name}"), ""


def _other_frame(was: dict[str, Any] | None, path: str, index: int) -> bool:
    if was is None:
        return True
    if media.has_frames(path):
        return was.get("index") != index
    # Stills are their content; a name with another number is another frame, unless the content says otherwise.
    return was.get("name") != os.path.basename(path) and not os.path.exists(path)


def _file(file: FileFrame) -> dict[str, Any]:
    if file.content:
        return {"content": file.content, "index": 0, "name": os.path.basename(file.path), "stamp": []}
    return {
        "content": identity.content_of(file.path),
        "index": file.index if media.has_frames(file.path) else 0,
        "stream": file.stream,
        "name": os.path.basename(file.path),
        "stamp": list(file.stamp or ()),
    }


def _reading(job: Job) -> dict[str, Any]:
    return {
        "colorspace": job.colorspace,
        "alpha_mode": job.alpha_mode,
        "layer": job.layer,
        "convention": {k: _plain(v) for k, v in asdict(job.convention).items()} if job.convention else None,
        "near_m": _number(job.near_m),
        "far_m": _number(job.far_m),
        "grade": [_plain(value) for value in job.grade],
        "colour": list(job.colour.fingerprint()) if job.colour else [],
        "fit_depth": job.fit_depth,
        "fills": list(job.fills) if job.fills else None,
        "touches": [stroke(one) for one in job.touches],
        "margin": list(job.margin),
        "hidden": job.hidden.content if job.hidden is not None else "",
        "wide": job.wide.content if job.wide is not None else "",
    }


def _place(beside: Beside) -> dict[str, Any]:
    return {"offset": beside.offset, "touches": [stroke(each) for each in beside.touches]}


def stroke(touch: Touch) -> str:
    """A stroke in short: its points would fill the notes."""
    told = touch.kind, [[_number(x), _number(y)] for x, y in touch.points], touch.edges
    return short_hash(repr((*told, _number(touch.radius), _number(touch.factor), _number(touch.dioptres))))


def _plain(value: Any) -> Any:
    return _number(value) if isinstance(value, float) else value


def _number(value: float) -> float:
    """Single precision, as Blender keeps it: the last digits depend on who evaluated the keyframes."""
    return float(f"{value:.6g}")
