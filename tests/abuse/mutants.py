# SPDX-License-Identifier: GPL-3.0-or-later
"""Small changes of the code, each of which a test has to notice: `python -m tests.abuse.mutants [WORD ...]`.

Each is made in a copy of the checkout, where the tests named beside it then have to fail. WORD: only mutants whose
words contain it. Ends with 1 where one lived on.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Mutant:
    """words: what is wrong with it. file: in the package. old, new: its text. tests: what has to fail, and of that only
    what the last word names (as pytest's -k)."""

    words: str
    file: str
    old: str
    new: str
    tests: str
    only: str = ""


MUTANTS = (
    Mutant("what is left out takes its shadow along", "addon/depth/fronts.py", "in_layer.indirect_only = True",
           "held.holdout = True", "tests/addon/test_rendered.py", "shadows or lens"),
    Mutant("objects that reach into the focus are left out", "frame/rendered.py", "end_m < before_m",
           "end_m < 1.2 * before_m", "tests/frame/test_rendered.py"),
    Mutant("a hidden layer is kept without saying whom it leaves out", "addon/depth/scene_passes.py",
           "of=whole, without=names", "of=whole", "tests/addon/test_rendered.py", "other_objects"),
    Mutant("a wider camera keeps its shift", "addon/depth/wider.py", 'value / factor if name.startswith("shift")',
           'value if name.startswith("shift")', "tests/addon/test_rendered.py", "frame_a_wider"),
    Mutant("the sensor told is that of the wider render", "addon/depth/passes.py", "(wide - 2 * margin) / wide", "1.0",
           "tests/addon/test_rendered.py", "frame_a_wider"),
    Mutant("black is blended in where what is known ends", "core/hidden.py", "colour / each[..., None], beside)",
           "colour / each[..., None], 0 * beside)", "tests/core/test_behind.py"),
    Mutant("vignetting is the wider picture's", "core/defocus.py",
           "_widened(vignetting_gain(*frame, aperture), margin)", "vignetting_gain(*coc.shape, aperture)",
           "tests/core/test_margin.py"),
    Mutant("layers part a thousand times farther", "core/gaps.py", "SEPARATE_PX = 6.0", "SEPARATE_PX = 6000.0",
           "tests/core/test_gaps.py tests/core/test_defocus.py tests/core/test_covering.py tests/core/test_levels.py"),
    Mutant("a hidden sample parts at ten times the step", "core/hidden.py", "SHALLOWEST_STEP_PX = 0.7",
           "SHALLOWEST_STEP_PX = 7.0", "tests/core"),
    Mutant("a strip's key without Blades", "frame/notes.py", "job=asdict(alike)",
           'job={**asdict(alike), "values": [v for n, v in zip(inputs.NAMES, alike.values) if n != "Blades"]}',
           "tests/addon/test_keys.py", "every_input_of_a_strip"),
    Mutant("a node's key without Blades", "addon/compositor/node_pixels.py", "for name in inputs.NAMES}",
           'for name in inputs.NAMES if name != "Blades"}', "tests/addon/test_keys.py", "node"),
    Mutant("a key without the code that makes pixels", "frame/notes.py", "key_of(renderer=renderer(), ", "key_of(",
           "tests/frame/test_notes.py tests/frame/test_renderer.py"),
    Mutant("near is not noted in a bake", "frame/notes.py", '        "near_m": _number(job.near_m),\n', "",
           "tests/addon/test_keys.py", "near_and_far"),
    Mutant("far is not noted in a bake", "frame/notes.py", '        "far_m": _number(job.far_m),\n', "",
           "tests/addon/test_keys.py", "near_and_far"),
    Mutant("the convention is not noted in a bake", "frame/notes.py",
           "{k: _plain(v) for k, v in asdict(job.convention).items()} if job.convention else None", "None",
           "tests/addon/test_keys.py", "depth_setting_of_a_strip"),
    Mutant("the depth's stream is not noted in a bake", "frame/notes.py",
           'was.get("stream", 0) != file.stream or ', "", "tests/addon/test_streams.py"),
    Mutant("Mix is 0 or 1", "frame/make.py", 'np.float32(min(values["Mix"], 1.0))', 'np.float32(values["Mix"] > 0)',
           "tests/frame tests/addon/test_live_render.py"),
    Mutant("saturation and multiply without the division by alpha", "frame/adjust.py",
           "picture[..., :3] / np.where(covered, alpha, np.float32(1.0))", "picture[..., :3]",
           "tests/addon/test_adjust.py"),
    Mutant("strobe takes the frame after", "addon/blender/retiming.py", "at - np.fmod(at, strobe)",
           "at - np.fmod(at, strobe) + _F32(1)", "tests/addon/test_strips.py", "strobe"),
    Mutant("strobe counts from the strip's left edge", "addon/blender/retiming.py", "at - np.fmod(at, strobe)",
           "at - np.fmod(at - _F32(strip.left_handle_offset), strobe)", "tests/addon/test_strips.py", "strobe"),
    Mutant("a reversed strip's strobe counts from its other end", "addon/blender/retiming.py",
           "at - np.fmod(at, strobe)",
           'at - np.fmod(last - at if getattr(strip, "use_reverse_frames", False) else at, strobe)',
           "tests/addon/test_strips.py", "strobe"),
    Mutant("a border's width is the sensor's", "frame/make.py", 'values["Sensor Width"] * region.share',
           'values["Sensor Width"]', "tests/addon/test_compositor_same.py", "border_shows"),
    Mutant("a sequence's frames go by size and time", "addon/depth/scene_print.py", "*identity.state_of(entry.path)",
           "*identity.state_of(entry.path)[:2]", "tests/addon/test_scene_kept.py", "sequence"),
    Mutant("what a driver reads of a scene's range is not in its print", "addon/depth/scene_print.py",
           '("frame_current", "frame_subframe"', '("frame_", "frame_subframe"',
           "tests/addon/test_scene_kept.py", "range"),
    Mutant("stretched time moves a strip's pictures", "addon/blender/strips.py",
           "return scene.frame_current + scene.frame_subframe", "return scene.frame_current_final",
           "tests/addon/test_live_render.py", "stretching"),
    Mutant("frames that were not played pass", "addon/depth/simulations.py", "and held[at] for at", "for at",
           "tests/addon/test_compositor_same.py", "played"),
    Mutant("an instanced collection is not in a scene's print", "addon/depth/scene_print.py",
           '"Object": "matrix_world', '"Object": "instance_collection matrix_world', "tests/addon/test_scene_print.py"),
    Mutant("an estimate's files are numbered one later", "addon/depth/strip_estimate.py",
           "names = {index: _name(index, numbers)", "names = {index: _name(index + 1, numbers)",
           "tests/addon/test_estimate_depth.py", "slipped or trimmed"),
    Mutant("what is in focus is blurred by a draft's size", "frame/make.py",
           "    np.copyto(large, picture, where=changed[..., None] == 0)\n", "", "tests/frame/test_draft.py"),
)  # fmt: skip


def fate(mutant: Mutant, scratch: Path) -> str:
    """What came of a mutant in a copy of the checkout: died, lived on, or why that cannot be told."""
    path = scratch / "blender_rackfocus" / mutant.file
    own = path.read_text(encoding="utf-8")
    if own.count(mutant.old) != 1 or mutant.old == mutant.new:
        return "cannot be made: the code reads otherwise"
    path.write_text(own.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        command = [sys.executable, "-m", "pytest", "-q", "-x", *mutant.tests.split(), "-k", mutant.only]
        status = subprocess.run(command, cwd=scratch, capture_output=True).returncode
    finally:
        path.write_text(own, encoding="utf-8")
    return {0: "LIVED ON", 1: "died"}.get(status, f"cannot be told: pytest ended with {status}")


def main(words: list[str]) -> int:
    """Make them one after another, and say what came of each."""
    chosen = [one for one in MUTANTS if all(word in one.words for word in words)]
    fates = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        for name in ("blender_rackfocus", "tests", "tools"):
            shutil.copytree(TOP / name, Path(folder) / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "blender_manifest.toml", "README.md", "Makefile"):
            shutil.copy(TOP / name, folder)
        for one in chosen:
            fates.append(fate(one, Path(folder)))
            print(f"{fates[-1]:<9} {one.words}", flush=True)
    return int(any(each != "died" for each in fates))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
