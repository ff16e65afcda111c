"""Kinds of programs and of connections: the same heap calls count the same everywhere."""

import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from library.results import read_results, track_work
from library.support import PROGRAMS, soname, wait_for

SOURCES = {"C": PROGRAMS / "fixed_work.c", "C++": PROGRAMS / "fixed_work.cpp"}
#: What the programs say that they do.
WORK = {
    "C": {"allocations": 15, "allocated_bytes": 871, "deallocations": 15},
    "C++": {"allocations": 5, "allocated_bytes": 526, "deallocations": 5},
}
STATUS = 7
DYNAMIC = {"pie": "-pie", "non-pie": "-no-pie"}
STATIC = {"static": "-static", "static-pie": "-static-pie"}
ALLOCATORS = {
    "jemalloc": "libjemalloc.so.2",
    "tcmalloc_minimal": "libtcmalloc_minimal.so.4",
    "mimalloc": soname("mimalloc"),
}


def link_allocator(name, kind):
    """Linker options; an executable has the whole archive, as malloc alone would not do."""
    if kind == "shared":
        return ["-Wl,--no-as-needed", f"-l{name}"]
    archive = ["-Wl,--whole-archive", f"-l:lib{name}.a", "-Wl,--no-whole-archive"]
    return [*archive, "-lm", "-lstdc++", *(["-static"] if kind == "static" else [])]


def can_link(compile, *options):
    try:
        compile("int main(void) { return 0; }", *options, name="probe")
    except AssertionError:
        return False
    return True


def runs_i386(program):
    """Whether the kernel executes it, which ends with status 7."""
    try:
        return subprocess.run([program]).returncode == 7
    except OSError:
        return False


def assert_work(document, language):
    totals = document["totals"]
    assert {name: totals[name] for name in WORK[language]} == WORK[language]
    assert totals["temporary"]["count"] == WORK[language]["allocations"]
    assert totals["dropped"] == 0


def assert_ended_as_ever(result):
    assert result.exit_statuses == [STATUS], result.text
    assert result.stdout == b"ended normally\n"


def sites_of(report, function):
    document = read_results(report)
    return [
        (site["allocations"], site["allocated_bytes"], site["count"])
        for site in document["sites"]
        if site["location"]["function"] == function
    ]


# --- executables -------------------------------------------------------------------------------


def assert_counts(debugger, program, start, language):
    document, result = track_work(debugger, program, start)
    assert_work(document, language)
    assert {site["location"]["function"] for site in document["sites"]} & {"work", "work()"}
    assert_ended_as_ever(result)


@pytest.mark.parametrize("language", SOURCES)
@pytest.mark.parametrize("linking", DYNAMIC)
def test_every_way_of_linking_counts_the_same(debugger, library, compile, linking, language, start):
    assert_counts(debugger, compile(SOURCES[language], DYNAMIC[linking]), start, language)


@pytest.mark.parametrize("language", SOURCES)
@pytest.mark.parametrize("linking", STATIC)
def test_every_way_of_static_linking_counts_the_same(
    debugger, library, compile, linking, language, breakpoints
):
    assert_counts(debugger, compile(SOURCES[language], STATIC[linking]), breakpoints, language)


def test_a_static_executable_is_tracked_from_its_start(debugger, library, compile, breakpoints):
    program = compile(SOURCES["C"], "-static")
    report = debugger.directory / "report.json"
    steps = [breakpoints, debugger.run(), f"tmpalloc report json {report}"]
    result = debugger.session(program, steps)
    sites = sites_of(report, "work")
    assert sum(count for _, _, count in sites) >= WORK["C"]["allocations"] - 1, sites
    assert_ended_as_ever(result)


def test_a_stripped_static_executable_is_told_in_one_line(debugger, library, compile, breakpoints):
    program = compile(SOURCES["C"], "-static", "-s")
    result = debugger.session(program, [breakpoints, debugger.run(), "tmpalloc summary"])
    assert result.text.count("static executable without symbols") == 1, result.text
    assert "no allocator was found in it" in result.outputs[2]
    assert_ended_as_ever(result)


