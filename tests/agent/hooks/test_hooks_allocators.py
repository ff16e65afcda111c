"""The same calls count the same, whoever implements their functions."""

import re
import subprocess

import pytest
from library.hooked import FAMILY, temporaries
from library.support import soname

SHARED = {
    "jemalloc": "libjemalloc.so.2",
    "tcmalloc_minimal": "libtcmalloc_minimal.so.4",
    "mimalloc": soname("mimalloc"),
}
#: Debian has no archive of mimalloc.
STATIC = ["jemalloc", "tcmalloc_minimal"]
#: Debian's mimalloc is compiled as C, and ends the program instead of throwing an exception.
CANNOT_THROW = {"mimalloc": ["-DCANNOT_THROW"]}

OPERATORS = r"""#include <cstdint>
#include <cstdlib>
#include <new>
typedef std::align_val_t alignment;
template <typename T> static T *keep(T *p) { __asm__ volatile("" : "+r"(p) : : "memory"); return p; }
static size_t volatile huge = PTRDIFF_MAX;
int main() {
    const std::nothrow_t &quiet = std::nothrow;
    const alignment wide = alignment(64);
    int refused = 0;
    observe_begins();
    operator delete(keep(operator new(10)));
    operator delete(keep(operator new(11)), 11ul);
    operator delete(keep(operator new(12, quiet)), quiet);
    operator delete(keep(operator new(64, wide)), wide);
    operator delete(keep(operator new(128, wide)), 128ul, wide);
    operator delete(keep(operator new(192, wide, quiet)), wide, quiet);
    operator delete[](keep(operator new[](20)));
    operator delete[](keep(operator new[](21)), 21ul);
    operator delete[](keep(operator new[](22, quiet)), quiet);
    operator delete[](keep(operator new[](256, wide)), wide);
    operator delete[](keep(operator new[](320, wide)), 320ul, wide);
    operator delete[](keep(operator new[](384, wide, quiet)), wide, quiet);
    operator delete(nullptr);
    free(keep(malloc(30)));
    for (int i = 0; i < 3; i++) {
#ifdef CANNOT_THROW
        refused++;
#else
        try {
            keep(operator new(huge));
        } catch (const std::bad_alloc &) {
            refused++;
        }
        if (operator new(huge, quiet)) return 1;
#endif
        free(keep(malloc(40)));
    }
    observe_ends();
    return refused != 3;
}"""
SIZES = [10, 11, 12, 20, 21, 22, *range(64, 385, 64)]


def assert_operators(image, by_operators):
    sizes = {}
    for site in image["sites"]:
        sizes.setdefault(site["max_size"], []).append(site)
    for size in SIZES:
        (site,) = sizes[size]
        assert site["allocations"] == temporaries({"sites": [site]}) == 1, size
        named = [name.startswith("_Z") for name in image.entries(site)]
        assert named and any(named) == by_operators, (size, image.entries(site))
    assert sum(site["allocations"] for site in sizes[30]) == 1
    assert sum(site["allocations"] for site in sizes[40]) == 3
    assert image["totals"]["dropped"] == 0
    # Exceptions are blocks as well, where they are allocated outside of operator new.
    thrown = [s for size in sizes.keys() - {*SIZES, 30, 40} for s in sizes[size]]
    extra = sum(site["allocations"] for site in thrown)
    assert image["totals"]["allocations"] == len(SIZES) + 4 + extra
    assert len(SIZES) + 4 + extra <= image["totals"]["deallocations"] <= len(SIZES) + 4 + 6


def test_operators_that_call_malloc_count_as_malloc(hooked):
    image = hooked.observe(OPERATORS, language="cpp")
    assert_operators(image, by_operators=False)
    assert {h for n, h in image.hooking.items() if n.startswith("_Z")} == {"not hooked"}


