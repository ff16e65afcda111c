"""Seconds for which a thread of a server waits at most while a debugger attaches to it, tracks it for
a moment, and lets it go.
"""

import struct
import subprocess
import time

from library.support import PROGRAMS

SERVER = PROGRAMS / "server.c"
FLAGS = ("-O1", "-g", "-fno-builtin", "-D_GNU_SOURCE", "-pthread")


def longest_pause_s(file):
    """What server.c keeps for each of its threads is a number of rounds and a pause in ns."""
    return max(pause_ns for _, pause_ns in struct.iter_unpack("<QQ", file.read_bytes())) / 1e9


def visit(debugger, pid):
    steps = [debugger.attach(pid), "tmpalloc start --engine agent"]
    steps += [debugger.interrupt_later(pid, 0.3), debugger.continue_(), "tmpalloc stop"]
    result = debugger.session(steps=[*steps, debugger.detach()])
    assert "agent engine" in result.outputs[1] and "stopped" in result.outputs[4], result.text


def measure(debugger, directory, quick):
    """The longest pause without a visit, and with some."""
    program, file = directory / "server", directory / f"{debugger.name}-rounds"
    subprocess.run(["gcc", *FLAGS, "-o", program, SERVER], check=True)
    with subprocess.Popen([program, file], stdout=subprocess.DEVNULL) as process:
        time.sleep(1)
        alone = longest_pause_s(file)
        for _ in range(1 if quick else 5):
            visit(debugger, process.pid)
        visited = longest_pause_s(file)
        process.kill()
    return alone, visited
