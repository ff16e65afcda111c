"""Lines of instructions against CPython's own."""

import itertools
import random
import struct
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from library.support import built

LNOTAB, LINETABLE, LOCATIONS = range(3)

needs_locations = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="this Python has another line table"
)


def lines(tables):
    """The lines of the instructions of each (format, first line, table, bytes of code)."""
    request = b"".join(
        struct.pack("<5i", kind, first, len(table), size, 0) + bytes(table)
        for kind, first, table, size in tables
    )
    done = subprocess.run([built("python_lines")], input=request, capture_output=True, check=True)
    values = iter(struct.unpack(f"<{len(done.stdout) // 4}i", done.stdout))
    return [list(itertools.islice(values, (size + 1) // 2)) for *_, size in tables]


def nested(code):
    yield code
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            yield from nested(constant)


@pytest.fixture(scope="module")
def standard_library():
    """Every code object of the standard library."""
    found = []
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py")):
        try:
            found.extend(nested(compile(path.read_bytes(), str(path), "exec", dont_inherit=True)))
        except (SyntaxError, ValueError):  # files that are bad on purpose
            continue
    assert len(found) > 10_000
    return found


def expected(code):
    """Line of each instruction; 0: none."""
    found = []
    for start, end, line in code.co_lines():
        found += [line or 0] * ((end - start) // 2)
    return found


def carried(code):
    """The same for tables that can't say that there is no line."""
    line, found = code.co_firstlineno, []
    for start, end, known in code.co_lines():
        line = line if known is None else known
        found += [line] * ((end - start) // 2)
    return found


def encode_ranges(code):
    """The table of 3.10, as Objects/lnotab_notes.txt of that version describes it."""
    table, line = [], code.co_firstlineno
    for start, end, known in code.co_lines():
        step = None if known is None else known - line
        line = line if known is None else known
        while step is not None and abs(step) > 127:
            part = 127 if step > 0 else -127
            table += [0, part & 255]
            step -= part
        size = end - start
        while size > 254:
            table += [254, 128 if step is None else step & 255]
            step = None if step is None else 0
            size -= 254
        table += [size, 128 if step is None else step & 255]
    return table


@needs_locations
def test_locations_of_the_standard_library_give_its_lines(standard_library):
    tables = [
        (LOCATIONS, c.co_firstlineno, c.co_linetable, len(c.co_code)) for c in standard_library
    ]
    assert lines(tables) == [expected(c) for c in standard_library]


@needs_locations
def test_locations_without_columns_give_the_same_lines(tmp_path):
    text = "def f(a):\n    if a:\n        return [\n            x\n            for x in a]\n" + "\n" * 300
    text += "    return f(\n        1)\n"
    program = "import sys; c = compile(open(sys.argv[1]).read(), 'x', 'exec').co_consts[0]\n"
    program += "print([c.co_firstlineno, c.co_linetable.hex(), len(c.co_code), list(c.co_lines())])"
    (tmp_path / "source.py").write_text(text)
    command = [sys.executable, "-X", "no_debug_ranges", "-c", program, tmp_path / "source.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    first, table, size, ranges = eval(done.stdout)
    found = lines([(LOCATIONS, first, bytes.fromhex(table), size)])[0]
    assert found == [line or 0 for start, end, line in ranges for _ in range(start, end, 2)]


@needs_locations
def test_an_lnotab_of_the_standard_library_gives_its_lines(standard_library):
    # CPython 3.11 still makes the old table from the new one.
    tables = [(LNOTAB, c.co_firstlineno, c.co_lnotab, len(c.co_code)) for c in standard_library]
    assert lines(tables) == [carried(c) for c in standard_library]


def test_a_linetable_of_the_standard_library_gives_its_lines(standard_library):
    tables = [
        (LINETABLE, c.co_firstlineno, encode_ranges(c), len(c.co_code)) for c in standard_library
    ]
    assert lines(tables) == [expected(c) for c in standard_library]


def test_the_example_of_the_description_of_lnotab():
    table = [0, 1, 6, 1, 44, 5, 255, 0, 45, 127, 0, 73, 11, 1]
    found = lines([(LNOTAB, 0, table, 364)])[0]
    at = {offset: found[offset // 2] for offset in (0, 4, 6, 48, 50, 348, 350, 360, 362)}
    assert at == {0: 1, 4: 1, 6: 2, 48: 2, 50: 7, 348: 7, 350: 207, 360: 207, 362: 208}


def test_the_example_of_the_description_of_linetable():
    table = [6, 1, 44, 1, 254, 5, 46, 0, 10, 128, 16, 1, 0, 127, 4, 73]
    found = lines([(LINETABLE, 0, table, 382)])[0]
    at = {offset: found[offset // 2] for offset in (0, 6, 50, 348, 350, 358, 360, 376, 378, 380)}
    assert at == {
        0: 1, 6: 2, 50: 7, 348: 7, 350: 0, 358: 0, 360: 8, 376: 208, 378: 208, 380: 0
    }  # fmt: skip


def test_lines_may_go_back():
    assert lines([(LNOTAB, 10, [0, 0, 4, 246], 8)]) == [[10, 10, 0, 0]]
    assert lines([(LINETABLE, 10, [4, 0, 4, 253], 8)]) == [[10, 10, 7, 7]]
    assert lines([(LOCATIONS, 10, [0xE9, 0, 0xE9, 7], 8)]) == [[10, 10, 7, 7]]


@pytest.mark.parametrize("kind", [LNOTAB, LINETABLE, LOCATIONS])
def test_any_bytes_are_a_table(kind):
    dice = random.Random(kind)
    tables = [
        (kind, dice.choice([0, 1, -1, 2**31 - 1, -(2**31)]), dice.randbytes(size), 64)
        for size in [*range(64), *[1000] * 50]
    ]
    assert [len(found) for found in lines(tables)] == [32] * len(tables)
