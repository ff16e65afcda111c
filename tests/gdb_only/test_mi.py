"""GDB's machine interface, as IDEs use it."""

import re
import subprocess

import pytest

GROWS = """
#include <stdlib.h>
#include <string.h>
__attribute__((noinline)) static char *grow(char *block, int size) {
    return realloc(block, size);
}
int main(void) {
    char *block = NULL;
    for (int i = 1; i <= 40; i++)
        block = grow(block, i * 100);
    free(block);
    for (int i = 0; i < 2; i++)
        free(strdup("hello"));
    return 0;
}
"""
TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([\w-]+)=|[\[\]{},]')

pytestmark = pytest.mark.usefixtures("library")


def parse(text):
    """The results of a record, 'a="1",b=[{c="2"}]', as GDB's manual defines them."""
    tokens = [(m[0], m[1], m[2]) for m in TOKEN.finditer("{" + text + "}")]
    assert "".join(t[0] for t in tokens) == "{" + text + "}"
    value, rest = _value(tokens)
    assert not rest
    return value


def _value(tokens):
    (whole, string, _), *rest = tokens
    if whole == "[":
        items = []
        while rest[0][0] != "]":
            item, rest = _value(rest[1:] if rest[0][0] == "," else rest)
            items.append(item)
        return items, rest[1:]
    if whole != "{":
        assert string is not None, whole
        return string, rest
    fields = {}
    while rest[0][0] != "}":
        (_, _, name), *rest = rest[1:] if rest[0][0] == "," else rest
        assert name and name not in fields
        fields[name], rest = _value(rest)
    return fields, rest[1:]


class Interface:
    """A GDB that is driven by a program."""

    def __init__(self, controller, program):
        self._gdb = subprocess.Popen(
            [controller.executable, "-nx", "-q", "-i=mi", str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=controller.directory,
        )
        self.ask("-gdb-set debuginfod enabled off")
        self.ask(f'-interpreter-exec console "{controller.load()}"')

    def ask(self, command):
        """The answer to a command: ("done", results) or ("error", results)."""
        self._gdb.stdin.write(f"7{command}\n")
        self._gdb.stdin.flush()
        kind, _, results = self._wait("7^").partition(",")
        return kind, parse(results)

    def run_to_stop(self, command):
        """Lets the program run until it stops."""
        assert self.ask(command)[0] == "running"
        self._wait("*stopped")

    def _wait(self, prefix):
        for line in self._gdb.stdout:
            if line.startswith(prefix):
                return line[len(prefix) :].rstrip("\n")
        raise AssertionError(f"GDB ended before {prefix}")

    def close(self):
        """Ends GDB and its program."""
        self.ask("-gdb-exit")
        self._gdb.communicate(timeout=30)


@pytest.fixture
def interface(gdb, compile):
    """A GDB with the extension at a small program."""
    started = Interface(gdb, compile(GROWS, "-fno-builtin"))
    yield started
    started.close()


def test_results_are_tuples_of_the_machine_interface(interface, start):
    assert interface.ask("-tmpalloc-status") == ("done", {"state": "idle"})
    error = "nothing recorded yet: 'tmpalloc start' begins"
    assert interface.ask("-tmpalloc-summary") == ("error", {"msg": error})
    engine = start.split()[-1]
    kind, started = interface.ask(f"-tmpalloc-start --engine {engine} --max-threshold=4")
    assert (kind, started["state"], started["engine"]) == ("done", "waiting", engine)
    assert "pid" not in started and "entry-points" not in started
    if engine == "agent":
        error = "no results yet: tracking begins when the program starts"
        assert interface.ask("-tmpalloc-summary") == ("error", {"msg": error})
    interface.ask("-break-insert main")
    interface.run_to_stop("-exec-run")
    interface.ask('-interpreter-exec console "tmpalloc catch -t 3 --at elsewhere --once"')
    status = interface.ask("-tmpalloc-status")[1]
    assert (status["state"], status["allocations"], status["max-threshold"]) == ("tracking", "0", "4")
    assert "malloc" in [point["name"] for point in status["entry-points"]]
    (catch,) = status["catches"]
    assert catch["once"] == "1" and catch["at"] == "elsewhere" and "count" not in catch
    interface.run_to_stop("-exec-continue")
    status = interface.ask("-tmpalloc-status")[1]
    assert (status["state"], status["allocations"], status["temporaries"]) == ("ended", "42", "42")
    _check_summary(interface)


def _check_summary(interface):
    kind, summary = interface.ask("-tmpalloc-summary -t 0 -r 1")
    assert kind == "done" and summary["threshold"] == "0"
    assert summary["totals"]["temporary-bytes"] == str(82000 + 2 * 6)
    (row,) = summary["rows"]
    location = row["location"]
    assert location["function"] == "grow" and location["line"] == "5"
    assert location["inlined"] == "0" and location["file"].endswith("program.c")
    assert (row["own-bytes"], row["own-percent"], row["temporaries"]) == ("82000", "99.99", "40")
    assert (row["share-percent"], row["pattern"], row["site"]) == ("100.00", "grows", "1")
    assert row["scope-percent"] == "97.50"  # main frees the last
    assert re.fullmatch(r"\d+\.\d\d", row["scope-percent"])
    hidden = {"rows": "1", "suppressed": "0", "temporaries": "2", "bytes": "12"}
    assert summary["hidden"] == hidden
    stacks = interface.ask("-tmpalloc-summary --by stack --filter ^grow")[1]["rows"]
    assert [frame["function"] for frame in stacks[0]["stack"][1:3]] == ["grow", "main"]
    kind, error = interface.ask("-tmpalloc-summary --nonsense")
    assert kind == "error" and error["msg"].startswith("unknown option --nonsense")
    assert "\\n" not in error["msg"]


def test_the_prompts_commands_are_plain_at_the_pseudo_terminal_of_an_ide(gdb, compile):
    program = compile(GROWS, "-fno-builtin")
    gdb.interactive_command = lambda *_: [gdb.executable, "-nx", "-q", "-i=mi", str(program)]
    gdb.prompt, gdb.settings = "(gdb) \n", ("-gdb-set debuginfod enabled off",)
    terminal = gdb.terminal(load=False)
    for line in (gdb.load(), "tmpalloc start --engine agent"):
        terminal.command(f'-interpreter-exec console "{line}"', r"\^done")
    terminal.command("-exec-run", r"\*stopped")
    terminal.send('-interpreter-exec console "tmpalloc summary"')
    summary = terminal.expect(r"(?s)grows step by step.*\^done")
    assert "Temporaries" in summary and "\\033" not in summary


def test_a_gdb_without_commands_for_programs_loads_all_others(gdb):
    ask = 'interpreter-exec mi "-tmpalloc-status"'
    steps = ["python del gdb.MICommand", gdb.load(), ask, "tmpalloc status"]
    _, loaded, asked, status = gdb.session(steps=steps, load=False).outputs
    assert loaded.count("\n") == 1 and loaded.endswith('type "tmpalloc help"\n')
    assert "Undefined MI command: tmpalloc-status" in asked
    assert "not started" in status
