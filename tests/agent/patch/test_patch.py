"""Hooks in a running process: jumps at the beginning of functions, and redirected pointers."""

from pathlib import Path

import pytest
from library.support import CORE_FLAGS, LIBRARIES, core_sources, execute, soname

HERE = Path(__file__).resolve().parent
SHARED = core_sources(
    "memory.c", "map.c", "memory_mmap.c", "c_library.c", "capture_pages.c", "check_trap.c",
    "kernel_memory.c", "loaded_file.c", "loaded_symbols.c", "sandbox_state.c",
)  # fmt: skip
PATCHING = core_sources(
    "patch.c", "stub_pages.c", "code_function.c", "code_instruction.c", "code_move.c", "cfi_bytes.c",
    "cfi_functions.c", "cfi_modules.c",
)  # fmt: skip
RELOCATIONS = core_sources("relocations.c")
C_FAMILY = "malloc calloc memalign aligned_alloc posix_memalign realloc reallocarray free".split()
ALLOCATORS = {
    "glibc": (None, [*C_FAMILY, "valloc", "pvalloc"], 0),
    "jemalloc": ("libjemalloc.so.2", [*C_FAMILY, "valloc"], 15),
    "tcmalloc": ("libtcmalloc_minimal.so.4", [*C_FAMILY, "valloc", "pvalloc"], 20),
    "mimalloc": (soname("mimalloc"), [*C_FAMILY, "valloc", "pvalloc"], 15),
}


def compile_c(*arguments):
    execute("gcc", *CORE_FLAGS, "-pthread", *arguments)


@pytest.fixture(scope="session")
def check(tmp_path_factory):
    """Runs the driver; gives the words of its lines."""
    path = tmp_path_factory.mktemp("patch") / "patch_check"
    sources = [HERE / "patch_check.c", HERE / "patchable.s", *PATCHING, *SHARED]
    compile_c("-rdynamic", *sources, "-o", path)

    def run(*arguments, **environment):
        output = execute(path, *arguments, env=environment)
        return [line.split() for line in output.splitlines()]

    return run


def test_a_function_is_patched_or_refused_as_its_code_demands(check):
    cases = check("cases")
    assert [name for name, expected, status in cases if status != expected] == []
    assert len(cases) > 30


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_every_entry_point_of_an_allocator_can_be_patched_and_restored(check, allocator):
    library, names, operators = ALLOCATORS[allocator]
    if library and not (LIBRARIES / library).exists():
        pytest.skip(f"there is no {library}")
    entries = dict(check("allocator", **({"LD_PRELOAD": library} if library else {})))
    width = max(map(len, entries))
    print("\n".join(f"{allocator} {name:{width}} {what}" for name, what in entries.items()))
    assert set(entries.values()) == {"patched"}
    assert {*names, "mmap", "munmap"} <= set(entries)
    assert sum(name.startswith("_Z") for name in entries) >= operators


def test_functions_are_patched_and_restored_while_stopped_threads_are_in_them(check):
    [[_, patched, _, counted]] = check("stopped")
    assert int(patched) > 50 and counted == "1"


def test_a_file_that_was_unloaded_is_left_alone_and_patched_when_it_is_back(check, tmp_path):
    plugin = tmp_path / "plugin.so"
    compile_c("-fPIC", "-shared", HERE / "patched_plugin.c", "-o", plugin)
    check("unloaded", plugin)


def test_a_breakpoint_in_the_jump_is_left_alone(check):
    check("breakpoint")


def test_without_a_free_page_nearby_nothing_is_changed(check):
    check("crowded")


def test_without_memory_nothing_is_changed(check):
    check("faults")


EXECUTABLES = [
    ("-pie", "-fPIE"),
    ("-no-pie", "-fno-pie"),
    ("-pie", "-fPIE", "-fno-plt"),
    ("-pie", "-fPIE", "-fcf-protection", "-Wl,-z,ibtplt"),
]


@pytest.mark.parametrize("binding", ["lazy", "now"])
@pytest.mark.parametrize("executable", EXECUTABLES, ids=" ".join)
def test_every_pointer_to_a_function_is_redirected_and_restored(executable, binding, tmp_path):
    library, plugin, redirecting, program = (
        tmp_path / name for name in ("libused.so", "using.so", "redirecting.so", "program")
    )
    using = ["-L", tmp_path, "-lused", f"-Wl,-rpath,{tmp_path}"]
    linking = f"-Wl,-z,{binding}"
    shared = ["-fPIC", "-shared"]
    sources = [HERE / "relocations_library.c", *RELOCATIONS, *SHARED]
    compile_c(*shared, linking, HERE / "used.c", "-o", library)
    compile_c(*shared, linking, HERE / "using.c", "-o", plugin, *using)
    compile_c(*shared, "-fvisibility=hidden", *sources, "-o", redirecting, *using)
    compile_c(*executable, linking, HERE / "relocations_check.c", "-o", program, *using)
    execute(program, redirecting, plugin)
