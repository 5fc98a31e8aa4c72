# SPDX-License-Identifier: GPL-3.0-or-later
"""`rack`: a clip and its depth in, a focus pull out, through Blender's sequencer without its window."""

from __future__ import annotations

import argparse
import hashlib
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .. import media, register
from ..addon.blender import cache
from ..addon.shot import modifier
from ..addon.shot.focus import Focus
from ..craft import pull, subjects
from ..estimate import EstimateSettings, ParallaxSettings
from ..frame import KINDS, DepthConvention, depth_words, pairing
from ..frame import depth as frame_depth
from ..frame.inputs import NAMES
from ..frame.job import stamped
from ..frame.pairing import INDEXED
from . import blend, output
from . import depth as estimated
from .apart import keep_apart
from .clip import Clip, open_clip, pairing_of
from .common import CommandError, UsageError, choice, positive, say
from .stop import Stop, stoppable

EXAMPLES = (
    "rack shot.exr -o racked.mp4",
    "rack clip.mp4 --depth depth.mp4 --depth-kind normalised --near 0.8 --far 20 -o racked.mp4",
    "rack renders/ --from 0.7 --to 1.9 --at 20 --feel snap --lens 85 --f-stop 1.4 -o frames/racked_####.exr",
)
STILL_FRAMES = 48


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("clip", metavar="CLIP", help="movie, folder of pictures, name with ####, or first picture")
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=Path,
        metavar="OUT",
        help="movie (.mp4 .mov .mkv .webm), pictures (name_####.png, .exr, .tif, .jpg) or a folder (PNG)",
    )
    pulling = parser.add_argument_group("the pull")
    pulling.add_argument(
        "--from", dest="from_m", type=_distance, metavar="M", help="focus before, metres (default: foreground)"
    )
    pulling.add_argument(
        "--to", dest="to_m", type=_distance, metavar="M", help="focus after, metres or inf (default: background)"
    )
    pulling.add_argument("--at", type=int, metavar="FRAME", help="clip frame, from 1, where it starts (default: mid)")
    pulling.add_argument("--over", type=positive, metavar="FRAMES", help="its length (default: the feel's own)")
    feels = ", ".join(name.lower() for name in pull.FEELS)
    choice(pulling, "--feel", tuple(pull.FEELS), "NAME", f"how it moves: {feels} (default: smooth)", "SMOOTH")
    lens = parser.add_argument_group("the lens")
    lens.add_argument("--lens", type=positive, metavar="MM", help="focal length (default: 50)")
    lens.add_argument("--f-stop", type=positive, metavar="N", help="aperture (default: 2.8)")
    lens.add_argument("--sensor", type=positive, metavar="MM", help="sensor width (default: 36)")
    lens.add_argument("--blades", type=int, metavar="N", help="aperture blades, 3 to 16; 0 is a circle")
    lens.add_argument(
        "--set",
        action="append",
        default=[],
        type=_setting,
        metavar="NAME=VALUE",
        help="any other input of the modifier by its name, repeatable: --set 'Max Blur=3'",
    )
    add_depth_arguments(parser)
    clip = parser.add_argument_group("the clip")
    clip.add_argument("--start", type=int, metavar="FRAME", help="first clip frame to render, from 1")
    clip.add_argument("--end", type=int, metavar="FRAME", help="last clip frame to render")
    clip.add_argument("--fps", type=positive, metavar="N", help="rate of a picture sequence (default: 24)")
    clip.add_argument("--frames", type=int, default=STILL_FRAMES, metavar="N", help="length of a still (default: 48)")
    clip.add_argument("--view", default="Standard", metavar="NAME", help="view transform (default: Standard)")
    clip.add_argument("--blend", type=Path, metavar="FILE", help="also save the edit as a .blend")


