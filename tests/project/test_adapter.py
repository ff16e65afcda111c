"""The adapters themselves: the binding, loading, completion; nothing that needs a process."""

import ctypes
import signal
import subprocess
import threading

import pytest
from library.support import ROOT
from tmpalloc import binding, host
from tmpalloc.command_line import options
from tmpalloc.command_table import Command, Option, complete

LAYOUT = """
#include <stdio.h>
#include "tmpalloc/tmpalloc.h"
#define SIZE(type) printf("%s - %zu\\n", #type, sizeof(struct tmpalloc_##type))
#define FIELD(type, field) printf("%s %s %zu\\n", #type, #field, offsetof(struct tmpalloc_##type, field))
int main(void) {
@LINES@
}
"""

STRUCTS = {
    "process": binding.Process,
    "thread": binding.Thread,
    "module": binding.Module,
    "terminal": binding.Terminal,
    "option_info": binding.OptionInfo,
    "command_info": binding.CommandInfo,
    "host": binding.HostStruct,
}

CONSTANTS = {
    "TMPALLOC_HOST_VERSION": binding.HOST_VERSION,
    "TMPALLOC_OK": binding.OK,
    "TMPALLOC_E_ARGUMENT": binding.E_ARGUMENT,
    "TMPALLOC_E_STATE": binding.E_STATE,
    "TMPALLOC_E_HOST": binding.E_HOST,
    "TMPALLOC_E_UNSUPPORTED": binding.E_UNSUPPORTED,
    "TMPALLOC_E_BUSY": binding.E_BUSY,
    "TMPALLOC_SOFTWARE": binding.SOFTWARE,
    "TMPALLOC_HARDWARE": binding.HARDWARE,
    "TMPALLOC_LAST": binding.LAST,
    "TMPALLOC_EVENT_MODULES": binding.EVENT_MODULES,
    "TMPALLOC_EVENT_EXITED": binding.EVENT_EXITED,
    "TMPALLOC_EVENT_EXECED": binding.EVENT_EXECED,
    "TMPALLOC_EVENT_STOPPED": binding.EVENT_STOPPED,
    "TMPALLOC_EVENT_UNLOADING": binding.EVENT_UNLOADING,
}


def output_of_c(compile, lines):
    program = compile(LAYOUT.replace("@LINES@", "\n".join(lines)), f"-I{ROOT}/include")
    return subprocess.check_output([program], text=True).splitlines()


def test_structs_of_the_binding_have_the_layout_of_the_header(compile):
    lines, expected = [], []
    for name, struct in STRUCTS.items():
        lines.append(f"SIZE({name});")
        expected.append(f"{name} - {ctypes.sizeof(struct)}")
        for field, *_ in struct._fields_:
            lines.append(f"FIELD({name}, {field});")
            expected.append(f"{name} {field} {getattr(struct, field).offset}")
    assert output_of_c(compile, lines) == expected


def test_constants_of_the_binding_are_those_of_the_header(compile):
    lines = [f'printf("%d\\n", (int){name});' for name in CONSTANTS]
    assert list(map(int, output_of_c(compile, lines))) == list(CONSTANTS.values())


class FailingHost(host.Host):
    """A host whose primitives raise what the test wants."""

    error = None

    def read_memory(self, address, size):
        if self.error:
            raise self.error
        return b"x" * size

    def modules(self):
        return [("/program", 1), ("/lib64/ld-linux-x86-64.so.2", 2), ("/lib/libc.so.6", 3)]


def read_memory(failing, size=4):
    status = ctypes.c_int(binding.E_HOST)
    buffer = ctypes.create_string_buffer(16)
    failing.struct.read_memory(None, 0, ctypes.addressof(buffer), size, ctypes.byref(status))
    return status.value, buffer.value


def test_a_primitive_that_works_stores_ok():
    assert read_memory(FailingHost()) == (binding.OK, b"xxxx")


