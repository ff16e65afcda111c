"""A new user's first session, on a program of the distribution: from `start` to what to change."""

import json
import re

import pytest

PYTHON = "/usr/bin/python3"
HEADER = {
    80: "Location Total Memory Own Memory Temporaries Share Pattern",
    120: "Location Total Memory Total % Own Memory Own % Temporaries Share Scope Pattern",
}
#: Of json.tool, which writes the chunks that it makes one by one.
ROW = "dump at json/__init__.py:N"
LIST = """\
Source Temporaries Memory Pattern
N {}
N # a debuggability cost
N for chunk in iterable:
N fp.write(chunk) N N grows
N
N
"""
COMMENT = {
    80: "# ...n some versions of Python, at",
    120: "# could accelerate with writelines in some versions of Python, at",
}


def mask(text):
    """What depends on the machine and on the version of the program: numbers and blanks."""
    numbers = re.sub(r"\b\d[\d,.]*([KMG]?B\b|%)?", "N", text)
    return re.sub(r"(?m)^ +| +$", "", re.sub(r"[^\S\n]+", " ", numbers))


@pytest.mark.parametrize("columns, rows", [(80, 24), (120, 40)])
def test_a_first_session_leads_to_a_line_to_change(debugger, library, tmp_path, columns, rows):
    items = [
        {"name": f"item {i}", "values": list(range(i % 30)), "text": "x" * (i * 7 % 900)}
        for i in range(300)
    ]
    (tmp_path / "in.json").write_text(json.dumps(items))
    words = ("-m", "json.tool", "--indent", "1", "in.json", "/dev/null")
    terminal = debugger.terminal(PYTHON, words, columns=columns, rows=rows)
    started = terminal.command("tmpalloc start")
    assert "tmpalloc: agent engine, tracking begins when the program starts\n" in started
    terminal.command(debugger.run_here(), r"exited (normally|with status = 0)")
    summary = terminal.pages("tmpalloc summary")
    assert len(summary) == 1, "it has to fit the screen"
    lines = summary[0].splitlines()
    assert len(lines) < rows and max(map(len, lines)) < columns
    assert mask(lines[0]) == HEADER[columns]
    table, advice = re.split(r"(?m)^(?=.* more locations)", summary[0])
    names = [re.split("  +", line)[0] for line in table.splitlines()[1:]]
    assert len(set(names)) == len(names) >= 10, summary
    whole = " ".join(mask(advice).split())
    assert re.search(re.escape(ROW) + r" grows step by step: .*? \(tmpalloc site N\)", whole), advice
    listed = mask("".join(terminal.pages("tmpalloc list dump")))
    assert LIST.format(COMMENT[columns]) in listed
    site = re.search(r"__init__[.]py:\d+ grows[^(]*\(tmpalloc\s+site (\d+)\)", summary[0])[1]
    pages = terminal.pages(f"tmpalloc site {site}")
    text = "".join(pages)
    assert all(page.endswith("\n") for page in pages) and max(map(len, text.splitlines())) < columns
    assert re.match(rf"Site {site}: dump at\s+/\S+json/__init__[.]py:", text)
    assert "Pattern      grows step by step" in text and "-> " in text
