"""Programs with the agent preloaded, and what the reader finds in them afterwards."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from library.hooked import Hooked
from library.support import built

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="session")
def agent():
    return built("libtmpalloc-agent.so")


@pytest.fixture(scope="session")
def observer(tmp_path_factory):
    """The library that starts, stops and dumps where the program says so."""
    library = tmp_path_factory.mktemp("observer") / "observer.so"
    flags = ["-D_GNU_SOURCE", "-O1", "-fPIC", "-shared", "-I", ROOT / "include", "-o", library]
    subprocess.run(["gcc", *flags, HERE / "observer.c"], check=True)
    return library


def run_preloaded(command, directory, libraries, options="", **more):
    environment = dict(os.environ, LD_PRELOAD=":".join(map(str, libraries)))
    environment |= {"TMPALLOC_AGENT": options, "OBSERVER_DUMP": str(directory / "dump")}
    more = {"capture_output": True, "timeout": 120, "check": False} | more
    return subprocess.run([str(c) for c in command], env=environment, **more)


@pytest.fixture
def preloaded(agent, observer, tmp_path):
    """Runs a command under the agent; its dump, when it makes one, goes to tmp_path / "dump"."""

    def run(*command, libraries=(), **more):
        return run_preloaded(command, tmp_path, [agent, observer, *libraries], **more)

    return run


@pytest.fixture
def read_image(tmp_path):
    """Reads a dump; gives the driver's JSON."""

    def read(name="dump"):
        done = subprocess.run([built("read_image"), tmp_path / name], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return read


@pytest.fixture(scope="session")
def compile_observed(agent, observer):
    """Compiles a program that says where to observe it; gives its path."""

    def build(text, directory):
        source = directory / "program.c"
        source.write_text(f'#include "observer.h"\n{text}')
        flags = ["-g", "-O1", "-D_GNU_SOURCE", "-pthread", "-fno-builtin", "-no-pie", "-I", HERE]
        output = ["-o", directory / "program", source, observer, agent]
        subprocess.run(["gcc", *flags, *output], check=True)
        return directory / "program"

    return build


@pytest.fixture
def observed(compile_observed, preloaded, read_image, tmp_path):
    """Compiles and runs a program that says where to observe it; gives what was counted."""

    def observe(text, *arguments, **more):
        done = preloaded(compile_observed(text, tmp_path), *arguments, **more)
        assert done.returncode == 0, done.stderr.decode()
        return read_image()

    return observe


@pytest.fixture
def driver(core_program):
    """Runs a driver of the core: name, arguments -> completed process."""
    return lambda name, *arguments: core_program(name)(*arguments, timeout=300)


@pytest.fixture
def make_hooked(agent, observer, compile, read_image, tmp_path):
    """Programs whose calls reach the agent in a way: "preloaded", or hooked while they run: "late"."""
    return lambda way: Hooked(way, agent, observer, compile, read_image, tmp_path)


@pytest.fixture(params=["preloaded", "late"])
def hooked(request, make_hooked):
    """The test runs once in each way."""
    return make_hooked(request.param)


@pytest.fixture
def late(make_hooked):
    return make_hooked("late")
