# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards: depth set by hand. Blender masks with a distance each, over a background that may be a ramp.

Masks are drawn by Blender itself: a scene of ours that holds nothing but a Mask strip is rendered for each mask, so
that feather, animated shapes, parents and tracks are exactly what Blender's own Mask strip shows. What was drawn is
kept until something it is made of changes. The finished depth lies in a file in metres: the rest of a frame's way is
that of any depth file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass, field

import bpy
import cv2
import numpy as np

from ...craft import cards
from ...estimate import Provenance
from ...estimate.files import write_depth
from ...frame.memory import Memory
from ...media import MediaError, is_movie, movies
from ...media.colour import linear_to_srgb
from ...media.library import openimageio
from ..blender import errors, signals, strips
from ..blender.errors import FrameError
from ..blender.properties import of_pixels
from ..blender.runtime import RUNTIME_MARK, runtime
from ..blender.session import session
from ..blender.written import write_as
from . import mattes

SCENE_NAME = "Rack Focus Cards"
DRAFT_WIDTH = 960


@dataclass
class _Kept:
    """drawn: masks, by mask, frame and size. folder: of this process, gone with it; none before it is needed."""

    drawn: Memory[tuple[int, int, int, int], np.ndarray] = field(
        default_factory=lambda: Memory(lambda mask: mask.nbytes)
    )
    folder: tempfile.TemporaryDirectory | None = None

    def forget(self) -> None:
        """Masks may have changed."""
        self.drawn.clear()

    def close(self) -> None:
        """The folder goes."""
        if self.folder is not None:
            self.folder.cleanup()


def _kept() -> _Kept:
    return session.part(_Kept)


class RACKFOCUS_PG_card(bpy.types.PropertyGroup):
    """A mask, or a subject's matte, and its distance."""

    mask: bpy.props.PointerProperty(
        name="Mask", description="What stands at this distance", type=bpy.types.Mask, update=signals.redraw
    )
    distance_m: bpy.props.FloatProperty(
        name="Distance",
        description="Distance of the card from the camera, in metres",
        subtype="DISTANCE",
        default=2.0,
        min=0.01,
        soft_max=1000.0,
        update=signals.redraw,
    )
    matte: bpy.props.StringProperty(
        name="Matte",
        description="Folder with the subject's matte for every frame, made from what was drawn over it",
        subtype="DIR_PATH",
        update=signals.redraw,
    )
    strokes: bpy.props.StringProperty(name="Strokes", description="What was drawn over the subject", options={"HIDDEN"})
    ground: bpy.props.FloatProperty(
        name="Ground",
        description="How fast the ground it stands on comes nearer down the picture; 0 for no ground. The ground's "
        "horizon lies 1/this picture heights above the subject's feet",
        default=0.0,
        min=0.0,
        soft_max=5.0,
        update=signals.redraw,
    )
    soft: bpy.props.FloatProperty(
        name="Soft Edge",
        description="How soft its edge in depth is, in percent of the picture's width",
        subtype="PERCENTAGE",
        default=0.0,
        min=0.0,
        soft_max=5.0,
        max=50.0,
        update=signals.redraw,
    )


PROPERTIES = {
    "rackfocus_cards": bpy.props.CollectionProperty(
        type=RACKFOCUS_PG_card, name="Cards", description="Masks, each with its distance; the nearest lies on top"
    ),
    "rackfocus_cards_active": bpy.props.IntProperty(name="Active Card", min=0, options=set()),
    "rackfocus_cards_time": of_pixels(
        bpy.props.EnumProperty,
        "Mask Time",
        "Which frame of the masks' animation a frame shows",
        items=(
            ("ABSOLUTE", "Scene Frame", "Masks are animated in the scene's frames"),
            ("RELATIVE", "Strip Frame", "The masks' first frame is the strip's first"),
        ),
    ),
    "rackfocus_back_from_m": of_pixels(
        bpy.props.FloatProperty,
        "Background From",
        "Distance of the background at the ramp's start, in metres",
        subtype="DISTANCE",
        default=2.0,
        min=0.01,
        soft_max=1000.0,
    ),
    "rackfocus_back_to_m": of_pixels(
        bpy.props.FloatProperty,
        "To",
        "Distance of the background at the ramp's end, in metres; the same for a flat wall",
        subtype="DISTANCE",
        default=10.0,
        min=0.01,
        soft_max=10000.0,
    ),
    "rackfocus_back_start": of_pixels(
        bpy.props.FloatVectorProperty,
        "Ramp Start",
        "Where the ramp begins, in shares of width and height from the top left",
        size=2,
        default=(0.5, 1.0),
        soft_min=0.0,
        soft_max=1.0,
    ),
    "rackfocus_back_end": of_pixels(
        bpy.props.FloatVectorProperty,
        "Ramp End",
        "Where the ramp ends, in shares of width and height from the top left",
        size=2,
        default=(0.5, 0.4),
        soft_min=0.0,
        soft_max=1.0,
    ),
}


