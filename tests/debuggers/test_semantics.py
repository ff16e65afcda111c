"""What counts as an allocation, a free and a temporary: one small program for each rule."""

import json
import os
import subprocess
from collections import Counter, namedtuple

import pytest
from library.results import read_results
from library.support import C_FLAGS, PROGRAMS, counted, sizes, track

ENGINES = ("agent", "breakpoint")

#: A rule, the case of the program that shows it, and what that is to give: sizes allocated, number
#: of frees, sizes of the temporaries at each distance.
Rule = namedtuple(
    "Rule", "sentence case sizes frees by_distance cross by_realloc", defaults=(0, {}, 0, 0)
)

C_RULES = [
    Rule("a failed call is no event", "failed_calls", []),
    Rule("a failed call moves no window", "failed_call_between", [10], 1, {0: [10]}),
    Rule("malloc of nothing is a block of size zero", "malloc_zero", [0], 1, {0: [0]}),
    Rule("calloc allocates the product", "calloc_product", [21], 1, {0: [21]}),
    Rule(
        "reallocarray allocates the product",
        "reallocarray_product",
        [15, 300],
        2,
        {0: [15, 300]},
        by_realloc=1,
    ),
    Rule(
        "aligned allocations have the size that was asked for",
        "aligned_family",
        [128, 101, 102, 103, 104],
        5,
        {0: [128, 101, 102, 103, 104]},
    ),
    Rule("realloc of NULL is one allocation", "realloc_null", [10], 1, {0: [10]}),
    Rule(
        "growth by realloc has distance zero",
        "realloc_grows",
        [16, 32, 64, 128, 256],
        5,
        {0: [16, 32, 64, 128, 256]},
        by_realloc=4,
    ),
    Rule(
        "realloc in place frees and allocates",
        "realloc_in_place",
        [30, 20],
        2,
        {0: [30, 20]},
        by_realloc=1,
    ),
    Rule(
        "realloc that moves frees the old block",
        "realloc_moves",
        [30, 31, 5000],
        3,
        {0: [5000], 1: [30, 31]},
        by_realloc=1,
    ),
    Rule("realloc to nothing is a free", "realloc_zero", [10], 1, {0: [10]}),
    Rule("a realloc that fails changes nothing", "realloc_fails", [10], 1, {0: [10]}),
    Rule("free of NULL is no event", "free_null", []),
    Rule("the free of an old block is a deallocation", "frees_an_old_block", [], 1),
    Rule(
        "a block is temporary up to the highest threshold",
        "freed_at_distance",
        list(range(100, 119)),
        19,
        {distance: [118 - distance] for distance in range(17)},
    ),
    Rule("alloca is no allocation", "alloca_is_none", []),
    Rule("each thread has its own window", "own_windows", [60, 70, 71], 3, {0: [60, 71], 1: [70]}),
    Rule(
        "a block freed by another thread is never temporary",
        "freed_by_another_thread",
        [5000, 5000],
        2,
        {0: [5000]},
        cross=1,
    ),
    Rule(
        "a block of another thread at an old address is not mistaken for the old one",
        "address_through_another_thread",
        [5000, 5000],
        2,
        {0: [5000]},
        cross=1,
    ),
    Rule("blocks of a thread that exited are plain frees", "thread_exits", [5000], 1),
    Rule("a child's calls do not count", "fork_child", [40], 1, {0: [40]}),
    Rule("a spawned program's calls do not count", "spawned_child", [42], 1, {0: [42]}),
    Rule("strdup counts once", "strdup_once", [8], 1, {0: [8]}),
    Rule("mmap is not counted unless asked for", "mapped", []),
    Rule("coroutines are one thread", "coroutines", [80] * 3 + [81] * 4, 7, {0: [81] * 4, 1: [80] * 3}),
    Rule("a signal handler's stack is like any other", "alternate_stack", [90, 91], 2, {0: [90, 91]}),
    Rule("a jump out of a handler loses nothing", "jumps_out_of_a_handler", [92, 93], 2, {0: [92, 93]}),
]

