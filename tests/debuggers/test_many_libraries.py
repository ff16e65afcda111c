"""Programs with many libraries: what is done for them grows as their number does."""

import re
import shutil

import pytest
from library.support import allocations

pytestmark = pytest.mark.usefixtures("library")

COUNT = """
import builtins, sys
builtins.asked = []
for name in ("tmpalloc_gdb_host", "tmpalloc_lldb_host"):
    module = sys.modules.get(name)
    for host in (getattr(module, "GdbHost", None), getattr(module, "LldbHost", None)):
        if host:
            def modules(self, original=host.modules):
                builtins.asked.append(1)
                return original(self)
            host.modules = modules
"""


@pytest.fixture
def program(compile, tmp_path):
    """A program that is linked with 40 libraries, each of which has a function that is called."""
    flags = [f"-L{tmp_path}", f"-Wl,-rpath,{tmp_path}"]
    for i in range(40):
        source = f"#include <stdlib.h>\nvoid f{i}(void) {{ free(malloc({100 + i})); }}"
        compile(source, "-shared", "-fPIC", "-fno-builtin", name=f"libf{i}.so")
        flags.append(f"-lf{i}")
    calls = " ".join(f"f{i}();" for i in range(40))
    declarations = " ".join(f"void f{i}(void);" for i in range(40))
    return compile(f"{declarations} int main(void) {{ {calls} return 7; }}", *flags)


def test_the_debugger_is_not_asked_for_the_files_of_a_process_on_this_machine(
    debugger, program, start
):
    script = debugger.directory / "count.py"
    script.write_text(COUNT)
    steps = [
        debugger.source(script),
        start,
        debugger.run(),
        debugger.script("print('asked', len(asked))"),
        "tmpalloc status",
        "tmpalloc summary -r 0",
    ]
    result = debugger.session(program, steps)
    assert result.exit_statuses == [7], result.text
    assert re.search(r"asked 0\b", result.outputs[3]), result.text
    assert allocations(result.outputs[4]) >= 40
    assert len(re.findall(r"(?m)^f\d+ at ", result.outputs[5])) == 40


def test_the_files_of_a_remote_process_are_asked_for_once_at_each_stop(gdb, program, breakpoints):
    if shutil.which("gdbserver") is None:
        pytest.skip("there is no gdbserver here")
    script = gdb.directory / "count.py"
    script.write_text(COUNT)
    steps = [
        f"target remote | gdbserver --once - {program}",
        gdb.source(script),
        breakpoints,
        gdb.continue_(),
        gdb.script("print('asked', len(asked))"),
        "tmpalloc summary -r 0",
    ]
    result = gdb.session(program, steps)
    assert result.exit_statuses == [7], result.text
    asked = re.search(r"asked (\d+)", result.outputs[4])
    assert asked and int(asked[1]) < 10, result.text
    assert len(re.findall(r"(?m)^f\d+ at ", result.outputs[5])) == 40, result.text


def test_files_are_those_of_the_memory_map_in_the_order_of_the_linker(compile, debugger, start):
    program = compile(
        "#include <dlfcn.h>\\n#include <stdlib.h>\\n"
        'int main(void) { void *(*work)(void) = dlsym(dlopen("./plugin.so", RTLD_NOW), "work");'
        " work(); free(malloc(10)); return 9; }".replace("\\n", "\n")
    )
    compile(
        "#include <stdlib.h>\nvoid *work(void) { free(malloc(20)); return 0; }",
        *("-shared", "-fPIC", "-fno-builtin"),
        name="plugin.so",
    )
    # Named relative to a folder of the program, which is not the debugger's name for it.
    elsewhere = debugger.directory / "link"
    elsewhere.symlink_to(debugger.directory)
    steps = [start, debugger.run(), "tmpalloc summary"]
    result = debugger.session(elsewhere / program.name, steps)
    assert result.exit_statuses == [9], result.text
    assert re.search(r"(?m)^work at plugin.so.c:2 ", result.outputs[2]), result.text
