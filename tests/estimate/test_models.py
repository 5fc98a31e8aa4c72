# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks that are fetched: against a real server on this machine's loopback address."""

import hashlib
import json
import re
import socket
import threading
from concurrent.futures import CancelledError
from dataclasses import replace

import numpy as np
import pytest
from loopback import Host

from blender_rackfocus.estimate import EstimateError, models

CONTENT = np.random.default_rng(1).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def model_of(host, sha256=SHA256, path="/m.onnx"):
    address = f"http://127.0.0.1:{host.server_port}{path}"
    return replace(models.TABLE[0], name="test", file="m.onnx", address=address, sha256=sha256)


@pytest.fixture
def host():
    with Host(CONTENT) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def test_a_network_is_fetched_once_and_checked(host, tmp_path):
    seen = []
    path = models.get(model_of(host), tmp_path, consent=True, progress=lambda have, total: seen.append((have, total)))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [have for have, _ in seen] == sorted(have for have, _ in seen)
    assert [one.name for one in tmp_path.iterdir()] == ["m.onnx"]
    assert models.get(model_of(host), tmp_path, consent=False) == path
    assert len(host.asked) == 1


def test_nothing_is_asked_of_anybody_without_consent(host, tmp_path):
    with pytest.raises(EstimateError, match="only when you say so"):
        models.get(model_of(host), tmp_path / "folder", consent=False)
    assert host.asked == []
    assert not (tmp_path / "folder").exists()


def test_cut_then_resumed(host, tmp_path):
    host.cut = 100_000
    with pytest.raises(EstimateError, match=r"broke off.*what has come is kept"):
        models.get(model_of(host), tmp_path, consent=True)
    assert not (tmp_path / "m.onnx").exists()
    host.cut = None
    assert models.get(model_of(host), tmp_path, consent=True).read_bytes() == CONTENT
    assert host.asked[-1] == ("/m.onnx", "bytes=100000-")


def test_a_host_that_knows_no_ranges_sends_it_anew(host, tmp_path):
    (tmp_path / "m.onnx.part").write_bytes(CONTENT[:50_000])
    host.ranges = False
    assert models.get(model_of(host), tmp_path, consent=True).read_bytes() == CONTENT


@pytest.mark.parametrize("rest", [0, 1000])
def test_a_whole_part_and_one_too_long(host, tmp_path, rest):
    (tmp_path / "m.onnx.part").write_bytes(CONTENT + bytes(rest))
    if rest:
        with pytest.raises(EstimateError, match="checksum"):
            models.get(model_of(host), tmp_path, consent=True)
    assert models.get(model_of(host), tmp_path, consent=True).read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_nothing(host, tmp_path):
    host.content = CONTENT[:-1] + b"x"
    with pytest.raises(EstimateError, match=r"127\.0\.0\.1 sent for test is not the network.*removed"):
        models.get(model_of(host), tmp_path, consent=True)
    assert list(tmp_path.iterdir()) == []


def test_not_there(host, tmp_path):
    with pytest.raises(EstimateError, match="does not have it any more"):
        models.get(model_of(host, path="/gone.onnx"), tmp_path, consent=True)
    assert list(tmp_path.glob("*.onnx")) == []


def test_offline(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = replace(models.TABLE[0], address=f"http://127.0.0.1:{port}/m.onnx")
    with pytest.raises(EstimateError, match=r"cannot be fetched from 127\.0\.0\.1.*file from disk"):
        models.get(model, tmp_path, consent=True)


def test_a_host_that_falls_silent(host, tmp_path):
    host.pause_s = 5
    with pytest.raises(EstimateError, match="it sends nothing"):
        models.get(model_of(host), tmp_path, consent=True, timeout_s=0.3)


def test_cancelled_then_resumed(host, tmp_path):
    host.pause_s = 0.02
    seen = []
    with pytest.raises(CancelledError):
        models.get(
            model_of(host),
            tmp_path,
            consent=True,
            progress=lambda *one: seen.append(one),
            cancelled=lambda: len(seen) > 3,
        )
    kept = (tmp_path / "m.onnx.part").stat().st_size
    assert 0 < kept < len(CONTENT)
    host.pause_s = 0
    assert models.get(model_of(host), tmp_path, consent=True).read_bytes() == CONTENT
    assert host.asked[-1][1] == f"bytes={kept}-"


def test_a_checksum_that_only_the_host_knows(host, tmp_path, monkeypatch):
    host.redirect, host.tag = SHA256, '"' + "0" * 64 + '"'  # the store's own tag is no checksum
    model = model_of(host, sha256="")
    assert models.kept_checksum(model, tmp_path) == ("", "")
    assert models.get(model, tmp_path, consent=True).read_bytes() == CONTENT
    assert models.kept_checksum(model, tmp_path) == (SHA256, "host")
    assert models.known(SHA256, str(tmp_path)) is None  # no network of the table
    monkeypatch.setattr(models, "TABLE", (model,))
    assert models.known(SHA256, str(tmp_path)) is model
    assert models.known(SHA256, "") is None
    assert json.loads((tmp_path / "checksums.json").read_text())["test"]["sha256"] == SHA256


def test_the_hosts_checksum_is_held_against_what_came(host, tmp_path):
    host.tag = f'"{"1" * 64}"'
    with pytest.raises(EstimateError, match="checksum"):
        models.get(model_of(host, sha256=""), tmp_path, consent=True)
    host.tag = ""
    models.get(model_of(host, sha256=""), tmp_path, consent=True)
    assert models.kept_checksum(model_of(host, sha256=""), tmp_path) == (SHA256, "first download")


def test_another_file_altogether_is_not_loaded(host, tmp_path):
    host.content = bytes(5_000_000)
    with pytest.raises(EstimateError, match="another file"):
        models.get(model_of(host), tmp_path, consent=True)


def test_a_folder_that_cannot_be_written(host, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EstimateError, match="cannot be kept"):
        models.get(model_of(host), tmp_path / "file", consent=True)


def test_the_table_is_whole():
    assert len({model.name for model in models.TABLE}) == len(models.TABLE)
    for model in models.TABLE:
        assert model.address.startswith("https://")
        assert model.sha256 == "" or re.fullmatch("[0-9a-f]{64}", model.sha256)
        assert models.named(model.name) is model
    with pytest.raises(EstimateError, match="tcmonodepth-small"):
        models.named("something")
