# SPDX-License-Identifier: GPL-3.0-or-later
"""A subject drawn over in the preview: its matte on disk, the card that uses it, the depth that comes of it."""

from __future__ import annotations

from concurrent.futures import CancelledError
from pathlib import Path

import bpy
import cv2
import numpy as np
import pytest
from live_shot import HEIGHT, WIDTH

from blender_rackfocus.addon.blender import strips
from blender_rackfocus.addon.depth import mattes
from blender_rackfocus.addon.sequencer import frames
from blender_rackfocus.addon.shot import modifier
from blender_rackfocus.craft.matte import Stroke


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RACKFOCUS_CACHE", str(tmp_path / "cache"))


def pictures(shot, count=5):
    """A red box that walks to the right before a grey wall."""
    paths = []
    for number in range(count):
        rng = np.random.default_rng(number)
        picture = np.full((HEIGHT, WIDTH, 3), (120, 120, 110), np.float64)
        picture[12:40, 8 + 2 * number : 24 + 2 * number] = (40, 50, 200)
        paths.append(str(shot.folder / f"p_{number + 1:04d}.png"))
        cv2.imwrite(paths[-1], (picture + rng.normal(0, 3, picture.shape)).clip(0, 255).astype(np.uint8))
    return paths


STROKE = Stroke(0, ((16 / WIDTH, 18 / HEIGHT), (16 / WIDTH, 34 / HEIGHT)), 0.03)


def draw(*strokes, **options):
    return bpy.ops.rackfocus.subject(strip_name="A", strokes=mattes.text_of(strokes), **options)


def depth_at(shot, strip, frame):
    shown = next(one for one in strips.walk(shot.scene, frame) if one.strip == strip)
    return frames.sources(frames.job_of(shown, modifier.find(strip), draft=False, at_current_frame=False))[1]


def test_the_subject_stands_at_its_distance_on_every_frame(shot):
    strip = shot.strip(pictures(shot))
    assert draw(STROKE, distance_m=3.0) == {"FINISHED"}
    (card,) = strip.rackfocus_cards
    assert strip.rackfocus_depth_source == "CARDS"
    assert sorted(path.name for path in Path(card.matte).iterdir()) == [f"matte_{n:06d}.png" for n in range(5)]
    strip.rackfocus_back_from_m = strip.rackfocus_back_to_m = 9.0
    for number in range(5):
        depth_m = depth_at(shot, strip, number + 1)
        box = depth_m[16:36, 11 + 2 * number : 21 + 2 * number]
        assert np.allclose(box, 3.0, rtol=0.02), number
        assert np.allclose(depth_m[:, :3], 9.0), number
        assert np.allclose(depth_m[:, 40:], 9.0), number
    card.distance_m = 5.0
    assert depth_at(shot, strip, 2)[26, 18] == pytest.approx(5.0, rel=0.02)


