# SPDX-License-Identifier: GPL-3.0-or-later
"""What the window's compositor shows of Rack Focus nodes between renders, without rendering the 3D scene again.

A render leaves what came into each node (`Kept`) in memory, frame by frame, the oldest going first. From it a node's
image is filled anew when its focus or lens changes, or when the timeline comes to another frame that is kept: off the
main thread, the newest wish only. It is the whole picture, because the window's own compositor has nothing to show for
Render Layers: the scene was rendered by its copy. Where nothing is kept, the node says so (`word_of`) and shows
nothing, never another frame.

What nodes between a Render Layers node and a Rack Focus node do is kept as it was rendered; of another Rack Focus node
right before it, the preview follows the changes.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import bpy
import numpy as np

from ...frame import DepthConvention, coding, inputs
from ...frame import depth as frame_depth
from ...frame.job import Made
from ...frame.make import Region, make_of_picture
from ...frame.memory import Memory
from ...frame.rendered import NOTHING, Rendered, left_out
from ...media import RawDepth
from ..blender import versions
from ..blender.errors import FrameError
from ..blender.session import session
from ..depth import passes, touches
from ..shot import camera_lens, group, node, pixels
from . import node_values

_POLL_S = 0.03
_NO_PASSES = "no passes"


@dataclass(frozen=True, eq=False)
class Kept:
    """What a render brought to a node at a frame.

    picture: (H, W, 4) float32, top row first. depth: None where none arrived. values: the inputs as they were.
    own_camera: it is seen by the camera of the scene that the node is in. rendered: what was rendered besides, without
    the objects of these names. ends_m: how far all objects reach, where that was asked.
    """

    picture: np.ndarray
    depth: RawDepth | None
    values: dict[str, float]
    region: Region | None
    own_camera: bool
    rendered: Rendered = NOTHING
    names: tuple[str, ...] = ()
    ends_m: dict[str, float] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        depth_bytes = self.depth.values.nbytes if self.depth is not None else 0
        return self.picture.nbytes + depth_bytes + self.rendered.size_bytes

    def left_out(self, values: dict[str, float]) -> tuple[str, ...]:
        """The objects without which these values want what is hidden rendered."""
        return left_out(self.ends_m, values, self.picture.shape[1])

    def rendered_for(self, values: dict[str, float]) -> Rendered:
        """What was rendered besides and is of use with these values."""
        return self.rendered if self.left_out(values) == self.names else replace(self.rendered, behind=None)


@dataclass(frozen=True)
class Wish:
    """What an image is to show: what is kept, seen with these values. convention: what the depth's numbers mean.
    before: the Rack Focus node whose result is the picture, if one is right before it. fit: the depth is made to fit
    the picture. strokes: that correct it."""

    kept: Kept
    values: tuple[float, ...]
    convention: DepthConvention | None
    before: Wish | None = None
    fit: bool = False
    strokes: tuple[Any, ...] = ()

    def picture(self) -> np.ndarray:
        """The whole picture: (H, W, 4) float32, top row first. Raises ValueError."""
        came = self.before.picture() if self.before is not None else self.kept.picture
        values = dict(zip(inputs.NAMES, self.values, strict=True))
        if inputs.is_idle(values):
            return came
        if self.kept.depth is None or self.convention is None:
            raise ValueError("no depth is linked to Depth")
        depth_m, _fit = frame_depth.on_picture(self.kept.depth, self.convention, came, self.fit, touches=self.strokes)
        rendered = self.kept.rendered_for(values)
        return _whole(came, make_of_picture(came, depth_m, values, self.kept.region, rendered))


@dataclass
class _Preview:
    """kept: by image (`session_uid`) and frame. wishes: not yet begun, by image. running: what is being made.
    meant: what was said last of a depth, and for what."""

    kept: Memory[tuple[int, float], Kept] = field(default_factory=lambda: Memory(lambda kept: kept.size_bytes))
    wishes: dict[int, Wish] = field(default_factory=dict)
    running: tuple[int, Wish, Future[np.ndarray]] | None = None
    problems: dict[int, str] = field(default_factory=dict)
    meant: tuple[tuple[Kept, DepthConvention, str], str] | None = None
    pool: ThreadPoolExecutor | None = None

    def close(self) -> None:
        for timer in (_pump, _refresh_once):
            if bpy.app.timers.is_registered(timer):
                bpy.app.timers.unregister(timer)
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=True)


def _preview() -> _Preview:
    return session.part(_Preview)


def is_wanted() -> bool:
    """Whether there is a window to show anything in."""
    return not bpy.app.background


def keep(image: bpy.types.Image, frame: float, kept: Kept) -> None:
    """Keep what came into the node with this image at a frame."""
    _preview().kept.keep((image.session_uid, frame), kept)


def as_rendered(rack_node: bpy.types.Node, kept: Kept, frame: int) -> Wish:
    """What a node shows in the render that brought this at a frame."""
    return _wish_of(rack_node, kept, frame, kept.values)


def leave(image: bpy.types.Image, wish: Wish, made: Made | None) -> None:
    """After a render: what it showed, whole."""
    _fill(image, _whole(wish.kept.picture, made), wish)


def _wish_of(
    rack_node: bpy.types.Node, kept: Kept, frame: int, values: dict[str, float], before: Wish | None = None
) -> Wish:
    convention = node_values.convention_of(rack_node, kept.depth) if kept.depth is not None else None
    numbers = tuple(values[name] for name in inputs.NAMES)
    return Wish(kept, numbers, convention, before, rack_node.rackfocus_fit_depth, touches.on(rack_node, frame))


def word_of(scene: bpy.types.Scene, rack_node: bpy.types.Node) -> str:
    """What a node has to say of its preview; empty when it shows what a render would."""
    slots = [each for each in versions.slots(scene) if each.tree == rack_node.id_data]
    image = group.image_of(rack_node.node_tree)
    if rack_node.mute or image is None:
        return ""
    if not slots:
        return "Not in a tree that renders show: no passes"
    if len(slots) > 1:
        return "Two effects share this tree: the preview has the last one's focus, renders have both"
    preview, frame = _preview(), scene.frame_current_final
    kept = preview.kept.get((image.session_uid, frame))
    if kept is not None:
        other = rack_node.rackfocus_lens == "CAMERA" and not kept.own_camera
        wanted = kept.left_out(_values(scene, slots[0], rack_node, kept)) if kept.ends_m else ()
        if wanted and wanted != kept.names:
            return "What is hidden at this focus is not rendered yet: render it (F12)"
        of_lens = "The camera is another scene's: its lens is as it was rendered" if other else ""
        return preview.problems.get(image.session_uid, of_lens)
    if any(uid == image.session_uid for uid, _ in preview.kept):
        return f"No passes of frame {frame:g} yet: render it (F12)"
    return "No passes yet: render (F12)"


def meaning_told(scene: bpy.types.Scene, rack_node: bpy.types.Node) -> str:
    """What the numbers of a node's depth are taken for on the frame that shows, by its settings as they are now; empty
    where no depth of that frame is kept, or the settings cannot be."""
    preview, image = _preview(), group.image_of(rack_node.node_tree)
    kept = preview.kept.get((image.session_uid, scene.frame_current_final)) if image is not None else None
    if kept is None or kept.depth is None:
        return ""
    try:
        of = kept, node_values.convention_of(rack_node, kept.depth), rack_node.rackfocus_depth_kind
    except ValueError:
        return ""  # `word_of` says so
    if preview.meant is None or preview.meant[0] != of:
        preview.meant = of, node_values.meaning_told(rack_node, kept.depth, of[1])
    return preview.meant[1]


# --- Filling ---------------------------------------------------------------------------------------------------------


def refresh() -> None:
    """Have every node in the windows' scenes show its frame. Does nothing where nothing was rendered yet."""
    preview = _preview()
    if not is_wanted() or bpy.app.is_job_running("RENDER"):
        return
    scenes = list(dict.fromkeys(window.scene for window in bpy.context.window_manager.windows))
    for scene in scenes:
        if any(node.active_in(tree) for tree in versions.scene_trees(scene)):
            versions.keep_frames_cache_off(scene)
    if not preview.kept:
        return
    wished: dict[int, Wish] = {}
    for scene in scenes:
        for slot in versions.slots(scene):
            _wish(scene, slot, wished)
    busy = {preview.running[0]: preview.running[1]} if preview.running is not None else {}
    preview.wishes = {uid: wish for uid, wish in wished.items() if busy.get(uid) != wish}
    if preview.wishes and not bpy.app.timers.is_registered(_pump):
        bpy.app.timers.register(_pump)