CXX_RULES = [
    Rule("new counts once", "single_object", [4], 1, {0: [4]}),
    Rule("new[] counts once", "array", [40], 1, {0: [40]}),
    Rule("new that doesn't throw counts once", "nothrow", [11, 12], 2, {0: [11, 12]}),
    Rule("aligned new counts once", "over_aligned", [64, 128, 192], 3, {0: [64, 128, 192]}),
    Rule("sized delete counts once", "sized_delete", [24, 25, 64], 3, {0: [24, 25, 64]}),
    Rule("new of nothing asks malloc for one byte", "new_zero", [1], 1, {0: [1]}),
    Rule("delete of a null pointer is no event", "delete_null", []),
    Rule(
        "a string that grows frees the old block after the next is there",
        "string_grows",
        [31, 61, 121, 241, 481, 961, 1921],
        7,
        {0: [1921], 1: [31, 61, 121, 241, 481, 961]},
    ),
    Rule(
        "a vector that grows frees the old block after the next is there",
        "vector_grows",
        [4 << i for i in range(11)],
        11,
        {0: [4096], 1: [4 << i for i in range(10)]},
    ),
]


@pytest.fixture(scope="module")
def sessions():
    """Sessions that several tests look at."""
    return {}


def run_cases(debugger, program, start, names, args=()):
    """Tracks each case alone, in one run; returns its JSON reports and the session's result."""
    reports = {name: debugger.directory / f"{name}.json" for name in names}
    steps = [debugger.break_at("case_begins"), debugger.break_at("case_ends"), debugger.run(), start]
    for report in reports.values():
        steps += ["tmpalloc reset", debugger.continue_(), f"tmpalloc report json {report}"]
        steps += [debugger.continue_()]
    result = debugger.session(program, steps, [*args, *names])
    assert all(report.exists() for report in reports.values()), result.text
    return {name: read_results(report) for name, report in reports.items()}, result


@pytest.fixture
def build_c(compile):
    """Builds semantics.c and its plugin; returns the program and the arguments before its cases."""

    def build():
        plugin = compile(PROGRAMS / "plugin.c", *C_FLAGS, "-shared", "-fPIC", name="plugin.so")
        return compile(PROGRAMS / "semantics.c", *C_FLAGS, name="semantics"), [plugin]

    return build


@pytest.fixture
def c_sessions(debugger, build_c, library, sessions):
    """For a start line, reports of all C cases, and how that session went."""

    def track(start):
        key = "c", debugger.name, start
        if key not in sessions:
            names = [*(rule.case for rule in C_RULES), "library_calls", "plugin"]
            if "c" not in sessions:  # one, because its path is among the strings that it copies
                sessions["c"] = build_c()
            program, args = sessions["c"]
            sessions[key] = run_cases(debugger, program, start, names, args)
        return sessions[key]

    return track


@pytest.fixture
def c_cases(c_sessions, start):
    """The same with the engine of the test."""
    return c_sessions(start)


CXX_CASES = ["bad_alloc", "nothrow_fails", "constructor_throws", "shared_pointer"]


@pytest.fixture
def cxx_sessions(debugger, compile, library, sessions):
    """For a start line, reports of all C++ cases, and how that session went."""

    def track(start):
        key = "c++", debugger.name, start
        if key not in sessions:
            names = [*(rule.case for rule in CXX_RULES), *CXX_CASES]
            program = compile(PROGRAMS / "semantics_cxx.cpp", "-std=c++17", name="semantics_cxx")
            sessions[key] = run_cases(debugger, program, start, names)
        return sessions[key]

    return track


@pytest.fixture
def cxx_cases(cxx_sessions, start):
    """The same with the engine of the test."""
    return cxx_sessions(start)


def expected(rule):
    return {
        "allocations": (len(rule.sizes), sum(rule.sizes)),
        "frees": rule.frees,
        "cross": rule.cross,
        "by_realloc": rule.by_realloc,
        "by_distance": {d: (len(sizes), sum(sizes)) for d, sizes in rule.by_distance.items()},
    }


def functions(site):
    return [frame["function"] for frame in site["stack"]]


def site_by_way_of(document, function):
    """The one site with this function on its stack."""
    (site,) = (s for s in document["sites"] if function in functions(s))
    return site


def site_of(document, function):
    """The one site whose location is in this function."""
    (site,) = (s for s in document["sites"] if s["location"]["function"] == function)
    return site


