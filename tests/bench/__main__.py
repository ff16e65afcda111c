"""Benchmarks: ratios measured in one run, never limits.

    python3 tests/bench [--quick] [gdb|lldb]...

What is compared takes turns and medians are shown; --quick only shows that the benchmarks run.
"""

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import stops  # noqa: E402


def controllers():
    """The test suite's debugger controllers."""
    specification = importlib.util.spec_from_file_location("conftest", HERE.parent / "conftest.py")
    conftest = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(conftest)
    return [conftest.GdbController, conftest.LldbController]


def compile_program(source, directory):
    program = directory / source.stem
    subprocess.run(["gcc", "-O1", "-g", "-o", str(program), str(source)], check=True)
    return program


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few events, one run each")
    parser.add_argument("debuggers", nargs="*", help="gdb, lldb (default: both)")
    options = parser.parse_args(argv)
    count, runs = (50, 1) if options.quick else (500, 9)
    # A stop costs twice as much when the debugger and its program are on different processors: the
    # scheduler's choice would be most of what is measured.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as directory:
        program = compile_program(HERE / "pairs.c", Path(directory))
        for controller in controllers():
            if options.debuggers and controller.name not in options.debuggers:
                continue
            if controller.find() is None:
                print(f"{controller.name}: skipped, it isn't installed")
                continue
            debugger = controller(Path(directory))
            print(f"{controller.name}: {count} malloc/free pairs, medians of {runs}", flush=True)
            for name, value in stops.measure(debugger, program, count, runs):
                print(f"  {name:<30}{value:8.3f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
