# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth networks that anybody may use: where they are had, what they give; and how one comes onto this machine.

None is shipped. A download happens only on a person's word (`consent`), goes on where an earlier one broke off, and a
file is in its place only when it is whole and its checksum is right.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .provenance import EstimateError
from .reading import BYTE, IMAGENET, Direction, Form, Kind

TIMEOUT_S = 30.0
"""A server that sends nothing for so long is given up."""
_BLOCK = 1 << 16
_CHECKSUMS = "checksums.json"
_AGENT = "RackFocus"


@dataclass(frozen=True)
class Model:
    """A network of the table. gives: in words. sha256: '' where it is not known beforehand: the host's own is taken,
    and kept at the first download. form: (mean, deviation) that it takes, None = as the file tells."""

    name: str
    file: str
    gives: str
    licence: str
    size_bytes: int
    address: str
    sha256: str
    kind: Kind
    direction: Direction
    form: Form | None = None


TABLE = (
    Model(
        name="tcmonodepth-small",
        file="tcmonodepth_tcsmallnet_192x320.onnx",
        gives="relative nearness, small and quick: 192 x 320, edges soft, steady in time",
        licence="MIT",
        size_bytes=790_459,
        address=(
            "https://raw.githubusercontent.com/royshil/obs-backgroundremoval/"
            "875ffda175fcb066380b31797c63630c8b4a3c71/data/models/tcmonodepth_tcsmallnet_192x320.onnx"
        ),
        sha256="902b886beaebd3f68deb40bab2fd636a0c112c1ef1cbdd15fa26e5c55b389b4d",
        kind="RELATIVE",
        direction="NEARER",
        form=BYTE,
    ),
    Model(
        name="depth-anything-v2-small",
        file="depth_anything_v2_small.onnx",
        gives="relative nearness, fine and much better, half a second a frame and more",
        licence="Apache-2.0",
        size_bytes=99_000_000,
        address="https://huggingface.co/onnx-community/depth-anything-v2-small/resolve/main/onnx/model.onnx",
        sha256="",
        kind="RELATIVE",
        direction="NEARER",
        form=IMAGENET,
    ),
)


def known(sha256: str, folder: str) -> Model | None:
    """The table's network with that checksum. folder: where the checksums of fetched ones are kept, '' = nowhere."""
    for model in TABLE:
        if sha256 == (model.sha256 or (kept_checksum(model, folder)[0] if folder else "")):
            return model
    return None


NO_DEPTH = {
    "1511ab5564cb0ae179cba9bcad6ad931003ccc71656f11fd270967023678c6a5": "the mask of a person near the camera",
}
"""Networks that are often beside depth networks, and what they give instead, by checksum."""


def named(name: str) -> Model:
    """The table's network of that name. Raises EstimateError that lists them."""
    for model in TABLE:
        if model.name == name.lower():
            return model
    there = ", ".join(model.name for model in TABLE)
    raise EstimateError(f'There is no network called "{name}" to get; there are: {there}.')


def default_folder() -> Path:
    """Where networks are kept outside Blender: $RACKFOCUS_MODELS, else the system's place for a program's data."""
    chosen = os.environ.get("RACKFOCUS_MODELS")
    if chosen:
        return Path(chosen)
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    elif os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "blender_rackfocus" / "models"


def kept(model: Model, folder: str | os.PathLike[str]) -> Path | None:
    """The network's file in a folder, None where it is not there (whole files only ever get their name)."""
    path = Path(folder) / model.file
    return path if path.is_file() else None