@pytest.mark.parametrize("rule", C_RULES, ids=lambda rule: rule.sentence)
def test_in_c(c_cases, rule):
    document = c_cases[0][rule.case]
    assert counted(document) == expected(rule)
    for site in document["sites"]:
        assert "case_begins" not in functions(site)


@pytest.mark.parametrize("rule", CXX_RULES, ids=lambda rule: rule.sentence)
def test_in_cxx(cxx_cases, rule):
    assert counted(cxx_cases[0][rule.case]) == expected(rule)


def test_sites_are_where_the_calls_are_made(c_cases):
    documents = c_cases[0]
    for name in ("calloc_product", "aligned_family", "realloc_grows", "coroutines"):
        for site in documents[name]["sites"]:
            assert site["location"]["function"] in (name, "coroutine")
            assert site["location"]["file"].endswith("semantics.c")
    assert {site["stack"][0]["function"] for site in documents["realloc_grows"]["sites"]} == {
        "malloc",
        "realloc",
    }


def test_another_threads_blocks_are_not_temporary_at_their_sites(c_cases):
    document = c_cases[0]["address_through_another_thread"]
    assert site_of(document, "allocate_shared")["count"] == 0
    assert site_of(document, "address_through_another_thread")["count"] == 1


def test_the_c_library_counts_exactly_once(c_cases, build_c, compile, tmp_path):
    counter = compile(
        PROGRAMS / "counter.c", *C_FLAGS, "-fPIC", "-shared", name="counter.so"
    )
    program, args = build_c()

    def count(*names):
        file = tmp_path / f"count{len(names)}"
        environment = os.environ | {"LD_PRELOAD": str(counter), "COUNTER_FILE": str(file)}
        subprocess.run([program, *args, *names], env=environment, check=True)
        return Counter(json.loads(file.read_text()))

    with_calls, without = count("library_calls"), count()
    totals = c_cases[0]["library_calls"]["totals"]
    for name in ("allocations", "allocated_bytes", "deallocations"):
        assert totals[name] == with_calls[name] - without[name] > 0, name


def test_a_library_that_was_unloaded_keeps_its_names(c_cases):
    sites = [s for s in c_cases[0]["plugin"]["sites"] if "plugin_allocates" in functions(s)]
    # It was loaded twice, at the same address.
    assert sum(site["allocations"] for site in sites) == 2
    assert sum(site["count"] for site in sites) == 2
    for site in sites:
        assert site["max_size"] == 123
        assert site["location"]["function"] == "plugin_allocates"
        assert site["location"]["file"].endswith("plugin.c")


def test_growing_containers_are_recognized(cxx_cases):
    for name in ("string_grows", "vector_grows"):
        (site,) = cxx_cases[0][name]["sites"]
        assert site["pattern"] == "grows"
        assert name in functions(site)
        assert site["larger"] == site["allocations"] - 1


def grown(sizes):
    """The chains of one buffer that had these sizes."""
    return {
        "count": 1,
        "steps": len(sizes) - 1,
        "replaced_bytes": sum(sizes[:-1]),
        "longest": len(sizes) - 1,
        "largest": sizes[-1],
        "final_sizes": [[(sizes[-1] - 1).bit_length(), 1]],
    }


def test_a_buffer_that_grows_is_one_chain(c_cases, cxx_cases):
    documents = {**c_cases[0], **cxx_cases[0]}
    buffers = {
        "realloc_grows": [16, 32, 64, 128, 256],
        "vector_grows": [4 << i for i in range(11)],
        "string_grows": [31, 61, 121, 241, 481, 961, 1921],
    }
    for case, sizes in buffers.items():
        chains = [site["chains"] for site in documents[case]["sites"] if "chains" in site]
        assert chains == [grown(sizes)], case


def test_what_never_grows_has_no_chains(c_cases):
    for case in ("realloc_in_place", "freed_by_another_thread", "thread_exits", "own_windows"):
        assert not any("chains" in site for site in c_cases[0][case]["sites"]), case


def test_new_that_fails_counts_only_its_exception(cxx_cases):
    document = cxx_cases[0]["bad_alloc"]
    assert counted(document)["by_distance"][0][0] == document["totals"]["allocations"] == 2
    exception = site_by_way_of(document, "__cxa_allocate_exception")
    assert exception["count"] == 1
    (own,) = (s for s in document["sites"] if s is not exception)
    assert own["bytes"] == 14
    assert {s["location"]["function"] for s in document["sites"]} == {"bad_alloc"}


