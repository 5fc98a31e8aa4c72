# SPDX-License-Identifier: GPL-3.0-or-later
"""Rough treatment: damaged files, kills, interrupts, full disks, random edits, long renders. `python -m tests.abuse`.

Each row is a module's function (scale, chance, folder) -> `report.Row`; the table says ok or FAULT.
"""
