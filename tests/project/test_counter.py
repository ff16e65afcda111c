"""The independent count: right by a program that logs its own calls, and one process's alone."""

import json
import os
import subprocess

import pytest
from library.support import PROGRAMS

FREED_AFTER_SETUP = 24  # blocks that self_logging allocates before its log begins
COUNTS = ("allocations", "allocated_bytes", "deallocations")


@pytest.fixture
def counter(compile):
    flags = ["-D_GNU_SOURCE", "-fPIC", "-shared"]
    return compile(PROGRAMS / "counter.c", *flags, name="counter.so")


@pytest.fixture
def count(counter, tmp_path):
    """Runs a command with the counter; returns what the counter wrote."""

    def run(*command, check=True):
        file = tmp_path / "counts.json"
        file.unlink(missing_ok=True)
        environment = os.environ | {"LD_PRELOAD": str(counter), "COUNTER_FILE": str(file)}
        subprocess.run([str(c) for c in command], env=environment, check=check)
        return json.loads(file.read_text())

    return run


def totals_of_log(log):
    allocated = [e[3:4] for e in log if e[0] == "a"]
    allocated += [e[4:5] for e in log if e[0] == "r" and int(e[3], 16)]
    freed = [e for e in log if e[0] == "f" or (e[0] == "r" and int(e[2], 16))]
    return len(allocated), sum(int(size) for (size,) in allocated), len(freed)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_counter_and_a_program_that_logs_its_calls_agree(compile, count, tmp_path, seed):
    flags = ["-D_GNU_SOURCE", "-pthread"]
    program = compile(PROGRAMS / "self_logging.c", *flags, name="self_logging")
    counted = count(program, seed, 2000, 1, tmp_path / "log")
    log = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    allocations, allocated_bytes, deallocations = totals_of_log(log)
    assert allocations > 500 and deallocations > 500
    assert counted["allocations"] == allocations + FREED_AFTER_SETUP
    assert counted["allocated_bytes"] == allocated_bytes + FREED_AFTER_SETUP * 32
    assert counted["deallocations"] == deallocations


ENDINGS = {
    "return": "return 0;",
    "_exit": "_exit(0);",
    "child": "if (fork() == 0) { free(malloc(1)); _exit(0); } wait(NULL); return 0;",
    "kill": "kill(getpid(), SIGKILL);",
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
def test_calls_count_by_the_rules_however_the_process_ends(compile, count, ending):
    program = compile(
        """#include <signal.h>
        #include <stdint.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/wait.h>
        #include <unistd.h>
        int main(void) {
            volatile size_t huge = PTRDIFF_MAX, zero = 0;
            void *volatile block = malloc(huge); /* none */
            free(block);                         /* none */
            block = calloc(3, 10);               /* 30 */
            block = realloc(block, 50);          /* a free, 50 */
            if (realloc(block, huge))            /* none */
                return 1;
            block = realloc(block, zero);        /* a free */
            block = strdup("1234");              /* 5 */
            void *aligned;
            if (posix_memalign(&aligned, 64, 7) != 0 || posix_memalign(&aligned, 3, 7) == 0)
                return 1;                        /* 7, none */
            free(aligned);                       /* a free */
            block = reallocarray(NULL, 4, 4);    /* 16 */
            ENDING
        }""".replace("ENDING", ending),
        "-D_GNU_SOURCE", "-fno-builtin",
    )
    counted = count(program, check=False)
    assert [counted[name] for name in COUNTS] == [5, 30 + 50 + 5 + 7 + 16, 3]


def test_a_program_that_replaces_the_process_starts_again_from_zero(compile, count):
    program = compile("int main(void) { return 0; }")
    assert count("sh", "-c", f"exec {program}")["allocations"] == 0
