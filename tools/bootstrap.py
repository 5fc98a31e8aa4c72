# SPDX-License-Identifier: GPL-3.0-or-later
"""Make .venv ready: find a working Python 3.13, install what pyproject.toml pins, check that bpy loads.

With --next also .venv-next, which has the next Blender's bpy and shares the rest with .venv. Runs on any Python from
3.8 on, with the standard library alone. Does nothing for an environment whose stamp matches.
"""

import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
NEXT = os.path.join(ROOT, ".venv-next")
NEXT_PYTHON = os.path.join(NEXT, "bin", "python")
WANTED = (3, 13)  # the only Python that bpy 5.2 and 5.3 have wheels for

# Debian's and Ubuntu's package for each library that bpy expects from the system.
APT_PACKAGES = {
    "libX11.so.6": "libx11-6",
    "libXrender.so.1": "libxrender1",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libXext.so.6": "libxext6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libGL.so.1": "libgl1",
    "libstdc++.so.6": "libstdc++6",
}

PROBE = (
    "import sys, sysconfig, venv, ensurepip;"
    "print('%d.%d' % sys.version_info[:2], bool(sysconfig.get_config_var('Py_GIL_DISABLED')), sys.executable)"
)


def main():
    """Set up what is asked for; return the process's exit status."""
    return ready() or ("--next" in sys.argv[1:] and next_ready()) or 0


def ready():
    """Set .venv up; 0, or another status after saying why it cannot be."""
    if is_ready(VENV):
        return 0
    python = find_python()
    if python is None:
        return complain(
            "no working Python 3.13, which Blender's bpy module needs: install it (apt-get install python3.13 "
            "python3.13-venv, or pyenv install 3.13, or uv python install 3.13) and call make again"
        )
    say("using {}".format(python))
    if not same_base(python):
        if os.path.isdir(VENV):
            shutil.rmtree(VENV)
        run([python, "-m", "venv", VENV])
    say("installing what pyproject.toml pins (the first time this fetches about 500 MB)")
    install(VENV_PYTHON, requirements("dependencies", "blender", "test"))
    return finished(VENV)


def next_ready():
    """Set .venv-next up beside .venv, likewise."""
    if is_ready(NEXT):
        return 0
    say("installing the next Blender's module (about 350 MB)")
    run([VENV_PYTHON, "-m", "venv", "--clear", NEXT])
    install(NEXT_PYTHON, ["--no-deps"] + requirements("blender-next"))
    with open(os.path.join(site_packages(NEXT), "shared.pth"), "w") as shared:
        shared.write(site_packages(VENV) + "\n")
    return finished(NEXT)


def install(python, wanted):
    """Have pip install into an environment."""
    run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"] + wanted)


def is_ready(venv):
    """Whether an environment is as it would be made now."""
    return os.path.exists(os.path.join(venv, "bin", "python")) and read(os.path.join(venv, "ready")) == stamp_text()


def finished(venv):
    """Check that bpy loads, and remember what the environment was made from."""
    broken = why_bpy_fails(venv)
    if broken:
        return complain(broken)
    with open(os.path.join(venv, "ready"), "w") as stamp:
        stamp.write(stamp_text())
    say("{} is ready".format(os.path.basename(venv)))
    return 0


def requirements(*groups):
    """What pyproject.toml pins in the groups named."""
    listed = capture([VENV_PYTHON, "-c", LIST_REQUIREMENTS, os.path.join(ROOT, "pyproject.toml")] + list(groups))
    return listed.split("\n")


def site_packages(venv):
    """Where an environment keeps its packages."""
    return os.path.join(venv, "lib", "python3.13", "site-packages")


LIST_REQUIREMENTS = """
import sys, tomllib
project = tomllib.load(open(sys.argv[1], "rb"))["project"]
groups = {"dependencies": project["dependencies"], **project["optional-dependencies"]}
print("\\n".join(line for group in sys.argv[2:] for line in groups[group]))
"""


def stamp_text():
    """What an environment depends on: this script, pyproject.toml, and the place of the checkout (it cannot move)."""
    digest = hashlib.sha256(ROOT.encode())
    for name in (os.path.abspath(__file__), os.path.join(ROOT, "pyproject.toml")):
        with open(name, "rb") as source:
            digest.update(source.read())
    return digest.hexdigest()


def find_python():
    """The path of the first Python 3.13 that really runs, or None. A shim that only exists does not count."""
    for candidate in candidates():
        path = probe(candidate)
        if path:
            return path
    return fetch_with_uv()


