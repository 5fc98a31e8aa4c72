# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender -b shot.blend -a` with the installed zip: the focus moves, and what cannot be made is never written."""

import signal
import subprocess

import bpy
import pytest
import stripes


def _render(blend, *arguments):
    return subprocess.run(
        [bpy.app.binary_path, "-b", str(blend), *arguments], capture_output=True, text=True, timeout=300
    )


def _contrasts(path):
    """Contrast of the near (red) and of the far (green) stripes in a rendered frame."""
    import numpy as np

    image = bpy.data.images.load(str(path))
    pixels = np.empty((stripes.HEIGHT, stripes.WIDTH, 4), np.float32)
    image.pixels.foreach_get(pixels.ravel())
    bpy.data.images.remove(image)
    return stripes.contrasts(pixels)


def _assert_racked(folder):
    """Twelve frames, the near stripes sharp in the first, the far ones in the last."""
    frames = sorted(folder.iterdir())
    assert len(frames) == 12
    near, far = _contrasts(frames[0])
    assert near > 0.4
    assert far < 0.1
    near, far = _contrasts(frames[-1])
    assert near < 0.1
    assert far > 0.4


def test_the_shot_is_racked(shot):
    ran = _render(shot, "-a")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    _assert_racked(shot.parent / "frames")


def test_a_single_frame_is_the_same_as_in_the_animation(shot):
    assert _render(shot, "-a").returncode == 0
    frame = shot.parent / "frames" / "0006.png"
    first = frame.read_bytes()
    frame.unlink()
    assert _render(shot, "-f", "6").returncode == 0
    import numpy as np

    frames = []
    for data in (first, frame.read_bytes()):
        frame.write_bytes(data)
        image = bpy.data.images.load(str(frame))
        pixels = np.empty(stripes.HEIGHT * stripes.WIDTH * 4, np.float32)
        image.pixels.foreach_get(pixels)
        bpy.data.images.remove(image)
        frames.append(pixels)
    assert np.array_equal(*frames)


def test_a_broken_file_stops_the_render_and_is_named(shot, clip):
    clip[5].write_bytes(clip[5].read_bytes()[:3000])
    ran = _render(shot, "-a")
    assert ran.returncode != 0
    assert clip[5].name in ran.stdout + ran.stderr
    assert "Stripes" in ran.stdout + ran.stderr
    written = sorted(path.name for path in (shot.parent / "frames").glob("*.png"))
    assert "0006.png" not in written
    assert written[:5] == [f"{number:04d}.png" for number in range(1, 6)]


def test_rack_answers_to_blenders_own_command_line(clip, tmp_path):
    target = tmp_path / "racked" / "racked_####.png"
    command = [bpy.app.binary_path, "-b", "--command", "rackfocus", "rack", str(clip[0]), "-o", str(target)]
    settings = ["--lens", "80", "--f-stop", "1", "--at", "4", "--over", "4"]
    ran = subprocess.run([*command, *settings], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    _assert_racked(target.parent)


SCRIPT = """
import bpy, sys
for frame in range(1, 9):
    bpy.context.scene.frame_set(frame)
    bpy.context.scene.render.filepath = f"{sys.argv[-2]}/{frame:04d}"
    try:
        bpy.ops.render.render(write_still=True)
    except RuntimeError:
        pass
if sys.argv[-1] == "exit":
    sys.exit(0)
"""


@pytest.mark.parametrize("end", ["plain", "exit"])
def test_a_script_that_renders_frame_by_frame_fails_with_the_frame_that_could_not_be_made(shot, clip, tmp_path, end):
    clip[5].write_bytes(clip[5].read_bytes()[:3000])
    script = tmp_path / "frames.py"
    script.write_text(SCRIPT)
    ran = _render(shot, "-P", str(script), "--", str(tmp_path / "single"), end)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert sorted(path.name for path in (tmp_path / "single").iterdir()) == [
        f"{frame:04d}.png" for frame in (1, 2, 3, 4, 5, 7, 8)
    ]


@pytest.mark.parametrize("name", ["racked.mp4", "racked_####.png"])
def test_an_interrupt_of_blenders_own_command_line_leaves_nothing(tmp_path, name):
    files = stripes.write(tmp_path / "clip", 60)
    command = [bpy.app.binary_path, "-b", "--command", "rackfocus", "rack", str(files[0]), "-o"]
    process = subprocess.Popen(
        [*command, str(tmp_path / "out" / name)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert any(line.startswith("rendering:") for line in process.stderr)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    assert not (tmp_path / "out").exists()
