"""The examples: what the tables beside them say is what both debuggers show."""

import os
import re

import pytest
from library.support import ROOT, execute

EXAMPLES = ROOT / "examples"
#: The release of g++, and so of libstdc++, that they were shown with.
TEXTS_ARE_OF = "12"
SOURCES = sorted([*EXAMPLES.glob("*.c"), *EXAMPLES.glob("*.cpp")])
SCRIPTS = sorted(EXAMPLES.glob("list_growth*.py"))


def summary(debugger, program, *args, options=""):
    steps = ["tmpalloc start", debugger.run(), f"tmpalloc summary{options}"]
    result = debugger.session(program, steps, args)
    assert result.exit_statuses == [0], result.text
    return result.outputs[-1]


def of_its_own(text, source):
    """Where and how large strings grow is libstdc++'s affair, and another release does otherwise."""
    if source.suffix == ".c" or execute("g++", "-dumpversion").strip() == TEXTS_ARE_OF:
        return text
    columns = r"\d+(?= +[\d.]+% +[\d.]+%)|  grows$| grows step by step: \d+ buffers? grew"
    return re.findall(columns, text, re.MULTILINE)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_the_table_beside_an_example_is_what_summary_shows(debugger, compile, library, source):
    shown = summary(debugger, compile(source))
    golden = source.with_suffix(".txt")
    if os.environ.get("REWRITE_EXAMPLES"):
        golden.write_text(shown)
        pytest.skip(f"wrote {golden.name}")
    assert of_its_own(shown, source) == of_its_own(golden.read_text(), source)


def lines_of_foo(text):
    """Without the part of all temporaries and the site's number: what else the interpreter does."""
    lines = [line for line in text.splitlines() if line.startswith("foo")]
    return [re.sub(r" +[\d.]+%(?= +\d)| \(tmpalloc site \d+\)", "", line) for line in lines]


@pytest.mark.parametrize("source", SCRIPTS, ids=lambda source: source.stem)
def test_the_lines_of_foo_beside_a_python_example_are_what_summary_shows(debugger, library, source):
    python = os.path.realpath("/usr/bin/python3")
    shown = summary(debugger, python, source, options=" --filter ^foo")
    golden = source.with_suffix(".txt")
    if os.environ.get("REWRITE_EXAMPLES"):
        golden.write_text(shown)
        pytest.skip(f"wrote {golden.name}")
    assert lines_of_foo(shown) and lines_of_foo(shown) == lines_of_foo(golden.read_text())


def test_every_example_comes_before_and_after():
    names = {source.stem for source in SOURCES}
    before = {name for name in names if name.endswith("_before")}
    assert len(before) == 3
    assert names - before == {name.replace("_before", "_after") for name in before}
