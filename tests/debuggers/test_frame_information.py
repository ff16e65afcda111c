"""Call stacks through code without call frame information in memory: the same in both engines."""

import json

import pytest
from library.results import read_results
from library.support import C_FLAGS, PROGRAMS

#: As the unwinder of C++ has it, none of its own, and none of any kind.
EVERYWHERE = ["-fasynchronous-unwind-tables"]
NOWHERE = ["-fno-asynchronous-unwind-tables", "-fno-exceptions"]
BARE = [*NOWHERE, "-g0"]
POINTERS = ["-fno-omit-frame-pointer"]
POOL = "--allocator alloc=pool_take,free=pool_give"


@pytest.fixture
def plugin(compile):
    def build(*flags):
        return compile(
            PROGRAMS / "frames_plugin.c", *C_FLAGS, "-shared", "-fPIC", *flags, name="plugin.so"
        )

    return build


def tracked(debugger, program, args, start):
    """The report of a whole run."""
    report = debugger.directory / "report.json"
    steps = [start, debugger.run(), f"tmpalloc report json {report} --force"]
    if debugger.name == "lldb":
        steps.insert(0, f"settings set target.run-args {' '.join(map(str, args))}")
    result = debugger.session(program, steps, args)
    assert result.exit_statuses == [3], result.text
    assert result.stdout == b"done\n"
    document = read_results(report)
    assert document["totals"]["dropped"] == 0
    return document


def stacks(document):
    """Counters by stack and the stacks that free, of what the program itself does.

    Frames of code made at run time lie anywhere.
    """
    found = {}
    for site in document["sites"]:
        if site["min_size"] > 1000 or site["allocations"] < 5:
            continue
        lines = [
            [frame["function"] or bool(frame["file"]) for frame in stack]
            for stack in (site["stack"], *site["free_stacks"])
        ]
        cut = site["truncated"]
        sums = found.setdefault((json.dumps(lines), cut), {"count": 0, "bytes": 0, "same_scope": 0})
        for name in sums:
            sums[name] += site[name] if name != "same_scope" or not cut else 0
    return found


def both(debugger, program, args=(), options=""):
    """The reports of the agent and of breakpoints, which have the same stacks."""
    agent, breakpoint = (
        tracked(debugger, program, args, f"tmpalloc start --engine {engine} {options}")
        for engine in ("agent", "breakpoint")
    )
    assert agent["engine"] == "agent"
    assert stacks(agent) == stacks(breakpoint)
    assert stacks(agent)
    return agent, breakpoint


@pytest.mark.parametrize("pointers", [[], POINTERS], ids=["", "frame pointers"])
@pytest.mark.parametrize(
    "flags", [EVERYWHERE, NOWHERE, BARE, [*NOWHERE, "-s"]], ids=["usual", "debug", "bare", "stripped"]
)
def test_both_engines_have_the_same_stacks(debugger, compile, plugin, library, flags, pointers):
    library_path = plugin(*flags, *pointers)
    program = compile(PROGRAMS / "frames.c", *C_FLAGS, *flags, *pointers, name="frames")
    both(debugger, program, [library_path])


def check_whole(document, size, *names):
    """The stack of the site with blocks of that size goes through these functions to the end."""
    (site,) = [s for s in document["sites"] if s["min_size"] <= size <= s["max_size"]]
    found = [frame["function"] for frame in site["stack"]]
    assert found[1 : 1 + len(names)] == list(names)
    assert found[-1] == "_start"
    assert not site["truncated"]


@pytest.mark.parametrize(
    "flags", [NOWHERE, [*BARE, *POINTERS]], ids=["debug information", "frame pointers"]
)
def test_frames_are_found_without_tables_in_memory(debugger, compile, plugin, library, flags):
    """By .debug_frame, by frame pointers, and through both of one run."""
    program = compile(PROGRAMS / "frames.c", *C_FLAGS, *flags, name="frames")
    for document in both(debugger, program, [plugin(*flags)]):
        check_whole(document, 100, "make", "pair", "loop", "main")
        check_whole(document, 50, "own", "aligned", "main")
        check_whole(document, 500, "plugin_pair", "plugin_work", "late", "main")
        check_whole(document, 300, "own", None, None, "made_at_run_time", "main")
        totals = {name: 0 for name in ("count", "same_scope")}
        for site in document["sites"]:
            if site["location"]["function"] in ("own", "plugin_pair") and not site["truncated"]:
                totals = {name: total + site[name] for name, total in totals.items()}
        assert totals == {"count": 20 + 1 + 10 + 20, "same_scope": totals["count"]}


def test_a_table_without_its_index_is_as_good(debugger, compile, plugin, library):
    """.eh_frame is in memory, but nothing there says where."""
    flags = ["-g0", "-no-pie", "-Wl,--no-eh-frame-hdr"]
    program = compile(PROGRAMS / "frames.c", *C_FLAGS, *flags, name="frames")
    for document in both(debugger, program, [plugin()]):
        check_whole(document, 100, "make", "pair", "loop", "main")


def test_static_executables_need_no_index(debugger, compile, library, breakpoints):
    flags = ["-g0", "-static", "-no-pie", "-Wl,--no-eh-frame-hdr", "-w"]
    program = compile(PROGRAMS / "frames.c", *C_FLAGS, *flags, name="frames")
    document = tracked(debugger, program, [], breakpoints)
    check_whole(document, 100, "make", "pair", "loop", "main")


def test_a_function_of_the_user_has_callers_without_frame_information(
    debugger, compile, library
):
    program = compile(PROGRAMS / "frames.c", *C_FLAGS, *BARE, *POINTERS, name="frames")
    for document in both(debugger, program, options=POOL):
        check_whole(document, 10, "loop", "main")


def test_a_process_that_runs_already_has_the_same_stacks(debugger, compile, plugin, library):
    program = compile(PROGRAMS / "frames.c", *C_FLAGS, *NOWHERE, name="frames")
    report = debugger.directory / "report.json"
    args = [plugin(*NOWHERE)]
    steps = [debugger.break_at("main"), debugger.run(), "tmpalloc start --engine agent"]
    steps += [debugger.continue_(), f"tmpalloc report json {report}"]
    if debugger.name == "lldb":
        steps.insert(0, f"settings set target.run-args {args[0]}")
    result = debugger.session(program, steps, args)
    assert result.exit_statuses == [3], result.text
    document = read_results(report)
    check_whole(document, 100, "make", "pair", "loop", "main")
    check_whole(document, 500, "plugin_pair", "plugin_work", "late", "main")


def test_a_frame_pointer_of_somebody_else_leads_nowhere(debugger, compile, library):
    """A function without one keeps that of its caller, who must not be left out."""
    program = compile(PROGRAMS / "frames.c", *C_FLAGS, *BARE, "-fomit-frame-pointer", name="frames")
    for document in both(debugger, program):
        for site in document["sites"]:
            found = [frame["function"] for frame in site["stack"]]
            if "own" in found:
                assert found[1] == "own"
                assert site["truncated"]
                assert len(found) == 2
