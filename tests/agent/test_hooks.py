"""The same calls count the same, however their functions are hooked and whoever implements them."""

import os
import re
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
CONTRACT = (HERE.parents[1] / "include" / "tmpalloc" / "agent_image.h").read_text()
ENTRY_POINTS = re.findall(r"KIND\((\w+)\)", CONTRACT)
HOOKING = ["not hooked", "interposed", "patched", "relocated", "refused"]
#: Offsets in struct agent_image.
ENTRY_POINTS_OFFSET, HOOKING_OFFSET = 136, 648

SHARED = {
    "jemalloc": "libjemalloc.so.2",
    "tcmalloc_minimal": "libtcmalloc_minimal.so.4",
    "mimalloc": "libmimalloc.so.2",
}
#: Debian has no archive of mimalloc.
STATIC = ["jemalloc", "tcmalloc_minimal"]
#: Debian's mimalloc is compiled as C, and ends the program instead of throwing an exception.
CANNOT_THROW = {"mimalloc": ["-DCANNOT_THROW"]}


class Observation(dict):
    """What was counted, and how."""

    def __init__(self, counted, dump):
        super().__init__(counted)
        data = dump.read_bytes()
        self._anchor = int.from_bytes(data[:8], "little")
        self._segments, at = [], 8
        while at < len(data):
            start, size = (int.from_bytes(data[at + i : at + i + 8], "little") for i in (0, 8))
            self._segments.append((start, data[at + 16 : at + 16 + size]))
            at += 16 + size
        image = self._number(self._anchor + 24)
        rows = range(len(ENTRY_POINTS))
        self.addresses = [self._number(image + ENTRY_POINTS_OFFSET + 8 * i) for i in rows]
        hooking = [self._number(image + HOOKING_OFFSET + i, 1) for i in rows]
        #: How each entry point was hooked.
        self.hooking = {name: HOOKING[h] for name, h in zip(ENTRY_POINTS, hooking)}

    def _number(self, address, width=8):
        for start, data in self._segments:
            if start <= address < start + len(data):
                return int.from_bytes(data[address - start :][:width], "little")
        raise KeyError(hex(address))

    def names(self, address):
        return {n for n, a in zip(ENTRY_POINTS, self.addresses) if a == address}

    def entries(self, site):
        """The names of the function that a site's stack begins with."""
        return self.names(site["stack"]["frames"][0][0])

    def numbers(self, *names):
        return tuple(self["totals"][name] for name in names)


class Hooked:
    """Compiles programs and runs them with the agent preloaded, or loaded by themselves later."""

    def __init__(self, way, agent, observer, compile, read_image, directory):
        self.way, self.agent, self.observer = way, agent, observer
        self._compile, self._read_image, self._directory = compile, read_image, directory

    def compile(self, text, *flags, language="c"):
        flags = ["-fno-builtin", "-no-pie", "-pthread", "-D_GNU_SOURCE", "-I", str(HERE), *flags]
        text = f'#include "observer.h"\n{text}'
        return self._compile(text, *flags, str(self.observer), language=language)

    def environment(self, libraries=(), mappings=False, depth=None, first=()):
        words = ["mappings"] * mappings + [f"stack-depth={depth}"] * bool(depth)
        preloaded = [*first, *[self.agent] * (self.way == "preloaded"), self.observer, *libraries]
        variables = {"LD_PRELOAD": ":".join(map(str, preloaded))}
        variables["OBSERVER_DUMP"] = str(self._directory / "dump")
        if self.way == "preloaded":
            variables["TMPALLOC_AGENT"] = ",".join(words)
        else:
            variables["OBSERVER_AGENT"] = str(self.agent)
            variables |= {"OBSERVER_MAPPINGS": "1"} if mappings else {}
            variables |= {"OBSERVER_DEPTH": str(depth)} if depth else {}
        return os.environ | variables

    def run(self, program, *arguments, **options):
        command = [str(program), *map(str, arguments)]
        environment = self.environment(**options)
        done = subprocess.run(command, env=environment, capture_output=True, timeout=120)
        assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
        return Observation(self._read_image(), self._directory / "dump")

    def observe(self, text, *arguments, flags=(), language="c", **options):
        return self.run(self.compile(text, *flags, language=language), *arguments, **options)


@pytest.fixture
def make_hooked(agent, observer, compile, read_image, tmp_path):
    return lambda way: Hooked(way, agent, observer, compile, read_image, tmp_path)


