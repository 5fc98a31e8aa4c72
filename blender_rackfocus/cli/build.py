# SPDX-License-Identifier: GPL-3.0-or-later
"""`build`: one installable zip per platform, made and checked by Blender's own builder.

Package and manifest stand apart in the checkout and together in an extension, so both are staged first, with the
unmodified wheels that the platform needs. numpy and OpenImageIO are never among them: Blender has its own.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform as machine
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from . import scratch
from .common import PACKAGE, CommandError, UsageError, manifest_path, say

EXAMPLES = ("build", "build --platform linux-x64 --platform windows-x64 -o dist", "build --platform all")

# Blender's platform names -> the wheel tags of the oldest system it runs on. windows-arm64 is missing: there is no
# OpenCV wheel for it. One zip serves official Blender (Python 3.13) and distributions' (3.14): most wheels are abi3, of
# the others one for each Python is in it, and Blender installs the one that fits.
PLATFORMS = {
    "linux-x64": ("manylinux_2_28_x86_64", "manylinux2014_x86_64"),
    "linux-arm64": ("manylinux_2_28_aarch64", "manylinux2014_aarch64"),
    "windows-x64": ("win_amd64",),
    "macos-arm64": ("macosx_14_0_arm64", "macosx_13_0_arm64", "macosx_11_0_arm64"),
    "macos-x64": ("macosx_14_0_x86_64", "macosx_11_0_x86_64"),
}
BUNDLED = ("opencv-python-headless", "av", "onnxruntime")
PYTHONS = ("3.13", "3.14")
PER_PYTHON = {"onnxruntime": ("linux-x64", "linux-arm64", "windows-x64", "macos-arm64")}
"""What is bundled for each Python, and the platforms it has wheels for. Elsewhere OpenCV runs the networks. What
onnxruntime asks for besides (flatbuffers, packaging, protobuf) is for its tools: running a network imports none of it.
"""
# One date for every file in a zip (the first that zip knows), so that the same source gives the same bytes.
STAMP = 315619200  # 1980-01-02 UTC


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        "--platform",
        action="append",
        choices=(*PLATFORMS, "all"),
        metavar="NAME",
        help=f"platform to build for, repeatable: {', '.join(PLATFORMS)} or all (default: this machine's)",
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("dist"), metavar="DIR", help="folder for the zips (default: dist)"
    )


def run(args: argparse.Namespace) -> int:
    """Build each platform asked for; print the zips' paths."""
    root = manifest_path().parent
    if root == PACKAGE or not (root / "pyproject.toml").is_file():
        raise CommandError("this is an installed extension; building needs the source checkout")
    asked = args.platform or [this_platform()]
    for platform in PLATFORMS if "all" in asked else dict.fromkeys(asked):
        print(build(root, platform, args.output))
    return 0


def this_platform() -> str:
    """Blender's name of the machine this runs on."""
    system = {"Linux": "linux", "Windows": "windows", "Darwin": "macos"}.get(machine.system(), machine.system())
    processor = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(machine.machine().lower(), machine.machine())
    name = f"{system}-{processor}"
    if name not in PLATFORMS:
        raise UsageError(f"no zip can be made for {name}; name one with --platform: {', '.join(PLATFORMS)}")
    return name


def build(root: Path, platform: str, output: Path) -> Path:
    """Stage, build and validate one platform's zip.

    root: the checkout. output: folder, made if missing. Returns the zip's path, which is replaced as a whole or not
    at all. Raises CommandError naming the step that failed.
    """
    manifest = tomllib.loads((root / "blender_manifest.toml").read_text(encoding="utf-8"))
    target = output / f"{manifest['id']}-{manifest['version']}-{platform}.zip"
    output.mkdir(parents=True, exist_ok=True)
    builder = find_builder()
    with scratch.folder_in(output, ".staging-") as folder:
        staged = folder / "extension"
        shutil.copytree(root / PACKAGE.name, staged, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        for name in ("LICENSE", "README.md", "CHANGELOG.md"):
            if (root / name).is_file():
                shutil.copy(root / name, staged / name)
        say(f"{platform}: fetching wheels")
        wheels = fetch_wheels(requirements(root), platform, staged / "wheels")
        text = (root / "blender_manifest.toml").read_text(encoding="utf-8")
        (staged / "blender_manifest.toml").write_text(with_wheels(text, platform, wheels), encoding="utf-8")
        for path in (staged, *staged.rglob("*")):
            os.utime(path, (STAMP, STAMP))
        made = folder / target.name
        _run_builder(builder, ["build", "--source-dir", str(staged), "--output-filepath", str(made)])
        _run_builder(builder, ["validate", str(made)])
        made.replace(target)
    return target


def requirements(root: Path) -> list[str]:
    """The pinned requirements of the bundled packages, from the checkout's pyproject.toml."""
    pinned = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    return [line.partition(";")[0].strip() for line in pinned if _name(line) in BUNDLED]


def _name(requirement: str) -> str:
    return re.split(r"[=<>~! ;]", requirement, maxsplit=1)[0]


def fetch_wheels(pinned: list[str], platform: str, folder: Path) -> list[str]:
    """Download the wheels of `pinned` for `platform` into `folder` as they are; their file names, sorted."""
    for python, abi, lines in downloads(pinned, platform):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", python, "--abi", abi]
        for tag in PLATFORMS[platform]:
            command += ["--platform", tag]
        done = subprocess.run([*command, "--dest", str(folder), *lines], capture_output=True, text=True)
        if done.returncode:
            raise CommandError(f"no wheels for {platform}: {_last_line(done.stderr)}")
    return sorted(path.name for path in folder.glob("*.whl"))


def downloads(pinned: list[str], platform: str) -> list[tuple[str, str, list[str]]]:
    """(Python, ABI, requirements) of each download for a platform."""
    stable = [line for line in pinned if _name(line) not in PER_PYTHON]
    own = [line for line in pinned if platform in PER_PYTHON.get(_name(line), ())]
    each = [(python, f"cp{python.replace('.', '')}", own) for python in PYTHONS if own]
    return [(PYTHONS[0], "abi3", stable), *each]


def with_wheels(manifest: str, platform: str, wheels: list[str]) -> str:
    """The manifest's text with the platform and its wheels declared, above its first table."""
    lines = "".join(f'  "./wheels/{name}",\n' for name in wheels)
    declared = f'platforms = ["{platform}"]\nwheels = [\n{lines}]\n\n'
    head, bracket, tables = manifest.partition("\n[")
    return f"{head.rstrip()}\n{declared}{bracket.lstrip()}{tables}"


def find_builder() -> list[str]:
    """The command of Blender's extension tool: the one inside the bpy module, or an installed Blender's."""
    spec = importlib.util.find_spec("bpy")
    for place in (spec.submodule_search_locations or []) if spec else []:
        for folder in (*Path(place).glob("*/scripts"), Path(place).parent.parent):
            tool = folder / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
            if tool.is_file():
                return [sys.executable, str(tool)]
    blender = shutil.which("blender")
    if blender:
        return [blender, "--command", "extension"]
    raise CommandError("neither the bpy module nor a blender on PATH: one of them has to build the zip")


def _run_builder(builder: list[str], arguments: list[str]) -> None:
    done = subprocess.run([*builder, *arguments], capture_output=True, text=True)
    if done.returncode:
        told = (done.stderr + done.stdout).strip()
        raise CommandError(f"Blender's extension tool refused to {arguments[0]}:\n{told}")


def _last_line(text: str) -> str:
    errors = [line for line in text.strip().splitlines() if line.startswith("ERROR")]
    return (errors or text.strip().splitlines() or ["pip said nothing"])[-1]
