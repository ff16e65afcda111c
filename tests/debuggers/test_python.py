"""Python functions as locations, in both engines and both debuggers."""

import os
import re
import signal
import subprocess
import sysconfig
import time
from pathlib import Path

import pytest
from library.cpython import MAIN, PYTHON, clean_environment, needs_python, sizes_of_growing_list
from library.results import read_results
from library.support import PROGRAMS, ROOT

EXAMPLES = ROOT / "examples"

pytestmark = [pytest.mark.usefixtures("library"), needs_python]


# --- the list that grows -----------------------------------------------------------------------------


def in_megabytes(size):
    return f"{size / (1 << 20):.3f}MB" if size >= 1 << 20 else f"{size / (1 << 10):.3f}KB"


def row_of(summary, location):
    """(own bytes, temporaries, pattern) of a location's only row."""
    rows = [line for line in summary.splitlines() if re.match(location + r" at \S+:\d+ .*%", line)]
    assert len(rows) == 1, summary
    fields = rows[0].split()
    assert fields[3] == fields[5]  # nothing is allocated beneath
    return (fields[5], int(fields[7]), *fields[10:])


def test_the_growth_rule_of_lists_gives_what_memray_says_of_the_example():
    sizes = sizes_of_growing_list(1_000_000)
    assert (len(sizes), in_megabytes(sum(sizes))) == (78, "72.486MB")


LIST_ADVICE = (
    "foo at list_growth.py:4 grows step by step: 1 buffer grew 77 times to 8,448,672B; reserve that "
    "size once and 77 allocations and up to 64.429MB of copying go away (tmpalloc site"
)


@pytest.mark.parametrize(
    "example, row",
    [("list_growth", ("72.486MB", 78, "grows")), ("list_growth_fixed", ("7.629MB", 1))],
)
def test_the_agent_shows_the_list_that_grows_and_the_one_that_is_reserved(debugger, example, row):
    summaries = [f"tmpalloc summary -t {threshold}" for threshold in (0, 1, 2, 10)]
    steps = ["tmpalloc start --engine agent", debugger.run(), *summaries]
    result = debugger.session(PYTHON, steps, [EXAMPLES / f"{example}.py"])
    assert result.exit_statuses == [0], result.text
    for summary in result.outputs[2:]:
        assert row_of(summary, "foo") == row
        assert (LIST_ADVICE in " ".join(summary.split())) == ("grows" in row)


def test_breakpoints_show_the_same_of_the_list_that_grows(debugger):
    steps = [
        debugger.break_at_entry(MAIN),
        debugger.run(),
        "tmpalloc start --engine breakpoint",
        debugger.continue_(),
        *[f"tmpalloc summary -t {threshold}" for threshold in (0, 1, 2, 10)],
    ]
    result = debugger.session(PYTHON, steps, ["-S", EXAMPLES / "list_growth.py"])
    assert result.exit_statuses == [0], result.text
    for summary in result.outputs[4:]:
        assert row_of(summary, "foo") == ("72.486MB", 78, "grows")
        assert LIST_ADVICE in " ".join(summary.split())


def test_instructions_of_one_line_are_one_call_site(debugger, start, tmp_path):
    program = tmp_path / "line.py"
    program.write_text("def work(n):\n    return [b'x' * n, b'y' * (3 * n)]\nfor i in range(10):\n    work(1000)\n")
    saved = tmp_path / "saved.json"
    steps = [debugger.break_at_entry(MAIN), debugger.run(), start, debugger.continue_(), f"tmpalloc save {saved}"]
    debugger.session(PYTHON, steps, ["-S", program])
    sites = [site for site in read_results(saved)["sites"] if site["location"]["file"] == str(program)]
    sites = [site for site in sites if site["location"]["line"] == 2]
    assert [(site["allocations"], site["larger"], site["equal"]) for site in sites] == [(20, 10, 0)]


def test_a_text_that_is_added_to_is_told_to_be_joined(debugger, tmp_path):
    program = tmp_path / "text.py"
    program.write_text("text = ''\nfor i in range(3000):\n    text += 'some words'\n")
    steps = ["tmpalloc start", debugger.run(), "tmpalloc summary --filter text.py:3"]
    result = debugger.session(PYTHON, steps, [program])
    assert result.exit_statuses == [0], result.text
    summary = " ".join(result.outputs[-1].split())
    assert "1 buffer grew" in summary and "; join the parts once and" in summary


# --- merged stacks -----------------------------------------------------------------------------------


CHAIN = """
import python_chain

def inner():
    python_chain.leaf()

def outer():
    python_chain.call(inner)

outer()
"""


@pytest.fixture
def includes():
    """Flags for programs with Python.h."""
    directory = sysconfig.get_path("include")
    if not os.path.exists(os.path.join(directory, "Python.h")):
        pytest.skip("there is no Python.h here")
    return [f"-I{directory}"]


