"""Pythons of every version that is here, and programs that stop themselves in them."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from library.support import PROGRAMS, built

SCENES = PROGRAMS / "python_scenes.py"

# The distribution's, with all optimizations and with all assertions, and whatever else is on PATH.
NAMES = ["/usr/bin/python3", "python3-dbg", *(f"python3.{minor}" for minor in range(8, 15))]


def build_of(name):
    """(file, version, debug build or not) of an interpreter; None: there is none."""
    path = shutil.which(name)
    text = "import sys; print(sys.executable, *sys.version_info[:2], hasattr(sys, 'gettotalrefcount'))"
    done = path and subprocess.run([path, "-c", text], capture_output=True, text=True, check=False)
    if not done or done.returncode != 0:
        return None
    file, major, minor, debug = done.stdout.split()
    return str(Path(file).resolve()), (int(major), int(minor)), debug


def find_pythons():
    """Each build once."""
    builds = dict.fromkeys(filter(None, map(build_of, NAMES)))
    for file, (major, minor), debug in builds:
        kind = "debug" if debug == "True" else "release"
        name = f"{major}.{minor} {kind} {'of Debian' if file.startswith('/usr/bin') else ''}"
        yield pytest.param(file, id=name.strip())


PYTHONS = list(find_pythons())


class Stopped:
    """A program that stopped itself, and the frames that it printed before."""

    def __init__(self, command, environment=None):
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | (environment or {}),
        )
        self.pid = self.process.pid
        line = self.process.stdout.readline()
        assert line, "the program ended"
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), "the program ended"
        self.threads = json.loads(line)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def read(self, *options, by_pthread=False):
        """What the driver reads: its JSON."""
        # Where the pthread is known the tid isn't asked for.
        ids = [f"0:{i:x}" if by_pthread else str(tid) for tid, i, _ in self.threads]
        command = [built("python_stacks"), *options, self.pid, *ids]
        done = subprocess.run(map(str, command), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
