"""Functions that many tests share."""

import os
import re
import subprocess
import time


def number(status, name):
    """A number that `tmpalloc status` shows."""
    found = re.search(rf"(?m)^{name} +([\d,]+)", status)
    assert found, status
    return int(found[1].replace(",", ""))


def allocations(status):
    return number(status, "allocations")


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def execute(*command, env=None, seconds=120):
    """Standard output of a command that must succeed; `env` adds to the environment."""
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env=dict(os.environ, **(env or {})),
    )
    assert done.returncode == 0, f"{command}: {done.returncode} {done.stdout} {done.stderr}"
    return done.stdout


def output_as_argument(debugger, line):
    """A step that executes a line in which {} is what the program has written so far."""
    execute = {"gdb": "gdb.execute", "lldb": "lldb.debugger.HandleCommand"}[debugger.name]
    output = f"open('{debugger.program_files}.stdout').read()"
    return debugger.script(f"{execute}({line!r}.format({output}))")
