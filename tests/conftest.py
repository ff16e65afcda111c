"""Fixtures of all tests: debuggers, programs to debug, drivers of the core."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from library.debuggers import GdbController, LldbController
from library.described import Driver, Saved
from library.support import LIBRARY, built

# Python's readline, which a test runner may have loaded, leaves a guess there that reads like a wish.
for variable in ("COLUMNS", "LINES"):
    os.environ.pop(variable, None)


@pytest.fixture(params=[GdbController, LldbController], ids=["gdb", "lldb"])
def debugger(request, tmp_path):
    """A Controller; the test runs once with each debugger."""
    if request.param.find() is None:
        pytest.skip(f"there is no {request.param.name} here")
    controller = request.param(tmp_path)
    yield controller
    controller.close()


@pytest.fixture
def gdb(tmp_path):
    """The Controller of GDB alone, for what LLDB doesn't have."""
    if GdbController.find() is None:
        pytest.skip("there is no gdb here")
    controller = GdbController(tmp_path)
    yield controller
    controller.close()


@pytest.fixture
def lldb(tmp_path):
    """The Controller of LLDB alone, for what GDB doesn't have."""
    if LldbController.find() is None:
        pytest.skip("there is no lldb here")
    controller = LldbController(tmp_path)
    yield controller
    controller.close()


@pytest.fixture(params=["agent", "breakpoint"])
def start(request):
    """The line that begins tracking; the test runs once with each engine."""
    return f"tmpalloc start --engine {request.param}"


@pytest.fixture
def breakpoints():
    """The line that begins tracking with breakpoints, for what the agent can't do."""
    return "tmpalloc start --engine breakpoint"


@pytest.fixture
def library():
    """Path of libtmpalloc.so, for tests that need the core."""
    if not LIBRARY.exists():
        pytest.skip("libtmpalloc.so is not built: setup.sh build")
    return LIBRARY


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """The folder of what `compile` has made for all tests."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
def compile(tmp_path, compiled):
    """Compiles C or C++ text, or a source file, and returns the program's path.

    What depends on nothing of the test's own is compiled once, and each test gets a copy.
    """

    def build(source, *flags, name="program", language="c"):
        is_file = isinstance(source, Path)
        words = [name, language, *map(str, flags)]
        own = [*words, str(source)] if is_file else words
        if any(str(tmp_path) in word or word == "-gsplit-dwarf" for word in own):
            return compile_program(tmp_path, source, *words)
        content = source.read_text() if is_file else source
        folder = compiled / hashlib.sha256(repr((own, content)).encode()).hexdigest()[:12]
        if not (folder / name).exists():
            folder.mkdir(exist_ok=True)
            compile_program(folder, source, *words)
        program = tmp_path / name
        program.unlink(missing_ok=True)  # it may be executed now
        return shutil.copy2(folder / name, program)

    return build


def compile_program(folder, source, name, language, *flags):
    """Compiles a program in a folder."""
    file = source
    if not isinstance(source, Path):
        file = folder / f"{name}.{language}"
        file.write_text(source)
    compiler = "g++" if file.suffix in (".cpp", ".cc", ".cxx") else "gcc"
    program = folder / name
    options = ["-g", "-O1", "-o", str(program), str(file), *flags]
    done = subprocess.run([compiler, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return program


@pytest.fixture(scope="session")
def core_program():
    """Gives a function that runs a driver of the core: name, arguments -> completed process."""

    def program(name):
        path = built(name)

        def run(*arguments, text=None, timeout=120):
            command = [path, *map(str, arguments)]
            return subprocess.run(
                command, input=text, capture_output=True, text=True, timeout=timeout, check=False
            )

        return run

    return program


PROBE = """
static volatile int probed;
__attribute__((noinline)) void probe(void) { probed++; }
int main(void) { probe(); return 0; }
"""


@pytest.fixture(scope="session")
def registers_fire(tmp_path_factory):
    """Whether the machine's debug registers stop a program; some virtual machines ignore them."""
    directory = tmp_path_factory.mktemp("probe")
    (directory / "probe.c").write_text(PROBE)
    subprocess.run(["gcc", "-g", "-o", "probe", "probe.c"], cwd=directory, check=True)
    commands = ["start", "hbreak probe", "continue", "watch probed", "continue"]
    command = ["gdb", "-q", "-nx", "-batch"]
    for line in ["set debuginfod enabled off", *commands]:
        command += ["-ex", line]
    shown = subprocess.run([*command, "./probe"], cwd=directory, capture_output=True, text=True)
    return "New value = 1" in shown.stdout


@pytest.fixture
def watchpoints(registers_fire):
    """For tests that need a watchpoint, or a hardware breakpoint, to be hit."""
    if not registers_fire:
        pytest.skip("this machine's debug registers are accepted and never fire")


@pytest.fixture(scope="session")
def driver():
    """Makes reports of described profiles."""
    return Driver(built("report_driver"))


@pytest.fixture
def saved(driver, tmp_path):
    """Makes files of them."""
    return Saved(driver, tmp_path)