def add_depth_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the depth is, what its numbers mean, and how it is estimated where there is none."""
    depth = parser.add_argument_group("the depth")
    depth.add_argument(
        "--depth",
        metavar="PATH",
        help="still, sequence or movie (default: the clip's own depth pass, in EXR; where it has none, an estimate)",
    )
    estimated.add_source_arguments(depth)
    numbers = "what its numbers are: auto, metres, inverse, normalised (default: auto)"
    choice(depth, "--depth-kind", ("AUTO", *KINDS), "KIND", numbers, "AUTO")
    depth.add_argument("--near", type=positive, metavar="M", help="distance of the nearest normalised value (1)")
    depth.add_argument("--far", type=positive, metavar="M", help="distance of the farthest normalised value (100)")
    depth.add_argument("--black-near", action="store_true", help="0 is near (default: 1 is)")
    depth.add_argument("--linear-z", action="store_true", help="normalised values run evenly in z, not in 1/z")
    depth.add_argument("--depth-scale", type=positive, metavar="N", help="metres per unit: 0.01 for centimetres")
    depth.add_argument(
        "--no-fit", action="store_true", help="leave depth as it is where its edges are not those of the picture"
    )
    depth.add_argument(
        "--no-look-behind",
        action="store_true",
        help="fill in what blurred surfaces hide from around, instead of looking for it in the frames beside",
    )
    depth.add_argument("--depth-layer", default="", metavar="NAME", help="EXR layer, channel or .npz array to take")
    depth.add_argument("--depth-stream", type=_count, default=0, metavar="N", help="video stream of its movie, from 0")


@stoppable
def run(args: argparse.Namespace, stop: Stop) -> int:
    """Build the edit, key the pull, render it; print the output's path."""
    print(rack(args, stop))
    return 0


def rack(args: argparse.Namespace, stop: Stop) -> Path:
    """What `run` does, until `stop` is asked for; the output's path."""
    clip = open_clip(args.clip, args.fps, args.frames)
    target = output.plan(args.output, Path(args.clip).stem.strip("#_-.") or "racked")
    start, end = _range(args, clip)
    written = [*target.files(range(start, end + 1)), *([args.blend] if args.blend else [])]
    _keep_apart(args, clip, written)
    with output.folder_of(target.path):
        _rack(args, clip, target, (start, end), stop)
    return target.path


def _keep_apart(args: argparse.Namespace, clip: Clip, written: list[Path]) -> None:
    """Nothing that is read for this may be written."""
    named = [Path(name) for name in (args.clip, args.depth, args.model) if name]
    keep_apart(written, clip.files, named)
    if len({os.path.realpath(path) for path in written}) < len(written):
        raise UsageError(f"--blend {args.blend} is the output itself: name another file")


def _rack(args: argparse.Namespace, clip: Clip, target: output.Target, frames: tuple[int, int], stop: Stop) -> None:
    start, end = frames
    over = args.over or pull.default_duration(args.feel, clip.fps)
    at = args.at if args.at is not None else start + max(0, round((end - start + 1 - over) / 2))
    if not start <= at <= end:
        raise UsageError(f"--at {at} is outside the frames rendered ({start} to {end})")
    find_depth(args, clip, (start, end), stop)
    from_m, to_m = _focus(args, clip, at, min(round(at + over), end))
    try:
        keys = pull.rack_keys(at, from_m, to_m, args.feel, over, clip.fps)
    except ValueError as error:
        raise UsageError(str(error)) from error
    stop.check()
    with edit(clip, args) as scene:
        scene.frame_start, scene.frame_end = start, end
        Focus(next(strip for strip, _modifier in modifier.in_scene(scene))).write(keys)
        say(
            f"{clip.width}x{clip.height}, {clip.fps:g} fps, frames {start}-{end}:"
            f" {from_m:.3g} m to {to_m:.3g} m,"
            f" {args.feel.lower()}, from frame {at} over {over:g}"
        )
        output.render(scene, target, stop, has_sound=clip.has_sound)
        if args.blend:
            save_blend(scene, args.blend)


def find_depth(args: argparse.Namespace, clip: Clip, frames: tuple[int, int], stop: Stop) -> None:
    """See to it that the clip has depth from the first to the last of these frames: that which is named, its own, or
    an estimate; says which."""
    if not args.depth and not _has_depth(clip, args.depth_layer):
        _estimate(args, clip, *frames, stop)
    stop.check()
    if clip.note:
        say(clip.note)
    if args.depth:
        _say_pairing(args, clip)


def _has_depth(clip: Clip, layer: str) -> bool:
    """Whether the clip's own files carry depth."""
    if clip.is_movie or clip.files[0].suffix.lower() != ".exr":
        return False
    return bool(layer or media.stills.depth_layers(clip.files[0]))