def refresh_soon() -> None:
    """`refresh` from the main thread, when it comes to it."""
    if is_wanted() and not bpy.app.timers.is_registered(_refresh_once):
        bpy.app.timers.register(_refresh_once)


def _refresh_once() -> None:
    refresh()


def is_busy() -> bool:
    """Whether some node does not show yet what it is to show."""
    preview = _preview()
    return bool(preview.wishes) or preview.running is not None


def settle() -> None:
    """Wait until every node shows what it is to show."""
    preview = _preview()
    while is_busy():
        if preview.running is not None:
            preview.running[2].exception()
        _pump()


def _wish(scene: bpy.types.Scene, slot: versions.Slot, wished: dict[int, Wish]) -> None:
    """What the nodes of a tree are to show, each after those that feed it."""
    preview = _preview()
    by_name: dict[str, Wish] = {}
    for rack_node in node.active_in(slot.tree):
        image = group.image_of(rack_node.node_tree)
        if image is None or image.library is not None:
            continue
        kept = preview.kept.get((image.session_uid, scene.frame_current_final))
        if kept is None:
            if any(uid == image.session_uid for uid, _ in preview.kept) and not pixels.holds(image, _NO_PASSES):
                pixels.empty(image, _NO_PASSES)
            continue
        source = node.origin(rack_node.inputs[node.IMAGE])
        before = by_name.get(source.node.name) if source is not None else None
        values = _values(scene, slot, rack_node, kept)
        try:
            wish = _wish_of(rack_node, kept, scene.frame_current, values, before)
        except ValueError as error:  # settings that cannot be, or a damaged stroke
            preview.problems[image.session_uid] = str(error)
            continue
        by_name[rack_node.name] = wish
        if pixels.holds(image, wish):
            preview.problems.pop(image.session_uid, None)
        else:
            wished[image.session_uid] = wish


