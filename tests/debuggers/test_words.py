"""Words at the prompt: cut short, misspelt, asked about, completed."""

import re

import pytest
from library.support import C_FLAGS, PROGRAMS

pytestmark = pytest.mark.usefixtures("library")

NOTHING = "nothing recorded yet: 'tmpalloc start' begins"


def test_names_of_commands_and_options_may_be_cut_short(debugger):
    steps = ["tmp sum", "tmpalloc sum --thr 3", "tmpalloc sum --thr=3 --rows=0", "tmp st"]
    *short, ambiguous = debugger.session(steps=steps).outputs
    assert all(NOTHING in output and output.count("\n") == 1 for output in short), short
    assert "mbiguous" in ambiguous and {"start", "status", "stop"} <= set(
        re.findall(r"\w+", ambiguous)
    )


def test_a_name_that_several_options_begin_with_is_refused_by_their_names(gdb):
    output = gdb.session(steps=["tmpalloc summary --te 3"]).outputs[0]
    names = "--temporary-allocation-threshold, --temporary-allocations"
    assert output == f"ambiguous option --te: it can be {names}\n"


def test_a_misspelt_word_is_answered_by_the_one_that_was_meant(gdb):
    meant = {
        "sumary": "unknown command sumary: did you mean summary? Accepted are start, ",
        "help staus": "unknown command staus: did you mean status? Accepted are ",
        "summary --treshold 3": "unknown option --treshold: did you mean --threshold? summary accepts",
        "site 1 --chrage own": "unknown option --chrage: did you mean --charge? site accepts -t/",
        "xyzzy": "unknown command xyzzy: accepted are start, ",
        "stop --now": "unknown option --now: stop accepts no options",
        "summary -t": "no value for -t: it is -t/--threshold N\n",
        "summary --filter": "no value for --filter: it is --filter REGEX\n",
    }
    outputs = gdb.session(steps=[f"tmpalloc {line}" for line in meant]).outputs
    for output, words in zip(outputs, meant.values()):
        assert output.startswith(words) and output.count("\n") == 1, output


def test_each_command_tells_of_its_options_in_three_ways(debugger):
    steps = ["tmpalloc summary --help", "tmpalloc help summary", "help tmpalloc summary"]
    option, command, own = debugger.session(steps=steps).outputs
    assert option == command and "-t, --threshold=N" in command
    assert "Show where temporary allocations are made" in own and "--same-scope" in own


def test_gdb_finds_commands_by_a_word_of_their_help(gdb):
    output = gdb.session(steps=["apropos tmpalloc"]).outputs[0]
    assert "tmpalloc live -- Show the blocks that can still become temporary" in output


def test_a_function_that_counts_says_how_it_is_used(gdb):
    bad = ["$_tmpalloc_count()", "$_tmpalloc_bytes(3)", '$_tmpalloc_count("a", "b")']
    outputs = gdb.session(steps=[f"print {expression}" for expression in bad]).outputs
    for output, name in zip(outputs, ("count", "bytes", "count")):
        assert output == f'tmpalloc: the usage is $_tmpalloc_{name}("REGEX")\n'


def test_a_folder_is_completed_without_a_blank_behind_it(debugger):
    (debugger.directory / "results").mkdir()
    for name in "today.json", "older.json":
        (debugger.directory / "results" / name).touch()
    terminal = debugger.terminal()
    terminal.type("tmpalloc report json res\t")
    terminal.expect("results/", 20)
    terminal.type("tod\t")
    terminal.expect("today.json", 20)


def numbered_threads(status):
    """Numbers and TIDs of the threads that the status lists."""
    (line,) = re.findall(r"(?m)^threads  +(.*)$", status)
    return dict(re.findall(r"(\d+) \(TID (\d+), two_threads\)", line))


def test_a_thread_is_named_by_the_debuggers_number(debugger, compile, start):
    program = compile(PROGRAMS / "two_threads.c", *C_FLAGS, name="two_threads")
    steps = [start, debugger.break_at("end_work"), debugger.run(), "tmpalloc status"]
    steps += [f"tmpalloc {words} --tid {n}" for n in (1, 2) for words in ("summary", "live")]
    steps += ["tmpalloc summary --tid 1.7"]
    result = debugger.session(program, steps)
    status, main, no_block, second, block, unknown = result.outputs[3:]
    assert sorted(numbered_threads(status)) == ["1", "2", "3"], status
    assert main.startswith("No temporary allocations that match"), result.text
    assert "work at two_threads.c" in second and "No block that matches" in block
    assert re.search(r"(?m)^main at two_threads.c|^pthread_create", no_block), no_block
    assert "no thread 1.7: --tid takes the debugger's number" in unknown


def test_gdb_writes_the_number_of_a_thread_with_its_inferiors(gdb, compile):
    program = compile(PROGRAMS / "two_threads.c", *C_FLAGS, name="two_threads")
    steps = ["tmpalloc start", gdb.break_at("end_work"), gdb.run(), "tmpalloc status"]
    steps += ["tmpalloc summary --tid 2", "tmpalloc summary --tid 1.2"]
    status, short, long = gdb.session(program, steps).outputs[3:]
    assert short == long and "work at two_threads.c" in short


@pytest.fixture
def threads(compile):
    return compile(PROGRAMS / "two_threads.c", *C_FLAGS, name="two_threads")


def test_functions_of_the_program_are_completed(debugger, threads):
    terminal = debugger.terminal(threads)
    for line in ("tmpalloc start --within begin_w", "tmpalloc list begin_w"):
        terminal.type(f"{line}\t")
        terminal.expect(f"{line}ork", 20)
        terminal.type("\x15")


def test_gdb_completes_marks_and_numbers_of_catches(gdb, threads):
    steps = ["tmpalloc start", gdb.break_at("end_work"), gdb.run(), "tmpalloc mark early"]
    steps += ["tmpalloc mark late", "tmpalloc catch --at work"]
    asked = ["summary --since ", "summary --since=l", "mark --delete e", "catch --delete "]
    outputs = gdb.session(threads, [*steps, *[f"complete tmpalloc {line}" for line in asked]]).outputs
    found = [output.split("tmpalloc ")[1:] for output in outputs[6:]]
    assert [[word.strip() for word in words] for words in found] == [
        ["summary --since early", "summary --since late"],
        ["summary --since=late"],
        ["mark --delete early"],
        ["catch --delete 1"],
    ]


def test_an_empty_line_shows_the_blocks_again(debugger, threads):
    terminal = debugger.terminal(threads)
    terminal.command(debugger.break_at("end_work"))
    terminal.command("tmpalloc start")
    terminal.command(debugger.run_here(), "end_work", 20)
    terminal.type("tmpalloc live\n")
    terminal.expect("Age  Thread  Site", 20)
    terminal.expect("two_threads.c", 20)
    terminal.type("\n")
    terminal.expect("Age  Thread  Site", 20)
