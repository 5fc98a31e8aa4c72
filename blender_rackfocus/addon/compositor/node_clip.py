# SPDX-License-Identifier: GPL-3.0-or-later
"""The clip that feeds a Rack Focus node: which files it shows at a frame, and what the frames beside show of what its
picture hides.

The frames beside are read from their files, as a strip's are. Blender's own way to the node's picture is longer
(layers, colour, mapping of frames), so the frame in hand is read likewise and held against what Blender gave: where the
two are not the same picture and depth, nothing is looked for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ...frame import Behind, behind, inputs
from ...frame.job import Beside, Job, stamped
from ...media import MediaError, RawDepth, read_frame
from ...media.colour import OcioConfig
from ..blender import colour_config, idnames
from ..blender.session import session
from ..depth import touches, upstream
from ..shot import node
from . import node_values

_LINK = "link an Image or Movie Clip node right to the node"
_RENDERED = "The picture is rendered"
_PICTURES = {node.IMAGE, "Combined"}
_SAME = 0.01
"""Mean difference of display-encoded pictures, and of depths as a share, up to which they are the same: decoders'."""


@dataclass(frozen=True, eq=False)
class Came:
    """What came into a node at a frame. picture: (H, W, 4) float32, premultiplied. depth_m: (H, W) float32, metres."""

    picture: np.ndarray
    depth: RawDepth
    depth_m: np.ndarray
    values: dict[str, float]


def shown(tree_node: bpy.types.Node, frame: int) -> tuple[str, int]:
    """The file that an Image or Movie Clip node shows at a frame, '' for none, and which of its frames, 0 the first."""
    if tree_node.bl_idname == idnames.MOVIE_CLIP:
        clip = tree_node.clip
        path, number = _path_of(clip), frame - clip.frame_start + clip.frame_offset
        if clip.source == "SEQUENCE":
            return numbered(path, _digits(path) + number), 0
        return (path, number) if 0 <= number < clip.frame_duration else ("", 0)
    image, number = tree_node.image, image_number(tree_node, frame)
    if image.source == "MOVIE":
        return _path_of(image), min(max(number, 1), max(image.frame_duration, 1)) - 1
    return numbered(_path_of(image), number) if image.source == "SEQUENCE" else _path_of(image), 0


def image_number(tree_node: bpy.types.Node, frame: int) -> int:
    """The number of the frame that an Image node shows at a frame (`BKE_image_user_frame_get`)."""
    at, length = frame - tree_node.frame_start + 1, tree_node.frame_duration
    if tree_node.use_cyclic and length:
        at = at % length or length
    return min(max(at, 0), length) + tree_node.frame_offset


_NUMBER = re.compile(r"\d+(?=\D*$)")


def numbered(path: str, number: int) -> str:
    """A sequence's file with another number in its name."""
    folder, name = os.path.split(path)
    match = _NUMBER.search(name)
    if match is None:
        return path
    return os.path.join(folder, name[: match.start()] + str(number).zfill(len(match.group())) + name[match.end() :])


def problem_of(rack_node: bpy.types.Node) -> str:
    """Why nothing can be found in the frames beside a node's; empty where it can."""
    problem, depth = clip_problem_of(rack_node), node.origin(rack_node.inputs[node.DEPTH])
    if problem or (depth is not None and _is_on_disk(depth)):
        return problem.replace(_RENDERED, f"{_RENDERED}, and so would be the frames beside: use Render Behind")
    return "The depth does not come right from a file: link the node of its file to Depth"


def clip_problem_of(rack_node: bpy.types.Node) -> str:
    """Why other frames of a node's picture cannot be read; empty where they can."""
    picture = node.origin(rack_node.inputs[node.IMAGE])
    if picture is None:
        return f"No picture is linked to Image: {_LINK}"
    if _is_rendered(picture):
        return _RENDERED
    if not _is_on_disk(picture) or picture.name not in _PICTURES:
        return f"The picture comes through other nodes, or is not on disk: {_LINK}"
    if picture.node.bl_idname == idnames.IMAGE and picture.node.image.source == "FILE":
        return "The picture is a still: no frames are beside it"
    return ""


def looks(rack_node: bpy.types.Node) -> bool:
    """Whether what a node's picture hides is to be looked for in the frames beside."""
    return rack_node.rackfocus_uncover and not problem_of(rack_node)


def beside(rack_node: bpy.types.Node, frame: int) -> tuple[Beside, ...]:
    """The frames beside a node's that are looked into; none where it does not look."""
    if not looks(rack_node):
        return ()
    return behind.around(lambda offset: _beside(rack_node, frame, offset))


def found(scene: bpy.types.Scene, rack_node: bpy.types.Node, frame: int, came: Came) -> tuple[Behind | None, str]:
    """What the frames beside show of what a node's picture hides, None for nothing; and that in words."""
    job = _job(scene, rack_node, frame, came)
    if not job.beside:
        return None, "No frames beside this one can be looked into"
    clips = session.part(behind.Clips)
    try:
        same = _is_same(came, *clips.read(job))
    except (MediaError, ValueError):
        same = False  # Blender reads it otherwise
    if not same:
        return None, "The clip's files do not show what reaches the node: the frames beside are not looked into"
    what = clips.behind(job)
    if what is None:
        return None, "The frames beside show nothing of what is hidden here"
    return what, f"Found in the frames beside: what lies behind {100 * float(what.known.mean()):.1f} % of the picture"


