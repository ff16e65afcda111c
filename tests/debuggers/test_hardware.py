"""The hardware engine: entry points in debug registers, no byte of code changed."""

import re

import pytest
from library import self_logging
from library.results import track_work
from library.support import PROGRAMS

START = "tmpalloc start --engine hardware"
STATUS_7 = 7


@pytest.fixture
def registers(gdb, compile, watchpoints):
    """GDB, where the machine has the four debug registers of an x86 processor, and they fire."""
    program = compile("int main(void) { return 0; }", name="probe")
    steps = ["break main", gdb.run(), "set breakpoint always-inserted on"]
    steps += [f"hbreak *($pc + {i})" for i in range(1, 5)]
    result = gdb.session(program, steps, load=False)
    placed = sum("Hardware assisted breakpoint" in output for output in result.outputs)
    if "Could not insert" in result.text or placed != 4:
        pytest.skip("this machine has no four debug registers")
    return gdb


def track_totals(debugger, program, start=START, ready=()):
    """track_work()'s totals, its result, and what `start` says."""
    document, result = track_work(debugger, program, start, ready=ready)
    return document["totals"], result, result.outputs[3 + len(ready)]


def test_start_names_what_fits_and_what_does_not_and_what_that_means(registers, library, compile):
    program = compile(PROGRAMS / "fixed_work.c")
    totals, result, line = track_totals(registers, program)
    assert line.count("\n") == 1
    assert "hardware engine" in line and "3 entry points (malloc, free, realloc in libc" in line
    left_out = re.search(r"no debug register is left for (.*): their calls are not counted", line)
    assert {"calloc", "posix_memalign", "aligned_alloc/memalign"} <= set(left_out[1].split(", "))
    # Without its calloc(4, 25), posix_memalign of 128 and aligned_alloc of 192 bytes.
    assert (totals["allocations"], totals["allocated_bytes"]) == (12, 451)
    assert totals["deallocations"] == 15
    assert totals["dropped"] == 0
    assert result.exit_statuses == [STATUS_7]
    assert result.stdout == b"ended normally\n"


def test_what_fits_is_counted_as_the_model_does(registers, library, compile, tmp_path):
    program = compile(PROGRAMS / "self_logging.c", "-D_GNU_SOURCE", "-pthread")
    log = tmp_path / "log"
    document, result = self_logging.session(registers, program, [11, 600, 1, log], START)
    seen = [
        line
        for line in log.read_text().splitlines(keepends=True)
        if line[0] != "a" or line.endswith(" site_malloc\n")
    ]
    log.write_text("".join(seen))
    sites, totals = self_logging.expected(log, 1)
    assert self_logging.by_function(document) == sites
    assert {"site_malloc", "site_realloc", "site_reallocarray"} == set(sites)
    for name in ("allocations", "allocated_bytes", "deallocations", "temporary"):
        assert document["totals"][name] == totals[name], name
    assert document["totals"]["temporary"]["count"] > 20
    assert document["totals"]["dropped"] == 0
    assert result.exit_statuses == [0]


@pytest.mark.parametrize("engine, modified", [("hardware", 0), ("breakpoint", 1)])
def test_code_is_modified_by_software_breakpoints_alone(
    registers, library, compile, engine, modified
):
    program = compile(PROGRAMS / "code_checksum.c")
    totals, result, _ = track_totals(registers, program, f"tmpalloc start --engine {engine}")
    assert totals["allocations"] == 2 and totals["deallocations"] == 2
    assert result.exit_statuses == [modified], result.text


def test_what_two_threads_allocate_at_once_is_counted_or_dropped(registers, library, compile):
    program = compile(PROGRAMS / "two_threads.c", "-pthread")
    totals, result, _ = track_totals(registers, program)
    assert totals["allocations"] > 0 and totals["dropped"] > 0
    assert totals["allocations"] + totals["dropped"] == 400
    assert totals["allocated_bytes"] == 100 * totals["allocations"]
    assert totals["deallocations"] == 400
    assert totals["temporary"]["count"] == totals["allocations"]
    assert result.exit_statuses == [0]


WATCHED = """
#include <stdlib.h>
int first, second, third;
static void *volatile block;
__attribute__((noinline)) void begin_work(void) { __asm__ volatile(""); }
__attribute__((noinline)) void end_work(void) { __asm__ volatile(""); }
int main(void) {
    begin_work();
    block = malloc(10);
    first = 1;
    block = realloc(block, 20);
    free(block);
    end_work();
    return 0;
}
"""


def test_registers_of_the_users_watchpoints_are_left_alone(registers, library, compile):
    steps = ["break begin_work", "break end_work", registers.run(), "watch first", START,
             "continue", "continue", "tmpalloc status", "continue"]
    result = registers.session(compile(WATCHED), steps)
    assert "2 entry points (malloc, free in libc" in result.outputs[4], result.text
    assert "no debug register is left for realloc, calloc" in result.outputs[4]
    assert "Hardware watchpoint 3: first" in result.outputs[5], result.text
    assert "end_work" in result.outputs[6], result.text
    assert re.search(r"^allocations +1 \(10B\)$", result.outputs[7], re.M), result.text
    assert re.search(r"^deallocations +1$", result.outputs[7], re.M), result.text