def test_an_object_whose_constructor_throws_is_temporary(cxx_cases):
    document = cxx_cases[0]["constructor_throws"]
    (site,) = (s for s in document["sites"] if s["max_size"] == 15)
    assert site["location"]["function"] == "constructor_throws"
    assert (site["count"], site["bytes"], site["by_distance"][1]["count"]) == (1, 15, 1)
    assert document["totals"]["deallocations"] == document["totals"]["allocations"] == 2


def test_an_allocator_of_the_library_is_not_the_location(cxx_cases):
    (site,) = cxx_cases[0]["shared_pointer"]["sites"]
    assert site["count"] == 1
    assert "allocator" not in site["location"]["function"].partition("<")[0]


def test_the_programs_run_as_they_do_alone(c_cases, cxx_cases):
    for _reports, result in (c_cases, cxx_cases):
        assert result.exit_statuses == [0]


def freed_by(site):
    """Names of its free stacks, with the temporaries that each took."""
    names = [[frame["function"] or "" for frame in stack] for stack in site["free_stacks"]]
    return sorted(zip(names, site["free_counts"], strict=True))


def site_by_site(document):
    """All that a report says of its sites, but for addresses, threads' numbers and what only
    breakpoints tell.
    """
    fields = ("count", "bytes", "allocations", "allocated_bytes", "by_distance", "min_size")
    fields += ("max_size", "larger", "equal", "by_realloc", "pattern")
    sites = [
        {
            "stack": functions(site),
            "lines": [(frame["file"], frame["line"]) for frame in site["stack"]],
            "threads": len(site["threads"]),
            "free stacks": freed_by(site),
            "chains": site.get("chains"),
            **{field: site[field] for field in fields},
        }
        for site in document["sites"]
    ]
    return sorted(sites, key=repr)


@pytest.mark.parametrize("language", ["c", "cxx"])
def test_both_engines_give_the_same_sites(c_sessions, cxx_sessions, language):
    run = {"c": c_sessions, "cxx": cxx_sessions}[language]
    agent, breakpoint = (run(f"tmpalloc start --engine {name}")[0] for name in ENGINES)
    # What the dynamic linker allocates for a plugin depends on the files that it loaded before, the
    # agent among them.
    for case in breakpoint.keys() - {"plugin"}:
        document = breakpoint[case]
        assert site_by_site(agent[case]) == site_by_site(document), case
        assert agent[case]["totals"] == document["totals"], case


def test_mappings_end_by_the_munmap_of_exactly_their_range(debugger, build_c, library, start):
    program, args = build_c()
    document, _ = track(debugger, program, f"{start} --mmap", [*args, "mapped"])
    assert counted(document)["allocations"] == (2, 12288 + 8192)
    assert counted(document)["by_distance"] == {0: (1, 8192)}


def test_one_thread_alone_can_be_counted(debugger, compile, library, start):
    program = compile(PROGRAMS / "within.c", *C_FLAGS, name="within")
    document, _ = track(debugger, program, f"{start} --this-thread")
    assert document["totals"]["allocations"] == 1 + 6 + 1 + 2 + 1 + 1
    assert not {100, 101, 102} & set(sizes_of_sites(document))


def sizes_of_sites(document):
    return [site["max_size"] for site in document["sites"]]


def test_call_stacks_end_at_the_depth_that_was_asked_for(debugger, compile, library, start):
    program = compile(PROGRAMS / "within.c", *C_FLAGS, name="within")
    document, _ = track(debugger, program, f"{start} --stack-depth 5")
    (deep,) = (site for site in document["sites"] if site["max_size"] == 7)
    assert functions(deep)[1:] == ["allocate", "outer", "outer", "outer"]
    assert all(len(site["stack"]) <= 5 for site in document["sites"])


