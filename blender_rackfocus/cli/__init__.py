# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: one module per verb, each with EXAMPLES, add_arguments(parser) and run(args).

A verb's module is imported when that verb is asked for: some need Blender.

The same verbs answer to `python -m blender_rackfocus VERB` and, in an installed Blender, to
`blender --command rackfocus VERB`. Exit status: 0 done, 1 it could not be done, 2 it was asked wrongly.
"""

from __future__ import annotations

import argparse
import importlib
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

from ..addon.blender import log
from ..media import MediaError
from . import chatter, stop
from .common import CommandError, UsageError, reason, say, version

VERBS = {
    "bake": "write a .blend's racked frames to disk, for its strips and nodes to read",
    "store": "look at the computed frames that are kept, verify or clear them",
    "rack": "pull focus on a clip: from near to far, or between any two distances",
    "follow": "propose where to rack in a clip: who enters, comes nearer or moves, and when",
    "depth": "estimate the depth of a clip: stereo pair, your own network, or a moving camera",
    "demo": "model, ray-trace and rack a shot; leaves a movie, a contact sheet and the .blend",
    "build": "make the extension's installable zips (from a source checkout)",
}
"""What each verb does, in one line."""
VERBS_WITH_BLENDER = ("bake", "rack", "follow", "demo", "store")

_command: Any = None  # Blender's handle of the registered command


class _Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one line. module: of a verb, imported when its arguments are read."""

    module: str = ""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self.module:
            name, self.module = self.module, ""
            with stop.Stop() as loading:  # an exception while Blender's module is loaded makes that crash, or is lost
                verb = importlib.import_module(f".{name}", __package__)
            loading.check()
            self.epilog = "examples:\n" + "".join(f"  {self.epilog} {line}\n" for line in verb.EXAMPLES)
            verb.add_arguments(self)
            self.set_defaults(run=verb.run)
        return super().parse_known_args(args, namespace)


def parser(prog: str = "python -m blender_rackfocus") -> argparse.ArgumentParser:
    """The parser of all verbs. `prog` is how the user called it, for the help texts."""
    top = _Parser(
        prog=prog,
        description="Rack Focus: depth-based focus pulls, on any clip, with real lens blur.",
        epilog=f"'{prog} VERB --help' explains each verb and shows examples.",
    )
    top.add_argument("--version", action="version", version=f"Rack Focus {version()}")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=_Parser)
    for name, summary in VERBS.items():
        verb = verbs.add_parser(
            name,
            help=summary,
            description=summary[:1].upper() + summary[1:] + ".",
            epilog=prog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        verb.module = name
    return top


def main(argv: Sequence[str], prog: str = "python -m blender_rackfocus") -> int:
    """Run one verb; return the exit status. What goes wrong is one line on standard error."""
    status, words = _done(argv, prog)
    if words:
        say(words)
    return status


def run_process(argv: Sequence[str], prog: str = "python -m blender_rackfocus") -> int:
    """`main` for a process that is there for it alone: what Blender says goes to a log, which is named."""
    verb = argv[0] if argv and argv[0] in VERBS_WITH_BLENDER else ""
    messages = chatter.divert(verb) if verb else None
    status, words = _done(argv, prog)
    stop.too_late()
    if messages is not None and status != 2:
        say(f"Blender's own messages: {messages}")
    if words:
        say(words)
    return status


def _done(argv: Sequence[str], prog: str) -> tuple[int, str]:
    """Run one verb; the exit status, and what went wrong."""
    log.register()
    if hasattr(signal, "SIGXFSZ"):
        with suppress(ValueError):  # a limit on the size of files is an error to be told, not the end of the process
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        args = parser(prog).parse_args(argv)
        return args.run(args), ""
    except SystemExit as leaving:  # argparse: --help, --version, bad arguments
        return leaving.code if isinstance(leaving.code, int) else 1, ""
    except UsageError as error:
        return 2, f"{prog} {argv[0]}: {error}"
    except (CommandError, MediaError) as error:
        return 1, f"{prog} {argv[0]}: {error}"
    except OSError as error:
        return 1, f"{prog} {argv[0]}: {reason(error)}"
    except MemoryError:
        return 1, f"{prog} {argv[0]}: there is not enough memory for it"
    except KeyboardInterrupt:
        return 130, f"{prog}: stopped"


def register() -> None:
    """Make the verbs answer to `blender --command rackfocus`."""
    global _command
    import bpy

    _command = bpy.utils.register_cli_command("rackfocus", _run_in_blender)


def unregister() -> None:
    """Take the command out of Blender again."""
    global _command
    import bpy

    bpy.utils.unregister_cli_command(_command)
    _command = None


def _run_in_blender(argv: list[str]) -> int:
    return run_process(argv, prog="blender --command rackfocus")
