"""The agent counts what programs do, by the rules, and the program doesn't notice."""

import os
import subprocess
from bisect import bisect_right
from collections import Counter

import pytest
from library import model, streams
from library.hooked import ENTRY_POINTS
from library.support import PROGRAMS

#: The secondary functions are changed where they count.
EXPORTED = ENTRY_POINTS[: ENTRY_POINTS.index("strdup")]
HOOKS = [*EXPORTED, "dlclose", "prctl", "syscall", "vfork", "clone"]


class Functions:
    """The functions of a program that is linked to a fixed address."""

    def __init__(self, program):
        lines = subprocess.check_output(["nm", "-n", program], text=True).split("\n")
        rows = [line.split() for line in lines]
        self._rows = [(int(r[0], 16), r[2]) for r in rows if len(r) == 3 and r[1] in "tT"]

    def at(self, address):
        return self._rows[bisect_right(self._rows, (address, "~")) - 1][1]


def temporaries(site, threshold=16):
    return sum(d["count"] for d in site["by_distance"][: threshold + 1])


def all_temporaries(image, threshold=16):
    return sum(temporaries(site, threshold) for site in image["sites"])


def by_function(image, functions):
    """Sites summed over the stacks of each allocating function."""
    sums = {}
    for site in image["sites"]:
        entry, caller = site["stack"]["frames"][:2]
        assert (entry[1], caller[1]) == (1, 0)
        total = sums.setdefault(functions.at(caller[0] - 1), Counter())
        for name in ("allocations", "allocated_bytes", "larger", "equal", "by_realloc"):
            total[name] += site[name]
        for distance, amount in enumerate(site["by_distance"]):
            total[f"count {distance}"] += amount["count"]
            total[f"bytes {distance}"] += amount["bytes"]
        total["min_size"] = min(total.get("min_size", site["min_size"]), site["min_size"])
        total["max_size"] = max(total["max_size"], site["max_size"])
        total.threads = getattr(total, "threads", set()) | set(site["threads"])
    return {name: (dict(+total), sorted(total.threads)) for name, total in sums.items()}


def expected_by_function(plain):
    sums = {}
    for name, site in plain.sites(16).items():
        total = Counter({k: v for k, v in site.items() if isinstance(v, int)})
        del total["count"], total["bytes"]
        for distance, amount in enumerate(site["by_distance"]):
            total[f"count {distance}"] = amount["count"]
            total[f"bytes {distance}"] = amount["bytes"]
        sums[name] = (dict(+total), site["threads"])
    return sums


@pytest.mark.parametrize("threads", [1, 4, 8])
def test_the_agent_counts_what_the_program_logs(compile, preloaded, read_image, tmp_path, threads):
    flags = ["-D_GNU_SOURCE", "-pthread", "-no-pie"]
    program = compile(PROGRAMS / "self_logging.c", *flags)
    assert preloaded(program, 7, 20000, threads, tmp_path / "log").returncode == 0
    plain = model.Model(16).feed(streams.from_trace((tmp_path / "log").read_text()))
    image = read_image()
    assert by_function(image, Functions(program)) == expected_by_function(plain)
    totals = plain.totals(16)
    for name in ("allocations", "allocated_bytes", "deallocations", "cross_thread_frees"):
        assert image["totals"][name] == totals[name], name
    assert image["totals"]["dropped"] == 0
    assert totals["temporary"]["count"] > 1000
    assert threads == 1 or totals["cross_thread_frees"] > 0


def test_the_highest_threshold_can_be_chosen(observed):
    image = observed(
        """#include <stdlib.h>
        int main(void) {
            void *first, *others[40];
            observe_begins();
            first = malloc(1);
            for (int i = 0; i < 40; i++) others[i] = malloc(2);
            free(first);
            observe_ends();
            return others[0] == NULL;
        }""",
        options="max-threshold=40",
    )
    (site,) = [s for s in image["sites"] if s["max_size"] == 1]
    assert [d["count"] for d in site["by_distance"]] == [0] * 40 + [1]


