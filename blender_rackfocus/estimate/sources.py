# SPDX-License-Identifier: GPL-3.0-or-later
"""The three ways to estimate depth from pictures behind one face, and AUTO, which chooses and says why."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from .network import Network, NetworkSettings, load_network
from .parallax import ParallaxSettings, grey_for_flow, pair_nearness
from .provenance import EstimateError, Provenance, SourceName
from .stereo import StereoSettings, find_stereo, resolve, search_range, stereo_nearness
from .survey import LEAST_AT_A_SPOT, LEAST_GROUND, MotionSurvey, ground_of, rank_correlation, survey_motion
from .video import Windows

LEAST_CONSTANCY = 0.96
"""Measured on eight clips with a small network: five good ones 0.967 and more, two fair ones 0.948 and less, a wrong
one 0.78. A clip is judged by its worse pictures: `_WORSE` percent are as bad or worse."""
_WORSE, _LOOKED_AT = 20, 8
_DOUBT_S = 3.0
_FLAT = 0.01  # a picture with less contrast than this shows nothing


class Frames(Protocol):
    """What an estimate reads: len(frames), and frames[i] -> (H, W, 4) float32 scene-linear, premultiplied."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> np.ndarray: ...


@dataclass(frozen=True)
class EstimateSettings:
    """All that decides an estimate. network: the user's model file, None where none is chosen. steady: smooth in time.
    follow_edges: bring the depth's edges to the picture's.
    """

    network: NetworkSettings | None = None
    stereo: StereoSettings = field(default_factory=StereoSettings)
    parallax: ParallaxSettings = field(default_factory=ParallaxSettings)
    steady: bool = True
    follow_edges: bool = True

    def told(self) -> dict[str, object]:
        """All that decides an estimate, as plain values."""
        return {**asdict(self), "network": self.network.told() if self.network else None}


def _nothing() -> None:
    """Nothing is to be ended."""


@dataclass(frozen=True)
class Source:
    """A source ready to run.

    nearness(index, picture) -> (h, w) float32, larger = nearer, NaN = unknown here; None where this frame gives none.
    breathes: its scale changes from frame to frame, so frames are related to each other. reads_frames: it reads other
    frames itself, which then may not be read on another thread meanwhile. close: it is not needed any more.
    """

    name: SourceName
    nearness: Callable[[int, np.ndarray], np.ndarray | None]
    provenance: Provenance
    breathes: bool
    reads_frames: bool = False
    close: Callable[[], None] = _nothing


@dataclass(frozen=True)
class Choice:
    """What AUTO found: the source it took and why, and for every other source why not."""

    source: SourceName | None
    why: str
    refused: dict[str, str]
    network: Network | None = field(default=None, repr=False, compare=False)  # opened already, where it was taken
    survey: MotionSurvey | None = None  # where camera movement was taken


def _samples(indices: Sequence[int], count: int) -> list[int]:
    if len(indices) <= count:
        return list(indices)
    return [indices[round(k * (len(indices) - 1) / (count - 1))] for k in range(count)]


def choose_source(frames: Frames, settings: EstimateSettings, indices: Sequence[int]) -> Choice:
    """AUTO: a stereo pair where the frame holds one, else the user's network, else the camera's own motion.

    source is None where nothing works; `refused` then tells why for each, ready for the user.
    """
    refused: dict[str, str] = {}
    looked = _samples(indices, 3)
    found = [e for e in (find_stereo(frames[i], settings.stereo.layout) for i in looked) if e is not None]
    if len(found) * 2 > len(looked):
        return Choice("STEREO", found[0].words, refused)
    refused["STEREO"] = "the halves of the frame are not two views of one scene"
    if settings.network is not None and settings.network.path:
        try:
            network = load_network(settings.network, _two_pictures(frames, indices))
            return Choice(
                "NETWORK",
                f"no stereo pair, and {Path(settings.network.path).name} is chosen and runs on {network.runtime}",
                refused,
                network,
            )
        except EstimateError as error:
            refused["NETWORK"] = str(error)
    else:
        refused["NETWORK"] = "no model file is chosen"
    try:
        survey = survey_motion(frames.__getitem__, settings.parallax, indices)
        return Choice(
            "PARALLAX",
            f"no stereo pair, no usable network, and {survey.words()}",
            refused,
            survey=survey,
        )
    except EstimateError as error:
        refused["PARALLAX"] = str(error)
    return Choice(None, "", refused)


