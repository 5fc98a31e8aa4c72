# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.abuse [ROW ...] [--scale 0.1] [--seed 1] [--keep FOLDER]`: one table, ok or FAULT; 1 where any."""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
for room in ("", "media", "estimate", "addon"):
    sys.path.insert(0, str(TESTS / room))
# The processes started here need the same.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(TESTS.parent), *(str(TESTS / room) for room in ("", "media", "estimate", "addon"))]
)

from . import damage, renders, stops  # noqa: E402
from .report import Row  # noqa: E402

MOST_TOLD = 20
ROWS = {
    "media": damage.media,
    "networks": damage.networks,
    **stops.ROWS,
    "edits": renders.edits,
    "endurance": renders.endurance,
}


def main() -> int:
    """Run the rows asked for and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.abuse", description="Rough treatment, in one table.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"which (default: all): {', '.join(ROWS)}")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full number of attempts (default: 1)")
    parser.add_argument("--seed", type=int, default=1, help="other attempts, the same ones each time (default: 1)")
    parser.add_argument("--keep", type=Path, help="folder for everything made (default: a temporary one)")
    args = parser.parse_args()
    unknown = [name for name in args.rows if name not in ROWS]
    if unknown:
        parser.error(f"there is no row {unknown[0]}; there are {', '.join(ROWS)}")
    print(f"{'row':<18}{'times':>6}{'seconds':>9}  {'':<6}  note", flush=True)
    faults: list[str] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="abuse-") as scratch:
        for name in args.rows or ROWS:
            faults += _row(name, args, (args.keep or Path(scratch)) / name).faults
    print(f"{len(faults)} faults in {(time.monotonic() - began) / 60:.1f} minutes")
    return 1 if faults else 0


def _row(name: str, args: argparse.Namespace, folder: Path) -> Row:
    folder.mkdir(parents=True)
    began = time.monotonic()
    row = ROWS[name](args.scale, random.Random(f"{args.seed} {name}"), folder)
    state = "FAULT" if row.faults else "ok"
    print(f"{name:<18}{row.done:>6}{time.monotonic() - began:>9.0f}  {state:<6}  {row.note}", flush=True)
    for fault in row.faults[:MOST_TOLD]:
        print(f"    {fault}", flush=True)
    return row


if __name__ == "__main__":
    sys.exit(main())
