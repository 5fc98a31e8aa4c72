# SPDX-License-Identifier: GPL-3.0-or-later
"""What is drawn and what can be asked for. Decides nothing."""
