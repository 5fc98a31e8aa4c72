# SPDX-License-Identifier: GPL-3.0-or-later
"""What a focus puller knows, in plain numbers: pulls, curves, sentences, recipes, lenses, marks, what ails a depth."""
