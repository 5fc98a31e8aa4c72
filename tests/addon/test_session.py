# SPDX-License-Identifier: GPL-3.0-or-later
"""Another file, and the add-on's end, leave nothing behind: no thread, timer, handler, and no memory that holds
anything."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from blender_rackfocus.addon.blender.session import Session

ROOT = Path(__file__).resolve().parents[2]
ADDON = ROOT / "blender_rackfocus" / "addon"

LIFE = """
import collections, os, sys, threading, time, types
sys.path[:0] = [{root!r}, {tests!r}]
os.environ["RACKFOCUS_CACHE"] = {folder!r} + "/store"
import bpy, blender_rackfocus
from pathlib import Path
from blender_rackfocus.addon.blender import cache, errors
from blender_rackfocus.addon import registration
from blender_rackfocus.addon.delivery.bake import Bake
from blender_rackfocus.addon.delivery.strips import Strips
from blender_rackfocus.addon.depth import strip_cards
from blender_rackfocus.addon.desk import tracking
from blender_rackfocus.addon.sequencer import baked_strips, frames, live, show, staleness, views
from blender_rackfocus.addon.blender.session import session
from blender_rackfocus.addon.shot import modifier
from comp_shot import CompShot
from live_shot import FAR_M, NEAR_M, Shot
NAME = "Only In The First File"
BOXES = (dict, list, set, collections.deque)

def ours():
    return dict((n, m) for n, m in sys.modules.items() if n.startswith("blender_rackfocus"))

def boxes():
    # what a module, or a class in it, holds in a box of its own: (owner, name) -> how much
    found = dict()
    for name, module in ours().items():
        classes = [v for v in vars(module).values() if isinstance(v, type) and v.__module__ == name]
        for owner in (module, *classes):
            for key, value in vars(owner).items():
                if isinstance(value, BOXES) and not key.startswith("__"):
                    found[name, owner.__name__, key] = len(value)
    return found

def caches():
    return [(n, k) for n, m in ours().items() for k, v in vars(m).items()
            if hasattr(v, "cache_info") and v.__module__ == n and v.cache_info().currsize]

def threads():
    return [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]

def timers():
    functions = [v for m in ours().values() for v in vars(m).values() if isinstance(v, types.FunctionType)]
    return [f.__qualname__ for f in functions if bpy.app.timers.is_registered(f)]

def handlers():
    lists = [getattr(bpy.app.handlers, n) for n in dir(bpy.app.handlers)]
    registered = [f for of in lists if isinstance(of, list) for f in of]
    return [f for f in registered if "blender_rackfocus" in getattr(f, "__module__", "")]

before = boxes()
blender_rackfocus.register()
bpy.ops.wm.read_factory_settings(use_empty=True)
shot = Shot(Path({folder!r}))
shot.scene.name = NAME
strip = shot.racked(shot.pictures(), shot.depths()[0], NAME)
mask = bpy.data.masks.new(NAME)
strip_cards.draw(mask, 1, 8, 8)
errors.note(1, shot.scene.session_uid, NAME, "wrong")
shot.key(strip, "Focus Distance", dict([(1, NEAR_M), (4, FAR_M)]))
bpy.ops.wm.save_as_mainfile(filepath={folder!r} + "/first.blend")
shot.animation("out", 1, 4)
place = baked_strips.default_place(shot.scene, strip)
with Bake(Strips(shot.scene), dict([(NAME, place)]), [1, 2]) as under_way:
    assert [made.state for made in under_way] == ["baked"] * 2
baked_strips.attach(strip, place)
staleness.of(shot.scene, strip)
baked_strips.remark(NAME, "something")
show.show(shot.scene, final=False)
job = frames.look_job(tracking.shown(strip, 3), modifier.find(strip))
live.ask(1, job, views.RESULT, playing=False)
assert threads() and handlers() and caches()
assert NAME in str([vars(p) if hasattr(p, "__dict__") else p for p in session.parts()])
bpy.ops.wm.read_factory_settings(use_empty=True)
held = str([dict(vars(p)) if hasattr(p, "__dict__") and not isinstance(p, BOXES) else p for p in session.parts()])
assert NAME not in held, held
comp = CompShot(Path({folder!r}))
image, depth = comp.files()
comp.racked(image.outputs["Image"], depth.outputs["Image"])
comp.still(2)
assert not errors.failures()
blender_rackfocus.unregister()
bpy.ops.wm.read_factory_settings(use_empty=True)
time.sleep(0.1)
left = dict(threads=threads(), timers=timers(), handlers=handlers(), caches=caches(), parts=session.parts())
left["boxes"] = [key for key, size in boxes().items() if size > before.get(key, 0)]
print("LEFT", dict((key, value) for key, value in left.items() if value))
"""


def _state_of_its_own(source: str) -> list[str]:
    """What a module holds that may change: names bound anew from functions, and boxes or objects that are no constant,
    which is told by its capitals, nor the module's logger."""
    tree = ast.parse(source)
    found = [name for each in ast.walk(tree) if isinstance(each, ast.Global) for name in each.names]
    for each in tree.body:
        if isinstance(each, ast.Assign | ast.AnnAssign) and each.value is not None:
            targets = each.targets if isinstance(each, ast.Assign) else [each.target]
            names = [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
            found += [name for name in names if name.lstrip("_")[0].islower() and name != "_log"]
    return found


def test_only_the_session_remembers():
    assert _state_of_its_own("A = 1\nkept = {}\ndef f():\n    global B\n    B = 2\n") == ["B", "kept"]
    own = {
        f"{path.relative_to(ADDON)}: {name}"
        for path in ADDON.rglob("*.py")
        for name in _state_of_its_own(path.read_text(encoding="utf-8"))
    }
    assert own == {"blender/session.py: session"}


def test_nothing_is_left_of_a_life_with_two_files(tmp_path):
    script = LIFE.format(root=str(ROOT), tests=str(ROOT / "tests" / "addon"), folder=str(tmp_path))
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert "LEFT {}" in ran.stdout, ran.stdout[-3000:] + ran.stderr[-3000:]
    assert ran.returncode == 0


class _Part:
    def __init__(self):
        self.closed = 0

    def close(self):
        self.closed += 1


class _Lasting(_Part):
    def forget(self):
        self.closed -= 1


def test_a_part_is_one_until_it_goes():
    session = Session()
    first, lasting = session.part(_Part), session.part(_Lasting)
    assert session.part(_Part) is first
    session.another_file()
    assert (first.closed, lasting.closed) == (1, -1)
    assert session.part(_Part) is not first
    assert session.part(_Lasting) is lasting
    session.close()
    assert session.parts() == []
    assert lasting.closed == 0
