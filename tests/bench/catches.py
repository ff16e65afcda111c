"""Nanoseconds of a thread's processor time per malloc/free pair, a temporary each, while a debugger
has catches that none of them matches."""

import re

from bench import pairs

#: The temporaries' sizes, distances or locations are others.
CATCHES = {
    "no catch": [],
    "by size": ["tmpalloc catch --min-size 1GB"],
    "by location": ["tmpalloc catch --at nowhere"],
    "eight of both": ["tmpalloc catch --min-size 1GB", "tmpalloc catch --at nowhere"] * 4,
}
CASES = ("depth-5", "depth-60", "strings")


def nanoseconds(debugger, program, catches, case, count):
    steps = ["tmpalloc start --engine agent", *catches, debugger.run()]
    result = debugger.session(program, steps, [case, 1, count])
    found = re.search(r"^\d+\.\d{3}$", result.stdout.decode(), re.M)
    assert found and "catch" not in result.outputs[-1], result.text
    return float(found[0])


def rows(debugger, directory, quick):
    """What takes turns: (case, by the name of its catches the minimum of all rounds)."""
    program = pairs.compile_program(directory)
    count, rounds = (20_000, 1) if quick else (2_000_000, 7)
    for case in CASES:
        best = dict.fromkeys(CATCHES, float("inf"))
        for _ in range(rounds):
            for name, catches in CATCHES.items():
                taken = nanoseconds(debugger, program, catches, case, count)
                best[name] = min(best[name], taken)
        yield case, best
