"""Whatever the user's locale, radix, language and display are: the results are the same."""

import re
import shutil

import pytest
from library.support import C_FLAGS, PROGRAMS, allocations

pytestmark = pytest.mark.usefixtures("library")

GDB = [
    *[["set input-radix 16"], ["set output-radix 16"], ["set radix 8"], ["set input-radix 2"]],
    *[[f"set language {name}"] for name in ("ada", "fortran", "modula-2", "rust")],
    ["set width 20", "set height 2", "set pagination off"],
    ["set confirm on", "set print address off", "set print symbol off", "set style enabled on"],
    ["set print pretty on", "set print elements 1", "set print repeats 1", "set print type hex on"],
]
LLDB = [
    ["settings set target.language rust"],
    ["settings set term-width 20", "settings set auto-confirm false"],
    ["settings set target.max-children-count 1", "settings set target.max-memory-read-size 16"],
    ["settings set stop-disassembly-display always", "settings set use-color true"],
]
CASES = [("gdb", lines) for lines in GDB] + [("lldb", lines) for lines in LLDB]


@pytest.fixture
def program(compile):
    return compile(PROGRAMS / "commanded.c", *C_FLAGS)


@pytest.mark.parametrize("name, lines", CASES, ids=lambda case: "; ".join(case))
def test_settings_of_the_debugger_change_no_result(request, name, lines, program, start):
    debugger = request.getfixturevalue(name)
    steps = [
        *lines,
        debugger.break_at("first"),
        debugger.run(),
        start,
        debugger.break_at("third"),
        debugger.continue_(),
        "tmpalloc status",
        "tmpalloc stop",
        debugger.continue_(),
    ]
    result = debugger.session(program, steps)
    # The dynamic linker allocates, too, and differently from release to release.
    assert 30 <= allocations(result.outputs[-3]) < 70, result.text
    assert "failed" not in result.text
    assert re.search(r"exited with (code|status =) 0?5", result.text), result.text


def test_paths_of_any_letters_are_found_in_the_locale_of_c(debugger, program, start):
    folder = debugger.directory / "größe"
    folder.mkdir()
    copy = folder / "prögram"
    shutil.copy(program, copy)
    steps = [start, debugger.run(), "tmpalloc status", "tmpalloc summary"]
    result = debugger.session(copy, steps, env={"LC_ALL": "C"})
    assert result.exit_statuses == [5], result.text
    assert allocations(result.outputs[2]) >= 70
    assert "prögram" in result.outputs[2]
    assert "allocate at commanded.c:7" in result.outputs[3]


#: Lets a primitive fail.
BREAK = """
import sys
for name in ("tmpalloc_gdb_host", "tmpalloc_lldb_host"):
    module = sys.modules.get(name)
    for host in (getattr(module, "GdbHost", None), getattr(module, "LldbHost", None)):
        if host:
            def fails(self, *arguments):
                raise {error}
            host.{primitive} = fails
"""


@pytest.mark.parametrize("error", ["RuntimeError('the reason')", "KeyError('the reason')"])
@pytest.mark.parametrize("primitive", ["process", "current_thread", "preload"])
def test_the_reason_of_a_primitive_that_fails_is_shown(debugger, program, primitive, error):
    script = debugger.directory / "breaks.py"
    script.write_text(BREAK.format(primitive=primitive, error=error))
    engine = "breakpoint" if primitive == "current_thread" else "agent"
    steps = [debugger.source(script), f"tmpalloc start --engine {engine}", debugger.run()]
    result = debugger.session(program, steps)
    assert "the reason" in result.text
    assert ("KeyError" in result.text) == ("KeyError" in error)
    # Many hits may fail in the same way: one line for all of them.
    assert result.text.count("an event was lost") <= 1


@pytest.mark.parametrize("primitive", ["select_frame", "set_variable"])
def test_what_fails_at_a_catch_is_told(debugger, primitive, start, compile):
    program = compile(PROGRAMS / "caught.cpp", "-O0", "-pthread", "-fno-builtin")
    script = debugger.directory / "breaks.py"
    script.write_text(BREAK.format(primitive=primitive, error="RuntimeError('the reason')"))
    steps = [start, "tmpalloc catch --at make --once", debugger.source(script), debugger.run()]
    stop = debugger.session(program, [*steps, debugger.continue_()]).outputs[3]
    assert stop.count("tmpalloc: catch: ") == 1, stop
    assert stop.count("the reason") == 1