@pytest.fixture(params=["preloaded", "late"])
def hooked(request, make_hooked):
    return make_hooked(request.param)


@pytest.fixture
def late(make_hooked):
    return make_hooked("late")


def temporaries(image):
    return sum(d["count"] for site in image["sites"] for d in site["by_distance"])


# The C library.

FAMILY = r"""#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
int main(void) {
    void *block;
    observe_begins();
    free(malloc(1));
    free(calloc(2, 2));
    free(memalign(64, 3));
    free(aligned_alloc(64, 64));
    free(valloc(5));
    free(pvalloc(6));
    if (posix_memalign(&block, 64, 7)) return 1;
    free(block);
    block = realloc(NULL, 8);               /* which calls malloc */
    block = realloc(block, 9);
    if (realloc(block, SIZE_MAX / 2)) return 2;
    if (reallocarray(block, SIZE_MAX / 2, 4)) return 3;
    if (realloc(block, 0)) return 4;        /* which calls free */
    block = reallocarray(NULL, 2, 5);       /* which calls realloc */
    block = reallocarray(block, 3, 5);
    free(block);
    free(strdup("ten bytes"));
    free(NULL);
    observe_ends();
    return 0;
}"""


def test_functions_that_call_each_other_count_once(hooked):
    image = hooked.observe(FAMILY)
    counted = image.numbers("allocations", "deallocations", "dropped")
    assert counted == (12, 12, 0)
    assert temporaries(image) == 12
    sizes = {site["max_size"]: image.entries(site) for site in image["sites"]}
    assert sizes[8] == sizes[9] == {"realloc"}
    assert "reallocarray" in sizes[15]
    expected = "interposed" if hooked.way == "preloaded" else "patched"
    family = ENTRY_POINTS[: ENTRY_POINTS.index("free") + 1]
    assert {name: image.hooking[name] for name in family} == dict.fromkeys(family, expected)


def test_what_the_c_library_returns_at_thread_exit_is_no_event(hooked):
    image = hooked.observe(
        """#include <pthread.h>
        #include <stdlib.h>
        static void *run(void *arg) {
            void *blocks[6];
            for (int i = 0; i < 6; i++) blocks[i] = malloc(100);
            for (int i = 0; i < 6; i++) free(blocks[i]);   /* into a cache of the thread's own */
            return NULL;
        }
        int main(void) {
            observe_begins();
            for (int i = 0; i < 20; i++) {
                pthread_t thread;
                pthread_create(&thread, NULL, run, NULL);
                pthread_join(thread, NULL);
            }
            observe_ends();
            return 0;
        }"""
    )
    (site,) = [s for s in image["sites"] if s["max_size"] == 100]
    assert site["allocations"] == 120
    # Besides, the C library allocates for the first thread what it keeps.
    assert image["totals"]["deallocations"] == 120
    assert image["totals"]["dropped"] == 0


def test_stacks_are_no_deeper_than_was_asked_for(hooked):
    text = """#include <stdlib.h>
    static void __attribute__((noinline)) one(void) { free(malloc(3)); __asm__ volatile(""); }
    static void __attribute__((noinline)) two(void) { one(); __asm__ volatile(""); }
    int main(void) { observe_begins(); two(); observe_ends(); return 0; }"""
    (site,) = hooked.observe(text, depth=2)["sites"]
    # The entry point is one of them.
    assert len(site["stack"]["frames"]) == 2 and site["stack"]["truncated"]
    (site,) = hooked.observe(text)["sites"]
    assert len(site["stack"]["frames"]) > 4 and not site["stack"]["truncated"]


# Mappings.

MAPPINGS = """#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
static void *map(size_t size) {
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static void *run(void *arg) { return NULL; }
int main(void) {
    pthread_t thread;
    char *before = map(4096), *block;
    observe_begins();
    munmap(map(5000), 5000);                /* a temporary */
    block = map(16384);
    munmap(block, 4096);                    /* a part of it: nothing */
    munmap(block, 16384);                   /* a temporary */
    munmap(before, 4096);                   /* not known */
    if (mmap(NULL, 0, PROT_READ, MAP_PRIVATE, -1, 0) != MAP_FAILED) return 1;
    if (mmap64(NULL, 4096, PROT_READ, MAP_PRIVATE, -1, 0) != MAP_FAILED) return 2;
    munmap(mmap64(NULL, 777, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 777);
    free(malloc(1 << 20));                  /* maps for itself */
    pthread_create(&thread, NULL, run, NULL);
    pthread_join(thread, NULL);
    observe_ends();
    return 0;
}"""


