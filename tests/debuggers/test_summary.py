"""What the options of summary and site leave of a program with threads."""

import re

import pytest
from library.support import output_as_argument

SOURCE = """#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#define APART __attribute__((noinline, noclone))
APART void stage(void) { __asm__ volatile("" ::: "memory"); }
APART void ours(size_t size) { free(malloc(size)); __asm__ volatile(""); }
APART void *theirs(size_t size) { return malloc(size); }
APART void shared(size_t size) { free(malloc(size)); __asm__ volatile(""); }
static void *work(void *arg) {
    char line[32];
    write(1, line, snprintf(line, sizeof line, "%d", gettid()));
    for (int i = 0; i < 7; i++) free(theirs(100 + i));
    for (int i = 0; i < 2; i++) shared(300);
    return arg;
}
int main(void) {
    pthread_t thread;
    for (int i = 0; i < 5; i++) ours(200);
    for (int i = 0; i < 3; i++) shared(300);
    stage();
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    stage();
    return 0;
}
"""


@pytest.fixture
def program(compile, tmp_path):
    (tmp_path / "program.c").write_text(SOURCE)
    return compile(tmp_path / "program.c", "-O0", "-D_GNU_SOURCE", "-pthread", "-fno-builtin")


def rows(output):
    """(temporaries, scope, pattern) by function; the hidden ones' number under "hidden"."""
    expression = r"(?m)^(\w+) at program.c:\d+ .*% +(\d+) +100.00% +(\S+)%(?:  (\w+))?$"
    found = {m[1]: (int(m[2]), float(m[3]), m[4]) for m in re.finditer(expression, output)}
    hidden = re.search(r"(?m)^(?:\d+ more|other) .*% +(\d+)$", output)
    return found | ({"hidden": int(hidden[1])} if hidden else {})


def test_threads_marks_and_filters_select_rows(debugger, start, program):
    steps = [start, debugger.break_at("stage"), debugger.run(), "tmpalloc mark begun"]
    steps += [debugger.continue_(), "tmpalloc summary", "tmpalloc summary --since begun"]
    steps += ["tmpalloc summary --filter ^shared", "tmpalloc summary --same-scope -s count"]
    steps += [output_as_argument(debugger, "tmpalloc summary --tid {}")]
    steps += ["tmpalloc summary --tid 999999999", "tmpalloc summary -s scope -r 2"]
    result = debugger.session(program, steps)
    everything, since, shared, scope, thread, nobody, first = map(rows, result.outputs[5:])
    ours, theirs, both = (5, 100, "repeats"), (7, 0, "grows"), (5, 100, None)
    assert everything == {"ours": ours, "theirs": theirs, "shared": both}, result.text
    assert since == {"theirs": theirs, "shared": (2, 100, None)}
    assert shared == {"shared": both, "hidden": 12}
    assert scope == {"ours": ours, "shared": both, "hidden": 7}
    assert thread == {"theirs": theirs, "shared": (2, 100, None), "hidden": 8}
    assert nobody == {}
    assert result.outputs[10].startswith("No temporary allocations that match; 17 elsewhere")
    assert first == {"ours": ours, "shared": both, "hidden": 7}


def test_a_site_is_shown_in_full(debugger, start, program):
    steps = [start, debugger.break_at("stage"), debugger.run(), debugger.continue_()]
    steps += [f"tmpalloc site {number}" for number in range(1, 5)]
    result = debugger.session(program, steps)
    sites = {re.match(r"Site \d+: (\w+)", text)[1]: text for text in reversed(result.outputs[4:])}
    theirs, ours = sites["theirs"], sites["ours"]
    assert "  Temporaries  7 of 7 allocations (100.00%) at threshold 1, 721B of 721B\n" in theirs
    assert "  Sizes        100B to 106B; 6 larger than the thread's previous block" in theirs
    assert "  Freed        0 within the same call of theirs; 0 by realloc\n" in theirs
    thread = result.stdout.decode()
    assert f"  Thread       {thread}\n" in theirs
    assert "  Pattern      grows step by step: reserve the final size once\n" in theirs
    lines = SOURCE.splitlines()
    around = "".join(f"    {'->' if n == 8 else '  '} {n:6}  {lines[n - 1]}\n" for n in range(5, 12))
    allocated, freed = theirs.split("\nTemporaries freed at\n")
    assert re.search(r"#1 +theirs at \S+program.c:8\n" + re.escape(around), allocated), theirs
    assert re.search(r"#0 +\w*free.*\n +#1 +work at \S+program.c:13\n", freed), theirs
    assert re.search(r"(?m)^ +0 +7 +721B  #{40}$", freed), theirs
    assert "repeats one size, freed by the function that allocates it: use a local variable" in ours
