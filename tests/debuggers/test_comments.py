"""Reports for a merge request, of a program that became worse."""

import pytest
from library.published import read_junit, read_markdown

pytestmark = pytest.mark.usefixtures("library")

SOURCE = """#include <stdlib.h>
#include <string.h>
static void keep(void) { for (int i = 0; i < 9; i++) free(strdup("kept")); }
static void planted(int n)
{
    for (int i = 0; i < n; i++)
        free(strdup("planted as if by hand"));
}
int main(void) { keep(); planted(PLANTED); return 0; }
"""


@pytest.mark.parametrize("engine", ["agent", "breakpoint"])
def test_a_planted_regression_is_named_with_its_line_in_a_comment(debugger, compile, tmp_path, engine):
    start = f"tmpalloc start --engine {engine}"
    debugger.session(compile(SOURCE, "-DPLANTED=2"), [start, debugger.run(), "tmpalloc save before.json"])
    steps = [start, debugger.run()]
    steps += ["tmpalloc report markdown comment.md --baseline before.json --tolerance 10",
              "tmpalloc check --baseline before.json --report markdown check.md --report junit check.xml"
              " --exit never",
              "tmpalloc report markdown plain.md",
              "tmpalloc report csv no.csv --max-count 1",
              "tmpalloc report markdown no.md --tolerance 1"]
    text = debugger.session(compile(SOURCE, "-DPLANTED=30"), steps).text
    for name in "comment.md", "check.md":
        page = read_markdown((tmp_path / name).read_text())
        assert page.bold[0].startswith("tmpalloc: check failed at threshold 1: 39 temporaries of ")
        ((head, worst, *_),) = page.tables
        assert worst[:2] == ["worse", "planted at program.c:7"]
        assert worst[head.index("Temporaries after")] == "30"
    cases = read_junit((tmp_path / "check.xml").read_text())
    assert [n for n, c in cases.items() if c.findall("failure")] == ["check", "planted at program.c:7"]
    assert (tmp_path / "plain.md").read_text().startswith("| Location |")
    assert "csv takes no --max-count, only markdown, junit" in text
    assert "--tolerance needs a --baseline FILE" in text
    assert not list(tmp_path.glob("no.*"))