def test_mappings_count_by_their_range(hooked):
    image = hooked.observe(MAPPINGS, mappings=True)
    sizes = {s["max_size"]: (s["allocations"], temporaries({"sites": [s]})) for s in image["sites"]}
    assert {size: sizes[size] for size in (777, 5000, 16384, 1 << 20)} == dict.fromkeys(
        (777, 5000, 16384, 1 << 20), (1, 1)
    )
    assert image["totals"]["deallocations"] == 5
    assert image["totals"]["dropped"] == 0
    # The rest is what the C library allocates for a thread.
    assert all(size < 1024 for size in set(sizes) - {777, 5000, 16384, 1 << 20})


def test_mappings_count_only_when_asked_for(hooked):
    image = hooked.observe(MAPPINGS)
    assert image["totals"]["deallocations"] == 1
    assert image["totals"]["dropped"] == 0


# One thread.


def test_only_the_selected_thread_counts(hooked):
    image = hooked.observe(
        """#include <pthread.h>
        #include <stdlib.h>
        #include <unistd.h>
        static volatile int done;
        static void *run(void *arg) {
            while (!done) free(malloc(50));
            return malloc(60);
        }
        static void *last(void *arg) { free(malloc(70)); return NULL; }
        int main(void) {
            pthread_t threads[2], late;
            for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, run, NULL);
            observe_only(gettid());
            observe_begins();
            for (int i = 0; i < 10000; i++) free(malloc(10));
            pthread_create(&late, NULL, last, NULL);
            pthread_join(late, NULL);
            done = 1;
            for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
            observe_ends();
            return 0;
        }"""
    )
    sizes = {site["max_size"]: site["allocations"] for site in image["sites"]}
    assert sizes[10] == 10000
    assert not sizes.keys() & {50, 60, 70}
    assert {tuple(site["threads"]) for site in image["sites"]} == {(image["pid"],)}
    assert image["totals"]["dropped"] == 0


# Nesting.

#: An allocator that never gets anything back, with functions that use each other, for handlers too.
BUMP = r"""#include <stddef.h>
#include <stdint.h>
#include <string.h>
static char heap[512 << 20];
static size_t used;
void *memalign(size_t alignment, size_t size) {
    size_t start = __atomic_fetch_add(&used, size + alignment + 16, __ATOMIC_RELAXED) + 16;
    start += -(uintptr_t)(heap + start) & (alignment - 1);
    return heap + start;
}
void *malloc(size_t size) {
    void *block = memalign(16, size);
    for (volatile int i = 0; i < 20; i++) continue;
    ((size_t *)block)[-1] = size;
    return block;
}
void free(void *block) {
    for (volatile int i = 0; i < 20; i++) continue;
    __asm__ volatile("" : : "r"(block) : "memory");
}
void *calloc(size_t count, size_t size) { return malloc(count * size); }
void *realloc(void *block, size_t size) {
    void *moved = malloc(size);
    if (block) {
        size_t old = ((size_t *)block)[-1];
        memcpy(moved, block, old < size ? old : size);
        free(block);
    }
    return moved;
}"""


@pytest.fixture
def bump(compile):
    flags = ["-fno-builtin", "-fPIC", "-shared"]
    return compile(BUMP, *flags, name="bump.so")


def test_an_allocators_calls_of_its_own_functions_count_once(hooked, bump):
    image = hooked.observe(
        """#include <stdlib.h>
        int main(void) {
            observe_begins();
            for (int i = 0; i < 1000; i++) {
                void *block = calloc(1, 10);
                free(realloc(block, 20));
            }
            observe_ends();
            return 0;
        }""",
        libraries=[bump],
    )
    assert image.numbers("allocations", "deallocations", "dropped") == (2000, 2000, 0)
    assert {site["max_size"]: site["allocations"] for site in image["sites"]} == {10: 1000, 20: 1000}


