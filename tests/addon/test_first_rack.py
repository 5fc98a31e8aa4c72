# SPDX-License-Identifier: GPL-3.0-or-later
"""README's "First rack in five minutes", step by step: the same menu entries, fields and keys, the same numbers."""

import bpy
import stripes

from blender_rackfocus import media
from blender_rackfocus.addon.shot import modifier

KING_M, QUEEN_M = 0.67, 0.99


def _in_the_sequencer(view):
    """Where the user's mouse is: the sequencer of the Video Editing workspace."""
    window = bpy.context.window_manager.windows[0]
    area = next(a for a in window.screen.areas if a.type == "SEQUENCE_EDITOR" and a.spaces[0].view_type == view)
    return bpy.context.temp_override(
        window=window, area=area, region=next(r for r in area.regions if r.type == "WINDOW")
    )


def test_the_first_rack_of_the_readme(registered, tmp_path, monkeypatch):
    monkeypatch.setattr(stripes, "NEAR_M", KING_M)
    monkeypatch.setattr(stripes, "FAR_M", QUEEN_M)
    plate = stripes.write(tmp_path / "plate", 32)

    # 1: File > New > Video Editing; resolution and End of the clip; Add > Image/Sequence
    bpy.ops.wm.read_homefile(use_factory_startup=True, app_template="Video_Editing")
    scene = bpy.context.window_manager.windows[0].workspace.sequencer_scene
    scene.render.resolution_x, scene.render.resolution_y = stripes.WIDTH, stripes.HEIGHT
    scene.frame_end = len(plate)
    with _in_the_sequencer("SEQUENCER"):
        files = [{"name": path.name} for path in plate]
        # There is no mouse to drop the strip with; Blender 5.3 has another name for that.
        mouse = "move_strips_after_add" if bpy.app.version >= (5, 3, 0) else "move_strips"
        where = {"frame_start": 1, "channel": 1, mouse: False}
        added = bpy.ops.sequencer.image_strip_add(directory=f"{plate[0].parent}/", files=files, **where)
        assert added == {"FINISHED"}
        # 2: the strip is selected; Add Rack Focus in the sidebar
        assert bpy.ops.rackfocus.modifier_add() == {"FINISHED"}
    strip = scene.sequence_editor.active_strip
    assert strip.duration == len(plate)
    found = modifier.find(strip)

    def field(name):
        return modifier.socket(found, name)

    # 3: the lens
    field("Focal Length").value, field("F-Stop").value = 85.0, 2.5
    # 4 and 5: two keys
    for frame, metres in ((20, KING_M), (27, QUEEN_M)):
        scene.frame_set(frame)
        field("Focus Distance").value = metres
        assert field("Focus Distance").keyframe_insert("value")
    # 6: Render > Render Animation, into the file that Output names
    scene.render.filepath = str(tmp_path / "first_rack.mp4")
    assert bpy.ops.render.render(animation=True) == {"FINISHED"}

    movie = media.movies.open_movie(tmp_path / "first_rack.mp4")
    assert movie.frame_count == len(plate)
    for number in (1, 10, 20):
        near, far = stripes.contrasts(movie.read(number - 1))
        assert near > 0.4, number
        assert far < 0.1, number
    for number in (27, 32):
        near, far = stripes.contrasts(movie.read(number - 1))
        assert near < 0.1, number
        assert far > 0.4, number
    between = [stripes.contrasts(movie.read(number - 1)) for number in (22, 23, 24, 25)]
    assert [near for near, _ in between] == sorted((near for near, _ in between), reverse=True)
