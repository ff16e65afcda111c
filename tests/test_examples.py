"""The examples: what the tables beside them say is what both debuggers show."""

import os
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SOURCES = sorted([*EXAMPLES.glob("*.c"), *EXAMPLES.glob("*.cpp")])


def summary(debugger, program):
    steps = ["tmpalloc start", debugger.run(), "tmpalloc summary"]
    result = debugger.session(program, steps)
    assert result.exit_statuses == [0], result.text
    return result.outputs[-1]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_the_table_beside_an_example_is_what_summary_shows(debugger, compile, library, source):
    shown = summary(debugger, compile(source))
    golden = source.with_suffix(".txt")
    if os.environ.get("REWRITE_EXAMPLES"):
        golden.write_text(shown)
        pytest.skip(f"wrote {golden.name}")
    assert shown == golden.read_text()


def test_every_example_comes_before_and_after():
    names = {source.stem for source in SOURCES}
    before = {name for name in names if name.endswith("_before")}
    assert len(before) == 3
    assert names - before == {name.replace("_before", "_after") for name in before}
