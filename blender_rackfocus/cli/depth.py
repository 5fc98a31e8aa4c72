# SPDX-License-Identifier: GPL-3.0-or-later
"""`depth`: a clip in, its estimated depth out, as an EXR sequence that says itself how it was made. Needs no
Blender."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path

from .. import media
from ..estimate import (
    EstimateError,
    EstimateReport,
    EstimateSettings,
    NetworkSettings,
    ParallaxSettings,
    Progress,
    Provenance,
    StereoSettings,
    files,
    keep_settings,
    models,
    with_kept,
)
from ..media import sequences
from .apart import keep_apart
from .clip import Clip, open_clip
from .common import CommandError, UsageError, choice, numbered, positive, say
from .common import Progress as Line

EXAMPLES = (
    "depth clip.mp4 -o depth/depth_####.exr --model depth_anything_v2_small.onnx",
    "depth --get tcmonodepth-small",
    "depth stereo.mp4 --source stereo -o depth/ ",
    "depth drone.mov --source parallax --lens 24 --near 2 --far 80 -o depth/",
)
SOURCES = ("AUTO", "STEREO", "NETWORK", "PARALLAX")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        "clip", metavar="CLIP", nargs="?", help="movie, folder of pictures, name with ####, or first picture"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help="EXR sequence (name_####.exr) or a folder for one; files of the same job are kept, the rest is made",
    )
    names = ", ".join(model.name for model in models.TABLE)
    parser.add_argument(
        "--get", metavar="NAME", help=f"fetch a network from its host and keep it: {names}; with CLIP, use it as well"
    )
    add_source_arguments(parser)
    parser.add_argument("--lens", type=positive, metavar="MM", help="focal length, for a moving camera (assumed: 35)")
    parser.add_argument("--sensor", type=positive, default=36.0, metavar="MM", help="sensor width (default: 36)")
    parser.add_argument(
        "--near", type=positive, metavar="M", help="nearest distance: relative depth is written in metres then"
    )
    parser.add_argument("--far", type=positive, metavar="M", help="farthest distance, with --near")
    stereo = parser.add_argument_group("stereo clips")
    stereo.add_argument(
        "--layout",
        type=_layout,
        default="AUTO",
        metavar="NAME",
        help="side-by-side, over-under or auto (default: auto)",
    )
    stereo.add_argument("--right-first", action="store_true", help="the right eye comes first (default: found out)")
    stereo.add_argument("--focal-px", type=positive, default=0.0, metavar="N", help="focal length in one eye's pixels")
    stereo.add_argument("--baseline", type=positive, default=0.0, metavar="M", help="distance of the lenses, metres")
    parser.add_argument("--invert", action="store_true", help="near and far come out exchanged: turn them around")
    parser.add_argument("--no-steady", action="store_true", help="leave out the smoothing in time")
    parser.add_argument("--no-edges", action="store_true", help="leave edges as soft as the source gives them")


def add_source_arguments(parser: argparse._ActionsContainer) -> None:
    """What `rack` asks for as well: which source, which model."""
    how = "how depth is estimated: auto, stereo, network, parallax (default: auto, which says why)"
    choice(parser, "--source", SOURCES, "NAME", how, "AUTO")
    parser.add_argument(
        "--model", type=Path, metavar="FILE", help="depth network: .onnx, or the name of one fetched by --get"
    )
    gives = "what the network gives: relative nearness, distance without a scale, or metric metres (default: found)"
    choice(parser, "--model-kind", ("AUTO", "RELATIVE", "DISTANCE", "METRIC"), "KIND", gives, "AUTO")
    larger = "what its larger numbers are: nearer or farther (default: found)"
    choice(parser, "--model-direction", ("AUTO", "NEARER", "FARTHER"), "DIR", larger, "AUTO")
    parser.add_argument(
        "--model-size", type=_count, default=0, metavar="PX", help="its input's longer side, where free"
    )
    parser.add_argument("--model-multiple", type=_count, default=0, metavar="N", help="sizes are multiples of this")
    parser.add_argument(
        "--model-mean", type=_three, metavar="R,G,B", help="mean that it wants taken off RGB 0-1, with --model-std"
    )
    parser.add_argument("--model-std", type=_three, metavar="R,G,B", help="deviation that it wants RGB divided by")
    parser.add_argument("--model-output", default="", metavar="NAME", help="the output that is the depth")
    parser.add_argument(
        "--keep-model", action="store_true", help="keep what the --model options say, for this network's next time"
    )


def run(args: argparse.Namespace) -> int:
    """Fetch a network where one is asked for; estimate every frame; print the sequence's path (the network's without a
    clip)."""
    if args.get:
        fetched = get(args.get)
        if args.clip is None:
            print(fetched)
            return 0
        args.model = args.model or fetched
    for name, value in (("CLIP", args.clip), ("-o/--output", args.output)):
        if value is None:
            raise UsageError(f"{name} is missing")
    if (args.near is None) != (args.far is None):
        raise UsageError("--near and --far go together")
    if args.near is not None and not args.near < args.far:
        raise UsageError(f"--near {args.near:g} must be below --far {args.far:g}")
    if (args.focal_px > 0) != (args.baseline > 0):
        raise UsageError("--focal-px and --baseline go together")
    clip = open_clip(args.clip, None, 1)
    pattern = _pattern(args.output, clip)
    settings = EstimateSettings(
        network_of(args),
        StereoSettings(args.layout, "YES" if args.right_first else "AUTO", args.focal_px, args.baseline),
        ParallaxSettings(args.lens or 35.0, args.sensor, args.lens is not None, args.invert),
        steady=not args.no_steady,
        follow_edges=not args.no_edges,
    )
    between = (args.near, args.far) if args.near is not None else None
    named = {index: pattern.with_name(numbered(pattern.name, number)) for index, number in enumerate(_numbers(clip))}
    keep_apart(named.values(), clip.files, [Path(args.clip), *([args.model] if args.model else [])])
    provenance, report = estimate(clip, named, settings, args.source, between)
    if report is None:
        say("every frame of this job is there already")
    else:
        own = 100 * report.source_seconds / max(report.total_seconds, 1e-9)
        say(
            f"{report.written} frames in {report.total_seconds:.1f} s ({own:.0f} % of it the source's own), "
            f"{len(report.shots)} shot(s), flicker {report.flicker_before:.2f} % before and "
            f"{report.flicker_after:.2f} % after steadying"
        )
    describe(provenance)
    print(pattern)
    return 0


def get(name: str) -> Path:
    """Fetch a network of the table, with progress on standard error; asking for it by name is the consent. Raises
    CommandError."""
    try:
        model = models.named(name)
        say(f"{model.name}: {model.gives} ({model.licence}, {model.size_bytes / 1e6:.1f} MB, {model.address})")
        told = -1

        def progress(have: int, total: int) -> None:
            nonlocal told
            tenth = 10 * have // total if total else -1
            if tenth != told:
                told = tenth
                say(f"fetching: {have / 1e6:.1f} of {total / 1e6:.1f} MB")

        path = models.get(model, models.default_folder(), consent=True, progress=progress)
    except (EstimateError, CancelledError) as error:
        raise CommandError(str(error)) from error
    sha256, told_by = models.kept_checksum(model, path.parent)
    whose = {"table": "as it must be", "host": "as its host says", "first download": "noted at this first download"}
    say(f"checksum {sha256[:12]}...: {whose[told_by]}" if told_by else "checksum: unknown")
    return path


def _fetched(name: str) -> Path | None:
    """The file of a network of the table that was fetched before."""
    found = [model for model in models.TABLE if model.name == name.lower()]
    return models.kept(found[0], models.default_folder()) if found else None


def network_of(args: argparse.Namespace) -> NetworkSettings | None:
    """The network the arguments name, None where they name none. Raises UsageError."""
    if args.model is None:
        if args.source == "NETWORK":
            raise UsageError(
                "--source network needs a model file: --model FILE (none is shipped; depth --get fetches one)"
            )
        return None
    if not args.model.is_file():
        fetched = _fetched(str(args.model))
        if fetched is None:
            raise UsageError(f"--model: there is no file {args.model}, and no network of that name was fetched (--get)")
        args.model = fetched
    if (args.model_mean is None) != (args.model_std is None):
        raise UsageError("--model-mean and --model-std go together")
    asked = NetworkSettings(
        str(args.model),
        args.model_kind,
        getattr(args, "invert", False),
        args.model_direction,
        args.model_size,
        args.model_multiple,
        args.model_mean,
        args.model_std,
        args.model_output,
        notes=str(models.default_folder()),
    )
    try:
        if args.keep_model:
            keep_settings(asked)
        return with_kept(asked)
    except EstimateError as error:
        raise CommandError(str(error)) from error
    except ValueError as error:
        raise UsageError(str(error)) from error


def estimate(
    clip: Clip,
    named: dict[int, Path],
    settings: EstimateSettings,
    source: str,
    between_m: tuple[float, float] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> tuple[Provenance, EstimateReport | None]:
    """Estimate frames of a clip into files, with progress on standard error. Raises CommandError."""
    try:
        frames = files.MovieFrames(clip.files[0]) if clip.is_movie else files.StillFrames(clip.files)
        task = files.Task(frames, named, settings, source, files.clip_key(clip.files), between_m)
        try:
            return files.run(task, progress=_line(), cancelled=cancelled)
        finally:
            frames.close()
    except (EstimateError, media.MediaError, CancelledError) as error:
        raise CommandError(str(error)) from error
    except ValueError as error:
        raise UsageError(str(error)) from error


def describe(provenance: Provenance) -> None:
    """Say which source made a depth and why, and what is to be known of it."""
    say(f"{provenance.sentence()}")
    if provenance.why:
        say(f"why: {provenance.why}")
    network_notes = provenance.settings.get("found")
    for line in network_notes if isinstance(network_notes, list) else ():
        say(line)
    for note in provenance.notes:
        say(f"note: {note}")


def _line() -> Callable[[Progress], None]:
    """What tells how far an estimate is."""
    line = Line()

    def tell(progress: Progress) -> None:
        words = f"{100 * progress.done / max(progress.total, 1):.0f} %"
        if progress.seconds_left is not None and progress.seconds_left >= 0.5:
            words += f", about {progress.seconds_left:.0f} s left"
        line.tell(progress.doing, progress.done, progress.total, words)

    return tell


def _pattern(output: Path, clip: Clip) -> Path:
    """The sequence's name with # for the number."""
    text = sequences.with_hashes(str(output))
    path = Path(text).absolute()
    if path.suffix.lower() != ".exr":
        if path.suffix and not path.is_dir():
            raise UsageError(f"-o {output}: depth is written as EXR; name a sequence like depth_####.exr, or a folder")
        return path / "depth_####.exr"
    if path.name.count("#") and not re.fullmatch(r"[^#]*#+[^#]*", path.name):
        raise UsageError(f"-o {output}: one run of # stands for the frame number")
    if "#" not in path.name and clip.frames > 1:
        return path.with_name(f"{path.stem}_####.exr")
    return path


def _numbers(clip: Clip) -> list[int]:
    """The pictures' own numbers, so that picture and depth are told to belong together; 1, 2, ... for a movie."""
    if clip.is_movie:
        return list(range(1, clip.frames + 1))
    own = sequences.numbers_of(str(path) for path in clip.files)
    return own or list(range(1, len(clip.files) + 1))


def _layout(text: str) -> str:
    names = {"auto": "AUTO", "side-by-side": "SIDE_BY_SIDE", "sbs": "SIDE_BY_SIDE"}
    names |= {"over-under": "OVER_UNDER", "ou": "OVER_UNDER", "tb": "OVER_UNDER"}
    if text.lower() not in names:
        raise argparse.ArgumentTypeError(f"{text} is none of auto, side-by-side, over-under")
    return names[text.lower()]


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 4096:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 to 4096")
    return int(text)


def _three(text: str) -> tuple[float, float, float]:
    try:
        r, g, b = (float(one) for one in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not three numbers with commas between") from None
    return r, g, b