def _estimate(args: argparse.Namespace, clip: Clip, start: int, end: int, stop: Stop) -> None:
    """Estimate the depth of the frames to render into the user's cache, and set the arguments to use it."""
    say("the clip has no depth (name one with --depth): it is estimated")
    stream = pairing.further_stream(pairing.Clip((str(clip.files[0]),))) if clip.is_movie else None
    if stream is not None:
        say(f"it has another video stream: if that is depth, --depth {clip.files[0].name} --depth-stream {stream}")
    still = not clip.is_movie and len(clip.files) == 1
    indices = [0] if still else range(start - 1, end)
    settings = EstimateSettings(estimated.network_of(args), parallax=_camera(args))
    told = repr((os.path.abspath(clip.files[0]), settings, args.source, (indices[0], indices[-1])))
    key = hashlib.blake2b(told.encode(), digest_size=5).hexdigest()
    folder = cache.depth_folder(clip.files[0].stem, key)
    named = {index: folder / f"{INDEXED}{index:06d}.exr" for index in indices}
    try:
        provenance, _report = estimated.estimate(clip, named, settings, args.source, cancelled=stop.is_asked)
    except CommandError as error:
        stop.check()
        raise CommandError(f"{error} Or name the clip's depth with --depth.") from error
    estimated.describe(provenance)
    args.depth, args.depth_kind, args.depth_layer = str(folder / f"{INDEXED}######.exr"), provenance.kind, ""
    args.black_near = args.linear_z = False
    if not provenance.metric:
        near_m, far_m = args.near or frame_depth.NEAR_M, args.far or frame_depth.FAR_M
        say(f"relative depth: read as {near_m:.3g} m to {far_m:.3g} m (set with --near and --far)")


def _camera(args: argparse.Namespace) -> ParallaxSettings:
    """The lens of the shot, where it was named."""
    if args.lens is None:
        return ParallaxSettings()
    return ParallaxSettings(args.lens, args.sensor or 36.0, focal_known=True)


@contextmanager
def edit(clip: Clip, args: argparse.Namespace) -> Iterator[Any]:
    """A scene whose sequencer holds the clip with a Rack Focus modifier, set as the arguments say.

    Leaves Blender as it was on the way out: the window's scene, and no scene of ours.
    """
    ensure_registered()
    window = bpy.context.window
    before = window.scene, window.workspace.sequencer_scene
    scene = _new_scene(clip, args.view)
    window.scene = window.workspace.sequencer_scene = scene
    try:
        _add_modifier(_add_strip(scene, clip), args)
        yield scene
    finally:
        window = bpy.context.window
        window.scene, window.workspace.sequencer_scene = before
        bpy.data.scenes.remove(scene)


def ensure_registered() -> None:
    """The add-on is at work: Blender enabled it, or this process (the bpy module) registers it now.

    Then the file is ours alone as well, and starts as Blender's video editing template.
    """
    if not hasattr(bpy.types, "RACKFOCUS_OT_modifier_add"):
        bpy.ops.wm.read_homefile(app_template="Video_Editing", use_factory_startup=True)
        register()


def save_blend(scene: Any, path: Path) -> None:
    """Save the edit alone as a .blend with relative paths."""
    scene.render.filepath = "//render/"
    blend.save(path.absolute(), compress=True)


def _new_scene(clip: Clip, view: str) -> Any:
    scene = bpy.data.scenes.new("Rack Focus")
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = clip.width, clip.height, 100
    render.fps = max(1, math.ceil(clip.fps - 1e-6))
    render.fps_base = render.fps / clip.fps
    try:
        scene.view_settings.view_transform = view
    except TypeError as error:
        bpy.data.scenes.remove(scene)
        raise UsageError(f"--view: Blender has no view transform {view!r}") from error
    return scene


def _add_strip(scene: Any, clip: Clip) -> Any:
    strips = scene.sequence_editor_create().strips
    first = clip.files[0]
    if clip.is_movie:
        strip = strips.new_movie(name=first.stem, filepath=str(first), channel=1, frame_start=1, fit_method="ORIGINAL")
        if clip.has_sound:
            strips.new_sound(name=f"{first.stem} sound", filepath=str(first), channel=2, frame_start=1)
    else:
        strip = strips.new_image(name=first.stem, filepath=str(first), channel=1, frame_start=1, fit_method="ORIGINAL")
        for following in clip.files[1:]:
            strip.elements.append(following.name)
        if len(clip.files) == 1:
            strip.right_handle = 1 + clip.frames
    return strip


