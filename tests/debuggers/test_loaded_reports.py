"""Every report of a saved and loaded file is that of the live results, byte for byte."""

import pytest
from library.cpython import PYTHON, needs_python
from library.support import PROGRAMS

FORMATS = "json csv folded speedscope pprof sarif html".split()
CHARGES = ["innermost", "caller", "own"]
SCRIPT = """def join(words):
    text = ''
    for word in words:
        text += word * 600
    return text
def fill(numbers):
    numbers.sort(key=lambda number: len(join(['a', 'b'])))
    return numbers
print(len(join('some words')), fill([3, 1, 2]))
"""


def lines(folder, function, charges, formats):
    """Commands that print or write all that can be said of results, with each option."""
    found = []
    for charge in charges:
        for option in ("", "--same-scope", "--native-frames"):
            for command in ("summary -r 0", "summary --by stack -r 0", "tree -r 0", f"list {function} -r 0"):
                found.append(f"tmpalloc {command} --charge {charge} {option}")
        for option in ("", "--native-frames"):
            words = f"--charge {charge} {option}"
            found += [f"tmpalloc report {f} {folder}/{charge}{option}.{f} {words}" for f in formats]
            found += [f"tmpalloc site 1 {words}"]
    return found


def check_loaded_reports(debugger, tmp_path, program, steps, *what):
    folders = [tmp_path / "live", tmp_path / "loaded"]
    for folder in folders:
        folder.mkdir()
    live, loaded = (lines(folder, *what) for folder in folders)
    saved = tmp_path / "saved.json"
    first = debugger.session(program[0], [*steps, *live, f"tmpalloc save {saved}"], program[1:])
    second = debugger.session(steps=[f"tmpalloc load {saved}", *loaded])
    outputs = zip(live, first.outputs[len(steps) : -1], second.outputs[1:], strict=True)
    for line, one, other in outputs:
        assert one.replace("/live/", "/loaded/") == other, line
    names = sorted(path.name for path in folders[0].iterdir())
    assert len(names) == sum("tmpalloc report" in line for line in live)
    assert names == sorted(path.name for path in folders[1].iterdir())
    for name in names:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name


@pytest.mark.parametrize("level", ["-g", "-g0"])
def test_reports_of_a_loaded_file_are_the_live_ones(debugger, start, compile, tmp_path, level):
    program = compile(PROGRAMS / "charged.cpp", level)
    steps = [start, debugger.run()]
    check_loaded_reports(debugger, tmp_path, [program], steps, "join_words", CHARGES, FORMATS)


@needs_python
def test_reports_of_loaded_python_functions_are_the_live_ones(debugger, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    steps = ["tmpalloc start --python on", debugger.run()]
    program = [PYTHON, "-S", script]
    check_loaded_reports(debugger, tmp_path, program, steps, "join", CHARGES, FORMATS)
