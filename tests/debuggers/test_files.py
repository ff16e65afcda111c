"""Which files of this machine are those of a process: names, addresses and calls depend on them."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from library.support import C_FLAGS, LIBRARY, PROGRAMS, number

pytestmark = pytest.mark.usefixtures("library")

ROUNDS = 100
SOURCE = (PROGRAMS / "file_library.c").read_text().splitlines()
LINE = next(i for i, line in enumerate(SOURCE, 1) if "= malloc(size)" in line)
LOCATION = f"library_work at file_library.c:{LINE} "
NOT_THE_SAME = "library.so: not what the process has loaded, so nothing in it has a name"


class Waiting:
    """A process that waits for a file; and the program, the library and the file, as it sees them."""

    def __init__(self, folder, build_id=True):
        self.folder = folder
        self.go = folder / "go"
        self.library = folder / "library.so"
        self.program = folder / "program"
        self.flags = [] if build_id else ["-Wl,--build-id=none"]
        self.process = None
        self.build_library()
        options = [f"-L{folder}", "-l:library.so", "-Wl,-rpath,$ORIGIN"]
        self.build(self.program, PROGRAMS / "file_user.c", *options)

    def build(self, file, source, *options):
        new = file.with_suffix(".new")
        command = ["gcc", "-g", "-O1", "-fno-builtin", *self.flags, "-o", new, source, *options]
        subprocess.run(command, check=True)
        new.rename(file)

    def build_library(self, *options):
        self.build(self.library, PROGRAMS / "file_library.c", "-shared", "-fPIC", *options)

    def replace(self):
        """Puts other builds in the place of the files."""
        self.build_library("-DANOTHER")
        options = ["-include", "math.h", f"-L{self.folder}", "-l:library.so", "-Wl,-rpath,$ORIGIN"]
        self.build(self.program, PROGRAMS / "file_user.c", "-O0", *options)

    def begin(self, *before, inside=None, env=None):
        """Starts the program, by other programs before it, where its folder may have another name."""
        inside = inside or self.folder
        self.process = subprocess.Popen(
            [*map(str, before), f"{inside}/program", f"{inside}/go"],
            stdout=subprocess.PIPE,
            env=dict(os.environ, **(env or {})),
        )
        if self.process.stdout.readline() != b"waiting\n":
            pytest.skip(f"{before[0]} can't start a program here")

    @property
    def pid(self):
        """The program's own process, not one that started it."""
        found = self.process.pid
        while children := Path(f"/proc/{found}/task/{found}/children").read_text().split():
            found = int(children[0])
        return found

    def track(self, debugger, start, begin=None):
        """Tracks the calls; returns the result, in which they are steps 3 and 4."""
        go = debugger.script(f"open({str(self.go)!r}, 'w').close()")
        summary = ["tmpalloc summary", "tmpalloc status", "tmpalloc stop", debugger.continue_()]
        summary.append("tmpalloc summary")
        steps = [begin or debugger.attach(self.pid), start, go, debugger.continue_(), *summary]
        return debugger.session(None, steps)

    def link_library(self, name):
        """The library becomes a symbolic link to a file of this name, which is returned."""
        file = self.library.rename(self.folder / name)
        self.library.symlink_to(name)
        return file

    def names(self, debugger, start):
        """What files are called in a report of the calls."""
        report = debugger.directory / "names.json"
        go = debugger.script(f"open({str(self.go)!r}, 'w').close()")
        steps = [debugger.attach(self.pid), start, go, debugger.continue_()]
        result = debugger.session(None, [*steps, f"tmpalloc report json {report}"])
        assert report.exists(), result.text
        text = report.read_text()
        assert "(deleted)" not in text and "map_files" not in text
        return set(json.loads(text)["build_ids"])

    def check_end(self):
        """It ended as without a debugger."""
        assert self.process.wait(20) == 7
        assert self.process.stdout.read() == b"ended normally\n"

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def waiting(tmp_path):
    made = []

    def make(folder=None, **options):
        folder = folder or tmp_path / "waiting"
        folder.mkdir(parents=True)
        made.append(Waiting(folder, **options))
        return made[-1]

    yield make
    for process in made:
        process.close()


