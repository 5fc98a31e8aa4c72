# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures in, depth out. No Blender. `estimate_clip` (or `EstimateJob`, on a thread) is the way in."""

from .clip import EstimateJob, EstimateReport, Progress, estimate_clip
from .network import Network, NetworkSettings, load_network, suggest_kind
from .parallax import ParallaxSettings
from .provenance import Cancelled, EstimateError, Provenance
from .sources import Choice, EstimateSettings, choose_source
from .stereo import StereoSettings, find_stereo

__all__ = [
    "Cancelled",
    "Choice",
    "EstimateError",
    "EstimateJob",
    "EstimateReport",
    "EstimateSettings",
    "Network",
    "NetworkSettings",
    "ParallaxSettings",
    "Progress",
    "Provenance",
    "StereoSettings",
    "choose_source",
    "estimate_clip",
    "find_stereo",
    "load_network",
    "suggest_kind",
]