def open_source(frames: Frames, settings: EstimateSettings, indices: Sequence[int], source: str = "AUTO") -> Source:
    """Make a source ready, or raise EstimateError with the reason and what can be done instead."""
    why = "chosen by hand"
    if source == "AUTO":
        choice = choose_source(frames, settings, indices)
        if choice.source is None:
            reasons = "; ".join(f"{name.lower()}: {text}" for name, text in choice.refused.items())
            raise EstimateError(
                f"No depth can be estimated for this clip ({reasons}). Set the distances by hand with "
                "cards: a mask for each subject and a background."
            )
        source, why = choice.source, choice.why
        if choice.network is not None:
            return _network_source(choice.network, frames, indices, why)
        if choice.survey is not None:
            return _parallax_source(choice.survey, frames, settings.parallax, indices, why)
    opener = {"STEREO": _open_stereo, "NETWORK": _open_network, "PARALLAX": _open_parallax}.get(source)
    if opener is None:
        raise ValueError(f"source must be AUTO, STEREO, NETWORK or PARALLAX, not {source!r}")
    return opener(frames, settings, indices, why)


def _open_stereo(frames: Frames, settings: EstimateSettings, indices: Sequence[int], why: str) -> Source:
    found = [e for e in (find_stereo(frames[i], settings.stereo.layout) for i in _samples(indices, 5)) if e is not None]
    wanted = settings.stereo
    if found and wanted.layout == "AUTO":
        names = [e.layout for e in found]
        wanted = replace(wanted, layout=max(set(names), key=names.count))
        found = [e for e in found if e.layout == wanted.layout]
    votes = sum(1 if e.swapped else -1 for e in found)
    evidence = replace(found[0], swapped=votes > 0) if found else None
    chosen = resolve(wanted, evidence)
    width = frames[indices[0]].shape[1] // (2 if chosen.layout == "SIDE_BY_SIDE" else 1)
    low, high = search_range(found, chosen, width)
    notes = () if found else ("no clear stereo pair was found in this clip; it was taken as one because you said so",)
    told = {**asdict(chosen), "disparity_px": [round(low, 1), round(high, 1)]}
    provenance = Provenance("STEREO", "semi-global matching", chosen.metric, told, why, notes)
    return Source("STEREO", lambda _i, picture: stereo_nearness(picture, chosen, low, high), provenance, False)


def _open_network(frames: Frames, settings: EstimateSettings, indices: Sequence[int], why: str) -> Source:
    network = load_network(settings.network or NetworkSettings(""), _two_pictures(frames, indices))
    return _network_source(network, frames, indices, why)


def look_at_network(frames: Frames, settings: NetworkSettings, indices: Sequence[int]) -> list[str]:
    """What is found about a network on pictures of a clip: a line for each, and what makes it doubtful. Raises
    EstimateError."""
    network = load_network(settings, _two_pictures(frames, indices))
    try:
        return [*network.found.lines(), *_doubts(network, frames, indices)]
    finally:
        network.close()


def _two_pictures(frames: Frames, indices: Sequence[int]) -> list[np.ndarray]:
    """Two pictures of the clip with something to see, as far apart as such are; fewer where there is little."""
    seen = [(index, frames[index]) for index in _samples(indices, 5)]
    told = [picture for _, picture in seen if float(picture[::4, ::4, :3].clip(0, 1).std()) > _FLAT]
    return [told[0], told[-1]] if told else []