def candidates():
    """Every place a Python 3.13 may stand, likeliest first."""
    yield os.environ.get("PYTHON313", "")
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        for name in ("python3.13", "python3", "python"):
            yield os.path.join(folder, name)
    yield sys.executable
    home = os.path.expanduser("~")
    pyenv = os.environ.get("PYENV_ROOT", os.path.join(home, ".pyenv"))
    data = os.environ.get("XDG_DATA_HOME", os.path.join(home, ".local", "share"))
    managed = os.environ.get("UV_PYTHON_INSTALL_DIR", os.path.join(data, "uv", "python"))
    for pattern in (
        os.path.join(pyenv, "versions", "3.13*", "bin", "python3.13"),
        os.path.join(managed, "cpython-3.13*", "bin", "python3.13"),
        os.path.join(home, "*conda3", "envs", "*", "bin", "python3.13"),
        "/opt/python*/bin/python3.13",
        "/usr/local/bin/python3.13",
    ):
        for path in sorted(glob.glob(pattern), reverse=True):
            yield path


def probe(python):
    """`python`'s own executable if it is a working 3.13 with venv and the GIL (bpy needs it), else None."""
    if not python or not os.access(python, os.X_OK) or os.path.isdir(python):
        return None
    try:
        answer = subprocess.run(
            [python, "-c", PROBE],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            universal_newlines=True,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"(\d+)\.(\d+) (True|False) (.+)", answer.stdout.strip())
    if answer.returncode or not match:
        return None
    version = (int(match.group(1)), int(match.group(2)))
    return match.group(4) if version == WANTED and match.group(3) == "False" else None


def fetch_with_uv():
    """Let uv install Python 3.13 (uv itself from pip if it is not here); its path, or None."""
    uv = shutil.which("uv")
    if uv is None:
        folder = os.path.join(ROOT, ".cache", "uv")
        say("no Python 3.13 here; trying to get uv, which can fetch one")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", folder]
        if subprocess.run([*pip, "uv"], stderr=subprocess.DEVNULL).returncode:
            return None
        uv = os.path.join(folder, "bin", "uv")
    if subprocess.run([uv, "python", "install", "3.13"]).returncode:
        return None
    found = subprocess.run([uv, "python", "find", "3.13"], stdout=subprocess.PIPE, universal_newlines=True)
    return probe(found.stdout.strip())


def same_base(python):
    """True if .venv already stands on this very Python."""
    return os.path.exists(VENV_PYTHON) and os.path.realpath(VENV_PYTHON) == os.path.realpath(python)


def why_bpy_fails(venv):
    """An explanation with the packages to install if bpy does not load in an environment, else an empty string."""
    python = os.path.join(venv, "bin", "python")
    trial = subprocess.run(
        [python, "-c", "import bpy"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, universal_newlines=True
    )
    if trial.returncode == 0:
        return ""
    reason = trial.stderr.strip().split("\n")[-1]
    missing = missing_libraries(venv) or re.findall(r"(lib\S+\.so\S*): cannot open", reason)
    packages = sorted({APT_PACKAGES.get(name, name) for name in missing}) or sorted(set(APT_PACKAGES.values()))
    return "Blender's module does not load: {}\n  apt-get install {}".format(reason, " ".join(packages))


def missing_libraries(venv):
    """Shared libraries that bpy links to and the system does not have (empty where ldd is not to be had)."""
    found = glob.glob(os.path.join(site_packages(venv), "bpy", "__init__*.so"))
    if not found or shutil.which("ldd") is None:
        return []
    lines = subprocess.run(["ldd", found[0]], stdout=subprocess.PIPE, universal_newlines=True).stdout.split("\n")
    return [line.split()[0] for line in lines if "not found" in line]


def capture(command):
    """What a command prints; its failure ends the bootstrap."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout.strip()


def run(command):
    """Run a command; its failure ends the bootstrap."""
    subprocess.run(command, check=True)


def read(path):
    """A file's text, empty where there is none."""
    try:
        with open(path) as source:
            return source.read()
    except OSError:
        return ""


def say(text):
    """One line to the person watching."""
    sys.stderr.write("bootstrap: {}\n".format(text))


def complain(text):
    """Say what is wrong; the exit status for it."""
    say(text)
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(complain("this failed: {}".format(" ".join(error.cmd[:6]))))
