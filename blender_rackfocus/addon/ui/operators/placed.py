# SPDX-License-Identifier: GPL-3.0-or-later
"""Place as Strip, Cache Range, Refresh, Remove Placed Strip."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

import bpy

from ...blender import pairs, signals
from ...blender.context import active_strip, sequencer_scene, strip_in
from ...blender.errors import EXPECTED
from ...delivery import bake, kept, placed
from ...delivery.filling import Filling, copied
from ...delivery.strips import Strips
from ...sequencer import staleness
from ...shot.baked_place import BakedPlace
from .jobs import Job, OnThread
from .on_strip import OnStrip
from .telling import refuse

_SIZES = {"PROXY_25": 0.25, "PROXY_50": 0.5, "PROXY_75": 0.75}


class _Placing(OnThread, OnStrip):
    """Operators that make whole pictures of a strip in another process, and place them."""

    expected = (OSError, *EXPECTED)

    kept: ClassVar[str]
    """What is said where nothing is placed."""
    doing: ClassVar[str]
    """What is said of the strip meanwhile."""
    done: ClassVar[str]
    """What is said of the frames that are."""
    in_part: ClassVar[bool] = False
    """Whether a job that was stopped places what it has."""
    _filling: Filling | None = None

    @classmethod
    def missing(cls, context: bpy.types.Context) -> str:
        strip = active_strip(context)
        return (placed.not_now(strip) if strip is not None else "") or super().missing(context)

    def strip(self, context: bpy.types.Context) -> bpy.types.Strip:
        """The strip meant; of a placed one its original."""
        return pairs.meant(super().strip(context))

    def fill(
        self, context: bpy.types.Context, strip: bpy.types.Strip, place: BakedPlace, frames: range, share: float
    ) -> set[str]:
        """Make the pictures, and place them."""
        need = bake.DiskNeed(len(frames), _bytes_of(strip, place, frames, share), bake.free_bytes(place.folder))
        refuse(placed.not_now(strip) or bake.too_large([need]))
        scene = sequencer_scene(context)
        self._filling = filling = Filling(copied(), scene.name, strip.name, place, tuple(frames), share)

        def work(job: Job) -> bool:
            filling.run(job.tell, job.is_stopping)
            return not job.is_stopping()

        return self.begin(context, f"{self.doing} {strip.name}", work)

    def finish(self, context: bpy.types.Context, outcome: Any) -> set[str]:
        """Place what is there, where the strip still is."""
        strip = strip_in(self._filling.scene, self._filling.strip)
        if strip is None or placed.not_now(strip):
            raise ValueError(f'Strip "{self._filling.strip}" is gone, muted or has no modifier any more')
        there = placed.frames_there(strip, self._filling.place) if outcome or self.in_part else []
        if not there:
            self.report({"INFO"}, self.kept)
            return {"CANCELLED"}
        placed.put(context, strip, self._filling.place, there)
        for one in pairs.placed_of(strip):
            one.invalidate_cache("RAW")
        staleness.changed()
        signals.redraw()
        self.report({"INFO"}, f'{"" if outcome else "Stopped: "}{len(there)} frames of "{strip.name}" are {self.done}')
        return {"FINISHED"}


class RACKFOCUS_OT_place(_Placing, bpy.types.Operator):
    """Show the strip's finished frames as an image sequence above it, which plays many times quicker; the original
    lies muted beneath. Also brings a placed strip up to date. Beside Blender; Esc stops, what is done is kept"""

    bl_idname = "rackfocus.place"
    bl_label = "Place as Strip"
    kept = "Stopped. The pictures that are done are kept: Place as Strip goes on from there"
    doing, done = "Placing", "placed above it, which is muted"

    form: bpy.props.EnumProperty(
        name="Format",
        description="How the pictures are kept",
        items=(
            ("AUTO", "Automatic", "TIFF where 8 bits hold all that the clip has, else OpenEXR"),
            ("EXR", "OpenEXR Half", "Scene-linear half floats"),
            ("PNG", "PNG 8", "Smaller files, slower to play; light brighter than white is cut off"),
            ("TIFF", "TIFF 8", "Quickest to play; light brighter than white is cut off"),
        ),
    )

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        scene = sequencer_scene(context)
        kind = placed.kind_of(scene, strip) if self.form == "AUTO" else self.form
        place = placed.place_beside(scene, strip, kind)
        return self.fill(context, strip, place, placed.frames_of(strip), 1.0)


class RACKFOCUS_OT_cache_range(_Placing, bpy.types.Operator):
    """Make the finished frames of a range beside Blender, at the preview's size, and show them as a strip above the
    original, which plays many times quicker. Esc stops, what is done is kept. Final renders use them only at full
    size"""

    bl_idname = "rackfocus.cache_range"
    bl_label = "Cache Range"
    kept = "Stopped before a frame was done"
    doing, done = "Caching", "cached and placed"
    in_part = True

    which: bpy.props.EnumProperty(
        name="Range",
        description="Which frames",
        items=(
            ("AUTO", "Automatic", "The preview range where one is set, else all of the strip in the scene's range"),
            ("PREVIEW", "Preview Range", "The scene's preview range"),
            ("STRIP", "Strip", "All of the strip"),
            ("SCENE", "Scene", "The scene's own range"),
        ),
    )
    size: bpy.props.EnumProperty(
        name="Size",
        description="Size of the pictures",
        items=(
            ("PREVIEW", "As the Preview", "The size that the preview is set to"),
            ("FULL", "Full", "Full size: renders use them as well"),
            ("HALF", "Half", "Half the width"),
        ),
    )

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        scene = sequencer_scene(context)
        frames = self._frames(scene, strip)
        if not frames:
            raise ValueError("The range has no frame of this strip")
        share = {"FULL": 1.0, "HALF": 0.5}.get(self.size) or _preview_share(context, scene)
        place = placed.place_kept(scene, strip, placed.kind_of(scene, strip))
        refuse(kept.make_room(_bytes_of(strip, place, frames, share), place))
        return self.fill(context, strip, place, frames, share)

    def _frames(self, scene: bpy.types.Scene, strip: bpy.types.Strip) -> range:
        all_of_it = placed.frames_of(strip)
        which = self.which
        if which == "AUTO":
            which = "PREVIEW" if scene.use_preview_range else "SCENE"
        first, last = all_of_it.start, all_of_it.stop - 1
        if which == "PREVIEW" and scene.use_preview_range:
            first, last = max(first, scene.frame_preview_start), min(last, scene.frame_preview_end)
        elif which in {"SCENE", "PREVIEW"}:
            first, last = max(first, scene.frame_start), min(last, scene.frame_end)
        return range(first, last + 1)


class RACKFOCUS_OT_placed_remove(OnStrip, bpy.types.Operator):
    """Take the placed strip away, and show the original again as before. The pictures stay on disk"""

    bl_idname = "rackfocus.placed_remove"
    bl_label = "Remove Placed Strip"

    @classmethod
    def missing(cls, context: bpy.types.Context) -> str:
        strip = active_strip(context)
        nothing = strip is not None and not pairs.placed_of(strip)
        return "Nothing is placed of this strip" if nothing else super().missing(context)

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        strip = pairs.meant(strip)
        if not placed.take_away(strip):
            raise ValueError("Nothing is placed of this strip")
        sequencer_scene(context).sequence_editor.active_strip = strip
        staleness.changed()
        signals.redraw()
        return {"FINISHED"}


def _bytes_of(strip: bpy.types.Strip, place: BakedPlace, frames: Collection[int], share: float) -> int:
    """What the pictures of some frames take at most."""
    width, height = Strips(strip.id_data).size(strip.name)
    return len(frames) * round(width * height * share * share) * (8 if place.kind == "EXR" else 4)


def _preview_share(context: bpy.types.Context, scene: bpy.types.Scene) -> float:
    """The preview's size as a share of the full one."""
    window = context.window
    areas = window.screen.areas if window is not None else ()
    spaces = [one.spaces.active for one in areas if one.type == "SEQUENCE_EDITOR"]
    sizes = [one.proxy_render_size for one in spaces if one.view_type != "SEQUENCER"]
    size = sizes[0] if sizes else "SCENE"
    return min(_SIZES.get(size, scene.render.resolution_percentage / 100 if size == "SCENE" else 1.0), 1.0)


CLASSES = (RACKFOCUS_OT_place, RACKFOCUS_OT_cache_range, RACKFOCUS_OT_placed_remove)
