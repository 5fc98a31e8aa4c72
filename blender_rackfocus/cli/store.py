# SPDX-License-Identifier: GPL-3.0-or-later
"""`store`: look into the store of computed frames, verify or clear it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..addon.blender import cache
from ..media.store import Store
from .common import CommandError

EXAMPLES = ("store look", "store verify", "store clear --folder /mnt/cache")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        "action",
        choices=("look", "verify", "clear"),
        help="look: what is kept; verify: read all, remove what is damaged; clear: remove all (baked frames stay)",
    )
    parser.add_argument("--folder", type=Path, metavar="DIR", help="its folder (default: $RACKFOCUS_CACHE or yours)")
    parser.add_argument("--json", action="store_true", help="a JSON line for every frame, then one for the whole")


def run(args: argparse.Namespace) -> int:
    """Do it; 1 where verify found damage."""
    where = _store(args.folder)
    answer: dict[str, object] = {"folder": where.folder}
    if args.action == "clear":
        answer["removed"] = where.clear()
    elif args.action == "verify":
        bad = where.verify()
        where.sweep()
        answer |= {"kept": len(where.contents()), "damaged": len(bad)}
    else:
        kept = where.contents()
        for entry in kept if args.json else ():
            line = {"key": entry.key, "bytes": entry.size_bytes, "used": round(entry.used), "shape": entry.shape}
            print(json.dumps({**line, **entry.notes}))
        answer |= {"kept": len(kept), "bytes": sum(entry.size_bytes for entry in kept), "limit": where.limit_bytes}
    print(json.dumps(answer) if args.json else ", ".join(f"{name}: {value}" for name, value in answer.items()))
    return 1 if answer.get("damaged") else 0


def _store(folder: Path | None) -> Store:
    if folder is not None:
        return Store(folder)
    default_store = cache.store()
    if default_store is None:
        raise CommandError("computed frames are not kept: the preferences or RACKFOCUS_CACHE say so")
    return default_store
