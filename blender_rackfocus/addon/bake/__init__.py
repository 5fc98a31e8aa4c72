# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of strips and nodes made once and kept on disk."""