def test_a_mask_that_hangs_on_where_was_drawn_is_told(shot):
    paths = pictures(shot, 2)
    strip = shot.strip(paths)
    assert mattes.doubt(mattes.task_of(strip, shot.scene, [STROKE])) == ""
    rng = np.random.default_rng(1)
    for path in paths:
        patches = rng.integers(0, 255, (HEIGHT // 4, WIDTH // 4, 3)).astype(np.uint8)
        cv2.imwrite(path, cv2.resize(patches, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST))
    doubt = mattes.doubt(mattes.task_of(strip, shot.scene, [STROKE]))
    assert "doubtful" in doubt
    assert "Draw over all of the subject" in doubt


def test_several_subjects_and_a_blender_mask_beside_them(shot):
    from test_cards_strip import mask

    strip = shot.strip(pictures(shot, 2))
    draw(STROKE, distance_m=3.0)
    draw(Stroke(0, ((52 / WIDTH, 20 / HEIGHT),), 0.03), distance_m=6.0)  # a part of the wall
    bpy.ops.rackfocus.card_add(strip_name="A", mask=mask().name, distance_m=1.5)
    assert [round(card.distance_m, 2) for card in strip.rackfocus_cards] == [3.0, 6.0, 1.5]
    depth_m = depth_at(shot, strip, 1)
    assert {1.5, 3.0} & set(np.unique(depth_m.round(2)))


def test_a_slipped_strip_has_the_matte_of_its_own_picture(shot):
    strip = shot.strip(pictures(shot, 6))
    strip.left_handle, strip.right_handle = 3, 6
    assert draw(Stroke(2, ((20 / WIDTH, 18 / HEIGHT), (20 / WIDTH, 34 / HEIGHT)), 0.03)) == {"FINISHED"}
    assert len(list(Path(strip.rackfocus_cards[0].matte).iterdir())) == 3
    strip.content_start += 10
    depth_m = depth_at(shot, strip, 14)  # the fourth picture: the box at 14 to 29
    assert np.allclose(depth_m[16:36, 17:27], 2.0, rtol=0.02)


def test_drawing_again_replaces_the_matte_of_the_same_card(shot):
    strip = shot.strip(pictures(shot, 2))
    draw(STROKE)
    first = strip.rackfocus_cards[0].matte
    more = Stroke(1, ((50 / WIDTH, 0.2), (50 / WIDTH, 0.8)), 0.05, inside=False)
    assert draw(STROKE, more, card=0) == {"FINISHED"}
    (card,) = strip.rackfocus_cards
    assert card.matte != first
    assert mattes.strokes_of(card.strokes) == [STROKE, more]


def test_a_missing_or_damaged_matte_is_named(shot):
    strip = shot.strip(pictures(shot, 2))
    draw(STROKE)
    path = Path(strip.rackfocus_cards[0].matte) / "matte_000001.png"
    path.write_bytes(b"not a picture")
    with pytest.raises(Exception, match=r"matte_000001.*damaged"):
        depth_at(shot, strip, 2)
    path.unlink()
    with pytest.raises(Exception, match=r"Follow the subject again"):
        depth_at(shot, strip, 2)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_stopped_anywhere_there_is_nothing_and_the_card_is_as_it_was(shot, share):
    strip = shot.strip(pictures(shot))
    task = mattes.task_of(strip, shot.scene, [STROKE])
    seen = [0.0]
    with pytest.raises(CancelledError):
        mattes.run(task, lambda done, _phase: seen.append(done), lambda: seen[-1] >= share)
    assert not task.folder.exists()
    assert not list(task.folder.parent.glob("*")) if task.folder.parent.exists() else True
    assert len(strip.rackfocus_cards) == 0


def test_where_the_subject_is_lost_is_told(shot, tmp_path):
    """It is gone after the fourth frame: an empty wall has no subject. What is drawn there also speaks for the frames
    before it, less the farther they lie."""
    paths = pictures(shot, 6)
    for path in paths[4:]:
        cv2.imwrite(path, np.full((HEIGHT, WIDTH, 3), (120, 120, 110), np.uint8))
    strip = shot.strip(paths)
    away = Stroke(4, ((0.0, 0.5), (1.0, 0.5)), 1.0, inside=False)
    task = mattes.task_of(strip, shot.scene, [STROKE, away])
    folder, lost = mattes.run(task, lambda *_: None, lambda: False)
    assert lost[-2:] == (4, 5)
    assert not {0, 1} & set(lost)
    assert mattes.read(str(folder), 0).max() == 1
    assert mattes.read(str(folder), 5).max() < 0.5


def test_what_cannot_be_done_is_said(shot):
    strip = shot.strip(pictures(shot, 2))
    with pytest.raises(RuntimeError, match="draw over the subject"):
        draw()
    with pytest.raises(RuntimeError, match=r"nothing\.onnx is not there"):
        draw(STROKE, network="nothing.onnx")
    with pytest.raises(RuntimeError, match="cannot be read"):
        bpy.ops.rackfocus.subject(strip_name="A", strokes="[{")
    assert modifier.find(strip) is None