def get(
    model: Model,
    folder: str | os.PathLike[str],
    *,
    consent: bool,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Path:
    """Have a network's file in `folder`, by a download where it is not there yet.

    consent: somebody has said yes to this download. progress: called with (bytes there, bytes in all, 0 = unknown).
    cancelled: true ends it; what has come is kept, and the next call goes on from there.
    Raises EstimateError (no consent, offline, not found, cut short, wrong checksum, no room), CancelledError.
    """
    folder = Path(folder)
    there = kept(model, folder)
    if there is not None:
        return there
    if not consent:
        raise EstimateError(f"{model.name} is downloaded only when you say so ({model.size_bytes / 1e6:.1f} MB).")
    target, part = folder / model.file, folder / f"{model.file}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        expected = _fetch(model, part, progress, cancelled, timeout_s)
        found = checksum(part)
        if expected and found != expected:
            part.unlink()
            raise EstimateError(
                f"What {_host(model)} sent for {model.name} is not the network: its checksum is {found[:12]}..., not "
                f"{expected[:12]}.... It was removed; try again later, or take a file from disk."
            )
        _keep_checksum(folder, model, found, told_by_host=bool(expected) and not model.sha256)
        os.replace(part, target)
    except OSError as error:  # errors of the connection are told inside
        raise EstimateError(f"{model.name} cannot be kept in {folder} ({error.strerror or error}).") from error
    return target


def kept_checksum(model: Model, folder: str | os.PathLike[str]) -> tuple[str, str]:
    """(sha256, who told it: 'table', 'host' or 'first download') of a network that was fetched; ('', '') before."""
    if model.sha256:
        return model.sha256, "table"
    try:
        found = json.loads((Path(folder) / _CHECKSUMS).read_text(encoding="utf-8"))[model.name]
        return str(found["sha256"]), str(found["told_by"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", ""


def checksum(path: str | os.PathLike[str]) -> str:
    """sha256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _keep_checksum(folder: Path, model: Model, found: str, told_by_host: bool) -> None:
    if model.sha256:
        return
    path = folder / _CHECKSUMS
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        table = {}
    table[model.name] = {"sha256": found, "told_by": "host" if told_by_host else "first download"}
    write_whole(path, json.dumps(table, indent=1))


def write_whole(path: Path, text: str) -> None:
    """A small text file, written whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _host(model: Model) -> str:
    return urlsplit(model.address).hostname or model.address


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects and keeps a checksum that is told on the way: stores of large files send it there."""

    def __init__(self) -> None:
        self.told: str | None = None  # None: nobody has sent us on

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        self.told = self.told or _told_checksum(headers)
        if urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https":
            raise urllib.error.URLError("it leads away from a secure connection")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _told_checksum(headers) -> str:
    """The sha256 that a host gives as the tag of a file."""
    for name in ("X-Linked-Etag", "ETag"):
        match = re.fullmatch(r'(?:W/)?"?([0-9a-f]{64})"?', (headers.get(name) or "").strip().lower())
        if match:
            return match[1]
    return ""


def _fetch(
    model: Model,
    part: Path,
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
    timeout_s: float,
) -> str:
    """Fill `part` up to the whole file; the checksum that it must have, '' where nobody tells."""
    have = part.stat().st_size if part.is_file() else 0
    redirects = _Redirects()
    try:
        with _opened(model, have, redirects, timeout_s) as answer:
            if have and answer.status != 206:
                have = 0  # the host begins anew, whatever was asked
            total = have + int(answer.headers.get("Content-Length") or 0)
            total = total if total > have else 0
            if total > 4 * max(model.size_bytes, 1 << 20):
                raise EstimateError(f"{_host(model)} sends {total / 1e6:.0f} MB for {model.name}: another file.")
            expected = _expected(model, redirects, answer.headers)
            with part.open("ab" if have else "wb") as file:
                while True:
                    if cancelled is not None and cancelled():
                        raise CancelledError("stopped by the user; what has come is kept")
                    block = answer.read1(_BLOCK)
                    if not block:
                        break
                    file.write(block)
                    have += len(block)
                    if progress is not None:
                        progress(have, total)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is left to send: it is whole, or it is not this file
            return _expected(model, redirects, error.headers)
        what = "does not have it any more" if error.code in (404, 410) else f"will not send it ({error.code})"
        raise EstimateError(f"{_host(model)} {what}: {model.name}. Take a file from disk instead.") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise _unreachable(model, error) from error
    if total and have < total:
        raise _unreachable(model, EOFError(f"the connection broke off after {have / 1e6:.1f} of {total / 1e6:.1f} MB"))
    return expected


def _expected(model: Model, redirects: _Redirects, headers) -> str:
    """The checksum to hold the file to. Behind a redirect, a tag is the store's own and may be anything."""
    if model.sha256 or redirects.told is not None:
        return model.sha256 or redirects.told or ""
    return _told_checksum(headers)


def _opened(model: Model, have: int, redirects: _Redirects, timeout_s: float):
    headers = {"User-Agent": _AGENT, "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(model.address, headers=headers)
    return urllib.request.build_opener(redirects).open(request, timeout=timeout_s)


def _unreachable(model: Model, error: BaseException) -> EstimateError:
    reason = getattr(error, "reason", error)
    words = "it sends nothing" if isinstance(reason, TimeoutError) else str(reason) or type(reason).__name__
    return EstimateError(
        f"{model.name} cannot be fetched from {_host(model)} ({words}). Try again: what has come is kept; or take a "
        "file from disk."
    )