def test_each_call_of_a_handler_counts_or_is_dropped(hooked, bump):
    image = hooked.observe(
        """#include <signal.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/time.h>
        #include <unistd.h>
        static volatile long handled;
        static char stack[65536];
        static void handle(int number) { free(malloc(13)); handled++; }
        int main(int argc, char **argv) {
            stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
            struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
            struct itimerval often = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
            char text[40];
            long rounds = 0;
            sigaltstack(&alternate, NULL);
            sigaction(SIGALRM, &action, NULL);
            observe_begins();
            setitimer(ITIMER_REAL, &often, NULL);
            for (; handled < 3000; rounds++) free(realloc(malloc(10), 20));
            setitimer(ITIMER_REAL, &never, NULL);
            observe_ends();
            int length = 0;
            for (long n = 3 * rounds, i = 0; i < 2; n = handled, i++) {
                char digits[20];
                int count = 0;
                for (; n; n /= 10) digits[count++] = '0' + n % 10;
                while (count) text[length++] = digits[--count];
                text[length++] = ' ';
            }
            return write(open(argv[1], 65, 0600), text, length) != length;
        }""".replace("#include <signal.h>", "#include <fcntl.h>\n#include <signal.h>"),
        hooked.observer.parent / f"said-{hooked.way}",
        libraries=[bump],
    )
    said = (hooked.observer.parent / f"said-{hooked.way}").read_text().split()
    calls, handled = map(int, said)
    counted = image.numbers("allocations", "deallocations", "dropped")
    # A realloc is two events of one call.
    assert sum(counted) == calls // 3 * 4 + 2 * handled
    sizes = {site["max_size"]: 0 for site in image["sites"]}
    for site in image["sites"]:
        sizes[site["max_size"]] += site["allocations"]
    assert sizes[10] == sizes[20] == calls // 3
    assert 0 < sizes[13] < handled
    assert counted[2] == 2 * (handled - sizes[13])


# Signals and jumps.


# An allocator function during which the program gets a signal.
RAISING = """#include <signal.h>
#include <stddef.h>
void *__libc_memalign(size_t, size_t);
void *valloc(size_t size) {
    raise(SIGUSR1);
    return __libc_memalign(4096, size);
}"""


@pytest.fixture
def raising(compile):
    return compile(RAISING, "-fPIC", "-shared", name="raising.so")


def test_only_a_handler_in_the_middle_of_a_call_is_dropped_and_that_is_counted(hooked, raising):
    image = hooked.observe(
        """#include <signal.h>
        #include <stdlib.h>
        static void handle(int number) { free(malloc(13)); }
        int main(void) {
            signal(SIGUSR1, handle);
            observe_begins();
            for (int i = 0; i < 1000; i++) {
                raise(SIGUSR1);
                free(valloc(100));
            }
            observe_ends();
            return 0;
        }""",
        libraries=[raising],
    )
    sites = {s["max_size"]: s for s in image["sites"]}
    assert sites[13]["allocations"] == temporaries({"sites": [sites[13]]}) == 1000
    assert sites[100]["allocations"] == temporaries({"sites": [sites[100]]}) == 1000
    assert image["totals"]["dropped"] == 2000


@pytest.mark.parametrize("alternate", [0, 1])
def test_a_call_that_a_handler_left_by_longjmp_is_over(hooked, raising, alternate):
    image = hooked.observe(
        """#include <setjmp.h>
        #include <signal.h>
        #include <stdlib.h>
        static sigjmp_buf place;
        static char stack[65536];
        static void handle(int number) { siglongjmp(place, 1); }
        static void __attribute__((noinline)) deeper(int depth) {
            volatile char frame[400];
            frame[0] = 0;
            if (depth) deeper(depth - 1); else free(malloc(7));
            frame[1] = 0;
        }
        int main(int argc, char **argv) {
            stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
            struct sigaction action = {.sa_handler = handle};
            if (atoi(argv[1]) && sigaltstack(&alternate, NULL) == 0) action.sa_flags = SA_ONSTACK;
            sigaction(SIGUSR1, &action, NULL);
            observe_begins();
            for (int i = 0; i < 100; i++)
                if (sigsetjmp(place, 1) == 0) valloc(100); else deeper(i % 7);
            observe_ends();
            return 0;
        }""",
        alternate,
        libraries=[raising],
    )
    assert temporaries(image) == 100
    assert image["totals"]["dropped"] == 0


# Operators of C++.

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


# Getting in and out.