def test_a_temporary_shows_who_frees_it(observed, tmp_path):
    image = observed(
        """#include <stdlib.h>
        static void __attribute__((noinline)) one(void *p) { free(p); __asm__ volatile(""); }
        static void __attribute__((noinline)) two(void *p) { free(p); __asm__ volatile(""); }
        int main(void) {
            observe_begins();
            for (int i = 0; i < 10; i++) {
                void *p = malloc(8);
                if (i % 2) one(p); else two(p);
            }
            observe_ends();
            return 0;
        }"""
    )
    (site,) = image["sites"]
    functions = Functions(tmp_path / "program")
    freeing = [[functions.at(pc - 1) for pc, _ in stack["frames"][1:3]] for stack in site["free_stacks"]]
    assert sorted(freeing) == [["one", "main"], ["two", "main"]]
    assert [stack["frames"][0][1] for stack in site["free_stacks"]] == [1, 1]


def test_stop_and_start_empty_the_windows_and_reset_the_counters(observed):
    image = observed(
        """#include <stdlib.h>
        int main(void) {
            void *kept, *across;
            observe_begins();
            free(malloc(100));            /* forgotten by the reset */
            kept = malloc(100);
            observe_resets();
            free(kept);                   /* plain */
            across = malloc(50);
            observe_stops();
            free(malloc(1));              /* not seen */
            observe_starts();
            free(across);                 /* plain */
            free(malloc(50));
            observe_ends();
            return 0;
        }"""
    )
    assert image["totals"]["allocations"] == 2
    assert image["totals"]["deallocations"] == 3
    assert all_temporaries(image) == 1
    assert [site["threads"] for site in image["sites"]] == [[image["pid"]]] * len(image["sites"])
    assert image["tracking"] == 0


def test_an_overflowing_size_is_no_event_and_sets_errno(observed):
    image = observed(
        """#include <errno.h>
        #include <stdint.h>
        #include <stdlib.h>
        int main(void) {
            void *block = malloc(10), *moved;
            observe_begins();
            errno = 0;
            moved = reallocarray(block, SIZE_MAX / 2, 4);
            if (moved || errno != ENOMEM) return 1;
            errno = 0;
            if (calloc(SIZE_MAX / 2, 4) || errno != ENOMEM) return 2;
            free(block);
            observe_ends();
            return 0;
        }"""
    )
    assert (image["totals"]["allocations"], image["totals"]["deallocations"]) == (0, 1)


# Threads.

MANY_THREADS = """#include <pthread.h>
#include <stdlib.h>
static void *run(void *arg) {
    for (int i = 0; i < 10; i++) free(malloc(64));
    return malloc(32);
}
int main(int argc, char **argv) {
    int batch = atoi(argv[1]), batches = atoi(argv[2]);
    pthread_t *threads = calloc(batch, sizeof *threads);
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    observe_begins();
    for (int b = 0; b < batches; b++) {
        for (int i = 0; i < batch; i++)
            if (pthread_create(&threads[i], &small, run, NULL)) return 1;
        for (int i = 0; i < batch; i++) {
            void *block;
            pthread_join(threads[i], &block);
            free(block);
        }
    }
    observe_ends();
    return 0;
}"""


@pytest.mark.parametrize("batch, batches", [(1, 3000), (500, 4)])
def test_threads_by_the_thousand_count_exactly(observed, batch, batches):
    image = observed(MANY_THREADS, batch, batches)
    sites = {site["max_size"]: site for site in image["sites"]}
    total = batch * batches
    assert sites[64]["allocations"] == temporaries(sites[64], 0) == 10 * total
    assert sites[32]["allocations"] == total and temporaries(sites[32]) == 0
    assert len(sites[64]["threads"]) > total * 0.9  # numbers may be used again
    assert image["totals"]["dropped"] == 0
    # The blocks of threads that were joined are in nobody's window.
    assert image["totals"]["cross_thread_frees"] == 0
    assert image["memory_bytes"] < (3 << 20 if batch == 1 else 24 << 20)


