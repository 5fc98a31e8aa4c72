# SPDX-License-Identifier: GPL-3.0-or-later
"""What the depth doctor found on a strip, kept on it for the panel."""

from __future__ import annotations

from collections.abc import Iterable

import bpy

from ...craft.doctor import Finding


class RACKFOCUS_PG_finding(bpy.types.PropertyGroup):
    """One finding, as the panel shows it."""

    code: bpy.props.StringProperty()
    words: bpy.props.StringProperty()
    fix: bpy.props.StringProperty()
    asks_distances: bpy.props.BoolProperty()


PROPERTIES = {
    "rackfocus_findings": bpy.props.CollectionProperty(type=RACKFOCUS_PG_finding),
    "rackfocus_examined": bpy.props.StringProperty(
        name="Examined", description="What the depth doctor looked at; empty when it has not yet", options=set()
    ),
    "rackfocus_histogram": bpy.props.StringProperty(
        name="Histogram", description="How the depth's raw values spread", options=set()
    ),
}


def put(strip: bpy.types.Strip, findings: Iterable[Finding], examined: str, histogram: str) -> None:
    """Make these the findings of a strip. examined, histogram: what was looked at, how its values spread, in words."""
    strip.rackfocus_findings.clear()
    for finding in findings:
        row = strip.rackfocus_findings.add()
        row.code, row.words, row.fix = finding.name, finding.words, finding.fix
        row.asks_distances = bool(finding.needs)
    strip.rackfocus_examined, strip.rackfocus_histogram = examined, histogram


OWNERS = (bpy.types.Strip,)
CLASSES = (RACKFOCUS_PG_finding,)