def assert_named(result):
    """All calls were counted, at the library's line."""
    assert "allocations" in result.outputs[5], result.text
    assert number(result.outputs[5], "allocations") == ROUNDS, result.text
    assert LOCATION in result.outputs[4], result.text


def assert_told(result):
    """All calls were counted, at no name; one line says why."""
    assert "allocations" in result.outputs[5], result.text
    assert number(result.outputs[5], "allocations") == ROUNDS, result.text
    assert NOT_THE_SAME in result.outputs[1], result.text
    assert " at " not in result.outputs[4].splitlines()[1]


@pytest.mark.parametrize("build_id", [True, False], ids=["build-id", "no-build-id"])
def test_files_that_were_replaced_under_a_process_are_those_in_its_memory(
    debugger, waiting, start, build_id
):
    process = waiting(build_id=build_id)
    process.begin()
    process.replace()
    assert_named(process.track(debugger, start))
    process.check_end()


def test_files_that_were_deleted_under_a_process_are_those_in_its_memory(debugger, waiting, start):
    process = waiting()
    process.begin()
    process.library.unlink()
    process.program.unlink()
    # LLDB calls no function of a process that it knows no file of.
    start = "tmpalloc start" if debugger.name == "lldb" else start
    result = process.track(debugger, start)
    assert_named(result)
    assert str(process.program) in result.outputs[5]
    assert result.outputs[8] == result.outputs[4]
    process.check_end()


def test_files_that_come_back_with_blanks_and_quotes_in_their_names_are_found(
    debugger, waiting, tmp_path, start
):
    process = waiting(tmp_path / "a folder's name")
    process.begin()
    process.replace()
    assert_named(process.track(debugger, start))
    process.check_end()


def copy_with_libraries(program, root):
    """Copies a program's C library and dynamic linker to where it looks for them in another root."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for word in listed.split():
        if word.startswith("/") and not word.startswith(str(program.parent)):
            target = root / word[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(word, target)
            target.chmod(0o755)


def test_files_of_another_root_are_not_those_of_this_one(debugger, waiting, tmp_path, start):
    if os.geteuid() != 0:
        pytest.skip("only root can change a root")
    process = waiting()
    root = tmp_path / "root"
    folder = root / str(process.folder)[1:]
    shutil.copytree(process.folder, folder)
    copy_with_libraries(process.program, root)
    process.go = folder / "go"
    process.replace()
    environment = {"LD_LIBRARY_PATH": str(process.folder)}  # $ORIGIN needs a /proc
    process.begin("chroot", root, env=environment)
    result = process.track(debugger, start.replace("--engine agent", ""))
    assert_named(result)
    process.check_end()


def begin_in_container(process):
    if not shutil.which("bwrap"):
        pytest.skip("there is no bwrap here")
    binds = ["--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib"]
    binds += ["--symlink", "usr/lib64", "/lib64", "--bind", process.folder, "/inside"]
    process.begin("bwrap", *binds, "--proc", "/proc", "--dev", "/dev", "--unshare-all", inside="/inside")


def test_a_process_in_a_container_has_names(debugger, waiting, start):
    process = waiting()
    begin_in_container(process)
    assert_named(process.track(debugger, start.replace("--engine agent", "")))


@pytest.fixture
def somebody(debugger):
    """Words that execute a program as a user who can't open what is mapped in processes."""
    words = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("only root can become somebody else, by setpriv")
    if subprocess.run([*words, "test", "-r", LIBRARY], check=False).returncode != 0:
        pytest.skip("nobody else can read this checkout")
    with tempfile.TemporaryDirectory() as folder:
        debugger.directory = Path(folder)
        debugger.directory.chmod(0o755)
        yield [*words, "env", f"HOME={folder}"]


