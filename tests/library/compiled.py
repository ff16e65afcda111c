"""Small compiled programs, and what the drivers say about them."""

import json
import shutil

import pytest
from library.support import PROGRAMS, built, execute


class File:
    """A compiled program."""

    def __init__(self, path, symbols=None):
        self.path = path
        self._symbols = symbols

    @property
    def symbols(self):
        """{name: (address, size)} of the functions, from before the file was stripped."""
        if self._symbols is None:
            fields = (line.split() for line in execute("nm", "-S", self.path).splitlines())
            self._symbols = {
                f[3]: (int(f[0], 16), int(f[1], 16)) for f in fields if len(f) == 4 and f[2] in "tTW"
            }
        return self._symbols

    def address(self, name):
        return self.symbols[name][0]

    def copy(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.path, path)
        return File(path, self.symbols)

    def strip(self, *options):
        """Removes symbols and debug information in place."""
        known = self.symbols
        execute("strip", *options, self.path)
        self._symbols = known
        return self

    def split(self, debug_file):
        """Moves them into another file."""
        debug_file.parent.mkdir(parents=True, exist_ok=True)
        execute("objcopy", "--only-keep-debug", self.path, debug_file)
        return self.strip()

    def link(self, debug_file):
        """Adds a .gnu_debuglink to the file, with the checksum that the debug file has now."""
        known = self.symbols
        execute("objcopy", f"--add-gnu-debuglink={debug_file}", self.path)
        self._symbols = known

    @property
    def build_id(self):
        line = next(x for x in execute("readelf", "-n", self.path).splitlines() if "Build ID" in x)
        return line.split()[-1]

    def _ask(self, verb, words, directories=None, env=None):
        options = ["-d", directories] if directories is not None else []
        return json.loads(
            execute(built("symbolize"), *options, self.path, verb, *words, env=env)
        )

    def at(self, *addresses, **options):
        """The activations at link-time addresses, a list for each."""
        return self._ask("at", map(hex, addresses), **options)

    def calls(self, *addresses, **options):
        """The same for return addresses."""
        return self._ask("calls", map(hex, addresses), **options)

    def function_at(self, address, **options):
        """Name of the physical function at an address."""
        return self.at(address, **options)[0][-1]["function"]

    def find(self, name):
        return self._ask("find", [name])[0]

    def exported(self, name):
        return self._ask("exported", [name])[0]

    def after_replacing(self, other, address):
        return self._ask("replaced-by", [other.path, hex(address)])[0]

    def failing(self, address, name):
        """How many allocations could fail, one after the other."""
        return self._ask("failing", [hex(address), name])


@pytest.fixture
def build(tmp_path):
    """Compiles a program: build("names.cpp", "-O2", compiler="g++") -> File."""

    def compile_program(source, *options, compiler="gcc", name="target", env=None):
        if shutil.which(compiler) is None:
            pytest.skip(f"there is no {compiler}")
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        execute(compiler, PROGRAMS / source, *options, "-o", path, env=env)
        return File(path)

    return compile_program
