# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a folder's files are one sequence, by their names alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from blender_rackfocus.media import MediaError, sequences


def _touch(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x")


def _told(found: list[sequences.Sequence]) -> dict[str, list[int]]:
    return {one.name: list(one.files) for one in found}


@pytest.mark.parametrize(
    ("names", "chosen", "expected"),
    [
        (["a_0001.exr", "a_0002.exr", "b_0001.exr"], "a_0002.exr", {"a_####.exr": [1, 2]}),
        (["f_0001_depth_v2.exr", "f_0002_depth_v2.exr"], "f_0001_depth_v2.exr", {"f_####_depth_v2.exr": [1, 2]}),
        (["depth_v1.exr", "depth_v2.exr"], "depth_v2.exr", {}),
        (["depth_V01.exr", "depth_V02.exr"], "depth_V02.exr", {}),
        (["depthv1.exr", "depthv2.exr"], "depthv1.exr", {"depthv#.exr": [1, 2]}),  # a word that ends in v
        (["v0001.exr", "v0002.exr"], "v0001.exr", {"v####.exr": [1, 2]}),
        (["r_v001.0001.exr", "r_v001.0002.exr", "r_v002.0001.exr"], "r_v001.0001.exr", {"r_v001.####.exr": [1, 2]}),
        (["f_9.exr", "f_10.exr", "f_11.exr"], "f_10.exr", {"f_##.exr": [9, 10, 11]}),
        (["f_1.exr", "f_01.exr", "f_02.exr"], "f_02.exr", {"f_##.exr": [1, 2]}),
        (["f_-002.exr", "f_-001.exr", "f_000.exr"], "f_-001.exr", {"f_###.exr": [-2, -1, 0]}),
        (["f-002.exr", "f-001.exr", "f000.exr"], "f-001.exr", {"f###.exr": [-2, -1, 0]}),
        (["shot-001.exr", "shot-002.exr"], "shot-001.exr", {"shot-###.exr": [1, 2]}),
        (["A_01.EXR", "A_02.exr"], "A_01.EXR", {"A_##.EXR": [1, 2]}),
        (["a1.jp2", "a2.jp2"], "a1.jp2", {"a#.jp2": [1, 2]}),
        (["s1_001.exr", "s2_001.exr", "s1_002.exr"], "s1_001.exr", {"s#_001.exr": [1, 2], "s1_###.exr": [1, 2]}),
        (["alone_0001.exr"], "alone_0001.exr", {}),
        (["plain.exr"], "plain.exr", {}),
    ],
)
def test_the_number_is_the_run_of_digits_that_differs(tmp_path, names, chosen, expected) -> None:
    _touch(tmp_path / "a folder ü", *names)
    assert _told(sequences.around(str(tmp_path / "a folder ü" / chosen))) == expected


def test_a_pattern_names_the_number_even_where_it_is_a_version(tmp_path) -> None:
    _touch(tmp_path, "d_v1.exr", "d_v2.exr", "take#2_0001.exr", "take#2_0002.exr")
    assert list(sequences.of_pattern(str(tmp_path / "d_v#.exr")).files) == [1, 2]
    assert list(sequences.of_pattern(str(tmp_path / "take#2_####.exr")).files) == [1, 2]
    with pytest.raises(MediaError, match="in place of #"):
        sequences.of_pattern(str(tmp_path / "nothing_####.exr"))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["f_0001_depth_v2.exr", "f_0002_depth_v2.exr"], [1, 2]),
        (["f_0007_v2.exr"], [7]),
        (["f_-01.exr", "f_00.exr"], [-1, 0]),
        (["f-01.exr", "f00.exr"], [-1, 0]),
        (["a.exr", "b.exr"], None),
        (["f_1.exr", "f_1.exr"], None),
        (["f_3.exr", "f_1.exr"], [3, 1]),
        (["plain.exr"], None),
        ([], None),
    ],
)
def test_numbers_of_a_list(names, expected) -> None:
    assert sequences.numbers_of(names) == expected


def test_a_folder_is_told_by_its_sequences(tmp_path) -> None:
    _touch(tmp_path, "s.01.png", "s.02.png", "s_depth.01.png", "s_depth.02.png", "lone.png", "note.txt", ".s.03.png")
    found = _told(sequences.in_folder(str(tmp_path), lambda name: name.endswith(".png")))
    assert found == {"lone.png": [0], "s.##.png": [1, 2], "s_depth.##.png": [1, 2]}


def test_what_a_folder_holds_is_looked_at_again(tmp_path) -> None:
    _touch(tmp_path, "a_1.exr", "a_2.exr")
    assert len(sequences.around(str(tmp_path / "a_1.exr"))[0].files) == 2
    _touch(tmp_path, "a_3.exr")
    assert len(sequences.around(str(tmp_path / "a_1.exr"))[0].files) == 3


@pytest.mark.parametrize("name", ["s_depth.01.png", "Z_01.exr", "disp-3.png", "a/depth.exr", "A.Disparity.exr"])
def test_names_that_say_depth(name) -> None:
    assert sequences.says_depth(name)


@pytest.mark.parametrize("name", ["s.01.png", "zebra_01.exr", "display.png", "depth/beauty_1.exr", "indepth.png"])
def test_names_that_do_not(name) -> None:
    assert not sequences.says_depth(name)