@pytest.mark.parametrize("change", ["kept", "deleted", "replaced"])
def test_files_are_called_as_the_dynamic_linker_calls_them(debugger, waiting, start, change):
    process = waiting()
    file = process.link_library("library.so.1.2")
    process.begin()
    if change == "deleted":
        file.unlink()
    elif change == "replaced":
        process.build(file, PROGRAMS / "file_library.c", "-shared", "-fPIC", "-DANOTHER")
    names = process.names(debugger, start)
    assert str(process.library) in names and str(file) not in names


def test_files_in_a_container_are_called_as_they_are_there(debugger, waiting, start):
    process = waiting()
    process.link_library("library.so.1.2")
    begin_in_container(process)
    assert "/inside/library.so" in process.names(debugger, start.replace("--engine agent", ""))


def test_a_file_whose_link_leads_to_another_one_now_is_found(debugger, waiting, start, somebody):
    process = waiting(debugger.directory / "waiting")
    process.folder.chmod(0o777)
    process.link_library("library.so.1.2")
    process.begin(*somebody)
    process.library.unlink()
    process.build_library("-DANOTHER")
    debugger.before = somebody
    assert_named(process.track(debugger, start))
    process.check_end()


def test_a_file_that_cannot_be_found_is_told_in_one_line(debugger, waiting, start, somebody):
    process = waiting(debugger.directory / "waiting")
    process.folder.chmod(0o777)
    process.begin(*somebody)
    process.build_library("-DANOTHER")
    debugger.before = somebody
    assert_told(process.track(debugger, start))
    process.check_end()


def test_a_core_file_with_other_libraries_here_is_told_in_one_line(debugger, waiting, tmp_path):
    process = waiting()
    process.go.touch()
    core = tmp_path / "core.of.it"
    saved = {"gdb": f"gcore {core}", "lldb": f"process save-core --style full {core}"}
    steps = ["tmpalloc start --engine agent", debugger.run(), saved[debugger.name]]
    debugger.session(process.program, steps, [process.go])
    assert core.exists()
    opened = {"gdb": f"core-file {core}", "lldb": f"target create {process.program} --core {core}"}
    steps = [opened[debugger.name], "tmpalloc summary", "tmpalloc status"]
    right = debugger.session(process.program, steps)
    process.build_library("-DANOTHER")
    wrong = debugger.session(process.program, steps)
    assert LOCATION in right.outputs[1], right.text
    # LLDB and GDB 16 leave such a file out.
    left_out = "2 call stacks have code in no file that the debugger has found, so it has no names"
    assert left_out not in right.text
    assert (NOT_THE_SAME in wrong.outputs[2]) != (left_out in wrong.outputs[2]), wrong.text
    assert "library_work" not in wrong.outputs[1], wrong.text
    assert "main at" not in wrong.outputs[1], wrong.text
    assert number(wrong.outputs[2], "allocations") == number(right.outputs[2], "allocations")


def test_debug_information_that_cannot_be_decompressed_is_told_in_one_line(
    debugger, waiting, start
):
    process = waiting()
    command = ["objcopy", "--compress-debug-sections=zstd", process.library]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("objcopy here doesn't know zstd")
    process.begin()
    result = process.track(debugger, start)
    told = "library.so: debug information is compressed in a way that elfutils here can't read"
    assert told in result.outputs[1] or LOCATION in result.outputs[4], result.text
    assert "library_work " in result.outputs[4], result.text
    process.check_end()


def test_other_files_than_a_remote_process_has_are_told_in_one_line(gdb, waiting, breakpoints):
    if shutil.which("gdbserver") is None:
        pytest.skip("there is no gdbserver here")
    process = waiting()
    process.begin()
    process.build_library("-DANOTHER")
    pipe = f"target remote | gdbserver --once --attach - {process.pid}"
    gdb.settings = (*gdb.settings, "set remotetimeout 100", f"file {process.program}")
    assert_told(process.track(gdb, breakpoints, pipe))
    process.check_end()