@pytest.fixture
def indirect(compile):
    """A program whose allocator is found by resolvers that run when it is called first."""
    flags = ("-fno-builtin", "-shared", "-fPIC", "-DOWN_HEAP")
    library = compile(PROGRAMS / "indirect_allocator.c", *flags, name="libindirect.so")
    flags = ("-fno-builtin", "-Wl,-z,lazy", str(library), f"-Wl,-rpath,{library.parent}")
    return compile(PROGRAMS / "indirect_user.c", *flags)


def test_what_a_resolver_leads_to_takes_over_its_register(registers, library, indirect):
    steps = ["break case_begins", registers.run(), START, "continue", "tmpalloc status"]
    result = registers.session(indirect, steps)
    assert "3 entry points (malloc, free, realloc in libindirect" in result.outputs[2], result.text
    assert re.search(r"^deallocations +67$", result.outputs[4], re.M), result.text
    assert re.search(r"^dropped events +0$", result.outputs[4], re.M), result.text


def test_too_few_registers_are_told_in_one_line_and_start_works_later(registers, library, compile):
    watch = ["watch first", "watch second", "watch third"]
    steps = ["break begin_work", registers.run(), *watch, START, "delete 2-4", START]
    result = registers.session(compile(WATCHED), steps)
    assert result.outputs[5].strip() == (
        "this debugger and target can set one hardware breakpoint, two are needed: "
        "use --engine breakpoint"
    )
    assert "3 entry points" in result.outputs[7], result.text


def test_stop_gives_the_registers_back(registers, library, compile):
    mine = ["hbreak main", "hbreak *($pc + 1)", "hbreak *($pc + 2)", "hbreak end_work"]
    steps = ["break begin_work", registers.run(), START, "tmpalloc stop", *mine, "continue"]
    result = registers.session(compile(WATCHED), steps)
    assert "end_work" in result.outputs[-1], result.text
    assert "Could not insert" not in result.text


def test_before_run_it_is_refused_in_one_line_that_says_what_to_do(debugger, library, compile):
    result = debugger.session(compile(WATCHED), [START, "tmpalloc status"])
    line = result.outputs[0].strip().removeprefix("error: ")
    assert line == (
        "the hardware engine needs a process whose debug registers can be tried: "
        "run to a stop (starti, break main) and start there"
    )
    assert "not started" in result.outputs[1]


IGNORED = "this machine accepts hardware {}, and none ever fires (as on some virtual machines): "


@pytest.fixture
def ignored_registers(library, registers_fire):
    if registers_fire:
        pytest.skip("this machine's debug registers fire")


@pytest.mark.usefixtures("ignored_registers")
def test_breakpoints_that_never_fire_are_refused_in_one_line(gdb, compile):
    steps = ["break begin_work", gdb.run(), START, "tmpalloc status", "tmpalloc start", "continue"]
    result = gdb.session(compile(WATCHED), steps)
    assert result.outputs[2] == IGNORED.format("breakpoints") + "use --engine breakpoint\n"
    assert "not started" in result.outputs[3]
    assert "agent engine" in result.outputs[4]
    assert result.exit_statuses == [0], result.text


@pytest.mark.usefixtures("ignored_registers")
def test_breakpoints_that_never_fire_are_refused_where_a_resolver_would_need_one(gdb, indirect):
    steps = ["break case_begins", gdb.run(), START, "tmpalloc status", "continue"]
    result = gdb.session(indirect, steps)
    assert result.outputs[2] == IGNORED.format("breakpoints") + "use --engine breakpoint\n"
    assert "not started" in result.outputs[3]
    assert result.exit_statuses == [0], result.text


@pytest.mark.usefixtures("ignored_registers")
def test_a_watchpoint_that_would_never_fire_is_refused_in_one_line(debugger, compile):
    go = debugger.continue_()
    steps = [debugger.break_at("end_work"), "tmpalloc start", debugger.run()]
    result = debugger.session(compile(WATCHED), [*steps, "tmpalloc watch 1", "tmpalloc status", go])
    line = IGNORED.format("watchpoints") + "nothing would be seen of the block's uses"
    assert result.outputs[3].strip().removeprefix("error: ") == line
    assert not re.search("(?m)^watch", result.outputs[4])
    assert result.exit_statuses == [0], result.text


def test_lldb_refuses_it_in_one_line_and_then_starts_another_engine(lldb, library, compile):
    program = compile(PROGRAMS / "fixed_work.c")
    totals, result, line = track_totals(
        lldb, program, "tmpalloc start --engine breakpoint", [START, "tmpalloc status"]
    )
    if "hardware engine, " in result.outputs[3]:
        pytest.skip("this LLDB can set hardware breakpoints")
    assert result.outputs[3].strip() == (
        "error: this debugger and target can set no hardware breakpoints, two are needed: "
        "use --engine breakpoint"
    )
    assert "not started" in result.outputs[4], result.text
    assert "breakpoint engine" in line and line.count("\n") == 1
    assert totals["allocations"] == 15 and totals["deallocations"] == 15
    assert result.exit_statuses == [STATUS_7]