def _values(scene: bpy.types.Scene, slot: versions.Slot, rack_node: bpy.types.Node, kept: Kept) -> dict[str, float]:
    values = node_values.of(
        scene, slot, slot.tree, rack_node, rack_node, scene.frame_current_final, kept.values.__getitem__
    )
    if rack_node.rackfocus_lens != "CAMERA":
        return values
    camera = passes.camera_at(scene, scene.frame_current) if kept.own_camera else None
    names = camera_lens.NAMES
    if camera is None:
        return values | {name: kept.values[name] for name in names}
    try:
        depsgraph = bpy.context.evaluated_depsgraph_get()
        return values | camera_lens.values_of(camera.evaluated_get(depsgraph), scene.render)
    except FrameError:
        return values | {name: kept.values[name] for name in names}


def _pump() -> float | None:
    """Fetch what was made, and begin what is wished next."""
    preview = _preview()
    if bpy.app.is_job_running("RENDER"):
        return _POLL_S
    if preview.running is not None:
        uid, wish, future = preview.running
        # The compositor reads the images in a thread of its own.
        if not future.done() or bpy.app.is_job_running("COMPOSITE"):
            return _POLL_S
        preview.running = None
        _take(uid, wish, future)
    if preview.wishes:
        uid = next(iter(preview.wishes))
        wish = preview.wishes.pop(uid)
        if preview.pool is None:
            preview.pool = ThreadPoolExecutor(1, "Rack Focus preview")
        preview.running = uid, wish, preview.pool.submit(wish.picture)
        return _POLL_S
    return None


def _take(uid: int, wish: Wish, future: Future[np.ndarray]) -> None:
    preview = _preview()
    image = next((one for one in bpy.data.images if one.session_uid == uid), None)
    preview.problems.pop(uid, None)
    try:
        picture = future.result()
    except ValueError as error:
        preview.problems[uid] = str(error)
        return
    if image is not None:
        _fill(image, picture, wish)


def _fill(image: bpy.types.Image, picture: np.ndarray, wish: Wish) -> None:
    flat = coding.encoded(picture, np.ones(picture.shape[:2], bool))
    assert flat is not None  # all of it counts
    pixels.fill(image, picture.shape[1], picture.shape[0], flat, wish)


def _whole(picture: np.ndarray, made: Made | None) -> np.ndarray:
    """A picture with what was made of it."""
    shown = np.array(picture, np.float32)
    if made is not None and made.flat is not None:
        with_focus, counts = coding.decode(made.flat, made.width, made.height)
        shown[counts] = with_focus[counts]
    return shown
