"""Nanoseconds of a thread's processor time per malloc/free pair: at several call depths, along
several paths, in C++."""

import re
import subprocess
from pathlib import Path

from bench import variants
from bench.comparison import compare

SOURCE = Path(__file__).resolve().parent / "allocations.cpp"
TITLE = "ns per pair"
# name -> arguments of the program: what it does, and in how many threads.
CASES = {
    "depth 5": ("depth-5", 1),
    "depth 20": ("depth-20", 1),
    "depth 60": ("depth-60", 1),
    "64 paths": ("paths", 1),
    "C++ strings": ("strings", 1),
    "C++ vectors": ("vectors", 1),
    "depth 20, 2 threads": ("depth-20", 2),
    "64 paths, 2 threads": ("paths", 2),
    "C++ strings, 2 threads": ("strings", 2),
}


def compile_program(directory):
    program = directory / "allocations"
    flags = ["-O2", "-g", "-pthread", "-fno-builtin-malloc"]
    subprocess.run(["g++", *flags, "-o", program, SOURCE], check=True)
    return program


def rows(names, directory, all_variants, quick):
    program = compile_program(directory)
    count, rounds = (20_000, 1) if quick else (2_000_000, 9)

    def nanoseconds(variant, what, threads):
        pairs = count // 8 if variant.slow else count
        text = variants.run(variant, [program, what, threads, pairs])
        return float(re.search(r"^\d+\.\d{3}$", text, re.M)[0])

    for name in names:
        what = CASES[name]
        yield compare(name, all_variants, rounds, lambda v, what=what: nanoseconds(v, *what))