@pytest.mark.parametrize("options", [[], ["-gdwarf-4"]], ids=["dwarf 5", "dwarf 4"])
def test_split_debug_information_that_is_not_there_is_told_in_one_line(debugger, compile, options):
    program = compile(
        """
        #include <stdlib.h>
        static inline __attribute__((always_inline)) void *inner(void) { return malloc(10); }
        __attribute__((noinline)) static void outer(void) { free(inner()); }
        int main(void) { outer(); return 0; }
        """,
        "-O1",
        "-fno-builtin",
        "-gsplit-dwarf",
        *options,
    )
    steps = ["tmpalloc start", debugger.run(), "tmpalloc summary", "tmpalloc summary"]
    result = debugger.session(program, steps)
    assert "inner at " in result.outputs[2], result.text
    files = list(program.parent.glob("*.dwo"))
    assert files
    for file in files:
        file.unlink()
    result = debugger.session(program, steps)
    assert f"{files[0].name} isn't found" in result.outputs[2], result.text
    assert "outer at " in result.outputs[2], result.text
    assert "isn't found" not in result.outputs[3], result.text


INLINED = """
#include <stdlib.h>
struct Box { void *fill() const { return malloc(10); } };
static inline __attribute__((always_inline)) void *inner(const Box &box) { return box.fill(); }
__attribute__((noinline)) static void outer(const Box &box) { free(inner(box)); }
int main() { outer(Box()); return 0; }
"""


@pytest.fixture
def inlined(compile):
    """Builds a C++ program in which Box::fill is inlined."""

    def build(*flags, name="program"):
        return compile(INLINED, "-O1", "-fno-builtin", *flags, name=name, language="cpp")

    return build


def summarize(debugger, program):
    result = debugger.session(program, ["tmpalloc start", debugger.run(), "tmpalloc summary -r 0"])
    return result.outputs[2]


def change(*command):
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]} here")
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"{command[0]} here can't do it")


def test_types_in_a_section_of_their_own_are_found(debugger, inlined):
    program = inlined("-gdwarf-4", "-fdebug-types-section")
    assert "Box::fill at " in summarize(debugger, program)


def test_a_file_of_shared_debug_information_that_is_not_there_is_told(debugger, inlined):
    programs = [inlined(), inlined("-DANOTHER", name="another")]
    common = programs[0].parent / "common.debug"
    change("dwz", "-m", common, *programs)
    assert common.exists()
    assert "Box::fill at " in summarize(debugger, programs[0])
    common.unlink()
    assert "/common.debug with a part of its debug information (dwz)" in summarize(debugger, programs[0])


def keep_debug(program, file, *options):
    change("objcopy", "--only-keep-debug", *options, program, file)


@pytest.mark.parametrize("identity", [[], ["-Wl,--build-id=none"]], ids=["build id", "checksum"])
def test_a_debug_file_of_another_build_is_told(debugger, inlined, identity):
    program, other = inlined(*identity), inlined("-O2", *identity, name="other")
    file = program.parent / "program.debug"
    keep_debug(program, file)
    change("objcopy", "--strip-debug", f"--add-gnu-debuglink={file}", program)
    told = "program.debug isn't of the same build, so there are no lines"
    text = summarize(debugger, program)
    assert "Box::fill at " in text and told not in text
    keep_debug(other, file)
    text = summarize(debugger, program)
    assert told in text and "outer in program" in text
    file.unlink()
    assert told not in summarize(debugger, program)


def test_a_debug_file_that_cannot_be_decompressed_is_told(debugger, inlined):
    program = inlined()
    file = program.parent / "program.debug"
    keep_debug(program, file, "--compress-debug-sections=zstd")
    change("objcopy", "--strip-debug", f"--add-gnu-debuglink={file}", program)
    text = summarize(debugger, program)
    assert "program.debug is compressed in a way" in text or "Box::fill at " in text