def _add_modifier(strip: Any, args: argparse.Namespace) -> None:
    depth = {"depth_source": "FILE", "depth_path": str(Path(args.depth).absolute())} if args.depth else {}
    bpy.ops.rackfocus.modifier_add(strip_name=strip.name, start=False, **depth)
    strip.rackfocus_depth_kind = args.depth_kind
    strip.rackfocus_depth_layer = args.depth_layer
    strip.rackfocus_depth_stream = args.depth_stream
    strip.rackfocus_white_near = not args.black_near
    strip.rackfocus_fit_depth = not args.no_fit
    strip.rackfocus_uncover = not args.no_look_behind
    strip.rackfocus_depth_ramp = "LINEAR_Z" if args.linear_z else "INVERSE_Z"
    for name, value in (("near_m", args.near), ("far_m", args.far), ("depth_scale", args.depth_scale)):
        if value is not None:
            setattr(strip, f"rackfocus_{name}", value)
    rack_modifier = modifier.find(strip)
    chosen = {
        "Focal Length": args.lens,
        "F-Stop": args.f_stop,
        "Sensor Width": args.sensor,
        "Blades": args.blades,
        **dict(args.set),
    }
    for name, value in chosen.items():
        if value is None:
            continue
        try:
            socket = modifier.socket(rack_modifier, name)
        except KeyError as error:
            raise UsageError(f"--set: there is no input {name!r}; there are {', '.join(NAMES)}") from error
        socket.value = type(socket.value)(value)


def _range(args: argparse.Namespace, clip: Clip) -> tuple[int, int]:
    start = 1 if args.start is None else args.start
    end = clip.frames if args.end is None else args.end
    if not 1 <= start <= end <= clip.frames:
        raise UsageError(f"--start {start} --end {end}: the clip has frames 1 to {clip.frames}")
    return start, end


def _focus(args: argparse.Namespace, clip: Clip, before: int, after: int) -> tuple[float, float]:
    """The two distances: as asked, else foreground before the pull and background after it. Says what it took."""
    from_m, to_m = args.from_m, args.to_m
    depth_before = _depth_m(args, clip, before)  # read in any case: a clip without depth is found before rendering
    try:
        if from_m is None:
            from_m = subjects.depth_modes(depth_before)[0]
            say(f"focus before: the foreground, {from_m:.3g} m (set it with --from)")
        if to_m is None:
            to_m = subjects.depth_modes(_depth_m(args, clip, after))[1]
            say(f"focus after: the background, {to_m:.3g} m (set it with --to)")
    except ValueError as error:
        raise CommandError(f"the depth has no foreground to start from: {error}") from error
    return from_m, to_m


def _depth_m(args: argparse.Namespace, clip: Clip, frame: int) -> np.ndarray:
    """Depth of a clip frame in metres, read as the strip will read it."""
    picture, index = clip.frame_file(frame)
    path, at = str(picture), index
    try:
        if args.depth:
            path, at = _pairing(args, clip).of(clip.place(frame))
        elif clip.is_movie:
            raise UsageError(f"{picture.name} carries no depth: name it with --depth")
        raw = media.read_raw_depth(path, at, args.depth_layer or None, args.depth_stream)
        meaning = _meaning(args, clip)
        say(f"depth: {depth_words.sentence(raw, meaning)}")
        window = None if clip.is_movie else media.window_of(picture)
        return frame_depth.in_metres(raw, meaning.convention, (clip.height, clip.width), window)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _meaning(args: argparse.Namespace, clip: Clip) -> frame_depth.Meaning:
    """What the depth's numbers mean: as asked, else guessed from the first frame, as the strip does."""
    near, far = args.near or frame_depth.NEAR_M, args.far or frame_depth.FAR_M
    if args.depth_kind == "AUTO":
        file, at = _pairing(args, clip).first if args.depth else (str(clip.files[0]), 0)
        first = stamped(file, at, args.depth_stream if args.depth else 0)
        return frame_depth.meaning_of(first, args.depth_layer, near, far)
    convention = DepthConvention(
        kind=args.depth_kind,
        near_m=near,
        far_m=far,
        white_near=not args.black_near,
        ramp="LINEAR_Z" if args.linear_z else "INVERSE_Z",
        scale=args.depth_scale or 1.0,
    )
    return frame_depth.Meaning(convention, "as set")


def _pairing(args: argparse.Namespace, clip: Clip) -> pairing.Pairing:
    return pairing_of(clip, args.depth, stream=args.depth_stream, layer=args.depth_layer)


def _say_pairing(args: argparse.Namespace, clip: Clip) -> None:
    paired = _pairing(args, clip)
    say(f"depth: {paired.sentence}")
    if paired.doubtful:
        say("check that this depth is meant: name one file, or the sequence with #, to take another")


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return number


def _distance(text: str) -> float:
    metres = float(text)
    if not metres > 0:
        raise argparse.ArgumentTypeError(f"{text} is not a distance above 0 m")
    return metres


def _setting(text: str) -> tuple[str, float]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text} is not NAME=VALUE")
    return name.strip(), float(value)