@pytest.mark.parametrize("error", [RuntimeError("no"), SystemExit(1), MemoryError()])
def test_no_exception_of_a_primitive_reaches_c(error, capfd):
    failing = FailingHost()
    failing.error = error
    assert read_memory(failing) == (binding.E_HOST, b"")
    assert failing.failure is error
    assert capfd.readouterr() == ("", "")


def test_a_primitive_that_can_never_work_says_so():
    failing = FailingHost()
    failing.error = host.Unsupported()
    assert read_memory(failing) == (binding.E_UNSUPPORTED, b"")


def test_an_interrupt_in_a_primitive_is_kept_until_c_has_returned():
    failing = FailingHost()
    failing.error = KeyboardInterrupt()
    assert read_memory(failing) == (binding.E_HOST, b"")
    assert failing.take_interrupt()
    assert not failing.take_interrupt()


INTERRUPTS = """
#include <signal.h>
void interrupt_and_call(void (*primitive)(void *, const char *, int *), int *status) {
    raise(SIGINT);
    primitive(0, 0, status);
}
"""


def test_an_interrupt_while_c_code_runs_is_kept_too(compile, capfd):
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("this test runner has started the tests in another thread than Python's first")
    library = ctypes.CDLL(str(compile(INTERRUPTS, "-shared", "-fPIC")))
    calls = []
    keeper = type("Keeper", (FailingHost,), {"progress": lambda self, text: calls.append(text)})()
    status = ctypes.c_int(binding.E_HOST)
    # Where the tests run in the background it is ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    library.interrupt_and_call(keeper.struct.progress, ctypes.byref(status))
    signal.signal(signal.SIGINT, before)
    assert (status.value, calls, keeper.take_interrupt()) == (binding.E_HOST, [], True)
    assert capfd.readouterr() == ("", "")


def test_a_short_read_is_a_failure(monkeypatch):
    failing = FailingHost()
    monkeypatch.setattr(FailingHost, "read_memory", lambda self, address, size: b"x")
    assert read_memory(failing) == (binding.E_HOST, b"")


def test_primitives_that_a_debugger_lacks_are_null():
    assert not FailingHost().struct.insert_breakpoint
    assert FailingHost().struct.read_memory


def test_the_dynamic_linker_comes_last_as_it_is_searched():
    paths = []

    def emit(_arg, module):
        paths.append(module.contents.path)
        return binding.OK

    status = ctypes.c_int(binding.E_HOST)
    keeper = FailingHost()
    keeper.struct.modules(None, binding.EmitModule(emit), None, ctypes.byref(status))
    assert status.value == binding.OK
    assert paths == [b"/program", b"/lib/libc.so.6", b"/lib64/ld-linux-x86-64.so.2"]


COMMANDS = [
    Command(
        "start",
        "",
        "begin",
        [
            Option("engine", "", "ENGINE", ["auto", "breakpoint", "hardware"], "how"),
            Option("mmap", "", None, [], "count mmap"),
        ],
        0,
    ),
    Command("summary", "", "table", [Option("threshold", "t", "N", [], "limit")], 0),
    Command(
        "report",
        "FORMAT FILE",
        "write",
        [Option("threshold", "t", "N", [], "limit")],
        2,
        ["json", "html"],
    ),
    Command("help", "[COMMAND]", "help", [], 1),
]


@pytest.mark.parametrize(
    "line, words",
    [
        ("", ["start", "summary", "report", "help"]),
        ("s", ["start", "summary"]),
        ("help su", ["summary"]),
        ("start --", ["--engine", "--mmap"]),
        ("start --en", ["--engine"]),
        ("start --engine b", ["breakpoint"]),
        ("start --engine=", ["--engine=auto", "--engine=breakpoint", "--engine=hardware"]),
        ("start --mmap --eng", ["--engine"]),
        ("summary -t 1", []),
        ("report ", ["json", "html"]),
        ("report -t 1 --thr", ["--threshold"]),
        ("report -t 1 h", ["html"]),
        ("report html no such fil", []),
        ("unknown --", []),
    ],
)
def test_commands_options_and_their_values_are_completed(line, words):
    assert complete(COMMANDS, line) == words


