# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures in, depth out. No Blender."""

from .network import Network, NetworkSettings, load_network, suggest_kind
from .provenance import Cancelled, EstimateError, Provenance
from .stereo import StereoSettings, find_stereo

__all__ = ["Cancelled", "EstimateError", "Network", "NetworkSettings", "Provenance", "load_network", "suggest_kind"]
