"""What `set tmpalloc` (GDB) and `tmpalloc set` make the default of commands."""

import pytest

pytestmark = pytest.mark.usefixtures("library")

TWO = r"""
#include <stdlib.h>
__attribute__((noinline)) static void once(void) { free(malloc(100)); }
__attribute__((noinline)) static void twice(void) { free(malloc(10)), free(malloc(10)); }
int main(void) {
    once();
    twice();
    return 0;
}
"""


def setting(debugger, name, value=""):
    """The step that sets it, in the debugger's own way."""
    return f"{'tmpalloc set' if debugger.name == 'lldb' else 'set tmpalloc'} {name} {value}".rstrip()


def shown(debugger, name):
    return f"{'tmpalloc show' if debugger.name == 'lldb' else 'show tmpalloc'} {name}"


def test_settings_are_defaults_which_options_replace_and_no_value_clears(debugger, compile):
    program = compile(TWO, "-fno-builtin")
    (debugger.directory / "known").write_text("^once at # on purpose\n")
    (debugger.directory / "none").write_text("^nothing\n")
    steps = ["tmpalloc start", debugger.run()]
    steps += [setting(debugger, "rows", 1), "tmpalloc summary", "tmpalloc summary -r 0"]
    steps += [setting(debugger, "rows"), "tmpalloc summary"]
    steps += [setting(debugger, "suppress", "known"), "tmpalloc summary"]
    steps += ["tmpalloc summary --suppress none", setting(debugger, "suppress"), "tmpalloc summary"]
    result = debugger.session(program, steps)
    one, every, cleared, suppressed, replaced, whole = (result.outputs[i] for i in (3, 4, 6, 8, 9, 11))
    assert "once at" in one and "twice at" not in one, result.text
    assert "once at" not in suppressed and "1 suppressed" in suppressed, result.text
    for output in every, cleared, replaced, whole:
        assert "once at" in output and "twice at" in output, result.text


def test_a_bad_setting_is_refused_in_one_line_and_changes_nothing(debugger, compile):
    program = compile(TWO, "-fno-builtin")
    bad = {
        ("threshold", "5"): "threshold 5 is above 4, the highest recorded: ",
        ("threshold", "many"): "bad value 'many' for threshold: accepted is a whole number from 0 to ",
        ("rows", "-1"): "bad value '-1' for rows: accepted is a whole number from 0 to ",
        ("suppress", "no_file"): "can't read no_file: ",
    }
    steps = ["tmpalloc start --max-threshold 4", debugger.run(), setting(debugger, "threshold", 3)]
    for name, value in bad:
        value = f"-- {value}" if value == "-1" and debugger.name == "lldb" else value
        steps += [setting(debugger, name, value), shown(debugger, name)]
    result = debugger.session(program, steps)
    for i, ((name, _), words) in enumerate(bad.items()):
        refused, still = result.outputs[3 + 2 * i : 5 + 2 * i]
        assert words in refused and refused.count("\n") == 1, result.text
        assert still == f'tmpalloc {name} is "{"3" if name == "threshold" else ""}".\n', result.text


def test_the_name_of_a_file_may_begin_with_the_home_of_the_user(debugger, compile):
    (debugger.directory / "known").write_text("^once at\n")
    steps = [setting(debugger, "suppress", "~/known"), shown(debugger, "suppress"), "tmpalloc start"]
    steps += [debugger.run(), "tmpalloc report json ~/out.json", "tmpalloc save ~/saved.json"]
    steps += ["tmpalloc load ~/sav*.json", "tmpalloc check --max-count 9 --baseline ~/saved.json"]
    home = {"HOME": str(debugger.directory)}
    result = debugger.session(compile(TWO, "-fno-builtin"), steps, env=home)
    assert result.outputs[1] == f'tmpalloc suppress is "{debugger.directory}/known".\n', result.text
    assert f"wrote {debugger.directory}/out.json" in result.outputs[4], result.text
    assert "loaded 3 allocations" in result.outputs[6] and "passed" in result.outputs[7], result.text