@pytest.fixture
def chain(compile, includes, tmp_path):
    """A script that allocates in C beneath Python beneath C beneath Python."""
    source = PROGRAMS / "python_chain.c"
    compile(source, "-fPIC", "-shared", *includes, name="python_chain.so")
    script = tmp_path / "chain.py"
    script.write_text(CHAIN)
    return script


def stack_of_size(report, size):
    """The stack of the only site with blocks of this size alone."""
    found = [s["stack"] for s in report["sites"] if s["min_size"] == size == s["max_size"]]
    assert len(found) == 1
    return found[0]


def contains_in_order(text, parts):
    found = iter(text)
    return all(part in found for part in parts)


@pytest.mark.parametrize("engine", ["agent", "breakpoint"])
def test_an_extension_beneath_a_python_callback_shows_the_whole_chain(
    debugger, chain, tmp_path, engine
):
    folded, native, graph = (tmp_path / name for name in ("folded.json", "native.json", "graph"))
    steps = [
        debugger.break_at_entry(MAIN),
        debugger.run(),
        f"tmpalloc start --engine {engine}",
        debugger.continue_(),
        f"tmpalloc report json {folded}",
        f"tmpalloc report json {native} --native-frames",
        f"tmpalloc report folded {graph}",
    ]
    debugger.session(PYTHON, steps, ["-S", chain])
    frames = stack_of_size(read_results(folded), 54321)
    shown = [(f["language"], f["function"], f["line"]) for f in frames if f["function"] != "malloc"]
    assert [(language, function) for language, function, _ in shown[:6]] == [
        ("native", "allocate_below"),
        ("native", "leaf"),
        ("python", "inner"),
        ("native", "call"),
        ("python", "outer"),
        ("python", "<module>"),
    ]
    assert [line for language, _, line in shown if language == "python"] == [5, 8, 10]
    assert not any("_PyEval" in (f["function"] or "") for f in frames)
    all_frames = stack_of_size(read_results(native, native_frames=True), 54321)
    names = [f["function"] for f in all_frames]
    loop = "_PyEval_EvalFrameDefault"
    order = ["leaf", "inner", loop, "call", "outer", "<module>", loop, MAIN]
    assert contains_in_order(names, order), names
    assert names.count(loop) == 2
    assert re.search("<module>[^;]*;outer[^;]*;call[^;]*;inner[^;]*;leaf", graph.read_text())


# --- as without us -----------------------------------------------------------------------------------


