"""In an editor, which speaks the Debug Adapter Protocol, every command works from the console."""

import json
import re
import shutil
import subprocess

import pytest
from library.dap import DapClient
from library.support import PROGRAMS, ROOT

pytestmark = pytest.mark.usefixtures("library")

ADAPTERS = ("lldb-dap-19", "lldb-dap-20", "lldb-dap-18", "lldb-dap")
#: Begins a command of LLDB in the console.
TICK = "`"


@pytest.fixture
def program(compile):
    return compile(PROGRAMS / "caught.cpp", "-O0", "-pthread", "-fno-builtin")


@pytest.fixture
def client(tmp_path):
    """A client of LLDB's adapter."""
    adapter = next(filter(None, map(shutil.which, ADAPTERS)), None)
    if adapter is None:
        pytest.skip("there is no lldb-dap here")
    client = DapClient([adapter], tmp_path)
    yield client
    client.close()


@pytest.fixture
def launch(client, program):
    """Launches the program, up to where an editor sets breakpoints; gives the client."""

    def launch(*lines):
        before = ["settings set symbols.enable-external-lookup false"]
        before.append(f"command script import {ROOT}/lldb/tmpalloc_lldb.py")
        client.ask("initialize", adapterID="tmpalloc", supportsRunInTerminalRequest=False)
        client.request("launch", program=str(program), initCommands=before, preRunCommands=lines)
        client.expect("initialized")
        return client

    return launch


def run_to(editor, function):
    """Launches the program up to a function; returns the thread there."""
    editor.ask("setFunctionBreakpoints", breakpoints=[{"name": function}])
    editor.ask("configurationDone")
    return editor.expect("stopped")["threadId"]


def go_on(editor, thread, how="continue"):
    """Lets the program run; returns the event at its stop."""
    editor.ask(how, threadId=thread)
    return editor.expect("stopped")


def frames(editor, thread):
    """The frames that have a source, the innermost first: an editor shows the first of them."""
    stack = editor.ask("stackTrace", threadId=thread, startFrame=0, levels=20)["stackFrames"]
    return [(frame["name"], frame["line"]) for frame in stack if "source" in frame]


def line_of(text):
    """The number of a program's line."""
    lines = (PROGRAMS / "caught.cpp").read_text().splitlines()
    return next(i for i, line in enumerate(lines, 1) if text in line)


def test_a_catch_stops_an_editor_at_the_line_that_frees_and_says_why(launch, start):
    editor = launch()
    thread = run_to(editor, "main")
    assert "tracking process" in editor.command(TICK + start)
    assert "catch 1: " in editor.command(TICK + "tmpalloc catch --at make -t 0")
    stop = go_on(editor, thread)
    assert stop["description"] == "tmpalloc catch 1: temporary of 24B"
    name, line = frames(editor, stop["threadId"])[0]
    assert "release" in name and line == line_of("delete record;")
    assert "of 24B is about to be freed" in editor.output
    go_on(editor, thread, "next")
    assert frames(editor, thread)[0][1] == line_of("if (length == 0)")
    assert "make at caught.cpp" in editor.command(TICK + "tmpalloc summary")
    editor.ask("continue", threadId=thread)
    assert editor.expect("exited") == {"exitCode": 3}
    assert "run_thread at caught.cpp" in editor.command(TICK + "tmpalloc summary")


def test_what_is_typed_before_a_launch_holds_for_it(launch, start):
    editor = launch(start, "tmpalloc catch --min-size 300 --once")
    editor.ask("configurationDone")
    stop = editor.expect("stopped")
    assert stop["description"] == "tmpalloc catch 1: temporary of 300B"
    assert frames(editor, stop["threadId"])[0][1] == line_of("std::free(text);")
    assert "catch 1: threshold 1, at least 300B, once" in editor.output
    assert "tracking process" in editor.output


def test_the_example_of_a_launch_needs_no_mark_before_a_command(client, program):
    text = (ROOT / "examples" / "vscode" / "launch.json").read_text()
    text = text.replace("${env:HOME}/tmpalloc", str(ROOT))
    text = text.replace("${workspaceFolder}/build/program", str(program))
    configuration = json.loads(text)["configurations"][0]
    client.ask("initialize", adapterID=configuration["type"], supportsRunInTerminalRequest=False)
    client.request("launch", **configuration)
    client.expect("initialized")
    thread = run_to(client, "main")
    assert "tracking process" in client.output
    client.command("tmpalloc catch --min-size 300")
    assert go_on(client, thread)["description"] == "tmpalloc catch 1: temporary of 300B"
    assert "make at caught.cpp" in client.command("tmpalloc summary")


def test_a_mistake_is_told_in_the_console(launch):
    editor = launch()
    thread = run_to(editor, "main")
    assert "nothing recorded yet" in editor.command(TICK + "tmpalloc site 7")
    editor.ask("continue", threadId=thread)
    assert editor.expect("exited") == {"exitCode": 3}


def test_the_adapter_of_gdb_comes_with_its_14th_version(gdb):
    version = subprocess.run([gdb.executable, "--version"], capture_output=True, text=True).stdout
    if int(re.search(r" (\d+)\.", version)[1]) < 14:
        pytest.skip(f"no DAP before GDB 14: {version.splitlines()[0]}")
    client = DapClient([gdb.executable, "-nx", "-q", "-i=dap"], gdb.directory)
    try:
        client.ask("initialize", adapterID="tmpalloc")
        client.command(f"source {ROOT}/gdb/tmpalloc_gdb.py")
        assert "nothing recorded yet" in client.command("tmpalloc site 7")
    finally:
        client.close()
