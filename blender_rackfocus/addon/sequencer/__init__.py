# SPDX-License-Identifier: GPL-3.0-or-later
"""Strips in the sequencer: their frames, in the window and in renders."""