ENDINGS = {
    "a syntax error": ("x = = 1", 1),
    "sys.exit": ("import sys; print('out', flush=True); sys.exit(3)", 3),
    "os._exit": ("import os; print('out', flush=True); os._exit(4)", 4),
    "an exception": ("def f(): raise ValueError('no')\nf()", 1),
    "an exit message": ("import sys; sys.exit('message')", 1),
    "fork": (
        "import multiprocessing as m; m.set_start_method('fork')\n"
        "def f(x): return [x] * x\n"
        "with m.Pool(2) as pool: print(sum(map(len, pool.map(f, range(50)))))",
        0,
    ),
    "a child that fails": (
        "import multiprocessing as m, sys; m.set_start_method('fork')\n"
        "p = m.Process(target=sys.exit, args=(7,)); p.start(); p.join(); sys.exit(p.exitcode)",
        7,
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_output_and_status_are_those_of_a_plain_run(debugger, tmp_path, ending):
    text, status = ENDINGS[ending]
    script = tmp_path / "script.py"
    script.write_text(text)
    environment = clean_environment(tmp_path)
    plain = subprocess.run(
        [PYTHON, script], env=environment, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True
    )
    steps = [*debugger.environment(environment), "tmpalloc start --engine agent --python on"]
    steps += [debugger.run(), "tmpalloc status"]
    result = debugger.session(PYTHON, steps, [script], env={"SHELL": "/bin/sh"})
    assert plain.returncode == status
    assert result.exit_statuses == [status], result.text
    assert result.stdout == plain.stdout
    assert result.stderr == plain.stderr
    assert "dropped events      0\n" in result.outputs[-1]


def test_control_c_stops_python_at_the_prompt_and_the_signal_is_its_own(debugger, tmp_path):
    script = tmp_path / "loop.py"
    script.write_text(
        "import sys\n"
        "def spin(rounds):\n    for _ in rounds: bytearray(2000)\n"
        "try: spin(range(1000)), print('round', 'and round', flush=True), spin(iter(int, 1))\n"
        "except KeyboardInterrupt: sys.exit(5)\n"
    )
    terminal = debugger.terminal(PYTHON, [script])
    terminal.command("tmpalloc start --engine agent")
    terminal.send(debugger.run_here())
    pid = int(terminal.expect(r"tracking process \d+").split()[-1])
    terminal.expect("round and round")
    terminal.type("\x03")
    terminal.expect(r"stop reason = |received signal SIGINT")
    terminal.expect(re.escape(debugger.prompt))
    time.sleep(0.3)
    assert "spin at loop.py:3" in terminal.command("tmpalloc summary --filter spin", "repeats")
    if debugger.name == "gdb":
        terminal.send("signal SIGINT")
    else:
        terminal.command("process handle SIGINT --pass true --stop false", "SIGINT")
        terminal.send(debugger.continue_())
        terminal.expect("resuming")
        os.kill(pid, signal.SIGINT)
    terminal.expect(r"exited with (code 05|status = 5)")


# --- processes that run ------------------------------------------------------------------------------


RUNNING = """
import asyncio, threading, time

def numbers():
    while True:
        yield bytearray(3000)

async def coroutine(source):
    while True:
        next(source)
        bytearray(4000)
        await asyncio.sleep(0.001)

def thread():
    while True:
        bytearray(5000)
        time.sleep(0.001)

threading.Thread(target=thread, daemon=True).start()
print("ready", flush=True)
asyncio.run(coroutine(numbers()))
"""


@pytest.fixture
def running(tmp_path):
    """A Python process with a thread, a generator and a coroutine that allocate; gives its pid."""
    script = tmp_path / "running.py"
    script.write_text(RUNNING)
    process = subprocess.Popen([PYTHON, script], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("engine", ["agent", "breakpoint"])
def test_a_running_python_shows_rows_of_threads_generators_and_coroutines(debugger, running, engine):
    steps = [
        debugger.attach(running.pid),
        f"tmpalloc start --engine {engine}",
        debugger.interrupt_later(running.pid, 2),
        debugger.continue_(),
        "tmpalloc summary -r 0",
        "tmpalloc stop",
        debugger.detach(),
    ]
    result = debugger.session(steps=steps)
    locations = [("numbers", 6), ("coroutine", 11), ("thread", 16)]
    for name, line in locations:
        assert re.search(rf"(?m)^{name} at running.py:{line} ", result.outputs[4]), result.text
    time.sleep(0.2)
    assert running.poll() is None


CHANGING = """
import os, sys

i = 0
print("ready", flush=True)
while True:
    i += 1
    name = "after" if os.path.exists(sys.argv[1]) else "before"
    names = {}
    exec(compile(f"def {name}_{i % 10}():\\n    return bytearray(3000)\\n", "made.py", "exec"), names)
    names[f"{name}_{i % 10}"]()
    if name == "after" and i > 0:
        i = -1_000_000_000
        print(name, flush=True)
"""


def deallocator_of_code(pid):
    """PyCode_Type.tp_dealloc of a process that runs PYTHON."""
    listed = subprocess.run(["nm", "-D", PYTHON], capture_output=True, text=True).stdout
    offset = int(re.search(r"(\w+) . PyCode_Type", listed)[1], 16) + 48
    base = Path(f"/proc/{pid}/maps").read_text().partition("-")[0]
    with open(PYTHON, "rb") as file:
        relocatable = file.read(18)[16] == 3
    with open(f"/proc/{pid}/mem", "rb") as memory:
        memory.seek(offset + (int(base, 16) if relocatable else 0))
        return memory.read(8)


def test_stop_leaves_cpython_as_it_was_and_a_later_start_is_right(debugger, tmp_path):
    script, changed = tmp_path / "changing.py", tmp_path / "changed"
    script.write_text(CHANGING)
    process = subprocess.Popen([PYTHON, script, changed], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    before = deallocator_of_code(process.pid)
    go_on = [debugger.interrupt_later(process.pid, 1), debugger.continue_()]
    steps = [
        debugger.attach(process.pid),
        "tmpalloc start --engine agent",
        *go_on,
        "tmpalloc summary -r 0",
        "tmpalloc stop",
        debugger.detach(),
    ]
    try:
        first = debugger.session(steps=steps).outputs[4]
        assert "before_3 at made.py:2" in first and "after_" not in first, first
        assert deallocator_of_code(process.pid) == before
        changed.touch()
        assert process.stdout.readline() == b"after\n"
        second = debugger.session(steps=steps).outputs[4]
        assert "after_3 at made.py:2" in second and "before_" not in second, second
        assert deallocator_of_code(process.pid) == before
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


EMBEDDING = """
#include <Python.h>
int main(void) {
    Py_Initialize();
    int status = PyRun_SimpleString("def embedded():\\n    return bytearray(70000)\\n");
    for (int i = 0; i < 5; i++)
        status |= PyRun_SimpleString("embedded()");
    PyThreadState *first = PyThreadState_Get(), *second = Py_NewInterpreter();
    status |= PyRun_SimpleString("def other():\\n    bytearray(80000)\\nfor _ in range(6): other()\\n");
    Py_EndInterpreter(second);
    PyThreadState_Swap(first);
    Py_Finalize();
    return status ? 1 : 0;
}
"""


@pytest.mark.parametrize("engine", ["agent", "breakpoint"])
def test_an_embedded_python_in_a_library_shows_functions_of_all_interpreters(
    debugger, compile, includes, engine
):
    flags = ["-lpython" + sysconfig.get_config_var("LDVERSION")]
    program = compile(EMBEDDING, *includes, *flags, name="embedding")
    steps = [
        debugger.break_at_entry("PyRun_SimpleStringFlags"),
        debugger.run(),
        debugger.delete_breakpoints(),
        f"tmpalloc start --engine {engine}",
        debugger.continue_(),
        "tmpalloc summary -r 0",
    ]
    result = debugger.session(program, steps)
    assert result.exit_statuses == [0], result.text
    assert row_of(result.outputs[-1], "embedded")[1] == 5
    assert row_of(result.outputs[-1], "other")[1] == 6


@pytest.mark.parametrize("engine", ["agent", "breakpoint"])
def test_a_python_without_any_debug_symbols_shows_the_same(debugger, tmp_path, engine):
    stripped = tmp_path / "python3"
    # Neither symbols nor a build id by which some could be found.
    options = ["--strip-all", "--remove-section=.note.gnu.build-id", "--remove-section=.gnu_debuglink"]
    subprocess.run(["objcopy", *options, PYTHON, stripped], check=True)
    script = tmp_path / "script.py"
    script.write_text("def f():\n    return bytearray(70000)\nfor _ in range(5): f()\n")
    steps = [
        debugger.break_at_entry(MAIN),
        debugger.run(),
        f"tmpalloc start --engine {engine}",
        debugger.continue_(),
        "tmpalloc summary -r 0",
    ]
    result = debugger.session(stripped, steps, ["-S", script], env={"PYTHONHOME": "/usr"})
    assert result.exit_statuses == [0], result.text
    assert row_of(result.outputs[-1], "f") == ("341.802KB", 5, "repeats")


# --- runtimes that are not known ---------------------------------------------------------------------


FAKE = """
#include <stdint.h>
#ifdef FREE_THREADED
uint64_t _PyRuntime[200] = {0x7970677562656478, 0x030d00f0, 1};
#else
uint64_t _PyRuntime[200];
#endif
const unsigned int Py_Version = 0x035900f0;
void fake(void) {}
"""
USING_FAKE = """
#include <stdlib.h>
void fake(void);
__attribute__((noinline)) void allocate(void) {
    void *volatile block = malloc(10);
    free(block);
}
int main(void) {
    fake();
    for (int i = 0; i < 5; i++)
        allocate();
    return 0;
}
"""


@pytest.mark.parametrize("engine", ["agent", "breakpoint"])
@pytest.mark.parametrize(
    "kind, line",
    [
        ("-DUNKNOWN", "CPython 3.89 is not known: native frames only"),
        ("-DFREE_THREADED", "CPython without the GIL: native frames only"),
    ],
)
def test_an_unknown_python_is_one_line_and_native_stacks_go_on(
    debugger, compile, tmp_path, engine, kind, line
):
    compile(FAKE, kind, "-fPIC", "-shared", name="libfake.so")
    linked = [f"-L{tmp_path}", "-lfake", f"-Wl,-rpath,{tmp_path}"]
    program = compile(USING_FAKE, "-fno-builtin", *linked)
    start = f"tmpalloc start --engine {engine}"
    steps = [debugger.break_at("main"), debugger.run(), start, "tmpalloc status"]
    steps += [debugger.continue_(), "tmpalloc summary"]
    outputs = debugger.session(program, steps).outputs
    for shown in outputs[2:4]:
        assert shown.count(line) == 1, shown
    assert "allocate at program.c" in outputs[5] and " 5 " in outputs[5]


def test_a_python_that_is_loaded_after_the_agent_is_told(debugger, compile, tmp_path):
    name = f"libpython{sysconfig.get_config_var('LDVERSION')}.so.1.0"
    source = f"""
    #include <dlfcn.h>
    __attribute__((noinline)) void checkpoint(void) {{ __asm__ volatile("" ::: "memory"); }}
    int main(void) {{
        if (!dlopen("{name}", RTLD_NOW | RTLD_GLOBAL))
            return 77;
        checkpoint();
        return 0;
    }}
    """
    program = compile(source)
    steps = [debugger.break_at("checkpoint"), "tmpalloc start --engine agent", debugger.run()]
    steps += ["tmpalloc status", debugger.continue_()]
    result = debugger.session(program, steps)
    if 77 in result.exit_statuses:
        pytest.skip(f"there is no {name} here")
    assert "CPython was loaded after the agent: native frames only" in result.outputs[3]