def test_another_architecture_is_told_in_one_line(debugger, library, compile, breakpoints):
    # Without a C library, because there may be none for this architecture.
    source = """void _start(void) { __asm__ volatile("nop; int $0x80" : : "a"(1), "b"(7)); }"""
    options = ["-m32", "-nostdlib", "-static", "-fno-pic", "-no-pie"]
    if not can_link(compile, "-m32", "-c"):
        pytest.skip("gcc can't compile for i386 here")
    program = compile(source, *options)
    if not runs_i386(program):
        pytest.skip("i386 programs don't run here")
    steps = [debugger.break_at("_start"), debugger.run(), breakpoints, debugger.continue_()]
    result = debugger.session(program, steps)
    supported = "x86_64 and aarch64 and riscv64 are"
    line = rf"\s*(error: )?architecture 'i386' is not supported: {supported}\n\s*"
    assert re.fullmatch(line, result.outputs[2]), result.text
    assert result.exit_statuses == [7], result.text


# --- allocators --------------------------------------------------------------------------------


@pytest.mark.parametrize("language", SOURCES)
@pytest.mark.parametrize("name", ALLOCATORS)
def test_a_linked_allocator_counts_each_call_once(
    debugger, library, compile, name, language, start
):
    options = link_allocator(name, "shared")
    if not can_link(compile, *options):
        pytest.skip(f"there is no {name} to link with here")
    document, result = track_work(debugger, compile(SOURCES[language], *options), start)
    assert f"in {ALLOCATORS[name]}" in result.outputs[3], result.text
    # tcmalloc defines no strdup, and it need not: the C library's calls its malloc.
    assert_work(document, language)
    assert_ended_as_ever(result)


@pytest.mark.parametrize("name", ALLOCATORS)
def test_a_preloaded_allocator_counts_each_call_once(debugger, library, compile, name, start):
    options = link_allocator(name, "shared")
    if not can_link(compile, *options):
        pytest.skip(f"there is no {name} here")
    variables = debugger.environment({"LD_PRELOAD": ALLOCATORS[name]})
    document, result = track_work(debugger, compile(SOURCES["C++"]), start, variables)
    assert f"in {ALLOCATORS[name]}" in result.outputs[len(variables) + 3], result.text
    assert_work(document, "C++")
    assert_ended_as_ever(result)


def track_archive(debugger, compile, start, name, kind, language):
    options = link_allocator(name, kind)
    if not can_link(compile, *options):
        pytest.skip(f"there is no archive of {name} here")
    document, result = track_work(debugger, compile(SOURCES[language], *options), start)
    assert_work(document, language)
    assert_ended_as_ever(result)


@pytest.mark.parametrize("language", SOURCES)
@pytest.mark.parametrize("name", ALLOCATORS)
def test_an_allocator_linked_into_the_executable_counts_each_call_once(
    debugger, library, compile, name, language, start
):
    track_archive(debugger, compile, start, name, "archive", language)


@pytest.mark.parametrize("language", SOURCES)
@pytest.mark.parametrize("name", ALLOCATORS)
def test_an_allocator_linked_into_a_static_executable_counts_each_call_once(
    debugger, library, compile, name, language, breakpoints
):
    track_archive(debugger, compile, breakpoints, name, "static", language)


# --- connections -------------------------------------------------------------------------------


