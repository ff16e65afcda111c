"""Reports of described profiles, and files of them."""

import json
import os
import subprocess

from library.results import expanded
from library.support import TESTS

REPORTS = TESTS / "reports"

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

    profiles = REPORTS / "profiles"

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


class Saved:
    """Saves profiles of descriptions, and reports files."""

    def __init__(self, driver, folder):
        self._driver = driver
        self._folder = folder

    def save(self, description, name="results.json"):
        path = self._folder / name
        path.write_text(self._driver.report(description, "json"))
        return path

    def first(self, name="results.json"):
        """The results of `example` as tmpalloc/1 had them."""
        path = self._folder / name
        path.write_bytes((REPORTS / "saved" / "example_1.json").read_bytes())
        return path

    def change(self, path, change):
        """A copy of the file in which `change` has been at work."""
        profile = json.loads(path.read_text())
        changed = change(profile)
        copy = self._folder / "changed.json"
        copy.write_text(json.dumps(profile if changed is None else changed))
        return copy

    def rename(self, path, **names):
        """A copy of the file in which every frame has these names, e.g. function="f"."""

        def rename(profile):
            for key, name in names.items():
                for frame in profile["frames"]:
                    frame[key] = len(profile["strings"])
                profile["strings"].append(name)

        return self.change(path, rename)

    def report(self, paths, *arguments):
        return self._driver.report(b"", *arguments, *self._load(paths))

    def error(self, paths, *arguments):
        text = self._driver.error(b"", *(arguments or ["summary"]), *self._load(paths))
        assert text.count("\n") == 1
        return text

    def _load(self, paths):
        paths = paths if isinstance(paths, list) else [paths]
        return [word for path in paths for word in ("--load", path)]
