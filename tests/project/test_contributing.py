"""What Contributing in core/README.md asks for and no compiler does."""

import re

import pytest
from library.support import CORE, ROOT, TESTS

README = (ROOT / "README.md").read_text()


def listed(macro, file):
    """The names in a list of the core's that a macro goes through."""
    body = re.search(rf"#define {macro}\(([\w, ]+)\)((?:.*\\\n)+.*)", (CORE / file).read_text())
    return re.findall(rf"\b(?:{body[1].replace(', ', '|')})\((\w+)\)", body[2])


COMMANDS = listed("COMMANDS_FOR_EACH", "commands/commands_table.h")
FORMATS = listed("FORMATS_FOR_EACH", "reports/report_formats.c")
PROCESSORS = listed("PROCESSORS_FOR_EACH", "platform/processor.h")


def test_the_lists_were_found():
    assert {"start", "help"} <= set(COMMANDS)
    assert {"json", "html"} <= set(FORMATS)
    assert {"x86_64", "aarch64"} <= set(PROCESSORS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_readme_has_each_command(name):
    firsts = re.findall(r"(?m)^\| (`tmpalloc .*?) \| ", README)
    assert any(re.search(rf"\b{name}\b", first) for first in firsts)


@pytest.mark.parametrize("name", FORMATS)
def test_the_readme_has_each_report_format(name):
    row = re.search(r"(?m)^\| `tmpalloc report .*", README)[0]
    assert re.search(rf"\b{name}\b", row)


@pytest.mark.parametrize("name", FORMATS)
def test_each_report_format_is_written_in_a_test(name):
    texts = [file.read_text() for file in TESTS.glob("reports/test_*.py")]
    assert any(re.search(rf'"{name}"', text) for text in texts)


@pytest.mark.parametrize("name", PROCESSORS)
def test_each_processor_has_facts_that_are_tested(name):
    text = (TESTS / "platform/test_processor.py").read_text()
    assert re.search(rf"\bregisters {name}\b", text)