def _doubts(network: Network, frames: Frames, indices: Sequence[int]) -> tuple[str, ...]:
    """What makes a network's answers to this clip doubtful."""
    begun, found = time.monotonic(), []
    for index in _samples(indices, _LOOKED_AT):
        picture = frames[index]
        if float(picture[::4, ::4, :3].clip(0, 1).std()) > _FLAT:
            found.append(network.constancy(picture))
        if time.monotonic() - begun > _DOUBT_S:
            break
    constant = float(np.percentile(found, _WORSE)) if found else 1.0
    doubts = network.found.doubts()
    if constant >= LEAST_CONSTANCY:
        return tuple(doubts)
    return (
        *doubts,
        "doubtful: the network says something else of the same picture when it is seen smaller "
        f"({constant:.2f} of 1 alike); look at the depth before it is used",
    )


def _network_source(network: Network, frames: Frames, indices: Sequence[int], why: str) -> Source:
    found = network.found
    told = {
        **network.settings.told(),
        "path": Path(network.settings.path).name,
        "sha256": network.fingerprint,
        "runtime": network.runtime,
        "layout": network.layout,
        "kind": found.kind,
        "direction": found.direction,
        "output": found.output,
        "mean": found.form[0],
        "std": found.form[1],
        "found": found.lines(),
    }
    notes = _doubts(network, frames, indices)
    provenance = Provenance("NETWORK", Path(network.settings.path).name, network.metric, told, why, notes)
    if network.frames is None:
        return Source("NETWORK", lambda _i, picture: network.nearness(picture), provenance, True, close=network.close)
    windows = Windows(network, frames.__getitem__, indices)
    return Source("NETWORK", windows.nearness, provenance, True, True, network.close)


def _open_parallax(frames: Frames, settings: EstimateSettings, indices: Sequence[int], why: str) -> Source:
    survey = survey_motion(frames.__getitem__, settings.parallax, indices)
    return _parallax_source(survey, frames, settings.parallax, indices, why)


def _parallax_source(
    survey: MotionSurvey, frames: Frames, chosen: ParallaxSettings, indices: Sequence[int], why: str
) -> Source:
    places = {index: n for n, index in enumerate(indices)}
    straight = replace(chosen, invert=False)  # what proves the order is asked before it is turned around
    greys: dict[int, np.ndarray] = {}

    def grey(n: int, picture: np.ndarray | None = None) -> np.ndarray:
        if n not in greys:
            greys[n] = grey_for_flow(frames[indices[n]] if picture is None else picture)
        return greys[n]

    def nearness(index: int, picture: np.ndarray) -> np.ndarray | None:
        n = places[index]
        for old in [k for k in greys if abs(k - n) > survey.step]:
            del greys[old]
        here = grey(n, picture)
        ends = {max(n - survey.step, 0), min(n + survey.step, len(indices) - 1)}
        found = [pair_nearness(here, grey(m), straight)[0] for m in sorted(ends) if abs(m - n) * 2 >= survey.step]
        views = [v for v in found if v is not None and ground_of(v) >= LEAST_GROUND]
        if not views or (len(views) == 2 and rank_correlation(*views) < LEAST_AT_A_SPOT):
            return None  # nothing is told here, or two things that contradict each other: the neighbours know better
        stack = np.stack(views)
        known = np.isfinite(stack)
        count = known.sum(0)
        total = np.where(known, stack, 0).sum(0)
        count[survey.standing] = 0  # what lies on the picture is as far as what is around it
        near = np.divide(total, count, out=np.full(total.shape, np.nan, np.float32), where=count > 0)
        return (-near if chosen.invert else near).astype(np.float32)

    notes = [*survey.doubts, "assumes that only the camera moves"]
    if not chosen.focal_known:
        notes.append(
            f"the focal length of {chosen.focal_mm:g} mm is an assumption; set the lens's own, and invert if near "
            "and far are exchanged"
        )
    told = {**asdict(chosen), "step_frames": survey.step, "parallax_px": round(survey.parallax_px, 2)}
    told |= {"rigid": round(survey.rigid, 3), "repeated": round(survey.repeated, 3)}
    provenance = Provenance("PARALLAX", "optical flow minus camera rotation", False, told, why, tuple(notes))
    return Source("PARALLAX", nearness, provenance, True, True)
