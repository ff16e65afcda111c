"""Benchmarks: ratios measured in one run, never limits.

    ./setup.sh bench [--quick] [--only WORD]... [BENCHMARK]...

    pairs     malloc/free pairs under the agent, against a wrapper that only forwards and heaptrack
    programs  real programs, the same way
    gdb lldb  stops of the breakpoint engine
    catches   pairs under the agent and GDB, with catches that don't match
    visits    how long a server waits while a debugger attaches to it, and leaves it again

What is compared takes turns; minima (and medians) are shown.  --quick only shows that the
benchmarks run.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import catches, comparison, pairs, programs, stops, variants, visits
from library.debuggers import GdbController, LldbController

HERE = Path(__file__).resolve().parent
UNDER_THE_AGENT = {"pairs": pairs, "programs": programs}
CONTROLLERS = {"gdb": GdbController, "lldb": LldbController}


def compare_agent(benchmark, directory, options):
    """Whatever has one of the chosen words in its name."""
    names = [n for n in benchmark.CASES if any(word in n for word in options.only or [""])]
    all_variants = variants.make_variants(directory)
    comparison.print_header(benchmark.TITLE, all_variants)
    for row in benchmark.rows(names, directory, all_variants, options.quick):
        comparison.print_row(row)
    print(flush=True)


def compile_program(source, directory):
    program = directory / source.stem
    subprocess.run(["gcc", "-O1", "-g", "-o", str(program), str(source)], check=True)
    return program


def compare_stops(chosen, directory, options):
    count, runs = (50, 1) if options.quick else (500, 9)
    # A stop costs twice as much when the debugger and its program are on different processors: the
    # scheduler's choice would be most of what is measured.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    program = compile_program(HERE / "pairs.c", directory)
    for controller in CONTROLLERS.values():
        if controller.name not in chosen:
            continue
        if controller.find() is None:
            print(f"{controller.name}: skipped, it isn't installed")
            continue
        debugger = controller(directory)
        print(f"{controller.name}: {count} malloc/free pairs, medians of {runs}", flush=True)
        for name, value in stops.measure(debugger, program, count, runs):
            print(f"  {name:<30}{value:8.3f}", flush=True)


def compare_catches(directory, options):
    if GdbController.find() is None:
        print("catches: skipped, gdb isn't installed")
        return
    print(f"| ns per pair | {' | '.join(catches.CATCHES)} |")
    print("|---" + "|--:" * len(catches.CATCHES) + "|", flush=True)
    for case, best in catches.rows(GdbController(directory), directory, options.quick):
        print(f"| {case} | {' | '.join(f'{value:.4g}' for value in best.values())} |", flush=True)


def compare_visits(directory, options):
    for controller in CONTROLLERS.values():
        if controller.find() is None:
            print(f"visits: skipped, {controller.name} isn't installed")
            continue
        alone, visited = visits.measure(controller(directory), directory, options.quick)
        print(f"visits of {controller.name}: longest pause {visited:.3f} s, before {alone:.3f} s", flush=True)


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few events, one run each")
    parser.add_argument("--only", action="append", metavar="WORD", help="cases with it in their name")
    parser.add_argument("benchmarks", nargs="*", metavar="BENCHMARK",
                        help="pairs, programs, gdb, lldb, catches, visits (default: all)")  # fmt: skip
    options = parser.parse_args(argv)
    known = [*UNDER_THE_AGENT, *CONTROLLERS, "catches", "visits"]
    chosen = options.benchmarks or known
    unknown = set(chosen) - set(known)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as directory:
        for name, benchmark in UNDER_THE_AGENT.items():
            if name in chosen:
                compare_agent(benchmark, Path(directory), options)
        if set(chosen) & set(CONTROLLERS):
            compare_stops(chosen, Path(directory), options)
        if "catches" in chosen:
            compare_catches(Path(directory), options)
        if "visits" in chosen:
            compare_visits(Path(directory), options)


if __name__ == "__main__":
    main(sys.argv[1:])