@pytest.mark.parametrize("args", [[], ["leave"]], ids=["handler returns", "handler jumps out"])
def test_a_signal_in_the_middle_of_malloc_confuses_nothing(debugger, compile, library, args, start):
    flags = [*C_FLAGS, "-falign-functions=16"]  # or there is no room for a jump in its free()
    program = compile(PROGRAMS / "interrupted_malloc.c", *flags, name="interrupted")
    document, _ = track(debugger, program, start, args)
    afterwards = [s for s in document["sites"] if "afterwards" in functions(s)]
    assert sum(site["allocations"] for site in afterwards) == 4
    assert sum(site["by_distance"][0]["count"] for site in afterwards) == 4
    # The handler's calls can't be told from malloc's own: they are counted as dropped.
    assert document["totals"]["dropped"] == 2
    assert document["totals"]["allocations"] == (4 if args else 5)
    assert document["totals"]["deallocations"] == (4 if args else 5)


@pytest.fixture
def stages(compile):
    return compile(PROGRAMS / "stages.c", *C_FLAGS, name="stages")


def test_blocks_from_before_tracking_are_plain_deallocations(debugger, stages, library, start):
    report = debugger.directory / "report.json"
    steps = [debugger.break_at("stage"), debugger.run(), debugger.continue_(), start]
    steps += [debugger.continue_(), f"tmpalloc report json {report}"]
    debugger.session(stages, steps)
    document = read_results(report)
    assert sizes(document) == {10: 1, 100: 1}
    assert (document["totals"]["deallocations"], document["totals"]["temporary"]["count"]) == (2, 1)


@pytest.mark.parametrize("flush", ["reset", "stop"])
def test_windows_are_flushed(debugger, stages, library, flush, start):
    report = debugger.directory / "report.json"
    steps = [debugger.break_at("stage"), debugger.run(), start, debugger.continue_()]
    steps += ["tmpalloc reset"] if flush == "reset" else ["tmpalloc stop", start]
    steps += [debugger.continue_(), f"tmpalloc report json {report}"]
    result = debugger.session(stages, steps)
    document = read_results(report)
    parts = 1 if flush == "reset" else 2
    # The block that the first stage kept is freed in the second, as one that nobody knows.
    assert document["totals"]["allocations"] == 2 * parts, result.text
    assert document["totals"]["deallocations"] == 1 + parts
    assert document["totals"]["temporary"] == {"count": parts, "bytes": 10 * parts}


def test_counters_go_on_and_windows_too_when_tracking_does(debugger, stages, library, start):
    report = debugger.directory / "report.json"
    steps = [debugger.break_at("stage"), debugger.run(), start, *[debugger.continue_()] * 4]
    debugger.session(stages, [*steps, f"tmpalloc report json {report}"])
    document = read_results(report)
    assert sizes(document) == {10: 4, 100: 4}
    assert counted(document)["by_distance"] == {0: (4 + 3, 40 + 300)}


SAME_ADDRESS = """
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
static sem_t given, taken;
static void *volatile block;
void begin(void) { __asm__ volatile(""); }
void end(void) { __asm__ volatile(""); }
static void *take(void *arg) {
    for (int i = 0; i < 20; i++) {
        sem_wait(&given);
        free(block);
        sem_post(&taken);
    }
    return arg;
}
int main(void) {
    pthread_t thread;
    void *first = NULL;
    int same = 1;
    mallopt(M_MMAP_THRESHOLD, 4096); /* a mapping of its own: at the same address each time */
    pthread_create(&thread, NULL, take, NULL);
    begin();
    for (int i = 0; i < 20; i++) {
        block = malloc(1 << 20);
        first = first ? first : block;
        same &= block == first;
        sem_post(&given);
        sem_wait(&taken);
    }
    end();
    pthread_join(thread, NULL);
    return same ? 5 : 6;
}
"""


def test_each_free_of_one_address_counts_when_another_thread_allocates_there(
    debugger, compile, library, start
):
    report = debugger.directory / "report.json"
    program = compile(SAME_ADDRESS, "-pthread")
    steps = [debugger.break_at("begin"), debugger.break_at("end"), debugger.run(), start]
    steps += [debugger.continue_(), f"tmpalloc report json {report}", debugger.continue_()]
    result = debugger.session(program, steps)
    totals = read_results(report)["totals"]
    assert (totals["allocations"], totals["deallocations"]) == (20, 20), result.text
    assert totals["cross_thread_frees"] == 20 and totals["temporary"]["count"] == 0
    assert result.exit_statuses == [5], result.text
