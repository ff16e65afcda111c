"""The callgrind format, read by callgrind_annotate of the valgrind package."""

import pytest
from library.published import annotate, read_callgrind

HOSTILE = """threshold 0 0
process 1 /bin/f a%b
engine agent
totals 4 4 0 0 0
frame percent | 100%(7) <a href="x">`& | /src/a b,c=d"e".c:5 | /bin/f
frame numbered | (12) not a number | /src/fn=x.c:6 | /bin/f
frame long | {long} | - | /bin/f
frame invalid | b\udcff\udcfe | /src/\udcff.c:3 | -
frame nameless | - | - | /bin/f
frame main | main | /src/main.c:9 | /bin/f
"""


def site(*frames, count=1, size=10):
    lines = f"site {' '.join(frames)}\ntemporaries 0 {count} {size}\nallocations {count} {size}\n"
    return lines + "threads 1\n"


@pytest.fixture
def callgrind(driver, tmp_path):
    def read(description, *options):
        file = tmp_path / "callgrind.out"
        file.write_bytes(driver.run(description, "callgrind").stdout)
        return read_callgrind(file, *options)

    return read


@pytest.mark.parametrize("description", ["example", "names", "none"])
def test_callgrind_has_the_sum_of_all_temporaries(driver, callgrind, description):
    wanted = driver.results(description)["totals"]["temporary"]
    profile = callgrind(description)
    assert profile.totals == (wanted["bytes"], wanted["count"])
    assert sum(count for _, count in profile.functions.values()) == wanted["count"]


def test_callgrind_charges_locations_and_what_calls_them(callgrind):
    own = callgrind("example").functions
    assert own["/home/user/example/buffer.c:buffer_append"] == (76006500, 77)
    assert "???:malloc" not in own and own["???:_start"] == (0, 0)
    all_of = callgrind("example", "--inclusive=yes").functions
    assert all_of["/home/user/example/reader.c:read_line"] == (76006628, 79)
    assert all_of["/home/user/example/reader.c:read_file"] == (76032228, 479)


def test_callgrind_counts_a_recursion_once(callgrind):
    text = HOSTILE + "frame f | f | /src/f.c:1 | /bin/f\nframe g | g | /src/f.c:2 | /bin/f\n"
    text += site("f", "g", "f", "f", "main", count=3, size=30) + site("g", "f", "main")
    wanted = {"/src/f.c:f": (40, 4), "/src/f.c:g": (40, 4), "/src/main.c:main": (40, 4)}
    assert callgrind(text.encode(errors="surrogateescape"), "--inclusive=yes").functions == wanted


def test_callgrind_annotates_the_lines_of_sources(driver, tmp_path):
    source = tmp_path / "grow.c"
    source.write_text("void grow(void)\n{\n    free(malloc(9));\n    more();\n}\n")
    text = HOSTILE + f"frame grow | grow | {source}:3 | /bin/f\nframe calls | grow | {source}:4 | /bin/f\n"
    text += site("grow", "main", count=2, size=18) + site("percent", "calls", "main", size=7)
    file = tmp_path / "callgrind.out"
    file.write_bytes(driver.run(text.encode(errors="surrogateescape"), "callgrind").stdout)
    lines = [" ".join(line.split()) for line in annotate(file, "--auto=yes").splitlines()]
    assert "18 (72.00%) 2 (66.67%) free(malloc(9));" in lines
    assert any(line.startswith("7 (28.00%) 1 (33.33%) => /src/a b,c=d") for line in lines)


def test_callgrind_keeps_hostile_names_apart(callgrind):
    text = HOSTILE.replace("{long}", "ns::Long<" + "int, " * 20000 + "char>::run")
    names = ("percent", "numbered", "long", "invalid", "nameless")
    text += "".join(site(name, "main", size=20 + i) for i, name in enumerate(names))
    profile = callgrind(text.encode(errors="surrogateescape"))
    assert profile.totals == (110, 5)
    assert sorted(size for size, _ in profile.functions.values()) == [0, 20, 21, 22, 23, 24]
    assert any(name.endswith(":(12) not a number") for name in profile.functions)