def depth_file(shown: strips.Shown, picture: strips.MediaFrame, draft: bool) -> str:
    """The file with the depth that a strip's cards make at a frame, in metres. Main thread, or a render's.

    draft: at most DRAFT_WIDTH across. Raises FrameError for a card without a mask, MediaError, ValueError.
    """
    strip = shown.strip
    width, height = _size_of(picture)
    if draft and width > DRAFT_WIDTH:
        width, height = DRAFT_WIDTH, max(1, round(height * DRAFT_WIDTH / width))
    cards_made = []
    for number, card in enumerate(strip.rackfocus_cards, 1):
        mask = _mask_of(card, number, shown, picture, width, height)
        cards_made.append(cards.Card(mask, card.distance_m, card.ground, card.soft / 100))
    depth_m = cards.compose(cards_made, background(strip), height, width)
    return _keep(depth_m, provenance(strip))


def _mask_of(
    card: RACKFOCUS_PG_card, number: int, shown: strips.Shown, picture: strips.MediaFrame, width: int, height: int
) -> np.ndarray:
    """What a card covers, by its Blender mask, its matte, or both."""
    masks = []
    if card.mask is not None:
        masks.append(draw(card.mask, mask_frame(shown.strip, shown, card.mask), width, height))
    if card.matte:
        matte = mattes.read(bpy.path.abspath(card.matte), picture.index)
        masks.append(
            cv2.resize(matte, (width, height), interpolation=cv2.INTER_AREA) if matte.shape[1] > width else matte
        )
    if not masks:
        raise FrameError(
            f"card {number} has no mask: choose one, draw over its subject, or remove the card", shown.strip.name
        )
    return np.maximum.reduce(masks)


def background(strip: bpy.types.Strip) -> cards.Background:
    """What stands behind a strip's cards."""
    return cards.Background(
        strip.rackfocus_back_from_m,
        strip.rackfocus_back_to_m,
        tuple(strip.rackfocus_back_start),
        tuple(strip.rackfocus_back_end),
    )


def mask_frame(strip: bpy.types.Strip, shown: strips.Shown, mask: bpy.types.Mask) -> int:
    """The frame of a mask's animation that a strip shows. A mask holds its first frame before it begins, as in
    Blender."""
    frame = int(shown.frame)
    if strip.rackfocus_cards_time == "RELATIVE":
        frame += mask.frame_start - int(strip.left_handle)
    return frame


def provenance(strip: bpy.types.Strip) -> Provenance:
    """Honest words about a strip's cards."""
    parameters = {
        card.mask.name if card.mask is not None else f"subject {number}": round(card.distance_m, 4)
        for number, card in enumerate(strip.rackfocus_cards, 1)
        if card.mask is not None or card.matte
    }
    count = len(strip.rackfocus_cards)
    model = f"{count} card{'s' * (count != 1)} over a background"
    parameters["background_m"] = [round(strip.rackfocus_back_from_m, 4), round(strip.rackfocus_back_to_m, 4)]
    return Provenance("CARDS", model, True, parameters, "set by hand")


def draw(mask: bpy.types.Mask, frame: int, width: int, height: int) -> np.ndarray:
    """A mask as Blender's Mask strip shows it at a frame of its animation: (height, width) float32, 0 to 1, top row
    first. Raises MediaError where Blender gives none."""
    key = (mask.session_uid, frame, width, height)
    return _kept().drawn.made(key, lambda: _render(mask, frame, width, height))


def forget(*_rest: object) -> None:
    """Masks may have changed."""
    _kept().forget()


