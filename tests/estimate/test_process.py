# SPDX-License-Identifier: GPL-3.0-or-later
"""A network never takes the process that asks with it: it crashes, fills memory or hangs in one of its own."""

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import toy_networks
from test_graphs import PICTURES, Graph

from blender_rackfocus.estimate import EstimateError, NetworkSettings, load_network
from blender_rackfocus.estimate import process as process_module
from blender_rackfocus.estimate.process import CannotRun, Process, python_program


def crasher(path):
    """A Gaussian error unit as newer exporters write it: OpenCV's importer dies of it."""
    g = Graph()
    at = g.conv("x", 4, seed=1)
    whole = g("Add", g("Erf", g("Div", at, g.const(np.sqrt(2)))), g.const(1.0))
    half = g("Mul", g.const(0.5), whole)
    g.conv(g("Mul", at, half), 1, 4, seed=2, name="y")
    return g.save(path, [("x", [1, 3, 56, 56])], [("y", [1, 1, 56, 56])], opset=18)


def test_what_kills_opencv_does_not_reach_us(tmp_path):
    path = str(crasher(tmp_path / "m.onnx"))
    assert load_network(NetworkSettings(path), PICTURES).runtime.startswith("onnxruntime")
    with pytest.raises(EstimateError, match=r"m\.onnx cannot be run here: it makes the runtime crash"):
        load_network(NetworkSettings(path, engine="OPENCV"), PICTURES)


@pytest.mark.parametrize("engine", ["AUTO", "OPENCV"])
def test_damaged_files_run_or_are_refused_in_one_line(tmp_path, engine):
    """RACKFOCUS_MUTATIONS says how many."""
    whole = crasher(tmp_path / "m.onnx") if engine == "AUTO" else toy_networks.write(tmp_path / "m.onnx")
    data = np.frombuffer(whole.read_bytes(), np.uint8)
    rng, refusals = np.random.default_rng(3), []
    for n in range(int(os.environ.get("RACKFOCUS_MUTATIONS", "12"))):
        harmed = data.copy()
        for _ in range(rng.integers(1, 6)):
            harmed[rng.integers(harmed.size)] = rng.integers(256)
        path = tmp_path / f"harmed_{n}.onnx"
        path.write_bytes(harmed.tobytes())
        try:
            assert np.isfinite(load_network(NetworkSettings(str(path), engine=engine), PICTURES).run(PICTURES[0])).all()
        except EstimateError as error:
            refusals.append((path.name, str(error)))
    assert all(name in words and "\n" not in words for name, words in refusals)


def test_too_much_memory_is_told(tmp_path, monkeypatch):
    if sys.platform != "linux":
        pytest.skip("memory is limited where the system can")
    g = Graph()
    many = g("Tile", g("ReduceMean", "x", axes=[1], keepdims=1), g.const([1, 3000, 1, 1], np.int64))
    g("ReduceMean", many, axes=[1], keepdims=1, name="y")
    path = g.save(tmp_path / "m.onnx", [("x", [1, 3, 512, 512])], [("y", [1, 1, 512, 512])])
    monkeypatch.setattr(process_module, "memory_limit", lambda: 2 << 30)
    with pytest.raises(EstimateError, match="more memory than the 2 GB"):
        load_network(NetworkSettings(str(path)))


def test_too_long_is_told_and_ends_it(tmp_path):
    g = Graph()
    at = "x"
    for _ in range(60):
        at = g.conv(at, 3, 3, side=15)
    g("ReduceMean", at, axes=[1], keepdims=1, name="y")
    path = g.save(tmp_path / "m.onnx", [("x", [1, 3, 512, 512])], [("y", [1, 1, 512, 512])])
    child = Process(path)
    begun = time.monotonic()
    with pytest.raises(CannotRun, match="not done after 0 s"):
        child.run({"x": np.zeros((1, 3, 512, 512), np.float32)}, ["y"], limit_s=0.2)
    assert time.monotonic() - begun < 2
    with pytest.raises(CannotRun):
        child.run({"x": np.zeros((1, 3, 512, 512), np.float32)}, ["y"])
    child.close()


def test_the_process_goes_with_the_network(tmp_path):
    def children():
        return {int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and _parent(p) == os.getpid()}

    if not Path("/proc/self/stat").exists():
        pytest.skip("processes are counted in /proc")
    before = children()
    net = load_network(NetworkSettings(str(toy_networks.write(tmp_path / "m.onnx"))))
    assert len(children() - before) == 1
    del net
    assert children() <= before


def _parent(folder):
    try:
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


@pytest.mark.parametrize("name", ["blender", "Blender", "python-blender", "blender-python3.13", ""])
def test_another_program_is_never_taken_for_python(monkeypatch, tmp_path, name):
    here = python_program()
    program = tmp_path / name
    if name:
        program.write_text("")
    monkeypatch.setattr(sys, "executable", str(program) if name else "")
    found = python_program()
    assert found is not None
    assert found != str(program)
    assert Path(found).resolve() == Path(here).resolve()
    for place in ("prefix", "exec_prefix", "base_prefix"):
        monkeypatch.setattr(sys, place, str(tmp_path))
    assert python_program() is None
    with pytest.raises(EstimateError, match="no Python program"):
        load_network(NetworkSettings(str(toy_networks.write(tmp_path / "m.onnx"))))