def test_what_a_thread_allocates_at_its_end_is_its_own(observed):
    image = observed(
        """#include <pthread.h>
        #include <stdlib.h>
        int __cxa_thread_atexit_impl(void (*)(void *), void *, void *);
        extern void *__dso_handle;
        static pthread_key_t key;
        static int rounds;
        static void late(void *arg) { free(malloc(100)); }
        static void again(void *arg) {
            free(malloc(200));
            if (++rounds < 4) pthread_setspecific(key, arg);
        }
        static void *run(void *arg) {
            free(malloc(300));
            __cxa_thread_atexit_impl(late, NULL, &__dso_handle);
            pthread_setspecific(key, &key);
            return NULL;
        }
        int main(void) {
            pthread_t thread;
            pthread_key_create(&key, again);
            observe_begins();
            pthread_create(&thread, NULL, run, NULL);
            pthread_join(thread, NULL);
            observe_ends();
            return rounds != 4;
        }"""
    )
    ended = {s["max_size"]: s for s in image["sites"] if s["max_size"] in (100, 200, 300)}
    assert {size: temporaries(site, 0) for size, site in ended.items()} == {100: 1, 200: 4, 300: 1}
    assert len({tuple(site["threads"]) for site in ended.values()}) == 1
    assert image["totals"]["dropped"] == 0


# Processes.

FORK = """#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
    int status;
    void *before;
    observe_begins();
    for (int i = 0; i < 7; i++) free(malloc(10));
    before = malloc(20);
    if (FORK == 0) {
        free(before);
        for (int i = 0; i < 5; i++) free(malloc(30));
        observe_dump(argv[1]);
        _exit(0);
    }
    wait(&status);
    free(before);
    observe_ends();
    return status;
}"""


def test_a_forked_child_counts_from_zero_in_an_image_of_its_own(observed, read_image, tmp_path):
    parent = observed(FORK.replace("FORK", "fork()"), tmp_path / "child")
    child = read_image("child")
    assert (parent["totals"]["allocations"], all_temporaries(parent)) == (8, 8)
    assert (child["totals"]["allocations"], all_temporaries(child)) == (5, 5)
    assert child["totals"]["deallocations"] == 6
    assert child["totals"]["cross_thread_frees"] == 0
    assert child["pid"] != parent["pid"]
    assert [site["threads"] for site in child["sites"]] == [[child["pid"]]]


def test_a_child_made_behind_the_c_librarys_back_tracks_nothing(observed, driver, tmp_path):
    text = "#include <sys/syscall.h>\n" + FORK.replace("FORK", "syscall(SYS_fork)")
    parent = observed(text, tmp_path / "child")
    assert (parent["totals"]["allocations"], all_temporaries(parent)) == (8, 8)
    assert "not made by fork()" in driver("read_image", tmp_path / "child").stderr


def test_threads_that_allocate_while_others_fork_never_hang_a_child(observed):
    image = observed(
        """#include <pthread.h>
        #include <stdlib.h>
        #include <sys/wait.h>
        #include <unistd.h>
        static volatile int done;
        static void *churn(void *arg) {
            while (!done) {
                void *blocks[64];
                for (int i = 0; i < 64; i++) blocks[i] = malloc(1 + i * 40);
                for (int i = 0; i < 64; i++) free(blocks[i]);
            }
            return NULL;
        }
        static void *once(void *arg) { free(malloc(5)); return NULL; }
        int main(void) {
            pthread_t threads[3], one;
            observe_begins();
            for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, churn, NULL);
            for (int i = 0; i < 100; i++) {
                int status;
                if (fork() == 0) {
                    free(malloc(9));
                    pthread_create(&one, NULL, once, NULL);
                    pthread_join(one, NULL);
                    _exit(0);
                }
                pthread_create(&one, NULL, once, NULL);
                pthread_join(one, NULL);
                wait(&status);
                if (status) return 1;
            }
            done = 1;
            for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
            observe_ends();
            return 0;
        }"""
    )
    (site,) = [s for s in image["sites"] if s["max_size"] == 5]
    assert (site["allocations"], temporaries(site, 0)) == (100, 100)


