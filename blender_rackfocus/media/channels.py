# SPDX-License-Identifier: GPL-3.0-or-later
"""Which channels of an EXR are the picture and which one is the depth, judged by their names.

Names look like `layer.pass.component`: `ViewLayer.Combined.R`, `ViewLayer.Depth.Z` (Blender), `R`, `rgba.R`,
`beauty.R`, `depth.Z`, `Depth.V`, `Z` (other packages). The picture is chosen as Blender chooses what an image
strip shows: the pass named Combined (bare R, G, B, A count as one), else the first pass with red, green and
blue, else the first pass of all; channels of one part are taken in alphabetical order, as the format keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_WORDS = {"RED": "R", "GREEN": "G", "BLUE": "B", "ALPHA": "A", "DEPTH": "Z"}
_DEPTH_PASS = re.compile(
    r"^(?:v?ray)?[_\- ]?(?:z[_\- ]?depth|(?:linear|scene)?[_\- ]?depth|depth[_\- ]?z|z|z[_\- ]?buffer|disparity)$"
)
_DEPTH_WORD = re.compile(r"(?:^|[^a-z])z?depth|depth(?:[^a-z]|$)|(?:^|[^a-z])disparity", re.IGNORECASE)
_DEPTH_COMPONENTS = "ZVRYX"


@dataclass(frozen=True)
class Channel:
    """One channel: full name with its part's, the part (subimage) it lives in, its place there, its name's tokens."""

    name: str
    part: int
    index: int
    layer: str
    pass_name: str
    component: str


def channel(name: str, part: int = 0, index: int = 0) -> Channel:
    """Take a full channel name apart. component is one upper-case letter or word, pass and layer may be empty."""
    tokens = name.split(".")
    last = tokens[-1].upper()
    component = _WORDS.get(last, last)
    if len(tokens) == 1:
        bare = component in {"R", "G", "B", "A"}
        return Channel(name, part, index, "", "Combined" if bare else tokens[0], component)
    return Channel(name, part, index, ".".join(tokens[:-2]), tokens[-2], component)


def picture_channels(channels: Sequence[Channel]) -> list[Channel]:
    """The channels of the picture: [R, G, B], [R, G, B, A], [grey] or [grey, A]; empty where there is none."""
    ordered = sorted(channels, key=lambda c: (c.part, c.name))
    passes: dict[tuple[str, str], dict[str, Channel]] = {}
    for entry in ordered:
        passes.setdefault((entry.layer, entry.pass_name), {}).setdefault(entry.component, entry)
    complete = [key for key, parts in passes.items() if {"R", "G", "B"} <= parts.keys()]
    combined = [key for key, parts in passes.items() if key[1] == "Combined" and set("RGB") & parts.keys()]
    others = [key for key, parts in passes.items() if parts.keys() != {"A"}]
    if not passes:
        return []
    parts = passes[(combined or complete or others or list(passes))[0]]
    colours = [parts[c] for c in "RGB" if c in parts]
    if not complete and len(xyz := [c for c in ordered if c.name.upper() in {"X", "Y", "Z"}]) == 3:
        colours = xyz
    if len(colours) != 3:
        grey = [c for c in parts.values() if c.component != "A"] or list(parts.values())
        colours = grey[:1]
    alpha = parts.get("A") or _bare_alpha(channels, colours)
    return colours + ([alpha] if alpha and alpha not in colours else [])


def _bare_alpha(channels: Sequence[Channel], colours: Sequence[Channel]) -> Channel | None:
    """The A beside bare channels that share no pass name with it (`Y`, `A`)."""
    if "." not in colours[0].name:
        return next((c for c in channels if c.name.upper() == "A" and c.part == colours[0].part), None)
    return None


def depth_channels(channels: Sequence[Channel]) -> list[Channel]:
    """Channels whose names say depth, the best first: those of the picture's own layer come before others'."""
    picture = picture_channels(channels)
    home = picture[0].layer if picture else ""
    components: dict[tuple[str, str], set[str]] = {}
    for entry in channels:
        components.setdefault(_family(entry), set()).add(entry.component)
    ranked = []
    for place, entry in enumerate(channels):
        rank = _depth_rank(entry, components[_family(entry)])
        if rank is not None:
            ranked.append((rank, entry.layer != home, place, entry))
    best: dict[tuple[str, str], Channel] = {}
    for *_, entry in sorted(ranked, key=lambda item: item[:3]):
        best.setdefault((entry.layer, entry.pass_name), entry)
    return list(best.values())


def _family(entry: Channel) -> tuple[str, str]:
    """What a channel's siblings share: layer and pass; all bare names are siblings."""
    return (entry.layer, entry.pass_name) if "." in entry.name else ("", "")


def _depth_rank(entry: Channel, siblings: set[str]) -> int | None:
    """How surely a channel's name says depth, 0 the surest; None: it does not."""
    if "." not in entry.name:
        return 0 if _DEPTH_PASS.match(entry.name.lower()) and not {"X", "Y"} <= siblings else None
    single = len(entry.component) == 1
    if _DEPTH_PASS.match(entry.pass_name.lower()) and (not single or entry.component in _DEPTH_COMPONENTS):
        return _order(entry.component)
    if entry.component == "Z" and not {"X", "Y"} & siblings:
        return 9 if _DEPTH_WORD.search(entry.pass_name) else 10
    if not single and _DEPTH_PASS.match(entry.component.lower()):
        return 11
    if _DEPTH_WORD.search(entry.pass_name) and entry.component in _DEPTH_COMPONENTS:
        return 12 + _DEPTH_COMPONENTS.find(entry.component)
    return None


def named(channels: Sequence[Channel], layer: str) -> Channel | None:
    """The channel a user means by `layer`: a channel's full name, or a layer's or pass's. None where there is none.

    `ViewLayer.Depth.Z`, `ViewLayer.Depth`, `Depth`, `depth` and `ViewLayer` (its depth) all find Blender's.
    """
    wanted = layer.strip().lower()
    for entry in channels:
        if entry.name.lower() == wanted:
            return entry
    inside = [c for c in channels if c.name.lower().startswith(wanted + ".")]
    inside = inside or [c for c in channels if c.pass_name.lower() == wanted]
    inside = inside or [c for c in depth_channels(channels) if c.component.lower() == wanted]
    if not inside:
        return None
    by_name = depth_channels(inside)
    if by_name:
        return by_name[0]
    passes = {(c.layer, c.pass_name) for c in inside}
    return min(inside, key=lambda c: _order(c.component)) if len(passes) == 1 else None


def _order(component: str) -> int:
    found = _DEPTH_COMPONENTS.find(component) if len(component) == 1 else -1
    return found if found >= 0 else len(_DEPTH_COMPONENTS)


def summary(channels: Sequence[Channel]) -> str:
    """What is in the file, for a message: `ViewLayer.Combined (RGBA), ViewLayer.Depth (Z)`."""
    groups: dict[str, list[str]] = {}
    for entry in channels:
        head, _, tail = entry.name.rpartition(".")
        groups.setdefault(head, []).append(tail)
    texts = []
    for head, tails in groups.items():
        joined = "".join(tails) if all(len(t) == 1 for t in tails) else ", ".join(tails)
        texts.append(f"{head} ({joined})" if head else joined)
    shown = texts[:12]
    more = f" and {len(texts) - len(shown)} more" if len(texts) > len(shown) else ""
    return ", ".join(shown) + more