def _render(mask: bpy.types.Mask, frame: int, width: int, height: int) -> np.ndarray:
    scene = _scene()
    place = os.path.join(_place(), "mask")
    shutil.rmtree(place, ignore_errors=True)
    render = scene.render
    render.resolution_x, render.resolution_y = width, height
    render.filepath = os.path.join(place, "mask_####.exr")
    strip = _strip(scene, mask)
    # The first and the last picture are held outside the strip's content, and handles may lie there.
    strip.left_handle, strip.right_handle = min(frame, mask.frame_start), max(frame, mask.frame_end) + 1
    # A still would be rendered at the frame of the window's scene, whatever ours says.
    scene.frame_start = scene.frame_end = frame
    try:
        with errors.nested():
            bpy.ops.render.render(scene=scene.name, animation=True)
    except RuntimeError as error:
        cause = " ".join(str(error).removeprefix("Error:").split())
        raise MediaError(place, f'the mask "{mask.name}" cannot be drawn ({cause})') from error
    pictures = [os.path.join(place, name) for name in os.listdir(place)] if os.path.isdir(place) else []
    if len(pictures) != 1:
        raise MediaError(place, f'Blender gave no picture of the mask "{mask.name}"', "Is the temporary folder full?")
    return _read(pictures[0], mask.name)


def _strip(scene: bpy.types.Scene, mask: bpy.types.Mask) -> bpy.types.Strip:
    """The Mask strip of a mask in our scene, and all others silent."""
    name = str(mask.session_uid)
    editor = scene.sequence_editor
    mask_strip = editor.strips.get(name)
    if mask_strip is None or mask_strip.mask != mask or int(mask_strip.content_start) != mask.frame_start:
        mask_strip = editor.strips.new_mask(name, mask, channel=1, frame_start=mask.frame_start)
        mask_strip.name = name
    for strip in editor.strips:
        strip.mute = strip != mask_strip
    return mask_strip


def _scene() -> bpy.types.Scene:
    """The scene that masks are drawn in: no part of any .blend, and left in place, because removing a scene while
    another renders crashes Blender."""
    for scene in bpy.data.scenes:
        if scene.name.startswith(SCENE_NAME) and RUNTIME_MARK in scene:
            return scene
    scene = bpy.data.scenes.new(SCENE_NAME)
    runtime(scene)
    scene.sequence_editor_create()
    render = scene.render
    render.resolution_percentage = 100
    render.use_compositing, render.use_sequencer = False, True
    render.use_border, render.dither_intensity = False, 0.0
    write_as(render, "OPEN_EXR", "BW")
    return scene


def _read(path: str, name: str) -> np.ndarray:
    oiio = openimageio(path)
    file = oiio.ImageInput.open(path)
    pixels = file.read_image(0, 0, 0, 1, oiio.FLOAT) if file is not None else None
    if pixels is None:
        raise MediaError(path, f'Blender gave no picture of the mask "{name}"', "Is the temporary folder full?")
    file.close()
    # A Mask strip's picture is made of bytes that Blender takes for sRGB: undone, its values are the mask's own.
    return np.rint(linear_to_srgb(np.clip(pixels[..., 0], 0.0, 1.0)) * 255).astype(np.float32) / np.float32(255)


def _size_of(picture: strips.MediaFrame) -> tuple[int, int]:
    """(width, height) of a media frame. Raises MediaError."""
    if is_movie(picture.path):
        return movies.open_movie(picture.path, picture.stream).size
    oiio = openimageio(picture.path)
    file = oiio.ImageInput.open(picture.path) if os.path.isfile(picture.path) else None
    if file is None:
        raise MediaError(picture.path, "there is no such picture, or it cannot be read", "Check the path.")
    spec = file.spec()
    file.close()
    return spec.width, spec.height


def _place() -> str:
    kept = _kept()
    if kept.folder is None or not os.path.isdir(kept.folder.name):
        kept.folder = tempfile.TemporaryDirectory(prefix="rackfocus-cards-", ignore_cleanup_errors=True)
    return kept.folder.name


def _keep(depth_m: np.ndarray, told: Provenance) -> str:
    """A file named after its content: the same depth is the same file."""
    digest = hashlib.blake2b(depth_m.tobytes() + repr(depth_m.shape).encode(), digest_size=12).hexdigest()
    path = os.path.join(_place(), f"cards-{digest}-z.exr")
    if not os.path.isfile(path):
        write_depth(path, depth_m, told)
        os.utime(path, (0, 0))
    return path


def edited(_scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph | None = None) -> None:
    """Something was edited: perhaps what masks are made of."""
    if errors.is_stopping() or depsgraph is None:
        return
    kinds = (bpy.types.Mask, bpy.types.MovieClip, bpy.types.Action)
    if any(isinstance(update.id, kinds) for update in depsgraph.updates):
        forget()


OWNERS = (bpy.types.Strip,)
CLASSES = (RACKFOCUS_PG_card,)