def test_neither_the_program_nor_its_children_see_the_agent(preloaded, observer):
    script = "echo $LD_PRELOAD; env | grep -c ^TMPALLOC_AGENT=; grep -c tmpalloc-agent /proc/self/maps"
    done = preloaded("bash", "-c", f"{script}; true", options="start")
    assert done.stdout.decode().split() == [str(observer), "0", "0"]
    done = preloaded("cat", "/proc/self/maps", options="start")
    assert b"tmpalloc-agent" in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["ls", "-la", "/usr", "/nonexistent"],
        ["sort", "-r", "/etc/passwd"],
        ["sh", "-c", "kill -SEGV $$"],
        ["/usr/bin/python3", "-c", "import json, os; print(json.dumps(dict(os.environ)))"],
        ["/usr/bin/python3", "-c", "import threading, sys; sys.exit(3)"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_programs_run_as_without_the_agent(agent, command):
    def run(**environment):
        environment = {"PATH": os.environ["PATH"], **environment}
        done = subprocess.run(command, env=environment, capture_output=True, timeout=60)
        return done.stdout, done.stderr, done.returncode

    assert run(LD_PRELOAD=str(agent), TMPALLOC_AGENT="start") == run()


# Memory.

MANY_STACKS = """#include <stdlib.h>
static void __attribute__((noinline)) allocate(void) { free(malloc(24)); __asm__ volatile(""); }
static void __attribute__((noinline)) a(unsigned path, int depth);
static void __attribute__((noinline)) b(unsigned path, int depth);
static void (*volatile next[])(unsigned, int) = {a, b};
static void a(unsigned path, int depth) {
    if (depth) next[path & 1](path >> 1, depth - 1); else allocate();
    __asm__ volatile("");
}
static void b(unsigned path, int depth) {
    if (depth) next[path & 1](path >> 1, depth - 1); else allocate();
    __asm__ volatile("# b");
}
int main(int argc, char **argv) {
    int depth = atoi(argv[1]), rounds = atoi(argv[2]);
    observe_begins();
    for (int round = 0; round < rounds; round++)
        for (unsigned path = 0; path < 1u << depth; path++) a(path, depth);
    observe_ends();
    return 0;
}"""


def test_counts_stay_exact_when_memory_is_used_up(observed):
    image = observed(MANY_STACKS, 14, 2, options="memory-limit=4000000")
    assert image["totals"]["allocations"] == image["totals"]["deallocations"] == 2 << 14
    assert sum(site["allocations"] for site in image["sites"]) == 2 << 14
    assert all_temporaries(image, 0) == 2 << 14
    assert image["totals"]["dropped"] == 0
    assert image["memory_bytes"] <= 4000000
    cut = [s for s in image["sites"] if s["stack"]["truncated"]]
    assert [len(s["stack"]["frames"]) for s in cut] == [2]
    assert 0 < cut[0]["allocations"] < 2 << 14


def test_without_any_memory_the_program_runs_untracked(compile, preloaded, tmp_path):
    program = compile("#include <stdlib.h>\nint main(void) { free(malloc(1)); return 0; }")
    assert preloaded(program, options="start,memory-limit=1000").returncode == 0


def test_memory_follows_the_call_stacks_not_the_events(observed):
    image = observed(MANY_STACKS, 10, 10_000)
    assert image["totals"]["allocations"] == 10_000 << 10
    assert len(image["sites"]) == 1 << 10
    assert image["memory_bytes"] < 8 << 20


# The library.


def test_the_library_exports_its_hooks_and_its_own_names_only(agent):
    lines = subprocess.check_output(["nm", "-D", "--defined-only", agent], text=True).split("\n")
    names = [line.split()[2] for line in lines if line]
    assert sorted(n for n in names if not n.startswith("tmpalloc_")) == sorted(HOOKS)
    assert "tmpalloc_agent_image" in names


def test_the_library_needs_the_c_library_alone(agent):
    needed = subprocess.check_output(["readelf", "-dW", agent], text=True)
    needed = [line.split("[")[1].rstrip("]") for line in needed.split("\n") if "NEEDED" in line]
    assert set(needed) <= {"libc.so.6", "ld-linux-x86-64.so.2"}
