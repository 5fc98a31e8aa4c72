# SPDX-License-Identifier: GPL-3.0-or-later
"""Rack Focus on an adjustment strip: one focus for a sequence of cuts.

The law: it renders, to the last bit, what the same modifier on each of the strips below it renders. What it cannot do
so it refuses by name.
"""

from __future__ import annotations

import bpy
import counted
import cv2
import numpy as np
import pytest
from live_shot import FAR_M, HEIGHT, NEAR_M, WIDTH, write_exr

from blender_rackfocus.addon.blender import errors, pairs
from blender_rackfocus.addon.desk import tracking
from blender_rackfocus.addon.sequencer import frames, show
from blender_rackfocus.addon.shot import group, modifier
from blender_rackfocus.media import sealed

LENS = {"Focal Length": 200.0, "F-Stop": 1.4}
KEYS = {1: NEAR_M, 8: FAR_M}
SPAN = 3, 6
"""First and last frame of what is rendered: two on each side of the cut."""


class Cuts:
    """Two clips in channel 1, four frames each, the second with other depth; an adjustment strip over both."""

    def __init__(self, shot) -> None:
        self.shot, self.scene = shot, shot.scene
        self.strips = [
            shot.strip(shot.pictures(name, seed=seed), name, start=start)
            for name, seed, start in (("one", 0, 1), ("two", 1, 5))
        ]
        upside = np.full((HEIGHT, WIDTH), NEAR_M, np.float32)
        upside[: HEIGHT // 2] = FAR_M
        self.strips[0].rackfocus_depth_path = shot.depths()[0]
        self.strips[1].rackfocus_depth_path = write_exr(shot.folder / "other.exr", {"Z": upside})
        self.over = self.scene.sequence_editor.strips.new_effect("over", "ADJUSTMENT", 3, 1, length=8)

    def rack(self) -> None:
        assert bpy.ops.rackfocus.modifier_add(strip_name="over", start=False) == {"FINISHED"}
        self.shot.set(self.over, **LENS)
        self.shot.key(self.over, "Focus Distance", KEYS)

    def by_each(self, name: str = "each") -> dict[int, np.ndarray]:
        """The same focus on each strip by itself, the adjustment strip off."""
        self.over.mute = True
        for strip in self.strips:
            assert bpy.ops.rackfocus.modifier_add(strip_name=strip.name, start=False) == {"FINISHED"}
            self.shot.set(strip, **LENS)
            self.shot.key(strip, "Focus Distance", KEYS)
        made = self.shot.animation(name, *SPAN)[1]
        for strip in self.strips:
            modifier.find(strip).mute = True
        self.over.mute = False
        return made

    def refused(self, frame: int = 6) -> str:
        """What a render would be stopped with."""
        self.scene.frame_set(frame)
        (told,) = (str(one) for one in show.show(self.scene, final=True) if one.owner == "over")
        return told


@pytest.fixture
def cuts(shot, monkeypatch):
    monkeypatch.setenv("RACKFOCUS_CACHE", str(shot.folder / "store"))
    return Cuts(shot)


def same(one: dict[int, np.ndarray], other: dict[int, np.ndarray]) -> bool:
    assert one.keys() == other.keys()
    return all(np.array_equal(one[frame], other[frame]) for frame in one)


def test_over_a_cut_it_makes_what_each_strip_would(cuts):
    plain = cuts.shot.animation("plain", *SPAN)[1]
    cuts.rack()
    made = cuts.shot.animation("made", *SPAN)[1]
    wanted = cuts.by_each()
    assert same(made, wanted)
    assert all(np.abs(made[frame] - plain[frame]).max() > 20 for frame in made)
    for frame in (6, 3, 5, 4):  # stills, in another order
        assert np.array_equal(cuts.shot.still(frame), wanted[frame])


def test_trimmed_slowed_graded_and_covered_strips(cuts):
    """Whatever is followed on a strip itself; what lies hidden below an opaque strip does not count."""
    one, two = cuts.strips
    two.left_handle_offset, two.content_start = 1, 4
    two.color_saturation, two.color_multiply = 0.5, 0.8
    counted.set_keys(one, [(0.0, 0.0, 0), (8.0, 1.0, 0)])  # half as fast: Blender's cache decides which frame shows
    one.right_handle = 5
    one.use_reverse_frames = True
    hidden = cuts.shot.strip(cuts.shot.pictures("hidden", seed=5), "hidden", channel=2, start=5)
    hidden.right_handle = 6
    hidden.rackfocus_depth_path = one.rackfocus_depth_path
    cuts.strips.append(hidden)
    cuts.rack()
    made = cuts.shot.animation("made", *SPAN)[1]
    wanted = cuts.by_each()
    assert same(made, wanted)


def test_depth_of_a_strip_of_its_own(cuts):
    """A depth strip that is paired with the adjustment strip serves every strip below it."""
    depths = cuts.shot.strip(cuts.shot.depths("own", 8), "depth", channel=5)
    depths.mute = True
    cuts.rack()
    modifier.pair(cuts.over, depths)
    made = cuts.shot.animation("made", *SPAN)[1]
    for strip in cuts.strips:
        strip.rackfocus_depth_path = cuts.shot.depths()[0]
    modifier.pair(cuts.over, None)
    assert same(made, cuts.by_each())


def test_inside_a_meta_strip(cuts):
    cuts.rack()
    made = cuts.shot.animation("made", *SPAN)[1]
    editor = cuts.scene.sequence_editor
    meta = editor.strips.new_meta("meta", 7, 1)
    for strip in (*cuts.strips, cuts.over):
        strip.move_to_meta(meta)
    meta.right_handle = 9
    assert same(cuts.shot.animation("meta", *SPAN)[1], made)


def test_a_gap_is_left_alone(cuts):
    cuts.strips[1].mute = True
    cuts.rack()
    assert sorted(cuts.shot.animation("made", 4, 6)[1]) == [4, 5, 6]
    cuts.over.mute = True
    plain = cuts.shot.still(6)
    cuts.over.mute = False
    assert np.array_equal(cuts.shot.still(6), plain)


def _other_size(cuts):
    path = str(cuts.shot.folder / "small.png")
    cv2.imwrite(path, np.full((HEIGHT // 2, WIDTH // 2, 3), 99, np.uint8))
    cuts.strips[1].elements[1].filename = "small.png"


def _title(cuts):
    cuts.scene.sequence_editor.strips.new_effect("title", "TEXT", 2, 6, length=1)


def _cross(cuts):
    one, two = cuts.strips
    cuts.over.channel, two.channel, one.right_handle = 6, 2, 9
    cuts.scene.sequence_editor.strips.new_effect("cross", "CROSS", 3, 5, length=4, input1=one, input2=two)


def _see_through(cuts):
    cv2.imwrite(str(cuts.shot.folder / "clear.png"), np.full((HEIGHT, WIDTH, 4), 99, np.uint8))
    cuts.strips[1].elements[1].filename = "clear.png"


def _its_own_rack_too(cuts):
    bpy.ops.rackfocus.modifier_add(strip_name="two", start=False)


def _placed(cuts):
    pairs.mark(cuts.strips[1], cuts.strips[0])


def _set(**values):
    def put(cuts):
        for name, value in values.items():
            owner, _, last = name.rpartition("__")
            setattr(getattr(cuts.strips[1], owner) if owner else cuts.strips[1], last, value)

    return put


REFUSED = {
    "64 x 48": _other_size,
    '"title" below it is a text strip': _title,
    '"cross" below it is a cross strip': _cross,
    "transparent in places": _see_through,
    'Rack Focus is at work on "two" below it too': _its_own_rack_too,
    '"two" below it shows frames that Rack Focus made': _placed,
    '"two" below it has the modifier "Curves"': lambda cuts: cuts.strips[1].modifiers.new("Curves", "CURVES"),
    '"two" below it is moved': _set(transform__offset_x=1),
    '"two" below it is scaled': _set(transform__scale_y=1.1),
    '"two" below it is turned': _set(transform__rotation=0.1),
    '"two" below it is mirrored': _set(use_flip_y=True),
    '"two" below it is cropped': _set(crop__min_x=2),
    '"two" below it is mixed': _set(blend_alpha=0.5),
    '"two" below it is mixed with': _set(blend_type="ADD"),
    "the render's size is not 100 %": lambda cuts: setattr(cuts.scene.render, "resolution_percentage", 50),
    "it is graded itself": lambda cuts: setattr(cuts.over, "color_multiply", 2.0),
    "it is scaled itself": lambda cuts: setattr(cuts.over.transform, "scale_x", 0.5),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_not_simply_one_strips_picture_is_refused_by_name(cuts, words):
    cuts.rack()
    REFUSED[words](cuts)
    told = cuts.refused()
    assert words in told
    assert 'strip "over"' in told
    assert "frame 6" in told


def test_a_render_stops_where_it_is_refused(cuts):
    cuts.rack()
    cuts.strips[1].use_flip_x = True
    outcome, files = cuts.shot.animation("stopped", 4, 6)
    assert outcome == {"CANCELLED"} or sorted(files) == [4]
    assert sorted(files) == [4]
    (told,) = errors.failures()
    assert '"two" below it is mirrored: refocus the strips themselves there' in told


def test_in_a_scene_strip_it_is_refused(cuts):
    """The canvas is the other scene's there."""
    cuts.rack()
    outer = bpy.data.scenes.new("Outer")
    cuts.shot.set_up(outer)
    outer.sequence_editor.strips.new_scene("inner", cuts.scene, 1, 1).scene_input = "SEQUENCER"
    (problem,) = show.show(outer, final=True)
    assert problem.cause.startswith("an adjustment strip cannot be refocused in a scene strip")


def test_baked_it_shows_the_same_also_after_the_strip_below_moved(cuts):
    cuts.rack()
    live = cuts.shot.animation("live", *SPAN)[1]
    bpy.ops.wm.save_as_mainfile(filepath=str(cuts.shot.folder / "cuts.blend"))
    assert bpy.ops.rackfocus.bake(strip_name="over") == {"FINISHED"}
    files = list((cuts.shot.folder).rglob("*over*/*.exr"))
    assert len(files) == len(range(SPAN[0], SPAN[1] + 1))
    assert all(sealed.notes_of(str(path), sealed.BAKED) is not None for path in files)
    assert same(cuts.shot.animation("baked", *SPAN)[1], live)
    cuts.strips[1].content_start += 1  # other media frames lie below now
    cuts.strips[1].left_handle = 5
    moved = cuts.shot.animation("moved", 5, 6)[1]
    bpy.ops.rackfocus.unbake(strip_name="over")
    assert same(cuts.shot.animation("live again", 5, 6)[1], moved)


def test_the_window_shows_drafts_of_it(cuts, patient):
    """At each frame of the strip that lies below then, and why not where it cannot."""
    cuts.rack()
    image = group.image_of(modifier.find(cuts.over).node_group)
    shown = []
    for frame in (4, 5):
        cuts.scene.frame_set(frame)
        assert not show.show(cuts.scene, final=False)
        assert tuple(image.size) == (WIDTH, HEIGHT)
        shown.append(np.array(image.pixels))
    assert not np.array_equal(*shown)
    cuts.strips[1].crop.max_y = 3
    (problem,) = show.show(cuts.scene, final=False)
    assert '"two" below it is cropped' in str(problem)
    assert not np.any(image.pixels)  # nothing over Blender's own picture


def test_tools_that_ask_for_a_frame_get_the_strip_below(cuts):
    cuts.rack()
    found = modifier.find(cuts.over)
    for frame, strip in ((2, cuts.strips[0]), (6, cuts.strips[1])):
        cuts.scene.frame_set(frame)
        assert "metres" in frames.depth_told(cuts.over, cuts.scene)
        job = frames.look_job(tracking.shown(cuts.over, frame), found)
        assert job.picture.path.endswith(f"{strip.name}_{(frame - 1) % 4 + 1:04d}.png")
