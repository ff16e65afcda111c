"""Allocator functions that call each other, handlers of signals, and jumps out of them."""

import pytest
from library.hooked import temporaries

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