@dataclass(frozen=True)
class _Frames:
    """Frames of a node's clip, to be read off the main thread. files: which, in each which frame."""

    files: tuple[tuple[str, int], ...]
    colorspace: str
    alpha_mode: str
    colour: OcioConfig

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, at: int) -> np.ndarray:
        return read_frame(*self.files[at], self.colorspace, self.alpha_mode, ocio_config=self.colour)

    def close(self) -> None:
        """Nothing is held open."""


def follow_task(rack_node: bpy.types.Node, scene: bpy.types.Scene, numbers: Iterable[int]) -> touches.Task:
    """Strokes on a node to follow over the scene's frames. Raises ValueError where its picture is no clip."""
    problem = clip_problem_of(rack_node)
    if problem:
        raise ValueError(f"Strokes on this node are for one frame each: {problem}")
    held = touches.held_of(rack_node, numbers)
    drawn = {stroke.frame for stroke in held}
    span = range(min(scene.frame_start, *drawn), max(scene.frame_end, *drawn) + 1)
    source = node.origin(rack_node.inputs[node.IMAGE])
    files = tuple(shown(source.node, frame) for frame in span)
    wanted = tuple(frame for frame, file in zip(span, files, strict=True) if stamped(*file).stamp is not None)
    colorspace, alpha_mode = _reading_of(source.node)
    frames = _Frames(files, colorspace, alpha_mode, colour_config.of(scene))
    return touches.Task(frames, wanted, held, span.start)


def _beside(rack_node: bpy.types.Node, frame: int, offset: int) -> Beside:
    picture, depth = (node.origin(rack_node.inputs[name]).node for name in (node.IMAGE, node.DEPTH))
    at = frame + offset
    return Beside(offset, stamped(*shown(picture, at)), stamped(*shown(depth, at)), touches.on(rack_node, at))


def _job(scene: bpy.types.Scene, rack_node: bpy.types.Node, frame: int, came: Came) -> Job:
    picture, depth = (node.origin(rack_node.inputs[name]) for name in (node.IMAGE, node.DEPTH))
    here = _beside(rack_node, frame, 0)
    colorspace, alpha_mode = _reading_of(picture.node)
    return Job(
        picture=here.picture,
        colorspace=colorspace,
        alpha_mode=alpha_mode,
        depth=here.depth,
        layer="" if depth.name in _PICTURES else _layer(depth),
        convention=node_values.convention_of(rack_node, came.depth),
        reference=None,
        near_m=rack_node.rackfocus_near_m,
        far_m=rack_node.rackfocus_far_m,
        values=tuple(float(np.float32(came.values[name])) for name in inputs.NAMES),
        grade=(1.0, 1.0, False),
        draft=False,
        colour=colour_config.of(scene),
        fit_depth=rack_node.rackfocus_fit_depth,
        touches=here.touches,
        beside=beside(rack_node, frame),
    )


def _reading_of(tree_node: bpy.types.Node) -> tuple[str, str]:
    """Colour space and alpha mode, as `read_frame` takes them, of a node that shows files."""
    held = _held(tree_node)
    mode = getattr(held, "alpha_mode", "")
    return held.colorspace_settings.name, mode if mode in {"STRAIGHT", "PREMUL"} else "STRAIGHT"


def _layer(source: bpy.types.NodeSocket) -> str:
    layer = source.node.layer if getattr(source.node, "has_layers", False) else ""
    return f"{layer}.{source.name}" if layer else source.name


def _is_same(came: Came, picture: np.ndarray, depth_m: np.ndarray) -> bool:
    """Whether what was read of the files is what came into a node, but for the decoder's last bits."""
    if picture.shape != came.picture.shape:
        return False
    shown_so, shown_here = (np.sqrt(plane[::4, ::4, :3].clip(0)) for plane in (picture, came.picture))
    with np.errstate(divide="ignore"):
        near_so, near_here = (np.float32(1) / plane[::4, ::4] for plane in (depth_m, came.depth_m))
    apart = float(np.abs(near_so - near_here).mean())
    return float(np.abs(shown_so - shown_here).mean()) < _SAME and apart <= _SAME * float(near_here.mean())


def _is_rendered(source: bpy.types.NodeSocket) -> bool:
    kind = source.node.bl_idname
    return kind in {idnames.RENDER_LAYERS, idnames.GROUP_INPUT} or upstream.STAND_IN_SCENE in source.node


def _is_on_disk(source: bpy.types.NodeSocket) -> bool:
    """Whether a socket is that of a node that shows files."""
    held = _held(source.node)
    if held is None or _is_rendered(source) or not held.filepath:
        return False
    packed = getattr(held, "packed_file", None) is not None or getattr(held, "is_dirty", False)
    return held.source in {"FILE", "SEQUENCE", "MOVIE"} and not packed


def _held(tree_node: bpy.types.Node) -> Any:
    """The image or movie clip of a node that shows one; None for other nodes."""
    attribute = {idnames.IMAGE: "image", idnames.MOVIE_CLIP: "clip"}.get(tree_node.bl_idname, "")
    return getattr(tree_node, attribute, None)


def _path_of(held: bpy.types.Image | bpy.types.MovieClip) -> str:
    return bpy.path.abspath(held.filepath, library=held.library)


def _digits(path: str) -> int:
    match = _NUMBER.search(os.path.basename(path))
    return int(match.group()) if match is not None else 0
