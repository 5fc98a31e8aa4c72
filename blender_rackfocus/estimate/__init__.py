# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures in, depth out. No Blender. `estimate_clip` is the way in."""

from . import kept, models
from .clip import EstimateReport, Progress, estimate_clip
from .network import Found, Network, NetworkSettings, keep_settings, load_network, with_kept
from .parallax import ParallaxSettings
from .provenance import EstimateError, Provenance
from .sources import Choice, EstimateSettings, choose_source, look_at_network
from .stereo import StereoSettings, find_stereo

__all__ = [
    "Choice",
    "EstimateError",
    "EstimateReport",
    "EstimateSettings",
    "Found",
    "Network",
    "NetworkSettings",
    "ParallaxSettings",
    "Progress",
    "Provenance",
    "StereoSettings",
    "choose_source",
    "estimate_clip",
    "find_stereo",
    "keep_settings",
    "kept",
    "load_network",
    "look_at_network",
    "models",
    "with_kept",
]
