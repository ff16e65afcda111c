"""Getting the agent into running processes and out again, whatever they are doing."""

import hashlib
import os
import re
import struct
import subprocess
import time
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).resolve().parent / "programs"
FLAGS = ("-fno-builtin", "-D_GNU_SOURCE", "-pthread")
#: How often a server is attached to and left again.
TIMES = int(os.environ.get("TMPALLOC_ATTACH_TIMES", "3"))
LONGEST_PAUSE_S = 2.0

pytestmark = pytest.mark.usefixtures("library")


def number(status, name):
    found = re.search(rf"(?m)^{name} +([\d,]+)", status)
    assert found, status
    return int(found[1].replace(",", ""))


def allocations(status):
    return number(status, "allocations")


# --- what a process consists of ----------------------------------------------------------------------


#: Sections that nobody but a hook changes once a program runs with all its symbols bound.
FIXED_SECTIONS = (".text", ".plt", ".got", ".got.plt", ".data.rel.ro", ".init_array")


def sections_of(file):
    """(name, address, size) of the fixed sections of an ELF file."""
    listed = subprocess.run(["readelf", "-SW", file], capture_output=True, text=True).stdout
    pattern = r"\] (\S+) +(?:PROGBITS|INIT_ARRAY) +([0-9a-f]{16}) [0-9a-f]+ ([0-9a-f]+)"
    found = re.findall(pattern, listed)
    return [(n, int(a, 16), int(s, 16)) for n, a, s in found if n in FIXED_SECTIONS]


def loaded_files(pid):
    """(path, load address) of each file that is mapped as code, the agent's own left out."""
    bases, code = {}, set()
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, permissions, offset, _, inode, *path = line.split(maxsplit=5)
        if inode == "0":
            continue
        if int(offset, 16) == 0:
            bases[path[0]] = int(span.partition("-")[0], 16)
        if "x" in permissions:
            code.add(path[0])
    return [(p, bases[p]) for p in sorted(code) if p in bases and "tmpalloc-agent" not in p]


def is_relocatable(file):
    with open(file, "rb") as opened:
        return struct.unpack_from("<H", opened.read(18), 16)[0] == 3  # ET_DYN


def image_of(pid):
    """A hash of each fixed section of each loaded file."""
    hashes = {}
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for file, base in loaded_files(pid):
            for name, address, size in sections_of(file):
                memory.seek(address + (base if is_relocatable(file) else 0))
                hashes[file, name] = hashlib.sha256(memory.read(size)).hexdigest()
    return hashes


def changed_sections(before, after):
    return [key for key in before if after.get(key) != before[key]]


def tracer_of(pid):
    return int(re.search(r"TracerPid:\s*(\d+)", Path(f"/proc/{pid}/status").read_text())[1])


# --- servers -----------------------------------------------------------------------------------------


class Server:
    """server.c, running."""

    def __init__(self, program, file):
        # Bound at once: a slot that is bound at its first call would be a change.
        self.process = subprocess.Popen([program, file], env=dict(os.environ, LD_BIND_NOW="1"))
        self.pid = self.process.pid
        self._file = file
        self._wait_for_rounds()

    def _records(self):
        data = self._file.read_bytes()
        return list(struct.iter_unpack("<QQ", data))

    def _wait_for_rounds(self):
        deadline = time.monotonic() + 20
        before = self.rounds() if self._file.exists() else [0] * 4
        while time.monotonic() < deadline:
            time.sleep(0.02)
            now = self.rounds()
            if len(now) == 4 and all(n > b for n, b in zip(now, before)):
                return
        raise AssertionError(f"the server does not go on: {before}, {now}")

    def rounds(self):
        return [rounds for rounds, _ in self._records()]

    def longest_pause_s(self):
        return max(longest for _, longest in self._records()) / 1e9

    def check(self):
        """It runs, by itself, with all its threads."""
        assert self.process.poll() is None, self.process.returncode
        assert tracer_of(self.pid) == 0
        self._wait_for_rounds()


@pytest.fixture
def server(compile, tmp_path):
    program = compile(PROGRAMS / "server.c", *FLAGS, name="server")
    running = Server(program, tmp_path / "rounds")
    yield running
    running.process.kill()
    running.process.wait()


def interrupt_later(debugger, pid, seconds):
    """A step after which the next one that lets the process run is interrupted."""
    timer = f"threading.Timer({seconds}, os.kill, ({pid}, 2)).start()"
    return debugger.script(f"import os, threading; {timer}")


def visit(debugger, pid, seconds=0.3):
    """Steps: attach, track for a while, look, leave."""
    steps = [debugger.attach(pid), "tmpalloc start --engine agent"]
    steps += [interrupt_later(debugger, pid, seconds), debugger.continue_()]
    return [*steps, "tmpalloc status", "tmpalloc summary", "tmpalloc stop", debugger.detach()]


def assert_visited(result, steps):
    """Of a session that ends with visit()."""
    outputs = result.outputs[-steps:]
    assert "agent engine" in outputs[1], result.text
    assert number(outputs[4], "temporaries") > 0, result.text
    assert number(outputs[4], "dropped events") == 0, result.text
    assert re.search(r"(?m) at .*\d", outputs[5]), result.text
    assert "stopped, the results stay" in outputs[6], result.text


def test_a_server_under_load_is_visited_again_and_again_and_left_as_it_was(debugger, server):
    before = image_of(server.pid)
    assert len(before) >= 10
    for _ in range(TIMES):
        steps = visit(debugger, server.pid)
        assert_visited(debugger.session(steps=steps), len(steps))
        server.check()
        assert changed_sections(before, image_of(server.pid)) == []
    print(f"longest pause {server.longest_pause_s():.3f} s in {debugger.name}")
    assert server.longest_pause_s() < LONGEST_PAUSE_S
