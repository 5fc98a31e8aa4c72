# SPDX-License-Identifier: GPL-3.0-or-later
"""The bootstrap takes only a Python 3.13 that really runs, and names the packages that a bare machine lacks."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent.parent / "tools" / "bootstrap.py"


@pytest.fixture
def bootstrap():
    """tools/bootstrap.py as a module."""
    spec = importlib.util.spec_from_file_location("bootstrap", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _program(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_a_shim_that_fails_is_passed_over(bootstrap, tmp_path, monkeypatch):
    shims, real = tmp_path / "shims", tmp_path / "real"
    shims.mkdir()
    real.mkdir()
    shim = _program(shims / "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    (real / "python3.13").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", f"{shims}:{real}")
    monkeypatch.delenv("PYTHON313", raising=False)
    assert bootstrap.probe(shim) is None
    found = bootstrap.find_python()
    answer = subprocess.run([found, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True)
    assert answer.stdout.strip() == "(3, 13)"


@pytest.mark.parametrize("answer", ["3.12 False /usr/bin/python3", "3.13 True /usr/bin/python3.13t", "nonsense"])
def test_another_version_or_a_python_without_gil_is_no_use(bootstrap, tmp_path, answer):
    assert bootstrap.probe(_program(tmp_path / "python3", f"echo '{answer}'")) is None


def test_missing_libraries_become_packages(bootstrap, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    _program(
        tmp_path / "bin" / "python",
        "echo 'ImportError: libxkbcommon.so.0: cannot open shared object file: No such file' >&2; exit 1",
    )
    monkeypatch.setattr(bootstrap, "missing_libraries", lambda _venv: ["libGL.so.1", "libxkbcommon.so.0"])
    told = bootstrap.why_bpy_fails(str(tmp_path))
    assert "apt-get install libgl1 libxkbcommon0" in told
    assert "libxkbcommon.so.0" in told
