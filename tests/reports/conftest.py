"""Reports of described profiles."""

import os
import subprocess
from pathlib import Path

import pytest
from library.results import expanded
from library.support import built

HERE = Path(__file__).resolve().parent

#: A profile with one site, at a line of a source file.
SITE = """threshold 0 0
process 1
engine breakpoint
totals 1 1 0 0 0
frame malloc | malloc | - | -
frame f | f | {source}:{line} | -
site malloc f
  temporaries 0 1 1
  allocations 1 1
  threads 1
"""


class Driver:
    """Runs report_driver."""

    profiles = HERE / "profiles"

    def __init__(self, path):
        self.path = path

    def site_at(self, source, line):
        """The description of a profile with one site."""
        return SITE.format(source=source, line=line).encode()

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

    def results(self, description, *arguments):
        """What the json report holds."""
        return expanded(self.report(description, "json", *arguments))

    def error(self, description, *arguments, **more):
        """The line of a report that must fail."""
        done = self.run(description, *arguments, **more)
        assert done.returncode == 1, done.stdout
        return done.stdout.decode()


@pytest.fixture(scope="session")
def driver():
    return Driver(built("report_driver"))