def test_a_library_that_is_only_loaded_does_nothing(late, tmp_path):
    program = late.compile(
        r"""#include <stdio.h>
        #include <stdlib.h>
        #include <unistd.h>
        int main(void) {
            setenv("LD_PRELOAD", "something else", 1);
            observe_loads();
            free(malloc(1));
            puts(getenv("LD_PRELOAD"));
            fflush(stdout);
            observe_dump(getenv("OBSERVER_DUMP"));
            return 0;
        }"""
    )
    done = subprocess.run([program], env=late.environment(), capture_output=True, text=True)
    assert done.stdout == "something else\n"
    data = (tmp_path / "dump").read_bytes()
    assert b"tmpalloc-agent\x1a\0" in data
    assert data.count(b"tmpalloc-agent\x1a\0") == 1  # the anchor leads to no image


INSTALLING = r"""#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
static const char *const names[] = {"malloc", "free", "calloc", "realloc", "reallocarray", "memalign",
    "valloc", "pvalloc", "posix_memalign", "mmap", "munmap", "dlclose"};
#define COUNT (sizeof names / sizeof names[0])
static char before[COUNT][64];
static int is_changed(void) {
    int changed = 0;
    for (unsigned i = 0; i < COUNT; i++)
        changed += memcmp(before[i], dlsym(RTLD_DEFAULT, names[i]), 64) != 0;
    return changed;
}
int main(void) {
    for (unsigned i = 0; i < COUNT; i++) memcpy(before[i], dlsym(RTLD_DEFAULT, names[i]), 64);
    observe_loads();
    if (is_changed()) return 1;
    for (int i = 0; i < 5; i++) {
        if (observe_installs() != 0 || !is_changed()) return 2;
        observe_uninstalls();
        if (is_changed()) return 3;
    }
    for (int i = 0; i < 3; i++) {
        observe_begins();
        for (int j = 0; j < 10; j++) free(malloc(10));
        observe_ends();
        if (is_changed()) return 4;
        for (int j = 0; j < 10; j++) free(malloc(20));   /* not seen */
    }
    return 0;
}"""


def test_hooks_come_and_go_any_number_of_times(late):
    image = late.observe(INSTALLING)
    (site,) = image["sites"]
    assert (site["max_size"], site["allocations"]) == (10, 30)
    assert image["totals"]["dropped"] == 0


def test_a_function_that_cannot_be_patched_is_reached_by_its_pointers(late, compile):
    # It jumps to its own second instruction.
    looping = compile(
        """__asm__(".globl valloc\\n.type valloc, @function\\n"
            "valloc: xor %eax, %eax\\n"
            "1: inc %eax\\ncmp $3, %eax\\njne 1b\\n"
            "mov %rdi, %rsi\\nmov $4096, %edi\\njmp memalign@PLT\\n"
            ".size valloc, . - valloc");""",
        "-fPIC",
        "-shared",
        name="looping.so",
    )
    image = late.observe(
        """#include <stdlib.h>
        int main(void) {
            for (int i = 0; i < 3; i++) {
                observe_begins();
                free(valloc(10));
                observe_ends();
                free(valloc(20));
            }
            return 0;
        }""",
        flags=[str(looping)],
    )
    assert image.hooking["valloc"] == "relocated"
    assert image.numbers("allocations", "deallocations", "dropped") == (3, 3, 0)
    assert {frozenset(image.entries(site)) for site in image["sites"]} == {frozenset({"valloc"})}


def test_a_call_in_progress_returns_after_the_hooks_are_gone(late, compile):
    waiting = compile(
        """#include <stddef.h>
        #include <unistd.h>
        volatile int is_waiting, may_go;
        static char block[64];
        void *valloc(size_t size) {
            is_waiting = 1;
            while (!may_go) usleep(100);
            return block;
        }""",
        "-fPIC",
        "-shared",
        name="waiting.so",
    )
    image = late.observe(
        """#include <pthread.h>
        #include <stdlib.h>
        #include <unistd.h>
        extern volatile int is_waiting, may_go;
        static void *run(void *arg) { return valloc(10); }
        int main(void) {
            pthread_t thread;
            void *result;
            observe_begins();
            pthread_create(&thread, NULL, run, NULL);
            while (!is_waiting) usleep(100);
            observe_ends();
            may_go = 1;
            pthread_join(thread, &result);
            return result == NULL;
        }""",
        flags=[str(waiting)],
    )
    assert image["totals"]["dropped"] == 0


def test_the_program_finds_no_error_that_is_not_its_own(hooked):
    hooked.observe(
        """#include <dlfcn.h>
        int main(void) {
            observe_begins();
            const char *message = dlerror();
            observe_ends();
            return message != 0;
        }"""
    )
