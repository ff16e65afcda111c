"""The same calls count the same, however their functions are hooked."""

from library.hooked import ENTRY_POINTS, FAMILY, temporaries


def test_functions_that_call_each_other_count_once(hooked):
    image = hooked.observe(FAMILY)
    counted = image.numbers("allocations", "deallocations", "dropped")
    assert counted == (12, 12, 0)
    assert temporaries(image) == 12
    sizes = {site["max_size"]: image.entries(site) for site in image["sites"]}
    assert sizes[8] == sizes[9] == {"realloc"}
    assert "reallocarray" in sizes[15]
    family = ENTRY_POINTS[: ENTRY_POINTS.index("pvalloc") + 1]
    assert {name: image.hooking[name] for name in family} == dict.fromkeys(family, "patched")


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
        static volatile int begun, done;
        /* Code is patched only where no thread is: a debugger stops them, here they wait. */
        static void *run(void *arg) {
            while (!begun) continue;
            while (!done) free(malloc(50));
            return malloc(60);
        }
        static void *last(void *arg) { free(malloc(70)); return NULL; }
        int main(void) {
            pthread_t threads[2], late;
            for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, run, NULL);
            observe_only(gettid());
            observe_begins();
            begun = 1;
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


#: Makes children that share memory, and doesn't wait until they have ended.
CLONES = r"""#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static volatile int made, seen;
static void *volatile kept;
static int in_child(void *unused) {
    while (made == seen) continue;
    for (int i = 0; i < 5; i++) free(kept = malloc(100));
    _exit(5);
}
int main(void) {
    static char stack[65536];
    observe_begins();
    for (int i = 0; i < 20; i++) {
        int status = 0;
        pid_t child = clone(in_child, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
        for (int j = 0; j < 10; j++) free(kept = malloc(10));
        made++;
        if (child <= 0 || waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 5) return 1;
        seen++;
        free(kept = malloc(10));
    }
    observe_ends();
    return 0;
}"""


def test_a_child_that_shares_memory_while_its_parent_runs_counts_nowhere(hooked):
    image = hooked.observe(CLONES)
    assert image.numbers("allocations", "deallocations") == (220, 220)
