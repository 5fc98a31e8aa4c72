# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command line says to questions and to mistakes: exit 2 and one line."""

import tomllib
from pathlib import Path

import pytest

from blender_rackfocus import cli

TOP = Path(__file__).resolve().parent.parent.parent


def _call(capsys, *arguments):
    status = cli.main([str(argument) for argument in arguments])
    told = capsys.readouterr()
    return status, told.out, told.err


def test_version_is_the_manifests(capsys):
    manifest = tomllib.loads((TOP / "blender_manifest.toml").read_text(encoding="utf-8"))
    status, out, _ = _call(capsys, "--version")
    assert status == 0
    assert out.strip() == f"Rack Focus {manifest['version']}"


@pytest.mark.parametrize("verb", cli.VERBS)
def test_each_verb_explains_itself_with_examples(capsys, verb):
    status, out, _ = _call(capsys, verb, "--help")
    assert status == 0
    assert "examples:" in out
    assert f"python -m blender_rackfocus {verb}" in out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "VERB"),
        (["focus"], "focus"),
        (["rack"], "CLIP"),
        (["rack", "nothing_here.mp4", "-o", "out.mp4"], "nothing_here.mp4"),
        (["rack", "CLIP", "-o", "out.xyz"], "out.xyz"),
        (["rack", "CLIP", "-o", "out.mp4", "--from", "-1"], "--from"),
        (["rack", "CLIP", "-o", "out.mp4", "--f-stop", "wide"], "--f-stop"),
        (["rack", "CLIP", "-o", "out.mp4", "--start", "5", "--end", "40"], "12"),
        (["rack", "CLIP", "-o", "out.mp4", "--at", "99"], "99"),
        (["rack", "CLIP", "-o", "out.mp4", "--set", "Sparkle=1"], "Sparkle"),
        (["rack", "CLIP", "-o", "out.mp4", "--set", "Sparkle"], "NAME=VALUE"),
        (["rack", "CLIP", "-o", "out.mp4", "--view", "Sepia"], "Sepia"),
        (["rack", "CLIP", "-o", "out.mp4", "--feel", "wobbly"], "WOBBLY"),
        (["build", "--platform", "amiga"], "amiga"),
        (["demo", "--shot", "casablanca"], "casablanca"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(capsys, clip, tmp_path, monkeypatch, arguments, word):
    monkeypatch.chdir(tmp_path)
    status, out, err = _call(capsys, *[str(clip) if one == "CLIP" else one for one in arguments])
    complaint = err.strip().splitlines()[-1]
    assert status == 2, err
    assert word in complaint
    assert out == ""
    assert list(tmp_path.iterdir()) == []