def test_file_names_are_completed(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.json").touch()
    words = complete(COMMANDS, f"report json {tmp_path}/f")
    assert words == [f"{tmp_path}/file.json", f"{tmp_path}/folder/"]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert complete(COMMANDS, "report json ~/f") == ["~/file.json", "~/folder/"]


def test_a_missing_library_is_one_line_that_names_the_remedy(debugger, tmp_path):
    missing = {"TMPALLOC_LIBRARY": str(tmp_path / "nothing.so")}
    output = debugger.session(steps=[debugger.load()], load=False, env=missing).outputs[0]
    assert output == f"tmpalloc: no library at {tmp_path}/nothing.so: run setup.sh build first\n"


def test_a_library_that_is_none_is_one_line(debugger, tmp_path):
    (tmp_path / "text.so").write_text("text")
    wrong = {"TMPALLOC_LIBRARY": str(tmp_path / "text.so")}
    output = debugger.session(steps=[debugger.load()], load=False, env=wrong).outputs[0]
    assert output.startswith("tmpalloc: ") and output.endswith(": run setup.sh build again\n")
    assert output.count("\n") == 1


def test_loading_prints_one_line_and_loading_again_changes_nothing(debugger, library):
    steps = [debugger.load(), debugger.load(), "tmpalloc help"]
    first, second, text = debugger.session(steps=steps, load=False).outputs
    assert first.count("\n") == 1 and first.endswith(': type "tmpalloc help"\n')
    assert second == first.replace(': type "tmpalloc help"', ": already loaded")
    assert "summary" in text


def test_settings_behind_the_line_that_loads_stay_when_an_init_file_loads_again(debugger, library):
    setting = {"gdb": "set tmpalloc threshold 3", "lldb": "tmpalloc set threshold 3"}
    file = debugger.directory / "init"
    file.write_text("\n".join([debugger.load(), setting[debugger.name], debugger.load(), ""]))
    read = {"gdb": f"source {file}", "lldb": f"command source {file}"}
    before = [setting[debugger.name]] if debugger.name == "gdb" else []
    steps = [*before, read[debugger.name], "tmpalloc show threshold"]
    outputs = debugger.session(steps=steps, load=False).outputs
    assert outputs[-1] == 'tmpalloc threshold is "3".\n'
    assert outputs[0].count("\n") == 1 or not before


def test_an_error_of_a_command_is_one_line(debugger, library):
    output = debugger.session(steps=["tmpalloc help nonsense"]).outputs[0]
    assert "nonsense" in output and output.count("\n") == 1


def test_gdb_completes_from_the_command_table(gdb, library):
    lines = {
        "tmpalloc summ": ["tmpalloc summary"],
        "tmpalloc start --eng": ["tmpalloc start --engine"],
        "tmpalloc catch -t 1 --del": ["tmpalloc catch -t 1 --delete"],
        "tmpalloc report -t 0 s": ["tmpalloc report -t 0 speedscope", "tmpalloc report -t 0 sarif"],
        "tmpalloc check --exit=n": ["tmpalloc check --exit=never"],
    }
    outputs = gdb.session(steps=[f"complete {line}" for line in lines]).outputs
    assert [output.splitlines() for output in outputs] == [sorted(l) for l in lines.values()]


def test_gdb_completes_file_names(gdb, library, tmp_path):
    (tmp_path / "result.json").touch()
    output = gdb.session(steps=[f"complete tmpalloc report json {tmp_path}/resu"]).outputs[0]
    assert output == f"tmpalloc report json {tmp_path}/result.json\n"


def test_gdb_shows_and_sets_the_threshold_in_one_line_each(gdb, library):
    show = "show tmpalloc threshold"
    steps = [show, "set tmpalloc threshold 3", show, "set tmpalloc threshold 100000", show]
    steps += ["show tmpalloc", "set tmpalloc", "set tmpalloc treshold 3"]
    before, done, after, refused, still, all, names, unknown = gdb.session(steps=steps).outputs
    assert before == 'tmpalloc threshold is "1".\n'
    assert done == "\n"
    assert after == still == 'tmpalloc threshold is "3".\n'
    assert refused.startswith("bad value '100000' for threshold: accepted is a whole number from 0 to")
    assert all.startswith(after) and 'tmpalloc charge is "caller".' in all
    assert "set tmpalloc threshold -- " in names and "set tmpalloc own -- " in names
    accepted = "threshold, charge, own, foreign, wrapper, rows, suppress"
    assert unknown == f"no setting 'treshold 3': accepted are {accepted}\n"


def test_lldb_completes_commands_and_options_at_a_terminal(lldb, library):
    terminal = lldb.terminal()
    terminal.type("tmpalloc summ\t")
    terminal.expect("tmpalloc summary ")
    terminal.type("--thresh\t")
    terminal.expect("--threshold")
    terminal.type("\x15tmpalloc catch -t 1 --del\t")
    terminal.expect("--delete")
    terminal.type("\x15tmpalloc report html --for\t")
    terminal.expect("--force")
    terminal.type("\x15tmpalloc check --exit nev\t")
    terminal.expect("never")


#: Makes LLDB say what LLDB 22 says when an option is added with choices.
TELL_OF_CHOICES = """
from lldb.plugins.parsed_cmd import LLDBOptionValueParser as Parser
add_option = Parser.add_option
def tell(self, *arguments, **named):
    if named.get("enum_values") or len(arguments) > 9:
        print("An enum value had a type")
    add_option(self, *arguments, **named)
Parser.add_option = tell
"""


def test_lldb_says_nothing_about_the_options_when_it_loads_them(lldb, library, tmp_path):
    told = tmp_path / "told.py"
    told.write_text(TELL_OF_CHOICES)
    steps = [lldb.source(told), lldb.load(), "tmpalloc check --exit nev"]
    outputs = lldb.session(steps=steps, load=False).outputs
    assert outputs[1].count("\n") == 1 and "tmpalloc help" in outputs[1]
    assert "auto, always, never" in outputs[2]


def test_a_command_at_a_terminal_is_told_its_size_and_a_pipe_only_a_width(gdb, library):
    terminal = gdb.terminal(columns=77, rows=33)
    probe = "sys.modules['tmpalloc_gdb_commands']._terminal(True, False)"
    assert "{'columns': 77, 'rows': 33," in terminal.command(f"python import sys; print({probe})")
    assert "\n{'columns': 77}\n" in terminal.command(f"pipe python import sys; print({probe}) | cat")


@pytest.mark.parametrize(
    "line, found",
    [
        ("gdb -q -batch program", [("q", None), ("batch", None)]),
        ("gdb --batch", [("batch", None)]),
        ("gdb program", []),
        ("gdb -ex -batch program", [("ex", "-batch")]),
        ("gdb --args program -batch", []),
        ("gdb -- -batch", []),
        ("gdb - -batch", [("-", None), ("batch", None)]),
        ("gdb --ex run --eval-command=bt -batch", [("ex", "run"), ("eval-command", "bt"), ("batch", None)]),
        ("gdb --cd=-batch batch", [("cd", "-batch")]),
        ("gdb -cd", [("cd", None)]),
    ],
)
def test_options_of_the_debugger_are_told_from_their_values_and_arguments(tmp_path, line, found):
    path = tmp_path / "cmdline"
    path.write_bytes(b"".join(word.encode() + b"\0" for word in line.split()))
    assert list(options({"ex", "eval-command", "cd"}, {"args", "--"}, path)) == found


def test_without_proc_nobody_knows_options(tmp_path):
    assert not list(options(set(), set(), tmp_path / "none"))
