"""`tmpalloc run`: a program beneath a debugger that nobody sees, in front of what suites start."""

import json
import signal
import subprocess

import pytest
from library.debuggers import Terminal
from library.support import built

SOURCE = r"""
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int count, char **words) {
    for (int i = 0; i < 100 && count > 1; i++)
        free(malloc(10));
    const char *what = count > 1 ? words[1] : "0";
    if (strcmp(what, "abort") == 0)
        abort();
    if (strcmp(what, "kill") == 0)
        raise(SIGKILL);
    if (strcmp(what, "wait") == 0 || strcmp(what, "ask") == 0) {
        puts("waiting");
        fflush(stdout);
    }
    if (strcmp(what, "cat") == 0 || strcmp(what, "ask") == 0)
        for (int c; (c = getchar()) != EOF;)
            putchar(c);
    if (strcmp(what, "wait") == 0)
        pause();
    return atoi(what);
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    (folder / "it.c").write_text(SOURCE)
    subprocess.run(["gcc", "-g", "-fno-builtin", "it.c", "-o", "it"], cwd=folder, check=True)
    (folder / "wrapper.sh").write_text('#!/bin/sh\nexec ./it "$@"\n')
    (folder / "wrapper.sh").chmod(0o755)
    (folder / "plain.txt").write_text("no program\n")
    return folder


@pytest.fixture(params=["gdb", "lldb"])
def command(request):
    return [built("tmpalloc"), "run", "--debugger", request.param]


@pytest.fixture
def run(command, folder):
    def run(*words, input=""):
        words = [*map(str, command), *map(str, words)]
        # Pipes on all three: LLDB opens them by name.
        return subprocess.run(words, cwd=folder, text=True, input=input, capture_output=True)

    return run


@pytest.mark.parametrize("program", ["./it", "./wrapper.sh"])
@pytest.mark.parametrize(
    "word, status", [("0", 0), ("3", 3), ("abort", 128 + signal.SIGABRT), ("kill", 128 + signal.SIGKILL)]
)
def test_the_status_is_the_programs_and_nothing_is_said(run, program, word, status):
    done = run("--", program, word)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")


def test_input_and_output_are_the_programs(run):
    done = run("--", "./it", "cat", input="a\nb\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "a\nb\n", "")


def test_a_verdict_is_the_status_of_a_program_that_has_none(run):
    assert run("--max-count", 1000, "--", "./it", "0").returncode == 0
    failed = run("--max-count", 5, "--", "./it", "0")
    assert (failed.returncode, failed.stdout) == (1, "") and "check failed" in failed.stderr
    assert run("--max-count", 5, "--", "./it", "3").returncode == 3


def test_files_are_named_by_process_and_program(run, folder, tmp_path):
    assert run("-o", tmp_path / "%e-%p.json", "--report", "csv", tmp_path / "%%.csv", "./it", "0").returncode == 0
    (file,) = tmp_path.glob("it-*.json")
    assert file.stem[3:].isdigit() and (tmp_path / "%.csv").exists()
    assert json.loads(file.read_text())["totals"]["allocations"] >= 100
    again = run("-o", file, "./it", "0")
    assert again.returncode == 2 and "exists" in again.stderr


def test_what_execs_is_counted_as_the_program_that_it_becomes(run):
    done = run("--max-count", 5, "./wrapper.sh", "0")
    assert done.returncode == 1 and "it.c:9" in done.stderr


def test_a_program_that_allocates_nothing_is_judged(run):
    assert run("--max-allocations", 0, "./it").returncode == 0
    nothing = run("--max-count", 0, "./it")
    assert nothing.returncode == 2 and "no allocation was seen" in nothing.stderr


def test_what_cannot_be_executed_has_the_status_that_a_shell_gives(run):
    assert run("--", "./nowhere").returncode == 127
    assert run("--", "no-such-program").returncode == 127
    assert run("--", "./plain.txt").returncode == 126


@pytest.mark.parametrize("words", [["--nonsense"], ["--exit", "never"], ["--max-count", "x"], ["--engine", "x"], []])
def test_a_bad_option_is_told_before_anything_runs(run, words):
    done = run(*words, *(["--", "./it", "cat"] if words else []), input="x")
    assert (done.returncode, done.stdout) == (125, "") and done.stderr.startswith("tmpalloc: ")


def test_a_signal_to_the_wrapper_is_the_programs(command, folder):
    words = [*map(str, command), "./it", "wait"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(words, cwd=folder, **pipes) as process:
        assert process.stdout.readline() == b"waiting\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM


@pytest.fixture
def shell(folder):
    """A shell with job control, at a terminal."""
    terminal = Terminal(["bash", "--norc", "--noprofile"], r"\$ ", folder)
    yield terminal
    terminal.close()


def line_of(command, *words):
    return " ".join([*map(str, command), *words, "; echo status $?"])


def test_the_terminal_is_the_programs(command, shell):
    shell.send(line_of(command, "./it", "ask"))
    if "lldb" in command:
        shell.expect("LLDB can't hand on a terminal as standard input")
        shell.expect("status 125")
        return
    shell.expect("waiting\n")
    shell.send("typed")
    shell.expect("typed\ntyped")
    shell.type("\x04")
    shell.expect("main at it.c")
    shell.expect("status 0")


def test_an_interrupt_from_the_terminal_ends_the_program(command, shell):
    shell.send(line_of(command, "./it", "wait", "</dev/null" if "lldb" in command else ""))
    shell.expect("waiting")
    shell.type("\x03")
    shell.expect("status 130")
