# SPDX-License-Identifier: GPL-3.0-or-later
"""Honest words: which source made a depth, with which model and settings, metric or relative."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from ..craft.distances import distance_text

SourceName = Literal["STEREO", "NETWORK", "PARALLAX", "CARDS", "REPAIRED"]

_TITLES = {
    "STEREO": "Estimated from a stereo pair",
    "NETWORK": "Estimated by a neural network",
    "PARALLAX": "Estimated from the camera's movement",
    "CARDS": "Set by hand (cards)",
    "REPAIRED": "Repaired by the depth doctor",
}


class EstimateError(ValueError):
    """A depth that cannot be made; the text is ready for the user: what is wrong, and what can be done."""


@dataclass(frozen=True)
class Provenance:
    """Where a depth came from, as file metadata and the panel show it.

    source: which of the ways. model: file and fingerprint, or the name of the method. metric: the values are
    metres the source itself knows. A relative depth (metric False) holds nearness, 0 = far and 1 = near with 1/z
    linear between, and metres come from the near and far distance a person gives.
    settings: name -> plain value. why: the reason AUTO took this source. notes: what the user should know
    (assumptions, frames held, values that were assumed and not measured). between_m: the (near, far) distance given by
    hand by which a relative depth was brought to metres; None: it was not.
    """

    source: SourceName
    model: str
    metric: bool
    settings: Mapping[str, object] = field(default_factory=dict)
    why: str = ""
    notes: tuple[str, ...] = ()
    between_m: tuple[float, float] | None = None

    @property
    def kind(self) -> str:
        """core.depth's word for the values: 'METRES', or 'NORMALISED' (white near, 1/z even) for a relative depth."""
        return "METRES" if self.metric or self.between_m else "NORMALISED"

    def sentence(self) -> str:
        """One line for the panel."""
        scale = "metric (metres)" if self.metric else "relative (near and far are yours to set)"
        if self.between_m and not self.metric:
            near, far = (distance_text(metres) for metres in self.between_m)
            scale = f"relative, brought to metres by the near {near} and far {far} given by hand"
        if self.source == "CARDS":
            scale = "metres as given by hand, not an estimate"
        if self.source == "REPAIRED":
            scale = "metres, as true as what it was made from"
        return f"{_TITLES[self.source]}: {self.model}; {scale}"

    def metadata(self) -> dict[str, str]:
        """Text pairs for a file's header, e.g. EXR attributes; `from_metadata` reads them back."""
        return {
            "rackfocus:depth_source": self.source,
            "rackfocus:depth_model": self.model,
            "rackfocus:depth_scale": "metric" if self.metric else "relative",
            "rackfocus:depth_settings": json.dumps(dict(self.settings), sort_keys=True, default=str),
            "rackfocus:depth_why": self.why,
            "rackfocus:depth_notes": json.dumps(list(self.notes)),
            "rackfocus:depth_between_m": json.dumps(self.between_m),
        }

    @staticmethod
    def from_metadata(pairs: Mapping[str, str]) -> Provenance | None:
        """The provenance written in a file's header, or None where there is none."""
        source = pairs.get("rackfocus:depth_source")
        if source not in _TITLES:
            return None
        try:
            return Provenance._read(pairs, cast(SourceName, source))  # one of _TITLES, see above
        except (ValueError, TypeError, RecursionError):  # a damaged header says nothing
            return None

    @staticmethod
    def _read(pairs: Mapping[str, str], source: SourceName) -> Provenance:
        return Provenance(
            source=source,
            model=pairs.get("rackfocus:depth_model", ""),
            metric=pairs.get("rackfocus:depth_scale") == "metric",
            settings=json.loads(pairs.get("rackfocus:depth_settings", "{}")),
            why=pairs.get("rackfocus:depth_why", ""),
            notes=tuple(json.loads(pairs.get("rackfocus:depth_notes", "[]"))),
            between_m=tuple(json.loads(pairs.get("rackfocus:depth_between_m", "null")) or ()) or None,
        )
