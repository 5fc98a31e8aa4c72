# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes in the compositor: their frames, while a scene renders."""
