"""summary --all: every allocation, temporary or not."""

from library.support import PROGRAMS


def test_all_allocations_are_counted_by_location(debugger, compile, start):
    program = compile(PROGRAMS / "freed_by.c")
    steps = [start, debugger.run(), "tmpalloc summary --all", "tmpalloc summary --all -s count -r 1 -t 0"]
    whole, first = debugger.session(program, steps).outputs[2:]
    header, make, newest, newer = (line.split() for line in whole.splitlines()[:4])
    assert "Allocations" in header and "Temporaries" not in header
    assert make[:3] == ["make", "at", "freed_by.c:5"] and make[3:8] == ["288B", "39.13%", "288B", "39.13%", "9"]
    assert newest[3:9] == ["256B", "34.78%", "256B", "34.78%", "4", "100.00%"]
    assert newer[3:9] == ["192B", "26.09%", "192B", "26.09%", "4", "100.00%"]
    assert first.splitlines()[1].split()[7:9] == ["9", "55.56%"]
    assert first.splitlines()[2].split() == "2 more locations 448B 60.87% 8".split()


def test_what_contradicts_it_is_refused(debugger, compile, start):
    program = compile(PROGRAMS / "freed_by.c")
    steps = [start, debugger.run(), "tmpalloc summary --all --filter nowhere"]
    result = debugger.session(program, [*steps, "tmpalloc summary --all --same-scope"])
    assert result.outputs[2].strip() == "No allocations that match; 17 elsewhere."
    assert "--all is about all allocations, --same-scope about temporaries" in result.text