def test_an_attached_process_runs_on_after_detach_and_ends_normally(
    debugger, library, compile, tmp_path, start
):
    program, end = compile(SOURCES["C"]), tmp_path / "end"
    process = subprocess.Popen([program, end], stdout=subprocess.PIPE)
    report = tmp_path / "report.json"
    try:
        wait_for(lambda: os.readlink(f"/proc/{process.pid}/exe") == str(program))
        steps = [
            debugger.attach(process.pid),
            start,
            debugger.break_at("begin_work"),
            debugger.continue_(),
            "tmpalloc reset",
            debugger.break_at("end_work"),
            debugger.continue_(),
            f"tmpalloc report json {report}",
            "tmpalloc summary",
            debugger.detach(),
            "tmpalloc status",
        ]
        result = debugger.session(None, steps)
        assert_work(read_results(report), "C")
        assert "work at fixed_work.c" in result.outputs[8], result.text
        assert "detached" in result.outputs[10], result.text
        time.sleep(0.1)
        assert process.poll() is None, result.text
        end.touch()
        assert process.communicate(timeout=60)[0] == b"ended normally\n"
        assert process.returncode == STATUS
    finally:
        process.kill()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    """Whether a server is there, without connecting to it: it would serve that connection."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return any(field[1].endswith(f":{port:04X}") and field[3] == "0A" for field in fields)


#: LLDB doesn't work with gdbserver, with tmpalloc or without: it never asks for the protocol's
#: swbreak, and without that takes each breakpoint for a trap at the next byte.
SERVERS = {
    "gdb": ["gdbserver", "--once", "127.0.0.1:{port}"],
    "lldb": ["lldb-server-19", "gdbserver", "127.0.0.1:{port}", "--"],
}


def test_a_remote_process_counts_the_same(debugger, library, compile, tmp_path, breakpoints):
    server = SERVERS[debugger.name]
    if shutil.which(server[0]) is None:
        pytest.skip(f"there is no {server[0]} here")
    program, port = compile(SOURCES["C"]), free_port()
    command = [word.format(port=port) for word in server]
    output = tmp_path / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*command, program], stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
    try:
        wait_for(lambda: listens(port))
        connect = [debugger.connect(port)]
        document, result = track_work(
            debugger, program, breakpoints, connect, begin=debugger.continue_()
        )
        assert_work(document, "C")
        assert result.exit_statuses == [STATUS], result.text
        process.wait(timeout=60)
        if debugger.name == "gdb":  # lldb-server hands output to LLDB, which may exit before
            assert output.read_bytes().endswith(b"ended normally\n\nChild exited with status 7\n")
    finally:
        process.kill()


# --- libraries that are loaded later -------------------------------------------------------------

PLUGIN = """
#include <stdlib.h>
static char pool[4096];
static size_t used;
void *pool_get(size_t size) { void *p = pool + used; used += size; return p; }
void pool_put(void *block) { (void)block; }
static void *volatile block;
void plugin_work(void) {
    for (int i = 0; i < 5; i++) {
        block = malloc(100);
        free(block);
        pool_put(pool_get(64));
    }
}
"""
LOADER = """
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv) {
    void *plugin = dlopen(argv[1], RTLD_NOW);
    void (*work)(void) = (void (*)(void))dlsym(plugin, "plugin_work");
    work();
    puts("ended normally");
    return 7;
}
"""


@pytest.fixture
def plugin(compile):
    return compile(PLUGIN, "-shared", "-fPIC", "-fno-inline", name="plugin.so")


def test_a_library_loaded_later_appears_with_its_functions(
    debugger, library, compile, plugin, tmp_path, start
):
    report = tmp_path / "report.json"
    steps = [debugger.break_at("main"), debugger.run(), start, debugger.continue_(),
             f"tmpalloc report json {report}"]
    result = debugger.session(compile(LOADER), steps, [plugin])
    assert_ended_as_ever(result)
    assert sites_of(report, "plugin_work") == [(5, 500, 5)], result.text


def test_an_allocator_named_before_its_library_is_loaded_counts_from_then_on(
    debugger, library, compile, plugin, tmp_path, breakpoints
):
    report = tmp_path / "report.json"
    start = f"{breakpoints} --allocator alloc=pool_get,free=pool_put"
    steps = [debugger.break_at("main"), debugger.run(), start, debugger.continue_(),
             f"tmpalloc report json {report}"]
    result = debugger.session(compile(LOADER), steps, [plugin])
    assert "no function pool_get in the loaded files" in result.outputs[2], result.text
    assert_ended_as_ever(result)
    assert sorted(sites_of(report, "plugin_work")) == [(5, 320, 5), (5, 500, 5)], result.text
