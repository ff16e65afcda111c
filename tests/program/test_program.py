"""The command `tmpalloc`: what the debuggers say of saved results, without a debugger."""

import json
import os
import subprocess

import pytest
from library.support import built


@pytest.fixture(scope="session")
def program():
    return built("tmpalloc")


@pytest.fixture
def run(program, tmp_path):
    def run(*words, status=0, **variables):
        environment = {k: v for k, v in os.environ.items() if k != "COLUMNS"} | variables
        done = subprocess.run(
            [program, *map(str, words)], cwd=tmp_path, env=environment, text=True, capture_output=True
        )
        assert done.returncode == status, done.stdout + done.stderr
        assert bool(done.stderr) == (status == 2 and not done.stdout), done.stderr
        return done.stdout or done.stderr

    return run


@pytest.fixture
def results(saved):
    """Two files of the same program."""
    return [saved.save("example", name) for name in ("one.json", "two.json")]


@pytest.mark.parametrize("command", ["summary -t 0", "summary --by=stack -r 2", "tree", "check --max-count 5"])
@pytest.mark.parametrize("count", [1, 2])
def test_commands_say_of_files_what_they_say_in_a_debugger(run, results, gdb, command, count):
    files, words = results[:count], command.split()
    steps = [f"tmpalloc load {' '.join(map(str, files))}", f"tmpalloc {command} --exit never"]
    if words[0] != "check":
        steps[1] = f"tmpalloc {command}"
    expected = gdb.session(steps=steps).outputs[1]
    assert run(words[0], *files, *words[1:], status=words[0] == "check", COLUMNS="1000") == expected


def test_several_files_are_one_sum_also_by_a_pattern(run, results):
    one, both = (run("summary", *files) for files in (results[:1], results))
    assert one != both == run("summary", "*.json")


def test_words_before_the_files_are_the_commands_own(run, results, tmp_path):
    assert run("site", 1, *results).startswith("Site 1: ")
    assert "0 new, 0 worse" in run("diff", *results)
    run("report", "json", "sum.json", *results)
    counts = [json.loads((tmp_path / f).read_text())["totals"]["allocations"] for f in ("one.json", "sum.json")]
    assert counts[1] == 2 * counts[0] > 0
    assert "sum.json exists" in run("report", "json", "sum.json", *results, status=2)
    run("save", "sum.json.gz", *results, "--force")
    assert run("summary", "sum.json.gz") == run("summary", *results)


def test_check_gives_its_verdict_and_writes_reports(run, results, tmp_path):
    assert "check passed" in run("check", "--max-count", 2000, *results)
    text = run("check", *results, "--max-count=0", "--report", "csv", "a.csv", status=1)
    assert "check failed" in text and (tmp_path / "a.csv").exists()
    assert "nothing to check" in run("check", "--max-count", 0, "--at", "nowhere", *results, status=2)


@pytest.mark.parametrize("name", ["markdown", "junit", "folded", "html"])
def test_reports_of_files_can_be_compared_with_an_older_one(run, results, saved, tmp_path, name):
    before = saved.save("none", "before")
    run("report", name, "plain", *results)
    run("report", name, "compared", "--baseline", before, *results)
    plain, compared = ((tmp_path / file).read_text() for file in ("plain", "compared"))
    assert "join" in plain and "join" in compared and plain != compared
    refused = run("report", "csv", "refused", f"--baseline={before}", *results, status=2)
    assert refused == "tmpalloc: csv takes no --baseline, only folded, markdown, junit, html\n"


@pytest.mark.parametrize("name", ["github", "callgrind"])
def test_reports_of_files_are_those_of_their_sum(run, results, tmp_path, name):
    run("report", name, "sum", *results)
    wanted = {"github": "title=800 temporary allocations::join at ", "callgrind": "totals: 152092556 1016"}
    assert wanted[name] in (tmp_path / "sum").read_text()


def test_names_of_files_may_hold_anything(run, saved, tmp_path):
    names = ["-a b.json", "it's.json", 'a"\\b.json', "käse$x.json"]
    for name in names:
        saved.save("example", name)
    single = run("summary", "--", names[0])
    for name in names[1:]:
        assert run("summary", name) == single
    assert "0 new" in run("diff", "--", names[0], names[1])


BAD = {
    ("sumary", "one.json"): ["unknown command sumary: did you mean summary?"],
    ("live", "one.json"): ["unknown command live", "summary, tree, site"],
    ("summary",): ["summary: no FILE"],
    ("summary", "nowhere.json"): ["nowhere.json"],
    ("summary", "one.json", "--tables"): ["unknown option --tables", "--threshold"],
    ("summary", "one.json", "-t", "99"): ["99"],
    ("summary", "one.json", "-t"): ["no value for -t"],
    ("site", "99", "one.json"): ["99"],
    ("diff", "one.json"): ["nothing recorded"],
    ("report", "pdf", "out", "one.json"): ["unknown format pdf"],
    ("check", "one.json"): ["nothing to compare with"],
    ("check", "one.json", "--max-count", "x"): ["'x'"],
}


@pytest.mark.parametrize("words", BAD, ids=" ".join)
def test_what_is_of_no_use_is_one_line_and_status_2(run, results, words):
    text = run(*words, status=2)
    assert text.startswith("tmpalloc: ") and text.count("\n") == 1, text
    for part in BAD[words]:
        assert part in text


def test_it_says_what_it_is(run, program):
    assert "tmpalloc summary" in run("--help") == run("help")
    assert "--max-count=N" in run("check", "--help")
    assert run("--version").startswith("tmpalloc ")
    done = subprocess.run([program], text=True, capture_output=True)
    assert (done.returncode, done.stdout) == (2, "") and "usage" in done.stderr
