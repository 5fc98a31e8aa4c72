# SPDX-License-Identifier: GPL-3.0-or-later
"""The panels. They draw, and only draw."""
