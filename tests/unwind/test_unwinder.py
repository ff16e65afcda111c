"""Call stacks against backtrace(), and read-set memoisation against unwinding anew.

The driver compares at each stop; its `differences` must be empty.
"""

import pytest
from library.compiled import PROGRAMS
from library.support import PROGRAMS, built, execute

BUILDS = {
    "gcc O0": ("gcc", "-O0"),
    "gcc O2": ("gcc", "-O2"),
    "gcc O2 frame pointer": ("gcc", "-O2", "-fno-omit-frame-pointer"),
    "gcc O2 not position independent": ("gcc", "-O2", "-no-pie", "-fno-pie"),
    "gcc debug_frame only": ("gcc", "-O2", "-g", "-fno-asynchronous-unwind-tables"),
    "clang O0": ("clang", "-O0"),
    "clang O2": ("clang", "-O2"),
}
SCENES = [
    "recursion",
    "loop",
    "alloca",
    "large",
    "realigned",
    "tail_call",
    "signals",
    "alternate_stack",
    "faults",
    "threads",
    "long_jump",
    "plain",
]


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """The target in every build: name -> path."""
    directory = tmp_path_factory.mktemp("stacks")
    built = {}

    def program(name):
        if name not in built:
            compiler, *options = BUILDS[name]
            path = directory / name.replace(" ", "-")
            execute(compiler, "-pthread", PROGRAMS / "stacks.c", *options, "-o", path)
            built[name] = path
        return built[name]

    return program


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("build", [b for b in BUILDS if "debug_frame" not in b])
def test_stacks_are_those_of_backtrace(programs, unwind, build, scene):
    answer = unwind(programs(build), scene)
    assert answer["differences"] == []
    assert answer["exit_status"] == 0
    assert answer["stops"] > 1 or scene == "large"
    assert answer["truncated"] == 0
    assert answer["hits"] + answer["unwinds"] == 2 * answer["stops"]


def test_a_program_without_eh_frame_is_unwound_by_its_debug_frame(programs, unwind):
    # backtrace() needs .eh_frame, so there is nothing to compare with but the same program with it.
    answer = unwind(programs("gcc debug_frame only"), "recursion")
    assert answer["truncated"] == 0
    assert answer["longest"] == unwind(programs("gcc O2"), "recursion")["longest"]


def test_a_stack_through_code_without_call_frame_information_ends_there(unwind, tmp_path):
    path = tmp_path / "without"
    options = ["-O2", "-fno-asynchronous-unwind-tables", "-fno-exceptions"]
    execute("gcc", "-pthread", PROGRAMS / "stacks.c", *options, "-o", path)
    answer = unwind(path, "plain")
    assert answer["truncated"] == answer["stops"]
    assert answer["longest"] == 1


def test_a_stack_of_its_own_is_walked_to_its_end(programs, unwind):
    answer = unwind(programs("gcc O2"), "coroutine")
    assert answer["differences"] == []
    assert answer["stacks"] == 4


@pytest.mark.parametrize("build", ["gcc O2", "gcc O2 frame pointer"])
def test_saved_registers_that_matter_to_no_frame_do_not_cause_unwinding(programs, unwind, build):
    answer = unwind(programs(build), "loop")
    assert (answer["stops"], answer["unwinds"], answer["stacks"]) == (100, 1, 1)


def test_a_stack_without_frame_pointers_needs_no_registers(programs, unwind):
    assert unwind(programs("gcc O2"), "loop")["register_reads"] == 0


def test_equal_stacks_of_several_threads_are_unwound_once(programs, unwind):
    answer = unwind(programs("gcc O2"), "threads")
    assert (answer["stops"], answer["unwinds"], answer["stacks"]) == (20, 5, 5)


@pytest.mark.parametrize("build", ["gcc O0", "gcc O2"])
def test_stacks_on_a_signal_stack_are_unwound_once(programs, unwind, build):
    answer = unwind(programs(build), "alternate_stack")
    assert (answer["stops"], answer["unwinds"], answer["stacks"]) == (10, 3, 3)


def test_frames_of_varying_size_are_unwound_once_for_each_size(programs, unwind):
    answer = unwind(programs("gcc O2"), "alloca")
    assert (answer["stops"], answer["unwinds"], answer["stacks"]) == (40, 10, 1)


def test_stack_memory_is_read_directly_when_it_is_the_same(programs, unwind):
    assert unwind(programs("gcc O2"), "recursion")["proc"] is True


@pytest.mark.parametrize("build", ["gcc O2", "gcc O0"])
def test_a_stack_deeper_than_the_limit_is_marked_truncated(programs, unwind, build):
    answer = unwind(programs(build), "deep")
    assert answer["differences"] == []
    assert (answer["longest"], answer["truncated"]) == (1024, 1)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_the_depth_limit_can_be_lower(programs, unwind, depth):
    answer = unwind(programs("gcc O2"), "recursion", depth=depth)
    assert answer["differences"] == []
    assert answer["longest"] == depth
    assert answer["truncated"] == answer["stops"]


def test_a_stack_as_deep_as_the_limit_is_not_truncated(programs, unwind):
    depth = unwind(programs("gcc O2"), "plain")["longest"]
    assert unwind(programs("gcc O2"), "plain", depth=depth)["truncated"] == 0
    assert unwind(programs("gcc O2"), "plain", depth=depth - 1)["truncated"] == 2


def test_a_library_that_takes_the_place_of_another_is_unwound_anew(programs, unwind, tmp_path):
    for i, room in enumerate([100, 3000]):
        options = ["-shared", "-fPIC", "-O1", f"-DROOM={room}", "-o", tmp_path / f"turn{i}.so"]
        execute("gcc", PROGRAMS / "turn.c", *options)
    environment = {"LIBRARIES": str(tmp_path)}
    answer = unwind(programs("gcc O2"), "libraries", env=environment)
    assert answer["differences"] == []
    assert (answer["stops"], answer["truncated"], answer["stacks"]) == (6, 0, 2)
