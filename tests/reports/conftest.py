"""Reports of described profiles, and the schemas that others published for them."""

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support import execute

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("TMPALLOC_BUILD") or HERE.parents[1] / ".build")


class Driver:
    """Runs report_driver."""

    profiles = HERE / "profiles"

    def __init__(self, path):
        self.path = path

    def run(self, description, *arguments, locale="C", **more):
        """The finished process; description is the name of a file in profiles, or bytes."""
        if isinstance(description, str):
            description = (self.profiles / f"{description}.txt").read_bytes()
        return subprocess.run(
            [self.path, *map(str, arguments)],
            input=description,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, LC_ALL=locale, TERM="dumb", COLUMNS="17"),
            **more,
        )

    def report(self, description, *arguments, **more):
        """The text of a report that must succeed; bytes that are none are kept."""
        done = self.run(description, *arguments, **more)
        assert done.returncode == 0, done.stdout
        return done.stdout.decode(errors="surrogateescape")

    def error(self, description, *arguments, **more):
        """The line of a report that must fail."""
        done = self.run(description, *arguments, **more)
        assert done.returncode == 1, done.stdout
        return done.stdout.decode()


@pytest.fixture(scope="session")
def driver():
    return Driver(BUILD / "report_driver")


@pytest.fixture(scope="session")
def schema():
    """Loads a published schema, by its place in the packages that schemas/package.json names."""
    folder = BUILD / "schemas"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in ("package.json", "package-lock.json"):
            text = (HERE / "schemas" / name).read_bytes()
            if not (folder / name).exists() or (folder / name).read_bytes() != text:
                shutil.rmtree(folder / "node_modules", ignore_errors=True)
                (folder / name).write_bytes(text)
        if not (folder / "node_modules" / ".package-lock.json").exists():
            options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
            execute("npm", "ci", *options, "--prefix", folder)
    return lambda path: json.loads((folder / "node_modules" / path).read_text())
