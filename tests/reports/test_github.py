"""Annotation lines, read as a workflow's runner reads commands."""

import pytest
from library.published import read_commands


@pytest.fixture
def github(driver):
    def read(description, folder="/home/user/example"):
        return read_commands(driver.report(description, "github", "--folder", folder))

    return read


@pytest.mark.parametrize("description", ["example", "names", "none"])
def test_each_line_with_temporaries_is_annotated_once(driver, github, description):
    sites = driver.results(description)["sites"]
    counts = [int(c.properties["title"].split()[0].replace(",", "")) for c in github(description)]
    assert sum(counts) == sum(site["count"] for site in sites)


def test_the_heaviest_line_comes_first_at_its_file_and_line(github):
    first, *others = github("example")
    assert (first.name, first.properties) == (
        "warning",
        {"file": "buffer.c", "line": "31", "title": "77 temporary allocations"},
    )
    assert first.message == (
        "buffer_append at buffer.c:31: 77 temporary allocations, 72.485MB. 98.72% of what is "
        "allocated here is freed again almost at once. Grows step by step: reserve the final "
        "size once."
    )
    assert [c.name for c in others] == ["warning"] + ["notice"] * 4
    assert [c.properties for c in others if "file" not in c.properties] == [
        {"title": "20 temporary allocations"}
    ]


def test_names_and_paths_neither_end_a_command_nor_begin_one(driver, saved):
    path = "/src/100%:a,b\n::error file=x::y\r\udcff|`<b>.c"
    name = "f%0A\n::warning::<b>|`x`"
    shown = path.replace("\udcff", "\x01")
    file = saved.rename(saved.save("example"), function=name, file=shown)
    commands = read_commands(saved.report(file, "github"))
    assert {c.properties["file"] for c in commands} == {path.replace("\udcff", " ")}
    assert all(c.message.startswith("f%0A ::warning::<b>|`x` at ") for c in commands)
    assert {c.name for c in commands} <= {"warning", "notice"}
