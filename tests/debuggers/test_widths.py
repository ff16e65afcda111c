"""How wide lines are: on a terminal, in its pages, and in a log."""


import pytest
from library.support import C_FLAGS

pytestmark = pytest.mark.usefixtures("library")

FUNCTIONS = 30
#: GDB counts bytes: most characters of these names have two.
NAME = "größe_der_größten_größenänderung_überhaupt_äöü_%02d"
PROGRAM = (
    """
#include <stdlib.h>
__attribute__((noinline)) static void grow(unsigned size) {
    void *block = NULL;
    for (unsigned i = 1; i < 9; i++)
        block = realloc(block, i * size);
    free(block);
}
"""
    + "".join(
        f"__attribute__((noinline)) void {NAME % i}(void) {{ grow({100 + i}); }}\n"
        for i in range(FUNCTIONS)
    )
    + "int main(void) {\n"
    + "".join(f"    {NAME % i}();\n" for i in range(FUNCTIONS))
    + "    return 0;\n}\n"
)
COMMANDS = (
    "tmpalloc summary --by stack -r 0",
    "tmpalloc summary --inclusive -r 0",
    "tmpalloc tree -r 0",
    "tmpalloc site 1",
    "tmpalloc diff before.json -r 0",
    "tmpalloc status",
)


@pytest.fixture
def program(compile):
    return compile(PROGRAM, *C_FLAGS, "-fno-optimize-sibling-calls", name="sizes")


def lines_of(text):
    return [line for line in text.splitlines() if not line.startswith("(")]


def log(debugger, program, settings, **env):
    before = debugger.directory / "before.json"
    commands = [line.replace("before.json", str(before)) for line in COMMANDS]
    stop = debugger.break_at(NAME % 15)
    steps = [*settings, stop, "tmpalloc start", debugger.run(), "tmpalloc save " + str(before)]
    env = {"COLUMNS": "", **env}
    result = debugger.session(program, [*steps, debugger.continue_(), *commands], env=env)
    return [line for text in result.outputs[-len(commands) :] for line in text.splitlines()]


def test_a_log_is_at_most_120_columns_wide(debugger, program):
    lines = log(debugger, program, [])
    assert sum(NAME % 29 in line for line in lines) >= 1
    assert 100 < max(map(len, lines)) <= 120


@pytest.mark.parametrize("columns", [90, 160])
def test_the_users_width_is_that_of_a_log(debugger, program, columns):
    chosen = {"gdb": f"set width {columns}", "lldb": f"settings set term-width {columns}"}
    for settings, env in (([chosen[debugger.name]], {}), ([], {"COLUMNS": str(columns)})):
        lines = log(debugger, program, settings, **env)
        assert columns - 25 < max(map(len, lines)) <= columns


@pytest.mark.parametrize("columns, rows", [(80, 24), (120, 40)])
def test_no_page_of_the_debugger_ends_within_a_row(debugger, program, columns, rows):
    terminal = debugger.terminal(program, columns=columns, rows=rows)
    terminal.command("tmpalloc start")
    terminal.command(debugger.run_here(), r"exited (normally|with status = 0)")
    if debugger.name == "gdb":
        terminal.command(f"set height {rows}")
    for command in COMMANDS[:4]:
        pages = terminal.pages(command, seconds=60)
        # What was left of a page's last row would be at the beginning of the next one.
        assert all(page.endswith("\n") for page in pages), pages
        lines = "".join(pages).splitlines()
        assert max(map(len, lines)) < columns, pages


def test_the_heaviest_rows_stay_on_the_screen(debugger, program):
    terminal = debugger.terminal(program, columns=80, rows=24)
    terminal.command("tmpalloc start")
    terminal.command(debugger.run_here(), r"exited (normally|with status = 0)")
    text = terminal.command("tmpalloc summary --by stack", "Advice for .*\n")
    lines = text.partition("Location")[2].splitlines()
    assert len(lines) <= 24 and sum("grows" in line and "KB" in line for line in lines) >= 10
