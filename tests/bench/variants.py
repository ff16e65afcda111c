"""How a command is run to see what recording its allocations costs."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from library.support import BUILD

HERE = Path(__file__).resolve().parent


class Variant(NamedTuple):
    name: str
    prefix: list  # of the command
    environment: dict
    slow: bool  # by so much that less work gives as good a number


def compile_forwarder(directory):
    library = directory / "forward.so"
    flags = ["-O2", "-fPIC", "-shared", "-o", library]
    subprocess.run(["gcc", *flags, HERE / "forward.c"], check=True)
    return library


def make_variants(directory):
    """Native first, then the wrapper that everything is compared with."""
    preloaded = {"LD_PRELOAD": str(compile_forwarder(directory))}
    # As the debuggers start it, but with memory for all call stacks of a Python program.
    options = "start,python,memory-limit=1000000000"
    agent = {"LD_PRELOAD": str(BUILD / "libtmpalloc-agent.so"), "TMPALLOC_AGENT": options}
    output = str(directory / "heaptrack")
    return [
        Variant("native", [], {}, False),
        Variant("wrapper", [], preloaded, False),
        Variant("agent", [], agent, False),
        Variant("heaptrack -r", ["heaptrack", "-r", "-o", output], {}, True),
        Variant("heaptrack", ["heaptrack", "-o", output], {}, True),
    ]


def run(variant, command, environment=None):
    """Gives what the command prints, amid what the variant does."""
    done = subprocess.run(
        [*variant.prefix, *map(str, command)],
        env=os.environ | (environment or {}) | variant.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    as_told = done.returncode == 0 and "cannot be preloaded" not in done.stdout
    assert as_told, f"{variant.name} {command}: {done.stdout}"
    return done.stdout