def test_what_only_passes_through_the_agent_is_not_on_the_stack(make_hooked, tmp_path):
    image = make_hooked("preloaded").observe(
        """#include <new>
        #include <cstdlib>
        static void __attribute__((noinline)) work() {
            void *block = operator new(10);
            __asm__ volatile("" : : "r"(block) : "memory");
            operator delete(block);
        }
        int main() { observe_begins(); work(); observe_ends(); }""",
        language="cpp",
    )
    (site,) = image["sites"]
    symbols = subprocess.check_output(["nm", "-S", tmp_path / "program"], text=True)
    start, size = re.search(r"(\w+) (\w+) t _ZL4workv", symbols).groups()
    caller = site["stack"]["frames"][2][0] - int(start, 16)
    assert 0 < caller <= int(size, 16)


@pytest.mark.parametrize("name", SHARED)
def test_a_needed_allocators_operators_count(hooked, name):
    flags = [*CANNOT_THROW.get(name, []), "-Wl,--no-as-needed", f"-l{name}"]
    image = hooked.observe(OPERATORS, flags=flags, language="cpp")
    assert_operators(image, by_operators=True)


@pytest.mark.parametrize("name", SHARED)
def test_a_preloaded_allocators_operators_count(hooked, name):
    flags = CANNOT_THROW.get(name, [])
    image = hooked.observe(OPERATORS, flags=flags, language="cpp", libraries=[SHARED[name]])
    assert_operators(image, by_operators=True)


@pytest.mark.parametrize("name", SHARED)
def test_an_allocator_before_the_agent_is_patched(make_hooked, name):
    flags = CANNOT_THROW.get(name, [])
    hooked = make_hooked("preloaded")
    image = hooked.observe(OPERATORS, flags=flags, language="cpp", first=[SHARED[name]])
    assert_operators(image, by_operators=True)
    assert image.hooking["malloc"] == image.hooking["free"] == "patched"


@pytest.mark.parametrize("language", ["c", "cpp"])
@pytest.mark.parametrize("name", STATIC)
def test_an_allocator_in_the_executable_counts(hooked, name, language):
    flags = ["-Wl,--whole-archive", f"-l:lib{name}.a", "-Wl,--no-whole-archive", "-lstdc++", "-lm"]
    if language == "cpp":
        image = hooked.observe(OPERATORS, flags=flags, language="cpp")
        assert_operators(image, by_operators=True)
    else:
        # jemalloc's realloc gives a block of no bytes, and it has no pvalloc.
        text = FAMILY.replace("if (realloc(block, 0)) return 4;", "free(block);")
        image = hooked.observe(text.replace("pvalloc", "valloc"), flags=flags)
        assert image.numbers("allocations", "deallocations", "dropped") == (12, 12, 0)
    assert image.hooking["malloc"] == image.hooking["free"] == "patched"


PLUGIN = r"""#include <cstdint>
#include <cstdio>
#include <dlfcn.h>
#include <new>
#include <string>
static size_t volatile huge = PTRDIFF_MAX;
extern "C" int plugin_works() {
    Dl_info its;
    void *(*allocate)(size_t) = operator new;
    if (!dladdr(reinterpret_cast<void *>(allocate), &its)) return 1;
    std::puts(its.dli_fname);
    std::string text(1000, 'x');
    try {
        operator delete(operator new(huge));
    } catch (const std::bad_alloc &) {
        return text.size() == 1000 ? 0 : 2;
    }
    return 3;
}"""


def test_a_plugin_of_a_c_program_has_its_own_operators(make_hooked, compile, tmp_path):
    hooked = make_hooked("preloaded")
    plugin = compile(PLUGIN, "-fPIC", "-shared", name="plugin.so", language="cpp")
    program = hooked.compile(
        """#include <dlfcn.h>
        #include <stdlib.h>
        int main(int argc, char **argv) {
            void *plugin = dlopen(argv[1], RTLD_NOW);
            int (*works)(void) = plugin ? dlsym(plugin, "plugin_works") : NULL;
            observe_begins();
            int status = works ? works() : 9;
            observe_ends();
            return status;
        }"""
    )
    image = hooked.run(program, plugin)
    done = subprocess.run([program, plugin], env=hooked.environment(), capture_output=True, text=True)
    assert "libstdc++" in done.stdout
    assert 1001 in {site["max_size"] for site in image["sites"]}
    assert image["totals"]["dropped"] == 0
