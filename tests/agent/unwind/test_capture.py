"""Call stacks inside the debuggee against _Unwind_Backtrace's, one for one."""

import os
import re
import shutil
from pathlib import Path

import pytest
from library.support import CORE_FLAGS, core_sources, execute

HERE = Path(__file__).resolve().parent
SOURCES = core_sources(
    "capture*.c", "cfi_*.c", "c_library.c", "loaded_file.c", "own_stack.c", "own_stack_switch.S",
    "sandbox_state.c", "arena.c", "check_trap.c", "map.c", "memory.c", "memory_libc.c",
    "frame_code_x86_64.c", "memo.c", "unwinder_expression.c",
)  # fmt: skip
# More for a longer run: 24000 are about three million captures per compiler.
ROUNDS = int(os.environ.get("TMPALLOC_CAPTURE_ROUNDS", "400"))
SECONDS = 600

COMPILERS = [
    ("g++", "-O2"),
    ("g++", "-O0"),
    ("g++", "-O2", "-fno-omit-frame-pointer"),
    ("g++", "-O3", "-mavx2", "-fomit-frame-pointer"),
    ("g++", "-O2", "-fstack-protector-all", "-fstack-clash-protection", "-fcf-protection"),
    ("clang++", "-O2"),
    ("clang++", "-O1", "-mavx2", "-fno-omit-frame-pointer"),
]


class Checker:
    """The checking library, and programs that run with it."""

    def __init__(self, folder):
        self.folder = folder
        self.library = folder / "capture_check.so"
        execute(
            "gcc", *CORE_FLAGS, "-fno-omit-frame-pointer", "-fvisibility=hidden", "-fPIC", "-shared",
            "-Wl,--no-undefined", HERE / "capture_check.c", *SOURCES, "-o", self.library,
        )  # fmt: skip
        self.plugins = [folder / "plugin_512.so", folder / "plugin_1024.so"]
        for frame, plugin in zip((512, 1024), self.plugins):
            execute(
                "gcc", "-O2", "-fPIC", "-shared", f"-DFRAME={frame}", HERE / "plugin.c",
                "-o", plugin,
            )  # fmt: skip

    def run(self, output, *command, **variables):
        """The counts of the program's processes, summed, and its output."""
        env = {"LD_PRELOAD": self.library, "CAPTURE_CHECK": output, **variables}
        env = {name: str(value) for name, value in env.items()}
        text = execute(*command, env=env, seconds=SECONDS)
        counts = dict.fromkeys(("captures", "differences", "truncated", "walks", "unknown"), 0)
        lines = output.read_text()
        for name, count in re.findall(r"(captures|differences|truncated|walks|unknown) (\d+)", lines):
            counts[name] += int(count)
        assert counts["differences"] == 0, lines
        return counts, text


@pytest.fixture(scope="session")
def checker(tmp_path_factory):
    return Checker(tmp_path_factory.mktemp("capture"))


def compile_scenes(compiler, path):
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"there is no {compiler[0]}")
    execute(*compiler, "-g", "-w", "-pthread", HERE / "scenes.cpp", "-o", path)


@pytest.mark.parametrize("compiler", COMPILERS, ids=" ".join)
def test_every_stack_of_an_adversarial_program_is_the_unwinders(checker, compiler, tmp_path):
    scenes = tmp_path / "scenes"
    compile_scenes(compiler, scenes)
    counts, reused = checker.run(tmp_path / "counts", scenes, ROUNDS, 3, *checker.plugins)
    assert counts["captures"] > 50 * ROUNDS and counts["truncated"] > 0
    assert counts["walks"] < counts["captures"] / 3
    assert int(reused) > 0, "no two libraries were at one address"


def test_a_stack_deeper_than_the_limit_is_its_innermost_frames(checker, tmp_path):
    scenes = tmp_path / "scenes"
    compile_scenes(("g++", "-O2"), scenes)
    counts, _ = checker.run(
        tmp_path / "counts", scenes, 400, 2, *checker.plugins, CAPTURE_CHECK_DEPTH=7
    )
    assert counts["truncated"] > counts["captures"] / 4


@pytest.mark.parametrize(
    "command",
    [
        ("/usr/bin/python3", "-c", "import json, decimal; print([json.dumps([i]) for i in range(999)])"),
        ("perl", "-e", 'for (1..3000) { $h{$_} = [$_, "x" x ($_ % 50)] } print scalar(keys %h)'),
        ("iconv", "-f", "latin1", "-t", "utf-7", "/etc/passwd"),
        ("gcc", "-O2", "-S", HERE / "plugin.c", "-DFRAME=64", "-o", "/dev/null"),
    ],
    ids=lambda command: Path(command[0]).name,
)  # fmt: skip
def test_every_stack_of_a_real_program_is_the_unwinders(checker, command, tmp_path):
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]}")
    counts, _ = checker.run(tmp_path / "counts", *command)
    assert counts["captures"] > 20 and counts["walks"] > 0 and counts["unknown"] == 0


@pytest.fixture(scope="session", params=["-fomit-frame-pointer", "-fno-omit-frame-pointer"])
def captures(request, tmp_path_factory):
    """Runs the driver, built with and without frame pointers."""
    path = tmp_path_factory.mktemp("captures") / "capture_captures"
    execute(
        "gcc", *CORE_FLAGS, request.param, "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all", "-pthread", HERE / "capture_captures.c", *SOURCES, "-o", path,
    )  # fmt: skip

    def run(mode, *arguments):
        return execute(path, mode, *arguments, seconds=SECONDS)

    return run


def test_each_allocation_may_fail_once_without_a_wrong_stack(captures):
    captures("faults")


def test_a_cache_finds_its_entries_again_in_another_thread(captures):
    captures("reuse")


def test_wrong_frame_information_ends_a_stack_at_unreadable_memory(captures):
    captures("broken")


def test_equal_addresses_in_different_libraries_are_different_stacks(captures, checker):
    captures("unloaded", *checker.plugins)


def test_no_stack_is_walked_twice(captures):
    captures("paths")


def test_the_frame_pointer_tells_stacks_apart(captures):
    captures("pointers")


def test_the_benchmark_finds_its_stacks_again(captures):
    assert captures("bench").endswith(", 64 walks\n")