def test_lines_that_cannot_be_read_are_told(debugger, inlined, tmp_path):
    program, lines = inlined("-gdwarf-5"), tmp_path / "lines"
    told = "program: .debug_line can't be read by elfutils here, so lines are missing"
    assert told not in summarize(debugger, program)
    change("objcopy", f"--dump-section=.debug_line={lines}", program)
    lines.write_bytes(lines.read_bytes().replace(b"\5\0\10\0", b"\x63\0\10\0"))  # their versions
    change("objcopy", f"--update-section=.debug_line={lines}", program)
    text = summarize(debugger, program)
    assert told in text and "Box::fill in program" in text


def test_split_debug_information_that_cannot_be_decompressed_is_told(debugger, inlined):
    program = inlined("-gsplit-dwarf")
    (file,) = program.parent.glob("*.dwo")
    change("objcopy", "--compress-debug-sections=zstd", file)
    text = summarize(debugger, program)
    assert f"{file.name} isn't found or can't be read" in text or "Box::fill at " in text


def test_all_split_debug_information_that_is_not_there_is_counted(debugger, compile, tmp_path):
    other = tmp_path / "other.c"
    other.write_text("#include <stdlib.h>\nvoid give(void *block) { free(block); }\n")
    program = compile(
        """
        #include <stdlib.h>
        void give(void *block);
        int main(void) { give(malloc(10)); return 0; }
        """,
        str(other),
        *C_FLAGS,
        "-gsplit-dwarf",
    )
    files = list(program.parent.glob("*.dwo"))
    assert len(files) == 2
    for file in files:
        file.unlink()
    steps = ["tmpalloc start", debugger.run(), "tmpalloc site 1"]
    result = debugger.session(program, steps)
    assert ".dwo and 1 more isn't found" in result.text, result.text


PLUGIN = """
#include <stdlib.h>
void work_{0}(int n) {{ while (n--) free(malloc(24)); }}
"""
PLUGINS = """
#include <dlfcn.h>
#include <stddef.h>
static void *place;
static int moved;
__attribute__((noipa)) void checkpoint(void) { __asm__ volatile(""); }
static void use(const char *library, const char *name, int n) {
    void *handle = dlopen(library, RTLD_NOW);
    void (*work)(int) = (void (*)(int))dlsym(handle, name);
    moved |= place != NULL && place != (void *)work;
    place = (void *)work;
    checkpoint();
    work(n);
    dlclose(handle);
}
int main(void) {
    for (int i = 0; i < 30; i += 10) {
        use("./a.so", "work_a", i + 1);
        use("./b.so", "work_b", i + 2);
        use("./c.so", "work_c", i + 3);
    }
    return moved ? 4 : 3;
}
"""


def run_plugins(debugger, compile, steps):
    """How often each plugin's function allocated, by the last step's table."""
    for name in "abc":
        flags = ("-shared", "-fPIC", "-fno-builtin")
        compile(PLUGIN.format(name), *flags, name=f"{name}.so")
    program = compile(PLUGINS, f"-Wl,-rpath,{debugger.directory}")
    result = debugger.session(program, [*steps, "tmpalloc summary -r 0"])
    if result.exit_statuses == [4]:
        pytest.skip("the dynamic linker puts each library elsewhere here")
    assert result.exit_statuses == [3], result.text
    rows = re.findall(r"(?m)^work_(.) at \S+ .*%\s+(\d+)\s+100", result.outputs[-1])
    return {name: int(count) for name, count in rows}, result


def test_libraries_that_take_each_others_place_keep_their_names(debugger, compile, start):
    counts, result = run_plugins(debugger, compile, [start, debugger.run()])
    assert counts == {"a": 33, "b": 36, "c": 39}, result.text


def test_libraries_that_take_each_others_place_between_stop_and_start_do_too(
    debugger, compile, start
):
    go, delete = debugger.continue_(), debugger.delete_breakpoints()
    steps = [start, debugger.break_at("checkpoint"), debugger.run(), go, "tmpalloc stop", go]
    counts, result = run_plugins(debugger, compile, [*steps, start, delete, go])
    assert counts == {"a": 1 + 11 + 21, "b": 12 + 22, "c": 3 + 13 + 23}, result.text
