"""Python frames of stopped processes against what the processes themselves printed."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from library.stopped import PYTHONS, SCENES
from library.support import built

NAMES = re.findall(r"^def (\w+)\(\):", SCENES.read_text(), re.MULTILINE)


def frames(thread):
    return [[f["name"], f["file"], f["line"]] for f in thread["frames"]]


def version(python):
    text = "import sys; print(sys.hexversion >> 16)"
    return int(subprocess.run([python, "-c", text], capture_output=True, check=True).stdout)


@pytest.mark.parametrize("scene", NAMES)
@pytest.mark.parametrize("python", PYTHONS)
def test_the_frames_are_those_that_the_program_sees(stopped, python, scene):
    program = stopped(python, SCENES, scene)
    for by_pthread in (True, False)[: 1 + (version(python) >= 0x030B)]:
        read = program.read(by_pthread=by_pthread)
        assert read["version"] == version(python)
        for (_, _, expected), thread in zip(program.threads, read["threads"], strict=True):
            assert frames(thread) == expected
            assert thread["found"] and not thread["truncated"]


def test_there_are_scenes():
    assert len(NAMES) > 15 and {"recursion", "many_threads"} < set(NAMES)


# A frame's place on the native stack, as GDB sees it: (function, lowest address of its frame).
NATIVE_STACK = """
import gdb
frame = gdb.newest_frame()
while frame:
    print("FRAME", frame.name(), int(frame.read_register("rsp")))
    frame = frame.older()
"""


def native_stack(pid, tmp_path):
    script = tmp_path / "native_stack.py"
    script.write_text(NATIVE_STACK)
    command = ["gdb", "-nx", "-batch", "-p", str(pid), "-x", script]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.findall(r"^FRAME (\S+) (\d+)$", output, re.MULTILINE)
    assert found, output
    return [(name, int(address)) for name, address in found]


def loops(native):
    """The frames of the evaluation loop: (lowest address, next frame's), innermost first."""
    addresses = [address for _, address in native] + [1 << 64]
    return [
        (address, addresses[i + 1])
        for i, (name, address) in enumerate(native)
        if name.startswith("_PyEval_EvalFrameDefault")
    ]


@pytest.mark.parametrize("scene", ["nested", "coroutines", "callbacks", "special_methods", "traced"])
@pytest.mark.parametrize("python", PYTHONS)
def test_each_entry_is_in_its_call_of_the_evaluation_loop(stopped, python, scene, tmp_path):
    program = stopped(python, SCENES, scene)
    entries = [f for f in program.read()["threads"][0]["frames"] if f["entry"]]
    if not entries:
        entries = [f for f in program.read(by_pthread=True)["threads"][0]["frames"] if f["entry"]]
    expected = loops(native_stack(program.pid, tmp_path))
    assert len(entries) == len(expected) > 0
    for entry, (start, end) in zip(entries, expected):
        assert start <= entry["loop"] < end or (version(python) < 0x030A and entry["loop"] == 0)


EMBEDDING = r"""
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
    if (!library)
        return puts(dlerror());
    ((void (*)(void))dlsym(library, "Py_Initialize"))();
    return ((int (*)(const char *))dlsym(library, "PyRun_SimpleString"))(argv[2]);
}
"""


def test_an_interpreter_in_a_library_that_was_loaded_later_is_read(stopped, tmp_path):
    libraries = sorted(Path("/usr/lib").glob("*/libpython3.1[0-9].so.1.0"))
    assert libraries, "GDB needs one"
    source = tmp_path / "embedding.c"
    source.write_text(EMBEDDING)
    subprocess.run(["gcc", source, "-o", tmp_path / "embedding"], check=True)
    text = f"import sys; sys.argv = ['', 'nested']; __file__ = {str(SCENES)!r}; exec(open(__file__).read())"
    program = stopped(tmp_path / "embedding", libraries[0], text)
    read = program.read()
    assert frames(read["threads"][0]) == program.threads[0][2]


def test_a_stripped_interpreter_of_any_name_is_read(stopped, tmp_path):
    interpreter = tmp_path / "interpreter"
    shutil.copy(Path("/usr/bin/python3").resolve(), interpreter)
    subprocess.run(["strip", "--strip-all", interpreter], check=True)
    program = stopped(interpreter, SCENES, "nested", PYTHONHOME="/usr")
    read = program.read()
    assert frames(read["threads"][0]) == program.threads[0][2]


FAULTHANDLER = """
import faulthandler, json, os, signal, tempfile, threading, gc
class Dying:
    def __del__(self):
        with tempfile.TemporaryFile("w+") as file:
            faulthandler.dump_traceback(file); file.seek(0); dump = file.read(); print(json.dumps([[threading.get_native_id(), threading.get_ident(), dump]]), flush=True); os.kill(os.getpid(), signal.SIGSTOP)
def outer(dying):
    dying = None  # its frame is where the object dies
    return dying
list(map(lambda _: outer(Dying()), [1]))
"""


@pytest.mark.parametrize("python", PYTHONS)
def test_the_frames_are_those_of_faulthandler(stopped, python):
    program = stopped(python, "-c", FAULTHANDLER)
    dump = re.findall(r'File "(.+)", line (\d+) in (.+)', program.threads[0][2])
    thread = program.read(by_pthread=True)["threads"][0]
    found = [(bytes(f["file"]).decode(), str(f["line"]), f["name"].split(".")[-1]) for f in thread["frames"]]
    assert found == dump and len(found) >= 3


def test_a_program_without_python_has_none(tmp_path):
    process = subprocess.Popen(["sleep", "60"])
    try:
        done = subprocess.run(
            [built("python_stacks"), str(process.pid), str(process.pid)], capture_output=True, check=True
        )
        assert json.loads(done.stdout) == {"answer": 1, "version": 0, "reads": 0, "threads": []}
    finally:
        process.kill()
        process.wait()


def test_deep_stacks_are_cut(stopped):
    program = stopped("/usr/bin/python3", SCENES, "recursion")
    for depth in (1, 7, 500):
        thread = program.read("-d", depth)["threads"][0]
        assert thread["truncated"]
        assert frames(thread) == program.threads[0][2][:depth]


@pytest.mark.parametrize("python", PYTHONS)
def test_memory_that_can_not_be_read_ends_the_stack(stopped, python):
    program = stopped(python, SCENES, "nested")
    whole = program.read(by_pthread=True)
    expected = frames(whole["threads"][0])
    for reads in range(1, whole["reads"] + 1):
        read = program.read("-r", reads, by_pthread=True)
        threads = read["threads"] or [{"frames": []}]
        named = [[f["name"], f["file"], f["line"]] for f in threads[0]["frames"] if "name" in f]
        assert named == expected[: len(named)]
        assert len(named) < len(expected)


def test_each_allocation_may_fail(stopped):
    program = stopped("/usr/bin/python3", SCENES, "nested")
    expected = frames(program.read()["threads"][0])
    for allocation in range(1, 5 * len(expected) + 1):
        found = program.read("-a", allocation)["threads"][0]["frames"]
        assert [f["name"] for f in found if "name" in f] == [
            name for i, (name, *_) in enumerate(expected) if i != (allocation - 1) // 5
        ]
