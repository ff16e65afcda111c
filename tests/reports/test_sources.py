"""The source lines that `site` shows around a location."""

import os
import re
from pathlib import Path

import pytest


def source_lines(text):
    stacks = text.split("\nDistance")[0]
    return re.findall(r"^    (?:->|  ) +\d.*$", stacks, re.MULTILINE)


def test_a_site_shows_the_source_around_its_location(driver, tmp_path):
    source = tmp_path / "f.c"
    source.write_bytes(b"one\ntwo\n\tthree\n\n\nsix\x1b[0m\r\nseven\neight\nnine\n")
    text = driver.report(driver.site_at(source, 5), "site", 1)
    assert source_lines(text) == [
        "            2  two",
        "            3      three",
        "            4",
        "    ->      5",
        "            6  six [0m",
        "            7  seven",
        "            8  eight",
    ]


def test_a_site_at_the_ends_of_a_file_shows_what_there_is(driver, tmp_path):
    source = tmp_path / "f.c"
    source.write_text("one\ntwo")
    first = driver.report(driver.site_at(source, 1), "site", 1)
    last = driver.report(driver.site_at(source, 2), "site", 1)
    assert source_lines(first) == ["    ->      1  one", "            2  two"]
    assert source_lines(last) == ["            1  one", "    ->      2  two"]


@pytest.mark.parametrize("kind", ["missing", "short", "folder", "fifo", "device"])
def test_a_site_without_readable_source_shows_none_and_does_not_wait(driver, tmp_path, kind):
    source = tmp_path / "source"
    if kind == "short":
        source.write_text("one\n")
    elif kind == "folder":
        source.mkdir()
    elif kind == "fifo":
        os.mkfifo(source)
    elif kind == "device":
        source = Path("/dev/zero")
    text = driver.report(driver.site_at(source, 9), "site", 1, timeout=20)
    assert f"f at {source}:9" in text and source_lines(text) == []
