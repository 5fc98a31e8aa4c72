# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots modelled by script and ray-traced with their Z pass, to show the extension on."""

SHOTS = ("chess", "cafe", "letter")
