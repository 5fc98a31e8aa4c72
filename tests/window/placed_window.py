# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender's window: a strip is placed by clicks in the Playback panel, goes stale, is refreshed and removed; a
range is cached, and stopped by Esc.

Arguments after `--`: where the result goes (JSON), the folder for pictures, the shot's .blend (its strip "A" has the
modifier, six frames of picture and depth beside it).
"""

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))

import stage
from stage import in_sequencer, open_shot, part, play, render, scene, told, until_rendered

AT = (700, 500)
"""Where the panel pops up."""
PLACE = (60, 0)
"""Its button, from there."""


def strips():
    return scene().sequence_editor.strips_all


def state(name):
    def step():
        told[name] = {one.name: [one.mute, one.color_tag, one.channel] for one in strips()}
        told.setdefault("prefetch", {})[name] = scene().sequence_editor.use_prefetch

    return step


def until_prefetch():
    return scene().sequence_editor.use_prefetch


def preview(name, frame):
    """The preview's own picture of a frame, as Blender has drawn it ahead or draws it now."""

    def until_settled():
        return part("live").is_settled()

    def write():
        area = next(one for one in stage.sequencers() if one.spaces.active.view_type == "PREVIEW")
        region = next(one for one in area.regions if one.type == "PREVIEW")
        scene().render.filepath = f"{stage.SHOT.parent}/{name}.png"
        with bpy.context.temp_override(window=bpy.context.window, area=area, region=region):
            bpy.ops.render.opengl(sequencer=True, write_still=True, view_context=True)
        scene().frame_set(3)

    return lambda: scene().frame_set(frame), until_settled, write


def f_stop():
    return part("modifier").socket(part("modifier").find(strips()["A"]), "F-Stop")


def key_a_later_change():
    """Frame 3, which is shown, stays as it was."""
    for frame, value in ((4, f_stop().value), (5, 8.0)):
        f_stop().value = value
        f_stop().keyframe_insert("value", frame=frame)


def take_it_back():
    for frame in (5, 4):
        f_stop().keyframe_delete("value", frame=frame)
    scene().frame_set(3)


def point(x, y):
    bpy.context.window.event_simulate("MOUSEMOVE", "NOTHING", x=x, y=y)


def pop_up():
    point(*AT)


def panel():
    in_sequencer(bpy.ops.wm.call_panel, "INVOKE_DEFAULT", name="RACKFOCUS_PT_placed", keep_open=False)


def click(button):
    """Steps that open the panel and click one of its buttons."""

    def there():
        point(AT[0] + button[0], AT[1] + button[1])

    def press():
        for value in ("PRESS", "RELEASE"):
            bpy.context.window.event_simulate("LEFTMOUSE", value, x=AT[0] + button[0], y=AT[1] + button[1])

    return pop_up, panel, there, press


def shoot(name):
    return lambda: stage.shoot(f"placed_{name}")


def until_idle():
    return not part("operators.jobs").running()


def begin():
    bpy.context.workspace.sequencer_scene = bpy.context.scene
    scene().sequence_editor.active_strip = strips()["A"]
    scene().frame_set(3)


def choose_placed():
    scene().sequence_editor.active_strip = next(one for one in strips() if one.name != "A")


def change_focus():
    """As the desk does it: on whatever the chosen strip stands for."""
    one = part("blender.context").active_strip(bpy.context)
    told["meant"] = one.name
    part("modifier").socket(part("modifier").find(one), "F-Stop").value = 4.0


def escape():
    bpy.context.window.event_simulate("ESC", "PRESS", x=AT[0], y=AT[1])


def lines():
    placed = next(one for one in strips() if one.name != "A")
    known = part("staleness").of(scene(), placed)
    if known is None or not known.complete:
        return False
    told.setdefault("lines", []).append(known.lines()[0])
    return None


def refresh():
    """Steps: once something is placed its lines stand above the buttons, so the panel's own button is not where it
    was; the menu has it as well."""
    return (lambda: in_sequencer(bpy.ops.rackfocus.place, "INVOKE_DEFAULT"),)


def begin_playing():
    in_sequencer(bpy.ops.screen.animation_play)


def lose_a_picture():
    told["alone while playing"] = part("sequencer.prefetch").is_alone(scene())
    placed = next(one for one in strips() if one.name != "A")
    Path(bpy.path.abspath(placed.directory), placed.elements[4].filename).unlink()


def until_noticed():
    return not part("sequencer.prefetch").is_alone(scene()) and not scene().sequence_editor.use_prefetch


def stop_playing():
    in_sequencer(bpy.ops.screen.animation_cancel, restore_frame=False)
    scene().frame_set(3)


def remove():
    told["removing"] = list(in_sequencer(bpy.ops.rackfocus.placed_remove, "INVOKE_DEFAULT"))


def cache_range():
    told["caching"] = list(in_sequencer(bpy.ops.rackfocus.cache_range, "INVOKE_DEFAULT"))


def until_some_are_there():
    """Or all, on a quick machine."""
    jobs = part("operators.jobs").running()
    return not jobs or any(job.share > 0 for job in jobs)


def note_range():
    told["range"] = [[int(one.left_handle), int(one.right_handle)] for one in strips() if one.name != "A"]


play(
    (
        open_shot,
        begin,
        *(pop_up, panel, lambda: None, shoot("panel"), escape),
        *click(PLACE),
        until_idle,
        state("placed"),
        render("placed"),
        until_rendered,
        choose_placed,
        lines,
        shoot("placed"),
        until_prefetch,
        *(lambda: None,) * 4,
        *preview("ahead", 5),
        key_a_later_change,
        *preview("ahead_of_a_change", 5),
        state("later change"),
        take_it_back,
        lines,
        until_prefetch,
        change_focus,
        lambda: None,
        lines,
        state("stale"),
        shoot("stale"),
        *refresh(),
        until_idle,
        lines,
        until_prefetch,
        state("refreshed"),
        *(begin_playing, lose_a_picture, until_noticed, stop_playing),
        remove,
        state("removed"),
        cache_range,
        until_some_are_there,
        escape,
        until_idle,
        lambda: None,
        state("cached"),
        note_range,
    ),
    wait_s=0.5,
)
