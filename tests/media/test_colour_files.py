# SPDX-License-Identifier: GPL-3.0-or-later
"""A colour configuration is its text, its tables and the variables of its paths, wherever it lies."""

import shutil
import time

import pytest

from blender_rackfocus.media import colour_files

SEARCH_PATHS = {
    "a line": ("search_path: luts:more luts", "plain.cube", "luts"),
    "a list": ("search_path:\n  - luts\n  - more luts", "plain.cube", "luts"),
    "the second folder": ('search_path: "luts:more luts"', '"plain.cube"', "more luts"),
    "beside it": ("description: none", "plain.cube", "."),
    "a name with spaces": ("search_path: luts", '"film look.cube"', "luts"),
    "by a variable": ("environment:\n  SHOT: one\nsearch_path: luts/$SHOT", "plain.cube", "luts/one"),
    "by a variable in the name": ("search_path: luts", "${SHOT}.cube", "luts"),
}


def _write(path, text):
    """At a time that the file system tells from the last."""
    path.write_text(text)
    time.sleep(0.01)


@pytest.mark.parametrize("name", SEARCH_PATHS)
def test_what_is_changed_is_another_configuration_and_back_the_same(tmp_path, monkeypatch, name):
    place = tmp_path / "studio"
    head, source, folder = SEARCH_PATHS[name]
    monkeypatch.setenv("SHOT", "one")
    table = place / folder / source.strip('"').replace("${SHOT}", "one")
    table.parent.mkdir(parents=True, exist_ok=True)
    _write(table, "1 2 3")
    config = place / "config.ocio"
    text = f"ocio_profile_version: 2\n{head}\n  - !<FileTransform> {{src: {source}, interpolation: linear}}\n"
    _write(config, text)
    first = colour_files.digest(str(config))

    _write(table, "3 2 1")  # of the same size
    assert colour_files.digest(str(config)) != first
    _write(table, "1 2 3")
    assert colour_files.digest(str(config)) == first
    _write(config, text + "# another word\n")
    assert colour_files.digest(str(config)) != first
    _write(config, text)
    assert colour_files.digest(str(config)) == first
    monkeypatch.setenv("SHOT", "two")
    assert (colour_files.digest(str(config)) != first) == ("SHOT" in text)
    monkeypatch.setenv("SHOT", "one")

    elsewhere = shutil.copytree(place, tmp_path / "elsewhere")
    assert colour_files.digest(str(elsewhere / "config.ocio")) == first


def test_a_configuration_that_is_no_file_is_its_name():
    assert colour_files.digest("ocio://default") == "ocio://default"
